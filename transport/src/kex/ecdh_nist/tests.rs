mod vectors;

use super::*;
use crate::kex::method::METHODS;
use crate::kex::testing::{FixedRng, agree, client_share, fault, hex, respond};
use alloc::vec::Vec;

/// Made with OpenSSL through pyca/cryptography 50: our private key and public point, the point of
/// the peer in both forms, and the x-coordinate of the product.
struct Vector {
    d: &'static str,
    q: &'static str,
    peer: &'static str,
    compressed: &'static str,
    x: &'static str,
}

fn methods() -> [(&'static Method, Vector); 3] {
    [(&NISTP256, NISTP256_VECTOR), (&NISTP384, NISTP384_VECTOR), (&NISTP521, NISTP521_VECTOR)]
}

fn check<C>(vector: &Vector)
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let share = Share::<C>::new(&mut FixedRng(hex(vector.d)));
    assert_eq!(share.public(), hex(vector.q));
    let k = ClientShare::agree(Box::new(share), &hex(vector.peer)).ok().unwrap();
    assert_eq!(*k.0, *SharedSecret::from_magnitude(&hex(vector.x)).0);
}

#[test]
fn products_agree_with_openssl() {
    check::<NistP256>(&NISTP256_VECTOR);
    check::<NistP384>(&NISTP384_VECTOR);
    check::<NistP521>(&NISTP521_VECTOR);
}

/// The fault of a share, which must be the same for both sides.
fn refused(method: &Method, share: &[u8]) -> Option<&'static str> {
    let server = fault(respond(method, share));
    assert_eq!(server, fault(agree(method, share)));
    server
}

#[test]
fn only_the_exact_length_is_a_share() {
    for (method, bytes) in [(&NISTP256, 65), (&NISTP384, 97), (&NISTP521, 133)] {
        let good = client_share(method);
        assert_eq!((good.len(), good[0]), (bytes, UNCOMPRESSED));
        assert_eq!(refused(method, &good), None);
        assert_eq!(refused(method, &good[..bytes - 1]), Some(BAD_LENGTH));
        assert_eq!(refused(method, &[&good[..], &[0]].concat()), Some(BAD_LENGTH));
        assert_eq!(refused(method, &good[..1]), Some(BAD_LENGTH));
    }
}

#[test]
fn other_forms_of_a_point_are_refused() {
    for (method, vector) in methods() {
        assert_eq!(refused(method, &[]), Some(NOT_UNCOMPRESSED));
        assert_eq!(refused(method, &[0]), Some(NOT_UNCOMPRESSED), "the point at infinity");
        assert_eq!(refused(method, &hex(vector.compressed)), Some(NOT_UNCOMPRESSED));
        for form in [0, 1, 2, 3, 5, 6, 7, 0xff] {
            let mut share = hex(vector.peer);
            share[0] = form;
            assert_eq!(refused(method, &share), Some(NOT_UNCOMPRESSED), "form {form}");
        }
    }
}

#[test]
fn points_off_the_curve_are_refused() {
    for (method, vector) in methods() {
        let good = hex(vector.peer);
        let middle = good.len() / 2;
        for at in [1, middle, middle + 1, good.len() - 1] {
            let mut share = good.clone();
            share[at] ^= 1;
            assert_eq!(refused(method, &share), Some(NOT_ON_CURVE), "byte {at}");
        }
        // (0, 0), and coordinates that are not below the prime.
        let mut zero: Vec<u8> = good.iter().map(|_| 0).collect();
        zero[0] = UNCOMPRESSED;
        assert_eq!(refused(method, &zero), Some(NOT_ON_CURVE));
        let mut huge: Vec<u8> = good.iter().map(|_| 0xff).collect();
        huge[0] = UNCOMPRESSED;
        assert_eq!(refused(method, &huge), Some(NOT_ON_CURVE));
    }
}

/// A point of one curve is never a share for another.
#[test]
fn curves_do_not_mix() {
    let ecdh = METHODS.iter().filter(|method| method.name.starts_with("ecdh-"));
    for method in ecdh {
        for (other, vector) in methods() {
            let accepted = respond(method, &hex(vector.peer)).is_ok();
            assert_eq!(accepted, other.name == method.name);
        }
    }
}

