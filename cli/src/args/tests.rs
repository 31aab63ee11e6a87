use super::*;
use crate::config::options::{AddressFamily, RequestTty, SessionType};
use crate::log::Level;

fn account() -> Account {
    Account { name: "me".into(), uid: 0, home: "/nowhere".into(), shell: "/bin/sh".into() }
}

fn run(words: &[&str]) -> Result<Invocation> {
    parse(words, &account())
}

#[track_caller]
fn connect(words: &[&str]) -> Arguments {
    match run(words) {
        Ok(Invocation::Connect(arguments)) => *arguments,
        other => panic!("{words:?}: {other:?}"),
    }
}

#[track_caller]
fn refused(words: &[&str]) -> String {
    run(words).expect_err("refused").message
}

#[test]
fn flags_cluster_and_values_attach() {
    let a = connect(&["-vvnNF", "file", "-p2222", "-oPort=1", "-lme2", "h"]);
    assert_eq!(a.options.log_level, Some(Level::Debug2));
    assert_eq!(a.options.stdin_null, Some(true));
    assert_eq!(a.options.session_type, Some(SessionType::None));
    assert_eq!(a.config_file, Some("file".into()));
    assert_eq!(a.options.port, Some(2222), "the first one counts");
    assert_eq!(a.options.user.as_deref(), Some("me2"));
    assert_eq!(connect(&["-ttq", "h"]).options.request_tty, Some(RequestTty::Force));
    assert_eq!(connect(&["-4v", "h"]).options.address_family, Some(AddressFamily::Inet));
    assert_eq!(connect(&["-vE/tmp/log", "h"]).log_file, Some("/tmp/log".into()));
}

#[test]
fn options_may_stand_behind_the_host_and_the_command_begins_after_them() {
    let a = connect(&["h", "-p", "7", "-v", "ls", "-l", "--", "x"]);
    assert_eq!(a.options.port, Some(7));
    assert_eq!(a.command.as_deref(), Some(&b"ls -l -- x"[..]));
    assert_eq!(connect(&["h", "--", "-v"]).command.as_deref(), Some(&b"-v"[..]));
    let a = connect(&["--", "h", "-v"]);
    assert_eq!((a.options.log_level, a.command.as_deref()), (None, Some(&b"-v"[..])));
    assert_eq!(
        connect(&["-l", "u", "-s", "--", "h", "sftp"]).command.as_deref(),
        Some(&b"sftp"[..])
    );
    assert_eq!(connect(&["h"]).command, None);
    // Words are joined, empty ones included, as ssh joins them.
    assert_eq!(connect(&["h", "a", "", "b"]).command.as_deref(), Some(&b"a  b"[..]));
}

#[test]
fn destinations() {
    let of = |text: &str| {
        let a = connect(&[text]);
        (a.options.user.unwrap_or_default(), a.host, a.options.port.unwrap_or(0))
    };
    let is = |user: &str, host: &str, port| (user.to_owned(), host.to_owned(), port);
    assert_eq!(of("h"), is("", "h", 0));
    assert_eq!(of("u@h"), is("u", "h", 0));
    assert_eq!(of("a@b@h"), is("a@b", "h", 0), "the last @ counts");
    assert_eq!(of("user:style@h"), is("user:style", "h", 0));
    assert_eq!(of("ssh://u@h:77"), is("u", "h", 77));
    assert_eq!(of("ssh://u%40v@[::1]:77/"), is("u@v", "::1", 77));
    assert_eq!(of("ssh://h"), is("", "h", 0));
    for bad in ["@h", "ssh://h/path", "ssh://h:0", "ssh://h:x", "ssh://@h", "ssh://u%0@h"] {
        assert_eq!(refused(&[bad]), USAGE, "{bad}");
    }
    assert_eq!(connect(&["-l", "first", "u@h"]).options.user.as_deref(), Some("first"));
}

#[test]
fn names_that_a_shell_would_run_are_refused() {
    assert_eq!(refused(&["--", "-oProxyCommand=x"]), "hostname contains invalid characters");
    assert_eq!(refused(&["a b"]), "hostname contains invalid characters");
    assert_eq!(refused(&["x`id`@h"]), "remote username contains invalid characters");
}

