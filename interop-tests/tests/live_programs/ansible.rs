//! Ansible (`ansible_ssh_executable`): a play over each of its ways to transfer files.

use crate::support::{MIB, Pair, Target, each_pair, lacks};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tssh_interop_tests::pattern::{Pattern, sha256_hex};
use tssh_interop_tests::process::{Finished, Process, run};

each_pair! {
    a_play_runs_over_connections_of_its_own: TsshSshd SshTsshd;
    a_play_shares_one_connection: TsshSshd SshTsshd;
    a_host_that_cannot_be_reached_is_told: TsshSshd;
}

/// A play starts a Python program for each of its tasks, at both ends.
const PLAY_LIMIT: Duration = Duration::from_secs(240);

/// Facts, a command with its status and streams, files there and back, a template and a loop; and
/// in the middle the order to end the connection that is shared, if one is.
const PLAY: &str = r#"
- hosts: all
  gather_facts: true
  gather_subset: ["!all"]
  tasks:
    - command: sh -c 'echo out; echo err >&2; exit 7'
      register: ran
      failed_when: ran.rc != 7 or ran.stdout != "out" or ran.stderr != "err"
    - copy: { src: "{{ folder }}/sent", dest: "{{ folder }}/there", mode: "0640" }
    - stat: { path: "{{ folder }}/there", checksum_algorithm: sha256 }
      register: there
      failed_when: there.stat.checksum != digest or there.stat.mode != "0640"
    - template: { src: "{{ folder }}/template", dest: "{{ folder }}/filled" }
    - shell: "printf '%s\n' {{ item }} >> {{ folder }}/loop"
      loop: [one, two, three]
    - meta: reset_connection
    - fetch: { src: "{{ folder }}/there", dest: "{{ folder }}/back", flat: true }
    - shell: wc -c
      args: { stdin: "{{ 'x' * 200000 }}" }
      register: long
      failed_when: long.stdout != "200001"
"#;

fn ansible(target: &Target, more: &[(&str, &str)]) -> Command {
    let folder = target.server.folder();
    let mut command = target.program("ansible-playbook");
    for name in ["HOME", "LOCAL_TEMP", "REMOTE_TEMP"] {
        command.env(format!("ANSIBLE_{name}"), folder.join(&format!("ansible_{name}")));
    }
    // It takes no other encoding.
    command.env("LC_ALL", "C.UTF-8").env("ANSIBLE_NOCOLOR", "1");
    command.env("ANSIBLE_SSH_CONTROL_PATH_DIR", folder.join("cp"));
    command
        .env("ANSIBLE_CONFIG", folder.write("ansible.cfg", ""))
        .env("ANSIBLE_SSH_EXECUTABLE", target.client());
    // sftp and scp start the ssh of their own choice otherwise.
    for program in ["SFTP", "SCP"] {
        let own = format!("-S {}", target.client().display());
        command.env(format!("ANSIBLE_{program}_EXTRA_ARGS"), own);
    }
    command.env("ANSIBLE_SSH_COMMON_ARGS", format!("-F {}", target.config().display()));
    command.envs(more.iter().copied());
    let inventory =
        folder.write("inventory", "target ansible_python_interpreter=/usr/bin/python3\n");
    command.arg("-i").arg(inventory).arg(folder.write("play.yml", PLAY)).arg("-e");
    let sent = fs::read(folder.join("sent")).unwrap_or_default();
    command.arg(format!("folder={} digest={}", folder.path().display(), sha256_hex(&sent)));
    command
}

/// Runs the play and looks at what it has done.
#[track_caller]
fn play(target: &Target, more: &[(&str, &str)]) -> Finished {
    let folder = target.server.folder();
    let sent = Pattern::bytes(10, 3 * MIB + 1);
    folder.write("sent", &sent);
    folder.write("template", "{{ ansible_facts.env.SSH_CONNECTION.split()[2] }}\n");
    for made in ["there", "filled", "loop", "back"] {
        // Not there the first time.
        let _ = fs::remove_file(folder.join(made));
    }
    let done = Process::spawn(&mut ansible(target, more)).finish(PLAY_LIMIT);
    assert!(done.code == 0, "{more:?} {}\n{}\n{}", done.code, done.text(), done.stderr);
    assert!(done.text().contains("unreachable=0    failed=0"), "{}", done.text());
    let read = |name: &str| fs::read(folder.join(name)).expect("what the play made");
    assert_eq!(sha256_hex(&read("back")), sha256_hex(&sent), "{more:?}");
    assert_eq!(read("filled"), b"127.0.0.1\n");
    assert_eq!(read("loop"), b"one\ntwo\nthree\n");
    done
}

fn a_play_runs_over_connections_of_its_own(pair: Pair) {
    if lacks("ansible::a_play_runs_over_connections_of_its_own", &["ansible-playbook"]) {
        return;
    }
    let target = Target::start(pair);
    let apart = ("ANSIBLE_SSH_ARGS", "-C -o ControlMaster=no");
    for (transfer, pipelining) in [("sftp", "false"), ("scp", "true"), ("piped", "false")] {
        let transfer = ("ANSIBLE_SSH_TRANSFER_METHOD", transfer);
        let _ = play(&target, &[apart, transfer, ("ANSIBLE_PIPELINING", pipelining)]);
    }
}

/// Ansible's own defaults: `-C -o ControlMaster=auto -o ControlPersist=60s`.
fn a_play_shares_one_connection(pair: Pair) {
    if lacks("ansible::a_play_shares_one_connection", &["ansible-playbook"]) {
        return;
    }
    let target = Target::start(pair);
    let logins = || target.server.log().matches("Accepted publickey").count();
    // All tasks and transfers use one connection until it is reset, and one after that.
    let _ = play(&target, &[]);
    assert_eq!(logins(), 2, "{}", target.server.log());
    // The second is there when the next play begins.
    let _ = play(&target, &[("ANSIBLE_PIPELINING", "true")]);
    assert_eq!(logins(), 3, "{}", target.server.log());
    // It would stay for a minute.
    let sockets = fs::read_dir(target.path("cp")).expect("its sockets");
    let ended: Vec<Finished> =
        sockets.flatten().map(|socket| leave(&target, &socket.path())).collect();
    assert_eq!(ended.len(), 1, "one socket");
    ended[0].expect_code(0).expect_stderr("Exit request sent.");
}

/// Ends the connection that is shared at `socket`.
fn leave(target: &Target, socket: &Path) -> Finished {
    let mut command = Command::new(target.client());
    command.arg("-F").arg(target.config()).arg("-S").arg(socket);
    run(command.args(["-O", "exit", "target"]))
}

fn a_host_that_cannot_be_reached_is_told(pair: Pair) {
    if lacks("ansible::a_host_that_cannot_be_reached_is_told", &["ansible-playbook"]) {
        return;
    }
    let target = Target::start(pair);
    let stranger = ("ANSIBLE_SSH_ARGS", "-o HostKeyAlias=stranger -o ControlMaster=no");
    let done = Process::spawn(&mut ansible(&target, &[stranger])).finish(PLAY_LIMIT);
    let text = done.expect_code(4).text();
    assert!(
        text.contains("unreachable=1") && text.contains("Host key verification failed"),
        "{text}"
    );
}
