use super::*;
use tssh_transport::Timestamp;

const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\"'`\u{202e}\u{1b}";

fn event(kind: Kind, n: u64, values: Map) -> Event {
    Event { kind, n, at: Timestamp::default(), values }
}

fn page(events: &[Event]) -> String {
    let mut page = Page::default();
    let mut out = Vec::new();
    for event in events {
        page.event(event, &mut out);
    }
    page.finish(&mut out);
    String::from_utf8(out).expect("text")
}

fn packet(n: u64, msg: u64, len: usize) -> Event {
    let mac = Map::new().with("alg", "aes128-gcm@openssh.com").with("ok", true);
    let field = Map::new()
        .with("name", HOSTILE)
        .with("off", 0u64)
        .with("len", len)
        .with("type", HOSTILE)
        .with("value", HOSTILE.repeat(40));
    let values = Map::new()
        .with("dir", "c2s")
        .with("epoch", 1u64)
        .with("wire_len", len)
        .with("wire", Value::bytes(&vec![0x41; len]))
        .with("mac", mac.with("off", len - 16).with("len", 16u64))
        .with("msg", msg)
        .with("name", HOSTILE)
        .with("rfc", "4253#7.1\" onclick=\"x")
        .with("payload_len", len)
        .with("payload", Value::bytes(&vec![0x41; len]))
        .with("fields", vec![Value::from(field)]);
    event(Kind::Packet, n, values)
}

/// The tags of a page, without what is ours between style and script.
fn tags(page: &str, name: &str) -> usize {
    page.matches(&format!("<{name}")).count()
}

#[test]
fn the_policy_allows_our_style_and_script_and_no_other() {
    let page = page(&[]);
    let policy = policy();
    assert!(page.contains(&format!("content=\"{policy}\"")));
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"));
    assert_eq!((tags(&page, "script"), tags(&page, "style")), (1, 1));
    assert!(!page.contains(" style=") && !page.contains("src=") && !page.contains("@import"));
    assert!(!STYLE.contains("url(") && !SCRIPT.contains("innerHTML") && !SCRIPT.contains("fetch"));
    assert!(!SCRIPT.contains("</") && !STYLE.contains("</"), "it would end its element");
}

#[test]
fn hostile_text_adds_no_element() {
    let peer = Map::new().with("class", "name").with("value", HOSTILE.to_owned());
    let ident = Map::new()
        .with("dir", "s2c")
        .with("wire", Value::bytes(HOSTILE.as_bytes()))
        .with("text", HOSTILE);
    let list = vec![Value::from(HOSTILE)];
    let decision = Map::new()
        .with("what", HOSTILE)
        .with("chosen", HOSTILE)
        .with("runner_up", HOSTILE)
        .with("rule", HOSTILE)
        .with("client", list.clone())
        .with("server", list);
    let input = Map::new().with("name", HOSTILE).with("type", HOSTILE).with("bytes", "00000000");
    let kex = Map::new()
        .with("method", HOSTILE)
        .with("hash", HOSTILE)
        .with("inputs", vec![Value::from(input)]);
    let key = Map::new().with("letter", HOSTILE).with("name", HOSTILE).with("formula", HOSTILE);
    let events = [
        event(Kind::Header, 0, Map::new().with("peer", peer).with("program", HOSTILE)),
        event(Kind::Ident, 1, ident),
        event(Kind::Decision, 2, decision),
        event(Kind::Kex, 3, kex),
        event(Kind::Key, 4, key),
        packet(5, 50, 80),
        packet(6, 94, 80),
        event(Kind::Auth, 7, Map::new().with("step", HOSTILE).with("method", HOSTILE)),
        event(Kind::Warning, 8, Map::new().with("text", HOSTILE).with("rfc", HOSTILE)),
        event(Kind::Summary, 9, Map::new().with("ended", HOSTILE)),
    ];
    let page = page(&events);
    assert_eq!((tags(&page, "script"), tags(&page, "img")), (1, 0), "{page}");
    assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}') && !page.contains("onclick"));
}

#[test]
fn a_page_is_bounded() {
    let mut events: Vec<Event> = (0..400).map(|n| packet(n, 94, 32_768)).collect();
    for msg in [1, 5, 20, 30, 80, 90, 98, 192] {
        events.extend((0..400).map(|n| packet(n, msg, 4_000)));
    }
    let page = page(&events);
    assert!(page.len() < 3 * 1024 * 1024, "{}", page.len());
    assert!(page.contains("only counted") && page.contains("are left out here"));
}
