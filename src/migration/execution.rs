//! How a file runs: in one transaction, or step by step. Pure.

use std::ops::Range;

use super::directive::Role;
use super::file::Omission;
use crate::sql::splitter::Statement;
use crate::sql::statement::Kind;

/// How a file runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Execution {
    /// All of it in one transaction, with the modes that the file asked for in its own BEGIN or in a leading SET
    /// TRANSACTION.
    Transaction { modes: Vec<String> },
    /// Each step by itself: something in the file cannot run in a transaction, or the file has transactions of its own.
    Steps(Vec<Step>),
}

/// A part of a file that is done or not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its statements, by their places in the file. The BEGIN and COMMIT of a group are not among them.
    pub statements: Range<usize>,
    pub manner: Manner,
}

/// How a step runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// In a transaction, in which its progress is recorded too.
    Transaction { modes: Vec<String> },
    /// PostgreSQL refuses it in a transaction. Its progress is recorded after it.
    Alone,
    /// DO or CALL: it may commit by itself, so it travels alone and is not repeated unasked.
    Once,
}

/// Why a file cannot run: where, what, and what to do.
pub(super) struct Misfit {
    pub(super) offset: usize,
    pub(super) message: String,
    pub(super) hint: &'static str,
}

/// The statements of a file with what is needed to judge them.
pub(super) struct Script<'a> {
    pub(super) text: &'a str,
    pub(super) statements: &'a [Statement],
    pub(super) role: Role,
    /// The file asks for no transaction.
    pub(super) asks_for_steps: bool,
}

