use super::*;
use crate::config::algorithms;
use std::net::SocketAddr;
use std::time::Duration;
use tssh_forward::core::policy::Policy;

fn account() -> Account {
    Account { name: "u".into(), uid: 7, home: "/home/u".into(), shell: "/bin/sh".into() }
}

/// Reads lines as if each were an `-o` argument.
fn read(lines: &[&str]) -> Result<Options> {
    let (mut options, account) = (Options::default(), account());
    for line in lines {
        Reader::new(&mut options, &account).command_line(line)?;
    }
    Ok(options)
}

fn settings(lines: &[&str]) -> Settings {
    Settings::new(read(lines).unwrap(), true).unwrap()
}

fn complaint(line: &str) -> String {
    match read(&[line]) {
        Ok(options) => panic!("{line} was taken: {options:?}"),
        Err(fatal) => fatal.message,
    }
}

fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tsshd-config-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn the_first_value_wins() {
    let s = settings(&["MaxSessions 3", "maxsessions=7", "Banner none", "Banner /x"]);
    assert_eq!((s.max_sessions, s.banner), (3, None));
    let s = settings(&["Subsystem sftp /a -x 'b c'", "subsystem sftp /b"]);
    assert_eq!(s.subsystems, [("sftp".to_owned(), "/a -x b c".to_owned())]);
}

#[test]
fn the_defaults_are_those_of_sshd() {
    let s = settings(&[]);
    assert_eq!((s.ports, s.max_auth_tries, s.max_sessions), (vec![22], 6, 10));
    assert_eq!(s.login_grace_time, Some(Duration::from_secs(120)));
    assert_eq!(s.max_startups, MaxStartups { start: 10, rate: 30, full: 100 });
    assert_eq!((s.client_alive_interval, s.client_alive_count_max), (None, 3));
    assert!(s.accept_env.is_empty() && s.strict_modes && s.permit_tty && !s.host_keys_named);
    assert_eq!(s.authorized_keys_file, [".ssh/authorized_keys", ".ssh/authorized_keys2"]);
}

#[test]
fn zero_and_none_switch_waits_off() {
    let s = settings(&["LoginGraceTime none", "ClientAliveInterval 15"]);
    assert_eq!(
        (s.login_grace_time, s.client_alive_interval),
        (None, Some(Duration::from_secs(15)))
    );
    assert_eq!(settings(&["LoginGraceTime 0"]).login_grace_time, None);
}

#[test]
fn addresses_and_ports() {
    let all = |lines: &[&str]| settings(lines).addresses().unwrap();
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    assert_eq!(all(&["Port 2022"]), [address("0.0.0.0:2022"), address("[::]:2022")]);
    assert_eq!(all(&["Port 2022", "AddressFamily inet"]), [address("0.0.0.0:2022")]);
    let lines = ["Port 1", "Port 2", "ListenAddress 127.0.0.1", "ListenAddress [::1]:3"];
    let expected = [address("127.0.0.1:1"), address("127.0.0.1:2"), address("[::1]:3")];
    assert_eq!(all(&lines), expected);
    assert_eq!(all(&["ListenAddress ::1", "Port 9"]), [address("[::1]:9")]);
    assert_eq!(all(&["ListenAddress 127.0.0.1:8"]), [address("127.0.0.1:8")]);
}

#[test]
fn authorized_keys_files_are_expanded() {
    let paths = |line| settings(&[line]).authorized_keys(&account());
    let one = |path: &str| Ok(vec![PathBuf::from(path)]);
    assert_eq!(paths("AuthorizedKeysFile %h/k.%u.%%"), one("/home/u/k.u.%"));
    assert_eq!(paths("AuthorizedKeysFile .ssh/k"), one("/home/u/.ssh/k"));
    assert_eq!(paths("AuthorizedKeysFile /etc/k"), one("/etc/k"));
    assert_eq!(paths("AuthorizedKeysFile none"), Ok(vec![]));
    assert!(paths("AuthorizedKeysFile %x").is_err() && paths("AuthorizedKeysFile a%").is_err());
}

#[test]
fn forwarding_is_what_both_keywords_allow() {
    let policy = |lines: &[&str]| settings(lines).forwarding();
    assert_eq!(policy(&[]), Policy::server());
    assert!(!policy(&["AllowTcpForwarding remote"]).permits_open("h", 1));
    assert!(!policy(&["DisableForwarding yes", "AllowTcpForwarding yes"]).tcp_local);
    let only = policy(&["AllowTcpForwarding local", "PermitOpen h:1 [::1]:*"]);
    assert!(only.permits_open("h", 1) && only.permits_open("::1", 9) && !only.permits_open("h", 2));
    assert!(!policy(&["PermitOpen none"]).permits_open("h", 1));
}

