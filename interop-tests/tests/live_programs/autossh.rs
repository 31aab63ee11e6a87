//! autossh (`AUTOSSH_PATH`): a tunnel that comes back when its link is cut or goes silent.

use crate::relay::Relay;
use crate::support::{Pair, Target, each_pair, lacks};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::Duration;
use tssh_interop_tests::openssh::free_port;
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::toys::{Service, Toy};

each_pair! {
    a_tunnel_comes_back_after_a_cut: TsshSshd TsshTsshd;
    a_silent_link_is_noticed: TsshSshd;
}

/// How long autossh is watched for its end before the next try of its forward.
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// autossh that holds one forward through a relay.
struct Tunnel {
    target: Target,
    relay: Relay,
    process: Process,
    port: u16,
    _echo: Service,
}

impl Tunnel {
    fn start(pair: Pair, is_monitored: bool) -> Self {
        let target = Target::start(pair);
        let relay = Relay::start(target.server.port());
        let (echo, port) = (Service::start(Toy::Echo), free_port());
        // A port here that leads to an echo there.
        let monitor = format!("{}:{}", free_port(), echo.port());
        let monitor = if is_monitored { monitor.as_str() } else { "0" };
        let mut command = target.program("autossh");
        command.env("AUTOSSH_PATH", target.client()).env("AUTOSSH_GATETIME", "0");
        // Seconds between looks at the monitored connection.
        command.env("AUTOSSH_POLL", "2").env("AUTOSSH_FIRST_POLL", "2").env("AUTOSSH_DEBUG", "1");
        command.args(["-M", monitor, "-F"]).arg(target.config());
        command.args(["-N", "-p", &relay.port().to_string(), "-L"]);
        command.arg(format!("{port}:127.0.0.1:{}", echo.port()));
        command.args(["-o", "ExitOnForwardFailure=yes", "target"]);
        let process = Process::spawn(&mut command);
        Self { target, relay, process, port, _echo: echo }
    }

    /// Waits until the server has let somebody in `count` times, and the forward works.
    #[track_caller]
    fn expect_up(&mut self, count: usize) {
        let log = &self.target.server.process().stderr;
        let came = log.wait(PATIENCE, |bytes| {
            String::from_utf8_lossy(bytes).matches("Accepted publickey").count() >= count
        });
        assert!(came, "no login {count}: {}", self.process.output());
        // The forward listens once the client knows that it is in.
        let begun = std::time::Instant::now();
        while !echoes(self.port) {
            let ended = self.process.wait_for_exit(BETWEEN_TRIES).is_some();
            let late = begun.elapsed() > PATIENCE;
            assert!(!ended && !late, "no forward: {}", self.process.output());
        }
    }

    #[track_caller]
    fn finish(mut self) {
        self.process.signal(rustix::process::Signal::TERM);
        let ended = self.process.wait_for_exit(PATIENCE);
        assert!(ended.is_some(), "autossh did not end: {}", self.process.output());
    }
}

/// Whether an echo comes through the forward.
fn echoes(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let mut answer = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit for reads");
    let sent = stream.write_all(b"hello").and_then(|()| stream.shutdown(Shutdown::Write));
    sent.and_then(|()| stream.read_to_string(&mut answer)).is_ok() && answer == "hello"
}

fn a_tunnel_comes_back_after_a_cut(pair: Pair) {
    if lacks("autossh::a_tunnel_comes_back_after_a_cut", &["autossh"]) {
        return;
    }
    let mut tunnel = Tunnel::start(pair, false);
    for login in 1..=3 {
        tunnel.expect_up(login);
        tunnel.relay.cut();
    }
    tunnel.expect_up(4);
    tunnel.finish();
}

fn a_silent_link_is_noticed(pair: Pair) {
    if lacks("autossh::a_silent_link_is_noticed", &["autossh"]) {
        return;
    }
    let mut tunnel = Tunnel::start(pair, true);
    tunnel.expect_up(1);
    tunnel.relay.silence();
    tunnel.expect_up(2);
    tunnel.finish();
}
