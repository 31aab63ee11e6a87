mod certificates;

use super::*;
use crate::entropy::{Entropy, Purpose};
use crate::key::PrivateKey;
use crate::limits::PARTIAL_SUCCESSES_MAX;
use crate::userauth::machine::picture;
use alloc::format;
use alloc::vec;

const STATES: [State; 11] = [
    State::AwaitingService,
    State::Ready,
    State::CheckingNone,
    State::CheckingProbe,
    State::CheckingSignature,
    State::CheckingPassword,
    State::StartingPrompts,
    State::Prompted,
    State::CheckingResponses,
    State::Succeeded,
    State::Closed,
];

const EVENTS: [Event; 15] = [
    Event::RecvServiceRequest,
    Event::RecvNone,
    Event::RecvProbe,
    Event::RecvSigned,
    Event::RecvPassword,
    Event::RecvInteractive,
    Event::RecvRefused,
    Event::RecvResponses,
    Event::RecvMismatch,
    Event::Accept,
    Event::Partial,
    Event::Reject,
    Event::Prompts,
    Event::Expired,
    Event::TooManyFailures,
];

fn key(seed: u8) -> PrivateKey {
    PrivateKey::generate_ed25519(Entropy::from_seed(&[seed; 64]).stream(Purpose::Ephemeral))
}

fn config() -> ServerAuthConfig {
    let methods = "publickey,password,keyboard-interactive,none".to_string();
    ServerAuthConfig { methods, ask_none: true, ..ServerAuthConfig::default() }
}

fn server(config: ServerAuthConfig) -> ServerAuth {
    ServerAuth::new(config, b"session", &ExchangeComplete::for_tests())
}

fn service_request() -> Vec<u8> {
    ServiceRequest::new(b"ssh-userauth").payload()
}

/// A server whose service was requested.
fn ready(config: ServerAuthConfig) -> (ServerAuth, Vec<Vec<u8>>) {
    let (mut server, mut out) = (server(config), Vec::new());
    server.handle(&service_request(), &mut out).unwrap();
    out.clear();
    (server, out)
}

fn raw(user: &[u8], service: &[u8], method: &[u8], fields: &[u8]) -> Vec<u8> {
    UserauthRequest::new(user, service, method, fields).payload()
}

fn password(user: &str) -> Vec<u8> {
    Fields::Password { password: b"pw", new_password: None }.request(user).to_vec()
}

fn interactive() -> Vec<u8> {
    Fields::KeyboardInteractive { submethods: b"" }.request("ann").to_vec()
}

fn probe(key: &PrivateKey) -> Vec<u8> {
    let (algorithm, blob) = (b"ssh-ed25519", &key.public().blob());
    Fields::PublicKey { algorithm, blob, signature: None }.request("ann").to_vec()
}

/// What a signature is over, before a test spoils it.
struct Spec {
    session_id: &'static [u8],
    signed_user: &'static str,
    user: &'static str,
    signed_service: &'static [u8],
    signed_algorithm: &'static [u8],
    algorithm: &'static [u8],
    /// Put in place of the signer's blob into the request, and into what is signed.
    blob: Option<Vec<u8>>,
    signed_blob: Option<Vec<u8>>,
}

const GOOD: Spec = Spec {
    session_id: b"session",
    signed_user: "ann",
    user: "ann",
    signed_service: b"ssh-connection",
    signed_algorithm: b"ssh-ed25519",
    algorithm: b"ssh-ed25519",
    blob: None,
    signed_blob: None,
};

fn signed(key: &PrivateKey, spec: &Spec) -> Vec<u8> {
    let own = key.public().blob();
    let data = Signed {
        session_id: spec.session_id,
        user_name: spec.signed_user.as_bytes(),
        service_name: spec.signed_service,
        algorithm: spec.signed_algorithm,
        blob: spec.signed_blob.as_ref().unwrap_or(&own),
        host_key: None,
    }
    .data();
    let signature = key.sign("ssh-ed25519", &data).unwrap();
    let fields = Fields::PublicKey {
        algorithm: spec.algorithm,
        blob: spec.blob.as_ref().unwrap_or(&own),
        signature: Some(&signature),
    };
    fields.request(spec.user).to_vec()
}

