//! What a connection is like from outside, and how long its channels live: IPQoS,
//! ObscureKeystrokeTiming, ChannelTimeout, and how tssh differs from ssh on purpose.

use crate::support::{Forward, connect, lacks_openssh};
use std::io::{Read, Write};
use std::process::Command;
use tssh_interop_tests::openssh::{Server, ServerOptions, free_port};
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::terminal::Terminal;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::{client_command, is_stand_in, tssh, tssh_binary};

#[test]
fn the_type_of_service_follows_the_kind_of_session() {
    if lacks_openssh("quality::the_type_of_service_follows_the_kind_of_session") {
        return;
    }
    let server = Server::with_lines(&[]);
    let said = |options: &[&str]| {
        let mut all = vec!["-vvv", "-o", "IPQoS=af21 cs1"];
        all.extend(options);
        tssh(&server, &all, &["true"]).stderr
    };
    assert!(said(&[]).contains("TOS 0x20"), "a command");
    assert!(said(&["-tt"]).contains("TOS 0x48"), "a terminal");
    let socket = format!("-S{}", server.folder().join("c").display());
    for (options, value) in [(&["-N"][..], "TOS 0x48"), (&["-MN", &socket], "TOS 0x20")] {
        let all = [&["-vvv", "-oIPQoS=af21 cs1"], options].concat();
        let process = Process::spawn(&mut client_command(&tssh_binary(), &server, &all, &[]));
        assert!(process.stderr.wait_for(value, PATIENCE), "{options:?}: {}", process.output());
    }
    let mut command = client_command(&tssh_binary(), &server, &["-vvv", "-oIPQoS=none"], &["true"]);
    let none = run(&mut command);
    assert!(!none.expect_code(0).stderr.contains("TOS 0x"), "{}", none.stderr);
}

/// Scripts count them.
#[test]
fn new_keys_are_told_of_once_in_each_direction() {
    if lacks_openssh("quality::new_keys_are_told_of_once_in_each_direction") {
        return;
    }
    let server = Server::with_lines(&[]);
    let said = tssh(&server, &["-v"], &["true"]).stderr;
    for line in ["SSH2_MSG_NEWKEYS sent", "SSH2_MSG_NEWKEYS received"] {
        assert_eq!(said.matches(line).count(), 1, "{said}");
    }
}

#[test]
fn an_idle_channel_is_closed_and_a_busy_one_is_not() {
    const NAME: &str = "quality::an_idle_channel_is_closed_and_a_busy_one_is_not";
    if lacks_openssh(NAME) {
        return;
    }
    if is_stand_in() {
        return skip(NAME, "ssh before 9.2 has no ChannelTimeout of its client");
    }
    let server = Server::with_lines(&[]);
    let echo = Service::start(Toy::Echo);
    let options = ["-v", "-o", "ChannelTimeout=direct-tcpip=1"];
    let forward = Forward::start(&server, &options, echo.port());
    let mut idle = connect(forward.port);
    // It moves now and then, and so it stays.
    let mut busy = connect(forward.port);
    busy.set_nodelay(true).expect("small packets");
    idle.set_nonblocking(false).expect("a waiting read");
    let reader = std::thread::spawn(move || idle.read(&mut [0; 1]).unwrap_or(0));
    while !reader.is_finished() {
        busy.write_all(b"x").and_then(|()| busy.read_exact(&mut [0; 1])).expect("an echo");
    }
    assert_eq!(reader.join().expect("no panic"), 0, "the idle one has ended");
    busy.write_all(b"x").and_then(|()| busy.read_exact(&mut [0; 1])).expect("an echo");
    assert!(forward.process.stderr.wait_for("(ChannelTimeout)", PATIENCE));
}

#[test]
fn an_idle_session_ends_the_client() {
    const NAME: &str = "quality::an_idle_session_ends_the_client";
    if lacks_openssh(NAME) {
        return;
    }
    if is_stand_in() {
        return skip(NAME, "ssh before 9.2 has no ChannelTimeout of its client");
    }
    let server = Server::with_lines(&[]);
    let options = ["-o", "ChannelTimeout=session=1"];
    let command = &mut client_command(&tssh_binary(), &server, &options, &["cat"]);
    let mut process = Process::spawn(command);
    // Its standard input stays open, so that nothing else can end it.
    let status = process.wait_for_exit(PATIENCE).expect("an end");
    assert_eq!(status.code(), Some(255), "{}", process.output());
}

/// What is typed arrives, and chaff is answered: by a server that takes it.
#[test]
fn keystrokes_arrive_at_the_ticks_of_a_clock() {
    const NAME: &str = "quality::keystrokes_arrive_at_the_ticks_of_a_clock";
    if is_stand_in() {
        return skip(NAME, "it counts what tssh says of its chaff");
    }
    let server = Server::start_tsshd(&ServerOptions::default());
    let options = ["-t", "-vvv", "-o", "ObscureKeystrokeTiming=interval:40"];
    let command = client_command(&tssh_binary(), &server, &options, &["PS1= exec sh"]);
    let mut terminal = Terminal::start(&command, 80, 24);
    terminal.expect("obfuscating keystroke timing");
    for key in "echo mark$((40+2))\r".chars() {
        terminal.type_in(&key.to_string());
    }
    terminal.expect("mark42");
    terminal.expect("chaff");
    // A paste is not slowed down to one packet a tick.
    let long = "x".repeat(900);
    terminal.type_in(&format!("echo {long} | wc -c; exit 5\r"));
    terminal.expect("901");
    let status = terminal.process.wait_for_exit(PATIENCE).expect("an end");
    assert_eq!(status.code(), Some(5), "{}", terminal.screen.text());
}

