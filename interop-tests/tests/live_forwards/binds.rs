//! Which addresses are listened on: the client's table of bind addresses and the server's.

use crate::support::{Pair, STRICT, each_pair};
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::sockets::listening_text;

each_pair! {
    a_client_listens_where_ssh_does: TsshSshd;
    a_listening_side_for_everybody_is_warned_of: TsshSshd TsshTsshd;
    a_server_listens_where_sshd_does_with_gateway_ports_no: TsshSshd SshTsshd TsshTsshd;
    a_server_listens_where_sshd_does_with_gateway_ports_yes: TsshSshd SshTsshd TsshTsshd;
    a_server_listens_where_the_client_says: TsshSshd SshTsshd TsshTsshd;
}

const LOOPBACK: &str = "127.0.0.1 ::1";
const WILDCARD: &str = "0.0.0.0 ::";

/// S29, S30: eight spellings, with `-g` and without, for `-L` and for `-D`.
fn a_client_listens_where_ssh_does(pair: Pair) {
    let server = pair.server(&[]);
    for (bind, off, on) in [
        ("", LOOPBACK, WILDCARD),
        (":", WILDCARD, WILDCARD),
        ("*:", WILDCARD, WILDCARD),
        ("localhost:", LOOPBACK, LOOPBACK),
        ("127.0.0.1:", "127.0.0.1", "127.0.0.1"),
        ("[::1]:", "::1", "::1"),
        ("0.0.0.0:", "0.0.0.0", "0.0.0.0"),
        ("127.0.0.2:", "127.0.0.2", "127.0.0.2"),
    ] {
        for (gateway, expected) in [("-oGatewayPorts=no", off), ("-g", on)] {
            let (local, dynamic) = (free_port(), free_port());
            let forwards = [format!("-L{bind}{local}:localhost:1"), format!("-D{bind}{dynamic}")];
            let options = [gateway, STRICT, &forwards[0], &forwards[1]];
            let holder = pair.hold(&server, &options);
            assert_eq!(listening_text(local), expected, "-L {bind:?} {gateway}");
            assert_eq!(listening_text(dynamic), expected, "-D {bind:?} {gateway}");
            holder.finish();
        }
    }
}

/// The warnings of a client that holds one forward with these options.
#[track_caller]
fn warnings(pair: Pair, server: &Server, options: &[&str]) -> Vec<String> {
    let said = pair.hold(server, &[options, &[STRICT]].concat()).finish().stderr;
    said.lines().filter(|line| line.starts_with("Warning: ")).map(str::to_owned).collect()
}

/// S05: each forward that is open to every host has one warning, with all its addresses and the
/// port; those on loopback have none. What ssh does not say, `--strict-openssh` does not either.
///
/// That each end can forbid forwards is shown elsewhere (S50 and S51); a file of policies that
/// forbids open listening sides is another step, and not planned yet.
fn a_listening_side_for_everybody_is_warned_of(pair: Pair) {
    // The words are tssh's own.
    if !pair.client_is_ours() {
        return;
    }
    let server = pair.server(&["GatewayPorts clientspecified"]);
    let port = free_port();
    let forward = |option: &str| format!("{option}{port}:localhost:1");
    let (plain, dynamic) = (forward("-L"), format!("-D*:{port}"));
    let on = |places: &str| format!("Warning: forwarding listens on {places}: every host ");
    let every = on(&format!(":: port {port} and 0.0.0.0 port {port}"));
    let four = on(&format!("0.0.0.0 port {port}"));
    let remote = format!("Warning: the server was asked to listen on * port {port}: every host ");
    for (options, expected) in [
        (&[&*forward("-L*:")][..], &every),
        (&[&*forward("-L:")], &every),
        (&["-g", &plain], &every),
        (&["-oGatewayPorts=yes", &plain], &every),
        (&[&dynamic], &every),
        (&[&*forward("-L0.0.0.0:")], &four),
        (&[&*forward("-R*:")], &remote),
    ] {
        let said = warnings(pair, &server, options);
        assert!(said.len() == 1 && said[0].starts_with(expected), "{options:?}: {said:?}");
        for silent in ["-q", "--strict-openssh"] {
            let said = warnings(pair, &server, &[&[silent], options].concat());
            assert_eq!(said, [""; 0], "{silent} {options:?}");
        }
    }
    let loopback = forward("-Llocalhost:");
    for options in [&[&*plain][..], &["-g", &loopback], &[&*forward("-R")]] {
        assert_eq!(warnings(pair, &server, options), [""; 0], "{options:?}");
    }
}

/// S34, S35, M11: five strings on the wire under one setting of the server.
fn server_table(pair: Pair, setting: &str, rows: [(&str, &str); 7]) {
    let server = pair.server(&[&format!("GatewayPorts {setting}")]);
    let ports: Vec<u16> = rows.iter().map(|_| free_port()).collect();
    let forwards: Vec<String> = rows
        .iter()
        .zip(&ports)
        .map(|((bind, _), port)| format!("-R{bind}{port}:localhost:1"))
        .collect();
    let mut options: Vec<&str> = forwards.iter().map(String::as_str).collect();
    options.push(STRICT);
    let holder = pair.hold(&server, &options);
    for ((bind, expected), port) in rows.iter().zip(&ports) {
        assert_eq!(listening_text(*port), *expected, "{setting}: -R {bind:?}");
    }
    holder.finish();
}

fn a_server_listens_where_sshd_does_with_gateway_ports_no(pair: Pair) {
    let rows = [
        ("", LOOPBACK),
        ("localhost:", LOOPBACK),
        ("*:", LOOPBACK),
        ("127.0.0.1:", "127.0.0.1"),
        ("[::1]:", "::1"),
        ("0.0.0.0:", LOOPBACK),
        ("127.0.0.2:", LOOPBACK),
    ];
    server_table(pair, "no", rows);
}

fn a_server_listens_where_sshd_does_with_gateway_ports_yes(pair: Pair) {
    let binds = ["", "localhost:", "*:", "127.0.0.1:", "[::1]:", "0.0.0.0:", "127.0.0.2:"];
    server_table(pair, "yes", binds.map(|bind| (bind, WILDCARD)));
}

fn a_server_listens_where_the_client_says(pair: Pair) {
    let rows = [
        ("", LOOPBACK),
        ("localhost:", LOOPBACK),
        ("*:", WILDCARD),
        ("127.0.0.1:", "127.0.0.1"),
        ("[::1]:", "::1"),
        ("0.0.0.0:", "0.0.0.0"),
        ("127.0.0.2:", "127.0.0.2"),
    ];
    server_table(pair, "clientspecified", rows);
}
