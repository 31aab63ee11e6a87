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
        self.check_with(strict, key, |_| {})
    }

    fn check_with(
        &self,
        strict: StrictHostKeyChecking,
        key: &PublicKey,
        edit: impl FnOnce(&mut Options),
    ) -> Verdict {
        let mut options = Options {
            strict_host_key_checking: Some(strict),
            batch_mode: Some(true),
            port: Some(2222),
            global_known_hosts_file: Some(vec!["none".into()]),
            ..Options::default()
        };
        edit(&mut options);
        let account = Account { home: self.0.0.clone(), ..Account::current() };
        let settings = Settings::resolve(&options, "Host", &account, |_| Vec::new()).unwrap();
        let address = "192.0.2.1:2222".parse().unwrap();
        let check = HostKeyCheck::new(Arc::new(settings), Some(address)).unwrap();
        let (known, before) = (check.is_known(key, None), self.known());
        let verdict = check.check(key, None);
        // What is taken for a quick answer neither refuses nor writes.
        assert!(!known || verdict == Verdict::Accepted && self.known() == before);
        verdict
    }
}

#[test]
fn the_four_ways_of_being_strict() {
    use StrictHostKeyChecking as S;
    let home = Home::new();
    assert_eq!(home.check(S::Yes, &key(1)), Verdict::Refused);
    assert_eq!(home.check(S::Ask, &key(1)), Verdict::Refused, "nobody to ask in batch mode");
    assert!(!home.file().exists());

    assert_eq!(home.check(S::AcceptNew, &key(1)), Verdict::Learnt);
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
    assert_eq!(home.check(S::Yes, &key(1)), Verdict::Learnt);
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
    assert_eq!(home.check(S::AcceptNew, &key(2)), Verdict::Learnt, "another key is new");
}

#[test]
fn the_address_is_a_second_name() {
    use StrictHostKeyChecking as S;
    let home = Home::new();
    let check = |strict, n| home.check_with(strict, &key(n), |o| o.check_host_ip = Some(true));
    assert_eq!(check(S::AcceptNew, 1), Verdict::Learnt);
    let both = format!("[host]:2222,[192.0.2.1]:2222 {}\n", key(1).to_line());
    assert_eq!(home.known(), both);
    assert_eq!(check(S::Yes, 1), Verdict::Accepted);

    // Known by name only: the address is learnt.
    std::fs::write(home.file(), format!("[host]:2222 {}\n", key(1).to_line())).unwrap();
    assert_eq!(check(S::Yes, 1), Verdict::Accepted);
    assert!(home.known().contains(&format!("\n[192.0.2.1]:2222 {}\n", key(1).to_line())));

    // Another key is known for the address.
    let line = |name: &str, n| format!("[{name}]:2222 {}\n", key(n).to_line());
    std::fs::write(home.file(), line("host", 1) + &line("192.0.2.1", 2)).unwrap();
    assert_eq!(check(S::Yes, 1), Verdict::Refused);
    assert_eq!(check(S::Ask, 1), Verdict::Refused, "nobody to ask");
    assert_eq!(check(S::No, 1), Verdict::Accepted);
    assert_eq!(home.check(S::Yes, &key(1)), Verdict::Accepted, "without CheckHostIP");
}

#[test]
fn a_command_knows_hosts() {
    use StrictHostKeyChecking as S;
    let home = Home::new();
    let with = |key: &PublicKey, command: String| {
        home.check_with(S::Yes, key, |o| {
            o.known_hosts_command = Some(command);
            o.user_known_hosts_file = Some(vec!["none".into()]);
        })
    };
    assert_eq!(with(&key(1), "/bin/echo %H %t %K".into()), Verdict::Accepted);
    assert_eq!(with(&key(1), "/bin/true".into()), Verdict::Refused);
    let other = format!("/bin/echo %H {}", key(2).to_line());
    assert_eq!(with(&key(1), other), Verdict::Refused);
    let only_when_ordering = "/bin/sh -c 'test %I = ORDER && echo %H %t %K'";
    assert_eq!(with(&key(1), only_when_ordering.into()), Verdict::Refused);
}

#[test]
fn several_files_and_none() {
    use StrictHostKeyChecking as S;
    let home = Home::new();
    let second = home.0.write("second", &format!("[host]:2222 {}\n", key(1).to_line()));
    let first = home.0.0.join("first").display().to_string();
    let files = |files: &[String], n| {
        let files = files.to_vec();
        let edit = |o: &mut Options| o.user_known_hosts_file = Some(files);
        home.check_with(S::AcceptNew, &key(n), edit)
    };
    let both = [first.clone(), second.display().to_string()];
    assert_eq!(files(&both, 1), Verdict::Accepted);
    assert_eq!(files(&both, 2), Verdict::Refused);
    assert_eq!(files(&both[..1], 1), Verdict::Learnt);
    assert!(home.0.0.join("first").exists(), "the first file is the one written to");
    assert_eq!(files(&["none".to_owned()], 1), Verdict::Learnt, "nowhere to keep it");
}
