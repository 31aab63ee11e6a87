//! What `--plan` says, beside what the kernel shows once the same command line runs.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::pair::{Pair, STRICT, lacks};
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::process::{PATIENCE, run};
use tssh_interop_tests::sockets::listening;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::{another_stands_in, client_command, tssh_binary};

/// The plan of a command line, in JSON.
fn plan(server: &Server, options: &[&str]) -> String {
    let options: Vec<&str> = options.iter().copied().chain(["--plan-json"]).collect();
    let done = run(&mut client_command(&tssh_binary(), server, &options, &[]));
    done.expect_code(0);
    assert_eq!(done.stderr, "");
    done.text()
}

/// The lists of addresses that stand under a name, in the order of the forwards.
fn lists(plan: &str, name: &str) -> Vec<BTreeSet<IpAddr>> {
    let key = format!("\"{name}\":[");
    plan.split(&key)
        .skip(1)
        .map(|rest| {
            // An IPv6 address has brackets of its own: the list ends behind a quote.
            let list = rest.split("\"]").next().unwrap_or_default();
            let places = list.split("\",\"").map(|place| place.trim_matches('"'));
            places.map(|place| place.parse::<SocketAddr>().expect(place).ip()).collect()
        })
        .collect()
}

/// S25, S29, S30: for every bind address, with `-g` and without, and real sshd at the other end,
/// the plan names the addresses that the kernel then shows.
#[test]
fn a_client_listens_where_the_plan_says() {
    let name = "live_course::plan::a_client_listens_where_the_plan_says";
    if another_stands_in(name) || lacks(name, &[]) {
        return;
    }
    let server = Pair::TsshSshd.server(&[]);
    for bind in ["", ":", "*:", "localhost:", "127.0.0.1:", "[::1]:", "0.0.0.0:", "127.0.0.2:"] {
        for gateway in ["-oGatewayPorts=no", "-g"] {
            let (local, dynamic) = (free_port(), free_port());
            let forwards = [format!("-L{bind}{local}:localhost:1"), format!("-D{bind}{dynamic}")];
            let options = [gateway, STRICT, &forwards[0], &forwards[1]];
            let planned = lists(&plan(&server, &options), "at");
            let holder = Pair::TsshSshd.hold(&server, &options);
            let found = vec![listening(local), listening(dynamic)];
            assert_eq!(planned, found, "{bind:?} {gateway}");
            holder.finish();
        }
    }
}

/// S35, M11: a server listens where the plan says for its setting.
#[test]
fn a_server_listens_where_the_plan_says_for_its_setting() {
    let name = "live_course::plan::a_server_listens_where_the_plan_says_for_its_setting";
    if another_stands_in(name) || lacks(name, &[]) {
        return;
    }
    for setting in ["no", "yes", "clientspecified"] {
        let server = Pair::TsshSshd.server(&[&format!("GatewayPorts {setting}")]);
        let binds = ["", "localhost:", "*:", "127.0.0.1:", "[::1]:", "0.0.0.0:", "127.0.0.2:"];
        let ports: Vec<u16> = binds.iter().map(|_| free_port()).collect();
        let forwards: Vec<String> = binds
            .iter()
            .zip(&ports)
            .map(|(bind, port)| format!("-R{bind}{port}:localhost:1"))
            .collect();
        let mut options: Vec<&str> = forwards.iter().map(String::as_str).collect();
        options.push(STRICT);
        let planned = lists(&plan(&server, &options), &format!("gateway_ports_{setting}"));
        let holder = Pair::TsshSshd.hold(&server, &options);
        let found: Vec<_> = ports.iter().map(|port| listening(*port)).collect();
        assert_eq!(planned, found, "GatewayPorts {setting}");
        holder.finish();
    }
}

/// S43: the target sees what the plan says: a local client of the server's machine.
#[test]
fn the_target_sees_what_the_plan_says() {
    let name = "live_course::plan::the_target_sees_what_the_plan_says";
    if another_stands_in(name) || lacks(name, &[]) {
        return;
    }
    let server = Pair::TsshSshd.server(&[]);
    let service = Service::start(Toy::Peer);
    let port = free_port();
    let forward = format!("-L{port}:localhost:{}", service.port());
    let options = [forward.as_str(), STRICT];
    let text = plan(&server, &options);
    assert!(text.contains(r#""target_sees":{"what":"loopback","of":"server"}"#), "{text}");
    let holder = Pair::TsshSshd.hold(&server, &options);
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the forward");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit for reads");
    let own = stream.local_addr().expect("an address");
    let mut seen = String::new();
    stream.read_to_string(&mut seen).expect("the peer");
    drop(stream);
    assert!(seen.contains("127.0.0.1") && !seen.contains(&own.port().to_string()), "{seen}");
    holder.finish();
}

/// Nothing is opened or sent: whoever listens where the server would be sees nobody, and nobody
/// listens where the forward would.
#[test]
fn a_plan_touches_nothing() {
    if another_stands_in("live_course::plan::a_plan_touches_nothing") {
        return;
    }
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    server.set_nonblocking(true).expect("no waiting");
    let port = server.local_addr().expect("an address").port().to_string();
    let forwarded = free_port();
    let forward = format!("{forwarded}:localhost:143");
    for form in ["--plan", "--plan-json"] {
        let mut command = std::process::Command::new(tssh_binary());
        command.args(["-F", "none", form, "-f", "-N", "-p", &port, "-L", &forward, "127.0.0.1"]);
        let done = run(&mut command);
        done.expect_code(0);
        assert!(done.text().contains(&format!("-L {forward}")), "{}", done.text());
        assert_eq!(done.stderr, "");
    }
    let nobody = server.accept().expect_err("nobody connects");
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
    assert_eq!(listening(forwarded), BTreeSet::new());
}
