//! Sessions in memory whose peer breaks rules at random under valid protection, first against a
//! client and then against a server: how many there are in a second, what ended them, and the
//! most memory and CPU time that one took.
//!
//! `cargo run --release -p tssh-interop-tests --bin mutated-sessions -- [SESSIONS] [FIRST]`
//!
//! The number of a session that fails is printed; it alone is played again with 1 as SESSIONS and
//! its number as FIRST. The exit status is 1 where one took more than 64 MiB or 50 ms for a
//! packet.

#![forbid(unsafe_code)]

use peak_alloc::PeakAlloc;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tssh_interop_tests::hostile::fight::SIDES;
use tssh_interop_tests::hostile::tally::Tally;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MEMORY_BYTES_MAX: usize = 64 << 20;
const CPU_MAX: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let numbers: Result<Vec<u64>, _> = std::env::args().skip(1).map(|word| word.parse()).collect();
    let (sessions, first) = match numbers.as_deref() {
        Ok([]) => (100_000, 0),
        Ok([sessions]) => (*sessions, 0),
        Ok([sessions, first]) => (*sessions, *first),
        _ => {
            eprintln!("usage: mutated-sessions [SESSIONS] [FIRST]");
            return ExitCode::from(2);
        }
    };
    let mut passed = true;
    for side in SIDES {
        let (mut tally, mut worst) = (Tally::new(side), (0, first));
        let begun = Instant::now();
        for number in first..first + sessions {
            MEMORY.reset_peak_usage();
            let before = MEMORY.current_usage();
            tally.play(number);
            let used = MEMORY.peak_usage().saturating_sub(before);
            worst = worst.max((used, number));
        }
        let rate = sessions as f64 / begun.elapsed().as_secs_f64();
        print!("{tally}");
        println!(
            "{rate:.0} sessions/s; the most memory: {} KiB, session {}\n",
            worst.0 / 1024,
            worst.1
        );
        passed &= worst.0 < MEMORY_BYTES_MAX && tally.slowest.0 < CPU_MAX;
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
