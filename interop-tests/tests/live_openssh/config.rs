//! `-G` beside that of the machine's ssh: the same keys in the same order, and the same values
//! but for those listed here with a reason.

use crate::support::lacks_openssh;
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tssh_interop_tests::openssh::{self, Server};
use tssh_interop_tests::process::run;
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::{client_command, tssh_binary};

/// Keys whose values may differ: which algorithms there are is not a matter of configuration.
const LISTS: &[(&str, &str)] = &[
    ("casignaturealgorithms", "lists what is built"),
    ("ciphers", "lists what is built, in tssh's order of preference"),
    ("hostbasedacceptedalgorithms", "lists what is built"),
    ("hostkeyalgorithms", "lists what is built"),
    ("kexalgorithms", "lists what is built"),
    ("macs", "lists what is built"),
    ("pubkeyacceptedalgorithms", "lists what is built"),
];

/// Defaults that differ; a value that somebody set must not.
const DEFAULTS: &[(&str, &str)] = &[
    ("identityfile", "no default file for key types that are not built"),
    ("requiredrsasize", "2,048 bits at least, of which ssh 9.2 accepts 1,024"),
    ("forwardx11trusted", "Debian's ssh trusts by default, OpenSSH's own does not"),
];

struct Printed {
    status: Option<i32>,
    text: String,
    complaint: String,
}

impl Printed {
    fn values(&self) -> Vec<(String, Vec<String>)> {
        let mut all: Vec<(String, Vec<String>)> = Vec::new();
        for line in self.text.lines().filter(|line| !line.starts_with("gssapi")) {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            match all.last_mut().filter(|(last, _)| last == key) {
                Some((_, values)) => values.push(value.to_owned()),
                None => all.push((key.to_owned(), vec![value.to_owned()])),
            }
        }
        all
    }
}

fn print(program: &Path, directory: &Path, words: &[&str]) -> Printed {
    let mut command = Command::new(program);
    command.current_dir(directory).env("TEST_NAME", "value").env_remove("SSH_AUTH_SOCK");
    let output = command.arg("-G").args(words).stdin(Stdio::null()).output().expect("-G runs");
    let complaint = String::from_utf8_lossy(&output.stderr).replace('\r', "");
    let lines = complaint.lines().filter(|line| !line.starts_with("Pseudo-terminal"));
    Printed {
        status: output.status.code(),
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
        complaint: lines.map(|line| format!("{line}\n")).collect(),
    }
}

/// One file and one command line, for both programs.
struct Case {
    directory: Scratch,
    words: Vec<String>,
}

impl Case {
    fn new(config: &str, words: &[&str]) -> Self {
        let directory = Scratch::new();
        directory.write("c", config);
        let words = ["-F", "c"].iter().chain(words).map(|&word| word.to_owned()).collect();
        Self { directory, words }
    }

    fn run(&self, program: &Path) -> Printed {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        print(program, self.directory.path(), &words)
    }

    /// The same with another file.
    fn again(&self, program: &Path, text: &str, host: &str) -> Printed {
        self.directory.write("again", text);
        print(program, self.directory.path(), &["-F", "again", host])
    }
}

fn ssh() -> PathBuf {
    PathBuf::from("/usr/bin/ssh")
}

