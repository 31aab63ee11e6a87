use super::algorithms::Kind as List;
use super::options::*;
use super::*;
use crate::account::Account;
use crate::test_support::{Dir, skip};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// The local account with this directory for a home.
fn account_of(dir: &Dir) -> Account {
    Account { home: dir.0.clone(), ..Account::current() }
}

fn default_list(kind: List) -> Vec<String> {
    algorithms::built(kind).into_iter().map(str::to_owned).collect()
}

fn read_with(
    options: &mut Options,
    file: Option<&Path>,
    host: &str,
    account: &Account,
) -> Result<()> {
    read_files(options, file, Facts::new(host, account))
}

fn read(text: &str, host: &str) -> std::result::Result<Options, String> {
    let dir = Dir::new();
    let path = dir.write("c", text);
    let mut options = Options::default();
    let read = read_with(&mut options, Some(&path), host, &account_of(&dir));
    read.map_err(|fatal| fatal.message.replace(&path.display().to_string(), "FILE"))?;
    Ok(options)
}

/// What `ssh -G` prints, by keyword; nothing (and a word about it) where there is no ssh.
fn ssh_g(text: &str, host: &str) -> Option<BTreeMap<String, Vec<String>>> {
    let dir = Dir::new();
    let path = dir.write("c", text);
    let output = Command::new("ssh").arg("-F").arg(&path).args(["-G", host]).output();
    let Ok(output) = output else {
        skip("no ssh to compare with");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        map.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    Some(map)
}

/// Our settings in the form of `ssh -G`, for the keywords compared.
fn ours(s: &Settings) -> BTreeMap<&'static str, Vec<String>> {
    let flag = |b: bool| vec![if b { "yes" } else { "no" }.to_owned()];
    let time = |d: Option<std::time::Duration>| d.map_or(0, |d| d.as_secs()).to_string();
    BTreeMap::from([
        ("hostname", vec![s.host_name.clone()]),
        ("port", vec![s.port.to_string()]),
        ("user", vec![s.user.clone()]),
        ("batchmode", flag(s.batch_mode)),
        ("compression", flag(s.compression)),
        ("gatewayports", flag(s.forwards.how.gateway_ports)),
        ("exitonforwardfailure", flag(s.forwards.exit_on_failure)),
        ("hashknownhosts", flag(s.hash_known_hosts)),
        ("identitiesonly", flag(s.identities_only)),
        ("tcpkeepalive", flag(s.tcp_keep_alive)),
        ("serveraliveinterval", vec![time(s.server_alive_interval)]),
        ("serveralivecountmax", vec![s.server_alive_count_max.to_string()]),
        ("connectionattempts", vec![s.connection_attempts.to_string()]),
        ("numberofpasswordprompts", vec![s.number_of_password_prompts.to_string()]),
    ])
}

/// Compares what a file means to us and to ssh, for one host.
#[track_caller]
fn agree(text: &str, host: &str) {
    let options = read(text, host).unwrap();
    let settings = Settings::resolve(&options, host, &Account::current(), default_list).unwrap();
    let Some(theirs) = ssh_g(text, host) else { return };
    for (key, value) in ours(&settings) {
        assert_eq!(Some(&value), theirs.get(key), "{key} of {host} with\n{text}");
    }
    let forwards: Vec<String> = options.local_forward.iter().map(ToString::to_string).collect();
    assert_eq!(forwards, theirs.get("localforward").cloned().unwrap_or_default(), "{text}");
    let files: Vec<String> = options.identity_file.iter().map(|f| f.path.clone()).collect();
    if !files.is_empty() {
        assert_eq!(Some(&files), theirs.get("identityfile"));
    }
}

