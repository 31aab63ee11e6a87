//! What a trace does not tell, and what it must not be able to do to whoever reads it.

use crate::support::{MARKER, lacks_openssh, option, server, session, text, tssh};
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::openssh::{GUEST_PASSWORD, Server, ServerOptions, is_root};
use tssh_interop_tests::process::run;
use tssh_interop_tests::secrets::forms;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::{bare_command, tssh_binary};

const COMMAND_MARKER: &str = "Marker-Of-The-Command-5512";

#[track_caller]
fn holds(path: &Path, secret: &[u8]) -> bool {
    let content = std::fs::read(path).expect("a trace");
    forms(secret).iter().any(|form| content.windows(form.len()).any(|window| window == form))
}

#[test]
fn a_default_trace_can_be_shared() {
    if lacks_openssh("secrets::a_default_trace_can_be_shared") {
        return;
    }
    let (server, key) = server(&[]);
    let folder = server.folder();
    let [lines, readable, capture, page] =
        ["t.jsonl", "t.text", "t.pcapng", "t.html"].map(|name| folder.join(name));
    let files = ["--trace", "jsonl", text(&lines), "--trace", "text", text(&readable)];
    let page_too = ["--trace", "html", text(&page)];
    let capture_too = [&page_too[..], &["--trace", "pcapng", text(&capture)]].concat();
    let private = std::fs::read_to_string(&key).expect("a private key");
    let middle = private.lines().nth(5).expect("a line of it").as_bytes().to_vec();
    let secrets = [MARKER, COMMAND_MARKER.as_bytes(), &middle];
    let command = format!("true {COMMAND_MARKER}");

    let all = [&files[..], &capture_too].concat();
    session(&server, &key, &all, &command);
    for path in [&lines, &readable, &capture, &page] {
        for secret in secrets {
            assert!(!holds(path, secret), "{} in {path:?}", String::from_utf8_lossy(secret));
        }
    }
    tssh(&[&option("--trace-check-shareable=", &lines)]).expect_code(0);
    tssh(&[&option("--trace-check-shareable=", &capture)]).expect_code(0);

    let all = [&files[..], &capture_too, &["--trace-secrets"]].concat();
    let done = session(&server, &key, &all, &command);
    done.finished.expect_stderr("WARNING");
    assert!(holds(&lines, MARKER) && holds(&lines, COMMAND_MARKER.as_bytes()));
    assert!(holds(&page, MARKER) && holds(&page, COMMAND_MARKER.as_bytes()));
    tssh(&[&option("--trace-check-shareable=", &lines)]).expect_code(1);
    tssh(&[&option("--trace-check-shareable=", &capture)]).expect_code(1);

    // After the fact.
    let scrubbed = tssh(&["--trace-scrub", text(&lines)]);
    scrubbed.expect_code(0);
    let path = folder.write("scrubbed", &scrubbed.stdout);
    assert!(!holds(&path, MARKER) && !holds(&path, COMMAND_MARKER.as_bytes()));
    tssh(&["--trace-check-shareable", text(&path)]).expect_code(0);
    let again = tssh(&["--trace-scrub", text(&path)]);
    assert!(again.stdout == scrubbed.stdout, "scrubbing what is scrubbed changes it");
    // Converting gives nothing away either.
    for format in ["text", "jsonl", "html", "pcapng"] {
        let converted = tssh(&["--trace-convert", text(&lines), "--to", format]);
        converted.expect_code(0);
        let path = folder.write("converted", &converted.stdout);
        assert!(!holds(&path, MARKER), "{format}");
    }
}

/// A password is hidden, and its length with it.
#[test]
fn a_password_leaves_no_trace() {
    if lacks_openssh("secrets::a_password_leaves_no_trace") {
        return;
    }
    if !is_root() {
        return skip("secrets::a_password_leaves_no_trace", "logins with a password need root");
    }
    let options =
        ServerOptions { guest: true, ..ServerOptions::with_lines(&["PasswordAuthentication yes"]) };
    let server = Server::start(&options);
    let path = server.folder().join("trace");
    let ask = server.folder().script("ask", &format!("echo '{GUEST_PASSWORD}'"));
    let words = ["--trace", "jsonl", text(&path), "-o", "PreferredAuthentications=password"];
    let mut line = bare_command(&tssh_binary(), &server, &words);
    line.args(["127.0.0.1", "true"]).env("SSH_ASKPASS", ask).env("SSH_ASKPASS_REQUIRE", "force");
    run(&mut line).expect_code(0);
    assert!(!holds(&path, GUEST_PASSWORD.as_bytes()));
    let text = std::fs::read_to_string(&path).expect("a trace");
    let request = text.lines().find(|line| line.contains("plaintext password")).expect("a request");
    assert!(request.contains("\"redacted\":[\"password\"]") && request.contains("\"pad\":null"));
}

/// Names, banners and errors of a hostile server stay what they are: text.
#[test]
fn hostile_text_stays_text() {
    if lacks_openssh("secrets::hostile_text_stays_text") {
        return;
    }
    let folder = tssh_interop_tests::scratch::Scratch::new();
    let banner =
        folder.write("banner", b"\x1b]0;owned\x07\",\"n\":9}\n\xff\xc2\x9b1m</script>\r\x08x\n");
    let line = format!("Banner {}", banner.display());
    let (server, key) = server(&[&line]);
    let [lines, readable] = ["t.jsonl", "t.text"].map(|name| server.folder().join(name));
    let files = ["--trace", "jsonl", text(&lines), "--trace", "text", text(&readable)];
    let options = [&files[..], &["--trace-secrets"]].concat();
    session(&server, &key, &options, "printf '\\033[2J\\007'");
    crate::support::events(&lines);
    for path in [&lines, &readable] {
        let content = std::fs::read(path).expect("a trace");
        let bad = content.iter().find(|byte| **byte < 0x20 && **byte != b'\n');
        assert_eq!(bad, None, "a control character in {path:?}");
        let content = String::from_utf8(content).expect("text");
        assert!(!content.chars().any(|c| ('\u{80}'..'\u{a0}').contains(&c)), "{path:?}");
    }
}

/// A trace from elsewhere may be anything.
#[test]
fn what_is_no_trace_is_refused() {
    let folder = tssh_interop_tests::scratch::Scratch::new();
    let deep = format!("{{\"type\":\"header\",\"n\":0,\"t\":0,\"x\":{}", "[".repeat(100_000));
    for content in ["", "x", "{}", "{\"type\":\"packet\",\"n\":0,\"t\":0}\n", &deep] {
        let path = folder.write("bad", content);
        let done = run(Command::new(tssh_binary()).arg("--trace-check-shareable").arg(&path));
        assert_ne!(done.code, 0, "{content:.80}");
        let done = run(Command::new(tssh_binary()).args(["--trace-scrub", text(&path)]));
        assert_eq!(done.code, 255, "{content:.80}");
    }
    tssh(&["--trace-convert", "/nonexistent", "--to", "text"]).expect_code(255);
    for format in ["text", "jsonl", "html", "pcapng"] {
        let done = tssh(&["--trace-convert", "/dev/null", "--to", format]);
        done.expect_code(255).expect_stderr("it is empty");
        assert_eq!(done.text(), "");
    }
}
