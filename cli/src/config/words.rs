//! One line of a configuration file, cut into words as ssh cuts it.

/// Cuts the keyword off a line: lower-cased, and what follows it (behind white space and at most
/// one `=`). Nothing for an empty line or a comment.
#[must_use]
pub fn split_keyword(line: &str) -> Option<(String, &str)> {
    let line = line.trim_matches([' ', '\t', '\r', '\n', '\u{c}']);
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (keyword, rest) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
        None => line.split_at(line.find([' ', '\t', '=']).unwrap_or(line.len())),
    };
    let rest = rest.trim_start_matches([' ', '\t']);
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start_matches([' ', '\t']);
    Some((keyword.to_ascii_lowercase(), rest))
}

/// Cuts arguments into words: quotes of both kinds group, a backslash escapes a quote, itself and
/// (outside quotes) a space, `#` at the start of a word ends the line.
///
/// # Errors
/// A quote that is not closed.
pub fn split_arguments(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        match chars.peek() {
            None | Some('#') => return Ok(words),
            Some(_) => words.push(word(&mut chars)?),
        }
    }
}

fn word(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, &'static str> {
    let mut word = String::new();
    let mut quote = None;
    while let Some(&c) = chars.peek() {
        if quote.is_none() && matches!(c, ' ' | '\t') {
            break;
        }
        chars.next();
        match c {
            '\\' => {
                let escaped = chars.next_if(|next| {
                    matches!(next, '\'' | '"' | '\\') || (quote.is_none() && *next == ' ')
                });
                word.push(escaped.unwrap_or('\\'));
            }
            '"' | '\'' if quote.is_none() => quote = Some(c),
            c if quote == Some(c) => quote = None,
            c => word.push(c),
        }
    }
    if quote.is_some() { Err("invalid quotes") } else { Ok(word) }
}

/// The lines of a configuration file. Comments may be in any encoding; what is to be taken must
/// be UTF-8, for a value that was changed would be worse than none.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = Result<&str, &'static str>> {
    let whole = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let lines = (!whole.is_empty()).then(|| whole.split(|byte| *byte == b'\n'));
    lines.into_iter().flatten().map(|line| match std::str::from_utf8(line) {
        Ok(line) => Ok(line.strip_suffix('\r').unwrap_or(line)),
        Err(_) if line.trim_ascii_start().starts_with(b"#") => Ok(""),
        Err(_) => Err("the line is not UTF-8"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_take_white_space_or_one_equals_sign() {
        let keyword = |line| split_keyword(line).map(|(k, rest)| (k, rest.to_owned()));
        let port = |rest: &str| Some(("port".to_owned(), rest.to_owned()));
        for line in ["Port 22", "\tPORT=22", "port = 22", "Port\t22 \r\n", "\"port\" 22"] {
            assert_eq!(keyword(line), port("22"), "{line}");
        }
        assert_eq!(keyword("port ==22"), port("=22"));
        assert_eq!(keyword("port"), port(""));
        assert_eq!(keyword("  # port 22"), None);
        assert_eq!(keyword(" \t"), None);
    }

    #[test]
    fn quotes_escapes_and_comments() {
        let words = |text| split_arguments(text);
        assert_eq!(words("a b  c"), Ok(vec!["a".into(), "b".into(), "c".into()]));
        assert_eq!(words("\"a b\" c # d"), Ok(vec!["a b".into(), "c".into()]));
        assert_eq!(words("a#b 'c\"d'"), Ok(vec!["a#b".into(), "c\"d".into()]));
        assert_eq!(words(r#"a\ b \"c \x"#), Ok(vec!["a b".into(), "\"c".into(), "\\x".into()]));
        assert_eq!(words("\"\""), Ok(vec![String::new()]));
        assert_eq!(words("\"a"), Err("invalid quotes"));
    }
}
