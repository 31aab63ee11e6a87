//! The text of an RFC: sections and sentences, without page breaks.

/// An RFC as published, taken apart.
#[derive(Debug, Default)]
pub struct Rfc {
    sections: Vec<Section>,
    requirements: Vec<Sentence>,
}

#[derive(Debug)]
struct Section {
    number: String,
    title: String,
    /// Paragraphs, each on one line with single spaces.
    paragraphs: Vec<String>,
    /// All paragraphs, normalised.
    key: String,
}

/// One sentence with a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The section's number, such as `4.2`.
    pub section: String,
    /// The sentence on one line.
    pub text: String,
    key: String,
}

impl Sentence {
    /// The sentence as it is compared.
    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

impl Rfc {
    /// Takes the published text apart.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut rfc = Self::default();
        let mut paragraph = String::new();
        for line in lines_without_page_breaks(text) {
            if let Some((number, title)) = heading(&line) {
                rfc.end_paragraph(&mut paragraph);
                let (paragraphs, key) = (Vec::new(), String::new());
                rfc.sections.push(Section { number, title, paragraphs, key });
            } else if line.trim().is_empty() {
                rfc.end_paragraph(&mut paragraph);
            } else {
                paragraph.push_str(line.trim());
                paragraph.push(' ');
            }
        }
        rfc.end_paragraph(&mut paragraph);
        for section in &mut rfc.sections {
            section.key = normalised(&section.paragraphs.join(" "));
        }
        rfc.requirements = rfc.find_requirements();
        rfc
    }

    fn end_paragraph(&mut self, paragraph: &mut String) {
        let text = joined(paragraph);
        paragraph.clear();
        // What stands before the first section is the title and the table of contents.
        let Some(section) = self.sections.last_mut() else { return };
        if !text.is_empty() {
            section.paragraphs.push(text);
        }
    }

    /// Whether there is such a section.
    #[must_use]
    pub fn has_section(&self, number: &str) -> bool {
        self.sections.iter().any(|section| is_within(&section.number, number))
    }

    /// Whether these words stand in the section or below it.
    #[must_use]
    pub fn section_holds(&self, number: &str, words: &str) -> bool {
        let key = normalised(words);
        let mut inside = self.sections.iter().filter(|section| is_within(&section.number, number));
        inside.any(|section| section.key.contains(&key))
    }

    /// The title of a section.
    #[must_use]
    pub fn title_of(&self, number: &str) -> Option<&str> {
        // A line of the table of contents looks like a heading as well: the last one is it.
        let found = self.sections.iter().rev().find(|section| section.number == number)?;
        Some(&found.title)
    }

    /// The section in which these words stand.
    #[must_use]
    pub fn section_of(&self, words: &str) -> Option<&str> {
        let key = normalised(words);
        let found = self.sections.iter().find(|section| section.key.contains(&key))?;
        Some(&found.number)
    }

    /// Every sentence with a requirement, in order.
    #[must_use]
    pub fn requirements(&self) -> &[Sentence] {
        &self.requirements
    }

    fn find_requirements(&self) -> Vec<Sentence> {
        let mut found = Vec::new();
        for section in &self.sections {
            for paragraph in &section.paragraphs {
                for text in sentences(paragraph) {
                    if is_requirement(&text) {
                        let key = normalised(&text);
                        found.push(Sentence { section: section.number.clone(), text, key });
                    }
                }
            }
        }
        found
    }
}

/// Whether section `inner` is `outer` or lies below it.
pub(super) fn is_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Text as it is compared: joined, and with one kind of quotation mark.
#[must_use]
pub fn normalised(text: &str) -> String {
    joined(text).replace(['"', '`'], "'")
}

/// Text on one line with single spaces, and no break after the hyphen of a word that was cut at
/// the end of a line.
fn joined(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let cut = out.ends_with('-') && !out.ends_with(" -") && !out.ends_with("--");
        if !out.is_empty() && !cut {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// The number and title of a section whose heading this line is.
fn heading(line: &str) -> Option<(String, String)> {
    let (number, title) = line.split_once(' ')?;
    let number = number.strip_suffix('.').unwrap_or(number);
    let is_number = number.split('.').all(|part| part.parse::<u32>().is_ok_and(|n| n < 100));
    let title = title.trim();
    (is_number && !title.is_empty()).then(|| (number.to_owned(), title.to_owned()))
}

/// The lines, with the foot and head of each page taken out. Blank lines around a page break stay
/// only where the text before it was complete.
fn lines_without_page_breaks(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut breaking = false;
    for line in text.lines() {
        let line = line.replace('\u{c}', "");
        let is_foot = line.trim_end().ends_with(']') && line.contains("[Page ");
        let is_head = breaking && line.starts_with("RFC ");
        if is_foot || is_head {
            breaking = true;
        } else if breaking && line.trim().is_empty() {
            // Part of the break.
        } else {
            if breaking {
                join_pages(&mut lines, &line);
                breaking = false;
            }
            lines.push(line);
        }
    }
    lines
}

/// Drops the blank lines above a page break when the paragraph goes on below it.
fn join_pages(lines: &mut Vec<String>, next: &str) {
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    let ended = lines.last().is_some_and(|line| line.trim_end().ends_with(['.', ':', ';']));
    let begins = heading(next).is_some() || next.trim_start().starts_with("o ");
    if ended || begins {
        lines.push(String::new());
    }
}

/// The sentences of a paragraph.
fn sentences(paragraph: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut begin = 0;
    for (at, _) in paragraph.match_indices(". ") {
        let before = &paragraph[begin..=at];
        let after = paragraph[at + 2..].chars().next();
        let abbreviated =
            ["e.g.", "i.e.", "etc.", "cf.", "vs."].iter().any(|a| before.ends_with(a));
        let begins = after.is_some_and(|c| c.is_uppercase() || c.is_ascii_digit() || c == '"');
        if begins && !abbreviated {
            found.push(before.trim().to_owned());
            begin = at + 2;
        }
    }
    found.push(paragraph[begin..].trim().to_owned());
    found
}

fn is_requirement(sentence: &str) -> bool {
    let defines = ["are to be interpreted", "key words", "keywords"];
    if defines.iter().any(|words| sentence.contains(words)) {
        return false;
    }
    sentence
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| matches!(word, "MUST" | "SHALL" | "REQUIRED"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Title\n\n   1. Introduction ....... 2\n\n1.  Introduction\n\n   A line \
                        MUST\n   end, and the so-\n   called rest, e.g. This, too.  Another one.\n\
                        \n1.2.  Below\n\n   It MUST go\n\nAuthor      Standards Track     \
                        [Page 1]\n\u{c}\nRFC 1             Title          January 2006\n\n\n   \
                        on here.\n";

    #[test]
    fn sections_and_sentences_are_found_across_pages() {
        let rfc = Rfc::parse(TEXT);
        let found: Vec<_> = rfc
            .requirements()
            .iter()
            .map(|sentence| (sentence.section.as_str(), sentence.text.as_str()))
            .collect();
        let first = "A line MUST end, and the so-called rest, e.g. This, too.";
        assert_eq!(found, [("1", first), ("1.2", "It MUST go on here.")]);
        assert!(rfc.section_holds("1.2", "MUST go on"));
        assert!(rfc.section_holds("1", "the so-called rest"), "a cut word is whole again");
        assert!(!rfc.section_holds("1.2", "Another one"));
        assert_eq!(rfc.section_of("Another one."), Some("1"));
        assert!(rfc.has_section("1.2") && !rfc.has_section("2"));
    }
}
