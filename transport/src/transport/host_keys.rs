//! Host keys beyond the one that signs the key exchange.

use super::Transport;
use alloc::vec::Vec;

impl Transport {
    /// Server: the answer to `hostkeys-prove-00@openssh.com`; nothing for a request that is
    /// refused. See [`host_key_proof`](crate::kex::host_key_proof).
    #[must_use]
    pub fn prove_host_keys(&self, request: &[u8]) -> Option<Vec<u8>> {
        self.exchanger.prove_host_keys(request)
    }
}
