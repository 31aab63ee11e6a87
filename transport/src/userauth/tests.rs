//! Client and server against each other: everything one sends, the other must understand.

use super::*;
use crate::entropy::{Entropy, Purpose};
use crate::key::PrivateKey;
use crate::proof::ExchangeComplete;
use alloc::string::ToString;
use alloc::vec;
use std::collections::VecDeque;

struct Pair {
    client: ClientAuth,
    server: ServerAuth,
    to_server: VecDeque<Vec<u8>>,
    to_client: VecDeque<Vec<u8>>,
}

impl Pair {
    fn new(methods: &str) -> Self {
        let exchanged = ExchangeComplete::for_tests();
        let methods = methods.to_string();
        let config = ServerAuthConfig { methods, ..ServerAuthConfig::default() };
        Self {
            client: ClientAuth::new("ann".to_string(), b"id", &exchanged),
            server: ServerAuth::new(config, b"id", &exchanged),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
        }
    }

    /// Runs to the end; `client` and `server` answer the questions.
    fn run(
        mut self,
        mut client: impl FnMut(AuthQuestion) -> AuthAnswer,
        mut server: impl FnMut(AuthQuestion) -> AuthAnswer,
    ) -> (UserAuthenticated, UserAuthenticated) {
        let mut out = Vec::new();
        let mut done = (None, None);
        let mut event = self.client.start(&mut out).unwrap();
        loop {
            while let Some(AuthEvent::Question(question)) = event {
                event = self.client.answer(client(question), &mut out).unwrap();
            }
            if let Some(AuthEvent::Success(proof)) = event {
                done.0 = Some(proof);
            }
            self.to_server.extend(out.drain(..));
            while let Some(payload) = self.to_server.pop_front() {
                assert!(self.server.wants_payload());
                let mut event = self.server.handle(&payload, &mut out).unwrap();
                while let Some(AuthEvent::Question(question)) = event {
                    event = self.server.answer(server(question), &mut out).unwrap();
                }
                if let Some(AuthEvent::Success(proof)) = event {
                    done.1 = Some(proof);
                }
            }
            self.to_client.extend(out.drain(..));
            if let (Some(client), Some(server)) = done {
                return (client, server);
            }
            let payload = self.to_client.pop_front().expect("the server answers");
            event = self.client.handle(&payload, &mut out).unwrap();
        }
    }
}

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_string())
}

#[test]
fn a_key_with_and_without_a_probe() {
    let random = &mut Entropy::from_seed(&[7; 64]);
    let key = PrivateKey::generate_ed25519(random.stream(Purpose::Ephemeral));
    for probe in [false, true] {
        let mut questions = 0;
        let (client, server) = Pair::new("publickey").run(
            |question| match question {
                AuthQuestion::ChooseMethod { .. } => {
                    let (blob, algorithm) = (key.public().blob(), "ssh-ed25519".to_string());
                    AuthAnswer::Attempt(Attempt::PublicKey { blob, algorithm, probe })
                }
                AuthQuestion::Sign { algorithm, data, .. } => {
                    AuthAnswer::Signature(key.sign(&algorithm, &data).unwrap())
                }
                other => panic!("{other:?}"),
            },
            |question| {
                questions += 1;
                let last = questions == 1 + u8::from(probe);
                assert!(
                    matches!(question, AuthQuestion::CheckKey { signed, .. } if signed == last)
                );
                AuthAnswer::Accept
            },
        );
        assert_eq!((client.user(), server.user()), ("ann", "ann"));
        assert_eq!(server.keys(), [key.public().blob()]);
        assert!(client.keys().is_empty());
    }
}

