//! Wireshark, which shares no code with us, reads our captures and key logs: in Debian 12 it is
//! 4.0, which needs curve25519, AES-GCM and RSA keys; Debian's newest one reads more.

use crate::support::{MARKER, lacks_openssh, server, session, session_of, text, tssh};
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::matrix::place::Place;
use tssh_interop_tests::openssh::{Server, ServerOptions};
use tssh_interop_tests::process::{Finished, run};
use tssh_interop_tests::skip::skip;

const SUITE: [&str; 4] = ["-o", "KexAlgorithms=curve25519-sha256", "-c", "aes128-gcm@openssh.com"];

fn lacks_tshark(test: &str) -> bool {
    let found = Command::new("tshark").arg("--version").output().is_ok();
    if !found {
        skip(test, "no tshark");
    }
    !found
}

/// Everything that tshark says about a capture.
#[track_caller]
fn tshark(capture: &Path, options: &[&str]) -> Finished {
    let mut line = Command::new("tshark");
    line.args(["-r", text(capture), "-V", "-x"]).args(options).env("LC_ALL", "C");
    let done = run(&mut line);
    assert_eq!(done.code, 0, "{}", done.stderr);
    done
}

/// Whether the target of the forward, data in both directions, and good MACs are to be seen.
fn reads(done: &Finished, target: u16) -> Result<(), String> {
    let shown = done.text();
    let marker = String::from_utf8_lossy(&MARKER[..15]).into_owned();
    for (what, there) in [
        ("direct-tcpip", shown.contains("direct-tcpip")),
        ("the target's port", hex_dump_holds(&shown, &target.to_be_bytes())),
        ("channel data", shown.matches("Channel Data (94)").count() >= 4),
        ("the data", shown.contains(&marker) || hex_dump_holds(&shown, &MARKER[..15])),
        ("MACs", !shown.contains("[incorrect") && shown.contains("[correct]")),
    ] {
        if !there {
            return Err(format!("{what} is not to be seen"));
        }
    }
    Ok(())
}

/// Whether the bytes stand in the dump of `-x`, wherever its lines are broken.
fn hex_dump_holds(shown: &str, bytes: &[u8]) -> bool {
    let mut dumped = String::new();
    for line in shown.lines() {
        let Some((offset, rest)) = line.split_once("  ") else { continue };
        if offset.len() != 4 || !offset.bytes().all(|b| b.is_ascii_hexdigit()) {
            continue;
        }
        let hex = rest.split("  ").next().unwrap_or_default();
        dumped.push_str(hex.trim());
        dumped.push(' ');
    }
    let wanted: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    dumped.contains(&wanted.join(" "))
}

#[test]
fn tshark_reads_our_captures() {
    let test = "tshark::tshark_reads_our_captures";
    if lacks_openssh(test) || lacks_tshark(test) {
        return;
    }
    let (server, key) = server(&[]);
    let folder = server.folder();
    let [plain, open, log] =
        ["plain.pcapng", "open.pcapng", "keylog"].map(|name| folder.join(name));

    // The key log beside the capture.
    let options = ["--trace", "pcapng", text(&plain), "--keylog", text(&log)];
    let done = session(&server, &key, &[&options[..], &SUITE].concat(), "true");
    let preference = format!("ssh.keylog_file:{}", log.display());
    let shown = tshark(&plain, &["-o", &preference]);
    reads(&shown, done.target).unwrap_or_else(|what| panic!("{what}:\n{:.6000}", shown.text()));
    // Without it, and with a bit of it wrong, there is nothing to be seen.
    assert!(reads(&tshark(&plain, &[]), done.target).is_err());
    let mut wrong = std::fs::read(&log).expect("a key log");
    for line in wrong.split_mut(|byte| *byte == b'\n').filter(|line| line.len() > 40) {
        let last = line.len() - 1;
        line[last] = if line[last] == b'0' { b'1' } else { b'0' };
        let first = 33;
        line[first] = if line[first] == b'1' { b'2' } else { b'1' };
    }
    let path = folder.write("wrong", wrong);
    let preference = format!("ssh.keylog_file:{}", path.display());
    assert!(reads(&tshark(&plain, &["-o", &preference]), done.target).is_err());

    // The capture that opens by itself.
    let options = ["--trace", "pcapng", text(&open), "--trace-secrets"];
    let done = session(&server, &key, &[&options[..], &SUITE].concat(), "true");
    let shown = tshark(&open, &[]);
    reads(&shown, done.target).unwrap_or_else(|what| panic!("{what}:\n{:.6000}", shown.text()));

    // Checksums and numbers are those of real packets.
    let checks = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];
    let faults =
        ["-Y", "tcp.analysis.flags || tcp.checksum.status == 0 || ip.checksum.status == 0"];
    let found = tshark(&open, &[&checks[..], &faults].concat());
    assert_eq!(found.text().trim(), "");
}

