//! Flow control: a reader that does not read stops its own connection, and no other.

use super::claims::Claim;

use super::toys::{self, FLOOD_BYTES, Service};
use super::wire::Shown;
use super::{Blackboard, Lesson};
use std::io::{self, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tssh_connection::limits::WINDOW_BYTES_MAX;
use tssh_forward::core::policy::Policy;

pub static LESSON: Lesson = Lesson {
    name: "windows",
    title: "Windows: who is slow, and who waits",
    told: "\
A service sends 128 MiB as fast as it can, through a forward, to a program that has gone for \
lunch. Each channel has a window: bytes that may be on their way before the reader has taken any \
(RFC 4254 section 5.2). When the window and the sockets are full, the service has to wait.

Meanwhile another program talks to an echo service through the same SSH connection.",
    done,
    question: "\
Why does tssh not simply read on and keep the bytes until the program comes back?",
    answer: "\
Because the program may never come back, and the sender may never stop: memory would have no end. \
The window makes the sender wait, which is what TCP does without a tunnel, too.",
};

/// How long nothing may move for it to count as standing still.
const STILL: Duration = Duration::from_millis(300);
/// What sockets on the way may hold beyond the window: two pairs of kernel buffers, each grown to
/// what Linux lets them grow to.
const SOCKETS_BYTES_MAX: u64 = 24 << 20;

struct Evidence {
    /// Bytes that the service had got rid of when it stood still.
    stalled_at: u64,
    /// Bytes that had passed on the SSH connection by then.
    on_the_way: u64,
    echo: String,
    echo_took: Duration,
    /// Bytes that came once the program read.
    came: u64,
}

fn done(board: &mut Blackboard) -> io::Result<Vec<Claim>> {
    let (flood, echo) = (Service::flood()?, Service::echo()?);
    let stage = board.stage(Policy::server())?;
    let (port, other) = (toys::free_port()?, toys::free_port()?);
    let first = format!("{port}:localhost:{}", flood.port);
    let second = format!("{other}:localhost:{}", echo.port);
    let words = ["-N", "-L", &first, "-L", &second, "S"];
    board.command(&words);
    let mut client = stage.client(&words)?;
    client.connected()?;
    client.says(&format!("localforward {other} [localhost]:{} stands", echo.port))?;
    let mut slow = toys::connect((Ipv4Addr::LOCALHOST, port))?;
    let stalled_at = until_still(|| flood.written.load(Ordering::Relaxed))?;
    let on_the_way = stage.passed().to_client;
    let begin = Instant::now();
    let mut quick = toys::connect((Ipv4Addr::LOCALHOST, other))?;
    quick.write_all(b"hello")?;
    let mut back = [0; 5];
    quick.read_exact(&mut back)?;
    let echo_took = begin.elapsed();
    let came = io::copy(&mut (&mut slow).take(FLOOD_BYTES), &mut io::sink())?;
    let shown = Shown { messages: &["CHANNEL_WINDOW_ADJUST"], with: "", most: 3 };
    board.keep(&stage, shown);
    client.leave()?;
    let echo = String::from_utf8_lossy(&back).into_owned();
    Ok(judge(&Evidence { stalled_at, on_the_way, echo, echo_took, came }))
}

/// Waits until a number has grown and then stands still.
fn until_still(number: impl Fn() -> u64) -> io::Result<u64> {
    let until = Instant::now() + toys::PATIENCE;
    let mut last = (number(), Instant::now());
    loop {
        std::thread::sleep(Duration::from_millis(10));
        let now = number();
        if now != last.0 {
            last = (now, Instant::now());
        } else if now > 0 && last.1.elapsed() >= STILL {
            return Ok(now);
        }
        if Instant::now() >= until {
            return Err(io::Error::other("the service never stood still"));
        }
    }
}

fn judge(evidence: &Evidence) -> Vec<Claim> {
    let Evidence { stalled_at, on_the_way, echo, echo_took, came } = evidence;
    let mib = |bytes: &u64| format!("{:.1} MiB", *bytes as f64 / f64::from(1 << 20));
    let bound = u64::from(WINDOW_BYTES_MAX) + SOCKETS_BYTES_MAX;
    vec![
        Claim::that(
            "The service had to wait long before its end.",
            *stalled_at > 0 && *stalled_at < FLOOD_BYTES,
            format_args!(
                "{} of {} were written when it stood still",
                mib(stalled_at),
                mib(&FLOOD_BYTES)
            ),
            "less than all",
        ),
        Claim::that(
            "What had passed on the SSH connection is a window, and what the sockets behind it \
            hold.",
            *on_the_way > 0 && *on_the_way <= bound,
            format_args!("{}; the bound is {}", mib(on_the_way), mib(&bound)),
            "no more than the bound",
        ),
        Claim::equal("The other program was served meanwhile:", &"hello".to_owned(), echo),
        Claim::that(
            "It did not wait for the slow one.",
            *echo_took < toys::PATIENCE / 4,
            format_args!("{:.1} ms for a connection and its echo", echo_took.as_secs_f64() * 1e3),
            "far less than the slow one took",
        ),
        Claim::equal("When the slow program came back, it got every byte:", &FLOOD_BYTES, came),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::claims::status;
    use super::*;

    #[test]
    fn each_claim_fails_by_its_own_evidence() {
        let good = || Evidence {
            stalled_at: 9 << 20,
            on_the_way: 5 << 20,
            echo: "hello".to_owned(),
            echo_took: Duration::from_millis(3),
            came: FLOOD_BYTES,
        };
        assert_eq!(status(&judge(&good())), 0);
        let spoils: [fn(&mut Evidence); 6] = [
            |e| e.stalled_at = FLOOD_BYTES,
            |e| e.stalled_at = 0,
            |e| e.on_the_way = FLOOD_BYTES,
            |e| e.echo.clear(),
            |e| e.echo_took = Duration::from_secs(60),
            |e| e.came -= 1,
        ];
        for spoil in spoils {
            let mut evidence = good();
            spoil(&mut evidence);
            assert_eq!(judge(&evidence).iter().filter(|c| !c.held()).count(), 1);
        }
    }
}
