//! Keys and signatures against published vectors, against what OpenSSH made, and against damage.

use super::test_keys::{MESSAGE, PLAIN, TestKey};
use super::*;
use crate::entropy::{Entropy, Purpose, SEED_BYTES};
use sha2::{Digest as _, Sha512};
use std::string::ToString as _;
use std::vec;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn strings(fields: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        Writer::new(&mut out).string(field);
    }
    out
}

fn private(key: &TestKey) -> PrivateKey {
    parse_private_key(key.private, None).unwrap()
}

fn malformed(blob: &[u8]) -> &'static str {
    match PublicKey::from_blob(blob) {
        Err(KeyFault::Malformed(what)) => what,
        other => panic!("{other:?}"),
    }
}

/// RFC 8032 section 7.1, tests 1 to 3: seed, public key, message, signature.
#[test]
fn ed25519_vectors_of_the_rfc() {
    let vectors = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155
             5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (seed, public, message, signature) in vectors {
        let seed: [u8; 32] = unhex(seed).try_into().unwrap();
        let key = PrivateKey::new(Secret::Ed25519(Ed25519Secret::from_seed(&seed)), String::new());
        assert_eq!(key.public().blob(), strings(&[b"ssh-ed25519", &unhex(public)]));
        let expected = strings(&[b"ssh-ed25519", &unhex(signature)]);
        assert_eq!(key.sign("ssh-ed25519", &unhex(message)).unwrap(), expected);
        assert_eq!(key.public().verify("ssh-ed25519", &unhex(message), &expected), Ok(()));
    }
}

