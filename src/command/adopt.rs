//! `onward adopt`: takes over the history of another tool.

use std::borrow::Cow;

use super::up::no_schema;
use super::{Ground, end_if_refused, lock};
use crate::cli::{Adopt, Rehearsal, Switch};
use crate::database::apply::Conditions;
use crate::database::foreign::{Held, Tracking, find};
use crate::database::history::{AdoptedRow, HistoryTable};
use crate::database::patience::Patience;
use crate::database::run_lock::Locked;
use crate::database::session::Session;
use crate::database::survey::Survey;
use crate::error::{Count, Done, Error, Escaped, Result, Trouble, exit};
use crate::migration::folder::{self, Origins};
use crate::migration::rename::Rename;
use crate::migration::{Files, Migration};
use crate::plan::adopt::{Adopted, Adoption, ForeignRow, Objection, adopt};
use crate::plan::{Finding, History, Standing};
use crate::report::Report;
use crate::settings::Settings;
use crate::sql::name::QualifiedName;
use crate::timeout::Spoken;

pub(super) fn run(settings: &Settings, told: &Adopt, report: &Report) -> Result<u8> {
    let (files, origins) = Origins::read(&settings.location)?;
    let ground = Ground::of(settings, files);
    let run = Run {
        settings,
        told,
        report,
        files: &ground.files,
        origins: &origins,
    };
    let mut patience = ground.patience(settings);
    let (mut session, seen) = ground.look(settings, &mut patience, report)?;
    let old = run.choose(&mut session, &seen)?;
    let new_name = run.new_name(&mut session, &seen, &old)?;
    let rows = run.read(&mut session, &old)?;
    let at_work = old
        .sessions_at_work(&mut session)
        .map_err(cannot_read(&old))?;
    let (adoption, findings) = run.plan(&old, &rows, at_work);
    report.findings(&findings, settings.strict);
    if told.rehearsal == Rehearsal::ShowOnly {
        run.show(&old, &adoption, new_name.as_ref());
    }
    end_if_refused(&findings, settings)?;
    if told.rehearsal == Rehearsal::ShowOnly {
        return Ok(exit::DONE);
    }

    let mut lock = lock(session, ground.target, &seen, &mut patience, report)?;
    let seen = ground.survey_locked(&mut lock, settings, &mut patience, report)?;
    run.check(&seen)?;
    let mut locked = lock.open_second(ground.target, &mut patience)?;
    run.take_over(&mut locked, &seen, &old, new_name.as_ref(), &mut patience)?;
    Ok(exit::DONE)
}

/// What one run knows all the time.
struct Run<'a> {
    settings: &'a Settings,
    told: &'a Adopt,
    report: &'a Report,
    files: &'a Files,
    origins: &'a Origins,
}