fn response(responses: &[&str]) -> Vec<u8> {
    let secrets: Vec<_> = responses.iter().map(|r| Zeroizing::new((*r).to_string())).collect();
    prompts::response(&secrets).to_vec()
}

fn ask() -> AuthAnswer {
    let prompts = vec![Prompt { text: "Password: ".to_string(), echo: false }];
    AuthAnswer::Prompts { name: String::new(), instruction: String::new(), prompts }
}

fn partial(methods: &str) -> AuthAnswer {
    AuthAnswer::Partial { methods: methods.to_string() }
}

/// Makes `event` happen; `TooManyFailures` is a failure where one more is too many.
fn happen(server: &mut ServerAuth, event: Event, out: &mut Vec<Vec<u8>>) -> Result<()> {
    let payload = match event {
        Event::RecvServiceRequest => service_request(),
        Event::RecvNone => Fields::None.request("ann").to_vec(),
        Event::RecvProbe => probe(&key(1)),
        Event::RecvSigned => signed(&key(1), &GOOD),
        Event::RecvPassword => password("ann"),
        Event::RecvInteractive => interactive(),
        Event::RecvRefused => raw(b"ann", b"ssh-connection", b"gssapi-with-mic", b"\0\0\0\x01"),
        Event::TooManyFailures => {
            server.config.max_failures = 1;
            raw(b"ann", b"ssh-connection", b"hostbased", b"")
        }
        Event::RecvResponses => response(&["r"]),
        Event::RecvMismatch => response(&[]),
        answer => {
            let answer = match answer {
                Event::Accept => AuthAnswer::Accept,
                Event::Partial => partial("password"),
                Event::Reject => AuthAnswer::Reject,
                Event::Prompts => ask(),
                _ => AuthAnswer::Expired { prompt: "new".to_string() },
            };
            return server.answer(answer, out).map(drop);
        }
    };
    server.handle(&payload, out).map(drop)
}

fn server_in(goal: State) -> (ServerAuth, Vec<Vec<u8>>) {
    let mut ways: Vec<(State, Vec<Event>)> = vec![(State::AwaitingService, Vec::new())];
    let mut i = 0;
    while let Some((state, way)) = ways.get(i).cloned() {
        for (_, event, to) in TABLE.iter().filter(|(from, ..)| *from == state) {
            if !ways.iter().any(|(seen, _)| seen == to) {
                ways.push((*to, [way.clone(), vec![*event]].concat()));
            }
        }
        i += 1;
    }
    let (_, way) = ways.into_iter().find(|(state, _)| *state == goal).expect("reachable");
    let (mut server, mut out) = (server(config()), Vec::new());
    for event in way {
        let result = happen(&mut server, event, &mut out);
        assert!(result.is_ok() || goal == State::Closed, "{event:?}: {result:?}");
    }
    assert_eq!(server.state, goal);
    (server, out)
}

#[test]
fn every_event_in_every_state_does_what_the_table_says() {
    for state in STATES {
        for event in EVENTS {
            let (mut server, mut out) = server_in(state);
            let sent = out.len();
            let result = happen(&mut server, event, &mut out);
            let case = format!("{state:?} {event:?}: {result:?}");
            let answer = matches!(
                event,
                Event::Accept | Event::Partial | Event::Reject | Event::Prompts | Event::Expired
            );
            match machine::step(TABLE, state, event) {
                Some(State::Closed) => {
                    assert_eq!(result, Err(Error::TooManyAuthenticationFailures), "{case}");
                    assert_eq!(server.state, State::Closed, "{case}");
                }
                Some(next) => assert_eq!((result, server.state), (Ok(()), next), "{case}"),
                None => {
                    let fits = match result {
                        Ok(()) => state == State::Succeeded && !answer,
                        Err(Error::Internal(_)) => answer || state.question_open(),
                        Err(Error::Inappropriate { .. }) => !answer,
                        Err(_) => false,
                    };
                    assert!(fits, "{case}");
                    assert_eq!((server.state, out.len()), (state, sent), "{case}");
                }
            }
        }
    }
}

