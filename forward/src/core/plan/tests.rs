use super::*;
use crate::core::services::Services;

fn around(gateway_ports: bool) -> Circumstances {
    Circumstances {
        gateway_ports,
        stream_local_bind: StreamLocalBind::default(),
        lowest_port: 1024,
        permits_any_remote_open: true,
    }
}

fn local(spec: &str) -> Planned {
    let forward = LocalForward::parse(spec, &Services::default(), |_| None).unwrap();
    Planned::new(Asked::Local(forward), &around(false))
}

fn remote(spec: &str) -> Planned {
    let forward = RemoteForward::parse(spec, &Services::default(), |_| None).unwrap();
    Planned::new(Asked::Remote(forward), &around(false))
}

fn dynamic(spec: &str, gateway_ports: bool) -> Planned {
    let forward = DynamicForward::parse(spec, &Services::default(), |_| None).unwrap();
    Planned::new(Asked::Dynamic(forward), &around(gateway_ports))
}

fn texts(spots: &[Spot]) -> Vec<String> {
    let text = |spot: &Spot| match spot {
        Spot::Address(address) => address.to_string(),
        Spot::Name(name, port) => format!("{name}:{port}"),
        Spot::Unix(path) => path.clone(),
    };
    spots.iter().map(text).collect()
}

/// S30: every spelling of a bind address, with `-g` and without: what is planned is what the
/// function that binds says, and who can connect follows from it.
#[test]
fn a_listening_side_here_is_what_will_be_bound() {
    const LOOPBACK: (&[&str], Reach) = (&["[::1]:2001", "127.0.0.1:2001"], Reach::Machine);
    const ALL: (&[&str], Reach) = (&["[::]:2001", "0.0.0.0:2001"], Reach::Everybody);
    for (bind, off, on) in [
        ("", LOOPBACK, ALL),
        (":", ALL, ALL),
        ("*:", ALL, ALL),
        ("localhost:", LOOPBACK, LOOPBACK),
        (
            "127.0.0.1:",
            (&["127.0.0.1:2001"][..], Reach::Machine),
            (&["127.0.0.1:2001"][..], Reach::Machine),
        ),
        ("[::1]:", (&["[::1]:2001"], Reach::Machine), (&["[::1]:2001"], Reach::Machine)),
        ("0.0.0.0:", (&["0.0.0.0:2001"], Reach::Everybody), (&["0.0.0.0:2001"], Reach::Everybody)),
        (
            "192.0.2.1:",
            (&["192.0.2.1:2001"], Reach::OneAddress),
            (&["192.0.2.1:2001"], Reach::OneAddress),
        ),
        (
            "name.example:",
            (&["name.example:2001"], Reach::Unknown),
            (&["name.example:2001"], Reach::Unknown),
        ),
    ] {
        for (gateway_ports, (expected, reach)) in [(false, off), (true, on)] {
            let plan = dynamic(&format!("{bind}2001"), gateway_ports);
            let Listening::Here(spots) = &plan.listening else { panic!("{bind:?}") };
            assert_eq!(texts(spots), expected, "{bind:?} {gateway_ports}");
            assert_eq!(plan.reach, reach, "{bind:?} {gateway_ports}");
            let open = plan.cautions.contains(&Caution::OpenHere);
            assert_eq!(open, matches!(reach, Reach::Everybody | Reach::OneAddress), "{bind:?}");
        }
    }
}

/// S34, S35, M11: what is sent for a bind address, the three answers, and the case in which a
/// server gives less than was asked for and does not say so.
#[test]
fn a_listening_side_there_has_three_answers() {
    const LOOPBACK: &[&str] = &["[::1]:2001", "127.0.0.1:2001"];
    const ALL: &[&str] = &["[::]:2001", "0.0.0.0:2001"];
    for (bind, sent, no, client, narrowed) in [
        ("", "localhost", LOOPBACK, LOOPBACK, false),
        ("localhost:", "localhost", LOOPBACK, LOOPBACK, false),
        ("*:", "", LOOPBACK, ALL, true),
        ("127.0.0.1:", "127.0.0.1", &["127.0.0.1:2001"], &["127.0.0.1:2001"], false),
        ("192.0.2.1:", "192.0.2.1", LOOPBACK, &["192.0.2.1:2001"], true),
    ] {
        let plan = remote(&format!("{bind}2001:localhost:143"));
        let Listening::There { wire, answers } = &plan.listening else { panic!("{bind:?}") };
        assert_eq!(wire, sent);
        let found: Vec<_> =
            answers.iter().map(|(setting, spots)| (*setting, texts(spots))).collect();
        let owned = |texts: &[&str]| texts.iter().map(|&t| t.to_owned()).collect::<Vec<_>>();
        let expected = [
            (GatewayPorts::No, owned(no)),
            (GatewayPorts::Yes, owned(ALL)),
            (GatewayPorts::ClientSpecified, owned(client)),
        ];
        assert_eq!(found, expected, "{bind:?}");
        assert_eq!(plan.cautions.contains(&Caution::Narrowed), narrowed, "{bind:?}");
        assert!(plan.cautions.contains(&Caution::OpenThere));
    }
}

