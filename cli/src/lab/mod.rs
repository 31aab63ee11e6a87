//! `--lab`: the chapter as lessons that are done, and not only told.
//!
//! Each lesson starts a server, the services and the programs that it needs within this process,
//! on loopback addresses alone, and runs tssh itself with the command line that it shows. What
//! happened is kept as evidence, and every claim is judged by it: a lesson that turns out
//! otherwise ends with status 1 and says what differed.
//!
//! | module | what it gives |
//! | --- | --- |
//! | [`claims`] | what a lesson claims, and whether it held |
//! | [`stage`] | server, keys and client of a lesson; [`host`] is the server's application |
//! | [`tap`] | the bytes of the SSH connection, as somebody on the way would have them |
//! | [`wire`] | its packets, from the server's trace |
//! | [`toys`] | services and programs at both ends |
//! | [`attack`] | peers with one fault, and what clients make of them |

mod address_in_use;
mod attack;
mod claims;
mod dynamic;
mod gateway_ports;
mod host;
mod local;
mod rekey;
mod remote;
mod stage;
mod tap;
mod termination;
mod toys;
mod windows;
mod wire;
mod x11_cookie;

use crate::exit::{Fatal, OWN_FAILURE, Result, os_words};
use crate::plan::{Style, has_colours, painted, wrapped};
use crate::signals::{Endings, die_of};
use crate::{log, open_files};
use claims::Claim;
use rustix::process::{Resource, getrlimit};
use stage::Stage;
use std::cell::RefCell;
use std::io;
use tssh_forward::core::policy::Policy;
use wire::Shown;

/// One lesson.
struct Lesson {
    name: &'static str,
    title: &'static str,
    /// What it is about and what will happen.
    told: &'static str,
    /// Does it; what came of it is judged.
    done: fn(&mut Blackboard) -> io::Result<Vec<Claim>>,
    question: &'static str,
    answer: &'static str,
}

/// In the order of the chapter.
static LESSONS: [&Lesson; 9] = [
    &local::LESSON,
    &remote::LESSON,
    &gateway_ports::LESSON,
    &address_in_use::LESSON,
    &termination::LESSON,
    &dynamic::LESSON,
    &x11_cookie::LESSON,
    &rekey::LESSON,
    &windows::LESSON,
];

/// Descriptors that the thirstiest lesson takes, and some.
const DESCRIPTORS_MIN: u64 = 64;

/// The names of all lessons and attacks.
pub fn names() -> impl Iterator<Item = &'static str> {
    LESSONS.iter().map(|lesson| lesson.name).chain(attack::names()).chain(["list"])
}

/// Gives one lesson, or lists them; yields the exit status. `more` goes to the command line of the
/// first tssh that the lesson runs.
///
/// # Errors
/// A lesson that there is not, one that cannot be written, and what a machine lacks for it.
pub fn run(name: &str, more: Vec<String>) -> Result<u8> {
    let style = Style::of_environment();
    let mut board = Blackboard::new(style, more);
    if name == "list" {
        board.list();
        return board.written(0);
    }
    if !names().any(|known| known == name) {
        let all: Vec<&str> = names().collect();
        let text = format!("--lab: no lesson {name:?}; there is: {}", all.join(", "));
        return Err(Fatal::usage(text));
    }
    open_files::raise();
    enough_descriptors()?;
    end_by_signals()?;
    let more = std::mem::take(&mut board.more);
    if let Some(status) = attack::run(name, &board, &more) {
        return status.and_then(|status| board.written(status));
    }
    board.more = more;
    let status = match LESSONS.iter().position(|lesson| lesson.name == name) {
        Some(at) => board.give(LESSONS[at], LESSONS.get(at + 1).copied()),
        None => OWN_FAILURE,
    };
    board.written(status)
}

/// A lesson without descriptors would wait for connections that nobody can take.
fn enough_descriptors() -> Result<()> {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count) as u64;
    if limit.saturating_sub(open) >= DESCRIPTORS_MIN {
        return Ok(());
    }
    Err(Fatal::usage(format!(
        "tssh: --lab: {limit} files may be open, and {open} are: a lesson takes {DESCRIPTORS_MIN} \
         more (see ulimit -n)"
    )))
}

