//! What has gone wrong elsewhere, and what stands against it here.
//!
//! * **Prefix truncation** (Terrapin, CVE-2023-48795): messages put in before NEWKEYS shift the
//!   sequence numbers, so that as many can be cut off after it. Strict key exchange resets the
//!   numbers at NEWKEYS and lets nothing through before it: [`crate::admission`] is one table,
//!   tested for all 256 numbers in every phase.
//! * **Messages in the wrong phase** (CVE-2018-10933, CVE-2025-32433, CVE-2023-46445): the same
//!   table, and docs/states.md shows what comes of each message in every state. The layer of
//!   channels cannot exist before [`crate::proof::UserAuthenticated`] does.
//! * **Lengths that are believed** (CVE-2024-43410): [`crate::wire::Reader`] compares each with
//!   what is present before it does anything. There is no allocation from a claim.
//! * **Rekey stalls and ping floods** (CVE-2025-22869, CVE-2025-26466): replies that wait for a
//!   key exchange are bounded in number and bytes, and a peer that does not read what it asked
//!   for is not read either. The bounds stand in [`crate::limits`], each with its reason.
//! * **Weak shares**: an X25519 result of zero, a finite-field share of 0, 1 or p-1, a group that
//!   is too small. Each method's file names its checks.
//! * **A signature that binds too little**: over another session, another user, another
//!   algorithm. [`crate::userauth`] rebuilds the signed data from the fields it received and the
//!   session identifier it holds.
