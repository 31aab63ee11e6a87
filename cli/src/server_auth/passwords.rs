//! A file of hashed passwords: `user:$argon2id$v=19$m=...,t=...,p=...$salt$hash` on each line.

use super::strict::{Owner, Strictness, read};
use argon2::{Algorithm, Argon2, Params, Version};
use std::fmt;
use std::io::BufRead;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use subtle::ConstantTimeEq as _;
use tssh_transport::key::base64;
use zeroize::Zeroizing;

/// Bytes of the file: 10,000 users.
const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// Bytes of a password to hash: what a terminal hands over as one line.
const PASSWORD_BYTES_MAX: u64 = 4096;
/// KiB of memory, rounds and lanes that an entry may ask for: one login must not take the
/// machine with it.
const MEMORY_KIB_MAX: u32 = 256 * 1024;
const ROUNDS_MAX: u32 = 64;
const LANES_MAX: u32 = 16;
/// Bytes of salt and hash that an entry may have, RFC 9106 section 3.1 within reason.
const SALT_BYTES: core::ops::RangeInclusive<usize> = 8..=64;
const HASH_BYTES: core::ops::RangeInclusive<usize> = 16..=64;
/// Bytes of salt and hash of our own entries, RFC 9106 section 4.
const NEW_SALT_BYTES: usize = 16;
const NEW_HASH_BYTES: usize = 32;

/// One hash with all that is needed to compute it again.
#[derive(Clone)]
struct Hash {
    memory_kib: u32,
    rounds: u32,
    lanes: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl fmt::Debug for Hash {
    /// Neither salt nor hash: what is logged may be read by others than the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(..)")
    }
}

/// The passwords of a file.
#[derive(Debug)]
pub struct PasswordFile {
    users: Vec<(String, Hash)>,
    /// Computed for users who are not listed.
    dummy: Hash,
    /// One hash at a time: the memory in use is that of one, however many clients knock.
    turn: Mutex<()>,
}

impl PasswordFile {
    /// Reads a file that nobody but its owner can read or write.
    ///
    /// # Errors
    /// One line that names the file, and the line in it if one is wrong.
    pub fn load(path: &Path, owner: Owner<'_>) -> Result<Self, String> {
        let text = read(path, FILE_BYTES_MAX, Strictness::OwnerReads, owner)?;
        let shown = path.display();
        let text = String::from_utf8(text).map_err(|_| format!("{shown}: not UTF-8"))?;
        Self::parse(&text).map_err(|(line, fault)| format!("{shown} line {line}: {fault}"))
    }

    /// Reads the text of a file. Empty lines and lines that begin with `#` are passed over.
    ///
    /// # Errors
    /// The number of the first line that is wrong, and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, (usize, &'static str)> {
        let mut users: Vec<(String, Hash)> = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let fault = |what| (i + 1, what);
            let (user, phc) = line.split_once(':').ok_or(fault("no user name"))?;
            if user.is_empty() {
                return Err(fault("no user name"));
            }
            if users.iter().any(|(own, _)| own == user) {
                return Err(fault("user listed twice"));
            }
            users.push((user.to_owned(), Hash::parse(phc).map_err(fault)?));
        }
        let dummy = Hash::like(users.first().map(|(_, hash)| hash));
        Ok(Self { users, dummy, turn: Mutex::new(()) })
    }

    /// Whether this is the user's password. Takes as long for a user who is not listed: a hash is
    /// computed with the parameters of the first entry, and only then the answer is no.
    ///
    /// An empty password is never right.
    #[must_use]
    pub fn verify(&self, user: &str, password: &str) -> bool {
        let listed = self.users.iter().find(|(own, _)| own == user).map(|(_, hash)| hash);
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let right = listed.unwrap_or(&self.dummy).verify(password.as_bytes());
        drop(turn);
        right && listed.is_some() && !password.is_empty()
    }
}