#[test]
fn the_table_has_one_row_for_each_step_and_matches_its_picture() {
    for (i, (from, on, _)) in TABLE.iter().enumerate() {
        assert!(TABLE.iter().skip(i + 1).all(|row| (row.0, row.1) != (*from, *on)));
    }
    let drawn: String = include_str!("state.rs")
        .lines()
        .filter(|l| l.starts_with("//! ") && l.contains(" -> "))
        .map(|l| format!("{l}\n"))
        .collect();
    assert_eq!(drawn, picture(TABLE));
}

fn refused(server: &mut ServerAuth, payload: &[u8]) -> &'static str {
    let mut out = Vec::new();
    let (state, failures) = (server.state, server.failures);
    let event = server.handle(payload, &mut out).unwrap();
    let Some(AuthEvent::Failed { reason, .. }) = event else { panic!("{event:?}") };
    let failure = UserauthFailure::decode(out.last().unwrap()).unwrap();
    assert!(!failure.partial_success && server.failures == failures + 1);
    assert!(server.state == State::Ready && out.len() == 1, "{state:?}");
    reason
}

/// A signature is good for one session, user, service, algorithm and key.
#[test]
fn a_signature_over_anything_else_is_refused() {
    let key_2 = key(2).public().blob();
    let cases: [(&str, Spec); 7] = [
        ("bad signature", Spec { session_id: b"another session", ..GOOD }),
        ("bad signature", Spec { signed_user: "root", ..GOOD }),
        ("bad signature", Spec { user: "root", ..GOOD }),
        ("bad signature", Spec { signed_service: b"ssh-userauth", ..GOOD }),
        ("bad signature", Spec { signed_algorithm: b"rsa-sha2-512", ..GOOD }),
        ("bad signature", Spec { blob: Some(key_2.clone()), ..GOOD }),
        ("bad signature", Spec { signed_blob: Some(key_2), ..GOOD }),
    ];
    for (reason, spec) in cases {
        let (mut server, _) = ready(config());
        assert_eq!(refused(&mut server, &signed(&key(1), &spec)), reason);
    }
    let (mut server, mut out) = ready(config());
    let event = server.handle(&signed(&key(1), &GOOD), &mut out).unwrap();
    let question =
        matches!(event, Some(AuthEvent::Question(AuthQuestion::CheckKey { signed: true, .. })));
    assert!(question && out.is_empty());
}

#[test]
fn every_flipped_bit_of_a_signed_request_is_noticed() {
    let good = signed(&key(1), &GOOD);
    for bit in 8..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let (mut server, mut out) = ready(config());
        let event = server.handle(&bad, &mut out);
        let asked = matches!(
            event,
            Ok(Some(AuthEvent::Question(AuthQuestion::CheckKey { signed: true, .. })))
        );
        // "All non-zero values MUST be interpreted as TRUE" RFC 4251 section 5
        let boolean = good.windows(9).position(|w| w == b"publickey").unwrap() + 9;
        assert_eq!(asked, bit / 8 == boolean && bit % 8 != 0, "bit {bit}: {event:?}");
    }
}

#[test]
fn an_algorithm_must_be_accepted_and_belong_to_the_key() {
    let (mut server, _) = ready(config());
    let algorithm = |name: &'static [u8]| {
        signed(&key(1), &Spec { algorithm: name, signed_algorithm: name, ..GOOD })
    };
    let unknown = "the signature algorithm is not accepted";
    assert_eq!(refused(&mut server, &algorithm(b"ssh-rsa")), unknown);
    let other = "the signature algorithm does not belong to the key";
    assert_eq!(refused(&mut server, &algorithm(b"rsa-sha2-256")), other);
    server.config.signature_algorithms = vec!["rsa-sha2-256".to_string()];
    assert_eq!(refused(&mut server, &algorithm(b"ssh-ed25519")), unknown);
    assert_eq!(refused(&mut server, &probe(&key(1))), unknown);
    let junk = Spec { blob: Some(b"junk".to_vec()), algorithm: b"rsa-sha2-256", ..GOOD };
    assert_eq!(refused(&mut server, &signed(&key(1), &junk)), "not a key");
}

