//! A payload taken apart into fields that tile it, by the one declaration of its message.

use super::value::{Map, Value};
use crate::text::printable;
use crate::wire::{Message, Reader, WireError};
use alloc::string::String;
use alloc::vec::Vec;

/// Most fields of one message; what a hostile peer packs behind them is one field more.
const FIELDS_MAX: usize = 1024;
/// Longest text of a field that an event carries beside the payload itself.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// How a field is encoded: RFC 4251 section 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// `byte`.
    Byte,
    /// `boolean`.
    Boolean,
    /// `uint32`.
    Uint32,
    /// `string`.
    String,
    /// `name-list`.
    NameList,
    /// `mpint`.
    Mpint,
    /// `byte[16]`.
    Cookie,
    /// All that follows; what it means depends on what came before.
    Rest,
}

impl FieldKind {
    /// The RFC's name of the type.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Byte => "byte",
            Self::Boolean => "boolean",
            Self::Uint32 => "uint32",
            Self::String => "string",
            Self::NameList => "name-list",
            Self::Mpint => "mpint",
            Self::Cookie => "byte[16]",
            Self::Rest => "bytes",
        }
    }
}

/// What kind of secret a field holds: what a trace does not show unless it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Passwords and answers to prompts; not even their length is shown.
    Password,
    /// Keys, shared secrets, X11 cookies.
    Secret,
    /// What the session carries.
    Data,
    /// Commands and environment variables.
    Command,
    /// Names of users, hosts and files; shown unless they are to be hidden too.
    Name,
}

impl Class {
    /// Its name in a trace.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Secret => "secret",
            Self::Data => "data",
            Self::Command => "command",
            Self::Name => "name",
        }
    }
}

/// One field of a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name in the RFC.
    pub name: &'static str,
    /// How it is encoded.
    pub kind: FieldKind,
    /// What it must not give away.
    pub class: Option<Class>,
}

impl Field {
    /// A field that holds nothing secret.
    #[must_use]
    pub const fn new(name: &'static str, kind: FieldKind) -> Self {
        Self { name, kind, class: None }
    }

    /// A field of a class.
    #[must_use]
    pub const fn of(name: &'static str, kind: FieldKind, class: Class) -> Self {
        Self { name, kind, class: Some(class) }
    }
}

/// What may stand behind the declared fields of a message.
#[derive(Debug, Clone, Copy)]
pub struct Tail {
    /// Where it is defined, as `4254#7.2`; empty where no RFC does.
    pub section: &'static str,
    /// Its fields. It may end behind any of them, for some are there only sometimes.
    pub fields: &'static [Field],
    /// Whether they repeat until the message ends.
    pub repeats: bool,
}

/// Everything that is needed to take a message apart.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// Where it is defined, as `4254#5.1`; empty where no RFC does.
    pub section: &'static str,
    /// The declared fields.
    pub fields: &'static [Field],
    /// What follows, by the last string before it.
    pub tail: fn(&[u8]) -> Option<&'static Tail>,
    /// Classes of declared fields.
    pub classes: &'static [(&'static str, Class)],
}

impl Shape {
    /// The shape of a declared message without a tail.
    #[must_use]
    pub const fn of<'a, M: Message<'a>>() -> Self {
        Self { name: M::NAME, section: M::SECTION, fields: M::FIELDS, tail: |_| None, classes: &[] }
    }

    /// With a tail.
    #[must_use]
    pub const fn tail(self, tail: fn(&[u8]) -> Option<&'static Tail>) -> Self {
        Self { tail, ..self }
    }

    /// With fields that are of a class.
    #[must_use]
    pub const fn classes(self, classes: &'static [(&'static str, Class)]) -> Self {
        Self { classes, ..self }
    }
}

/// Puts one field after the other into a list.
struct Tiles<'a> {
    reader: Reader<'a>,
    list: Vec<Value>,
}