#[test]
fn files_mean_what_they_mean_to_ssh() {
    let text = "\
# a comment
Port 2201
Host a !b *.example.com
    Port 2202   # trailing
    User=\"x y\"
    Compression yes
    IdentityFile ~/one
Host b
\tHostName %h.example.org
\tServerAliveInterval 1m
\tNumberOfPasswordPrompts 7
Host *
    User last
    HashKnownHosts yes
    ConnectionAttempts 4
    IdentityFile ~/two
    IdentityFile ~/one
    LocalForward 2001 localhost:143
    LocalForward [::1]:2001 [2001:db8::1]:imap
    GatewayPorts true
    BatchMode no
";
    for host in ["a", "b", "x.example.com", "Upper.Example.com", "other"] {
        agree(text, host);
    }
    agree("Match host *.org,!x.org\nPort 1\nMatch all\nPort 2\nUser m\n", "y.org");
    agree("Match host *.org,!x.org\nPort 1\nMatch all\nPort 2\nUser m\n", "x.org");
    agree("HostName y.org\nMatch !host y.org\nPort 1\nMatch originalhost k user root\nPort 4", "k");
    agree("Host k\nHost k j\nPort 9\nExitOnForwardFailure yes", "j");
    agree("ServerAliveCountMax 0\nTCPKeepAlive no\nIdentitiesOnly yes", "j");
    agree("", "Mixed.Case");
}

/// Complaints that scripts and people know, compared with what ssh 9.2 prints.
#[test]
fn bad_lines_are_refused_in_ssh_words() {
    let one = "FILE: terminating, 1 bad configuration options";
    for line in [
        "Port",
        "Port abc",
        "Port 70000",
        "Compression maybe",
        "Compression yes no",
        "ConnectTimeout x",
        "Ciphers foo",
        "MACs foo",
        "KexAlgorithms foo",
        "LogLevel foo",
        "HostKeyAlgorithms foo",
        "AddressFamily foo",
        "EscapeChar foo",
        "LocalForward 1",
        "LocalForward x y",
        "ConnectionAttempts x",
        "ServerAliveCountMax -3",
        "RekeyLimit 5",
        "StrictHostKeyChecking foo",
        "RequestTTY foo",
        "SendEnv",
        "SendEnv A=b",
        "SetEnv A",
        "Foo bar",
        "Host",
        "User \"a b",
        "User \"\"",
        "Match foo",
        "Match host",
        "SessionType x",
        "Host nomatch\nPort x",
        "Host nomatch\nFoo x",
        "ChannelWindow 1K",
        "ChannelMemory auto",
    ] {
        assert_eq!(read(line, "h"), Err(one.to_owned()), "{line}");
    }
    let two = read("Foo 1\nBar 2\n", "h");
    assert_eq!(two, Err("FILE: terminating, 2 bad configuration options".into()));
    assert!(read("IgnoreUnknown foo,b*\nFoo 1\nBar 2", "h").is_ok());
}

#[test]
fn keywords_without_effect_are_accepted_or_refused_by_the_table() {
    for line in [
        "Protocol 2",
        "ChallengeResponseAuthentication no",
        "SecurityKeyProvider /x",
        "GSSAPIAuthentication yes",
        "IPQoS lowdelay",
        "ControlMaster auto",
        "RemoteForward 1 a:2",
        "ForwardAgent yes",
        "UpdateHostKeys yes",
        "XAuthLocation /x",
    ] {
        assert!(read(line, "h").is_ok(), "{line}");
    }
    let missing =
        |k: &&keywords::Keyword| matches!(k.kind, keywords::Kind::Held(_, held::Missing::Said(_)));
    for name in keywords::KEYWORDS.iter().filter(missing).map(|k| k.name) {
        // Of a file it is said; who asks on the command line is refused.
        assert!(report_missing(&read(&format!("{name} yes"), "h").unwrap()).is_ok(), "{name}");
        for (value, refused) in [("yes", true), ("no", false)] {
            let (mut options, account) = (Options::default(), Account::current());
            let mut reader = file::Reader::new(&mut options, Facts::new("h", &account));
            reader.command_line(&format!("{name}={value}")).unwrap();
            assert_eq!(report_missing(&options).is_err(), refused, "{name} {value}");
        }
    }
    let o = read("ChallengeResponseAuthentication no\nKbdInteractiveAuthentication yes", "h");
    assert_eq!(o.unwrap().kbd_interactive_authentication, Some(false));
}

