//! When keystrokes are sent: `ObscureKeystrokeTiming`.
//!
//! The times between keystrokes tell what is typed. So what is typed on a terminal leaves at the
//! ticks of a clock of our own, one packet at each, and for a while after the last keystroke a
//! tick without one carries a packet that looks the same and means nothing. Time is handed in.
//!
//! ```text
//!        typed            tick          tick ... no keystroke for a while
//! Idle --------> Ticking -----> Ticking ------> Idle
//!   |                |  a packet of keys, or chaff
//!   |  much at once  |
//!   +----> Bulk <----+     Bulk --nothing waits--> Idle
//! ```

use std::time::Duration;
use tssh_transport::Timestamp;

/// More than this at once is not typed by hand: a paste, which is sent as it comes.
const KEYS_BYTES_MAX: usize = 256;
/// How long chaff follows the last keystroke: so long at least, as in ssh,
const CHAFF_MIN: Duration = Duration::from_millis(1024);
/// and up to so much longer, by chance.
const CHAFF_SPREAD_MILLIS: u64 = 2048;
/// What chaff carries. With its length it fills a packet as one key of a session does.
pub const CHAFF: &[u8; 5] = b"PING!";

/// What is to be done at a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// Nothing is due.
    Nothing,
    /// What was typed may leave.
    Keys,
    /// Nothing was typed: send [`CHAFF`].
    Chaff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody types.
    Idle,
    Ticking {
        next: Timestamp,
        /// Chaff ends here; nothing before the first packet of keys.
        until: Option<Timestamp>,
        /// Something waits for the tick.
        waits: bool,
        /// The tick came and one packet may leave.
        open: bool,
    },
    /// More comes than anybody types.
    Bulk,
}

/// The clock of one session's keystrokes.
#[derive(Debug)]
pub struct Keystrokes {
    interval: Duration,
    random: u64,
    state: State,
}

impl Keystrokes {
    /// A clock with a tick every `interval`. `seed` makes its offset and the length of the chaff
    /// such as nobody can know.
    #[must_use]
    pub const fn new(interval: Duration, seed: u64) -> Self {
        Self { interval, random: seed, state: State::Idle }
    }

    /// Whether what was typed may be read and sent now; where not, it waits for a tick.
    pub fn may_send(&mut self, now: Timestamp) -> bool {
        match &mut self.state {
            State::Idle => {
                let micros = u64::try_from(self.interval.as_micros()).unwrap_or(u64::MAX);
                let offset = Duration::from_micros(self.below(micros));
                let next = now.after(offset);
                self.state = State::Ticking { next, until: None, waits: true, open: false };
                false
            }
            State::Ticking { open: true, .. } | State::Bulk => true,
            State::Ticking { waits, .. } => {
                *waits = true;
                false
            }
        }
    }

    /// So many bytes of keys left in one packet; 0 where none were there after all, and then the
    /// tick may be one for chaff.
    pub fn sent(&mut self, bytes: usize, now: Timestamp) -> Tick {
        if bytes > KEYS_BYTES_MAX {
            self.state = State::Bulk;
            return Tick::Nothing;
        }
        let more = CHAFF_MIN.saturating_add(Duration::from_millis(self.below(CHAFF_SPREAD_MILLIS)));
        match &mut self.state {
            State::Ticking { until, open, .. } if bytes > 0 => {
                *open = false;
                *until = Some(now.after(more));
                Tick::Nothing
            }
            State::Ticking { until: Some(until), open, .. } if *until > now => {
                *open = false;
                Tick::Chaff
            }
            State::Bulk if bytes > 0 => Tick::Nothing,
            _ => {
                self.state = State::Idle;
                Tick::Nothing
            }
        }
    }

