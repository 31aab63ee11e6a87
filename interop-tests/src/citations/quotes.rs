//! Quotes in comments, in three forms, all of which may wrap over lines of one comment:
//!
//! `// "WORDS" RFC NNNN section N.N`, `/// ... "WORDS" (RFC NNNN section N.N)` and
//! `/// RFC NNNN section N.N: "WORDS"`.

use super::rfc::normalised;
use crate::source::Source;

/// Words that a comment, or an exception, quotes from an RFC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The file; for an exception, its reason.
    pub path: String,
    /// The line on which the RFC is named, from 1.
    pub line: usize,
    /// The RFC's number.
    pub rfc: u32,
    /// The section's number.
    pub section: String,
    /// The quoted words.
    pub text: String,
}

impl Quote {
    /// The words as they are compared, without a full stop at their end.
    pub(super) fn key(&self) -> String {
        normalised(&self.text).trim_end_matches('.').to_owned()
    }
}

/// A section of an RFC that a comment names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The RFC's number.
    pub rfc: u32,
    /// The section's number.
    pub section: String,
    /// Where `RFC` begins in the text, and where the section's number ends.
    span: (usize, usize),
}

/// Every quote in the comments of a file.
#[must_use]
pub fn quotes(source: &Source) -> Vec<Quote> {
    let mut found = Vec::new();
    for comment in comments(&source.text) {
        for mention in mentions(&comment.text) {
            let before = quote_before(&comment.text[..mention.span.0]);
            let after = quote_after(&comment.text[mention.span.1..]);
            for text in [before, after].into_iter().flatten() {
                found.push(Quote {
                    path: source.path.clone(),
                    line: comment.line_at(mention.span.0),
                    rfc: mention.rfc,
                    section: mention.section.clone(),
                    text,
                });
            }
        }
    }
    found
}

/// Every `RFC NNNN section N.N` in a text of single spaces.
#[must_use]
pub fn mentions(text: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("RFC ") {
        let rest = &text[at + 4..];
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let Ok(rfc) = rest[..digits].parse() else { continue };
        let Some(rest) = rest[digits..].strip_prefix(" section ") else { continue };
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let section = rest[..end].trim_end_matches('.');
        if !section.is_empty() {
            let begin = text.len() - rest.len();
            let span = (at, begin + section.len());
            found.push(Mention { rfc, section: section.to_owned(), span });
        }
    }
    found
}

/// The quote that ends right before the RFC is named.
fn quote_before(text: &str) -> Option<String> {
    let text = text.trim_end().trim_end_matches(['(', ',']).trim_end().strip_suffix('"')?;
    let begin = text.rfind('"')? + 1;
    is_quote(&text[begin..]).then(|| text[begin..].to_owned())
}

/// The quote that begins right behind the section's number and a colon.
fn quote_after(text: &str) -> Option<String> {
    let text = text.strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let text = &text[..text.find('"')?];
    is_quote(text).then(|| text.to_owned())
}

/// A single word in quotes is a name, such as a method's, and no sentence.
fn is_quote(text: &str) -> bool {
    text.split_whitespace().count() > 1
}

/// Consecutive comment lines, joined by single spaces.
struct Comment {
    text: String,
    /// Where in the text each line begins, and its number.
    lines: Vec<(usize, usize)>,
}

impl Comment {
    fn line_at(&self, offset: usize) -> usize {
        let before = self.lines.iter().take_while(|(begin, _)| *begin <= offset);
        before.last().map_or(0, |(_, number)| *number)
    }
}

fn comments(text: &str) -> Vec<Comment> {
    let mut found: Vec<Comment> = Vec::new();
    let mut last = None;
    for (number, line) in text.lines().enumerate() {
        let Some(content) = comment_of(line) else { continue };
        let content = content.split_whitespace().collect::<Vec<_>>().join(" ");
        let goes_on = last.is_some_and(|last| last + 1 == number);
        last = Some(number);
        match found.last_mut() {
            Some(comment) if goes_on => {
                comment.text.push(' ');
                comment.lines.push((comment.text.len(), number + 1));
                comment.text.push_str(&content);
            }
            _ => found.push(Comment { text: content, lines: vec![(0, number + 1)] }),
        }
    }
    found
}

/// What a comment line says, when the line is one; a comment behind code counts as well.
fn comment_of(line: &str) -> Option<&str> {
    let trimmed = line.trim_start();
    let content = match trimmed.strip_prefix("//") {
        Some(content) => content,
        None => line.split_once("// ").map(|(_, content)| content)?,
    };
    Some(content.trim_start_matches(['/', '!']))
}

/// The exceptions of `exceptions.toml`: tables `[[exception]]` with the keys rfc, section, quote
/// and reason, each value on one line. The path of the returned quotes is the reason.
///
/// # Errors
/// The line that is not understood, or the exception that lacks a key.
pub fn exceptions(text: &str) -> Result<Vec<Quote>, String> {
    let mut found = Vec::new();
    for (number, table) in text.split("[[exception]]").enumerate().skip(1) {
        let mut quote = Quote {
            path: String::new(),
            line: number,
            rfc: 0,
            section: String::new(),
            text: String::new(),
        };
        for line in table.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = line.split_once('=').ok_or(format!("not understood: {line}"))?;
            let value = value.trim().trim_matches('"').to_owned();
            match key.trim() {
                "rfc" => quote.rfc = value.parse().map_err(|_| format!("no number: {line}"))?,
                "section" => quote.section = value,
                "quote" => quote.text = value,
                "reason" => quote.path = value,
                _ => return Err(format!("unknown key: {line}")),
            }
        }
        if [&quote.section, &quote.text, &quote.path].iter().any(|value| value.is_empty()) {
            return Err(format!("exception {number} lacks a key"));
        }
        found.push(quote);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_forms_are_found() {
        let text = "\
    // \"It MUST\n    // be so.\" RFC 4253 section 6.1
    let x = 1;
/// Longest line (RFC 4251 section 5). \"And so on\" (RFC 4253 section 4.2).
/// RFC 4254 section 5.1: \"This,
/// too\"
/// The name \"ssh\" RFC 4250 section 4.9.2 is no quote.
";
        let source = Source::new("x.rs", text.to_owned());
        let found: Vec<_> = quotes(&source)
            .into_iter()
            .map(|quote| (quote.line, quote.rfc, quote.section, quote.text))
            .collect();
        let expected = [
            (2, 4253, "6.1", "It MUST be so."),
            (4, 4253, "4.2", "And so on"),
            (5, 4254, "5.1", "This, too"),
        ];
        let expected =
            expected.map(|(line, rfc, at, text)| (line, rfc, at.to_owned(), text.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn exceptions_need_all_keys() {
        let text =
            "# x\n[[exception]]\nrfc = 4253\nsection = \"6\"\nquote = \"a b\"\nreason = \"c\"";
        let found = exceptions(text).expect("one exception");
        assert_eq!((found[0].rfc, found[0].path.as_str()), (4253, "c"));
        assert!(exceptions("[[exception]]\nrfc = 1").is_err());
    }
}
