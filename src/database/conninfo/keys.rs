//! The keywords: which there are, and what value each takes.

use super::text::is_blank;
use super::{ConnInfo, ConnInfoError, Part, Password};

/// Declares an enum whose values are the words of one keyword.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($variant),+ }

        impl $name {
            /// The words as libpq spells them.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The value that libpq calls by this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The word as libpq spells it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

words! {
    /// Whether the connection is encrypted, and how far the certificate is checked.
    SslMode {
        Disable = "disable", Allow = "allow", Prefer = "prefer", Require = "require",
        VerifyCa = "verify-ca", VerifyFull = "verify-full",
    }
}
words! {
    /// Whether TLS is asked for first, or begins with the first byte.
    SslNegotiation { Postgres = "postgres", Direct = "direct" }
}
words! {
    /// Whether a client certificate is sent.
    SslCertMode { Disable = "disable", Allow = "allow", Require = "require" }
}
words! {
    /// Whether authentication is bound to the TLS channel.
    ChannelBinding { Disable = "disable", Prefer = "prefer", Require = "require" }
}
words! {
    /// Which kind of server will do.
    TargetSessionAttrs {
        Any = "any", ReadWrite = "read-write", ReadOnly = "read-only",
        Primary = "primary", Standby = "standby", PreferStandby = "prefer-standby",
    }
}
words! {
    /// Whether hosts are tried in the order given.
    LoadBalanceHosts { Disable = "disable", Random = "random" }
}

/// libpq names the outdated two as well.
const TLS_VERSIONS: &[&str] = &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/// A known keyword.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    meaning: Meaning,
}

/// What a keyword's value is, and where it goes.
#[derive(Clone, Copy)]
enum Meaning {
    Text(fn(&mut ConnInfo) -> &mut Option<String>),
    Secret(fn(&mut ConnInfo) -> &mut Option<Password>),
    Number(fn(&mut ConnInfo) -> &mut Option<u32>),
    /// Stores the value, or tells that it does not fit.
    Checked(fn(&mut ConnInfo, &str) -> bool),
    /// Belongs to another program, or changes nothing here.
    Ignored,
    /// Would be needed here, and is not to be had.
    Unsupported,
}

use Meaning::{Checked, Number, Secret, Text};