/// What differs in both programs' output; `differ` names keys of this case that may.
fn difference(config: &str, words: &[&str], differ: &[&str]) -> Option<String> {
    let case = Case::new(config, words);
    let (theirs, ours) = (case.run(&ssh()), case.run(&tssh_binary()));
    let mut faults = Vec::new();
    if (ours.status, theirs.status) != (Some(0), Some(0)) {
        let complaints = format!("{}{}", ours.complaint, theirs.complaint);
        faults.push(format!("{:?} and {:?}: {complaints}", ours.status, theirs.status));
    }
    let default: BTreeMap<_, _> = Case::new("", &["h"]).run(&ssh()).values().into_iter().collect();
    let (ours_by_key, theirs_by_key) = (ours.values(), theirs.values());
    let keys = |all: &[(String, Vec<String>)]| all.iter().map(|v| v.0.clone()).collect::<Vec<_>>();
    if keys(&ours_by_key) != keys(&theirs_by_key) {
        faults.push(format!("{:?} and {:?}", keys(&ours_by_key), keys(&theirs_by_key)));
    }
    for ((key, our), (_, their)) in ours_by_key.iter().zip(&theirs_by_key) {
        let key = key.as_str();
        let named = |list: &[(&str, &str)]| list.iter().any(|(name, _)| *name == key);
        let defaulted = named(DEFAULTS) && default.get(key) == Some(their);
        if !named(LISTS) && !defaulted && !differ.contains(&key) && our != their {
            faults.push(format!("{key}: {our:?} and {their:?}"));
        }
    }
    let host = &ours_by_key.first().map_or_else(String::new, |(_, values)| values.concat());
    let again = case.again(&tssh_binary(), &ours.text, host);
    if again.text != ours.text {
        let lines = again.text.lines().filter(|line| !ours.text.lines().any(|l| l == *line));
        let lines: Vec<&str> = lines.collect();
        faults.push(format!("read back: {}{}", again.complaint, lines.join("\n")));
    }
    (!faults.is_empty()).then(|| format!("{words:?} with {config:?}: {}", faults.join("\n")))
}

/// Compares both programs' output; `differ` names keys of this case that may differ.
#[track_caller]
fn agree(config: &str, words: &[&str], differ: &[&str]) {
    let found = difference(config, words, differ);
    assert!(found.is_none(), "{}", found.unwrap_or_default());
}

/// What differs where both should refuse, with the same words.
fn refusal(config: &str, words: &[&str]) -> Option<String> {
    let case = Case::new(config, words);
    let (theirs, ours) = (case.run(&ssh()), case.run(&tssh_binary()));
    let same = ours.status == Some(255) && theirs.status == Some(255);
    if same && ours.complaint == theirs.complaint {
        return None;
    }
    let (our, their) = (ours.complaint, theirs.complaint);
    Some(format!("{words:?} with {config:?}: {our:?} and {their:?}"))
}

/// The lines of a table of cases; ` | ` stands for a new line.
fn cases(table: &str) -> impl Iterator<Item = String> {
    table.lines().map(|line| format!("{}\n", line.replace(" | ", "\n")))
}

#[test]
fn defaults_and_options_of_the_command_line() {
    if lacks_openssh("defaults_and_options_of_the_command_line") {
        return;
    }
    for words in [
        &["h"][..],
        &["Mixed.Case"],
        &["u@h"],
        &["user:style@h"],
        &["ssh://u@h:2222"],
        &["-l", "u", "-p", "2222", "h"],
        &["-4", "h"],
        &["-6Cg", "h"],
        &["-vvnN", "h"],
        &["-ttq", "h"],
        &["-T", "h"],
        &["-s", "h", "sftp"],
        &["-b", "127.0.0.1", "h"],
        &["-e", "none", "h"],
        &["-L", "2001:localhost:143", "-L2002:[::1]:imap", "h"],
        &["-L", "*:2001:localhost:143", "h"],
        &["-L", "/tmp/a:localhost:143", "h"],
        &["-oPort=2222", "-o", "User u", "-oPort 1", "h", "-o", "Compression=yes"],
        &["-i", "/etc/passwd", "h"],
        &["h", "-p", "77", "command", "-v"],
    ] {
        agree("", words, &[]);
    }
}

#[test]
fn values_of_every_keyword() {
    if lacks_openssh("values_of_every_keyword") {
        return;
    }
    let found: Vec<String> = cases(include_str!("config/values.txt"))
        .filter_map(|config| difference(&config, &["h"], &[]))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    // Debian's ssh asks for signs of life where nobody watches.
    agree("BatchMode yes", &["h"], &["serveraliveinterval"]);
    // What ssh prints in a form that it would not read back.
    agree("EscapeChar ^]", &["h"], &["escapechar"]);
    agree("HostName %%h%h", &["h"], &["hostname"]);
    agree("ControlPath /a/100%%", &["h"], &["controlpath"]);
    agree("User \"x y\"", &["h"], &["user"]);
    agree("UserKnownHostsFile a \"b c\"", &["h"], &["userknownhostsfile"]);
    agree("SetEnv A=1 \"B=2 3\"", &["h"], &["setenv"]);
    agree("RemoteForward 1080", &["h"], &["remoteforward"]);
}

