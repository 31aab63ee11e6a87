//! The only part that does input and output: one task for each connection owns its SSH socket and
//! every endpoint of its channels.
//!
//! A byte from an endpoint is read straight into the packet to be sent; a byte for an endpoint is
//! written straight from the decrypted packet, or copied once where the endpoint refuses it or
//! where several packets for it came at once and go out in one write. A window is credited when
//! an endpoint has taken the bytes, so a slow one holds back its own channel and nothing else.

mod acceptor;
mod carrier;
mod clock;
mod data_path;
mod dial;
mod endpoint;
mod event;
mod forwards;
mod gather;
mod handle;
mod listen;
mod ready;
mod session;
mod slot;
mod text;
mod timed_stack;
mod timers;
mod x11;

pub use acceptor::Acceptor;
pub use endpoint::{Endpoint, Endpoints, Input, Output};
pub use event::{AppEvent, Application, Forward, ForwardId, ForwardInfo};
pub use forwards::{ListenOptions, NO_ORIGINATOR};
pub use gather::LowWater;
pub use handle::{Control, Handle, HandleError};
pub use listen::bind as bind_tcp;
pub use session::{DriverOptions, run};
pub use text::error_text;
pub use timers::{Keepalive, Waits};
pub use x11::X11Stream;