#[rustfmt::skip] // A row per keyword.
const KEYS: &[(&str, Meaning)] = &[
    ("host", Checked(hosts)),
    ("hostaddr", Checked(hostaddrs)),
    ("port", Checked(ports)),
    ("user", Text(|c| &mut c.user)),
    ("password", Secret(|c| &mut c.password)),
    ("dbname", Checked(dbname)),
    ("connect_timeout", Number(|c| &mut c.connect_timeout)),
    ("application_name", Text(|c| &mut c.application_name)),
    ("options", Text(|c| &mut c.options)),
    ("sslmode", Checked(|c, v| fill(&mut c.sslmode, sslmode(v)))),
    ("sslrootcert", Text(|c| &mut c.sslrootcert)),
    ("sslcert", Text(|c| &mut c.sslcert)),
    ("sslkey", Text(|c| &mut c.sslkey)),
    ("sslpassword", Secret(|c| &mut c.sslpassword)),
    ("sslcrl", Text(|c| &mut c.sslcrl)),
    ("sslcrldir", Text(|c| &mut c.sslcrldir)),
    ("sslcertmode", Checked(|c, v| fill(&mut c.sslcertmode, SslCertMode::from_word(v)))),
    ("sslnegotiation", Checked(|c, v| fill(&mut c.sslnegotiation, SslNegotiation::from_word(v)))),
    ("sslsni", Checked(|c, v| fill(&mut c.sslsni, integer(v).map(|n| n != 0)))),
    ("ssl_min_protocol_version", Checked(|c, v| tls_version(&mut c.ssl_min_protocol_version, v))),
    ("ssl_max_protocol_version", Checked(|c, v| tls_version(&mut c.ssl_max_protocol_version, v))),
    ("channel_binding", Checked(|c, v| fill(&mut c.channel_binding, ChannelBinding::from_word(v)))),
    ("require_auth", Checked(require_auth)),
    ("requirepeer", Text(|c| &mut c.requirepeer)),
    ("target_session_attrs", Checked(|c, v| fill(&mut c.target_session_attrs, TargetSessionAttrs::from_word(v)))),
    ("load_balance_hosts", Checked(|c, v| fill(&mut c.load_balance_hosts, LoadBalanceHosts::from_word(v)))),
    ("keepalives", Checked(|c, v| fill(&mut c.keepalives, integer(v).map(|n| n != 0)))),
    ("keepalives_idle", Number(|c| &mut c.keepalives_idle)),
    ("keepalives_interval", Number(|c| &mut c.keepalives_interval)),
    ("keepalives_count", Number(|c| &mut c.keepalives_count)),
    ("tcp_user_timeout", Number(|c| &mut c.tcp_user_timeout)),
    ("service", Text(|c| &mut c.service)),
    ("servicefile", Text(|c| &mut c.servicefile)),
    ("passfile", Text(|c| &mut c.passfile)),
    // These would ask for what is not to be had here.
    ("gssencmode", Checked(|_, v| matches!(v, "disable" | "prefer"))),
    ("replication", Checked(|_, v| matches!(v, "" | "false" | "off" | "no" | "0"))),
    ("min_protocol_version", Checked(|_, v| matches!(v, "" | "3.0"))),
    ("max_protocol_version", Checked(|_, v| matches!(v, "" | "3.0" | "3.2" | "latest"))),
    ("scram_client_key", Meaning::Unsupported),
    ("scram_server_key", Meaning::Unsupported),
    // JDBC's switch, where asyncpg writes a mode; Prisma's; sqlx's spellings.
    ("ssl", Checked(|c, v| fill(&mut c.sslmode, ssl(v)))),
    ("sslaccept", Checked(sslaccept)),
    ("ssl-mode", Checked(|c, v| fill(&mut c.sslmode, sslmode(v)))),
    ("ssl-root-cert", Text(|c| &mut c.sslrootcert)),
    ("ssl-ca", Text(|c| &mut c.sslrootcert)),
    ("ssl-cert", Text(|c| &mut c.sslcert)),
    ("ssl-key", Text(|c| &mut c.sslkey)),
    // What pgx and lib/pq, JDBC, Rails and Prisma call it; Prisma means one name.
    ("search_path", Text(|c| &mut c.search_path)),
    ("currentSchema", Text(|c| &mut c.search_path)),
    ("schema_search_path", Text(|c| &mut c.search_path)),
    ("schema", Checked(schema)),
];

/// Keywords without a meaning for one session that speaks UTF-8.
#[rustfmt::skip] // A row per stack.
const IGNORED: &[&str] = &[
    // libpq
    "client_encoding", "fallback_application_name", "gssdelegation", "gsslib", "krbsrvname",
    "sslcompression", "sslkeylogfile",
    // of no use but to a server that asks for OAuth, which fails anyway
    "oauth_client_id", "oauth_client_secret", "oauth_issuer", "oauth_scope",
    // Prisma, and the hosts that write URLs for it
    "connection_limit", "max_connection_lifetime", "max_idle_connection_lifetime", "pgbouncer",
    "pool_timeout", "single_use_connections", "socket_timeout", "statement_cache_size", "supa",
    "workaround",
    // pgx, lib/pq
    "binary_parameters", "default_query_exec_mode", "description_cache_capacity",
    "pool_health_check_period", "pool_max_conn_idle_time", "pool_max_conn_lifetime",
    "pool_max_conn_lifetime_jitter", "pool_max_conns", "pool_min_conns", "statement_cache_capacity",
    // SQLAlchemy, sqlx
    "command_timeout", "prepared_statement_cache_size", "statement-cache-capacity",
    // node-postgres, postgres.js, JDBC
    "idle_timeout", "max", "max_lifetime", "max_pool_size", "min_pool_size", "prepareThreshold",
    "prepare", "uselibpqcompat",
    // Rails, Django
    "checkout_timeout", "conn_health_checks", "conn_max_age", "encoding", "pool", "pool_size",
    "prepared_statements", "reaping_frequency",
];

