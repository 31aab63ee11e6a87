//! A fast stream wakes its reader for many packets at once.
//!
//! A reader that is as fast as the stream sleeps after nearly every packet, and is woken for the
//! next: a switch of tasks for 32 KiB, paid here and, as it is the sender's system call that wakes,
//! there too. So while data comes faster than it could be waited for in vain, and nothing else
//! does, the socket wakes us only when as much is there as comes in [`GATHER_WAIT`], up to
//! [`GATHER_BYTES`] (`SO_RCVLOWAT`), or when [`GATHER_TIME`] has passed without as much: then every
//! byte wakes again.
//!
//! Whatever somebody may be waiting for ends it too: a small packet, an event, data of our own.

use crate::limits::{
    GATHER_AFTER_BYTES, GATHER_AFTER_BYTES_MAX, GATHER_BYTES, GATHER_BYTES_LEAST,
    GATHER_BYTES_STEP, GATHER_TIME, GATHER_WAIT,
};
use nix::{libc, setsockopt_impl, sockopt_impl};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use tssh_transport::Timestamp;

sockopt_impl!(
    /// From how many waiting bytes on a socket counts as readable.
    ReceiveLowWater,
    SetOnly,
    libc::SOL_SOCKET,
    libc::SO_RCVLOWAT,
    usize
);

/// The low-water mark of a TCP socket: a second hold on it, which goes with the driver.
#[derive(Debug)]
pub struct LowWater(OwnedFd);

impl LowWater {
    /// That of `socket`; none where there is no descriptor left for it, nor where what is there
    /// already would wake nobody once the mark is lowered, as before Linux 4.18.
    pub fn of(socket: impl AsFd) -> Option<Self> {
        let release = rustix::system::uname();
        let wakes =
            cfg!(target_os = "linux") && wakes_when_lowered(release.release().to_str().ok()?);
        wakes.then(|| socket.as_fd().try_clone_to_owned().ok().map(Self)).flatten()
    }

    /// From now on so many bytes wake the reader. `false` where the socket knows no such mark.
    pub(crate) fn set(&self, bytes: usize) -> bool {
        nix::sys::socket::setsockopt(&self.0, ReceiveLowWater, &bytes).is_ok()
    }
}

/// Whether a Linux of this release looks at what is there when the mark is set.
fn wakes_when_lowered(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return false };
    (major, minor) >= (4, 18)
}

/// How much to wait for at the rate of `bytes` in `time`; nothing where they come too slowly.
fn worth_waiting_for(bytes: usize, time: Duration) -> Option<usize> {
    let come = (bytes as u128).saturating_mul(GATHER_WAIT.as_micros());
    let come = come.checked_div(time.as_micros()).and_then(|come| usize::try_from(come).ok());
    let most = come.unwrap_or(usize::MAX).min(GATHER_BYTES);
    let mark = (most / GATHER_BYTES_STEP).saturating_mul(GATHER_BYTES_STEP);
    (mark >= GATHER_BYTES_LEAST).then_some(mark)
}

/// When to wait for more, and when no longer. What is returned is the mark to set.
#[derive(Debug)]
pub(crate) struct Gather {
    /// When what is measured began to come.
    since: Option<Timestamp>,
    /// Bytes since then.
    measured: usize,
    /// So many of them begin it.
    after: usize,
    /// While it goes on: until when more is waited for.
    until: Option<Timestamp>,
    /// How much is waited for, then.
    mark: usize,
    /// What was read after the first such wait, since nothing was waited for in vain.
    bytes: usize,
    /// Something was read since the wait began.
    fresh: bool,
}

impl Default for Gather {
    fn default() -> Self {
        let after = GATHER_AFTER_BYTES;
        Self { since: None, measured: 0, after, until: None, mark: 1, bytes: 0, fresh: false }
    }
}

impl Gather {
    /// So much was read of a stream and of nothing else.
    pub(crate) fn read(&mut self, bytes: usize, now: Timestamp) -> Option<usize> {
        let Some(since) = self.since else {
            // What the first read brings came before.
            self.since = Some(now);
            return None;
        };
        self.measured = self.measured.saturating_add(bytes);
        let waits = self.until.is_some();
        if waits {
            self.bytes = self.bytes.saturating_add(bytes);
            self.wait(now);
        }
        if self.measured < if waits { GATHER_AFTER_BYTES } else { self.after } {
            return None;
        }
        let mark = worth_waiting_for(self.measured, now.since(since));
        (self.measured, self.since) = (0, Some(now));
        let Some(mark) = mark else { return self.until.take().map(|_| 1) };
        self.wait(now);
        let before = std::mem::replace(&mut self.mark, mark);
        (!waits || mark != before).then_some(mark)
    }

    fn wait(&mut self, now: Timestamp) {
        (self.until, self.fresh) = (Some(now.after(GATHER_TIME)), true);
    }