impl Script<'_> {
    /// How the statements run, and which of them the runner replaces by its own.
    pub(super) fn execution(&self) -> Result<(Execution, Vec<Omission>), Misfit> {
        let groups = self.groups()?;
        self.refuse_alone_inside(&groups)?;
        let alone = self
            .statements
            .iter()
            .find_map(|statement| match statement.kind {
                Kind::NotInTransaction(what) => Some((statement.start(), what)),
                _ => None,
            });
        let wrapper = match groups.as_slice() {
            [group] if self.is_wrapper(group) => Some(group.clone()),
            _ => None,
        };
        let own_transactions = wrapper.is_none() && !groups.is_empty();
        if self.role == Role::SchemaFile {
            if let Some((offset, what)) = alone {
                return Err(Misfit {
                    offset,
                    message: format!(
                        "{what} cannot run inside a transaction, and the schema file runs in one"
                    ),
                    hint: "move the statement into a migration, or write it without what keeps it from a transaction",
                });
            }
            if let Some(group) = groups.first().filter(|_| own_transactions) {
                return Err(Misfit {
                    offset: self.statements[group.start].start(),
                    message: "a transaction around a part of the schema file, which runs in one as a whole".to_owned(),
                    hint: "remove BEGIN and COMMIT",
                });
            }
        }
        self.refuse_reading_only()?;
        if alone.is_some() || own_transactions || self.asks_for_steps {
            Ok(self.steps(&groups))
        } else {
            Ok(self.transaction(wrapper.as_ref()))
        }
    }

    /// The balanced groups of BEGIN and COMMIT, both included, as places of statements.
    fn groups(&self) -> Result<Vec<Range<usize>>, Misfit> {
        let mut groups = Vec::new();
        let mut open: Option<usize> = None;
        for (index, statement) in self.statements.iter().enumerate() {
            let misfit = |message: String| Misfit {
                offset: statement.start(),
                message,
                hint: "every file runs in a transaction that onward begins and commits: remove the statement",
            };
            match (&statement.kind, open) {
                (Kind::Begin { .. }, None) => open = Some(index),
                (Kind::Begin { .. }, Some(_)) => {
                    return Err(misfit(
                        "BEGIN inside a transaction that is open already".to_owned(),
                    ));
                }
                (Kind::Commit, Some(begin)) => {
                    groups.push(begin..index + 1);
                    open = None;
                }
                (Kind::Commit | Kind::Rollback | Kind::Chain | Kind::PrepareTransaction, _) => {
                    let words = statement
                        .text(self.text)
                        .split_whitespace()
                        .collect::<Vec<_>>()
                        .join(" ");
                    return Err(misfit(if open.is_some() {
                        format!("{words} inside a migration would end its transaction")
                    } else {
                        format!("{words} without a BEGIN before it")
                    }));
                }
                _ => {}
            }
        }
        match open {
            None => Ok(groups),
            Some(begin) => Err(Misfit {
                offset: self.statements[begin].start(),
                message: "BEGIN without a COMMIT after it".to_owned(),
                hint: "every file runs in a transaction that onward begins and commits: remove the statement",
            }),
        }
    }

    fn refuse_alone_inside(&self, groups: &[Range<usize>]) -> Result<(), Misfit> {
        for index in groups.iter().cloned().flatten() {
            if let Kind::NotInTransaction(what) = self.statements[index].kind {
                return Err(Misfit {
                    offset: self.statements[index].start(),
                    message: format!(
                        "{what} cannot run inside a transaction, and it stands between BEGIN and COMMIT"
                    ),
                    hint: "move the statement out of the transaction",
                });
            }
        }
        Ok(())
    }

    /// A file that may not write cannot be recorded by its own transaction.
    fn refuse_reading_only(&self) -> Result<(), Misfit> {
        let reads_only = |statement: &&Statement| match &statement.kind {
            Kind::Begin { modes } | Kind::SetTransaction { modes } => modes
                .of(self.text)
                .to_ascii_lowercase()
                .split(|c: char| !c.is_alphabetic())
                .any(|word| word == "only"),
            _ => false,
        };
        match self.statements.iter().find(reads_only) {
            None => Ok(()),
            Some(statement) => Err(Misfit {
                offset: statement.start(),
                message: "a transaction that is READ ONLY could not be recorded".to_owned(),
                hint: "leave READ ONLY out",
            }),
        }
    }

    /// Whether a group is all there is, but for SET before it and comments after it.
    fn is_wrapper(&self, group: &Range<usize>) -> bool {
        let others = |statements: &[Statement]| {
            statements
                .iter()
                .all(|statement| matches!(statement.kind, Kind::Set | Kind::Psql { .. }))
        };
        let psql = |statements: &[Statement]| {
            statements
                .iter()
                .all(|statement| matches!(statement.kind, Kind::Psql { .. }))
        };
        others(&self.statements[..group.start]) && psql(&self.statements[group.end..])
    }

    fn transaction(&self, wrapper: Option<&Range<usize>>) -> (Execution, Vec<Omission>) {
        let mut replaced = Vec::new();
        let mut modes = Vec::new();
        let body = match wrapper {
            Some(group) => {
                replaced.extend([group.start, group.end - 1]);
                modes.extend(self.begin_modes(group.start));
                group.start + 1
            }
            None => 0,
        };
        for index in self.leading_set_transaction(body..self.statements.len()) {
            modes.extend(self.set_modes(index));
            replaced.push(index);
        }
        let omitted = replaced
            .into_iter()
            .map(|index| self.omission(index))
            .collect();
        (Execution::Transaction { modes }, omitted)
    }

    fn steps(&self, groups: &[Range<usize>]) -> (Execution, Vec<Omission>) {
        let (mut steps, mut omitted) = (Vec::new(), Vec::new());
        let mut index = 0;
        let mut groups = groups.iter().peekable();
        while index < self.statements.len() {
            if let Some(group) = groups.next_if(|group| group.start == index) {
                let body = group.start + 1..group.end - 1;
                let mut modes: Vec<String> = self.begin_modes(group.start).into_iter().collect();
                for set in self.leading_set_transaction(body.clone()) {
                    modes.extend(self.set_modes(set));
                    omitted.push(self.omission(set));
                }
                steps.push(Step {
                    statements: body,
                    manner: Manner::Transaction { modes },
                });
                index = group.end;
                continue;
            }
            let manner = match self.statements[index].kind {
                Kind::Psql { .. } => None,
                Kind::NotInTransaction(_) => Some(Manner::Alone),
                Kind::Do | Kind::Call => Some(Manner::Once),
                _ => Some(Manner::Transaction { modes: Vec::new() }),
            };
            steps.extend(manner.map(|manner| Step {
                statements: index..index + 1,
                manner,
            }));
            index += 1;
        }
        (Execution::Steps(steps), omitted)
    }

    /// The SET TRANSACTION statements that only other SETs precede. The runner writes its row before the file, and modes
    /// must be set before any query.
    fn leading_set_transaction(&self, body: Range<usize>) -> Vec<usize> {
        let mut found = Vec::new();
        for index in body {
            match &self.statements[index].kind {
                Kind::Set | Kind::Psql { .. } => {}
                // A snapshot is no mode that BEGIN could take.
                Kind::SetTransaction { modes }
                    if !starts_with_word(modes.of(self.text), "SNAPSHOT") =>
                {
                    found.push(index);
                }
                _ => break,
            }
        }
        found
    }

    fn begin_modes(&self, index: usize) -> Option<String> {
        match &self.statements[index].kind {
            Kind::Begin { modes } => {
                Some(modes.of(self.text).to_owned()).filter(|modes| !modes.trim().is_empty())
            }
            _ => None,
        }
    }

    fn set_modes(&self, index: usize) -> Option<String> {
        match &self.statements[index].kind {
            Kind::SetTransaction { modes } => Some(modes.of(self.text).to_owned()),
            _ => None,
        }
    }

    fn omission(&self, index: usize) -> Omission {
        let statement = &self.statements[index];
        Omission {
            span: statement.start()..statement.after(),
            notice: None,
        }
    }
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.trim_start()
        .get(..word.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(word))
}
