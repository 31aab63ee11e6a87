use super::super::authorized_keys::{Offer, find_in};
use super::*;
use crate::test_support::Dir;
use tssh_transport::entropy::{Entropy, Purpose};
use tssh_transport::key::PrivateKey;
use tssh_transport::wire::Writer;

const NOW: i64 = 1_700_000_000;
const PEER: Peer = Peer {
    address: IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7)),
    now: NOW,
    connection: crate::server::peer::Peer { remote: None, local: None },
};

fn key(seed: u8) -> PrivateKey {
    let mut entropy = Entropy::from_seed(&[seed; 64]);
    PrivateKey::generate_ed25519(entropy.stream(Purpose::Ephemeral))
}

/// What a certificate of key 1, signed by key 2, says.
#[derive(Clone)]
struct Spec {
    kind: u32,
    principals: &'static [&'static str],
    valid: (u64, u64),
    critical: &'static [(&'static str, &'static [u8])],
    extensions: &'static [(&'static str, &'static [u8])],
}

const GOOD: Spec = Spec {
    kind: 1,
    principals: &["bob", "ann"],
    valid: (1_600_000_000, 1_800_000_000),
    critical: &[],
    extensions: &[("permit-port-forwarding", b""), ("permit-pty", b"")],
};

fn nested(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Writer::new(&mut out));
    out
}

fn certificate(spec: &Spec) -> Certificate {
    let options = |list: &[(&str, &[u8])]| {
        nested(|w| {
            for (name, value) in list {
                w.string(name.as_bytes());
                w.string(value);
            }
        })
    };
    let (own, authority) = (key(1).public().blob(), key(2));
    let mut blob = nested(|w| {
        w.string(b"ssh-ed25519-cert-v01@openssh.com");
        w.string(b"nonce");
        // Behind the name of the key's type.
        w.string(&own[own.len() - 32..]);
        w.uint64(7);
        w.uint32(spec.kind);
        w.string(b"id");
        w.string(&nested(|w| spec.principals.iter().for_each(|p| w.string(p.as_bytes()))));
        w.uint64(spec.valid.0);
        w.uint64(spec.valid.1);
        w.string(&options(spec.critical));
        w.string(&options(spec.extensions));
        w.string(b"");
        w.string(&authority.public().blob());
    });
    let signature = authority.sign("ssh-ed25519", &blob).unwrap();
    Writer::new(&mut blob).string(&signature);
    Certificate::from_blob(&blob).unwrap()
}

/// What the line "OPTIONS KEY", with key 2, says to the certificate; or why it says nothing.
fn line(options: &str, spec: &Spec) -> Result<KeyOptions, String> {
    let (own, certificate) = (key(1), certificate(spec));
    let offer = Offer { key: own.public(), certificate: Some(&certificate), user: "ann" };
    let text = format!("{options} {}", key(2).public().to_line());
    let mut notes = Notes::default();
    let found = find_in(text.as_bytes(), "f", offer, PEER, &Zone::utc(), &mut notes);
    found.ok_or_else(|| notes.lines().join("|"))
}

fn policy(dir: &Dir, principals: Option<&str>) -> CertificatePolicy {
    let authorities = format!("# ours\n{}\n", key(2).public().to_line());
    CertificatePolicy {
        user: "ann".to_owned(),
        authorities: Some(dir.write("authorities", &authorities)),
        principals: principals.map(|text| dir.write("principals", text)),
        algorithms: vec!["ssh-ed25519".to_owned()],
        strictness: Strictness::Any,
        uid: 0,
        home: dir.0.clone(),
        zone: Zone::utc(),
    }
}

/// What a trusted authority's certificate permits, or why it permits nothing.
fn trusted(policy: &CertificatePolicy, spec: &Spec) -> Result<KeyOptions, String> {
    let mut notes = Notes::default();
    policy.find(&certificate(spec), PEER, &mut notes).ok_or_else(|| notes.lines().join("|"))
}

#[test]
fn an_authority_that_is_trusted_vouches_for_the_names_it_wrote() {
    let dir = Dir::new();
    let policy = policy(&dir, None);
    let options = trusted(&policy, &GOOD).unwrap();
    assert!(options.pty && options.port_forwarding);
    assert!(!options.agent_forwarding && !options.x11_forwarding && !options.user_rc);
    for (spec, reason) in [
        (Spec { kind: 2, ..GOOD }, "Certificate invalid: not a user certificate"),
        (Spec { valid: (1_700_000_001, u64::MAX), ..GOOD }, "Certificate invalid: not yet valid"),
        (Spec { valid: (0, 1_700_000_000), ..GOOD }, "Certificate invalid: expired"),
        (Spec { principals: &[], ..GOOD }, "Certificate lacks principal list"),
        (
            Spec { principals: &["Ann", "an", "ann "], ..GOOD },
            "Certificate invalid: name is not a listed principal",
        ),
        // A comma is part of a name here: it does not make two of one.
        (
            Spec { principals: &["ann,bob", "bob,ann", "*", ""], ..GOOD },
            "Certificate invalid: name is not a listed principal",
        ),
        (Spec { extensions: &[("permit-pty", b"x")], ..GOOD }, "Invalid certificate options"),
        (
            Spec { critical: &[("unheard-of", b"")], ..GOOD },
            "Certificate critical option \"unheard-of\" is not supported",
        ),
    ] {
        assert_eq!(trusted(&policy, &spec), Err(reason.to_owned()));
    }
    let nobodys = CertificatePolicy { authorities: None, ..policy.clone() };
    assert_eq!(trusted(&nobodys, &GOOD), Err(String::new()));
    let elsewhere = dir.write("others", &format!("{}\n", key(3).public().to_line()));
    let others = CertificatePolicy { authorities: Some(elsewhere), ..policy.clone() };
    assert_eq!(trusted(&others, &GOOD), Err(String::new()));
    let missing = CertificatePolicy { authorities: Some(dir.0.join("none")), ..policy };
    assert!(trusted(&missing, &GOOD).unwrap_err().starts_with("Could not open"));
}

