use super::*;
use crate::limits::PROMPTS_MAX;
use crate::userauth::Prompt;
use crate::userauth::machine::picture;
use crate::wire::Writer;
use alloc::format;
use alloc::vec;

const BLOB: &[u8] = b"a public key blob";
const ALGORITHM: &str = "ssh-ed25519";

const STATES: [State; 12] = [
    State::Created,
    State::Deciding,
    State::Signing,
    State::NoneSent,
    State::ProbeSent,
    State::SignatureSent,
    State::PasswordSent,
    State::InteractiveSent,
    State::Prompting,
    State::ChangingPassword,
    State::Succeeded,
    State::GaveUp,
];

const EVENTS: [Event; 15] = [
    Event::Start,
    Event::TryNone,
    Event::TryProbe,
    Event::TrySignature,
    Event::TryPassword,
    Event::TryInteractive,
    Event::Signature,
    Event::CannotSign,
    Event::Responses,
    Event::NewPassword,
    Event::GiveUp,
    Event::RecvBanner,
    Event::RecvFailure,
    Event::RecvSuccess,
    Event::RecvMethod60,
];

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_string())
}

fn signature(algorithm: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    w.string(algorithm.as_bytes());
    w.string(b"signature");
    out
}

fn key_attempt(probe: bool) -> AuthAnswer {
    let (blob, algorithm) = (BLOB.to_vec(), ALGORITHM.to_string());
    AuthAnswer::Attempt(Attempt::PublicKey { blob, algorithm, probe })
}

fn interactive() -> AuthAnswer {
    AuthAnswer::Attempt(Attempt::KeyboardInteractive { submethods: String::new() })
}

fn accept() -> Vec<u8> {
    ServiceAccept::new(b"ssh-userauth").payload()
}

fn failure(partial: bool) -> Vec<u8> {
    UserauthFailure::new("publickey,password", partial).payload()
}

fn info_request(prompts: &[&str]) -> Vec<u8> {
    let prompt = |text: &&str| Prompt { text: (*text).to_string(), echo: false };
    prompts::request("name", "instruction", &prompts.iter().map(prompt).collect::<Vec<_>>())
}

/// A client whose service request was accepted, in `Deciding`.
fn started() -> (ClientAuth, Vec<Vec<u8>>) {
    let mut out = Vec::new();
    let proof = ExchangeComplete::for_tests();
    let mut client = ClientAuth::new("ann".to_string(), b"session", &proof);
    client.start(&mut out).unwrap();
    client.handle(&accept(), &mut out).unwrap();
    (client, out)
}

/// Makes `event` happen in the way that fits the client's state.
fn happen(client: &mut ClientAuth, event: Event, out: &mut Vec<Vec<u8>>) -> Result<()> {
    let answer = match event {
        Event::Start => return client.start(out).map(drop),
        Event::TryNone => AuthAnswer::Attempt(Attempt::None),
        Event::TryProbe => key_attempt(true),
        Event::TrySignature => key_attempt(false),
        Event::TryPassword => AuthAnswer::Attempt(Attempt::Password(secret("pw"))),
        Event::TryInteractive => interactive(),
        Event::Signature => AuthAnswer::Signature(signature(ALGORITHM)),
        Event::CannotSign => AuthAnswer::CannotSign,
        Event::Responses => AuthAnswer::Responses(vec![secret("r")]),
        Event::NewPassword => AuthAnswer::NewPassword { old: secret("a"), new: secret("b") },
        Event::GiveUp => AuthAnswer::GiveUp,
        Event::RecvBanner => {
            let banner = UserauthBanner::new(b"hello", b"").payload();
            return client.handle(&banner, out).map(drop);
        }
        Event::RecvFailure => return client.handle(&failure(false), out).map(drop),
        Event::RecvSuccess => {
            return client.handle(&UserauthSuccess::new().payload(), out).map(drop);
        }
        Event::RecvMethod60 => {
            let payload = match client.state {
                State::ProbeSent => UserauthPkOk::new(ALGORITHM.as_bytes(), BLOB).payload(),
                State::PasswordSent => UserauthPasswdChangereq::new(b"new", b"").payload(),
                _ => info_request(&["Password: "]),
            };
            return client.handle(&payload, out).map(drop);
        }
    };
    client.answer(answer, out).map(drop)
}

/// The shortest way to `goal` along the table.
fn way_to(goal: State) -> Vec<Event> {
    let mut ways = vec![(State::Created, Vec::new())];
    let mut i = 0;
    while let Some((state, way)) = ways.get(i).cloned() {
        if state == goal {
            return way;
        }
        for (_, event, to) in TABLE.iter().filter(|(from, ..)| *from == state) {
            if !ways.iter().any(|(seen, _)| seen == to) {
                let mut longer = way.clone();
                longer.push(*event);
                ways.push((*to, longer));
            }
        }
        i += 1;
    }
    panic!("{goal:?} is out of reach");
}

