//! The chapters of the page, in the order in which they are told.

use super::escape::{hex, push_bytes, text};
use super::{Page, SCRIPT, STYLE, checks, explain, policy, strip};
use std::fmt::Write as _;
use tssh_transport::trace::{Map, Value};

/// Chapters: where links lead, and the words.
const CHAPTERS: [(&str, &str); 16] = [
    ("ephemeral", "A key for one session"),
    ("identification", "Who is there"),
    ("kexinit", "What each side can do"),
    ("exchange", "The exchange"),
    ("hash", "The exchange hash"),
    ("keys", "Six keys"),
    ("newkeys", "The keys come into force"),
    ("sealed", "The first ciphertext"),
    ("auth", "Logging in"),
    ("channels", "Channels"),
    ("data", "Data"),
    ("rekey", "New keys again"),
    ("end", "The end"),
    ("sequence", "The session in one picture"),
    ("windows", "The windows"),
    ("checks", "Check it yourself"),
];

/// A step of the login.
pub fn auth_note(v: &Map) -> String {
    let algorithm = match v.text("algorithm") {
        "" => String::new(),
        name => format!(" with <code>{}</code>", text(name)),
    };
    let words = match v.text("step") {
        "nothing tried yet" | "banner" => return String::new(),
        "try" => format!("The client tries <code>{}</code>{algorithm}.", text(v.text("method"))),
        "key accepted, signature wanted" => {
            format!("Now the private key must sign{algorithm}; it may be an agent that has it.")
        }
        "signed" => "It has signed.".to_owned(),
        "success" => "The login is complete.".to_owned(),
        other => sentence(other),
    };
    let left = match v.text("can_continue") {
        "" => String::new(),
        names => format!(" What may go on: <span class=\"v\">{}</span>.", text(names)),
    };
    format!("<p class=\"note\">{words}{left} {}</p>", strip::section(v))
}

/// Something that went wrong.
pub fn warning(v: &Map) -> String {
    let section = strip::section(v);
    format!("<p class=\"warn\"><span class=\"v\">{}</span> {section}</p>", text(v.text("text")))
}

/// A later exchange.
pub fn rekeyed(v: &Map) -> String {
    format!(
        "<p class=\"note\">New keys, by {}. H is <code class=\"v\">{}</code>; the session \
         identifier stays what the first H was.</p>",
        text(v.text("method")),
        hex(&v.bytes("h"))
    )
}

impl Page {
    /// The whole page.
    pub(super) fn page(&self) -> String {
        let mut contents = String::new();
        let mut story = String::new();
        let told = CHAPTERS.map(|(id, title)| (id, title, self.chapter(id)));
        let told = told.iter().filter(|(.., content)| !content.is_empty());
        for (n, (id, title, content)) in told.enumerate() {
            let n = n + 1;
            // Writing to a String cannot fail.
            let _ = write!(
                contents,
                "<li><a href=\"#{id}\"><span class=\"n\">{n}</span>{title}</a></li>"
            );
            let _ = write!(
                story,
                "<section class=\"ch\" id=\"{id}\" aria-labelledby=\"h-{id}\"><h2 id=\"h-{id}\">\
                 <span class=\"num\">{n}</span>{title}</h2>{content}</section>"
            );
        }
        let mut out = String::new();
        self.top(&mut out);
        let _ = write!(
            out,
            "<div class=\"cols\"><nav class=\"toc\" \
             aria-label=\"Chapters\"><ol>{contents}</ol></nav>\
             <main id=\"story\" tabindex=\"-1\">{story}</main></div></div><footer \
             class=\"wrap\"><p>Made by {} from the session itself. Nothing on this page is loaded \
             from anywhere.</p></footer><script>{SCRIPT}</script></body></html>",
            text(self.header.text("program"))
        );
        out
    }

