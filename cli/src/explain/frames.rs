//! Captures in the two formats that everybody writes, pcap and pcapng, as frames; and the key logs
//! that a pcapng may carry. Damaged and hostile files give fewer frames, never a panic.

/// Longest frame that is taken: more than any link carries.
const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Interfaces of one section.
const INTERFACES_MAX: usize = 1024;
/// Secrets of SSH in a Decryption Secrets Block.
const SSH_KEY_LOG: u32 = 0x5353_484b;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SIMPLE: u32 = 3;
const SECRETS: u32 = 0x0a;
const ENHANCED: u32 = 6;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Microseconds since 1970.
    pub micros: u64,
    /// The link type, by the numbers of tcpdump.
    pub link: u32,
    /// Its bytes, as far as they were captured.
    pub bytes: Vec<u8>,
}

/// What a file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// Frames in their order.
    pub frames: Vec<Frame>,
    /// Key logs of SSH that came with them.
    pub key_log: String,
}

/// Reads a file.
///
/// # Errors
/// One line where it is no capture.
pub fn read(bytes: &[u8]) -> Result<Capture, &'static str> {
    match bytes.get(..4) {
        Some([0x0a, 0x0d, 0x0d, 0x0a]) => Ok(pcapng(bytes)),
        Some([0xd4, 0xc3, 0xb2, 0xa1]) => Ok(pcap(bytes, Order::Little, 1)),
        Some([0xa1, 0xb2, 0xc3, 0xd4]) => Ok(pcap(bytes, Order::Big, 1)),
        Some([0x4d, 0x3c, 0xb2, 0xa1]) => Ok(pcap(bytes, Order::Little, 1000)),
        Some([0xa1, 0xb2, 0x3c, 0x4d]) => Ok(pcap(bytes, Order::Big, 1000)),
        _ => Err("it is no capture: neither pcap nor pcapng"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let two = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self == Self::Little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let four = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self == Self::Little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    }
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn pcap(bytes: &[u8], order: Order, units_per_micro: u32) -> Capture {
    let mut capture = Capture::default();
    let link = order.u32(bytes, 20).unwrap_or(0) & 0xffff;
    let mut rest = bytes.get(24..).unwrap_or_default();
    while let Some(len) = order.u32(rest, 8).map(size) {
        let Some(frame) = rest.get(16..16usize.saturating_add(len)) else { break };
        if len > FRAME_BYTES_MAX {
            break;
        }
        let seconds = u64::from(order.u32(rest, 0).unwrap_or(0));
        let part = u64::from(order.u32(rest, 4).unwrap_or(0) / units_per_micro);
        let micros = seconds.saturating_mul(1_000_000).saturating_add(part);
        capture.frames.push(Frame { micros, link, bytes: frame.to_vec() });
        rest = rest.get(16 + len..).unwrap_or_default();
    }
    capture
}

/// Link type and resolution of times of an interface.
#[derive(Debug, Clone, Copy)]
struct Interface {
    link: u32,
    resolution: u8,
}

impl Interface {
    fn of(order: Order, content: &[u8]) -> Self {
        let link = u32::from(order.u16(content, 0).unwrap_or(0));
        let mut own = Self { link, resolution: 6 };
        let mut options = content.get(8..).unwrap_or_default();
        while let (Some(code), Some(len)) = (order.u16(options, 0), order.u16(options, 2)) {
            if code == 9 && len == 1 {
                own.resolution = options.get(4).copied().unwrap_or(6);
            }
            let padded = usize::from(len).next_multiple_of(4);
            options = options.get(4 + padded..).unwrap_or_default();
        }
        own
    }

    /// A time in this interface's units, in microseconds.
    fn micros(self, units: u64) -> u64 {
        let exponent = u32::from(self.resolution & 0x7f);
        if self.resolution & 0x80 != 0 {
            let scaled = u128::from(units) * 1_000_000;
            return u64::try_from(scaled.checked_shr(exponent).unwrap_or(0)).unwrap_or(u64::MAX);
        }
        match exponent {
            0..=6 => units.saturating_mul(10u64.pow(6 - exponent)),
            _ => units / 10u64.checked_pow(exponent - 6).unwrap_or(u64::MAX),
        }
    }
}

fn pcapng(bytes: &[u8]) -> Capture {
    let mut capture = Capture::default();
    let mut order = Order::Little;
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut rest = bytes;
    loop {
        if rest.get(..4) == Some(&SECTION.to_be_bytes()) {
            let big = rest.get(8..12) == Some(&[0x1a, 0x2b, 0x3c, 0x4d]);
            order = if big { Order::Big } else { Order::Little };
            interfaces.clear();
        }
        let (Some(kind), Some(length)) = (order.u32(rest, 0), order.u32(rest, 4)) else { break };
        let length = size(length);
        let Some(content) = rest.get(8..length.saturating_sub(4)) else { break };
        match kind {
            INTERFACE if interfaces.len() < INTERFACES_MAX => {
                interfaces.push(Interface::of(order, content));
            }
            ENHANCED => capture.frames.extend(enhanced(order, content, &interfaces)),
            SIMPLE => {
                let link = interfaces.first().map_or(1, |interface| interface.link);
                let len = order.u32(content, 0).map_or(0, size);
                let bytes = content.get(4..).unwrap_or_default();
                let bytes = bytes.get(..len).unwrap_or(bytes).to_vec();
                capture.frames.push(Frame { micros: 0, link, bytes });
            }
            SECRETS if order.u32(content, 0) == Some(SSH_KEY_LOG) => {
                let len = order.u32(content, 4).map_or(0, size);
                let text = content.get(8..8usize.saturating_add(len)).unwrap_or_default();
                capture.key_log.push_str(&String::from_utf8_lossy(text));
                capture.key_log.push('\n');
            }
            _ => {}
        }
        let next = length.next_multiple_of(4).max(12);
        rest = rest.get(next..).unwrap_or_default();
    }
    capture
}

fn enhanced(order: Order, content: &[u8], interfaces: &[Interface]) -> Option<Frame> {
    let interface = *interfaces.get(size(order.u32(content, 0)?))?;
    let units = u64::from(order.u32(content, 4)?) << 32 | u64::from(order.u32(content, 8)?);
    let len = size(order.u32(content, 12)?);
    let bytes = content.get(20..20usize.checked_add(len)?)?;
    (len <= FRAME_BYTES_MAX).then(|| Frame {
        micros: interface.micros(units),
        link: interface.link,
        bytes: bytes.to_vec(),
    })
}