impl Run<'_> {
    /// The table to take over.
    fn choose(&self, session: &mut Session, seen: &Survey) -> Result<Tracking> {
        self.check(seen)?;
        let tables = find(session, &self.settings.table).map_err(|trouble| Error::Database {
            doing: "cannot look for other tools".to_owned(),
            trouble,
        })?;
        let tables = chosen(tables, self.told.from.as_deref());
        let objection = match tables.as_slice() {
            [] => Objection::NoTable {
                asked: self.told.from.clone(),
            },
            [old] if !old.tool.keeps_files() => Objection::NotFiles {
                tool: old.tool,
                table: old.table.to_string(),
            },
            [old] if !old.read_problems.is_empty() => Objection::Distrusted {
                tool: old.tool,
                table: old.table.quoted(),
                problems: old.read_problems.clone(),
            },
            [old] => return Ok(old.clone()),
            several => Objection::SeveralTables {
                tables: several
                    .iter()
                    .map(|old| (old.tool, old.table.to_string()))
                    .collect(),
            },
        };
        self.refuse(Finding::Adoption(objection))
    }

    /// Only a database without a history of ours, that can be written to, takes over another.
    fn check(&self, seen: &Survey) -> Result<()> {
        let finding = match (&seen.observed.history, &seen.observed.read_only) {
            (History::Present(present), _) => Finding::Adoption(Objection::HasHistory {
                table: present.table.clone(),
            }),
            (
                History::Absent(_)
                | History::Unusable(Finding::Foreign {
                    standing: Standing::InTheWay,
                    ..
                }),
                read_only,
            ) => match read_only {
                None => return Ok(()),
                Some(reason) => Finding::ReadOnly {
                    reason: reason.clone(),
                },
            },
            (History::Unusable(finding), _) => finding.clone(),
        };
        self.refuse(finding)
    }

    /// What the old table will be called, if it stands where ours will be.
    fn new_name(
        &self,
        session: &mut Session,
        seen: &Survey,
        old: &Tracking,
    ) -> Result<Option<QualifiedName>> {
        let table = &seen.table.as_ref().ok_or_else(no_schema)?.0;
        let mut taken =
            |name: &QualifiedName| Tracking::is_taken(session, name).map_err(cannot_read(old));
        let objection = if *table == old.table {
            let name = old.new_name();
            if !taken(&name)? {
                return Ok(Some(name));
            }
            Objection::NameTaken {
                table: table.to_string(),
                name: name.to_string(),
            }
        } else if taken(table)? {
            Objection::InTheWay {
                table: table.to_string(),
            }
        } else {
            return Ok(None);
        };
        self.refuse(Finding::Adoption(objection))
    }

    fn read(&self, session: &mut Session, old: &Tracking) -> Result<Vec<ForeignRow>> {
        let trouble = match old.read(session) {
            Ok(rows) => return Ok(rows),
            Err(trouble) => trouble,
        };
        match trouble.server() {
            Some(error) if error.is_bad_time() => {
                self.refuse(Finding::Adoption(Objection::BadTime {
                    table: old.table.quoted(),
                    reason: error.message.clone(),
                }))
            }
            _ => Err(cannot_read(old)(trouble)),
        }
    }

    /// Matches rows and files; what must be said of it.
    fn plan<'r>(
        &'r self,
        old: &Tracking,
        rows: &'r [ForeignRow],
        at_work: Option<String>,
    ) -> (Adoption<'r>, Vec<Finding>) {
        let (tool, table) = (old.tool, old.table.quoted());
        let adoption = adopt((tool, &table), rows, self.files, self.origins);
        let at_work = at_work.map(|sessions| Objection::AtWork { tool, sessions });
        let bad_names = match self.told.rename_files {
            Switch::Given => &[],
            Switch::Absent => self.origins.renames.as_slice(),
        };
        let bad_names = bad_names.iter().cloned().map(Objection::BadName);
        let objections = adoption.objections.iter().cloned();
        let findings = objections.chain(at_work).chain(bad_names);
        let findings = findings.map(Finding::Adoption).collect();
        (adoption, findings)
    }

    fn refuse<T>(&self, finding: Finding) -> Result<T> {
        self.report.findings(&[finding], self.settings.strict);
        Err(Error::Refused { count: 1 })
    }

    fn show(&self, old: &Tracking, adoption: &Adoption, new_name: Option<&QualifiedName>) {
        let say = |text: &str| self.report.say(text);
        for rename in &self.origins.renames {
            say(&format!(
                "would rename {} to {}",
                Escaped(&rename.from),
                Escaped(&rename.to)
            ));
        }
        for row in &adoption.rows {
            say(&format!("would adopt {}", Escaped(&row.filename)));
        }
        for name in &adoption.pending {
            say(&format!("would leave {} pending", Escaped(name)));
        }
        if let Some(name) = new_name {
            say(&format!("would rename the table {} to {name}", old.table));
        }
        let count = Count(adoption.rows.len(), "migration");
        let left = adoption.pending.len();
        say(&format!(
            "Would adopt {count} from {}; {left} would be pending",
            old.tool
        ));
    }

    /// Locks the old table, plans again by what it holds then, and writes, all in one transaction. The files are renamed
    /// before its COMMIT: if that fails, a second run finds them by their numbers.
    fn take_over(
        &self,
        locked: &mut Locked,
        seen: &Survey,
        old: &Tracking,
        new_name: Option<&QualifiedName>,
        patience: &mut Patience,
    ) -> Result<()> {
        let table = seen.table.as_ref().ok_or_else(no_schema)?;
        let conditions = Conditions {
            table,
            facts: &seen.facts,
            lock_timeout: self.settings.lock_timeout,
        };
        let held = self.hold(locked, old, conditions, patience)?;
        // What it says was said before, unless something has changed meanwhile.
        let (adoption, findings) = self.plan(old, &held.rows, held.at_work.clone());
        if let Err(refused) = end_if_refused(&findings, self.settings) {
            locked.let_go().map_err(cannot_read(old))?;
            self.report.findings(&findings, self.settings.strict);
            return Err(refused);
        }
        let displace = new_name.map_or_else(String::new, |name| held.displace(&old.table, name));
        let rows = adoption.rows.iter().map(|row| record(row, table));
        let statements = displace + &table.create(seen.missing_schema) + &rows.collect::<String>();
        self.rename()?;
        locked.take_over(&statements).map_err(|trouble| {
            let renamed = match self.origins.renames.len() {
                0 => String::new(),
                count => format!(", after renaming {}", Count(count, "file")),
            };
            let doing = format!("cannot take over the history of {}{renamed}", old.tool);
            Error::Database { doing, trouble }
        })?;
        self.tell(old, &adoption, new_name);
        Ok(())
    }

    /// Renames the files, and says so at once: they keep the new names if the transaction fails.
    fn rename(&self) -> Result<()> {
        folder::rename(&self.settings.location.dir, &self.origins.renames)?;
        for Rename { from, to, .. } in &self.origins.renames {
            let (from, to) = (Escaped(from), Escaped(to));
            self.report.say(&format!("renamed {from} to {to}"));
        }
        Ok(())
    }

    /// Locks the old table, as often as somebody else is in the way.
    fn hold(
        &self,
        locked: &mut Locked,
        old: &Tracking,
        conditions: Conditions,
        patience: &mut Patience,
    ) -> Result<Held> {
        patience.begin();
        loop {
            let trouble = match locked.hold(old, conditions) {
                Ok(held) => return Ok(held),
                Err(trouble) => trouble,
            };
            let Some(error) = trouble.server().filter(|error| error.is_blocked()) else {
                let doing = format!("cannot lock {}", old.table);
                return Err(Error::Database { doing, trouble });
            };
            let blockers = locked.blockers(&[old.table.quoted()]);
            self.report.blocked("adopt", error, &blockers);
            if !patience.pause() {
                return Err(Error::GaveUp {
                    waiting_for: format!("the lock of {}", old.table),
                    waited: Spoken(patience.used()).to_string(),
                    holder: blockers.into_iter().next(),
                    done: Done::Applied(Vec::new()),
                });
            }
        }
    }

    fn tell(&self, old: &Tracking, adoption: &Adoption, new_name: Option<&QualifiedName>) {
        let say = |text: &str| self.report.say(text);
        for row in &adoption.rows {
            say(&format!("adopted {}", Escaped(&row.filename)));
        }
        if let Some(name) = new_name {
            say(&format!("renamed the table {} to {name}", old.table));
        }
        let count = Count(adoption.rows.len(), "migration");
        let left = adoption.pending.len();
        say(&format!(
            "Adopted {count} from {}; {left} pending",
            old.tool
        ));
    }
}

