//! What was typed behind the escape character and needs the connection: a break, the command
//! line, the background.

use super::Client;
use crate::background;
use crate::client::commandline::{self, Command};
use crate::client::shared::Shared;
use crate::escape::Escape;
use crate::limits::{ALONE_POLL, ALONE_WAIT, PEER_TEXT_BYTES_MAX};
use crate::log;
use std::sync::Arc;
use std::time::Instant;
use tssh_connection::ChannelRequest;
use tssh_forward::driver::{AppEvent, Control, Forward};
use tssh_transport::text::one_line;

/// The length of a break, which few systems look at; as in ssh.
const BREAK_MILLISECONDS: u32 = 1000;

impl Client {
    /// Carries out what waits.
    pub(super) fn typed(&mut self, control: &mut Control<'_>) {
        let typed = std::mem::take(&mut self.shared.state().typed);
        for escape in typed {
            match escape {
                Escape::Break => self.send_break(control),
                Escape::Information => log::show(self.information(control)),
                Escape::Background => self.leave_to_background(control),
                Escape::Command(line) => self.command(&line, control),
                // The others need no connection.
                _ => {}
            }
        }
    }

    fn send_break(&self, control: &mut Control<'_>) {
        let Some(session) = self.session else { return };
        let request = ChannelRequest::Break { milliseconds: BREAK_MILLISECONDS };
        if let Err(error) = control.request(session, request, true) {
            log::error(format_args!("cannot send a break: {error}"));
        }
    }

    /// `~I`: with whom, how, and for how much; the same kinds of line as in OpenSSH 10.
    fn information(&self, control: &Control<'_>) -> String {
        let (host, pid) = (&self.settings.host_name, std::process::id());
        let mut text = format!("Connection information for {host} pid {pid}\r\n");
        let mut line = |name: &str, value: &str| {
            text.push_str(&format!("  {name} {value}\r\n"));
        };
        match self.address {
            Some(address) => {
                line("connection", &format!("{} port {}", address.ip(), address.port()))
            }
            None => line("connection", "via proxy"),
        }
        line("user", &one_line(self.settings.user.as_bytes(), PEER_TEXT_BYTES_MAX));
        if let Some(agreed) = &self.negotiated {
            line("kexalgorithm", agreed.kex);
            line("hostkeyalgorithm", &agreed.host_key);
            for (direction, names) in [
                ("client->server", &agreed.client_to_server),
                ("server->client", &agreed.server_to_client),
            ] {
                let (cipher, mac, compression) = (names.cipher, names.mac, names.compression);
                let names = format!("cipher {cipher} mac {mac} compression {compression}");
                line(direction, &names);
            }
        }
        line("forwards", &self.forwards.len().to_string());
        line("forwarded connections", &control.forwarded_connections().to_string());
        text
    }

    fn command(&mut self, line: &str, control: &mut Control<'_>) {
        match commandline::parse(line) {
            Ok(Command::Nothing) => {}
            Ok(Command::Help) => log::show(commandline::HELP.replace('\n', "\r\n") + "\r\n"),
            Ok(Command::Add(forward)) => {
                let id = self.add_forward(forward, control);
                self.late_forwards.push(id);
            }
            Ok(Command::Cancel(direction, listen)) => {
                let same = |forward: &Forward| {
                    forward.direction() == direction && *forward.listen() == listen
                };
                let found = self.forwards.iter().find(|(_, forward)| same(forward));
                // What comes of it is told by an event.
                if !found.is_some_and(|(id, _)| control.cancel(*id)) {
                    log::info("Unknown port forwarding.");
                }
            }
            Err(words) => log::info(words),
        }
    }

    /// Whether the event is about a forward that the command line asked for; it is told of here.
    pub(super) fn late_forward(&mut self, event: &AppEvent) -> bool {
        let (forward, faults, failure) = match event {
            AppEvent::Listening { forward, faults, .. } => (forward, &faults[..], None),
            AppEvent::ListenFailed { forward, faults, text } => {
                (forward, &faults[..], Some(text.as_str()))
            }
            AppEvent::RemoteListening { forward, .. } => (forward, &[][..], None),
            AppEvent::RemoteFailed { forward } => (forward, &[][..], Some("")),
            _ => return false,
        };
        let Some(index) = self.late_forwards.iter().position(|late| late == forward) else {
            return false;
        };
        self.late_forwards.swap_remove(index);
        let Some(text) = failure else {
            log::info("Forwarding port.");
            // The port that a 0 became is told as for every other forward.
            return false;
        };
        self.tell_faults(faults, true);
        self.forwards.remove(forward);
        if !text.is_empty() {
            log::error(text);
        }
        log::info("Port forwarding failed.");
        true
    }

    /// `~&`: nothing new is accepted, what is open goes on without a terminal.
    fn leave_to_background(&self, control: &mut Control<'_>) {
        self.shared.state().in_background = true;
        self.shared.leave_raw_mode();
        for forward in self.forwards.keys() {
            control.cancel(*forward);
        }
        let escape = crate::escape::shown(self.plan.escape.unwrap_or(b'~'));
        log::show(format_args!("{escape}& [backgrounded]\r\n"));
        tokio::spawn(leave(Arc::clone(&self.shared)));
    }
}

/// Splits the process in two once no other thread runs, which would be lost; threads for names
/// that are looked up are gone soon.
async fn leave(shared: Arc<Shared>) {
    let until = Instant::now() + ALONE_WAIT;
    while !background::is_alone() && Instant::now() < until {
        tokio::time::sleep(ALONE_POLL).await;
    }
    if let Err(error) = background::split() {
        shared.state().in_background = false;
        let words = crate::exit::os_words(&error);
        log::error(format_args!("cannot go to the background: {words}"));
    }
}
