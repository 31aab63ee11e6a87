//! A forward as the messages name it, and as everybody else does.

use tssh_forward::core::address::{DynamicForward, Listen, LocalForward, RemoteForward, Target};
use tssh_forward::driver::Forward;
use tssh_transport::wire::{Reader, WireError, Writer};

/// The port that makes the host beside it the path of a Unix socket: -2.
pub const UNIX_PORT: u32 = u32::MAX - 1;

const LOCAL: u32 = 1;
const REMOTE: u32 = 2;
const DYNAMIC: u32 = 3;

/// The target's host where each client names its own, as ssh sends it.
const SOCKS: &str = "socks";

/// The fields of MUX_C_OPEN_FWD and MUX_C_CLOSE_FWD, as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardSpec {
    /// MUX_FWD_LOCAL, MUX_FWD_REMOTE or MUX_FWD_DYNAMIC.
    pub kind: u32,
    /// The bind address: empty where none was given, `*` for every address; or a path.
    pub listen_host: String,
    /// The port, or [`UNIX_PORT`].
    pub listen_port: u32,
    /// The target, or a path.
    pub connect_host: String,
    /// The port, or [`UNIX_PORT`].
    pub connect_port: u32,
}

impl ForwardSpec {
    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            kind: r.uint32("forwarding type")?,
            listen_host: r.text("listen host")?.to_owned(),
            listen_port: r.uint32("listen port")?,
            connect_host: r.text("connect host")?.to_owned(),
            connect_port: r.uint32("connect port")?,
        })
    }

    pub(super) fn encode(&self, w: &mut Writer<'_>) {
        w.uint32(self.kind);
        w.string(self.listen_host.as_bytes());
        w.uint32(self.listen_port);
        w.string(self.connect_host.as_bytes());
        w.uint32(self.connect_port);
    }

    /// The fields for a forward.
    #[must_use]
    pub fn of(forward: &Forward) -> Self {
        let (kind, target) = match forward {
            Forward::Local(local) => (LOCAL, Some(&local.target)),
            Forward::Remote(remote) => (REMOTE, remote.target.as_ref()),
            Forward::Dynamic(_) => (DYNAMIC, None),
        };
        let (listen_host, listen_port) = match forward.listen() {
            Listen::Tcp { bind, port } => (bind_text(bind.as_deref()), u32::from(*port)),
            Listen::Unix(path) => (path.as_str(), UNIX_PORT),
        };
        let (connect_host, connect_port) = match target {
            None => (SOCKS, 0),
            Some(Target::Tcp { host, port }) => (host.as_str(), u32::from(*port)),
            Some(Target::Unix(path)) => (path.as_str(), UNIX_PORT),
        };
        Self {
            kind,
            listen_host: listen_host.to_owned(),
            listen_port,
            connect_host: connect_host.to_owned(),
            connect_port,
        }
    }

    /// The forward; nothing where the fields make none.
    #[must_use]
    pub fn forward(&self) -> Option<Forward> {
        let listen = self.listen()?;
        match self.kind {
            DYNAMIC => Some(Forward::Dynamic(DynamicForward { listen })),
            // Only the server chooses a port here: what asks for one is a remote forward.
            LOCAL => Some(Forward::Local(LocalForward { listen, target: self.target()? })),
            REMOTE if self.connect_port == 0 && !self.connect_host.is_empty() => {
                Some(Forward::Remote(RemoteForward { listen, target: None }))
            }
            REMOTE => {
                let target = Some(self.target()?);
                Some(Forward::Remote(RemoteForward { listen, target }))
            }
            _ => None,
        }
    }

    fn listen(&self) -> Option<Listen> {
        if self.listen_port == UNIX_PORT {
            return path(&self.listen_host).map(Listen::Unix);
        }
        let port = u16::try_from(self.listen_port).ok()?;
        let host = self.listen_host.as_str();
        Some(Listen::Tcp { bind: (!host.is_empty()).then(|| host.to_owned()), port })
    }

    fn target(&self) -> Option<Target> {
        target(&self.connect_host, self.connect_port)
    }
}

