//! TLS by rustls: what the connection string says of certificates and versions, and the handshake.
//!
//! The keywords mean what they mean to libpq (<https://www.postgresql.org/docs/current/libpq-ssl.html>), but for this: a
//! file that is named must be there, and the name of a server stands in subjectAltName.

mod certificate;
mod files;
mod verifier;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use postgres::Socket;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::client::{
    ResolvesClientCert, Resumption, VerifierBuilderError, WebPkiServerVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName,
};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{
    self, AlertDescription, CertificateError, ClientConfig, InconsistentKeys, RootCertStore,
    SignatureScheme, SupportedProtocolVersion, version,
};

use self::files::{Content, Named};
use self::verifier::{Anybody, Chain};
use super::conninfo::{ConnInfo, SslCertMode, SslMode};
use super::demands::{self, Footing};
use super::socket::{Line, Peer, Start};
use crate::error::{Error, Result, Shell, Terms};

/// Everything that handshakes need; read from the disk once for a session.
pub(super) struct Tls {
    config: ClientConfig,
    identity: Option<Arc<CertifiedKey>>,
    check_name: bool,
}

/// <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>
const ALPN: &[u8] = b"postgresql";

impl Tls {
    /// Reads the certificates that the connection string names, or that lie in their usual places.
    ///
    /// # Errors
    /// `Error::Usage` for a file that cannot be used, and for what rustls cannot do.
    pub(super) fn prepare(info: &ConnInfo) -> Result<Tls> {
        let mode = demands::ssl_mode(info);
        let provider = Arc::new(provider());
        let identity = identity(info, &provider)?;
        let verifier = verifier(info, mode, &provider)?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions(info)?)
            .map_err(|error| unfit(&error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.enable_sni = info.sslsni.unwrap_or(true);
        config.resumption = Resumption::disabled();
        Ok(Tls {
            config,
            identity,
            check_name: mode == SslMode::VerifyFull,
        })
    }

    /// Makes an encrypted stream of a plain one.
    pub(super) async fn shake_hands(
        &self,
        socket: Socket,
        peer: &Peer,
        start: Start,
    ) -> io::Result<Line> {
        let asked = Arc::new(AtomicBool::new(false));
        let mut config = self.config.clone();
        config.client_auth_cert_resolver = Arc::new(Identity {
            key: self.identity.clone(),
            asked: Arc::clone(&asked),
        });
        let stream = TlsConnector::from(Arc::new(config))
            .connect(self.name_of(peer)?, socket)
            .await
            .map_err(|error| explain(error, start))?;
        let (_, connection) = stream.get_ref();
        if start == Start::Direct && connection.alpn_protocol() != Some(ALPN) {
            return Err(not_direct("it agreed to no protocol by ALPN").into());
        }
        let binding = connection
            .peer_certificates()
            .and_then(<[_]>::first)
            .filter(|certificate| verifier::is_readable(certificate))
            .and_then(|certificate| certificate::end_point(certificate));
        Ok(Line {
            footing: Footing {
                encrypted: true,
                bindable: binding.is_some(),
                certificate_sent: self.identity.is_some() && asked.load(Ordering::Relaxed),
            },
            binding,
            stream: Box::pin(stream),
        })
    }

    /// The name that the server's certificate must have, and that is sent as SNI if it is no address.
    fn name_of(&self, peer: &Peer) -> io::Result<ServerName<'static>> {
        let named = peer
            .host
            .clone()
            .and_then(|host| ServerName::try_from(host).ok());
        match named {
            Some(name) => Ok(name),
            None if self.check_name => Err(Terms::new(
                "sslmode=verify-full, but the host is not a name that a certificate could have",
                "connect by a name of the domain name system, or use sslmode=verify-ca",
            )
            .into()),
            None => Ok(ServerName::IpAddress(peer.address.into())),
        }
    }
}

