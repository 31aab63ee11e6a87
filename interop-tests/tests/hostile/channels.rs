//! RFC 4254 section 5: windows, channel numbers, and the order of what happens to a channel.

use crate::fight::{Fight, SIDES};
use tssh_connection::messages::{
    ChannelClose, ChannelData, ChannelEof, ChannelExtendedData, ChannelFailure, ChannelOpen,
    ChannelOpenConfirmation, ChannelOpenFailure, ChannelRequestMsg, ChannelSuccess,
    ChannelWindowAdjust, GlobalRequestMsg, OpenFailure, RequestFailure, RequestSuccess,
};
use tssh_connection::{ChannelEvent, ChannelKey, GlobalRequest, OpenKind, Stream, limits};
use tssh_transport::wire::Message;
use tssh_transport::{Error, Side};

const NOT_OPEN: &str = "not open (RFC 4254 section 5)";

fn direct() -> OpenKind {
    let (host, originator_address) = ("localhost".to_owned(), "::1".to_owned());
    OpenKind::DirectTcpip { host, port: 143, originator_address, originator_port: 4000 }
}

/// A fight with one channel, and the stack's number of it.
fn joined(side: Side) -> (Fight, ChannelKey, u32) {
    let mut fight = Fight::connected(side);
    let (channel, _) = fight.channel(&direct(), 1 << 20, 1 << 15);
    (fight, channel, channel.number())
}

/// The window that the stack offers to the peer: read from what it says when a channel opens.
fn offered(side: Side) -> u32 {
    let mut fight = Fight::connected(side);
    match side {
        Side::Server => {
            let mut open = Vec::new();
            direct().encode(5, 1000, 1000, &mut open);
            fight.send(&open).unwrap();
            let Some(ChannelEvent::OpenRequest { channel, .. }) = fight.channel_events().pop()
            else {
                panic!("no open");
            };
            fight.victim.accept_open(channel).unwrap();
            fight.run().unwrap();
            fight.collect();
            let said = fight.raw.payloads.pop_back().unwrap();
            ChannelOpenConfirmation::decode(&said).unwrap().initial_window_size
        }
        Side::Client => {
            fight.victim.open(direct()).unwrap();
            fight.run().unwrap();
            fight.collect();
            let said = fight.raw.payloads.pop_back().unwrap();
            ChannelOpen::decode(&said).unwrap().initial_window_size
        }
    }
}

/// mscdex/ssh2 #1505: data beyond the window, in large pieces, in small ones, and on stderr.
#[test]
fn data_beyond_the_window_ends_the_connection() {
    for side in SIDES {
        let window = offered(side) as usize;
        for (piece, stderr) in [(32_768, false), (32_768, true), (1000, false)] {
            let (mut fight, channel, number) = joined(side);
            fight.accepts = 0;
            let data = vec![0; piece];
            let mut left = window;
            loop {
                let n = piece.min(left + 1);
                let outcome = match stderr {
                    true => fight.say(&ChannelExtendedData::new(number, 1, &data[..n])),
                    false => fight.say(&ChannelData::new(number, &data[..n])),
                };
                if n > left {
                    fight.misbehaved(outcome, "data beyond the window");
                    break;
                }
                outcome.unwrap();
                left -= n;
                if stderr {
                    // Nobody reads it here, so it is credited at once.
                    fight.raw.numbers();
                    break;
                }
                assert!(fight.victim.ring(channel, Stream::Data).len() <= window);
            }
        }
    }
}

#[test]
fn packets_beyond_the_maximum_end_the_connection() {
    for side in SIDES {
        let (mut fight, _, number) = joined(side);
        let data = vec![0; limits::PACKET_BYTES_MAX as usize + 1];
        fight.say(&ChannelData::new(number, &data[1..])).unwrap();
        let outcome = fight.say(&ChannelData::new(number, &data));
        fight.misbehaved(outcome, "data beyond the maximum packet size");
    }
}

/// russh GHSA-h5rc-j5f5-3gcm: RFC 4254 section 5.2 knows no window above 2^32 - 1 bytes.
#[test]
fn ghsa_h5rc_j5f5_3gcm_a_window_above_its_maximum_ends_the_connection() {
    for side in SIDES {
        let (mut fight, _, number) = joined(side);
        // Exactly the largest one is legal.
        fight.say(&ChannelWindowAdjust::new(number, u32::MAX - (1 << 20))).unwrap();
        fight.say(&ChannelWindowAdjust::new(number, 0)).unwrap();
        let outcome = fight.say(&ChannelWindowAdjust::new(number, 1));
        fight.misbehaved(outcome, "window above 2^32 - 1");
    }
}

