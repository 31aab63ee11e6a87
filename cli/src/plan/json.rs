//! The plan for programs: one JSON object, described in docs/course.md.

use super::{Plan, option};
use std::net::SocketAddr;
use tssh_forward::core::plan::{Goal, Listening, Lookup, Planned, Protection, Reach, Sees, Spot};
use tssh_forward::core::policy::GatewayPorts;
use tssh_transport::Side;

/// What a new reader may rely on; it changes where something that was there goes away.
const VERSION: u32 = 1;

/// A value of JSON.
enum Value {
    Null,
    Number(u32),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(&'static str, Value)>),
}

impl Value {
    fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::Text(text) => quote(text, out),
            Self::List(values) => {
                out.push('[');
                for (i, value) in values.iter().enumerate() {
                    out.push_str(if i == 0 { "" } else { "," });
                    value.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (i, (name, value)) in fields.iter().enumerate() {
                    out.push_str(if i == 0 { "" } else { "," });
                    quote(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// RFC 8259 section 7; everything beyond printable ASCII is escaped, so that the text is harmless
/// on a terminal too.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for unit in text.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some(c @ ' '..='~') => out.push(c),
            _ => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out.push('"');
}

pub fn text(plan: &Plan) -> String {
    let way = &plan.way;
    let texts = |texts: &[String]| Value::List(texts.iter().map(Value::text).collect());
    let clash =
        |(one, other): &(String, String)| Value::List(vec![Value::text(one), Value::text(other)]);
    let value = Value::Object(vec![
        ("version", Value::Number(VERSION)),
        ("user", Value::text(&way.user)),
        ("host", Value::text(&way.host)),
        ("host_name", Value::text(&way.host_name)),
        ("port", Value::Number(u32::from(way.port))),
        ("hops", texts(&way.hops)),
        ("program", way.program.as_ref().map_or(Value::Null, Value::text)),
        ("forwards", Value::List(plan.forwards.iter().map(forward).collect())),
        ("clashes", Value::List(plan.clashes.iter().map(clash).collect())),
        ("cleared", texts(&plan.cleared)),
    ]);
    let mut out = String::new();
    value.write(&mut out);
    out.push('\n');
    out
}

fn forward(plan: &Planned) -> Value {
    let legs = &plan.legs;
    let cautions = plan.cautions.iter().map(|caution| {
        // The name alone: what it carries stands elsewhere in the object.
        let name = format!("{caution:?}");
        Value::text(name.split('(').next().unwrap_or_default())
    });
    Value::Object(vec![
        ("option", Value::text(option(&plan.asked))),
        ("listening", listening(&plan.listening)),
        ("reach", Value::text(reach(plan.reach))),
        ("legs", Value::List([legs.first, legs.middle, legs.last].map(leg).into())),
        ("target", goal(&plan.goal)),
        (
            "looked_up_by",
            match plan.lookup {
                Lookup::None => Value::Null,
                Lookup::By(at) => side(at),
            },
        ),
        ("target_sees", sees(plan.sees)),
        ("cautions", Value::List(cautions.collect())),
    ])
}

fn side(side: Side) -> Value {
    Value::text(match side {
        Side::Client => "client",
        Side::Server => "server",
    })
}

fn spots(spots: &[Spot]) -> Value {
    let one = |spot: &Spot| match spot {
        Spot::Address(address) => Value::text(SocketAddr::to_string(address)),
        Spot::Name(name, port) => Value::text(format!("{name}:{port}")),
        Spot::Unix(path) => Value::text(path),
    };
    Value::List(spots.iter().map(one).collect())
}

fn listening(listening: &Listening) -> Value {
    let of = |at: Side, places: Value| Value::Object(vec![("side", side(at)), ("at", places)]);
    match listening {
        Listening::Here(places) => of(Side::Client, spots(places)),
        Listening::UnixThere(path) => of(Side::Server, Value::List(vec![Value::text(path)])),
        Listening::There { wire, answers } => {
            let of_setting = |wanted| {
                let found = answers.iter().find(|(setting, _)| *setting == wanted);
                found.map_or(Value::Null, |(_, places)| spots(places))
            };
            Value::Object(vec![
                ("side", side(Side::Server)),
                ("asked_for", Value::text(wire)),
                ("gateway_ports_no", of_setting(GatewayPorts::No)),
                ("gateway_ports_yes", of_setting(GatewayPorts::Yes)),
                ("gateway_ports_clientspecified", of_setting(GatewayPorts::ClientSpecified)),
            ])
        }
        Listening::Standard => Value::text("standard"),
        Listening::Display => Value::text("display"),
        Listening::AgentSocket => Value::text("agent"),
    }
}

const fn reach(reach: Reach) -> &'static str {
    match reach {
        Reach::Owner => "owner",
        Reach::Machine => "machine",
        Reach::OneAddress => "one-address",
        Reach::Everybody => "everybody",
        Reach::Unknown => "unknown",
    }
}

fn leg(protection: Protection) -> Value {
    Value::text(match protection {
        Protection::Encrypted => "encrypted",
        Protection::Within(Side::Client) => "within-client",
        Protection::Within(Side::Server) => "within-server",
        Protection::WithinOrClear(_) => "within-or-clear",
        Protection::Clear => "clear",
        Protection::ByTarget => "by-target",
    })
}

fn goal(goal: &Goal) -> Value {
    let (name, from) = match goal {
        Goal::Fixed(target, from) => (super::typed_target(target), *from),
        Goal::Chosen(from) => ("*".to_owned(), *from),
        Goal::Display(display) => match display {
            Some(display) => (display.name.clone(), Side::Client),
            None => return Value::Null,
        },
        Goal::Agent(socket) => match socket {
            Some(socket) => (socket.clone(), Side::Client),
            None => return Value::Null,
        },
    };
    Value::Object(vec![("to", Value::text(name)), ("from", side(from))])
}

fn sees(sees: Sees) -> Value {
    let (what, at) = match sees {
        Sees::Loopback(at) => ("loopback", at),
        Sees::Machine(at) => ("address", at),
        Sees::Process(at) => ("process", at),
        Sees::ByTarget(at) => ("by-target", at),
    };
    Value::Object(vec![("what", Value::text(what)), ("of", side(at))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_within_their_quotes() {
        let mut out = String::new();
        quote("a\"b\\c\n\u{1b}[31m\u{202e}𝄞", &mut out);
        assert_eq!(out, r#""a\"b\\c\u000a\u001b[31m\u202e\ud834\udd1e""#);
        assert!(out.bytes().all(|b| (b' '..=b'~').contains(&b)));
    }
}
