use super::*;

fn account() -> Account {
    Account { name: "me".into(), uid: 5, home: "/home/me".into(), shell: "/bin/sh".into() }
}

fn result(
    line: &str,
    edit: impl FnOnce(&mut Options),
    command: Option<&str>,
) -> Result<bool, Fault> {
    let account = account();
    let mut options = Options::default();
    edit(&mut options);
    let facts =
        Facts { host: "h.example", original: "h", account: &account, command, final_pass: false };
    let words = super::super::words::split_arguments(line).unwrap();
    evaluate(&words, &options, &facts, true).map(|outcome| outcome.holds)
}

#[track_caller]
fn holds(line: &str, expected: bool) {
    assert_eq!(result(line, |_| {}, None), Ok(expected), "{line}");
}

#[test]
fn criteria_and_their_negation() {
    for (line, expected) in [
        ("all", true),
        ("!all", false),
        ("canonical all", false),
        ("!canonical", true),
        ("host h.*", true),
        ("host=h.*", true),
        ("originalhost H", true),
        ("!originalhost h", false),
        ("user me localuser m?", true),
        ("user me !localuser m?", false),
        ("tagged \"\"", true),
        ("tagged x", false),
        ("version tssh_*", true),
        ("version OpenSSH_*", false),
        ("sessiontype shell", true),
        ("command *", false),
        ("localnetwork 127.0.0.0/8", true),
        ("localnetwork 203.0.113.0/24,::1/128", true),
        ("localnetwork 203.0.113.0/24", false),
        ("exec true", true),
        ("exec false", false),
        ("!exec false", true),
        ("exec \"test %u%h%n%p%r = meh.exampleh22me\"", true),
    ] {
        holds(line, expected);
    }
}

#[test]
fn what_the_options_say() {
    assert_eq!(result("user bob", |o| o.user = Some("bob".into()), None), Ok(true));
    assert_eq!(result("host r.h", |o| o.host_name = Some("r.%h".into()), None), Ok(true));
    assert_eq!(result("tagged a*,b", |o| o.tag = Some("abc".into()), None), Ok(true));
    assert_eq!(result("sessiontype exec command ls*", |_| {}, Some("ls -l")), Ok(true));
    let subsystem = |o: &mut Options| o.session_type = Some(SessionType::Subsystem);
    assert_eq!(result("sessiontype subsystem command sftp", subsystem, Some("sftp")), Ok(true));
    let none = |o: &mut Options| o.session_type = Some(SessionType::None);
    assert_eq!(result("sessiontype none,shell", none, None), Ok(true));
}

#[test]
fn complaints() {
    for (line, text) in [
        ("foo", "Missing Match criteria for foo"),
        ("foo x", "Unsupported Match attribute foo"),
        ("host", "Missing Match criteria for host"),
        ("host \"\"", "Missing Match criteria for host"),
        ("all host x", "'all' cannot be combined with other Match attributes"),
        ("localnetwork 10.0.0.1/8", "Invalid network entry \"10.0.0.1/8\""),
        ("localnetwork x", "Invalid network entry \"x\""),
    ] {
        assert_eq!(result(line, |_| {}, None), Err(Fault::Bad(text.to_owned())), "{line}");
    }
}

#[test]
fn a_program_is_not_run_where_the_rest_fails_already() {
    let dir = crate::test_support::Dir::new();
    let touched = dir.0.join("touched");
    let line = format!("originalhost other exec \"touch {}\"", touched.display());
    holds(&line, false);
    assert!(!touched.exists());
    holds(&line.replace("originalhost other", "originalhost h"), true);
    assert!(touched.exists());
}

#[test]
fn addresses_of_the_kernel() {
    let v4 = "Main:\n  |-- 0.0.0.0\n   /0 universe UNICAST\n  |-- 192.0.2.2\n    /32 host LOCAL\n\
              |-- 192.0.2.255\n  /32 link BROADCAST\nLocal:\n|-- 192.0.2.2\n /32 host LOCAL\n";
    assert_eq!(parse_v4(v4), [IpAddr::from([192, 0, 2, 2])]);
    let v6 = "00000000000000000000000000000001 01 80 10 80       lo\n";
    assert_eq!(parse_v6(v6), ["::1".parse::<IpAddr>().unwrap()]);
}
