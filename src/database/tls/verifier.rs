//! Whether the server's certificate will do, and what to tell if not.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
};

use super::certificate;
use crate::error::{Escaped, Terms};
use crate::time::Time;

/// Takes any certificate: the connection is encrypted, and nobody knows with whom.
#[derive(Debug)]
pub(super) struct Anybody(pub(super) WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if is_readable(cert) {
            return verify_tls12_signature(message, cert, dss, &self.0);
        }
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if is_readable(cert) {
            return verify_tls13_signature(message, cert, dss, &self.0);
        }
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Whether the library can read a certificate: that of version 1 it cannot.
pub(super) fn is_readable(certificate: &CertificateDer<'_>) -> bool {
    ParsedCertificate::try_from(certificate).is_ok()
}

/// Takes a certificate that leads to a root, and, if asked to, is for the name that was connected to.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) webpki: Arc<WebPkiServerVerifier>,
    /// What the root file holds.
    pub(super) roots: Vec<CertificateDer<'static>>,
    /// Where the roots come from.
    pub(super) source: String,
    pub(super) check_name: bool,
}

impl Chain {
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        // The library looks at the name last.
        let outcome =
            self.webpki
                .verify_server_cert(end_entity, intermediates, name, ocsp_response, now);
        match outcome {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.check_name => Ok(ServerCertVerified::assertion()),
            // The manual's own recipe, `openssl req -x509`, makes a certificate that is its own authority. The library
            // checks its dates, and then takes no authority for a server; OpenSSL does, and the file names this one.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if self.roots.iter().any(|root| root == end_entity) =>
            {
                if self.check_name {
                    verify_server_name(&parsed, name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            outcome => outcome,
        }
    }

    /// What a refused certificate means for the user.
    fn explain(
        &self,
        error: &CertificateError,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
    ) -> Terms {
        use CertificateError as E;
        let text = name.to_str();
        let name_of_kind = match name {
            ServerName::IpAddress(_) => format!("IP:{text}"),
            _ => format!("DNS:{text}"),
        };
        let reissue = format!("-addext subjectAltName={name_of_kind}");
        let date = |time: &UnixTime| Time(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
        match error {
            _ if !certificate::is_version_3(certificate) => Terms::new(
                "the server's certificate is of X.509 version 1, which cannot be verified",
                format!(
                    "reissue it as version 3: openssl req -new {reissue} …, then openssl x509 -req -copy_extensions copy …"
                ),
            ),
            E::UnknownIssuer => Terms::new(
                format!(
                    "the server's certificate does not lead to a root of {}",
                    self.source
                ),
                "set sslrootcert to the certificate of the authority that issued it; \
                 the server must send those in between",
            ),
            E::ExpiredContext { not_after, .. } => Terms::new(
                format!(
                    "the server's certificate, or one that it leads to, expired on {}",
                    date(not_after)
                ),
                "renew it on the server",
            ),
            E::NotValidYetContext { not_before, .. } => Terms::new(
                format!(
                    "the server's certificate is valid only from {}",
                    date(not_before)
                ),
                "check the clock of this machine",
            ),
            E::NotValidForNameContext { presented, .. } if presented.is_empty() => Terms::new(
                "the server's certificate has no subjectAltName",
                format!("reissue it with {reissue}"),
            ),
            E::NotValidForNameContext { presented, .. } => {
                let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
                Terms::new(
                    format!(
                        "the server's certificate is for {}, not for {text}",
                        Escaped(&names.join(", "))
                    ),
                    format!("connect by a name that it has, or reissue it with {reissue}"),
                )
            }
            E::Revoked => Terms::new(
                "the server's certificate is revoked",
                "give the server a new one",
            ),
            E::UnknownRevocationStatus => Terms::new(
                "no revocation list tells about the server's certificate",
                "set sslcrl to the list of every authority between the server's certificate and the root, or leave it out",
            ),
            E::ExpiredRevocationListContext { next_update, .. } => Terms::new(
                format!("the revocation list expired on {}", date(next_update)),
                "get the current list from the certificate authority",
            ),
            E::InvalidPurposeContext { .. } | E::InvalidPurpose => Terms::new(
                "the server's certificate is not one for servers",
                "reissue it with -addext extendedKeyUsage=serverAuth",
            ),
            other => Terms::new(
                format!(
                    "the server's certificate is refused: {}",
                    Escaped(&other.to_string())
                ),
                "reissue it as X.509 version 3, signed with SHA-256 by an RSA key of 2048 bits or a key of P-256",
            ),
        }
    }
}

impl ServerCertVerifier for Chain {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| match error {
                Error::InvalidCertificate(error) => {
                    let terms = self.explain(&error, end_entity, server_name);
                    CertificateError::Other(OtherError(Arc::new(terms))).into()
                }
                other => other,
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// A name as it stands in the certificate: the library writes `DnsName("db")`.
fn bare(name: &str) -> &str {
    let inside = name.split_once('(').map_or(name, |(_, inside)| inside);
    inside.trim_end_matches(')').trim_matches('"')
}