    /// When [`Keystrokes::tick`] has something to say.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::Ticking { next, .. } => Some(next),
            State::Idle | State::Bulk => None,
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Timestamp) -> Tick {
        let State::Ticking { next, until, waits, open } = &mut self.state else {
            return Tick::Nothing;
        };
        if *next > now {
            return Tick::Nothing;
        }
        if !*waits && until.is_none_or(|until| until <= now) {
            self.state = State::Idle;
            return Tick::Nothing;
        }
        // A tick that was missed is not made up for: two packets at once would tell that.
        *next = next.after(self.interval).max(now);
        if std::mem::take(waits) {
            *open = true;
            return Tick::Keys;
        }
        Tick::Chaff
    }

    /// A number below `bound`, by SplitMix64: nobody learns a secret from it.
    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).checked_rem(bound).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1000;

    const fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn clock() -> Keystrokes {
        Keystrokes::new(Duration::from_millis(20), 7)
    }

    #[test]
    fn keys_leave_at_ticks_and_chaff_follows() {
        let mut k = clock();
        assert!(!k.may_send(at(0)), "the first key waits as well");
        let first = k.deadline().unwrap();
        assert!(first <= at(20 * MS));
        assert_eq!(k.tick(first), Tick::Keys);
        assert!(k.may_send(first));
        assert_eq!(k.sent(1, first), Tick::Nothing);
        assert!(!k.may_send(first), "one packet a tick");
        let second = k.deadline().unwrap();
        assert_eq!(second, first.after(Duration::from_millis(20)));
        assert_eq!(k.tick(second), Tick::Keys);
        assert_eq!(k.sent(3, second), Tick::Nothing);
        // What woke the reader was nothing: the tick has its packet all the same.
        assert!(!k.may_send(second));
        let third = k.deadline().unwrap();
        assert_eq!((k.tick(third), k.sent(0, third)), (Tick::Keys, Tick::Chaff));
        let second = third;
        let mut now = second;
        let mut chaff = 0;
        while let Some(next) = k.deadline() {
            assert_eq!(next, now.after(Duration::from_millis(20)));
            now = next;
            match k.tick(now) {
                Tick::Chaff => chaff += 1,
                Tick::Nothing => assert_eq!(k.deadline(), None),
                Tick::Keys => panic!("nobody typed"),
            }
        }
        assert!((1024 / 20..=3072 / 20 + 1).contains(&chaff), "{chaff}");
    }

    #[test]
    fn what_wakes_without_keys_leaves_no_chaff_behind() {
        let mut k = clock();
        assert!(!k.may_send(at(0)));
        let tick = k.deadline().unwrap();
        assert_eq!(k.tick(tick), Tick::Keys);
        assert_eq!(k.sent(0, tick), Tick::Nothing);
        assert_eq!(k.deadline(), None);
    }

    #[test]
    fn a_paste_is_not_slowed_down() {
        let mut k = clock();
        k.may_send(at(0));
        let tick = k.deadline().unwrap();
        k.tick(tick);
        assert_eq!(k.sent(4096, tick), Tick::Nothing);
        assert!(k.may_send(tick) && k.deadline().is_none());
        assert_eq!((k.sent(4096, tick), k.sent(9, tick)), (Tick::Nothing, Tick::Nothing));
        assert!(k.may_send(tick), "until nothing waits");
        assert_eq!(k.sent(0, tick), Tick::Nothing);
        assert!(!k.may_send(tick));
    }

    #[test]
    fn missed_ticks_are_not_made_up_for() {
        let mut k = clock();
        k.may_send(at(0));
        let late = at(500 * MS);
        assert_eq!(k.tick(late), Tick::Keys);
        assert_eq!(k.sent(1, late), Tick::Nothing);
        assert_eq!(k.tick(late), Tick::Chaff);
        assert_eq!(k.deadline(), Some(late.after(Duration::from_millis(20))));
    }

    #[test]
    fn chaff_fills_a_packet_as_a_key_does() {
        // byte, uint32 channel, string of one byte; and byte, string.
        assert_eq!(1 + 4 + 4 + 1, 1 + 4 + CHAFF.len());
    }
}
