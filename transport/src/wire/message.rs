//! The macro that declares a message once: fields in RFC order with the RFC's names.

use super::{Reader, WireError, Writer};
use crate::trace::Field;
use alloc::vec::Vec;

/// A message of the protocol: its number and its fields.
pub trait Message<'a>: Sized {
    /// The message number, the first byte of the payload.
    const NUMBER: u8;
    /// The name as the RFC writes it.
    const NAME: &'static str;
    /// Where the RFC defines it, as `4253#7.1`; empty for messages that no RFC has.
    const SECTION: &'static str;
    /// The fields as declared, for whoever takes a payload apart without knowing the message.
    const FIELDS: &'static [Field];

    /// Reads a whole payload, number included, to the last byte.
    ///
    /// # Errors
    /// The first field that could not be read, or trailing bytes.
    fn decode(payload: &'a [u8]) -> Result<Self, WireError>;

    /// Appends number and fields.
    fn encode(&self, out: &mut Writer<'_>);

    /// The payload as a vector of its own.
    fn payload(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut Writer::new(&mut out));
        out
    }
}

/// Declares messages: number, name, section, fields. Field kinds: `byte`, `boolean`, `uint32`,
/// `string` (bytes), `text` (UTF-8), `name_list` (as `&str`, checked), `mpint` (magnitude),
/// `cookie` (16 bytes) and `rest` (all that follows, for messages whose tail depends on an earlier
/// field).
#[macro_export]
macro_rules! messages {
    ($(
        $(#[$doc:meta])*
        $number:literal $rfc:literal $section:literal $name:ident {
            $( $(#[$fdoc:meta])* $field:ident : $kind:ident ),* $(,)?
        }
    )*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "fields carry the RFC's names; the RFC documents them")]
        pub struct $name<'a> {
            $( $(#[$fdoc])* pub $field: $crate::messages!(@type 'a $kind), )*
            #[doc(hidden)]
            pub _life: core::marker::PhantomData<&'a ()>,
        }

        impl<'a> $name<'a> {
            /// The message with these fields, in RFC order.
            #[must_use]
            #[allow(
                clippy::too_many_arguments,
                clippy::new_without_default,
                reason = "as many fields as the RFC lists, sometimes none"
            )]
            pub const fn new($( $field: $crate::messages!(@type 'a $kind) ),*) -> Self {
                Self { $( $field, )* _life: core::marker::PhantomData }
            }
        }

        impl<'a> $crate::wire::Message<'a> for $name<'a> {
            const NUMBER: u8 = $number;
            const NAME: &'static str = $rfc;
            const SECTION: &'static str = $section;
            const FIELDS: &'static [$crate::trace::Field] = &[$(
                $crate::trace::Field::new(stringify!($field), $crate::messages!(@kind $kind))
            ),*];

            fn decode(payload: &'a [u8]) -> Result<Self, $crate::wire::WireError> {
                let mut r = $crate::wire::Reader::new(payload);
                if r.byte("message number")? != $number {
                    let wrong = $crate::wire::WireFault::WrongNumber;
                    return Err($crate::wire::Reader::new(payload).error("message number", wrong));
                }
                $( let $field = $crate::messages!(@read r $field $kind); )*
                r.end()?;
                Ok(Self::new($( $field ),*))
            }

            fn encode(&self, out: &mut $crate::wire::Writer<'_>) {
                out.byte($number);
                $( $crate::messages!(@write out self.$field, $kind); )*
            }
        }
    )* };
    (@type $l:lifetime byte) => { u8 };
    (@type $l:lifetime boolean) => { bool };
    (@type $l:lifetime uint32) => { u32 };
    (@type $l:lifetime string) => { &$l [u8] };
    (@type $l:lifetime text) => { &$l str };
    (@type $l:lifetime name_list) => { &$l str };
    (@type $l:lifetime mpint) => { &$l [u8] };
    (@type $l:lifetime cookie) => { [u8; 16] };
    (@type $l:lifetime rest) => { &$l [u8] };
    (@kind byte) => { $crate::trace::FieldKind::Byte };
    (@kind boolean) => { $crate::trace::FieldKind::Boolean };
    (@kind uint32) => { $crate::trace::FieldKind::Uint32 };
    (@kind string) => { $crate::trace::FieldKind::String };
    (@kind text) => { $crate::trace::FieldKind::String };
    (@kind name_list) => { $crate::trace::FieldKind::NameList };
    (@kind mpint) => { $crate::trace::FieldKind::Mpint };
    (@kind cookie) => { $crate::trace::FieldKind::Cookie };
    (@kind rest) => { $crate::trace::FieldKind::Rest };
    (@read $r:ident $f:ident byte) => { $r.byte(stringify!($f))? };
    (@read $r:ident $f:ident boolean) => { $r.boolean(stringify!($f))? };
    (@read $r:ident $f:ident uint32) => { $r.uint32(stringify!($f))? };
    (@read $r:ident $f:ident string) => { $r.string(stringify!($f))? };
    (@read $r:ident $f:ident text) => { $r.text(stringify!($f))? };
    (@read $r:ident $f:ident name_list) => { $r.name_list(stringify!($f))?.as_str() };
    (@read $r:ident $f:ident mpint) => { $r.mpint(stringify!($f))?.magnitude() };
    (@read $r:ident $f:ident cookie) => { $r.array::<16>(stringify!($f))? };
    (@read $r:ident $f:ident rest) => { {
        let rest = $r.rest();
        $r.bytes(stringify!($f), rest.len())?
    } };
    (@write $w:ident $v:expr, byte) => { $w.byte($v) };
    (@write $w:ident $v:expr, boolean) => { $w.boolean($v) };
    (@write $w:ident $v:expr, uint32) => { $w.uint32($v) };
    (@write $w:ident $v:expr, string) => { $w.string($v) };
    (@write $w:ident $v:expr, text) => { $w.string($v.as_bytes()) };
    (@write $w:ident $v:expr, name_list) => { $w.string($v.as_bytes()) };
    (@write $w:ident $v:expr, mpint) => { $w.mpint($v) };
    (@write $w:ident $v:expr, cookie) => { $w.bytes(&$v) };
    (@write $w:ident $v:expr, rest) => { $w.bytes($v) };
}

/// Reads only the message number.
///
/// # Errors
/// An empty payload has none.
pub fn number(payload: &[u8]) -> Result<u8, WireError> {
    Reader::new(payload).byte("message number")
}