/// S27: the one-argument form makes the forward, or is an error with file and line.
#[test]
fn where_tssh_differs_on_purpose_it_can_be_told_not_to() {
    const NAME: &str = "quality::where_tssh_differs_on_purpose_it_can_be_told_not_to";
    if is_stand_in() {
        return skip(NAME, "ssh has no such option");
    }
    let folder = Scratch::new();
    for (line, printed, complaint) in [
        (
            "LocalForward \"2001:localhost:143\"",
            "localforward 2001 [localhost]:143",
            "Missing target argument.",
        ),
        ("RemoteForward 2001:S:143", "remoteforward 2001 [S]:143", "Bad forwarding specification."),
    ] {
        let file = folder.write("config", format!("Host h\n  {line}\n"));
        let print = |options: &[&str]| {
            let mut command = Command::new(tssh_binary());
            run(command.args(options).arg("-G").arg("-F").arg(&file).arg("h"))
        };
        let ours = print(&[]);
        assert!(ours.expect_code(0).text().contains(printed), "{}", ours.text());
        let place = format!("{} line 2: {complaint}", file.display());
        print(&["--strict-openssh"]).expect_code(255).expect_stderr(&place);
    }
    let strict = Command::new(tssh_binary())
        .args(["--strict-openssh", "-F", "none", "-G", "h"])
        .output()
        .expect("run tssh");
    assert!(String::from_utf8_lossy(&strict.stdout).contains("requiredrsasize 1024\n"));
}

/// M2: with `--strict-openssh` one address of two is enough, as for ssh.
#[test]
fn strictly_one_address_of_two_is_enough() {
    const NAME: &str = "quality::strictly_one_address_of_two_is_enough";
    if lacks_openssh(NAME) {
        return;
    }
    if is_stand_in() {
        return skip(NAME, "ssh has no such option");
    }
    let server = Server::with_lines(&[]);
    let port = free_port();
    let _holder = std::net::TcpListener::bind(("127.0.0.1", port)).expect("a port to hold");
    let spec = format!("{port}:127.0.0.1:9");
    let options = ["-o", "ExitOnForwardFailure=yes", "-L", &spec];
    let mut strict = vec!["--strict-openssh"];
    strict.extend(options);
    tssh(&server, &strict, &["true"]).expect_code(0);
}

/// What both ends say that tssh gave: sshd of a session, tsshd's client of the answer.
#[test]
fn windows_of_a_chosen_size_are_what_the_peer_is_told() {
    const NAME: &str = "quality::windows_of_a_chosen_size_are_what_the_peer_is_told";
    if lacks_openssh(NAME) {
        return;
    }
    if is_stand_in() {
        return skip(NAME, "ChannelWindow is a keyword of our own");
    }
    let server = Server::start(&ServerOptions::with_lines(&["LogLevel DEBUG1"]));
    for (option, bytes) in [("auto", 2 << 20), ("256K", 256 << 10), ("12M", 12 << 20)] {
        let option = format!("ChannelWindow={option}");
        let done = tssh(&server, &["-o", &option], &["head -c 20000000 /dev/zero"]);
        assert_eq!(done.expect_code(0).stdout.len(), 20_000_000, "{option}");
        server.expect_log(&format!("input_channel_open: ctype session rchan 0 win {bytes} max"));
    }
    let wrong = |option: &str| tssh(&server, &["-o", option], &["true"]);
    for (option, words) in [
        ("ChannelWindow=x", "command-line line 0: Bad number 'x': Invalid argument"),
        ("ChannelWindow=1K", "command-line line 0: ChannelWindow too small: at least 32768"),
        ("ChannelMemory=2G", "command-line line 0: ChannelMemory too large: at most 1073741824"),
        ("ChannelWindow=", "command-line line 0: no argument after keyword \"channelwindow\""),
        ("ChannelWindow=16M", "ChannelMemory 33554432 has 12587008 bytes for one channel"),
    ] {
        wrong(option).expect_code(255).expect_stderr(words);
    }
    let printed = |options: &[&str]| {
        let mut command = Command::new(tssh_binary());
        let text = run(command.args(["-F", "none", "-G"]).args(options).arg("h"));
        text.expect_code(0).text()
    };
    let said = printed(&["-oChannelWindow=1M", "-oChannelMemory=1G"]);
    assert!(said.ends_with("channelmemory 1073741824\nchannelwindow 1048576\n"), "{said}");
    assert!(!printed(&[]).contains("channelw"), "ssh reads what is printed");
}
