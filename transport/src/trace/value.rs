//! What an event says, as a tree that every face (text, JSON, HTML, capture) reads.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// One thing that an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, or nothing that may be shown.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(u64),
    /// Text, already harmless for a terminal.
    Text(Cow<'static, str>),
    /// Bytes; wiped when dropped, as they may be anything.
    Bytes(Zeroizing<Vec<u8>>),
    /// Several.
    List(Vec<Self>),
    /// Named ones, in order.
    Map(Map),
}

impl Value {
    /// A copy of these bytes.
    #[must_use]
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::Bytes(Zeroizing::new(bytes.to_vec()))
    }

    /// The text, where it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, where it is one.
    #[must_use]
    pub const fn as_number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The bytes: as they are, or out of the hexadecimal text that JSON has for them.
    #[must_use]
    pub fn as_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Bytes(bytes) => Some(bytes.clone()),
            Self::Text(text) => unhex(text),
            _ => None,
        }
    }

    /// The members, where it is a list.
    #[must_use]
    pub fn as_list(&self) -> &[Self] {
        match self {
            Self::List(list) => list,
            _ => &[],
        }
    }

    /// The named members, where it is a map.
    #[must_use]
    pub const fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Number(value.into())
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Number(value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Number(u64::try_from(value).unwrap_or(u64::MAX))
    }
}

impl From<&'static str> for Value {
    fn from(value: &'static str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

impl From<Vec<Self>> for Value {
    fn from(value: Vec<Self>) -> Self {
        Self::List(value)
    }
}

impl From<Map> for Value {
    fn from(value: Map) -> Self {
        Self::Map(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Named values in the order in which they were put in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Map(Vec<(Cow<'static, str>, Value)>);

impl Map {
    /// No values.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// With one value more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.push(name, value);
        self
    }

    /// Adds a value at the end.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        self.0.push((name.into(), value.into()));
    }

    /// Replaces the value of that name, or adds it.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        match self.0.iter_mut().find(|(own, _)| own == name) {
            Some((_, slot)) => *slot = value.into(),
            None => self.push(name, value),
        }
    }

    /// Takes the value of that name out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(own, _)| own == name)?;
        Some(self.0.remove(at).1)
    }

    /// The value of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// The value of that name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.0.iter_mut().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// The text of that name; empty where there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Value::as_text).unwrap_or_default()
    }

    /// The number of that name; 0 where there is none.
    #[must_use]
    pub fn number(&self, name: &str) -> u64 {
        self.get(name).and_then(Value::as_number).unwrap_or_default()
    }

    /// The bytes of that name; empty where there are none.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Zeroizing<Vec<u8>> {
        self.get(name).and_then(Value::as_bytes).unwrap_or_default()
    }

    /// The list of that name; empty where there is none.
    #[must_use]
    pub fn list(&self, name: &str) -> &[Value] {
        self.get(name).map(Value::as_list).unwrap_or_default()
    }

    /// Names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// The values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.0.iter_mut().map(|(_, value)| value)
    }
}

/// Bytes of hexadecimal text in lower case.
#[must_use]
pub fn unhex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => byte.checked_sub(b'0'),
        b'a'..=b'f' => byte.checked_sub(b'a').map(|n| n | 8).map(|n| n.wrapping_add(2)),
        _ => None,
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() >> 1));
    for pair in text.as_bytes().chunks(2) {
        let &[high, low] = pair else { return None };
        bytes.push((digit(high)? << 4) | digit(low)?);
    }
    Some(bytes)
}

/// Appends bytes in hexadecimal.
pub fn push_hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |n: u8| DIGITS.get(usize::from(n & 15)).copied().unwrap_or('0');
    out.reserve(bytes.len().saturating_mul(2));
    for byte in bytes {
        out.push(digit(byte >> 4));
        out.push(digit(*byte));
    }
}
