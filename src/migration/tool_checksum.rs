//! The checksums that other tools keep of a file. Their rules are theirs; the tests hold what the tools themselves
//! computed. Pure.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384};

/// What a tool says of the text of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// MD5, SHA-1 or SHA-256 of the bytes, told by the number of digits.
    Digest(String),
    /// sqlx: SHA-384 of the bytes.
    Sha384(String),
    /// SHA-256 that does not mind the style of line ends.
    Prisma(String),
    /// CRC-32 over the lines without their ends.
    Flyway(String),
    Refinery {
        name: String,
        version: i64,
        value: String,
    },
    /// SHA-1 over the previous hash and the text below the header.
    Graphile { previous: String, value: String },
    /// postgres-migrations: SHA-1 over name and bytes.
    Named(String),
    /// A running SHA-256 over all files so far.
    Atlas(String),
}

/// A file as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// The name that the other tool knows.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Whether a file is the one that a tool has applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    Same,
    Differs,
    /// A checksum of an unknown kind.
    Unknown,
}

impl Stored {
    /// Compares the checksum with a file. `running` is what `running_hashes` tells of it.
    #[must_use]
    pub fn fit(&self, file: &Original, running: &str) -> Fit {
        let bytes = file.bytes.as_slice();
        let same = match self {
            Stored::Digest(text) => match text.len() {
                32 => text.eq_ignore_ascii_case(&hex::<Md5>(&[bytes])),
                40 => text.eq_ignore_ascii_case(&hex::<Sha1>(&[bytes])),
                64 => text.eq_ignore_ascii_case(&hex::<Sha256>(&[bytes])),
                _ => return Fit::Unknown,
            },
            Stored::Sha384(text) => *text == hex::<Sha384>(&[bytes]),
            Stored::Prisma(text) => prisma(bytes).contains(text),
            Stored::Flyway(text) => *text == flyway(bytes).to_string(),
            Stored::Refinery {
                name,
                version,
                value,
            } => refinery(name, *version, bytes).any(|hash| *value == hash.to_string()),
            Stored::Graphile { previous, value } => *value == graphile(previous, bytes),
            Stored::Named(text) => *text == hex::<Sha1>(&[file.name.as_bytes(), bytes]),
            Stored::Atlas(text) => text.trim_start_matches("h1:") == running,
        };
        if same { Fit::Same } else { Fit::Differs }
    }
}

fn hex<D: Digest>(parts: &[&[u8]]) -> String {
    let mut hash = D::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Prisma takes the file with any line ends, and knows an old form that wrote bytes below 16 with one digit.
fn prisma(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lf = text.replace("\r\n", "\n");
    let crlf = lf.replace('\n', "\r\n");
    [bytes, lf.as_bytes(), crlf.as_bytes()]
        .iter()
        .flat_map(|bytes| {
            let unpadded = Sha256::digest(bytes)
                .iter()
                .fold(String::new(), |mut text, byte| {
                    let _ = write!(text, "{byte:x}");
                    text
                });
            [hex::<Sha256>(&[bytes]), unpadded]
        })
        .collect()
}

/// The CRC-32 of zlib, as Java's `CRC32` computes it, over lines as `BufferedReader.readLine` cuts them.
fn flyway(bytes: &[u8]) -> i32 {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let inside = text.iter().filter(|byte| !matches!(byte, b'\n' | b'\r'));
    crc32(inside.copied()).cast_signed()
}

/// CRC-32 (IEEE), bit by bit: files are small.
#[must_use]
pub fn crc32(bytes: impl IntoIterator<Item = u8>) -> u32 {
    const POLYNOMIAL: u32 = 0xEDB8_8320;
    let sum = bytes.into_iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ (POLYNOMIAL & (sum & 1).wrapping_neg())
        })
    });
    !sum
}

/// SipHash-1-3 with zero keys, which is what `DefaultHasher::new()` is; with the version as four bytes, and as the
/// eight of refinery's feature `int8-versions`.
fn refinery(name: &str, version: i64, sql: &[u8]) -> impl Iterator<Item = u64> {
    let short = i32::try_from(version).ok();
    let versions = short
        .map(|short| short.to_le_bytes().to_vec())
        .into_iter()
        .chain([version.to_le_bytes().to_vec()]);
    versions.map(move |version| {
        let mut hasher = DefaultHasher::new();
        for part in [name.as_bytes(), b"\xFF", &version, sql, b"\xFF"] {
            hasher.write(part);
        }
        hasher.finish()
    })
}

/// What graphile-migrate writes into the header of a committed file.
fn graphile(previous: &str, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let body = text
        .split_inclusive('\n')
        .skip_while(|line| line.starts_with("--!"))
        .collect::<String>();
    let chained = format!("{previous}\n{}", body.trim());
    format!("sha1:{}", hex::<Sha1>(&[chained.trim().as_bytes(), b"\n"]))
}

