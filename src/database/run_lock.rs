//! The run lock: one runner at a time changes a database.
//!
//! It is an advisory lock of a transaction that stays open and idle on a connection of its own, so it frees itself when
//! the runner dies, and a pooler cannot pass it on. Whoever does not get it has nothing open while it sleeps: a waiter
//! inside `pg_advisory_lock` would deadlock with CREATE INDEX CONCURRENTLY.

use super::conninfo::ConnInfo;
use super::patience::Patience;
use super::session::Session;
use super::survey::Facts;
use crate::error::{Error, Result, Trouble};
use crate::timeout::Spoken;

/// The key of the advisory lock, one for each database: the letters "onward".
pub const KEY: i64 = 0x6F6E_7761_7264;

/// A session whose open transaction holds the run lock.
pub struct RunLock {
    session: Session,
}

/// What a runner that waits can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder(pub Option<String>);

impl RunLock {
    /// Takes the run lock, trying until the patience is used up; `waiting` hears of every try that failed.
    ///
    /// # Errors
    /// `Error::GaveUp` when somebody else held it all the time, `Error::Database` when the connection broke.
    pub fn take(
        mut session: Session,
        facts: &Facts,
        patience: &mut Patience,
        waiting: &mut dyn FnMut(&Holder),
    ) -> Result<RunLock> {
        patience.begin();
        loop {
            match try_lock(&mut session, facts) {
                Ok(None) => return Ok(RunLock { session }),
                Ok(Some(holder)) => {
                    waiting(&holder);
                    if !patience.pause() {
                        return Err(Error::GaveUp {
                            waiting_for: "the run lock".to_owned(),
                            waited: Spoken(patience.used()).to_string(),
                            holder: holder.0,
                            applied: Vec::new(),
                        });
                    }
                }
                Err(trouble) => {
                    return Err(Error::Database {
                        doing: "cannot take the run lock".to_owned(),
                        trouble,
                    });
                }
            }
        }
    }

    /// Looks at the database in the session that holds the lock.
    ///
    /// The transaction stays open, but the locks that looking takes (on the history, on catalogs) are given back with a
    /// savepoint: they would be in the way of what is applied meanwhile.
    ///
    /// # Errors
    /// What `look` says, or that the connection is lost.
    pub fn look<T>(&mut self, look: impl FnOnce(&mut Session) -> Result<T>) -> Result<T> {
        let failed = |trouble| Error::Database {
            doing: "cannot look at the database".to_owned(),
            trouble,
        };
        self.session.run("SAVEPOINT look").map_err(failed)?;
        let seen = look(&mut self.session)?;
        self.session
            .run("ROLLBACK TO SAVEPOINT look")
            .map_err(failed)?;
        Ok(seen)
    }

    /// Opens a second connection to apply with.
    ///
    /// # Errors
    /// No second connection was to be had before the patience was used up.
    pub fn open_second(self, target: &ConnInfo, patience: &mut Patience) -> Result<Locked> {
        patience.begin();
        loop {
            match Session::connect(target) {
                Ok(work) => return Ok(Locked { lock: self, work }),
                // too_many_connections: other runners will end.
                Err(Error::Connect {
                    trouble: Trouble::Server(error),
                    ..
                }) if error.code == "53300" && patience.pause() => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A session to apply with, while another holds the run lock.
pub struct Locked {
    pub(super) lock: RunLock,
    pub(super) work: Session,
}

/// An expression that tells whether somebody holds the run lock of this database.
#[must_use]
pub fn held_sql() -> String {
    format!("EXISTS (SELECT 1 FROM {})", lock_rows())
}

/// Tries once; who holds the lock if it is not to be had, and then nothing is open any more.
fn try_lock(session: &mut Session, facts: &Facts) -> std::result::Result<Option<Holder>, Trouble> {
    // The idle transaction must outlive every limit that somebody set on the role or the database.
    let limit = if facts.version_num >= 170_000 {
        "SET LOCAL transaction_timeout = 0; "
    } else {
        ""
    };
    let answers = session.ask(&format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = 0; {limit}\
         SELECT pg_catalog.pg_try_advisory_xact_lock({KEY})"
    ))?;
    let won = answers
        .last()
        .and_then(|rows| rows.first())
        .and_then(|row| row.try_get(0).ok().flatten());
    if won == Some("t") {
        return Ok(None);
    }
    let holder = session.ask(&format!(
        "ROLLBACK; SELECT pg_catalog.concat('pid ', a.pid, ', user ', a.usename, ', application ', \
         pg_catalog.quote_literal(a.application_name), ', since ', pg_catalog.to_char(pg_catalog.timezone('UTC', \
         a.xact_start), 'YYYY-MM-DD HH24:MI:SS\"Z\"')) FROM {} \
         JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) l.pid",
        lock_rows()
    ))?;
    let holder = holder
        .first()
        .and_then(|rows| rows.first())
        .and_then(|row| row.try_get(0).ok().flatten());
    Ok(Some(Holder(holder.map(str::to_owned))))
}

/// The row of `pg_locks` that shows the run lock held in this database: a 64-bit key stands in two halves there, see
/// <https://www.postgresql.org/docs/current/view-pg-locks.html>.
fn lock_rows() -> String {
    format!(
        "(SELECT k.pid FROM pg_catalog.pg_locks k JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) \
         k.database WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() AND k.locktype \
         OPERATOR(pg_catalog.=) 'advisory' AND k.classid OPERATOR(pg_catalog.=) {} AND k.objid OPERATOR(pg_catalog.=) {} \
         AND k.objsubid OPERATOR(pg_catalog.=) 1 AND k.granted) l",
        KEY >> 32,
        KEY & 0xFFFF_FFFF
    )
}
