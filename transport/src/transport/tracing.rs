//! What the transport tells a tracer.

use super::Transport;
use crate::error::{Error, Result};
use crate::packet::PayloadRange;
use crate::side::Side;
use crate::time::Timestamp;
use crate::trace::{KexWatch, Kind, Map, OpenedPacket, SealedPacket, Tap, Tracer};
use alloc::boxed::Box;

impl Transport {
    /// Tells `tracer` of everything from now on. To be called before anything is sent: what waits
    /// to be sent by then, the identification string and KEXINIT, is told first.
    pub fn trace(&mut self, mut tracer: Box<Tracer>) {
        let waiting = self.send.outbound.transmit();
        let line = waiting.iter().position(|byte| *byte == b'\n').map(|at| at.saturating_add(1));
        let (line, packet) = waiting.split_at_checked(line.unwrap_or(0)).unwrap_or_default();
        tracer.ident(self.side, line, false);
        // No keys yet: the packet stands in the clear.
        let sealed = SealedPacket { wire: packet, ..self.send.outbound.sealed() };
        let behind = packet.len().saturating_sub(usize::from(sealed.padding));
        tracer.sealing(packet.get(5..behind).unwrap_or_default());
        tracer.sealed(self.side, &sealed);
        self.inbound.tap.set(Box::<Tap>::default());
        let wants_scalar = tracer.wants_secrets();
        self.exchanger.watch.set(Box::new(KexWatch { wants_scalar, ..KexWatch::default() }));
        self.send.tracer.set(tracer);
    }

    /// The tracer, for the layers above to tell of their events.
    pub fn tracer(&mut self) -> Option<&mut Tracer> {
        self.send.tracer.get_mut()
    }

    /// Whether there is a tracer.
    #[must_use]
    pub fn traces(&self) -> bool {
        self.send.tracer.get().is_some()
    }

    pub(super) fn trace_time(&mut self, now: Timestamp) {
        if let Some(tracer) = self.send.tracer.get_mut() {
            tracer.now = now;
        }
    }

    /// A packet came, or did not pass its check.
    pub(super) fn trace_opened(&mut self, opened: &Result<Option<PayloadRange>>) {
        let (Some(tracer), Some(tap)) = (self.send.tracer.get_mut(), self.inbound.tap.get()) else {
            return;
        };
        let (sequence, payload) = match opened {
            Ok(None) => return,
            Ok(Some(range)) => (range.sequence, Some(self.inbound.payload(range))),
            Err(Error::MacIncorrect) => (self.inbound.sequence(), None),
            Err(_) => return,
        };
        let compressed = self.inbound.decompresses();
        tracer.opened(self.side.peer(), &OpenedPacket { tap, sequence, payload, compressed });
    }

    /// A message of the key exchange was handled.
    pub(super) fn trace_exchange(&mut self, number: u8, ok: bool) {
        let Some(tracer) = self.send.tracer.get_mut() else { return };
        if number == 20 {
            tracer.negotiated(&self.exchanger, ok);
        }
        if let Some(watch) = self.exchanger.watch.get_mut() {
            tracer.derived(watch);
        }
    }

    /// New keys are in force for what `from` sends.
    pub(super) fn trace_keys(&mut self, from: Side) {
        if let Some(tracer) = self.send.tracer.get_mut() {
            tracer.keys_changed(from, self.exchanger.negotiated().as_ref());
        }
    }

    /// New keys are due, by use or by time.
    pub(super) fn trace_rekey(&mut self, used: bool) {
        let Some(tracer) = self.send.tracer.get_mut() else { return };
        let rule = if used {
            "as many bytes or packets went under these keys as they are good for, or somebody asked"
        } else {
            "these keys are as old as they may get"
        };
        let values = Map::new()
            .with("what", "new keys")
            .with("chosen", "now")
            .with("rule", rule)
            .with("rfc", "4253#9");
        tracer.emit(Kind::Decision, values);
    }

    /// The connection ends for a reason.
    pub(super) fn trace_failure(&mut self, error: &Error) {
        if let Some(tracer) = self.send.tracer.get_mut() {
            tracer.warn(&alloc::format!("{error}"), error.section());
        }
    }
}
