//! The local terminal: raw mode with a way back, its size, and its modes for the far side.

use crate::terminal_modes::{
    CHARACTER_OFF, CHARACTERS, CONTROL, CS7, CS8, END, INPUT, INPUT_SPEED, LOCAL, OUTPUT,
    OUTPUT_SPEED,
};
use rustix::termios::{
    ControlModes, InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios,
    tcgetattr, tcgetwinsize, tcsetattr,
};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use tssh_transport::wire::Writer;

/// Terminals that were changed, each with the state to go back to: the last one first. At most
/// two: raw mode of a session, and a prompt above it.
static CHANGED: Mutex<Vec<Changed>> = Mutex::new(Vec::new());
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

struct Changed {
    id: u64,
    terminal: OwnedFd,
    before: Termios,
}

/// Puts every terminal back into the state it was found in. Every way out of the program calls
/// it; calling it twice does nothing.
pub fn restore_all() {
    let mut changed = CHANGED.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some(Changed { terminal, before, .. }) = changed.pop() {
        // A terminal that is gone needs no repair.
        let _ = tcsetattr(&terminal, OptionalActions::Drain, &before);
    }
}

/// A terminal in another mode than it was found in; dropping it goes back.
#[derive(Debug)]
pub struct Mode {
    id: u64,
}

impl Drop for Mode {
    fn drop(&mut self) {
        let mut changed = CHANGED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(i) = changed.iter().position(|c| c.id == self.id) {
            let Changed { terminal, before, .. } = changed.remove(i);
            let _ = tcsetattr(&terminal, OptionalActions::Drain, &before);
        }
    }
}

/// Puts a terminal into raw mode: every key reaches the far side as it was typed.
///
/// # Errors
/// What the operating system said: the descriptor is no terminal.
pub fn raw(terminal: impl AsFd) -> std::io::Result<Mode> {
    change(terminal.as_fd(), |modes| {
        // Exactly what ssh changes, so that the far side's programs see the same keys.
        modes.input_modes |= InputModes::IGNPAR;
        modes.input_modes -= InputModes::ISTRIP
            | InputModes::INLCR
            | InputModes::IGNCR
            | InputModes::ICRNL
            | InputModes::IXON
            | InputModes::IXANY
            | InputModes::IXOFF
            | InputModes::IUCLC;
        modes.local_modes -= LocalModes::ISIG
            | LocalModes::ICANON
            | LocalModes::ECHO
            | LocalModes::ECHOE
            | LocalModes::ECHOK
            | LocalModes::ECHONL
            | LocalModes::IEXTEN;
        modes.output_modes -= OutputModes::OPOST;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    })
}

/// Switches echo off, for an answer that nobody should see.
///
/// # Errors
/// What the operating system said.
pub fn without_echo(terminal: impl AsFd) -> std::io::Result<Mode> {
    change(terminal.as_fd(), |modes| {
        modes.local_modes -= LocalModes::ECHO | LocalModes::ECHONL;
    })
}

fn change(terminal: BorrowedFd<'_>, edit: impl FnOnce(&mut Termios)) -> std::io::Result<Mode> {
    let before = tcgetattr(terminal)?;
    let mut after = before.clone();
    edit(&mut after);
    let copy = terminal.try_clone_to_owned()?;
    // Registered first: a signal between the two must find the way back.
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let entry = Changed { id, terminal: copy, before };
    CHANGED.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    let mode = Mode { id };
    tcsetattr(terminal, OptionalActions::Drain, &after)?;
    Ok(mode)
}

/// Size of a terminal: columns, rows, and both in pixels (0 where unknown).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Characters in a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// Width in pixels.
    pub width_pixels: u32,
    /// Height in pixels.
    pub height_pixels: u32,
}

/// The size of a terminal; all 0 where it has none.
#[must_use]
pub fn size(terminal: impl AsFd) -> Size {
    tcgetwinsize(terminal).map_or_else(
        |_| Size::default(),
        |size| Size {
            columns: u32::from(size.ws_col),
            rows: u32::from(size.ws_row),
            width_pixels: u32::from(size.ws_xpixel),
            height_pixels: u32::from(size.ws_ypixel),
        },
    )
}

