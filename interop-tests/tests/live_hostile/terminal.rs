//! Texts of a server that are shown: whatever stands in them, no control character arrives.

use crate::support::{client, unavailable};
use tssh_connection::OpenKind;
use tssh_connection::messages::{
    ChannelOpenConfirmation, ChannelOpenFailure, ChannelRequestMsg, GlobalRequestMsg,
};
use tssh_interop_tests::hostile::raw::Raw;
use tssh_interop_tests::hostile::wire::Wire;
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::terminal::Terminal;
use tssh_transport::messages::transport::{Debug, Disconnect, ExtInfo, Ignore};
use tssh_transport::messages::userauth::{
    UserauthBanner, UserauthFailure, UserauthInfoRequest, UserauthPasswdChangereq,
};
use tssh_transport::wire::Writer;

/// Escape sequences, BEL, backspace, DEL, a carriage return alone, C1 in UTF-8 and as a byte, and
/// a character that turns the line around.
const EVIL: &[u8] =
    b"evil\x1b[31m\x07\x08\x7f\x0d\x9b31m\xc2\x9b31m\xe2\x80\xae\x1b]0;t\x07\x00live";

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).string(bytes);
    out
}

/// Ends a connection with an evil word.
fn leave(wire: &mut Wire) {
    wire.say(&Disconnect::new(11, EVIL, EVIL));
    wire.until_the_end();
}

fn before_the_identification(wire: &mut Wire) {
    wire.write(&[EVIL, b"\r\n"].concat());
    if wire.exchange().is_some() {
        leave(wire);
    }
}

fn in_the_identification(wire: &mut Wire) {
    wire.write(&[b"SSH-2.0-", EVIL, b"\r\n"].concat());
    wire.until_the_end();
}

fn in_the_offer(wire: &mut Wire) {
    wire.write(&Raw::hello());
    let mut kexinit = vec![20; 17];
    for _ in 0..10 {
        kexinit.extend(string(EVIL));
    }
    wire.send(&[&kexinit[..], &[0; 5]].concat());
    wire.until_the_end();
}

fn in_a_farewell_in_clear(wire: &mut Wire) {
    wire.write(&Raw::hello());
    leave(wire);
}

fn in_debug_and_extensions(wire: &mut Wire) {
    if wire.exchange().is_none() {
        return;
    }
    let algorithms = [string(b"server-sig-algs"), string(EVIL), string(EVIL), string(EVIL)];
    wire.say(&ExtInfo::new(2, &algorithms.concat()));
    wire.say(&Debug::new(true, EVIL, EVIL));
    wire.say(&Ignore::new(EVIL));
    leave(wire);
}

fn in_the_service(wire: &mut Wire) {
    if wire.exchange().is_some() && wire.until(5).is_some() {
        wire.send(&[&[6], &string(EVIL)[..]].concat());
        wire.until_the_end();
    }
}

fn in_the_banner(wire: &mut Wire) {
    if wire.exchange().is_some() && wire.service().is_some() {
        wire.say(&UserauthBanner::new(EVIL, EVIL));
        leave(wire);
    }
}

fn in_the_list_of_methods(wire: &mut Wire) {
    if wire.exchange().is_some() && wire.service().is_some() {
        wire.send(&[&[51][..], &string(EVIL), &[0]].concat());
        wire.until_the_end();
    }
}

/// The client's next request is made by this method.
fn asks_for(wire: &mut Wire, method: &str) -> Option<()> {
    wire.exchange()?;
    wire.service()?;
    wire.say(&UserauthFailure::new(method, false));
    wire.until(50)?;
    Some(())
}

fn in_prompts(wire: &mut Wire) {
    if asks_for(wire, "keyboard-interactive").is_none() {
        return;
    }
    wire.say(&UserauthInfoRequest::new(EVIL, EVIL, EVIL, 0, b""));
    let prompt = [string(&[EVIL, b" PROMPT"].concat()), vec![1]].concat();
    wire.until(61);
    wire.say(&UserauthInfoRequest::new(EVIL, EVIL, EVIL, 1, &prompt));
    wire.until(61);
    leave(wire);
}

fn in_a_change_of_password(wire: &mut Wire) {
    if asks_for(wire, "password").is_none() {
        return;
    }
    wire.say(&UserauthPasswdChangereq::new(&[EVIL, b" PROMPT"].concat(), EVIL));
    wire.until(50);
    leave(wire);
}

fn in_a_refused_channel(wire: &mut Wire) {
    if wire.log_in("").is_some() && wire.until(90).is_some() {
        wire.say(&ChannelOpenFailure::new(0, 2, EVIL, EVIL));
        leave(wire);
    }
}

fn in_the_end_of_a_program(wire: &mut Wire) {
    if wire.log_in("").is_none() || wire.until(90).is_none() {
        return;
    }
    wire.say(&ChannelOpenConfirmation::new(0, 0, 1 << 20, 1 << 15, b""));
    let ending = [string(EVIL), vec![1], string(EVIL), string(EVIL)].concat();
    wire.say(&ChannelRequestMsg::new(0, EVIL, false, EVIL));
    wire.say(&ChannelRequestMsg::new(0, b"exit-signal", false, &ending));
    leave(wire);
}

