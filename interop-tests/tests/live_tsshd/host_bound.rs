//! Key requests that are bound to the host key.

use crate::support::{ssh, unavailable};
use tssh_interop_tests::openssh::{Server, ServerOptions};
use tssh_interop_tests::process::run;
use tssh_interop_tests::tssh::{client_command, tssh_binary};

#[test]
fn keys_are_bound_to_the_host_where_the_client_can() {
    if unavailable("host_bound::keys_are_bound_to_the_host_where_the_client_can") {
        return;
    }
    let server = Server::start_tsshd(&ServerOptions::default());
    for client in [ssh(), tssh_binary()] {
        for how in ["yes", "host-bound", "unbound"] {
            let how = format!("PubkeyAuthentication={how}");
            let options = ["-o", how.as_str(), "-vvv"];
            run(&mut client_command(&client, &server, &options, &["true"])).expect_code(0);
        }
    }
    let options = ["-o", "PubkeyAuthentication=host-bound", "-vvv"];
    let done = run(&mut client_command(&ssh(), &server, &options, &["true"]));
    done.expect_stderr("publickey-hostbound@openssh.com=<0>");
}
