//! RFC 4252 and RFC 8308: services, success that nobody earned, extensions.

use crate::fight::{Fight, SIDES, Setup, undecided};
use crate::raw::Raw;
use tssh_connection::Event;
use tssh_connection::messages::{ChannelOpen, GlobalRequestMsg};
use tssh_interop_tests::sim::setup::key;
use tssh_transport::messages::transport::{ExtInfo, Ping, ServiceAccept, ServiceRequest};
use tssh_transport::messages::userauth::{UserauthBanner, UserauthRequest};
use tssh_transport::wire::{Message, Writer};
use tssh_transport::{Error, Side, limits};

const AUTHENTICATION: &str = "authentication";

/// Messages of the connection layer that would do something.
fn deeds() -> Vec<Vec<u8>> {
    let exec = [&[98, 0, 0, 0, 0, 0, 0, 0, 4][..], b"exec\x01", &[0, 0, 0, 5], b"touch"].concat();
    vec![
        ChannelOpen::new(b"session", 0, 1 << 20, 1 << 15, b"").payload(),
        exec,
        GlobalRequestMsg::new(b"tcpip-forward", true, b"\0\0\0\0\0\0\x08\xae").payload(),
        vec![94, 0, 0, 0, 0, 0, 0, 0, 1, b'x'],
    ]
}

/// A stack in each state before login: in clear, before a service was asked for, and after.
fn before_login(side: Side) -> Vec<(&'static str, Fight)> {
    let setup = Setup::new(side);
    let mut clear = Fight::new(&setup);
    clear.feed(&Raw::hello()).unwrap();
    let sealed = Fight::exchanged(&setup);
    let mut served = Fight::exchanged(&setup);
    match side {
        Side::Server => served.say(&ServiceRequest::new(b"ssh-userauth")).unwrap(),
        Side::Client => served.say(&ServiceAccept::new(b"ssh-userauth")).unwrap(),
    }
    vec![("the initial key exchange", clear), (AUTHENTICATION, sealed), (AUTHENTICATION, served)]
}

/// CVE-2018-10933, libssh: the client says that it is logged in.
#[test]
fn cve_2018_10933_success_sent_to_a_server_ends_the_connection() {
    for got in [51, 52, 53, 60] {
        for (phase, mut fight) in before_login(Side::Server) {
            let outcome = fight.send(&[got]);
            fight.ended(outcome, &Error::Inappropriate { got, phase });
            fight.nothing_granted();
        }
    }
}

/// CVE-2025-32433, Erlang/OTP: channels and commands before anybody has logged in.
#[test]
fn cve_2025_32433_nothing_of_the_connection_layer_works_before_login() {
    for side in SIDES {
        for deed in deeds() {
            for (phase, mut fight) in before_login(side) {
                let outcome = fight.send(&deed);
                fight.ended(outcome, &Error::Inappropriate { got: deed[0], phase });
                fight.nothing_granted();
            }
        }
    }
}

/// A server that says success to a client that has not tried, or whose service request it has not
/// answered: the client would take what is not a login for one (AsyncSSH CVE-2023-46446).
#[test]
fn cve_2023_46446_success_that_nobody_asked_for_ends_the_connection() {
    let mut fight = Fight::new(&Setup::new(Side::Client));
    fight.feed(&Raw::hello()).unwrap();
    let outcome = fight.send(&[52]);
    fight.ended(outcome, &Error::Inappropriate { got: 52, phase: "the initial key exchange" });
    let mut fight = Fight::exchanged(&Setup::new(Side::Client));
    let outcome = fight.send(&[52]);
    let phase = "authentication (the service request is not accepted yet)";
    fight.ended(outcome, &Error::Inappropriate { got: 52, phase });
    fight.nothing_granted();
}

/// While the client decides what to try, no answer may come.
#[test]
fn success_while_the_client_has_not_tried_anything_ends_the_connection() {
    let setup = Setup { answers: undecided, ..Setup::new(Side::Client) };
    for got in [51, 52, 60] {
        let mut fight = Fight::exchanged(&setup);
        fight.say(&ServiceAccept::new(b"ssh-userauth")).unwrap();
        let payload = if got == 51 { vec![51, 0, 0, 0, 0, 0] } else { vec![got] };
        let outcome = fight.send(&payload);
        let Err(error @ Error::Inappropriate { got: at, .. }) = &outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(*at, got);
        fight.told(&error.clone());
        fight.nothing_granted();
    }
}

