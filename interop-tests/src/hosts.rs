//! Several hosts on private networks: each is a network namespace that lives as long as a process
//! of ours. Nothing of this machine's own network is touched, and nothing outlives the test.

use crate::openssh::{is_root, program_path};
use crate::process::{PATIENCE, Process, run};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Why this machine cannot have such hosts, if it cannot.
#[must_use]
pub fn missing() -> Option<String> {
    for (program, package) in [("ip", "iproute2"), ("nft", "nftables"), ("nsenter", "util-linux")] {
        if !program_path(program).exists() {
            return Some(format!("no {program} (apt-get install {package})"));
        }
    }
    if !is_root() {
        return Some("only root has networks of its own".to_owned());
    }
    let tried = run(Command::new("unshare").args(["--net", "ip", "link", "set", "lo", "up"]));
    (tried.code != 0).then(|| format!("no network namespaces: {}", tried.stderr.trim()))
}

/// One host.
pub struct Host {
    pid: u32,
    /// Keeps the network; that of a container is kept by it.
    _process: Option<Process>,
    next: AtomicU32,
}

impl Host {
    /// A host with nothing but its loopback.
    ///
    /// # Panics
    /// When there is none to be had.
    #[must_use]
    pub fn new() -> Self {
        let script = "ip link set lo up && echo ready && exec cat";
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "unshare", "--net", "sh", "-c", script]);
        let process = Process::spawn(&mut command);
        assert!(process.stdout.wait_for("ready", PATIENCE), "no host: {}", process.output());
        Self { pid: process.pid(), _process: Some(process), next: AtomicU32::new(0) }
    }

    /// The host that a process is on, such as a container's.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        Self { pid, _process: None, next: AtomicU32::new(0) }
    }

    /// The file that stands for its network.
    fn file(&self) -> String {
        format!("/proc/{}/ns/net", self.pid)
    }

    /// A command that runs on the host.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.file())).arg("--").arg(program);
        command
    }

    /// Runs `ip` or `nft` on the host, with words that are parted by spaces.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn set(&self, program: &str, words: &str) {
        run(self.command(&program_path(program)).args(words.split(' '))).expect_code(0);
    }

    /// Does something on a thread whose network is the host's: what it opens stays there.
    ///
    /// # Panics
    /// When the network cannot be entered.
    pub fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let entered = || {
            let file = File::open(self.file()).expect("the host's network");
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(file.as_fd(), kind).expect("enter the host's network");
            act()
        };
        std::thread::scope(|scope| scope.spawn(entered).join().expect("no panic on a host"))
    }

    /// Connects from the host.
    ///
    /// # Errors
    /// As the system has it.
    pub fn connect(&self, to: (Ipv4Addr, u16)) -> std::io::Result<TcpStream> {
        let to = SocketAddr::new(IpAddr::V4(to.0), to.1);
        self.inside(move || TcpStream::connect_timeout(&to, PATIENCE))
    }

    /// Listens on the host, on a free port of all its addresses.
    ///
    /// # Panics
    /// When it cannot.
    #[must_use]
    pub fn listen(&self) -> TcpListener {
        self.inside(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free port"))
    }

    fn device(&self) -> String {
        format!("eth{}", self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

/// A switch and what is plugged into it: addresses 10.77.NUMBER.x.
pub struct Network {
    switch: Host,
    number: u8,
}

impl Network {
    /// A network without hosts.
    ///
    /// # Panics
    /// When there is none to be had.
    #[must_use]
    pub fn new(number: u8) -> Self {
        let switch = Host::new();
        switch.set("ip", "link add bridge type bridge");
        switch.set("ip", "link set bridge up");
        Self { switch, number }
    }

    /// Plugs a host in; returns its address, which ends with `last`.
    ///
    /// # Panics
    /// When it cannot.
    pub fn join(&self, host: &Host, last: u8) -> Ipv4Addr {
        let (device, port) = (host.device(), format!("port{last}"));
        let pid = host.pid;
        let add = format!("link add {port} type veth peer name {device} netns {pid}");
        self.switch.set("ip", &add);
        self.switch.set("ip", &format!("link set {port} master bridge up"));
        let address = Ipv4Addr::new(10, 77, self.number, last);
        host.set("ip", &format!("address add {address}/24 dev {device}"));
        host.set("ip", &format!("link set {device} up"));
        address
    }

    /// Pulls the plug of the host whose address ends with `last`: nothing comes from it any more,
    /// and nobody is told.
    ///
    /// # Panics
    /// When it cannot.
    pub fn unplug(&self, last: u8) {
        self.switch.set("ip", &format!("link set port{last} nomaster"));
    }
}

/// The two ends of a slow line, 10.78.0.1 and 10.78.0.2. The kernel may be without netem, so a
/// program carries the packets.
pub struct SlowLine {
    _carrier: Process,
    /// The first host's address.
    pub one: Ipv4Addr,
    /// The second's.
    pub other: Ipv4Addr,
}

const CARRIER: &str = include_str!("../peers/slow_line.py");

impl SlowLine {
    /// Joins two hosts by a line that keeps each packet for so long, and loses so many of each
    /// hundred at each end.
    ///
    /// # Panics
    /// When there is none to be had.
    #[must_use]
    pub fn new(one: &Host, other: &Host, milliseconds: u32, lost_percent: u32) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "/usr/bin/python3", "-c", CARRIER]);
        command.args([one.file(), other.file(), milliseconds.to_string()]);
        let carrier = Process::spawn(&mut command);
        assert!(carrier.stdout.wait_for("ready", PATIENCE), "no line: {}", carrier.output());
        let addresses = [Ipv4Addr::new(10, 78, 0, 1), Ipv4Addr::new(10, 78, 0, 2)];
        for (host, address) in [one, other].into_iter().zip(addresses) {
            host.set("ip", &format!("address add {address}/24 dev line"));
            host.set("ip", "link set line up");
            host.set("nft", "add table ip line");
            host.set("nft", "add chain ip line in { type filter hook input priority 0 ; }");
            let lose = format!("numgen random mod 100 < {lost_percent} counter drop");
            host.set("nft", &format!("add rule ip line in iifname line {lose}"));
        }
        Self { _carrier: carrier, one: addresses[0], other: addresses[1] }
    }

    /// How many packets a host's end has lost so far.
    ///
    /// # Panics
    /// When the system does not tell.
    #[must_use]
    pub fn lost(&self, host: &Host) -> u64 {
        let listed = run(host.command(&program_path("nft")).args(["list", "table", "ip", "line"]));
        let text = listed.expect_code(0).text();
        let count = text.split_once("packets ").and_then(|(_, rest)| rest.split(' ').next());
        count.and_then(|count| count.parse().ok()).expect("a counter")
    }
}
