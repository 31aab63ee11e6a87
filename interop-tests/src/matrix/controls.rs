//! Pairs that are wrong on purpose: a check that passes one of them shows nothing.

use super::Check;
use super::checks::{self, Pair};
use super::client::Client;
use super::server::{Rekey, Running, start_tsshd};
use super::work::Work;
use crate::tssh::tssh_binary;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// tssh, seen through a shell script: its words are `$@`, and `$tssh` is the program.
    Script(&'static str),
    /// tssh with an option that wins.
    Option(&'static str),
    /// Other bytes are sent than are looked for.
    Bytes,
    /// Nothing: the server does not do what is asked of it.
    Server,
}

/// A check, and a pair that it must fail.
struct Control {
    name: &'static str,
    check: Check,
    wrong: Wrong,
    /// What the check must say: it could fail for another reason.
    says: &'static str,
}

/// All but a byte or two in the middle pass on what comes.
const CHANGED: &str = "\"$tssh\" \"$@\" | { head -c 5000000; \
                       head -c 1 | tr '\\000-\\377' '\\001-\\377\\000'; cat; }";
const NO_FORWARDS: Wrong = Wrong::Option("-oClearAllForwardings=yes");
const REFUSED: &str = "connect to the forward: ";
const WRONG_BYTE: &str = "wrong from byte";

const CONTROLS: &[Control] = &[
    control(
        "lost status",
        Check::Exec,
        Wrong::Script("\"$tssh\" \"$@\"; exit 0"),
        "0 in place of 7",
    ),
    control(
        "lost errors",
        Check::Exec,
        Wrong::Script("\"$tssh\" \"$@\" 2>/dev/null"),
        "stderr \"\"",
    ),
    control("end of input not passed on", Check::Exec, Wrong::Option("-n"), "out\\n0\\n"),
    control(
        "no host key in common",
        Check::Exec,
        Wrong::Option("-oHostKeyAlgorithms=rsa-sha2-256"),
        "no matching",
    ),
    control(
        "one byte of 8 MiB changed",
        Check::Cat,
        Wrong::Script(CHANGED),
        "other bytes came back",
    ),
    control(
        "end of 8 MiB lost",
        Check::Cat,
        Wrong::Script("\"$tssh\" \"$@\" | head -c 8388607"),
        "8388607 bytes of",
    ),
    control("no forward", Check::Local, NO_FORWARDS, REFUSED),
    control("no forward", Check::Ten, NO_FORWARDS, REFUSED),
    control("no forward", Check::Remote, NO_FORWARDS, REFUSED),
    control("no forward", Check::Dynamic, NO_FORWARDS, REFUSED),
    control("other bytes", Check::Local, Wrong::Bytes, WRONG_BYTE),
    control("other bytes", Check::Ten, Wrong::Bytes, WRONG_BYTE),
    control("other bytes", Check::Remote, Wrong::Bytes, WRONG_BYTE),
    control("other bytes", Check::Dynamic, Wrong::Bytes, WRONG_BYTE),
    control("other bytes", Check::Stdio, Wrong::Bytes, WRONG_BYTE),
    control(
        "answer after the end cut off",
        Check::Stdio,
        Wrong::Script("\"$tssh\" \"$@\" | head -c 1048576"),
        WRONG_BYTE,
    ),
    control(
        "no renewal",
        Check::ClientRekey,
        Wrong::Option("-oRekeyLimit=default"),
        "1 key exchanges",
    ),
    control("no renewal", Check::ServerRekey, Wrong::Server, "1 key exchanges"),
];

const fn control(name: &'static str, check: Check, wrong: Wrong, says: &'static str) -> Control {
    Control { name, check, wrong, says }
}

/// Shows that each control fails, and why; `each` hears its name, whether it did, and what the
/// check said. Yields how many failed as they must, and how many there are.
///
/// # Errors
/// When no server can be started.
pub fn run(each: impl Fn(&str, bool, &str)) -> Result<(usize, usize), String> {
    let work = Work::bare();
    let running = start_tsshd(&work, Rekey::Default)?;
    let mut failed = 0;
    for control in CONTROLS {
        let done = try_one(control, &work, &running);
        let said = done.err().unwrap_or_else(|| "it passes".to_owned());
        let good = said.contains(control.says);
        failed += usize::from(good);
        each(&format!("{}: {}", control.check.name(), control.name), good, &said);
    }
    Ok((failed, CONTROLS.len()))
}

fn try_one(control: &Control, work: &Work, running: &Running) -> Result<(), String> {
    let mut client = Client::tssh();
    let mut seed = 1;
    match control.wrong {
        Wrong::Script(text) => {
            let tssh = tssh_binary();
            let text = format!("export LC_ALL=C\ntssh='{}'\n{text}", tssh.display());
            client = Client::program(work.folder().script("wrong", &text));
        }
        Wrong::Option(option) => client.options.push(option.to_owned()),
        Wrong::Bytes => seed = 1000,
        Wrong::Server => {}
    }
    checks::run(control.check, &Pair { client: &client, work, running, half_close: true, seed })
}
