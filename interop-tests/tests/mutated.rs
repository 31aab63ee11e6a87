//! Sessions whose peer breaks rules at random under valid protection: a share of those that
//! `mutated-sessions` plays.

#![forbid(unsafe_code)]

use peak_alloc::PeakAlloc;
use std::time::Duration;
use tssh_interop_tests::hostile::fight::SIDES;
use tssh_interop_tests::hostile::tally::Tally;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const SESSIONS: u64 = 5000;
/// For both sides at once, and all that the tests take.
const MEMORY_BYTES_MAX: usize = 64 << 20;
/// For one packet, in a build without optimisation.
const CPU_MAX: Duration = Duration::from_millis(50);

/// One test for both sides, as memory is counted for the whole process.
#[test]
fn sessions_that_break_rules_under_valid_protection_end_well() {
    let run = |side| {
        let mut tally = Tally::new(side);
        (0..SESSIONS).for_each(|number| tally.play(number));
        tally
    };
    let tallies = std::thread::scope(|scope| {
        let both = SIDES.map(|side| scope.spawn(move || run(side)));
        both.map(|thread| thread.join().expect("sessions of one side"))
    });
    for tally in &tallies {
        print!("{tally}");
        assert!(tally.logged_in > SESSIONS / 4, "most sessions end before the login");
        assert!(tally.slowest.0 < CPU_MAX, "{:?}", tally.slowest);
    }
    let peak = MEMORY.peak_usage();
    println!("{} KiB at most", peak / 1024);
    assert!(peak < MEMORY_BYTES_MAX, "{peak} bytes");
}
