//! X11 forwarding: the display, its cookie, and the one that the server gets in its place.

use super::Client;
use crate::config::forwarding::X11Settings;
use crate::exit::os_words;
use crate::limits::X11_TIMEOUT_SLACK;
use crate::log::{self, Level};
use crate::private_folder::PrivateFolder;
use crate::xauth::{self, Found};
use std::future::Future;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tssh_connection::{ChannelKey, ChannelRequest};
use tssh_forward::core::display::{Display, Place};
use tssh_forward::core::x11::{COOKIE_BYTES, COOKIE_PROTOCOL, Cookie, Fault};
use tssh_forward::driver::{Control, Endpoints, X11Stream};

/// What the application is reminded of when the display's cookie is known.
pub(super) const PREPARED: u32 = 1;

/// How far X11 forwarding has come.
#[derive(Debug, Default)]
pub(super) enum X11 {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// There is none.
    Off,
    /// xauth is asked.
    Preparing(oneshot::Receiver<Option<Ready>>),
    /// The display can be forwarded.
    Ready(Ready),
}

/// A display that can be forwarded.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    display: Display,
    /// What the server is given.
    fake: Cookie,
    /// What the X server is given.
    real: Cookie,
    /// From when on nobody new is let through.
    refuse_at: Option<Instant>,
}

impl X11 {
    /// A connection to the X server for one program of the far side.
    ///
    /// # Errors
    /// Why there is none any more.
    pub(super) fn dial(
        &self,
    ) -> Result<impl Future<Output = Result<Endpoints, String>> + Send + 'static, &'static str>
    {
        let Self::Ready(ready) = self else { return Err("X11 forwarding was not asked for") };
        if ready.refuse_at.is_some_and(|at| Instant::now() >= at) {
            return Err("Rejected X11 connection after ForwardX11Timeout expired");
        }
        Ok(dial(ready.clone()))
    }
}

impl Client {
    /// Whether the display is still looked for; [`PREPARED`] follows.
    pub(super) fn x11_prepares(&mut self, control: &Control<'_>) -> bool {
        match self.x11 {
            X11::Off | X11::Ready(_) => return false,
            X11::Preparing(_) => return true,
            X11::Unknown => {}
        }
        self.x11 = X11::Off;
        let settings = &self.settings.x11;
        if !settings.wanted {
            return false;
        }
        if self.shared.state().distrusted {
            log::error("X11 forwarding is disabled to avoid man-in-the-middle attacks.");
            return false;
        }
        let Some(display) = display(settings) else { return false };
        let (tell, prepared) = oneshot::channel();
        let (settings, handle) = (settings.clone(), control.handle());
        tokio::spawn(async move {
            // The application may be gone; then it needs no reminder either.
            let _ = tell.send(prepare(&settings, display).await);
            let _ = handle.call(|control| control.remind(PREPARED)).await;
        });
        self.x11 = X11::Preparing(prepared);
        true
    }

    /// The display has been looked for: the session goes on.
    pub(super) fn x11_prepared(&mut self, control: &mut Control<'_>) {
        let X11::Preparing(prepared) = &mut self.x11 else { return };
        let ready = prepared.try_recv().ok().flatten();
        self.x11 = ready.map_or(X11::Off, X11::Ready);
        if let Some(session) = self.session {
            self.session_opened(session, control);
        }
        self.mux_display_known(control);
    }

    /// Asks for X11 forwarding, where there is a display.
    pub(super) fn request_x11(&mut self, channel: ChannelKey, control: &mut Control<'_>) {
        let X11::Ready(ready) = &self.x11 else { return };
        log::debug1("Requesting X11 forwarding with authentication spoofing.");
        // "It is RECOMMENDED that the 'x11 authentication cookie' that is sent be a fake, random
        // cookie, and that the cookie be checked and replaced by the real cookie when a
        // connection request is received." RFC 4254 section 6.3.1
        let request = ChannelRequest::X11Req {
            single_connection: false,
            protocol: COOKIE_PROTOCOL.to_owned(),
            cookie: ready.fake.hex().to_string(),
            screen: ready.display.screen,
        };
        self.x11_request = control.request(channel, request, true).ok();
    }
}

