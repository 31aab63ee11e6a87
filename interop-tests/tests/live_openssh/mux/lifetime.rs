//! How a master comes, stays and goes.

use super::{Shared, lacks_openssh, pairs};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::process::{Finished, PATIENCE, Process, run};
use tssh_interop_tests::tssh::{client_command, tssh_binary};

/// The process that answers at a control socket.
fn master_of(checked: &Finished) -> OwnedFd {
    let text = checked.expect_code(0).stderr.clone();
    let pid = text.strip_prefix("Master running (pid=").and_then(|rest| rest.split(')').next());
    let pid = pid.and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
    pidfd_open(pid.expect(&text), PidfdFlags::empty()).expect("a handle of the process")
}

#[track_caller]
fn ends(process: &OwnedFd) {
    let limit = Timespec::try_from(PATIENCE).expect("a limit of seconds");
    let mut polled = [PollFd::new(process, PollFlags::IN)];
    assert_eq!(poll(&mut polled, Some(&limit)).expect("wait for a process"), 1, "still there");
}

/// A server, and a client that is told to share.
struct Sharing {
    server: Server,
    program: PathBuf,
    socket: PathBuf,
}

impl Sharing {
    fn new(program: &Path) -> Self {
        let server = Server::with_lines(&[]);
        let socket = server.folder().join("c");
        Self { server, program: program.to_path_buf(), socket }
    }

    fn run(&self, options: &[&str], command: &[&str]) -> Finished {
        let socket = format!("-S{}", self.socket.display());
        let options = [&[socket.as_str()], options].concat();
        run(&mut client_command(&self.program, &self.server, &options, command))
    }

    fn logins(&self) -> usize {
        self.server.log().matches("Accepted publickey").count()
    }
}

#[test]
fn the_socket_is_private_and_its_master_answers() {
    if lacks_openssh("mux::lifetime::the_socket_is_private_and_its_master_answers") {
        return;
    }
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &[]);
        let mode = shared.socket.metadata().expect("the socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let running = format!("Master running (pid={})\r\n", shared.master.pid());
        let check = shared.ask("check", &[]);
        assert_eq!(check.expect_code(0).stderr, running);
        shared.finish();
    }
}

#[test]
fn a_master_is_told_to_end() {
    if lacks_openssh("mux::lifetime::a_master_is_told_to_end") {
        return;
    }
    for (master, client) in pairs() {
        let mut shared = Shared::start(&master, &client, &[]);
        let exit = shared.ask("exit", &[]);
        assert_eq!(exit.expect_code(0).stderr, "Exit request sent.\r\n");
        shared.master.finish(PATIENCE).expect_code(255);
        assert!(!shared.socket.exists());
        let gone = format!("connect({}): No such file or directory", shared.socket.display());
        shared.ask("check", &[]).expect_code(255).expect_stderr(&gone);
        // A client without a master connects by itself.
        assert_eq!(shared.run(&[], &["echo alone"]).expect_code(0).text(), "alone\n");
    }
}

/// After `-O stop` nobody new comes in; a master without a session ends with its last client.
#[test]
fn a_master_is_told_to_stop_listening() {
    if lacks_openssh("mux::lifetime::a_master_is_told_to_stop_listening") {
        return;
    }
    for (master, client) in pairs() {
        let sharing = Sharing::new(&client);
        let socket = format!("-S{}", sharing.socket.display());
        let mut master = client_command(&master, &sharing.server, &["-MNv", &socket], &[]);
        let mut master = Process::spawn(&mut master);
        // Both say so once the socket stands.
        let listens = master.stderr.wait_for("Entering interactive session", PATIENCE);
        assert!(listens, "no master: {}", master.output());
        let command = ["echo in; cat; exit 9"];
        let mut session = client_command(&sharing.program, &sharing.server, &[&socket], &command);
        let mut session = Process::spawn(&mut session);
        assert!(session.stdout.wait_for("in\n", PATIENCE), "{}", session.output());
        let stop = sharing.run(&["-Ostop"], &[]);
        assert_eq!(stop.expect_code(0).stderr, "Stop listening request sent.\r\n");
        sharing.run(&["-Ocheck"], &[]).expect_code(255);
        session.send(b"x");
        session.finish(PATIENCE).expect_code(9);
        master.wait_for_exit(PATIENCE).expect("an end");
    }
}

/// `ControlPersist` with a time: the first client has its own status, the next ones need no
/// login, and the master ends once nobody has been there for that long.
#[test]
fn a_master_persists_for_its_time() {
    if lacks_openssh("mux::lifetime::a_master_persists_for_its_time") {
        return;
    }
    let sharing = Sharing::new(&tssh_binary());
    let options = ["-oControlMaster=auto", "-oControlPersist=2"];
    let first = sharing.run(&options, &["echo one; echo apart >&2; exit 8"]);
    assert_eq!(first.expect_code(8).expect_stderr("apart").text(), "one\n");
    let process = master_of(&sharing.run(&["-Ocheck"], &[]));
    sharing.run(&options, &["exit 3"]).expect_code(3);
    assert_eq!(sharing.logins(), 1, "{}", sharing.server.log());
    ends(&process);
    assert!(!sharing.socket.exists());
    sharing.run(&options, &["exit 4"]).expect_code(4);
    sharing.run(&["-Oexit"], &[]).expect_code(0);
}

