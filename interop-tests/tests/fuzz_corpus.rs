//! Every fuzz target with its seeds, every input that was kept, and small changes of them: what
//! libFuzzer once found stays found, with an ordinary build and in seconds.

#![forbid(unsafe_code)]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use tssh_interop_tests::fuzz::{TARGETS, Target, mutate::mutated, seeds};
use tssh_interop_tests::source::root;

/// Changed inputs of each target.
const CHANGED: u64 = 1500;
/// All kept inputs together: a repository is no place for more.
const CORPUS_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// Runs a target on an input, and shows the input where it breaks a rule.
fn run(target: &Target, name: &str, data: &[u8]) {
    let begun = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(data)));
    assert!(outcome.is_ok(), "{} breaks on {name}: {}", target.name, data.escape_ascii());
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{} takes {took:?} for {name}", target.name);
}

/// Runs what is known of these targets, and changes of it that follow from the target's name.
fn replay(targets: &[Target]) {
    for target in targets {
        let begun = Instant::now();
        let mut inputs = target.corpus();
        let kept = inputs.len();
        for (index, seed) in seeds::of(target.name).into_iter().enumerate() {
            inputs.push((format!("seed {index}"), seed));
        }
        inputs.push(("nothing".to_owned(), Vec::new()));
        for (name, data) in &inputs {
            run(target, name, data);
        }
        let label: u64 = target.name.bytes().map(u64::from).sum();
        for turn in 0..CHANGED {
            let at = usize::try_from(turn).expect("small") % inputs.len();
            let (name, data) = &inputs[at];
            run(target, &format!("{name}, changed ({turn})"), &mutated(data, label << 32 | turn));
            // A slow build does what it can in the time of a test.
            if begun.elapsed() > Duration::from_secs(2) {
                break;
            }
        }
        let took = begun.elapsed();
        println!("{}: {kept} kept, {} seeds, {took:?}", target.name, inputs.len() - kept - 1);
    }
}

macro_rules! quarters {
    ($($test:ident $index:literal)+) => { $(
        #[test]
        fn $test() {
            let each = TARGETS.len().div_ceil(4);
            replay(TARGETS.chunks(each).nth($index).expect("four parts"));
        }
    )+ };
}

// Four parts, for as many cores.
quarters! {
    known_inputs_of_the_first_quarter 0
    known_inputs_of_the_second_quarter 1
    known_inputs_of_the_third_quarter 2
    known_inputs_of_the_last_quarter 3
}

/// The workspace of libFuzzer is not built here: that its list is ours is seen by its text.
#[test]
fn each_target_has_a_binary_and_each_folder_a_target() {
    let fuzz = root().join("interop-tests/fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("a manifest");
    let binaries: Vec<&str> = manifest
        .split("[[bin]]\nname = \"")
        .skip(1)
        .filter_map(|part| part.split('"').next())
        .collect();
    let targets: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(binaries, targets);
    assert!(targets.len() >= 18);
    let mut sum = 0;
    for folder in fs::read_dir(fuzz.join("corpus")).into_iter().flatten().flatten() {
        let name = folder.file_name().to_string_lossy().into_owned();
        assert!(targets.contains(&name.as_str()), "corpus/{name} belongs to no target");
        for entry in fs::read_dir(folder.path()).expect("a folder").flatten() {
            sum += entry.metadata().expect("a file").len();
        }
    }
    assert!(sum <= CORPUS_BYTES_MAX, "the kept inputs take {sum} bytes");
}
