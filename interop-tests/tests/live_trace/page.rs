//! The page of a session: every byte of the handshake in its place, commands that print what the
//! page says, text that stays text, and a browser without a network that has nothing to complain
//! about.

use crate::browser::{Browser, axe, missing};
use crate::support::{events, lacks_openssh, server, session, text, tssh};
use std::path::{Path, PathBuf};
use std::process::Command;
use tssh::trace::json::line;
use tssh_interop_tests::openssh::{KeyKind, Server, ServerOptions, keygen};
use tssh_interop_tests::process::run;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::{client_command, tssh_binary};
use tssh_transport::trace::{Event, Kind, Map, Value, unhex};

/// What would break out of a page that does not look after itself.
const HOSTILE: &str = "</script></style><img src=x onerror=\"alert('1')\">&lt;\u{202e}`";
/// A page of a thousand packets is at most that large.
const PAGE_BYTES_MAX: usize = 3 * 1024 * 1024;

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a page")
}

/// What stands between `from` and `to`, as often as it does.
fn between<'a>(page: &'a str, from: &str, to: &str) -> Vec<&'a str> {
    page.split(from).skip(1).filter_map(|rest| Some(rest.split_once(to)?.0)).collect()
}

fn plain(html: &str) -> String {
    let signs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    signs.iter().fold(html.to_owned(), |text, (own, sign)| text.replace(own, sign))
}

/// The pieces of one side: where they begin, their bytes, their label.
fn pieces(page: &str, side: char) -> Vec<(usize, Vec<u8>, String)> {
    let mut found = Vec::new();
    for piece in between(page, &format!("<code class=\"b\" id=\"{side}"), "</li>") {
        let (off, rest) = piece.split_once("\">").expect("an offset");
        let (bytes, rest) = rest.split_once("</code>").expect("bytes");
        let label = between(rest, "<summary><b>", "</b>")[0].to_owned();
        let bytes = unhex(&bytes.replace(' ', "")).expect("hexadecimal").to_vec();
        found.push((off.parse().expect("a number"), bytes, label));
    }
    found.sort_by_key(|(off, ..)| *off);
    found
}

#[test]
fn each_byte_of_the_handshake_is_in_one_labelled_piece() {
    if lacks_openssh("page::each_byte_of_the_handshake_is_in_one_labelled_piece") {
        return;
    }
    let (server, key) = server(&[]);
    let [lines, page] = ["t.jsonl", "t.html"].map(|name| server.folder().join(name));
    let options = ["--trace", "jsonl", text(&lines), "--trace", "html", text(&page)];
    let done = session(&server, &key, &options, "true");
    let (events, page) = (events(&lines), read(&page));
    for (side, dir, wire) in [('c', "c2s", &done.wire[0]), ('s', "s2c", &done.wire[1])] {
        let sealed = |event: &&Event| {
            event.kind == Kind::Packet
                && event.values.text("dir") == dir
                && event.values.number("epoch") > 0
        };
        let end = events.iter().find(sealed).expect("an encrypted packet").values.number("off");
        let mut at = 0;
        for (off, bytes, label) in pieces(&page, side) {
            assert_eq!(off, at, "a gap, or a byte twice, before {label} of {dir}");
            assert_eq!(bytes, wire[off..off + bytes.len()], "{label} of {dir}");
            assert!(!label.is_empty());
            at += bytes.len();
        }
        assert_eq!(at, usize::try_from(end).expect("a length"), "{dir}");
    }
}

/// Runs every command of a page and gives how many there were.
#[track_caller]
fn run_commands(page: &str) -> usize {
    let commands = between(page, "<code class=\"cmd\">", "</code>");
    let wanted = between(page, "<code class=\"want\">", "</code>");
    assert_eq!(commands.len(), wanted.len());
    for (command, want) in commands.iter().zip(&wanted) {
        let done = run(Command::new("sh").args(["-c", &plain(command)]));
        assert_eq!(done.text().trim(), plain(want), "{}\n{}", done.stderr, plain(command));
    }
    commands.len()
}

