//! `specs/hostile.toml`, which says what shows that each known attack fails, names tests that
//! exist; and what no test of behaviour can show about some of them.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use tssh_interop_tests::source::{self, Source};

/// One kind of attack.
#[derive(Debug, Default)]
struct Attack {
    id: String,
    what: String,
    names: Vec<String>,
    tests: Vec<String>,
}

/// Reads the file: tables with a string and two lists, one entry on a line.
fn attacks() -> Vec<Attack> {
    let path = source::root().join("interop-tests/specs/hostile.toml");
    let text = std::fs::read_to_string(path).expect("the list of attacks");
    let mut all: Vec<Attack> = Vec::new();
    let mut in_tests = false;
    for line in text.lines().map(str::trim) {
        if let Some(id) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            all.push(Attack { id: id.to_owned(), ..Attack::default() });
            continue;
        }
        let Some(attack) = all.last_mut() else { continue };
        let entry = line.strip_prefix('"').and_then(|rest| rest.strip_suffix("\","));
        match (line, entry) {
            ("names = [" | "tests = [", _) => in_tests = line.starts_with('t'),
            (_, Some(entry)) if in_tests => attack.tests.push(entry.to_owned()),
            (_, Some(entry)) => attack.names.push(entry.to_owned()),
            ("]" | "", _) => {}
            _ => {
                let what = line.strip_prefix("what = \"").and_then(|rest| rest.strip_suffix('"'));
                what.unwrap_or_else(|| panic!("{line:?}")).clone_into(&mut attack.what);
            }
        }
    }
    all
}

/// Whether a file has a test function of this name.
fn has_test(source: &Source, name: &str) -> bool {
    let head = format!("fn {name}(");
    let Some(at) = source.code.find(&head) else { return false };
    let before = source.code[..at].trim_end();
    let attributes = before.rsplit("\n\n").next().unwrap_or_default();
    ["#[test]", "#[tokio::test"].iter().any(|attribute| attributes.contains(attribute))
}

#[test]
fn every_attack_has_tests_that_exist() {
    let (attacks, sources) = (attacks(), source::all());
    let mut faults = Vec::new();
    let mut ids = BTreeSet::new();
    let mut tests = BTreeSet::new();
    for attack in &attacks {
        if !ids.insert(&attack.id) || attack.what.is_empty() || attack.names.is_empty() {
            faults.push(format!("{}: twice there, or without a word or a name", attack.id));
        }
        if attack.tests.is_empty() {
            faults.push(format!("{}: no test shows that it fails", attack.id));
        }
        for test in &attack.tests {
            tests.insert(test);
            let (path, name) = test.split_once(": ").unwrap_or((test, ""));
            let source = sources.iter().find(|source| source.path == path);
            if !source.is_some_and(|source| has_test(source, name)) {
                faults.push(format!("{}: no test {test}", attack.id));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let names = attacks.iter().flat_map(|attack| &attack.names);
    let is_advisory =
        |name: &&String| ["CVE-", "GHSA-", "RUSTSEC-"].iter().any(|p| name.starts_with(p));
    let advisories = names.filter(is_advisory).count();
    println!("{} attacks, {advisories} advisories, {} tests", attacks.len(), tests.len());
    assert!(attacks.len() >= 55 && advisories >= 38, "the list was not understood");
}

fn outside_tests() -> Vec<(String, String)> {
    let sources = source::all();
    let tests: BTreeSet<String> =
        source::test_only(&sources).iter().map(|source| source.path.clone()).collect();
    let products = sources.iter().filter(|source| !tests.contains(&source.path));
    products.map(|source| (source.path.clone(), source.code_outside_tests())).collect()
}

/// A tag, a cookie, a password or the hash of a name is compared by `subtle`, in the files that
/// have one to compare; none compares bytes of that name in any other way.
#[test]
fn secrets_are_compared_in_constant_time() {
    let with_secrets = [
        "transport/src/cipher/mac.rs",
        "transport/src/cipher/chacha20_poly1305_openssh.rs",
        "transport/src/key/key_file_cipher.rs",
        "transport/src/key/ppk.rs",
        "forward/src/core/x11.rs",
        "cli/src/server_auth/passwords.rs",
        "cli/src/known_hosts/line.rs",
    ];
    let sources = outside_tests();
    for path in with_secrets {
        let code = sources.iter().find(|(other, _)| other == path).map(|(_, code)| code);
        assert!(code.is_some_and(|code| code.contains(".ct_eq(")), "{path}: no ct_eq");
    }
    let names = ["cookie", "password", "passphrase", "mac", "tag"];
    let mut offences = Vec::new();
    for (path, code) in sources.iter().filter(|(path, _)| with_secrets.contains(&&path[..])) {
        for (number, line) in code.lines().enumerate() {
            // `.len()` and the like behind a name make another value of it.
            let compares = |name: &&str| {
                ["==", "!="].iter().any(|sign| {
                    line.contains(&format!(" {name} {sign} "))
                        || line.contains(&format!("{sign} {name} "))
                        || line.contains(&format!("{sign} &{name} "))
                })
            };
            if names.iter().any(compares) {
                offences.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

/// RUSTSEC-2023-0071: what can be timed is decryption.
#[test]
fn rsa_keys_sign_and_verify_and_nothing_else() {
    let sources = outside_tests();
    let (_, code) = sources.iter().find(|(path, _)| path.ends_with("/key/rsa.rs")).expect("RSA");
    assert!(code.contains("RsaPrivateKey"));
    assert!(!code.contains("crypt("), "an RSA key decrypts");
    // The names of what decrypts; other ciphers have theirs elsewhere.
    for (path, code) in &sources {
        for word in ["Pkcs1v15Encrypt", "Oaep", "rsa_decrypt"] {
            assert!(!code.contains(word), "{path}: {word}");
        }
    }
}

/// CVE-2024-6387: signals are read from tokio's pipe; no code of ours runs where it interrupts.
#[test]
fn nothing_of_ours_runs_in_a_signal_handler() {
    for (path, code) in outside_tests() {
        for word in ["sigaction", "libc::signal", "signal_hook", "SigHandler"] {
            assert!(!code.contains(word), "{path}: {word}");
        }
    }
}
