//! CPU seconds per GiB of a client that carries bulk data through `-L`: tssh against ssh, the
//! same server, the same cipher, interleaved in one run.
//!
//! `cargo run --release -p tssh-interop-tests --bin tunnel-cpu -- [MIB] [ROUNDS] [--bar RATIO]`
//!
//! Needs Debian's openssh-server and openssh-client. What is carried is checked. With a bar, the
//! exit status is 1 when the median ratio of any row is above it.

#![forbid(unsafe_code)]

use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tssh_interop_tests::measure::{Asked, median};
use tssh_interop_tests::openssh::{Server, free_port};
use tssh_interop_tests::pattern::{Pattern, hex};
use tssh_interop_tests::process::Process;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::{client_command, tssh_binary};

const CIPHERS: [&str; 2] = ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"];
const SEED: u64 = 7;
/// A client that is not listening by then has failed.
const START_LIMIT: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Up,
    Down,
}

#[derive(Clone, Copy)]
struct Cost {
    cpu: f64,
    speed: f64,
}

fn main() -> ExitCode {
    let asked = Asked::read(std::env::args().skip(1));
    let Some(asked) = asked.filter(|asked| asked.numbers.len() <= 2) else {
        eprintln!("usage: tunnel-cpu [MIB] [ROUNDS] [--bar RATIO]");
        return ExitCode::from(2);
    };
    let mib = asked.numbers.first().copied().unwrap_or(1024);
    let rounds = asked.numbers.get(1).copied().unwrap_or(5);
    let mut ratios = Vec::new();
    let server = Server::with_lines(&[]);
    let clients = [PathBuf::from("/usr/bin/ssh"), tssh_binary()];
    println!("{mib} MiB each, {rounds} rounds; client CPU seconds per GiB");
    println!("{:<31} {:<5} {:>7} {:>7} {:>6}   MiB/s", "cipher", "way", "ssh", "tssh", "ratio");
    for cipher in CIPHERS {
        for way in [Way::Up, Way::Down] {
            let mut costs = [Vec::new(), Vec::new()];
            for _ in 0..rounds {
                for (client, costs) in clients.iter().zip(&mut costs) {
                    costs.push(carry(client, &server, cipher, way, mib << 20));
                }
            }
            ratios.push(report(cipher, way, &costs));
        }
    }
    asked.verdict(&ratios)
}

/// One transfer through a fresh client.
fn carry(client: &Path, server: &Server, cipher: &str, way: Way, bytes: u64) -> Cost {
    let service = Service::start(match way {
        Way::Up => Toy::Sink,
        Way::Down => Toy::Source { seed: SEED, bytes },
    });
    let port = free_port();
    let forward = format!("{port}:127.0.0.1:{}", service.port());
    let options = ["-N", "-c", cipher, "-L", &forward];
    let process = Process::spawn(&mut client_command(client, server, &options, &[]));
    let mut stream = connect(port, &process);
    let (cpu, wall) = (cpu_seconds(process.pid()), Instant::now());
    match way {
        Way::Up => upload(&mut stream, bytes),
        Way::Down => download(&mut stream, bytes),
    }
    let gib = bytes as f64 / f64::from(1 << 30);
    let wall = wall.elapsed().as_secs_f64();
    let speed = bytes as f64 / f64::from(1 << 20) / wall;
    Cost { cpu: (cpu_seconds(process.pid()) - cpu) / gib, speed }
}

fn connect(port: u16, process: &Process) -> TcpStream {
    let start = Instant::now();
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(stream) => return stream,
            Err(error) => {
                assert!(start.elapsed() < START_LIMIT, "{error}\n{}", process.output());
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

fn upload(stream: &mut TcpStream, bytes: u64) {
    let mut pattern = Pattern::new(SEED);
    let mut block = vec![0; 256 * 1024];
    let mut left = bytes;
    while left > 0 {
        let n = block.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        pattern.fill(&mut block[..n]);
        stream.write_all(&block[..n]).expect("write to the tunnel");
        left -= n as u64;
    }
    stream.shutdown(Shutdown::Write).expect("end the upload");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the sink's answer");
    let expected = format!("{bytes} {}", Pattern::digest(SEED, bytes));
    assert_eq!(answer.trim(), expected, "the sink got other bytes");
}

fn download(stream: &mut TcpStream, bytes: u64) {
    let (mut block, mut digest, mut total) = (vec![0; 256 * 1024], Sha256::new(), 0);
    loop {
        let n = stream.read(&mut block).expect("read from the tunnel");
        if n == 0 {
            break;
        }
        digest.update(&block[..n]);
        total += n as u64;
    }
    assert_eq!(total, bytes, "the download ended early");
    assert_eq!(hex(&digest.finalize()), Pattern::digest(SEED, bytes), "other bytes came");
}

/// User and system time of a process so far.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process's times");
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let times = after_name.split(' ').skip(12).take(2);
    let ticks: f64 = times.filter_map(|word| word.parse::<f64>().ok()).sum();
    ticks / rustix::param::clock_ticks_per_second() as f64
}

/// Prints one row; returns the median of tssh's CPU time over ssh's, round by round.
fn report(cipher: &str, way: Way, costs: &[Vec<Cost>; 2]) -> f64 {
    let [ssh, tssh] = costs;
    let ratio = median(ssh.iter().zip(tssh).map(|(a, b)| b.cpu / a.cpu).collect());
    let cpu = |costs: &[Cost]| median(costs.iter().map(|c| c.cpu).collect());
    let speed = |costs: &[Cost]| median(costs.iter().map(|c| c.speed).collect());
    let way = if way == Way::Up { "up" } else { "down" };
    println!(
        "{cipher:<31} {way:<5} {:>7.2} {:>7.2} {:>5.2}x   {:.0} / {:.0}",
        cpu(ssh),
        cpu(tssh),
        ratio,
        speed(ssh),
        speed(tssh),
    );
    ratio
}
