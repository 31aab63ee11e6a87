//! Certificates: a key, what may be done with it, and the signature of an authority over both
//! (OpenSSH's PROTOCOL.certkeys). The names of their types and algorithms end in
//! `-cert-v01@openssh.com`.

use super::ecdsa::{Curve, EcdsaPublic};
use super::ed25519::{self, Ed25519Public};
use super::rsa::{self, RsaPublic};
use super::signature::Signature;
use super::sk::{self, SkPublic};
use super::{KeyFault, PublicKey, base64, ecdsa, split_word};
use crate::limits::{CERTIFICATE_OPTIONS_MAX, CERTIFICATE_PRINCIPALS_MAX};
use crate::wire::Reader;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

/// A signature algorithm by which a certificate's key is used.
struct Row {
    /// As it is negotiated and requested.
    algorithm: &'static str,
    /// Type in the blob.
    certificate_type: &'static str,
    /// Type of the key inside.
    key_type: &'static str,
    /// Name inside the signatures.
    signature: &'static str,
}

const fn row(
    algorithm: &'static str,
    certificate_type: &'static str,
    key_type: &'static str,
    signature: &'static str,
) -> Row {
    Row { algorithm, certificate_type, key_type, signature }
}

const RSA_TYPE: &str = "ssh-rsa-cert-v01@openssh.com";

macro_rules! same {
    ($name:literal, $key:expr) => {
        row($name, $name, $key, $key)
    };
}

const TABLE: &[Row] = &[
    same!("ssh-ed25519-cert-v01@openssh.com", ed25519::NAME),
    same!("ecdsa-sha2-nistp256-cert-v01@openssh.com", ecdsa::NISTP256),
    same!("ecdsa-sha2-nistp384-cert-v01@openssh.com", ecdsa::NISTP384),
    same!("ecdsa-sha2-nistp521-cert-v01@openssh.com", ecdsa::NISTP521),
    same!("sk-ssh-ed25519-cert-v01@openssh.com", sk::ED25519),
    same!("sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", sk::NISTP256),
    row("rsa-sha2-512-cert-v01@openssh.com", RSA_TYPE, rsa::NAME, rsa::SHA2_512),
    row("rsa-sha2-256-cert-v01@openssh.com", RSA_TYPE, rsa::NAME, rsa::SHA2_256),
];

/// Whether an algorithm name is one of certificates.
#[must_use]
pub fn is_certificate_algorithm(algorithm: &str) -> bool {
    TABLE.iter().any(|row| row.algorithm == algorithm)
}

/// The name inside the signatures that an algorithm makes: its own, but for certificates.
#[must_use]
pub fn signature_name(algorithm: &str) -> &str {
    TABLE.iter().find(|row| row.algorithm == algorithm).map_or(algorithm, |row| row.signature)
}

/// Whether a key type is one of certificates.
#[must_use]
pub fn is_certificate_type(key_type: &str) -> bool {
    TABLE.iter().any(|row| row.certificate_type == key_type)
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateKind {
    /// Logging in.
    User,
    /// Being a host.
    Host,
}

/// Why a certificate does not hold; the texts are OpenSSH's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateFault {
    /// A user's where a host's is wanted, or the other way round.
    WrongKind(CertificateKind),
    /// It begins later.
    NotYetValid,
    /// It has ended.
    Expired,
    /// It names nobody.
    NoPrincipals,
    /// It names others.
    NotAPrincipal,
    /// It is bound to a condition that nobody here can check.
    CriticalOption,
}

impl core::fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::WrongKind(CertificateKind::User) => "Certificate invalid: not a user certificate",
            Self::WrongKind(CertificateKind::Host) => "Certificate invalid: not a host certificate",
            Self::NotYetValid => "Certificate invalid: not yet valid",
            Self::Expired => "Certificate invalid: expired",
            Self::NoPrincipals => "Certificate lacks principal list",
            Self::NotAPrincipal => "Certificate invalid: name is not a listed principal",
            Self::CriticalOption => "Certificate contains unsupported critical options(s)",
        })
    }
}

