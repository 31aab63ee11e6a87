use super::*;
use crate::account::Account;
use crate::config::Options;
use crate::config::algorithms::KEY_ALGORITHMS;
use crate::config::options::IdentityFile;
use crate::test_support::Dir;
use tssh_transport::key::PublicKey;

/// Keys made by the real ssh-keygen, each in a file named for its kind.
struct Keys(Dir);

impl Keys {
    fn make(keys: &[(&str, &str, &str)]) -> Option<Self> {
        let dir = Dir::new();
        for (file, kind, passphrase) in keys {
            dir.key(file, kind, passphrase)?;
        }
        Some(Self(dir))
    }

    fn public(&self, file: &str) -> PublicKey {
        let text = std::fs::read_to_string(self.0.0.join(format!("{file}.pub"))).unwrap();
        PublicKey::from_line(&text).unwrap().0
    }

    /// A login with these files, where nobody can be asked anything.
    fn login(&self, files: &[&str]) -> Login {
        let identity_file = files
            .iter()
            .map(|file| IdentityFile {
                path: self.0.0.join(file).display().to_string(),
                user_provided: true,
            })
            .collect();
        let options = Options {
            identity_file,
            batch_mode: Some(true),
            identity_agent: Some("none".into()),
            ..Options::default()
        };
        let names = |_| KEY_ALGORITHMS.iter().map(|&name| name.to_owned()).collect();
        let settings = Settings::resolve(&options, "h", &Account::current(), names).unwrap();
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().unwrap();
        let authenticator = runtime.block_on(Authenticator::prepare(&settings, None));
        Login { runtime, authenticator }
    }
}

struct Login {
    runtime: tokio::runtime::Runtime,
    authenticator: Authenticator,
}

impl Login {
    fn ask(&mut self, question: AuthQuestion) -> AuthAnswer {
        self.runtime.block_on(self.authenticator.answer(question)).unwrap()
    }

    /// The next step, in words: blob and algorithm of a key, or what else.
    fn next(&mut self, methods: Option<&str>, partial: bool, algs: Option<&str>) -> Step {
        let question = AuthQuestion::ChooseMethod {
            methods: methods.map(str::to_owned),
            partial_success: partial,
            server_sig_algs: algs.map(str::to_owned),
        };
        match self.ask(question) {
            AuthAnswer::Attempt(Attempt::None) => Step::None,
            AuthAnswer::Attempt(Attempt::PublicKey { blob, algorithm, probe }) => {
                Step::Key { blob, algorithm, probe }
            }
            AuthAnswer::GiveUp => Step::GiveUp,
            other => panic!("{other:?}"),
        }
    }

    fn sign(&mut self, key: &PublicKey, algorithm: &str) -> bool {
        let question = AuthQuestion::Sign {
            blob: key.blob(),
            algorithm: algorithm.to_owned(),
            data: b"data".to_vec(),
        };
        match self.ask(question) {
            AuthAnswer::Signature(signature) => {
                key.verify(algorithm, b"data", &signature).unwrap();
                true
            }
            AuthAnswer::CannotSign => false,
            other => panic!("{other:?}"),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    None,
    Key { blob: Vec<u8>, algorithm: String, probe: bool },
    GiveUp,
}

fn key(public: &PublicKey, algorithm: &str, probe: bool) -> Step {
    Step::Key { blob: public.blob(), algorithm: algorithm.to_owned(), probe }
}

const ALL: Option<&str> = Some("publickey,password,keyboard-interactive");
const RSA_512: &str = "rsa-sha2-512";

#[test]
fn a_plain_key_goes_out_signed_before_the_server_has_spoken() {
    let keys = [("ed", "ed25519", ""), ("rsa", "rsa", ""), ("locked", "ecdsa", "secret")];
    let Some(keys) = Keys::make(&keys) else { return };
    let (ed, rsa, locked) = (keys.public("ed"), keys.public("rsa"), keys.public("locked"));

    let mut login = keys.login(&["ed", "rsa", "locked"]);
    assert_eq!(login.next(None, false, None), key(&ed, "ssh-ed25519", false));
    assert!(login.sign(&ed, "ssh-ed25519"));
    let sig_algs = Some("ssh-ed25519,rsa-sha2-256");
    assert_eq!(login.next(ALL, false, sig_algs), key(&rsa, "rsa-sha2-256", false));
    assert!(login.sign(&rsa, "rsa-sha2-256"));
    let nistp256 = "ecdsa-sha2-nistp256";
    assert_eq!(login.next(ALL, false, sig_algs), key(&locked, nistp256, true), "asked first");
    assert!(!login.sign(&locked, nistp256), "in batch mode nobody tells the passphrase");
    assert_eq!(login.next(ALL, false, sig_algs), Step::GiveUp);

    // An RSA key waits for the server's list; a key that needs a human waits for its word.
    for first in ["rsa", "locked"] {
        assert_eq!(keys.login(&[first, "ed"]).next(None, false, None), Step::None, "{first}");
    }
    let mut login = keys.login(&["rsa"]);
    assert_eq!(login.next(ALL, false, None), key(&rsa, RSA_512, false));
    let mut login = keys.login(&["rsa"]);
    assert_eq!(login.next(ALL, false, Some("ssh-rsa")), Step::GiveUp, "no hash in common");
    assert_eq!(keys.login(&["missing"]).next(None, false, None), Step::None);
}

#[test]
fn a_key_that_is_gone_when_it_should_sign_is_tried_once() {
    let Some(keys) = Keys::make(&[("ed", "ed25519", "")]) else { return };
    let ed = keys.public("ed");
    let mut login = keys.login(&["ed"]);
    std::fs::write(keys.0.0.join("ed"), "").unwrap();
    assert_eq!(login.next(None, false, None), key(&ed, "ssh-ed25519", false));
    assert!(!login.sign(&ed, "ssh-ed25519"));
    assert_eq!(login.next(None, false, None), Step::None);
    assert_eq!(login.next(ALL, false, None), Step::GiveUp);
}

#[test]
fn only_what_the_server_names_is_tried() {
    let Some(keys) = Keys::make(&[("ed", "ed25519", "")]) else { return };
    let mut login = keys.login(&["ed"]);
    assert_eq!(login.next(Some("password"), false, None), Step::GiveUp);
    assert_eq!(login.next(ALL, false, None), key(&keys.public("ed"), "ssh-ed25519", false));
}

#[test]
fn after_partial_success_the_other_keys_have_their_turn_again() {
    let keys = [("a", "ed25519", ""), ("b", "ed25519", "")];
    let Some(keys) = Keys::make(&keys) else { return };
    let (a, b) = (keys.public("a"), keys.public("b"));
    let mut login = keys.login(&["a", "b"]);
    let ed = "ssh-ed25519";
    assert_eq!(login.next(None, false, None), key(&a, ed, false));
    assert_eq!(login.next(ALL, false, None), key(&b, ed, false));
    assert_eq!(login.next(Some("publickey"), true, None), key(&a, ed, false));
    assert_eq!(login.next(Some("publickey"), false, None), Step::GiveUp);
}

#[test]
fn keys_without_a_private_half_are_not_offered() {
    let Some(keys) = Keys::make(&[("ed", "ed25519", "")]) else { return };
    let mut login = keys.login(&["ed.pub"]);
    assert_eq!(login.next(ALL, false, None), Step::GiveUp);
    assert!(!login.sign(&keys.public("ed"), "ssh-ed25519"));
}
