//! Which event of a trace shows a requirement at work.

use tssh_transport::trace::{Event, Kind, Map, Value};

/// One requirement's rule.
pub struct Rule {
    pub rfc: &'static str,
    pub section: &'static str,
    /// How the sentence begins.
    pub begins: &'static str,
    /// What shows it, in words.
    pub what: &'static str,
    pub shows: fn(&Event, &State) -> bool,
}

/// What earlier events have told.
#[derive(Debug, Default)]
pub struct State {
    /// The trace is a server's.
    pub is_server: bool,
    /// The type of the channel that the peer asked for last.
    opened: String,
}

impl State {
    /// Takes note of an event, after the rules have looked at it.
    pub fn follow(&mut self, event: &Event) {
        if is(event, "CHANNEL_OPEN") && self.received(event) {
            field(event, "channel type").unwrap_or_default().clone_into(&mut self.opened);
        }
    }

    fn sent(&self, event: &Event) -> bool {
        let ours = if self.is_server { "s2c" } else { "c2s" };
        event.kind == Kind::Packet && event.values.text("dir") == ours
    }

    fn received(&self, event: &Event) -> bool {
        event.kind == Kind::Packet && !self.sent(event)
    }
}

/// Whether it is a packet with this message, named without `SSH_MSG_`.
fn is(event: &Event, message: &str) -> bool {
    event.kind == Kind::Packet
        && event.values.text("name").strip_prefix("SSH_MSG_") == Some(message)
}

fn fields(event: &Event) -> impl Iterator<Item = &Map> {
    event.values.list("fields").iter().filter_map(Value::as_map)
}

fn field<'e>(event: &'e Event, name: &str) -> Option<&'e str> {
    fields(event).find(|field| field.text("name") == name).map(|field| field.text("value"))
}

fn number(event: &Event, name: &str) -> Option<u64> {
    fields(event).find(|field| field.text("name") == name).map(|field| field.number("value"))
}

fn first_packets(event: &Event) -> bool {
    event.kind == Kind::Packet && event.values.number("epoch") == 0
}

/// The name of the MAC of a packet; empty where there is none.
fn mac(event: &Event) -> &str {
    event.values.get("mac").and_then(Value::as_map).map_or("", |mac| mac.text("alg"))
}

fn answers_request(event: &Event) -> bool {
    is(event, "REQUEST_SUCCESS") || is(event, "REQUEST_FAILURE")
}

fn answers_channel_request(event: &Event) -> bool {
    is(event, "CHANNEL_SUCCESS") || is(event, "CHANNEL_FAILURE")
}

/// RFC 4253 section 11.1.
const SERVICE_NOT_AVAILABLE: u64 = 7;
/// RFC 4254 section 5.1.
const UNKNOWN_CHANNEL_TYPE: u64 = 3;
/// A window that does not fit a signed number of 32 bits.
const LARGE_WINDOW: u64 = 1 << 31;
/// Extensions that tssh knows.
const EXTENSIONS: [&str; 3] =
    ["server-sig-algs", "ping@openssh.com", "publickey-hostbound@openssh.com"];

macro_rules! rules {
    ($($rfc:literal $section:literal $begins:literal: $what:literal, $shows:expr;)+) => {
        /// One for each requirement of the table.
        pub static RULES: &[Rule] = &[$(Rule {
            rfc: $rfc,
            section: $section,
            begins: $begins,
            what: $what,
            shows: $shows,
        }),+];
    };
}

