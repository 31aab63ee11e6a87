//! Lines that fail, and lines that are merely bad.

use crate::support::{Keys, lacks_hosts};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown};
use std::time::{Duration, Instant};
use tssh_interop_tests::each_pair;
use tssh_interop_tests::hosts::{Host, Network, SlowLine};
use tssh_interop_tests::pair::Pair;
use tssh_interop_tests::pattern::{Pattern, hex};
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::toys::{Service, Toy};

each_pair! {
    a_host_that_vanishes_is_noticed: TsshSshd SshTsshd TsshTsshd;
    a_host_that_is_not_there_is_told: TsshSshd SshTsshd TsshTsshd;
    a_client_that_vanishes_is_noticed: TsshSshd SshTsshd TsshTsshd;
    a_line_that_loses_and_delays_changes_nothing: TsshSshd SshTsshd TsshTsshd;
}

/// Two keep-alives of a second, and as much again for a busy machine.
const NOTICED: Duration = Duration::from_secs(20);

fn a_host_that_vanishes_is_noticed(pair: Pair) {
    if lacks_hosts("lines::a_host_that_vanishes_is_noticed") {
        return;
    }
    let network = Network::new(0);
    let [here, there] = [Host::new(), Host::new()];
    network.join(&here, 1);
    let server = network.join(&there, 2);
    let keys = Keys::new(&[server]);
    let _server = keys.serve(pair, &there, "server", "");
    let options = ["-oServerAliveInterval=1", "-oServerAliveCountMax=2", "-L7000:127.0.0.1:1"];
    let mut client = keys.hold(pair, &here, server, &options);
    network.unplug(2);
    let begun = Instant::now();
    let ended = client.wait_for_exit(NOTICED);
    let took = begun.elapsed();
    let status = ended.unwrap_or_else(|| panic!("still there after {took:?}"));
    assert_eq!(status.code(), Some(255));
    assert!(took >= Duration::from_secs(1), "gave up after {took:?}");
    let done = client.finish(PATIENCE);
    done.expect_stderr("Timeout, server 10.77.0.2 not responding.");
}

fn a_host_that_is_not_there_is_told(pair: Pair) {
    if lacks_hosts("lines::a_host_that_is_not_there_is_told") {
        return;
    }
    let network = Network::new(0);
    let here = Host::new();
    network.join(&here, 1);
    // Somebody answers for the address, and nobody has the port: packets go nowhere.
    let there = Host::new();
    let nowhere = network.join(&there, 2);
    there.set("nft", "add table ip away");
    there.set("nft", "add chain ip away in { type filter hook input priority 0 ; policy drop ; }");
    let keys = Keys::new(&[nowhere]);
    let mut command = keys.client(pair, &here, &["-oConnectTimeout=2"]);
    let begun = Instant::now();
    let done = Process::spawn(command.args([&nowhere.to_string(), "true"])).finish(NOTICED);
    done.expect_code(255)
        .expect_stderr("ssh: connect to host 10.77.0.2 port 22: Connection timed out");
    assert!(begun.elapsed() >= Duration::from_secs(1), "it did not wait");
    // Nobody has this one.
    let mut command = keys.client(pair, &here, &["-oConnectTimeout=15"]);
    let done = Process::spawn(command.args(["10.77.0.99", "true"])).finish(PATIENCE);
    done.expect_code(255).expect_stderr("No route to host");
}

fn a_client_that_vanishes_is_noticed(pair: Pair) {
    if lacks_hosts("lines::a_client_that_vanishes_is_noticed") {
        return;
    }
    let network = Network::new(0);
    let [here, there] = [Host::new(), Host::new()];
    network.join(&here, 1);
    let server = network.join(&there, 2);
    let keys = Keys::new(&[server]);
    let lines = "ClientAliveInterval 1\nClientAliveCountMax 2\n";
    let process = keys.serve(pair, &there, "server", lines);
    let _client = keys.hold(pair, &here, server, &["-R7000:127.0.0.1:1"]);
    let connected = there.connect((Ipv4Addr::LOCALHOST, 7000));
    assert!(connected.is_ok(), "no forward: {connected:?}: {}", process.output());
    network.unplug(1);
    assert!(
        process.stderr.wait_for("Timeout, client not responding", NOTICED),
        "{}",
        process.output()
    );
}

/// 2 % of the packets are lost and each is 50 ms late in all; keys are renewed on the way.
fn a_line_that_loses_and_delays_changes_nothing(pair: Pair) {
    if lacks_hosts("lines::a_line_that_loses_and_delays_changes_nothing") {
        return;
    }
    const BYTES: usize = 2 * 1024 * 1024;
    let [here, there] = [Host::new(), Host::new()];
    let line = SlowLine::new(&here, &there, 25, 2);
    let keys = Keys::new(&[line.other]);
    let _server = keys.serve(pair, &there, "server", "");
    let service = Service::start_on(Toy::Cross { seed: 3, bytes: BYTES as u64 }, there.listen());
    let forward = format!("-L7000:127.0.0.1:{}", service.port());
    let options = [forward.as_str(), "-oRekeyLimit=512K"];
    let mut client = keys.hold(pair, &here, line.other, &options);

    let begun = Instant::now();
    let mut stream = here.connect((Ipv4Addr::LOCALHOST, 7000)).expect("the forward");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let mut writer = stream.try_clone().expect("a second handle");
    let sent = Pattern::bytes(4, BYTES);
    let mut expected = Pattern::bytes(3, BYTES);
    let digest = hex(&<sha2::Sha256 as sha2::Digest>::digest(&sent));
    expected.extend_from_slice(format!("{BYTES} {digest}\n").as_bytes());
    let writing = std::thread::spawn(move || {
        writer.write_all(&sent).and_then(|()| writer.shutdown(Shutdown::Write))
    });
    let mut came = Vec::new();
    stream.read_to_end(&mut came).expect("all of it");
    writing.join().expect("no panic").expect("sent");
    assert!(came == expected, "{} bytes of {} came", came.len(), expected.len());
    assert!(begun.elapsed() > Duration::from_millis(50), "there was no delay");
    client.finish(PATIENCE).expect_code(0);
    let lost = line.lost(&here) + line.lost(&there);
    assert!(lost > 0, "nothing was lost on the way");
}
