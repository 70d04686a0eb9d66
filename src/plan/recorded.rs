//! A row of the history, as a value.

use crate::migration::checksum::Checksum;
use crate::time::Time;

/// What the history says of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub filename: String,
    pub version: String,
    pub description: String,
    pub kind: RowKind,
    pub status: RowStatus,
    /// None where the file was not there when the row was written.
    pub checksum: Option<Checksum>,
    pub sql_checksum: Option<Checksum>,
    pub started_at: Time,
    pub applied_at: Option<Time>,
    pub execution_time_ms: Option<u64>,
    pub applied_by: String,
    pub error_message: Option<String>,
    /// How many steps are done of a file that cannot run in one transaction.
    pub steps_done: usize,
    /// The place of the row by the time at which it was applied, in microseconds: a file that was begun first may be done
    /// last.
    pub place: i64,
}

/// How far an earlier attempt at a file came that runs step by step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    Not,
    /// The step after those failed.
    Failed {
        steps_done: usize,
    },
    /// The runner died; the step after those may have been done.
    Died {
        steps_done: usize,
    },
}

impl Begun {
    /// What is known after another try that did not get beyond these steps. A doubt about the next one stays.
    #[must_use]
    pub fn after_trying(self, steps_done: usize) -> Begun {
        match self {
            Begun::Died { steps_done: before } if before == steps_done => self,
            _ => Begun::Failed { steps_done },
        }
    }

    /// How many steps are done for sure.
    #[must_use]
    pub fn steps_done(self) -> usize {
        match self {
            Begun::Not => 0,
            Begun::Failed { steps_done } | Begun::Died { steps_done } => steps_done,
        }
    }
}

/// How a row came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// It ran here.
    Migration,
    /// The schema file, or a migration that it contained when it ran.
    Baseline,
    /// Recorded by `baseline` without running.
    Marked,
    /// Taken over from another tool.
    Adopted,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowStatus {
    Applied,
    Running,
    Failed,
    RolledBack,
    /// What a row said before `repair` changed or removed it.
    Replaced,
}

impl Recorded {
    /// How far the attempt came that the row tells of.
    #[must_use]
    pub fn begun(&self) -> Begun {
        let steps_done = self.steps_done;
        match self.status {
            RowStatus::Running => Begun::Died { steps_done },
            RowStatus::Failed if steps_done > 0 => Begun::Failed { steps_done },
            RowStatus::Failed
            | RowStatus::Applied
            | RowStatus::RolledBack
            | RowStatus::Replaced => Begun::Not,
        }
    }

    /// Whether its way back has begun and not ended: the row keeps the time at which the file was applied.
    #[must_use]
    pub fn is_rolling_back(&self) -> bool {
        self.status == RowStatus::Running && self.applied_at.is_some()
    }

    /// How far the way back came; after a failure, the row holds its message.
    #[must_use]
    pub fn begun_back(&self) -> Begun {
        let steps_done = self.steps_done;
        match &self.error_message {
            _ if !self.is_rolling_back() => Begun::Not,
            None => Begun::Died { steps_done },
            Some(_) => Begun::Failed { steps_done },
        }
    }

    /// When it was applied, or begun.
    #[must_use]
    pub fn when(&self) -> Time {
        self.applied_at.unwrap_or(self.started_at)
    }
}

impl RowKind {
    /// All kinds with the words that the table uses.
    pub const WORDS: [(RowKind, &'static str); 4] = [
        (RowKind::Migration, "migration"),
        (RowKind::Baseline, "baseline"),
        (RowKind::Marked, "marked"),
        (RowKind::Adopted, "adopted"),
    ];

    /// The word that the table uses.
    #[must_use]
    pub fn word(self) -> &'static str {
        word(&Self::WORDS, self)
    }
}

impl RowStatus {
    /// All states with the words that the table uses.
    pub const WORDS: [(RowStatus, &'static str); 5] = [
        (RowStatus::Applied, "applied"),
        (RowStatus::Running, "running"),
        (RowStatus::Failed, "failed"),
        (RowStatus::RolledBack, "rolled_back"),
        (RowStatus::Replaced, "replaced"),
    ];

    /// Whether the row still says something of its file; else it is only a part of the trail.
    #[must_use]
    pub fn counts(self) -> bool {
        match self {
            RowStatus::Applied | RowStatus::Running | RowStatus::Failed => true,
            RowStatus::RolledBack | RowStatus::Replaced => false,
        }
    }

    /// The word that the table uses.
    #[must_use]
    pub fn word(self) -> &'static str {
        word(&Self::WORDS, self)
    }
}

fn word<T: Copy + PartialEq>(words: &[(T, &'static str)], value: T) -> &'static str {
    words
        .iter()
        .find(|(known, _)| *known == value)
        .map_or("", |(_, word)| word)
}
