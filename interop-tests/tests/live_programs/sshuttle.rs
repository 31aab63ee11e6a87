//! sshuttle (`-e`): a network behind the server, reached from a network without a way to it.

use crate::support::{MIB, Pair, Target, each_pair, lacks_namespaces};
use tssh_interop_tests::openssh::program_path;
use tssh_interop_tests::pattern::{Pattern, sha256_hex};
use tssh_interop_tests::process::{PATIENCE, Process};

each_pair! {
    a_network_behind_the_server_is_reached: TsshSshd;
}

/// Two networks of the test's own: in `far` are the server and a web server at 198.51.100.1; from
/// the other no packet gets there, so that what arrives came through sshuttle. The client reaches
/// the server through a ProxyCommand that starts it there.
const SCRIPT: &str = r#"
set -e
mount -t tmpfs none /run
mkdir -p /run/netns /run/sshd
ip link set lo up
ip addr add 192.0.2.1/32 dev lo
ip route add 198.51.100.0/24 dev lo src 192.0.2.1
ip netns add far
ip netns exec far ip link set lo up
ip netns exec far ip addr add 198.51.100.1/32 dev lo
cd "$1"
ip netns exec far python3 -u -m http.server --bind 198.51.100.1 8000 >web.log 2>&1 &
url=http://198.51.100.1:8000/page
fetch() { curl --silent --show-error --noproxy '*' --max-time "$1" "$url"; }
if fetch 1 2>/dev/null; then exit 9; fi
sshuttle --method nft --disable-ipv6 -e "$SSH" -r target 198.51.100.0/24 &
shuttle=$!
read -r connected
fetch 60
kill "$shuttle"
wait "$shuttle" || true
"#;

fn a_network_behind_the_server_is_reached(pair: Pair) {
    let test = "sshuttle::a_network_behind_the_server_is_reached";
    if lacks_namespaces(test, &["sshuttle", "nft", "ip", "curl", "python3"]) {
        return;
    }
    let target = Target::start(pair);
    let page = Pattern::bytes(9, 8 * MIB);
    target.server.folder().write("page", &page);
    // The configuration file of the running server serves this one as well.
    let proxy = format!(
        "ip netns exec far {} -i -f {}",
        program_path("sshd").display(),
        target.path("sshd_config").display()
    );
    let mut command = target.apart("sh", &["--net"]);
    command.arg("-c").arg(SCRIPT).arg("sh").arg(target.server.folder().path());
    command.env("SSH", format!("{} -o 'ProxyCommand={proxy}'", target.ssh()));
    let mut script = Process::spawn(&mut command);
    let up = script.stderr.wait_for("Connected to server", PATIENCE);
    assert!(up, "sshuttle does not connect: {}", script.output());
    script.send(b"connected\n");
    let done = script.finish(PATIENCE);
    assert_eq!(sha256_hex(&done.expect_code(0).stdout), sha256_hex(&page), "{}", done.stderr);
}