/// The target of a host and a port as messages have them; nothing where there is none.
#[must_use]
pub fn target(host: &str, port: u32) -> Option<Target> {
    if port == UNIX_PORT {
        return path(host).map(Target::Unix);
    }
    let port = u16::try_from(port).ok().filter(|port| *port != 0)?;
    (!host.is_empty()).then(|| Target::Tcp { host: host.to_owned(), port })
}

fn path(text: &str) -> Option<String> {
    (!text.is_empty() && !text.contains('\0')).then(|| text.to_owned())
}

/// Every address has two names; messages know one.
const fn bind_text(bind: Option<&str>) -> &str {
    match bind {
        None => "",
        Some(host) if host.is_empty() => "*",
        Some(host) => host,
    }
}

/// Whether two forwards are the same to whoever asks for one of them again or ends it.
#[must_use]
pub fn same(a: &Forward, b: &Forward) -> bool {
    ForwardSpec::of(a) == ForwardSpec::of(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(option: &str, spec: &str) -> Forward {
        match option {
            "-L" => Forward::Local(crate::forwards::local(spec).unwrap()),
            "-R" => Forward::Remote(crate::forwards::remote(spec).unwrap()),
            _ => Forward::Dynamic(crate::forwards::dynamic(spec).unwrap()),
        }
    }

    /// What ssh sends for each of these options.
    #[test]
    fn forwards_as_ssh_names_them() {
        for (option, spec, kind, listen, port, connect, target) in [
            ("-L", "8080:web:80", LOCAL, "", 8080, "web", 80),
            ("-L", "*:8080:web:80", LOCAL, "*", 8080, "web", 80),
            ("-L", ":8080:web:80", LOCAL, "*", 8080, "web", 80),
            ("-L", "[::1]:8080:web:80", LOCAL, "::1", 8080, "web", 80),
            ("-L", "/a:web:80", LOCAL, "/a", UNIX_PORT, "web", 80),
            ("-L", "8080:/b", LOCAL, "", 8080, "/b", UNIX_PORT),
            ("-R", "0:web:80", REMOTE, "", 0, "web", 80),
            ("-R", "8080", REMOTE, "", 8080, "socks", 0),
            ("-R", "/a:/b", REMOTE, "/a", UNIX_PORT, "/b", UNIX_PORT),
            ("-D", "1080", DYNAMIC, "", 1080, "socks", 0),
        ] {
            let forward = given(option, spec);
            let fields = ForwardSpec {
                kind,
                listen_host: listen.to_owned(),
                listen_port: port,
                connect_host: connect.to_owned(),
                connect_port: target,
            };
            assert_eq!(ForwardSpec::of(&forward), fields, "{option} {spec}");
            let back = fields.forward().expect(spec);
            assert!(same(&forward, &back), "{option} {spec}: {back:?}");
        }
    }

    #[test]
    fn fields_that_make_no_forward() {
        for (kind, listen, port, connect, target) in [
            (0, "", 1, "web", 80),
            (4, "", 1, "web", 80),
            (LOCAL, "", 1, "web", 0),
            (LOCAL, "", 1, "", 80),
            (LOCAL, "", 65_536, "web", 80),
            (LOCAL, "", 1, "web", 65_536),
            (LOCAL, "", UNIX_PORT, "web", 80),
            (LOCAL, "a\0b", UNIX_PORT, "web", 80),
            (LOCAL, "", 1, "", UNIX_PORT),
            (REMOTE, "", 1, "", 0),
            (DYNAMIC, "", 70_000, "socks", 0),
        ] {
            let fields = ForwardSpec {
                kind,
                listen_host: listen.to_owned(),
                listen_port: port,
                connect_host: connect.to_owned(),
                connect_port: target,
            };
            assert_eq!(fields.forward(), None, "{fields:?}");
        }
    }

    #[test]
    fn the_direction_belongs_to_a_forward() {
        assert!(!same(&given("-L", "1:a:1"), &given("-R", "1:a:1")));
        assert!(!same(&given("-D", "1"), &given("-R", "1")));
        assert!(same(&given("-L", ":1:a:1"), &given("-L", "*:1:a:1")));
    }
}
