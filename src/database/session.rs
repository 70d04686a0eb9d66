//! One connection to the server, by the simple query protocol alone: the only one that every pooler passes on.

use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use postgres::config::TargetSessionAttrs as SessionAttrs;
use postgres::{Client, Config, NoTls, SimpleQueryMessage, SimpleQueryRow};

use super::conninfo::{ChannelBinding, ConnInfo, HostSpec, SslMode, TargetSessionAttrs};
use crate::error::{Error, Result, ServerError, Trouble};

/// What the server says meanwhile: a NOTICE, a WARNING.
pub type Notice = ServerError;

/// A connection whose server process is idle or inside a transaction that its owner knows of.
pub struct Session {
    client: Client,
    notices: Arc<Mutex<Vec<Notice>>>,
}

/// The rows of one statement, as text.
pub type Rows = Vec<SimpleQueryRow>;

/// Connecting ends after this, unless the connection string says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that is gone is noticed after `IDLE + INTERVAL * RETRIES`.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;

impl Session {
    /// Connects and authenticates.
    ///
    /// # Errors
    /// `Error::Connect` when there is no session to be had, `Error::Usage` when the connection string asks for what
    /// this program cannot do.
    pub fn connect(target: &ConnInfo) -> Result<Session> {
        let notices = Arc::new(Mutex::new(Vec::new()));
        let mut config = configure(target)?;
        let sink = Arc::clone(&notices);
        config.notice_callback(move |notice| {
            // A poisoned lock still guards a usable list.
            sink.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(ServerError::from(&notice));
        });
        match config.connect(NoTls) {
            Ok(client) => Ok(Session { client, notices }),
            Err(error) => Err(Error::Connect {
                target: target.describe(),
                trouble: Trouble::from(error),
            }),
        }
    }

    /// Sends one message of any number of statements, and forgets their rows.
    ///
    /// # Errors
    /// The first error of the server; the statements after it were not run.
    pub fn run(&mut self, message: &str) -> std::result::Result<(), Trouble> {
        self.client.batch_execute(message).map_err(Trouble::from)
    }

    /// Sends one message of any number of statements; the rows of each statement that returns any, in order.
    ///
    /// # Errors
    /// The first error of the server; the statements after it were not run.
    pub fn ask(&mut self, message: &str) -> std::result::Result<Vec<Rows>, Trouble> {
        let mut results: Vec<Rows> = Vec::new();
        for answer in self.client.simple_query(message)? {
            match answer {
                SimpleQueryMessage::RowDescription(_) => results.push(Vec::new()),
                SimpleQueryMessage::Row(row) => {
                    if let Some(rows) = results.last_mut() {
                        rows.push(row);
                    }
                }
                _ => {}
            }
        }
        Ok(results)
    }

    /// Sends a `COPY … FROM stdin` and its data.
    ///
    /// # Errors
    /// What the server said of the statement or of the data.
    pub fn copy_in(&mut self, statement: &str, data: &str) -> std::result::Result<(), Trouble> {
        let mut writer = self.client.copy_in(statement)?;
        // When the server has refused a line, the reason is in the answer to the end of the data.
        let written = writer.write_all(data.as_bytes());
        let finished = writer.finish();
        match (finished, written) {
            (Err(error), _) => Err(Trouble::from(error)),
            (Ok(_), Err(error)) => Err(Trouble::Connection(error.to_string())),
            (Ok(_), Ok(())) => Ok(()),
        }
    }

    /// Ends the open transaction, if any, and all that a session can hold besides, so that a pooled server connection
    /// goes on as if nobody had used it.
    ///
    /// # Errors
    /// The connection is lost; then the server has done the same.
    pub fn leave_no_trace(&mut self) -> std::result::Result<(), Trouble> {
        let said = self.take_notices();
        let outcome = self.run(&format!("ROLLBACK; {LEAVE_NO_TRACE}"));
        // That there was no transaction to roll back is no news.
        self.take_notices();
        self.notices
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(said);
        outcome
    }

