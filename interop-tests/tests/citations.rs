//! Every RFC sentence that the sources quote stands in the RFC, and the list of requirements in
//! `docs/requirements.md` is up to date.

#![forbid(unsafe_code)]

use std::fs;
use tssh_interop_tests::citations::{self, Quote, exceptions, fault, mentions, quotes};
use tssh_interop_tests::{book, source};

fn cited() -> Vec<Quote> {
    source::all().iter().flat_map(quotes).filter(|quote| !is_sample(quote)).collect()
}

/// The checker's own sources show what quotes look like.
fn is_sample(quote: &Quote) -> bool {
    quote.path.starts_with("interop-tests/src/citations/")
}

fn filed_exceptions() -> Vec<Quote> {
    let path = source::root().join("interop-tests/specs/exceptions.toml");
    exceptions(&fs::read_to_string(path).expect("the exceptions")).expect("exceptions in order")
}

#[test]
fn quoted_sentences_stand_in_their_rfcs() {
    let stored = citations::stored();
    let cited = cited();
    assert!(!cited.is_empty(), "no quotes were found");
    let faults: Vec<String> = cited.iter().filter_map(|quote| fault(quote, &stored)).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn exceptions_stand_in_their_rfcs() {
    let stored = citations::stored();
    let faults: Vec<String> =
        filed_exceptions().iter().filter_map(|quote| fault(quote, &stored)).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn sections_that_are_named_exist() {
    let stored = citations::stored();
    let mut faults = Vec::new();
    for source in source::all() {
        if source.path.starts_with("interop-tests/src/citations/") {
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            for mention in mentions(line) {
                let known = stored.get(&mention.rfc);
                if known.is_some_and(|rfc| !rfc.has_section(&mention.section)) {
                    let place = format!("{}:{}", source.path, number + 1);
                    let (rfc, section) = (mention.rfc, mention.section);
                    faults.push(format!("{place}: RFC {rfc} has no section {section}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_list_of_requirements_is_up_to_date() {
    let fresh = citations::requirements(&cited(), &filed_exceptions(), &citations::stored());
    up_to_date("docs/requirements.md", &fresh);
}

#[test]
fn the_table_of_run_coverage_is_up_to_date() {
    let fresh = citations::covered(&cited(), &citations::stored());
    up_to_date("cli/src/coverage/requirements.tsv", &fresh);
}

#[test]
fn the_chapters_of_the_book_are_up_to_date() {
    let sources = source::all();
    for (name, about) in book::CHAPTERS {
        let fresh = book::chapter(name, about, &sources);
        up_to_date(&format!("docs/book/{name}.md"), &fresh);
    }
    let fresh = book::sections(&cited(), &sources, &citations::stored());
    up_to_date("docs/book/rfcs.md", &fresh);
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    let root = source::root();
    let mut pages = vec!["README.md", "CONTRIBUTING.md", "PROTOCOL.md"]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    for folder in ["docs", "docs/book"] {
        for entry in fs::read_dir(root.join(folder)).expect("the documents").flatten() {
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            if name.ends_with(".md") {
                pages.push(format!("{folder}/{name}"));
            }
        }
    }
    let mut broken = Vec::new();
    for page in pages {
        let text = fs::read_to_string(root.join(&page)).expect("a page");
        let links = book::links(&page, &text);
        broken.extend(
            links.into_iter().filter(|l| !root.join(l).exists()).map(|l| (page.clone(), l)),
        );
    }
    assert!(broken.is_empty(), "{broken:?}");
}

/// Whether a generated file is what the sources make of it; `TSSH_BLESS` writes it.
#[track_caller]
fn up_to_date(name: &str, fresh: &str) {
    let path = source::root().join(name);
    if std::env::var_os("TSSH_BLESS").is_some() {
        fs::write(&path, fresh).expect("write a generated file");
        return;
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    let differing = fresh.lines().zip(committed.lines()).find(|(fresh, old)| fresh != old);
    assert!(
        fresh == committed,
        "{name} is out of date: run \
         `TSSH_BLESS=1 cargo test -p tssh-interop-tests --test citations`; first difference: \
         {differing:?}"
    );
}
