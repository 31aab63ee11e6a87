//! `--completions`: words that the shell may complete, from the tables of options and keywords.

use super::options::{LONG, OPTIONS};
use crate::config::keywords::{KEYWORDS, Kind};
use crate::exit::{Fatal, Result};

/// Shells that there are completions for.
pub const SHELLS: &[&str] = &["bash", "zsh", "fish"];

/// The script for one shell.
///
/// # Errors
/// A shell that there is none for.
pub fn script(shell: &str) -> Result<String> {
    match shell {
        "bash" => Ok(bash()),
        "zsh" => Ok(zsh()),
        "fish" => Ok(fish()),
        _ => Err(Fatal::usage(format!("--completions: bash, zsh or fish, not \"{shell}\""))),
    }
}

fn keywords() -> impl Iterator<Item = &'static str> {
    KEYWORDS
        .iter()
        .filter(|k| !matches!(k.kind, Kind::Structure | Kind::Deprecated | Kind::Unsupported(_)))
        .map(|k| k.name)
}

fn queries() -> String {
    crate::query::all().collect::<Vec<_>>().join(" ")
}

fn lessons() -> String {
    crate::lab::names().collect::<Vec<_>>().join(" ")
}

fn letters_with_value() -> String {
    let rows = OPTIONS.iter().filter(|row| !row.value.is_empty() && row.refused.is_none());
    rows.map(|row| row.letter).collect()
}

fn bash() -> String {
    let shorts = OPTIONS.iter().filter(|row| row.refused.is_none());
    let shorts: Vec<String> = shorts.map(|row| format!("-{}", row.letter)).collect();
    let longs: Vec<String> = LONG.iter().map(|long| format!("--{}", long.name)).collect();
    let keywords: Vec<String> = keywords().map(|name| format!("{name}=")).collect();
    format!(
        r#"# Completion of tssh for bash.
_tssh() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} hosts
    COMPREPLY=()
    case $previous in
        -[{files}]) compopt -o default; return ;;
        -o) compopt -o nospace; COMPREPLY=($(compgen -W '{keywords}' -- "$current")); return ;;
        -Q) COMPREPLY=($(compgen -W '{queries}' -- "$current")); return ;;
        -[{values}]) return ;;
        --completions) COMPREPLY=($(compgen -W '{shells}' -- "$current")); return ;;
        --man) COMPREPLY=($(compgen -W '{pages}' -- "$current")); return ;;
        --lab) COMPREPLY=($(compgen -W '{lessons}' -- "$current")); return ;;
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W '{shorts} {longs}' -- "$current"))
        return
    fi
    hosts=$(sed -n 's/^[[:space:]]*[Hh][Oo][Ss][Tt][[:space:]=]\{{1,\}}//p' \
        ~/.ssh/config 2>/dev/null)
    COMPREPLY=($(compgen -W "$(printf '%s\n' $hosts | grep -v '[*?!]')" -- "$current"))
}}
complete -F _tssh tssh
"#,
        files = "EFiS",
        keywords = keywords.join(" "),
        queries = queries(),
        values = letters_with_value(),
        shells = SHELLS.join(" "),
        pages = super::manual::PAGES.join(" "),
        lessons = lessons(),
        shorts = shorts.join(" "),
        longs = longs.join(" "),
    )
}

