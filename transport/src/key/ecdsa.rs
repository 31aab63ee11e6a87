//! `ecdsa-sha2-nistp256`, `-nistp384` and `-nistp521`, RFC 5656.
//!
//! Signing takes its nonce from the key and the message (RFC 6979): no generator, and so no
//! generator with a bias, can give the key away. Points are read in the uncompressed form only,
//! as OpenSSH reads them: one key has one blob and one fingerprint.

use super::KeyFault;
use crate::wire::{Mpint, Reader, Writer};
use alloc::boxed::Box;
use alloc::vec::Vec;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use pkcs8::ObjectIdentifier;
use sec1::EcPrivateKey;
use zeroize::Zeroizing;

pub(super) const NISTP256: &str = "ecdsa-sha2-nistp256";
pub(super) const NISTP384: &str = "ecdsa-sha2-nistp384";
pub(super) const NISTP521: &str = "ecdsa-sha2-nistp521";

/// First byte of an uncompressed point, SEC 1 section 2.3.3.
const UNCOMPRESSED: u8 = 4;

/// The curves, and what differs between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    NistP256,
    NistP384,
    NistP521,
}

impl Curve {
    // "Every SSH ECC implementation MUST support the named curves below." RFC 5656 section 10.1
    const ALL: [Self; 3] = [Self::NistP256, Self::NistP384, Self::NistP521];

    /// Key type and signature algorithm.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::NistP256 => NISTP256,
            Self::NistP384 => NISTP384,
            Self::NistP521 => NISTP521,
        }
    }

    // "Note that implementations MUST use the string identifiers for the
    // three REQUIRED NIST curves, even when an OID exists for that curve."
    // RFC 5656 section 6.1
    /// The identifier of RFC 5656 section 10.1.
    const fn identifier(self) -> &'static str {
        match self {
            Self::NistP256 => "nistp256",
            Self::NistP384 => "nistp384",
            Self::NistP521 => "nistp521",
        }
    }

    /// Object identifier in PKCS#8 and SEC 1 files (RFC 5480 section 2.1.1.1).
    const fn oid(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Self::NistP256 => "1.2.840.10045.3.1.7",
            Self::NistP384 => "1.3.132.0.34",
            Self::NistP521 => "1.3.132.0.35",
        })
    }

    pub(super) const fn bits(self) -> u32 {
        match self {
            Self::NistP256 => 256,
            Self::NistP384 => 384,
            Self::NistP521 => 521,
        }
    }

    /// Bytes of a coordinate, and of a number modulo the group order.
    const fn bytes(self) -> usize {
        match self {
            Self::NistP256 => 32,
            Self::NistP384 => 48,
            Self::NistP521 => 66,
        }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.name() == name)
    }

    pub(super) fn of_oid(oid: ObjectIdentifier) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.oid() == oid)
    }

    /// A number in the fixed width of this curve; none when it is wider.
    fn pad(self, magnitude: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let zeros = self.bytes().checked_sub(magnitude.len())?;
        let mut out = Zeroizing::new(Vec::with_capacity(self.bytes()));
        out.resize(zeros, 0);
        out.extend_from_slice(magnitude);
        Some(out)
    }
}

/// One expression for the key of each curve: `$key` is the key, `$curve` the crate of its curve.
macro_rules! on_each_curve {
    ($value:expr, $type:ident, |$key:ident, $curve:ident| $body:expr) => {
        match $value {
            $type::NistP256($key) => {
                use p256 as $curve;
                $body
            }
            $type::NistP384($key) => {
                use p384 as $curve;
                $body
            }
            $type::NistP521($key) => {
                use p521 as $curve;
                $body
            }
        }
    };
}

/// A public key of one of the ECDSA types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcdsaPublic(PublicPoint);

#[derive(Debug, Clone, PartialEq, Eq)]
enum PublicPoint {
    NistP256(p256::ecdsa::VerifyingKey),
    NistP384(p384::ecdsa::VerifyingKey),
    NistP521(p521::ecdsa::VerifyingKey),
}

