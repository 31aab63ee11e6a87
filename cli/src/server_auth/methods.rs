//! `AuthenticationMethods`: several methods in a row, by one list of several.

use tssh_transport::userauth::{AuthAnswer, Method};

/// Lists of methods, each to be completed in its order; one complete list admits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodLists(Vec<Vec<Method>>);

impl MethodLists {
    /// Reads the words of the keyword. Nothing for `any`: each method admits by itself.
    ///
    /// # Errors
    /// sshd's complaint: a method that there is not, an empty list, or `any` beside others.
    pub fn parse(words: &[String]) -> Result<Option<Self>, String> {
        if let [any] = words
            && any == "any"
        {
            return Ok(None);
        }
        if words.iter().any(|word| word == "any") {
            return Err("\"any\" must appear alone in AuthenticationMethods".to_owned());
        }
        let list = |word: &String| {
            let method = |name: &str| {
                // What follows a colon names the device that asks, and there is one only.
                let name = name.split_once(':').map_or(name, |(name, _)| name);
                Method::from_name(name.as_bytes())
            };
            word.split(',').map(method).collect::<Option<Vec<_>>>()
        };
        let lists = words.iter().map(list).collect::<Option<Vec<_>>>();
        let lists = lists.ok_or("invalid AuthenticationMethods method list.")?;
        if lists.is_empty() {
            return Err("missing argument".to_owned());
        }
        Ok(Some(Self(lists)))
    }

    /// The lists of enabled methods only; nothing where none is left.
    #[must_use]
    pub fn enabled(&self, enabled: &[Method]) -> Option<Self> {
        let possible = |list: &&Vec<Method>| list.iter().all(|method| enabled.contains(method));
        let lists: Vec<_> = self.0.iter().filter(possible).cloned().collect();
        (!lists.is_empty()).then_some(Self(lists))
    }

    /// The methods that can be next after those that were completed, as a name-list; nothing
    /// where a list is complete.
    #[must_use]
    pub fn next(&self, completed: &[Method]) -> Option<String> {
        let mut names: Vec<&str> = Vec::new();
        for list in &self.0 {
            let mut rest = list.as_slice();
            for method in completed {
                if let [first, others @ ..] = rest
                    && first == method
                {
                    rest = others;
                }
            }
            let name = rest.first()?.name();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Some(names.join(","))
    }

    /// What a method that was right comes to.
    #[must_use]
    pub fn answer(&self, completed: &[Method], now: Method) -> AuthAnswer {
        match self.next(&[completed, &[now]].concat()) {
            None => AuthAnswer::Accept,
            Some(methods) => AuthAnswer::Partial { methods },
        }
    }
}

impl std::fmt::Display for MethodLists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |list: &Vec<Method>| list.iter().map(|m| m.name()).collect::<Vec<_>>().join(",");
        f.write_str(&self.0.iter().map(list).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Method::{KeyboardInteractive as I, Password as P, PublicKey as K};

    fn lists(text: &str) -> MethodLists {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        MethodLists::parse(&words).unwrap().unwrap()
    }

    #[test]
    fn words() {
        assert_eq!(MethodLists::parse(&["any".into()]), Ok(None));
        for bad in ["any publickey", "publickey,", "", "hostbased,x"] {
            let words: Vec<String> = bad.split(' ').map(str::to_owned).collect();
            assert!(MethodLists::parse(&words).is_err(), "{bad}");
        }
        assert!(MethodLists::parse(&[]).is_err());
        let text = "publickey,password publickey,keyboard-interactive:bsdauth";
        assert_eq!(lists(text).to_string(), text.trim_end_matches(":bsdauth"));
    }

    #[test]
    fn one_list_after_the_other_method() {
        let all = lists("publickey,password publickey,keyboard-interactive password,publickey");
        let next = |completed: &[Method]| all.next(completed);
        assert_eq!(next(&[]).as_deref(), Some("publickey,password"));
        assert_eq!(next(&[K]).as_deref(), Some("password,keyboard-interactive"));
        assert_eq!(next(&[K, P]), None);
        assert_eq!(next(&[K, I]), None);
        assert_eq!(next(&[P]).as_deref(), Some("publickey"));
        assert_eq!(next(&[P, K]), None);
        let twice = lists("publickey,publickey");
        assert_eq!(twice.next(&[K]).as_deref(), Some("publickey"));
        assert_eq!(twice.next(&[K, K]), None);
        assert!(matches!(twice.answer(&[], K), AuthAnswer::Partial { .. }));
        assert!(matches!(twice.answer(&[K], K), AuthAnswer::Accept));
    }

    #[test]
    fn lists_with_a_method_that_is_off_do_not_count() {
        let all = lists("publickey,password publickey");
        assert_eq!(all.enabled(&[K]), Some(lists("publickey")));
        assert_eq!(all.enabled(&[P]), None);
        assert_eq!(all.enabled(&[K, P]), Some(all));
    }
}
