//! Sessions on a terminal.

use crate::support::{remote, ssh, tsshd, unavailable};
use std::time::Duration;
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::terminal::Terminal;
use tssh_interop_tests::tssh::client_command;

#[test]
fn a_command_on_a_terminal_has_one_with_its_name_and_size() {
    if unavailable("terminals::a_command_on_a_terminal_has_one_with_its_name_and_size") {
        return;
    }
    let server = tsshd(&[]);
    let script = "test \"$(tty)\" = \"$SSH_TTY\" && stty size && echo $TERM && exit 3";
    let mut command = client_command(&ssh(), &server, &["-t"], &[script]);
    command.env("TERM", "vt220");
    let mut terminal = Terminal::start(&command, 91, 37);
    terminal.expect("37 91");
    terminal.expect("vt220");
    let status = terminal.process.wait_for_exit(PATIENCE).expect("an end");
    assert_eq!(status.code(), Some(3), "{}", terminal.screen.text());
}

#[test]
fn modes_of_the_client_rule_the_server() {
    if unavailable("terminals::modes_of_the_client_rule_the_server") {
        return;
    }
    let server = tsshd(&[]);
    let command = client_command(&ssh(), &server, &["-t"], &["stty -a; echo end"]);
    // The client's own terminal is made strange before ssh looks at it.
    let mut strange = std::process::Command::new("sh");
    strange.args(["-c", "stty intr ^G -ixon olcuc; exec \"$0\" \"$@\""]);
    strange.arg(command.get_program()).args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => strange.env(key, value),
            None => strange.env_remove(key),
        };
    }
    let mut terminal = Terminal::start(&strange, 80, 24);
    let status = terminal.process.wait_for_exit(PATIENCE).expect("an end");
    assert_eq!(status.code(), Some(0), "{}", terminal.screen.text());
    // With olcuc every letter is shown as a capital.
    let text = terminal.screen.text().to_lowercase();
    for mode in ["intr = ^g", "-ixon", " olcuc"] {
        assert!(text.contains(mode), "no {mode} in {text}");
    }
}

#[test]
fn a_new_size_and_typed_signals_reach_the_program() {
    if unavailable("terminals::a_new_size_and_typed_signals_reach_the_program") {
        return;
    }
    let server = tsshd(&[]);
    let script = "trap 'echo winch $(stty size)' WINCH; trap 'echo int; exit 4' INT; \
                  echo started; while :; do read -r x; done";
    let command = client_command(&ssh(), &server, &["-t"], &[script]);
    let mut terminal = Terminal::start(&command, 80, 24);
    terminal.expect("started");
    terminal.resize(132, 50);
    let seen = (0..300).any(|_| {
        terminal.type_in("\n");
        terminal.screen.wait_for("winch 50 132", Duration::from_millis(200))
    });
    assert!(seen, "{}", terminal.screen.text());
    terminal.type_in("\u{3}");
    let status = terminal.process.wait_for_exit(PATIENCE).expect("an end");
    assert_eq!(status.code(), Some(4), "{}", terminal.screen.text());
}

#[test]
fn a_client_that_goes_away_hangs_up() {
    if unavailable("terminals::a_client_that_goes_away_hangs_up") {
        return;
    }
    let server = tsshd(&[]);
    let fifo = server.folder().join("hung-up");
    run(std::process::Command::new("mkfifo").arg(&fifo)).expect_code(0);
    let script = format!(
        "trap 'echo hup > {}' HUP; echo started; while read -r x; do :; done",
        fifo.display()
    );
    let mut client = Process::spawn(&mut client_command(&ssh(), &server, &["-tt"], &[&script]));
    assert!(client.stdout.wait_for("started", PATIENCE), "{}", client.output());
    client.signal_all(rustix::process::Signal::KILL);
    assert!(client.wait_for_exit(PATIENCE).is_some());
    // The other end of the FIFO opens when the shell was hung up on; the runner's own limit ends
    // this test if it never is.
    let told = std::fs::read_to_string(&fifo).expect("the shell's last word");
    assert_eq!(told, "hup\n");
}

#[test]
fn output_is_whole_also_when_the_program_has_ended() {
    if unavailable("terminals::output_is_whole_also_when_the_program_has_ended") {
        return;
    }
    let server = tsshd(&[]);
    let done = remote(&server, &["-tt"], "seq 200000");
    let lines: Vec<String> = done.expect_code(0).text().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 200_000);
    assert_eq!(lines.last().map(String::as_str), Some("200000"));
}

#[test]
fn no_terminal_where_the_server_has_none() {
    if unavailable("terminals::no_terminal_where_the_server_has_none") {
        return;
    }
    let server = tsshd(&["PermitTTY no"]);
    let done = remote(&server, &["-tt"], "tty");
    done.expect_stderr("PTY allocation request failed");
}
