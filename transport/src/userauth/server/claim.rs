//! What a client has shown so far, for one user and one service.

use super::super::Method;
use crate::error::{Error, Result};
use crate::key::PublicKey;
use crate::limits::{PARTIAL_SUCCESSES_MAX, USER_NAME_BYTES_MAX};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The user and service named by the last request, with all that was completed for them. Nothing
/// here outlives a change of either.
#[derive(Debug, Default)]
pub(super) struct Claim {
    pub(super) user: String,
    service: Vec<u8>,
    /// Methods that can continue, as a name-list.
    pub(super) methods: String,
    /// At most `PARTIAL_SUCCESSES_MAX` and the last.
    pub(super) completed: Vec<Method>,
    /// What completed `publickey` requests came with; as bounded as `completed`.
    pub(super) keys: Vec<Vec<u8>>,
    /// The keys themselves, taken out of certificates.
    pub(super) used: Vec<PublicKey>,
}

impl Claim {
    /// Takes user and service of a new request.
    ///
    /// # Errors
    /// A user name that is too long or that no account can have.
    pub(super) fn renew(&mut self, user: &str, service: &[u8], methods: &str) -> Result<()> {
        check_user_name(user)?;
        // "MUST carefully check them in every message, and MUST flush any accumulated
        // authentication states if they change" RFC 4252 section 5
        if self.user != user || self.service != service {
            *self = Self {
                user: user.to_string(),
                service: service.to_vec(),
                methods: methods.to_string(),
                completed: Vec::new(),
                keys: Vec::new(),
                used: Vec::new(),
            };
        }
        Ok(())
    }

    pub(super) fn allows(&self, method: Method) -> bool {
        self.methods.split(',').any(|name| name == method.name())
    }

    /// Whether as much was completed as one session may complete without succeeding.
    pub(super) fn is_full(&self) -> bool {
        u32::try_from(self.completed.len()).is_ok_and(|n| n >= PARTIAL_SUCCESSES_MAX)
    }

    /// Notes a method as completed, with the key if there was one.
    pub(super) fn complete(&mut self, method: Method, key: Option<(Vec<u8>, PublicKey)>) {
        self.completed.push(method);
        if let Some((blob, key)) = key {
            self.keys.push(blob);
            self.used.push(key);
        }
    }
}

fn check_user_name(user: &str) -> Result<()> {
    if user.len() > USER_NAME_BYTES_MAX {
        return Err(Error::LimitReached("bytes of a user name"));
    }
    // RFC 4252 section 8 asks for RFC 4013, whose section 2.3 prohibits control characters; and
    // a name that ends at a zero byte for one reader and not for another is two names.
    if user.chars().any(char::is_control) {
        return Err(Error::PeerMisbehaved("a user name holds a control character (RFC 4013)"));
    }
    Ok(())
}
