//! `expiry-time=`: a date that is UTC with a `Z` behind it and local time without.

/// Bytes of a zone file that are read: the largest has about 4,000.
const ZONE_BYTES_MAX: u64 = 256 * 1024;

/// Offsets from UTC over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// From this second on (UTC, since 1970) local time is this many seconds ahead of UTC.
    changes: Vec<(i64, i32)>,
    /// Before the first change.
    first: i32,
    /// Whether summer time goes on behind the last change, by a rule.
    ruled: bool,
}

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub const fn utc() -> Self {
        Self { changes: Vec::new(), first: 0, ruled: false }
    }

    /// The zone of this machine: what `TZ` names, else /etc/localtime; UTC if neither can be read.
    #[must_use]
    pub fn local() -> Self {
        let path = match std::env::var("TZ") {
            Ok(name) if name.starts_with('/') => name,
            Ok(name) if name.trim_start_matches(':').starts_with('/') => name[1..].to_owned(),
            Ok(name) if !name.is_empty() && !name.contains("..") => {
                format!("/usr/share/zoneinfo/{}", name.trim_start_matches(':'))
            }
            _ => "/etc/localtime".to_owned(),
        };
        let read = || {
            use std::io::Read as _;
            let mut bytes = Vec::new();
            std::fs::File::open(path).ok()?.take(ZONE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
            Self::parse(&bytes)
        };
        read().unwrap_or_else(Self::utc)
    }

    /// Reads a zone file, RFC 8536, version 2 or later.
    #[must_use]
    pub fn parse(file: &[u8]) -> Option<Self> {
        let first = Header::parse(file)?;
        let second = file.get(Header::BYTES + first.body(4)?..)?;
        let header = Header::parse(second)?;
        let body = second.get(Header::BYTES..)?;
        let footer = body.get(header.body(8)?..)?;
        let (times, rest) = body.split_at_checked(header.times.checked_mul(8)?)?;
        let (indices, rest) = rest.split_at_checked(header.times)?;
        let types = rest.get(..header.types.checked_mul(6)?)?;
        let offset = |i: usize| {
            let at = i.checked_mul(6)?;
            Some(i32::from_be_bytes(types.get(at..at + 4)?.try_into().ok()?))
        };
        let mut changes = Vec::new();
        for (time, index) in times.chunks_exact(8).zip(indices) {
            changes.push((i64::from_be_bytes(time.try_into().ok()?), offset((*index).into())?));
        }
        Some(Self { changes, first: offset(0)?, ruled: footer.contains(&b',') })
    }

    /// The offset in force at a moment in UTC.
    fn offset_at(&self, utc: i64) -> i32 {
        let behind = self.changes.partition_point(|(from, _)| *from <= utc);
        behind.checked_sub(1).map_or(self.first, |i| self.changes[i].1)
    }

    /// The earliest moment in UTC at which clocks show `local`.
    ///
    /// Where a rule goes on behind the table, summer and winter are not told apart: of the last
    /// two offsets the one that ends a key's time first is taken.
    fn to_utc(&self, local: i64) -> i64 {
        let last = self.changes.last().map_or(i64::MIN, |(from, _)| *from);
        let ahead: Vec<i32> =
            self.changes.iter().map(|(_, offset)| *offset).chain([self.first]).collect();
        if self.ruled && local > last.saturating_add(86_400) {
            let lately = self.changes.iter().rev().take(2).map(|(_, offset)| *offset);
            return local - i64::from(lately.max().unwrap_or(self.first));
        }
        let moments = ahead.iter().map(|offset| (local - i64::from(*offset), *offset));
        let fits = moments.filter(|(utc, offset)| self.offset_at(*utc) == *offset);
        // Clocks that are put forward skip an hour that then has no moment at all.
        let skipped = || local - i64::from(ahead.iter().copied().max().unwrap_or(0));
        fits.map(|(utc, _)| utc).min().unwrap_or_else(skipped)
    }
}

/// The counts in front of each half of a zone file.
struct Header {
    isut: usize,
    isstd: usize,
    leaps: usize,
    times: usize,
    types: usize,
    chars: usize,
}

impl Header {
    const BYTES: usize = 44;

