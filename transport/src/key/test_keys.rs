//! The keys of `testdata/`, which are for tests only.

/// Passphrase of every encrypted file.
pub(super) const PASSPHRASE: &[u8] = b"correct horse";
/// What the `.sig` files sign.
pub(super) const MESSAGE: &[u8] = include_bytes!("testdata/message");
/// What `ssh-keygen -l` prints for the keys of [`PLAIN`], SHA-256 and MD5 by turns.
pub(super) const FINGERPRINTS: &str = include_str!("testdata/fingerprints");

/// One key in the forms that `ssh-keygen` gave it.
pub(super) struct TestKey {
    /// Signature algorithms, RFC names.
    pub algorithms: &'static [&'static str],
    /// The line of the `.pub` file.
    pub public: &'static str,
    /// OpenSSH's format.
    pub private: &'static [u8],
    /// The same, encrypted.
    pub encrypted: &'static [u8],
    /// A signature over [`MESSAGE`] in the form of `ssh-keygen -Y sign`.
    pub signature: &'static str,
}

macro_rules! test_key {
    ($name:literal, $algorithms:expr) => {
        TestKey {
            algorithms: $algorithms,
            public: include_str!(concat!("testdata/", $name, ".pub")),
            private: include_bytes!(concat!("testdata/", $name)),
            encrypted: include_bytes!(concat!("testdata/", $name, ".enc")),
            signature: include_str!(concat!("testdata/", $name, ".sig")),
        }
    };
}

/// Every key type.
pub(super) const PLAIN: [TestKey; 5] = [
    test_key!("ed25519", &["ssh-ed25519"]),
    test_key!("ecdsa256", &["ecdsa-sha2-nistp256"]),
    test_key!("ecdsa384", &["ecdsa-sha2-nistp384"]),
    test_key!("ecdsa521", &["ecdsa-sha2-nistp521"]),
    test_key!("rsa2048", &["rsa-sha2-512", "rsa-sha2-256"]),
];
