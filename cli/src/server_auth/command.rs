//! `AuthorizedKeysCommand`: a program that prints lines of authorized_keys for a key.

use super::Peer;
use super::authorized_keys::Offer;
use super::strict::{self, Owner};
use crate::account::Account;
use crate::config::tokens::fill;
use crate::config::words::split_arguments;
use crate::exit::{Fatal, Result as Ended, os_words};
use crate::limits::{KEY_COMMAND_BYTES_MAX, KEY_COMMAND_TIMEOUT};
use crate::server::config::Settings;
use crate::server::session::process::Running;
use rustix::process::Signal;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use tssh_transport::key::fingerprint;

/// Where the program finds others, as with sshd.
const PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// The program with its arguments.
#[derive(Debug, Clone)]
pub struct KeyCommand {
    words: Vec<String>,
    account: Account,
    /// Whom it runs as, where that is not who runs the server.
    runs_as: Option<(u32, u32)>,
}

impl KeyCommand {
    /// The one that the settings name.
    ///
    /// # Errors
    /// Its user does not exist, or is another one and the server is not root's; or its
    /// arguments are malformed.
    pub fn new(settings: &Settings, account: &Account) -> Ended<Option<Self>> {
        let Some(line) = &settings.authorized_keys_command else { return Ok(None) };
        let Some(user) = &settings.authorized_keys_command_user else { return Ok(None) };
        let fatal = |text: String| Fatal::new(format!("AuthorizedKeysCommand: {text}"));
        let mut words = split_arguments(line).map_err(|fault| fatal(fault.to_owned()))?;
        if words.len() == 1 {
            words.push("%u".to_owned());
        }
        let runs_as = if *user == account.name {
            None
        } else {
            let unknown = || fatal(format!("AuthorizedKeysCommandUser \"{user}\" not found"));
            let ids = crate::account::ids_of(user).ok_or_else(unknown)?;
            if account.uid != 0 {
                let own = &account.name;
                return Err(fatal(format!("only root runs programs as {user}; name {own}")));
            }
            Some(ids)
        };
        let command = Self { words, account: account.clone(), runs_as };
        let some = Tokens { offer: None, connection: String::new() };
        command
            .words
            .iter()
            .try_for_each(|word| command.expand(word, &some).map(drop))
            .map_err(fatal)?;
        Ok(Some(command))
    }

    /// The program's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.words.first().map(String::as_str).unwrap_or_default()
    }

    /// What it prints about a key.
    ///
    /// # Errors
    /// One line for the log: it is not safe to run, fails, says too much, or does not end.
    pub fn output(&self, offer: Offer<'_>, peer: Peer) -> Result<Vec<u8>, String> {
        let name = self.name();
        let owner = Owner { uid: self.account.uid, home: &self.account.home };
        strict::program(Path::new(name), owner)
            .map_err(|why| format!("Unsafe AuthorizedKeysCommand \"{name}\": {why}"))?;
        let failed = |why: String| format!("AuthorizedKeysCommand {name} failed: {why}");
        let tokens = Tokens { offer: Some(offer), connection: peer.connection.ssh_connection() };
        let words: Result<Vec<_>, _> = self.words.iter().map(|w| self.expand(w, &tokens)).collect();
        let words = words.map_err(failed)?;
        let mut command = Command::new(name);
        command.args(words.get(1..).unwrap_or_default()).env_clear().current_dir("/");
        command.env("PATH", PATH).env("HOME", &self.account.home);
        command.env("USER", &self.account.name).env("LOGNAME", &self.account.name);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        // What it starts ends with it.
        command.process_group(0);
        if let Some((uid, gid)) = self.runs_as {
            command.uid(uid).gid(gid);
        }
        run(command).map_err(failed)
    }

    fn expand(&self, word: &str, about: &Tokens<'_>) -> Result<String, String> {
        fill(word, "missing key after %", |token| {
            Ok(match token {
                '%' => "%".to_owned(),
                'C' => about.connection.clone(),
                // Routing domains are OpenBSD's.
                'D' => String::new(),
                'h' => self.account.home.to_string_lossy().into_owned(),
                'U' => self.account.uid.to_string(),
                'u' => self.account.name.clone(),
                'f' | 'k' | 't' => about.of_key(token),
                other => return Err(format!("unknown key %{other}")),
            })
        })
    }
}

