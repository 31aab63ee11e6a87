//! The round trip, as the shortest time in which anything of ours was answered: it is no longer.

use core::time::Duration;
use tssh_transport::Timestamp;

/// What is known of it, and what waits for an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RoundTrip {
    least: Option<Duration>,
    /// When the oldest question was sent, or a little before.
    asked: Option<Timestamp>,
}

impl RoundTrip {
    /// None where nothing was answered yet.
    pub(crate) const fn least(&self) -> Option<Duration> {
        self.least
    }

    /// What was sent at `sent` is answered.
    pub(crate) fn answered(&mut self, sent: Timestamp, now: Timestamp) {
        let took = now.since(sent);
        self.least = Some(self.least.map_or(took, |least| least.min(took)));
    }

    /// A question is sent, now or a little later. Where one is open the next answer is to that, and
    /// says nothing about this one.
    pub(crate) fn ask(&mut self, now: Timestamp) {
        self.asked.get_or_insert(now);
    }

    /// An answer came.
    pub(crate) fn answer(&mut self, now: Timestamp) {
        if let Some(asked) = self.asked.take() {
            self.answered(asked, now);
        }
    }
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
        trip.answered(at(60), at(90));
        assert_eq!(trip.least(), ms(30));
        trip.ask(at(100));
        trip.answer(at(200));
        assert_eq!(trip.least(), ms(30), "none is longer");
    }
}
