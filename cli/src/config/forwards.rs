//! The keywords of port forwarding: `LocalForward`, `RemoteForward`, `DynamicForward` and what
//! goes with them.

use super::keywords::{Complaint, Words, argument};
use super::options::Options;
use super::tokens::Tokens;
use crate::exit::Fatal;
use crate::limits::LIST_ENTRIES_MAX;
use tssh_forward::core::address::{
    BadSpec, DynamicForward, Listen, LocalForward, RemoteForward, Target,
};
use tssh_forward::core::policy::{PermitOpen, StreamLocalBind};
use tssh_forward::driver::ListenOptions;

/// The forwards that a connection sets up, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForwardSettings {
    /// `LocalForward`.
    pub local: Vec<LocalForward>,
    /// `DynamicForward`.
    pub dynamic: Vec<DynamicForward>,
    /// `RemoteForward`.
    pub remote: Vec<RemoteForward>,
    /// `-W`.
    pub stdio: Option<Target>,
    /// `GatewayPorts`, `StreamLocalBindMask` and `StreamLocalBindUnlink`.
    pub how: ListenOptions,
    /// `ExitOnForwardFailure`.
    pub exit_on_failure: bool,
    /// `PermitRemoteOpen`.
    pub permit_remote_open: PermitOpen,
}

impl ForwardSettings {
    /// From what was set; `-W` implies `ClearAllForwardings` and `ExitOnForwardFailure`, unless
    /// they are set.
    #[must_use]
    pub fn of(o: &Options) -> Self {
        let stdio = o.stdio_forward.clone();
        let implied = stdio.is_some();
        let cleared = o.clear_all_forwardings.unwrap_or(implied);
        let bind = StreamLocalBind::default();
        Self {
            local: if cleared { Vec::new() } else { o.local_forward.clone() },
            dynamic: if cleared { Vec::new() } else { o.dynamic_forward.clone() },
            remote: if cleared { Vec::new() } else { o.remote_forward.clone() },
            stdio,
            how: ListenOptions {
                gateway_ports: o.gateway_ports.unwrap_or(false),
                stream_local_bind: StreamLocalBind {
                    mask: o.stream_local_bind_mask.unwrap_or(bind.mask),
                    unlink: o.stream_local_bind_unlink.unwrap_or(bind.unlink),
                },
            },
            exit_on_failure: o.exit_on_forward_failure.unwrap_or(implied),
            permit_remote_open: permitted(o.permit_remote_open.as_deref().unwrap_or_default()),
        }
    }

    /// Fills in the tokens of paths; names of hosts have none, and variables are filled in.
    ///
    /// # Errors
    /// A token that does not exist.
    pub fn with_paths(mut self, tokens: &Tokens<'_>) -> Result<Self, Fatal> {
        let fill = |path: &mut String| -> Result<(), Fatal> {
            *path = tokens.expand_tokens(path).map_err(Fatal::new)?;
            Ok(())
        };
        let listens = self.local.iter_mut().map(|forward| &mut forward.listen);
        let listens = listens.chain(self.dynamic.iter_mut().map(|forward| &mut forward.listen));
        for listen in listens.chain(self.remote.iter_mut().map(|forward| &mut forward.listen)) {
            if let Listen::Unix(path) = listen {
                fill(path)?;
            }
        }
        let targets = self.local.iter_mut().map(|forward| &mut forward.target);
        for target in targets.chain(self.remote.iter_mut().filter_map(|f| f.target.as_mut())) {
            if let Target::Unix(path) = target {
                fill(path)?;
            }
        }
        Ok(self)
    }

    /// Whether anything is forwarded besides standard input and output.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.local.is_empty() && self.dynamic.is_empty() && self.remote.is_empty()
    }
}

fn permitted(words: &[String]) -> PermitOpen {
    match words {
        [] => PermitOpen::Any,
        [word] if word == "any" => PermitOpen::Any,
        [word] if word == "none" => PermitOpen::None,
        words => {
            // They were checked when they were read.
            let permits = words.iter().filter_map(|word| crate::forwards::permit(word));
            PermitOpen::Only(permits.collect())
        }
    }
}

fn bad(fault: &BadSpec) -> Complaint {
    match fault.cause() {
        Some(cause) => format!("{cause}: Bad forwarding specification."),
        None => "Bad forwarding specification.".to_owned(),
    }
}

/// Keeps a forward once.
pub fn keep<T: PartialEq>(list: &mut Vec<T>, forward: T) {
    if list.len() < LIST_ENTRIES_MAX && !list.contains(&forward) {
        list.push(forward);
    }
}

/// `LocalForward`, in two words or in the one of the older ssh2.
pub fn local(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    let listen = argument(words)?;
    let spec = match words.pop_front() {
        Some(target) => format!("{listen}:{target}"),
        // The book's one-argument form; ssh refuses it, the older ssh2 ignored it in silence.
        None if listen.matches(':').count() >= 2 && !o.strict_openssh => listen,
        None => return Err("Missing target argument.".to_owned()),
    };
    let forward = crate::forwards::local(&spec).map_err(|fault| bad(&fault))?;
    if active {
        keep(&mut o.local_forward, forward);
    }
    Ok(())
}

/// `RemoteForward`, in two words, in the one of the older ssh2, or without a target: SOCKS.
pub fn remote(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    let listen = argument(words)?;
    // Whether it must have a target; nothing where it may.
    let (spec, fixed) = match words.pop_front() {
        // What `-G` prints for a SOCKS proxy; ssh does not read its own word.
        Some(target) if target == "[socks]:0" => (listen, None),
        Some(target) => (format!("{listen}:{target}"), Some(true)),
        None => (listen, o.strict_openssh.then_some(false)),
    };
    let forward = crate::forwards::remote(&spec).map_err(|fault| bad(&fault))?;
    // `port host` looks like a bind address and a port.
    if fixed.is_some_and(|fixed| fixed != forward.target.is_some()) {
        return Err("Bad forwarding specification.".to_owned());
    }
    if active {
        keep(&mut o.remote_forward, forward);
    }
    Ok(())
}

/// `DynamicForward`.
pub fn dynamic(o: &mut Options, words: &mut Words, active: bool) -> Result<(), Complaint> {
    let listen = argument(words)?;
    let forward = crate::forwards::dynamic(&listen).map_err(|fault| bad(&fault))?;
    if active {
        keep(&mut o.dynamic_forward, forward);
    }
    Ok(())
}

/// `PermitRemoteOpen`: `any`, `none`, or targets.
pub fn permit_remote_open(
    o: &mut Options,
    words: &mut Words,
    active: bool,
) -> Result<(), Complaint> {
    let all: Vec<String> = words.drain(..).collect();
    for word in &all {
        let whole = all.len() == 1 && (word == "any" || word == "none");
        if !whole && crate::forwards::permit(word).is_none() {
            return Err("bad port number in permitremoteopen".to_owned());
        }
    }
    if all.is_empty() {
        return Err("Missing argument.".to_owned());
    }
    if active {
        o.permit_remote_open.get_or_insert(all);
    }
    Ok(())
}

/// `StreamLocalBindMask`, in octal.
pub fn stream_local_bind_mask(
    o: &mut Options,
    words: &mut Words,
    active: bool,
) -> Result<(), Complaint> {
    let word = argument(words)?;
    let mask = u32::from_str_radix(&word, 8).ok().filter(|mask| *mask <= 0o777);
    let mask = mask.ok_or_else(|| "Bad mask.".to_owned())?;
    if active {
        o.stream_local_bind_mask.get_or_insert(mask);
    }
    Ok(())
}