/// What Wireshark 4.6 reads, as (key exchange, cipher, MAC); of the others, the curves of NIST,
/// sntrup761x25519 by its older name, encrypt-then-MAC and MACs but hmac-sha2-256, it sees no more
/// than that they are encrypted, whoever wrote the capture.
const READ_BY_NEWEST: [(&str, &str, &str); 11] = [
    ("mlkem768x25519-sha256", CHACHA, MAC),
    ("sntrup761x25519-sha512", CHACHA, MAC),
    ("curve25519-sha256", CHACHA, MAC),
    ("curve25519-sha256@libssh.org", CHACHA, MAC),
    ("diffie-hellman-group-exchange-sha256", CHACHA, MAC),
    ("diffie-hellman-group16-sha512", CHACHA, MAC),
    ("diffie-hellman-group14-sha256", CHACHA, MAC),
    ("mlkem768x25519-sha256", "aes128-gcm@openssh.com", MAC),
    ("mlkem768x25519-sha256", "aes256-gcm@openssh.com", MAC),
    ("mlkem768x25519-sha256", "aes128-ctr", MAC),
    ("mlkem768x25519-sha256", "aes256-ctr", MAC),
];
const CHACHA: &str = "chacha20-poly1305@openssh.com";
const MAC: &str = "hmac-sha2-256";
/// More than fits into a few packets.
const LONG: usize = 200_000;

/// Check 2 of the requirements for teaching: the newest Wireshark, hybrid key exchange, Ed25519.
#[test]
fn the_newest_tshark_reads_the_hybrids() {
    let test = "tshark::the_newest_tshark_reads_the_hybrids";
    if lacks_openssh(test) {
        return;
    }
    if let Some(reason) = Place::missing() {
        return skip(test, &reason);
    }
    let newest = Place::new().tree("wireshark", "sid", &["tshark"]).expect("Debian's newest one");
    let lists = ["kex", "cipher", "mac"].map(|what| tssh(&["-Q", what]).text().replace('\n', ","));
    let lists = lists.each_ref().map(|list| list.trim_end_matches(','));
    let [kex, ciphers, macs] = ["KexAlgorithms", "Ciphers", "MACs"];
    let lines =
        [(kex, lists[0]), (ciphers, lists[1]), (macs, lists[2])].map(|(k, v)| format!("{k} {v}"));
    let lines = lines.each_ref().map(String::as_str);
    let server = Server::start_tsshd(&ServerOptions::with_lines(&lines));
    let folder = server.folder();
    std::fs::create_dir_all(folder.join("home")).expect("a folder");
    let [capture, log] = ["new.pcapng", "new.keylog"].map(|name| folder.join(name));
    let preference = format!("ssh.keylog_file:{}", log.display());
    for (kex, cipher, mac) in READ_BY_NEWEST {
        let kex = format!("KexAlgorithms={kex}");
        let suite = ["-o", &kex, "-c", cipher, "-m", mac];
        let traces = ["-q", "--trace", "pcapng", text(&capture), "--keylog", text(&log)];
        let key = server.user_key();
        let done = session_of(LONG, &server, &key, &[&traces[..], &suite].concat(), "true");
        let dissect = |options: &[&str]| {
            let mut line = newest.command(folder.path(), "tshark");
            let done = run(line.args(["-r", text(&capture), "-V", "-x"]).args(options));
            assert_eq!(done.code, 0, "{}", done.stderr);
            done
        };
        let shown = dissect(&["-o", &preference]);
        reads(&shown, done.target).unwrap_or_else(|what| panic!("{suite:?}: {what}"));
        let pieces = shown.text().matches("Channel Data (94)").count();
        assert!(pieces >= 2 * LONG / (16 << 10), "{suite:?}: {pieces}");
        assert!(reads(&dissect(&[]), done.target).is_err(), "{suite:?}: without its key log");
    }
}
