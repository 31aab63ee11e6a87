//! Room in outgoing packets, which a caller fills.

use crate::limits::RUN_PACKETS;

/// Where the data of the next packets is to be put, one after the other: each is filled before the
/// next, and the last one may be filled in part.
#[derive(Default)]
pub struct Areas<'a>([&'a mut [u8]; RUN_PACKETS]);

/// Without what lies there.
impl core::fmt::Debug for Areas<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|area| area.len())).finish()
    }
}

impl<'a> Areas<'a> {
    /// The first [`RUN_PACKETS`] of these: nobody sends more in a row.
    pub fn new(areas: impl Iterator<Item = &'a mut [u8]>) -> Self {
        let mut all = Self::default();
        all.0.iter_mut().zip(areas).for_each(|(place, area)| *place = area);
        all
    }

    /// Bytes in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|area| area.len()).fold(0, usize::saturating_add)
    }

    /// Whether there is no room.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The areas, none of them empty.
    pub fn pieces(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.0.iter_mut().map(|area| &mut **area).filter(|area| !area.is_empty())
    }

    /// Puts in as many of the bytes as there is room for, and says how many.
    pub fn put(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        for piece in self.pieces() {
            let (now, then) = rest.split_at(rest.len().min(piece.len()));
            if let Some(place) = piece.get_mut(..now.len()) {
                place.copy_from_slice(now);
            }
            rest = then;
        }
        bytes.len().saturating_sub(rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_put_in_order_and_only_as_many_as_fit() {
        let mut room = [0; 7];
        let (first, rest) = room.split_at_mut(3);
        let mut areas = Areas::new([first, rest].into_iter());
        assert_eq!((areas.len(), areas.is_empty()), (7, false));
        assert_eq!(areas.put(b"abcd"), 4);
        assert_eq!(room, *b"abcd\0\0\0");
        let mut areas = Areas::new(core::iter::once(&mut room[..]));
        assert_eq!(areas.put(b"ABCDEFGHIJ"), 7);
        assert_eq!(std::format!("{areas:?}"), "[7, 0, 0, 0]", "lengths and no bytes");
        assert_eq!(room, *b"ABCDEFG");
        let mut none = Areas::new(core::iter::empty());
        assert_eq!((none.len(), none.is_empty(), none.put(b"x")), (0, true, 0));
        assert_eq!(none.pieces().count(), 0);
    }

    #[test]
    fn there_are_never_more_than_a_run_of_packets() {
        let mut room = [[0; 2]; RUN_PACKETS + 3];
        let mut areas = Areas::new(room.iter_mut().map(|area| &mut area[..]));
        assert_eq!((areas.pieces().count(), areas.len()), (RUN_PACKETS, 2 * RUN_PACKETS));
    }
}
