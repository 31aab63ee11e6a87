//! Terminal modes as the wire has them, RFC 4254 section 8: one table for who sends them (the
//! client, from its own terminal) and who puts them into force (the server, on a new one).

use rustix::termios::{ControlModes, InputModes, LocalModes, OutputModes, SpecialCodeIndex};

/// TTY_OP_END.
pub(crate) const END: u8 = 0;
/// Two bits together say the size of a character.
pub(crate) const CS7: u8 = 90;
/// See [`CS7`].
pub(crate) const CS8: u8 = 91;
/// TTY_OP_ISPEED and TTY_OP_OSPEED.
pub(crate) const INPUT_SPEED: u8 = 128;
/// See [`INPUT_SPEED`].
pub(crate) const OUTPUT_SPEED: u8 = 129;
/// "255 if disabled" is how RFC 4254 section 8 puts a special character that is switched off.
pub(crate) const CHARACTER_OFF: u32 = 255;

pub(crate) const CHARACTERS: &[(u8, SpecialCodeIndex)] = &[
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

pub(crate) const INPUT: &[(u8, InputModes)] = &[
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

pub(crate) const LOCAL: &[(u8, LocalModes)] = &[
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

pub(crate) const OUTPUT: &[(u8, OutputModes)] = &[
    (70, OutputModes::OPOST),
    (71, OutputModes::OLCUC),
    (72, OutputModes::ONLCR),
    (73, OutputModes::OCRNL),
    (74, OutputModes::ONOCR),
    (75, OutputModes::ONLRET),
];

pub(crate) const CONTROL: &[(u8, ControlModes)] =
    &[(92, ControlModes::PARENB), (93, ControlModes::PARODD)];
