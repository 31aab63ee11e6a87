//! What the tests of this folder share: pairs of client and server, clients that hold forwards,
//! and streams through them.

use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use tssh_interop_tests::openssh::{self, Server, ServerOptions, program_path};
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::process::{Finished, PATIENCE, Process, run};
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::{client_command, is_server_stand_in, is_stand_in, tssh_binary};

/// Ends the client when a forward is not to be had.
pub const STRICT: &str = "-oExitOnForwardFailure=yes";

/// A client and a server, of which one at least is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    /// tssh and OpenSSH's sshd.
    TsshSshd,
    /// OpenSSH's ssh and tsshd.
    SshTsshd,
    /// tssh and tsshd.
    TsshTsshd,
}

impl Pair {
    /// The client of the pair.
    pub fn client(self) -> PathBuf {
        match self {
            Self::SshTsshd => program_path("ssh"),
            Self::TsshSshd | Self::TsshTsshd => tssh_binary(),
        }
    }

    /// Whether the client is tssh and nothing stands in for it.
    pub fn client_is_ours(self) -> bool {
        self != Self::SshTsshd && !is_stand_in()
    }

    /// Whether the server is tsshd and nothing stands in for it.
    pub fn server_is_ours(self) -> bool {
        self != Self::TsshSshd && !is_server_stand_in()
    }

    /// The server of the pair with these lines of configuration.
    pub fn server(self, lines: &[&str]) -> Server {
        let options = ServerOptions::with_lines(lines);
        match self {
            Self::TsshSshd => Server::start(&options),
            Self::SshTsshd | Self::TsshTsshd => Server::start_tsshd(&options),
        }
    }

    /// Logs in and holds the forwards that `options` ask for.
    #[track_caller]
    pub fn hold(self, server: &Server, options: &[&str]) -> Holder {
        let command = ["echo ready; cat"];
        let mut command = client_command(&self.client(), server, options, &command);
        let process = Process::spawn(&mut command);
        let ready = process.stdout.wait_for("ready", PATIENCE);
        assert!(ready, "no login: {}\nserver: {}", process.output(), server.log());
        Holder { process }
    }

    /// Runs one command on the server to its end.
    #[track_caller]
    pub fn run(self, server: &Server, options: &[&str], command: &[&str]) -> Finished {
        run(&mut client_command(&self.client(), server, options, command))
    }
}

/// A client that is logged in; its command ends with its standard input.
pub struct Holder {
    /// The client.
    pub process: Process,
}

impl Holder {
    /// Ends it the orderly way: every connection must be over by then.
    #[track_caller]
    pub fn finish(mut self) -> Finished {
        let done = self.process.finish(PATIENCE);
        done.expect_code(0);
        done
    }

    /// Waits until it has said `text` on standard error.
    #[track_caller]
    pub fn expect_stderr(&self, text: &str) {
        let said = self.process.stderr.wait_for(text, PATIENCE);
        assert!(said, "no {text:?}: {}", self.process.output());
    }
}

/// Listeners that keep a port busy.
pub struct Busy {
    /// The port, of both loopback addresses or of 127.0.0.1.
    pub port: u16,
    _listeners: Vec<TcpListener>,
}

impl Busy {
    /// Of both families.
    pub fn both() -> Self {
        let mut busy = Self::four();
        // A machine without IPv6 has only the one family to be busy in.
        busy._listeners.extend(TcpListener::bind((Ipv6Addr::LOCALHOST, busy.port)));
        busy
    }

    /// Of IPv4 alone.
    pub fn four() -> Self {
        let port = free_port();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a promised port");
        Self { port, _listeners: vec![listener] }
    }
}

/// Makes one test of each pair out of a function that takes a pair.
macro_rules! each_pair {
    ($($test:ident: $($pair:ident)+;)+) => {
        $(mod $test {
            $(crate::support::each_pair!(@ $test $pair);)+
        })+
    };
    (@ $test:ident TsshSshd) => { crate::support::each_pair!(@@ $test tssh_sshd TsshSshd); };
    (@ $test:ident SshTsshd) => { crate::support::each_pair!(@@ $test ssh_tsshd SshTsshd); };
    (@ $test:ident TsshTsshd) => { crate::support::each_pair!(@@ $test tssh_tsshd TsshTsshd); };
    (@@ $test:ident $name:ident $pair:ident) => {
        #[test]
        fn $name() {
            if !crate::support::lacks(concat!(module_path!(), "::", stringify!($name)), &[]) {
                super::$test(crate::support::Pair::$pair);
            }
        }
    };
}
pub(crate) use each_pair;

/// Whether `test` cannot run for want of OpenSSH or of one of `programs`; says so when it cannot.
pub fn lacks(test: &str, programs: &[&str]) -> bool {
    let missing = openssh::missing().or_else(|| tssh_interop_tests::services::missing(programs));
    let Some(reason) = missing else { return false };
    skip(test, &reason);
    true
}

/// A connection to a port of 127.0.0.1, whose reads and writes end after [`PATIENCE`].
#[track_caller]
pub fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect to a forward");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit for reads");
    stream.set_write_timeout(Some(PATIENCE)).expect("a limit for writes");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// All that the service at the other end of a forward says before it ends.
#[track_caller]
pub fn all_of(mut stream: impl Read) -> String {
    let mut text = String::new();
    // A forward that is refused may end in an orderly way or with a reset.
    let _ = stream.read_to_string(&mut text);
    text
}
