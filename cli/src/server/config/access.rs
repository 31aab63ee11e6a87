//! `AllowUsers`, `DenyUsers`, `AllowGroups` and `DenyGroups`.

use crate::config::pattern;
use crate::server_auth::from;
use std::net::IpAddr;

/// Who may log in; an empty list says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is named as its keyword, see sshd_config(5)")]
pub struct Access {
    pub allow_users: Vec<String>,
    pub deny_users: Vec<String>,
    pub allow_groups: Vec<String>,
    pub deny_groups: Vec<String>,
}

impl Access {
    /// Whether nobody is kept out.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Why a user with these groups may not log in from there, in sshd's words; nothing for one
    /// who may. Names of clients are not looked up: a `user@host` with a name matches nobody.
    #[must_use]
    pub fn refusal(&self, user: &str, groups: &[String], address: IpAddr) -> Option<&'static str> {
        let named = |list: &[String]| list.iter().any(|p| matches_user(p, user, address));
        let grouped = |list: &[String]| {
            groups.iter().any(|group| list.iter().any(|p| pattern::matches(group, p)))
        };
        if named(&self.deny_users) {
            return Some("listed in DenyUsers");
        }
        if !self.allow_users.is_empty() && !named(&self.allow_users) {
            return Some("not listed in AllowUsers");
        }
        let by_group = !self.deny_groups.is_empty() || !self.allow_groups.is_empty();
        if by_group && groups.is_empty() {
            return Some("not in any group");
        }
        if grouped(&self.deny_groups) {
            return Some("a group is listed in DenyGroups");
        }
        if !self.allow_groups.is_empty() && !grouped(&self.allow_groups) {
            return Some("none of user's groups are listed in AllowGroups");
        }
        None
    }
}

/// `user`, or `user@host` with a list of addresses behind it.
fn matches_user(pattern: &str, user: &str, address: IpAddr) -> bool {
    let Some((name, hosts)) = pattern.split_once('@') else {
        return pattern::matches(user, pattern);
    };
    pattern::matches(user, name) && from::admits(hosts, address) == Some(true)
}

/// Whether a pattern is well-formed: networks behind its `@` have no bits outside their mask.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    let Some((_, hosts)) = text.split_once('@') else { return true };
    let some = IpAddr::from([0; 4]);
    hosts.split(',').filter(|one| !one.is_empty()).all(|one| from::admits(one, some).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(access: &Access) -> Option<&'static str> {
        let groups = ["ann".to_owned(), "staff".to_owned()];
        access.refusal("ann", &groups, IpAddr::from([10, 0, 0, 7]))
    }

    #[test]
    fn users_and_where_they_come_from() {
        for (pattern, matches) in [
            ("ann", true),
            ("Ann", false),
            ("a*", true),
            ("bob", false),
            ("ann@10.0.0.7", true),
            ("ann@10.0.0.0/24", true),
            ("ann@10.0.1.0/24", false),
            ("ann@10.0.0.0/24,!10.0.0.7", false),
            ("*@10.*", true),
            ("ann@client.example.org", false),
            ("ann@*", true),
        ] {
            let list = vec![pattern.to_owned()];
            let denied = Access { deny_users: list.clone(), ..Access::default() };
            assert_eq!(refusal(&denied).is_some(), matches, "{pattern}");
            let allowed = Access { allow_users: list, ..Access::default() };
            assert_eq!(refusal(&allowed).is_none(), matches, "{pattern}");
        }
        assert!(is_pattern("a@10.0.0.0/8") && is_pattern("@") && !is_pattern("a@10.0.0.1/8"));
    }

    #[test]
    fn refusals_are_in_words_of_sshd() {
        let list = |text: &str| vec![text.to_owned()];
        let access = Access { deny_users: list("ann"), ..Access::default() };
        assert_eq!(refusal(&access), Some("listed in DenyUsers"));
        let access = Access { allow_users: list("bob"), ..Access::default() };
        assert_eq!(refusal(&access), Some("not listed in AllowUsers"));
        let access = Access { deny_groups: list("st*"), ..Access::default() };
        assert_eq!(refusal(&access), Some("a group is listed in DenyGroups"));
        let address = IpAddr::from([10, 0, 0, 7]);
        assert_eq!(access.refusal("ann", &[], address), Some("not in any group"));
        let access = Access { allow_groups: list("wheel"), ..Access::default() };
        assert_eq!(refusal(&access), Some("none of user's groups are listed in AllowGroups"));
        let access = Access {
            allow_users: list("ann"),
            allow_groups: list("staff"),
            deny_groups: list("wheel"),
            ..Access::default()
        };
        assert_eq!(refusal(&access), None);
    }
}