/// CVE-2024-45337: the key that was asked about last is not who the client is.
#[test]
fn the_identity_is_the_key_of_the_verified_signature() {
    let (mut server, mut out) = ready(config());
    server.handle(&probe(&key(1)), &mut out).unwrap();
    server.answer(AuthAnswer::Accept, &mut out).unwrap();
    let blob = key(1).public().blob();
    assert_eq!(out.pop().unwrap(), UserauthPkOk::new(b"ssh-ed25519", &blob).payload());
    server.handle(&signed(&key(2), &GOOD), &mut out).unwrap();
    server.answer(AuthAnswer::Reject, &mut out).unwrap();
    server.handle(&probe(&key(3)), &mut out).unwrap();
    server.answer(AuthAnswer::Accept, &mut out).unwrap();
    server.handle(&signed(&key(1), &GOOD), &mut out).unwrap();
    let event = server.answer(AuthAnswer::Accept, &mut out).unwrap();
    let Some(AuthEvent::Success(proof)) = event else { panic!("{event:?}") };
    assert_eq!((proof.user(), proof.keys()), ("ann", &[blob][..]));
    assert_eq!(out.pop().unwrap(), [52]);
}

#[test]
fn a_change_of_user_or_service_forgets_everything() {
    let other_service = Fields::None.request("ann").to_vec();
    let at = other_service.windows(14).position(|w| w == b"ssh-connection").unwrap();
    let mut other_service = other_service;
    other_service[at] = b'x';
    for change in [password("bob"), other_service] {
        let (mut server, mut out) = ready(config());
        server.handle(&signed(&key(1), &GOOD), &mut out).unwrap();
        server.answer(partial("password"), &mut out).unwrap();
        let list = UserauthFailure::new("password", true).payload();
        assert_eq!(out.pop().unwrap(), list);
        assert_eq!(server.claim.completed, [Method::PublicKey]);
        assert_eq!(refused(&mut server, &interactive()), "the method cannot continue");
        server.handle(&change, &mut out).unwrap();
        if server.state.question_open() {
            server.answer(AuthAnswer::Reject, &mut out).unwrap();
        }
        server.handle(&password("ann"), &mut out).unwrap();
        assert!(server.claim.completed.is_empty() && server.claim.keys.is_empty());
        assert_eq!(server.claim.methods, "publickey,password,keyboard-interactive");
        let event = server.answer(AuthAnswer::Accept, &mut out).unwrap();
        let Some(AuthEvent::Success(proof)) = event else { panic!("{event:?}") };
        assert!(proof.keys().is_empty(), "the key was another claim's");
    }
}

#[test]
fn a_key_counts_once_and_partial_successes_are_bounded() {
    let (mut server, mut out) = ready(config());
    server.handle(&signed(&key(0), &GOOD), &mut out).unwrap();
    server.answer(partial("publickey"), &mut out).unwrap();
    assert_eq!(refused(&mut server, &signed(&key(0), &GOOD)), "the key was used before");
    for seed in 1..20 {
        let event = server.handle(&signed(&key(seed), &GOOD), &mut out).unwrap();
        let Some(AuthEvent::Question(AuthQuestion::CheckKey { completed, .. })) = event else {
            panic!("{event:?}")
        };
        assert_eq!(completed.len(), usize::from(seed));
        if let Err(error) = server.answer(partial("publickey"), &mut out) {
            assert_eq!(error, Error::LimitReached("partial successes"));
            assert_eq!(u32::from(seed), PARTIAL_SUCCESSES_MAX);
            return;
        }
    }
    panic!("no end");
}

