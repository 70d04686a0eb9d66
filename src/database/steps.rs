//! Files that PostgreSQL cannot run in one transaction: step by step, each recorded.
//!
//! A `running` row claims the file first. A step that may stand in a transaction is committed together with its
//! progress; one that may not is recorded after it. So a run that dies can be taken up at the first step not done.

use std::fmt::Write as _;

use super::apply::{
    Conditions, Job, Progress, Spot, Stop, begin_step, byte_of, place_inside, settings,
};
use super::history::{Ending, HistoryTable};
use super::run_lock::Locked;
use super::session::{LEAVE_NO_TRACE, OWN_ROLE_FOR_NOW};
use crate::error::{Error, ServerError, Trouble};
use crate::migration::Way;
use crate::migration::execution::{Manner, Step};
use crate::plan::Begun;
use crate::sql::quote::literal;
use crate::sql::splitter::Statement;
use crate::sql::statement::Kind;
use crate::sql::target::{ConcurrentIndex, concurrent_index};

impl Locked<'_> {
    /// Runs the steps that are not done, and completes the row.
    pub(super) fn walk_steps(
        &mut self,
        job: &Job,
        steps: &[Step],
        conditions: Conditions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), Stop> {
        let mut done = job.begun.steps_done().min(steps.len());
        let claim = claim(job, conditions.table);
        let stop = |spot: Spot, steps_done: usize| {
            move |trouble: Trouble| Stop {
                trouble,
                spot,
                steps_done,
            }
        };
        self.lock_lives().map_err(stop(Spot::Before, done))?;
        self.commit(&claim, conditions)
            .map_err(stop(Spot::Before, done))?;
        self.restore_settings(job, &steps[..done])
            .map_err(stop(Spot::Before, done))?;
        for step in &steps[done..] {
            self.lock_lives().map_err(stop(Spot::Before, done))?;
            let record = progress_record(job, conditions.table, done);
            match &step.manner {
                Manner::Transaction { modes } => {
                    let before = begin_step(
                        modes,
                        &settings(conditions, Some(job.file), &job.row.filename),
                    );
                    let after = format!(
                        "\n;\nSET CONSTRAINTS ALL IMMEDIATE;\n{OWN_ROLE_FOR_NOW}{record}COMMIT;"
                    );
                    let pieces = job.file.pieces_of(step);
                    self.send(job, &pieces, (before, &after), conditions, progress)
                        .map_err(|failed| Stop {
                            steps_done: done,
                            ..failed
                        })?;
                }
                Manner::Alone | Manner::Once => {
                    if let Some(statement) = job.file.statements.get(step.statements.start) {
                        let in_doubt =
                            matches!(job.begun, Begun::Died { steps_done } if steps_done == done);
                        self.run_alone(job, statement, conditions, in_doubt)
                            .map_err(|trouble| at(job, statement, trouble, done))?;
                    }
                    self.commit(&record, conditions)
                        .map_err(stop(Spot::After, done))?;
                }
            }
            done += 1;
        }
        let finish = match job.way {
            Way::Forward => conditions.table.finish_steps(&job.row),
            Way::Back => conditions.table.finish_steps_back(&job.row),
        };
        self.commit(&format!("{LEAVE_NO_TRACE}{finish}"), conditions)
            .map_err(stop(Spot::After, done))
    }

    /// Runs statements of our own in a transaction, and leaves the session as the file has set it.
    fn commit(&mut self, statements: &str, conditions: Conditions) -> Result<(), Trouble> {
        let begin = begin_step(&[], &settings(conditions, None, ""));
        self.work
            .run(&format!("{begin}{OWN_ROLE_FOR_NOW}{statements}COMMIT;"))
    }

    /// Sets again what the steps that are done have set for the session.
    fn restore_settings(&mut self, job: &Job, done: &[Step]) -> Result<(), Trouble> {
        for statement in done
            .iter()
            .flat_map(|step| &job.file.statements[step.statements.clone()])
        {
            if matches!(
                statement.kind,
                Kind::Set | Kind::StandardConformingStrings(_)
            ) && !job.omits(statement.start())
            {
                self.work.run(statement.text(&job.file.text))?;
            }
        }
        Ok(())
    }

    /// Whether nobody else can have the run lock.
    fn lock_lives(&mut self) -> Result<(), Trouble> {
        let lost = |error: Error| Trouble::Connection(format!("the run lock is lost: {error}"));
        match &mut self.lock {
            Some(lock) => lock.look(|_| Ok(())).map_err(lost),
            // Without the run lock, somebody else could be at the same step.
            None => Err(Trouble::Server(Box::new(ServerError::own(
                "53300",
                "a file that runs step by step needs a second connection, and there was none"
                    .to_owned(),
            )))),
        }
    }

    /// Runs a statement that must travel alone. `in_doubt`: the last run died when it may have been under way.
    fn run_alone(
        &mut self,
        job: &Job,
        statement: &Statement,
        conditions: Conditions,
        in_doubt: bool,
    ) -> Result<(), Trouble> {
        let text = statement.text(&job.file.text);
        // Its waiting blocks nobody, and a time-out would leave work half-done.
        let waits_harmlessly =
            matches!(statement.kind, Kind::NotInTransaction(what) if what.is_concurrent());
        let before = self.set_limits(job, conditions, waits_harmlessly)?;
        let outcome = match concurrent_index(&job.file.text, statement) {
            Some(index) => self.build_index(&index, text, in_doubt),
            None => self.work.run(text),
        };
        if outcome.as_ref().is_err_and(Trouble::lost_connection) {
            return outcome;
        }
        self.work.run(&before)?;
        let is_gone =
            |trouble: &Trouble| trouble.server().is_some_and(|error| error.code == "42704");
        match outcome {
            Err(trouble) if in_doubt && waits_harmlessly && is_gone(&trouble) => Ok(()),
            outcome => outcome,
        }
    }

    /// Sets the limits for a statement that travels alone, whatever role, database and file have set; a statement that
    /// sets them back. A transaction would bound them, but there is none.
    fn set_limits(
        &mut self,
        job: &Job,
        conditions: Conditions,
        unlimited: bool,
    ) -> Result<String, Trouble> {
        let header = &job.file.header;
        let lock_timeout = header
            .lock_timeout
            .unwrap_or(conditions.lock_timeout)
            .duration()
            .as_millis();
        let statement_timeout = header
            .statement_timeout
            .map_or(0, |timeout| timeout.duration().as_millis());
        let mut limits = vec![
            ("lock_timeout", if unlimited { 0 } else { lock_timeout }),
            ("statement_timeout", statement_timeout),
        ];
        if conditions.facts.version_num >= 170_000 {
            limits.push(("transaction_timeout", 0));
        }
        if conditions.facts.checks_connection {
            limits.push(("client_connection_check_interval", 1_000));
        }
        let names = limits
            .iter()
            .map(|(name, _)| format!("pg_catalog.current_setting('{name}')"));
        let mut sql = format!("SELECT {};", names.collect::<Vec<_>>().join(", "));
        for (name, value) in &limits {
            // Writing to a String cannot fail.
            let _ = write!(sql, " SET {name} = {value};");
        }
        let answers = self.work.ask(&sql)?;
        let row = answers.first().and_then(|rows| rows.first());
        let old = |place: usize| {
            row.and_then(|row| row.try_get(place).ok().flatten())
                .unwrap_or("0")
        };
        let back = limits
            .iter()
            .enumerate()
            .map(|(place, (name, _))| format!("SET {name} = {};", literal(old(place))));
        Ok(back.collect::<Vec<_>>().join(" "))
    }

    /// Builds an index concurrently. What a failed build left behind is invalid and in the way: it goes first. An index
    /// that stays invalid is a failure, whatever the server says.
    fn build_index(
        &mut self,
        index: &ConcurrentIndex,
        text: &str,
        in_doubt: bool,
    ) -> Result<(), Trouble> {
        if let Some(name) = self
            .indexes(index, "NOT i.indisvalid", Builder::Somebody)?
            .first()
        {
            // The server has not noticed yet that its runner is gone, or somebody else builds it.
            let message = format!("the index {name} is being built by another session");
            return Err(Trouble::Server(Box::new(ServerError::own(
                "55P03", message,
            ))));
        }
        for leftover in self.indexes(index, "NOT i.indisvalid", Builder::Nobody)? {
            self.work
                .run(&format!("DROP INDEX CONCURRENTLY IF EXISTS {leftover}"))?;
        }
        if in_doubt
            && index.name.is_some()
            && !self
                .indexes(index, "i.indisvalid", Builder::Nobody)?
                .is_empty()
        {
            return Ok(());
        }
        self.work.run(text)?;
        match self
            .indexes(index, "NOT i.indisvalid", Builder::Nobody)?
            .first()
        {
            None => Ok(()),
            Some(name) => Err(Trouble::Server(Box::new(ServerError::own(
                "55000",
                format!("the index {name} is invalid after its build"),
            )))),
        }
    }

    /// The indexes of the table that have the name, if there is one.
    fn indexes(
        &mut self,
        index: &ConcurrentIndex,
        condition: &str,
        builder: Builder,
    ) -> Result<Vec<String>, Trouble> {
        let negation = match builder {
            Builder::Somebody => "",
            Builder::Nobody => "NOT ",
        };
        let name = index.name.as_ref().map_or_else(String::new, |name| {
            format!(" AND c.relname OPERATOR(pg_catalog.=) {}", literal(name))
        });
        let answers = self.work.ask(&format!(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_index i \
             JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
             WHERE i.indrelid OPERATOR(pg_catalog.=) CAST(pg_catalog.to_regclass({}) AS pg_catalog.oid){name} AND {condition} \
             AND {negation}EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index p \
             WHERE p.index_relid OPERATOR(pg_catalog.=) c.oid)",
            literal(&index.table)
        ))?;
        let rows = answers.into_iter().next().unwrap_or_default();
        Ok(rows
            .iter()
            .filter_map(|row| row.try_get(0).ok().flatten())
            .map(str::to_owned)
            .collect())
    }
}

