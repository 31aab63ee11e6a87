//! Who may connect to a remote forward: `GatewayPorts`, tried out setting by setting.

use super::claims::Claim;
use super::host::Seen;
use super::toys::{self, Service};
use super::{Blackboard, Lesson};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tssh_forward::core::policy::{GatewayPorts, Policy};
use tssh_forward::core::remote::{server_bind, wire_address};

pub static LESSON: Lesson = Lesson {
    name: "gateway-ports",
    title: "Who may connect: GatewayPorts",
    told: "\
The client asks for an address to listen on, and the server's GatewayPorts decides what comes of \
it. 127.0.0.2 stands for the address that other machines would use: the server listens there, or \
it does not.

Each row is tried: a client asks, and a program connects to three addresses of S. (GatewayPorts \
yes would open a port of yours to your network, so this lesson does not do it: every address \
would take connections, whatever is asked for.)",
    done,
    question: "\
You type -R '*:2001:localhost:143', tssh says nothing, and colleagues are refused. What happened?",
    answer: "\
The server has GatewayPorts no, listens for itself alone, and reports success: the protocol has \
no word for \"less than you asked for\". tsshd sends a message about it, which -v shows. The \
administrator has to set clientspecified, or you find another way in: tssh --plan says so before.",
};

/// The settings that open nothing to a network, and bind addresses as typed.
const ROWS: [(GatewayPorts, &str); 5] = [
    (GatewayPorts::No, ""),
    (GatewayPorts::No, "127.0.0.2:"),
    (GatewayPorts::No, "*:"),
    (GatewayPorts::ClientSpecified, ""),
    (GatewayPorts::ClientSpecified, "127.0.0.2:"),
];
/// Where a program tries to connect.
const TRIED: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// One row, tried.
struct Row {
    setting: GatewayPorts,
    typed: String,
    /// Addresses that took a connection.
    accepted: Vec<IpAddr>,
    /// Addresses that the rules name, as far as this machine has them.
    expected: Vec<IpAddr>,
    messages: String,
}

fn done(board: &mut Blackboard) -> io::Result<Vec<Claim>> {
    let service = Service::mail()?;
    // A machine may be without IPv6.
    let has_six = std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    let mut rows = Vec::new();
    for (setting, bind) in ROWS {
        let port = toys::free_port()?;
        let forward = format!("{bind}{port}:localhost:{}", service.port);
        let words = ["-N", "-R", &forward, "S"];
        board.say(&format!("GatewayPorts {}:  tssh {}", name(setting), words.join(" ")));
        let stage = board.stage(Policy { gateway_ports: setting, ..Policy::server() })?;
        let mut client = stage.client(&words)?;
        client.connected()?;
        client.says(" stands")?;
        stage.seen(|seen| matches!(seen, Seen::Listens(Ok(_))).then_some(()))?;
        let tried = TRIED.into_iter().filter(|ip| has_six || ip.is_ipv4());
        let accepted = tried.clone().filter(|ip| toys::accepts((*ip, port).into())).collect();
        let messages = client.messages();
        client.leave()?;
        let typed = bind.strip_suffix(':');
        let bound = server_bind(wire_address(typed), setting).addresses(port).unwrap_or_default();
        let expected = tried.filter(|ip| bound.iter().any(|place| place.ip() == *ip)).collect();
        rows.push(Row { setting, typed: forward, accepted, expected, messages });
    }
    Ok(judge(&rows))
}

fn judge(rows: &[Row]) -> Vec<Claim> {
    let mut claims: Vec<Claim> = rows
        .iter()
        .map(|row| {
            let what = format!("GatewayPorts {}, -R {}", name(row.setting), row.typed);
            Claim::equal(&what, &shown(&row.expected), &shown(&row.accepted))
        })
        .collect();
    if let Some(narrowed) = rows.iter().find(|row| row.typed.starts_with('*')) {
        let what = "The server told of the star that it did not grant, for those who look (-v):";
        claims.push(Claim::said(what, &narrowed.messages, "loopback addresses only listen"));
    }
    claims
}

const fn name(setting: GatewayPorts) -> &'static str {
    match setting {
        GatewayPorts::No => "no",
        GatewayPorts::Yes => "yes",
        GatewayPorts::ClientSpecified => "clientspecified",
    }
}

fn shown(addresses: &[IpAddr]) -> String {
    let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    format!("connections are taken at {}", all.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::super::claims::status;
    use super::*;

    fn row(typed: &str, accepted: &[IpAddr], messages: &str) -> Row {
        let expected = vec![TRIED[0], TRIED[2]];
        let (typed, messages) = (typed.to_owned(), messages.to_owned());
        Row { setting: GatewayPorts::No, typed, accepted: accepted.to_vec(), expected, messages }
    }

    #[test]
    fn an_address_too_many_or_too_few_fails_the_lesson() {
        let told =
            "debug1: Remote: remote forwarding: *:1 was asked for, loopback addresses only listen";
        let both = [TRIED[0], TRIED[2]];
        assert_eq!(status(&judge(&[row("1:a:1", &both, ""), row("*:1:a:1", &both, told)])), 0);
        assert_eq!(status(&judge(&[row("1:a:1", &TRIED, "")])), 1);
        assert_eq!(status(&judge(&[row("1:a:1", &both[..1], "")])), 1);
        assert_eq!(status(&judge(&[row("*:1:a:1", &both, "")])), 1);
    }

    #[test]
    fn no_row_opens_anything_to_a_network() {
        for (setting, bind) in ROWS {
            let bound = server_bind(wire_address(bind.strip_suffix(':')), setting);
            for place in bound.addresses(1).unwrap() {
                assert!(place.ip().is_loopback(), "{setting:?} {bind}: {place}");
            }
        }
    }
}