#[test]
fn the_first_word_on_a_proxy_wins() {
    let proxy = |text: &str| read(text, "h").map(|o| o.proxy);
    let command = |text: &str| Ok(Some(Proxy::Command(text.to_owned())));
    assert_eq!(
        proxy("ProxyCommand  nc -x \"a b\" %h # %p\nProxyJump j"),
        command("nc -x \"a b\" %h # %p")
    );
    assert_eq!(proxy("Host x\nProxyJump j\nHost h\nProxyCommand=none"), command("none"));
    assert_eq!(proxy("ProxyJump none\nProxyJump j\nProxyCommand x\nProxyCommand y"), command("x"));
    let jump = Ok(Some(Proxy::Jump("u@a:1,b".to_owned())));
    assert_eq!(proxy("ProxyJump u@a:1,b\nProxyCommand nc"), jump);
    assert!(proxy("ProxyJump a,:").is_err());
}

#[test]
fn the_table_is_sorted_and_its_aliases_lead_somewhere() {
    let names: Vec<&str> = keywords::KEYWORDS.iter().map(|k| k.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
    for name in names {
        let found = keywords::find(name).expect("every alias has a keyword");
        assert!(!matches!(found.kind, keywords::Kind::Alias(_)), "{name}");
    }
}

/// Every keyword that the installed ssh lists is in the table.
#[test]
fn no_keyword_of_ssh_is_missing() {
    let Some(theirs) = ssh_g("", "h") else { return };
    for key in theirs.keys().filter(|k| !k.is_empty()) {
        let key = key.to_ascii_lowercase();
        // `-G` prints this one before the values; it is no keyword of the file's.
        assert!(keywords::find(&key).is_some(), "{key}");
    }
}

#[test]
fn includes_are_sorted_conditional_and_end_their_blocks() {
    let dir = Dir::new();
    dir.write(".ssh/20.conf", "Host h\nPort 20\nUser twenty\n");
    dir.write(".ssh/10.conf", "Host nobody\nPort 10\nHost *\nCompression yes\n");
    let path = dir.write("c", "Include *.conf missing/*\nUser main\n");
    let mut o = Options::default();
    read_with(&mut o, Some(&path), "h", &account_of(&dir)).unwrap();
    assert_eq!((o.port, o.user.as_deref(), o.compression), (Some(20), Some("twenty"), Some(true)));

    let path = dir.write("c", "Host other\nInclude *.conf\nHost *\nUser main\n");
    let mut o = Options::default();
    read_with(&mut o, Some(&path), "h", &account_of(&dir)).unwrap();
    assert_eq!((o.port, o.user.as_deref(), o.compression), (None, Some("main"), None));

    dir.write(".ssh/30.conf", "Nonsense 1\n");
    assert!(read_with(&mut o, Some(&path), "h", &account_of(&dir)).is_err(), "even so it is read");
    let path = dir.write("c", &format!("Include {}/c\n", dir.0.display()));
    let error = read_with(&mut o, Some(&path), "h", &account_of(&dir)).unwrap_err();
    assert_eq!(error.message, "Too many recursive configuration includes");
}

#[test]
fn a_file_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = Dir::new();
    let path = dir.write(".ssh/config", "User u\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let mut o = Options::default();
    let error = read_with(&mut o, None, "h", &account_of(&dir)).unwrap_err();
    assert_eq!(error.message, format!("Bad owner or permissions on {}", path.display()));
    let missing = read_with(&mut o, Some(Path::new("/nonexist")), "h", &account_of(&dir));
    let text = "Can't open user config file /nonexist: No such file or directory";
    assert_eq!(missing.unwrap_err().message, text);
    assert!(read_with(&mut o, Some(Path::new("none")), "h", &account_of(&dir)).is_ok());
}

/// S27, M14: where ssh says "Missing target argument." we take the older form.
#[test]
fn the_book_spelling_of_local_forward() {
    let two = read("LocalForward 2001 localhost:143", "h").unwrap().local_forward;
    assert_eq!(two, read("LocalForward \"2001:localhost:143\"", "h").unwrap().local_forward);
    assert_eq!(two, read("localforward=2001:localhost:143", "h").unwrap().local_forward);
    let cleared = read("LocalForward 2001 localhost:143\nClearAllForwardings yes", "h").unwrap();
    let settings = Settings::resolve(&cleared, "h", &Account::current(), default_list).unwrap();
    assert!(settings.forwards.local.is_empty());
}

#[test]
fn tokens_and_lists() {
    let o = read(
        "UserKnownHostsFile /k/%h-%p-%r-%n-%%  ~/kh\nIdentityFile /i/%u\nHostName real.%h\n\
         User bob\nPort 7\nGlobalKnownHostsFile none\nHostKeyAlias Alias",
        "Host",
    )
    .unwrap();
    let account =
        Account { name: "me".into(), uid: 5, home: "/home/me".into(), shell: "/bin/sh".into() };
    let s = Settings::resolve(&o, "Host", &account, default_list).unwrap();
    assert_eq!(
        s.user_known_hosts,
        [PathBuf::from("/k/real.host-7-bob-Host-%"), PathBuf::from("/home/me/kh")]
    );
    assert_eq!(s.identities[0].path, PathBuf::from("/i/me"));
    assert!(s.global_known_hosts.is_empty());
    assert_eq!(s.key_name(), "alias");
    let o = read("UserKnownHostsFile /k/%y", "h").unwrap();
    assert!(Settings::resolve(&o, "h", &account, default_list).is_err());
}

#[test]
fn environment_and_methods() {
    let o = read("SendEnv LANG LC_*\nSendEnv -LC_* X\nSetEnv A=1 \"B=2 3\"\nSetEnv C=4", "h");
    let o = o.unwrap();
    assert_eq!(o.send_env, ["LANG", "X"]);
    assert_eq!(o.set_env, [("A".into(), "1".into()), ("B".into(), "2 3".into())]);
    let methods = |text: &str| {
        let o = read(text, "h").unwrap();
        let s = Settings::resolve(&o, "h", &Account::current(), default_list).unwrap();
        s.authentications.join(",")
    };
    assert_eq!(methods(""), "publickey,keyboard-interactive,password");
    assert_eq!(methods("BatchMode yes"), "publickey");
    assert_eq!(methods("PreferredAuthentications password,publickey,x"), "password,publickey");
    assert_eq!(methods("PubkeyAuthentication no"), "keyboard-interactive,password");
}

/// Keywords that no ssh has: the first value counts, and ssh reads a file that has them.
#[test]
fn keywords_of_our_own_live_in_files_that_ssh_reads_too() {
    let text = "IgnoreUnknown ChannelWindow,ChannelMemory\nHost k\nChannelWindow auto\nHost *\n\
                ChannelWindow 256K\nChannelMemory=8M\nChannelMemory 16M\nPort 7\n";
    agree(text, "h");
    let resolved = |host: &str| {
        let options = read(text, host).unwrap();
        Settings::resolve(&options, host, &Account::current(), default_list).unwrap()
    };
    for (host, window) in [("h", Some(256 << 10)), ("k", None)] {
        let config = resolved(host).quality.windows.connection();
        assert_eq!((config.channel_window, config.channel_memory), (window, 8 << 20), "{host}");
    }
    let Some(theirs) = ssh_g(text, "h") else { return };
    for keyword in keywords::OWN {
        assert!(keywords::find(keyword).is_some() && !theirs.contains_key(*keyword), "{keyword}");
    }
}
