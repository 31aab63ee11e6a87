//! Every message number with its name and the layer that owns it.

/// Which of the three protocols a number belongs to; admission is decided by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// 1-4: may pass at any time but during a strict initial exchange.
    TransportGeneric,
    /// 5-6: the service request and its answer.
    Service,
    /// 7: RFC 8308.
    ExtInfo,
    /// 20-21: start and end of every exchange.
    KexControl,
    /// 30-49: belongs to the negotiated method.
    KexMethod,
    /// 50-53: authentication, generic.
    Userauth,
    /// 60-79: belongs to the authentication method in progress.
    UserauthMethod,
    /// 80-127: RFC 4254.
    Connection,
    /// 192-193: ping@openssh.com.
    Ping,
    /// Everything else: answered with UNIMPLEMENTED.
    Unassigned,
}

/// The class of a number.
#[must_use]
pub const fn class(number: u8) -> Class {
    match number {
        1..=4 => Class::TransportGeneric,
        5..=6 => Class::Service,
        7 => Class::ExtInfo,
        20..=21 => Class::KexControl,
        30..=49 => Class::KexMethod,
        50..=53 => Class::Userauth,
        60..=79 => Class::UserauthMethod,
        80..=82 | 90..=100 => Class::Connection,
        192..=193 => Class::Ping,
        _ => Class::Unassigned,
    }
}

/// The name of a number as RFC 4250 section 4.1.2 lists it; numbers that depend on the method
/// in progress give the range's name.
#[must_use]
pub const fn name(number: u8) -> &'static str {
    match number {
        1 => "SSH_MSG_DISCONNECT",
        2 => "SSH_MSG_IGNORE",
        3 => "SSH_MSG_UNIMPLEMENTED",
        4 => "SSH_MSG_DEBUG",
        5 => "SSH_MSG_SERVICE_REQUEST",
        6 => "SSH_MSG_SERVICE_ACCEPT",
        7 => "SSH_MSG_EXT_INFO",
        20 => "SSH_MSG_KEXINIT",
        21 => "SSH_MSG_NEWKEYS",
        30..=49 => "key exchange method message",
        50 => "SSH_MSG_USERAUTH_REQUEST",
        51 => "SSH_MSG_USERAUTH_FAILURE",
        52 => "SSH_MSG_USERAUTH_SUCCESS",
        53 => "SSH_MSG_USERAUTH_BANNER",
        60..=79 => "authentication method message",
        80 => "SSH_MSG_GLOBAL_REQUEST",
        81 => "SSH_MSG_REQUEST_SUCCESS",
        82 => "SSH_MSG_REQUEST_FAILURE",
        90 => "SSH_MSG_CHANNEL_OPEN",
        91 => "SSH_MSG_CHANNEL_OPEN_CONFIRMATION",
        92 => "SSH_MSG_CHANNEL_OPEN_FAILURE",
        93 => "SSH_MSG_CHANNEL_WINDOW_ADJUST",
        94 => "SSH_MSG_CHANNEL_DATA",
        95 => "SSH_MSG_CHANNEL_EXTENDED_DATA",
        96 => "SSH_MSG_CHANNEL_EOF",
        97 => "SSH_MSG_CHANNEL_CLOSE",
        98 => "SSH_MSG_CHANNEL_REQUEST",
        99 => "SSH_MSG_CHANNEL_SUCCESS",
        100 => "SSH_MSG_CHANNEL_FAILURE",
        192 => "SSH2_MSG_PING",
        193 => "SSH2_MSG_PONG",
        _ => "unassigned message",
    }
}