impl core::error::Error for CertificateFault {}

/// A certificate whose authority has signed it; whether the authority is one to be trusted is for
/// others to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    blob: Vec<u8>,
    key_type: &'static str,
    key: PublicKey,
    serial: u64,
    kind: CertificateKind,
    key_id: String,
    principals: Vec<String>,
    valid_after: u64,
    valid_before: u64,
    critical_options: Vec<(String, Vec<u8>)>,
    extensions: Vec<(String, Vec<u8>)>,
    authority: PublicKey,
    authority_algorithm: String,
}

impl Certificate {
    /// Reads a certificate to its last byte, and verifies the authority's signature.
    ///
    /// # Errors
    /// An unknown type, a field that is malformed or out of its bounds, options that are not in
    /// order or stand twice, an authority that is itself a certificate, a bad signature.
    pub fn from_blob(blob: &[u8]) -> Result<Self, KeyFault> {
        let mut r = Reader::new(blob);
        let name = r.text("certificate type")?;
        let row = TABLE.iter().find(|row| row.certificate_type == name);
        let row = row.ok_or(KeyFault::UnknownAlgorithm)?;
        r.string("nonce")?;
        let key = read_key(row.key_type, &mut r)?;
        let serial = r.uint64("serial")?;
        let kind = match r.uint32("type")? {
            1 => CertificateKind::User,
            2 => CertificateKind::Host,
            _ => return Err(KeyFault::Malformed("type of certificate")),
        };
        let key_id = r.text("key id")?.to_string();
        let principals = principals(r.string("valid principals")?)?;
        let valid_after = r.uint64("valid after")?;
        let valid_before = r.uint64("valid before")?;
        let critical_options = options(r.string("critical options")?)?;
        let extensions = options(r.string("extensions")?)?;
        r.string("reserved")?;
        let authority = PublicKey::from_blob(r.string("signature key")?)?;
        let signed = blob.get(..r.offset()).unwrap_or_default();
        let signature = r.string("signature")?;
        r.end()?;
        let algorithm = Signature::from_blob(signature)?.algorithm;
        authority.verify(algorithm, signed, signature)?;
        Ok(Self {
            blob: blob.to_vec(),
            key_type: row.certificate_type,
            key,
            serial,
            kind,
            key_id,
            principals,
            valid_after,
            valid_before,
            critical_options,
            extensions,
            authority_algorithm: algorithm.to_string(),
            authority,
        })
    }

    /// Reads a line of a `-cert.pub` file.
    ///
    /// # Errors
    /// As [`Self::from_blob`]; also a type that is not the blob's, and text that is not base64.
    pub fn from_line(line: &str) -> Result<Self, KeyFault> {
        let (key_type, rest) = split_word(line);
        let (text, _) = split_word(rest);
        if !is_certificate_type(key_type) {
            return Err(KeyFault::UnknownAlgorithm);
        }
        let blob = base64::decode(text).ok_or(KeyFault::Malformed("base64"))?;
        let certificate = Self::from_blob(&blob)?;
        if certificate.key_type != key_type {
            return Err(KeyFault::Malformed("certificate of another type than its line says"));
        }
        Ok(certificate)
    }

    /// The certificate as it came.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// "type base64", as `-cert.pub` files hold it.
    #[must_use]
    pub fn to_line(&self) -> String {
        alloc::format!("{} {}", self.key_type, base64::encode(&self.blob))
    }