impl<'a> Tiles<'a> {
    /// Reads one field.
    fn take(
        &mut self,
        field: &Field,
        class: Option<Class>,
        section: &'static str,
    ) -> Result<&'a [u8], WireError> {
        let from = self.reader.offset();
        let r = &mut self.reader;
        let (content, value): (&[u8], Value) = match field.kind {
            FieldKind::Byte => (&[], Value::from(u32::from(r.byte(field.name)?))),
            FieldKind::Boolean => (&[], r.boolean(field.name)?.into()),
            FieldKind::Uint32 => (&[], r.uint32(field.name)?.into()),
            FieldKind::String | FieldKind::NameList => {
                let content = r.string(field.name)?;
                (content, text(content))
            }
            FieldKind::Mpint => (r.string(field.name)?, Value::Null),
            FieldKind::Cookie => (r.bytes(field.name, 16)?, Value::Null),
            FieldKind::Rest => {
                let n = r.rest().len();
                (r.bytes(field.name, n)?, Value::Null)
            }
        };
        let len = self.reader.offset().saturating_sub(from);
        if len > 0 {
            let mut map = Map::new()
                .with("name", label(field.name))
                .with("off", from)
                .with("len", len)
                .with("type", field.kind.name())
                .with("value", value);
            if !section.is_empty() {
                map.push("rfc", section);
            }
            if let Some(class) = class {
                map.push("class", class.name());
            }
            self.list.push(map.into());
        }
        Ok(content)
    }

    /// All of a tail, or nothing.
    fn take_tail(&mut self, tail: &Tail) -> Result<(), WireError> {
        loop {
            for field in tail.fields {
                if self.reader.rest().is_empty() {
                    return Ok(());
                }
                self.take(field, field.class, tail.section)?;
            }
            if !tail.repeats || self.list.len() > FIELDS_MAX {
                return Ok(());
            }
        }
    }

    /// What is left is one field.
    fn opaque(&mut self, name: &'static str) {
        // Nobody knows what it is, so it counts as something that must not be shown.
        let field = Field::of(name, FieldKind::Rest, Class::Data);
        // Taking all that is left cannot fail.
        let _ = self.take(&field, field.class, "");
    }
}

/// The fields of a payload. They cover each byte once; what does not fit the declaration is one
/// field of its own.
#[must_use]
pub fn dissect(payload: &[u8], shape: Option<&Shape>) -> Vec<Value> {
    let mut tiles = Tiles { reader: Reader::new(payload), list: Vec::new() };
    let number = Field::new("message number", FieldKind::Byte);
    let section = shape.map_or("", |shape| shape.section);
    let Some(shape) = shape.filter(|_| tiles.take(&number, None, section).is_ok()) else {
        let _ = tiles.take(&number, None, "");
        tiles.opaque("payload of an unknown message");
        return tiles.list;
    };
    let mut last_string: &[u8] = &[];
    for field in shape.fields {
        if field.kind == FieldKind::Rest {
            tail(&mut tiles, shape, field, last_string);
            break;
        }
        let class = shape.classes.iter().find(|(name, _)| *name == field.name);
        match tiles.take(field, class.map(|(_, class)| *class), shape.section) {
            Ok(content) if field.kind == FieldKind::String => last_string = content,
            Ok(_) => {}
            Err(_) => break,
        }
    }
    tiles.opaque("bytes that belong to no field");
    tiles.list
}

fn tail(tiles: &mut Tiles<'_>, shape: &Shape, field: &Field, key: &[u8]) {
    let known = (shape.tail)(key);
    let (before, listed) = (tiles.reader.clone(), tiles.list.len());
    let read = known.map(|tail| tiles.take_tail(tail));
    if let Some(Ok(())) = read {
        return;
    }
    tiles.reader = before;
    tiles.list.truncate(listed);
    let class = shape.classes.iter().find(|(name, _)| *name == field.name);
    let class = class.map_or(Class::Data, |(_, class)| *class);
    // Taking all that is left cannot fail.
    let _ = tiles.take(field, Some(class), shape.section);
}

/// A field's name as the RFCs print it: with spaces, but for the lists of KEXINIT and their like,
/// which they print with underscores.
fn label(name: &'static str) -> Value {
    match name {
        "k_s" => return "K_S".into(),
        "q_c" => return "Q_C".into(),
        "q_s" => return "Q_S".into(),
        "signature_of_h" => return "signature of H".into(),
        _ => {}
    }
    let printed = name.contains("algorithms_") || name.ends_with("_algorithms");
    if printed || name.starts_with("languages_") || name == "first_kex_packet_follows" {
        return name.into();
    }
    if !name.contains('_') {
        return name.into();
    }
    name.replace('_', " ").into()
}

/// A string as text, where it is text.
fn text(content: &[u8]) -> Value {
    let readable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    match core::str::from_utf8(content) {
        Ok(text) if content.len() <= TEXT_BYTES_MAX && text.chars().all(readable) => {
            let text: String = printable(content, TEXT_BYTES_MAX);
            text.into()
        }
        _ => Value::Null,
    }
}
