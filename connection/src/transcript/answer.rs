//! Answers to questions, as text.

use crate::stack::Answer;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use tssh_transport::transcript::{Line, ReadFault, hex, unhex};
use tssh_transport::userauth::{Attempt, AuthAnswer, Prompt};

/// The arguments of an `answer` line.
pub(super) fn write(answer: &Answer) -> String {
    let text = |text: &str| hex(text.as_bytes());
    match answer {
        Answer::HostKey(accept) => format!("hostkey {}", u8::from(*accept)),
        Answer::Auth(answer) => match answer {
            AuthAnswer::Attempt(attempt) => write_attempt(attempt),
            AuthAnswer::Signature(signature) => format!("signature {}", hex(signature)),
            AuthAnswer::CannotSign => "cannot-sign".to_string(),
            AuthAnswer::Responses(responses) => {
                let all: Vec<String> = responses.iter().map(|r| text(r)).collect();
                format!("responses {} {}", responses.len(), all.join(" "))
            }
            AuthAnswer::NewPassword { old, new } => {
                format!("new-password {} {}", text(old), text(new))
            }
            AuthAnswer::GiveUp => "give-up".to_string(),
            AuthAnswer::Accept => "accept".to_string(),
            AuthAnswer::Partial { methods } => format!("partial {methods}"),
            AuthAnswer::Reject => "reject".to_string(),
            AuthAnswer::Prompts { name, instruction, prompts } => {
                let mut line = format!("prompts {} {}", text(name), text(instruction));
                for prompt in prompts {
                    line.push_str(&format!(" {} {}", u8::from(prompt.echo), text(&prompt.text)));
                }
                line
            }
            AuthAnswer::Expired { prompt } => format!("expired {}", text(prompt)),
        },
    }
}

fn write_attempt(attempt: &Attempt) -> String {
    match attempt {
        Attempt::None => "none".to_string(),
        Attempt::PublicKey { blob, algorithm, probe } => {
            format!("publickey {algorithm} {} {}", u8::from(*probe), hex(blob))
        }
        Attempt::Password(password) => format!("password {}", hex(password.as_bytes())),
        Attempt::KeyboardInteractive { submethods } => {
            format!("keyboard-interactive {}", hex(submethods.as_bytes()))
        }
    }
}

/// The answer of an `answer` line.
pub(super) fn read(line: &Line<'_>) -> Result<Answer, ReadFault> {
    let words: Vec<&str> = line.arguments.split(' ').filter(|w| !w.is_empty()).collect();
    let answer = match words.split_first() {
        Some((&"hostkey", [accept])) => Some(Answer::HostKey(*accept == "1")),
        Some((kind, rest)) => read_auth(kind, rest).map(Answer::Auth),
        None => None,
    };
    answer.ok_or_else(|| line.fault("is no answer"))
}

fn text(digits: &str) -> Option<String> {
    String::from_utf8(unhex(digits)?).ok()
}

fn read_auth(kind: &str, rest: &[&str]) -> Option<AuthAnswer> {
    Some(match (kind, rest) {
        ("none", []) => AuthAnswer::Attempt(Attempt::None),
        ("publickey", [algorithm, probe, blob]) => AuthAnswer::Attempt(Attempt::PublicKey {
            blob: unhex(blob)?,
            algorithm: (*algorithm).to_string(),
            probe: *probe == "1",
        }),
        ("password", [password]) => AuthAnswer::Attempt(Attempt::Password(text(password)?.into())),
        ("keyboard-interactive", [submethods]) => {
            AuthAnswer::Attempt(Attempt::KeyboardInteractive { submethods: text(submethods)? })
        }
        ("signature", [signature]) => AuthAnswer::Signature(unhex(signature)?),
        ("cannot-sign", []) => AuthAnswer::CannotSign,
        ("responses", [_, responses @ ..]) => {
            let all = responses.iter().map(|r| text(r).map(Into::into));
            AuthAnswer::Responses(all.collect::<Option<_>>()?)
        }
        ("new-password", [old, new]) => {
            AuthAnswer::NewPassword { old: text(old)?.into(), new: text(new)?.into() }
        }
        ("give-up", []) => AuthAnswer::GiveUp,
        ("accept", []) => AuthAnswer::Accept,
        ("partial", [methods]) => AuthAnswer::Partial { methods: (*methods).to_string() },
        ("reject", []) => AuthAnswer::Reject,
        ("prompts", [name, instruction, prompts @ ..]) => {
            let prompt = |pair: &[&str]| match pair {
                [echo, prompt] => Some(Prompt { echo: *echo == "1", text: text(prompt)? }),
                _ => None,
            };
            AuthAnswer::Prompts {
                name: text(name)?,
                instruction: text(instruction)?,
                prompts: prompts.chunks(2).map(prompt).collect::<Option<_>>()?,
            }
        }
        ("expired", [prompt]) => AuthAnswer::Expired { prompt: text(prompt)? },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn every_answer_is_read_as_it_was_written() {
        let prompts = vec![
            Prompt { text: "Password: ".into(), echo: false },
            Prompt { text: "Token: ".into(), echo: true },
        ];
        let attempts = [
            Attempt::None,
            Attempt::PublicKey { blob: vec![1, 2], algorithm: "ssh-ed25519".into(), probe: true },
            Attempt::Password(String::from("open sesame").into()),
            Attempt::KeyboardInteractive { submethods: String::new() },
        ];
        let answers = [
            AuthAnswer::Signature(vec![7; 9]),
            AuthAnswer::CannotSign,
            AuthAnswer::Responses(vec![String::from("a").into(), String::new().into()]),
            AuthAnswer::Responses(Vec::new()),
            AuthAnswer::NewPassword { old: String::from("o").into(), new: String::new().into() },
            AuthAnswer::GiveUp,
            AuthAnswer::Accept,
            AuthAnswer::Partial { methods: "password,publickey".into() },
            AuthAnswer::Reject,
            AuthAnswer::Prompts { name: "n".into(), instruction: String::new(), prompts },
            AuthAnswer::Expired { prompt: "new?".into() },
        ];
        let answers = answers.into_iter().chain(attempts.into_iter().map(AuthAnswer::Attempt));
        let answers =
            answers.map(Answer::Auth).chain([Answer::HostKey(true), Answer::HostKey(false)]);
        for answer in answers {
            let arguments = write(&answer);
            let line = Line { number: 1, call: "c answer", arguments: &arguments };
            assert_eq!(write(&read(&line).unwrap()), arguments);
        }
        let line = Line { number: 3, call: "c answer", arguments: "perhaps" };
        assert_eq!(read(&line).unwrap_err().0, "line 3 (c answer) is no answer");
    }
}