impl Hash {
    /// Reads the PHC string of argon2id, version 19.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let parts: Vec<&str> = text.split('$').collect();
        let ["", "argon2id", "v=19", costs, salt, hash] = parts[..] else {
            return Err("not a hash of the form $argon2id$v=19$...");
        };
        let costs: Vec<&str> = costs.split(',').collect();
        let [m, t, p] = costs[..] else { return Err("m=, t= and p= expected") };
        let cost = |text: &str, name: &str, max: u32| {
            let digits = text.strip_prefix(name).ok_or("m=, t= and p= expected")?;
            let value: u32 = digits.parse().map_err(|_| "a cost is not a number")?;
            if value > max { Err("a cost is out of bounds") } else { Ok(value) }
        };
        let bytes = |text: &str, range: core::ops::RangeInclusive<usize>| {
            let padding = "=".repeat((4 - text.len() % 4) % 4);
            let bytes = base64::decode(&format!("{text}{padding}")).ok_or("bad base64")?;
            if range.contains(&bytes.len()) {
                Ok(bytes)
            } else {
                Err("salt or hash too short or long")
            }
        };
        let out = Self {
            memory_kib: cost(m, "m=", MEMORY_KIB_MAX)?,
            rounds: cost(t, "t=", ROUNDS_MAX)?,
            lanes: cost(p, "p=", LANES_MAX)?,
            salt: bytes(salt, SALT_BYTES)?,
            hash: bytes(hash, HASH_BYTES)?,
        };
        out.argon2().map(|_| out.clone()).ok_or("a cost is out of bounds")
    }

    /// A hash of nothing, as costly as another.
    fn like(other: Option<&Self>) -> Self {
        let costs = Params::default();
        let (salt, hash) = (vec![0; NEW_SALT_BYTES], vec![0; NEW_HASH_BYTES]);
        match other {
            Some(other) => Self { salt, hash: vec![0; other.hash.len()], ..*other },
            None => Self {
                memory_kib: costs.m_cost(),
                rounds: costs.t_cost(),
                lanes: costs.p_cost(),
                salt,
                hash,
            },
        }
    }

    fn argon2(&self) -> Option<Argon2<'static>> {
        let length = Some(self.hash.len());
        let params = Params::new(self.memory_kib, self.rounds, self.lanes, length).ok()?;
        Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }

    fn verify(&self, password: &[u8]) -> bool {
        self.compute(password).is_some_and(|own| own.ct_eq(&self.hash).into())
    }

    fn compute(&self, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(vec![0; self.hash.len()]);
        self.argon2()?.hash_password_into(password, &self.salt, &mut out).ok()?;
        Some(out)
    }

    fn to_phc(&self) -> String {
        let text = |bytes: &[u8]| base64::encode(bytes).trim_end_matches('=').to_owned();
        let Self { memory_kib, rounds, lanes, .. } = self;
        let (salt, hash) = (text(&self.salt), text(&self.hash));
        format!("$argon2id$v=19$m={memory_kib},t={rounds},p={lanes}${salt}${hash}")
    }
}

/// The hash of a password for a line of the file, with the costs of RFC 9106 as the argon2 crate
/// recommends them (19 MiB, 2 rounds, 1 lane).
#[must_use]
pub fn hash_password(password: &str, salt: [u8; NEW_SALT_BYTES]) -> Option<String> {
    let mut hash = Hash { salt: salt.to_vec(), ..Hash::like(None) };
    hash.hash = hash.compute(password.as_bytes())?.to_vec();
    Some(hash.to_phc())
}

