//! One connection to the server, by the simple query protocol alone: the only one that every pooler passes on.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use postgres::config::{SslMode, SslNegotiation, TargetSessionAttrs as SessionAttrs};
use postgres::{Client, Config, SimpleQueryMessage, SimpleQueryRow};

use super::conninfo::{self, ChannelBinding, ConnInfo, HostSpec, TargetSessionAttrs};
use super::socket::{Connector, Gauge};
use crate::error::{Error, Result, ServerError, Trouble};

/// What the server says meanwhile: a NOTICE, a WARNING.
pub type Notice = ServerError;

/// A connection whose server process is idle or inside a transaction that its owner knows of.
pub struct Session {
    client: Client,
    gauge: Gauge,
    notices: Arc<Mutex<Vec<Notice>>>,
    /// The crate and the server disagree about which answer belongs to which message.
    out_of_step: bool,
}

/// Where to connect, and when the run must be over.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub conninfo: &'a ConnInfo,
    pub deadline: Option<Instant>,
}

/// The rows of one statement, as text.
pub type Rows = Vec<SimpleQueryRow>;

/// Connecting ends after this, unless the connection string says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that does not hang up is left alone after this.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(500);
/// A peer that is gone is noticed after `IDLE + INTERVAL * RETRIES`.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;

impl Session {
    /// Connects and authenticates, to the first server of the connection string that lets us.
    ///
    /// # Errors
    /// `Error::Connect` when there is no session to be had, `Error::Usage` when the connection string asks for what
    /// this program cannot do.
    pub fn connect(target: Target) -> Result<Session> {
        let conninfo = target.conninfo;
        refuse_what_is_not_honoured(conninfo)?;
        let mut trouble = Trouble::Connection("no server is named".to_owned());
        for (number, place) in conninfo.addresses().iter().enumerate() {
            match connect_to(target, number, place) {
                Ok(session) => return Ok(session),
                Err(error) => trouble = error,
            }
        }
        Err(Error::Connect {
            target: conninfo.describe(),
            trouble,
        })
    }

    /// Sends one message of any number of statements, and forgets their rows.
    ///
    /// # Errors
    /// The first error of the server; the statements after it were not run.
    pub fn run(&mut self, message: &str) -> std::result::Result<(), Trouble> {
        self.gauge.reset();
        self.client.batch_execute(message).map_err(Trouble::from)
    }

    /// How many statements of the last message the server has completed.
    #[must_use]
    pub fn completed(&self) -> usize {
        self.gauge.completed()
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
        let outcome = self.send_copy(statement, data);
        // The crate may have ended data that the server did not ask for, and gets one answer too many for it.
        self.out_of_step = self.out_of_step || outcome.is_err();
        outcome
    }

    fn send_copy(&mut self, statement: &str, data: &str) -> std::result::Result<(), Trouble> {
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

    /// Whether nothing more can be asked of this session.
    #[must_use]
    pub fn is_out_of_step(&self) -> bool {
        self.out_of_step
    }

    /// Sets when waiting for the server ends.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.gauge.set_deadline(deadline);
    }

    /// What the server said since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Session {
    /// The crate says goodbye and waits for the server to hang up, which must not last.
    fn drop(&mut self) {
        self.gauge
            .set_deadline(Some(Instant::now() + GOODBYE_TIMEOUT));
    }
}

/// The server, too, must notice that its peer is gone, or locks stay held.
pub(super) const KEEPALIVES: &str = "SET LOCAL tcp_keepalives_idle = 10; SET LOCAL tcp_keepalives_interval = 5; \
     SET LOCAL tcp_keepalives_count = 3; ";

/// The role that we came as, whatever a file has become.
pub(super) const OWN_ROLE: &str = "SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; ";

/// The same until the transaction ends: a file that runs step by step goes on as what it has become.
pub(super) const OWN_ROLE_FOR_NOW: &str =
    "SET LOCAL SESSION AUTHORIZATION DEFAULT; SET LOCAL ROLE NONE; ";