#[test]
fn a_first_none_is_free_and_lists_the_methods() {
    let (mut server, mut out) = ready(ServerAuthConfig { ask_none: false, ..config() });
    let none = Fields::None.request("ann");
    for failures in 0..3 {
        server.handle(&none, &mut out).unwrap();
        let list = UserauthFailure::new("publickey,password,keyboard-interactive", false);
        assert_eq!((out.pop().unwrap(), server.failures), (list.payload(), failures));
    }
}

#[test]
fn the_last_failure_ends_the_session_without_an_answer() {
    let (mut server, mut out) = ready(config());
    for failures in 1..=AUTH_FAILURES_MAX {
        server.handle(&password("ann"), &mut out).unwrap();
        let sent = out.len();
        let result = server.answer(AuthAnswer::Reject, &mut out).map(drop);
        if failures == AUTH_FAILURES_MAX {
            assert_eq!(result, Err(Error::TooManyAuthenticationFailures));
            assert_eq!(out.len(), sent);
            let error = server.handle(&password("ann"), &mut out).map(drop);
            assert!(matches!(error, Err(Error::Inappropriate { .. })));
        }
    }
}

#[test]
fn requests_that_never_fail_are_bounded_too() {
    type Flood = fn(&mut ServerAuth, &mut Vec<Vec<u8>>) -> Result<()>;
    let floods: [Flood; 3] = [
        |server, out| server.handle(&service_request(), out).map(drop),
        |server, out| {
            server.handle(&probe(&key(1)), out)?;
            server.answer(AuthAnswer::Accept, out).map(drop)
        },
        |server, out| {
            server.handle(&interactive(), out)?;
            server.answer(ask(), out).map(drop)
        },
    ];
    for flood in floods {
        let (mut server, mut out) = ready(config());
        for _ in 1..AUTH_REQUESTS_MAX {
            flood(&mut server, &mut out).unwrap();
        }
        let result = flood(&mut server, &mut out);
        assert_eq!(result, Err(Error::TooManyAuthenticationFailures));
    }
}

#[test]
fn responses_must_match_the_prompts() {
    let prompted = || server_in(State::Prompted);
    let bomb = UserauthInfoResponse::new(1 << 28, b"").payload();
    let not_text = UserauthInfoResponse::new(1, b"\0\0\0\x01\xff").payload();
    for bad in [bomb, not_text, response(&[]), response(&["a", "b"])] {
        let (mut server, _) = prompted();
        assert_eq!(refused(&mut server, &bad), "responses do not match the prompts");
    }
    for bad in [&b"\0\0\0\x02a"[..], b"\0\0\0\0\0"] {
        let (mut server, mut out) = prompted();
        let result = server.handle(&UserauthInfoResponse::new(1, bad).payload(), &mut out);
        assert!(matches!(result, Err(Error::Decode { .. })));
    }
    let (mut server, mut out) = prompted();
    let event = server.handle(&response(&["secret"]), &mut out).unwrap();
    let Some(AuthEvent::Question(AuthQuestion::CheckResponses { responses, .. })) = event else {
        panic!("{event:?}")
    };
    assert_eq!(responses[0].as_str(), "secret");
}

#[test]
fn rounds_of_prompts_end_in_a_failure() {
    let (mut server, mut out) = server_in(State::Prompted);
    for _ in 1..PROMPT_ROUNDS_MAX {
        server.handle(&response(&["r"]), &mut out).unwrap();
        server.answer(ask(), &mut out).unwrap();
    }
    server.handle(&response(&["r"]), &mut out).unwrap();
    let event = server.answer(ask(), &mut out).unwrap();
    let over =
        matches!(event, Some(AuthEvent::Failed { reason: "too many rounds of prompts", .. }));
    assert!(over && server.state == State::Ready);
}

#[test]
fn an_abandoned_attempt_gets_no_failure() {
    let (mut server, mut out) = server_in(State::Prompted);
    out.clear();
    let event = server.handle(&password("ann"), &mut out).unwrap();
    assert!(matches!(event, Some(AuthEvent::Question(AuthQuestion::CheckPassword { .. }))));
    assert!(out.is_empty() && !server.wants_payload());
}

