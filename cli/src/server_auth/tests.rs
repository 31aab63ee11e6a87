use super::authorized_keys::{KeyPolicy, Offer, find_in};
use super::expiry::Zone;
use super::strict::{Owner, Strictness, read};
use super::*;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use tssh_transport::entropy::{Entropy, Purpose};
use tssh_transport::key::{PrivateKey, PublicKey};
use zeroize::Zeroizing;

const PEER: Peer = Peer {
    address: IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7)),
    now: 1_700_000_000,
    connection: crate::server::peer::Peer { remote: None, local: None },
};

fn key(seed: u8) -> PublicKey {
    let mut entropy = Entropy::from_seed(&[seed; 64]);
    PrivateKey::generate_ed25519(entropy.stream(Purpose::Ephemeral)).public().clone()
}

fn plain(key: &PublicKey) -> Offer<'_> {
    Offer { key, certificate: None, user: "ann" }
}

/// A home directory of its own for one test, removed at its end.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tssh-auth-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("ssh")).unwrap();
        let home = Self(path);
        home.chmod("", 0o755);
        home.chmod("ssh", 0o700);
        home
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        self.chmod(name, mode);
        path
    }

    fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.0.join(name), Permissions::from_mode(mode)).unwrap();
    }

    fn uid(&self) -> u32 {
        fs::metadata(&self.0).unwrap().uid()
    }

    fn policy(&self, files: Vec<PathBuf>) -> KeyPolicy {
        let (uid, home) = (self.uid(), self.0.clone());
        KeyPolicy { files, command: None, strict_modes: true, uid, home, zone: Zone::utc() }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a file of this text says to key 1, and what goes into the log.
fn look(text: &str) -> (Option<KeyOptions>, Vec<String>) {
    let (key, mut notes) = (key(1), Notes::default());
    let found = find_in(text.as_bytes(), "f", plain(&key), PEER, &Zone::utc(), &mut notes);
    (found, notes.lines().to_vec())
}

#[test]
fn a_line_admits_its_key_with_its_options() {
    let (mine, other) = (key(1).to_line(), key(2).to_line());
    for text in [
        mine.clone(),
        format!("{mine} comment with blanks\r\n"),
        format!("# comment\n\n\t {mine}"),
        format!("{other}\nnot a key at all\nssh-ed25519 AAAA\n{mine}\n"),
        format!("sk-ssh-ed25519@openssh.com AAAA me\n{mine}"),
    ] {
        let (found, notes) = look(&text);
        assert_eq!(found, Some(KeyOptions::default()), "{text}");
        assert!(notes.len() == 1 && notes[0].contains("SHA256:"), "{notes:?}");
    }
    let quoted = format!("command=\"echo \\\"a b\\\" # c\",no-pty\t{mine} me");
    let options = look(&quoted).0.unwrap();
    assert_eq!(options.command.as_deref(), Some("echo \"a b\" # c"));
    assert!(!options.pty);
    for text in [String::new(), other.clone(), format!("#{mine}"), format!("no-pty {other}")] {
        assert_eq!(look(&text), (None, Vec::new()), "{text}");
    }
}

#[test]
fn a_line_with_an_option_that_is_unknown_admits_nobody_and_says_so() {
    let mine = key(1).to_line();
    let (found, notes) = look(&format!("frobnicate {mine}"));
    assert_eq!((found, notes), (None, vec!["f:1: bad key options: unknown key option".to_owned()]));
    let (found, notes) = look(&format!("pty, {mine}\nno-pty {mine}"));
    assert!(!found.unwrap().pty, "the next line is looked at");
    assert_eq!(notes[0], "f:1: bad key options: unexpected end-of-options");
    let (found, notes) = look(&format!("frobnicate {}", key(2).to_line()));
    assert_eq!((found, notes.len()), (None, 0), "other keys' lines are not judged");
}

#[test]
fn place_and_time_are_enforced() {
    let mine = key(1).to_line();
    let admitted = |options: &str| look(&format!("{options} {mine}")).0.is_some();
    assert!(admitted("from=\"10.0.0.*\"") && admitted("from=\"192.168.0.0/16,10.0.0.0/24\""));
    assert!(!admitted("from=\"10.0.1.*\"") && !admitted("from=\"10.0.0.7/24\""));
    assert!(!admitted("from=\"*,!10.0.0.7\""));
    assert!(admitted("expiry-time=\"20300101\"") && !admitted("expiry-time=\"20200101\""));
    assert!(!admitted("expiry-time=\"20300101\",expiry-time=\"20200101\""), "the earlier counts");
    assert!(admitted("expiry-time=\"20231114221320Z\""), "the last second");
    assert!(!admitted("expiry-time=\"20231114221319Z\""));
    assert!(!admitted("cert-authority"), "signs certificates, is not admitted itself");
    let (_, notes) = look(&format!("from=\"\x1b[2J\" {mine}"));
    assert!(notes[0].contains("required=\\033[2J"), "{notes:?}");
}

#[test]
fn a_file_full_of_bad_lines_does_not_fill_the_log() {
    let text = format!("nonsense {}\n", key(1).to_line()).repeat(1000);
    let (found, notes) = look(&text);
    assert_eq!((found, notes.len()), (None, NOTES_MAX));
    assert_eq!(notes.last().unwrap(), "further lines left out");
}

#[test]
fn files_that_others_can_write_are_refused() {
    let home = Home::new("strict");
    let file = home.write("ssh/authorized_keys", &key(1).to_line(), 0o600);
    let mut notes = Notes::default();
    let mut found = |policy: &KeyPolicy| policy.find(plain(&key(1)), PEER, &mut notes).is_some();
    let policy = home.policy(vec![home.0.join("ssh/missing"), file.clone()]);
    assert!(found(&policy));
    for (name, good, bad) in [
        ("ssh/authorized_keys", 0o644, 0o664),
        ("ssh/authorized_keys", 0o600, 0o602),
        ("ssh", 0o755, 0o777),
        ("", 0o750, 0o770),
    ] {
        home.chmod(name, good);
        assert!(found(&policy), "{name} {good:o}");
        home.chmod(name, bad);
        assert!(!found(&policy), "{name} {bad:o}");
        assert!(found(&KeyPolicy { strict_modes: false, ..policy.clone() }));
        home.chmod(name, good);
    }
    let stranger = KeyPolicy { uid: home.uid() + 1, ..policy.clone() };
    assert_eq!(found(&stranger), home.uid() == 0, "only the user's own and root's");
    let lines = notes.lines();
    let refused = "Authentication refused: bad ownership or modes for";
    let named = |what: &str| lines.iter().any(|l| l.starts_with(&format!("{refused} {what} ")));
    assert!(named("file") && named("directory"), "{lines:?}");
}

#[test]
fn only_regular_files_of_a_bounded_size_are_read() {
    let home = Home::new("regular");
    let owner = Owner { uid: home.uid(), home: &home.0 };
    let file = home.write("ssh/file", "12345", 0o600);
    let get = |path: &Path, max| read(path, max, Strictness::OwnerWrites, owner);
    assert_eq!(get(&file, 5).unwrap(), b"12345");
    assert!(get(&file, 4).unwrap_err().ends_with("is longer than 4 bytes"));
    assert!(get(&home.0.join("ssh"), 9).unwrap_err().ends_with("is not a regular file"));
    assert!(get(&home.0.join("none"), 9).unwrap_err().starts_with("Could not open"));
    let pipe = home.0.join("ssh/pipe");
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(get(&pipe, 9).unwrap_err().ends_with("is not a regular file"), "and does not wait");
    // The directories that count are those where the file really is.
    fs::create_dir(home.0.join("open")).unwrap();
    let target = home.write("open/file", "x", 0o600);
    home.chmod("open", 0o777);
    symlink(&target, home.0.join("ssh/link")).unwrap();
    let error = get(&home.0.join("ssh/link"), 9).unwrap_err();
    assert!(error.contains("for directory") && error.ends_with("/open"), "{error}");
}

#[test]
fn a_password_file_that_others_can_read_is_refused() {
    let home = Home::new("secret");
    let owner = Owner { uid: home.uid(), home: &home.0 };
    let file = home.write("ssh/passwords", "ann:x\n", 0o644);
    assert!(PasswordFile::load(&file, owner).unwrap_err().contains("bad ownership or modes"));
    home.chmod("ssh/passwords", 0o600);
    let error = PasswordFile::load(&file, owner).unwrap_err();
    assert!(error.ends_with("passwords line 1: not a hash of the form $argon2id$v=19$..."));
    home.write("ssh/passwords", "", 0o400);
    assert!(PasswordFile::load(&file, owner).is_ok());
    home.chmod("ssh", 0o777);
    assert!(PasswordFile::load(&file, owner).is_err());
    home.chmod("ssh", 0o1777);
    let of_root = home.uid() == 0;
    assert_eq!(PasswordFile::load(&file, owner).is_ok(), of_root, "as /tmp is, if root's own");
}

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

fn check_key(user: &str, key: PublicKey) -> AuthQuestion {
    let (blob, algorithm) = (key.blob(), key.key_type().to_owned());
    let (user, completed) = (user.to_owned(), Vec::new());
    let (key, certificate) = (Box::new(key), None);
    AuthQuestion::CheckKey { user, algorithm, key, certificate, blob, signed: true, completed }
}

fn check_password(user: &str, password: &str, change: bool) -> AuthQuestion {
    AuthQuestion::CheckPassword {
        user: user.to_owned(),
        password: secret(password),
        new_password: change.then(|| secret("new")),
        completed: Vec::new(),
    }
}

#[test]
fn one_user_gets_in_with_her_key_or_password_and_nobody_else() {
    let home = Home::new("policy");
    let file = home.write("ssh/authorized_keys", &format!("no-pty {}", key(1).to_line()), 0o600);
    let (user, keys) = ("ann".to_owned(), home.policy(vec![file]));
    let certificates = CertificatePolicy {
        user: user.clone(),
        authorities: None,
        principals: None,
        algorithms: Vec::new(),
        strictness: Strictness::Any,
        uid: home.uid(),
        home: home.0.clone(),
        zone: Zone::utc(),
    };
    let mut policy = ServerAuthPolicy { user, keys, certificates, passwords: None };
    let ok = |policy: &ServerAuthPolicy, question| {
        matches!(policy.decide(question, PEER).answer, AuthAnswer::Accept)
    };
    let prompts = || {
        let (user, submethods) = ("eve".to_owned(), String::new());
        AuthQuestion::StartPrompts { user, submethods }
    };
    assert_eq!(policy.methods(), "publickey");
    assert!(matches!(policy.decide(prompts(), PEER).answer, AuthAnswer::Reject));
    assert!(!ok(&policy, check_password("ann", "one", false)));
    assert!(ok(&policy, check_key("ann", key(1))) && !ok(&policy, check_key("ann", key(2))));
    let decision = policy.decide(check_key("eve", key(1)), PEER);
    assert!(matches!(decision.answer, AuthAnswer::Reject) && decision.grant.is_none());
    assert!(!ok(&policy, AuthQuestion::CheckNone { user: "ann".to_owned() }));

    let hash = passwords::hash_password("one", [7; 16]).unwrap();
    let passwords = PasswordFile::parse(&format!("ann:{hash}\neve:{hash}")).unwrap();
    policy.passwords = Some(Arc::new(passwords));
    assert_eq!(policy.methods(), "publickey,password,keyboard-interactive");
    assert!(ok(&policy, check_password("ann", "one", false)));
    assert!(!ok(&policy, check_password("ann", "one", true)), "a change is not offered");
    assert!(!ok(&policy, check_password("ann", "two", false)));
    assert!(!ok(&policy, check_password("eve", "one", false)), "listed, but not the user");
    let AuthAnswer::Prompts { prompts, .. } = policy.decide(prompts(), PEER).answer else {
        panic!("the same prompt for every name")
    };
    assert_eq!(prompts, [Prompt { text: "Password: ".to_owned(), echo: false }]);
    let responses = |responses: &[&str]| AuthQuestion::CheckResponses {
        user: "ann".to_owned(),
        responses: responses.iter().map(|text| secret(text)).collect(),
        completed: Vec::new(),
    };
    assert!(ok(&policy, responses(&["one"])) && !ok(&policy, responses(&["two"])));
    assert!(!ok(&policy, responses(&["one", "one"])) && !ok(&policy, responses(&[])));
}

#[test]
fn grants_follow_the_keys_of_the_proof() {
    let options = |text: &str| KeyOptions::parse(text, &Zone::utc()).unwrap();
    let mut grants = Grants::default();
    let blobs: Vec<Vec<u8>> = (1..4).map(|seed| key(seed).blob()).collect();
    grants.note((blobs[0].clone(), options("pty")));
    grants.note((blobs[1].clone(), options("no-pty,command=\"x\"")));
    assert!(grants.options_for(&blobs[..1]).unwrap().pty);
    let both = grants.options_for(&blobs[..2]).unwrap();
    assert!(!both.pty && both.command.as_deref() == Some("x"));
    assert_eq!(grants.options_for(&[]), Some(KeyOptions::default()));
    assert_eq!(grants.options_for(&blobs), None, "a key that was never accepted");
    grants.note((blobs[1].clone(), options("no-x11-forwarding")));
    let latest = grants.options_for(&blobs[1..2]).unwrap();
    assert!(latest.pty && latest.command.is_none() && !latest.x11_forwarding);
}
