use super::picture::COLUMNS;
use super::*;

/// The plan for a command line, without any file.
fn plan(line: &str) -> Plan {
    let account = Account::current();
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let Invocation::Connect(arguments) = parse(&words, &account).unwrap() else { panic!("{line}") };
    let options = arguments.options;
    let settings = Settings::resolve(&options, &arguments.host, &account, |_| Vec::new()).unwrap();
    Plan::new(&settings, &options, Some(":0"), 1024)
}

fn text(line: &str) -> String {
    words::text(&plan(line), Style::Unicode, &|_| None)
}

#[track_caller]
fn holds(text: &str, parts: &[&str]) {
    // Words may stand on the next line.
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        assert!(flat.contains(part), "no {part:?} in\n{text}");
    }
}

/// S25: four hops, and which of them is encrypted.
#[test]
fn the_way_of_the_bytes_is_drawn() {
    let text = text("-L2001:localhost:143 S");
    let numbered: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("   "))
        .filter(|l| l.starts_with(['1', '2', '3', '4']))
        .collect();
    assert_eq!(numbered.len(), 4, "{text}");
    let [client, near, far, target] = numbered[..] else { panic!("{text}") };
    assert!(client.ends_with("a program on this machine"), "{client}");
    assert!(near.ends_with("127.0.0.1 and ::1, port 2001"), "{near}");
    assert!(far.ends_with("on S") && target.ends_with("localhost port 143"), "{far} {target}");
    assert_eq!(text.matches("ENCRYPTED").count(), 1);
    holds(&text, &["ENCRYPTED by SSH, from this machine to S", "not encrypted, stays within S"]);
    holds(&text, &["localhost is looked up by S", "every user and program of this machine"]);
}

/// S42, S10: the leg to a third machine is not protected. S43: and what the target sees.
#[test]
fn a_third_machine_is_reached_in_the_clear_and_sees_the_far_end() {
    let text = text("-L 2001:mail:143 S");
    holds(
        &text,
        &["NOT PROTECTED: as the application sends it", "target sees a connection from S"],
    );
    holds(&text, &["the network behind S", "mail is looked up by S"]);
    let near = self::text("-L 2001:localhost:143 S");
    holds(&near, &["target sees a client on its own machine: 127.0.0.1 or ::1 of S"]);
    assert!(!near.contains("NOT PROTECTED"), "{near}");
}

#[test]
fn a_remote_forward_tells_what_the_server_may_make_of_it() {
    let text = text("-R *:2001:localhost:143 S");
    holds(&text, &["a program on S", "ENCRYPTED by SSH, from S to this machine"]);
    holds(
        &text,
        &["asks for every address, and S decides", "GatewayPorts no (default) ..... 127.0.0.1"],
    );
    holds(&text, &["GatewayPorts clientspecified .. 0.0.0.0 and :: OPEN", "cannot be known"]);
    holds(&text, &["says that all is well", "Here localhost means this machine, not S"]);
}

#[test]
fn other_kinds_have_their_pictures_too() {
    holds(&text("-D 1080 S"), &["what each client names, by SOCKS", "all that S can reach"]);
    holds(&text("-g -D 1080 S"), &["EVERYBODY who can reach this machine"]);
    holds(&text("-R 1080 S"), &["PermitRemoteOpen narrows it"]);
    holds(&text("-W mail:25 S"), &["standard input and output", "there is no listening side"]);
    holds(&text("-Y S"), &["the X server of display :0", "can read every key"]);
    holds(&text("-o ForwardAgent=/a/s S"), &["the agent at /a/s", "Root of S can sign"]);
    holds(
        &text("-J gate,inner S"),
        &["this machine ══▶ gate ══▶ inner ══▶ S", "inner carries what it cannot read"],
    );
    holds(&text("S"), &["Nothing is forwarded."]);
    holds(&text("-L 2001:a:1 -W b:2 S"), &["-L 2001:a:1 is not set up: ClearAllForwardings"]);
    let clash = text("-L 2001:a:1 -D *:2001 S");
    holds(&clash, &["-L 2001:a:1 takes an address that -D *:2001 needs"]);
    assert!(!text("-L 2001:a:1 -D 127.0.0.2:2001 S").contains("takes an address"));
    let busy =
        words::text(&plan("-L 2001:a:1 S"), Style::Ascii, &|p| Some(format!("port {p} is held")));
    holds(&busy, &["Busy at this moment: port 2001 is held."]);
}

/// Every picture fits a terminal of 80 columns, whatever the names, and lets nothing through that
/// a terminal would obey.
#[test]
fn pictures_fit_and_are_harmless() {
    let long = "x".repeat(200);
    let lines = [
        "-L 2001:localhost:143 -R *:25:localhost:25 -R 0:mail:143 -D 1080 -X -A S".to_owned(),
        format!("-L 2001:{long}:143 {long}"),
        format!("-J {long},{long} -R 0:{long}:143 {long}"),
        format!("-L /tmp/{}:/tmp/a\u{1b}[31m S", "y".repeat(90)),
    ];
    for line in lines {
        for style in [Style::Ascii, Style::Unicode] {
            let text = words::text(&plan(&line), style, &|_| None);
            for row in text.lines() {
                assert!(row.chars().count() <= COLUMNS, "{row}");
                assert!(!row.contains(char::is_control) && !row.ends_with(' '), "{row:?}");
            }
            assert!(style == Style::Unicode || text.is_ascii(), "{text}");
        }
    }
}

#[test]
fn lessons_get_the_pictures_alone() {
    let drawn = pictures(&["-N", "-L", "2001:localhost:143", "S"], Style::Ascii).unwrap();
    assert!(drawn.starts_with("   1  application client"), "{drawn}");
    assert_eq!(drawn.lines().count(), 7, "{drawn}");
    assert!(pictures(&["-L", "x", "S"], Style::Ascii).is_err());
}

#[test]
fn programs_get_the_same_in_json() {
    let text = json::text(&plan("-L 2001:mail:143 -R *:2002:localhost:25 -J gate S"));
    for part in [
        r#""option":"-L 2001:mail:143""#,
        r#""listening":{"side":"client","at":["[::1]:2001","127.0.0.1:2001"]}"#,
        r#""reach":"machine","legs":["within-client","encrypted","clear"]"#,
        r#""looked_up_by":"server","target_sees":{"what":"address","of":"server"}"#,
        r#""asked_for":"","gateway_ports_no":["[::1]:2002","127.0.0.1:2002"]"#,
        r#""hops":["gate"]"#,
        r#""cautions":["ClearLeg"]"#,
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    assert_eq!(text.lines().count(), 1);
}
