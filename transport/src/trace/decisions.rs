//! Why these algorithms: RFC 4253 section 7.1 applied to both offers, list by list.

use super::known::Family;
use super::{Kind, Map, Tracer, Value};
use crate::algorithms::Negotiated;
use crate::kex::exchanger::Exchanger;
use crate::kex::method::Exchange;
use crate::limits;
use crate::messages::kex::KexInit;
use crate::wire::Message as _;
use alloc::string::String;
use alloc::vec::Vec;

const RULE: &str = "the first name of the client's list that the server's list has too";
const IMPLICIT_RULE: &str = "the cipher authenticates by itself, so no MAC is chosen";

/// One row of the choice.
struct Row<'a> {
    what: &'static str,
    client: &'a str,
    server: &'a str,
    chosen: Option<&'a str>,
}

fn names(list: &str) -> Vec<&str> {
    list.split(',').filter(|name| !name.is_empty()).take(limits::NAMES_PER_LIST_MAX).collect()
}

fn list(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| String::from(*name).into()).collect()
}

/// A name in a list that is no algorithm.
fn is_marker(name: &str) -> bool {
    name.starts_with("ext-info-") || name.starts_with("kex-strict-")
}

impl Row<'_> {
    fn event(&self) -> Map {
        let client: Vec<&str> = names(self.client);
        let server: Vec<&str> = names(self.server);
        let met: Vec<&str> = client
            .iter()
            .copied()
            .filter(|name| server.contains(name) && !is_marker(name))
            .collect();
        let implicit = self.chosen.is_some_and(|name| name.starts_with('<'));
        let runner_up = met.iter().find(|name| !implicit && Some(**name) != self.chosen);
        Map::new()
            .with("what", self.what)
            .with("chosen", self.chosen.map(String::from))
            .with("rule", if implicit { IMPLICIT_RULE } else { RULE })
            .with("runner_up", runner_up.map(|name| String::from(*name)))
            .with("client", list(&client))
            .with("server", list(&server))
            .with("both", list(&met))
            .with("rfc", "4253#7.1")
    }
}

fn rows<'a>(c: &'a KexInit<'a>, s: &'a KexInit<'a>, names: Option<&'a Negotiated>) -> [Row<'a>; 8] {
    let c2s = names.map(|names| &names.client_to_server);
    let s2c = names.map(|names| &names.server_to_client);
    let row = |what, client, server, chosen| Row { what, client, server, chosen };
    [
        row(
            "key exchange method",
            c.kex_algorithms,
            s.kex_algorithms,
            names.map(|names| names.kex),
        ),
        row(
            "host key algorithm",
            c.server_host_key_algorithms,
            s.server_host_key_algorithms,
            names.map(|names| names.host_key.as_str()),
        ),
        row(
            "cipher, client to server",
            c.encryption_algorithms_client_to_server,
            s.encryption_algorithms_client_to_server,
            c2s.map(|names| names.cipher),
        ),
        row(
            "cipher, server to client",
            c.encryption_algorithms_server_to_client,
            s.encryption_algorithms_server_to_client,
            s2c.map(|names| names.cipher),
        ),
        row(
            "MAC, client to server",
            c.mac_algorithms_client_to_server,
            s.mac_algorithms_client_to_server,
            c2s.map(|names| names.mac),
        ),
        row(
            "MAC, server to client",
            c.mac_algorithms_server_to_client,
            s.mac_algorithms_server_to_client,
            s2c.map(|names| names.mac),
        ),
        row(
            "compression, client to server",
            c.compression_algorithms_client_to_server,
            s.compression_algorithms_client_to_server,
            c2s.map(|names| names.compression),
        ),
        row(
            "compression, server to client",
            c.compression_algorithms_server_to_client,
            s.compression_algorithms_server_to_client,
            s2c.map(|names| names.compression),
        ),
    ]
}

/// Both offers, and what was agreed on.
pub(crate) struct Offers<'a> {
    /// KEXINIT of the client and of the server.
    pub(crate) client: &'a [u8],
    pub(crate) server: &'a [u8],
    /// How the shares of the method agreed on travel.
    pub(crate) method: Option<&'a Exchange>,
    /// What was agreed on, where every list had a common name.
    pub(crate) names: Option<&'a Negotiated>,
    /// Whether this is the first exchange.
    pub(crate) first: bool,
    /// Whether strict key exchange is in force.
    pub(crate) strict: bool,
}

impl Tracer {
    /// Both offers are there; `agreed` says whether every list had a common name.
    pub(crate) fn negotiated(&mut self, exchanger: &Exchanger, agreed: bool) {
        let names = exchanger.negotiated().filter(|_| agreed);
        let [client, server] = exchanger.offers();
        self.offered(&Offers {
            client,
            server,
            method: exchanger.family_of_choice(),
            names: names.as_ref(),
            first: exchanger.session_id().is_none(),
            strict: exchanger.strict(),
        });
    }

    /// The same of a connection between others.
    pub(crate) fn offered(&mut self, offers: &Offers<'_>) {
        self.context.family = offers.method.map_or(Family::Unknown, Family::from);
        let read = (KexInit::decode(offers.client), KexInit::decode(offers.server));
        let (Ok(c), Ok(s)) = read else { return };
        for row in rows(&c, &s, offers.names) {
            self.emit(Kind::Decision, row.event());
        }
        if !offers.first {
            return;
        }
        let strict = offers.strict;
        let rule = if strict {
            "both first KEXINITs carry the marker: sequence numbers start anew with each NEWKEYS, \
             and the first exchange admits nothing but itself"
        } else {
            "not both first KEXINITs carry the marker"
        };
        let chosen = if strict { "in force" } else { "not in force" };
        let values = Map::new()
            .with("what", "strict key exchange")
            .with("chosen", chosen)
            .with("rule", rule)
            .with("rfc", Value::Null);
        self.emit(Kind::Decision, values);
    }
}
