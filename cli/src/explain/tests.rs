use super::*;
use crate::trace::outputs::Outputs;
use frames::{Capture, Frame};
use secrets::KeyLog;

fn parse(words: &[&str]) -> Result<Explain> {
    let rest: Vec<String> = words[1..].iter().map(|&word| word.to_owned()).collect();
    Explain::parse(words[0], &rest, &TraceOptions::default())
}

#[test]
fn what_is_plain_needs_no_kind() {
    assert_eq!(parse(&["msg", "90"]).unwrap(), Explain::Message(90));
    assert_eq!(parse(&["90"]).unwrap(), Explain::Message(90));
    assert_eq!(parse(&["4254#7.2"]).unwrap(), Explain::Section("4254#7.2".into()));
    assert_eq!(parse(&["hmac-sha1"]).unwrap(), Explain::Algorithm("hmac-sha1".into()));
    assert_eq!(parse(&["5e00"]).unwrap(), Explain::Payload("5e00".into()));
    let capture = parse(&["pcap", "c", "--keylog", "k", "--trace=jsonl", "t"]).unwrap();
    let Explain::Capture(path, trace) = capture else { panic!("{capture:?}") };
    assert_eq!((path, trace.keylog.clone(), trace.files.len()), ("c".into(), Some("k".into()), 1));
    for bad in [&[""][..], &["msg"], &["msg", "x"], &["pcap"], &["pcap", "c", "--record", "r"]] {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
    assert!(parse(&["zz"]).unwrap().run().is_err());
}

#[test]
fn a_payload_shows_its_fields() {
    let text = payload("5d 00 00 00 07:00 20 00 00").unwrap();
    assert!(text.starts_with("SSH_MSG_CHANNEL_WINDOW_ADJUST (93)"), "{text}");
    assert!(text.contains("bytes to add: 2097152"), "{text}");
    for number in 0..=u8::MAX {
        for tail in ["", "00", "ffffffff", "00000004"] {
            payload(&format!("{number:02x}{tail}")).unwrap();
        }
    }
}

/// A capture of a session that does not get far, in both formats.
fn captures() -> Vec<Vec<u8>> {
    let frame = |from_client: bool, seq: u32, data: &[u8]| {
        let (a, b) = ([192, 0, 2, 1], [192, 0, 2, 2]);
        let (from, to) = if from_client { (a, b) } else { (b, a) };
        let ports: [u16; 2] = if from_client { [50_022, 22] } else { [22, 50_022] };
        let total = u16::try_from(40 + data.len()).unwrap();
        let mut bytes = [&[2; 12][..], &[8, 0, 0x45, 0], &total.to_be_bytes()].concat();
        bytes.extend([0, 1, 0x40, 0, 64, 6, 0, 0]);
        bytes.extend([from, to].concat());
        bytes.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        bytes.extend(seq.to_be_bytes());
        bytes.extend([0, 0, 0, 0, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
        bytes.extend(data);
        bytes
    };
    let disconnect = [&[0, 0, 0, 20, 4][..], &[1, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0], &[0; 6]];
    let frames = [
        frame(true, 1, b"SSH-2.0-a\r\n"),
        frame(false, 1, b"SSH-2.0-b\r\n"),
        frame(true, 12, &disconnect.concat()),
    ];
    let mut pcap = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    pcap.extend([0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0]);
    let mut pcapng = vec![0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0];
    pcapng.extend([0xff; 8]);
    pcapng.extend([28, 0, 0, 0]);
    pcapng.extend([1, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0]);
    for frame in &frames {
        let len = u32::try_from(frame.len()).unwrap().to_le_bytes();
        pcap.extend([&[1, 0, 0, 0, 5, 0, 0, 0][..], &len, &len, frame].concat());
        let padded = frame.len().next_multiple_of(4);
        let block = u32::try_from(padded + 32).unwrap().to_le_bytes();
        pcapng.extend([&[6, 0, 0, 0][..], &block, &[0; 8], &[7, 0, 0, 0], &len, &len].concat());
        pcapng.extend(frame);
        pcapng.resize(pcapng.len() + padded - frame.len(), 0);
        pcapng.extend(block);
    }
    vec![pcap, pcapng]
}

fn explained(capture: &Capture) -> capture::Found {
    let mut log = KeyLog::default();
    log.add(&capture.key_log);
    let options = TraceOptions::default();
    let mut open = |_| Ok(Outputs::new("tssh", Vec::<(_, _, std::fs::File)>::new()));
    capture::explain(&capture.frames, &log, &options, &mut open).unwrap()
}

#[test]
fn both_formats_give_the_same_frames() {
    let [pcap, pcapng] = captures().try_into().unwrap();
    let [one, other] = [pcap, pcapng].map(|bytes| frames::read(&bytes).unwrap());
    let bytes = |capture: &Capture| {
        capture.frames.iter().map(|frame: &Frame| frame.bytes.clone()).collect::<Vec<_>>()
    };
    assert_eq!((bytes(&one), one.frames.len()), (bytes(&other), 3));
    for capture in [one, other] {
        let found = explained(&capture);
        assert_eq!((found.connections, found.unread.len()), (1, 0));
    }
    assert!(frames::read(b"no capture").is_err() && frames::read(b"").is_err());
}

/// Bytes changed, taken out and put in, in captures, key logs and payloads: nothing panics.
#[test]
fn mutated_inputs_never_panic() {
    let mut seed = 1u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below.max(1)
    };
    for bytes in captures() {
        for _ in 0..5_000 {
            let mut changed = bytes.clone();
            for _ in 0..=random(3) {
                let at = random(changed.len());
                match random(4) {
                    0 => changed[at] = u8::try_from(random(256)).unwrap(),
                    1 => changed.truncate(at.max(8)),
                    2 => changed.insert(at, 0xff),
                    _ => drop(changed.remove(at)),
                }
            }
            if let Ok(capture) = frames::read(&changed) {
                explained(&capture);
            }
            let digits: String = changed.iter().take(60).map(|b| format!("{b:02x}")).collect();
            let _ = payload(&digits);
            KeyLog::default().add(&String::from_utf8_lossy(&changed));
        }
    }
}
