//! `-Q`: which algorithms there are, from the tables that the connection itself uses.

use crate::config::algorithms::{Kind, built};
use crate::exit::{Fatal, Result};
use tssh_transport::algorithms::COMPRESSION_ON;
use tssh_transport::cipher::CIPHERS;

/// One list.
struct Query {
    /// Its name, as `-Q help` lists it.
    name: &'static str,
    /// Keywords of the configuration that stand for it too, in any case.
    keywords: &'static [&'static str],
    answer: fn() -> Vec<String>,
}

/// In the order of `ssh -Q help`.
static QUERIES: &[Query] = &[
    Query { name: "cipher", keywords: &["Ciphers"], answer: || names(Kind::Cipher) },
    Query { name: "cipher-auth", keywords: &[], answer: authenticated_ciphers },
    Query { name: "compression", keywords: &[], answer: compressions },
    Query { name: "kex", keywords: &["KexAlgorithms"], answer: || names(Kind::Kex) },
    Query { name: "key", keywords: &[], answer: || key_types(names(Kind::Key)) },
    Query { name: "key-cert", keywords: &[], answer: || key_types(certificates(true)) },
    Query { name: "key-plain", keywords: &[], answer: || key_types(certificates(false)) },
    Query {
        name: "key-sig",
        keywords: &[
            "CASignatureAlgorithms",
            "HostKeyAlgorithms",
            "PubkeyAcceptedKeyTypes",
            "PubkeyAcceptedAlgorithms",
            "HostbasedKeyTypes",
            "HostbasedAcceptedKeyTypes",
            "HostbasedAcceptedAlgorithms",
        ],
        answer: || names(Kind::Key),
    },
    Query { name: "mac", keywords: &["MACs"], answer: || names(Kind::Mac) },
    Query { name: "protocol-version", keywords: &[], answer: || vec!["2".to_owned()] },
    Query { name: "sig", keywords: &[], answer: || certificates(false) },
];

/// The answer to one query, a name on each line.
///
/// # Errors
/// A query that there is not.
pub fn answer(query: &str) -> Result<String> {
    if query == "help" {
        return Ok(lines(QUERIES.iter().map(|q| q.name.to_owned()).collect()));
    }
    let found = QUERIES.iter().find(|q| {
        q.name == query || q.keywords.iter().any(|keyword| keyword.eq_ignore_ascii_case(query))
    });
    let found = found.ok_or_else(|| Fatal::usage(format!("Unsupported query \"{query}\"")))?;
    Ok(lines((found.answer)()))
}

/// The names of all queries, `help` included.
pub fn all() -> impl Iterator<Item = &'static str> {
    QUERIES.iter().map(|q| q.name).chain(["help"])
}

fn lines(names: Vec<String>) -> String {
    names.iter().map(|name| format!("{name}\n")).collect()
}

fn names(kind: Kind) -> Vec<String> {
    built(kind).into_iter().map(str::to_owned).collect()
}

/// Ciphers that need no MAC beside them.
fn authenticated_ciphers() -> Vec<String> {
    CIPHERS.iter().filter(|cipher| cipher.aead).map(|cipher| cipher.name.to_owned()).collect()
}

fn compressions() -> Vec<String> {
    let on = COMPRESSION_ON.iter().filter(|name| **name != "none");
    std::iter::once(&"none").chain(on).map(|&name| name.to_owned()).collect()
}

fn certificates(wanted: bool) -> Vec<String> {
    let mut all = names(Kind::Key);
    all.retain(|name| name.contains("-cert-v01@") == wanted);
    all
}

/// The types of key behind signature algorithms: one for all hashes that RSA signs with.
fn key_types(algorithms: Vec<String>) -> Vec<String> {
    let mut types = Vec::new();
    for name in algorithms {
        let name = match name.strip_prefix("rsa-sha2-") {
            Some(rest) if rest.contains("-cert-") => "ssh-rsa-cert-v01@openssh.com".to_owned(),
            Some(_) => "ssh-rsa".to_owned(),
            None => name,
        };
        if !types.contains(&name) {
            types.push(name);
        }
    }
    types
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_has_an_answer_and_every_keyword_leads_to_one() {
        for query in QUERIES {
            let text = answer(query.name).unwrap();
            assert!(query.name == "key-cert" || !text.is_empty(), "{}", query.name);
            for keyword in query.keywords {
                assert_eq!(answer(&keyword.to_uppercase()).unwrap(), text, "{keyword}");
            }
        }
        assert_eq!(answer("help").unwrap().lines().count(), QUERIES.len());
        assert_eq!(answer("foo").unwrap_err().message, "Unsupported query \"foo\"");
        assert!(answer("CIPHER").is_err(), "only keywords are known in any case");
    }

    #[test]
    fn types_stand_once() {
        let types = answer("key-plain").unwrap();
        assert!(types.lines().any(|l| l == "ssh-ed25519") && types.lines().any(|l| l == "ssh-rsa"));
        assert!(!types.contains("rsa-sha2"));
        assert_eq!(answer("compression").unwrap().lines().next(), Some("none"));
    }
}
