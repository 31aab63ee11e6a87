//! Host certificates: keys that an authority vouches for, where known_hosts says
//! `@cert-authority`.

use super::{HostKeyCheck, Shown, Verdict, fingerprint_of, texts, type_name};
use crate::known_hosts::{Entry, KnownHosts};
use crate::log;
use std::time::{SystemTime, UNIX_EPOCH};
use tssh_transport::key::Certificate;
use tssh_transport::text::printable;

/// Bytes of a key id that are shown.
const KEY_ID_SHOWN_BYTES: usize = 256;

impl HostKeyCheck {
    /// What the certificate comes to; nothing where it does not help, and the key inside has to
    /// be known by itself.
    pub(super) fn check_certificate(
        &self,
        shown: &Shown<'_>,
        certificate: &Certificate,
        files: &KnownHosts,
    ) -> Option<Verdict> {
        let ca = certificate.authority().blob();
        let (kind, hash) = (shown.kind, self.settings.fingerprint_hash);
        log::debug1(format_args!(
            "Server host certificate: {} {}, serial {} ID \"{}\" CA {} {}",
            certificate.key_type(),
            shown.fingerprint,
            certificate.serial(),
            printable(certificate.key_id().as_bytes(), KEY_ID_SHOWN_BYTES),
            certificate.authority().key_type(),
            fingerprint_of(&ca, hash)
        ));
        if files.revokes(&shown.name, &ca) || files.revokes(&shown.name, &shown.blob) {
            return Some(self.revoked(shown));
        }
        let entry = self.authority_line(files, &shown.name, &ca)?;
        let algorithm = certificate.authority_algorithm();
        if !self.settings.ca_signature_algorithms.iter().any(|name| name == algorithm) {
            log::error(format_args!(
                "Certificate of {} is signed with {algorithm}, which is not in \
                 CASignatureAlgorithms",
                shown.name
            ));
            return None;
        }
        let name = self.settings.host_key_alias.as_ref().unwrap_or(&self.settings.host_name);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if let Err(fault) = certificate.check_host(name, now) {
            log::error(fault);
            return None;
        }
        log::debug1(format_args!(
            "Host '{}' is known and matches the {kind}-CERT host certificate.",
            shown.name
        ));
        let ca_kind = type_name(certificate.authority());
        log::debug1(format_args!("Found {ca_kind} CA key in {}", texts::place(entry)));
        // Whoever has certificates changes keys by them: nothing is learnt here.
        Some(Verdict::Learnt)
    }

    /// The line about the authority, under the name with its port or without.
    fn authority_line<'f>(
        &self,
        files: &'f KnownHosts,
        name: &str,
        ca: &[u8],
    ) -> Option<&'f Entry> {
        let bare = Some(&self.settings.host_name)
            .filter(|_| self.settings.host_key_alias.is_none() && self.settings.port != 22);
        files.authority(name, ca).or_else(|| files.authority(bare?, ca))
    }
}
