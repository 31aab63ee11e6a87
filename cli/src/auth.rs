//! Logging in: which method and which key comes next, and who is asked.
//!
//! The order is ssh's: for each method in the order of preference, while the server still names
//! it, one attempt after the other. The first attempt does not wait for the server's list: a key
//! file that is ready to sign goes out signed at once. A key of an agent is never used so, nor
//! one behind a passphrase: both may need a human, who should be asked for keys that the server
//! wants only.

mod keys;

use crate::agent::{Agent, AgentFault, AgentKey, SessionBinding};
use crate::config::Settings;
use crate::identity::{self, Candidate, Holder};
use crate::log;
use crate::plain_files;
use crate::prompt::{self, Echo};
use std::collections::BTreeSet;
use std::sync::Arc;
use tssh_transport::userauth::{Attempt, AuthAnswer, AuthQuestion, Prompt};
use zeroize::Zeroizing;

/// Answers the questions of one login.
#[derive(Debug)]
pub struct Authenticator {
    settings: Settings,
    binding: Option<Arc<SessionBinding>>,
    agent: Option<Agent>,
    candidates: Vec<Candidate>,
    /// Methods that are used up.
    disabled: BTreeSet<String>,
    last_method: &'static str,
    /// The candidate that was offered last.
    last_key: Option<usize>,
    password_attempts: u32,
    interactive_attempts: u32,
    /// Whether the server asked anything in the present keyboard-interactive attempt.
    interactive_asked: bool,
    opened: Option<keys::Opened>,
}

impl Authenticator {
    /// Looks at the key files, and asks the agent for its keys. The agent is shown first which
    /// host they are for, and then lists those only that may be used there.
    pub async fn prepare(settings: &Settings, binding: Option<Arc<SessionBinding>>) -> Self {
        let mut agent = None;
        let mut held = Vec::new();
        let wants_keys = settings.authentications.iter().any(|m| m == "publickey");
        if let Some(socket) = settings.identity_agent.as_ref().filter(|_| wants_keys) {
            match list_keys(socket, binding.as_deref()).await {
                Ok((connection, keys)) => (agent, held) = (Some(connection), keys),
                Err(fault) => log::debug1(format_args!("agent {}: {fault}", socket.display())),
            }
        }
        let files = settings.clone();
        let quick = identity::is_quick(settings);
        let looked = plain_files::done(quick, move || identity::candidates(&files, &held));
        let candidates = if wants_keys { looked.await.unwrap_or_default() } else { Vec::new() };
        for candidate in &candidates {
            log::debug1(format_args!("Will attempt key: {}", candidate.describe()));
        }
        Self {
            settings: settings.clone(),
            binding,
            agent,
            candidates,
            disabled: BTreeSet::new(),
            last_method: "none",
            last_key: None,
            password_attempts: 0,
            interactive_attempts: 0,
            interactive_asked: false,
            opened: None,
        }
    }

