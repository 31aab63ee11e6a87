//! Whoever says nothing, or takes nothing, costs no CPU time.

use crate::support::{client, cpu_ms, tsshd, unavailable};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tssh_connection::messages::{ChannelOpen, ChannelOpenConfirmation, ChannelRequestMsg};
use tssh_interop_tests::hostile::raw::Raw;
use tssh_interop_tests::hostile::wire::Wire;
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::scratch::Scratch;
use tssh_transport::messages::transport::Ping;
use tssh_transport::wire::{Message as _, Writer};

/// How long is looked on, and how much of it may be spent: one percent, by ticks and timers that
/// any program has.
const TIME: Duration = Duration::from_secs(4);
const SPENT_MS_MAX: u64 = 40;

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).string(bytes);
    out
}

fn exec(command: &[u8]) -> ChannelRequestMsg<'_> {
    ChannelRequestMsg::new(0, b"exec", false, command)
}

/// How far a client goes before it falls silent.
fn go(wire: &mut Wire, step: usize, user: &str) {
    const STEPS: &str = "the peer gets this far";
    match step {
        0 => {}
        1 => wire.write(b"SSH-2.0-"),
        2 => wire.write(&Raw::hello()),
        3 => wire.greet(),
        4 => {
            wire.greet();
            wire.until(20).expect(STEPS);
            let share = wire.raw.share();
            wire.send(&share);
        }
        5 => wire.exchange().expect(STEPS),
        6 => {
            wire.exchange().expect(STEPS);
            wire.service().expect(STEPS);
        }
        _ => after_login(wire, step, user),
    }
}

fn after_login(wire: &mut Wire, step: usize, user: &str) {
    wire.log_in(user).expect("a login");
    match step {
        7 => {}
        // Half of a packet, and half of a key exchange.
        8 => {
            let packet = wire.raw.packet(&Ping::new(b"half of this comes").payload());
            wire.write(&packet[..packet.len() / 2]);
        }
        9 => {
            let kexinit = wire.raw.kexinit();
            wire.send(&kexinit);
        }
        // A program that prints without end, and a window that is shut, or a socket that is not
        // read.
        10 | 11 => {
            let window = if step == 10 { 0 } else { u32::MAX };
            wire.say(&ChannelOpen::new(b"session", 0, window, 1 << 15, b""));
            wire.until(91).expect("a channel");
            let command = string(b"exec yes");
            wire.say(&exec(&command));
        }
        _ => unreachable!("no such step"),
    }
}

/// All of them at once: twelve clients that stopped at different places.
#[test]
fn clients_that_fall_silent_cost_a_server_no_time() {
    if unavailable("idle::clients_that_fall_silent_cost_a_server_no_time") {
        return;
    }
    let server = tsshd(&["LoginGraceTime 120"]);
    let mut wires: Vec<Wire> = (0..12)
        .map(|step| {
            let mut wire = Wire::to(server.port());
            go(&mut wire, step, server.user());
            wire
        })
        .collect();
    // What was asked for has been done by now; the pipe of the program and the socket are full.
    assert!(wires[0].stream.peek(&mut [0; 8]).is_ok_and(|n| n > 0), "a greeting");
    settle(server.process().pid());
    let before = cpu_ms(server.process().pid());
    assert!(before > 0, "nothing was measured");
    // The one that reads nothing has something to read; the one with a half packet has not.
    assert!(wires[8].is_silent_for(TIME), "it answers half a packet");
    let spent = cpu_ms(server.process().pid()).saturating_sub(before);
    println!("{spent} ms in {TIME:?}");
    assert!(spent <= SPENT_MS_MAX, "{spent} ms in {TIME:?}");
    // And it serves all the same.
    let mut last = Wire::to(server.port());
    last.log_in(server.user()).expect("a login");
}

/// Waits until a process has come to rest: what it had to do is done.
fn settle(pid: u32) {
    let begun = std::time::Instant::now();
    let (_keep, never): (SyncSender<()>, Receiver<()>) = sync_channel(1);
    let mut before = cpu_ms(pid);
    while begun.elapsed() < PATIENCE / 4 {
        // Nothing is ever sent: this is a limit and no event.
        let _ = never.recv_timeout(Duration::from_millis(300));
        let now = cpu_ms(pid);
        // A child that ends may take the part of a tick with it.
        if now.abs_diff(before) <= 3 {
            return;
        }
        before = now;
    }
}

/// How far a server goes before it falls silent.
fn lead(wire: &mut Wire, step: usize) -> Option<()> {
    match step {
        0 => {}
        1 => wire.write(b"welcome\r\nSSH-2.0-"),
        2 => wire.write(&Raw::hello()),
        3 => wire.greet(),
        4 => wire.exchange()?,
        5 => {
            wire.exchange()?;
            wire.service()?;
        }
        6 => wire.log_in("")?,
        7 | 8 => {
            wire.log_in("")?;
            wire.until(90)?;
            // The window is shut, or the program takes nothing of what is sent.
            wire.say(&ChannelOpenConfirmation::new(
                0,
                0,
                if step == 7 { 0 } else { 1 << 30 },
                1 << 15,
                b"",
            ));
            wire.until(98)?;
        }
        _ => {
            wire.log_in("")?;
            wire.until(90)?;
            let kexinit = wire.raw.kexinit();
            wire.send(&kexinit);
        }
    }
    Some(())
}

/// Ten servers that stopped at different places, and a client at each.
#[test]
fn servers_that_fall_silent_cost_a_client_no_time() {
    if unavailable("idle::servers_that_fall_silent_cost_a_client_no_time") {
        return;
    }
    let folder = Scratch::new();
    let key = tssh_interop_tests::openssh::KeyKind::Ed25519;
    let file = folder.join("key");
    tssh_interop_tests::openssh::keygen(&file, key, "");
    let identity = file.to_str().expect("a path").to_owned();
    let (tell, told) = sync_channel(10);
    let mut clients = Vec::new();
    let mut ends = Vec::new();
    for step in 0..10 {
        let (tell, (go, wait)) = (tell.clone(), sync_channel::<()>(1));
        let (port, _) = Wire::serve(move |wire| {
            tell.send(lead(wire, step).is_some()).expect("the test waits");
            // Held open until the test has seen enough.
            let _ = wait.recv();
        });
        let options = ["-o", "IdentitiesOnly=yes", "-i", &identity, "-o", "ConnectTimeout=60"];
        let mut command = client(port, &folder, &options, &["cat"]);
        command.stdin(std::fs::File::open("/dev/zero").expect("zeros"));
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        clients.push(Process::spawn_as_is(&mut command));
        ends.push(go);
    }
    for _ in 0..10 {
        assert!(told.recv_timeout(PATIENCE).expect("a server comes to rest"), "a client is gone");
    }
    clients.iter().for_each(|client| settle(client.pid()));
    let before: Vec<u64> = clients.iter().map(|client| cpu_ms(client.pid())).collect();
    let (_keep, never): (SyncSender<()>, Receiver<()>) = sync_channel(1);
    assert!(never.recv_timeout(TIME).is_err());
    for (step, (client, before)) in clients.iter().zip(before).enumerate() {
        let spent = cpu_ms(client.pid()).saturating_sub(before);
        println!("step {step}: {spent} ms in {TIME:?}");
        assert!(spent <= SPENT_MS_MAX, "step {step}: {spent} ms in {TIME:?}");
    }
}
