//! Commands with which a reader comes to the bytes of the page without us: openssl, sha256sum and
//! xxd do the work.

use super::escape::{hex, text};
use std::fmt::Write as _;
use tssh_transport::kex::method::HashAlgorithm;
use tssh_transport::key::base64;
use tssh_transport::trace::{Map, Value};

/// Digits of hexadecimal on one line of a command.
const LINE_DIGITS: usize = 96;
/// Bytes of one input of a command: a command is to be read too.
const INPUT_BYTES_MAX: usize = 16 * 1024;

/// One thing to check.
pub struct Check {
    title: String,
    why: String,
    command: String,
    /// What it prints; nothing where a secret that it needs is withheld.
    want: Option<String>,
}

impl Check {
    /// Appends it to the page.
    pub fn push(&self, out: &mut String, n: usize) {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<div class=\"check\"><h3>{}</h3><p>{}</p><pre tabindex=\"0\" role=\"region\" \
             aria-label=\"Command {n}\"><code class=\"{}\">{}</code></pre>",
            text(&self.title),
            text(&self.why),
            if self.want.is_some() { "cmd" } else { "cmd withheld" },
            escape_command(&self.command),
        );
        match &self.want {
            Some(want) => {
                let _ = write!(
                    out,
                    "<p class=\"out\">prints</p><code class=\"want\">{}</code></div>",
                    text(want)
                );
            }
            None => out.push_str(
                "<p class=\"out\">A secret of this session stands in it, and is withheld. On a \
                 throwaway session, <code>--trace-secrets</code> makes this command complete.</p>\
                 </div>",
            ),
        }
    }
}

/// A command as it is: our own words and hexadecimal, so that only the signs of HTML matter.
fn escape_command(command: &str) -> String {
    command.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The bytes that stand in a command: shown, or what stands for them.
enum Input<'a> {
    Bytes(&'a [u8]),
    Withheld(String),
}

fn secret<'a>(map: Option<&Map>, store: &'a mut Vec<u8>, name: &str) -> Input<'a> {
    let Some(map) = map else { return Input::Withheld(format!("({name})")) };
    if map.get("hex").is_none() {
        return Input::Withheld(format!("({name}, {} bytes, withheld)", map.number("len")));
    }
    *store = map.bytes("hex").to_vec();
    Input::Bytes(store)
}

/// `xxd -r -p` with these bytes as its input; `then` goes on with what it prints.
fn feed(inputs: &[Input<'_>], then: &str) -> String {
    let mut command = format!("xxd -r -p <<'END' {then}\n");
    for input in inputs {
        match input {
            Input::Bytes(bytes) => {
                let digits = hex(bytes);
                let mut rest = digits.as_str();
                while !rest.is_empty() {
                    let (line, more) = rest.split_at(rest.len().min(LINE_DIGITS));
                    command.push_str(line);
                    command.push('\n');
                    rest = more;
                }
            }
            Input::Withheld(words) => {
                command.push_str(words);
                command.push('\n');
            }
        }
    }
    command.push_str("END");
    command
}

fn all_shown(inputs: &[Input<'_>]) -> bool {
    inputs
        .iter()
        .all(|input| matches!(input, Input::Bytes(bytes) if bytes.len() <= INPUT_BYTES_MAX))
}

/// `sha512sum` and its digits, of the hash that a trace names.
fn sum(hash: &str) -> Option<(&'static str, usize)> {
    match hash {
        "SHA-256" => Some(("sha256sum", 64)),
        "SHA-384" => Some(("sha384sum", 96)),
        "SHA-512" => Some(("sha512sum", 128)),
        _ => None,
    }
}

/// What the checks are made from.
pub struct Facts<'a> {
    /// The first exchange.
    pub kex: &'a Map,
    /// Its six keys.
    pub keys: &'a [Map],
    /// The signature of H, as it stands in the reply, with its length.
    pub signature: &'a [u8],
    /// The first encrypted packet of client and server.
    pub first: [Option<&'a Map>; 2],
}

/// Everything of a session that can be checked.
pub fn all(facts: &Facts<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    checks.extend(ephemeral(facts.kex));
    checks.extend(fingerprint(facts.kex));
    checks.extend(shared_secret(facts.kex));
    checks.extend(exchange_hash(facts.kex));
    checks.extend(signature(facts));
    checks.extend(facts.keys.iter().filter_map(|key| derived(facts.kex, key)));
    for packet in facts.first.into_iter().flatten() {
        checks.extend(decrypted(facts.keys, packet));
        checks.extend(tag(facts.keys, packet));
    }
    checks
}

fn input<'a>(kex: &'a Map, name: &str) -> Option<&'a Map> {
    kex.list("inputs").iter().filter_map(Value::as_map).find(|map| map.text("name") == name)
}

