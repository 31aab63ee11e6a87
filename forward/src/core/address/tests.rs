//! The table of specifications, each with what ssh makes of it.

use super::{BadSpec, DynamicForward, LocalForward, RemoteForward};
use crate::core::services::Services;

/// Each line an option, a specification, and what `ssh -G -OPTION SPEC h` prints after its
/// keyword, nothing where it exits with status 255; a fourth column is what we make of it where
/// that differs. Measured with OpenSSH 9.2 where `FWTEST` is 2005 and `FWHOST` is `a:b` in the
/// environment; a test of the interop crate asks the ssh at hand.
const SPECS: &str = include_str!("specs.tsv");

struct Row {
    option: &'static str,
    spec: &'static str,
    printed: Option<&'static str>,
}

fn table() -> impl Iterator<Item = Row> {
    SPECS.lines().map(|line| {
        let mut columns = line.split('\t');
        let mut column = || columns.next();
        let (option, spec) = (column().unwrap(), column().unwrap());
        let ssh = column().unwrap();
        let printed = column().unwrap_or(ssh);
        Row { option, spec, printed: Some(printed).filter(|printed| !printed.is_empty()) }
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

fn parse_as(option: &str, spec: &str) -> Result<String, BadSpec> {
    let services = Services::parse(SERVICES.to_owned());
    match option {
        "L" => LocalForward::parse(spec, &services, variable).map(|f| f.to_string()),
        "R" => RemoteForward::parse(spec, &services, variable).map(|f| f.to_string()),
        _ => DynamicForward::parse(spec, &services, variable).map(|f| f.to_string()),
    }
}

fn parse(spec: &str) -> Result<String, BadSpec> {
    parse_as("L", spec)
}

/// S16, S21, S22, S23, S26, M15: the grammar, case by case.
#[test]
fn every_specification_means_what_it_means_to_ssh() {
    assert!(table().count() >= 100);
    for Row { option, spec, printed } in table() {
        let ours = parse_as(option, spec).ok();
        assert_eq!(ours.as_deref(), printed, "-{option} {spec:?}");
    }
}

/// M16: the words of a refusal.
#[test]
fn refusals_carry_the_words_of_ssh() {
    for Row { option, spec, printed } in table() {
        if printed.is_none() {
            let kind = match option {
                "L" => "local",
                "R" => "remote",
                _ => "dynamic",
            };
            let words = format!("Bad {kind} forwarding specification '{spec}'");
            assert_eq!(parse_as(option, spec).unwrap_err().to_string(), words);
        }
    }
    let unset = parse("2001:${FWUNSET}:1").unwrap_err();
    assert_eq!(unset.cause(), Some("vdollar_percent_expand: env var ${FWUNSET} has no value"));
    let open = parse("2001:${FWHOST:1").unwrap_err();
    let words = "vdollar_percent_expand: environment variable 'FWHOST:1' missing closing '}'";
    assert_eq!(open.cause(), Some(words));
    assert!(parse("").is_err());
    assert!(parse("2001:a\0b:1").is_err());
}

/// S07, S55: other protocols are refused with a reason; a path that looks similar is a path.
#[test]
fn other_protocols_are_refused_with_a_reason() {
    let udp = parse("udp/53:ns:53").unwrap_err();
    assert!(udp.cause().unwrap().contains("TCP and Unix streams only"));
    let ftp = parse("ftp/21:ftp:21").unwrap_err();
    assert!(ftp.cause().unwrap().contains("SFTP") && ftp.cause().unwrap().contains("SOCKS"));
    assert_eq!(parse("udp/s.sock:ns:53").unwrap(), "udp/s.sock [ns]:53");
    assert_eq!(parse("/udp/53:ns:53").unwrap(), "/udp/53 [ns]:53");
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
        assert_eq!(parse_as("D", &format!("/{}", "a".repeat(bytes - 1))).is_ok(), fits);
    }
}
