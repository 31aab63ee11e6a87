use super::*;
use proptest::prelude::*;

const MIB: u32 = 1024 * 1024;

fn sum(w: &RecvWindow) -> u64 {
    u64::from(w.granted()) + u64::from(w.held) + u64::from(w.owed)
}

#[test]
fn window_overrun_is_misbehaviour() {
    let mut w = RecvWindow::new(10);
    assert!(w.arrive(10).is_ok());
    assert!(matches!(w.arrive(1), Err(Error::PeerMisbehaved(_))));
    assert!(w.arrive(0).is_ok(), "an empty packet needs no window");
}

#[test]
fn data_beyond_the_maximum_packet_size_is_misbehaviour() {
    let mut w = RecvWindow::new(MIB);
    assert!(w.arrive(limits::PACKET_BYTES_MAX).is_ok());
    assert!(matches!(w.arrive(limits::PACKET_BYTES_MAX + 1), Err(Error::PeerMisbehaved(_))));
}

#[test]
fn adjust_to_the_top_is_legal_and_past_it_is_misbehaviour() {
    let mut w = SendWindow::new(u32::MAX - 5, 100);
    assert!(w.adjust(5).is_ok());
    assert_eq!(w.available, u32::MAX);
    assert!(w.adjust(0).is_ok());
    assert!(matches!(w.adjust(1), Err(Error::PeerMisbehaved(_))));
    assert_eq!(w.available, u32::MAX, "a refused adjust changes nothing");
}

#[test]
fn the_smallest_of_window_packet_and_our_own_bound_limits_a_packet() {
    assert_eq!(SendWindow::new(7, 100).next_packet(), 7);
    assert_eq!(SendWindow::new(700, 100).next_packet(), 100);
    assert_eq!(SendWindow::new(u32::MAX, u32::MAX).next_packet(), limits::SEND_BYTES_MAX);
    assert_eq!(SendWindow::new(u32::MAX, 0).next_packet(), 0);
}

#[test]
fn spending_more_than_there_is_is_an_internal_contradiction() {
    let mut w = SendWindow::new(7, 100);
    assert!(w.spend(7).is_ok());
    assert!(matches!(w.spend(1), Err(Error::Internal(_))));
}

#[test]
fn what_is_on_its_way_was_sent_and_not_given_back() {
    let mut w = SendWindow::new(100, 100);
    let mut after = |spend: bool, n| {
        if spend {
            w.spend(n).unwrap();
        } else {
            w.adjust(n).unwrap();
        }
        w.out()
    };
    assert_eq!([after(true, 60), after(true, 7), after(false, 20)], [60, 67, 47]);
    assert_eq!([after(false, 47), after(true, 100)], [0, 100]);
    assert_eq!(after(false, 120), 0, "the window has become larger");
}

#[test]
fn only_what_was_sent_is_given_back() {
    let mut w = SendWindow::new(0, 100);
    assert_eq!(w.adjust(100), Ok(0), "a window that opens");
    w.spend(70).unwrap();
    assert_eq!([30, 0, 90, 1].map(|n| w.adjust(n).unwrap()), [30, 0, 40, 0]);
}

#[test]
fn what_may_be_growth_is_noted() {
    // Sent, given back: more than was sent, and half of the first window.
    for (sent, back, grown) in [(10, 11, true), (10, 10, false), (60, 50, true), (60, 49, false)] {
        let mut w = SendWindow::new(100, 100);
        w.spend(sent).unwrap();
        w.adjust(back).unwrap();
        assert_eq!(w.may_have_grown(), grown, "{sent} {back}");
        w.spend(1).unwrap();
        w.adjust(1).unwrap();
        assert_eq!(w.may_have_grown(), grown, "it is not forgotten");
    }
    // Before anything was sent it is only being opened.
    let mut w = SendWindow::new(0, 100);
    w.adjust(60).unwrap();
    w.adjust(40).unwrap();
    w.spend(49).unwrap();
    w.adjust(49).unwrap();
    assert_eq!((w.may_have_grown(), w.out(), w.available()), (false, 0, 100));
}