/// The first string in some bytes, and what follows it.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(4)?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    rest.split_at_checked(usize::try_from(length).ok()?)
}

fn is_x25519(kex: &Map) -> bool {
    kex.text("method").starts_with("curve25519-sha256")
}

/// A secret number of X25519 in the form that openssl reads.
const X25519_PRIVATE: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20,
];
/// A public value of it.
const X25519_PUBLIC: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00];
/// A public key of Ed25519.
const ED25519_PUBLIC: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

fn ephemeral(kex: &Map) -> Option<Check> {
    if !is_x25519(kex) {
        return None;
    }
    let encoded = input(kex, "Q_C")?.bytes("bytes");
    let (public, _) = string(&encoded)?;
    let mut store = Vec::new();
    let scalar = kex.get("scalar").and_then(Value::as_map);
    let inputs =
        [Input::Bytes(&X25519_PRIVATE), secret(scalar, &mut store, "the client's private value")];
    let want = all_shown(&inputs).then(|| hex(public));
    let then = "| openssl pkey -inform DER -pubout -outform DER | tail -c 32 | xxd -p -c 32";
    Some(Check {
        title: "The client's public value from its private one".to_owned(),
        why: "The first 16 bytes tell openssl that an X25519 key follows.".to_owned(),
        command: feed(&inputs, then),
        want,
    })
}

fn fingerprint(kex: &Map) -> Option<Check> {
    let encoded = input(kex, "K_S")?.bytes("bytes");
    let (key, _) = string(&encoded)?;
    let then = "| openssl dgst -sha256 -binary | openssl base64 | tr -d = | sed s/^/SHA256:/";
    let digest = HashAlgorithm::Sha256.digest(&[key]);
    let printed = base64::encode(digest.get(..32).unwrap_or(&digest));
    let inputs = [Input::Bytes(key)];
    all_shown(&inputs).then(|| Check {
        title: "The fingerprint of the host key".to_owned(),
        why: "What ssh shows when it meets a server for the first time: the hash of K_S."
            .to_owned(),
        command: feed(&inputs, then),
        want: Some(format!("SHA256:{}", printed.trim_end_matches('='))),
    })
}

fn shared_secret(kex: &Map) -> Option<Check> {
    if !is_x25519(kex) {
        return None;
    }
    let encoded = input(kex, "Q_S")?.bytes("bytes");
    let (public, _) = string(&encoded)?;
    let (mut store, mut k_store) = (Vec::new(), Vec::new());
    let scalar = kex.get("scalar").and_then(Value::as_map);
    let private =
        [Input::Bytes(&X25519_PRIVATE), secret(scalar, &mut store, "the client's private value")];
    let want = match secret(input(kex, "K"), &mut k_store, "K") {
        Input::Bytes(k) if all_shown(&private) => string(k).map(|(number, _)| {
            // As a number it has no zeros in front but that of the sign.
            let zeros = number.iter().take_while(|byte| **byte == 0).count();
            format!("{:0>64}", hex(number.get(zeros..).unwrap_or_default()))
        }),
        _ => None,
    };
    let command = format!(
        "(cd \"$(mktemp -d)\"\n{}\n{}\nopenssl pkeyutl -derive -keyform DER -inkey private \
         -peerform DER -peerkey public | xxd -p -c 32)",
        feed(&private, "> private"),
        feed(&[Input::Bytes(&X25519_PUBLIC), Input::Bytes(public)], "> public")
    );
    Some(Check {
        title: "The shared secret".to_owned(),
        why: "The client's private value and the server's public one give K. In the hash it is \
              written as an mpint: four bytes of length, a zero where the highest bit is set, and \
              no other zeros in front."
            .to_owned(),
        command,
        want,
    })
}