    fn top(&self, out: &mut String) {
        let peer = self.header.get("peer").and_then(Value::as_map);
        let peer = peer.map(|peer| peer.text("value")).filter(|peer| !peer.is_empty());
        let title = peer.map_or("An SSH session".to_owned(), |peer| format!("SSH with {peer}"));
        let title = text(&title);
        let _ = write!(
            out,
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta \
             http-equiv=\"Content-Security-Policy\" content=\"{}\"><meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\"><meta name=\"referrer\" \
             content=\"no-referrer\"><title>{title}</title><style>{STYLE}</style></head><body>\
             <a class=\"skip\" href=\"#story\">Skip to the story</a><div class=\"wrap\">\
             <header class=\"top\"><p class=\"eyebrow\">The illustrated SSH session</p>\
             <h1>{title}</h1><p class=\"lead\">Every byte of the handshake, what it says, and how \
             both sides came to keys that nobody else has. Open any label for an explanation.</p>",
            policy()
        );
        if self.header.text("secrets") == "shown" {
            out.push_str(
                "<p class=\"warn\"><strong>This page holds the secrets of the session.</strong> \
                 Whoever has it can read all of it, passwords too.</p>",
            );
        }
        self.facts(out);
        out.push_str(
            "<form class=\"find\" role=\"search\" hidden><label for=\"q\">Find bytes or \
             words</label>\
             <input id=\"q\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\"><button>Find\
             </button><output aria-live=\"polite\"></output></form></header>",
        );
    }

    fn facts(&self, out: &mut String) {
        let mut facts: Vec<(&str, String)> = Vec::new();
        let code = |words: &str| format!("<code>{}</code>", text(words));
        for (name, software) in ["Client", "Server"].into_iter().zip(&self.software) {
            if !software.is_empty() {
                let software = software.strip_prefix("SSH-2.0-").unwrap_or(software);
                facts.push((name, code(software)));
            }
        }
        let chosen = |what: &str| {
            let own = self.decisions.iter().find(|own| own.text("what").starts_with(what));
            own.map(|own| own.text("chosen")).filter(|chosen| !chosen.is_empty())
        };
        for (name, what) in
            [("Key exchange", "key exchange"), ("Host key", "host key"), ("Cipher", "cipher")]
        {
            if let Some(chosen) = chosen(what) {
                facts.push((name, code(chosen)));
            }
        }
        if let Some(summary) = &self.summary {
            let both = |name: &str| {
                let map = summary.get(name).and_then(Value::as_map);
                map.map_or(0, |map| map.number("c2s").saturating_add(map.number("s2c")))
            };
            facts.push(("Packets", strip::grouped(both("packets"))));
            facts.push(("Bytes on the wire", strip::grouped(both("wire_bytes"))));
            facts.push(("Duration", strip::seconds(self.lasted)));
        }
        out.push_str("<dl class=\"facts\">");
        for (name, value) in facts {
            let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
        }
        out.push_str("</dl>");
    }

    /// The content of a chapter; empty where there is nothing to tell.
    fn chapter(&self, id: &str) -> String {
        let with = |lead: &str, chapter: &super::Chapter| {
            let content = chapter.finish();
            if content.is_empty() { content } else { format!("<p>{lead}</p>{content}") }
        };
        match id {
            "ephemeral" => self.ephemeral(),
            "identification" => with(IDENTIFICATION, &self.identification),
            "kexinit" => with(KEXINIT, &self.offers) + &self.decided(),
            "exchange" => with(EXCHANGE, &self.exchange),
            "hash" => self.hash(),
            "keys" => self.six_keys(),
            "newkeys" => with(NEWKEYS, &self.new_keys),
            "sealed" => self.first_ciphertext(),
            "auth" => with(AUTH, &self.auth),
            "channels" => with(CHANNELS, &self.channels),
            "data" => with(DATA, &self.data) + &self.counted(),
            "rekey" => with(REKEY, &self.rekey),
            "end" => self.the_end(),
            "sequence" => {
                let mut out = String::from(SEQUENCE);
                self.sequence.push(&mut out);
                out
            }
            "windows" => {
                let mut out = String::from(WINDOWS);
                self.windows.push(&mut out);
                out
            }
            _ => self.checked(),
        }
    }

    fn input(&self, name: &str) -> Option<&Map> {
        let inputs = self.kex.as_ref()?.list("inputs").iter().filter_map(Value::as_map);
        inputs.into_iter().find(|input| input.text("name") == name)
    }

