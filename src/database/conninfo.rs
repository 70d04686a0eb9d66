//! What a connection string says: `postgres://…` and libpq's `key=value …`.
//!
//! Pure: knows no environment, no files and no defaults. What the text leaves
//! open stays open, so that `PG*` variables, a password file and a service file
//! can fill it. The rules are libpq's (`fe-connect.c`, and "Connection Strings"
//! in its manual); what is read more kindly or more strictly says so on the spot.
//!
//! No message of this module repeats a value: in a broken URL the password can
//! be anywhere.

mod error;
mod keys;
mod text;
mod values;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

pub use error::{ConnInfoError, Part};
pub use keys::{
    ChannelBinding, LoadBalanceHosts, SslCertMode, SslMode, SslNegotiation, TargetSessionAttrs,
};
pub use values::{CHECKED_VARIABLES, VARIABLES, Value};

/// The port of a server whose port nobody named.
pub const DEFAULT_PORT: u16 = 5432;

/// Reads a connection string in either form.
///
/// Blanks around the text and one pair of quotes around it are dropped. An
/// empty text is sound and leaves everything open, as in libpq.
///
/// # Errors
///
/// Names the part that is wrong, never what stands there.
pub fn parse(text: &str) -> Result<ConnInfo, ConnInfoError> {
    let info = text::parse(text)?;
    // Hosts from elsewhere may yet join the ports, so only given hosts count.
    if !(info.hosts.is_empty() && info.hostaddrs.is_empty()) {
        info.match_counts()?;
    }
    Ok(info)
}

/// A connection as far as its text describes it.
///
/// `None` and an empty list mean left open; an empty value (`user=`) leaves
/// open too. Numbers of seconds and milliseconds are never negative: where
/// libpq reads a negative number as zero, this holds zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnInfo {
    /// Names, addresses or socket folders; `None` is the default host.
    pub hosts: Vec<Option<String>>,
    /// Addresses that spare the look-up of the host in the same place.
    pub hostaddrs: Vec<Option<IpAddr>>,
    /// One for all hosts, or one for each.
    pub ports: Vec<Option<u16>>,
    pub user: Option<String>,
    pub password: Option<Password>,
    /// For the server in the same place, where `password` is open.
    pub host_passwords: Vec<Option<Password>>,
    pub dbname: Option<String>,
    /// In seconds; zero waits without limit.
    pub connect_timeout: Option<u32>,
    pub application_name: Option<String>,
    /// Command-line options for the server, such as `-c work_mem=1GB`.
    pub options: Option<String>,
    /// What to write after `SET search_path TO`.
    pub search_path: Option<String>,
    pub sslmode: Option<SslMode>,
    /// A file, or `system`. If open, `.postgresql/root.crt` of `home`, if it is there; the three below likewise.
    pub sslrootcert: Option<String>,
    pub sslcert: Option<String>,
    pub sslkey: Option<String>,
    pub sslpassword: Option<Password>,
    pub sslcertmode: Option<SslCertMode>,
    pub sslcrl: Option<String>,
    pub sslcrldir: Option<String>,
    pub sslnegotiation: Option<SslNegotiation>,
    /// Whether the TLS handshake tells the server's name to whoever listens.
    pub sslsni: Option<bool>,
    pub ssl_min_protocol_version: Option<String>,
    pub ssl_max_protocol_version: Option<String>,
    pub channel_binding: Option<ChannelBinding>,
    /// The ways of authentication that the server may ask for, as libpq lists them.
    pub require_auth: Option<String>,
    /// The operating system's user that must own the server's socket.
    pub requirepeer: Option<String>,
    pub target_session_attrs: Option<TargetSessionAttrs>,
    pub load_balance_hosts: Option<LoadBalanceHosts>,
    pub keepalives: Option<bool>,
    /// In seconds; zero leaves it to the system.
    pub keepalives_idle: Option<u32>,
    /// In seconds; zero leaves it to the system.
    pub keepalives_interval: Option<u32>,
    /// Zero leaves it to the system.
    pub keepalives_count: Option<u32>,
    /// In milliseconds; zero leaves it to the system.
    pub tcp_user_timeout: Option<u32>,
    pub service: Option<String>,
    pub servicefile: Option<String>,
    pub passfile: Option<String>,
    /// The home directory, where certificates lie that nobody names: `~/.postgresql`.
    pub home: Option<PathBuf>,
}

/// One server to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostSpec<'a> {
    pub host: Option<&'a str>,
    pub hostaddr: Option<IpAddr>,
    pub port: u16,
}

impl HostSpec<'_> {
    /// Whether this is a Unix socket; an `@` in front names an abstract one.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        self.hostaddr.is_none() && self.host.is_none_or(|host| host.starts_with(['/', '@']))
    }
}