#[test]
fn services_that_do_not_exist_are_refused() {
    for name in ["ssh-connection", "", "ssh-userauth2", "\u{1b}[2J"] {
        let mut fight = Fight::exchanged(&Setup::new(Side::Server));
        let outcome = fight.say(&ServiceRequest::new(name.as_bytes()));
        let shown = name.replace('\u{1b}', "\\033");
        fight.ended(outcome, &Error::ServiceNotAvailable(shown));
    }
    for name in ["ssh-connection", ""] {
        let mut fight = Fight::exchanged(&Setup::new(Side::Client));
        let outcome = fight.say(&ServiceAccept::new(name.as_bytes()));
        fight.misbehaved(outcome, "RFC 4253 section 10");
    }
}

#[test]
fn services_asked_for_again_and_again_end_the_connection() {
    let mut fight = Fight::exchanged(&Setup::new(Side::Server));
    let request = ServiceRequest::new(b"ssh-userauth");
    let ended = (1..1000).find_map(|n| fight.say(&request).err().map(|error| (n, error)));
    let error = Error::TooManyAuthenticationFailures;
    assert_eq!(ended, Some((limits::AUTH_REQUESTS_MAX + 1, error)));
    let mut fight = Fight::exchanged(&Setup::new(Side::Client));
    fight.say(&ServiceAccept::new(b"ssh-userauth")).unwrap();
    let outcome = fight.say(&ServiceAccept::new(b"ssh-userauth"));
    let phase = "authentication (no service request outstanding)";
    fight.ended(outcome, &Error::Inappropriate { got: 6, phase });
    // And once logged in, none is left to be asked for.
    for (side, got) in [(Side::Server, 5), (Side::Client, 6)] {
        let mut fight = Fight::connected(side);
        let outcome = fight.send(&[got, 0, 0, 0, 0]);
        fight.ended(outcome, &Error::Inappropriate { got, phase: "the connection phase" });
    }
}

#[test]
fn requests_to_log_in_again_are_passed_over_in_silence() {
    let mut fight = Fight::connected(Side::Server);
    for user in [&b"somebody"[..], b"root"] {
        let request = fight.raw.signed_request(user);
        fight.send(&request).unwrap();
    }
    fight.send(&[50]).unwrap();
    assert_eq!(fight.raw.numbers(), [0; 0]);
    assert!(fight.events.is_empty());
}

#[test]
fn a_signature_for_another_session_is_worth_nothing() {
    let other =
        Fight::exchanged(&Setup { mode: crate::fight::MODES[1], ..Setup::new(Side::Server) });
    let request = other.raw.signed_request(b"somebody");
    let mut fight = Fight::exchanged(&Setup::new(Side::Server));
    assert_ne!(fight.raw.session_id, other.raw.session_id);
    fight.say(&ServiceRequest::new(b"ssh-userauth")).unwrap();
    fight.send(&request).unwrap();
    assert_eq!(fight.raw.numbers().last(), Some(&51), "refused");
    fight.nothing_granted();
    let own = fight.raw.signed_request(b"somebody");
    fight.send(&own).unwrap();
    assert!(fight.logged_in());
}

/// Go CVE-2024-45337: who logs in is the key that signed, not the one that was asked about last.
#[test]
fn cve_2024_45337_the_key_that_signed_is_who_logs_in() {
    let mut fight = Fight::exchanged(&Setup::new(Side::Server));
    fight.say(&ServiceRequest::new(b"ssh-userauth")).unwrap();
    let own = fight.raw.key.public().blob();
    let signed = fight.raw.signed_request(b"somebody");
    let mut probe = Vec::new();
    let mut w = Writer::new(&mut probe);
    w.byte(50);
    w.string(b"somebody");
    w.string(b"ssh-connection");
    w.string(b"publickey");
    w.boolean(false);
    w.string(b"ssh-ed25519");
    w.string(&key(8, 8).public().blob());
    fight.send(&probe).unwrap();
    fight.send(&signed).unwrap();
    assert_eq!(fight.raw.numbers()[..], [20, 31, 21, 7, 6, 60, 52]);
    let keys = fight.events.iter().find_map(|event| match event {
        Event::Authenticated { keys, .. } => Some(keys.clone()),
        _ => None,
    });
    assert_eq!(keys, Some(vec![own]));
}

