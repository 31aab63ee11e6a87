use super::*;
use crate::test_support::Dir;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn blob(path: &Path) -> Vec<u8> {
    let text = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    PublicKey::from_line(&text).unwrap().0.blob()
}

fn in_agent(path: &Path) -> AgentKey {
    AgentKey { blob: blob(path), comment: b"c\x1b".to_vec() }
}

#[test]
fn files_plain_locked_public_and_unsafe() {
    let dir = Dir::new();
    let Some(plain) = dir.key("plain", "ed25519", "") else { return };
    let Some(locked) = dir.key("locked", "ecdsa", "secret") else { return };

    let file = KeyFile::load(&plain, true).unwrap();
    assert_eq!(file.locked, Locked::No);
    assert_eq!(file.public.as_ref().unwrap().blob(), blob(&plain));
    assert!(file.unlock(None).is_ok());

    std::fs::remove_file(locked.with_extension("pub")).unwrap();
    let file = KeyFile::load(&locked, true).unwrap();
    assert_eq!(file.locked, Locked::Yes, "the public half is in the clear");
    assert!(file.unlock(Some("wrong")).is_err() && file.unlock(None).is_err());
    assert_eq!(Some(file.unlock(Some("secret")).unwrap().public()), file.public.as_ref());

    // The older format hides both halves.
    let Some(old) = dir.key("old", "ecdsa", "") else { return };
    let converted = Command::new("ssh-keygen")
        .args(["-q", "-p", "-m", "PKCS8", "-P", "", "-N", "secret", "-f"])
        .arg(&old)
        .output();
    assert!(converted.unwrap().status.success());
    let public = PublicKey::from_blob(&blob(&old)).unwrap();
    std::fs::remove_file(old.with_extension("pub")).unwrap();
    let file = KeyFile::load(&old, true).unwrap();
    assert_eq!((file.locked, file.public.is_none()), (Locked::Yes, true));
    assert_eq!(*file.unlock(Some("secret")).unwrap().public(), public);

    let file = KeyFile::load(&plain.with_extension("pub"), true).unwrap();
    assert_eq!(file.locked, Locked::NoPrivateHalf);
    assert!(KeyFile::load(&dir.0.join("missing"), false).is_none());

    std::fs::set_permissions(&plain, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = KeyFile::load(&plain, true).unwrap();
    assert_eq!(file.locked, Locked::NoPrivateHalf, "an open file is not used");
    assert!(file.unlock(None).is_err());
    std::fs::remove_file(plain.with_extension("pub")).unwrap();
    assert!(KeyFile::load(&plain, true).is_none());
}

#[test]
fn the_order_is_that_of_ssh() {
    let dir = Dir::new();
    let names = ["a", "b", "c", "d"];
    let mut paths = Vec::new();
    for name in names {
        let Some(path) = dir.key(name, "ed25519", "") else { return };
        paths.push(path);
    }
    let load = |paths: &[&PathBuf]| -> Vec<KeyFile> {
        paths.iter().map(|p| KeyFile::load(p, true).unwrap()).collect()
    };
    let [a, b, c, d] = &paths[..] else { return };
    // Files a, b, c; the agent holds d, c, a.
    let agent = [in_agent(d), in_agent(c), in_agent(a)];
    let order_of = |only| -> Vec<(Vec<u8>, Holder)> {
        let all = order(load(&[a, b, c, b]), &[], &agent, only, 2048);
        all.into_iter().map(|c| (c.blob, c.holder)).collect()
    };
    let agent_key = |p: &PathBuf| (blob(p), Holder::Agent);
    let file_key = |p: &PathBuf| (blob(p), Holder::PlainFile);
    assert_eq!(order_of(false), [agent_key(a), agent_key(c), agent_key(d), file_key(b)]);
    assert_eq!(order_of(true), [agent_key(a), agent_key(c), file_key(b)]);
    let all = order(Vec::new(), &[], &agent, false, 2048);
    assert!(all[0].describe().starts_with("c\\033 ED25519 SHA256:"), "{}", all[0].describe());
}
