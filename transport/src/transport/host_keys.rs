//! Host keys beyond the one that signs the key exchange.

use super::Transport;
use alloc::vec::Vec;

impl Transport {
    /// Binds key requests to the host key where both sides do that: see
    /// [`bound_host_key`](Self::bound_host_key). To be called before the first byte arrives.
    pub const fn allow_host_bound(&mut self) {
        self.host_bound = true;
    }

    /// The host key that key requests are bound to: for a server that allows it, and for a client
    /// whose server has announced it. RFC 4252 has no such thing; it keeps a signature from being
    /// used at another host.
    #[must_use]
    pub fn bound_host_key(&self) -> Option<&[u8]> {
        let ours = self.host_bound && (!self.side.is_client() || self.extensions.host_bound);
        self.exchanger.host_key_blob().filter(|_| ours)
    }

    /// Server: the answer to `hostkeys-prove-00@openssh.com`; nothing for a request that is
    /// refused. See [`host_key_proof`](crate::kex::host_key_proof).
    #[must_use]
    pub fn prove_host_keys(&self, request: &[u8]) -> Option<Vec<u8>> {
        self.exchanger.prove_host_keys(request)
    }
}
