//! The checksums of a file. They are stored, so their rules are for ever. Pure.

use std::fmt;

use sha2::{Digest, Sha256};

/// A SHA-256; shown and stored as 64 digits in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum([u8; 32]);

impl Checksum {
    /// The hash of the text with LF line ends, so that `sha256sum` of an LF file prints the same.
    #[must_use]
    pub fn of_text(text: &str) -> Checksum {
        let mut hash = Sha256::new();
        if !text.contains('\r') {
            hash.update(text.as_bytes());
            return Checksum(hash.finalize().into());
        }
        for (i, part) in text.split("\r\n").enumerate() {
            if i > 0 {
                hash.update(b"\n");
            }
            hash.update(part.as_bytes());
        }
        Checksum(hash.finalize().into())
    }

    /// Reads what `Display` writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Checksum> {
        let mut bytes = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            let [high, low] = pair.map(|digit| {
                (digit as char)
                    .to_digit(16)
                    .filter(|_| !digit.is_ascii_uppercase())
            });
            *byte = u8::try_from(high? << 4 | low?).ok()?;
        }
        Some(Checksum(bytes))
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A hash over tokens, each followed by 0x1F.
#[derive(Default)]
pub(super) struct TokenHash {
    hash: Sha256,
    /// What is not hashed yet: a call for each of many small tokens would cost more than the hash.
    waiting: Vec<u8>,
}

/// Tokens wait until there are so many bytes.
const BLOCK: usize = 4 * 1024;

impl TokenHash {
    pub(super) fn add(&mut self, token: &str) {
        if self.waiting.len() + token.len() >= BLOCK {
            self.hash.update(&self.waiting);
            self.waiting.clear();
        }
        if token.len() < BLOCK {
            self.waiting.extend_from_slice(token.as_bytes());
        } else {
            self.hash.update(token.as_bytes());
        }
        self.waiting.push(0x1F);
    }

    pub(super) fn finish(mut self) -> Checksum {
        self.hash.update(&self.waiting);
        Checksum(self.hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_written_as_sha256sum_writes_it() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Checksum::of_text("").to_string(), text);
        assert_eq!(Checksum::parse(text), Some(Checksum::of_text("")));
        for bad in [
            "",
            "e3",
            &text.to_uppercase(),
            &text.replace('e', "g"),
            &format!("{text}00"),
            "é",
        ] {
            assert_eq!(Checksum::parse(bad), None, "{bad:?}");
        }
    }
}