#[test]
fn a_file_of_principals_stands_for_the_users_name() {
    let dir = Dir::new();
    let check = |text: &str, spec: &Spec| trusted(&policy(&dir, Some(text)), spec);
    assert!(check("# names\n\nbob # the other one\n", &GOOD).is_ok());
    assert!(check("bob", &Spec { principals: &["bob"], ..GOOD }).is_ok());
    assert_eq!(check("ann", &Spec { principals: &["bob"], ..GOOD }).unwrap_err(), NOT_AUTHORIZED);
    assert_eq!(check("", &GOOD).unwrap_err(), NOT_AUTHORIZED);
    let options = check("no-pty,command=\"x\" bob", &GOOD).unwrap();
    assert!(!options.pty && options.port_forwarding && options.command.as_deref() == Some("x"));
    let wrong = check("nonsense bob", &GOOD).unwrap_err();
    assert!(wrong.contains("bad principals options: unknown key option"), "{wrong}");
    let away = check("from=\"192.0.2.1\" bob", &GOOD).unwrap_err();
    assert!(away.ends_with("Refused by certificate principals options"), "{away}");
    assert!(check("cert-authority bob", &GOOD).is_err());
}

#[test]
fn conditions_of_a_certificate_are_met_or_it_admits_nobody() {
    let forced: &[(&str, &[u8])] = &[("force-command", b"\0\0\0\x01x")];
    let options = line("cert-authority", &Spec { critical: forced, ..GOOD }).unwrap();
    assert_eq!(options.command.as_deref(), Some("x"));
    for (value, admitted) in [
        (&b"\0\0\0\x0810.0.0.7"[..], true),
        (b"\0\0\0\x0a10.0.0.0/8", true),
        (b"\0\0\0\x11::1,10.0.0.0/255,", false),
        (b"\0\0\0\x0510.*.", false),
        (b"\0\0\0\x0810.0.0.8", false),
        (b"\0\0\0\x0810.0.0.7x", false),
        (b"\0\0\0\x0910.0.0.7", false),
        (b"", false),
    ] {
        let critical: &'static [(&str, &[u8])] = Box::leak(Box::new([("source-address", value)]));
        let spec = Spec { critical, ..GOOD };
        assert_eq!(line("cert-authority", &spec).is_ok(), admitted, "{value:?}");
    }
    // It is the token that would know its owner, and this is no token's key.
    let verified: &[(&str, &[u8])] = &[("verify-required", b"")];
    assert!(line("cert-authority", &Spec { critical: verified, ..GOOD }).is_ok());
}

#[test]
fn a_line_with_an_authority_admits_its_certificates() {
    let both = line("cert-authority,no-pty", &GOOD).unwrap();
    assert!(!both.pty && both.port_forwarding && !both.agent_forwarding);
    assert!(line("cert-authority,principals=\"eve,bob\"", &GOOD).is_ok());
    // A certificate for everybody.
    assert!(line("cert-authority", &Spec { principals: &[], ..GOOD }).is_ok());
    let forced: &[(&str, &[u8])] = &[("force-command", b"\0\0\0\x01x")];
    let forced = Spec { critical: forced, ..GOOD };
    assert!(line("cert-authority,command=\"x\"", &forced).is_ok());
    for (options, spec, reason) in [
        ("pty", &GOOD, ""),
        ("cert-authority,principals=\"ann2,Bob\"", &GOOD, NOT_AUTHORIZED),
        ("cert-authority,principals=\"bob\"", &Spec { principals: &[], ..GOOD }, NOT_AUTHORIZED),
        (
            "cert-authority",
            &Spec { principals: &["bob"], ..GOOD },
            "name is not a listed principal",
        ),
        ("cert-authority,command=\"y\"", &forced, "forced command options do not match"),
        ("cert-authority,expiry-time=\"20200101\"", &GOOD, "key expired"),
        ("cert-authority,from=\"192.0.2.1\"", &GOOD, "not from a permitted host"),
        ("cert-authority,principals=\"bob\",principals=\"ann\"", &GOOD, "bad key options"),
    ] {
        let said = line(options, spec).unwrap_err();
        assert!(said.contains(reason), "{options}: {said}");
    }
}

#[test]
fn algorithms_of_authorities_are_bounded() {
    let dir = Dir::new();
    let mut policy = policy(&dir, None);
    let mut notes = Notes::default();
    assert!(policy.accepts_algorithm(&certificate(&GOOD), &mut notes));
    policy.algorithms = vec!["rsa-sha2-512".to_owned()];
    assert!(!policy.accepts_algorithm(&certificate(&GOOD), &mut notes));
    assert_eq!(notes.lines().len(), 1);
}
