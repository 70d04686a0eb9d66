//! The little that must be known of a certificate beyond what the TLS library tells: its version, and by which hash it
//! is signed. Pure; reads DER (X.690) as far as needed, and finds nothing in what is not well-formed.

use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// Whether a certificate can have extensions, and so names: version 3 of X.509.
pub(super) fn is_version_3(certificate: &[u8]) -> bool {
    let version = || {
        let (tbs, _) = contents(certificate)?;
        let (fields, _) = contents(tbs)?;
        let (tag, explicit, _) = element(fields)?;
        // [0] EXPLICIT INTEGER, absent in version 1; it counts from 0.
        (tag == 0xA0 && explicit == [0x02, 0x01, 0x02]).then_some(())
    };
    version().is_some()
}

/// What `tls-server-end-point` binds authentication to: the certificate's hash by the algorithm that it is signed with,
/// and SHA-256 in place of the broken ones. None where the signature has no hash of its own, as that of Ed25519:
/// <https://www.rfc-editor.org/rfc/rfc5929#section-4.1>.
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (certificate_fields, _) = contents(certificate)?;
    let (_, _, after_tbs) = element(certificate_fields)?;
    let (algorithm, _) = contents(after_tbs)?;
    let (_, identifier, parameters) = element(algorithm)?;
    Some(match hash_of(identifier, parameters)? {
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// 1.2.840.113549.1.1: PKCS #1, <https://www.rfc-editor.org/rfc/rfc8017#appendix-C>.
const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01];
/// 1.2.840.10045.4: <https://www.rfc-editor.org/rfc/rfc5758#section-3.2>.
const ECDSA: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04];
/// 2.16.840.1.101.3.4.2: the hashes of NIST.
const NIST_HASH: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

fn hash_of(identifier: &[u8], parameters: &[u8]) -> Option<Hash> {
    if let Some(kind) = identifier.strip_prefix(RSA) {
        return match kind {
            // MD5 and SHA-1.
            [4 | 5 | 11] => Some(Hash::Sha256),
            [12] => Some(Hash::Sha384),
            [13] => Some(Hash::Sha512),
            [10] => pss_hash(parameters),
            _ => None,
        };
    }
    match identifier.strip_prefix(ECDSA)? {
        // SHA-1, which has a number of its own kind.
        [1] | [3, 2] => Some(Hash::Sha256),
        [3, 3] => Some(Hash::Sha384),
        [3, 4] => Some(Hash::Sha512),
        _ => None,
    }
}

/// RSASSA-PSS names its hash in its parameters: <https://www.rfc-editor.org/rfc/rfc8017#appendix-A.2.3>.
fn pss_hash(parameters: &[u8]) -> Option<Hash> {
    let (fields, _) = contents(parameters)?;
    let Some((0xA0, explicit, _)) = element(fields) else {
        // Left out, it is SHA-1.
        return Some(Hash::Sha256);
    };
    let (algorithm, _) = contents(explicit)?;
    let (_, identifier, _) = element(algorithm)?;
    match identifier.strip_prefix(NIST_HASH)? {
        [1] => Some(Hash::Sha256),
        [2] => Some(Hash::Sha384),
        [3] => Some(Hash::Sha512),
        _ => None,
    }
}

/// The content of the SEQUENCE that stands first, and what follows it.
fn contents(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(bytes)?;
    (tag == 0x30).then_some((content, rest))
}

/// The tag and the content of the element that stands first, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, bytes) = bytes.split_first()?;
    let (&first, mut bytes) = bytes.split_first()?;
    let mut length = usize::from(first & 0x7F);
    if first & 0x80 != 0 {
        let (digits, rest) = bytes.split_at_checked(length)?;
        // Nothing here is longer than 4 GB.
        if digits.len() > 4 {
            return None;
        }
        length = digits
            .iter()
            .fold(0, |length, digit| length << 8 | usize::from(*digit));
        bytes = rest;
    }
    let (content, rest) = bytes.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One element of DER.
    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
        let head = match (high, low) {
            (0, short @ 0..0x80) => vec![tag, short],
            _ => vec![tag, 0x82, high, low],
        };
        [head, content.to_vec()].concat()
    }

    /// A certificate as far as it matters here.
    fn certificate(version: &[u8], identifier: &[u8], parameters: &[u8]) -> Vec<u8> {
        let tbs = der(0x30, &[version, &der(0x02, &[7; 300])].concat());
        let algorithm = der(0x30, &[&der(0x06, identifier), parameters].concat());
        der(0x30, &[tbs, algorithm, der(0x03, &[0; 64])].concat())
    }

    #[test]
    fn versions_are_told_apart() {
        let third = certificate(&[0xA0, 3, 2, 1, 2], RSA, &[]);
        assert!(is_version_3(&third));
        assert!(!is_version_3(&certificate(&[0xA0, 3, 2, 1, 1], RSA, &[])));
        assert!(!is_version_3(&certificate(&[], RSA, &[])));
        for length in 0..third.len() {
            assert!(!is_version_3(&third[..length]), "{length}");
            assert_eq!(end_point(&third[..length]), None, "{length}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        let pss = |hash: &[u8]| {
            let algorithm = der(0x30, &der(0x06, &[NIST_HASH, hash].concat()));
            der(0x30, &der(0xA0, &algorithm))
        };
        for (identifier, parameters, bits) in [
            ([RSA, &[4]].concat(), vec![5, 0], Some(256)),
            ([RSA, &[5]].concat(), vec![5, 0], Some(256)),
            ([RSA, &[11]].concat(), vec![5, 0], Some(256)),
            ([RSA, &[12]].concat(), vec![5, 0], Some(384)),
            ([RSA, &[13]].concat(), vec![5, 0], Some(512)),
            ([RSA, &[10]].concat(), pss(&[2]), Some(384)),
            ([RSA, &[10]].concat(), der(0x30, &[]), Some(256)),
            ([RSA, &[10]].concat(), pss(&[9]), None),
            ([ECDSA, &[1]].concat(), vec![], Some(256)),
            ([ECDSA, &[3, 2]].concat(), vec![], Some(256)),
            ([ECDSA, &[3, 3]].concat(), vec![], Some(384)),
            ([ECDSA, &[3, 4]].concat(), vec![], Some(512)),
            // Ed25519.
            (vec![0x2B, 0x65, 0x70], vec![], None),
        ] {
            let certificate = certificate(&[], &identifier, &parameters);
            let hash = end_point(&certificate);
            assert_eq!(hash.map(|hash| hash.len() * 8), bits, "{identifier:x?}");
        }
    }
}