/// Whether names that are no UTF-8 end the connection is no matter: what is said of them is.
fn in_what_nobody_asked_for(wire: &mut Wire) {
    if wire.log_in("").is_none() {
        return;
    }
    let evil = String::from_utf8_lossy(EVIL).into_owned();
    wire.say(&GlobalRequestMsg::new(evil.as_bytes(), true, EVIL));
    let kinds = [
        OpenKind::Unknown(evil.clone()),
        OpenKind::X11 { originator_address: evil.clone(), originator_port: 1 },
        OpenKind::ForwardedTcpip {
            address: evil.clone(),
            port: 1,
            originator_address: evil.clone(),
            originator_port: 1,
        },
        OpenKind::ForwardedStreamlocal { path: evil },
    ];
    for kind in kinds {
        let mut open = Vec::new();
        kind.encode(1, 100, 100, &mut open);
        wire.send(&open);
    }
    leave(wire);
}

type Script = fn(&mut Wire);

/// Where a server puts words, and whether somebody has to answer.
const PATHS: [(&str, Script, bool); 13] = [
    ("lines before the identification", before_the_identification, false),
    ("identification", in_the_identification, false),
    ("offer", in_the_offer, false),
    ("farewell in clear", in_a_farewell_in_clear, false),
    ("debug and extensions", in_debug_and_extensions, false),
    ("service", in_the_service, false),
    ("banner", in_the_banner, false),
    ("list of methods", in_the_list_of_methods, false),
    ("prompts", in_prompts, true),
    ("change of password", in_a_change_of_password, true),
    ("refused channel", in_a_refused_channel, false),
    ("end of a program", in_the_end_of_a_program, false),
    ("what nobody asked for", in_what_nobody_asked_for, false),
];

/// The first control character that a peer could have sent, with what stands around it. Lines end
/// with a newline, behind a carriage return where a terminal needs one.
fn control(shown: &[u8]) -> Option<String> {
    let bad = |at: usize| match shown[at] {
        b'\n' | b'\t' => false,
        b'\r' => shown[at..].iter().find(|b| **b != b'\r') != Some(&b'\n'),
        0x80..=0x9f => at == 0 || shown[at - 1] == 0xc2 || shown[at - 1] < 0x80,
        0xae => shown[..at].ends_with(b"\xe2\x80"),
        byte => byte < 0x20 || byte == 0x7f,
    };
    let at = (0..shown.len()).find(|at| bad(*at))?;
    let around = &shown[at.saturating_sub(60)..(at + 20).min(shown.len())];
    Some(around.escape_ascii().to_string())
}

fn is_clean(name: &str, shown: &[u8]) {
    assert!(!shown.is_empty(), "{name}: nothing was said");
    let found = control(shown);
    assert!(found.is_none(), "{name}: {}", found.unwrap_or_default());
}

/// What decides that a text is shown at all.
const OPTIONS: [&str; 3] = ["-vv", "-o", "NumberOfPasswordPrompts=1"];

/// 13 ways for words of a server, to a pipe and to a terminal.
#[test]
fn no_word_of_a_server_controls_a_terminal() {
    if unavailable("terminal::no_word_of_a_server_controls_a_terminal") {
        return;
    }
    let folder = Scratch::new();
    let mut shown = String::new();
    for (name, script, asks) in PATHS {
        let (port, server) = Wire::serve(script);
        let mut process = Process::spawn(&mut client(port, &folder, &OPTIONS, &["true"]));
        let done = process.finish(PATIENCE);
        assert_ne!(done.code, 0, "{name}: {}", done.stderr);
        is_clean(name, &process.stderr.bytes());
        is_clean_or_empty(name, &process.stdout.bytes());
        shown.push_str(&done.stderr);
        server.join().expect("the server ends");

        let (port, server) = Wire::serve(script);
        let mut terminal = Terminal::start(&client(port, &folder, &OPTIONS, &["true"]), 200, 40);
        if asks {
            answer(&mut terminal, name);
        }
        let ended = terminal.process.wait_for_exit(PATIENCE);
        assert!(ended.is_some(), "{name}: {}", terminal.screen.text());
        assert!(terminal.screen.wait_end(PATIENCE));
        is_clean(name, &terminal.screen.bytes());
        server.join().expect("the server ends");
    }
    // Most of it was shown, or nothing has been tested.
    let times = shown.matches("live").count();
    assert!(times >= 12, "{times} in {shown}");
}

fn is_clean_or_empty(name: &str, shown: &[u8]) {
    let found = control(shown);
    assert!(found.is_none(), "{name}: {}", found.unwrap_or_default());
}

/// Types a line at each prompt.
fn answer(terminal: &mut Terminal, name: &str) {
    let prompts: &[&str] = match name {
        "prompts" => &["PROMPT"],
        _ => &["'s password: ", "old password: ", "new password: ", "Retype "],
    };
    for prompt in prompts {
        terminal.expect(prompt);
        terminal.type_in("x\n");
    }
}