/// The algorithms of ring. P-256 comes first: servers up to version 17 know no other curve by default, and would have to
/// ask for it.
fn provider() -> CryptoProvider {
    use ring::kx_group::{SECP256R1, SECP384R1, X25519};
    CryptoProvider {
        kx_groups: vec![SECP256R1, X25519, SECP384R1],
        ..ring::default_provider()
    }
}

/// The versions of TLS to speak; libpq's default begins at 1.2 too.
fn versions(info: &ConnInfo) -> Result<Vec<&'static SupportedProtocolVersion>> {
    let number = |name: &Option<String>, usual: u8| match name.as_deref() {
        None => usual,
        Some(name) => match name.to_ascii_lowercase().as_str() {
            "tlsv1" => 0,
            "tlsv1.1" => 1,
            "tlsv1.2" => 2,
            _ => 3,
        },
    };
    let range =
        number(&info.ssl_min_protocol_version, 2)..=number(&info.ssl_max_protocol_version, 3);
    let known = [(2, &version::TLS12), (3, &version::TLS13)];
    let versions: Vec<_> = known
        .into_iter()
        .filter_map(|(number, version)| range.contains(&number).then_some(version))
        .collect();
    if versions.is_empty() {
        return Err(Error::Usage {
            message: "no version of TLS lies between ssl_min_protocol_version and ssl_max_protocol_version".to_owned(),
            hint: "onward speaks TLSv1.2 and TLSv1.3".to_owned(),
        });
    }
    Ok(versions)
}

/// Who may answer.
fn verifier(
    info: &ConnInfo,
    mode: SslMode,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>> {
    let Some((roots, source)) = roots(info, mode)? else {
        let algorithms = provider.signature_verification_algorithms;
        return Ok(Arc::new(Anybody(algorithms)));
    };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.iter().cloned());
    let store = Arc::new(store);
    let webpki = |lists: Vec<CertificateRevocationListDer<'static>>| {
        WebPkiServerVerifier::builder_with_provider(Arc::clone(&store), Arc::clone(provider))
            .with_crls(lists)
            .enforce_revocation_expiration()
            .build()
    };
    let mut lists = Vec::new();
    for content in revocation_lists(info)? {
        let found = sections::<CertificateRevocationListDer>(&content, "revocation list")?;
        // Tried one by one, so that the file can be named.
        webpki(found.clone()).map_err(|error| refuse_list(&content, &error))?;
        lists.extend(found);
    }
    let webpki = webpki(lists).map_err(|error| unfit(&error))?;
    Ok(Arc::new(Chain {
        webpki,
        roots,
        source,
        check_name: mode == SslMode::VerifyFull,
    }))
}