/// What the arguments may speak of.
struct Tokens<'a> {
    offer: Option<Offer<'a>>,
    connection: String,
}

impl Tokens<'_> {
    fn of_key(&self, token: char) -> String {
        let Some(offer) = self.offer else { return String::new() };
        // As with sshd: a certificate has its own type and blob, and its key's fingerprint.
        let line = offer.certificate.map_or_else(|| offer.key.to_line(), |c| c.to_line());
        let (key_type, blob) = line.split_once(' ').unwrap_or_default();
        match token {
            'f' => fingerprint::sha256(&offer.key.blob()),
            't' => key_type.to_owned(),
            _ => blob.to_owned(),
        }
    }
}

fn run(command: Command) -> Result<Vec<u8>, String> {
    let (pipes, running, end) = Running::start(command).map_err(|error| os_words(&error))?;
    let (give, take) = mpsc::sync_channel(1);
    let read = move || {
        let mut bytes = Vec::new();
        let all = match pipes.stdout {
            Some(stdout) => stdout.take(KEY_COMMAND_BYTES_MAX + 1).read_to_end(&mut bytes),
            None => Ok(0),
        };
        // Whoever waited may have lost patience.
        let _ = give.send((all.map(|_| bytes), end.blocking_recv().ok()));
    };
    let started = std::thread::Builder::new().name("key command".to_owned()).spawn(read);
    let outcome = started.map_err(|error| os_words(&error)).and_then(|_| {
        take.recv_timeout(KEY_COMMAND_TIMEOUT).map_err(|_| "it does not end".to_owned())
    });
    let (bytes, status) = outcome.inspect_err(|_| {
        // It may have ended in this moment.
        let _ = running.signal(Signal::KILL);
    })?;
    let bytes = bytes.map_err(|error| os_words(&error))?;
    if u64::try_from(bytes.len()).is_ok_and(|n| n > KEY_COMMAND_BYTES_MAX) {
        return Err(format!("it prints more than {KEY_COMMAND_BYTES_MAX} bytes"));
    }
    match status {
        Some(status) if status.success() => Ok(bytes),
        Some(status) => Err(status.to_string()),
        None => Err("nobody saw its end".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> KeyCommand {
        let account = Account {
            name: "ann".into(),
            uid: rustix::process::getuid().as_raw(),
            home: "/home/ann".into(),
            shell: "/bin/sh".into(),
        };
        KeyCommand { words: words.iter().map(|&w| w.to_owned()).collect(), account, runs_as: None }
    }

    #[test]
    fn tokens_are_expanded() {
        let tokens = Tokens { offer: None, connection: "10.0.0.7 5 10.0.0.1 22".to_owned() };
        let command = command(&[]);
        let expand = |word: &str| command.expand(word, &tokens);
        assert_eq!(expand("%u:%h%%%D"), Ok("ann:/home/ann%".to_owned()));
        assert_eq!(expand("%C"), Ok("10.0.0.7 5 10.0.0.1 22".to_owned()));
        assert_eq!(expand("%x"), Err("unknown key %x".to_owned()));
        assert_eq!(expand("a%"), Err("missing key after %".to_owned()));
    }

    #[test]
    fn what_it_prints_counts_if_it_ends_well() {
        let shell = |script: &str| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]).stdout(Stdio::piped()).process_group(0);
            run(command)
        };
        assert_eq!(shell("echo key"), Ok(b"key\n".to_vec()));
        assert_eq!(shell("echo key; exit 3"), Err("exit status: 3".to_owned()));
        let endless = format!("it prints more than {KEY_COMMAND_BYTES_MAX} bytes");
        assert_eq!(shell("yes"), Err(endless));
    }
}
