//! The table of forwarding specifications says what the ssh of this machine makes of them.

#![forbid(unsafe_code)]

use std::process::{Command, Stdio};
use tssh_interop_tests::openssh;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::source;

#[test]
fn every_specification_means_what_the_table_says() {
    if let Some(reason) = openssh::missing() {
        return skip("every_specification_means_what_the_table_says", &reason);
    }
    let path = source::root().join("forward/src/core/address/specs.tsv");
    let table = std::fs::read_to_string(path).expect("the table");
    for line in table.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [option, spec, expected, ..] = columns[..] else { panic!("three columns: {line}") };
        let keyword = match option {
            "L" => "localforward ",
            "R" => "remoteforward ",
            _ => "dynamicforward ",
        };
        let output = Command::new("ssh")
            .args(["-G", "-F", "none", &format!("-{option}{spec}"), "h"])
            .env("FWTEST", "2005")
            .env("FWHOST", "a:b")
            .env_remove("FWUNSET")
            .stdin(Stdio::null())
            .output()
            .expect("ssh runs");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let printed = text.lines().find_map(|line| line.strip_prefix(keyword));
        assert_eq!(printed.unwrap_or_default(), expected, "-{option} {spec:?}");
        let status = if expected.is_empty() { 255 } else { 0 };
        assert_eq!(output.status.code(), Some(status), "-{option} {spec:?}");
    }
}
