//! `KnownHostsCommand`: a program that yields lines of known hosts.

use crate::config::words::split_arguments;
use crate::config::{Settings, tokens};
use crate::exit::{Fatal, Result, os_words};
use crate::limits::FILE_BYTES_MAX;
use crate::log;
use std::io::Read as _;
use std::process::{Command, Stdio};
use tssh_transport::key::base64;

/// Why the program is run: `%I`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// To order the algorithms that are offered.
    Order,
    /// To look up a key by the host's name.
    HostName,
    /// To look up a key by the host's address.
    Address,
}

impl Reason {
    const fn name(self) -> &'static str {
        match self {
            Self::Order => "ORDER",
            Self::HostName => "HOSTNAME",
            Self::Address => "ADDRESS",
        }
    }

    /// What takes the place of a file's name in messages.
    pub fn source(self) -> String {
        format!("KnownHostsCommand-{}", self.name())
    }
}

/// The key that the program is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its type.
    pub key_type: &'a str,
    /// Its blob.
    pub blob: &'a [u8],
    /// Its fingerprint.
    pub fingerprint: &'a str,
}

/// Runs the command and yields what it printed.
///
/// # Errors
/// A command that cannot be run, did not end with status 0, or prints more than a file may hold:
/// the connection must not go on without an answer.
pub fn run(
    settings: &Settings,
    template: &str,
    reason: Reason,
    name: &str,
    asked: Option<Asked<'_>>,
) -> Result<String> {
    let fail = |text: String| Fatal::new(format!("KnownHostsCommand {text}"));
    let words = split_arguments(template).map_err(|fault| fail(format!("contains {fault}")))?;
    let expand = |word: &String| expand(settings, word, reason, name, asked).map_err(Fatal::new);
    let words = words.iter().map(expand).collect::<Result<Vec<_>>>()?;
    let Some((program, arguments)) = words.split_first() else {
        return Err(fail("is empty".into()));
    };
    if !program.starts_with('/') {
        return Err(fail("path is not absolute".into()));
    }
    log::debug3(format_args!("KnownHostsCommand \"{program}\" running for {}", reason.name()));
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child =
        command.spawn().map_err(|error| fail(format!("{program}: {}", os_words(&error))))?;
    let mut bytes = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let read = stdout.take(FILE_BYTES_MAX).read_to_end(&mut bytes);
        read.map_err(|error| fail(format!("{program}: {}", os_words(&error))))?;
    }
    let status = child.wait().map_err(|error| fail(format!("{program}: {}", os_words(&error))))?;
    if !status.success() {
        log::error(format_args!("KnownHostsCommand {program} failed, {status}"));
        return Err(fail("failed".into()));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// One argument with its tokens filled in: those of every command, and five of its own.
fn expand(
    settings: &Settings,
    word: &str,
    reason: Reason,
    name: &str,
    asked: Option<Asked<'_>>,
) -> std::result::Result<String, String> {
    let of_key = |value: &dyn Fn(Asked<'_>) -> String| asked.map_or("NONE".to_owned(), value);
    tokens::fill(word, "KnownHostsCommand ends in a single %", |token| {
        Ok(match token {
            'f' => of_key(&|key| key.fingerprint.to_owned()),
            'H' => name.to_owned(),
            'I' => reason.name().to_owned(),
            'K' => of_key(&|key| base64::encode(key.blob)),
            't' => of_key(&|key| key.key_type.to_owned()),
            other => settings.expand_token(other)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use crate::config::Options;

    fn settings() -> Settings {
        let options = Options { port: Some(77), user: Some("u".into()), ..Options::default() };
        Settings::resolve(&options, "Host", &Account::current(), |_| Vec::new()).unwrap()
    }

    fn ran(command: &str, asked: Option<Asked<'_>>) -> Result<String> {
        run(&settings(), command, Reason::HostName, "[host]:77", asked)
    }

    #[test]
    fn tokens_and_quotes() {
        let key = Asked { key_type: "ssh-x", blob: b"blob", fingerprint: "SHA256:f" };
        let command = r#"/bin/echo %t "%K %H" %I %f %% %h %n %p %r"#;
        let text = ran(command, Some(key)).unwrap();
        assert_eq!(text, "ssh-x YmxvYg== [host]:77 HOSTNAME SHA256:f % host Host 77 u\n");
        assert_eq!(ran("/bin/echo %t/%K/%f", None).unwrap(), "NONE/NONE/NONE\n");
    }

    #[test]
    fn whatever_is_not_an_answer_is_an_error() {
        for (command, words) in [
            ("/bin/false", "KnownHostsCommand failed"),
            ("echo x", "KnownHostsCommand path is not absolute"),
            ("/no/such/program", "KnownHostsCommand /no/such/program: No such file or directory"),
            ("\"/bin/echo", "KnownHostsCommand contains invalid quotes"),
            ("/bin/echo %Y", "vdollar_percent_expand: unknown key %Y"),
        ] {
            assert_eq!(ran(command, None).unwrap_err().message, words, "{command}");
        }
        assert_eq!(ran("/bin/true", None).unwrap(), "");
    }
}