#[test]
fn a_password_that_has_to_be_changed_then_prompts() {
    let (_, server) = Pair::new("password").run(
        |question| match question {
            AuthQuestion::ChooseMethod { partial_success: true, methods, .. } => {
                assert_eq!(methods.as_deref(), Some("keyboard-interactive"));
                AuthAnswer::Attempt(Attempt::KeyboardInteractive { submethods: String::new() })
            }
            AuthQuestion::ChooseMethod { .. } => {
                AuthAnswer::Attempt(Attempt::Password(secret("old")))
            }
            AuthQuestion::ChangePassword { prompt } => {
                assert_eq!(prompt, "expired");
                AuthAnswer::NewPassword { old: secret("old"), new: secret("new") }
            }
            AuthQuestion::Prompts { prompts, .. } => {
                AuthAnswer::Responses(prompts.iter().map(|p| secret(&p.text)).collect())
            }
            other => panic!("{other:?}"),
        },
        |question| match question {
            AuthQuestion::CheckPassword { new_password: None, .. } => {
                AuthAnswer::Expired { prompt: "expired".to_string() }
            }
            AuthQuestion::CheckPassword { password, new_password: Some(new), .. } => {
                assert_eq!((password.as_str(), new.as_str()), ("old", "new"));
                AuthAnswer::Partial { methods: "keyboard-interactive".to_string() }
            }
            AuthQuestion::StartPrompts { .. } => AuthAnswer::Prompts {
                name: "n".to_string(),
                instruction: "i".to_string(),
                prompts: vec![
                    Prompt { text: "one".to_string(), echo: true },
                    Prompt { text: "two".to_string(), echo: false },
                ],
            },
            AuthQuestion::CheckResponses { responses, completed, .. } => {
                let texts: Vec<&str> = responses.iter().map(|r| r.as_str()).collect();
                assert_eq!(
                    (&texts[..], &completed[..]),
                    (&["one", "two"][..], &[Method::Password][..])
                );
                AuthAnswer::Accept
            }
            other => panic!("{other:?}"),
        },
    );
    assert!(server.keys().is_empty());
}

fn ed25519() -> PrivateKey {
    let mut entropy = Entropy::from_seed(&[7; crate::entropy::SEED_BYTES]);
    PrivateKey::generate_ed25519(entropy.stream(Purpose::Upper))
}

/// A login by key, asked about first or signed at once. Whether it came to an end that is good, and
/// whether a request was bound.
fn bound_login(client: Option<&[u8]>, server: Option<&[u8]>, probe: bool) -> (bool, bool) {
    let key = ed25519();
    let mut pair = Pair::new("publickey");
    client.into_iter().for_each(|host_key| pair.client.bind_to_host(host_key));
    server.into_iter().for_each(|host_key| pair.server.bind_to_host(host_key));
    let mut out = Vec::new();
    let mut event = pair.client.start(&mut out).unwrap();
    let (mut bound, mut asked) = (false, false);
    loop {
        while let Some(AuthEvent::Question(question)) = event {
            let answer = match question {
                AuthQuestion::ChooseMethod { .. } if asked => return (false, bound),
                AuthQuestion::ChooseMethod { .. } => {
                    asked = true;
                    let (blob, algorithm) = (key.public().blob(), "ssh-ed25519".to_string());
                    AuthAnswer::Attempt(Attempt::PublicKey { blob, algorithm, probe })
                }
                AuthQuestion::Sign { data, .. } => {
                    AuthAnswer::Signature(key.sign("ssh-ed25519", &data).unwrap())
                }
                other => panic!("{other:?}"),
            };
            event = pair.client.answer(answer, &mut out).unwrap();
        }
        if matches!(event, Some(AuthEvent::Success(_))) {
            return (true, bound);
        }
        let mut replies = Vec::new();
        for payload in out.drain(..) {
            bound |= payload.windows(18).any(|window| window == b"publickey-hostboun");
            let mut event = pair.server.handle(&payload, &mut replies).unwrap();
            while let Some(AuthEvent::Question(_)) = event {
                event = pair.server.answer(AuthAnswer::Accept, &mut replies).unwrap();
            }
        }
        event = None;
        for payload in replies {
            event = pair.client.handle(&payload, &mut out).unwrap().or(event);
        }
    }
}

#[test]
fn a_request_may_be_bound_to_the_host_key() {
    for probe in [false, true] {
        let login = |client, server| bound_login(client, server, probe);
        assert_eq!(login(None, None), (true, false));
        assert_eq!(login(None, Some(b"key")), (true, false), "nobody has to");
        assert_eq!(login(Some(b"key"), Some(b"key")), (true, true));
        assert_eq!(login(Some(b"key"), Some(b"other")), (false, true), "for another host");
        assert_eq!(login(Some(b"key"), None), (false, true), "not known to this server");
    }
}