    fn ephemeral(&self) -> String {
        let Some(kex) = &self.kex else { return String::new() };
        let method = kex.text("method");
        let mut out = format!(
            "<p>Before anything else, each side makes a key pair for this session alone. The \
             private half never leaves the machine and is wiped when the session ends; that is why \
             whoever steals the server's host key tomorrow cannot read what was said today.</p>\
             <p><strong>{}</strong>. {}</p><ol class=\"hash\">",
            text(method),
            text(explain::method(method))
        );
        let scalar = kex.get("scalar").and_then(Value::as_map);
        item(&mut out, "kk", "x", "the client's private value", &secret(scalar));
        for (at, (class, who, names)) in
            [("kc", "client", ["Q_C", "e"]), ("ks", "server", ["Q_S", "f"])].into_iter().enumerate()
        {
            let found = names.iter().find_map(|name| self.input(name));
            let Some(found) = found else { continue };
            let encoded = found.bytes("bytes");
            let content = encoded.get(4..).unwrap_or_default();
            let mut value = String::new();
            match explain::hybrid(method).map(|parts| parts[at]) {
                Some((name, len)) if len < content.len() => {
                    let (first, second) = content.split_at(len);
                    let _ = write!(value, "<p class=\"cap\">{name}, {len} bytes</p>");
                    value.push_str(&long(first));
                    let _ = write!(
                        value,
                        "<p class=\"cap\">X25519 public key, {} bytes</p>",
                        second.len()
                    );
                    value.push_str(&long(second));
                }
                _ => value = long(content),
            }
            let caption = format!("the {who}'s public value, {} bytes", content.len());
            item(&mut out, class, found.text("name"), &caption, &value);
        }
        out.push_str("</ol>");
        out
    }

    fn decided(&self) -> String {
        if self.decisions.is_empty() {
            return String::new();
        }
        let mut out = String::from(
            "<h3>What came of it</h3><p>Nobody negotiates. Both sides apply one rule to the two \
             lists and come to the same name: the first of the client's that the server has too. \
             Open a row to see both lists.</p>",
        );
        for decision in &self.decisions {
            let chosen = decision.text("chosen");
            let _ = write!(
                out,
                "<details class=\"dec\"><summary><span>{}</span><code>{}</code></summary><p>{} {}",
                text(decision.text("what")),
                if chosen.is_empty() { "nothing in common".to_owned() } else { text(chosen) },
                text(explain::decision(decision.text("what"))),
                sentence(decision.text("rule")),
            );
            if !decision.text("runner_up").is_empty() {
                let next = text(decision.text("runner_up"));
                let _ = write!(out, " Next would have been <code>{next}</code>.");
            }
            let _ = write!(out, " {}</p>", strip::section(decision));
            if !decision.list("client").is_empty() || !decision.list("server").is_empty() {
                out.push_str("<div class=\"lists\">");
                for (own, other) in [("client", "server"), ("server", "client")] {
                    names(&mut out, decision, own, other);
                }
                out.push_str("</div>");
            }
            out.push_str("</details>");
        }
        out
    }

    fn hash(&self) -> String {
        let Some(kex) = &self.kex else { return String::new() };
        let inputs: Vec<&Map> = kex.list("inputs").iter().filter_map(Value::as_map).collect();
        let names: Vec<String> = inputs.iter().map(|input| symbolic(input.text("name"))).collect();
        let mut out = format!(
            "<p>Now both sides hash everything that was said, and the secret that was not. If \
             anybody changed a single byte on the way, the two hashes differ, and the server's \
             signature over its own does not fit the client's. {}</p><p class=\"eq\">H = {}( {} \
             )</p>\
             <ol class=\"hash\">",
            strip::section(kex),
            text(kex.text("hash")),
            names.join(" \u{2016} ")
        );
        for input in inputs {
            let name = input.text("name");
            let class = match name {
                "K" => "kk",
                name if name.ends_with("_C") || name == "e" => "kc",
                _ => "ks",
            };
            let place = self.cards.get(name).map_or(String::new(), |n| {
                format!(" \u{b7} <a href=\"#p{n}\">where it was sent</a>")
            });
            let caption = format!(
                "{} \u{b7} {}, {} bytes with its length",
                explain::input(name),
                text(input.text("type")),
                input.number("len")
            );
            let value = if input.get("secret").is_some() {
                secret(Some(input))
            } else {
                long(&input.bytes("bytes"))
            };
            item(&mut out, class, name, &format!("{caption}{place}"), &value);
        }
        let h = kex.bytes("h");
        item(&mut out, "kk sum", "H", "the exchange hash", &long(&h));
        out.push_str(
            "</ol><p>The first H of a connection is also its <em>session identifier</em>, and \
             stays \
             that when keys change later.</p>",
        );
        out
    }

