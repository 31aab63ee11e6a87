//! `--record` and `--replay`: a live session is written down whole, and run again bit for bit
//! where there is no network; no changed byte of the server's is taken.

use crate::support::{MARKER, events, lacks_openssh, server, session, text, tssh};
use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::process::run;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::{client_command, tssh_binary, tsshd_binary};
use tssh_transport::trace::{Event, Kind};
use tssh_transport::transcript::Transcript;

/// Changed bytes that are tried.
const FLIPS: u64 = 200;

/// A recorded session with a forward that carries data, new keys, and a command.
fn recorded(options: &[&str]) -> Option<(tssh_interop_tests::openssh::Server, std::path::PathBuf)> {
    let (server, key) = server(&["RekeyLimit 32K"]);
    let path = server.folder().join("recording");
    let done = session(&server, &key, &[options, &["-q", "--record", text(&path)]].concat(), "id");
    let warnings = done.finished.stderr.matches("WARNING").count();
    assert_eq!(warnings, 2, "start and end, with -q too: {}", done.finished.stderr);
    Some((server, path))
}

/// Values of a kind of event, without time and number.
fn of_kind(events: &[Event], kind: Kind) -> Vec<String> {
    let own = events.iter().filter(|event| event.kind == kind);
    own.map(|event| format!("{:?}", event.values)).collect()
}

#[test]
fn a_live_session_replays_bit_for_bit_and_without_a_network() {
    let test = "replay::a_live_session_replays_bit_for_bit_and_without_a_network";
    if lacks_openssh(test) {
        return;
    }
    let live = std::env::temp_dir().join(format!("tssh-live-{}.jsonl", std::process::id()));
    let (server, path) = recorded(&["--trace", "jsonl", text(&live)]).expect("a recording");
    let mode = std::fs::metadata(&path).expect("a recording").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = server.folder().join("again.jsonl");
    let twice = server.folder().join("twice.jsonl");
    let words = ["--replay", text(&path), "--trace", "jsonl"];
    let first = tssh(&[&words[..], &[text(&again)]].concat());
    let second = tssh(&[&words[..], &[text(&twice)]].concat());
    for done in [&first, &second] {
        done.expect_code(0);
        assert!(done.text().contains("\nidentical: ") && done.stderr.is_empty(), "{}", done.stderr);
    }
    assert_eq!(first.stdout, second.stdout);
    let read = |path: &Path| std::fs::read(path).expect("a trace");
    assert_eq!(read(&again), read(&twice));
    // The same packets, windows, channels and choices as when it was live.
    let (live_events, replayed) = (events(&live), events(&again));
    std::fs::remove_file(&live).expect("the live trace");
    for kind in [Kind::Ident, Kind::Packet, Kind::Decision, Kind::Window, Kind::Channel, Kind::Auth]
    {
        let (one, other) = (of_kind(&live_events, kind), of_kind(&replayed, kind));
        assert!(!one.is_empty() && one == other, "{kind:?}: {} and {}", one.len(), other.len());
    }
    if !Path::new("/usr/bin/strace").exists() {
        return skip(test, "no strace");
    }
    let calls = server.folder().join("calls");
    let mut line = Command::new("strace");
    line.args(["-f", "-e", "trace=%network", "-o", text(&calls)]).arg(tssh_binary());
    run(line.args(["--replay", text(&path)])).expect_code(0);
    let calls = std::fs::read_to_string(&calls).expect("the calls");
    assert!(!calls.contains("socket(") && !calls.contains("connect("), "{calls}");
}

/// The state behind a packet: the phase, the keys, the channels with their windows.
#[test]
fn the_state_behind_a_packet_is_shown() {
    if lacks_openssh("replay::the_state_behind_a_packet_is_shown") {
        return;
    }
    let (_server, path) = recorded(&[]).expect("a recording");
    let at = |number: &str| tssh(&["--replay", text(&path), "--stop-at", number]);
    let early = at("2");
    early.expect_code(0);
    let early = early.text();
    assert!(early.contains("behind packet 2:\n  phase: first key exchange"), "{early}");
    assert!(early.contains("keys changed 0 times, no protection yet"), "{early}");
    let data = tssh(&["--replay", text(&path)]).text();
    let data = data.lines().find(|line| line.ends_with("SSH_MSG_CHANNEL_DATA")).expect("data");
    let number = data.split_whitespace().next().expect("its number");
    let late = at(number).text();
    assert!(late.contains("  phase: connection (RFC 4254)"), "{late}");
    assert!(late.contains("window: the client may send ") && late.contains("strict key"), "{late}");
    let none = at("999999");
    none.expect_code(255).expect_stderr("and no number 999999");
    tssh(&["--replay", text(&path), "--flip", "1:0"]).expect_code(255).expect_stderr("our own");
    tssh(&["--replay", text(&path), "--flip", "x"]).expect_code(255).expect_stderr("--flip takes");
}

