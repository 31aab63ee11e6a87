//! The round trip, as the shortest time in which anything of ours was answered: it is no longer.
//!
//! There are two of them. Channels are answered from the first one on by a server that has just
//! been started for this user, and so too late; authentication is answered before, and the path may
//! have become longer since. Who must not take it for longer than it is takes the shorter one.

use core::time::Duration;
use tssh_transport::Timestamp;

/// What is known of it, and what waits for an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RoundTrip {
    of_channels: Option<Duration>,
    of_login: Option<Duration>,
    /// When the oldest question of the login was sent, or a little before.
    asked: Option<Timestamp>,
}

impl RoundTrip {
    /// As channels and requests were answered; none where none was yet.
    pub(crate) const fn of_channels(&self) -> Option<Duration> {
        self.of_channels
    }

    /// As anything was answered; none where nothing was yet.
    pub(crate) fn least(&self) -> Option<Duration> {
        [self.of_channels, self.of_login].into_iter().flatten().min()
    }

    /// What was sent on a channel, or for the connection, at `sent` is answered.
    pub(crate) fn answered(&mut self, sent: Timestamp, now: Timestamp) {
        shorten(&mut self.of_channels, now.since(sent));
    }

    /// A question of the login is sent, now or a little later. Where one is open the next answer is
    /// to that, and says nothing about this one.
    pub(crate) fn ask(&mut self, now: Timestamp) {
        self.asked.get_or_insert(now);
    }

    /// An answer in the login came.
    pub(crate) fn answer(&mut self, now: Timestamp) {
        if let Some(asked) = self.asked.take() {
            shorten(&mut self.of_login, now.since(asked));
        }
    }
}

fn shorten(least: &mut Option<Duration>, took: Duration) {
    *least = Some(least.map_or(took, |least| least.min(took)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_to_the_oldest_question() {
        let at = |ms: u64| Timestamp::from_micros(ms * 1000);
        let ms = |ms| Some(Duration::from_millis(ms));
        let mut trip = RoundTrip::default();
        trip.answer(at(1));
        assert_eq!(trip.least(), None, "to nothing");
        trip.ask(at(10));
        trip.ask(at(40));
        trip.answer(at(60));
        assert_eq!(trip.least(), ms(50));
        // The second question's answer comes with the first one's.
        trip.answer(at(60));
        assert_eq!(trip.least(), ms(50));
        trip.ask(at(100));
        trip.answer(at(200));
        assert_eq!(trip.least(), ms(50), "none is longer");
    }

    #[test]
    fn channels_have_a_round_trip_of_their_own() {
        let at = |ms: u64| Timestamp::from_micros(ms * 1000);
        let ms = |ms| Some(Duration::from_millis(ms));
        let mut trip = RoundTrip::default();
        trip.ask(at(0));
        trip.answer(at(20));
        assert_eq!((trip.of_channels(), trip.least()), (None, ms(20)));
        trip.answered(at(100), at(150));
        assert_eq!((trip.of_channels(), trip.least()), (ms(50), ms(20)));
        trip.answered(at(200), at(210));
        assert_eq!((trip.of_channels(), trip.least()), (ms(10), ms(10)));
    }
}