fn exchange_hash(kex: &Map) -> Option<Check> {
    let (program, _) = sum(kex.text("hash"))?;
    let maps: Vec<&Map> = kex.list("inputs").iter().filter_map(Value::as_map).collect();
    let stored: Vec<_> = maps.iter().map(|map| map.bytes("bytes")).collect();
    let mut k_store = Vec::new();
    let mut inputs: Vec<Input<'_>> = Vec::new();
    for (map, bytes) in maps.iter().zip(&stored) {
        if map.get("secret").is_none() {
            inputs.push(Input::Bytes(bytes));
        }
    }
    inputs.push(secret(input(kex, "K"), &mut k_store, "K"));
    let names: Vec<&str> = maps.iter().map(|map| map.text("name")).collect();
    let want = all_shown(&inputs).then(|| hex(&kex.bytes("h")));
    Some(Check {
        title: "The exchange hash H".to_owned(),
        why: format!("The inputs one behind the other: {}.", names.join(", ")),
        command: feed(&inputs, &format!("| {program} | cut -d ' ' -f 1")),
        want,
    })
}

/// DER: a tag, a length, the content.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ ..=0x7f) => out.push(short),
        _ => {
            let length = u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes();
            let digits: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(4));
            out.extend(digits);
        }
    }
    out.extend(content);
    out
}

/// A signature in the form of openssl: the key, the signature, the command that looks at both.
fn openssl_form(blob: &[u8], signature: &[u8]) -> Option<(Vec<u8>, Vec<u8>, String)> {
    let (kind, rest) = string(blob)?;
    let (algorithm, signed) = string(signature)?;
    let (signed, _) = string(signed)?;
    let dgst = |hash: &str| {
        format!("openssl dgst -{hash} -keyform DER -verify key -signature signature h")
    };
    match kind {
        b"ssh-ed25519" => {
            let key = [&ED25519_PUBLIC, string(rest)?.0].concat();
            let command = "openssl pkeyutl -verify -pubin -keyform DER -inkey key -rawin -in h \
                           -sigfile signature";
            Some((key, signed.to_vec(), command.to_owned()))
        }
        b"ssh-rsa" => {
            let (e, rest) = string(rest)?;
            let number = der(0x30, &[&der(2, &[string(rest)?.0]), &der(2, &[e])]);
            let rsa = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
            let key = der(0x30, &[&der(0x30, &[&rsa]), &der(3, &[&[0], &number])]);
            let hash = if algorithm == b"rsa-sha2-256" { "sha256" } else { "sha512" };
            Some((key, signed.to_vec(), dgst(hash)))
        }
        _ => {
            let (curve, hash): (&[u8], &str) = match kind {
                b"ecdsa-sha2-nistp256" => {
                    (&[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], "sha256")
                }
                b"ecdsa-sha2-nistp384" => (&[0x06, 5, 0x2b, 0x81, 0x04, 0x00, 0x22], "sha384"),
                b"ecdsa-sha2-nistp521" => (&[0x06, 5, 0x2b, 0x81, 0x04, 0x00, 0x23], "sha512"),
                _ => return None,
            };
            let ec = [0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
            let (_, point) = string(rest)?;
            let point = string(point)?.0;
            let key = der(0x30, &[&der(0x30, &[&ec, curve]), &der(3, &[&[0], point])]);
            let (r, rest) = string(signed)?;
            let signature = der(0x30, &[&der(2, &[r]), &der(2, &[string(rest)?.0])]);
            Some((key, signature, dgst(hash)))
        }
    }
}

fn signature(facts: &Facts<'_>) -> Option<Check> {
    let encoded = input(facts.kex, "K_S")?.bytes("bytes");
    let (blob, _) = string(&encoded)?;
    let (own, _) = string(facts.signature)?;
    let (key, signed, verify) = openssl_form(blob, own)?;
    let said =
        if verify.contains("pkeyutl") { "Signature Verified Successfully" } else { "Verified OK" };
    let h = facts.kex.bytes("h");
    let inputs = [Input::Bytes(&key), Input::Bytes(&h), Input::Bytes(&signed)];
    if !all_shown(&inputs) {
        return None;
    }
    let [key, h, signed] = inputs;
    let command = format!(
        "(cd \"$(mktemp -d)\"\n{}\n{}\n{}\n{verify})",
        feed(&[key], "> key"),
        feed(&[h], "> h"),
        feed(&[signed], "> signature")
    );
    Some(Check {
        title: "The server's signature over H".to_owned(),
        why: "Nothing secret is needed for this one: host key, hash and signature are all on this \
              page. The key is written in the form that openssl reads."
            .to_owned(),
        command,
        want: Some(said.to_owned()),
    })
}

fn derived(kex: &Map, key: &Map) -> Option<Check> {
    let (program, digits) = sum(key.text("hash"))?;
    let shown = key.get("key").and_then(Value::as_map)?;
    let wanted = usize::try_from(shown.number("len")).ok()?.checked_mul(2)?;
    let (mut k_store, mut key_store) = (Vec::new(), Vec::new());
    let (h, session) = (kex.bytes("h"), kex.bytes("session_id"));
    let letter = key.text("letter").as_bytes().to_vec();
    if wanted == 0 || letter.len() != 1 {
        return None;
    }
    let k = secret(input(kex, "K"), &mut k_store, "K");
    let k_words = match &k {
        Input::Bytes(bytes) => Input::Bytes(bytes),
        Input::Withheld(words) => Input::Withheld(words.clone()),
    };
    let first = [k, Input::Bytes(&h), Input::Bytes(&letter), Input::Bytes(&session)];
    let known = all_shown(&first);
    let command = if wanted <= digits {
        feed(&first, &format!("| {program} | cut -c 1-{wanted}"))
    } else {
        // One hash is not enough: the next covers what there is so far.
        let more = feed(&[k_words, Input::Bytes(&h)], "| xxd -p | tr -d '\\n'");
        format!(
            "K1=$({}\n)\nKH=$({more}\n)\nKEY=$K1\nwhile [ ${{#KEY}} -lt {wanted} ]; do\n    \
             KEY=$KEY$(printf %s \"$KH$KEY\" | xxd -r -p | {program} | cut -c 1-{digits})\ndone\n\
             echo \"$KEY\" | cut -c 1-{wanted}",
            feed(&first, &format!("| {program} | cut -c 1-{digits}"))
        )
    };
    let want = match secret(Some(shown), &mut key_store, "key") {
        Input::Bytes(bytes) if known => Some(hex(bytes)),
        _ => None,
    };
    let who = if key.text("dir") == "s2c" { "server to client" } else { "client to server" };
    Some(Check {
        title: format!("Key {}: {}, {who}", key.text("letter"), key.text("name")),
        why: format!("K, H, the letter {}, the session identifier.", key.text("letter")),
        command,
        want,
    })
}

/// The key of that letter.
fn of_letter<'a>(keys: &'a [Map], letter: &str) -> Option<&'a Map> {
    let key = keys.iter().find(|key| key.text("letter") == letter)?;
    key.get("key").and_then(Value::as_map)
}