/// S42, S43, S47: which legs are protected, who looks the target up, and whom it sees.
#[test]
fn the_last_leg_follows_from_the_target() {
    use Protection::{Clear, Within};
    use Side::{Client, Server};
    for (plan, last, lookup, sees) in [
        (local("2001:localhost:143"), Within(Server), Lookup::By(Server), Sees::Loopback(Server)),
        (local("2001:LOCALHOST.:143"), Within(Server), Lookup::By(Server), Sees::Loopback(Server)),
        (local("2001:127.0.0.2:143"), Within(Server), Lookup::None, Sees::Loopback(Server)),
        (local("2001:[::1]:143"), Within(Server), Lookup::None, Sees::Loopback(Server)),
        (local("2001:[::ffff:127.0.0.1]:1"), Within(Server), Lookup::None, Sees::Loopback(Server)),
        (local("2001:/run/x:"), Within(Server), Lookup::None, Sees::Process(Server)),
        (local("2001:mail:143"), Clear, Lookup::By(Server), Sees::Machine(Server)),
        (local("2001:192.0.2.1:143"), Clear, Lookup::None, Sees::Machine(Server)),
        (remote("2001:localhost:143"), Within(Client), Lookup::By(Client), Sees::Loopback(Client)),
        (remote("2001:mail:143"), Clear, Lookup::By(Client), Sees::Machine(Client)),
    ] {
        assert_eq!(plan.legs.middle, Protection::Encrypted);
        assert_eq!(
            (plan.legs.last, plan.lookup, plan.sees),
            (last, lookup, sees),
            "{:?}",
            plan.asked
        );
        assert_eq!(plan.cautions.contains(&Caution::ClearLeg), last == Clear);
    }
    // S10: the name that only looks like loopback is a machine like any other.
    assert_eq!(local("2001:localhost.example:143").legs.last, Clear);
    assert_eq!(dynamic("1080", false).legs.last, Protection::ByTarget);
}

#[test]
fn cautions_are_given_where_they_are_due() {
    let has = |plan: &Planned, caution: Caution| plan.cautions.contains(&caution);
    let plan = local("143:localhost:143");
    assert!(has(&plan, Caution::PrivilegedHere(143)) && has(&plan, Caution::LooksLocal));
    assert!(has(&plan, Caution::LoopbackIsFar(Side::Server)));
    assert!(has(&remote("25:localhost:25"), Caution::PrivilegedThere(25)));
    assert!(has(&local("0:localhost:143"), Caution::AnyPort));
    assert!(!has(&local("0:localhost:143"), Caution::PrivilegedHere(0)));
    assert!(has(&local("127.0.0.1:2001:a:1"), Caution::OneFamily));
    assert!(has(&dynamic("1080", false), Caution::WholeNetwork(Side::Server)));
    let socks = RemoteForward::parse("1080", &Services::default(), |_| None).unwrap();
    let wide = Planned::new(Asked::Remote(socks.clone()), &around(false));
    assert!(has(&wide, Caution::WholeNetwork(Side::Client)));
    let narrow = Circumstances { permits_any_remote_open: false, ..around(false) };
    let narrow = Planned::new(Asked::Remote(socks), &narrow);
    assert!(!has(&narrow, Caution::WholeNetwork(Side::Client)));
    // An ordinary forward to a third machine's address warns of nothing but the clear leg.
    assert_eq!(local("2001:192.0.2.1:143").cautions, [Caution::ClearLeg]);
}

#[test]
fn sockets_displays_and_agents_have_owners() {
    let plan = local("/tmp/x:localhost:143");
    assert_eq!((plan.reach, plan.legs.first), (Reach::Owner, Protection::Within(Side::Client)));
    let mask = StreamLocalBind { mask: 0o111, unlink: false };
    let open = Circumstances { stream_local_bind: mask, ..around(false) };
    let open = Planned::new(plan.asked, &open);
    assert_eq!(open.reach, Reach::Machine);
    assert!(open.cautions.contains(&Caution::OpenSocket));
    let display = Display::parse(":0");
    let x11 = |trusted, display| Planned::new(Asked::X11 { trusted, display }, &around(false));
    assert_eq!(x11(true, display.clone()).cautions, [Caution::TrustedDisplay]);
    assert_eq!(x11(false, display).cautions, []);
    assert_eq!(x11(false, None).cautions, [Caution::NoDisplay]);
    let far = x11(false, Display::parse("console.example:0"));
    assert_eq!((far.legs.last, far.sees), (Protection::Clear, Sees::Machine(Side::Client)));
    let agent = |socket| Planned::new(Asked::Agent { socket }, &around(false)).cautions;
    assert_eq!(agent(None), [Caution::NoAgent]);
    assert_eq!(agent(Some("/s".to_owned())), [Caution::AgentOfOthers]);
    let standard = Target::Tcp { host: "localhost".to_owned(), port: 143 };
    let standard = Planned::new(Asked::Standard(standard), &around(true));
    assert_eq!((standard.listens_on(), standard.reach), (None, Reach::Owner));
    assert_eq!(standard.cautions, [Caution::LoopbackIsFar(Side::Server)]);
}
