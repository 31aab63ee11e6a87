use super::*;
use crate::test_support::Dir;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use tssh_transport::key::base64;

const ED: &str = "ssh-ed25519";

/// A blob of this type that differs with `n`; nobody here looks inside a key.
fn blob(key_type: &str, n: u8) -> Vec<u8> {
    let mut blob = Vec::new();
    let mut w = tssh_transport::wire::Writer::new(&mut blob);
    w.string(key_type.as_bytes());
    w.string(&[n; 32]);
    blob
}

fn line(names: &str, key_type: &str, n: u8) -> String {
    format!("{names} {key_type} {}\n", base64::encode(&blob(key_type, n)))
}

fn with(text: &str) -> (Dir, PathBuf) {
    let dir = Dir::new();
    let path = dir.write("known_hosts", text);
    (dir, path)
}

fn find(text: &str, name: &str, key: &[u8]) -> Finding {
    let (_dir, path) = with(text);
    KnownHosts::read([&path]).find(name, key)
}

fn is_known(finding: &Finding) -> bool {
    matches!(finding, Finding::Known(_))
}

fn line_of(finding: &Finding) -> usize {
    match finding {
        Finding::Changed(entry) | Finding::Revoked(entry) => entry.line_number,
        Finding::Known(_) | Finding::Unknown => 0,
    }
}

#[test]
fn plain_names_ports_patterns_and_negation() {
    let text =
        ["# comment\n\n", &line("a,*.org,!x.org", ED, 1), &line("[b]:22422", ED, 2)].concat();
    let known = |name: &str, n| find(&text, name, &blob(ED, n));
    for name in ["a", "A", "y.org"] {
        assert!(is_known(&known(name, 1)), "{name}");
    }
    assert_eq!(known("x.org", 1), Finding::Unknown);
    assert_eq!(known("b", 2), Finding::Unknown);
    assert!(is_known(&known("[b]:22422", 2)));
    assert_eq!(line_of(&known("a", 9)), 3);
    assert_eq!(host_and_port("h", 22), "h");
    assert_eq!(host_and_port("::1", 23), "[::1]:23");
}

#[test]
fn another_key_is_a_changed_key_whatever_its_type() {
    let text = [line("h", "ssh-rsa", 1), line("h", ED, 2)].concat();
    assert!(is_known(&find(&text, "h", &blob(ED, 2))));
    assert!(is_known(&find(&text, "h", &blob("ssh-rsa", 1))));
    assert_eq!(line_of(&find(&text, "h", &blob(ED, 3))), 1);
    assert_eq!(line_of(&find(&text, "h", &blob("ecdsa-sha2-nistp256", 1))), 1);
    assert_eq!(find(&line("h", "ssh-dss", 1), "h", &blob(ED, 3)), Finding::Unknown);
}

#[test]
fn revoked_wins_and_authorities_are_no_host_keys() {
    let text = [line("h", ED, 1), format!("@revoked {}", line("*", ED, 1))].concat();
    assert_eq!(line_of(&find(&text, "h", &blob(ED, 1))), 2);
    assert!(matches!(find(&text, "h", &blob(ED, 1)), Finding::Revoked(_)));
    let text = format!("@cert-authority {}", line("*", ED, 1));
    assert_eq!(find(&text, "h", &blob(ED, 1)), Finding::Unknown);
    assert_eq!(find(&text, "h", &blob(ED, 2)), Finding::Unknown);
    // An unknown marker must not turn its line into an ordinary one.
    assert_eq!(find(&format!("@x {}", line("h", ED, 1)), "h", &blob(ED, 1)), Finding::Unknown);
}

#[test]
fn bad_lines_are_passed_over() {
    let good = line("h", ED, 1);
    for bad in [
        "h",
        "h ssh-ed25519",
        "h ssh-ed25519 ????",
        "|1|x|y ssh-ed25519 AAAA",
        "@revoked",
        "|1||AAAA ssh-ed25519 AAAA",
        "h ssh-ed25519 AAAA",
        &good.replace("ssh-ed25519", "ssh-rsa"),
        "\u{0}\u{7f}",
        "|1|AAAA",
    ] {
        assert_eq!(Line::parse(bad), None, "{bad}");
        assert!(is_known(&find(&format!("{bad}\n{good}"), "h", &blob(ED, 1))));
    }
}

#[test]
fn known_types_come_first() {
    let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let all = list(&["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"]);
    assert_eq!(prefer_known(&all, &[], false), all);
    assert_eq!(prefer_known(&all, &["ssh-rsa", "ssh-ed25519"], false), all);
    assert_eq!(
        prefer_known(&all, &["ssh-rsa"], false),
        list(&["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519", "ecdsa-sha2-nistp256"])
    );
    // Certificates in front, as by default: a key of the first plain type moves nothing.
    let certified = [list(&["ssh-ed25519-cert-v01@openssh.com"]), all].concat();
    assert_eq!(prefer_known(&certified, &["ssh-ed25519"], false), certified);
    assert_eq!(prefer_known(&certified, &["ssh-rsa"], false)[0], "rsa-sha2-512");
    assert_eq!(prefer_known(&certified, &["ssh-rsa"], true)[0], certified[0]);
}