fn digits(input: Input<'_>) -> (String, bool) {
    match input {
        Input::Bytes(bytes) => (hex(bytes), true),
        Input::Withheld(words) => (words, false),
    }
}

/// How openssl undoes a cipher: its name, its key and counter in hexadecimal, and where the
/// ciphertext begins and the plaintext is cut.
struct Undo {
    cipher: String,
    key: String,
    iv: String,
    from: usize,
    skip: usize,
}

fn undo(alg: &str, key: String, iv: String, seq: u64) -> Option<Undo> {
    let bits =
        ["128", "192", "256"].into_iter().find(|bits| alg.starts_with(&format!("aes{bits}")));
    if alg.starts_with("chacha20") {
        // The first half of the key is for payloads; the counter of their first block is 1.
        let key = key.get(..64).map_or(key.clone(), str::to_owned);
        let iv = format!("0100000000000000{seq:016x}");
        return Some(Undo { cipher: "chacha20".to_owned(), key, iv, from: 4, skip: 1 });
    }
    let bits = bits?;
    let cipher = format!("aes-{bits}-ctr");
    if alg.contains("gcm") {
        // GCM encrypts as counter mode does; block 1 is for the tag.
        return Some(Undo { cipher, key, iv: format!("{iv}00000002"), from: 4, skip: 1 });
    }
    None
}

