//! Who was in the way of a file that was rolled back for a lock, or of a look at the history.
//!
//! The server tells only that the wait was too long. The tables that the failed statement names are known, and so is
//! who holds locks on them; the session of the run lock can ask, for it is idle.

use super::run_lock::{Locked, RunLock};
use super::session::Session;
use crate::sql::quote::text_array;

/// How many are named.
const NAMED: usize = 3;

impl Locked<'_> {
    /// The sessions that hold locks on these relations, the oldest transaction first, each in words; empty where nobody
    /// does any more.
    pub fn blockers(&mut self, relations: &[String]) -> Vec<String> {
        let Some(lock) = &mut self.lock else {
            return Vec::new();
        };
        lock.blockers(relations)
    }
}

impl RunLock {
    /// The same, before there is a second session.
    pub fn blockers(&mut self, relations: &[String]) -> Vec<String> {
        self.look(|session| Ok(blockers(session, relations)))
            .unwrap_or_default()
    }
}

/// The same, asked in this session.
pub fn blockers(session: &mut Session, relations: &[String]) -> Vec<String> {
    // Who was in the way is worth a line, but not a failure: the next try says what is wrong.
    let answers = session.ask(&blockers_sql(relations)).unwrap_or_default();
    let rows = answers.into_iter().next().unwrap_or_default();
    rows.iter()
        .filter_map(|row| row.try_get(0).ok().flatten())
        .map(str::to_owned)
        .collect()
}

fn blockers_sql(relations: &[String]) -> String {
    let relations: Vec<&str> = relations.iter().map(String::as_str).collect();
    format!(
        "SELECT pg_catalog.concat(pg_catalog.min(CAST(CAST(l.relation AS pg_catalog.regclass) AS pg_catalog.text)), \
         ' is locked by pid ', a.pid, ', user ', a.usename, ', application ', pg_catalog.quote_literal(a.application_name), \
         ', client ', COALESCE(pg_catalog.host(a.client_addr), 'local'), ', ' OPERATOR(pg_catalog.||) a.state, \
         ', in a transaction since ' OPERATOR(pg_catalog.||) \
         pg_catalog.to_char(pg_catalog.timezone('UTC', a.xact_start), 'YYYY-MM-DD HH24:MI:SS\"Z\"'), \
         CASE WHEN a.xact_start IS NOT NULL THEN pg_catalog.concat(', query: ', \
         pg_catalog.left(pg_catalog.regexp_replace(a.query, E'\\\\s+', ' ', 'g'), 80)) END) \
         FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) l.pid \
         JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) l.database \
         WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() AND l.granted \
         AND l.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid() AND l.relation OPERATOR(pg_catalog.=) ANY \
         (ARRAY(SELECT CAST(pg_catalog.to_regclass(n.name) AS pg_catalog.oid) FROM pg_catalog.unnest({}) AS n(name))) \
         GROUP BY a.pid, a.usename, a.application_name, a.client_addr, a.state, a.xact_start, a.query \
         ORDER BY a.xact_start LIMIT {NAMED}",
        text_array(&relations)
    )
}