#[test]
fn blocks_conditions_and_words() {
    if lacks_openssh("blocks_conditions_and_words") {
        return;
    }
    // What is read again is complete: neither Match nor an address stands in it.
    let found: Vec<String> = cases(include_str!("config/files.txt"))
        .filter_map(|config| difference(&config, &["h"], &["user", "hostkeyalias"]))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Included files: in order, within their block, each with the permissions of its own.
#[test]
fn included_files() {
    if lacks_openssh("included_files") {
        return;
    }
    let run = |main: &str, files: &[(&str, &str)]| {
        let case = Case::new("", &["h"]);
        let directory = case.directory.path().display().to_string();
        for (name, content) in files {
            let path = case.directory.write(name, content.replace("DIR", &directory));
            let mode = if name.ends_with("open") { 0o666 } else { 0o644 };
            std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
        }
        case.directory.write("c", main.replace("DIR", &directory));
        let (theirs, ours) = (case.run(&ssh()), case.run(&tssh_binary()));
        let wanted = ["port ", "user ", "compression "];
        let values = |printed: &Printed| {
            let lines = printed.text.lines().filter(|l| wanted.iter().any(|w| l.starts_with(w)));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let what = format!("{main:?} {files:?}");
        assert_eq!((ours.status, values(&ours)), (theirs.status, values(&theirs)), "{what}");
        assert_eq!(ours.complaint, theirs.complaint, "{what}");
    };
    let two = [("2.conf", "Host h\nPort 2\n"), ("1.conf", "Host x\nPort 1\nHost *\nUser one\n")];
    run("Include DIR/*.conf\nCompression yes\n", &two);
    run("Host x\nInclude DIR/*.conf\nHost *\nCompression yes\n", &two);
    run("Host h\nInclude DIR/*.conf DIR/none*\nCompression yes\n", &two);
    run("Match host x\nInclude DIR/[12].conf\nMatch all\nCompression yes\n", &two);
    run("Include \"DIR/1.conf\" # and\nPort 9\n", &two);
    run(
        "Include DIR/deep\n",
        &[("deep", "Host h\nInclude DIR/deeper\nPort 3\n"), ("deeper", "Port 4\n")],
    );
    run("Host x\nInclude DIR/bad\n", &[("bad", "Nonsense 1\n")]);
    run("Include DIR/self\n", &[("self", "Include DIR/self\n")]);
    run("Include DIR/open\n", &[("open", "Port 5\n")]);
    run("Include DIR/missing\nPort 6\n", &[]);
}

/// Names are completed and aliases followed as the resolver knows them: with a hosts file of the
/// test's own, in a mount namespace.
#[test]
fn full_names() {
    if lacks_openssh("full_names") {
        return;
    }
    if let Err(reason) = openssh::can_make_guests() {
        return skip("full_names", &reason);
    }
    let hosts = "127.0.0.1 localhost\n127.0.0.2 h.one.example.\n127.0.0.3 h.two.example.\n\
                 127.0.0.4 real.example alias\n127.0.0.5 dotted.example.\n";
    for config in [
        "CanonicalDomains none.example two.example one.example",
        "CanonicalDomains one.example | Match canonical | Port 7 | Host h.one.example | User u",
        "CanonicalDomains one.example | Match host h.one.example | Port 7 | Host h | User u",
        "CanonicalDomains one.example | CanonicalizeMaxDots 0 | HostName h.x",
        "CanonicalDomains one.example | ProxyCommand none",
        "CanonicalDomains one.example | ProxyCommand x",
        "CanonicalizeHostname always | CanonicalDomains one.example | ProxyCommand x",
        "HostName dotted.example.",
        "HostName alias | CanonicalizePermittedCNAMEs ali*:real.*",
        "HostName alias | CanonicalizePermittedCNAMEs other:real.*",
        "HostName alias | CanonicalizePermittedCNAMEs ali*:*.org",
        "CanonicalizeHostname no | HostName alias | CanonicalizePermittedCNAMEs ali*:real.*",
    ] {
        let config = format!("{}\nCanonicalizeHostname yes\n", config.replace(" | ", "\n"));
        let case =
            Case::new(&config.replace("\nMatch", "\nCanonicalizeHostname yes\nMatch"), &["h"]);
        let file = case.directory.write("hosts", hosts);
        let run = |program: &Path| {
            let mut command = Command::new("unshare");
            command.args(["--mount", "--propagation", "private", "sh", "-c"]);
            command.arg("mount --bind \"$0\" /etc/hosts && exec \"$@\"").arg(&file).arg(program);
            command.args(["-G", "-F", "c", "h"]).current_dir(case.directory.path());
            let output = command.stdin(Stdio::null()).output().expect("unshare runs");
            let lines = text(&output.stdout);
            let wanted = ["hostname ", "port ", "user "];
            let lines = lines.lines().filter(|line| wanted.iter().any(|w| line.starts_with(w)));
            (output.status.code(), lines.map(str::to_owned).collect::<Vec<_>>())
        };
        assert_eq!(run(&tssh_binary()), run(&ssh()), "{config}");
    }
}

#[test]
fn bad_values() {
    if lacks_openssh("bad_values") {
        return;
    }
    let found: Vec<String> = cases(include_str!("config/refused.txt"))
        .filter_map(|config| refusal(&config, &["h"]))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// `RemoteCommand` and `LocalCommand` run, with their tokens; `-o` cannot be had with a command.
#[test]
fn commands_of_the_configuration() {
    if lacks_openssh("commands_of_the_configuration") {
        return;
    }
    let server = Server::with_lines(&[]);
    let local = "LocalCommand=printf 'local %%s;' \"%n %h %T %%\"";
    let options =
        ["-oPermitLocalCommand=yes", "-o", local, "-oRemoteCommand=echo remote %r; exit 3"];
    let ran = run(&mut client_command(&tssh_binary(), &server, &options, &[]));
    ran.expect_code(3);
    let expected = format!("local 127.0.0.1 127.0.0.1 NONE %;remote {}\n", server.user());
    assert_eq!(text(&ran.stdout), expected);
    let options = ["-o", local, "-oRemoteCommand=x"];
    let ran = run(&mut client_command(&tssh_binary(), &server, &options, &["true"]));
    ran.expect_code(255);
    assert!(ran.stderr.contains("Cannot execute command-line and remote command."), "{ran:?}");
    let ran = run(&mut client_command(&tssh_binary(), &server, &["-o", local], &["true"]));
    assert_eq!(text(&ran.stdout), "", "nobody permitted it");
}

/// The same queries as the machine's ssh, and no answer that it does not know.
#[test]
fn queries() {
    if lacks_openssh("queries") {
        return;
    }
    let ask = |program: &Path, query: &str| {
        let output = Command::new(program).args(["-Q", query]).output().expect("-Q runs");
        let text = format!("{}{}", text(&output.stdout), text(&output.stderr)).replace('\r', "");
        (output.status.code(), text)
    };
    let (_, help) = ask(&ssh(), "help");
    let queries: Vec<&str> = help.lines().filter(|query| *query != "kex-gss").collect();
    assert_eq!(ask(&tssh_binary(), "help"), (Some(0), format!("{}\n", queries.join("\n"))));
    for query in queries.into_iter().chain(["Ciphers", "hostkeyalgorithms", "MACS"]) {
        let (_, theirs) = ask(&ssh(), query);
        let (status, ours) = ask(&tssh_binary(), query);
        assert_eq!(status, Some(0), "{query}");
        // Newer than the ssh of this machine.
        let known = |name: &str| name.starts_with("mlkem768") || theirs.lines().any(|l| l == name);
        let strange: Vec<&str> =
            ours.lines().filter(|name| !name.is_empty() && !known(name)).collect();
        assert!(strange.is_empty(), "{query}: {strange:?}");
    }
    assert_eq!(ask(&tssh_binary(), "foo"), ask(&ssh(), "foo"));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