/// The display that `DISPLAY` names.
fn display(settings: &X11Settings) -> Option<Display> {
    let Some(name) = std::env::var_os("DISPLAY").filter(|name| !name.is_empty()) else {
        // ssh keeps quiet in both cases.
        let level = if settings.by_flag { Level::Info } else { Level::Debug1 };
        log::write(level, "X11 forwarding requested but DISPLAY not set");
        return None;
    };
    let name = name.to_string_lossy();
    let display = Display::parse(&name);
    if display.is_none() {
        log::info(format_args!("DISPLAY \"{name}\" invalid; disabling X11 forwarding"));
    }
    display
}

/// Finds the display's cookie and makes the one for the server. Nothing where that failed, which
/// has been said.
async fn prepare(settings: &X11Settings, display: Display) -> Option<Ready> {
    let name = display.xauth_name();
    let found = if settings.trusted {
        xauth::list(&settings.xauth, None, &name).await
    } else {
        untrusted(settings, &name).await
    };
    // Only a cookie made for untrusted programs keeps them apart, and only it ends.
    let refuse_at = settings.timeout.filter(|_| !settings.trusted);
    let refuse_at = refuse_at.map(|timeout| Instant::now() + timeout);
    let real = match found {
        Ok(Found::Cookie(cookie)) => cookie,
        other => {
            match other {
                Ok(Found::Other(protocol)) => log::info(format_args!(
                    "X11 authentication protocol {protocol} cannot be forwarded, only \
                     {COOKIE_PROTOCOL}"
                )),
                Err(words) => log::debug1(format_args!("{}: {words}", settings.xauth.display())),
                Ok(_) => {}
            }
            if !settings.trusted {
                // Without such a cookie the programs would be trusted.
                log::error(
                    "Warning: untrusted X11 forwarding setup failed: xauth key data not generated",
                );
                return None;
            }
            log::info("Warning: No xauth data; using fake authentication data for X11 forwarding.");
            random_cookie()?
        }
    };
    Some(Ready { display, fake: random_cookie()?, real, refuse_at })
}

fn random_cookie() -> Option<Cookie> {
    let mut bytes = zeroize::Zeroizing::new([0; COOKIE_BYTES]);
    if let Err(error) = getrandom::fill(&mut bytes[..]) {
        log::error(format_args!("no entropy from the operating system: {error}"));
        return None;
    }
    Some(Cookie::new(*bytes))
}

/// A cookie for untrusted programs, by way of a file of its own.
async fn untrusted(settings: &X11Settings, display: &str) -> Result<Found, String> {
    let folder = PrivateFolder::new("tssh-x11").map_err(|error| os_words(&error))?;
    let file = folder.join("xauthfile");
    let lives = settings.timeout.map_or(Duration::ZERO, |timeout| timeout + X11_TIMEOUT_SLACK);
    xauth::generate(&settings.xauth, &file, display, lives.as_secs()).await?;
    xauth::list(&settings.xauth, Some(&file), display).await
}

async fn dial(ready: Ready) -> Result<Endpoints, String> {
    let Ready { display, fake, real, .. } = ready;
    let failed = |error: &std::io::Error| format!("connect {display}: {}", os_words(error));
    if let Place::Tcp { host, port } = &display.place {
        let connected = TcpStream::connect((host.as_str(), *port)).await;
        let stream = connected.map_err(|error| failed(&error))?;
        // Batching is the driver's; where the option is refused the connection still works.
        let _ = stream.set_nodelay(true);
        return Ok(Endpoints::whole(X11Stream::new(stream, fake, real, rejected)));
    }
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for path in display.place.paths() {
        match UnixStream::connect(&path).await {
            Ok(stream) => {
                return Ok(Endpoints::whole(X11Stream::new(stream, fake, real, rejected)));
            }
            // The file of a display that is there says more than a name that is not.
            Err(error) if path.starts_with('/') => last = error,
            Err(_) => {}
        }
    }
    Err(failed(&last))
}

/// An X client that does not know the cookie.
fn rejected(fault: &Fault) {
    let level = if matches!(fault, Fault::Protocol(_)) { Level::Info } else { Level::Debug1 };
    log::write(level, fault);
    log::info("X11 connection rejected because of wrong authentication.");
}
