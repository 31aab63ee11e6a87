//! mosh (`--ssh`): it logs in over ssh to start its server, and goes on over UDP.

use crate::support::{Pair, Target, each_pair, lacks};
use std::process::Command;
use tssh_interop_tests::openssh::free_port;
use tssh_interop_tests::process::PATIENCE;
use tssh_interop_tests::terminal::Terminal;

each_pair! {
    a_shell_runs_over_udp: TsshSshd SshTsshd;
}

/// A server whose client never came, or is gone, ends by itself.
const SERVER: &str = "--server=env MOSH_SERVER_NETWORK_TMOUT=60 mosh-server";

/// Its ways to learn the server's address: it is its own ProxyCommand, asks the server's
/// environment, or resolves the name itself and gives ssh the address.
const WAYS: [(&str, &str); 3] = [("proxy", "target"), ("remote", "target"), ("local", "127.0.0.1")];

fn mosh(target: &Target, way: &str, host: &str) -> Command {
    let mut command = target.program("mosh");
    // mosh takes no other encoding.
    command.env("LC_ALL", "C.UTF-8").env("TERM", "xterm");
    let (alias, user) = (target.path("alias"), target.server.user());
    let config = std::fs::read_to_string(target.config()).expect("the configuration");
    std::fs::write(&alias, config.replace("Host target", "Host target 127.0.0.1")).expect("alias");
    command.arg(format!("--ssh={} -F {}", target.client().display(), alias.display()));
    command.arg(format!("--experimental-remote-ip={way}")).args([
        "--bind-server=127.0.0.1",
        "-4",
        "-p",
    ]);
    command.arg(free_port().to_string()).arg(SERVER).arg(format!("{user}@{host}"));
    command.args(["--", "sh", "-c", "stty size; exec sh"]);
    command
}

fn a_shell_runs_over_udp(pair: Pair) {
    if lacks("mosh::a_shell_runs_over_udp", &["mosh", "mosh-server", "mosh-client"]) {
        return;
    }
    let target = Target::start(pair);
    for (way, host) in WAYS {
        let mut terminal = Terminal::start(&mosh(&target, way, host), 97, 31);
        terminal.expect("31 97");
        terminal.type_in("echo mark$((40+2))\n");
        terminal.expect("mark42");
        terminal.type_in("exit\n");
        let status = terminal.process.wait_for_exit(PATIENCE).expect("an end after exit");
        assert_eq!(status.code(), Some(0), "{}", terminal.screen.text());
        terminal.expect("[mosh is exiting.]");
        assert!(terminal.echoes(), "restored afterwards");
    }
}
