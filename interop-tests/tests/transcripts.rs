//! The recorded sessions themselves: all are there, small, and shown by their listings.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use tssh_interop_tests::record::{folder, sessions, trace};

/// Most bytes of one transcript, and of all.
const TRANSCRIPT_BYTES_MAX: u64 = 150_000;
const CORPUS_BYTES_MAX: u64 = 6_000_000;

/// Names of the files with this ending.
fn names(ending: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let chosen = files.filter(|path| path.extension().is_some_and(|e| e == ending));
    chosen.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_session_of_the_matrix_is_recorded_and_no_other() {
    let recorded = names("txt");
    let matrix = sessions().into_iter().map(|session| session.name).collect();
    assert_eq!(recorded, matrix);
    assert_eq!(recorded, names("trace"));
    println!("{} sessions", recorded.len());
}

#[test]
fn transcripts_are_small() {
    let sizes = names("txt").into_iter().map(|name| {
        let size = fs::metadata(folder().join(format!("{name}.txt"))).unwrap().len();
        assert!(size <= TRANSCRIPT_BYTES_MAX, "{name}: {size} bytes");
        size
    });
    let all: u64 = sizes.sum();
    assert!(all <= CORPUS_BYTES_MAX, "{all} bytes");
}

/// A change of behaviour shows as a difference that people can read: after it,
/// `cargo run -p tssh-interop-tests --bin record -- --traces` writes the listings anew.
#[test]
fn every_listing_is_what_its_transcript_gives() {
    for session in sessions() {
        let read = |ending: &str| {
            fs::read_to_string(folder().join(format!("{}.{ending}", session.name))).unwrap()
        };
        let listing = trace::trace(&read("txt")).unwrap();
        assert_eq!(listing, read("trace"), "{}", session.name);
        session.check(&listing).unwrap();
    }
}
