//! PKCS#8 private keys (RFC 5958), plain and encrypted with PBES2 (RFC 8018).

use super::ecdsa::{Curve, EcdsaSecret};
use super::ed25519::Ed25519Secret;
use super::rsa::RsaSecret;
use super::{KeyFault, KeyFileFault, Secret};
use crate::limits::{PBKDF2_ROUNDS_MAX, SCRYPT_BYTES_MAX, SCRYPT_PARALLEL_MAX};
use alloc::boxed::Box;
use alloc::vec::Vec;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Decode as _, ErrorKind};
use pkcs8::pkcs5::pbes2::{Kdf, ScryptParams};
use pkcs8::{EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef};
use zeroize::Zeroizing;

/// rsaEncryption, RFC 8017 appendix A.1.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// id-ecPublicKey, RFC 5480 section 2.1.1.
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// id-Ed25519, RFC 8410 section 3.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Triple DES, PBES1, and PBKDF2 with SHA-1: what OpenSSL wrote before version 1.1.
const UNSUPPORTED_ENCRYPTION: KeyFileFault =
    KeyFileFault::Unsupported("encryption of the PKCS#8 file");

/// The key of a "PRIVATE KEY" file.
pub(super) fn read(der: &[u8]) -> Result<Secret, KeyFileFault> {
    let info = PrivateKeyInfoRef::try_from(der)
        .map_err(|_| KeyFileFault::Malformed("PKCS#8 private key"))?;
    let key = info.private_key.as_bytes();
    Ok(match info.algorithm.oid {
        RSA => Secret::Rsa(Box::new(RsaSecret::from_pkcs1(key)?)),
        EC => {
            let oid = info.algorithm.parameters_oid();
            let oid = oid.map_err(|_| KeyFileFault::Malformed("PKCS#8 curve"))?;
            let curve = Curve::of_oid(oid).ok_or(KeyFileFault::Unsupported("curve"))?;
            Secret::Ecdsa(EcdsaSecret::from_sec1(key, Some(curve))?)
        }
        ED25519 => Secret::Ed25519(read_ed25519(key)?),
        _ => return Err(KeyFileFault::Unsupported("key type")),
    })
}

/// CurvePrivateKey of RFC 8410 section 7: the seed in an octet string of its own.
fn read_ed25519(key: &[u8]) -> Result<Ed25519Secret, KeyFault> {
    let fault = KeyFault::Malformed("ed25519 private key");
    let seed = <&OctetStringRef>::from_der(key).map_err(|_| fault)?;
    Ok(Ed25519Secret::from_seed(seed.as_bytes().try_into().map_err(|_| fault)?))
}

/// The key of an "ENCRYPTED PRIVATE KEY" file.
pub(super) fn read_encrypted(der: &[u8], passphrase: &[u8]) -> Result<Secret, KeyFileFault> {
    let info = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|error| match error {
        pkcs8::Error::Asn1(error) if matches!(error.kind(), ErrorKind::OidUnknown { .. }) => {
            UNSUPPORTED_ENCRYPTION
        }
        _ => KeyFileFault::Malformed("PKCS#8 encrypted private key"),
    })?;
    let scheme = info.encryption_algorithm.pbes2().ok_or(UNSUPPORTED_ENCRYPTION)?;
    accept_cost(&scheme.kdf)?;
    let mut data: Zeroizing<Vec<u8>> = Zeroizing::new(info.encrypted_data.as_bytes().to_vec());
    let plain = scheme.decrypt_in_place(passphrase, &mut data).map_err(|error| match error {
        pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. } => UNSUPPORTED_ENCRYPTION,
        _ => KeyFileFault::WrongPassphrase,
    })?;
    // Nothing but the structure tells a wrong passphrase whose padding happens to look right.
    read(plain).map_err(|fault| match fault {
        KeyFileFault::Malformed(_) => KeyFileFault::WrongPassphrase,
        other => other,
    })
}

/// Refuses a file that would keep us busy for long.
fn accept_cost(kdf: &Kdf) -> Result<(), KeyFileFault> {
    let affordable = match kdf {
        Kdf::Pbkdf2(params) => params.iteration_count <= PBKDF2_ROUNDS_MAX,
        Kdf::Scrypt(params) => {
            scrypt_bytes(params) <= SCRYPT_BYTES_MAX
                && params.parallelization <= SCRYPT_PARALLEL_MAX
        }
        _ => false,
    };
    if affordable { Ok(()) } else { Err(KeyFileFault::Unsupported("cost of the key derivation")) }
}

/// Memory that scrypt takes: 128 N r (RFC 7914 section 2).
fn scrypt_bytes(params: &ScryptParams) -> u64 {
    params.cost_parameter.saturating_mul(u64::from(params.block_size)).saturating_mul(128)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pkcs8::pkcs5::pbes2::Pbkdf2Params;

    #[test]
    fn rounds_are_bounded() {
        let cost =
            |rounds| accept_cost(&Kdf::Pbkdf2(Pbkdf2Params::hmac_sha256(rounds, b"salt").unwrap()));
        assert_eq!(cost(PBKDF2_ROUNDS_MAX), Ok(()));
        assert!(cost(PBKDF2_ROUNDS_MAX + 1).is_err());
    }
}