type Roots = (Vec<CertificateDer<'static>>, String);

/// The certificates that a server's must lead to; None where any will do.
fn roots(info: &ConnInfo, mode: SslMode) -> Result<Option<Roots>> {
    if demands::uses_system_roots(info) {
        let roots = rustls_native_certs::load_native_certs().certs;
        if roots.is_empty() {
            return Err(Error::Usage {
                message: "sslrootcert=system: this machine has no root certificates".to_owned(),
                hint: "install them (Debian: apt-get install ca-certificates), or set sslrootcert to a file"
                    .to_owned(),
            });
        }
        return Ok(Some((roots, "the operating system".to_owned())));
    }
    let file = Named::find(info, "sslrootcert", info.sslrootcert.as_ref(), "root.crt")?;
    let content = match &file {
        Some(file) => file.read()?,
        None => None,
    };
    if let Some(content) = content {
        let roots = sections::<CertificateDer>(&content, "certificate")?;
        let mut store = RootCertStore::empty();
        if store.add_parsable_certificates(roots.iter().cloned()).0 == 0 {
            let problem = "no certificate in it can be read";
            return Err(content.source.unusable(problem, "check sslrootcert"));
        }
        return Ok(Some((roots, content.source.shown())));
    }
    if !matches!(mode, SslMode::VerifyCa | SslMode::VerifyFull) {
        return Ok(None);
    }
    let mode = mode.as_str();
    Err(Error::Usage {
        message: match file {
            Some(file) => format!(
                "sslmode={mode} needs a root certificate, and {} does not exist",
                file.source().shown()
            ),
            None => format!("sslmode={mode} needs a root certificate, and none is named"),
        },
        hint: "name one with sslrootcert=FILE, use those of the operating system with sslrootcert=system, or change \
               sslmode to verify nothing: sslmode=require"
            .to_owned(),
    })
}

fn revocation_lists(info: &ConnInfo) -> Result<Vec<Content>> {
    let mut contents = Vec::new();
    if info.sslcrl.is_some() || info.sslcrldir.is_none() {
        let file = Named::find(info, "sslcrl", info.sslcrl.as_ref(), "root.crl")?;
        contents.extend(file.map(|file| file.read()).transpose()?.flatten());
    }
    if let Some(folder) = &info.sslcrldir {
        contents.extend(files::read_folder("sslcrldir", folder)?);
    }
    Ok(contents)
}

fn refuse_list(content: &Content, error: &VerifierBuilderError) -> Error {
    use rustls::CertRevocationListError as E;
    match error {
        VerifierBuilderError::InvalidCrl(E::UnsupportedCrlVersion) => content.source.unusable(
            "the revocation list is of version 1",
            "issue it as version 2: openssl ca -gencrl needs crl_extensions in its configuration",
        ),
        other => content.source.unusable(
            &other.to_string(),
            "get the list from the certificate authority again",
        ),
    }
}

/// The certificate by which the server knows us, with its key.
fn identity(info: &ConnInfo, provider: &CryptoProvider) -> Result<Option<Arc<CertifiedKey>>> {
    let mode = info.sslcertmode.unwrap_or(SslCertMode::Allow);
    if mode == SslCertMode::Disable {
        return Ok(None);
    }
    let file = Named::find(info, "sslcert", info.sslcert.as_ref(), "postgresql.crt")?;
    let Some(certificate) = file.map(|file| file.read()).transpose()?.flatten() else {
        if mode == SslCertMode::Require {
            return Err(Error::Usage {
                message: "sslcertmode=require, and there is no client certificate".to_owned(),
                hint: "name it with sslcert=FILE and its key with sslkey=FILE".to_owned(),
            });
        }
        return Ok(None);
    };
    let chain = sections::<CertificateDer>(&certificate, "certificate")?;
    let file = Named::find(info, "sslkey", info.sslkey.as_ref(), "postgresql.key")?;
    let Some(key) = file.map(|file| file.read_secret()).transpose()?.flatten() else {
        let problem = "there is no private key for this certificate";
        return Err(certificate
            .source
            .unusable(problem, "name it with sslkey=FILE"));
    };
    let signer = provider
        .key_provider
        .load_private_key(private_key(&key)?)
        .map_err(|error| {
            let hint = "use an RSA key of 2048 bits or more, a key of P-256 or P-384, or Ed25519";
            key.source.unusable(&error.to_string(), hint)
        })?;
    let identity = CertifiedKey::new(chain, signer);
    // A certificate of version 1 cannot be read for the comparison; the server will tell.
    if let Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) =
        identity.keys_match()
    {
        let problem = "the private key is not that of the client certificate";
        return Err(key.source.unusable(problem, "check sslcert and sslkey"));
    }
    Ok(Some(Arc::new(identity)))
}

