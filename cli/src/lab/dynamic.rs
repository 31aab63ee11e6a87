//! `-D`: one listening side, any target, by SOCKS.

use super::claims::Claim;
use super::host::Seen;

use super::toys::{self, GREETING, Service};
use super::wire::Shown;
use super::{Blackboard, Lesson};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use tssh_forward::core::policy::{Permit, PermitOpen, Policy};

pub static LESSON: Lesson = Lesson {
    name: "dynamic",
    title: "Dynamic forwarding: tssh -D, a SOCKS proxy",
    told: "\
With -L the target is settled on the command line. With -D each program says where it wants to \
go, in the words of SOCKS, and S connects to it. This S permits one target only (PermitOpen), by \
the name localhost.

Four programs try: SOCKS 5 with a name, SOCKS 4 with an address, SOCKS 5 for a target that is not \
permitted, and SOCKS 5 asking to listen (BIND).",
    done,
    question: "\
Your browser uses the proxy, and yet the owner of your local network can see which sites you \
visit. How?",
    answer: "\
The browser looks the names up itself and gives addresses to the proxy: with SOCKS 4 there is no \
other way, and with SOCKS 5 it is a setting (in curl, --socks5 against --socks5-hostname). A name \
that goes through the proxy is looked up by S.",
};

/// SOCKS 5 without a login: version, one method, the method.
const HELLO: [u8; 3] = [5, 1, 0];
const CONNECT: u8 = 1;
const BIND: u8 = 2;
/// RFC 1928 section 6.
const GRANTED: u8 = 0;
const NOT_ALLOWED: u8 = 2;
const NO_SUCH_COMMAND: u8 = 7;
/// SOCKS 4 has codes of its own: request rejected or failed.
const REJECTED_4: u8 = 91;

struct Evidence {
    /// Reply code and greeting.
    by_name: (u8, String),
    /// What the server was asked for.
    target: String,
    expected_target: String,
    by_address: u8,
    forbidden: u8,
    bind: u8,
}

fn done(board: &mut Blackboard) -> io::Result<Vec<Claim>> {
    let service = Service::mail()?;
    let only = Permit { host: Some("localhost".to_owned()), port: Some(service.port) };
    let permit_open = PermitOpen::Only(vec![only]);
    let stage = board.stage(Policy { permit_open, ..Policy::server() })?;
    let port = toys::free_port()?;
    let port_text = port.to_string();
    let words = ["-N", "-D", &port_text, "S"];
    board.drawn_command(&words);
    let mut client = stage.client(&words)?;
    client.connected()?;
    client.says(" stands")?;

    let (code, stream) = socks5(port, CONNECT, "localhost", service.port)?;
    let by_name = (code, toys::converse(stream)?.greeting);
    let target = stage.seen(|seen| match seen {
        Seen::Served { target, ok: true, .. } => Some(target),
        _ => None,
    })?;
    let by_address = socks4(port, Ipv4Addr::LOCALHOST, service.port)?;
    let (forbidden, _) = socks5(port, CONNECT, "localhost", service.port ^ 1)?;
    let (bind, _) = socks5(port, BIND, "localhost", service.port)?;
    let shown = Shown { messages: &["CHANNEL_OPEN", "CHANNEL_OPEN_FAILURE"], with: "", most: 4 };
    board.keep(&stage, shown);
    client.leave()?;
    let expected_target = format!("localhost port {}", service.port);
    Ok(judge(&Evidence { by_name, target, expected_target, by_address, forbidden, bind }))
}

/// One request with a name; the reply's code, and the connection.
fn socks5(proxy: u16, command: u8, host: &str, port: u16) -> io::Result<(u8, TcpStream)> {
    let mut stream = toys::connect((Ipv4Addr::LOCALHOST, proxy))?;
    stream.write_all(&HELLO)?;
    let mut method = [0; 2];
    stream.read_exact(&mut method)?;
    let length = u8::try_from(host.len()).unwrap_or(u8::MAX);
    let mut request = vec![5, command, 0, 3, length];
    request.extend(host.bytes());
    request.extend(port.to_be_bytes());
    stream.write_all(&request)?;
    let mut reply = [0; 10];
    stream.read_exact(&mut reply)?;
    Ok((reply[1], stream))
}

/// The same in the older words, which know addresses only.
fn socks4(proxy: u16, host: Ipv4Addr, port: u16) -> io::Result<u8> {
    let mut stream = toys::connect((Ipv4Addr::LOCALHOST, proxy))?;
    let mut request = vec![4, CONNECT];
    request.extend(port.to_be_bytes());
    request.extend(host.octets());
    request.push(0);
    stream.write_all(&request)?;
    let mut reply = [0; 8];
    stream.read_exact(&mut reply)?;
    Ok(reply[1])
}

fn judge(evidence: &Evidence) -> Vec<Claim> {
    let Evidence { by_name, target, expected_target, by_address, forbidden, bind } = evidence;
    vec![
        Claim::equal("SOCKS 5 with a name was granted (code 0):", &GRANTED, &by_name.0),
        Claim::equal("Behind it the service greets:", &GREETING.to_owned(), &by_name.1),
        Claim::equal("S was given the name, and looked it up itself:", expected_target, target),
        Claim::equal(
            "SOCKS 4 gave an address, which PermitOpen does not name: rejected (code 91). \
             localhost and 127.0.0.1 are two targets to it.",
            &REJECTED_4,
            by_address,
        ),
        Claim::equal(
            "A port that S does not permit is not allowed (code 2):",
            &NOT_ALLOWED,
            forbidden,
        ),
        Claim::equal("BIND is no command of this proxy (code 7):", &NO_SUCH_COMMAND, bind),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::claims::status;
    use super::*;

    #[test]
    fn each_claim_fails_by_its_own_evidence() {
        let good = || Evidence {
            by_name: (GRANTED, GREETING.to_owned()),
            target: "localhost port 143".to_owned(),
            expected_target: "localhost port 143".to_owned(),
            by_address: REJECTED_4,
            forbidden: NOT_ALLOWED,
            bind: NO_SUCH_COMMAND,
        };
        assert_eq!(status(&judge(&good())), 0);
        let spoils: [fn(&mut Evidence); 6] = [
            |e| e.by_name.0 = 1,
            |e| e.by_name.1.clear(),
            |e| e.target = "127.0.0.1 port 143".to_owned(),
            |e| e.by_address = 90,
            |e| e.forbidden = GRANTED,
            |e| e.bind = GRANTED,
        ];
        for spoil in spoils {
            let mut evidence = good();
            spoil(&mut evidence);
            assert_eq!(judge(&evidence).iter().filter(|c| !c.held()).count(), 1);
        }
    }
}
