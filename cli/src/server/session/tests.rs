use super::*;

fn policy() -> SessionPolicy {
    SessionPolicy {
        helper: PathBuf::from(helper::PROGRAM),
        account: Account {
            name: "u".into(),
            uid: 7,
            home: "/home/u".into(),
            shell: "/bin/sh".into(),
        },
        accept_env: vec!["LC_*".into(), "USER".into(), "A?".into()],
        set_env: vec![("FIXED".into(), "1".into())],
        permit_tty: true,
        subsystems: vec![("echo".into(), "/bin/echo x".into())],
        force_command: None,
        max_sessions: 10,
        open_files: None,
    }
}

fn reply(session: &mut Session, request: ChannelRequest, around: Surroundings<'_>) -> bool {
    match session.request(request, around) {
        Outcome::Reply(ok) => ok,
        Outcome::Started(..) => panic!("a program was started"),
    }
}

fn env(name: &str, value: &str) -> ChannelRequest {
    ChannelRequest::Env { name: name.into(), value: value.into() }
}

#[test]
fn a_client_sets_only_what_is_listed_and_never_what_the_server_sets() {
    let (policy, allowed) = (policy(), Allowed { pty: true, ..Allowed::default() });
    let around = Surroundings { policy: &policy, allowed: &allowed, peer: Peer::default() };
    let mut session = Session::default();
    for (name, value, ok) in [
        ("LC_ALL", "C", true),
        ("USER", "root", true),
        ("LANG", "C", false),
        ("LD_PRELOAD", "/x", false),
        ("LC_\0", "C", false),
        ("LC_=", "C", false),
        ("LC_X", "a\0b", false),
        ("", "", false),
    ] {
        assert_eq!(reply(&mut session, env(name, value), around), ok, "{name}={value}");
    }
    for _ in 2..ENV_REQUESTS_MAX {
        assert!(reply(&mut session, env("A1", "v"), around));
    }
    assert!(!reply(&mut session, env("A1", "v"), around), "one too many");

    let variables = Variables {
        of_client: &session.environment,
        terminal: Some(("vt100", "/dev/pts/9".as_ref())),
        original: Some(OsStr::new("ls")),
        display: Some("localhost:10.0"),
        agent: Some("/a/agent".as_ref()),
        around,
    };
    let map: std::collections::BTreeMap<_, _> = variables.all().into_iter().collect();
    let value = |name: &str| map.get(OsStr::new(name)).map(|v| v.to_str().unwrap());
    assert_eq!((value("USER"), value("LC_ALL")), (Some("u"), Some("C")));
    assert_eq!((value("TERM"), value("SSH_TTY")), (Some("vt100"), Some("/dev/pts/9")));
    assert_eq!((value("FIXED"), value("SSH_ORIGINAL_COMMAND")), (Some("1"), Some("ls")));
    assert_eq!(
        (value("DISPLAY"), value("SSH_AUTH_SOCK")),
        (Some("localhost:10.0"), Some("/a/agent"))
    );
    assert_eq!(value("SSH_CLIENT"), Some("UNKNOWN 65535 65535"));
    assert_eq!((value("HOME"), value("LD_PRELOAD")), (Some("/home/u"), None));
}

#[test]
fn what_needs_a_program_or_a_terminal_is_refused_without() {
    let (policy, allowed) = (policy(), Allowed::default());
    let around = Surroundings { policy: &policy, allowed: &allowed, peer: Peer::default() };
    let mut session = Session::default();
    let size = |cols| ChannelRequest::WindowChange { cols, rows: 1, wpx: 0, hpx: 0 };
    for request in [
        size(80),
        ChannelRequest::Signal { name: "TERM".into() },
        ChannelRequest::Break { milliseconds: 0 },
        ChannelRequest::AuthAgentReq,
        ChannelRequest::Subsystem { name: "sftp".into() },
        ChannelRequest::Exec { command: b"a\0b".to_vec() },
        ChannelRequest::Pty {
            term: "vt100".into(),
            cols: 80,
            rows: 24,
            wpx: 0,
            hpx: 0,
            modes: vec![0],
        },
    ] {
        assert!(!reply(&mut session, request.clone(), around), "{request:?}");
    }
    assert_eq!(session.terminal(), None);
}
