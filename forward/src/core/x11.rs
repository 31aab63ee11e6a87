//! The first words of an X client, and the cookie in them.
//!
//! The X server's real cookie never leaves the client's machine: the far side gets a random one,
//! and its programs present that. What an X client says first is looked at here, and only where
//! it holds the random cookie the real one is put in its place. The layout, in the byte order
//! that the first byte names:
//!
//! ```text
//! byte      'l' (least significant byte first) or 'B'
//! byte      unused
//! uint16    major version, uint16 minor version
//! uint16    n, length of the name of the authentication protocol
//! uint16    d, length of its data
//! uint16    unused
//! byte[n]   name, padded to a multiple of 4
//! byte[d]   data, padded to a multiple of 4
//! ```

use crate::limits::X11_PROTOCOL_NAME_BYTES_MAX;
use std::fmt;
use subtle::ConstantTimeEq as _;
use tssh_transport::text::printable;
use zeroize::Zeroizing;

/// The only authentication protocol whose data can be put in another's place: with the others
/// the data depends on the connection.
pub const COOKIE_PROTOCOL: &str = "MIT-MAGIC-COOKIE-1";
/// Bytes of a cookie.
pub const COOKIE_BYTES: usize = 16;

const HEADER_BYTES: usize = 12;

/// A cookie of an X server, wiped when it is dropped and never shown.
#[derive(Clone)]
pub struct Cookie(Zeroizing<[u8; COOKIE_BYTES]>);

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie")
    }
}

impl Cookie {
    /// A cookie of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; COOKIE_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads 32 hexadecimal digits; `None` for anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let mut cookie = Self::new([0; COOKIE_BYTES]);
        let mut digits = text.bytes();
        for byte in cookie.0.iter_mut() {
            let (high, low) = (digit(digits.next()?)?, digit(digits.next()?)?);
            *byte = (high << 4) | low;
        }
        digits.next().is_none().then_some(cookie)
    }

    /// As hexadecimal digits: for xauth and for `x11-req`.
    #[must_use]
    pub fn hex(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(COOKIE_BYTES.saturating_mul(2)));
        for byte in self.0.iter() {
            for nibble in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(u32::from(nibble), 16));
            }
        }
        text
    }

    /// Whether both are the same, found out in constant time.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.matches(&other.0[..])
    }

    fn matches(&self, data: &[u8]) -> bool {
        bool::from(self.0[..].ct_eq(data))
    }
}

/// Why an X client is not let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Its first byte names no byte order.
    ByteOrder(u8),
    /// It uses another authentication protocol, or none. The name is made printable.
    Protocol(String),
    /// The data is not the cookie that the far side was given.
    WrongCookie,
    /// It ended, or was ended, before it had said enough.
    Incomplete,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByteOrder(byte) => {
                write!(f, "X11 connection starts with byte 0x{byte:02x}: no X client")
            }
            Self::Protocol(name) if name.is_empty() => {
                f.write_str("X11 connection without authentication data")
            }
            Self::Protocol(name) => write!(
                f,
                "X11 connection uses authentication protocol {name}: only {COOKIE_PROTOCOL} can be \
                 forwarded"
            ),
            Self::WrongCookie => f.write_str("X11 auth data does not match fake data."),
            Self::Incomplete => f.write_str("X11 connection ended within its first words"),
        }
    }
}

/// What a piece of an X client's first words came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// More is needed; all bytes were taken.
    More,
    /// This goes to the X server in place of all that was taken.
    Ready {
        /// Bytes of the last piece that belong to it.
        taken: usize,
        /// The words, with the real cookie.
        words: Zeroizing<Vec<u8>>,
    },
}

/// Looks at the first words of one X client, however they are cut.
pub struct SetUp {
    fake: Cookie,
    real: Cookie,
    /// What came so far: at most header, longest name, cookie and padding.
    words: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for SetUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SetUp({} bytes)", self.words.len())
    }
}

/// Sizes that the header announces, padding included.
struct Lengths {
    name: usize,
    data: usize,
    /// Where the data begins.
    data_at: usize,
    /// Everything.
    total: usize,
}

const fn padded(n: usize) -> usize {
    n.saturating_add(3) & !3
}

impl SetUp {
    /// Will let through who knows `fake`, and introduce it with `real`.
    #[must_use]
    pub fn new(fake: Cookie, real: Cookie) -> Self {
        // Room for all of it: what moved would leave copies behind.
        let most = HEADER_BYTES.saturating_add(X11_PROTOCOL_NAME_BYTES_MAX);
        let words = Zeroizing::new(Vec::with_capacity(most.saturating_add(2 * COOKIE_BYTES)));
        Self { fake, real, words }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// [`Fault`]: the connection ends, and nothing of it reaches the X server.
    pub fn feed(&mut self, piece: &[u8]) -> Result<Progress, Fault> {
        let mut taken = 0;
        loop {
            let wanted = self.wanted()?;
            let missing = wanted.saturating_sub(self.words.len());
            if missing == 0 {
                return self.finish(taken);
            }
            let rest = piece.get(taken..).unwrap_or_default();
            let part = rest.get(..missing).unwrap_or(rest);
            self.words.extend_from_slice(part);
            taken = taken.saturating_add(part.len());
            if part.len() < missing {
                // What is wrong already is said at once.
                self.wanted()?;
                return Ok(Progress::More);
            }
        }
    }

    /// Bytes to wait for: the header, and then what it announces. Whatever is announced, what is
    /// kept is bounded.
    fn wanted(&self) -> Result<usize, Fault> {
        if let Some(first @ ..=b'A' | first @ b'C'..=b'k' | first @ b'm'..) = self.words.first() {
            return Err(Fault::ByteOrder(*first));
        }
        let Some(lengths) = self.lengths() else { return Ok(HEADER_BYTES) };
        if lengths.name > X11_PROTOCOL_NAME_BYTES_MAX {
            return Err(Fault::Protocol(format!("with a name of {} bytes", lengths.name)));
        }
        let name_end = HEADER_BYTES.saturating_add(lengths.name);
        let Some(name) = self.words.get(HEADER_BYTES..name_end) else { return Ok(name_end) };
        if name != COOKIE_PROTOCOL.as_bytes() {
            return Err(Fault::Protocol(printable(name, X11_PROTOCOL_NAME_BYTES_MAX)));
        }
        if lengths.data != COOKIE_BYTES {
            return Err(Fault::WrongCookie);
        }
        Ok(lengths.total)
    }

    fn lengths(&self) -> Option<Lengths> {
        let header: &[u8; HEADER_BYTES] = self.words.first_chunk()?;
        let [order, _, _, _, _, _, n0, n1, d0, d1, _, _] = *header;
        let number = |bytes: [u8; 2]| {
            let little = order == b'l';
            usize::from(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
        };
        let (name, data) = (number([n0, n1]), number([d0, d1]));
        let data_at = HEADER_BYTES.saturating_add(padded(name));
        Some(Lengths { name, data, data_at, total: data_at.saturating_add(padded(data)) })
    }

    fn finish(&mut self, taken: usize) -> Result<Progress, Fault> {
        let lengths = self.lengths().ok_or(Fault::Incomplete)?;
        let data_end = lengths.data_at.saturating_add(lengths.data);
        let mut words = std::mem::take(&mut self.words);
        let place = words.get_mut(lengths.data_at..data_end).ok_or(Fault::Incomplete)?;
        if !self.fake.matches(place) {
            return Err(Fault::WrongCookie);
        }
        place.copy_from_slice(&self.real.0[..]);
        Ok(Progress::Ready { taken, words })
    }
}

#[cfg(test)]
mod tests;