    /// Its type.
    #[must_use]
    pub const fn key_type(&self) -> &'static str {
        self.key_type
    }

    /// The key that it is about.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The algorithms that it can be used with, the strongest first.
    pub fn algorithms(&self) -> impl Iterator<Item = &'static str> + use<> {
        let key_type = self.key_type;
        TABLE.iter().filter(move |row| row.certificate_type == key_type).map(|row| row.algorithm)
    }

    /// Serial number; 0 where the authority gives none.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// What it is for.
    #[must_use]
    pub const fn kind(&self) -> CertificateKind {
        self.kind
    }

    /// The authority's name for it: text of somebody else's, see [`crate::text::printable`].
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Users or hosts that it names.
    #[must_use]
    pub fn principals(&self) -> &[String] {
        &self.principals
    }

    /// Seconds since 1970 from which it holds, and those at which it does so no more.
    #[must_use]
    pub const fn validity(&self) -> (u64, u64) {
        (self.valid_after, self.valid_before)
    }

    /// Conditions, each with its data: whoever does not know one must refuse the certificate.
    #[must_use]
    pub fn critical_options(&self) -> &[(String, Vec<u8>)] {
        &self.critical_options
    }

    /// Permissions, each with its data.
    #[must_use]
    pub fn extensions(&self) -> &[(String, Vec<u8>)] {
        &self.extensions
    }

    /// The authority's key.
    #[must_use]
    pub const fn authority(&self) -> &PublicKey {
        &self.authority
    }

    /// The algorithm of the authority's signature.
    #[must_use]
    pub fn authority_algorithm(&self) -> &str {
        &self.authority_algorithm
    }

    /// Checks kind and time; `now` is in seconds since 1970.
    ///
    /// # Errors
    /// [`CertificateFault`].
    pub fn check(&self, kind: CertificateKind, now: u64) -> Result<(), CertificateFault> {
        if self.kind != kind {
            return Err(CertificateFault::WrongKind(kind));
        }
        if now < self.valid_after {
            return Err(CertificateFault::NotYetValid);
        }
        if now >= self.valid_before {
            return Err(CertificateFault::Expired);
        }
        Ok(())
    }

    /// Checks that it makes its key the one of host `name`: kind, time, names and conditions. One
    /// that names no host holds for every host.
    ///
    /// # Errors
    /// [`CertificateFault`].
    pub fn check_host(&self, name: &str, now: u64) -> Result<(), CertificateFault> {
        self.check(CertificateKind::Host, now)?;
        if !self.principals.is_empty() && !self.principals.iter().any(|own| own == name) {
            return Err(CertificateFault::NotAPrincipal);
        }
        // No condition is known for hosts.
        if self.critical_options.is_empty() {
            Ok(())
        } else {
            Err(CertificateFault::CriticalOption)
        }
    }
}

fn read_key(key_type: &str, r: &mut Reader<'_>) -> Result<PublicKey, KeyFault> {
    Ok(match key_type {
        ed25519::NAME => PublicKey::Ed25519(Ed25519Public::read(r)?),
        rsa::NAME => PublicKey::Rsa(RsaPublic::read(r)?),
        sk::ED25519 | sk::NISTP256 => PublicKey::Sk(SkPublic::read(key_type, r)?),
        name => {
            let curve = Curve::of_name(name).ok_or(KeyFault::UnknownAlgorithm)?;
            PublicKey::Ecdsa(EcdsaPublic::read(curve, r)?)
        }
    })
}

fn principals(data: &[u8]) -> Result<Vec<String>, KeyFault> {
    let mut r = Reader::new(data);
    let mut all = Vec::new();
    while !r.rest().is_empty() {
        if all.len() >= CERTIFICATE_PRINCIPALS_MAX {
            return Err(KeyFault::Malformed("certificate with too many principals"));
        }
        all.push(r.text("principal")?.to_string());
    }
    Ok(all)
}

/// Names with their data, in lexical order, each name once.
fn options(data: &[u8]) -> Result<Vec<(String, Vec<u8>)>, KeyFault> {
    let mut r = Reader::new(data);
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    while !r.rest().is_empty() {
        let name = r.text("option name")?.to_string();
        let value = r.string("option data")?.to_vec();
        if all.last().is_some_and(|(last, _)| *last >= name) {
            return Err(KeyFault::Malformed("certificate whose options are not in order"));
        }
        if all.len() >= CERTIFICATE_OPTIONS_MAX {
            return Err(KeyFault::Malformed("certificate with too many options"));
        }
        all.push((name, value));
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