/// A signal that ends programs ends the lesson, whatever the client within it does about it.
fn end_by_signals() -> Result<()> {
    let failed = |error: io::Error| Fatal::usage(format!("tssh: --lab: {}", os_words(&error)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(failed)?;
    let mut endings = runtime.block_on(async { Endings::listen() })?;
    toys::named("signals", move || {
        let number = runtime.block_on(endings.next());
        std::process::exit(i32::from(die_of(number)));
    })
    .map_err(failed)
}

/// Where lessons are written.
struct Blackboard {
    style: Style,
    colours: bool,
    /// Packets to be shown.
    wire: String,
    /// Words for the first command line.
    more: Vec<String>,
    /// The first failure to write.
    fault: RefCell<Option<io::Error>>,
}

impl Blackboard {
    fn new(style: Style, more: Vec<String>) -> Self {
        let fault = RefCell::new(None);
        Self { style, colours: has_colours(), wire: String::new(), more, fault }
    }

    fn write(&self, text: &str) {
        if self.is_gone() {
            return;
        }
        let text = self.style.drawn(text);
        let text = if self.colours { painted(&text) } else { text };
        if let Err(error) = log::out(text) {
            *self.fault.borrow_mut() = Some(error);
        }
    }

    /// Whether nobody can read any more.
    fn is_gone(&self) -> bool {
        self.fault.borrow().is_some()
    }

    /// The exit status, unless something could not be written.
    fn written(&self, status: u8) -> Result<u8> {
        match &*self.fault.borrow() {
            None => Ok(status),
            // A reader that has gone, such as `head`, has what it wanted.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(OWN_FAILURE),
            Some(error) => Err(Fatal::usage(format!("tssh: standard output: {}", os_words(error)))),
        }
    }

    fn title(&self, title: &str) {
        let rest = 75_usize.saturating_sub(title.chars().count());
        self.write(&format!("── {title} {}\n", "─".repeat(rest)));
    }

    fn broke_off(&self, error: &io::Error) -> u8 {
        self.heading("The lesson broke off");
        self.say(&os_words(error));
        1
    }

    /// A sentence or more.
    fn say(&self, text: &str) {
        self.write(&wrapped("  ", text));
    }

    fn heading(&self, text: &str) {
        self.write(&format!("\n{text}\n"));
    }

    /// A command line, as it would be typed.
    fn command(&self, words: &[&str]) {
        self.write(&format!("\n  $ tssh {}\n", words.join(" ")));
    }

    /// The same of another program.
    fn command_of(&self, words: &[String]) {
        self.write(&format!("\n  $ {}\n", words.join(" ")));
    }

    /// The same, with the pictures of its forwards.
    fn drawn_command(&self, words: &[&str]) {
        self.command(words);
        let pictures = crate::plan::pictures(words, self.style);
        self.write(&format!("\n{}", pictures.unwrap_or_default()));
    }

    /// A server that permits what `policy` says.
    fn stage(&mut self, policy: Policy) -> io::Result<Stage> {
        Stage::new(policy, std::mem::take(&mut self.more))
    }

    /// Keeps the packets of a lesson that are to be shown at its end.
    fn keep(&mut self, stage: &Stage, shown: Shown) {
        self.wire.push_str(&wire::text(&stage.packets(), shown));
    }

    fn list(&self) {
        self.write("Lessons, in the order of the chapter: tssh --lab NAME\n\n");
        for lesson in LESSONS {
            self.write(&wrapped(&format!("  {:16}", lesson.name), lesson.title));
        }
        self.write("\nAttacks, and peers with one fault: tssh --lab NAME\n\n");
        for (name, title) in attack::rows() {
            self.write(&wrapped(&format!("  {name:17}"), title));
        }
        self.write("\nEach runs on loopback addresses within this machine, in a few seconds.\n");
    }

    fn give(&mut self, lesson: &Lesson, next: Option<&Lesson>) -> u8 {
        self.title(lesson.title);
        for part in lesson.told.split("\n\n") {
            self.write("\n");
            self.say(&part.replace('\n', " "));
        }
        if self.is_gone() {
            return OWN_FAILURE;
        }
        let claims = match (lesson.done)(self) {
            Ok(claims) => claims,
            Err(error) => return self.broke_off(&error),
        };
        self.heading("What was seen");
        for claim in &claims {
            self.write(&claim.text());
        }
        if !self.wire.is_empty() {
            self.heading("On the wire, from the server's trace");
            self.write(&self.wire);
        }
        let status = claims::status(&claims);
        if status == 0 {
            self.heading("Question");
            self.say(lesson.question);
            self.heading("Answer");
            self.say(lesson.answer);
        } else {
            self.heading("Not everything was as told: see the lines with a cross.");
        }
        if let Some(next) = next {
            self.write(&format!("\nNext: tssh --lab {}\n", next.name));
        }
        status
    }
}

/// An exit status that a lesson never has by itself.
const _: () = assert!(OWN_FAILURE != 0 && OWN_FAILURE != 1, "a failed lesson is told apart");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lesson_has_a_name_a_text_and_a_question() {
        for (i, lesson) in LESSONS.iter().enumerate() {
            assert!(LESSONS[i + 1..].iter().all(|other| other.name != lesson.name));
            assert!(
                lesson
                    .name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            );
            assert!(lesson.title.len() <= 60, "{}", lesson.title);
            for text in [lesson.told, lesson.question, lesson.answer] {
                assert!(text.len() > 40, "{}: {text}", lesson.name);
            }
            assert!(lesson.question.ends_with('?'), "{}", lesson.question);
        }
        assert!(run("nosuch", Vec::new()).unwrap_err().message.contains("there is: local, remote"));
    }
}
