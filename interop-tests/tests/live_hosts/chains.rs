//! Hosts that are reached through others.

use crate::support::{Keys, lacks_hosts};
use tssh_interop_tests::each_pair;
use tssh_interop_tests::hosts::{Host, Network};
use tssh_interop_tests::pair::Pair;
use tssh_interop_tests::pattern::Pattern;
use tssh_interop_tests::process::{PATIENCE, Process};

each_pair! {
    three_hosts_in_a_row: TsshSshd SshTsshd TsshTsshd;
}

/// Four hosts and three networks: none but its neighbours can be reached from any of them.
fn three_hosts_in_a_row(pair: Pair) {
    if lacks_hosts("chains::three_hosts_in_a_row") {
        return;
    }
    let hosts: Vec<Host> = (0..4).map(|_| Host::new()).collect();
    let networks: Vec<Network> = (0..3).map(Network::new).collect();
    for (number, network) in networks.iter().enumerate() {
        network.join(&hosts[number], 1);
        network.join(&hosts[number + 1], 2);
    }
    let address = |number: u8| std::net::Ipv4Addr::new(10, 77, number, 2);
    let keys = Keys::new(&[address(0), address(1), address(2)]);
    let _servers: Vec<Process> = (1..4)
        .map(|number| keys.serve(pair, &hosts[number], &format!("host{number}"), ""))
        .collect();

    let jumps = format!("-J{},{}", address(0), address(1));
    let mut command = keys.client(pair, &hosts[0], &[&jumps]);
    let last = address(2).to_string();
    command.args([&last, "echo $SSH_CONNECTION >&2; cat; exit 3"]);
    let mut client = Process::spawn(&mut command);
    let sent = Pattern::bytes(1, 1024 * 1024);
    client.send(&sent);
    let done = client.finish(PATIENCE);
    done.expect_code(3);
    assert!(done.stdout == sent, "other bytes came back");
    // The last host was called by its neighbour.
    let connection = done.stderr.lines().find(|line| line.ends_with(" 22"));
    let words: Vec<&str> = connection.expect("SSH_CONNECTION").split(' ').collect();
    assert_eq!((words[0], words[2]), ("10.77.2.1", "10.77.2.2"));

    // A name in the middle that nobody has: the end is told, and soon.
    let jumps = format!("-J{},10.77.1.77", address(0));
    let options = [&jumps, "-oConnectTimeout=5"];
    let mut command = keys.client(pair, &hosts[0], &options);
    let mut client = Process::spawn(command.args([&last, "true"]));
    client.finish(PATIENCE).expect_code(255);
}