/// Everything that a session can hold, given back. `DISCARD ALL` would do, but it refuses to run in a message of
/// several statements; and `RESET ALL` leaves the role: <https://www.postgresql.org/docs/current/sql-discard.html>.
/// A pooler in front of a database that is not UTF8 has set the encoding for us, and RESET undoes that.
pub const LEAVE_NO_TRACE: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; \
     SET client_encoding TO 'UTF8'; DEALLOCATE ALL; UNLISTEN *; SELECT pg_catalog.pg_advisory_unlock_all(); \
     DISCARD PLANS; DISCARD TEMP; DISCARD SEQUENCES;";

/// Connects to one server. Connecting and authenticating share one deadline.
fn connect_to(
    target: Target,
    number: usize,
    place: &HostSpec,
) -> std::result::Result<Session, Trouble> {
    let conninfo = target.conninfo;
    let notices = Arc::new(Mutex::new(Vec::new()));
    let gauge = Gauge::default();
    let mut config = configure(conninfo);
    if let Some(Some(password)) = conninfo.host_passwords.get(number) {
        config.password(password.as_bytes());
    }
    let sink = Arc::clone(&notices);
    config.notice_callback(move |notice| {
        // A poisoned lock still guards a usable list.
        sink.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(ServerError::from(&notice));
    });
    let timeout = match conninfo.connect_timeout {
        None => Some(CONNECT_TIMEOUT),
        Some(0) => None,
        Some(seconds) => Some(Duration::from_secs(seconds.into())),
    };
    let now = Instant::now();
    let deadline = timeout
        .map(|timeout| now + timeout)
        .into_iter()
        .chain(target.deadline)
        .min();
    if let Some(deadline) = deadline {
        // The crate takes no time-out of 0.
        config.connect_timeout(
            deadline
                .saturating_duration_since(now)
                .max(Duration::from_millis(1)),
        );
    }
    gauge.set_deadline(deadline);
    // Our connector takes the raw stream and decides itself what to do with it.
    config
        .ssl_mode(SslMode::Require)
        .ssl_negotiation(SslNegotiation::Direct);
    let connector = if let Some(path) = socket_path(place) {
        let (connector, port) = Connector::unix(gauge.clone(), path)
            .map_err(|error| Trouble::Connection(format!("no loopback interface: {error}")))?;
        config.host("127.0.0.1").port(port);
        connector
    } else {
        add_host(&mut config, place);
        Connector::tcp(gauge.clone())
    };
    let client = config
        .connect(connector)
        .map_err(|error| match Trouble::from(error) {
            // What fails in our connector is no TLS handshake, whatever the crate calls it.
            Trouble::Connection(text) => Trouble::Connection(text.replace(
                "error performing TLS handshake",
                "error connecting to server",
            )),
            trouble @ Trouble::Server(_) => trouble,
        })?;
    gauge.set_deadline(target.deadline);
    Ok(Session {
        client,
        gauge,
        notices,
        out_of_step: false,
    })
}

fn configure(target: &ConnInfo) -> Config {
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
    if let Some(options) = target.startup_options() {
        config.options(&options);
    }
    config.application_name(target.application_name.as_deref().unwrap_or("onward"));
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
    config
}

/// What a connection string asks for must be done or refused; to ignore it could connect elsewhere, or less safely.
fn refuse_what_is_not_honoured(target: &ConnInfo) -> Result<()> {
    let tls = matches!(
        target.sslmode,
        Some(
            conninfo::SslMode::Require
                | conninfo::SslMode::VerifyCa
                | conninfo::SslMode::VerifyFull
        )
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

/// The Unix socket of a place, if it is reached by one. Where no host is named, libpq looks in the socket folders of
/// Debian and of PostgreSQL itself, then it tries localhost.
fn socket_path(place: &HostSpec) -> Option<PathBuf> {
    let socket = format!(".s.PGSQL.{}", place.port);
    match place.host {
        Some(folder) if place.is_socket() => Some(Path::new(folder).join(socket)),
        None if place.hostaddr.is_none() => {
            let folders = ["/var/run/postgresql", "/tmp"];
            folders
                .into_iter()
                .map(|folder| Path::new(folder).join(&socket))
                .find(|path| path.exists())
        }
        _ => None,
    }
}

fn add_host(config: &mut Config, place: &HostSpec) {
    let address = place.hostaddr.map(|address| address.to_string());
    config.host(place.host.or(address.as_deref()).unwrap_or("localhost"));
    if let Some(address) = place.hostaddr {
        config.hostaddr(address);
    }
    config.port(place.port);
}