/// Looks a keyword up, by its exact spelling as libpq does.
pub(super) fn find(name: &str) -> Result<Key, ConnInfoError> {
    let known = KEYS.iter().find(|(key, _)| *key == name).copied();
    let ignored = || IGNORED.iter().find(|key| **key == name);
    known
        .or_else(|| ignored().map(|key| (*key, Meaning::Ignored)))
        .map(|(name, meaning)| Key { name, meaning })
        .ok_or_else(|| ConnInfoError::UnknownKey {
            key: looks_like_keyword(name).then(|| name.to_owned()),
        })
}

/// Whether a name can be shown: anything else may be a piece of a password.
pub(super) fn looks_like_keyword(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Key {
    pub(super) fn is_secret(self) -> bool {
        matches!(self.meaning, Secret(_))
    }

    /// Stores the value; the last of several wins, as in libpq.
    pub(super) fn put(self, info: &mut ConnInfo, value: Vec<u8>) -> Result<(), ConnInfoError> {
        if let Secret(slot) = self.meaning {
            *slot(info) = Some(Password(value)).filter(|password| !password.0.is_empty());
            return Ok(());
        }
        let Ok(value) = String::from_utf8(value) else {
            return Err(ConnInfoError::NotUtf8 {
                part: Part::of(self.name),
            });
        };
        let fits = match self.meaning {
            Text(slot) => {
                *slot(info) = non_empty(&value);
                true
            }
            Number(slot) => fill(slot(info), number(&value)),
            Checked(store) => store(info, &value),
            Meaning::Unsupported if !value.is_empty() => {
                return Err(ConnInfoError::Unsupported { key: self.name });
            }
            Secret(_) | Meaning::Ignored | Meaning::Unsupported => true,
        };
        match self.name {
            _ if fits => Ok(()),
            "port" => Err(ConnInfoError::BadPort),
            key => Err(ConnInfoError::BadValue { key }),
        }
    }
}

/// What the keyword can be set to.
pub(super) fn allowed(key: &str) -> String {
    let words = match key {
        "sslmode" | "ssl-mode" => SslMode::WORDS,
        "ssl" => &["true", "false"],
        "sslaccept" => &["strict", "accept_invalid_certs"],
        "sslcertmode" => SslCertMode::WORDS,
        "sslnegotiation" => SslNegotiation::WORDS,
        "ssl_min_protocol_version" | "ssl_max_protocol_version" => TLS_VERSIONS,
        "channel_binding" => ChannelBinding::WORDS,
        "target_session_attrs" => TargetSessionAttrs::WORDS,
        "load_balance_hosts" => LoadBalanceHosts::WORDS,
        "gssencmode" => &["disable", "prefer"],
        "replication" => &["false"],
        "min_protocol_version" => &["3.0"],
        "max_protocol_version" => &["3.0", "3.2", "latest"],
        "require_auth" => {
            let words = AUTH_METHODS.join(", ");
            return format!(
                "require_auth is a list, such as scram-sha-256,none, of {words}, each once; or each with a ! before it"
            );
        }
        "hostaddr" => return "hostaddr is a numeric address; a name goes into host".to_owned(),
        "dbname" => {
            return "give the URL by itself, as --url or DATABASE_URL, without dbname=".to_owned();
        }
        _ => return format!("{key} is a whole number"),
    };
    format!("{key} is one of {}", words.join(", "))
}

/// Fills the slot, or tells that there is nothing to fill it with.
fn fill<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    let fits = value.is_some();
    *slot = value.or(slot.take());
    fits
}