impl EcdsaPublic {
    /// The fields behind the key type: identifier and Q (RFC 5656 section 3.1).
    pub(super) fn read(curve: Curve, r: &mut Reader<'_>) -> Result<Self, KeyFault> {
        if r.text("curve identifier")? != curve.identifier() {
            return Err(KeyFault::Malformed("ecdsa key of another curve than its type"));
        }
        Self::from_point(curve, r.string("Q")?)
    }

    fn from_point(curve: Curve, q: &[u8]) -> Result<Self, KeyFault> {
        if q.first() != Some(&UNCOMPRESSED) {
            return Err(KeyFault::Malformed("ecdsa point that is not in uncompressed form"));
        }
        // The point is checked to be on the curve; the group has no small subgroups.
        Ok(Self(match curve {
            Curve::NistP256 => PublicPoint::NistP256(
                p256::ecdsa::VerifyingKey::from_sec1_bytes(q).map_err(not_a_point)?,
            ),
            Curve::NistP384 => PublicPoint::NistP384(
                p384::ecdsa::VerifyingKey::from_sec1_bytes(q).map_err(not_a_point)?,
            ),
            Curve::NistP521 => PublicPoint::NistP521(
                p521::ecdsa::VerifyingKey::from_sec1_bytes(q).map_err(not_a_point)?,
            ),
        }))
    }

    pub(super) const fn curve(&self) -> Curve {
        match self.0 {
            PublicPoint::NistP256(_) => Curve::NistP256,
            PublicPoint::NistP384(_) => Curve::NistP384,
            PublicPoint::NistP521(_) => Curve::NistP521,
        }
    }

    fn point(&self) -> Vec<u8> {
        match &self.0 {
            PublicPoint::NistP256(key) => key.to_sec1_point(false).as_bytes().to_vec(),
            PublicPoint::NistP384(key) => key.to_sec1_point(false).as_bytes().to_vec(),
            PublicPoint::NistP521(key) => key.to_sec1_point(false).as_bytes().to_vec(),
        }
    }

    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.string(self.curve().identifier().as_bytes());
        w.string(&self.point());
    }

    /// `signature` holds `mpint r` and `mpint s`, RFC 5656 section 3.1.2.
    pub(super) fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), KeyFault> {
        let mut fields = Reader::new(signature);
        let r = fields.mpint("r")?;
        let s = fields.mpint("s")?;
        fields.end()?;
        let wide = |number: Mpint<'_>| self.curve().pad(number.magnitude());
        let (Some(r), Some(s)) = (wide(r), wide(s)) else {
            return Err(KeyFault::BadSignature);
        };
        let numbers = [&r[..], &s[..]].concat();
        on_each_curve!(&self.0, PublicPoint, |key, curve| {
            // "The
            // message hashing algorithm MUST be from the SHA2 family" RFC 5656 section 3.1.1:
            // SHA-256, SHA-384 and SHA-512 belong to these types of key. Zero, and what reaches
            // the group order, is refused in the first line.
            curve::ecdsa::Signature::from_slice(&numbers)
                .and_then(|signature| key.verify(data, &signature))
        })
        .map_err(|_| KeyFault::BadSignature)
    }
}

fn not_a_point(_: p256::ecdsa::Error) -> KeyFault {
    KeyFault::Malformed("ecdsa point that is not on its curve")
}

/// A private key of one of the ECDSA types; the number is cleared when it is dropped. It is boxed
/// so that moving the key leaves no copies of the number behind.
#[derive(Clone)]
pub(super) enum EcdsaSecret {
    NistP256(Box<p256::ecdsa::SigningKey>),
    NistP384(Box<p384::ecdsa::SigningKey>),
    NistP521(Box<p521::ecdsa::SigningKey>),
}