fn zsh() -> String {
    let clean = |text: &str| text.replace('\'', "").replace(['[', ']', ':'], " ");
    let mut text =
        String::from("#compdef tssh\n# Completion of tssh for zsh.\n_arguments -s -S \\\n");
    for row in OPTIONS.iter().filter(|row| row.refused.is_none()) {
        let (letter, what) = (row.letter, clean(row.what));
        let value = match (letter, row.value) {
            (_, "") => String::new(),
            ('E' | 'F' | 'i', value) => format!(":{}:_files", clean(value)),
            ('o', _) => format!(":keyword:({})", keywords().collect::<Vec<_>>().join(" ")),
            ('Q', value) => format!(":{value}:({})", queries()),
            (_, value) => format!(":{}:", clean(value)),
        };
        text.push_str(&format!("  '*-{letter}[{what}]{value}' \\\n"));
    }
    for long in LONG {
        let value = match long.name {
            "completions" => format!(":shell:({})", SHELLS.join(" ")),
            "man" => format!(":page:({})", super::manual::PAGES.join(" ")),
            "lab" => format!(":lesson:({})", lessons()),
            _ if long.value.is_empty() => String::new(),
            _ => format!(":{}:", clean(long.value)),
        };
        text.push_str(&format!("  '--{}[{}]{value}' \\\n", long.name, clean(long.what)));
    }
    text + "  ':host:_hosts' '*:command:_normal'\n"
}

fn fish() -> String {
    let clean = |text: &str| text.replace('\'', "\\'");
    let mut text = String::from("# Completion of tssh for fish.\n");
    text.push_str("complete -c tssh -f -a '(__fish_print_hostnames)' -d host\n");
    for row in OPTIONS.iter().filter(|row| row.refused.is_none()) {
        let value = match (row.letter, row.value) {
            (_, "") => String::new(),
            ('E' | 'F' | 'i', _) => " -r -F".to_owned(),
            ('o', _) => format!(" -x -a '{}'", keywords().collect::<Vec<_>>().join(" ")),
            ('Q', _) => format!(" -x -a '{}'", queries()),
            _ => " -x".to_owned(),
        };
        text.push_str(&format!(
            "complete -c tssh -s {}{value} -d '{}'\n",
            row.letter,
            clean(row.what)
        ));
    }
    for long in LONG {
        let value = match long.name {
            "completions" => format!(" -x -a '{}'", SHELLS.join(" ")),
            "man" => format!(" -x -a '{}'", super::manual::PAGES.join(" ")),
            "lab" => format!(" -x -a '{}'", lessons()),
            _ if long.value.is_empty() => String::new(),
            _ => " -x".to_owned(),
        };
        text.push_str(&format!(
            "complete -c tssh -l {}{value} -d '{}'\n",
            long.name,
            clean(long.what)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::skip;
    use std::process::Command;

    #[test]
    fn every_option_is_in_every_script() {
        for shell in SHELLS {
            let text = script(shell).unwrap();
            for row in OPTIONS {
                let named = [format!("-{}[", row.letter), format!("-{} ", row.letter)];
                let fish = format!("-s {} ", row.letter);
                let found = match *shell {
                    "fish" => text.contains(&fish),
                    _ => named.iter().any(|name| text.contains(name)),
                };
                assert!(found || row.refused.is_some(), "-{} for {shell}", row.letter);
            }
            for long in LONG {
                let found = text.contains(&format!("--{}", long.name))
                    || text.contains(&format!("-l {}", long.name));
                assert!(found, "--{} for {shell}", long.name);
            }
        }
        assert!(script("tcsh").is_err());
    }

    /// The shell itself reads its script and completes with it.
    #[test]
    fn bash_completes() {
        let script = script("bash").unwrap();
        let ask = format!(
            "{script}\nCOMP_WORDS=(tssh -Q ke); COMP_CWORD=2; _tssh; echo \"${{COMPREPLY[@]}}\"\n\
             COMP_WORDS=(tssh --o); COMP_CWORD=1; _tssh; echo \"${{COMPREPLY[@]}}\""
        );
        let Ok(output) = Command::new("bash").args(["--norc", "-c", &ask]).output() else {
            return skip("no bash");
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text, "kex key key-cert key-plain key-sig\n--one-shot\n");
    }

    #[test]
    fn other_shells_find_no_fault() {
        for shell in ["zsh", "fish"] {
            let dir = crate::test_support::Dir::new();
            let path = dir.write("script", &script(shell).unwrap());
            let Ok(output) = Command::new(shell).arg("-n").arg(&path).output() else {
                // Few machines have them; the table test above stands for their contents.
                continue;
            };
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