#[test]
fn adding_keeps_mode_link_and_other_lines() {
    let (dir, path) = with("no newline at the end");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let link = dir.0.join("link");
    std::os::unix::fs::symlink("known_hosts", &link).unwrap();
    add(&link, &["New.Host"], ED, &blob(ED, 1), false).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, format!("no newline at the end\n{}", line("new.host", ED, 1)));
    assert_eq!(std::fs::read_dir(&dir.0).unwrap().count(), 2, "nothing is left behind");

    let fresh = dir.0.join("fresh");
    add(&fresh, &["h"], ED, &blob(ED, 1), true).unwrap();
    assert_eq!(std::fs::metadata(&fresh).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(&fresh).unwrap().starts_with("|1|"));
    assert!(is_known(&KnownHosts::read([&fresh]).find("H", &blob(ED, 1))));
    add(Path::new("/dev/null"), &["h"], ED, &blob(ED, 1), false).unwrap();
    assert!(add(&dir.0.join("no/such/dir"), &["h"], ED, &blob(ED, 1), false).is_err());
}

#[test]
fn many_writers_lose_no_line() {
    let (_dir, path) = with("");
    std::thread::scope(|scope| {
        for n in 0..16 {
            let path = &path;
            scope.spawn(move || add(path, &[&format!("h{n}")], ED, &blob(ED, n), false).unwrap());
        }
    });
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 16);
}

/// `ssh-keygen -H` hashes as we look up, and `ssh-keygen -F` finds what we hash.
#[test]
fn hashing_agrees_with_ssh_keygen() {
    let (dir, path) = with("");
    if dir.key("key", "ed25519", "").is_none() {
        return;
    }
    let keygen = |arguments: &[&str]| Command::new("ssh-keygen").args(arguments).output();
    let public = std::fs::read_to_string(dir.0.join("key.pub")).unwrap();
    let real = Line::parse(&format!("x {public}")).unwrap().blob;
    let file = path.to_str().unwrap();

    std::fs::write(&path, format!("[theirs]:22422 {public}")).unwrap();
    assert!(keygen(&["-H", "-f", file]).unwrap().status.success());
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("|1|"));
    assert!(is_known(&KnownHosts::read([&path]).find("[theirs]:22422", &real)));
    assert_eq!(KnownHosts::read([&path]).find("theirs", &real), Finding::Unknown);

    for hash in [true, false] {
        add(&path, &[&format!("[Ours{hash}]:7")], ED, &real, hash).unwrap();
        let name = format!("[ours{hash}]:7");
        let found = keygen(&["-F", &name, "-f", file]).unwrap();
        assert!(found.status.success(), "{name}");
        assert!(is_known(&KnownHosts::read([&path]).find(&name, &real)));
    }
}

/// A writer that is killed at any point leaves the old file or the new one: the whole of it, and
/// nothing of a line.
#[test]
fn a_killed_writer_leaves_a_whole_file() {
    use std::io::BufRead as _;
    if let Some(path) = std::env::var_os("TSSH_TEST_WRITE_KNOWN_HOSTS") {
        let path = PathBuf::from(path);
        for n in 0_u32.. {
            add(&path, &[&format!("new{n}")], ED, &blob(ED, 2), false).unwrap();
            std::io::Write::write_all(&mut std::io::stderr(), b"added\n").unwrap();
        }
    }
    let text: String = (0..2000).map(|n| line(&format!("old{n}"), ED, 1)).collect();
    for round in 0..12_usize {
        let (_dir, path) = with(&text);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "known_hosts::tests::a_killed_writer_leaves_a_whole_file"])
            .args(["--nocapture", "--test-threads=1"])
            .env("TSSH_TEST_WRITE_KNOWN_HOSTS", &path)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // The kill lands somewhere in the write after the last one that was reported.
        let reported = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
        assert_eq!(reported.take(1 + round % 3).count(), 1 + round % 3);
        child.kill().unwrap();
        child.wait().unwrap();
        let left = std::fs::read_to_string(&path).unwrap();
        assert!(left.starts_with(&text), "round {round}");
        let new: Vec<&str> = left[text.len()..].lines().collect();
        assert!(new.len() > round % 3, "round {round}");
        for (n, found) in new.iter().enumerate() {
            assert_eq!(format!("{found}\n"), line(&format!("new{n}"), ED, 2), "round {round}");
        }
        assert!(left.ends_with('\n'), "round {round}");
    }
}