/// The algorithms of a direction as keys and packets tell them.
fn decrypted(keys: &[Map], packet: &Map) -> Option<Check> {
    let mac = packet.get("mac").and_then(Value::as_map)?;
    if packet.get("compressed") == Some(&Value::Bool(true)) || packet.number("seq") > 3 {
        return None;
    }
    let server = packet.text("dir") == "s2c";
    let [iv_letter, key_letter] = if server { ["B", "D"] } else { ["A", "C"] };
    let (mut key_store, mut iv_store) = (Vec::new(), Vec::new());
    let key_map = of_letter(keys, key_letter);
    let (key, known) = digits(secret(key_map, &mut key_store, &format!("key {key_letter}")));
    let (iv, iv_known) =
        digits(secret(of_letter(keys, iv_letter), &mut iv_store, &format!("key {iv_letter}")));
    let undo = match undo(mac.text("alg"), key.clone(), iv.clone(), packet.number("seq")) {
        Some(undo) => undo,
        // With a MAC of its own the cipher is one of the counter modes; its key says which.
        None if mac.text("alg").starts_with("hmac-") => {
            let bits = key_map?.number("len").checked_mul(8)?;
            let etm = mac.text("alg").contains("etm");
            let (from, skip) = if etm { (4, 1) } else { (0, 5) };
            Undo { cipher: format!("aes-{bits}-ctr"), key, iv, from, skip }
        }
        None => return None,
    };
    let wire = packet.bytes("wire");
    let to = usize::try_from(mac.number("off")).ok()?;
    let sealed = wire.get(undo.from..to)?;
    let payload = packet.bytes("payload");
    let from = undo.skip * 2 + 1;
    let until = from.checked_add(payload.len().checked_mul(2)?)?.checked_sub(1)?;
    let then = format!(
        "| openssl enc -d -{} -K {} -iv {} | xxd -p | tr -d '\\n' | cut -c {from}-{until}",
        undo.cipher,
        quoted(&undo.key),
        quoted(&undo.iv)
    );
    let plain = packet.list("redacted").is_empty() && !payload.is_empty();
    let known = known && (iv_known || undo.cipher == "chacha20") && plain;
    let inputs = [Input::Bytes(sealed)];
    let who = if server { "server" } else { "client" };
    all_shown(&inputs).then(|| Check {
        title: format!("The first encrypted packet of the {who}"),
        why: format!(
            "openssl undoes the encryption; cut takes the payload out of the frame: {}.",
            if undo.skip == 1 {
                "the length of the padding stands before it, the padding behind it"
            } else {
                "both lengths stand before it, the padding behind it"
            }
        ),
        command: feed(&inputs, &then),
        want: known.then(|| hex(&payload)),
    })
}

/// A word of a shell: what is withheld has spaces.
fn quoted(word: &str) -> String {
    if word.contains(' ') { format!("'{word}'") } else { word.to_owned() }
}

/// The MAC of a packet whose MAC covers what is on the wire.
fn tag(keys: &[Map], packet: &Map) -> Option<Check> {
    let mac = packet.get("mac").and_then(Value::as_map)?;
    let alg = mac.text("alg");
    let hash = alg.strip_prefix("hmac-").filter(|_| alg.contains("-etm"))?;
    let hash = match hash.split("-etm").next()? {
        "sha2-256" => "sha256",
        "sha2-512" => "sha512",
        "sha1" => "sha1",
        _ => return None,
    };
    let server = packet.text("dir") == "s2c";
    let letter = if server { "F" } else { "E" };
    let mut store = Vec::new();
    let (key, known) =
        digits(secret(of_letter(keys, letter), &mut store, &format!("key {letter}")));
    let wire = packet.bytes("wire");
    let (covered, tag) = wire.split_at_checked(usize::try_from(mac.number("off")).ok()?)?;
    let seq = u32::try_from(packet.number("seq")).ok()?.to_be_bytes();
    let option = quoted(&format!("hexkey:{key}"));
    let then = format!("| openssl dgst -{hash} -mac HMAC -macopt {option} | sed 's/.*= //'");
    let inputs = [Input::Bytes(&seq), Input::Bytes(covered)];
    let who = if server { "server" } else { "client" };
    all_shown(&inputs).then(|| Check {
        title: format!("The MAC of the {who}'s first encrypted packet"),
        why: "The sequence number, which is never sent, then the packet as it is on the wire."
            .to_owned(),
        command: feed(&inputs, &then),
        want: known.then(|| hex(tag)),
    })
}
