//! Adds hosts to a known_hosts file until it is killed, and says of each when it is in:
//! known-hosts-writer FILE HASH

#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::path::Path;
use tssh::known_hosts::{Replacement, add, replace_keys};
use tssh_transport::key::PublicKey;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, hash] = arguments.as_slice() else { return Err(io::Error::other("FILE HASH")) };
    let (file, hash) = (Path::new(file), hash == "yes");
    let line = include_str!("../../keys/user_ed25519.pub");
    let blob = PublicKey::from_line(line).map_err(|_| io::Error::other("no key"))?.0.blob();
    let mut out = io::stdout().lock();
    for number in 0.. {
        let name = format!("added-{number}");
        if number % 3 == 2 {
            // The other way to write: the host's lines go, and one comes.
            let names = [name.as_str()];
            let new = [("ssh-ed25519", blob.clone())];
            let replacement = Replacement { names: &names, keep: &[], add: &new, hash };
            replace_keys(file, &replacement)?;
        } else {
            add(file, &[&name], "ssh-ed25519", &blob, hash)?;
        }
        writeln!(out, "{number}")?;
        out.flush()?;
    }
    Ok(())
}
