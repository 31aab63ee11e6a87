use super::*;
use crate::account::Account;
use crate::config::Options;
use crate::test_support::Dir;
use std::path::PathBuf;
use tssh_transport::entropy::{Entropy, Purpose, SEED_BYTES};
use tssh_transport::key::PrivateKey;

fn key(n: u8) -> PublicKey {
    let mut entropy = Entropy::from_seed(&[n; SEED_BYTES]);
    PrivateKey::generate_ed25519(entropy.stream(Purpose::Upper)).public().clone()
}

struct Home(Dir);

impl Home {
    fn new() -> Self {
        Self(Dir::new())
    }

    fn file(&self) -> PathBuf {
        self.0.0.join(".ssh/known_hosts")
    }

    fn known(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap_or_default()
    }

    fn check(&self, strict: StrictHostKeyChecking, key: &PublicKey) -> Verdict {
        let options = Options {
            strict_host_key_checking: Some(strict),
            batch_mode: Some(true),
            port: Some(2222),
            global_known_hosts_file: Some(vec!["none".into()]),
            ..Options::default()
        };
        let account = Account { home: self.0.0.clone(), ..Account::current() };
        let settings = Settings::resolve(&options, "Host", &account, |_| Vec::new()).unwrap();
        HostKeyCheck::new(Arc::new(settings), "127.0.0.1:2222".parse().unwrap()).check(key)
    }
}

#[test]
fn the_four_ways_of_being_strict() {
    use StrictHostKeyChecking as S;
    let home = Home::new();
    assert_eq!(home.check(S::Yes, &key(1)), Verdict::Refused);
    assert_eq!(home.check(S::Ask, &key(1)), Verdict::Refused, "nobody to ask in batch mode");
    assert!(!home.file().exists());

    assert_eq!(home.check(S::AcceptNew, &key(1)), Verdict::Accepted);
    assert_eq!(home.known(), format!("[host]:2222 {}\n", key(1).to_line()));
    for strict in [S::Yes, S::Ask, S::AcceptNew, S::No] {
        assert_eq!(home.check(strict, &key(1)), Verdict::Accepted);
    }
    for strict in [S::Yes, S::Ask, S::AcceptNew] {
        assert_eq!(home.check(strict, &key(2)), Verdict::Refused);
    }
    assert_eq!(home.check(S::No, &key(2)), Verdict::AcceptedUnsafely);
    assert_eq!(home.known().lines().count(), 1, "a changed key is never learnt");
}

#[test]
fn revoked_keys_and_hosts_known_without_their_port() {
    use StrictHostKeyChecking as S;
    let home = Home::new();
    std::fs::create_dir_all(home.0.0.join(".ssh")).unwrap();
    std::fs::write(home.file(), format!("@revoked * {}\n", key(1).to_line())).unwrap();
    assert_eq!(home.check(S::AcceptNew, &key(1)), Verdict::Refused);
    assert_eq!(home.check(S::No, &key(1)), Verdict::AcceptedUnsafely);
    std::fs::write(home.file(), format!("host {}\n", key(1).to_line())).unwrap();
    assert_eq!(home.check(S::Yes, &key(1)), Verdict::Accepted);
    assert_eq!(home.check(S::Yes, &key(2)), Verdict::Refused);
}

#[test]
fn a_key_revoked_for_the_host_without_its_port_is_revoked() {
    use StrictHostKeyChecking as S;
    let home = Home::new();
    std::fs::create_dir_all(home.0.0.join(".ssh")).unwrap();
    let revoked = format!("@revoked host {}\n", key(1).to_line());
    std::fs::write(home.file(), &revoked).unwrap();
    for strict in [S::Yes, S::Ask, S::AcceptNew] {
        assert_eq!(home.check(strict, &key(1)), Verdict::Refused);
    }
    assert_eq!(home.check(S::No, &key(1)), Verdict::AcceptedUnsafely);
    assert_eq!(home.known(), revoked, "a revoked key is never learnt");
    assert_eq!(home.check(S::AcceptNew, &key(2)), Verdict::Accepted, "another key is new");
}
