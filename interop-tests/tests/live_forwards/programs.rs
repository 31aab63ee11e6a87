//! Real servers and their real clients through every kind of forward: IMAP and SMTP, where the
//! server speaks first, HTTP and Redis, where the client does.

use crate::support::{Holder, Pair, STRICT, each_pair, lacks};
use std::process::Command;
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::process::{Finished, run};
use tssh_interop_tests::services::{Dovecot, Nginx, PASSWORD, Redis, Smtp, USER};

each_pair! {
    web_pages_come_through_every_form_of_socks: TsshSshd SshTsshd TsshTsshd;
    mail_is_read_and_sent_through_each_kind: TsshSshd TsshTsshd;
    a_database_is_asked_through_each_kind: TsshSshd TsshTsshd;
}

fn curl(arguments: &[&str]) -> Finished {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", ""]);
    command.args(arguments);
    run(&mut command)
}

/// A client that holds `-L`, `-R`, `-D` and `-R` with SOCKS, the first two to `target`.
struct Kinds {
    holder: Holder,
    _server: Server,
    local: u16,
    remote: u16,
    dynamic: u16,
    far: u16,
}

fn kinds(pair: Pair, target: u16) -> Kinds {
    let server = pair.server(&[]);
    let (local, remote, dynamic, far) = (free_port(), free_port(), free_port(), free_port());
    let options = [
        format!("-L{local}:localhost:{target}"),
        format!("-R{remote}:localhost:{target}"),
        format!("-D{dynamic}"),
        format!("-R{far}"),
        STRICT.to_owned(),
    ];
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let holder = pair.hold(&server, &options);
    Kinds { holder, _server: server, local, remote, dynamic, far }
}

/// S56, S09: curl over SOCKS 4, 4a, 5 and 5 with the name resolved by the proxy, at either end,
/// and over plain forwards.
fn web_pages_come_through_every_form_of_socks(pair: Pair) {
    if lacks("programs::web_pages", &["nginx", "curl"]) {
        return;
    }
    let nginx = Nginx::start();
    nginx.serve("page", "served by nginx\n");
    let kinds = kinds(pair, nginx.port());
    let page = |port: u16| format!("http://localhost:{port}/page");
    for port in [kinds.local, kinds.remote] {
        assert_eq!(curl(&[&page(port)]).expect_code(0).text(), "served by nginx\n");
    }
    for proxy in [kinds.dynamic, kinds.far] {
        for form in ["socks4", "socks4a", "socks5", "socks5h"] {
            let via = format!("{form}://localhost:{proxy}");
            // The service listens on IPv4 alone, and plain SOCKS 5 resolves the name here.
            let url = format!("http://127.0.0.1:{}/page", nginx.port());
            let named = page(nginx.port());
            let by_name = form.ends_with(['a', 'h']);
            let done = curl(&["--proxy", &via, if by_name { &named } else { &url }]);
            assert_eq!(done.expect_code(0).text(), "served by nginx\n", "{via}");
        }
        // A target that refuses is told in the words of the protocol.
        let via = format!("socks5h://localhost:{proxy}");
        let nobody = format!("http://localhost:{}/", free_port());
        assert_ne!(curl(&["--proxy", &via, &nobody]).code, 0);
    }
    kinds.holder.finish();
}

/// S09: IMAP and SMTP.
fn mail_is_read_and_sent_through_each_kind(pair: Pair) {
    if lacks("programs::mail", &["dovecot", "aiosmtpd", "curl"]) {
        return;
    }
    let dovecot = Dovecot::start();
    let kinds_of_imap = kinds(pair, dovecot.port());
    let login = format!("{USER}:{PASSWORD}");
    let imap = |port: u16, more: &[&str]| {
        let url = format!("imap://localhost:{port}/");
        let mut arguments = vec!["--user", login.as_str()];
        arguments.extend(more);
        arguments.push(&url);
        let done = curl(&arguments);
        assert!(done.expect_code(0).text().contains("INBOX"), "{}", done.text());
    };
    imap(kinds_of_imap.local, &[]);
    imap(kinds_of_imap.remote, &[]);
    for proxy in [kinds_of_imap.dynamic, kinds_of_imap.far] {
        imap(dovecot.port(), &["--proxy", &format!("socks5h://localhost:{proxy}")]);
    }
    kinds_of_imap.holder.finish();

    let smtp = Smtp::start();
    let kinds_of_smtp = kinds(pair, smtp.port());
    let folder = tssh_interop_tests::scratch::Scratch::new();
    let send = |port: u16, subject: &str, more: &[&str]| {
        let mail = folder.write("mail", format!("Subject: {subject}\r\n\r\nhello\r\n"));
        let url = format!("smtp://localhost:{port}/client.example");
        let mail = mail.to_str().expect("UTF-8");
        let mut arguments = vec!["--mail-from", "a@example.org", "--mail-rcpt", "b@example.org"];
        arguments.extend(["--upload-file", mail]);
        arguments.extend(more);
        arguments.push(&url);
        curl(&arguments).expect_code(0);
        smtp.expect(&format!("Subject: {subject}"));
    };
    send(kinds_of_smtp.local, "through -L", &[]);
    send(kinds_of_smtp.remote, "through -R", &[]);
    let via = format!("socks5h://localhost:{}", kinds_of_smtp.dynamic);
    send(smtp.port(), "through -D", &["--proxy", &via]);
    kinds_of_smtp.holder.finish();
}

/// S09: Redis, over TCP and over its Unix socket.
fn a_database_is_asked_through_each_kind(pair: Pair) {
    if lacks("programs::database", &["redis-server", "redis-cli"]) {
        return;
    }
    let redis = Redis::start();
    let kinds = kinds(pair, redis.port());
    let ask = |port: u16, words: &[&str]| {
        let mut command = Command::new("redis-cli");
        command.args(["-h", "127.0.0.1", "-p", &port.to_string()]).args(words);
        run(&mut command).expect_code(0).text().trim().to_owned()
    };
    assert_eq!(ask(kinds.local, &["set", "key", "value"]), "OK");
    assert_eq!(ask(kinds.remote, &["get", "key"]), "value");
    kinds.holder.finish();
    let server = pair.server(&[]);
    let port = free_port();
    let forward = format!("-L{port}:{}", redis.socket().display());
    let holder = pair.hold(&server, &[&forward, STRICT]);
    assert_eq!(ask(port, &["get", "key"]), "value");
    holder.finish();
}