    /// The method of the last attempt, for the message about success.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        self.last_method
    }

    /// No password goes to a server whose key is wrong.
    pub fn distrust_server(&mut self) {
        for (method, name) in
            [("password", "Password"), ("keyboard-interactive", "Keyboard-interactive")]
        {
            if self.settings.authentications.iter().any(|m| m == method) {
                log::error(format_args!(
                    "{name} authentication is disabled to avoid man-in-the-middle attacks."
                ));
                self.disabled.insert(method.to_owned());
            }
        }
    }

    /// Answers a client's question; nothing for those of a server.
    pub async fn answer(&mut self, question: AuthQuestion) -> Option<AuthAnswer> {
        Some(match question {
            AuthQuestion::ChooseMethod { methods, partial_success, server_sig_algs } => {
                let algorithms = server_sig_algs.as_deref();
                match methods {
                    None => AuthAnswer::Attempt(self.first_attempt()),
                    Some(methods) => self.choose(&methods, partial_success, algorithms).await,
                }
            }
            AuthQuestion::Sign { blob, algorithm, data } => {
                match self.sign(&blob, &algorithm, &data).await {
                    Some(signature) => AuthAnswer::Signature(signature),
                    None => AuthAnswer::CannotSign,
                }
            }
            AuthQuestion::Prompts { name, instruction, prompts } => {
                self.interactive_asked = true;
                let user = self.user_at_host();
                let asked = blocking(move || ask_prompts(&user, &name, &instruction, &prompts));
                match asked.await {
                    Some(responses) => AuthAnswer::Responses(responses),
                    None => {
                        // With nobody to ask, another attempt would only cost the server's
                        // patience.
                        self.disabled.insert("keyboard-interactive".to_owned());
                        AuthAnswer::GiveUp
                    }
                }
            }
            AuthQuestion::ChangePassword { prompt } => {
                let user = self.user_at_host();
                let changed = blocking(move || ask_change(&user, &prompt)).await;
                changed
                    .map_or(AuthAnswer::GiveUp, |(old, new)| AuthAnswer::NewPassword { old, new })
            }
            AuthQuestion::CheckKey { .. }
            | AuthQuestion::CheckPassword { .. }
            | AuthQuestion::StartPrompts { .. }
            | AuthQuestion::CheckResponses { .. }
            | AuthQuestion::CheckNone { .. } => return None,
        })
    }

    /// What goes out together with the service request, before the server has said anything.
    fn first_attempt(&mut self) -> Attempt {
        let publickey_first =
            self.settings.authentications.first().is_some_and(|method| method == "publickey");
        // An RSA key has to wait: which hash the server takes is not known yet.
        // A file that could be read only once, such as a pipe, was tried and could not sign.
        let ready = self.candidates.first().filter(|c| c.holder == Holder::PlainFile && !c.tried);
        let algorithm = ready.and_then(|candidate| match candidate.public.as_ref()? {
            tssh_transport::key::PublicKey::Rsa(_) => None,
            _ => keys::algorithm(candidate, &self.settings.pubkey_accepted_algorithms, None),
        });
        match algorithm {
            Some(algorithm) if publickey_first => self.offer(0, algorithm),
            _ => Attempt::None,
        }
    }

    async fn choose(
        &mut self,
        methods: &str,
        partial_success: bool,
        server_sig_algs: Option<&str>,
    ) -> AuthAnswer {
        if partial_success {
            log::verbose(format_args!(
                "Authenticated using \"{}\" with partial success.",
                self.last_method
            ));
            // Every other key may be asked for now, and the same method may be asked for twice;
            // the key that was right will not be taken a second time.
            for (index, candidate) in self.candidates.iter_mut().enumerate() {
                candidate.tried = self.last_key == Some(index);
            }
            self.disabled.remove(self.last_method);
            (self.password_attempts, self.interactive_attempts) = (0, 0);
        }
        log::debug1(format_args!("Authentications that can continue: {methods}"));
        let listed: Vec<String> = methods.split(',').map(str::to_owned).collect();
        for method in self.settings.authentications.clone() {
            if !listed.contains(&method) || self.disabled.contains(&method) {
                continue;
            }
            if self.last_method != method {
                log::debug1(format_args!("Next authentication method: {method}"));
            }
            let attempt = match method.as_str() {
                "publickey" => self.next_key(server_sig_algs).await,
                "keyboard-interactive" => self.next_interactive(),
                _ => self.next_password().await,
            };
            if let Some(attempt) = attempt {
                return AuthAnswer::Attempt(attempt);
            }
            self.disabled.insert(method);
        }
        log::debug1("No more authentication methods to try.");
        AuthAnswer::GiveUp
    }

    fn next_interactive(&mut self) -> Option<Attempt> {
        // A server that asked nothing has nothing to ask.
        let useless = self.interactive_attempts > 0 && !self.interactive_asked;
        if useless || self.interactive_attempts >= self.settings.number_of_password_prompts {
            return None;
        }
        self.interactive_attempts += 1;
        self.interactive_asked = false;
        self.last_method = "keyboard-interactive";
        Some(Attempt::KeyboardInteractive {
            submethods: self.settings.kbd_interactive_devices.clone(),
        })
    }

    async fn next_password(&mut self) -> Option<Attempt> {
        if self.password_attempts >= self.settings.number_of_password_prompts {
            return None;
        }
        if self.password_attempts > 0 {
            log::error("Permission denied, please try again.");
        }
        self.password_attempts += 1;
        let text = format!("{}'s password: ", self.user_at_host());
        let password = blocking(move || prompt::ask(&text, Echo::Off)).await?;
        self.last_method = "password";
        Some(Attempt::Password(password))
    }

    fn user_at_host(&self) -> String {
        let host = self.settings.host_key_alias.as_ref().unwrap_or(&self.settings.host_name);
        format!("{}@{host}", self.settings.user)
    }
}

async fn list_keys(
    socket: &std::path::Path,
    binding: Option<&SessionBinding>,
) -> Result<(Agent, Vec<AgentKey>), AgentFault> {
    let mut agent = connect_bound(socket, binding).await?;
    let keys = agent.identities().await?;
    Ok((agent, keys))
}

/// A connection to the agent that knows which host it is for, where the agent knows of such a
/// thing at all.
async fn connect_bound(
    socket: &std::path::Path,
    binding: Option<&SessionBinding>,
) -> Result<Agent, AgentFault> {
    let mut agent = Agent::connect(socket).await?;
    if let Some(binding) = binding {
        match agent.bind(binding, false).await {
            Ok(()) => log::debug1("bound agent to hostkey"),
            Err(AgentFault::Answer(fault)) => {
                log::debug2(format_args!("the agent does not take the host key: {fault}"));
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(agent)
}

/// Waits for a human, or for a file that may be a pipe, on a thread of its own; the connection goes
/// on meanwhile, and a signal ends the program.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Option<T> + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok().flatten()
}

/// RFC 4256 section 3.2: each prompt is shown with who asks, so that no server can pass for
/// another.
fn ask_prompts(
    user_at_host: &str,
    name: &str,
    instruction: &str,
    prompts: &[Prompt],
) -> Option<Vec<Zeroizing<String>>> {
    for text in [name, instruction] {
        if !text.is_empty() {
            log::info(text);
        }
    }
    let ask = |prompt: &Prompt| {
        let echo = if prompt.echo { Echo::On } else { Echo::Off };
        prompt::ask(&format!("({user_at_host}) {}", prompt.text), echo)
    };
    prompts.iter().map(ask).collect()
}

type Passwords = (Zeroizing<String>, Zeroizing<String>);

fn ask_change(user_at_host: &str, text: &str) -> Option<Passwords> {
    if !text.is_empty() {
        log::info(text);
    }
    let ask = |what: &str| prompt::ask(what, Echo::Off);
    let old = ask(&format!("Enter {user_at_host}'s old password: "))?;
    for _ in 0..crate::limits::CONFIRM_ROUNDS_MAX {
        let new = ask(&format!("Enter {user_at_host}'s new password: "))?;
        if new == ask(&format!("Retype {user_at_host}'s new password: "))? {
            return Some((old, new));
        }
        log::info("Mismatch; try again, EOF to quit.");
    }
    None
}

#[cfg(test)]
mod tests;
