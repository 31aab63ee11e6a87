//! Text that people write, and that strangers may have written for them.

use super::cursor::{Cursor, any};
use rustix::fs::{MemfdFlags, memfd_create};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tssh::account::Account;
use tssh::config::file::{Origin, Reader};
use tssh::config::tokens;
use tssh::config::{Facts, Options};
use tssh::known_hosts::{Finding, KnownHosts, Line, host_and_port};
use tssh::log::{Level, set_level};
use tssh::server::config::Script;
use tssh::server_auth::authorized_keys::{Offer, find_in};
use tssh::server_auth::expiry::{Zone, parse_time};
use tssh::server_auth::options::KeyOptions;
use tssh::server_auth::passwords::PasswordFile;
use tssh::server_auth::{NOTES_MAX, Notes, Peer, from};
use tssh_forward::core::address::{DynamicForward, LocalForward, RemoteForward};
use tssh_forward::core::display::Display;
use tssh_forward::core::pattern;
use tssh_forward::core::services::Services;
use tssh_transport::key::PublicKey;

/// Nobody, whose home holds no files.
static ACCOUNT: LazyLock<Account> = LazyLock::new(|| {
    // Complaints about lines are for people.
    set_level(Level::Quiet);
    Account {
        name: "nobody".to_owned(),
        uid: 65_534,
        home: PathBuf::from("/nonexistent"),
        shell: PathBuf::from("/bin/false"),
    }
});

static KEY: LazyLock<PublicKey> = LazyLock::new(|| {
    let line = include_str!("../../keys/user_ed25519.pub");
    PublicKey::from_line(line).expect("a key").0
});

/// Whether a configuration would run a program or read other files: those are not for here. Quotes
/// and backslashes could hide the word.
fn reaches_out(data: &[u8]) -> bool {
    let plain = data.iter().filter(|byte| !matches!(byte, b'"' | b'\'' | b'\\'));
    let plain: Vec<u8> = plain.map(u8::to_ascii_lowercase).collect();
    [&b"exec"[..], b"include"].iter().any(|word| plain.windows(word.len()).any(|w| w == *word))
}

/// A file without a name that holds `data`, for readers that take a path.
fn with_file(data: &[u8], read: impl FnOnce(&Path)) {
    let memory = memfd_create("fuzz", MemfdFlags::CLOEXEC).expect("memory");
    let mut file = std::fs::File::from(memory);
    file.write_all(data).expect("memory");
    read(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())));
}

/// Known hosts: what a line says is what it says when it is read again.
pub fn known_hosts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut hosts = KnownHosts::default();
    hosts.add_text(&text, "fuzz");
    let blob = KEY.blob();
    for name in ["host.example", "192.0.2.1", "[host.example]:2222", ""] {
        let revoked = hosts.revokes(name, &blob);
        match hosts.find(name, &blob) {
            Finding::Revoked(entry) => assert!(revoked && entry.line.names.matches(name)),
            Finding::Known(entry) => assert!(!revoked && entry.line.blob == blob),
            Finding::Changed(entry) => assert!(entry.line.blob != blob),
            Finding::Unknown => {}
        }
        let _ = (hosts.authority(name, &blob), hosts.has_authority(name), hosts.key_types(name));
    }
    for line in text.lines() {
        if let Some(line) = Line::parse(line) {
            let _ = (line.names.is_simple(), line.names.matches(&host_and_port(&text, 2222)));
        }
    }
}

/// A client's configuration file.
pub fn ssh_config(data: &[u8]) {
    if reaches_out(data) {
        return;
    }
    let mut options = Options::default();
    let account = &*ACCOUNT;
    with_file(data, |path| {
        let mut reader = Reader::new(&mut options, Facts::new("host.example", account));
        let _ = reader.file(path, Origin::Named).expect("a file");
    });
    if let Some(name) = &options.host_name
        && let Ok(host) = tokens::host_name(name, "host.example", true)
    {
        let bad = |c: char| c.is_ascii_control();
        assert!(!host.contains(bad) || name.contains(bad), "{host:?}");
    }
}

/// A server's configuration file.
pub fn sshd_config(data: &[u8]) {
    if reaches_out(data) {
        return;
    }
    let account = &*ACCOUNT;
    with_file(data, |path| {
        let mut script = Script::new(account);
        if script.file(path).is_ok() {
            let _ = (script.options(None), script.settings(None).is_ok());
        }
    });
}

/// A user's list of keys: no line admits a key that it does not hold.
pub fn authorized_keys(data: &[u8]) {
    let peer = Peer {
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        now: 1_700_000_000,
        connection: tssh::server::peer::Peer::default(),
    };
    let offer = Offer { key: &KEY, certificate: None, user: "nobody" };
    let mut notes = Notes::default();
    let found = find_in(data, "fuzz", offer, peer, &Zone::utc(), &mut notes);
    assert!(notes.lines().len() <= NOTES_MAX);
    let base64 = KEY.to_line();
    let base64 = base64.split(' ').nth(1).expect("type and key");
    let text = String::from_utf8_lossy(data);
    assert!(found.is_none() || text.contains(base64), "a key that is not there");
    if let Ok(options) = KeyOptions::parse(&text, &Zone::utc()) {
        let _ = options.and(&KeyOptions::nothing());
    }
}

/// The words of a command line, one on each line. Nothing is done.
pub fn command_line(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if reaches_out(data) || text.contains('\0') {
        return;
    }
    let words: Vec<&str> = text.lines().collect();
    let _ = tssh::args::parse(&words, &ACCOUNT);
}

/// `-L`, `-R`, `-D`, `DISPLAY` and patterns.
pub fn forwards(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let services = Services::default();
    let variable = |name: &str| (name == "HOME").then(|| "/nonexistent".to_owned());
    let _ = LocalForward::parse(&text, &services, variable);
    let _ = RemoteForward::parse(&text, &services, variable);
    let _ = DynamicForward::parse(&text, &services, variable);
    if let Some(display) = Display::parse(&text) {
        let _ = (display.place.paths(), display.xauth_name());
    }
    let (left, right) = text.split_once('\n').unwrap_or((&text, ""));
    let matches = pattern::matches(left, right);
    assert!(!left.contains(['*', '?']) || left != right || matches, "{left} is {right}");
}

/// Files that a server reads: hashed passwords, a time zone, services; times and addresses in
/// `authorized_keys`.
pub fn server_files(data: &[u8]) {
    let mut orders = Cursor::new(data);
    let kind = orders.byte();
    let rest = orders.rest();
    let text = String::from_utf8_lossy(rest);
    match kind % 5 {
        0 => any(PasswordFile::parse(&text)),
        1 => {
            let zone = Zone::parse(rest).unwrap_or_else(Zone::utc);
            let _ = parse_time("202611290130", &zone);
        }
        2 => any(parse_time(&text, &Zone::utc())),
        3 => any(from::admits(&text, IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)))),
        _ => {
            let services = Services::parse(text.clone().into_owned());
            let _ = (services.port(&text), services.tcp_port("imap"));
        }
    }
}