    fn parse(data: &[u8]) -> Option<Self> {
        let head = data.get(..Self::BYTES)?;
        if !head.starts_with(b"TZif") || head[4] < b'2' {
            return None;
        }
        let count = |i: usize| {
            let at = 20 + 4 * i;
            let bytes: [u8; 4] = head.get(at..at + 4)?.try_into().ok()?;
            // Nothing real comes near; it keeps every sum below small.
            usize::try_from(u32::from_be_bytes(bytes)).ok().filter(|n| *n <= 1 << 16)
        };
        let [isut, isstd, leaps] = [count(0)?, count(1)?, count(2)?];
        Some(Self { isut, isstd, leaps, times: count(3)?, types: count(4)?, chars: count(5)? })
    }

    /// Bytes behind this header, with times of this many bytes.
    fn body(&self, time: usize) -> Option<usize> {
        Some(
            self.times * (time + 1)
                + self.types * 6
                + self.chars
                + self.leaps * (time + 4)
                + self.isstd
                + self.isut,
        )
    }
}

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with `Z` for UTC, as seconds since 1970 in UTC.
#[must_use]
pub fn parse_time(text: &str, zone: &Zone) -> Option<i64> {
    let (digits, utc) = text.strip_suffix(['Z', 'z']).map_or((text, false), |d| (d, true));
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| match digits.get(from..to) {
        Some(digits) => digits.parse::<i64>().ok(),
        None => Some(0),
    };
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    let days = days_since_1970(year, month, day)?;
    if year < 1970 || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let local = days * 86_400 + hour * 3600 + minute * 60 + second;
    Some(if utc { local } else { zone.to_utc(local) })
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; none for a date that is not one.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years that begin in March put the leap day at their end.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * m + 2) / 5 + day - 1;
    Some(y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + day_of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_utc() {
        let at = |text: &str| parse_time(text, &Zone::utc());
        assert_eq!(at("19700101Z"), Some(0));
        assert_eq!(at("20000229"), Some(951_782_400));
        assert_eq!(at("20260901123456Z"), Some(1_788_266_096));
        assert_eq!(at("203801190314"), Some(2_147_483_640));
        for bad in [
            "",
            "Z",
            "2026",
            "2026010",
            "20260100",
            "20261301",
            "20260229",
            "20260101 1200",
            "202601012400",
            "202601011260",
            "-0260101",
            "20260101z0",
            "19691231",
            "2026010112",
        ] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    /// A zone file with two changes: to +1 h at 1000 s, to +2 h at 100,000 s.
    fn file(footer: &[u8]) -> Vec<u8> {
        let header = |counts: [u32; 6]| {
            let mut out = b"TZif2".to_vec();
            out.extend([0; 15]);
            out.extend(counts.iter().flat_map(|n| n.to_be_bytes()));
            out
        };
        let mut out = header([0; 6]);
        out.extend(header([0, 0, 0, 2, 3, 4]));
        for time in [1000i64, 100_000] {
            out.extend(time.to_be_bytes());
        }
        out.extend([1, 2]);
        for offset in [0i32, 3600, 7200] {
            out.extend(offset.to_be_bytes());
            out.extend([0, 0]);
        }
        out.extend(b"ABC\0");
        out.extend(footer);
        out
    }

    #[test]
    fn local_time_follows_the_zone_file() {
        let zone = Zone::parse(&file(b"\n<+02>-2\n")).unwrap();
        assert_eq!(zone.to_utc(500), 500);
        assert_eq!(zone.to_utc(50_000), 46_400);
        assert_eq!(zone.to_utc(1_000_000), 992_800);
        assert_eq!(zone.to_utc(105_000), 97_800, "an hour that no clock shows");
        assert_eq!(parse_time("19700102", &zone), Some(82_800));
        assert_eq!(parse_time("19700102Z", &zone), Some(86_400));
    }

    #[test]
    fn behind_the_table_the_earlier_end_is_taken() {
        let mut zone = Zone::parse(&file(b"\nCET-1CEST,M3.5.0,M10.5.0/3\n")).unwrap();
        assert_eq!(zone.to_utc(1_000_000), 992_800);
        zone.changes.swap(0, 1);
        assert_eq!(zone.to_utc(1_000_000), 992_800);
    }

    #[test]
    fn a_cut_zone_file_is_no_zone_and_no_panic() {
        let whole = file(b"");
        for n in 0..whole.len() {
            assert_eq!(Zone::parse(&whole[..n]), None, "cut at {n}");
        }
        let mut huge = whole;
        huge[44 + 32..44 + 36].fill(0xff);
        assert_eq!(Zone::parse(&huge), None);
    }
}
