//! The connection under a forwarded transfer is reset at a moment that nobody chose: the client
//! ends with 255 and the reason, soon, and what the applications got until then is right.

use crate::points;
use rustix::net::sockopt::set_socket_linger;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use tssh_interop_tests::openssh::{Server, free_port, missing};
use tssh_interop_tests::pair::Pair;
use tssh_interop_tests::pattern::Pattern;
use tssh_interop_tests::process::{Finished, PATIENCE, Process, run};
use tssh_interop_tests::sim::random::Rng;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::client_command;

/// More than any connection lives to carry.
const BYTES: usize = 8 << 20;
/// How soon a client must notice that its connection is gone.
const SOON: Duration = Duration::from_secs(10);

/// Between client and server: resets both connections once the server has sent so much.
struct Relay {
    port: u16,
}

impl Relay {
    fn start(server: u16, after: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        thread::spawn(move || {
            let Ok((near, _)) = listener.accept() else { return };
            let Ok(far) = TcpStream::connect(("127.0.0.1", server)) else { return };
            let (mut up, mut up_to) =
                (near.try_clone().expect("a socket"), far.try_clone().expect("a socket"));
            thread::spawn(move || {
                let _ = std::io::copy(&mut up, &mut up_to);
                let _ = up_to.shutdown(Shutdown::Write);
            });
            let _ = std::io::copy(&mut (&far).take(after), &mut &near);
            for socket in [&near, &far] {
                set_socket_linger(socket, Some(Duration::ZERO)).expect("an option");
                // Dropping alone is no end while the other thread reads.
                let _ = socket.shutdown(Shutdown::Read);
            }
        });
        Self { port }
    }
}

/// A client with a forward to an echo, logged in by way of `port`.
struct Client {
    process: Process,
    forward: u16,
    _echo: Service,
}

impl Client {
    fn start(pair: Pair, server: &Server, port: u16) -> Self {
        let echo = Service::start(Toy::Echo);
        let forward = free_port();
        let spec = format!("127.0.0.1:{forward}:127.0.0.1:{}", echo.port());
        let port = format!("-oPort={port}");
        let alias = format!("-oHostKeyAlias=[127.0.0.1]:{}", server.port());
        let options = [port.as_str(), &alias, "-v", "-N", "-L", &spec];
        let process = Process::spawn(&mut client_command(&pair.client(), server, &options, &[]));
        Self { process, forward, _echo: echo }
    }

    /// Bytes that came back as they went out, until the connection ended.
    fn echoed(&self, seed: u64) -> usize {
        let mut sent = Pattern::new(seed);
        let mut expected = Pattern::new(seed);
        let Ok(stream) = TcpStream::connect(("127.0.0.1", self.forward)) else { return 0 };
        let mut writer = stream.try_clone().expect("a socket");
        let writing = thread::spawn(move || {
            let mut piece = [0; 8192];
            for _ in 0..BYTES / piece.len() {
                sent.fill(&mut piece);
                if writer.write_all(&piece).is_err() {
                    return;
                }
            }
        });
        let (mut came, mut reader) = (0, stream);
        let mut wanted = Vec::new();
        let mut piece = [0; 8192];
        while let Ok(n @ 1..) = reader.read(&mut piece) {
            while wanted.len() < n {
                let mut next = [0; 8192];
                expected.fill(&mut next);
                wanted.extend(next);
            }
            assert!(
                wanted.drain(..n).eq(piece[..n].iter().copied()),
                "a byte is wrong after {came}"
            );
            came += n;
        }
        let _ = reader.shutdown(Shutdown::Both);
        writing.join().expect("a writer");
        came
    }

    fn finish(mut self, cut: Instant) -> Finished {
        let done = self.process.finish(PATIENCE);
        assert!(cut.elapsed() < SOON, "it took {:?}", cut.elapsed());
        done
    }
}

#[track_caller]
fn judged(done: &Finished) {
    done.expect_code(255);
    let reasons = [
        "Connection reset by",
        "closed by remote host",
        "Broken pipe",
        "Software caused connection abort",
        "closed by 127.0.0.1",
        "Connection closed",
    ];
    assert!(reasons.iter().any(|reason| done.stderr.contains(reason)), "{}", done.stderr);
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
}

fn cut_at_random(pair: Pair, cuts: usize, seed: u64) {
    let server = pair.server(&[]);
    let mut rng = Rng::new(seed);
    let (mut before_login, mut bytes) = (0, 0);
    for cut in 0..cuts {
        // Some in the login, most in the transfer.
        let after =
            if cut.is_multiple_of(8) { rng.below(4000) } else { rng.between(4000, 600_000) };
        let relay = Relay::start(server.port(), after);
        let client = Client::start(pair, &server, relay.port);
        let up = client.process.stderr.wait_for("Entering interactive session.", PATIENCE);
        let came = if up { client.echoed(seed + cut as u64) } else { 0 };
        before_login += usize::from(!up);
        bytes += came;
        judged(&client.finish(Instant::now()));
    }
    println!("{cuts} resets, {before_login} before the login was over, {bytes} bytes came back");
    assert!(bytes > 0, "nothing was transferred");
}

#[test]
fn a_reset_at_any_byte_ends_client_and_transfer_with_tsshd() {
    if let Some(reason) = missing() {
        return skip("cut::a_reset_at_any_byte_ends_client_and_transfer_with_tsshd", &reason);
    }
    cut_at_random(Pair::TsshTsshd, points(16, 250), 0x7273_7431);
}

#[test]
fn a_reset_at_any_byte_ends_client_and_transfer_with_sshd() {
    if let Some(reason) = missing() {
        return skip("cut::a_reset_at_any_byte_ends_client_and_transfer_with_sshd", &reason);
    }
    cut_at_random(Pair::TsshSshd, points(8, 250), 0x7273_7432);
}

/// The kernel destroys the client's socket: `ss -K`.
#[test]
fn a_socket_that_the_kernel_destroys_ends_client_and_transfer() {
    const TEST: &str = "cut::a_socket_that_the_kernel_destroys_ends_client_and_transfer";
    if let Some(reason) = missing() {
        return skip(TEST, &reason);
    }
    let server = Pair::TsshTsshd.server(&[]);
    let mut rng = Rng::new(0x6b69_6c6c);
    for kill in 0..points(4, 50) {
        let client = Client::start(Pair::TsshTsshd, &server, server.port());
        let up = client.process.stderr.wait_for("Entering interactive session.", PATIENCE);
        assert!(up, "{}", client.process.output());
        let port = server.port();
        let pause = Duration::from_micros(rng.below(200_000));
        let killer = thread::spawn(move || {
            let begun = Instant::now();
            while begun.elapsed() < pause {
                thread::yield_now();
            }
            run(Command::new("ss").args(["-K", "-t", "dport", "=", &format!(":{port}")]))
        });
        client.echoed(kill as u64);
        let killed = killer.join().expect("ss ran");
        if killed.code != 0 {
            return skip(TEST, &format!("ss -K: {}", killed.stderr));
        }
        judged(&client.finish(Instant::now()));
    }
}
