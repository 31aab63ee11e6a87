use super::*;
use crate::account::Account;
use crate::config::Options;
use crate::test_support::Dir;
use std::sync::Arc;
use tssh_transport::entropy::{Entropy, Purpose, SEED_BYTES};
use tssh_transport::key::PrivateKey;

fn key(n: u8) -> PublicKey {
    let mut entropy = Entropy::from_seed(&[n; SEED_BYTES]);
    PrivateKey::generate_ed25519(entropy.stream(Purpose::Upper)).public().clone()
}

fn line(names: &str, n: u8) -> String {
    format!("{names} {}\n", key(n).to_line())
}

fn list(keys: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    keys.iter().for_each(|n| Writer::new(&mut out).string(&key(*n).blob()));
    out
}

/// The plan for a file and a list of the server's, and how it was carried out.
fn update(text: &str, keys: &[u8]) -> (Plan, String) {
    let dir = Dir::new();
    let file = dir.write("known", text);
    let options = Options {
        user_known_hosts_file: Some(vec![file.display().to_string()]),
        global_known_hosts_file: Some(vec!["none".into()]),
        update_host_keys: Some(UpdateHostKeys::Yes),
        ..Options::default()
    };
    let settings = Settings::resolve(&options, "h", &Account::current(), |_| Vec::new()).unwrap();
    let settings = Arc::new(settings);
    let check = HostKeyCheck::new(Arc::clone(&settings), None).unwrap();
    let plan = check.plan_update(&list(keys));
    if let Plan::Write(update) | Plan::Prove(update) = &plan {
        update.apply(&settings);
    }
    (plan, std::fs::read_to_string(file).unwrap())
}

#[test]
fn new_keys_are_added_and_old_ones_go() {
    let (plan, text) = update(&line("h", 1), &[1]);
    assert!(matches!(plan, Plan::Nothing) && text == line("h", 1));
    let before = ["# note\n", &line("h", 1), &line("other", 9), &line("h", 2)].concat();
    let (plan, text) = update(&before, &[1, 3]);
    let Plan::Prove(update_) = plan else { panic!("{plan:?}") };
    assert_eq!(update_.request(), list(&[3]), "only new keys are proved");
    assert_eq!(text, ["# note\n", &line("h", 1), &line("other", 9), &line("h", 3)].concat());
    let (plan, text) = update(&before, &[1]);
    assert!(matches!(plan, Plan::Write(_)));
    assert_eq!(text, ["# note\n", &line("h", 1), &line("other", 9)].concat());
}

#[test]
fn what_somebody_wrote_by_hand_is_left_alone() {
    for before in [
        line("h*", 1),
        line("h,a,b", 1),
        line("h,!x", 1),
        line("@cert-authority h", 1),
        line("@revoked *", 7) + &line("h", 1),
        // A key is another host's too: one that is to stay, one that is to go.
        line("h", 1) + &line("other", 1),
        line("h", 2) + &line("h", 1) + &line("other", 2),
    ] {
        let (plan, text) = update(&before, &[1, 3]);
        assert!(matches!(plan, Plan::Nothing), "{before}");
        assert_eq!(text, before);
    }
    let (plan, _) = update(&line("h,192.0.2.1", 1), &[1, 3]);
    assert!(matches!(plan, Plan::Prove(_)), "name and address are what ssh itself writes");
}

#[test]
fn a_list_that_is_wrong_changes_nothing() {
    let before = line("h", 1) + &line("h", 2);
    for bad in [&[1, 3, 3][..], &[], &[9; HOST_KEYS_MAX + 1][..]] {
        let (plan, text) = update(&before, bad);
        assert!(matches!(plan, Plan::Nothing) && text == before, "{bad:?}");
    }
    let settings = Settings::resolve(&Options::default(), "h", &Account::current(), |_| Vec::new());
    assert!(keys_of(b"\0\0\0\x09cut", &settings.unwrap()).is_err());
}
