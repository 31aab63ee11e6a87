//! Connections that others make: `ProxyCommand`, `ProxyUseFdpass` and the words about them.

use crate::errors::alone;
use crate::support::lacks_openssh;
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::tssh::{bare_command, tssh_binary};

/// A program that connects to where the words behind it say.
const DIALER: &str = env!("CARGO_BIN_EXE_dialer");

/// The client, on its way to a host that no resolver knows.
fn through(server: &Server, proxy: &str, options: &[&str]) -> std::process::Command {
    let proxy = format!("ProxyCommand={proxy}");
    let alias = format!("HostKeyAlias=[127.0.0.1]:{}", server.port());
    let mut all = vec!["-o", &proxy, "-o", &alias, "-o", "BatchMode=yes"];
    all.extend(options);
    let mut command = bare_command(&tssh_binary(), server, &all);
    command.arg("-i").arg(server.user_key()).arg("No-Such.invalid");
    command
}

#[test]
fn a_command_carries_the_connection_and_nothing_is_resolved() {
    if lacks_openssh("proxy::a_command_carries_the_connection_and_nothing_is_resolved") {
        return;
    }
    let server = Server::with_lines(&[]);
    let proxy = format!("sh -c 'echo tokens: %h %p %n %r %% >&2; {DIALER} 127.0.0.1 %p'");
    let mut command = through(&server, &proxy, &["-v"]);
    let done = run(command.arg("head -c 3000000 /dev/zero | wc -c; head -c 3000000 /dev/zero"));
    done.expect_code(0);
    assert_eq!(done.stdout.len(), "3000000\n".len() + 3_000_000);
    let (port, user) = (server.port(), server.user());
    done.expect_stderr(&format!("tokens: no-such.invalid {port} No-Such.invalid {user} %\n"));
    done.expect_stderr("debug1: Executing proxy command: exec sh -c ");
    done.expect_stderr("Authenticated to no-such.invalid (via proxy) using \"publickey\".");
}

#[test]
fn the_command_ends_with_the_connection() {
    if lacks_openssh("proxy::the_command_ends_with_the_connection") {
        return;
    }
    let server = Server::with_lines(&[]);
    // It has the last word once it is hung up, whatever becomes of its own child.
    let script = format!(
        "trap \"echo hung up >&2; exit\" HUP; exec 3<&0; \
         {DIALER} 127.0.0.1 %p <&3 & wait; sleep 600 & wait"
    );
    let mut command = through(&server, &format!("sh -c '{script}'"), &[]);
    let mut process = Process::spawn(command.arg("exit 7"));
    let hung_up = process.stderr.wait_for("hung up", PATIENCE);
    assert!(hung_up, "no hang-up: {}", process.output());
    process.finish(PATIENCE).expect_code(7);
}

#[test]
fn a_dialer_passes_its_socket() {
    if lacks_openssh("proxy::a_dialer_passes_its_socket") {
        return;
    }
    let server = Server::with_lines(&[]);
    let proxy = format!("{DIALER} --pass 127.0.0.1 %p");
    let mut command = through(&server, &proxy, &["-v", "-o", "ProxyUseFdpass=yes"]);
    let done = run(command.arg("head -c 3000000 /dev/zero | wc -c"));
    done.expect_code(0);
    assert_eq!(done.stdout, b"3000000\n");
    let at = format!("Authenticated to no-such.invalid ([127.0.0.1]:{}) ", server.port());
    done.expect_stderr(&at);
    let nothing = alone(&["-o", "ProxyUseFdpass=yes", "-o", "ProxyCommand=true", "h", "true"]);
    nothing.expect_code(255).expect_stderr("proxy dialer did not pass back a connection");
}

#[test]
fn what_a_command_cannot_do_is_said_in_ssh_words() {
    if lacks_openssh("proxy::what_a_command_cannot_do_is_said_in_ssh_words") {
        return;
    }
    let gone = alone(&["-o", "ProxyCommand=echo no banner", "h", "true"]);
    gone.expect_code(255);
    gone.expect_stderr("kex_exchange_identification: Connection closed by remote host");
    gone.expect_stderr("Connection closed by UNKNOWN port 65535");
    let missing = alone(&["-o", "ProxyCommand=/no/such/program", "h", "true"]);
    missing.expect_code(255).expect_stderr("/no/such/program");
    missing.expect_stderr("Connection closed by UNKNOWN port 65535");
    let silent = ["-o", "ConnectTimeout=1", "-o", "ProxyCommand=sleep 600", "h", "true"];
    let silent = alone(&silent);
    silent.expect_code(255).expect_stderr("Connection timed out during banner exchange");
    silent.expect_stderr("Connection to UNKNOWN port 65535 timed out");
    let token = alone(&["-o", "ProxyCommand=nc %z", "h", "true"]);
    token.expect_code(255).expect_stderr("unknown key %z");
}

#[test]
fn jumps_that_make_no_sense_are_refused() {
    if lacks_openssh("proxy::jumps_that_make_no_sense_are_refused") {
        return;
    }
    let single = "Only a single -J option is permitted (use commas to separate multiple jump hops)";
    let cases: [(&[&str], &str); 6] = [
        (&["-J", "a", "-J", "b"], single),
        (&["-o", "ProxyCommand=x", "-J", "b"], "Cannot specify -J with ProxyCommand"),
        (&["-J", "a:port"], "Invalid -J argument"),
        (&["-J", "@a"], "Invalid -J argument"),
        (&["-o", "ProxyJump=:"], "Invalid ProxyJump \":\""),
        (&["-J", "h"], "jumphost loop via h"),
    ];
    for (options, text) in cases {
        let mut all = options.to_vec();
        all.extend(["h", "true"]);
        alone(&all).expect_code(255).expect_stderr(text);
    }
}

/// A chain of machines, each known from one configuration file, each with a key of its own.
#[test]
fn a_chain_of_jumps_leads_to_the_server() {
    if lacks_openssh("proxy::a_chain_of_jumps_leads_to_the_server") {
        return;
    }
    let servers = [(); 3].map(|()| Server::with_lines(&[]));
    let mut config = String::new();
    for (name, server) in ["target", "near", "middle"].iter().zip(&servers) {
        config += &format!(
            "Host {name}\nHostName 127.0.0.1\nPort {}\nUser {}\nIdentityFile {}\n\
             UserKnownHostsFile {}\n",
            server.port(),
            server.user(),
            server.user_key().display(),
            server.known_hosts().display()
        );
    }
    config += "Host *\nIdentitiesOnly yes\nBatchMode yes\nStrictHostKeyChecking yes\n";
    let folder = servers[0].folder();
    folder.write("config", &config);
    for (options, hops) in [
        (&["-J", "near"][..], 1),
        (&["-J", "near,middle"], 2),
        (&["-o", "ProxyJump=near,ssh://middle"], 2),
        (&["-J", "none", "-o", "ProxyJump=near"], 0),
    ] {
        let before = [1, 2].map(|i: usize| servers[i].log().matches("Accepted publickey").count());
        let mut command = std::process::Command::new(tssh_binary());
        command.arg("-F").arg(folder.join("config")).args(options);
        command.args(["target", "head -c 1000000 /dev/zero | wc -c; exit 9"]);
        let done = run(command.env_remove("SSH_AUTH_SOCK"));
        assert_eq!(done.expect_code(9).text(), "1000000\n", "{options:?}");
        for (i, old) in [1, 2].into_iter().zip(before) {
            let new = servers[i].log().matches("Accepted publickey").count();
            assert_eq!(new - old, usize::from(hops >= i), "{options:?}");
        }
    }
}