/// Go CVE-2025-58181: mechanisms of a method that is not spoken are not even counted.
#[test]
fn cve_2025_58181_methods_that_are_not_known_fail_whatever_they_count() {
    for method in ["gssapi-with-mic", "gssapi-keyex", "hostbased", "publickey-hostbound-v00@x", ""]
    {
        let mut fight = Fight::exchanged(&Setup::new(Side::Server));
        fight.say(&ServiceRequest::new(b"ssh-userauth")).unwrap();
        let count = u32::MAX.to_be_bytes();
        let user = b"somebody";
        let request = UserauthRequest::new(user, b"ssh-connection", method.as_bytes(), &count);
        fight.say(&request).unwrap();
        assert_eq!(fight.raw.numbers().last(), Some(&51), "{method}");
        fight.nothing_granted();
    }
}

#[test]
fn a_banner_flood_ends_the_connection() {
    let mut fight = Fight::exchanged(&Setup::new(Side::Client));
    fight.say(&ServiceAccept::new(b"ssh-userauth")).unwrap();
    let banner = UserauthBanner::new(b"\x1b[2Jhello", b"");
    let ended = (0..1000).find_map(|n| fight.say(&banner).err().map(|error| (n, error)));
    assert_eq!(ended, Some((limits::BANNERS_MAX, Error::LimitReached("banners"))));
}

#[test]
fn counts_and_places_of_ext_info_are_not_believed() {
    let entry = |name: &[u8], value: &[u8]| {
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        w.string(name);
        w.string(value);
        out
    };
    for side in SIDES {
        let one = entry(b"server-sig-algs", &[b'x'; 20_000]);
        let mut fight = Fight::exchanged(&Setup::new(side));
        fight.say(&ExtInfo::new(1, &one)).unwrap();
        let kept = fight.victim.peer_extensions().server_sig_algs.as_ref().map(String::len);
        assert!(kept.unwrap_or_default() <= limits::EXT_INFO_VALUE_BYTES_MAX);
        fight.say(&ExtInfo::new(0, b"")).unwrap();
        let outcome = fight.say(&ExtInfo::new(0, b""));
        fight.misbehaved(outcome, "EXT_INFO more often than RFC 8308 allows");
        let mut fight = Fight::exchanged(&Setup::new(side));
        let outcome = fight.say(&ExtInfo::new(u32::MAX, &one));
        fight.ended(outcome, &Error::LimitReached("entries in SSH_MSG_EXT_INFO"));
        for (count, rest) in [(2, one.clone()), (0, one.clone()), (1, vec![0xff; 8])] {
            let mut fight = Fight::exchanged(&Setup::new(side));
            let outcome = fight.say(&ExtInfo::new(count, &rest));
            assert!(matches!(outcome, Err(Error::Decode { .. })), "{outcome:?}");
            fight.told(&outcome.unwrap_err());
        }
        let mut fight = Fight::connected(side);
        let outcome = fight.say(&ExtInfo::new(0, b""));
        let phase = "the connection phase";
        fight.ended(outcome, &Error::Inappropriate { got: 7, phase });
    }
}

/// CVE-2025-26466: pings before login whose echoes are never read.
#[test]
fn cve_2025_26466_pings_before_login_cost_a_bounded_amount_of_memory() {
    for side in SIDES {
        for data in [0, 16, 30_000] {
            let mut fight = Fight::exchanged(&Setup::new(side));
            let ping = Ping::new(&vec![0; data]).payload();
            fight.deaf = true;
            let stopped = (0..100_000).find(|_| {
                fight.send(&ping).unwrap();
                !fight.victim.wants_read()
            });
            assert!(stopped.is_some(), "{side:?} reads on");
            assert!(fight.victim.transmit().len() < 400 * 1024);
            fight.deaf = false;
            fight.collect();
            assert!(fight.victim.wants_read());
        }
    }
}
