//! Where the commands that speak of servers run: networks, mounts and processes of their own.

use super::page::Shown;
use super::{path_with, shell};
use rustix::process::Signal;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;
use tssh_interop_tests::openssh::{Server, ServerOptions, program_path};
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::tssh::{tssh_binary, tsshd_binary};

/// Says that this process is apart.
pub const APART: &str = "TSSH_DOCS_APART";

/// Names that servers and clients look up.
pub const HOSTS: &str = "127.0.0.1 localhost mail intranet web\n::1 localhost\n";

/// Makes the place, and becomes the program that its words name.
pub const SCRIPT: &str = r#"
set -e
mount -t tmpfs none /run
mkdir -p /run/sshd
mount --bind "$1" /etc/hosts
ip link set lo up
shift
exec "$@"
"#;

/// tssh with a file that knows the hosts of the documents, unless it is told of another one.
const CLIENT: &str = r#"
case "$1" in
    -F | --advise) exec "$TSSH" "$@" ;;
    --lab) name="$2"; shift 2; exec "$TSSH" --lab "$name" -F "$CONFIG" "$@" ;;
esac
exec "$TSSH" -F "$CONFIG" $VERBOSE "$@"
"#;

/// What cargo would start.
const CARGO: &str = r#"
case "$*" in "run --release --bin tssh -- "*) shift 5; exec tssh "$@" ;; esac
echo "cargo $*: no command of a document" >&2
exit 9
"#;

/// Hosts that are one and the same server.
const NAMES: &str = "S host inner mail.example.com";

/// The place of one page.
pub struct Place {
    home: Scratch,
    server: Server,
    path: OsString,
    /// What runs until the next one, or the end of its block.
    stays: Option<(usize, Process)>,
}

impl Place {
    pub fn new() -> Self {
        services();
        // Of a run that was broken off: it is in a folder that is not ours alone.
        let _ = std::fs::remove_file("/tmp/there.sock");
        let server = Server::start(&ServerOptions::default());
        let folder = server.folder();
        let keys: String = server
            .host_key_lines()
            .iter()
            .flat_map(|line| NAMES.split(' ').map(move |name| format!("{name} {line}\n")))
            .collect();
        let known_hosts = folder.write("known_hosts", keys);
        let config = format!(
            "Host {NAMES}\n HostName 127.0.0.1\n Port {}\n HostKeyAlias S\n User {}\n \
             IdentityFile {}\n IdentitiesOnly yes\n UserKnownHostsFile {}\n \
             GlobalKnownHostsFile none\n BatchMode yes\n StrictHostKeyChecking yes\n",
            server.port(),
            server.user(),
            server.user_key().display(),
            known_hosts.display()
        );
        let config = folder.write("ssh_config", config);
        let home = Scratch::new();
        for name in ["bin", ".ssh", "target/release"] {
            std::fs::create_dir_all(home.join(name)).expect("a folder");
        }
        let variables =
            format!("export TSSH={} CONFIG={}", tssh_binary().display(), config.display());
        home.script("bin/tssh", &format!("{variables}\n{CLIENT}"));
        home.script("bin/cargo", CARGO);
        home.script("target/release/tssh", "exec tssh \"$@\"");
        home.script("bin/tsshd", &format!("exec {} \"$@\"", tsshd_binary().display()));
        home.script("bin/sshd", &format!("exec {} \"$@\"", program_path("sshd").display()));
        let path = path_with(&home.join("bin"));
        Self { home, server, path, stays: None }
    }

    /// Ends what stays, in good order: sockets are removed.
    fn leave(&mut self) {
        if let Some((_, mut process)) = self.stays.take() {
            process.signal(Signal::TERM);
            let _ = process.wait_for_exit(PATIENCE);
        }
    }

    /// Runs a command as the page means it.
    #[track_caller]
    pub fn run(&mut self, shown: &Shown) {
        let Shown { place, line, block, .. } = shown;
        let first = self.stays.as_ref().is_some_and(|(other, _)| other != block);
        if first || stays(line) {
            self.leave();
        }
        let mut command = shell(line, &self.home, &self.path);
        if !stays(line) {
            // Files: what goes to the background keeps its pipes.
            let [out, messages] = ["out", "err"].map(|name| self.server.folder().join(name));
            let file = |path: &Path| std::fs::File::create(path).expect("a file for output");
            command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&messages));
            let ended = Process::spawn_as_is(&mut command).wait_for_exit(PATIENCE);
            let text = |path: &Path| {
                String::from_utf8_lossy(&std::fs::read(path).expect("output")).into_owned()
            };
            let (out, messages) = (text(&out), text(&messages));
            let said = format!("{out}\n{messages}\n{}", self.server.log());
            let code = ended.and_then(|status| status.code());
            assert_eq!(code, Some(shown.status()), "{place}: {line}\n{said}");
            shown.expect_output(&out);
            return;
        }
        let server = line.starts_with("tsshd");
        let mark = if server { "Server listening on" } else { " stands" };
        command.env("VERBOSE", "-v");
        let mut process = Process::spawn(&mut command);
        let forwards = ["-L ", "-R ", "-D "].iter().map(|option| line.matches(option).count());
        let wanted = forwards.sum::<usize>().max(1);
        let count = |bytes: &[u8]| String::from_utf8_lossy(bytes).matches(mark).count();
        let up = process.stderr.wait(PATIENCE, |bytes| count(bytes) >= wanted);
        assert!(up, "{place}: {line} does not come up: {}", process.output());
        assert!(process.wait_for_exit(std::time::Duration::ZERO).is_none(), "{place}: {line}");
        self.stays = Some((*block, process));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Whether a command runs until it is told to end.
fn stays(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let has = |letter: char| {
        let short = |word: &&&str| word.starts_with('-') && !word.starts_with("--");
        words.iter().filter(short).any(|word| word.contains(letter))
    };
    let runs = words.first().is_some_and(|word| word.ends_with("tssh"));
    let tunnel = runs && words.contains(&"-N") && !words.contains(&"-f");
    tunnel || words.first() == Some(&"tsshd") && (has('D') || has('d'))
}

/// What the documents forward to: once for all pages.
fn services() {
    use std::sync::Once;
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        for port in [143, 25] {
            serve(port, |mut stream| {
                let _ = stream.write_all(b"* OK a toy is ready\r\n");
            });
        }
        serve(80, |mut stream| {
            let mut lines = BufReader::new(stream.try_clone().expect("the same socket")).lines();
            while lines.by_ref().next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {
            }
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n");
        });
        let unix = UnixListener::bind("/run/service.sock").expect("a socket below /run");
        std::thread::spawn(move || unix.incoming().for_each(drop));
    });
}

fn serve(port: u16, answer: fn(TcpStream)) {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("a port of a place of our own");
    std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
}