/// Several that start at the same moment: one becomes the master, and the commands of all run.
#[test]
fn clients_that_start_together_all_run() {
    if lacks_openssh("mux::lifetime::clients_that_start_together_all_run") {
        return;
    }
    let sharing = Sharing::new(&tssh_binary());
    let socket = format!("-S{}", sharing.socket.display());
    let options = ["-oControlMaster=auto", "-oControlPersist=2", &socket];
    let all = [0, 1, 2, 3, 4, 5].map(|n| {
        let command = [format!("exit {n}")];
        let command = command.each_ref().map(String::as_str);
        client_command(&sharing.program, &sharing.server, &options, &command)
    });
    // Each line above writes the file of known hosts anew, which those below read.
    for (code, mut client) in (0..).zip(all.map(|mut command| Process::spawn(&mut command))) {
        client.finish(PATIENCE).expect_code(code);
    }
    sharing.run(&["-Oexit"], &[]).expect_code(0);
}

/// `ControlPersist=yes`, with a terminal, forwards and `-N`: until it is told to end.
#[test]
fn a_master_persists_until_it_is_told_to_end() {
    if lacks_openssh("mux::lifetime::a_master_persists_until_it_is_told_to_end") {
        return;
    }
    let sharing = Sharing::new(&tssh_binary());
    let options = ["-oControlMaster=auto", "-oControlPersist=yes"];
    sharing.run(&[&options[..], &["-N"]].concat(), &[]).expect_code(0);
    let process = master_of(&sharing.run(&["-Ocheck"], &[]));
    sharing.run(&options, &["exit 3"]).expect_code(3);
    assert_eq!(sharing.logins(), 1, "{}", sharing.server.log());
    sharing.run(&["-Oexit"], &[]).expect_code(0);
    ends(&process);
    assert!(!sharing.socket.exists());
}

/// A login that fails is the first process's failure, and leaves no second one.
#[test]
fn a_master_that_cannot_log_in_leaves_nothing() {
    if lacks_openssh("mux::lifetime::a_master_that_cannot_log_in_leaves_nothing") {
        return;
    }
    let sharing = Sharing::new(&tssh_binary());
    let options = ["-oControlMaster=auto", "-oControlPersist=yes", "-oPubkeyAuthentication=no"];
    sharing.run(&options, &["true"]).expect_code(255).expect_stderr("Permission denied");
    assert!(!sharing.socket.exists());
}

/// A master that was killed leaves its socket: `auto` takes its place, `yes` leaves it alone.
#[test]
fn a_socket_without_a_master() {
    if lacks_openssh("mux::lifetime::a_socket_without_a_master") {
        return;
    }
    for (master, client) in pairs() {
        let mut shared = Shared::start(&master, &client, &[]);
        shared.master.signal(Signal::KILL);
        shared.master.wait_for_exit(PATIENCE).expect("an end");
        assert!(shared.socket.exists());
        let refused = format!("connect({}): Connection refused", shared.socket.display());
        shared.ask("check", &[]).expect_code(255).expect_stderr(&refused);
        let alone = shared.run(&[], &["echo alone"]);
        assert_eq!(alone.expect_code(0).expect_stderr(&refused).text(), "alone\n");
        let exists = format!(
            "ControlSocket {} already exists, disabling multiplexing",
            shared.socket.display()
        );
        let second = shared.run(&["-M"], &["echo unshared"]);
        assert_eq!(second.expect_code(0).expect_stderr(&exists).text(), "unshared\n");
        let auto = shared.run(&["-oControlMaster=auto"], &["echo shared"]);
        assert_eq!(auto.expect_code(0).text(), "shared\n");
        assert!(auto.stderr.is_empty() && !shared.socket.exists());
    }
}

/// `-MM`: the user is asked, and a client that is refused connects by itself.
#[test]
fn a_master_asks_its_user() {
    if lacks_openssh("mux::lifetime::a_master_asks_its_user") {
        return;
    }
    let server = Server::with_lines(&[]);
    let socket = format!("-S{}", server.folder().join("c").display());
    let asked = server.folder().join("asked");
    for (answer, denied) in [("exit 0", false), ("exit 1", true)] {
        let program = server.folder().join("askpass");
        let script = format!("#!/bin/sh\necho \"$1\" > {}; echo; {answer}\n", asked.display());
        std::fs::write(&program, script).expect("a program that answers");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&program, mode).expect("a program that runs");
        let options = ["-MM", &socket];
        let mut master = client_command(&tssh_binary(), &server, &options, &["echo ready; cat"]);
        master.env("SSH_ASKPASS", &program).env("DISPLAY", "none");
        let mut master = Process::spawn(&mut master);
        assert!(master.stdout.wait_for("ready", PATIENCE), "{}", master.output());
        let mut client = client_command(&tssh_binary(), &server, &[&socket], &["exit 5"]);
        let done = run(&mut client);
        done.expect_code(5);
        let refused = done.stderr.contains("Master refused session");
        assert_eq!(refused, denied);
        let question = std::fs::read_to_string(&asked).expect("a question");
        assert_eq!(question, "Allow shared connection to 127.0.0.1? \n");
        master.finish(PATIENCE).expect_code(0);
    }
}
