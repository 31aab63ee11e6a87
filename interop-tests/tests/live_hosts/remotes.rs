//! Remote forwards between hosts, and who can use them.

use crate::support::{Keys, PORT, lacks_hosts};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use tssh_interop_tests::each_pair;
use tssh_interop_tests::hosts::{Host, Network};
use tssh_interop_tests::pair::Pair;
use tssh_interop_tests::pattern::{Pattern, sha256_hex};
use tssh_interop_tests::process::PATIENCE;
use tssh_interop_tests::toys::{Service, Toy};

each_pair! {
    gateway_ports_decides_what_a_third_host_sees: TsshSshd SshTsshd TsshTsshd;
}

/// Where the forward listens.
const LISTEN: u16 = 7000;
const BYTES: usize = 1024 * 1024;

/// Sends a stream, ends it, and has the far end's count and digest of it.
#[track_caller]
fn converse(mut stream: TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let sent = Pattern::bytes(5, BYTES);
    stream.write_all(&sent).expect("send");
    stream.shutdown(Shutdown::Write).expect("end");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer");
    assert_eq!(answer, format!("{BYTES} {}\n", sha256_hex(&sent)));
}

/// A client here, a server there, a service at the client's side, and a third host: `-R` with the
/// three values of `GatewayPorts`, and a bind address with each.
fn gateway_ports_decides_what_a_third_host_sees(pair: Pair) {
    if lacks_hosts("remotes::gateway_ports_decides_what_a_third_host_sees") {
        return;
    }
    let network = Network::new(0);
    let [here, there, third] = [Host::new(), Host::new(), Host::new()];
    network.join(&here, 1);
    let server = network.join(&there, 2);
    network.join(&third, 3);
    let keys = Keys::new(&[server]);
    let service = Service::start_on(Toy::Sink, here.listen());
    let to = format!("127.0.0.1:{}", service.port());
    for (value, bind, seen) in [
        ("no", "", false),
        ("no", "*:", false),
        ("yes", "", true),
        ("yes", "127.0.0.1:", true),
        ("clientspecified", "", false),
        ("clientspecified", "*:", true),
        ("clientspecified", "10.77.0.2:", true),
    ] {
        let lines = format!("GatewayPorts {value}\n");
        let _server = keys.serve(pair, &there, "server", &lines);
        let forward = format!("-R{bind}{LISTEN}:{to}");
        let mut client = keys.hold(pair, &here, server, &[&forward]);
        let case = format!("GatewayPorts {value}, -R {bind}{LISTEN}");
        match third.connect((server, LISTEN)) {
            Ok(stream) if seen => converse(stream),
            Ok(_) => panic!("{case}: a third host got in"),
            Err(error) if seen => panic!("{case}: {error}"),
            Err(_) => {}
        }
        if bind != "10.77.0.2:" {
            converse(there.connect((Ipv4Addr::LOCALHOST, LISTEN)).expect("on the server itself"));
        }
        client.finish(PATIENCE).expect_code(0);
        assert!(there.connect((Ipv4Addr::LOCALHOST, PORT)).is_ok(), "{case}: the server is gone");
    }
}
