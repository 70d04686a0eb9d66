//! One connection to the server, by the simple query protocol alone: the only one that every pooler passes on.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::conninfo::ConnInfo;
use super::dial::{Call, dial};
use super::socket::Gauge;
use crate::error::{Result, ServerError, Trouble};

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

/// A server that does not hang up is left alone after this.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(500);

impl Session {
    /// Connects and authenticates, to the first server of the connection string that lets us.
    ///
    /// # Errors
    /// `Error::Connect` when there is no session to be had, `Error::Usage` when the connection string contradicts itself,
    /// names a file that cannot be used, or asks for what this program cannot do.
    pub fn connect(target: Target) -> Result<Session> {
        let Call {
            client,
            gauge,
            notices,
        } = dial(target)?;
        Ok(Session {
            client,
            gauge,
            notices,
            out_of_step: false,
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
