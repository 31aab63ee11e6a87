use super::condition::Facts;
use super::*;
use crate::account::Account;
use crate::config::algorithms;
use crate::exit::Result;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tssh_forward::core::policy::Policy;

fn account() -> Account {
    Account { name: "u".into(), uid: 7, home: "/home/u".into(), shell: "/bin/sh".into() }
}

/// Reads lines as if each were an `-o` argument.
fn read(lines: &[&str]) -> Result<Options> {
    let mut script = Script::new(&account());
    lines.iter().try_for_each(|line| script.command_line(line))?;
    Ok(script.options(None))
}

/// Reads a file of these lines.
fn script(text: &str) -> Result<Script> {
    let dir = crate::test_support::Dir::new();
    let mut script = Script::new(&account());
    script.file(&dir.write("config", text)).map(|()| script)
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

/// One process makes windows of one size for every client, so blocks cannot choose.
#[test]
fn windows_and_their_memory() {
    let s = settings(&["ChannelWindow 512K", "ChannelMemory 64M", "ChannelWindow auto"]);
    let config = s.windows.connection();
    assert_eq!((config.channel_window, config.channel_memory), (Some(512 << 10), 64 << 20));
    let printed = s.to_string();
    assert!(printed.contains("\nchannelmemory 67108864\nchannelwindow 524288\n"), "{printed}");
    assert!(!settings(&[]).to_string().contains("channelm"), "sshd knows neither");
    for (line, words) in [
        ("ChannelWindow x", "Bad number 'x': Invalid argument"),
        ("ChannelWindow 1K", "ChannelWindow too small: at least 32768"),
        ("ChannelMemory 2G", "ChannelMemory too large: at most 1073741824"),
        ("ChannelMemory auto", "Bad number 'auto': Invalid argument"),
    ] {
        assert!(complaint(line).contains(words), "{line}: {}", complaint(line));
    }
    let both = read(&["ChannelWindow 1M", "ChannelMemory 1M"]).unwrap();
    assert!(Settings::new(both, true).unwrap_err().message.starts_with("ChannelWindow 1048576: "));
    assert!(script("Match user x\nChannelWindow 1M\n").is_err());
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

/// S52: the defaults are those of sshd; `DisableForwarding` overrides all.
#[test]
fn forwarding_is_what_all_keywords_allow() {
    let policy = |lines: &[&str]| settings(lines).forwarding();
    assert_eq!(policy(&[]), Policy::server());
    let all = ["AllowTcpForwarding all", "X11Forwarding yes", "PermitOpen any", "GatewayPorts yes"];
    assert_eq!(policy(&[&["DisableForwarding yes"], &all[..]].concat()), Policy::default());
    // S50: each direction by itself.
    for (value, local, remote) in
        [("yes", true, true), ("all", true, true), ("local", true, false), ("remote", false, true)]
    {
        let p = policy(&[
            &format!("AllowTcpForwarding {value}"),
            &format!("AllowStreamLocalForwarding {value}"),
        ]);
        assert_eq!((p.permits_open("h", 1), p.permits_listen("", 1)), (local, remote), "{value}");
        assert_eq!((p.streamlocal_local, p.streamlocal_remote), (local, remote), "{value}");
    }
    let none = policy(&["AllowTcpForwarding no", "AllowStreamLocalForwarding no"]);
    assert!(!none.tcp_local && !none.tcp_remote && none.agent && none.x11.is_none());
    assert!(!none.streamlocal_local && !none.streamlocal_remote);
    let only = policy(&["AllowTcpForwarding local", "PermitOpen h:1 [::1]:*"]);
    assert!(only.permits_open("h", 1) && only.permits_open("::1", 9) && !only.permits_open("h", 2));
    assert!(!policy(&["PermitOpen none"]).permits_open("h", 1));
    let only = policy(&["PermitListen 2001 local*:2002"]);
    assert!(only.permits_listen("", 2001) && only.permits_listen("localhost", 2002));
    assert!(!only.permits_listen("", 2002) && !only.permits_listen("", 0));
    assert!(!policy(&["PermitListen none"]).permits_listen("", 1));
    let bind = policy(&["StreamLocalBindMask 0117", "StreamLocalBindUnlink yes"]).stream_local_bind;
    assert_eq!((bind.mask, bind.unlink), (0o117, true));
    let gateway = policy(&["GatewayPorts clientspecified"]).gateway_ports;
    assert_eq!(gateway, GatewayPorts::ClientSpecified);
}

#[test]
fn algorithms_are_edited_and_must_be_known() {
    let s =
        settings(&["Ciphers -aes*", "MACs ^hmac-sha2-512", "KexAlgorithms +ecdh-sha2-nistp256"]);
    assert_eq!(s.algorithms.cipher, ["chacha20-poly1305@openssh.com"]);
    assert_eq!(s.algorithms.mac[0], "hmac-sha2-512");
    assert_eq!(s.algorithms.kex.last().unwrap(), "ecdh-sha2-nistp256");
    assert_eq!(s.pubkey_accepted_algorithms, algorithms::KEY_ALGORITHMS);
    assert_eq!(s.ca_signature_algorithms, algorithms::plain_key_algorithms());
    let s = settings(&["PubkeyAcceptedAlgorithms ssh-ed25519", "Compression no"]);
    assert_eq!((s.pubkey_accepted_algorithms.len(), s.algorithms.compression.len()), (1, 1));
    assert!(complaint("Ciphers nope").ends_with("Bad SSH2 cipher spec 'nope'."));
    assert!(Settings::new(read(&["Ciphers -*"]).unwrap(), true).is_err());
}

#[test]
fn complaints_are_those_of_sshd() {
    for (line, text) in [
        ("Foo bar", "command-line: line 0: Bad configuration option: Foo"),
        ("Port", "command-line line 0: no argument after keyword \"Port\""),
        (
            "ChrootDirectory /x",
            "command-line line 0: ChrootDirectory /x \
                                             is not supported by tsshd",
        ),
        (
            "AuthorizedKeysCommand ls",
            "command-line line 0: AuthorizedKeysCommand must be an \
                                      absolute path",
        ),
        ("Match all", "Match directive not supported as a command-line option"),
    ] {
        assert_eq!(complaint(line), text);
    }
    assert!(complaint("Subsystem sftp internal-sftp").contains("internal-sftp is not built"));
}

#[test]
fn what_has_no_meaning_here_is_accepted() {
    let lines = [
        "UsePAM yes",
        "UseDNS no",
        "PrintMotd no",
        "PerSourcePenalties no",
        "ExposeAuthInfo no",
        "UseDNS no",
        "PermitEmptyPasswords no",
        "ChrootDirectory none",
    ];
    assert_eq!(read(&lines), Ok(Options::default()));
    assert_eq!(read(&["UsePrivilegeSeparation sandbox"]), Ok(Options::default()));
}

#[test]
fn a_file_names_every_unknown_keyword_and_then_ends() {
    let folder = scratch("bad");
    let path = folder.join("sshd_config");
    std::fs::write(&path, "# x\nPort 22\nFoo 1\n\nBar 2\n").unwrap();
    let mut script = Script::new(&account());
    let error = script.file(&path).unwrap_err();
    let text = format!("{}: terminating, 2 bad configuration options", path.display());
    assert_eq!(error.message, text);
    let missing = script.file(&folder.join("none")).unwrap_err();
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
    let mut script = Script::new(&account());
    script.file(Path::new(&path("a"))).unwrap();
    let options = script.options(None);
    assert_eq!((options.ports, options.banner.as_deref()), (vec![1, 2], Some("/1")));
    std::fs::write(path("loop"), format!("Include {}\n", path("loop"))).unwrap();
    let error = "Too many recursive configuration includes";
    let read = Script::new(&account()).file(Path::new(&path("loop")));
    assert_eq!(read.unwrap_err().message, error);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_printed_can_be_read_again() {
    let lines = ["Port 2022", "PermitOpen h:1 [::1]:*", "SetEnv A=b", "Subsystem sftp /x"];
    let more = ["HostKey /k", "MaxStartups 3", "ListenAddress ::1", "AllowUsers a b@10.0.0.0/8"];
    let first = settings(&[&lines[..], &more].concat()).to_string();
    let again = settings(&first.lines().collect::<Vec<_>>()).to_string();
    assert_eq!(first, again);
}

#[test]
fn blocks_that_apply_win_over_everything() {
    let text = "Banner /all\nAcceptEnv A\n\
                Match User ann\nBanner /ann\nAcceptEnv B\nAcceptEnv C\n\
                Match User a*\nBanner /a\nMaxSessions 3\n\
                Match All\nMaxSessions 4\nX11Forwarding yes\n";
    let mut script = script(text).unwrap();
    script.command_line("Banner /line").unwrap();
    let of = |user: &str| {
        let facts = Facts { user: Some(user.to_owned()), ..Facts::default() };
        let o = script.options(Some(&facts));
        (o.banner.unwrap(), o.accept_env.values.join(" "), o.max_sessions.unwrap())
    };
    assert_eq!(of("ann"), ("/ann".into(), "B C".into(), 3));
    assert_eq!(of("abe"), ("/a".into(), "A".into(), 3));
    assert_eq!(of("bob"), ("/all".into(), "A".into(), 4));
    let outside = script.options(None);
    // As with sshd, `Match all` is outside as well.
    assert_eq!((outside.banner.as_deref(), outside.max_sessions), (Some("/all"), Some(4)));
    assert!(script.has_blocks());
}

#[test]
fn a_block_ends_with_its_file_and_contains_what_it_includes() {
    let dir = crate::test_support::Dir::new();
    let inner = dir.write("inner", "MaxSessions 1\nMatch User ann\nMaxAuthTries 2\n");
    let inner = inner.display();
    let outer = format!(
        "Include {inner}\nPermitTTY no\nMatch LocalPort 22\nInclude {inner}\nX11Forwarding yes\n"
    );
    let mut script = Script::new(&account());
    script.file(&dir.write("outer", &outer)).unwrap();
    let of = |user: &str, port| {
        let user = Some(user.to_owned());
        let facts = Facts { user, local_port: Some(port), ..Facts::default() };
        let o = script.options(Some(&facts));
        assert_eq!((o.permit_tty, o.max_sessions), (Some(false), Some(1)));
        (o.max_auth_tries, o.x11_forwarding)
    };
    assert_eq!(of("ann", 22), (Some(2), Some(true)));
    assert_eq!(of("bob", 22), (None, Some(true)));
    assert_eq!(of("ann", 23), (Some(2), None));
    // Within the block the include is not looked at where the block does not apply.
    let only = format!("Match LocalPort 22\nInclude {inner}\n");
    let mut script = Script::new(&account());
    script.file(&dir.write("only", &only)).unwrap();
    let ann = Facts { user: Some("ann".into()), local_port: Some(23), ..Facts::default() };
    let o = script.options(Some(&ann));
    assert_eq!((o.max_auth_tries, o.max_sessions), (None, None));
    let at_22 = Facts { local_port: Some(22), ..ann };
    let o = script.options(Some(&at_22));
    assert_eq!((o.max_auth_tries, o.max_sessions), (Some(2), Some(1)));
}

#[test]
fn blocks_hold_only_what_concerns_a_connection() {
    let error = script("Match user x\nPort 3\n").unwrap_err().message;
    assert!(error.ends_with("line 2: Directive 'Port' is not allowed within a Match block"));
    let error = script("Match user x\nLogLevel DEBUG\n").unwrap_err().message;
    assert!(error.ends_with("line 2: LogLevel within a Match block is not supported by tsshd"));
    assert_eq!(script("Match all\nPort 3\n").unwrap().options(None).ports, [3]);
    let error = script("Match shoe 42\n").unwrap_err().message;
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines[0], "Unsupported Match attribute shoe");
    assert!(lines[1].ends_with("config line 1: Bad Match condition"));
}
