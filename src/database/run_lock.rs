//! The run lock: one runner at a time changes a database.
//!
//! It is an advisory lock of a transaction that stays open and idle on a connection of its own, so it frees itself when
//! the runner dies, and a pooler cannot pass it on. Whoever does not get it has nothing open while it sleeps: a waiter
//! inside `pg_advisory_lock` would deadlock with CREATE INDEX CONCURRENTLY.

use std::time::Instant;

use super::patience::Patience;
use super::session::{KEEPALIVES, Session, Target};
use super::survey::Facts;
use crate::error::{Done, Error, Result, Trouble};
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
        target: Target,
        facts: &Facts,
        patience: &mut Patience,
        waiting: &mut dyn FnMut(&Holder),
    ) -> Result<RunLock> {
        patience.begin();
        loop {
            let failed = |trouble| Error::Database {
                doing: "cannot take the run lock".to_owned(),
                trouble,
            };
            let Some(holder) = try_lock(&mut session, facts).map_err(failed)? else {
                return Ok(RunLock { session });
            };
            waiting(&holder);
            // Who sleeps leaves its connection to others: the winner needs two.
            drop(session);
            session = loop {
                if !patience.pause() {
                    return Err(Error::GaveUp {
                        waiting_for: "the run lock".to_owned(),
                        waited: Spoken(patience.used()).to_string(),
                        holder: holder.0.map(|holder| format!("held by {holder}")),
                        done: Done::Applied(Vec::new()),
                    });
                }
                match Session::connect(target) {
                    Err(Error::Connect {
                        trouble: Trouble::Server(error),
                        ..
                    }) if error.is_full() => {}
                    outcome => break outcome?,
                }
            };
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
        let seen = look(&mut self.session);
        let rolled_back = self.session.run("ROLLBACK TO SAVEPOINT look");
        let seen = seen?;
        rolled_back.map_err(failed)?;
        Ok(seen)
    }

    /// Opens a second connection to apply with. A pooler may accept it and then have no server for it, so it is asked.
    ///
    /// Where there is none until the patience is used up, the lock is given up and its connection applies alone: the
    /// unique index of the history still lets each file through only once.
    ///
    /// # Errors
    /// `Error::Connect` when the server refuses for another reason than want of connections, `Error::Database` when the
    /// first connection is lost too.
    pub fn open_second<'a>(
        mut self,
        target: Target<'a>,
        patience: &mut Patience,
    ) -> Result<Locked<'a>> {
        patience.begin();
        loop {
            let outcome = Session::connect(target).and_then(|mut work| {
                work.set_deadline(Some(Instant::now() + patience.left()));
                let answer = work.run("SELECT 1");
                work.set_deadline(target.deadline);
                answer.map(|()| work).map_err(|trouble| Error::Connect {
                    target: target.conninfo.describe(),
                    tries: Vec::new(),
                    trouble,
                })
            });
            match outcome {
                Ok(work) => {
                    return Ok(Locked {
                        lock: Some(self),
                        work,
                        target,
                    });
                }
                Err(Error::Connect { trouble, .. }) if trouble.wants_connections() => {
                    if !patience.pause() {
                        let given_up = |trouble| Error::Database {
                            doing: "cannot go on with one connection".to_owned(),
                            trouble,
                        };
                        self.session.run("ROLLBACK").map_err(given_up)?;
                        return Ok(Locked {
                            lock: None,
                            work: self.session,
                            target,
                        });
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// A session to apply with, while another holds the run lock.
pub struct Locked<'a> {
    /// None where only one connection was to be had.
    pub(super) lock: Option<RunLock>,
    pub(super) work: Session,
    target: Target<'a>,
}

impl Locked<'_> {
    /// Rolls back what is open, and gives back what the session holds.
    pub(super) fn clean(&mut self) -> std::result::Result<(), Trouble> {
        if !self.work.is_out_of_step() {
            return self.work.leave_no_trace();
        }
        self.work = Session::connect(self.target).map_err(|error| match error {
            Error::Connect { trouble, .. } => trouble,
            other => Trouble::Connection(other.to_string()),
        })?;
        Ok(())
    }

    /// Whether the run lock is held: if not, only the unique index keeps another runner from the same file.
    #[must_use]
    pub fn has_run_lock(&self) -> bool {
        self.lock.is_some()
    }
}

/// Whether somebody holds the run lock of this database.
///
/// # Errors
/// What the server or the connection said.
pub fn is_held(session: &mut Session) -> std::result::Result<bool, Trouble> {
    let answers = session.ask(&format!("SELECT 1 FROM {}", lock_rows()))?;
    Ok(answers.first().is_some_and(|rows| !rows.is_empty()))
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
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = 0; {limit}{KEEPALIVES}\
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
