//! Nothing is waited for in vain: a stream that is gathered comes whole, however it ends. The
//! clock stands still while anything moves, so that every stream is a fast one, and goes on as soon
//! as both ends sleep, so that all of them end with less than would wake.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

mod common;

use common::*;
use nix::{getsockopt_impl, libc, sockopt_impl};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tssh_forward::driver::{DriverOptions, LowWater};

sockopt_impl!(
    /// From how many waiting bytes on a socket counts as readable.
    ReceiveLowWater,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_RCVLOWAT,
    usize
);

fn mark(socket: &OwnedFd) -> usize {
    nix::sys::socket::getsockopt(socket, ReceiveLowWater).unwrap()
}

/// Everything that comes out of `to` when `data` went into `from`, which stays open, and the
/// highest mark of the SSH socket meanwhile.
async fn through(
    mut from: TcpStream,
    mut to: TcpStream,
    data: &[u8],
    ssh: &OwnedFd,
) -> (Vec<u8>, usize) {
    let (mut came, mut most) = (Vec::new(), 0);
    let mut piece = vec![0; 64 * 1024];
    let sends = async {
        from.write_all(data).await.unwrap();
        from
    };
    let reads = async {
        while came.len() < data.len() {
            let n = to.read(&mut piece).await.unwrap();
            assert!(n > 0, "it stays open");
            came.extend_from_slice(&piece[..n]);
            most = most.max(mark(ssh));
        }
    };
    let (_open, ()) = tokio::join!(sends, reads);
    let more = tokio::time::timeout(Duration::from_millis(50), to.read(&mut piece)).await;
    assert!(more.is_err(), "nothing more comes");
    (came, most)
}

#[tokio::test(start_paused = true)]
async fn streams_that_are_gathered_come_whole() {
    let (a, b) = tcp_pair().await;
    let hold = |socket: &TcpStream| socket.as_fd().try_clone_to_owned().unwrap();
    let held = [hold(&b), hold(&a)];
    let client = DriverOptions { low_water: LowWater::of(&a), ..DriverOptions::default() };
    let server = DriverOptions { low_water: LowWater::of(&b), ..server_options() };
    let (mut client, _server) = pair_over((a, b), (client, nothing()), (server, nothing())).await;
    let (listener, target) = target().await;
    let forward = client.forward(target).await;
    // What the last of them leave is less than a mark.
    for (bytes, gathered) in
        [(3 << 20, true), ((5 << 20) + 1, true), ((2 << 20) + 200_000, false), (100, false)]
    {
        for down in [true, false] {
            let near = TcpStream::connect(forward).await.unwrap();
            let (far, _) = listener.accept().await.unwrap();
            let data = noise(bytes as u64, bytes);
            let (from, to) = if down { (far, near) } else { (near, far) };
            let ssh = &held[usize::from(down)];
            let trip = through(from, to, &data, ssh);
            let within = tokio::time::timeout(Duration::from_secs(600), trip).await;
            let (came, most) = within.expect("it ends");
            let what = format!("{bytes} bytes, down: {down}, mark {most}");
            assert!(came == data, "{what}");
            assert!(most > 1 || !gathered, "{what}");
            assert_eq!(mark(ssh), 1, "{what}");
        }
    }
}
