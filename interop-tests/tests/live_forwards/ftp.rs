//! FTP, the protocol that makes connections besides its first one.

use crate::support::{Pair, STRICT, each_pair, lacks};
use std::process::Command;
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::process::{Finished, run};
use tssh_interop_tests::toys::{Service, Toy};

each_pair! {
    data_connections_of_ftp_pass_by_a_plain_forward: TsshSshd SshTsshd TsshTsshd;
    socks_carries_both_connections_of_ftp: TsshSshd SshTsshd TsshTsshd;
}

/// The address curl's connections come from; those of the server's end come from 127.0.0.1.
const CLIENT: &str = "127.0.0.3";

/// Lists the folder as a client that goes where the server's PASV reply says.
fn list(port: u16, more: &[&str]) -> Finished {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--verbose", "--max-time", "60", "--noproxy", ""]);
    command.args(["--interface", CLIENT, "--disable-epsv", "--no-ftp-skip-pasv-ip"]);
    command.args(["--user", "toy:sesame"]).args(more);
    let done = run(command.arg(format!("ftp://127.0.0.1:{port}/")));
    // The login, PWD and the listing.
    done.expect_code(0).expect_stderr("230 logged in").expect_stderr("257 \"/toy\"");
    assert!(done.text().contains("greeting.txt"), "{}", done.text());
    done
}

/// Holds one forward while `act` runs; returns how many channels the client opened for it.
fn channels(pair: Pair, server: &Server, forward: &str, act: impl FnOnce()) -> usize {
    let holder = pair.hold(server, &["-v", forward, STRICT]);
    act();
    let said = holder.finish().stderr;
    // Each of the two clients has a line of its own for a connection that it takes.
    let taken = if pair.client_is_ours() { ": direct-tcpip: " } else { "Connection to port " };
    said.lines().filter(|line| line.contains(taken)).count()
}

/// S08: through `-L` the login and PWD succeed, and the listing goes past the tunnel: the service
/// sees the server's end on the one connection and the client itself on the other.
fn data_connections_of_ftp_pass_by_a_plain_forward(pair: Pair) {
    if lacks("ftp::plain", &["curl"]) {
        return;
    }
    let (server, ftp, port) = (pair.server(&[]), Service::start(Toy::Ftp), free_port());
    let forward = format!("-L{port}:127.0.0.1:{}", ftp.port());
    let opened = channels(pair, &server, &forward, || {
        list(port, &[]);
    });
    assert_eq!(ftp.report(), format!("control from 127.0.0.1, data from {CLIENT}"));
    assert_eq!((opened, ftp.accepted()), (1, 1));
}

/// S08: what is suggested instead: with SOCKS both connections come through the tunnel.
fn socks_carries_both_connections_of_ftp(pair: Pair) {
    if lacks("ftp::socks", &["curl"]) {
        return;
    }
    let (server, ftp, port) = (pair.server(&[]), Service::start(Toy::Ftp), free_port());
    let proxy = format!("socks5h://127.0.0.1:{port}");
    let opened = channels(pair, &server, &format!("-D{port}"), || {
        list(ftp.port(), &["--proxy", &proxy]);
    });
    assert_eq!(ftp.report(), "control from 127.0.0.1, data from 127.0.0.1");
    assert_eq!(opened, 2);
}
