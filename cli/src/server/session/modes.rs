//! Encoded terminal modes, RFC 4254 section 8, put into force on a terminal.

use crate::terminal_modes::{
    CHARACTER_OFF, CHARACTERS, CONTROL, CS7, CS8, END, INPUT, INPUT_SPEED, LOCAL, OUTPUT,
    OUTPUT_SPEED,
};
use rustix::termios::{ControlModes, Termios};
use tssh_transport::wire::Reader;

/// From here on the length of what follows is not known.
// "Opcodes 160 to 255 are not yet defined, and cause parsing to stop" RFC 4254 section 8
const OPCODES_WITH_ARGUMENT_END: u8 = 160;

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
        let disabled = argument == CHARACTER_OFF;
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
    use rustix::termios::{InputModes, LocalModes, OutputModes, SpecialCodeIndex, tcgetattr};

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
