//! The checks of the matrix with a server that is an address and nothing more.

use crate::support::{Keys, PORT, lacks_hosts};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tssh_interop_tests::each_pair;
use tssh_interop_tests::hosts::{Host, Network};
use tssh_interop_tests::matrix::peers::{PEERS, Source};
use tssh_interop_tests::matrix::place::Place;
use tssh_interop_tests::pair::Pair;
use tssh_interop_tests::process::{PATIENCE, Process, run};

each_pair! {
    another_host_passes_every_check: TsshSshd SshTsshd TsshTsshd;
}

/// What a server on another host must permit: the checks look at remote forwards from theirs.
const OPEN: &str = "GatewayPorts clientspecified\n";

/// Eight checks, each well below a minute.
const ALL_CHECKS: Duration = Duration::from_secs(300);

/// Runs the matrix on `here` with a server at `address`.
#[track_caller]
fn pass_every_check(keys: &Keys, client: &Path, here: &Host, ours: Ipv4Addr, address: Ipv4Addr) {
    let public = keys.work.join("host_key.pub");
    let mut command = here.command(Path::new(env!("CARGO_BIN_EXE_matrix")));
    command.args(["--address", &format!("{address}:{PORT}"), "--ours", &ours.to_string()]);
    command.arg("--key").arg(keys.work.join("user_key")).arg("--host-key").arg(public);
    command.env("TSSH_TEST_CLIENT", client);
    let mut process = Process::spawn(&mut command);
    let ended = process.wait_for_exit(ALL_CHECKS);
    assert!(ended.is_some_and(|status| status.success()), "{}", process.output());
    assert!(process.stdout.wait_for("8 of 8 pass", PATIENCE), "{}", process.output());
}

fn another_host_passes_every_check(pair: Pair) {
    if lacks_hosts("addresses::another_host_passes_every_check") {
        return;
    }
    let network = Network::new(0);
    let [here, there] = [Host::new(), Host::new()];
    let ours = network.join(&here, 1);
    let server = network.join(&there, 2);
    let keys = Keys::new(&[server]);
    let _server = keys.serve(pair, &there, "server", OPEN);
    pass_every_check(&keys, &pair.client(), &here, ours, server);
}

/// A container without a network of its own, which is plugged into ours, and ended with the test.
struct Container {
    engine: PathBuf,
    name: String,
}

impl Container {
    fn new(engine: &Path, line: &str, folder: &Path) -> (Self, Host) {
        let name = format!("tssh-host-{}", std::process::id());
        let container = Self { engine: engine.to_owned(), name };
        let mut hold = Command::new(engine);
        let held = run(hold.args(["hold", &container.name, line]).arg(folder));
        let pid = held.expect_code(0).text().trim().parse().expect("a process id");
        (container, Host::of(pid))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = run(Command::new(&self.engine).args(["end", &self.name]));
    }
}

#[test]
fn a_container_is_one_more_host() {
    if lacks_hosts("addresses::a_container_is_one_more_host") {
        return;
    }
    let peer = PEERS.iter().find(|peer| peer.core && matches!(peer.source, Source::Container(_)));
    let home = Place::new().prepare(peer.expect("a container")).expect("its image");
    let (engine, line) = home.container().expect("a container");

    let network = Network::new(0);
    let here = Host::new();
    let ours = network.join(&here, 1);
    let keys = Keys::new(&[Ipv4Addr::new(10, 77, 0, 2)]);
    let (container, there) = Container::new(&engine, line, keys.work.path());
    let server = network.join(&there, 2);
    let config = keys.configuration("container", &format!("{OPEN}UsePAM no\n"));
    let mut command = Command::new(&engine);
    command.args(["exec", &container.name, "/usr/sbin/sshd", "-D", "-e", "-f"]).arg(config);
    let process = Process::spawn(&mut command);
    let up = process.stderr.wait_for("Server listening on 0.0.0.0 port 22.", PATIENCE);
    assert!(up, "no server: {}", process.output());
    pass_every_check(&keys, &Pair::TsshSshd.client(), &here, ours, server);
}