/// What makes the file this runner's.
fn claim(job: &Job, table: &HistoryTable) -> String {
    let filename = &job.row.filename;
    match (job.way, job.begun) {
        (Way::Forward, Begun::Not) => {
            table.forget_failed(filename) + &table.insert(&job.row, Ending::Running)
        }
        (Way::Forward, Begun::Failed { .. } | Begun::Died { .. }) => table.resume(filename),
        (Way::Back, Begun::Not) => table.claim_steps_back(filename),
        (Way::Back, Begun::Failed { .. } | Begun::Died { .. }) => table.resume_back(filename),
    }
}

/// What records one more step as done.
fn progress_record(job: &Job, table: &HistoryTable, done: usize) -> String {
    let filename = &job.row.filename;
    let checksum = job.file.checksum_of_steps(done + 1);
    match job.way {
        Way::Forward => table.progress(filename, done, checksum),
        Way::Back => table.progress_back(filename, done, checksum),
    }
}

/// Whether an index is being built now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Builder {
    Somebody,
    Nobody,
}

/// A failure of a statement that travels alone, whose positions count from its own first character.
fn at(job: &Job, statement: &Statement, trouble: Trouble, steps_done: usize) -> Stop {
    let error = trouble.server();
    let text = statement.text(&job.file.text);
    let offset = match error.and_then(|error| error.position) {
        Some(position) => statement.start() + byte_of(text, position - 1),
        None => place_inside(job.file, statement, error),
    };
    Stop {
        spot: Spot::At(offset),
        trouble,
        steps_done,
    }
}