fn private_key(content: &Content) -> Result<PrivateKeyDer<'static>> {
    if let Ok(key) = PrivateKeyDer::from_pem_slice(&content.bytes) {
        return Ok(key);
    }
    let is_encrypted = content
        .bytes
        .windows(b"ENCRYPTED".len())
        .any(|word| word == b"ENCRYPTED");
    if is_encrypted {
        let shown = content.source.shown();
        let file = Shell(&shown);
        return Err(content.source.unusable(
            "the private key is encrypted, which onward cannot read, with sslpassword or without",
            &format!("decrypt it: (umask 077; openssl pkey -in {file} -out decrypted.key), and set sslkey to that file"),
        ));
    }
    // libpq reads a key that is not PEM as DER.
    let key = PrivateKeyDer::try_from(content.bytes.as_slice());
    key.map(|key| key.clone_key()).map_err(|_| {
        let problem = "this is no private key in PEM";
        content.source.unusable(problem, "check sslkey")
    })
}

/// All sections of one kind in a PEM file; at least one.
fn sections<T: rustls::pki_types::pem::PemObject>(content: &Content, what: &str) -> Result<Vec<T>> {
    let sections: std::result::Result<Vec<T>, _> = T::pem_slice_iter(&content.bytes).collect();
    match sections {
        Ok(sections) if !sections.is_empty() => Ok(sections),
        _ => Err(content.source.unusable(
            &format!("there is no {what} in PEM in it"),
            "it begins with a line -----BEGIN …-----; openssl converts other forms",
        )),
    }
}

fn unfit(error: &dyn std::error::Error) -> Error {
    Error::Usage {
        message: format!("TLS cannot be set up: {error}"),
        hint: "check sslrootcert, sslcrl and the versions of TLS in the connection string"
            .to_owned(),
    }
}

/// Sends our certificate if the server asks for one, and remembers that it did.
#[derive(Debug)]
struct Identity {
    key: Option<Arc<CertifiedKey>>,
    asked: Arc<AtomicBool>,
}

impl ResolvesClientCert for Identity {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        // Else the library would not tell that the server asked.
        true
    }
}

/// What a failed handshake means for the user.
fn explain(error: io::Error, start: Start) -> io::Error {
    match cause(&error) {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) => {
            match other.0.downcast_ref::<Terms>() {
                Some(terms) => terms.clone().into(),
                None => error,
            }
        }
        Some(rustls::Error::AlertReceived(_)) => explain_alert(error),
        _ if start == Start::Direct => not_direct(&error.to_string()).into(),
        Some(rustls::Error::PeerIncompatible(_)) => no_common_ground().into(),
        _ => error,
    }
}

/// What an alert of the server means for the user.
pub(super) fn explain_alert(error: io::Error) -> io::Error {
    use AlertDescription as Alert;
    let Some(rustls::Error::AlertReceived(alert)) = cause(&error) else {
        return error;
    };
    let refused = |reason: &str, hint: &str| {
        let message = format!("the server refused the client certificate: {reason}");
        Terms::new(message, hint).into()
    };
    match alert {
        Alert::UnknownCA => refused(
            "its issuer is unknown there",
            "set sslcert to a certificate that an authority of the server's ssl_ca_file issued",
        ),
        Alert::CertificateExpired => refused("it has expired", "renew the certificate of sslcert"),
        Alert::CertificateRevoked => refused("it is revoked", "get a new certificate for sslcert"),
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateUnknown
        | Alert::CertificateRequired
        | Alert::DecryptError => refused(
            "it cannot be verified there",
            "see the log of the server, and check sslcert and sslkey",
        ),
        Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            no_common_ground().into()
        }
        Alert::NoApplicationProtocol => not_direct("it knows no protocol of ours").into(),
        _ => error,
    }
}

fn no_common_ground() -> Terms {
    Terms::new(
        "server and client have no version of TLS, or no cipher, in common",
        "check ssl_min_protocol_version and ssl_max_protocol_version here and on the server, and its ssl_ciphers",
    )
}

fn not_direct(reason: &str) -> Terms {
    Terms::new(
        format!("the server does not speak TLS from the first byte: {reason}"),
        "sslnegotiation=direct needs PostgreSQL 17 or newer; leave it out",
    )
}

/// The library's error inside one of a stream.
fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