/// S20: bytes of the server's, drawn from all of its stream, cleartext padding left out.
#[test]
fn two_hundred_changed_bytes_are_refused_with_their_rule() {
    if lacks_openssh("replay::two_hundred_changed_bytes_are_refused_with_their_rule") {
        return;
    }
    let (server, path) = recorded(&[]).expect("a recording");
    let trace = server.folder().join("trace.jsonl");
    tssh(&["--replay", text(&path), "--trace", "jsonl", text(&trace)]).expect_code(0);
    // Number, length, and where cleartext padding begins, of each of the server's packets.
    let mut packets = Vec::new();
    for event in events(&trace).iter().filter(|event| event.kind == Kind::Packet) {
        let v = &event.values;
        packets.push((
            v.text("dir") == "s2c",
            v.number("wire_len"),
            match v.number("epoch") {
                0 => v.number("wire_len") - v.number("pad"),
                _ => v.number("wire_len"),
            },
        ));
    }
    let all: u64 = packets.iter().filter(|(theirs, ..)| *theirs).map(|(_, _, end)| end).sum();
    let mut seed = u64::from(std::process::id());
    println!("seed {seed}, {all} bytes");
    let mut rules = BTreeMap::<String, u32>::new();
    for _ in 0..FLIPS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut at = (seed >> 16) % all;
        let mut number = 0;
        for (theirs, _, end) in &packets {
            number += 1;
            if !*theirs {
                continue;
            }
            if at < *end {
                break;
            }
            at -= end;
        }
        let flip = format!("{number}:{at}:{}", (seed >> 60) % 8);
        let done = tssh(&["--replay", text(&path), "--flip", &flip]);
        let told = done.text();
        done.expect_code(1);
        let rule = told.rsplit_once(" [").map(|(_, rule)| rule.trim_end());
        let rule = rule.filter(|rule| rule.starts_with("RFC ") && rule.ends_with(']'));
        let rule = rule.unwrap_or_else(|| panic!("--flip {flip} names no rule: {told}"));
        assert!(told.contains("\nrefused"), "--flip {flip}: {told}");
        *rules.entry(rule.to_owned()).or_default() += 1;
    }
    println!("{rules:?}");
    assert!(rules.keys().any(|rule| rule.starts_with("RFC 4253 section 6.4")));
    // What nothing protects, and what is said of it.
    let newkeys = packets.iter().position(|(theirs, len, end)| *theirs && end < len);
    let number = newkeys.expect("a packet in the clear") + 1;
    let padding = format!("{number}:{}", packets[number - 1].2);
    let done = tssh(&["--replay", text(&path), "--flip", &padding]);
    done.expect_code(0);
    assert!(done.text().contains("not refused: padding before encryption"), "{}", done.text());
}

/// Nobody chooses the seed of a live connection, so no two sessions are alike; and what a
/// recording holds of the user's key is a signature.
#[test]
fn no_option_seeds_a_live_connection() {
    if lacks_openssh("replay::no_option_seeds_a_live_connection") {
        return;
    }
    let (server, key) = server(&[]);
    let texts = ["one", "two"].map(|name| {
        let path = server.folder().join(name);
        session(&server, &key, &["-q", "--record", text(&path)], "true");
        std::fs::read_to_string(&path).expect("a recording")
    });
    let [one, two] = texts.each_ref().map(|text| Transcript::parse(text).expect("a recording"));
    assert_ne!(one.seed().expect("a seed"), two.seed().expect("a seed"));
    let cookie = |t: &Transcript<'_>| {
        let sent = t.lines().iter().find(|line| line.call == "t transmitted").expect("bytes");
        sent.arguments.to_owned()
    };
    assert_ne!(cookie(&one), cookie(&two));
    for option in ["--seed", "--seed=1", "--record-seed", "--replay-seed", "--entropy"] {
        tssh(&[option, "1", "127.0.0.1"]).expect_code(255).expect_stderr("unknown option");
    }
    for line in ["Seed=1", "RandomSeed=1", "Record=/x", "Replay=/x"] {
        let done = run(&mut client_command(&tssh_binary(), &server, &["-o", line], &["true"]));
        done.expect_code(255).expect_stderr("Bad configuration option");
    }
    run(Command::new(tsshd_binary()).args(["--record", "x"])).expect_stderr("unknown option");
    assert!(one.lines().iter().any(|line| line.arguments.starts_with("signature ")));
    let private = std::fs::read_to_string(&key).expect("the key");
    for line in private.lines().filter(|line| line.len() > 60) {
        assert!(!texts.iter().any(|text| text.contains(line)), "a line of the private key");
    }
    let secret = tssh_transport::key::parse_private_key(private.as_bytes(), None);
    assert!(secret.is_ok(), "the key is one that could be looked for");
    assert!(one.value("holds").is_ok_and(|holds| holds.contains("password")));
    let data: String = MARKER.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(texts[0].contains(&data), "it does hold what was sent");
}

#[test]
fn a_recording_is_made_safely_and_a_full_disk_ends_it_alone() {
    if lacks_openssh("replay::a_recording_is_made_safely_and_a_full_disk_ends_it_alone") {
        return;
    }
    let (server, key) = server(&[]);
    let folder = server.folder();
    let own = |path: &Path, command: &str| {
        let mut line = client_command(&tssh_binary(), &server, &["--record", text(path)], &[]);
        line.arg("-i").arg(&key).arg(command);
        line
    };
    let link = folder.join("link");
    symlink(folder.join("elsewhere"), &link).expect("a link");
    let open = folder.join("open");
    std::fs::create_dir(&open).expect("a folder");
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).expect("a mode");
    for (path, words) in [
        (link.as_path(), "symbolic link"),
        (Path::new("/dev/null"), "regular file"),
        (folder.path(), "directory"),
        (&open.join("r"), "anybody"),
    ] {
        run(&mut own(path, "true")).expect_code(255).expect_stderr(words);
    }
    assert!(!folder.join("elsewhere").exists());
    let path = folder.join("recording");
    let command = own(&path, "head -c 300000 /dev/zero | wc -c");
    let mut line = Command::new("sh");
    line.args(["-c", "trap '' XFSZ; ulimit -f 20; exec \"$0\" \"$@\""]).arg(command.get_program());
    let done = run(line.args(command.get_args()));
    done.expect_code(0);
    assert_eq!(done.text().trim(), "300000", "{}", done.stderr);
    assert_eq!(done.stderr.matches("ends here").count(), 1, "{}", done.stderr);
    // What there is of it can still be replayed.
    tssh(&["--replay", text(&path)]).expect_code(0).expect_stderr("cut short");
}
