//! The measuring tool measures: each kind of row, once and small, by every pair.

#![forbid(unsafe_code)]

use std::path::Path;
use std::time::Duration;
use tssh_interop_tests::bench::peers::pairs;
use tssh_interop_tests::bench::report::{self, NOT_APPLICABLE};
use tssh_interop_tests::bench::wire::Length;
use tssh_interop_tests::bench::{measure, rows};
use tssh_interop_tests::pair::lacks;

/// One of each kind.
const ROWS: [&str; 10] = [
    "bulk/L/both/8/chacha20",
    "bulk/R/up/1/aes128-gcm",
    "bulk/D/down/1/aes128-gcm",
    "ping/up",
    "ping/down",
    "idle",
    "start/true/curve25519",
    "start/byte/curve25519",
    "wire/byte",
    "wire/bulk/up/1",
];

#[test]
fn every_kind_of_row_is_measured_by_every_pair() {
    if lacks("live_bench", &[]) {
        return;
    }
    let length = Length { rtt: Duration::from_millis(5), bits_per_second: 1e9 };
    let rows = rows::all(1 << 20, length);
    let pairs = pairs(Path::new(env!("CARGO_BIN_EXE_bench")), &[], &[]);
    let names: Vec<String> = pairs.iter().map(|pair| pair.name()).collect();
    let mut all = Vec::new();
    for name in ROWS {
        let row = rows.iter().find(|row| row.name == name).expect("a row of that name");
        let measured = measure(row, &pairs, 1);
        for ((of, pair), outcome) in pairs.iter().zip(&names).zip(&measured.outcomes) {
            let failure = outcome.failure.as_deref();
            if of.is_relay() && failure == Some(NOT_APPLICABLE) {
                continue;
            }
            assert_eq!(failure, None, "{name} {pair}");
            let sample = outcome.samples.first().expect("a sample");
            let good = |value: &f64| value.is_finite() && *value >= 0.0;
            assert!(sample.values().all(good), "{name} {pair}: {sample:?}");
            let wall = sample.get("wall_ms").or(sample.get("speed_mib_per_s"));
            assert!(wall.is_none_or(|wall| *wall > 0.0), "{name} {pair}: {sample:?}");
        }
        assert!(report::row(&measured, &names).contains(name));
        all.push(measured);
    }
    let goals = report::goals(&all, &names, 2);
    assert!(goals.contains("wire/byte"), "{goals}");
}