struct Rfc6979 {
    name: &'static str,
    curve: &'static str,
    d: &'static str,
    q: [&'static str; 2],
    /// Message, r, s.
    signatures: [[&'static str; 3]; 2],
}

/// RFC 6979 appendix A.2.5 to A.2.7, with the hash that RFC 5656 assigns to each curve.
const RFC6979: [Rfc6979; 3] = [
    Rfc6979 {
        name: "ecdsa-sha2-nistp256",
        curve: "nistp256",
        d: "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
        q: [
            "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6",
            "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
        ],
        signatures: [
            [
                "sample",
                "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
                "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            ],
            [
                "test",
                "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
                "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
            ],
        ],
    },
    Rfc6979 {
        name: "ecdsa-sha2-nistp384",
        curve: "nistp384",
        d: "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D8
            96D5724E4C70A825F872C9EA60D2EDF5",
        q: [
            "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64
             DEF8F0EA9055866064A254515480BC13",
            "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1
             288B231C3AE0D4FE7344FD2533264720",
        ],
        signatures: [
            [
                "sample",
                "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C
                 81A648152E44ACF96E36DD1E80FABE46",
                "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94F
                 A329C145786E679E7B82C71A38628AC8",
            ],
            [
                "test",
                "8203B63D3C853E8D77227FB377BCF7B7B772E97892A80F36AB775D509D7A5FEB
                 0542A7F0812998DA8F1DD3CA3CF023DB",
                "DDD0760448D42D8A43AF45AF836FCE4DE8BE06B485E9B61B827C2F13173923E0
                 6A739F040649A667BF3B828246BAA5A5",
            ],
        ],
    },
    Rfc6979 {
        name: "ecdsa-sha2-nistp521",
        curve: "nistp521",
        d: "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75
            CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B8
            3538",
        q: [
            "01894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD
             371123D46E45DB6B5D5370A7F20FB633155D38FFA16D2BD761DCAC474B9A2F50
             23A4",
            "00493101C962CD4D2FDDF782285E64584139C2F91B47F87FF82354D6630F746A
             28A0DB25741B5B34A828008B22ACC23F924FAAFBD4D33F81EA66956DFEAA2BFD
             FCF5",
        ],
        signatures: [
            [
                "sample",
                "00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F
                 174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E3
                 77FA",
                "00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF
                 282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4
                 A67A",
            ],
            [
                "test",
                "013E99020ABF5CEE7525D16B69B229652AB6BDF2AFFCAEF38773B4B7D08725F1
                 0CDB93482FDCC54EDCEE91ECA4166B2A7C6265EF0CE2BD7051B7CEF945BABD47
                 EE6D",
                "01FBD0013C674AA79CB39849527916CE301C66EA7CE8B80682786AD60F98F7E7
                 8A19CA69EFF5C57400E3B3A0AD66CE0978214D13BAF4E9AC60752F7B155E2DE4
                 DCE3",
            ],
        ],
    },
];

#[test]
fn ecdsa_nonces_are_those_of_rfc_6979() {
    for vector in RFC6979 {
        let q = [vec![4], unhex(vector.q[0]), unhex(vector.q[1])].concat();
        // The fields of a key file: identifier, Q and d.
        let mut fields = strings(&[vector.curve.as_bytes(), &q]);
        Writer::new(&mut fields).mpint(&unhex(vector.d));
        let curve = Curve::of_name(vector.name).unwrap();
        let secret = EcdsaSecret::read(curve, &mut Reader::new(&fields)).unwrap();
        let key = PrivateKey::new(Secret::Ecdsa(secret), String::new());
        let blob = strings(&[vector.name.as_bytes(), vector.curve.as_bytes(), &q]);
        assert_eq!(key.public().blob(), blob);
        for [message, r, s] in vector.signatures {
            let mut numbers = Vec::new();
            let mut w = Writer::new(&mut numbers);
            w.mpint(&unhex(r));
            w.mpint(&unhex(s));
            let expected = strings(&[vector.name.as_bytes(), &numbers]);
            assert_eq!(key.sign(vector.name, message.as_bytes()).unwrap(), expected);
            let public = PublicKey::from_blob(&blob).unwrap();
            assert_eq!(public.verify(vector.name, message.as_bytes(), &expected), Ok(()));
        }
    }
}

/// A second signature of the same data must tell nothing new.
#[test]
fn signatures_repeat_and_differ_with_the_message() {
    for key in &PLAIN {
        let private = private(key);
        for name in key.algorithms {
            let first = private.sign(name, b"a").unwrap();
            assert_eq!(first, private.sign(name, b"a").unwrap());
            assert_ne!(first, private.sign(name, b"b").unwrap());
            assert_eq!(private.public().verify(name, b"a", &first), Ok(()));
            assert_eq!(private.public().verify(name, b"b", &first), Err(KeyFault::BadSignature));
        }
    }
}

/// The data that `ssh-keygen -Y sign` signs, and the signature blob inside its armour
/// (OpenSSH's file PROTOCOL.sshsig).
fn sshsig(armour: &str) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let body: String = armour.lines().filter(|line| !line.starts_with("-----")).collect();
    let body = base64::decode(&body).unwrap();
    let mut r = Reader::new(body.strip_prefix(b"SSHSIG").unwrap());
    assert_eq!(r.uint32("version"), Ok(1));
    let public = r.string("public key").unwrap();
    let namespace = r.string("namespace").unwrap();
    let reserved = r.string("reserved").unwrap();
    let hash = r.string("hash algorithm").unwrap();
    let signature = r.string("signature").unwrap();
    r.end().unwrap();
    assert_eq!(hash, b"sha512");
    let digest = Sha512::digest(MESSAGE);
    let mut signed = b"SSHSIG".to_vec();
    signed.extend(strings(&[namespace, reserved, hash, &digest]));
    (public.to_vec(), signed, signature.to_vec())
}

#[test]
fn signatures_of_ssh_keygen_verify_and_ours_equal_them_where_they_must() {
    for key in &PLAIN {
        let (blob, signed, signature) = sshsig(key.signature);
        let (public, _) = PublicKey::from_line(key.public).unwrap();
        assert_eq!(public.blob(), blob);
        let name = key.algorithms[0];
        assert_eq!(public.verify(name, &signed, &signature), Ok(()));
        // Ed25519 and RSA signatures are a function of key and data; OpenSSL's ECDSA is not.
        if !name.starts_with("ecdsa") {
            assert_eq!(private(key).sign(name, &signed).unwrap(), signature);
        }
    }
}

#[test]
fn lines_and_blobs_round_trip() {
    for key in &PLAIN {
        let (public, comment) = PublicKey::from_line(key.public).unwrap();
        assert!(comment.starts_with("TEST ONLY "));
        assert_eq!(std::format!("{} {comment}\n", public.to_line()), key.public);
        assert_eq!(PublicKey::from_blob(&public.blob()).as_ref(), Ok(&public));
        assert_eq!(public.signature_algorithms(), key.algorithms);
        for algorithm in key.algorithms {
            assert_eq!(key_type_of(algorithm), Some(public.key_type()));
        }
    }
    let (first, second) = (PLAIN[0].public, PLAIN[1].public);
    let fault = KeyFault::Malformed("base64");
    assert_eq!(PublicKey::from_line("ssh-ed25519 AAA* x"), Err(fault));
    let (_, rest) = first.split_once(' ').unwrap();
    let wrong = std::format!("{} {rest}", second.split_once(' ').unwrap().0);
    let fault = KeyFault::Malformed("key of another type than its line says");
    assert_eq!(PublicKey::from_line(&wrong), Err(fault));
    assert_eq!(PublicKey::from_line("ssh-dss AAAA"), Err(KeyFault::UnknownAlgorithm));
    assert_eq!(PublicKey::from_line(""), Err(KeyFault::UnknownAlgorithm));
    assert!(PublicKey::from_line("ssh-ed25519").is_err());
    let tabs = std::format!(" ssh-ed25519\t{}\r\n", first.split(' ').nth(1).unwrap());
    assert_eq!(PublicKey::from_line(&tabs).unwrap().1, "");
}

#[test]
fn every_truncation_and_every_longer_blob_is_refused() {
    for key in &PLAIN {
        let (public, _) = PublicKey::from_line(key.public).unwrap();
        let blob = public.blob();
        for n in 0..blob.len() {
            assert!(PublicKey::from_blob(&blob[..n]).is_err(), "{} {n}", public.key_type());
        }
        assert_eq!(malformed(&[&blob[..], &[0]].concat()), "end of message");
        let signature = private(key).sign(key.algorithms[0], b"data").unwrap();
        for n in 0..signature.len() {
            let result = public.verify(key.algorithms[0], b"data", &signature[..n]);
            assert!(result.is_err(), "{} {n}", public.key_type());
        }
        let longer = [&signature[..], &[0]].concat();
        assert!(public.verify(key.algorithms[0], b"data", &longer).is_err());
    }
}

#[test]
fn every_flipped_bit_of_a_signature_is_refused() {
    for key in &PLAIN {
        let private = private(key);
        for name in key.algorithms {
            let good = private.sign(name, b"data").unwrap();
            for bit in 0..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(private.public().verify(name, b"data", &bad).is_err(), "{name} {bit}");
            }
        }
    }
}

#[test]
fn a_signature_counts_for_its_own_algorithm_only() {
    let rsa = private(&PLAIN[4]);
    let sha256 = rsa.sign("rsa-sha2-256", b"data").unwrap();
    let verify = |algorithm, blob: &[u8]| rsa.public().verify(algorithm, b"data", blob);
    assert_eq!(verify("rsa-sha2-256", &sha256), Ok(()));
    assert_eq!(verify("rsa-sha2-512", &sha256), Err(KeyFault::WrongAlgorithm));
    // The name changed, the signature not.
    let (_, value) = sha256.split_at(16);
    let renamed = [&strings(&[b"rsa-sha2-512"])[..], value].concat();
    assert_eq!(verify("rsa-sha2-512", &renamed), Err(KeyFault::BadSignature));
    // SHA-1 is not to be had, under no name.
    assert_eq!(verify("ssh-rsa", &sha256), Err(KeyFault::UnknownAlgorithm));
    assert_eq!(rsa.sign("ssh-rsa", b""), Err(KeyFault::UnknownAlgorithm));
    assert_eq!(rsa.sign("ssh-ed25519", b""), Err(KeyFault::WrongAlgorithm));
    assert_eq!(verify("ssh-ed25519", &sha256), Err(KeyFault::WrongAlgorithm));
    // A good signature that goes by the name of an algorithm of another type of key.
    let ed25519 = private(&PLAIN[0]);
    let good = ed25519.sign("ssh-ed25519", b"data").unwrap();
    let renamed = [&strings(&[b"ecdsa-sha2-nistp256"])[..], good.split_at(15).1].concat();
    let result = ed25519.public().verify("ecdsa-sha2-nistp256", b"data", &renamed);
    assert_eq!(result, Err(KeyFault::WrongAlgorithm));
    assert!(!SIGNATURE_ALGORITHMS.contains(&"ssh-rsa"));
}

/// L, the order of the group, little-endian.
const L: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

#[test]
fn an_ed25519_signature_with_l_added_is_refused() {
    let key = private(&PLAIN[0]);
    let good = key.sign("ssh-ed25519", b"data").unwrap();
    let mut bad = good.clone();
    let at = bad.len() - 32;
    let mut carry = 0u16;
    for (byte, l) in bad[at..].iter_mut().zip(unhex(L)) {
        carry += u16::from(*byte) + u16::from(l);
        *byte = carry as u8;
        carry >>= 8;
    }
    assert_eq!(carry, 0);
    assert_eq!(key.public().verify("ssh-ed25519", b"data", &good), Ok(()));
    let result = key.public().verify("ssh-ed25519", b"data", &bad);
    assert_eq!(result, Err(KeyFault::BadSignature));
}

#[test]
fn ed25519_keys_of_small_order_and_second_encodings_are_refused() {
    let small = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    for key in small {
        let blob = strings(&[b"ssh-ed25519", &unhex(key)]);
        let what = malformed(&blob);
        assert!(["ed25519 key of small order", NO_POINT].contains(&what), "{key}: {what}");
    }
    // y = 3 + 2^255 - 19 names the point with y = 3 a second time.
    let three = |low: u8, rest: u8, top: u8| {
        let mut key = [rest; 32];
        (key[0], key[31]) = (low, top);
        strings(&[b"ssh-ed25519", &key])
    };
    assert!(PublicKey::from_blob(&three(3, 0, 0)).is_ok());
    let second = three(0xf0, 0xff, 0x7f);
    assert_eq!(malformed(&second), "ed25519 key that is not canonically encoded");
    assert_eq!(malformed(&three(2, 0, 0)), NO_POINT);
    let short = strings(&[b"ssh-ed25519", &[1; 31]]);
    assert_eq!(malformed(&short), "ed25519 key that is not 32 bytes long");
}

const NO_POINT: &str = "ed25519 key that is no point of the curve";

#[test]
fn ecdsa_blobs_have_one_form() {
    let (public, _) = PublicKey::from_line(PLAIN[1].public).unwrap();
    let blob = public.blob();
    let mut r = Reader::new(&blob);
    let (name, curve) = (r.string("name").unwrap(), r.string("curve").unwrap());
    let q = r.string("Q").unwrap();
    let mut compressed = q[..33].to_vec();
    compressed[0] = 2 + (q[64] & 1);
    let form = "ecdsa point that is not in uncompressed form";
    assert_eq!(malformed(&strings(&[name, curve, &compressed])), form);
    assert_eq!(malformed(&strings(&[name, curve, &[0]])), form);
    assert_eq!(malformed(&strings(&[name, curve, &[]])), form);
    let mut off = q.to_vec();
    off[64] ^= 1;
    assert_eq!(malformed(&strings(&[name, curve, &off])), "ecdsa point that is not on its curve");
    let other = "ecdsa key of another curve than its type";
    assert_eq!(malformed(&strings(&[name, b"nistp384", q])), other);
    let unknown = strings(&[b"ecdsa-sha2-nistp224", b"nistp224", q]);
    assert_eq!(PublicKey::from_blob(&unknown), Err(KeyFault::UnknownAlgorithm));
}

#[test]
fn ecdsa_numbers_out_of_range_are_refused() {
    let (public, _) = PublicKey::from_line(PLAIN[1].public).unwrap();
    let n = unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    for (r, s) in [(&[][..], &[1][..]), (&[1], &[]), (&n, &[1]), (&[1], &n), (&[1; 33], &[1])] {
        let mut numbers = Vec::new();
        let mut w = Writer::new(&mut numbers);
        w.mpint(r);
        w.mpint(s);
        let blob = strings(&[b"ecdsa-sha2-nistp256", &numbers]);
        let result = public.verify("ecdsa-sha2-nistp256", b"data", &blob);
        assert_eq!(result, Err(KeyFault::BadSignature));
    }
    let padded = strings(&[&[0, 1], &[1]]);
    let blob = strings(&[b"ecdsa-sha2-nistp256", &padded]);
    let result = public.verify("ecdsa-sha2-nistp256", b"data", &blob);
    assert_eq!(result, Err(KeyFault::Malformed("r")));
}

#[test]
fn rsa_signatures_may_lack_leading_zeros_but_not_gain_them() {
    let key = private(&PLAIN[4]);
    // One signature in 256 begins with a zero byte; with this key, that of this message does.
    let message = 365u32.to_be_bytes();
    let blob = key.sign("rsa-sha2-256", &message).unwrap();
    let value = &blob[20..];
    assert_eq!(value[0], 0);
    let verify = |value: &[u8]| {
        key.public().verify("rsa-sha2-256", &message, &strings(&[b"rsa-sha2-256", value]))
    };
    assert_eq!(verify(value), Ok(()));
    assert_eq!(verify(&value[1..]), Ok(()));
    assert_eq!(verify(&[&[0], value].concat()), Err(KeyFault::BadSignature));
    assert_eq!(verify(&[]), Err(KeyFault::BadSignature));
}

#[test]
fn rsa_keys_have_a_size_and_a_sound_exponent() {
    let blob = |e: &[u8], n: &[u8]| {
        let mut out = strings(&[b"ssh-rsa"]);
        let mut w = Writer::new(&mut out);
        w.mpint(e);
        w.mpint(n);
        out
    };
    let size = |bits| Err(KeyFault::RsaSize(bits));
    let e = [1, 0, 1];
    assert_eq!(PublicKey::from_blob(&blob(&e, &[0xff; 128])), size(1024));
    assert_eq!(PublicKey::from_blob(&blob(&e, &[0x7f; 256])), size(2047));
    assert_eq!(PublicKey::from_blob(&blob(&e, &[])), size(0));
    assert_eq!(PublicKey::from_blob(&blob(&e, &[0xff; 2049])), size(16_392));
    assert_eq!(PublicKey::from_blob(&blob(&e, &[0xff; 256])).unwrap().bits(), 2048);
    assert_eq!(PublicKey::from_blob(&blob(&e, &[0xff; 2048])).unwrap().bits(), 16_384);
    let even = [0xfe; 256];
    assert_eq!(malformed(&blob(&e, &even)), "rsa modulus or exponent");
    for e in [&[][..], &[1], &[4], &[2, 0, 0, 0, 1], &[0xff; 256]] {
        assert_eq!(malformed(&blob(e, &[0xff; 256])), "rsa modulus or exponent", "{e:?}");
    }
    let test_only = include_str!("testdata/rsa1024.pub");
    assert_eq!(PublicKey::from_line(test_only), Err(KeyFault::RsaSize(1024)));
}

#[test]
fn a_fresh_key_follows_from_its_seed_and_signs() {
    let fresh = |seed: u8| {
        let mut entropy = Entropy::from_seed(&[seed; SEED_BYTES]);
        PrivateKey::generate_ed25519(entropy.stream(Purpose::Upper))
    };
    let key = fresh(1);
    assert_eq!(key.public(), fresh(1).public());
    assert_ne!(key.public(), fresh(2).public());
    let signature = key.sign("ssh-ed25519", b"data").unwrap();
    assert_eq!(key.public().verify("ssh-ed25519", b"data", &signature), Ok(()));
    assert_eq!(key.comment(), "");
}

#[test]
fn debug_output_holds_nothing_but_the_fingerprint() {
    for key in &PLAIN {
        let private = private(key);
        let shown = std::format!("{private:?}");
        let blob = private.public().blob();
        assert_eq!(shown, std::format!("PrivateKey({})", fingerprint::sha256(&blob)));
    }
}

#[test]
fn faults_read_well() {
    assert_eq!(KeyFault::RsaSize(512).to_string(), "RSA modulus of 512 bits is not accepted");
    assert_eq!(KeyFault::BadSignature.to_string(), "incorrect signature");
    let fault = PublicKey::from_blob(&[]).unwrap_err();
    assert_eq!(fault.to_string(), "malformed: public key format identifier");
}

#[test]
fn the_fields_for_an_agent_hold_the_whole_key() {
    for key in PLAIN {
        let secret = parse_private_key(key.private, None).unwrap();
        let fields = secret.agent_fields();
        let mut r = Reader::new(&fields);
        assert_eq!(r.text("type").unwrap(), secret.public().key_type());
        let again = match secret.public() {
            PublicKey::Ed25519(_) => Secret::Ed25519(Ed25519Secret::read(&mut r).unwrap()),
            PublicKey::Ecdsa(public) => {
                Secret::Ecdsa(EcdsaSecret::read(public.curve(), &mut r).unwrap())
            }
            _ => Secret::Rsa(Box::new(RsaSecret::read(&mut r).unwrap())),
        };
        r.end().unwrap();
        let again = PrivateKey::new(again, String::new());
        let algorithm = key.algorithms[0];
        assert_eq!(again.sign(algorithm, MESSAGE), secret.sign(algorithm, MESSAGE));
    }
}
