//! The table of specifications, each with what ssh makes of it.

use super::LocalForward;
use crate::core::services::Services;

/// Each line a specification, a tab, and what `ssh -G -L SPEC h` prints after `localforward`,
/// nothing where it exits with status 255. Measured with OpenSSH 9.2 where `FWTEST` is 2005 and
/// `FWHOST` is `a:b` in the environment; a test of the interop crate asks the ssh at hand.
const SPECS: &str = include_str!("specs.tsv");

fn table() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    SPECS.lines().map(|line| {
        let (spec, printed) = line.split_once('\t').unwrap();
        (spec, Some(printed).filter(|printed| !printed.is_empty()))
    })
}

const SERVICES: &str = "shell 514/tcp cmd syslog\ntftp 69/udp\n";

fn variable(name: &str) -> Option<String> {
    match name {
        "FWTEST" => Some("2005".to_owned()),
        "FWHOST" => Some("a:b".to_owned()),
        _ => None,
    }
}

fn parse(spec: &str) -> Result<LocalForward, super::BadSpec> {
    LocalForward::parse(spec, &Services::parse(SERVICES.to_owned()), variable)
}

#[test]
fn every_specification_means_what_it_means_to_ssh() {
    assert!(table().count() >= 60);
    for (spec, expected) in table() {
        let printed = parse(spec).ok().map(|forward| forward.to_string());
        assert_eq!(printed.as_deref(), expected, "{spec:?}");
    }
}

#[test]
fn refusals_carry_the_words_of_ssh() {
    for (spec, expected) in table() {
        if expected.is_none() {
            let words = format!("Bad local forwarding specification '{spec}'");
            assert_eq!(parse(spec).unwrap_err().to_string(), words);
        }
    }
    let unset = parse("2001:${FWUNSET}:1").unwrap_err();
    assert_eq!(unset.cause(), Some("vdollar_percent_expand: env var ${FWUNSET} has no value"));
    let open = parse("2001:${FWHOST:1").unwrap_err();
    let words = "vdollar_percent_expand: environment variable 'FWHOST:1' missing closing '}'";
    assert_eq!(open.cause(), Some(words));
    assert!(parse("").is_err());
}

#[test]
fn lengths_are_bounded_as_in_ssh() {
    for (bytes, fits) in [(1024, true), (1025, false)] {
        assert_eq!(parse(&format!("1:{}:1", "a".repeat(bytes))).is_ok(), fits);
        assert_eq!(parse(&format!("{}:1:a:1", "a".repeat(bytes))).is_ok(), fits);
    }
    for (bytes, fits) in [(107, true), (108, false)] {
        assert_eq!(parse(&format!("1:/{}", "a".repeat(bytes - 1))).is_ok(), fits);
        assert_eq!(parse(&format!("/{}:a:1", "a".repeat(bytes - 1))).is_ok(), fits);
    }
}
