//! Agent forwarding: a real agent here, real servers in a row.

use crate::support::lacks_openssh;
use std::path::PathBuf;
use tssh_interop_tests::chain::Chain;
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::process::run;
use tssh_interop_tests::tssh::tssh_binary;

fn chain() -> Chain {
    Chain::new(Server::with_lines(&[]), Server::with_lines(&[]))
}

/// S66: at the end of two hops `ssh-add -l` lists the keys that are here, whichever client takes
/// which hop.
#[test]
fn keys_reach_the_end_of_two_hops() {
    if lacks_openssh("agent::keys_reach_the_end_of_two_hops") {
        return;
    }
    let clients = [tssh_binary(), Chain::ssh()];
    for first in &clients {
        for second in &clients {
            chain().expect_key_at_the_end(first, second);
        }
    }
}

/// S66: a key that is meant for the first server alone cannot be used from there for the second;
/// with the second hop allowed it can. The agent learns of both hosts from the clients.
#[test]
fn a_key_restricted_to_its_destination_stays_there() {
    if lacks_openssh("agent::a_key_restricted_to_its_destination_stays_there") {
        return;
    }
    for second in [tssh_binary(), Chain::ssh()] {
        let restricted = chain();
        restricted.add_for(&["middle"]);
        let done = restricted.run(&tssh_binary(), &second, "echo got in");
        assert_ne!(done.code, 0, "{} {}", done.text(), done.stderr);
        done.expect_stderr("Permission denied");
        assert!(!done.text().contains("got in"));
    }
    // OpenSSH's agent lets a key log in from further than the first hop only where the client signs
    // with publickey-hostbound-v00@openssh.com.
    let allowed = chain();
    allowed.add_for(&["middle", "middle>far"]);
    for second in [tssh_binary(), Chain::ssh()] {
        let done = allowed.run(&tssh_binary(), &second, "echo got in");
        assert_eq!(done.expect_code(0).text(), "got in\n");
    }
    // The key may be used there, but it must not be seen from there on.
    let done = allowed.run(&tssh_binary(), &Chain::ssh(), "ssh-add -L");
    assert!(done.text().contains("no identities"), "{} {}", done.text(), done.stderr);
}

/// S66: a key that is meant for another server is not even offered.
#[test]
fn a_key_for_another_host_does_not_log_in() {
    if lacks_openssh("agent::a_key_for_another_host_does_not_log_in") {
        return;
    }
    let chain = chain();
    chain.add_for(&["far"]);
    let log_in = |server: &Server| {
        let mut line = Chain::command(&tssh_binary(), server, &[], "true");
        run(line.env("SSH_AUTH_SOCK", chain.agent.socket())).code
    };
    assert_eq!((log_in(&chain.middle), log_in(&chain.far)), (255, 0));
}

/// S66: `-a`, `ForwardAgent` with its values, and servers that do not want to.
#[test]
fn which_agent_is_forwarded() {
    if lacks_openssh("agent::which_agent_is_forwarded") {
        return;
    }
    let chain = chain();
    chain.add();
    let other = tssh_interop_tests::openssh::Agent::start();
    let path = format!("ForwardAgent={}", other.socket().display());
    let seen = |options: &[&str]| {
        let list = "test -n \"$SSH_AUTH_SOCK\" && ssh-add -l";
        let mut line = Chain::command(&tssh_binary(), &chain.middle, options, list);
        line.env("SSH_AUTH_SOCK", chain.agent.socket()).env("OTHER", other.socket());
        let done = run(&mut line);
        (done.code, done.text().contains("ED25519"))
    };
    assert_eq!(seen(&[]), (1, false), "off by default");
    assert_eq!(seen(&["-A"]), (0, true));
    assert_eq!(seen(&["-A", "-a"]), (1, false));
    assert_eq!(seen(&["-o", "ForwardAgent=yes"]), (0, true));
    assert_eq!(seen(&["-o", "ForwardAgent=no", "-A"]), (0, true), "the flag comes later");
    // An agent without keys.
    assert_eq!(seen(&["-o", &path]), (1, false));
    other.add(&chain.key);
    assert_eq!(seen(&["-o", &path]), (0, true));
    assert_eq!(seen(&["-o", "ForwardAgent=$OTHER"]), (0, true));
    assert_eq!(seen(&["-o", "ForwardAgent=$NO_SUCH_VARIABLE"]), (1, false));
    let unwilling = Chain::new(Server::with_lines(&["AllowAgentForwarding no"]), chain.far);
    unwilling.add();
    let check = "echo \"[$SSH_AUTH_SOCK]\"";
    let mut line = Chain::command(&tssh_binary(), &unwilling.middle, &["-A"], check);
    let done = run(line.env("SSH_AUTH_SOCK", unwilling.agent.socket()));
    assert_eq!(done.expect_code(0).text(), "[]\n");
}

/// An agent that is named and not there: programs at the far end find none, and nothing else ends.
#[test]
fn an_agent_that_went_away_is_a_refused_channel() {
    if lacks_openssh("agent::an_agent_that_went_away_is_a_refused_channel") {
        return;
    }
    let server = Server::with_lines(&[]);
    let nowhere: PathBuf = server.folder().join("no-such-agent");
    let path = format!("ForwardAgent={}", nowhere.display());
    let options = ["-o", path.as_str()];
    let done = tssh_interop_tests::tssh::tssh(&server, &options, &["ssh-add -l; echo on"]);
    assert_eq!(done.expect_code(0).text(), "on\n");
}
