//! Diffie-Hellman in a prime field: the arithmetic and the checks that RFC 4253 section 8 and
//! RFC 4419 section 3 share.

use super::method::{ClientShare, Response, ShareFault, SharedSecret};
use super::modp::{self, Modp};
use crate::limits::{GEX_BITS_MAX, GEX_BITS_MIN};
use alloc::boxed::Box;
use alloc::vec::Vec;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

pub(super) const BAD_PUBLIC: ShareFault =
    "a Diffie-Hellman value that is not between 1 and p-1 (RFC 8268 section 4)";
const BAD_SECRET: ShareFault =
    "a Diffie-Hellman value that makes the secret 0, 1 or p-1 (RFC 4419 section 3)";
const GROUP_TOO_SMALL: ShareFault = "a Diffie-Hellman group below the minimum of 2048 bits";
const GROUP_TOO_LARGE: ShareFault = "a Diffie-Hellman group above the maximum of 8192 bits";
const EVEN_MODULUS: ShareFault = "an even Diffie-Hellman modulus";
const SMALL_FACTOR: ShareFault = "a Diffie-Hellman modulus with a small factor";
const BAD_GENERATOR: ShareFault = "a Diffie-Hellman generator that is not between 1 and p-1";

/// Divisors tried on a modulus that a server names. A test of primality would take longer than
/// the exchange, and only the server itself could profit from a bad modulus: it knows K anyway.
/// This catches damage and jokes.
const SMALL_PRIMES: [u32; 15] = [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53];

/// A group ready for arithmetic. Everything in it is public.
pub(super) struct Group {
    params: BoxedMontyParams,
    p_minus_1: BoxedUint,
    g: BoxedMontyForm,
    exponent_bytes: u32,
}

impl Group {
    /// One of the groups of RFC 3526.
    pub(super) fn fixed(group: &Modp) -> Self {
        let p = Odd::new(BoxedUint::from_be_slice_vartime(group.p));
        // A number that is not odd would be replaced by 1 here; these are.
        Self::new(p.as_inner_unchecked().clone(), modp::GENERATOR)
    }

    /// A group that a server named: `p` and `g` are magnitudes.
    ///
    /// # Errors
    /// A modulus below 2048 or above 8192 bits, even or with a small factor; a generator that is
    /// not between 1 and p-1.
    pub(super) fn named(p: &[u8], g: &[u8]) -> Result<Self, ShareFault> {
        let p = trim(p);
        // "MODP groups with a modulus size less than 2048 bits are weak and MUST NOT be used."
        // RFC 9142 section 3.2.1
        match bits(p) {
            n if n < GEX_BITS_MIN => return Err(GROUP_TOO_SMALL),
            n if n > GEX_BITS_MAX => return Err(GROUP_TOO_LARGE),
            _ => {}
        }
        let modulus = Odd::new(BoxedUint::from_be_slice_vartime(p));
        let modulus = modulus.into_option().ok_or(EVEN_MODULUS)?;
        if SMALL_PRIMES.iter().any(|q| remainder(p, *q) == Some(0)) {
            return Err(SMALL_FACTOR);
        }
        let group = Self::new(modulus, modp::GENERATOR);
        let g = group.element(g).map_err(|_| BAD_GENERATOR)?;
        Ok(Self { g, ..group })
    }

    fn new(p: Odd<BoxedUint>, g: &[u8]) -> Self {
        let bits = p.bits_precision();
        let p_minus_1 = p.as_ref().wrapping_sub(BoxedUint::one_with_precision(bits));
        let params = BoxedMontyParams::new_vartime(p);
        let g = BoxedMontyForm::new(BoxedUint::from_be_slice_truncated(g, bits), &params);
        Self { params, p_minus_1, g, exponent_bytes: exponent_bytes(bits) }
    }

    /// A number of the peer as an element of the group.
    ///
    /// # Errors
    /// [`BAD_PUBLIC`] unless it lies between 1 and p-1.
    fn element(&self, magnitude: &[u8]) -> Result<BoxedMontyForm, ShareFault> {
        let bits = self.params.bits_precision();
        let value = BoxedUint::from_be_slice(trim(magnitude), bits).map_err(|_| BAD_PUBLIC)?;
        // "DH Public Key values MUST be checked" RFC 8268 section 4
        //
        // "Values not within these bounds MUST NOT be sent or accepted by either side."
        // RFC 8268 section 4
        if !self.is_inside(&value) {
            return Err(BAD_PUBLIC);
        }
        Ok(BoxedMontyForm::new(value, &self.params))
    }

    /// 1 < value < p-1, in constant time.
    fn is_inside(&self, value: &BoxedUint) -> bool {
        *value > BoxedUint::one() && *value < self.p_minus_1
    }

