//! Agent forwarding: a real agent at the near end, tsshd on the way.

use crate::support::{ssh, unavailable};
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::chain::Chain;
use tssh_interop_tests::openssh::{Server, ServerOptions};
use tssh_interop_tests::process::run;
use tssh_interop_tests::tssh::{is_server_stand_in, tssh_binary};

fn tsshd() -> Server {
    Server::start_tsshd(&ServerOptions::default())
}

fn sshd() -> Server {
    Server::with_lines(&[])
}

/// S66: `ssh-add -l` at the end of two hops, with each mix of clients and servers.
#[test]
fn keys_reach_the_end_of_two_hops() {
    if unavailable("agent::keys_reach_the_end_of_two_hops") {
        return;
    }
    let servers: [fn() -> Server; 2] = [tsshd, sshd];
    for (middle, far) in [(0, 0), (0, 1), (1, 0)] {
        for first in [tssh_binary(), ssh()] {
            for second in [tssh_binary(), ssh()] {
                let chain = Chain::new(servers[middle](), servers[far]());
                chain.expect_key_at_the_end(&first, &second);
            }
        }
    }
}

/// S66: a key that is meant for the first server is refused from there on.
#[test]
fn a_restricted_key_is_refused_from_a_second_hop() {
    if unavailable("agent::a_restricted_key_is_refused_from_a_second_hop") {
        return;
    }
    for client in [tssh_binary(), ssh()] {
        let chain = Chain::new(tsshd(), tsshd());
        chain.add_for(&["middle"]);
        let done = chain.run(&client, &client, "echo got in");
        assert!(done.code != 0 && done.text().is_empty(), "{} {}", done.text(), done.stderr);
        done.expect_stderr("Permission denied");
    }
}

/// S66: the socket is the user's alone, in a folder that is the user's alone, and both are gone
/// after the connection.
#[test]
fn the_socket_is_private_and_goes() {
    if unavailable("agent::the_socket_is_private_and_goes") {
        return;
    }
    let chain = Chain::new(tsshd(), tsshd());
    chain.add();
    let script = "echo $SSH_AUTH_SOCK; stat -c %a $SSH_AUTH_SOCK; \
                  stat -c %a $(dirname $SSH_AUTH_SOCK)";
    let done = run(Chain::command(&ssh(), &chain.middle, &["-A"], script)
        .env("SSH_AUTH_SOCK", chain.agent.socket()));
    let text = done.expect_code(0).text();
    let lines: Vec<&str> = text.lines().collect();
    let [path, socket, folder] = lines[..] else { panic!("{text}") };
    if !is_server_stand_in() {
        assert_eq!((socket, folder), ("600", "700"));
    }
    let folder = Path::new(path).parent().expect("a folder");
    let gone = (0..1000).any(|_| {
        run(&mut Command::new("true"));
        !folder.exists()
    });
    assert!(gone, "{path}");
}

/// The configuration and the key both have to permit it.
#[test]
fn forwarding_has_to_be_permitted() {
    if unavailable("agent::forwarding_has_to_be_permitted") {
        return;
    }
    let seen = |chain: &Chain| {
        let mut line =
            Chain::command(&ssh(), &chain.middle, &["-A"], "test -n \"$SSH_AUTH_SOCK\" && echo on");
        let done = run(line.env("SSH_AUTH_SOCK", chain.agent.socket()));
        done.text() == "on\n"
    };
    for (line, permitted) in [
        ("AllowAgentForwarding yes", true),
        ("AllowAgentForwarding no", false),
        ("DisableForwarding yes", false),
    ] {
        let middle = Server::start_tsshd(&ServerOptions::with_lines(&[line]));
        let chain = Chain::new(middle, tsshd());
        chain.add();
        assert_eq!(seen(&chain), permitted, "{line}");
    }
    let chain = Chain::new(tsshd(), tsshd());
    chain.add();
    for (options, permitted) in
        [("no-agent-forwarding", false), ("restrict", false), ("restrict,agent-forwarding", true)]
    {
        let line = format!("{options} {}\n", chain.public);
        chain.middle.folder().write("authorized_keys", line);
        assert_eq!(seen(&chain), permitted, "{options}");
    }
}