fn non_empty(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// An `int` as libpq's `parse_int_param` reads it: blanks around, a sign.
fn integer(value: &str) -> Option<i32> {
    value.trim_matches(is_blank).parse().ok()
}

fn number(value: &str) -> Option<u32> {
    integer(value).map(|number| u32::try_from(number).unwrap_or(0))
}

/// Keeps a list between commas, unless an element does not fit; an empty one is open.
fn keep<T>(slot: &mut Vec<Option<T>>, value: &str, element: impl Fn(&str) -> Option<T>) -> bool {
    let open_or_known = |text: &str| match text {
        "" => Some(None),
        text => element(text).map(Some),
    };
    match value
        .split(',')
        .map(open_or_known)
        .collect::<Option<Vec<_>>>()
    {
        Some(_) if value.is_empty() => slot.clear(),
        Some(list) => *slot = list,
        None => return false,
    }
    true
}

fn hosts(info: &mut ConnInfo, value: &str) -> bool {
    keep(&mut info.hosts, value, non_empty)
}

fn hostaddrs(info: &mut ConnInfo, value: &str) -> bool {
    keep(&mut info.hostaddrs, value, |text| text.parse().ok())
}

fn ports(info: &mut ConnInfo, value: &str) -> bool {
    let port = |text: &str| u16::try_from(integer(text)?).ok();
    keep(&mut info.ports, value, |text| {
        port(text).filter(|port| *port != 0)
    })
}

fn dbname(info: &mut ConnInfo, value: &str) -> bool {
    // A whole URL, password included, would be shown as a name.
    let fits = !value.contains("://");
    if fits {
        info.dbname = non_empty(value);
    }
    fits
}

fn sslmode(value: &str) -> Option<SslMode> {
    match value {
        // node-postgres: encrypted, whoever answers; libpq's `require`.
        "no-verify" => Some(SslMode::Require),
        word => SslMode::from_word(word),
    }
}

fn ssl(value: &str) -> Option<SslMode> {
    match value {
        "true" | "1" | "on" | "yes" => Some(SslMode::Require),
        "false" | "0" | "off" | "no" => Some(SslMode::Disable),
        word => sslmode(word),
    }
}

/// Prisma checks certificates against the system's roots, or not at all.
fn sslaccept(info: &mut ConnInfo, value: &str) -> bool {
    if value == "strict" {
        info.sslmode = Some(SslMode::VerifyFull);
        info.sslrootcert.get_or_insert_with(|| "system".to_owned());
    }
    matches!(value, "strict" | "accept_invalid_certs")
}

/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-REQUIRE-AUTH>
const AUTH_METHODS: &[&str] = &[
    "password",
    "md5",
    "gss",
    "sspi",
    "scram-sha-256",
    "oauth",
    "none",
];

/// Methods between commas, each once, all of them wanted or all of them unwanted.
fn require_auth(info: &mut ConnInfo, value: &str) -> bool {
    let words: Vec<&str> = value.split(',').collect();
    let unwanted = words.iter().filter(|word| word.starts_with('!')).count();
    let known = |word: &&str| AUTH_METHODS.contains(&word.strip_prefix('!').unwrap_or(word));
    let once = |word: &&str| words.iter().filter(|other| other == &word).count() == 1;
    let fits = value.is_empty()
        || (unwanted == 0 || unwanted == words.len())
            && words.iter().all(|word| known(word) && once(word));
    if fits {
        info.require_auth = non_empty(value);
    }
    fits
}

/// Where a version of TLS stands among all.
pub(super) fn tls_rank(version: &str) -> Option<usize> {
    let same = |known: &&str| known.eq_ignore_ascii_case(version);
    TLS_VERSIONS.iter().position(same)
}

fn tls_version(slot: &mut Option<String>, value: &str) -> bool {
    let fits = value.is_empty() || tls_rank(value).is_some();
    if fits {
        *slot = non_empty(value);
    }
    fits
}

/// One name, to be taken letter by letter, so quoted.
fn schema(info: &mut ConnInfo, value: &str) -> bool {
    let quoted = |name: String| format!("\"{}\"", name.replace('"', "\"\""));
    info.search_path = non_empty(value).map(quoted);
    true
}