/// With the secrets of a throwaway session everything can be computed again with openssl; without
/// them only what is public can, and the page says so of the rest.
#[test]
fn commands_print_what_the_page_says() {
    if lacks_openssh("page::commands_print_what_the_page_says") {
        return;
    }
    let suites = [
        ("curve25519-sha256", "aes128-gcm@openssh.com", "hmac-sha2-256", KeyKind::Rsa, 10),
        (
            "mlkem768x25519-sha256,sntrup761x25519-sha512@openssh.com",
            "aes256-ctr",
            "hmac-sha2-512-etm@openssh.com",
            KeyKind::Ed25519,
            12,
        ),
        (
            "curve25519-sha256",
            "chacha20-poly1305@openssh.com",
            "hmac-sha2-256",
            KeyKind::EcdsaP256,
            9,
        ),
        ("diffie-hellman-group14-sha256", "aes192-ctr", "hmac-sha2-256", KeyKind::EcdsaP521, 10),
        ("ecdh-sha2-nistp384", "aes256-gcm@openssh.com", "hmac-sha1", KeyKind::EcdsaP384, 8),
    ];
    for (kex, cipher, mac, kind, least) in suites {
        let options = ServerOptions { host_keys: vec![kind], ..ServerOptions::with_lines(&[]) };
        let server = Server::start(&options);
        let page = server.folder().join("t.html");
        let (kex, mac) = (format!("KexAlgorithms={kex}"), format!("MACs={mac}"));
        let suite = ["-o", &kex, "-c", cipher, "-o", &mac, "--trace", "html", text(&page)];
        let shown = [&suite[..], &["--trace-secrets"]].concat();
        run(&mut client_command(&tssh_binary(), &server, &shown, &["true"])).expect_code(0);
        let with = read(&page);
        assert!(!with.contains("cmd withheld") && with.contains("holds the secrets"));
        let commands = run_commands(&with);
        assert!(commands >= least, "{commands} commands for {kex} {cipher}");

        run(&mut client_command(&tssh_binary(), &server, &suite, &["true"])).expect_code(0);
        let without = read(&page);
        assert_eq!(run_commands(&without), 2, "fingerprint and signature need no secret");
        assert!(without.contains("cmd withheld") && !without.contains("holds the secrets"));
    }
}

#[test]
fn a_page_of_a_thousand_packets_is_small() {
    if lacks_openssh("page::a_page_of_a_thousand_packets_is_small") {
        return;
    }
    let (server, key) = server(&["RekeyLimit 8M"]);
    let page = server.folder().join("t.html");
    let options = ["--trace", "html", text(&page), "--trace-secrets"];
    session(&server, &key, &options, "head -c 36000000 /dev/zero");
    let page = read(&page);
    let packets = between(&page, "<dt>Packets</dt><dd>", "</dd>")[0].replace(',', "");
    assert!(packets.parse::<u64>().expect("a number") > 1_000, "{packets}");
    assert!(page.len() < PAGE_BYTES_MAX, "{} bytes", page.len());
    assert!(page.contains("New keys, by"), "no rekeying is told of");
}

/// Whether no browser can run here.
fn lacks_browser(test: &str) -> bool {
    lacks_openssh(test) || missing().inspect(|reason| skip(test, reason)).is_some()
}

/// What axe-core calls serious or worse, in this width and colour scheme.
fn faults(browser: &mut Browser, width: u32, dark: bool) -> String {
    browser.width(width);
    browser.dark(dark);
    browser.evaluate(
        "axe.run(document,{resultTypes:['violations']}).then(r=>r.violations.filter(v=>\
         ['serious','critical'].includes(v.impact)).map(v=>v.id+' '+v.nodes.map(n=>n.target+' '+\
         n.failureSummary).slice(0,3).join('; ')).join('\\n'))",
    )
}

/// No request, no error, nothing that keeps people from reading it; and the checks themselves
/// notice a fault that is planted.
#[test]
fn a_browser_without_network_has_nothing_to_complain_about() {
    let test = "page::a_browser_without_network_has_nothing_to_complain_about";
    if lacks_browser(test) {
        return;
    }
    let script = match axe() {
        Ok(script) => script,
        Err(reason) => return skip(test, &reason),
    };
    let (server, key) = server(&[]);
    let page = server.folder().join("t.html");
    session(&server, &key, &["--trace", "html", text(&page)], "true");
    let mut browser = Browser::open(&page);
    let bad = ["Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"];
    assert_eq!(browser.seen(&bad), Vec::<String>::new());
    let requests = browser.seen(&["Network.requestWillBeSent"]);
    assert_eq!(requests.len(), 1, "more than the page itself: {requests:?}");

    // The search leads from bytes to the one label that has them.
    let (_, bytes, label) = pieces(&read(&page), 's').remove(5);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let said = browser.evaluate(&format!(
        "(document.querySelector('#q').value='{hex}',\
         document.querySelector('.find').requestSubmit(),\
         document.querySelector('.find output').textContent+document.activeElement.textContent)"
    ));
    assert!(said.contains(&label) && said.matches(&label).count() == 2, "{said}: {label}");

    // No name is wider than the page, whatever the fonts of this machine.
    browser.evaluate("document.querySelector('h1').append('h'.repeat(200))");
    for (width, dark) in [(390, false), (390, true), (1280, false), (1280, true)] {
        if browser.evaluate("typeof axe") == "undefined" {
            browser.inject(&script);
        }
        assert_eq!(faults(&mut browser, width, dark), "", "{width} pixels, dark: {dark}");
        let wide = browser.evaluate("document.documentElement.scrollWidth");
        assert!(wide.parse::<u32>().expect("a width") <= width, "{wide} of {width} pixels");
    }
    // All labels open, as somebody reads who wants to know everything.
    browser.evaluate("document.querySelectorAll('details').forEach(d=>d.open=true)");
    assert_eq!(faults(&mut browser, 390, true), "");

    // Neither is a long one in a row of the lists, nor what cannot be broken in a peer's text: a
    // letter under marks.
    browser.evaluate(
        "['.say p','.dec summary span','.hash .cap'].map(at=>document.querySelector(at))\
         .forEach((at,n)=>at.append(n?'W'.repeat(3000):'Z'+'\\u0310\\u0348\\u0363'.repeat(400)))",
    );
    // The list of the hash cuts off what is wider than itself, and so tells its own width.
    let wide = browser.evaluate(
        "Math.max(...[document.documentElement,document.querySelector('.hash')]\
         .map(e=>e.scrollWidth))",
    );
    assert!(wide.parse::<u32>().expect("a width") <= 390, "{wide} of 390 pixels");

    browser.evaluate("document.querySelector('main').append(document.createElement('img'))");
    assert!(faults(&mut browser, 390, false).contains("image-alt"), "axe sees nothing");
    browser.evaluate("document.images[0].src='http://192.0.2.1/x'");
    let refused = browser.seen(&bad);
    assert!(refused.iter().any(|entry| entry.contains("Content Security Policy")), "{refused:?}");
}

