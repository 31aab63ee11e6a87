//! Chromium without a network, driven through two pipes: the DevTools protocol needs no port.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::scratch::Scratch;

/// Why no browser can run here; nothing where one can.
pub fn missing() -> Option<String> {
    let runs = |program: &str, words: &[&str]| {
        let mut line = Command::new(program);
        let quiet = line.args(words).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    };
    if !runs("chromium", &["--version"]) {
        return Some("there is no chromium".to_owned());
    }
    if !runs("unshare", &["--net", "true"]) {
        return Some("a network of its own for a browser needs root".to_owned());
    }
    None
}

/// A browser with one page open.
pub struct Browser {
    child: Process,
    to: File,
    from: Receiver<String>,
    session: String,
    sent: u64,
    /// Every message that was no answer.
    events: Vec<String>,
    _folder: Scratch,
}

impl Browser {
    /// Starts one in a network of its own, which has not even a loopback, and opens `page`.
    #[track_caller]
    pub fn open(page: &Path) -> Self {
        let folder = Scratch::new();
        let [input, output] = ["in", "out"].map(|name| folder.join(name));
        for pipe in [&input, &output] {
            assert!(Command::new("mkfifo").arg(pipe).status().expect("run mkfifo").success());
        }
        let script = "exec chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
                      --no-first-run --disable-component-update --disable-background-networking \
                      --remote-debugging-pipe --user-data-dir=\"$2/profile\" about:blank \
                      3<\"$0\" 4>\"$1\"";
        let mut line = Command::new("unshare");
        line.args(["--net", "sh", "-c", script]).args([&input, &output]).arg(folder.path());
        line.env("HOME", folder.path()).env_remove("DISPLAY");
        let child = Process::spawn(&mut line);
        let to = OpenOptions::new().write(true).open(&input).expect("a pipe to the browser");
        let from = messages(File::open(&output).expect("a pipe from the browser"));
        let session = String::new();
        let mut browser =
            Self { child, to, from, session, sent: 0, events: Vec::new(), _folder: folder };
        let target = browser.call("Target.createTarget", "\"url\":\"about:blank\"");
        let target = member(&target, "targetId").to_owned();
        let words = format!("\"targetId\":\"{target}\",\"flatten\":true");
        let attached = browser.call("Target.attachToTarget", &words);
        browser.session = member(&attached, "sessionId").to_owned();
        for domain in ["Network", "Log", "Runtime", "Page"] {
            browser.call(&format!("{domain}.enable"), "");
        }
        browser.call("Page.navigate", &format!("\"url\":\"file://{}\"", page.display()));
        browser.wait_for("Page.loadEventFired");
        browser
    }

    /// What an expression comes to, which is text or the promise of one.
    #[track_caller]
    pub fn evaluate(&mut self, expression: &str) -> String {
        let words = format!(
            "\"expression\":\"{}\",\"awaitPromise\":true,\"returnByValue\":true",
            json(&format!("Promise.resolve({expression}).then(x=>encodeURIComponent(String(x)))"))
        );
        let answer = self.call("Runtime.evaluate", &words);
        assert!(!answer.contains("exceptionDetails"), "{answer:.2000}");
        decoded(member(&answer, "value"))
    }

    /// Runs a script as the page's own environment would, past its policy.
    #[track_caller]
    pub fn inject(&mut self, script: &Path) {
        let script = std::fs::read_to_string(script).expect("a script");
        let words = format!("\"expression\":\"{};0\"", json(&script));
        let answer = self.call("Runtime.evaluate", &words);
        assert!(!answer.contains("exceptionDetails"), "{answer:.2000}");
    }

    /// Width of the window, in pixels.
    pub fn width(&mut self, width: u32) {
        let words =
            format!("\"width\":{width},\"height\":844,\"deviceScaleFactor\":1,\"mobile\":false");
        self.call("Emulation.setDeviceMetricsOverride", &words);
    }

    /// Whether the reader prefers a dark page.
    pub fn dark(&mut self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let feature = format!("{{\"name\":\"prefers-color-scheme\",\"value\":\"{value}\"}}");
        self.call("Emulation.setEmulatedMedia", &format!("\"features\":[{feature}]"));
    }

    /// Messages of these kinds so far.
    pub fn seen(&mut self, kinds: &[&str]) -> Vec<String> {
        // Whatever was on its way is here before this answer.
        self.evaluate("1");
        let own = |event: &&String| {
            kinds.iter().any(|kind| event.contains(&format!("\"method\":\"{kind}\"")))
        };
        self.events.iter().filter(own).cloned().collect()
    }

    #[track_caller]
    fn call(&mut self, method: &str, words: &str) -> String {
        self.sent += 1;
        let session = match self.session.as_str() {
            "" => String::new(),
            session => format!(",\"sessionId\":\"{session}\""),
        };
        let line = format!(
            "{{\"id\":{},\"method\":\"{method}\",\"params\":{{{words}}}{session}}}\0",
            self.sent
        );
        self.to.write_all(line.as_bytes()).expect("a browser that listens");
        let start = format!("{{\"id\":{},", self.sent);
        loop {
            let message = self.next();
            if message.starts_with(&start) {
                assert!(!message.contains("\"error\":{"), "{method}: {message:.2000}");
                return message;
            }
            self.events.push(message);
        }
    }

    #[track_caller]
    fn wait_for(&mut self, kind: &str) {
        while !self.events.iter().any(|event| event.contains(kind)) {
            let message = self.next();
            self.events.push(message);
        }
    }

    #[track_caller]
    fn next(&self) -> String {
        self.from.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{}", self.child.output()))
    }
}

/// Messages end with a zero byte.
fn messages(mut pipe: File) -> Receiver<String> {
    let (give, taken) = channel();
    std::thread::spawn(move || {
        let mut waiting = Vec::new();
        let mut piece = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = pipe.read(&mut piece) {
            for byte in &piece[..n] {
                if *byte != 0 {
                    waiting.push(*byte);
                    continue;
                }
                let message = String::from_utf8_lossy(&std::mem::take(&mut waiting)).into_owned();
                if give.send(message).is_err() {
                    return;
                }
            }
        }
    });
    taken
}

/// A member of an answer that is text without escapes.
#[track_caller]
fn member<'a>(answer: &'a str, name: &str) -> &'a str {
    let (_, rest) = answer.split_once(&format!("\"{name}\":\"")).unwrap_or_else(|| {
        panic!("no {name}: {answer:.2000}");
    });
    rest.split('"').next().expect("text that ends")
}

fn json(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
        let digits = std::str::from_utf8(&digits).expect("digits");
        bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
    }
    String::from_utf8(bytes).expect("text")
}

/// axe-core, as the lock file beside names it; nothing where npm cannot get it.
pub fn axe() -> Result<PathBuf, String> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("page-check");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page-check");
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if !script.exists() {
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        for name in ["package.json", "package-lock.json"] {
            let copied = std::fs::copy(own.join(name), folder.join(name));
            copied.map_err(|error| error.to_string())?;
        }
        let mut line = Command::new("npm");
        line.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
        let done = line.output().map_err(|error| format!("there is no npm: {error}"))?;
        if !done.status.success() || !script.exists() {
            let said = String::from_utf8_lossy(&done.stderr);
            return Err(format!("npm cannot get axe-core: {said}"));
        }
    }
    Ok(script)
}
