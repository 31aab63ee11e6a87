//! Requests with a certificate in the key's place.

use super::*;
use crate::key::{is_certificate_type, parse_private_key};

const ALGORITHM: &str = "ecdsa-sha2-nistp256-cert-v01@openssh.com";

fn certificate() -> Certificate {
    Certificate::from_line(include_str!("../../../key/testdata/user-cert.pub")).unwrap()
}

/// The key in the certificate.
fn owner() -> PrivateKey {
    let file = include_bytes!("../../../key/testdata/ecdsa256");
    parse_private_key(file, None).unwrap()
}

fn accepting() -> ServerAuthConfig {
    let mut config = config();
    config
        .signature_algorithms
        .extend([ALGORITHM, "rsa-sha2-512-cert-v01@openssh.com"].map(String::from));
    config
}

fn request(algorithm: &str, blob: &[u8], signer: Option<&PrivateKey>) -> Vec<u8> {
    let signature = signer.map(|signer| {
        let data = Signed {
            session_id: b"session",
            user_name: b"ann",
            service_name: b"ssh-connection",
            algorithm: algorithm.as_bytes(),
            blob,
            host_key: None,
        };
        let own = signer.public().signature_algorithms()[0];
        signer.sign(own, &data.data()).unwrap()
    });
    let signature = signature.as_deref();
    Fields::PublicKey { algorithm: algorithm.as_bytes(), blob, signature }.request("ann").to_vec()
}

#[test]
fn a_certificate_is_asked_about_together_with_its_key() {
    let (mut server, mut out) = ready(accepting());
    let blob = certificate().blob().to_vec();
    let event = server.handle(&request(ALGORITHM, &blob, None), &mut out).unwrap();
    let Some(AuthEvent::Question(AuthQuestion::CheckKey {
        key, certificate: shown, signed, ..
    })) = event
    else {
        panic!("{event:?}")
    };
    assert_eq!(
        (*key, shown, signed),
        (owner().public().clone(), Some(Box::new(certificate())), false)
    );
    server.answer(AuthAnswer::Accept, &mut out).unwrap();
    let expected = UserauthPkOk::new(ALGORITHM.as_bytes(), &blob).payload();
    assert_eq!(out.pop().unwrap(), expected);
    server.handle(&request(ALGORITHM, &blob, Some(&owner())), &mut out).unwrap();
    let event = server.answer(AuthAnswer::Accept, &mut out).unwrap();
    let Some(AuthEvent::Success(proof)) = event else { panic!("{event:?}") };
    assert_eq!(proof.keys(), [blob]);
}

#[test]
fn it_stands_for_the_one_key_in_it() {
    let blob = certificate().blob().to_vec();
    let plain = owner().public().blob();
    assert!(is_certificate_type(certificate().key_type()));
    let cases = [
        // Signed by somebody else, or by the authority.
        ("bad signature", request(ALGORITHM, &blob, Some(&key(1)))),
        ("not a certificate", request(ALGORITHM, &plain, Some(&owner()))),
        ("not a certificate", request(ALGORITHM, b"junk", None)),
        ("not a key", request("ecdsa-sha2-nistp256", &blob, Some(&owner()))),
        (
            "the signature algorithm does not belong to the key",
            request("rsa-sha2-512-cert-v01@openssh.com", &blob, Some(&owner())),
        ),
        (
            "the signature algorithm is not accepted",
            request("ssh-ed25519-cert-v01@openssh.com", &blob, Some(&owner())),
        ),
    ];
    for (reason, payload) in cases {
        let (mut server, _) = ready(accepting());
        assert_eq!(refused(&mut server, &payload), reason);
    }
    // Not even a spoilt certificate whose owner signs.
    let mut spoilt = blob.clone();
    let at = blob.windows(5).position(|w| w == b"alice").unwrap();
    spoilt[at] ^= 1;
    let (mut server, _) = ready(accepting());
    let payload = request(ALGORITHM, &spoilt, Some(&owner()));
    assert_eq!(refused(&mut server, &payload), "not a certificate");
}

#[test]
fn one_key_counts_once_with_and_without_its_certificate() {
    let blob = certificate().blob().to_vec();
    let plain = request("ecdsa-sha2-nistp256", &owner().public().blob(), Some(&owner()));
    let certified = request(ALGORITHM, &blob, Some(&owner()));
    for [first, second] in [[&plain, &certified], [&certified, &plain]] {
        let (mut server, mut out) = ready(accepting());
        server.handle(first, &mut out).unwrap();
        server.answer(partial("publickey"), &mut out).unwrap();
        assert_eq!(refused(&mut server, second), "the key was used before");
    }
}