/// For `tsshd --hash-password`: reads one line, a password, and gives its hash.
///
/// # Errors
/// One line to print: nothing to read, an empty password, one that is too long or not UTF-8.
pub fn hash_password_line(input: &mut impl BufRead) -> Result<String, String> {
    use std::io::Read as _;
    let mut line = Zeroizing::new(Vec::with_capacity(PASSWORD_BYTES_MAX as usize + 1));
    input
        .take(PASSWORD_BYTES_MAX + 1)
        .read_until(b'\n', &mut line)
        .map_err(|e| format!("Could not read the password: {e}"))?;
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err("An empty password is never accepted.".to_owned());
    }
    if u64::try_from(line.len()).is_ok_and(|n| n > PASSWORD_BYTES_MAX) {
        return Err(format!("The password is longer than {PASSWORD_BYTES_MAX} bytes."));
    }
    let password = core::str::from_utf8(line).map_err(|_| "The password is not UTF-8.")?;
    let mut salt = [0; NEW_SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|e| format!("No random bytes: {e}"))?;
    hash_password(password, salt).ok_or_else(|| "The hash could not be computed.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Costs small enough for a test.
    fn cheap(password: &str) -> String {
        let costs = Hash { memory_kib: 64, rounds: 1, lanes: 1, ..Hash::like(None) };
        let mut hash = Hash { salt: b"some salt".to_vec(), ..costs };
        hash.hash = hash.compute(password.as_bytes()).unwrap().to_vec();
        hash.to_phc()
    }

    /// Made with the reference program: `echo -n password | argon2 somesalt -id -t 2 -k 256 -p 1`.
    #[test]
    fn the_reference_program_agrees() {
        let phc =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let hash = Hash::parse(phc).unwrap();
        assert!(hash.verify(b"password") && !hash.verify(b"Password"));
        assert_eq!(hash.to_phc(), phc);
    }

    #[test]
    fn only_the_listed_user_with_the_right_password_gets_in() {
        let text = format!("# users\n\nann:{}\r\nbob:{}\n", cheap("one"), cheap("two"));
        let file = PasswordFile::parse(&text).unwrap();
        assert!(file.verify("ann", "one") && file.verify("bob", "two"));
        for (user, password) in
            [("ann", "two"), ("ann", ""), ("ann", "one "), ("eve", "one"), ("", "one"), ("eve", "")]
        {
            assert!(!file.verify(user, password), "{user} {password}");
        }
    }

    #[test]
    fn debug_output_shows_neither_salt_nor_hash() {
        let file = PasswordFile::parse(&format!("ann:{}", cheap("one"))).unwrap();
        let (shown, hash) = (format!("{file:?}"), &file.users[0].1);
        assert!(shown.contains("Hash(..)"), "{shown}");
        for secret in [&hash.salt, &hash.hash] {
            assert!(!shown.contains(&format!("{secret:?}")), "{shown}");
        }
    }

    #[test]
    fn an_empty_password_is_never_right_even_if_it_is_listed() {
        let file = PasswordFile::parse(&format!("ann:{}", cheap(""))).unwrap();
        assert!(!file.verify("ann", ""));
    }

    #[test]
    fn unknown_users_cost_what_the_first_entry_costs() {
        let file = PasswordFile::parse(&format!("ann:{}", cheap("one"))).unwrap();
        let own = &file.users[0].1;
        let costs = |hash: &Hash| (hash.memory_kib, hash.rounds, hash.lanes, hash.hash.len());
        assert_eq!(costs(&file.dummy), costs(own));
        assert!(!file.verify("eve", "anything"));
        let empty = PasswordFile::parse("").unwrap();
        assert_eq!(empty.dummy.memory_kib, Params::default().m_cost());
    }

    #[test]
    fn bad_lines_are_named() {
        let good = cheap("x");
        for (text, line, fault) in [
            ("ann".to_owned(), 1, "no user name"),
            (format!("\n:{good}"), 2, "no user name"),
            (format!("a:{good}\na:{good}"), 2, "user listed twice"),
            ("a:secret".to_owned(), 1, "not a hash of the form $argon2id$v=19$..."),
            (
                format!("a:{}", good.replace("2id", "2i")),
                1,
                "not a hash of the form $argon2id$v=19$...",
            ),
            (format!("a:{}", good.replace("m=64,", "")), 1, "m=, t= and p= expected"),
            (format!("a:{}", good.replace("m=64", "m=4294967295")), 1, "a cost is out of bounds"),
            (format!("a:{}", good.replace("m=64", "m=1")), 1, "a cost is out of bounds"),
            (format!("a:{}", good.replace("t=1", "t=x")), 1, "a cost is not a number"),
            (format!("a:{good}!"), 1, "bad base64"),
            (
                format!("a:{}", good.replace("c29tZSBzYWx0", "c29t")),
                1,
                "salt or hash too short or long",
            ),
        ] {
            assert_eq!(PasswordFile::parse(&text).err(), Some((line, fault)), "{text}");
        }
    }

    #[test]
    fn a_new_hash_verifies_and_its_salt_is_fresh() {
        let hash = |text: &str| hash_password_line(&mut text.as_bytes());
        let (a, b) = (hash("secret\nignored").unwrap(), hash("secret\r\n").unwrap());
        assert_ne!(a, b);
        for phc in [a, b] {
            assert!(PasswordFile::parse(&format!("ann:{phc}")).unwrap().verify("ann", "secret"));
        }
        assert!(hash("").is_err() && hash("\n").is_err());
        let long = "x".repeat(5000);
        assert!(hash(&long).unwrap_err().contains("longer than 4096"));
    }
}