impl EcdsaSecret {
    /// The private fields of an OpenSSH key file: identifier, Q and the number d.
    pub(super) fn read(curve: Curve, r: &mut Reader<'_>) -> Result<Self, KeyFault> {
        let public = EcdsaPublic::read(curve, r)?;
        let secret = Self::from_number(curve, r.mpint("ecdsa private key")?.magnitude())?;
        secret.belongs_to(&public)
    }

    /// The structure of SEC 1 appendix C.4 (RFC 5915): the whole file, or what a PKCS#8 file
    /// wraps; there the curve may be named outside.
    pub(super) fn from_sec1(der: &[u8], outside: Option<Curve>) -> Result<Self, KeyFault> {
        let key = EcPrivateKey::try_from(der).map_err(|_| KeyFault::Malformed("EC private key"))?;
        let inside = match key.parameters.and_then(sec1::EcParameters::named_curve) {
            Some(oid) => Some(Curve::of_oid(oid).ok_or(KeyFault::UnknownAlgorithm)?),
            None => None,
        };
        let curve = match (inside, outside) {
            (Some(inside), Some(outside)) if inside != outside => {
                return Err(KeyFault::Malformed("EC private key that names two curves"));
            }
            (Some(curve), _) | (None, Some(curve)) => curve,
            (None, None) => return Err(KeyFault::Malformed("EC private key without a curve")),
        };
        let secret = Self::from_number(curve, key.private_key)?;
        match key.public_key {
            Some(point) => secret.belongs_to(&EcdsaPublic::from_point(curve, point)?),
            None => Ok(secret),
        }
    }

    fn from_number(curve: Curve, magnitude: &[u8]) -> Result<Self, KeyFault> {
        let fault = KeyFault::Malformed("ecdsa private key out of range");
        let d = curve.pad(magnitude).ok_or(fault)?;
        Ok(match curve {
            Curve::NistP256 => Self::NistP256(
                p256::ecdsa::SigningKey::from_slice(&d).map(Box::new).map_err(|_| fault)?,
            ),
            Curve::NistP384 => Self::NistP384(
                p384::ecdsa::SigningKey::from_slice(&d).map(Box::new).map_err(|_| fault)?,
            ),
            Curve::NistP521 => Self::NistP521(
                p521::ecdsa::SigningKey::from_slice(&d).map(Box::new).map_err(|_| fault)?,
            ),
        })
    }

    fn belongs_to(self, public: &EcdsaPublic) -> Result<Self, KeyFault> {
        if self.public() == *public {
            Ok(self)
        } else {
            Err(KeyFault::Malformed("ecdsa private key with the public key of another"))
        }
    }

    pub(super) fn public(&self) -> EcdsaPublic {
        EcdsaPublic(match self {
            Self::NistP256(key) => PublicPoint::NistP256(*key.verifying_key()),
            Self::NistP384(key) => PublicPoint::NistP384(*key.verifying_key()),
            Self::NistP521(key) => PublicPoint::NistP521(*key.verifying_key()),
        })
    }

    /// The private fields of an OpenSSH key file.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        self.public().write(w);
        match self {
            Self::NistP256(key) => w.mpint(&Zeroizing::new(key.to_bytes())),
            Self::NistP384(key) => w.mpint(&Zeroizing::new(key.to_bytes())),
            Self::NistP521(key) => w.mpint(&Zeroizing::new(key.to_bytes())),
        }
    }

    /// Deterministic, RFC 6979; the result holds `mpint r` and `mpint s`.
    pub(super) fn sign(&self, data: &[u8]) -> Result<Vec<u8>, KeyFault> {
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        on_each_curve!(self, EcdsaSecret, |key, curve| {
            let signature: curve::ecdsa::Signature =
                key.try_sign(data).map_err(|_| KeyFault::SigningFailed)?;
            let (r, s) = signature.split_bytes();
            w.mpint(&r);
            w.mpint(&s);
        });
        Ok(out)
    }
}
