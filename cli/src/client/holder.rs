//! Which process listens on a port that is busy, where the system tells.

use std::fs;
use std::path::Path;

/// Processes that are looked at; more than a machine for people has.
const PROCESSES_MAX: usize = 32_768;
/// Bytes of the system's table of sockets that are read: some 400,000 sockets.
const TABLE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A line that names the process which listens on a TCP port of this machine.
#[must_use]
pub fn of_port(port: u16) -> Option<String> {
    let inodes: Vec<u64> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| read_bounded(Path::new(table)))
        .flat_map(|text| listening(&text, port))
        .collect();
    let (id, name) = process_of(&inodes)?;
    let own = if id == std::process::id() { ", this program" } else { "" };
    Some(format!("port {port} is held by {name} (process {id}{own})"))
}

fn read_bounded(path: &Path) -> Option<String> {
    use std::io::Read as _;
    let mut text = String::new();
    fs::File::open(path).ok()?.take(TABLE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The inodes of the sockets that listen on a port, from a table of `/proc/net`.
fn listening(table: &str, port: u16) -> Vec<u64> {
    let of_line = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, local) = words.get(1)?.rsplit_once(':')?;
        let listens = *words.get(3)? == "0A";
        let same = u16::from_str_radix(local, 16).ok()? == port;
        let inode = words.get(9)?.parse().ok()?;
        (listens && same).then_some(inode)
    };
    table.lines().skip(1).filter_map(of_line).collect()
}

/// A process that has one of these sockets open, as far as they are ours to see; this program only
/// where there is no other, as it may have listened on the other family a moment ago.
fn process_of(inodes: &[u64]) -> Option<(u32, String)> {
    let mut own = None;
    let names: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    if names.is_empty() {
        return None;
    }
    for process in fs::read_dir("/proc").ok()?.flatten().take(PROCESSES_MAX) {
        let Ok(id) = process.file_name().to_string_lossy().parse() else { continue };
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else { continue };
        let holds = descriptors.flatten().any(|descriptor| {
            fs::read_link(descriptor.path())
                .is_ok_and(|link| names.iter().any(|name| link.as_os_str() == name.as_str()))
        });
        if holds {
            let name = fs::read(process.path().join("comm")).unwrap_or_default();
            let name = tssh_transport::text::printable(name.trim_ascii_end(), 64);
            if id != std::process::id() {
                return Some((id, name));
            }
            own = Some((id, name));
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::{listening, of_port};

    #[test]
    fn a_port_of_ours_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = of_port(port).unwrap();
        assert!(line.starts_with(&format!("port {port} is held by ")), "{line}");
        assert!(line.ends_with(&format!("(process {}, this program)", std::process::id())));
        drop(listener);
    }

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        let line = |number: u32, port: &str, state: &str, inode: u32| {
            format!("{number}: 0100007F:{port} 00000000:0000 {state} 0:0 00:0 0 0 0 {inode} 1\n")
        };
        let lines =
            [line(0, "07D1", "0A", 77), line(1, "07D1", "01", 78), line(2, "07D2", "0A", 79)];
        let table = &format!("sl local_address ...\n{}", lines.concat());
        assert_eq!(listening(table, 2001), [77]);
        assert_eq!(listening("", 2001), []);
    }
}