#[test]
fn bad_command_lines_are_refused_in_ssh_words() {
    assert_eq!(refused(&[]), USAGE);
    assert_eq!(refused(&["-p", "0", "h"]), "Bad port '0'");
    assert_eq!(refused(&["-p", "65536", "h"]), "Bad port '65536'");
    assert_eq!(refused(&["-p", "2000blah", "h"]), "Bad port '2000blah'");
    assert_eq!(refused(&["-L", "1", "h"]), "Bad local forwarding specification '1'");
    assert!(refused(&["-L", "udp/53:ns:53", "h"]).contains("TCP and Unix streams only"));
    assert_eq!(refused(&["-c", "foo", "h"]), "Unknown cipher type 'foo'");
    assert_eq!(refused(&["-m", "foo", "h"]), "Unknown mac type 'foo'");
    assert_eq!(refused(&["-e", "foo", "h"]), "Bad escape character 'foo'.");
    assert_eq!(refused(&["-1", "h"]), "SSH protocol v.1 is no longer supported");
    assert_eq!(
        refused(&["-o", "foo=bar", "h"]),
        "command-line: line 0: Bad configuration option: foo"
    );
    assert_eq!(refused(&["-oPort=abc", "h"]), "command-line line 0: Bad port 'abc'.");
    assert!(refused(&["-z", "h"]).starts_with("unknown option -- z\nusage: "));
    assert!(refused(&["h", "-p"]).starts_with("option requires an argument -- p\nusage: "));
    assert!(refused(&["--nosuch", "h"]).contains("--nosuch"));
}

#[test]
fn every_option_works_or_is_refused_with_the_reason() {
    for row in options::OPTIONS {
        let value = match row.letter {
            'c' => "aes128-ctr",
            'D' | 'p' => "1080",
            'L' | 'R' => "1:a:2",
            'm' => "hmac-sha2-256",
            'o' => "Port=1",
            'O' => "check",
            'Q' => "kex",
            'W' => "a:1",
            'e' => "~",
            _ => "x",
        };
        let option = format!("-{}", row.letter);
        let words = match row.value {
            "" => vec![option.as_str(), "h"],
            _ => vec![option.as_str(), value, "h"],
        };
        match (run(&words), row.refused) {
            (Ok(_), None) => {}
            (Err(fatal), Some(reason)) => {
                assert!(fatal.message.contains(reason), "{option}: {}", fatal.message);
                assert_eq!(fatal.message.lines().count(), 1, "{option}");
            }
            (result, refused) => panic!("{option}: {result:?}, and the table has {refused:?}"),
        }
    }
}

/// S31, S56: the options of forwarding, and what `-W` implies.
#[test]
fn forwards_of_every_kind() {
    let o = connect(&["-L1:a:2", "-R", "3:b:4", "-R5", "-D6", "-D", "[::1]:0", "h"]).options;
    let shown = |list: Vec<String>| list.join(" | ");
    assert_eq!(shown(o.local_forward.iter().map(ToString::to_string).collect()), "1 [a]:2");
    let remote = o.remote_forward.iter().map(ToString::to_string).collect();
    assert_eq!(shown(remote), "3 [b]:4 | 5 [socks]:0");
    let dynamic = o.dynamic_forward.iter().map(ToString::to_string).collect();
    assert_eq!(shown(dynamic), "6 | [::1]:0");
    let o = connect(&["-W", "[::1]:22", "-L1:a:2", "h"]).options;
    let settings = crate::config::forwards::ForwardSettings::of(&o);
    assert!(settings.stdio.is_some() && settings.is_empty() && settings.exit_on_failure);
    assert_eq!(o.request_tty, Some(crate::config::options::RequestTty::No));
    for (words, text) in [
        (["-W", "a"], "Bad stdio forwarding specification 'a'"),
        (["-W", "a:0"], "Bad stdio forwarding specification 'a:0'"),
        (["-R", "x"], "Bad remote forwarding specification 'x'"),
        (["-D", "x"], "Bad dynamic forwarding specification 'x'"),
    ] {
        assert_eq!(refused(&[words[0], words[1], "h"]), text);
    }
    let file = connect(&["--port-file", "f", "--any-family", "h"]);
    assert_eq!((file.port_file, file.any_family), (Some("f".into()), true));
    assert_eq!(connect(&["--port-file=f", "h"]).port_file, Some("f".into()));
    assert!(refused(&["h", "--port-file"]).starts_with("option requires an argument"));
}