/// For each file, in order, the hash that Atlas keeps of it: of all names and texts up to it.
#[must_use]
pub fn running_hashes(files: &[Original]) -> Vec<String> {
    let mut hash = Sha256::new();
    files
        .iter()
        .map(|file| {
            hash.update(file.name.as_bytes());
            hash.update(&file.bytes);
            base64(&hash.clone().finalize())
        })
        .collect()
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = (bits >> (18 - 6 * i) & 0x3F) as usize;
            text.push(if i <= chunk.len() {
                DIGITS[digit] as char
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LF: &str = "CREATE TABLE t (id int);\n-- café\n";

    fn file(text: &str) -> Original {
        Original {
            name: "1_create_t.sql".to_owned(),
            bytes: text.as_bytes().to_vec(),
        }
    }

    /// What the tools themselves say of one text, in four forms.
    struct Vector {
        text: String,
        flyway: i32,
        refinery: [u64; 2],
        sha256: &'static str,
        sha384: &'static str,
        sha1: &'static str,
        named: &'static str,
    }

    fn vectors() -> [Vector; 4] {
        [
            Vector {
                text: LF.to_owned(),
                flyway: -1_189_720_273,
                refinery: [4_887_381_699_504_344_055, 14_728_993_920_666_776_725],
                sha256: "29abbbc8be91d923",
                sha384: "4c7541e3d9e80c88",
                sha1: "90cbc09ecf1f43c015cb43587cfed0b94198d06a",
                named: "1bed413089fdfea44ad72f05f836e0070705d790",
            },
            Vector {
                text: LF.replace('\n', "\r\n"),
                flyway: -1_189_720_273,
                refinery: [2_015_804_415_078_834_694, 2_283_822_017_837_855_031],
                sha256: "605d28d16f746db6",
                sha384: "9c6b9c5d448215bb",
                sha1: "f03d04076321952c4b05d1ac1b7c9561f792336a",
                named: "2d915ac2ae14ec173f47ec40b069afe18304be9a",
            },
            Vector {
                text: format!("\u{FEFF}{LF}"),
                flyway: -1_189_720_273,
                refinery: [5_745_760_135_643_826_907, 2_940_175_589_281_998_142],
                sha256: "c5586d5b18bf9326",
                sha384: "6cbf4fa6c2aaa35c",
                sha1: "e9b28fc016b195966b2291c44ca891fe0c217a23",
                named: "8dcf5d10ac58783a8a6633a3625abde38cca0ede",
            },
            Vector {
                text: LF.trim_end().to_owned(),
                flyway: -1_189_720_273,
                refinery: [15_760_883_075_584_005_464, 16_578_478_961_774_674_304],
                sha256: "08a164a13ecfbbb4",
                sha384: "ca236d90d7d21b4c",
                sha1: "4807a7a24afba85e8a5f9af10cfce82fce5d1e4c",
                named: "039e44ddf1232e1f3a2bd547d8dc64933d37b162",
            },
        ]
    }

    #[test]
    fn checksums_are_those_of_the_tools() {
        for vector in vectors() {
            let file = file(&vector.text);
            let bytes = file.bytes.as_slice();
            assert_eq!(flyway(bytes), vector.flyway, "{:?}", vector.text);
            let hashes: Vec<u64> = refinery("create_t", 1, bytes).collect();
            assert_eq!(hashes, vector.refinery, "{:?}", vector.text);
            assert!(hex::<Sha256>(&[bytes]).starts_with(vector.sha256));
            assert!(hex::<Sha384>(&[bytes]).starts_with(vector.sha384));
            let check = |stored: Stored| {
                assert_eq!(stored.fit(&file, ""), Fit::Same, "{stored:?}");
                let other = super::tests::file("SELECT 1");
                assert_eq!(stored.fit(&other, ""), Fit::Differs, "{stored:?}");
            };
            check(Stored::Digest(vector.sha1.to_owned()));
            check(Stored::Digest(hex::<Sha256>(&[bytes]).to_uppercase()));
            check(Stored::Digest(hex::<Md5>(&[bytes])));
            check(Stored::Sha384(hex::<Sha384>(&[bytes])));
            check(Stored::Flyway(vector.flyway.to_string()));
            check(Stored::Named(vector.named.to_owned()));
            for value in vector.refinery {
                check(Stored::Refinery {
                    name: "create_t".to_owned(),
                    version: 1,
                    value: value.to_string(),
                });
            }
        }
        let unknown = Stored::Digest("crc:17".to_owned());
        assert_eq!(unknown.fit(&file(LF), ""), Fit::Unknown);
    }

    #[test]
    fn md5_is_that_of_rfc_1321() {
        assert_eq!(hex::<Md5>(&[b"abc"]), "900150983cd24fb0d6963f7d28e17f72");
    }

    #[test]
    fn prisma_does_not_mind_line_ends() {
        let crlf = LF.replace('\n', "\r\n");
        for text in [LF, &crlf] {
            let stored = Stored::Prisma(hex::<Sha256>(&[text.as_bytes()]));
            assert_eq!(stored.fit(&file(LF), ""), Fit::Same);
            assert_eq!(stored.fit(&file(&crlf), ""), Fit::Same);
            assert_eq!(stored.fit(&file("SELECT 1"), ""), Fit::Differs);
        }
    }

    #[test]
    fn graphile_chains_its_hashes() {
        let first = "sha1:90cbc09ecf1f43c015cb43587cfed0b94198d06a";
        assert_eq!(graphile("", LF.as_bytes()), first);
        let with_header = format!("--! Previous: -\n--! Hash: {first}\n\n{LF}");
        assert_eq!(graphile("", with_header.as_bytes()), first);
        assert_eq!(
            graphile(first, b"select 1;"),
            "sha1:9c094bcaabcb745100212e027097bc3819a2859e"
        );
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (text, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }

    #[test]
    fn atlas_hashes_all_files_so_far() {
        let files = [file(LF), file("SELECT 1")];
        let all = [b"1_create_t.sql", LF.as_bytes()].concat();
        let first = base64(&Sha256::digest(&all));
        let all = [all.as_slice(), b"1_create_t.sqlSELECT 1"].concat();
        let second = base64(&Sha256::digest(&all));
        assert_eq!(running_hashes(&files), [first, second]);
    }

    #[test]
    fn crc32_is_that_of_zlib() {
        assert_eq!(crc32(*b"123456789"), 0xCBF4_3926);
    }
}
