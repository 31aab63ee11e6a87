//! What a session has to do with its own trace: to end with it (`--trace-strict`), and to tell the
//! peer that there is somebody who can read along (`--keylog-notice`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tssh_connection::Event;
use tssh_forward::driver::{AppEvent, Application, Control, Handle};
use tssh_transport::disconnect::DisconnectReason;

/// What the peer is told.
const NOTICE: &str = "The secrets of this session are written down at the other end: whoever has \
                      them and the bytes on the wire can read all of it, passwords too.";
/// What the peer is told of an end that was not its doing.
const GOODBYE: &str = "this session cannot be written down any more";

/// Rings when something that was to be written down is not.
#[derive(Debug, Clone, Default)]
pub struct Alarm(Arc<Bell>);

#[derive(Debug, Default)]
struct Bell {
    rung: AtomicBool,
    /// The connection that ends with it, where it is to.
    connection: Mutex<Option<Handle>>,
}

impl Alarm {
    /// Something is lost. Called from any thread; does not wait.
    pub fn ring(&self) {
        let first = !self.0.rung.swap(true, Ordering::AcqRel);
        let handle = self.0.connection.lock().unwrap_or_else(PoisonError::into_inner).take();
        if first && let Some(handle) = handle {
            end(&handle);
        }
    }

    /// Whether it has.
    #[must_use]
    pub fn has_rung(&self) -> bool {
        self.0.rung.load(Ordering::Acquire)
    }

    /// Ends this connection when it rings.
    fn connect(&self, handle: Handle) {
        let mut connection = self.0.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if self.has_rung() {
            end(&handle);
        } else {
            *connection = Some(handle);
        }
    }
}

fn end(handle: &Handle) {
    // A connection that is gone needs no end, and one whose queue is full has an event coming: see
    // [`Traced`].
    let _ = handle.post(goodbye);
}

fn goodbye(control: &mut Control<'_>) {
    control.disconnect(DisconnectReason::ByApplication, GOODBYE);
}

/// An application whose connection has to do with its own trace.
#[derive(Debug)]
pub struct Traced<A> {
    app: A,
    /// Ends the connection.
    strict: Option<Alarm>,
    /// The peer is told.
    notice: bool,
}

impl<A> Traced<A> {
    /// Around an application.
    pub const fn new(app: A, strict: Option<Alarm>, notice: bool) -> Self {
        Self { app, strict, notice }
    }
}

impl<A: Application> Application for Traced<A> {
    fn event(&mut self, event: AppEvent, control: &mut Control<'_>) {
        if self.strict.as_ref().is_some_and(Alarm::has_rung) {
            self.strict = None;
            goodbye(control);
        }
        match &event {
            AppEvent::Started => {
                if let Some(alarm) = &self.strict {
                    alarm.connect(control.handle());
                }
            }
            // The first moment at which nobody else hears it, and before any password.
            AppEvent::Protocol(Event::Exchanged { first: true, .. }) if self.notice => {
                control.debug(NOTICE);
            }
            _ => {}
        }
        self.app.event(event, control);
    }
}
