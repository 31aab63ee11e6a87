//! Nothing is waited for in vain: a stream that is gathered comes whole, however it ends. The
//! clock stands still while anything moves, so that every stream is a fast one, and goes on as soon
//! as both ends sleep, so that all of them end with less than would wake.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

mod common;

use common::*;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tssh_forward::driver::{DriverOptions, LowWater};

/// Everything that comes out of `to` when `data` went into `from`, which stays open.
async fn through(mut from: TcpStream, mut to: TcpStream, data: Vec<u8>) -> Vec<u8> {
    let mut came = vec![0; data.len()];
    let sends = async {
        from.write_all(&data).await.unwrap();
        from
    };
    let (_open, read) = tokio::join!(sends, to.read_exact(&mut came));
    read.unwrap();
    came
}

#[tokio::test(start_paused = true)]
async fn streams_that_are_gathered_come_whole() {
    let (a, b) = tcp_pair().await;
    let client = DriverOptions { low_water: LowWater::of(&a), ..DriverOptions::default() };
    let server = DriverOptions { low_water: LowWater::of(&b), ..server_options() };
    assert!(client.low_water.is_some() && server.low_water.is_some());
    let (mut client, _server) = pair_over((a, b), (client, nothing()), (server, nothing())).await;
    let (listener, target) = target().await;
    let forward = client.forward(target).await;
    // What the last of them leave is less than a mark.
    for bytes in [3 << 20, (5 << 20) + 1, (2 << 20) + 200_000, 8 << 20, 1 << 20, 100] {
        for down in [true, false] {
            let near = TcpStream::connect(forward).await.unwrap();
            let (far, _) = listener.accept().await.unwrap();
            let data = noise(bytes as u64, bytes);
            let (from, to) = if down { (far, near) } else { (near, far) };
            let trip = through(from, to, data.clone());
            let came = tokio::time::timeout(Duration::from_secs(600), trip).await;
            assert!(came.expect("it ends") == data, "{bytes} bytes, down: {down}");
        }
    }
}
