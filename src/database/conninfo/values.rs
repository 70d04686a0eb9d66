//! A connection as keywords and values in libpq's spelling, and as the variables that libpq reads.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use super::{
    ChannelBinding, ConnInfo, LoadBalanceHosts, Password, SslCertMode, SslMode, SslNegotiation,
    TargetSessionAttrs,
};

/// The value of one keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Secret(Password),
}

/// The variables that stand for a keyword:
/// <https://www.postgresql.org/docs/current/libpq-envars.html>. Not among them are `PGSERVICE` and `PGSERVICEFILE`, which
/// come before them, and `PGREQUIRESSL`, whose value is a word of its own.
#[rustfmt::skip] // A row per variable.
pub const VARIABLES: &[(&str, &str)] = &[
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGDATABASE", "dbname"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGOPTIONS", "options"),
    ("PGAPPNAME", "application_name"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGLOADBALANCEHOSTS", "load_balance_hosts"),
    ("PGREQUIREPEER", "requirepeer"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLCERTMODE", "sslcertmode"),
    ("PGSSLCRL", "sslcrl"),
    ("PGSSLCRLDIR", "sslcrldir"),
    ("PGSSLSNI", "sslsni"),
    ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
    ("PGSSLMAXPROTOCOLVERSION", "ssl_max_protocol_version"),
];

/// The variables whose keywords change nothing here; their values must make sense all the same.
#[rustfmt::skip] // A row per variable.
pub const CHECKED_VARIABLES: &[(&str, &str)] = &[
    ("PGCLIENTENCODING", "client_encoding"),
    ("PGSSLCOMPRESSION", "sslcompression"),
    ("PGGSSENCMODE", "gssencmode"),
    ("PGGSSDELEGATION", "gssdelegation"),
    ("PGGSSLIB", "gsslib"),
    ("PGKRBSRVNAME", "krbsrvname"),
    ("PGMINPROTOCOLVERSION", "min_protocol_version"),
    ("PGMAXPROTOCOLVERSION", "max_protocol_version"),
];

impl ConnInfo {
    /// What is set, by keyword.
    #[must_use]
    pub fn values(&self) -> Vec<(&'static str, Value)> {
        let fields = self.who_and_where().into_iter();
        fields
            .chain(self.how_safe())
            .chain(self.how_long_and_the_rest())
            .filter_map(|(key, value)| Some((key, value?)))
            .collect()
    }

    /// The value of one keyword, if it is set.
    #[must_use]
    pub fn value(&self, keyword: &str) -> Option<Value> {
        let mut values = self.values().into_iter();
        values.find_map(|(key, value)| (key == keyword).then_some(value))
    }

    fn who_and_where(&self) -> [(&'static str, Option<Value>); 10] {
        [
            ("host", list(&self.hosts)),
            ("hostaddr", list(&self.hostaddrs)),
            ("port", list(&self.ports)),
            ("user", text(self.user.as_ref())),
            ("password", secret(self.password.as_ref())),
            ("dbname", text(self.dbname.as_ref())),
            ("connect_timeout", text(self.connect_timeout.as_ref())),
            ("application_name", text(self.application_name.as_ref())),
            ("options", text(self.options.as_ref())),
            ("search_path", text(self.search_path.as_ref())),
        ]
    }

    fn how_safe(&self) -> [(&'static str, Option<Value>); 15] {
        [
            ("sslmode", word(self.sslmode.map(SslMode::as_str))),
            ("sslrootcert", text(self.sslrootcert.as_ref())),
            ("sslcert", text(self.sslcert.as_ref())),
            ("sslkey", text(self.sslkey.as_ref())),
            ("sslpassword", secret(self.sslpassword.as_ref())),
            (
                "sslcertmode",
                word(self.sslcertmode.map(SslCertMode::as_str)),
            ),
            ("sslcrl", text(self.sslcrl.as_ref())),
            ("sslcrldir", text(self.sslcrldir.as_ref())),
            (
                "sslnegotiation",
                word(self.sslnegotiation.map(SslNegotiation::as_str)),
            ),
            ("sslsni", text(self.sslsni.map(u8::from).as_ref())),
            (
                "ssl_min_protocol_version",
                text(self.ssl_min_protocol_version.as_ref()),
            ),
            (
                "ssl_max_protocol_version",
                text(self.ssl_max_protocol_version.as_ref()),
            ),
            (
                "channel_binding",
                word(self.channel_binding.map(ChannelBinding::as_str)),
            ),
            ("require_auth", text(self.require_auth.as_ref())),
            ("requirepeer", text(self.requirepeer.as_ref())),
        ]
    }

    fn how_long_and_the_rest(&self) -> [(&'static str, Option<Value>); 10] {
        [
            (
                "target_session_attrs",
                word(self.target_session_attrs.map(TargetSessionAttrs::as_str)),
            ),
            (
                "load_balance_hosts",
                word(self.load_balance_hosts.map(LoadBalanceHosts::as_str)),
            ),
            ("keepalives", text(self.keepalives.map(u8::from).as_ref())),
            ("keepalives_idle", text(self.keepalives_idle.as_ref())),
            (
                "keepalives_interval",
                text(self.keepalives_interval.as_ref()),
            ),
            ("keepalives_count", text(self.keepalives_count.as_ref())),
            ("tcp_user_timeout", text(self.tcp_user_timeout.as_ref())),
            ("service", text(self.service.as_ref())),
            ("servicefile", text(self.servicefile.as_ref())),
            ("passfile", text(self.passfile.as_ref())),
        ]
    }

    /// The connection for programs that speak libpq, such as `pg_dump`: each variable with its value, or without one where
    /// it must not be set. `keepalives`, `tcp_user_timeout` and `sslpassword` have no variable. Passwords that differ from
    /// host to host are left to the password file.
    #[must_use]
    pub fn to_variables(&self) -> Vec<(&'static str, Option<OsString>)> {
        let value = |key| match key {
            "password" => self.one_password().map(|password| password.0.clone()),
            "options" => self.startup_options().map(String::into_bytes),
            key => match self.value(key)? {
                Value::Text(text) => Some(text.into_bytes()),
                Value::Secret(password) => Some(password.0),
            },
        };
        let known = VARIABLES
            .iter()
            .map(|(variable, key)| (*variable, value(key).map(OsString::from_vec)));
        let settled = ["PGSERVICE", "PGSERVICEFILE", "PGREQUIRESSL"];
        known
            .chain(settled.into_iter().map(|variable| (variable, None)))
            .collect()
    }

    /// The password, if it is the same for every host.
    fn one_password(&self) -> Option<&Password> {
        let mut each = self.host_passwords.iter();
        let first = each.next().and_then(Option::as_ref);
        let same = each.all(|password| password.as_ref() == first);
        self.password.as_ref().or(first.filter(|_| same))
    }

    /// The command-line options for the server process, the `search_path` among them: what is set there survives RESET ALL.
    /// A blank or backslash in a value is escaped by a backslash.
    #[must_use]
    pub fn startup_options(&self) -> Option<String> {
        let Some(search_path) = &self.search_path else {
            return self.options.clone();
        };
        let escaped = search_path.replace('\\', r"\\").replace(' ', r"\ ");
        let search_path = format!("-c search_path={escaped}");
        Some(match &self.options {
            Some(options) => format!("{search_path} {options}"),
            None => search_path,
        })
    }
}

fn text<T: ToString>(value: Option<&T>) -> Option<Value> {
    value.map(|value| Value::Text(value.to_string()))
}

fn word(word: Option<&'static str>) -> Option<Value> {
    word.map(|word| Value::Text(word.to_owned()))
}

fn secret(value: Option<&Password>) -> Option<Value> {
    value.cloned().map(Value::Secret)
}

/// A list between commas; what is open is empty.
fn list<T: ToString>(elements: &[Option<T>]) -> Option<Value> {
    let texts = elements
        .iter()
        .map(|element| element.as_ref().map_or(String::new(), T::to_string));
    (!elements.is_empty()).then(|| Value::Text(texts.collect::<Vec<_>>().join(",")))
}
