//! A long wire in user space: a relay that holds bytes back as distance would, and lets no more
//! of them onto the wire than its rate allows.
//!
//! Each way has a queue. Bytes are stamped when they are read: they leave when those before them
//! have left and the rate allows it, and arrive half a round trip later. The queue holds what is
//! under way and a router's buffer; beyond that the sender's socket is not read, as if it had
//! filled up.

use rustix::net::sockopt::set_socket_recv_buffer_size;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a router in front of the wire holds.
const ROUTER_BYTES: usize = 256 * 1024;
/// What the kernel holds in front of the router: without a limit it would hide the wire's rate.
const SOCKET_BYTES: usize = 256 * 1024;
const PIECE_BYTES: usize = 64 * 1024;

/// How long and how wide a wire is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Length {
    /// There and back.
    pub rtt: Duration,
    /// Each way.
    pub bits_per_second: f64,
}

impl Length {
    fn time_for(&self, bytes: usize) -> Duration {
        Duration::from_secs_f64(bytes as f64 * 8.0 / self.bits_per_second)
    }

    fn capacity(&self) -> usize {
        let under_way = self.rtt.as_secs_f64() / 2.0 * self.bits_per_second / 8.0;
        under_way as usize + ROUTER_BYTES
    }
}

/// A wire between a port of its own and another one of 127.0.0.1.
pub struct Wire {
    port: u16,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Wire {
    /// Lays a wire to `target`.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn to(target: u16, length: Length) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        set_socket_recv_buffer_size(&listener, SOCKET_BYTES).expect("a size of buffers");
        let port = listener.local_addr().expect("the address of a listener").port();
        let over = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if flag.load(Ordering::Acquire) {
                    return;
                }
                let far = TcpStream::connect((Ipv4Addr::LOCALHOST, target));
                let _ = far.and_then(|far| join(near, far, length));
            }
        });
        Self { port, over, thread: Some(thread) }
    }

    /// Its near end.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // One more connection, for the thread to look at the flag.
        let woken = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

/// Both ways of one connection. The handshake of TCP takes no time, as it is the kernel's own.
fn join(near: TcpStream, far: TcpStream, length: Length) -> io::Result<()> {
    set_socket_recv_buffer_size(&far, SOCKET_BYTES)?;
    for (from, to) in [(near.try_clone()?, far.try_clone()?), (far, near)] {
        from.set_nodelay(true)?;
        let queue = Arc::new(Queue::new(length));
        let filled = Arc::clone(&queue);
        std::thread::spawn(move || filled.fill(from));
        std::thread::spawn(move || queue.empty(to));
    }
    Ok(())
}

struct Queue {
    length: Length,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// When each piece arrives; one without bytes is the end.
    pieces: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    /// When the wire is free for the next byte.
    free_at: Instant,
    /// The far end takes nothing any more.
    broken: bool,
}

impl Queue {
    fn new(length: Length) -> Self {
        let free_at = Instant::now();
        let state = State { pieces: VecDeque::new(), bytes: 0, free_at, broken: false };
        Self { length, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn fill(&self, mut from: TcpStream) {
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let n = from.read(&mut piece).unwrap_or(0);
            piece.truncate(n);
            let mut state = self.state.lock().expect("no panic while locked");
            while state.bytes > self.length.capacity() && !state.broken {
                state = self.changed.wait(state).expect("no panic while locked");
            }
            state.free_at = state.free_at.max(Instant::now()) + self.length.time_for(n);
            let arrives = state.free_at + self.length.rtt / 2;
            state.bytes += n;
            state.pieces.push_back((arrives, piece));
            self.changed.notify_all();
            if n == 0 || state.broken {
                return;
            }
        }
    }

    fn empty(&self, mut to: TcpStream) {
        loop {
            let mut state = self.state.lock().expect("no panic while locked");
            let (arrives, piece) = loop {
                match state.pieces.pop_front() {
                    Some(next) => break next,
                    None => state = self.changed.wait(state).expect("no panic while locked"),
                }
            };
            drop(state);
            std::thread::sleep(arrives.saturating_duration_since(Instant::now()));
            let written = to.write_all(&piece);
            let mut state = self.state.lock().expect("no panic while locked");
            state.bytes -= piece.len();
            state.broken |= written.is_err();
            self.changed.notify_all();
            if piece.is_empty() || state.broken {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::target::{Target, Way, begin};
    use super::*;

    #[test]
    fn a_byte_takes_a_round_trip_to_come_back() {
        let length = Length { rtt: Duration::from_millis(30), bits_per_second: 1e9 };
        let target = Target::start();
        let wire = Wire::to(target.port(), length);
        let mut end = TcpStream::connect((Ipv4Addr::LOCALHOST, wire.port())).unwrap();
        begin(&mut end, 1, Way::Echo, 0).unwrap();
        let asked = Instant::now();
        end.write_all(b"x").unwrap();
        end.read_exact(&mut [0]).unwrap();
        assert!(asked.elapsed() >= length.rtt);
    }
}
