//! A machine without a descriptor left: alone in this file, for the limit is the whole process's.

#![forbid(unsafe_code)]

mod common;

use common::*;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Processor time of this process, in hundredths of a second.
fn cpu(stat: &File) -> u64 {
    let mut text = [0; 1024];
    let n = stat.read_at(&mut text, 0).unwrap();
    let stat = std::str::from_utf8(&text[..n]).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn a_listener_without_descriptors_waits_without_spinning_and_recovers() {
    let (mut client, _server) = pair().await;
    let port = client.forward(echo_server().await).await;
    let stat = File::open("/proc/self/stat").unwrap();
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = Some(256);
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    let mut hoard: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    hoard.pop();
    // The last descriptor is this end's; there is none for the other.
    let mut stream = tokio::net::TcpStream::connect(port).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let before = cpu(&stat);
    let mut back = [0; 4];
    let wait = Duration::from_secs(1);
    assert!(tokio::time::timeout(wait, stream.read_exact(&mut back)).await.is_err());
    let spent = cpu(&stat) - before;
    assert!(spent < 30, "{spent}0 ms of processor time in one second of waiting");
    drop(hoard);
    tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut back))
        .await
        .expect("the listener is asked again")
        .unwrap();
    assert_eq!(&back, b"ping");
}