/// The first step of our own windows' growth is seen as one.
#[test]
fn our_own_growth_is_told_from_what_we_give_back() {
    for first in [limits::WINDOW_LEAST_BYTES, 256 * 1024, 2 * MIB] {
        let mut budget = crate::budget::Budget::new(1 << 30, None);
        let mut w = SendWindow::new(first, 1 << 15);
        let mut ours = RecvWindow::new(first);
        w.spend(first).unwrap();
        w.adjust(first / 8 * 3).unwrap();
        assert!(!w.may_have_grown(), "what was taken is given back");
        w.spend(w.available()).unwrap();
        ours.grow(budget.grow(first));
        w.adjust(ours.due()).unwrap();
        assert!(w.may_have_grown(), "{first}");
    }
}

#[test]
fn credit_is_announced_in_lumps() {
    // 2 MiB: an eighth is 256 KiB, more than three packets.
    let mut w = RecvWindow::new(2 * MIB);
    for _ in 0..7 {
        w.arrive(32768).unwrap();
        w.consume(32768);
        assert_eq!(w.due(), 0);
    }
    w.arrive(32768).unwrap();
    assert_eq!(w.due(), 0, "held bytes are no credit");
    w.consume(32768);
    assert_eq!(w.due(), 256 * 1024);
    w.announced(256 * 1024);
    assert_eq!((w.due(), w.granted), (0, 2 * MIB));
    // 128 KiB: three packets are more than half of it, so half counts.
    let mut w = RecvWindow::new(128 * 1024);
    w.arrive(32768).unwrap();
    w.arrive(32768).unwrap();
    w.consume(65535);
    assert_eq!(w.due(), 0);
    w.consume(1);
    assert_eq!(w.due(), 65536);
}

#[test]
fn a_peer_that_exhausts_the_window_shows_that_the_window_is_the_limit() {
    let mut w = RecvWindow::new(4096);
    let now = Timestamp::default();
    w.arrive(4095).unwrap();
    w.consume(4095);
    assert!(!w.is_the_limit(now, None));
    w.arrive(1).unwrap();
    w.consume(1);
    assert!(w.is_the_limit(now, None));
    assert!(!w.is_the_limit(now, None), "one exhaustion, one growth");
    w.announced(4096);
    w.arrive(4096).unwrap();
    w.consume(4095);
    assert!(!w.is_the_limit(now, None), "a byte is held: the consumer is the limit");
    w.consume(1);
    assert!(!w.is_the_limit(now, None));
}

#[test]
fn a_peer_that_is_faster_than_we_are_gets_no_more_than_an_ordinary_window() {
    let rtt = Some(Duration::from_millis(1));
    let used_up = |target: u32, rtt| {
        let mut w = RecvWindow::new(target);
        while w.granted > 0 {
            let n = w.granted.min(32768);
            w.arrive(n).unwrap();
            w.consume(n);
        }
        // All of it, in far more than a round trip.
        w.is_the_limit(Timestamp::from_micros(100_000), rtt)
    };
    assert!(used_up(2 * MIB, None), "no round trip is known");
    assert!(used_up(2 * MIB - 1, rtt), "a small window grows at once");
    assert!(!used_up(2 * MIB, rtt), "the peer waits for us, not for the wire");
}

#[test]
fn most_of_a_window_in_one_round_trip_shows_that_the_window_is_the_limit() {
    let rtt = Some(Duration::from_millis(50));
    let at = |ms: u64| Timestamp::from_micros(ms * 1000);
    let take = |w: &mut RecvWindow, n: u32| {
        for _ in 0..n {
            w.arrive(32768).unwrap();
            w.consume(32768);
            let due = w.due();
            w.announced(due);
        }
    };
    // Half of a small one, four fifths of one as large as OpenSSH's.
    for (size, enough) in [(2 * MIB - 1, 32), (2 * MIB, 52), (4 * MIB, 103)] {
        let mut w = RecvWindow::new(size);
        w.is_the_limit(at(1000), rtt);
        take(&mut w, enough);
        assert!(!w.is_the_limit(at(1049), rtt), "no round trip has passed");
        assert!(w.is_the_limit(at(1050), rtt), "{size}");
        take(&mut w, enough - 1);
        assert!(!w.is_the_limit(at(1100), rtt), "{size}: less");
        take(&mut w, enough + 7);
        assert!(!w.is_the_limit(at(1200), rtt), "{size}: the same bytes in two round trips");
    }
}