fn client_in(goal: State) -> (ClientAuth, Vec<Vec<u8>>) {
    if goal == State::Created {
        let mut client =
            ClientAuth::new("ann".to_string(), b"session", &ExchangeComplete::for_tests());
        client.service = Service::Accepted;
        return (client, Vec::new());
    }
    let (mut client, mut out) = started();
    for event in way_to(goal).into_iter().skip(1) {
        let result = happen(&mut client, event, &mut out);
        assert!(result.is_ok() || goal == State::GaveUp, "{event:?}: {result:?}");
    }
    assert_eq!(client.state, goal);
    (client, out)
}

#[test]
fn every_event_in_every_state_does_what_the_table_says() {
    for state in STATES {
        for event in EVENTS {
            let (mut client, mut out) = client_in(state);
            let sent = out.len();
            let result = happen(&mut client, event, &mut out);
            let case = format!("{state:?} {event:?}: {result:?}");
            match machine::step(TABLE, state, event) {
                Some(State::GaveUp) => {
                    let methods = String::new();
                    assert_eq!(result, Err(Error::AuthenticationFailed { methods }), "{case}");
                }
                Some(next) => {
                    assert_eq!((result, client.state), (Ok(()), next), "{case}");
                }
                None => {
                    let fits = match event {
                        Event::RecvBanner
                        | Event::RecvFailure
                        | Event::RecvSuccess
                        | Event::RecvMethod60 => {
                            matches!(result, Err(Error::Inappropriate { .. }))
                        }
                        _ => matches!(result, Err(Error::Internal(_))),
                    };
                    assert!(fits, "{case}");
                    assert_eq!((client.state, out.len()), (state, sent), "{case}");
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
    let source = include_str!("state.rs");
    let drawn: String = source
        .lines()
        .filter(|l| l.starts_with("//! ") && l.contains(" -> "))
        .map(|l| format!("{l}\n"))
        .collect();
    assert_eq!(drawn, picture(TABLE));
}

/// As tinyssh of 2019 sends it.
#[test]
fn success_with_bytes_left_over_is_success() {
    let (mut client, mut out) = client_in(State::SignatureSent);
    let mut payload = UserauthSuccess::new().payload();
    payload.extend_from_slice(b"left over");
    let event = client.handle(&payload, &mut out).unwrap();
    assert!(matches!(event, Some(AuthEvent::Success(_))));
    assert_eq!(client.state, State::Succeeded);
}

#[test]
fn success_comes_only_after_a_request_that_can_succeed() {
    let before: Vec<State> =
        TABLE.iter().filter(|row| row.2 == State::Succeeded).map(|row| row.0).collect();
    let can = [State::NoneSent, State::SignatureSent, State::PasswordSent, State::InteractiveSent];
    assert_eq!(before, can);
}

#[test]
fn the_first_request_leaves_with_the_service_request() {
    let mut out = Vec::new();
    let proof = ExchangeComplete::for_tests();
    let mut client = ClientAuth::new("ann".to_string(), b"session", &proof);
    let Ok(Some(AuthEvent::Question(AuthQuestion::ChooseMethod { methods: None, .. }))) =
        client.start(&mut out)
    else {
        panic!("asks at once");
    };
    client.answer(AuthAnswer::Attempt(Attempt::None), &mut out).unwrap();
    let expected: [&[u8]; 2] =
        [b"\x05\0\0\0\x0cssh-userauth", b"\x32\0\0\0\x03ann\0\0\0\x0essh-connection\0\0\0\x04none"];
    assert_eq!(out, expected);
    assert!(client.awaits_server());
}

#[test]
fn nothing_is_taken_before_the_service_is_accepted() {
    for payload in [failure(false), UserauthSuccess::new().payload(), info_request(&[])] {
        let mut out = Vec::new();
        let proof = ExchangeComplete::for_tests();
        let mut client = ClientAuth::new("ann".to_string(), b"session", &proof);
        client.start(&mut out).unwrap();
        client.answer(AuthAnswer::Attempt(Attempt::None), &mut out).unwrap();
        let got = payload[0];
        let phase = "authentication (the service request is not accepted yet)";
        let result = client.handle(&payload, &mut out).map(drop);
        assert_eq!(result, Err(Error::Inappropriate { got, phase }));
    }
    let (mut client, mut out) = started();
    assert!(client.handle(&accept(), &mut out).is_err(), "accepted twice");
    let mut client = ClientAuth::new("a".to_string(), b"s", &ExchangeComplete::for_tests());
    assert!(client.handle(&accept(), &mut out).is_err(), "accepted unasked");
    client.start(&mut out).unwrap();
    let other = ServiceAccept::new(b"ssh-connection").payload();
    assert!(matches!(client.handle(&other, &mut out), Err(Error::PeerMisbehaved(_))));
}

#[test]
fn a_signed_request_carries_what_was_signed() {
    let (mut client, mut out) = started();
    let event = client.answer(key_attempt(false), &mut out).unwrap();
    let Some(AuthEvent::Question(AuthQuestion::Sign { data, algorithm, .. })) = event else {
        panic!("signs at once");
    };
    assert_eq!(algorithm, ALGORITHM);
    client.answer(AuthAnswer::Signature(signature(ALGORITHM)), &mut out).unwrap();
    let request = out.last().unwrap();
    let signed = data.strip_prefix(b"\0\0\0\x07session").unwrap();
    let rest = request.strip_prefix(signed).unwrap();
    let mut expected = Vec::new();
    Writer::new(&mut expected).string(&signature(ALGORITHM));
    assert_eq!(rest, expected);
}

#[test]
fn a_signature_of_another_algorithm_is_never_sent() {
    let (mut client, mut out) = started();
    client.answer(key_attempt(false), &mut out).unwrap();
    let sent = out.len();
    for bad in [signature("ssh-rsa"), Vec::new(), [signature(ALGORITHM), vec![0]].concat()] {
        let event = client.answer(AuthAnswer::Signature(bad), &mut out).unwrap();
        let again = matches!(event, Some(AuthEvent::Question(AuthQuestion::ChooseMethod { .. })));
        assert!(again && out.len() == sent);
        client.answer(key_attempt(false), &mut out).unwrap();
    }
}

#[test]
fn pk_ok_for_another_key_or_algorithm_is_misbehaviour() {
    for (algorithm, blob) in [(ALGORITHM, &b"other"[..]), ("rsa-sha2-512", BLOB), ("", b"")] {
        let (mut client, mut out) = client_in(State::ProbeSent);
        let pk_ok = UserauthPkOk::new(algorithm.as_bytes(), blob).payload();
        let result = client.handle(&pk_ok, &mut out);
        assert!(matches!(result, Err(Error::PeerMisbehaved(_))), "{result:?}");
    }
}

#[test]
fn a_failure_brings_the_list_to_the_next_question() {
    let (mut client, mut out) = client_in(State::PasswordSent);
    client.set_server_sig_algs("ssh-ed25519");
    let event = client.handle(&failure(true), &mut out).unwrap();
    let Some(AuthEvent::Question(AuthQuestion::ChooseMethod {
        methods,
        partial_success,
        server_sig_algs,
    })) = event
    else {
        panic!("asks again");
    };
    assert_eq!(methods.as_deref(), Some("publickey,password"));
    assert!(partial_success && server_sig_algs.as_deref() == Some("ssh-ed25519"));
    let error = client.answer(AuthAnswer::GiveUp, &mut out).unwrap_err();
    assert_eq!(error.to_string(), "Permission denied (publickey,password).");
}

#[test]
fn partial_success_for_ever_ends() {
    let (mut client, mut out) = started();
    for round in 0..=PARTIAL_SUCCESSES_MAX {
        client.answer(interactive(), &mut out).unwrap();
        let result = client.handle(&failure(true), &mut out).map(drop);
        let over = round == PARTIAL_SUCCESSES_MAX;
        assert_eq!(
            result,
            if over { Err(Error::LimitReached("partial successes")) } else { Ok(()) }
        );
    }
}

#[test]
fn failures_for_ever_end() {
    let (mut client, mut out) = started();
    for _ in 0..AUTH_REQUESTS_MAX {
        client.answer(AuthAnswer::Attempt(Attempt::None), &mut out).unwrap();
        client.handle(&failure(false), &mut out).unwrap();
    }
    let result = client.answer(AuthAnswer::Attempt(Attempt::None), &mut out).map(drop);
    assert_eq!(result, Err(Error::LimitReached("authentication requests")));
}

#[test]
fn prompts_for_ever_end() {
    let rounds = |prompts: &[&str]| {
        let (mut client, mut out) = client_in(State::InteractiveSent);
        for round in 0..=PROMPT_ROUNDS_MAX {
            if let Err(error) = client.handle(&info_request(prompts), &mut out) {
                return (round, error);
            }
            let responses = prompts.iter().map(|_| secret("")).collect();
            client.answer(AuthAnswer::Responses(responses), &mut out).unwrap();
        }
        panic!("no end");
    };
    let over = Error::LimitReached("rounds of prompts");
    assert_eq!(rounds(&["Password: "]), (PROMPT_ROUNDS_MAX, over));
    let over = Error::LimitReached("rounds of prompts without a prompt");
    assert_eq!(rounds(&[]), (PROMPTLESS_ROUNDS_MAX, over));
}

#[test]
fn requests_for_a_new_password_for_ever_end() {
    let (mut client, mut out) = client_in(State::PasswordSent);
    for round in 0..=PROMPT_ROUNDS_MAX {
        let result = happen(&mut client, Event::RecvMethod60, &mut out);
        assert_eq!(result.is_err(), round == PROMPT_ROUNDS_MAX);
        if result.is_ok() {
            happen(&mut client, Event::NewPassword, &mut out).unwrap();
        }
    }
    let change = b"password\x01\0\0\0\x01a\0\0\0\x01b";
    assert!(out.last().unwrap().ends_with(change));
}

#[test]
fn counts_are_believed_only_as_far_as_bytes_are_present() {
    let request = |count: u32, tail: &[u8]| {
        let (mut client, mut out) = client_in(State::InteractiveSent);
        let payload = UserauthInfoRequest::new(b"", b"", b"", count, tail).payload();
        client.handle(&payload, &mut out).map(drop)
    };
    assert!(matches!(request(u32::MAX, b""), Err(Error::LimitReached(_))));
    assert!(matches!(request(PROMPTS_MAX + 1, b""), Err(Error::LimitReached(_))));
    assert!(matches!(request(PROMPTS_MAX, b"\0\0\0\x01a\0"), Err(Error::Decode { .. })));
    assert!(matches!(request(1, b"\0\0\0\x01a\0\0"), Err(Error::Decode { .. })), "trailing");
    assert_eq!(request(1, b"\0\0\0\x01a\0"), Ok(()));
}

#[test]
fn responses_are_as_many_as_prompts() {
    let (mut client, mut out) = client_in(State::Prompting);
    let misfit = client.answer(AuthAnswer::Responses(Vec::new()), &mut out).map(drop);
    assert_eq!((misfit, client.state), (Err(MISFIT), State::Prompting));
    client.answer(AuthAnswer::Responses(vec![secret("")]), &mut out).unwrap();
    assert_eq!(out.last().unwrap(), b"\x3d\0\0\0\x01\0\0\0\0", "an empty response is passed on");
}

#[test]
fn banners_are_made_harmless_and_counted() {
    let (mut client, mut out) = started();
    for i in 0..=BANNERS_MAX {
        let banner = UserauthBanner::new(b"one\r\ntwo\r\x07\x1b[2J", b"").payload();
        match client.handle(&banner, &mut out) {
            Ok(Some(AuthEvent::Banner(text))) => assert_eq!(text, "one\ntwo\\015\\007\\033[2J"),
            other => assert!(i == BANNERS_MAX && other.is_err(), "{other:?}"),
        }
    }
}

#[test]
fn every_truncation_and_a_trailing_byte_are_refused() {
    let cases = [
        (State::NoneSent, failure(false)),
        (State::NoneSent, UserauthBanner::new(b"b", b"en").payload()),
        (State::ProbeSent, UserauthPkOk::new(ALGORITHM.as_bytes(), BLOB).payload()),
        (State::PasswordSent, UserauthPasswdChangereq::new(b"p", b"").payload()),
        (State::InteractiveSent, info_request(&["a", "b"])),
    ];
    for (state, payload) in cases {
        for n in 0..payload.len() {
            let (mut client, mut out) = client_in(state);
            let result = client.handle(&payload[..n], &mut out);
            assert!(matches!(result, Err(Error::Decode { .. })), "{payload:?} cut at {n}");
        }
        let (mut client, mut out) = client_in(state);
        let longer = [&payload[..], &[0]].concat();
        assert!(matches!(client.handle(&longer, &mut out), Err(Error::Decode { .. })));
    }
}

#[test]
fn other_numbers_are_refused_with_their_name() {
    for number in (0..=255).filter(|n| ![6, 51, 52, 53, 60].contains(n)) {
        let (mut client, mut out) = client_in(State::NoneSent);
        let result = client.handle(&[number], &mut out).map(drop);
        let phase = "authentication by none";
        assert_eq!(result, Err(Error::Inappropriate { got: number, phase }));
    }
}

#[test]
fn a_message_that_no_server_must_accept_is_not_sent() {
    let (mut client, mut out) = started();
    let long = AuthAnswer::Attempt(Attempt::Password(secret(&"x".repeat(AUTH_PAYLOAD_BYTES_MAX))));
    let error = Error::LimitReached("bytes of an authentication message");
    assert_eq!(client.answer(long, &mut out).map(drop), Err(error));
}

#[test]
fn debug_output_holds_no_secret() {
    let answers = [
        AuthAnswer::Attempt(Attempt::Password(secret("hunter2"))),
        AuthAnswer::Responses(vec![secret("hunter2")]),
        AuthAnswer::NewPassword { old: secret("hunter2"), new: secret("hunter2") },
    ];
    for answer in answers {
        assert!(!format!("{answer:?}").contains("hunter2"));
    }
}