    /// A fresh pair of private exponent and public value.
    pub(super) fn share(self, rng: &mut impl CryptoRng) -> DhShare {
        let mut bytes = Zeroizing::new([0; EXPONENT_BYTES_MAX as usize]);
        rng.fill_bytes(bytes.as_mut_slice());
        let bits = self.exponent_bytes.saturating_mul(8);
        let x = Zeroizing::new(BoxedUint::from_be_slice_truncated(bytes.as_slice(), bits));
        let e = self.g.pow_bounded_exp(&x, bits).retrieve();
        DhShare { public: e.to_be_bytes_trimmed_vartime().into_vec(), x, group: self }
    }
}

/// Length of a private exponent for a modulus of that many bits: twice the larger of the two
/// estimates of strength in RFC 3526 section 8, in whole bytes. RFC 4419 section 6.2 allows short
/// exponents; in a group of safe prime order they lose nothing.
const fn exponent_bytes(modulus_bits: u32) -> u32 {
    match modulus_bits {
        0..=2048 => 40,
        2049..=3072 => 53,
        3073..=4096 => 60,
        4097..=6144 => 68,
        _ => EXPONENT_BYTES_MAX,
    }
}

const EXPONENT_BYTES_MAX: u32 = 78;

/// Our half of an exchange, either role. The exponent is wiped when dropped.
pub(super) struct DhShare {
    group: Group,
    x: Zeroizing<BoxedUint>,
    public: Vec<u8>,
}

impl DhShare {
    /// Whether our own value may be sent: a bad generator could have led out of the range.
    pub(super) fn check(self) -> Result<Self, ShareFault> {
        self.group.element(&self.public).map(|_| ()).map_err(|_| BAD_GENERATOR)?;
        Ok(self)
    }

    fn secret(&self, theirs: &[u8]) -> Result<SharedSecret, ShareFault> {
        let theirs = self.group.element(theirs)?;
        let bits = self.group.exponent_bytes.saturating_mul(8);
        let mut power = theirs.pow_bounded_exp(&self.x, bits);
        let k = Zeroizing::new(power.retrieve());
        power.zeroize();
        // "they MUST accept the shared secret K only if 1 < K < p - 1." RFC 4419 section 3
        if !self.group.is_inside(&k) {
            return Err(BAD_SECRET);
        }
        Ok(SharedSecret::from_magnitude(&Zeroizing::new(k.to_be_bytes())))
    }

    /// The server's half: its value and K.
    pub(super) fn respond(self, client_public: &[u8]) -> Response {
        let k = self.secret(client_public)?;
        Ok((self.public, k))
    }
}

/// Longest private value that is taken: that of the largest group.
const SCALAR_BYTES_MAX: usize = 1024;

/// K from a private value.
pub(super) fn secret_of(group: &Group, scalar: &[u8], theirs: &[u8]) -> Option<SharedSecret> {
    let theirs = group.element(theirs).ok()?;
    if scalar.len() > SCALAR_BYTES_MAX {
        return None;
    }
    let x = Zeroizing::new(BoxedUint::from_be_slice_vartime(scalar));
    let mut power = theirs.pow(&x);
    let k = Zeroizing::new(power.retrieve());
    power.zeroize();
    Some(SharedSecret::from_magnitude(&Zeroizing::new(k.to_be_bytes())))
}

impl ClientShare for DhShare {
    fn public(&self) -> &[u8] {
        &self.public
    }

    fn scalar(&self) -> Option<Zeroizing<Vec<u8>>> {
        Some(Zeroizing::new(self.x.to_be_bytes().into_vec()))
    }

    fn agree(self: Box<Self>, server_public: &[u8]) -> Result<SharedSecret, ShareFault> {
        self.secret(server_public)
    }
}

/// Without leading zero bytes.
fn trim(magnitude: &[u8]) -> &[u8] {
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    magnitude.get(zeros..).unwrap_or_default()
}

/// Size in bits of a trimmed magnitude.
fn bits(magnitude: &[u8]) -> u32 {
    let bytes = u32::try_from(magnitude.len()).unwrap_or(u32::MAX);
    let unused = magnitude.first().map_or(0, |first| first.leading_zeros());
    bytes.saturating_mul(8).saturating_sub(unused)
}

/// `magnitude` modulo a small number.
fn remainder(magnitude: &[u8], q: u32) -> Option<u32> {
    magnitude.iter().try_fold(0u32, |rest, byte| {
        rest.checked_mul(256)?.checked_add(u32::from(*byte))?.checked_rem(q)
    })
}

#[cfg(test)]
pub(in crate::kex) mod tests;