/// The modes of a terminal as the string of `pty-req`; only the end mark where it has none.
#[must_use]
pub fn encoded_modes(terminal: impl AsFd) -> Vec<u8> {
    match tcgetattr(terminal) {
        Ok(modes) => encode(&modes),
        Err(_) => vec![END],
    }
}

fn encode(modes: &Termios) -> Vec<u8> {
    let mut out = Vec::new();
    let mut w = Writer::new(&mut out);
    let mut put = |opcode: u8, value: u32| {
        w.byte(opcode);
        w.uint32(value);
    };
    put(OUTPUT_SPEED, modes.output_speed());
    put(INPUT_SPEED, modes.input_speed());
    // ssh does not send VSWTC either, which Linux terminals do not have.
    for (opcode, index) in CHARACTERS.iter().filter(|(_, index)| *index != SpecialCodeIndex::VSWTC)
    {
        // 0 is how Linux marks a character that is switched off.
        let value = u32::from(modes.special_codes[*index]);
        put(*opcode, if value == 0 { CHARACTER_OFF } else { value });
    }
    for (opcode, flag) in INPUT {
        put(*opcode, u32::from(modes.input_modes.contains(*flag)));
    }
    for (opcode, flag) in LOCAL {
        put(*opcode, u32::from(modes.local_modes.contains(*flag)));
    }
    for (opcode, flag) in OUTPUT {
        put(*opcode, u32::from(modes.output_modes.contains(*flag)));
    }
    let size = modes.control_modes & ControlModes::CSIZE;
    put(CS7, u32::from(size == ControlModes::CS7));
    put(CS8, u32::from(size == ControlModes::CS8));
    for (opcode, flag) in CONTROL {
        put(*opcode, u32::from(modes.control_modes.contains(*flag)));
    }
    w.byte(END);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use tssh_transport::wire::Reader;

    fn pty() -> (OwnedFd, std::fs::File) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        let slave = rustix::fs::open(&name, flags, rustix::fs::Mode::empty()).unwrap();
        (master, slave.into())
    }

    fn modes_of(terminal: &std::fs::File) -> Vec<(u8, u32)> {
        let encoded = encoded_modes(terminal);
        let mut r = Reader::new(&encoded);
        let mut modes = Vec::new();
        loop {
            match r.byte("opcode").unwrap() {
                END => break,
                opcode => modes.push((opcode, r.uint32("value").unwrap())),
            }
        }
        r.end().unwrap();
        modes
    }

    #[test]
    fn raw_mode_goes_and_comes_back_whoever_restores() {
        let (_master, slave) = pty();
        let fresh = modes_of(&slave);
        // A new terminal: ^C interrupts, lines are edited, 8 bits.
        for mode in [(1, 3), (50, 1), (51, 1), (53, 1), (70, 1), (91, 1)] {
            assert!(fresh.contains(&mode), "{mode:?}");
        }
        let guard = raw(&slave).unwrap();
        for mode in [(50, 0), (51, 0), (53, 0), (70, 0), (36, 0), (30, 1)] {
            assert!(modes_of(&slave).contains(&mode), "{mode:?}");
        }
        let inner = without_echo(&slave).unwrap();
        restore_all();
        assert_eq!(modes_of(&slave), fresh);
        drop(inner);
        drop(guard);
        assert_eq!(modes_of(&slave), fresh);

        let guard = without_echo(&slave).unwrap();
        assert!(modes_of(&slave).contains(&(53, 0)) && modes_of(&slave).contains(&(51, 1)));
        drop(guard);
        assert_eq!(modes_of(&slave), fresh);
    }

    #[test]
    fn what_is_no_terminal_has_no_modes_and_no_size() {
        let null = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(encoded_modes(&null), [END]);
        assert_eq!(size(&null), Size::default());
        assert!(raw(&null).is_err());
    }

    #[test]
    fn size_follows_the_terminal() {
        let (master, slave) = pty();
        let mut want = tcgetwinsize(&slave).unwrap();
        (want.ws_col, want.ws_row) = (91, 33);
        rustix::termios::tcsetwinsize(&master, want).unwrap();
        assert_eq!((size(&slave).columns, size(&slave).rows), (91, 33));
    }
}