rules! {
    "4253" "4.2" "The null character": "an identification string",
        |event, _| event.kind == Kind::Ident;
    "4253" "6" "There MUST be at least four bytes": "a packet with its padding",
        |event, _| event.kind == Kind::Packet && event.values.number("pad") >= 4;
    "4253" "6" "Note that the length": "a packet before there are keys",
        |event, _| first_packets(event);
    "4253" "6.4" "Initially, no MAC": "a packet without a MAC",
        |event, _| first_packets(event) && mac(event).is_empty();
    "4253" "6.4" "The value of 'mac'": "a packet with a MAC behind it (not GCM or Poly1305)",
        |event, _| mac(event).starts_with("hmac-");
    "4253" "6.6" "Public key/certificate formats": "a signature of the host key",
        |event, _| event.kind == Kind::Packet && event.values.text("name").ends_with("_REPLY");
    "4253" "7.1" "The chosen MAC algorithm": "a MAC that was chosen",
        |event, _| event.kind == Kind::Decision
            && event.values.text("what").starts_with("MAC,")
            && event.values.text("chosen") != "<implicit>";
    "4253" "7.1" "Once a party has sent": "a KEXINIT of ours",
        |event, state| is(event, "KEXINIT") && state.sent(event);
    "4253" "7.2" "The same hash algorithm": "a key that was derived",
        |event, _| event.kind == Kind::Key;
    "4253" "7.2" "Encryption keys MUST": "an encryption key that was derived",
        |event, _| event.kind == Kind::Key && matches!(event.values.text("letter"), "C" | "D");
    "4253" "7.2" "Key data MUST": "a key that was derived",
        |event, _| event.kind == Kind::Key;
    "4253" "10" "If the server rejects": "a disconnect because there is no such service",
        |event, _| is(event, "DISCONNECT")
            && number(event, "reason code") == Some(SERVICE_NOT_AVAILABLE);
    "4253" "10" "If the server supports": "a service that was accepted",
        |event, _| is(event, "SERVICE_ACCEPT");
    "4253" "11.4" "An implementation MUST respond": "a message that one end did not know",
        |event, _| is(event, "UNIMPLEMENTED");
    "4254" "4" "To make it possible": "a reply to a global request",
        |event, _| answers_request(event);
    "4254" "4" "For channel requests": "a reply to a channel request",
        |event, _| answers_channel_request(event);
    "4254" "5.1" "Naturally, if the server": "a channel of a type that one end does not know",
        |event, _| is(event, "CHANNEL_OPEN_FAILURE")
            && number(event, "reason code") == Some(UNKNOWN_CHANNEL_TYPE);
    "4254" "5.2" "Implementations MUST correctly": "a window of 2 GiB or more",
        |event, _| event.kind == Kind::Window && event.values.number("left") >= LARGE_WINDOW;
    "4254" "5.2" "The window MUST NOT": "a window that was increased",
        |event, _| is(event, "CHANNEL_WINDOW_ADJUST");
    "4254" "5.2" "o MUST NOT advertise": "a maximum packet size of ours",
        |event, state| state.sent(event)
            && (is(event, "CHANNEL_OPEN") || is(event, "CHANNEL_OPEN_CONFIRMATION"));
    "4254" "5.2" "o MUST NOT generate": "data of ours",
        |event, state| state.sent(event) && is(event, "CHANNEL_DATA");
    "4254" "5.3" "Upon receiving this message": "a CLOSE of the peer's",
        |event, state| state.received(event) && is(event, "CHANNEL_CLOSE");
    "4254" "6.3.1" "The 'x11 authentication cookie'": "a request for X11 forwarding",
        |event, _| is(event, "CHANNEL_REQUEST") && field(event, "request type") == Some("x11-req");
    "4254" "6.3.2" "Implementations MUST reject": "an X11 channel that was refused",
        |event, state| state.sent(event)
            && is(event, "CHANNEL_OPEN_FAILURE")
            && state.opened == "x11";
    "4254" "7.2" "Implementations MUST reject":
        "a forwarded connection, looked up among those asked for",
        |event, state| state.received(event)
            && is(event, "CHANNEL_OPEN")
            && field(event, "channel type") == Some("forwarded-tcpip");
    "8308" "2.5" "Applications MUST ignore": "an extension that tssh does not know",
        |event, state| state.received(event)
            && is(event, "EXT_INFO")
            && fields(event).any(|field| field.text("name") == "extension-name"
                && !EXTENSIONS.contains(&field.text("value")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use tssh_transport::Timestamp;

    fn event(kind: Kind, values: Map) -> Event {
        Event { kind, n: 1, at: Timestamp::default(), values }
    }

    fn packet(dir: &str, name: &str, named: &[(&str, Value)]) -> Event {
        let field = |(name, value): &(&str, Value)| {
            Value::Map(Map::new().with("name", (*name).to_owned()).with("value", value.clone()))
        };
        let values = Map::new()
            .with("dir", dir.to_owned())
            .with("name", format!("SSH_MSG_{name}"))
            .with("epoch", 1_u64)
            .with("fields", Value::List(named.iter().map(field).collect()));
        event(Kind::Packet, values)
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned().into())
    }

    /// How many rules each event shows, for a client and for a server.
    #[test]
    fn rules_hold_for_the_events_that_they_name() {
        let mac = Map::new().with("alg", "hmac-sha2-256");
        let chosen = |name: &str| {
            Map::new().with("what", "MAC, client to server").with("chosen", name.to_owned())
        };
        for (event, client, server) in [
            (event(Kind::Ident, Map::new()), 1, 1),
            (event(Kind::Packet, Map::new().with("epoch", 0_u64).with("pad", 4_u64)), 3, 3),
            (event(Kind::Packet, Map::new().with("epoch", 1_u64).with("mac", mac)), 1, 1),
            (event(Kind::Decision, chosen("hmac-sha2-256")), 1, 1),
            (event(Kind::Decision, chosen("<implicit>")), 0, 0),
            (event(Kind::Key, Map::new().with("letter", "A")), 2, 2),
            (event(Kind::Key, Map::new().with("letter", "D")), 3, 3),
            (event(Kind::Window, Map::new().with("left", 1_u64 << 20)), 0, 0),
            (event(Kind::Window, Map::new().with("left", 1_u64 << 31)), 1, 1),
            (packet("s2c", "KEX_ECDH_REPLY", &[]), 1, 1),
            (packet("c2s", "KEXINIT", &[]), 1, 0),
            (packet("s2c", "SERVICE_ACCEPT", &[]), 1, 1),
            (packet("s2c", "UNIMPLEMENTED", &[]), 1, 1),
            (packet("s2c", "DISCONNECT", &[("reason code", Value::Number(7))]), 1, 1),
            (packet("s2c", "DISCONNECT", &[("reason code", Value::Number(11))]), 0, 0),
            (packet("s2c", "REQUEST_SUCCESS", &[]), 1, 1),
            (packet("s2c", "CHANNEL_FAILURE", &[]), 1, 1),
            (packet("s2c", "CHANNEL_OPEN_FAILURE", &[("reason code", Value::Number(3))]), 1, 1),
            (packet("s2c", "CHANNEL_OPEN_FAILURE", &[("reason code", Value::Number(1))]), 0, 0),
            (packet("c2s", "CHANNEL_WINDOW_ADJUST", &[]), 1, 1),
            (packet("c2s", "CHANNEL_OPEN_CONFIRMATION", &[]), 1, 0),
            (packet("c2s", "CHANNEL_DATA", &[]), 1, 0),
            (packet("c2s", "CHANNEL_CLOSE", &[]), 0, 1),
            (packet("c2s", "CHANNEL_REQUEST", &[("request type", text("x11-req"))]), 1, 1),
            (packet("c2s", "CHANNEL_REQUEST", &[("request type", text("shell"))]), 0, 0),
            (packet("s2c", "CHANNEL_OPEN", &[("channel type", text("forwarded-tcpip"))]), 1, 1),
            (packet("s2c", "EXT_INFO", &[("extension-name", text("server-sig-algs"))]), 0, 0),
            (packet("s2c", "EXT_INFO", &[("extension-name", text("no-flow-control"))]), 1, 0),
        ] {
            for (is_server, expected) in [(false, client), (true, server)] {
                let state = State { is_server, ..State::default() };
                let shown = RULES.iter().filter(|rule| (rule.shows)(&event, &state)).count();
                assert_eq!(shown, expected, "{event:?} server: {is_server}");
            }
        }
        let mut state = State::default();
        let refusal = packet("c2s", "CHANNEL_OPEN_FAILURE", &[]);
        let shown =
            |state: &State| RULES.iter().filter(|rule| (rule.shows)(&refusal, state)).count();
        assert_eq!(shown(&state), 0);
        state.follow(&packet("s2c", "CHANNEL_OPEN", &[("channel type", text("x11"))]));
        assert_eq!(shown(&state), 1);
    }
}