/// Elements, scripts and pictures of a page, as a browser sees them.
fn census(page: &Path) -> String {
    let mut browser = Browser::open(page);
    let counted = browser.evaluate(
        "document.querySelectorAll('*').length+' '+document.scripts.length+' '+\
         document.images.length+' '+document.querySelectorAll('[onerror]').length",
    );
    assert!(browser.seen(&["Page.javascriptDialogOpening", "Log.entryAdded"]).is_empty());
    counted
}

/// The page of these events.
fn converted(folder: &Path, name: &str, events: &[Event]) -> PathBuf {
    let [lines, page] = [".jsonl", ".html"].map(|end| folder.join(format!("{name}{end}")));
    std::fs::write(&lines, events.iter().map(line).collect::<String>()).expect("a trace");
    let done = tssh(&["--trace-convert", text(&lines), "--to", "html", "--trace-secrets"]);
    done.expect_code(0);
    std::fs::write(&page, &done.stdout).expect("a page");
    page
}

/// Changes every text that is not a name of ours.
fn change(value: &Value, to: &dyn Fn(&str) -> String) -> Value {
    const OURS: [&str; 11] = [
        "dir", "rfc", "schema", "type", "class", "secret", "wire", "payload", "bytes", "hex",
        "what",
    ];
    match value {
        Value::Text(text) => to(text).into(),
        Value::List(list) => list.iter().map(|own| change(own, to)).collect::<Vec<_>>().into(),
        Value::Map(map) => {
            let mut changed = Map::new();
            for (name, own) in map.iter() {
                let ours = OURS.contains(&name);
                let own = if ours { own.clone() } else { change(own, to) };
                changed.push(name.to_owned(), own);
            }
            changed.into()
        }
        value => value.clone(),
    }
}

/// Banner, user, host and command of a real session, and then every text of a trace that somebody
/// else may have written, are nothing but text: the page has the elements that it has with
/// harmless text of the same length.
#[test]
fn hostile_text_cannot_break_out() {
    if lacks_browser("page::hostile_text_cannot_break_out") {
        return;
    }
    let folder = tssh_interop_tests::scratch::Scratch::new();
    let banner = folder.write("banner", format!("{HOSTILE}\n\u{1b}[2J"));
    let server = Server::with_lines(&[&format!("Banner {}", banner.display())]);
    let key = server.folder().join("other_user_key");
    server.authorize(&keygen(&key, KeyKind::Ed25519, ""));
    let lines = server.folder().join("t.jsonl");
    let host = format!("{}.invalid", HOSTILE.replace(['/', ':', '\u{202e}'], ""));
    let forward = format!("{}:{host}:80", tssh_interop_tests::ports::free_port());
    let options = ["--trace", "jsonl", text(&lines), "--trace-secrets", "-L", &forward];
    let command = format!("printf %s '{}'", HOSTILE.replace('\'', ""));
    run(&mut client_command(&tssh_binary(), &server, &options, &[&command])).expect_code(0);
    let real = events(&lines);

    let harmless = |text: &str| text.replace(['<', '>', '"', '\'', '&', '`', '\u{202e}'], "x");
    let long = |text: &str| format!("{text}{}", HOSTILE.repeat(65_536 / HOSTILE.len()));
    let long_harmless = |text: &str| harmless(&long(text));
    let with = |to: &dyn Fn(&str) -> String| -> Vec<Event> {
        let changed = |event: &Event| {
            let values = change(&Value::Map(event.values.clone()), to);
            let Value::Map(values) = values else { unreachable!("a map stays one") };
            let ours = matches!(event.kind, Kind::Header);
            let values = if ours { event.values.clone() } else { values };
            Event { values, ..event.clone() }
        };
        real.iter().map(changed).collect()
    };
    let own = folder.path();
    let page = converted(own, "real", &real);
    assert!(read(&page).contains("&lt;img src=x onerror="), "nothing hostile is on the page");
    let counted = census(&page);
    assert!(counted.ends_with(" 1 0 0"), "{counted}");
    assert_eq!(counted, census(&converted(own, "harmless", &with(&harmless))));
    let hostile = census(&converted(own, "long", &with(&long)));
    assert!(hostile.ends_with(" 1 0 0"), "{hostile}");
    assert_eq!(hostile, census(&converted(own, "long_harmless", &with(&long_harmless))));
}