const NISTP256_VECTOR: Vector = Vector {
    d: "
        ef8f307b03232407a89c52e7b6f1681dc77262e7472fa0d13f1a328bdee4f916",
    q: "
        04b9e408880c823be560cc66e1078ce6f6463c2803014efb674282fc858ba3c48c12df96fc0de2d3a3c70d2a
        c8dfa385fa57dd83cadfcf1fb063698480d7f79013",
    peer: "
        04799c017b655514f376ac04973996ccff3ec8e59b6771bb23e64cbab8fae0366fde7b5ded20aaa487aa8c86
        65876c7f03c895219ed6a01e7a859f4fe040cec449",
    compressed: "
        03799c017b655514f376ac04973996ccff3ec8e59b6771bb23e64cbab8fae0366f",
    x: "
        7cc1a75b801fcaa6548f2d4b54106866ac167009c07040679f628a89b679482e",
};

const NISTP384_VECTOR: Vector = Vector {
    d: "
        adbf184b3232cd032ffcd6c6ea120266bfcdcb6edcac69a6a98f1239a3677e30a87ea6018bf164db6623cc94
        0d6ecad9",
    q: "
        04f135f86c1ce43236c8ab105f512dab7378dbf1e1686e64ad6dac7f7c1fe2fa28c5004a6ff83c0b2be66b02
        da28883bb61cd0d63efc3d12ec7e5a0b45ff169ed4c4adec17c16af0bd020c538af4a55a9ca075a91372ff42
        d76da7a2286426fe83",
    peer: "
        0405d038977800916a4666405becd20034666bab491773d9b1140f796f80ba1f4d8e03f2145026d88c737c99
        51f70ac0f9ada9f75333b94dfdaa1251974a00308136bb8ef9e067b37d19a73d08f9b04e3cc7fc9aa8378f12
        c005ffbe35a6b77be8",
    compressed: "
        0205d038977800916a4666405becd20034666bab491773d9b1140f796f80ba1f4d8e03f2145026d88c737c99
        51f70ac0f9",
    x: "
        d118516ea186ee4a6e65325dc666f8c35193ee153f856a9aeb4a081f635d26cb243b6e3286c54d0288ad72fa
        b4da82ca",
};

const NISTP521_VECTOR: Vector = Vector {
    d: "
        005a40eeabc7f76ab075dd8f8d4b84ce7ecaad6819dbf7316022d4d97e31751a58a98385710c2284683b4084
        310a013665093f9c156ae8abb077da7e6adbfde25d39",
    q: "
        0400a73895dc62dc9c67254f146dcff23a3c0e1a86d13330e4f470f8d60edddbd0c3c45096c61519818cdc8c
        adeb784f54f74ac45217e9520804bd67c3cc9a447a36c9006df523e6553c77614eb006425934472c8ab7058a
        9f0d2a8dee0f2e3298de790353b619cf8f7ec6c8359a05dc377fb75e97a8f9c9fec7025a803608bc7afc2a0b
        e3",
    peer: "
        0401f5064a86a767387b8156490a0c10f57c1210fc6c3578e273cd02e7c6de5890ae54a48a3e81a115e2ba1b
        9e1491a3fd5852e85f13fe94739152e6bbf2ad00b931c801274798b0b386954542262ccbcd8259c424efb766
        1da8e13bf1d4e3fdfd27901ef8034c964389401870a0a2dcc19ebd1b9af22cc3145eb5f1ea4dff6cb2cd42f7
        e3",
    compressed: "
        0301f5064a86a767387b8156490a0c10f57c1210fc6c3578e273cd02e7c6de5890ae54a48a3e81a115e2ba1b
        9e1491a3fd5852e85f13fe94739152e6bbf2ad00b931c8",
    x: "
        005e53c22d713feff7b74c75c8e3393cf86704866db967e5bac8ac24c37594806e118de5c44bf965048b4ad9
        c69a60728c4409954fd2792d7334c6bef2571112ee8f",
};