impl fmt::Display for HostSpec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.host, self.hostaddr) {
            (Some(host), _) if host.contains(':') && !self.is_socket() => {
                write!(f, "[{}]", Printable(host))?;
            }
            (Some(host), _) => write!(f, "{}", Printable(host))?,
            (None, Some(IpAddr::V6(address))) => write!(f, "[{address}]")?,
            (None, Some(address)) => write!(f, "{address}")?,
            // As in psql's prompt.
            (None, None) => f.write_str("[local]")?,
        }
        write!(f, ":{}", self.port)
    }
}

impl ConnInfo {
    /// Sets one value by its keyword, as a pair in a connection string does.
    ///
    /// # Errors
    ///
    /// If the keyword is unknown or the value does not fit it.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ConnInfoError> {
        self.set_bytes(key, value.as_bytes())
    }

    /// The same, for a value that may be of any encoding, as passwords are.
    ///
    /// # Errors
    ///
    /// If the keyword is unknown or the value does not fit it.
    pub fn set_bytes(&mut self, key: &str, value: &[u8]) -> Result<(), ConnInfoError> {
        if value.contains(&0) {
            return Err(ConnInfoError::NulByte);
        }
        keys::find(key)?.put(self, value.to_vec())
    }

    /// The servers to try, in the order given; at least one.
    #[must_use]
    pub fn addresses(&self) -> Vec<HostSpec<'_>> {
        (0..self.places())
            .map(|place| HostSpec {
                host: self.hosts.get(place).and_then(|host| host.as_deref()),
                hostaddr: self.hostaddrs.get(place).copied().flatten(),
                port: match self.ports[..] {
                    [port] => port,
                    _ => self.ports.get(place).copied().flatten(),
                }
                .unwrap_or(DEFAULT_PORT),
            })
            .collect()
    }

    /// Checks that hosts, addresses and ports belong together, to be asked again
    /// after any of them has been filled from elsewhere.
    ///
    /// # Errors
    ///
    /// If there is neither one port for all nor one for each host, or not one
    /// address for each host.
    pub fn match_counts(&self) -> Result<(), ConnInfoError> {
        let (hosts, ports) = (self.places(), self.ports.len());
        let mismatch = |key, given, hosts| Err(ConnInfoError::Count { key, given, hosts });
        if self.hosts.len() != hosts && !self.hosts.is_empty() {
            return mismatch("hostaddr", hosts, self.hosts.len());
        }
        if ports != hosts && ports > 1 {
            return mismatch("port", ports, hosts);
        }
        Ok(())
    }

    /// Checks what one value demands of another, when all of them are known.
    ///
    /// # Errors
    ///
    /// Names the keyword whose value is the weak one.
    pub fn check(&self) -> Result<(), ConnInfoError> {
        self.match_counts()?;
        let mode = self.sslmode.unwrap_or(SslMode::Prefer);
        if self.sslrootcert.as_deref() == Some("system") && mode != SslMode::VerifyFull {
            return Err(ConnInfoError::WeakMode {
                because: "sslrootcert=system",
            });
        }
        let strong = matches!(
            mode,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull
        );
        if self.sslnegotiation == Some(SslNegotiation::Direct) && !strong {
            return Err(ConnInfoError::WeakMode {
                because: "sslnegotiation=direct",
            });
        }
        let (low, high) = (
            &self.ssl_min_protocol_version,
            &self.ssl_max_protocol_version,
        );
        match (low, high) {
            // As libpq, which itself asks for TLSv1.2 at least where nothing is said, but checks only what is.
            (Some(low), Some(high)) if keys::tls_rank(low) > keys::tls_rank(high) => {
                Err(ConnInfoError::EmptyRange)
            }
            _ => Ok(()),
        }
    }

    /// Who connects where, for messages: `app@db.example.com:5432/app`.
    #[must_use]
    pub fn describe(&self) -> String {
        let user = self.user.iter().map(|user| format!("{}@", Printable(user)));
        let servers: Vec<_> = self.addresses().iter().map(HostSpec::to_string).collect();
        let dbname = self
            .dbname
            .iter()
            .map(|name| format!("/{}", Printable(name)));
        user.chain([servers.join(",")]).chain(dbname).collect()
    }

    fn places(&self) -> usize {
        match self.hostaddrs.len() {
            0 => self.hosts.len().max(1),
            addresses => addresses,
        }
    }
}

/// A name without the power to move the cursor or break the line.
struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        Ok(())
    }
}

/// A secret: cannot be displayed, and its `Debug` shows nothing of it.
///
/// Bytes, because a percent code may stand for a byte of any encoding.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Vec<u8>);

impl Password {
    #[must_use]
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for the server only: never for a message.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}