    /// All that was there has been read: the wait begins. What was read before may have taken long
    /// to be passed on.
    pub(crate) fn empty(&mut self, now: Timestamp) {
        if self.until.is_some() && self.fresh {
            self.wait(now);
            self.fresh = false;
        }
    }

    /// Something came or went that somebody may be waiting for.
    pub(crate) fn stop(&mut self) -> Option<usize> {
        (self.bytes, self.measured, self.since) = (0, 0, None);
        self.until.take().map(|_| 1)
    }

    /// When more has been waited for long enough.
    pub(crate) const fn deadline(&self) -> Option<Timestamp> {
        self.until
    }

    /// It may have been: a stream that stops early has to be longer the next time. Not so where
    /// `we_wait`: we read nothing ourselves.
    pub(crate) fn on_time(&mut self, now: Timestamp, we_wait: bool) -> Option<usize> {
        self.until.filter(|until| *until <= now)?;
        self.after = match self.bytes >= GATHER_AFTER_BYTES_MAX {
            true => GATHER_AFTER_BYTES,
            false if we_wait => self.after,
            false => self.after.saturating_mul(2).min(GATHER_AFTER_BYTES_MAX),
        };
        self.stop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    /// Reads `bytes` in pieces of 128 KiB, each so many microseconds after the one before, up to
    /// the first mark.
    fn stream(gather: &mut Gather, now: &mut u64, bytes: usize, each: u64) -> Option<usize> {
        let mut mark = None;
        for _ in 0..bytes / (128 * 1024) {
            *now += each;
            mark = mark.or(gather.read(128 * 1024, at(*now)));
        }
        mark
    }

    /// A count that begins now.
    fn begun(gather: &mut Gather, now: u64) {
        assert_eq!(gather.read(128 * 1024, at(now)), None);
    }

    #[test]
    fn the_faster_the_stream_the_more_is_waited_for_and_a_slow_one_is_not() {
        let kib = |kib: usize| Some(kib * 1024);
        for (each, mark) in [
            (0, kib(256)),
            (100, kib(256)),
            (375, kib(256)),
            (376, kib(224)),
            (750, kib(128)),
            (1000, kib(96)),
            (1001, None),
            (1_000_000_000, None),
        ] {
            let (mut gather, mut now) = (Gather::default(), 7);
            begun(&mut gather, now);
            assert_eq!(stream(&mut gather, &mut now, GATHER_AFTER_BYTES, each), mark, "{each}");
            assert_eq!(gather.deadline().is_some(), mark.is_some());
        }
    }

    #[test]
    fn the_mark_follows_the_rate() {
        let (mut gather, mut now) = (Gather::default(), 7);
        begun(&mut gather, now);
        let kib = |kib: usize| Some(kib * 1024);
        for (each, mark, waits) in [
            (750, kib(128), true),
            (740, None, true),
            (375, kib(256), true),
            (1, None, true),
            (500, kib(192), true),
            (1001, Some(1), false),
            (1001, None, false),
            (500, kib(192), true),
        ] {
            assert_eq!(stream(&mut gather, &mut now, GATHER_AFTER_BYTES, each), mark, "{each}");
            assert_eq!(gather.deadline(), waits.then(|| at(now + 1000)), "{each}");
        }
        assert_eq!(gather.stop(), Some(1));
    }

    #[test]
    fn what_lay_there_before_is_no_stream() {
        let mut gather = Gather::default();
        assert_eq!(gather.read(GATHER_AFTER_BYTES, at(7)), None);
    }

    #[test]
    fn what_may_be_waited_for_ends_it_and_begins_the_count_anew() {
        let (mut gather, mut now) = (Gather::default(), 7);
        let most = GATHER_AFTER_BYTES - 128 * 1024;
        for _ in 0..2 {
            begun(&mut gather, now);
            assert_eq!(stream(&mut gather, &mut now, most, 100), None);
            assert_eq!(gather.stop(), None);
        }
        begun(&mut gather, now);
        assert_eq!(stream(&mut gather, &mut now, most, 100), None);
        assert_eq!(stream(&mut gather, &mut now, 128 * 1024, 100), Some(GATHER_BYTES));
        assert_eq!(gather.stop(), Some(1));
        assert_eq!(gather.deadline(), None);
        assert_eq!(gather.stop(), None);
        begun(&mut gather, now);
        let mark = stream(&mut gather, &mut now, GATHER_AFTER_BYTES, 100);
        assert_eq!(mark, Some(GATHER_BYTES), "nothing was waited for in vain");
    }

    #[test]
    fn every_read_gives_more_time_and_the_end_of_it_lowers_the_mark() {
        let (mut gather, mut now) = (Gather::default(), 7);
        begun(&mut gather, now);
        stream(&mut gather, &mut now, GATHER_AFTER_BYTES, 100);
        now += 800;
        assert_eq!(gather.read(GATHER_BYTES, at(now)), None);
        assert_eq!(gather.deadline(), Some(at(now + 1000)));
        assert_eq!(gather.on_time(at(now + 999), false), None);
        assert_eq!(gather.on_time(at(now + 1000), false), Some(1));
        assert_eq!(gather.on_time(at(now + 2000), false), None);
    }

    #[test]
    fn a_peer_that_stops_early_has_to_send_more_each_time_unless_it_is_we_who_wait() {
        let (mut gather, mut now) = (Gather::default(), 7);
        let mut after = GATHER_AFTER_BYTES;
        for turn in 0..16 {
            begun(&mut gather, now);
            assert_eq!(stream(&mut gather, &mut now, after - 128 * 1024, 1), None);
            assert_eq!(stream(&mut gather, &mut now, 128 * 1024, 1), Some(GATHER_BYTES));
            now += 5000;
            let we_wait = turn % 2 == 1;
            assert_eq!(gather.on_time(at(now), we_wait), Some(1));
            after = if we_wait { after } else { (after * 2).min(GATHER_AFTER_BYTES_MAX) };
        }
        assert_eq!(after, GATHER_AFTER_BYTES_MAX);
        // One that sends as much without stopping is believed again.
        begun(&mut gather, now);
        stream(&mut gather, &mut now, 2 * GATHER_AFTER_BYTES_MAX, 1);
        now += 5000;
        assert_eq!(gather.on_time(at(now), false), Some(1));
        begun(&mut gather, now);
        assert_eq!(stream(&mut gather, &mut now, GATHER_AFTER_BYTES, 1), Some(GATHER_BYTES));
    }

    #[test]
    fn the_wait_begins_when_all_has_been_read() {
        let (mut gather, mut now) = (Gather::default(), 7);
        gather.empty(at(now));
        assert_eq!(gather.deadline(), None);
        begun(&mut gather, now);
        stream(&mut gather, &mut now, GATHER_AFTER_BYTES, 100);
        // To pass that on took long.
        now += 5000;
        gather.empty(at(now));
        assert_eq!(gather.on_time(at(now), false), None);
        // Nothing came: that it is empty is no news.
        gather.empty(at(now + 500));
        assert_eq!(gather.deadline(), Some(at(now + 1000)));
        assert_eq!(gather.on_time(at(now + 1000), false), Some(1));
    }

    #[test]
    fn what_was_waited_for_in_vain_counts_through_a_slow_end_and_is_forgiven_after_it() {
        let (mut gather, mut now) = (Gather::default(), 7);
        for _ in 0..2 {
            begun(&mut gather, now);
            stream(&mut gather, &mut now, 2 * GATHER_AFTER_BYTES, 1);
            now += 5000;
            assert_eq!(gather.on_time(at(now), false), Some(1));
        }
        let (after, one) = (4 * GATHER_AFTER_BYTES, GATHER_AFTER_BYTES);
        begun(&mut gather, now);
        let begins = |gather: &mut Gather, now: &mut u64| {
            assert_eq!(stream(gather, now, after - 128 * 1024, 100), None);
            assert_eq!(stream(gather, now, 128 * 1024, 100), Some(GATHER_BYTES));
        };
        begins(&mut gather, &mut now);
        // While it goes on the rate shows after as little as ever.
        assert_eq!(stream(&mut gather, &mut now, one, 1000), Some(GATHER_BYTES_LEAST));
        assert_eq!(stream(&mut gather, &mut now, one, 1001), Some(1));
        // With those two it makes 64 MiB.
        begins(&mut gather, &mut now);
        stream(&mut gather, &mut now, GATHER_AFTER_BYTES_MAX - 2 * one, 100);
        now += 5000;
        assert_eq!(gather.on_time(at(now), false), Some(1));
        begun(&mut gather, now);
        assert_eq!(stream(&mut gather, &mut now, one, 100), Some(GATHER_BYTES));
    }

    #[test]
    fn a_release_is_told_by_its_first_two_numbers() {
        for (release, wakes) in [
            ("6.18.44-arch1", true),
            ("4.18.0-553.el8_10.x86_64", true),
            ("5.4", true),
            ("4.17.19", false),
            ("3.10.0-1160.el7.x86_64", false),
            ("4", false),
            ("", false),
            ("seven.eight", false),
        ] {
            assert_eq!(wakes_when_lowered(release), wakes, "{release}");
        }
    }

    /// An event that the runtime hears of once, as a change.
    #[tokio::test]
    async fn a_lowered_mark_wakes_for_what_is_there() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        let low_water = LowWater::of(&far).unwrap();
        // The runtime takes a new socket for readable until it is seen not to be.
        far.try_read(&mut [0]).unwrap_err();
        assert!(low_water.set(GATHER_BYTES));
        near.write_all(&[7; 1000]).await.unwrap();
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, far.readable()).await.is_err());
        let in_the_end = Duration::from_secs(20);
        let waits = tokio::time::timeout(in_the_end, far.readable());
        let lowers = async { assert!(low_water.set(1)) };
        tokio::join!(biased; waits, lowers).0.unwrap().unwrap();
        far.read_exact(&mut [0; 1000]).await.unwrap();
    }
}
