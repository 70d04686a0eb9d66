//! What can be wrong with a connection string, said without repeating any of it.

use std::fmt;

use super::keys;

/// Why a text is not a connection string.
///
/// Holds names and counts, never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnInfoError {
    NoScheme,
    OtherScheme {
        scheme: String,
    },
    NulByte,
    /// The key is absent if it may be a piece of a password.
    UnknownKey {
        key: Option<String>,
    },
    MissingEquals,
    UnterminatedQuote,
    BadBrackets,
    BadPercentCode {
        part: Part,
    },
    NotUtf8 {
        part: Part,
    },
    /// A character that ends a part of a URL stands within one.
    Unescaped {
        character: char,
        part: Part,
    },
    BadPort,
    BadValue {
        key: &'static str,
    },
    /// What libpq does and this program does not.
    Unsupported {
        key: &'static str,
    },
    /// The connection may go unencrypted, or to anybody, although a value demands more.
    WeakMode {
        because: &'static str,
    },
    /// The lowest version of TLS is above the highest.
    EmptyRange,
    /// Neither one for all hosts nor one for each.
    Count {
        key: &'static str,
        given: usize,
        hosts: usize,
    },
}

/// A part of a connection string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    User,
    Password,
    UserOrPassword,
    Host,
    Port,
    Database,
    /// The value of a keyword.
    Value(&'static str),
    /// The name of a parameter.
    Name,
}

impl Part {
    pub(super) fn of(key: &'static str) -> Self {
        match key {
            "user" => Self::User,
            "password" => Self::Password,
            "host" => Self::Host,
            "port" => Self::Port,
            "dbname" => Self::Database,
            key => Self::Value(key),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "the user name",
            Self::Password => "the password",
            Self::UserOrPassword => "the user name or password",
            Self::Host => "the host",
            Self::Port => "the port",
            Self::Database => "the database name",
            Self::Value(key) => return write!(f, "the value of {key}"),
            Self::Name => "the name of a parameter",
        })
    }
}

impl fmt::Display for ConnInfoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoScheme => "neither a postgres:// URL nor key=value",
            Self::OtherScheme { scheme } => {
                return write!(f, "not a PostgreSQL URL: it begins with {scheme}://");
            }
            Self::NulByte => "a NUL byte in the connection string",
            Self::UnknownKey { key: Some(key) } => return write!(f, "unknown parameter {key}"),
            Self::UnknownKey { key: None } => "a parameter is unknown",
            Self::MissingEquals => "a parameter has no =",
            Self::UnterminatedQuote => "a quote in the connection string is not closed",
            Self::BadBrackets => "bad brackets around the host",
            Self::BadPercentCode { part } => return write!(f, "bad percent code in {part}"),
            Self::NotUtf8 { part } => return write!(f, "{part} is not UTF-8"),
            Self::Unescaped { character, part } => {
                return write!(f, "an unescaped {character} in {part}");
            }
            Self::BadPort => "bad port",
            Self::BadValue { key } => return write!(f, "bad value of {key}"),
            Self::Unsupported { key } => return write!(f, "onward does not know how to use {key}"),
            Self::WeakMode { because } => return write!(f, "sslmode is too weak for {because}"),
            Self::EmptyRange => "ssl_min_protocol_version is above ssl_max_protocol_version",
            Self::Count { key, given, hosts } => {
                return write!(f, "{key} lists {given}, but host lists {hosts}");
            }
        })
    }
}

impl std::error::Error for ConnInfoError {}

impl ConnInfoError {
    /// The keyword whose value is wrong, where values from several sources do not go together.
    #[must_use]
    pub fn keyword(&self) -> Option<&'static str> {
        match self {
            Self::Count { key, .. } => Some(key),
            Self::WeakMode { because } => because.split('=').next(),
            Self::EmptyRange => Some("ssl_min_protocol_version"),
            _ => None,
        }
    }

    /// What to do about it, as a sentence of its own.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoScheme => {
                "write postgres://user:password@host:5432/dbname, or host=… user=… dbname=…"
            }
            Self::OtherScheme { scheme } if scheme.starts_with("jdbc:") => "leave out jdbc:",
            Self::OtherScheme { .. } => "a PostgreSQL URL begins with postgres:// or postgresql://",
            Self::UnknownKey { key: Some(_) } => {
                "a setting of the server goes into options: options='-c name=value', \
                 in a URL options=-c%20name%3Dvalue"
            }
            Self::UnknownKey { key: None } | Self::MissingEquals => {
                "in a URL, an & within a value is written %26; \
                 elsewhere, a value with blanks needs quotes: password='…'"
            }
            Self::UnterminatedQuote => r"within quotes, ' is written \' and \ is written \\",
            Self::BadBrackets => "an IPv6 address and its port are written [::1]:5432",
            Self::BadPercentCode { .. } => "a % itself is written %25",
            Self::NotUtf8 { .. } => "percent codes stand for bytes of UTF-8: %C3%A9 is é",
            Self::Unescaped { character, .. } => match character {
                '@' => "only the @ before the host stands for itself: any other is written %40",
                '#' => "a # is written %23",
                '/' => "a / is written %2F",
                _ => "a ? is written %3F, and an @ within the parameters %40",
            },
            Self::BadPort => "a port is a number from 1 to 65535",
            Self::BadValue { key } => return Some(keys::allowed(key)),
            Self::Unsupported { .. } => "leave it out, and give the password itself",
            Self::WeakMode { because } if because.ends_with("system") => "use sslmode=verify-full",
            Self::WeakMode { .. } => "use sslmode=require, verify-ca or verify-full",
            Self::EmptyRange => "leave one of them out",
            Self::Count { .. } => "give one for each host, or one port for all",
            Self::NulByte => return None,
        };
        Some(hint.to_owned())
    }
}
