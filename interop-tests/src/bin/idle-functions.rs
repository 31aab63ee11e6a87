//! Writes `cli/idle.ld`: which functions tssh runs through until a tunnel is idle.
//!
//! `cargo run --release -p tssh-interop-tests --bin idle-functions`, with sshd and valgrind
//! installed, starts a client with a forward to either server under callgrind, sends a few bytes
//! through, and writes what ran. It is for when `bench idle` shows more memory than it did; the
//! next build puts these functions side by side.

#![forbid(unsafe_code)]

use rustix::process::Signal;
use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tssh_interop_tests::layout::{functions, script};
use tssh_interop_tests::matrix::checks::listens;
use tssh_interop_tests::openssh::{Server, ServerOptions, free_port, missing};
use tssh_interop_tests::process::Process;
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::{client_command, tssh_binary};

/// Under callgrind a start takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    match missing().map_or_else(profile_both, Err) {
        Ok(ran) => {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/idle.ld");
            std::fs::write(&path, script(&ran)).expect("write cli/idle.ld");
            println!("{} functions", ran.len());
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// With either server: OpenSSH's may be too old for the key exchange that is preferred.
fn profile_both() -> Result<BTreeSet<String>, String> {
    let options = ServerOptions::with_lines(&[]);
    let mut ran = profile(&Server::start(&options))?;
    ran.append(&mut profile(&Server::start_tsshd(&options))?);
    Ok(ran)
}

/// What a client runs through that forwards a port and carries a few bytes.
fn profile(server: &Server) -> Result<BTreeSet<String>, String> {
    let (service, entry) = (Service::start(Toy::Echo), free_port());
    let forward = format!("-L{entry}:127.0.0.1:{}", service.port());
    let (scratch, program) = (Scratch::new(), tssh_binary());
    let out = scratch.join("profile");
    let out_option = format!("--callgrind-out-file={}", out.display());
    let tssh = program.display().to_string();
    let mut options = vec!["--tool=callgrind", "--demangle=no", &out_option, &tssh];
    options.extend(["-N", &forward]);
    let mut client =
        Process::spawn(&mut client_command(Path::new("valgrind"), server, &options, &[]));
    if !listens(&mut client, entry) {
        return Err(client.output());
    }
    // By the second one, the end of the first has been seen.
    for _ in 0..2 {
        exchange(entry).map_err(|error| format!("{error}; {}", client.output()))?;
    }
    client.signal(Signal::TERM);
    client.finish(PATIENCE);
    let profile = std::fs::read_to_string(&out).map_err(|error| format!("profile: {error}"))?;
    let ran = functions(&profile, "tssh");
    if ran.is_empty() { Err("callgrind names no function of tssh".to_owned()) } else { Ok(ran) }
}

/// A few bytes there and back, and an end.
fn exchange(entry: u16) -> io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, entry))?;
    stream.write_all(b"hello")?;
    stream.read_exact(&mut [0; 5])?;
    stream.shutdown(Shutdown::Write)?;
    match stream.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::Error::other("more came than was sent")),
    }
}
