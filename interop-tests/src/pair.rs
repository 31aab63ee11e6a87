//! Pairs of a client and a server of which one at least is ours, and tests of each pair.

use crate::openssh::{self, Server, ServerOptions, program_path};
use crate::process::{Finished, PATIENCE, Process, run};
use crate::services;
use crate::skip::skip;
use crate::tssh::{client_command, is_server_stand_in, is_stand_in, tssh_binary};
use std::path::PathBuf;

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
    #[must_use]
    pub fn client(self) -> PathBuf {
        match self {
            Self::SshTsshd => program_path("ssh"),
            Self::TsshSshd | Self::TsshTsshd => tssh_binary(),
        }
    }

    /// Whether the client is tssh and nothing stands in for it.
    #[must_use]
    pub fn client_is_ours(self) -> bool {
        self != Self::SshTsshd && !is_stand_in()
    }

    /// Whether the server is tsshd and nothing stands in for it.
    #[must_use]
    pub fn server_is_ours(self) -> bool {
        self != Self::TsshSshd && !is_server_stand_in()
    }

    /// The server of the pair with these lines of configuration.
    ///
    /// # Panics
    /// With its log when it does not come up.
    #[must_use]
    pub fn server(self, lines: &[&str]) -> Server {
        let options = ServerOptions::with_lines(lines);
        match self {
            Self::TsshSshd => Server::start(&options),
            Self::SshTsshd | Self::TsshTsshd => Server::start_tsshd(&options),
        }
    }

    /// Logs in and holds the forwards that `options` ask for.
    ///
    /// # Panics
    /// With all output when it does not come to that.
    #[must_use]
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
    ///
    /// # Panics
    /// When it does not end.
    #[must_use]
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
    ///
    /// # Panics
    /// With all output when its exit status is not 0.
    #[track_caller]
    pub fn finish(mut self) -> Finished {
        let done = self.process.finish(PATIENCE);
        done.expect_code(0);
        done
    }

    /// Waits until it has said `text` on standard error.
    ///
    /// # Panics
    /// With all output when it does not.
    #[track_caller]
    pub fn expect_stderr(&self, text: &str) {
        let said = self.process.stderr.wait_for(text, PATIENCE);
        assert!(said, "no {text:?}: {}", self.process.output());
    }
}

/// Makes one test of each pair out of a function that takes a pair.
#[macro_export]
macro_rules! each_pair {
    ($($test:ident: $($pair:ident)+;)+) => {
        $(mod $test {
            $($crate::each_pair!(@ $test $pair);)+
        })+
    };
    (@ $test:ident TsshSshd) => { $crate::each_pair!(@@ $test tssh_sshd TsshSshd); };
    (@ $test:ident SshTsshd) => { $crate::each_pair!(@@ $test ssh_tsshd SshTsshd); };
    (@ $test:ident TsshTsshd) => { $crate::each_pair!(@@ $test tssh_tsshd TsshTsshd); };
    (@@ $test:ident $name:ident $pair:ident) => {
        #[test]
        fn $name() {
            if !$crate::pair::lacks(concat!(module_path!(), "::", stringify!($name)), &[]) {
                super::$test($crate::pair::Pair::$pair);
            }
        }
    };
}

/// Whether `test` cannot run for want of OpenSSH or of one of `programs`; says so when it cannot.
///
/// # Panics
/// On CI, where nothing may be skipped.
#[must_use]
pub fn lacks(test: &str, programs: &[&str]) -> bool {
    let missing = openssh::missing().or_else(|| services::missing(programs));
    let Some(reason) = missing else { return false };
    skip(test, &reason);
    true
}