    fn six_keys(&self) -> String {
        if self.keys.is_empty() {
            return String::new();
        }
        let mut out = String::from(
            "<p>One secret, six keys. The same hash runs again, over K, H, a letter and the \
             session \
             identifier; each letter gives another key, so that no key is used in both directions \
             or for two purposes.</p><ol class=\"hash\">",
        );
        for key in &self.keys {
            let server = key.text("dir") == "s2c";
            let shown = key.get("key").and_then(Value::as_map);
            let way = if server { "server to client" } else { "client to server" };
            let caption = format!(
                "{}, {way} \u{b7} <code>{}</code>",
                text(key.text("name")),
                text(key.text("formula"))
            );
            let empty = shown.is_none_or(|key| key.number("len") == 0);
            let value = if empty {
                "<p class=\"cap\">The cipher does this part by itself.</p>".to_owned()
            } else {
                secret(shown)
            };
            let class = if server { "ks" } else { "kc" };
            item(&mut out, class, key.text("letter"), &caption, &value);
        }
        out.push_str("</ol>");
        out
    }

    fn first_ciphertext(&self) -> String {
        let content = self.sealed.finish();
        if content.is_empty() {
            return content;
        }
        let packet = self.first.iter().flatten().next();
        let alg = packet.and_then(|packet| packet.get("mac")).and_then(Value::as_map);
        let alg = alg.map(|alg| alg.text("alg")).unwrap_or_default();
        format!(
            "<p>From here on an observer sees lengths and noise. {}</p>{content}",
            text(explain::cipher(alg))
        )
    }

    /// Data beyond what is shown.
    fn counted(&self) -> String {
        if self.streams.is_empty() {
            return String::new();
        }
        let mut out = String::from(
            "<h3>And so on</h3><p>What followed is more of the same, and only counted.</p>\
             <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Further \
             data\"><table>\
             <thead><tr><th scope=\"col\">Message</th><th scope=\"col\">From</th><th scope=\"col\" \
             class=\"r\">Recipient channel</th><th scope=\"col\" class=\"r\">Packets</th>\
             <th scope=\"col\" class=\"r\">Bytes on the wire</th></tr></thead><tbody>",
        );
        for ((name, server, channel), stream) in &self.streams {
            let _ = write!(
                out,
                "<tr><td><code>{}</code></td><td>{}</td><td class=\"r\">{channel}</td>\
                 <td class=\"r\">{}</td><td class=\"r\">{}</td></tr>",
                text(name),
                if *server { "server" } else { "client" },
                strip::grouped(stream.packets),
                strip::grouped(stream.bytes)
            );
        }
        out.push_str("</tbody></table></div>");
        out
    }

    fn the_end(&self) -> String {
        let mut out = self.end.finish();
        if let Some(summary) = &self.summary {
            let ended = summary.text("ended");
            let ended = if ended.is_empty() { "for a reason of its own" } else { ended };
            let _ = write!(
                out,
                "<p class=\"note\">The connection ended: <span class=\"v\">{}</span></p>",
                text(ended)
            );
        }
        if out.is_empty() { out } else { format!("<p>{END}</p>{out}") }
    }

    fn checked(&self) -> String {
        let Some(kex) = &self.kex else { return String::new() };
        let first = [self.first[0].as_ref(), self.first[1].as_ref()];
        let facts = checks::Facts { kex, keys: &self.keys, signature: &self.signature, first };
        let mut out = String::from(
            "<p>Nobody has to believe this page. Each command needs only a shell, openssl, xxd and \
             the programs that every system has, and prints the bytes that stand below it.</p>",
        );
        for (n, check) in checks::all(&facts).iter().enumerate() {
            check.push(&mut out, n + 1);
        }
        out
    }
}

/// A row of what is hashed or derived. Symbol and caption are ours; the value is escaped.
fn item(out: &mut String, class: &str, symbol: &str, caption: &str, value: &str) {
    let _ = write!(
        out,
        "<li class=\"{class}\"><span class=\"sym\">{}</span><div><p class=\"cap\">{caption}</p>\
         {value}</div></li>",
        symbolic(symbol)
    );
}