/// Messages that name a channel, by what they would do.
fn about(number: u32) -> Vec<Vec<u8>> {
    vec![
        ChannelData::new(number, b"x").payload(),
        ChannelExtendedData::new(number, 1, b"x").payload(),
        ChannelWindowAdjust::new(number, 1).payload(),
        ChannelEof::new(number).payload(),
        ChannelClose::new(number).payload(),
        ChannelRequestMsg::new(number, b"x", true, b"").payload(),
        ChannelSuccess::new(number).payload(),
        ChannelFailure::new(number).payload(),
    ]
}

#[test]
fn messages_about_channels_that_are_not_open_end_the_connection() {
    for side in SIDES {
        for which in 0..8 {
            // Never there.
            for number in [1, 77, 8192, u32::MAX] {
                let (mut fight, ..) = joined(side);
                let outcome = fight.send(&about(number)[which]);
                fight.misbehaved(outcome, NOT_OPEN);
            }
            // Closed by the peer itself, while the stack still has its data.
            let (mut fight, _, number) = joined(side);
            fight.accepts = 0;
            fight.say(&ChannelData::new(number, b"kept")).unwrap();
            fight.say(&ChannelClose::new(number)).unwrap();
            let outcome = fight.send(&about(number)[which]);
            fight.misbehaved(outcome, NOT_OPEN);
            // Closed, and gone.
            let (mut fight, _, number) = joined(side);
            fight.say(&ChannelClose::new(number)).unwrap();
            let outcome = fight.send(&about(number)[which]);
            fight.misbehaved(outcome, NOT_OPEN);
            // Opening.
            let mut fight = Fight::connected(side);
            let number = match side {
                Side::Client => fight.victim.open(direct()).unwrap().number(),
                Side::Server => {
                    let mut open = Vec::new();
                    direct().encode(5, 1000, 1000, &mut open);
                    fight.send(&open).unwrap();
                    0
                }
            };
            fight.run().unwrap();
            fight.collect();
            let outcome = fight.send(&about(number)[which]);
            fight.misbehaved(outcome, NOT_OPEN);
        }
    }
}

#[test]
fn answers_to_opens_that_were_not_sent_end_the_connection() {
    let rule = "answer to a channel open that was not sent";
    for side in SIDES {
        for number in [0, 1, u32::MAX] {
            // Number 0 is open already: confirmed twice, or refused after that.
            let (mut fight, ..) = joined(side);
            let outcome = fight.say(&ChannelOpenConfirmation::new(number, 9, 100, 100, b""));
            fight.misbehaved(outcome, rule);
            let (mut fight, ..) = joined(side);
            let outcome = fight.say(&ChannelOpenFailure::new(number, 1, b"no", b""));
            fight.misbehaved(outcome, rule);
        }
    }
}

#[test]
fn replies_out_of_nowhere_end_the_connection() {
    for side in SIDES {
        let replies = |fight: &mut Fight, ok: bool| match ok {
            true => fight.say(&RequestSuccess::new(b"")),
            false => fight.say(&RequestFailure::new()),
        };
        for ok in [true, false] {
            let rule = "reply to a global request that was not sent";
            let mut fight = Fight::connected(side);
            let outcome = replies(&mut fight, ok);
            fight.misbehaved(outcome, rule);
            // One reply too many, and one to a request that wanted none.
            for want_reply in [true, false] {
                let mut fight = Fight::connected(side);
                fight.victim.global_request(GlobalRequest::KeepAlive, want_reply).unwrap();
                fight.run().unwrap();
                if want_reply {
                    replies(&mut fight, ok).unwrap();
                }
                let outcome = replies(&mut fight, ok);
                fight.misbehaved(outcome, rule);
            }
            let (mut fight, _, number) = joined(side);
            let outcome = match ok {
                true => fight.say(&ChannelSuccess::new(number)),
                false => fight.say(&ChannelFailure::new(number)),
            };
            fight.misbehaved(outcome, "reply to a channel request that was not sent");
        }
    }
}

#[test]
fn data_after_eof_ends_the_connection_and_a_second_eof_says_nothing() {
    for side in SIDES {
        for stderr in [false, true] {
            let (mut fight, channel, number) = joined(side);
            fight.say(&ChannelEof::new(number)).unwrap();
            fight.say(&ChannelEof::new(number)).unwrap();
            assert_eq!(fight.channel_events(), [ChannelEvent::Eof { channel }]);
            fight.say(&ChannelWindowAdjust::new(number, 1)).unwrap();
            let outcome = match stderr {
                true => fight.say(&ChannelExtendedData::new(number, 1, b"")),
                false => fight.say(&ChannelData::new(number, b"")),
            };
            fight.misbehaved(outcome, "data after EOF");
        }
    }
}

