//! Encoded terminal modes, RFC 4254 section 8, put into force on a terminal.

use rustix::termios::{
    ControlModes, InputModes, LocalModes, OutputModes, SpecialCodeIndex, Termios,
};
use tssh_transport::wire::Reader;

/// TTY_OP_END.
const END: u8 = 0;
/// From here on the length of what follows is not known.
// "Opcodes 160 to 255 are not yet defined, and cause parsing to stop" RFC 4254 section 8
const OPCODES_WITH_ARGUMENT_END: u8 = 160;
/// A control character that is switched off.
const DISABLED: u32 = 255;
/// TTY_OP_ISPEED and TTY_OP_OSPEED.
const INPUT_SPEED: u8 = 128;
const OUTPUT_SPEED: u8 = 129;
/// Two bits together say the size of a character.
const CS7: u8 = 90;
const CS8: u8 = 91;

const CHARACTERS: &[(u8, SpecialCodeIndex)] = &[
    (1, SpecialCodeIndex::VINTR),
    (2, SpecialCodeIndex::VQUIT),
    (3, SpecialCodeIndex::VERASE),
    (4, SpecialCodeIndex::VKILL),
    (5, SpecialCodeIndex::VEOF),
    (6, SpecialCodeIndex::VEOL),
    (7, SpecialCodeIndex::VEOL2),
    (8, SpecialCodeIndex::VSTART),
    (9, SpecialCodeIndex::VSTOP),
    (10, SpecialCodeIndex::VSUSP),
    (12, SpecialCodeIndex::VREPRINT),
    (13, SpecialCodeIndex::VWERASE),
    (14, SpecialCodeIndex::VLNEXT),
    (16, SpecialCodeIndex::VSWTC),
    (18, SpecialCodeIndex::VDISCARD),
];

const INPUT: &[(u8, InputModes)] = &[
    (30, InputModes::IGNPAR),
    (31, InputModes::PARMRK),
    (32, InputModes::INPCK),
    (33, InputModes::ISTRIP),
    (34, InputModes::INLCR),
    (35, InputModes::IGNCR),
    (36, InputModes::ICRNL),
    (37, InputModes::IUCLC),
    (38, InputModes::IXON),
    (39, InputModes::IXANY),
    (40, InputModes::IXOFF),
    (41, InputModes::IMAXBEL),
    // RFC 8160.
    (42, InputModes::IUTF8),
];

const LOCAL: &[(u8, LocalModes)] = &[
    (50, LocalModes::ISIG),
    (51, LocalModes::ICANON),
    (52, LocalModes::XCASE),
    (53, LocalModes::ECHO),
    (54, LocalModes::ECHOE),
    (55, LocalModes::ECHOK),
    (56, LocalModes::ECHONL),
    (57, LocalModes::NOFLSH),
    (58, LocalModes::TOSTOP),
    (59, LocalModes::IEXTEN),
    (60, LocalModes::ECHOCTL),
    (61, LocalModes::ECHOKE),
    (62, LocalModes::PENDIN),
];

const OUTPUT: &[(u8, OutputModes)] = &[
    (70, OutputModes::OPOST),
    (71, OutputModes::OLCUC),
    (72, OutputModes::ONLCR),
    (73, OutputModes::OCRNL),
    (74, OutputModes::ONOCR),
    (75, OutputModes::ONLRET),
];

const CONTROL: &[(u8, ControlModes)] = &[(92, ControlModes::PARENB), (93, ControlModes::PARODD)];

/// Puts modes into force.
// "the server MAY ignore any modes it does not know about" RFC 4254 section 8
pub fn apply(encoded: &[u8], termios: &mut Termios) {
    let mut reader = Reader::new(encoded);
    while let Ok(opcode) = reader.byte("opcode") {
        if opcode == END || opcode >= OPCODES_WITH_ARGUMENT_END {
            return;
        }
        let Ok(argument) = reader.uint32("argument") else { return };
        set(opcode, argument, termios);
    }
}

fn found<T: Copy>(table: &[(u8, T)], opcode: u8) -> Option<T> {
    table.iter().find(|(known, _)| *known == opcode).map(|(_, value)| *value)
}

fn set(opcode: u8, argument: u32, termios: &mut Termios) {
    let on = argument != 0;
    match opcode {
        CS7 if on => set_character_size(termios, ControlModes::CS7),
        CS8 if on => set_character_size(termios, ControlModes::CS8),
        // A terminal without a line takes any speed it knows, and none of them matters.
        INPUT_SPEED => drop(termios.set_input_speed(argument)),
        OUTPUT_SPEED => drop(termios.set_output_speed(argument)),
        _ => {}
    }
    if let Some(index) = found(CHARACTERS, opcode) {
        // 0 is Linux's own word for a character that is switched off.
        let disabled = argument == DISABLED;
        termios.special_codes[index] =
            if disabled { 0 } else { u8::try_from(argument).unwrap_or(0) };
    } else if let Some(flag) = found(INPUT, opcode) {
        termios.input_modes.set(flag, on);
    } else if let Some(flag) = found(LOCAL, opcode) {
        termios.local_modes.set(flag, on);
    } else if let Some(flag) = found(OUTPUT, opcode) {
        termios.output_modes.set(flag, on);
    } else if let Some(flag) = found(CONTROL, opcode) {
        termios.control_modes.set(flag, on);
    }
}

fn set_character_size(termios: &mut Termios, size: ControlModes) {
    termios.control_modes.remove(ControlModes::CSIZE);
    termios.control_modes.insert(size);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pty::{OpenptFlags, openpt};
    use rustix::termios::tcgetattr;

    fn terminal() -> Termios {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        tcgetattr(&master).unwrap()
    }

    fn encode(modes: &[(u8, u32)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (opcode, argument) in modes {
            out.push(*opcode);
            out.extend(argument.to_be_bytes());
        }
        out.push(END);
        out
    }

    #[test]
    fn flags_and_characters_take_effect() {
        let mut t = terminal();
        let modes = [(1, 7), (2, 255), (36, 0), (53, 0), (50, 1), (72, 0), (90, 1), (129, 9600)];
        apply(&encode(&modes), &mut t);
        assert_eq!(t.special_codes[SpecialCodeIndex::VINTR], 7);
        assert_eq!(t.special_codes[SpecialCodeIndex::VQUIT], 0);
        assert!(!t.input_modes.contains(InputModes::ICRNL));
        assert!(!t.local_modes.contains(LocalModes::ECHO));
        assert!(t.local_modes.contains(LocalModes::ISIG));
        assert!(!t.output_modes.contains(OutputModes::ONLCR));
        assert_eq!(t.control_modes & ControlModes::CSIZE, ControlModes::CS7);
        assert_eq!(t.output_speed(), 9600);
    }

    #[test]
    fn a_stream_that_is_cut_or_unknown_ends_there() {
        let whole = encode(&[(53, 0), (36, 0)]);
        for n in 0..whole.len() {
            apply(&whole[..n], &mut terminal());
        }
        let mut t = terminal();
        apply(&[160, 53, 0, 0, 0, 0], &mut t);
        assert!(t.local_modes.contains(LocalModes::ECHO));
        // Known to nobody, and skipped with its argument.
        apply(&encode(&[(100, 1), (53, 0)]), &mut t);
        assert!(!t.local_modes.contains(LocalModes::ECHO));
    }
}