/// A name such as `Q_C` as mathematics prints it.
fn symbolic(name: &str) -> String {
    match name.split_once('_') {
        Some((base, index)) => format!("{}<sub>{}</sub>", text(base), text(index)),
        None => text(name),
    }
}

/// A secret, or what is left of it.
fn secret(map: Option<&Map>) -> String {
    let Some(map) = map else {
        return "<p class=\"cap\">Not on this page: it is what must never be known.</p>".to_owned();
    };
    if map.get("hex").is_some() {
        return long(&map.bytes("hex"));
    }
    let mark = map.text("fingerprint");
    let mut out =
        format!("<p class=\"cap\"><strong>{} bytes, withheld</strong>", map.number("len"));
    if !mark.is_empty() {
        let _ =
            write!(out, " \u{b7} mark {}, by which it can be told from others here", text(mark));
    }
    out.push_str("</p>");
    out
}

/// Bytes; of many the first ones, and all where they are opened.
fn long(bytes: &[u8]) -> String {
    const SHOWN: usize = 64;
    let mut out = String::from("<code class=\"h\">");
    push_bytes(&mut out, bytes.get(..SHOWN).unwrap_or(bytes));
    out.push_str("</code>");
    if let Some(rest) = bytes.get(SHOWN..).filter(|rest| !rest.is_empty()) {
        let _ = write!(
            out,
            "<details class=\"fold\"><summary>and {} more bytes</summary><code class=\"h\">",
            rest.len()
        );
        push_bytes(&mut out, rest.get(..8192).unwrap_or(rest));
        out.push_str("</code></details>");
    }
    out
}

/// The list of one side, with what the other side knows of it.
fn names(out: &mut String, decision: &Map, own: &str, other: &str) {
    let chosen = decision.text("chosen");
    let both: Vec<&str> = decision.list("both").iter().filter_map(Value::as_text).collect();
    let _ = write!(out, "<div><h4>The {own}'s list</h4><ol>");
    for name in decision.list(own).iter().filter_map(Value::as_text) {
        let marker = name.starts_with("ext-info-") || name.starts_with("kex-strict-");
        let (class, words) = if name == chosen {
            (" class=\"win\"", " <i>\u{2713} chosen</i>".to_owned())
        } else if marker {
            (" class=\"no\"", " <i>chooses nothing</i>".to_owned())
        } else if both.contains(&name) {
            ("", String::new())
        } else {
            (" class=\"no\"", format!(" <i>unknown to the {other}</i>"))
        };
        let _ = write!(out, "<li{class}>{}{words}</li>", text(name));
    }
    out.push_str("</ol></div>");
}

/// Words as a sentence of their own.
fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{}{}.", text(&first), text(chars.as_str()))
}

const IDENTIFICATION: &str = "Both sides begin with one line of text: the version of the protocol \
    and the name of the program. It is the last thing here that was meant for human eyes.";
const KEXINIT: &str = "Each side sends the names of everything it can do, best first. Each list \
    answers one question; open a label to see which.";
const EXCHANGE: &str = "The public values cross, and both sides compute the same secret from what \
    they got and what they kept. The server adds its host key, and a signature that only its \
    owner can make.";
const NEWKEYS: &str = "One byte each way: what follows is under the new keys. With strict key \
    exchange the sequence numbers start again at zero here.";
const AUTH: &str = "The client knows whom it speaks with. Now the server wants to know the same. \
    All of this is encrypted already; what is shown is what the two sides read.";
const CHANNELS: &str = "One connection, many streams. Each side numbers the channels as it likes, \
    and names the other's number when it sends.";
const DATA: &str = "Data flows as long as the receiver has granted room for it. What is read makes \
    room again.";
const REKEY: &str = "Keys do not last for ever: after a while both sides do the whole exchange \
    again, encrypted this time.";
const END: &str = "Each direction ends by itself, then the channel closes, and the last one to \
    leave says why.";
const SEQUENCE: &str = "<p>Everything above from top to bottom, with its time in seconds. \
    Repetitions are counted.</p>";
const WINDOWS: &str = "<p>How much each side might still send on each channel. Sending lowers the \
    line; a window adjust lifts it. At zero the sender waits.</p>";