/// S36, S65: what a server opens without having been asked goes nowhere: agents (CVE-2023-38408),
/// displays, ports of ours, and channels that only clients open.
#[test]
fn cve_2023_38408_a_client_refuses_every_channel_that_it_did_not_ask_for() {
    let (address, originator_address) = ("localhost".to_owned(), "::1".to_owned());
    let (port, originator_port) = (143, 4000);
    let kinds = [
        OpenKind::Session,
        direct(),
        OpenKind::DirectStreamlocal { path: "/x".to_owned() },
        OpenKind::ForwardedTcpip { address, port, originator_address, originator_port },
        OpenKind::ForwardedStreamlocal { path: "/x".to_owned() },
        OpenKind::X11 { originator_address: "::1".to_owned(), originator_port },
        OpenKind::AuthAgent,
        OpenKind::Unknown("tun@openssh.com".to_owned()),
    ];
    for kind in kinds {
        let mut fight = Fight::connected(Side::Client);
        let mut open = Vec::new();
        kind.encode(5, u32::MAX, u32::MAX, &mut open);
        fight.send(&open).unwrap();
        let said = fight.raw.payloads.pop_back().unwrap();
        let said = ChannelOpenFailure::decode(&said).unwrap();
        let unknown = matches!(kind, OpenKind::Unknown(_));
        let reason = if unknown {
            OpenFailure::UnknownChannelType
        } else {
            OpenFailure::AdministrativelyProhibited
        };
        assert_eq!((said.recipient_channel, said.reason_code), (5, reason.code()), "{kind:?}");
        // S65: whoever runs the client is warned of what would have reached something of theirs.
        let warning = kind.forwards().then_some(ChannelEvent::Unsolicited { kind });
        assert_eq!(fight.channel_events().pop(), warning);
        assert_eq!((fight.channel_events().len(), fight.victim.channel_count()), (0, 0));
    }
}

#[test]
fn known_messages_that_do_not_fit_their_form_end_the_connection() {
    let open = |data: &[u8]| ChannelOpen::new(b"direct-tcpip", 1, 1, 1, data).payload();
    let malformed = [
        ChannelOpen::new(b"session", 1, 1, 1, b"x").payload(),
        open(b""),
        open(b"\xff\xff\xff\xffhost"),
        GlobalRequestMsg::new(b"tcpip-forward", true, b"\0\0\0\x01x").payload(),
        vec![80, 0xff, 0xff, 0xff, 0xff],
        vec![94, 0, 0, 0, 0, 0, 0, 0, 2, b'x'],
        vec![94, 0, 0, 0, 0, 0, 0, 0, 0, b'x'],
        vec![97],
    ];
    for payload in malformed {
        let (mut fight, ..) = joined(Side::Server);
        let outcome = fight.send(&payload);
        assert!(matches!(outcome, Err(Error::Decode { .. })), "{payload:?}: {outcome:?}");
        fight.told(&outcome.unwrap_err());
    }
}

/// Windows and packet sizes of 0, 1 and the largest: no turn without room, no packet beyond it,
/// no turn that sends nothing for ever.
#[test]
fn odd_windows_and_packet_sizes_neither_spin_nor_overflow() {
    for side in SIDES {
        for (window, packet) in [(0, 0), (0, 100), (100, 0), (5, 1), (u32::MAX, u32::MAX)] {
            let mut fight = Fight::connected(side);
            let (channel, _) = fight.channel(&direct(), window, packet);
            fight.victim.want_send(channel, Stream::Data);
            let (mut sent, mut turns) = (0, 0);
            while let Some(turn) = fight.victim.next_turn() {
                turns += 1;
                assert!(turn.max > 0 && turn.max <= packet.min(window) as usize);
                sent += fight.victim.send_data(channel, Stream::Data, |area| area.len()).unwrap();
            }
            assert_eq!(turns > 0, window.min(packet) > 0);
            assert!(sent <= window as usize && turns <= 20);
            // A window that opens later is used.
            if packet > 0 && window < u32::MAX {
                fight.say(&ChannelWindowAdjust::new(channel.number(), 1)).unwrap();
                assert_eq!(fight.victim.next_turn().map(|turn| turn.max), Some(1));
            }
        }
    }
}

/// CVE-2016-0777, roaming: what is not known is refused, whatever it promises, and nobody above
/// hears of it.
#[test]
fn cve_2016_0777_unknown_requests_get_a_failure_and_nothing_else() {
    for side in SIDES {
        let (mut fight, _, number) = joined(side);
        let names = ["roaming@appgate.com", "resume@appgate.com", "", "x\u{1b}[2J"];
        for name in names.map(str::as_bytes) {
            fight.say(&GlobalRequestMsg::new(name, true, b"\xff\xff\xff\xff")).unwrap();
            fight.say(&GlobalRequestMsg::new(name, false, b"")).unwrap();
            fight.say(&ChannelRequestMsg::new(number, name, true, b"\xff\xff\xff\xff")).unwrap();
            fight.say(&ChannelRequestMsg::new(number, name, false, b"")).unwrap();
            assert_eq!(fight.raw.numbers(), [82, 100]);
        }
        assert_eq!(fight.channel_events(), []);
    }
}
