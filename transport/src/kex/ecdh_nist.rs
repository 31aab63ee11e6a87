//! ecdh-sha2-nistp256, -nistp384 and -nistp521, RFC 5656 section 4.

use super::method::{
    ClientShare, Exchange, HashAlgorithm, Method, Response, ShareFault, SharedSecret,
};
use crate::entropy::Stream;
use alloc::boxed::Box;
use p256::NistP256;
use p256::elliptic_curve::ecdh::{self, EphemeralSecret};
use p256::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use p256::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytesSize, Generate, PublicKey};
use p384::NistP384;
use p521::NistP521;
use rand_core::CryptoRng;

const NOT_UNCOMPRESSED: ShareFault = "an elliptic curve share that is not an uncompressed point";
const BAD_LENGTH: ShareFault = "an elliptic curve share of the wrong length for its curve";
const NOT_ON_CURVE: ShareFault = "an elliptic curve share that is not a point of its curve";

/// First byte of an uncompressed point, SEC 1 section 2.3.3.
const UNCOMPRESSED: u8 = 4;

/// RFC 5656 section 6.3: SHA-256 for curves of up to 256 bits.
pub(super) static NISTP256: Method = Method {
    name: "ecdh-sha2-nistp256",
    hash: HashAlgorithm::Sha256,
    post_quantum: false,
    exchange: Exchange::Ecdh { start: start::<NistP256>, respond: respond::<NistP256> },
};

/// RFC 5656 section 6.3: SHA-384 for curves of up to 384 bits.
pub(super) static NISTP384: Method = Method {
    name: "ecdh-sha2-nistp384",
    hash: HashAlgorithm::Sha384,
    post_quantum: false,
    exchange: Exchange::Ecdh { start: start::<NistP384>, respond: respond::<NistP384> },
};

/// RFC 5656 section 6.3: SHA-512 for larger curves.
pub(super) static NISTP521: Method = Method {
    name: "ecdh-sha2-nistp521",
    hash: HashAlgorithm::Sha512,
    post_quantum: false,
    exchange: Exchange::Ecdh { start: start::<NistP521>, respond: respond::<NistP521> },
};

/// An ephemeral key pair; the private half is wiped when dropped.
struct Share<C: CurveArithmetic> {
    secret: EphemeralSecret<C>,
    public: Box<[u8]>,
}

impl<C> Share<C>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    fn new(rng: &mut impl CryptoRng) -> Self {
        let secret = EphemeralSecret::<C>::generate_from_rng(rng);
        let public = secret.public_key().as_affine().to_sec1_point(false).to_bytes();
        Self { secret, public }
    }

    /// The x-coordinate of the product. The cofactor of these curves is 1, so the "cofactor
    /// multiplication" of RFC 5656 section 4 is the plain one.
    fn agree(&self, theirs: &[u8]) -> Result<ecdh::SharedSecret<C>, ShareFault> {
        Ok(self.secret.diffie_hellman(&self.validate(theirs)?))
    }

    // "All elliptic curve public keys MUST be validated after they are received."
    // RFC 5656 section 4
    fn validate(&self, theirs: &[u8]) -> Result<PublicKey<C>, ShareFault> {
        if theirs.first() != Some(&UNCOMPRESSED) {
            return Err(NOT_UNCOMPRESSED);
        }
        if theirs.len() != self.public.len() {
            return Err(BAD_LENGTH);
        }
        // Refuses coordinates that are not below the field prime, and points off the curve. The
        // point at infinity has no uncompressed form.
        PublicKey::<C>::from_sec1_bytes(theirs).map_err(|_| NOT_ON_CURVE)
    }
}

impl<C> ClientShare for Share<C>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    fn public(&self) -> &[u8] {
        &self.public
    }

    fn agree(self: Box<Self>, server_public: &[u8]) -> Result<SharedSecret, ShareFault> {
        // "If a key fails validation, the key exchange MUST fail." RFC 5656 section 4
        let secret = Share::agree(&self, server_public)?;
        Ok(SharedSecret::from_magnitude(secret.raw_secret_bytes()))
    }
}

fn start<C>(rng: &mut Stream) -> Box<dyn ClientShare>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    Box::new(Share::<C>::new(rng))
}

fn respond<C>(rng: &mut Stream, client_public: &[u8]) -> Response
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let share = Share::<C>::new(rng);
    let secret = share.agree(client_public)?;
    Ok((share.public.into_vec(), SharedSecret::from_magnitude(secret.raw_secret_bytes())))
}

#[cfg(test)]
mod tests;