#[test]
fn an_expired_password_asks_for_a_new_one() {
    let (mut server, mut out) = server_in(State::CheckingPassword);
    server.answer(AuthAnswer::Expired { prompt: "new".to_string() }, &mut out).unwrap();
    assert_eq!(out.pop().unwrap(), b"\x3c\0\0\0\x03new\0\0\0\0");
    let change = Fields::Password { password: b"old", new_password: Some(b"new") };
    let event = server.handle(&change.request("ann"), &mut out).unwrap();
    let Some(AuthEvent::Question(AuthQuestion::CheckPassword { new_password, .. })) = event else {
        panic!("{event:?}")
    };
    assert_eq!(new_password.unwrap().as_str(), "new");
}

#[test]
fn names_that_cannot_be_are_refused() {
    let none = |user: &[u8]| {
        let (mut server, mut out) = ready(config());
        server.handle(&raw(user, b"ssh-connection", b"none", b""), &mut out).map(drop)
    };
    assert_eq!(none("jos\u{e9}".as_bytes()), Ok(()));
    assert_eq!(none(&[b'x'; USER_NAME_BYTES_MAX]), Ok(()));
    let long = Error::LimitReached("bytes of a user name");
    assert_eq!(none(&[b'x'; USER_NAME_BYTES_MAX + 1]), Err(long));
    assert!(matches!(none(b"root\0"), Err(Error::PeerMisbehaved(_))));
    assert!(matches!(none(b"\xff"), Err(Error::Decode { .. })));
}

#[test]
fn another_service_is_not_offered() {
    let (mut server, mut out) = (server(config()), Vec::new());
    let error = Error::ServiceNotAvailable("ssh-\\033".to_string());
    let request = ServiceRequest::new(b"ssh-\x1b").payload();
    assert_eq!(server.handle(&request, &mut out).map(drop), Err(error));
    let (mut server, _) = ready(config());
    let other = raw(b"ann", b"ssh-userauth", b"none", b"");
    server.handle(&password("bob"), &mut out).unwrap();
    server.answer(AuthAnswer::Reject, &mut out).unwrap();
    assert_eq!(refused(&mut server, &other), "the service does not exist");
}

#[test]
fn a_banner_goes_before_the_first_answer_only() {
    let banner = Some("hello".to_string());
    let (mut server, mut out) = ready(ServerAuthConfig { banner, ask_none: false, ..config() });
    for _ in 0..2 {
        server.handle(&Fields::None.request("ann"), &mut out).unwrap();
    }
    assert_eq!(out.iter().map(|payload| payload[0]).collect::<Vec<_>>(), [53, 51, 51]);
}

/// CVE-2018-10933 and its kin: what only a server sends has no meaning here.
#[test]
fn other_numbers_are_refused_in_every_waiting_state() {
    for state in [State::AwaitingService, State::Ready, State::Prompted] {
        for number in (0..=255).filter(|n| ![5, 50, 61].contains(n)) {
            let (mut server, mut out) = server_in(state);
            let result = server.handle(&[number], &mut out).map(drop);
            assert!(matches!(result, Err(Error::Inappropriate { .. })), "{state:?} {number}");
        }
    }
}

#[test]
fn every_truncation_and_a_trailing_byte_are_refused() {
    for payload in [password("ann"), interactive(), probe(&key(1)), signed(&key(1), &GOOD)] {
        for n in 0..payload.len() {
            let (mut server, mut out) = ready(config());
            let result = server.handle(&payload[..n], &mut out);
            assert!(matches!(result, Err(Error::Decode { .. })), "{payload:?} cut at {n}");
        }
        let (mut server, mut out) = ready(config());
        let longer = [&payload[..], &[0]].concat();
        assert!(matches!(server.handle(&longer, &mut out), Err(Error::Decode { .. })));
    }
}
