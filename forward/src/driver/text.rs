//! The operating system's words, as ssh prints them.

use std::io;

/// `strerror`'s words: what the standard library adds around them is taken off.
#[must_use]
pub fn error_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    match text.rfind(" (os error ") {
        Some(at) => text.get(..at).unwrap_or(text).to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::error_text;
    use std::io;

    #[test]
    fn errors_read_as_strerror_writes_them() {
        let refused = io::Error::from_raw_os_error(111);
        assert_eq!(error_text(&refused), "Connection refused");
        let look_up = "failed to lookup address information: Name or service not known";
        assert_eq!(error_text(&io::Error::other(look_up)), "Name or service not known");
    }
}
