//! A pseudo-terminal: its master as a stream for the driver, its slave for the shell.

use super::modes;
use crate::server::descriptor::Descriptors;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, Winsize, tcgetattr, tcsendbreak, tcsetattr, tcsetwinsize};
use std::io;
use std::path::PathBuf;

/// Size of a terminal, in characters and in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Width in characters.
    pub cols: u32,
    /// Height in rows.
    pub rows: u32,
    /// Width in pixels.
    pub wpx: u32,
    /// Height in pixels.
    pub hpx: u32,
}

impl Size {
    fn winsize(self) -> Winsize {
        let clip = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
        Winsize {
            ws_row: clip(self.rows),
            ws_col: clip(self.cols),
            ws_xpixel: clip(self.wpx),
            ws_ypixel: clip(self.hpx),
        }
    }
}

/// A pseudo-terminal whose slave nobody has taken yet.
#[derive(Debug)]
pub struct Pty {
    /// What the client said its terminal is: the value of TERM.
    pub term: String,
    /// Path of the slave.
    pub path: PathBuf,
    master: OwnedFd,
    slave: Option<OwnedFd>,
}

impl Pty {
    /// Makes one of this size, with the encoded modes of RFC 4254 section 8.
    ///
    /// # Errors
    /// What the operating system says, e.g. that there are no terminals left.
    pub fn open(term: String, size: Size, encoded_modes: &[u8]) -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = open(name.as_c_str(), flags, Mode::empty())?;
        let mut termios = tcgetattr(&slave)?;
        modes::apply(encoded_modes, &mut termios);
        tcsetattr(&slave, OptionalActions::Now, &termios)?;
        tcsetwinsize(&slave, size.winsize())?;
        let path = PathBuf::from(name.to_string_lossy().into_owned());
        Ok(Self { term, path, master, slave: Some(slave) })
    }

    /// Sets the size; the kernel tells the processes in the foreground.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn resize(&self, size: Size) -> io::Result<()> {
        Ok(tcsetwinsize(&self.master, size.winsize())?)
    }

    /// RFC 4335: the condition of a line that breaks.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn send_break(&self) -> io::Result<()> {
        Ok(tcsendbreak(&self.master)?)
    }

    /// The slave, once. Nobody but the shell may keep it, or its end would not be seen.
    pub fn take_slave(&mut self) -> Option<OwnedFd> {
        self.slave.take()
    }

    /// The master as a stream. When it and this object are gone the shell is hung up on. Within a
    /// runtime.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn stream(&self) -> io::Result<Descriptors> {
        Descriptors::new(self.master.try_clone()?, self.master.try_clone()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::termios::{LocalModes, tcgetwinsize};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn bytes_pass_modes_hold_and_the_end_is_seen() {
        let size = Size { cols: 80, rows: 24, wpx: 70_000, hpx: 0 };
        // ECHO off, then the end of the modes.
        let mut pty = Pty::open("vt100".into(), size, &[53, 0, 0, 0, 0, 0]).unwrap();
        let slave = pty.take_slave().unwrap();
        assert!(pty.take_slave().is_none());
        assert!(!tcgetattr(&slave).unwrap().local_modes.contains(LocalModes::ECHO));
        let got = tcgetwinsize(&slave).unwrap();
        assert_eq!((got.ws_col, got.ws_row, got.ws_xpixel), (80, 24, u16::MAX));
        pty.resize(Size { cols: 132, ..size }).unwrap();
        assert_eq!(tcgetwinsize(&slave).unwrap().ws_col, 132);

        let mut stream = pty.stream().unwrap();
        stream.write_all(b"typed\n").await.unwrap();
        let mut line = [0; 16];
        let n = rustix::io::read(&slave, &mut line).unwrap();
        assert_eq!(&line[..n], b"typed\n");
        rustix::io::write(&slave, b"shown").unwrap();
        drop(slave);
        let mut shown = Vec::new();
        stream.read_to_end(&mut shown).await.unwrap();
        assert_eq!(shown, b"shown");
    }
}
