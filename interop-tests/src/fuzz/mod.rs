//! Fuzz targets: each takes any bytes, hands them to a part of tssh that a stranger can reach, and
//! panics where that part breaks a rule.
//!
//! They are plain functions, so that two things can run them: libFuzzer (the workspace
//! `interop-tests/fuzz`, see its README) searches for inputs, and the test `fuzz_corpus` gives each
//! target every input that was kept, and small changes of them, with an ordinary build.
//!
//! | module | targets |
//! | --- | --- |
//! | [`packets`] | identification, the packet decoder in each mode, decompression |
//! | [`messages`] | KEXINIT and every message of transport, authentication and connection |
//! | [`keys`] | public and private keys, certificates, revocation lists, signatures |
//! | [`texts`] | configuration, known hosts, authorized keys, command lines, forwards |
//! | [`frames`] | agent, control socket, SOCKS, X11 |
//! | [`traces`] | recordings, JSON lines, captures |
//! | [`sessions`] | a client and a server at the mercy of a peer with valid keys |

pub mod cover;
pub mod cursor;
pub mod frames;
pub mod keys;
pub mod messages;
pub mod mutate;
pub mod packets;
pub mod seeds;
pub mod sessions;
pub mod texts;
pub mod traces;

use crate::source::root;
use std::fs;
use std::path::PathBuf;

/// Something to be fuzzed.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: that of the binary and of the folder of its corpus.
    pub name: &'static str,
    /// Takes an input; panics where a rule is broken.
    pub run: fn(&[u8]),
    /// Longest input that is worth trying.
    pub longest: usize,
}

const fn target(name: &'static str, longest: usize, run: fn(&[u8])) -> Target {
    Target { name, run, longest }
}

/// Every target.
pub const TARGETS: &[Target] = &[
    target("identification", 16_384, packets::identification),
    target("packet_chacha20_poly1305", 4096, packets::chacha20_poly1305),
    target("packet_aes_gcm", 4096, packets::aes_gcm),
    target("packet_aes_ctr_etm", 4096, packets::aes_ctr_etm),
    target("packet_aes_ctr_mac", 4096, packets::aes_ctr_mac),
    target("packet_clear", 4096, packets::clear),
    target("inflate", 4096, packets::inflate),
    target("kexinit", 4096, messages::kexinit),
    target("messages_transport", 2048, messages::transport),
    target("messages_userauth", 2048, messages::userauth),
    target("messages_connection", 2048, messages::connection),
    target("public_key", 4096, keys::public_key),
    target("signature", 2048, keys::signature),
    target("private_key", 8192, keys::private_key),
    target("certificate", 4096, keys::certificate),
    target("revocation_list", 4096, keys::revocation_list),
    target("known_hosts", 4096, texts::known_hosts),
    target("ssh_config", 2048, texts::ssh_config),
    target("sshd_config", 2048, texts::sshd_config),
    target("authorized_keys", 4096, texts::authorized_keys),
    target("command_line", 1024, texts::command_line),
    target("forwards", 512, texts::forwards),
    target("server_files", 4096, texts::server_files),
    target("agent_frame", 2048, frames::agent),
    target("mux_frame", 2048, frames::mux),
    target("socks", 1024, frames::socks),
    target("x11_setup", 512, frames::x11),
    target("escapes", 512, frames::escapes),
    target("trace_json", 4096, traces::json),
    target("recording", 65_536, traces::recording),
    target("capture", 16_384, traces::capture),
    target("client_session", 2048, sessions::client),
    target("server_session", 2048, sessions::server),
];

/// The target of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Runs the target of that name on one input.
///
/// # Panics
/// Where there is no such target, or a rule is broken.
pub fn run(name: &str, data: &[u8]) {
    let target = find(name).expect("a target of that name");
    (target.run)(data);
}

impl Target {
    /// Where its kept inputs are.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        root().join("interop-tests/fuzz/corpus").join(self.name)
    }

    /// The inputs that were kept, by name.
    #[must_use]
    pub fn corpus(&self) -> Vec<(String, Vec<u8>)> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(self.folder()).into_iter().flatten().flatten() {
            if let Ok(bytes) = fs::read(entry.path()) {
                kept.push((entry.file_name().to_string_lossy().into_owned(), bytes));
            }
        }
        kept.sort();
        kept
    }
}