/// The tables that `--from` means, by tool or by name. What stands off the `search_path` counts only if nothing else is
/// there.
fn chosen(tables: Vec<Tracking>, from: Option<&str>) -> Vec<Tracking> {
    let near = |tables: Vec<Tracking>| -> Vec<Tracking> {
        let any = tables.iter().any(|old| old.is_near);
        let keep = |old: &Tracking| old.is_near || !any;
        tables.into_iter().filter(keep).collect()
    };
    match from {
        None => near(tables),
        Some(from) => {
            let named: Vec<Tracking> = tables
                .iter()
                .filter(|old| old.table.to_string() == from)
                .cloned()
                .collect();
            let meant = |old: &Tracking| from.eq_ignore_ascii_case(old.tool.word());
            if named.is_empty() {
                near(tables.into_iter().filter(meant).collect())
            } else {
                named
            }
        }
    }
}

fn cannot_read(old: &Tracking) -> impl Fn(Trouble) -> Error {
    let doing = format!("cannot read the history of {}, {}", old.tool, old.table);
    move |trouble| Error::Database {
        doing: doing.clone(),
        trouble,
    }
}

fn record(row: &Adopted, table: &HistoryTable) -> String {
    let name = row.migration.map(|migration| &migration.name);
    let digits = row.filename.bytes().take_while(u8::is_ascii_digit).count();
    let description = row.migration.map_or(
        Cow::Borrowed(row.row.description.as_str()),
        Migration::description,
    );
    table.adopt(&AdoptedRow {
        filename: &row.filename,
        version: name.map_or(&row.filename[..digits], |name| name.version()),
        description: &description,
        checksums: row
            .migration
            .map(|migration| (migration.file.checksum, migration.file.sql_checksum)),
        started_at: row.row.started_at.as_deref(),
        applied_at: row.row.applied_at.as_deref(),
        execution_time_ms: row.row.execution_time_ms,
        applied_by: row.row.applied_by.as_deref(),
    })
}