#[test]
fn a_burst_out_of_our_own_socket_shows_nothing() {
    let rtt = Some(Duration::from_millis(1));
    let limit = |size: u32, packets: u32, micros: u64| {
        let mut w = RecvWindow::new(size);
        w.is_the_limit(Timestamp::from_micros(1_000_000), rtt);
        for _ in 0..packets {
            w.arrive(32768).unwrap();
            w.consume(32768);
            let due = w.due();
            w.announced(due);
        }
        w.is_the_limit(Timestamp::from_micros(1_000_000 + micros), rtt)
    };
    // 2 MiB in a round trip, once and all the time; a small window need not wait for that.
    assert!(!limit(2 * MIB, 64, 1000));
    assert!(!limit(2 * MIB, 64 * 19, 19_999));
    assert!(limit(2 * MIB, 64 * 20, 20_000));
    assert!(limit(2 * MIB - 1, 64, 1000));
}

#[test]
fn two_signs_of_a_small_window_and_an_empty_packet_after_them_are_one_sign() {
    let rtt = Duration::from_millis(50);
    let all = |rtt| {
        let mut w = RecvWindow::new(4096);
        w.arrive(4096).unwrap();
        w.consume(4096);
        w.arrive(0).unwrap();
        w.is_the_limit(Timestamp::from_micros(50_000), rtt)
    };
    assert!(all(None), "used up");
    assert!(all(Some(rtt)), "used up, and within one round trip");
    // Half of it is not more than half.
    let part = |n| {
        let mut w = RecvWindow::new(4096);
        w.arrive(n).unwrap();
        w.consume(n);
        w.is_the_limit(Timestamp::from_micros(50_000), Some(rtt))
    };
    assert!(!part(2048) && part(2049));
}

#[test]
fn growing_and_shrinking_keep_the_sum() {
    let mut w = RecvWindow::new(8192);
    w.grow(8192);
    assert_eq!((w.target(), w.due()), (16384, 8192));
    assert_eq!(w.shrink(10_000), 8192, "only what is owed can be withheld");
    assert_eq!((w.target(), sum(&w)), (8192, 8192));
}

proptest! {
    /// Whatever happens, granted + held + owed = target, and a consumer that takes all lets the
    /// peer go on: the window never dies.
    #[test]
    fn the_sum_is_the_target(
        first in 1u32..100_000,
        steps in proptest::collection::vec((0u8..6, 0u32..50_000), 0..200),
    ) {
        let mut w = RecvWindow::new(first);
        let mut peer = u64::from(first);
        for (what, n) in steps {
            match what {
                0 | 1 => {
                    let before = w;
                    let fits = u64::from(n) <= peer && n <= limits::PACKET_BYTES_MAX;
                    prop_assert_eq!(w.arrive(n).is_ok(), fits);
                    if fits { peer -= u64::from(n) } else { w = before }
                }
                2 => w.consume(n.min(w.held)),
                3 => { let due = w.due(); w.announced(due); peer += u64::from(due); }
                4 => w.grow(n % 1000),
                _ => { w.shrink(n % 1000); }
            }
            prop_assert_eq!(sum(&w), u64::from(w.target()));
            prop_assert_eq!(u64::from(w.granted), peer);
        }
        w.consume(w.held);
        let due = w.due();
        w.announced(due);
        prop_assert!(w.target() == 0 || w.granted > 0, "{w:?}");
    }

    /// The send window is exact.
    #[test]
    fn the_send_window_is_exact(
        first: u32, steps in proptest::collection::vec((any::<bool>(), any::<u32>()), 0..50),
    ) {
        let mut w = SendWindow::new(first, u32::MAX);
        let mut exact = u64::from(first);
        for (spend, n) in steps {
            if spend {
                let ok = u64::from(n) <= exact;
                prop_assert_eq!(w.spend(n).is_ok(), ok);
                if ok { exact -= u64::from(n) }
            } else {
                let ok = exact + u64::from(n) <= u64::from(u32::MAX);
                prop_assert_eq!(w.adjust(n).is_ok(), ok);
                if ok { exact += u64::from(n) }
            }
            prop_assert_eq!(u64::from(w.available()), exact);
        }
    }
}