    /// What the server said since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Everything that a session can hold, given back. `DISCARD ALL` would do, but it refuses to run in a message of
/// several statements; and `RESET ALL` leaves the role: <https://www.postgresql.org/docs/current/sql-discard.html>.
/// A pooler in front of a database that is not UTF8 has set the encoding for us, and RESET undoes that.
pub const LEAVE_NO_TRACE: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; \
     SET client_encoding TO 'UTF8'; DEALLOCATE ALL; UNLISTEN *; SELECT pg_catalog.pg_advisory_unlock_all(); \
     DISCARD PLANS; DISCARD TEMP; DISCARD SEQUENCES;";

fn configure(target: &ConnInfo) -> Result<Config> {
    refuse_what_is_not_honoured(target)?;
    let mut config = Config::new();
    if let Some(user) = &target.user {
        config.user(user);
    }
    if let Some(password) = &target.password {
        config.password(password.as_bytes());
    }
    if let Some(dbname) = &target.dbname {
        config.dbname(dbname);
    }
    if let Some(options) = startup_options(target) {
        config.options(&options);
    }
    config.application_name(target.application_name.as_deref().unwrap_or("onward"));
    match target.connect_timeout {
        None => drop(config.connect_timeout(CONNECT_TIMEOUT)),
        Some(0) => {}
        Some(seconds) => drop(config.connect_timeout(Duration::from_secs(seconds.into()))),
    }
    config.target_session_attrs(match target.target_session_attrs {
        Some(TargetSessionAttrs::ReadWrite | TargetSessionAttrs::Primary) => {
            SessionAttrs::ReadWrite
        }
        Some(TargetSessionAttrs::ReadOnly | TargetSessionAttrs::Standby) => SessionAttrs::ReadOnly,
        Some(TargetSessionAttrs::Any | TargetSessionAttrs::PreferStandby) | None => {
            SessionAttrs::Any
        }
    });
    config.keepalives(target.keepalives.unwrap_or(true));
    let seconds = |value: Option<u32>, usual| {
        value
            .filter(|&value| value > 0)
            .map_or(usual, |value| Duration::from_secs(value.into()))
    };
    config.keepalives_idle(seconds(target.keepalives_idle, KEEPALIVE_IDLE));
    config.keepalives_interval(seconds(target.keepalives_interval, KEEPALIVE_INTERVAL));
    config.keepalives_retries(
        target
            .keepalives_count
            .filter(|&count| count > 0)
            .unwrap_or(KEEPALIVE_RETRIES),
    );
    for place in target.addresses() {
        add_host(&mut config, &place);
    }
    Ok(config)
}

/// What a connection string asks for must be done or refused; to ignore it could connect elsewhere, or less safely.
fn refuse_what_is_not_honoured(target: &ConnInfo) -> Result<()> {
    let tls = matches!(
        target.sslmode,
        Some(SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull)
    );
    if tls {
        return Err(Error::Usage {
            message: "the connection string asks for TLS, and this build of onward has none".to_owned(),
            hint: "use sslmode=prefer or sslmode=disable on a network that you trust, or a Unix socket".to_owned(),
        });
    }
    let asked = [
        ("service", target.service.is_some()),
        ("require_auth", target.require_auth.is_some()),
        ("requirepeer", target.requirepeer.is_some()),
        (
            "channel_binding=require",
            target.channel_binding == Some(ChannelBinding::Require),
        ),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        Some((key, _)) => Err(Error::Usage {
            message: format!(
                "the connection string has {key}, which this build of onward does not do"
            ),
            hint: "leave it out, and name host, user and database in the connection string"
                .to_owned(),
        }),
        None => Ok(()),
    }
}

/// The command-line options for the server process, the `search_path` of the connection string among them: what is set
/// there survives RESET ALL. A blank or backslash in a value is escaped by a backslash.
fn startup_options(target: &ConnInfo) -> Option<String> {
    let Some(search_path) = &target.search_path else {
        return target.options.clone();
    };
    let escaped = search_path.replace('\\', r"\\").replace(' ', r"\ ");
    let options = target.options.as_deref().unwrap_or_default();
    Some(format!("-c search_path={escaped} {options}"))
}

fn add_host(config: &mut Config, place: &HostSpec) {
    match (place.host, place.hostaddr) {
        (Some(host), _) if place.is_socket() => drop(config.host_path(host)),
        (Some(host), _) => drop(config.host(host)),
        (None, Some(address)) => drop(config.host(&address.to_string())),
        (None, None) => add_usual_host(config, place.port),
    }
    if let Some(address) = place.hostaddr {
        config.hostaddr(address);
    }
    config.port(place.port);
}

/// Where libpq looks when no host is named: the socket folders of Debian and of PostgreSQL itself, then localhost.
fn add_usual_host(config: &mut Config, port: u16) {
    let socket = format!(".s.PGSQL.{port}");
    let folders = ["/var/run/postgresql", "/tmp"];
    match folders
        .into_iter()
        .find(|folder| Path::new(folder).join(&socket).exists())
    {
        Some(folder) => drop(config.host_path(folder)),
        None => drop(config.host("localhost")),
    }
}