#[test]
fn algorithms_are_edited_and_must_be_known() {
    let s =
        settings(&["Ciphers -aes*", "MACs ^hmac-sha2-512", "KexAlgorithms +ecdh-sha2-nistp256"]);
    assert_eq!(s.algorithms.cipher, ["chacha20-poly1305@openssh.com"]);
    assert_eq!(s.algorithms.mac[0], "hmac-sha2-512");
    assert_eq!(s.algorithms.kex.last().unwrap(), "ecdh-sha2-nistp256");
    assert_eq!(s.pubkey_accepted_algorithms, algorithms::plain_key_algorithms());
    let s = settings(&["PubkeyAcceptedAlgorithms ssh-ed25519", "Compression no"]);
    assert_eq!((s.pubkey_accepted_algorithms.len(), s.algorithms.compression.len()), (1, 1));
    assert!(complaint("Ciphers nope").ends_with("Bad SSH2 cipher spec 'nope'."));
    assert!(Settings::new(read(&["Ciphers -*"]).unwrap(), true).is_err());
}

#[test]
fn complaints_are_those_of_sshd() {
    for (line, text) in [
        ("Foo bar", "command-line: line 0: Bad configuration option: foo"),
        ("Port", "command-line line 0: Port missing argument."),
        ("Port nine", "command-line line 0: Badly formatted port number."),
        ("StrictModes maybe", "command-line line 0: unsupported option \"maybe\"."),
        ("LoginGraceTime soon", "command-line line 0: invalid time value."),
        ("MaxStartups 10:30", "command-line line 0: Illegal MaxStartups spec."),
        ("MaxStartups 10:0:100", "command-line line 0: Illegal MaxStartups spec."),
        ("MaxSessions -1", "command-line line 0: integer value too small."),
        ("RekeyLimit 5", "command-line line 0: RekeyLimit too small"),
        ("PermitOpen nowhere", "command-line line 0: PermitOpen bad permitted target: nowhere"),
        ("Banner \"x", "command-line line 0: invalid quotes"),
        ("AllowUsers root", "command-line line 0: AllowUsers is not supported by tsshd"),
        ("PermitRootLogin x", "command-line line 0: unsupported option \"x\"."),
    ] {
        assert_eq!(complaint(line), text);
    }
    assert!(complaint("Match user root").contains("Match blocks are not supported"));
    assert!(complaint("Subsystem sftp internal-sftp").contains("internal-sftp is not built"));
}

#[test]
fn what_has_no_meaning_here_is_accepted() {
    let lines = [
        "UsePAM yes",
        "UseDNS no",
        "PrintMotd no",
        "PerSourcePenalties no",
        "PermitEmptyPasswords no",
        "ChrootDirectory none",
        "AuthenticationMethods any",
    ];
    assert_eq!(read(&lines), Ok(Options::default()));
}

#[test]
fn a_file_names_every_unknown_keyword_and_then_ends() {
    let folder = scratch("bad");
    let path = folder.join("sshd_config");
    std::fs::write(&path, "# x\nPort 22\nFoo 1\n\nBar 2\n").unwrap();
    let (mut options, account) = (Options::default(), account());
    let error = Reader::new(&mut options, &account).file(&path).unwrap_err();
    let text = format!("{}: terminating, 2 bad configuration options", path.display());
    assert_eq!(error.message, text);
    let missing = Reader::new(&mut options, &account).file(&folder.join("none")).unwrap_err();
    assert!(missing.message.ends_with("none: No such file or directory"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn files_include_files_and_not_for_ever() {
    let folder = scratch("include");
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::write(path("a"), format!("Include {}\nPort 2\n", path("*.conf"))).unwrap();
    std::fs::write(path("1.conf"), "Port 1\nBanner /1\n").unwrap();
    std::fs::write(path("2.conf"), "Banner /2\n").unwrap();
    let (mut options, account) = (Options::default(), account());
    Reader::new(&mut options, &account).file(Path::new(&path("a"))).unwrap();
    assert_eq!((options.ports, options.banner.as_deref()), (vec![1, 2], Some("/1")));
    std::fs::write(path("loop"), format!("Include {}\n", path("loop"))).unwrap();
    let (mut options, error) = (Options::default(), "Too many recursive configuration includes");
    let read = Reader::new(&mut options, &account).file(Path::new(&path("loop")));
    assert_eq!(read.unwrap_err().message, error);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_printed_can_be_read_again() {
    let lines = ["Port 2022", "PermitOpen h:1 [::1]:*", "SetEnv A=b", "Subsystem sftp /x"];
    let first = settings(&[&lines[..], &["HostKey /k", "MaxStartups 3"]].concat());
    let text = first.to_string();
    let again = settings(&text.lines().collect::<Vec<_>>());
    assert_eq!(first, again, "{text}");
}
