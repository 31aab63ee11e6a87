//! Lists of algorithm names: which are known, which are built, and the edits `+`, `-` and `^`.

use super::pattern;
use tssh_transport::key::is_certificate_algorithm;

/// Which list a name belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Key exchange methods.
    Kex,
    /// Host key and user key signature algorithms.
    Key,
    /// Ciphers.
    Cipher,
    /// Message authentication codes.
    Mac,
}

/// Names that OpenSSH 9 and 10 know and tssh does not have: a configuration that lists them
/// beside others is a good one, so they are skipped rather than refused.
const ELSEWHERE: &[(Kind, &[&str])] = &[
    (
        Kind::Kex,
        &[
            "diffie-hellman-group1-sha1",
            "diffie-hellman-group14-sha1",
            "diffie-hellman-group-exchange-sha1",
            "mlkem768nistp256-sha256",
        ],
    ),
    (
        Kind::Key,
        &[
            "ssh-dss",
            "ssh-rsa",
            "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
            "ssh-rsa-cert-v01@openssh.com",
            "ssh-dss-cert-v01@openssh.com",
            "ssh-mldsa44-ed25519@openssh.com",
        ],
    ),
    (Kind::Cipher, &["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc"]),
    (
        Kind::Mac,
        &[
            "hmac-sha1-96",
            "hmac-md5",
            "hmac-md5-96",
            "umac-64@openssh.com",
            "umac-128@openssh.com",
            "hmac-sha1-96-etm@openssh.com",
            "hmac-md5-etm@openssh.com",
            "hmac-md5-96-etm@openssh.com",
            "umac-64-etm@openssh.com",
            "umac-128-etm@openssh.com",
        ],
    ),
];

/// What tssh has, from the tables of the transport crate.
#[must_use]
pub fn built(kind: Kind) -> Vec<&'static str> {
    match kind {
        Kind::Kex => tssh_transport::kex::method::METHODS.iter().map(|m| m.name).collect(),
        Kind::Cipher => tssh_transport::cipher::CIPHERS.iter().map(|c| c.name).collect(),
        Kind::Mac => tssh_transport::cipher::MACS.iter().map(|m| m.name).collect(),
        Kind::Key => KEY_ALGORITHMS.to_vec(),
    }
}

/// Signature algorithms of keys and certificates, in OpenSSH's order of preference.
pub const KEY_ALGORITHMS: &[&str] = &[
    "ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
];

/// All of them.
#[must_use]
pub fn all_key_algorithms() -> Vec<String> {
    KEY_ALGORITHMS.iter().map(|&name| name.to_owned()).collect()
}

/// Those of bare keys: what a server accepts, and an authority signs with.
#[must_use]
pub fn plain_key_algorithms() -> Vec<String> {
    let plain = KEY_ALGORITHMS.iter().filter(|name| !is_certificate_algorithm(name));
    plain.map(|&name| name.to_owned()).collect()
}

fn elsewhere(kind: Kind) -> impl Iterator<Item = &'static str> {
    ELSEWHERE.iter().filter(move |(k, _)| *k == kind).flat_map(|(_, names)| names.iter().copied())
}

/// Whether a list is one that ssh accepts: every name known (key types may be patterns), none
/// missing, and something left that is built.
#[must_use]
pub fn valid(kind: Kind, list: &str) -> bool {
    let (edit, names) = split(list);
    // What is taken away needs not be known: it is a list of patterns.
    if edit == Some('-') {
        return !names.is_empty();
    }
    let known = |name: &str| {
        let mut all = built(kind).into_iter().chain(elsewhere(kind));
        // Only key types may be patterns, as in OpenSSH.
        all.any(|known| known == name || (kind == Kind::Key && pattern::matches(known, name)))
    };
    !names.is_empty()
        && names.split(',').all(known)
        && (edit.is_some() || !assemble(kind, list, &[]).is_empty())
}

fn split(list: &str) -> (Option<char>, &str) {
    match list.chars().next() {
        Some(edit @ ('+' | '-' | '^')) => (Some(edit), list.get(1..).unwrap_or_default()),
        _ => (None, list),
    }
}

/// The list to offer: `list` taken as it is, or as an edit of `default` (`+` appends, `-` takes
/// away, `^` puts in front). Names that are not built are left out, and each stands once.
#[must_use]
pub fn assemble(kind: Kind, list: &str, default: &[String]) -> Vec<String> {
    let (edit, names) = split(list);
    let named = expand(kind, names);
    let default = || default.iter().cloned();
    let all: Vec<String> = match edit {
        None => named,
        Some('+') => default().chain(named).collect(),
        Some('^') => named.into_iter().chain(default()).collect(),
        Some(_) => default()
            .filter(|name| pattern::list(name, names.split(',')) == pattern::Verdict::No)
            .collect(),
    };
    let mut once = Vec::new();
    for name in all {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once
}

/// The built names that a list means, patterns expanded.
fn expand(kind: Kind, names: &str) -> Vec<String> {
    let built = built(kind);
    let matching = |wanted: &str| {
        let built = built.clone();
        let wanted = wanted.to_owned();
        built.into_iter().filter(move |name| pattern::matches(name, &wanted))
    };
    names.split(',').flat_map(matching).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|&n| n.to_owned()).collect()
    }

    #[test]
    fn edits() {
        let default = list(&["aes128-gcm@openssh.com", "aes128-ctr", "aes256-ctr"]);
        let edit = |text| assemble(Kind::Cipher, text, &default);
        assert_eq!(edit("aes256-ctr,3des-cbc"), list(&["aes256-ctr"]));
        assert_eq!(
            edit("^aes256-ctr"),
            list(&["aes256-ctr", "aes128-gcm@openssh.com", "aes128-ctr"])
        );
        assert_eq!(edit("-aes128*"), list(&["aes256-ctr"]));
        assert_eq!(edit("+aes192-ctr,aes128-ctr").last().unwrap(), "aes192-ctr");
    }

    #[test]
    fn no_built_name_is_listed_as_missing() {
        for kind in [Kind::Kex, Kind::Key, Kind::Cipher, Kind::Mac] {
            assert!(elsewhere(kind).all(|name| !built(kind).contains(&name)), "{kind:?}");
        }
    }

    #[test]
    fn unknown_names_are_refused_and_unbuilt_ones_skipped() {
        assert!(valid(Kind::Cipher, "aes128-ctr,3des-cbc"));
        assert!(!valid(Kind::Cipher, "3des-cbc"), "nothing would be left");
        assert!(
            !valid(Kind::Cipher, "foo") && !valid(Kind::Cipher, "") && !valid(Kind::Mac, "+foo")
        );
        assert!(valid(Kind::Key, "ssh-ed25519*,rsa-sha2-512") && !valid(Kind::Key, "dog*"));
        assert!(valid(Kind::Mac, "^umac-64@openssh.com") && valid(Kind::Kex, "-anything*"));
    }
}
