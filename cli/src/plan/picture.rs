//! Lines of a terminal: text that is wrapped within its columns, and drawn lines that become
//! plain ASCII where the terminal has nothing else.

/// Columns that are used; the narrowest terminal in use has as many.
pub const COLUMNS: usize = 80;

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// ASCII alone.
    Ascii,
    /// Drawn lines.
    Unicode,
}

impl Style {
    /// By the variables of the locale, in the order that they have for the C library.
    #[must_use]
    pub fn of_environment() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
        Self::of_locale(&locale.unwrap_or_default())
    }

    fn of_locale(locale: &str) -> Self {
        let locale = locale.to_ascii_uppercase();
        match locale.contains("UTF-8") || locale.contains("UTF8") {
            true => Self::Unicode,
            false => Self::Ascii,
        }
    }

    /// The text as this terminal can show it. Every drawn character has one of ASCII in its place,
    /// so that columns stay columns.
    #[must_use]
    pub fn drawn(self, text: &str) -> String {
        if self == Self::Unicode {
            return text.to_owned();
        }
        let ascii = |c| match c {
            '│' => '|',
            '║' => '#',
            '─' => '-',
            '═' => '=',
            '▼' => 'v',
            '▶' => '>',
            '◀' => '<',
            '┌' | '┐' | '└' | '┘' | '├' | '┤' => '+',
            '✓' => '+',
            '✗' => 'x',
            other => other,
        };
        text.chars().map(ascii).collect()
    }
}

/// Whether standard output is a terminal that shows colours, and its user wants them.
#[must_use]
pub fn has_colours() -> bool {
    use std::io::IsTerminal as _;
    let set = |name| std::env::var(name).is_ok_and(|value| !value.is_empty());
    let dumb = std::env::var("TERM").is_ok_and(|name| name == "dumb");
    std::io::stdout().is_terminal() && !dumb && !set("NO_COLOR")
}

/// What must not be overlooked, in colours. They only repeat what the words say.
#[must_use]
pub fn painted(text: &str) -> String {
    const GREEN: &str = "32";
    const RED: &str = "31";
    const YELLOW: &str = "33";
    let mut text = text.to_owned();
    for (words, colour) in [
        ("ENCRYPTED by SSH", GREEN),
        ("NOT PROTECTED", RED),
        ("EVERYBODY", RED),
        ("  ✓ ", GREEN),
        ("  ✗ ", RED),
        ("\n !  ", YELLOW),
    ] {
        text = text.replace(words, &format!("\u{1b}[1;{colour}m{words}\u{1b}[0m"));
    }
    text
}

/// Words in lines that begin with `first` and go on under its end, within [`COLUMNS`]. A word that
/// is longer than a line is cut.
#[must_use]
pub fn wrapped(first: &str, text: &str) -> String {
    let indent = first.chars().count();
    let room = COLUMNS.saturating_sub(indent).max(1);
    let mut out = String::new();
    let mut line = String::new();
    let mut begun = false;
    let mut end = |line: &mut String| {
        let lead = if begun { " ".repeat(indent) } else { first.to_owned() };
        begun = true;
        out.push_str(format!("{lead}{line}").trim_end());
        out.push('\n');
        line.clear();
    };
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
            end(&mut line);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if line.chars().count() == room {
                end(&mut line);
            }
            line.push(c);
        }
    }
    end(&mut line);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_before_the_edge_and_go_on_under_the_text() {
        let text = wrapped("   1  ", &"word ".repeat(40));
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("      word")), "{text}");
        assert_eq!(wrapped("a ", ""), "a\n");
        let long = wrapped("a ", &"x".repeat(200));
        assert_eq!(long.lines().count(), 3);
        assert_eq!(long.matches('x').count(), 200);
    }

    #[test]
    fn colours_change_no_word() {
        let text = "\n !  NOT PROTECTED\n  ✓ ENCRYPTED by SSH\n";
        let mut plain = painted(text);
        assert_eq!(plain.matches("\u{1b}[0m").count(), 4);
        for colour in ["32", "31", "33"] {
            plain = plain.replace(&format!("\u{1b}[1;{colour}m"), "");
        }
        assert_eq!(plain.replace("\u{1b}[0m", ""), text);
        assert_eq!(painted("nothing"), "nothing");
    }

    #[test]
    fn the_locale_decides_about_drawn_lines() {
        for locale in ["en_US.UTF-8", "C.utf8", "de_DE.utf-8"] {
            assert_eq!(Style::of_locale(locale), Style::Unicode);
        }
        for locale in ["", "C", "POSIX", "en_US.ISO-8859-1"] {
            assert_eq!(Style::of_locale(locale), Style::Ascii);
        }
        let drawn = "┌──┐ │ ║ ═▶ ▼ ✓";
        let plain = Style::Ascii.drawn(drawn);
        assert!(plain.is_ascii() && plain.len() == drawn.chars().count(), "{plain}");
        assert_eq!(Style::Unicode.drawn(drawn), drawn);
    }
}
