//! Which tests of the suite judge a client.

/// A test of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Test {
    /// The name of its script, without `.sh`.
    pub name: &'static str,
    /// What it is about.
    pub area: &'static str,
    /// Seconds after which it has failed.
    pub limit: u64,
    /// Fewest logins that the server must have seen: four in five of those of stock ssh, held to
    /// the algorithms of [`super::NEEDED`]. A client that does nothing makes none.
    pub logins: usize,
    /// Whether it takes seconds only.
    pub quick: bool,
}

const fn test(
    area: &'static str,
    name: &'static str,
    limit: u64,
    logins: usize,
    quick: bool,
) -> Test {
    Test { name, area, limit, logins, quick }
}

const QUICK: bool = true;
const SLOW: bool = false;

/// The tests in which the client does the work.
pub const TESTS: [Test; 24] = [
    test("connect", "connect", 90, 1, QUICK),
    test("connect", "proxy-connect", 90, 2, QUICK),
    test("connect", "portnum", 90, 4, QUICK),
    test("config", "cfginclude", 90, 0, QUICK),
    test("config", "host-expand", 90, 1, QUICK),
    test("config", "localcommand", 90, 1, QUICK),
    test("session", "exit-status", 180, 8, SLOW),
    test("session", "exit-status-signal", 90, 1, QUICK),
    test("session", "stderr-data", 120, 3, QUICK),
    test("session", "key-options", 120, 10, QUICK),
    test("session", "envpass", 90, 7, QUICK),
    test("transfer", "transfer", 90, 6, QUICK),
    test("transfer", "sftp-uri", 90, 3, QUICK),
    test("algorithms", "try-ciphers", 300, 7, SLOW),
    test("algorithms", "integrity", 420, 0, SLOW),
    test("algorithms", "rekey", 1800, 27, SLOW),
    test("forward", "forwarding", 120, 14, SLOW),
    test("forward", "cfgmatch", 120, 7, QUICK),
    test("sharing", "multiplex", 300, 4, SLOW),
    test("hostkeys", "knownhosts", 90, 2, QUICK),
    test("hostkeys", "knownhosts-command", 90, 3, QUICK),
    test("userkeys", "cert-file", 90, 4, QUICK),
    test("userkeys", "multipubkey", 90, 3, QUICK),
    test("userkeys", "agent", 120, 11, QUICK),
];
