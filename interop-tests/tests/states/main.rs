//! docs/states.md against what a stack does: all 256 message numbers, in every state, on both
//! sides, with three bodies each.
//!
//! | module | what it does |
//! | --- | --- |
//! | `arrive` | leads a connection to a state |
//! | `bodies` | what stands behind a number: nothing, what belongs there, anything |
//! | `document` | the table as docs/states.md |

#![forbid(unsafe_code)]

mod arrive;
mod bodies;
mod document;

use arrive::arrive;
use bodies::{Body, body};
use std::sync::Mutex;
use tssh_connection::Event;
use tssh_connection::states::{Answer, Place, answer, places};
use tssh_interop_tests::hostile::fight::{Fight, SIDES};
use tssh_interop_tests::source;
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::messages::transport::Unimplemented;
use tssh_transport::messages::userauth::UserauthSuccess;
use tssh_transport::wire::Message;
use tssh_transport::{Error, Result, Side};

const BODIES: [Body; 3] = [Body::Empty, Body::Valid, Body::Random];

/// One message in one state.
struct Cell<'p> {
    side: Side,
    place: &'p Place,
    payload: Vec<u8>,
    /// Whether the body is what belongs behind the number.
    fits: bool,
    sequence: u32,
    outcome: Result<()>,
}

impl Cell<'_> {
    fn context(&self) -> String {
        let Self { side, place, payload, outcome, .. } = self;
        let head = &payload[..payload.len().min(20)];
        format!("{side:?} {} {head:?}: {outcome:?}", place.name)
    }

    /// The connection ended, and the peer was told why.
    fn ended(&self, fight: &mut Fight) -> DisconnectReason {
        let Err(error) = &self.outcome else { panic!("it went on: {}", self.context()) };
        let reason = error.disconnect_reason().unwrap_or_else(|| panic!("{}", self.context()));
        assert!(!matches!(error, Error::Internal(_)), "{}", self.context());
        fight.told(error);
        reason
    }

    /// It went on, and nothing was said or told.
    fn passed_in_silence(&self, fight: &Fight) {
        assert_eq!(self.outcome, Ok(()), "{}", self.context());
        assert!(fight.raw.payloads.is_empty(), "{}", self.context());
        let quiet = fight.events.iter().all(|event| matches!(event, Event::Note(_)));
        assert!(quiet, "{}: {:?}", self.context(), fight.events);
    }

    fn unimplemented(&self, fight: &mut Fight) {
        let answer = Unimplemented::new(self.sequence).payload();
        if self.place.name == "our-rekey" {
            self.passed_in_silence(fight);
            fight.exchange().unwrap();
            fight.run().unwrap();
            fight.collect();
            let answers = fight.raw.payloads.iter().filter(|payload| payload[0] == 3);
            assert_eq!(answers.collect::<Vec<_>>(), [&answer], "{}", self.context());
            return;
        }
        assert_eq!(fight.raw.payloads, [answer], "{}", self.context());
        fight.raw.payloads.clear();
        self.passed_in_silence(fight);
    }

    fn taken(&self, fight: &mut Fight) {
        if !self.fits && self.outcome.is_err() {
            self.ended(fight);
            return;
        }
        assert_eq!(self.outcome, Ok(()), "{}", self.context());
        let unknown = fight.raw.payloads.iter().any(|payload| payload[0] == 3);
        assert!(!unknown, "{}", self.context());
    }

    fn text(&self, fight: &mut Fight) {
        let refused = matches!(self.outcome, Ok(()) | Err(Error::Identification(_)));
        assert!(refused, "{}", self.context());
        assert_eq!(fight.raw.numbers(), [20], "{}", self.context());
    }

    /// Compares what happened with the table.
    fn check(&self, fight: &mut Fight, expected: Answer) {
        match expected {
            Answer::Text => self.text(fight),
            Answer::Waits => {
                self.passed_in_silence(fight);
                assert!(!fight.victim.wants_read(), "{}", self.context());
            }
            Answer::Skipped => self.passed_in_silence(fight),
            Answer::Unimplemented => self.unimplemented(fight),
            Answer::Taken => self.taken(fight),
            Answer::Farewell => match &self.outcome {
                Err(Error::Disconnected { by, .. }) => assert_eq!(*by, self.side.peer()),
                _ => assert_eq!(self.ended(fight), DisconnectReason::ProtocolError),
            },
            Answer::Ends => {
                assert_eq!(
                    self.ended(fight),
                    DisconnectReason::ProtocolError,
                    "{}",
                    self.context()
                );
            }
        }
        // Of SUCCESS the number is all that is looked at.
        let whole = self.fits || self.payload[0] == UserauthSuccess::NUMBER;
        let logs_in = whole && expected == Answer::Taken && self.payload[0] >= 50;
        if !self.place.is_logged_in() && !logs_in {
            fight.nothing_granted();
        }
    }
}

/// All messages in one state. Gives the number of cells.
fn all_numbers(side: Side, place: &Place) -> usize {
    let mut cells = 0;
    let mut fight = None;
    for number in 0..=255 {
        for kind in BODIES {
            let mut now = fight.take().unwrap_or_else(|| arrive(side, place.name));
            now.events.clear();
            let (payload, fits) = body(kind, &mut now, place.name, number);
            let sequence = now.raw.sent;
            let outcome = now.send(&payload);
            let expected = answer(side, place, number);
            let cell = Cell { side, place, payload, fits, sequence, outcome };
            cell.check(&mut now, expected);
            // What was not taken has changed nothing, unless a key exchange had to be completed
            // to see the answer, or one wrong guess is all that is passed over.
            let same = matches!(expected, Answer::Unimplemented | Answer::Skipped);
            let once = matches!(place.name, "our-rekey" | "guess-due");
            fight = (same && !once).then_some(now);
            cells += 1;
        }
    }
    cells
}

/// What the table says is what happens.
#[test]
fn every_message_in_every_state_is_answered_as_the_table_says() {
    for side in SIDES {
        let all = places(side);
        let left = Mutex::new(all.iter());
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let count = || {
            let next = || left.lock().unwrap().next();
            std::iter::from_fn(next).map(|place| all_numbers(side, place)).sum::<usize>()
        };
        let cells: usize = std::thread::scope(|scope| {
            let all: Vec<_> = (0..workers).map(|_| scope.spawn(count)).collect();
            all.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        assert_eq!(cells, all.len() * 256 * BODIES.len());
        println!("{side:?}: {} states, {cells} cells", all.len());
    }
}

#[test]
fn docs_states_md_is_the_table() {
    let (path, fresh) = (source::root().join("docs/states.md"), document::document());
    if std::env::var_os("TSSH_BLESS").is_some() {
        std::fs::write(&path, fresh).expect("write docs/states.md");
        return;
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let hint = "run `TSSH_BLESS=1 cargo test -p tssh-interop-tests --test states`";
    assert!(fresh == committed, "docs/states.md is out of date: {hint}");
}

/// Nothing of the connection layer, and no success, is taken in a state without a login.
#[test]
fn nothing_is_granted_before_login() {
    for side in SIDES {
        for place in places(side).iter().filter(|place| !place.is_logged_in()) {
            for number in 80..=127 {
                assert_ne!(answer(side, place, number), Answer::Taken, "{} {number}", place.name);
            }
            let earned = ["none-sent", "signature-sent", "password-sent", "interactive-sent"];
            let success = answer(side, place, 52) == Answer::Taken;
            assert_eq!(success, earned.contains(&place.name), "{side:?} {}", place.name);
        }
    }
}
