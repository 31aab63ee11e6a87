//! Who runs the program: name, number and home directory, from the password file.
//!
//! `getpwuid` would need a call into C; the file has been in one format since 1979. Accounts that
//! come from elsewhere (LDAP, systemd) fall back to the environment.

use crate::exit::Fatal;
use std::path::{Path, PathBuf};

/// The account of the running user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// Numeric id.
    pub uid: u32,
    /// Home directory.
    pub home: PathBuf,
    /// Login shell.
    pub shell: PathBuf,
}

impl Account {
    /// The account of this process.
    #[must_use]
    pub fn current() -> Self {
        let uid = rustix::process::getuid().as_raw();
        let text = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        Self::from_passwd(&text, uid).unwrap_or_else(|| {
            let var = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
            Self {
                name: var("USER").or_else(|| var("LOGNAME")).unwrap_or_else(|| uid.to_string()),
                uid,
                home: var("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from),
                shell: var("SHELL").map_or_else(|| PathBuf::from("/bin/sh"), PathBuf::from),
            }
        })
    }

    /// The line of the password file with this number.
    fn from_passwd(text: &str, uid: u32) -> Option<Self> {
        text.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, number, _, _, home, shell] = fields[..] else { return None };
            (number.parse() == Ok(uid)).then(|| Self {
                name: name.to_owned(),
                uid,
                home: PathBuf::from(home),
                shell: PathBuf::from(if shell.is_empty() { "/bin/sh" } else { shell }),
            })
        })
    }

    /// The home directory of a named user, for `~name/`.
    #[must_use]
    pub fn home_of(name: &str) -> Option<PathBuf> {
        let text = std::fs::read_to_string("/etc/passwd").ok()?;
        text.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [first, _, _, _, _, home, _] = fields[..] else { return None };
            (first == name).then(|| PathBuf::from(home))
        })
    }

    /// The shell that runs the user's commands: that of the environment first, as in ssh.
    #[must_use]
    pub fn shell_to_use(&self) -> std::ffi::OsString {
        let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
        shell.unwrap_or_else(|| self.shell.clone().into_os_string())
    }

    /// `path` with `~` and `~name` at its front replaced.
    ///
    /// # Errors
    /// The name of the user that does not exist.
    pub fn expand_tilde(&self, path: &str) -> Result<PathBuf, String> {
        let Some(rest) = path.strip_prefix('~') else { return Ok(PathBuf::from(path)) };
        let (user, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let home = match user {
            "" => self.home.clone(),
            user => Self::home_of(user).ok_or_else(|| format!("No such user {user}"))?,
        };
        Ok(if rest.is_empty() { home } else { home.join(Path::new(rest)) })
    }

    /// A path of this user's: `%h` is the home directory, `%u` the name, `%U` the number, and a
    /// relative path starts in the home directory.
    ///
    /// # Errors
    /// Another `%` token, in sshd's words.
    pub fn expand_pattern(&self, pattern: &str) -> Result<PathBuf, Fatal> {
        let mut path = String::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                path.push(c);
                continue;
            }
            match chars.next() {
                Some('%') => path.push('%'),
                Some('h') => path.push_str(&self.home.to_string_lossy()),
                Some('u') => path.push_str(&self.name),
                Some('U') => path.push_str(&self.uid.to_string()),
                other => {
                    let other = other.map(String::from).unwrap_or_default();
                    let text = format!("vdollar_percent_expand: unknown key %{other}");
                    return Err(Fatal::new(text));
                }
            }
        }
        Ok(self.home.join(path))
    }
}

/// The numbers of a user and of the user's group.
#[must_use]
pub fn ids_of(user: &str) -> Option<(u32, u32)> {
    let text = std::fs::read_to_string("/etc/passwd").ok()?;
    text.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, ..] = fields[..] else { return None };
        (name == user).then_some((uid.parse().ok()?, gid.parse().ok()?))
    })
}

/// The names of a user's groups, the first one of the password file.
#[must_use]
pub fn groups_of(user: &str) -> Vec<String> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    groups_in(&read("/etc/passwd"), &read("/etc/group"), user)
}

fn groups_in(passwd: &str, group: &str, user: &str) -> Vec<String> {
    let primary = passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        fields.get(3).filter(|_| fields.first() == Some(&user)).copied()
    });
    let mut groups = Vec::new();
    for line in group.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, number, members] = fields[..] else { continue };
        if primary == Some(number) {
            groups.insert(0, name.to_owned());
        } else if members.split(',').any(|member| member == user) {
            groups.push(name.to_owned());
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_file_is_read_by_number() {
        let text = "root:x:0:0:root:/root:/bin/bash\nbad line\nu:x:7:7::/home/u:\n";
        let u = Account::from_passwd(text, 7).unwrap();
        assert_eq!((u.name.as_str(), u.home.as_path()), ("u", Path::new("/home/u")));
        assert_eq!(u.shell, Path::new("/bin/sh"));
        assert_eq!(Account::from_passwd(text, 8), None);
    }

    #[test]
    fn groups_are_that_of_the_account_and_those_that_list_it() {
        let passwd = "root:x:0:0::/root:/bin/sh\nann:x:7:70::/home/ann:\n";
        let group = "staff:x:5:bob,ann\nann:x:70:\nbad\nanna:x:8:anna,bob\nroot:x:0:\n";
        assert_eq!(groups_in(passwd, group, "ann"), ["ann", "staff"]);
        assert_eq!(groups_in(passwd, group, "bob"), ["staff", "anna"]);
        assert!(groups_in(passwd, group, "eve").is_empty());
    }

    #[test]
    fn tilde() {
        let account =
            Account { name: "u".into(), uid: 7, home: "/home/u".into(), shell: "/bin/sh".into() };
        assert_eq!(account.expand_tilde("~/x"), Ok("/home/u/x".into()));
        assert_eq!(account.expand_tilde("~"), Ok("/home/u".into()));
        assert_eq!(account.expand_tilde("/a/~"), Ok("/a/~".into()));
        assert_eq!(account.expand_tilde("~root/k"), Ok("/root/k".into()));
        assert!(account.expand_tilde("~no-such-user/k").is_err());
    }
}
