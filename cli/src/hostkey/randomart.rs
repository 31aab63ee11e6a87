//! A fingerprint as a picture, so that people notice a change: the walk of the drunken bishop.
//!
//! The bishop starts in the middle of the board and makes one diagonal step for each pair of bits
//! of the digest, the lowest pair of each byte first; a wall keeps him in. Each square shows how
//! often he stood on it, `S` where he began and `E` where he fell asleep (D. Loss, T. Limmer,
//! A. von Gernler: The drunken bishop, 2009).

const WIDTH: usize = 17;
const HEIGHT: usize = 9;
/// What a square shows after so many visits; more visits show the last one.
const COINS: &[u8] = b" .o+=*BOX@%&#/^";

/// The picture of a digest: `kind` and `bits` stand above it, the digest's name below.
#[must_use]
pub fn draw(digest: &[u8], kind: &str, bits: u32, digest_name: &str) -> String {
    let mut visits = [[0_usize; WIDTH]; HEIGHT];
    let start = (WIDTH / 2, HEIGHT / 2);
    let (mut x, mut y) = start;
    for byte in digest {
        for pair in 0..4 {
            let step = byte >> (2 * pair);
            x = if step & 1 == 0 { x.saturating_sub(1) } else { (x + 1).min(WIDTH - 1) };
            y = if step & 2 == 0 { y.saturating_sub(1) } else { (y + 1).min(HEIGHT - 1) };
            visits[y][x] += 1;
        }
    }
    let title = format!("[{kind} {bits}]");
    // The size gives way where both do not fit.
    let title = if title.len() > WIDTH { format!("[{kind}]") } else { title };
    let mut picture = frame(&title);
    for (row, line) in visits.iter().enumerate() {
        picture.push('|');
        for (column, n) in line.iter().enumerate() {
            picture.push(match (column, row) {
                square if square == (x, y) => 'E',
                square if square == start => 'S',
                _ => char::from(COINS[(*n).min(COINS.len() - 1)]),
            });
        }
        picture.push_str("|\n");
    }
    picture.push_str(frame(&format!("[{digest_name}]")).trim_end());
    picture
}

/// An edge with a word in its middle.
fn frame(word: &str) -> String {
    let word: String = word.chars().take(WIDTH).collect();
    let left = (WIDTH - word.len()) / 2;
    let right = WIDTH - word.len() - left;
    format!("+{}{word}{}+\n", "-".repeat(left), "-".repeat(right))
}

#[cfg(test)]
mod tests {
    use crate::config::options::FingerprintHash;
    use crate::test_support::Dir;
    use std::process::Command;
    use tssh_transport::key::PublicKey;

    /// `ssh-keygen -lv` draws the same picture of every kind of key.
    #[test]
    fn the_same_picture_as_ssh_keygen() {
        let dir = Dir::new();
        for (n, kind) in ["ed25519", "ecdsa", "rsa", "ed25519", "ed25519"].iter().enumerate() {
            let Some(path) = dir.key(&format!("k{n}"), kind, "") else { return };
            let public = format!("{}.pub", path.display());
            let text = std::fs::read_to_string(&public).unwrap();
            let (key, _) = PublicKey::from_line(&text).unwrap();
            for (name, hash) in [("sha256", FingerprintHash::Sha256), ("md5", FingerprintHash::Md5)]
            {
                let out = Command::new("ssh-keygen")
                    .args(["-lv", "-E", name, "-f", &public])
                    .output()
                    .unwrap();
                let shown = String::from_utf8(out.stdout).unwrap();
                let (_, picture) = shown.split_once('\n').unwrap();
                assert_eq!(super::super::picture(&key, hash), picture.trim_end(), "{kind} {name}");
            }
        }
    }
}