#[test]
fn long_options_and_the_version() {
    assert!(connect(&["-GF", "none", "h"]).print_config);
    assert_eq!(run(&["--help"]), Ok(Invocation::Help));
    assert_eq!(run(&["--help", "host"]), Ok(Invocation::Help));
    for words in [&["--help", "forwarding"][..], &["--help=forwarding"]] {
        assert!(
            matches!(run(words), Ok(Invocation::Print(text)) if text.contains("listening side"))
        );
    }
    assert!(run(&["--help=nothing"]).is_err());
    assert_eq!(run(&["--version"]), Ok(Invocation::Version));
    assert_eq!(run(&["--demo"]), Ok(Invocation::Demo));
    for words in [&["--man=tssh_config"][..], &["--completions", "zsh"], &["-Q", "mac"]] {
        assert!(matches!(run(words), Ok(Invocation::Print(_))), "{words:?}");
    }
    assert!(refused(&["--man"]).contains("tssh_config"));
    assert!(connect(&["-y", "h"]).syslog);
    assert_eq!(connect(&["-B", "lo", "h"]).options.bind_interface.as_deref(), Some("lo"));
    assert_eq!(connect(&["-P", "work", "h"]).options.tag.as_deref(), Some("work"));
    assert_eq!(run(&["-vV"]), Ok(Invocation::VersionToStderr));
}

#[test]
fn forwards_and_service_names() {
    let attached = connect(&["-L2001:localhost:imap", "h"]);
    assert_eq!(attached.options, connect(&["-L", "2001:localhost:143", "h"]).options);
    assert_eq!(connect(&["-p", "ssh", "h"]).options.port, Some(22));
}

#[test]
fn traces_are_asked_for_on_the_command_line_alone() {
    use crate::trace::Format;
    use crate::trace::tool::Tool;
    let a = connect(&["--trace", "jsonl", "f", "h", "--trace=text", "g", "--keylog=k", "ls"]);
    assert_eq!(a.trace.files, [(Format::Jsonl, "f".into()), (Format::Text, "g".into())]);
    assert_eq!((a.host.as_str(), a.command.as_deref()), ("h", Some(&b"ls"[..])));
    assert_eq!(a.trace.keylog, Some("k".into()));
    let tool = |words: &[&str]| match run(words) {
        Ok(Invocation::Trace(tool)) => tool,
        other => panic!("{words:?}: {other:?}"),
    };
    let convert = tool(&["--trace-convert", "f", "--to", "text", "--trace-secrets"]);
    assert_eq!(convert, Tool::Convert("f".into(), Format::Text, true));
    let scrub = tool(&["--trace-scrub=f", "--trace-redact=names"]);
    assert_eq!(scrub, Tool::Scrub("f".into(), true));
    assert_eq!(tool(&["--trace-check-shareable", "f"]), Tool::Check("f".into()));
    let Tool::Replay(replay) = tool(&["--replay", "f", "--stop-at", "7", "--trace=text", "g"])
    else {
        panic!("no replay");
    };
    assert_eq!((replay.stop_at, replay.trace.files.len()), (Some(7), 1));
    assert!(refused(&["--replay", "f", "--record", "g"]).contains("takes no --record"));
    assert_eq!(connect(&["--record", "f", "h"]).trace.record, Some("f".into()));
    assert!(refused(&["--trace-convert", "f"]).contains("the format is missing"));
    assert!(refused(&["--trace", "xml", "f", "h"]).contains("text, jsonl, html, pcapng"));
    assert!(refused(&["--trace-scrub", "f", "h"]).contains("takes no h"));
    assert!(refused(&["--trace-check-shareable"]).contains("requires an argument"));
    assert!(refused(&["-v", "--lab", "local"]).contains("--lab comes first"));
}
