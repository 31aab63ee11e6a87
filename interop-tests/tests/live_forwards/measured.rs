//! What OpenSSH was measured to do in situations that go wrong, or look as if they did: the words
//! that scripts match, the exit status, and where we say more.

use crate::support::{Busy, Holder, Pair, STRICT, all_of, connect, each_pair};
use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::process::PATIENCE;
use tssh_interop_tests::toys::{Service, Toy};

each_pair! {
    a_busy_local_port: TsshSshd;
    a_target_that_refuses: TsshSshd SshTsshd TsshTsshd;
    a_target_without_an_address: TsshSshd SshTsshd TsshTsshd;
    a_local_forward_that_is_forbidden: TsshSshd SshTsshd TsshTsshd;
    a_shell_that_ends_before_its_forward: TsshSshd SshTsshd TsshTsshd;
    an_answer_after_the_end: TsshSshd SshTsshd TsshTsshd;
}

/// M1, S37: each family is named, the session goes on; with the option it does not.
fn a_busy_local_port(pair: Pair) {
    let (server, busy) = (pair.server(&[]), Busy::both());
    let port = busy.port;
    let forward = format!("-L{port}:localhost:1");
    let done = pair.run(&server, &[&forward], &["exit 3"]);
    done.expect_code(3);
    for text in [
        &format!("bind [127.0.0.1]:{port}: Address already in use"),
        &format!("channel_setup_fwd_listener_tcpip: cannot listen to port: {port}"),
        "Could not request local forwarding.",
    ] {
        done.expect_stderr(text);
    }
    pair.run(&server, &[&forward, STRICT], &["exit 3"]).expect_code(255);
}

/// A connection through `-L` to a target that is not to be had: it ends without a byte, and the
/// client says why.
#[track_caller]
fn refused_open(pair: Pair, server: &Server, target: &str, text: &str) {
    let port = free_port();
    let holder = pair.hold(server, &[&format!("-L{port}:{target}"), STRICT]);
    for _ in 0..2 {
        // The tunnel stays up.
        assert_eq!(all_of(connect(port)), "");
    }
    holder.expect_stderr(text);
    holder.finish();
}

/// M6, S15: nobody listens at the target.
fn a_target_that_refuses(pair: Pair) {
    let text = "open failed: connect failed: Connection refused";
    refused_open(pair, &pair.server(&[]), &format!("localhost:{}", free_port()), text);
}

/// M7: the target's name has no address on the far side.
fn a_target_without_an_address(pair: Pair) {
    // Without any network the resolver has other words after these.
    let text = "open failed: connect failed: ";
    refused_open(pair, &pair.server(&[]), "no-such-host.invalid:80", text);
}

/// M8: the server's administrator does not want it.
fn a_local_forward_that_is_forbidden(pair: Pair) {
    let text = "open failed: administratively prohibited: open failed";
    refused_open(pair, &pair.server(&["AllowTcpForwarding no"]), "localhost:80", text);
    refused_open(pair, &pair.server(&["PermitOpen localhost:81"]), "localhost:80", text);
}

/// M12: the client stays until the last forwarded connection is over, and has the shell's status.
/// ssh says nothing while it waits.
fn a_shell_that_ends_before_its_forward(pair: Pair) {
    let (server, echo, port) = (pair.server(&[]), Service::start(Toy::Echo), free_port());
    let forward = format!("-L{port}:127.0.0.1:{}", echo.port());
    let command = ["echo ready; cat; exit 7"];
    let mut command = tssh_interop_tests::tssh::client_command(
        &pair.client(),
        &server,
        &[&forward, STRICT],
        &command,
    );
    let process = tssh_interop_tests::process::Process::spawn(&mut command);
    let mut holder = Holder { process };
    assert!(holder.process.stdout.wait_for("ready", PATIENCE), "{}", holder.process.output());
    let mut stream = connect(port);
    stream.write_all(b"before\n").expect("use the forward");
    holder.process.close_stdin();
    if pair.client_is_ours() {
        holder.expect_stderr("Waiting for forwarded connections to terminate...");
    } else {
        // It must not end; that it does not can only be watched for a while.
        assert!(holder.process.wait_for_exit(Duration::from_millis(500)).is_none());
    }
    stream.write_all(b"after\n").expect("use the forward");
    stream.shutdown(Shutdown::Write).expect("end our direction");
    assert_eq!(all_of(stream), "before\nafter\n");
    let begun = Instant::now();
    holder.process.finish(PATIENCE).expect_code(7);
    assert!(begun.elapsed() < Duration::from_secs(20), "ended only after {:?}", begun.elapsed());
}

/// M13: the answer to an end of ours still arrives.
fn an_answer_after_the_end(pair: Pair) {
    let (server, sink, port) = (pair.server(&[]), Service::start(Toy::Sink), free_port());
    let forward = format!("-L{port}:127.0.0.1:{}", sink.port());
    let holder = pair.hold(&server, &[&forward, STRICT]);
    let mut stream = connect(port);
    stream.write_all(b"12345").expect("five bytes");
    stream.shutdown(Shutdown::Write).expect("end our direction");
    let sum = tssh_interop_tests::pattern::sha256_hex(b"12345");
    assert_eq!(all_of(stream), format!("5 {sum}\n"));
    holder.finish();
}
