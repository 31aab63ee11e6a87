//! `%` tokens, `${NAME}` and `~` in the values that ssh expands.

use crate::account::Account;
use sha1::{Digest as _, Sha1};

/// What the tokens stand for.
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    /// The local account: `%d`, `%i`, `%u`.
    pub account: &'a Account,
    /// `%l`: the name of this machine; `%L` is its first part.
    pub local_host: &'a str,
    /// `%n`: the host as given.
    pub original: &'a str,
    /// `%h`: the host to connect to.
    pub host: &'a str,
    /// `%k`: the alias of the host key, or the host as given.
    pub key_alias: &'a str,
    /// `%p`.
    pub port: u16,
    /// `%r`: the remote user.
    pub user: &'a str,
    /// `%j`: the last host of `ProxyJump`, or nothing.
    pub jump: &'a str,
}

/// The name of this machine, for `%l`.
#[must_use]
pub fn local_host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The last host of a `ProxyJump` chain, without user and port.
#[must_use]
pub fn jump_host(chain: &str) -> &str {
    let last = chain.rsplit(',').next().unwrap_or_default();
    let last = last.strip_prefix("ssh://").unwrap_or(last);
    let last = last.rsplit_once('@').map_or(last, |(_, host)| host);
    match last.strip_prefix('[') {
        Some(inside) => inside.split(']').next().unwrap_or_default(),
        None => last.split(':').next().unwrap_or_default(),
    }
}

/// Fills in the `%` tokens of one text with what `value` makes of each; `cut` is the complaint
/// about a text that ends in a percent sign.
///
/// # Errors
/// `cut`, or the complaint of `value`.
pub fn fill(
    text: &str,
    cut: &str,
    mut value: impl FnMut(char) -> Result<String, String>,
) -> Result<String, String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => out.push_str(&value(chars.next().ok_or_else(|| cut.to_owned())?)?),
            c => out.push(c),
        }
    }
    Ok(out)
}

impl Tokens<'_> {
    /// Expands `%` tokens alone.
    ///
    /// # Errors
    /// ssh's complaint about an unknown token.
    pub fn expand_tokens(&self, text: &str) -> Result<String, String> {
        self.replace(text, false).map_err(|fault| format!("{fault}\npercent_expand: failed"))
    }

    /// Expands `%` tokens and `${NAME}`.
    ///
    /// # Errors
    /// ssh's complaint about an unknown token or a variable without a value.
    pub fn expand(&self, text: &str) -> Result<String, String> {
        self.replace(text, true).map_err(|fault| {
            let what = match fault.ends_with("has no value") {
                true => "invalid environment variable expansion",
                false => "percent_dollar_expand: failed",
            };
            format!("{fault}\n{what}")
        })
    }

    fn replace(&self, text: &str, variables: bool) -> Result<String, String> {
        let mut out = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '%' => match chars.next() {
                    Some(token) => out.push_str(&self.value(token)?),
                    None => return Err("vdollar_percent_expand: invalid format".to_owned()),
                },
                '$' if variables && chars.next_if_eq(&'{').is_some() => {
                    let mut name = String::new();
                    loop {
                        match chars.next() {
                            Some('}') => break,
                            Some(c) => name.push(c),
                            None => {
                                return Err(format!(
                                    "environment variable '{name}' missing closing '}}'"
                                ));
                            }
                        }
                    }
                    let value = std::env::var(&name);
                    out.push_str(&value.map_err(|_| {
                        format!("vdollar_percent_expand: env var ${{{name}}} has no value")
                    })?);
                }
                c => out.push(c),
            }
        }
        Ok(out)
    }

    /// What one token stands for.
    ///
    /// # Errors
    /// ssh's complaint about an unknown one.
    pub fn value(&self, token: char) -> Result<String, String> {
        Ok(match token {
            '%' => "%".to_owned(),
            'C' => self.connection_hash(),
            'd' => self.account.home.display().to_string(),
            'h' => self.host.to_owned(),
            'i' => self.account.uid.to_string(),
            'j' => self.jump.to_owned(),
            'k' => self.key_alias.to_owned(),
            'L' => self.local_host.split('.').next().unwrap_or_default().to_owned(),
            'l' => self.local_host.to_owned(),
            'n' => self.original.to_owned(),
            'p' => self.port.to_string(),
            'r' => self.user.to_owned(),
            'u' => self.account.name.clone(),
            other => return Err(format!("vdollar_percent_expand: unknown key %{other}")),
        })
    }

    /// `%C`: SHA-1 over `%l%h%p%r%j`, in hexadecimal.
    fn connection_hash(&self) -> String {
        let Self { local_host, host, port, user, jump, .. } = self;
        let text = format!("{local_host}{host}{port}{user}{jump}");
        Sha1::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// `LocalCommand` with its token `%T` replaced: there are no tunnel devices to name.
#[must_use]
pub fn without_tunnel(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('%', Some('T')) => out.push_str("NONE"),
            ('%', Some(token)) => out.extend(['%', token]),
            _ => {
                out.push(c);
                continue;
            }
        }
        chars.next();
    }
    out
}

/// Expands the only token of `HostName`: `%h` (and `%%`). An IPv6 address with a scope is taken as
/// it is; ssh takes the scope for a token, and so it is with `strict`.
///
/// # Errors
/// Any other token.
pub fn host_name(text: &str, host: &str, strict: bool) -> Result<String, String> {
    if text.contains(':') && !strict {
        return Ok(text.replace("%%", "%"));
    }
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => match chars.next() {
                Some('h') => out.push_str(host),
                Some('%') => out.push('%'),
                other => {
                    let other = other.map(String::from).unwrap_or_default();
                    return Err(format!(
                        "vdollar_percent_expand: unknown key %{other}\npercent_expand: failed"
                    ));
                }
            },
            c => out.push(c),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tunnel_is_none_and_doubled_signs_stay() {
        assert_eq!(without_tunnel("a %T %%T %h %"), "a NONE %%T %h %");
    }

    #[test]
    fn the_last_machine_on_the_way() {
        for (chain, host) in
            [("a", "a"), ("u@a:22,v@b:7", "b"), ("ssh://u@b:7", "b"), ("[::1]:7", "::1"), ("", "")]
        {
            assert_eq!(jump_host(chain), host, "{chain}");
        }
    }

    #[test]
    fn complaints_name_what_failed() {
        assert!(host_name("%p", "h", false).unwrap_err().ends_with("percent_expand: failed"));
        assert_eq!(host_name("fe80::1%eth0", "h", false), Ok("fe80::1%eth0".to_owned()));
        assert!(host_name("fe80::1%eth0", "h", true).is_err());
        assert_eq!(host_name("%h.%%", "h", false), Ok("h.%".to_owned()));
    }
}
