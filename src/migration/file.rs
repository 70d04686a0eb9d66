//! A file of SQL: name and bytes in, a value out whose statements can be sent. Pure.

use std::ops::Range;

use super::Way;
use super::checksum::{Checksum, TokenHash};
use super::directive::{Header, Role};
use super::execution::{Execution, Script, Step};
use super::psql;
use super::sections::{self, Sections, blank};
use super::text::{self, LineCursor};
use crate::error::{Excerpt, FileFault};
use crate::sql::name::QualifiedName;
use crate::sql::splitter::{self, Statement};
use crate::sql::statement::{Kind, setting};
use crate::sql::target::{copies_to_client, targets};

/// A message to the server ends at a statement's end once it holds this many bytes ...
const MESSAGE_BYTES: usize = 1_000_000;
/// ... or this many statements: the server keeps the parse trees of a whole message in memory.
const MESSAGE_STATEMENTS: usize = 1_000;

/// The text of a migration or of the schema file, checked: it is UTF-8, every literal in it ends, and it is known how
/// each statement may run.
#[derive(Debug)]
pub struct SqlFile {
    /// The file as the user would name it.
    pub path: String,
    /// The text without a byte order mark; blank where another tool's markers set a way back apart.
    pub text: String,
    /// SHA-256 of the text with LF line ends, as it stands in the file.
    pub checksum: Checksum,
    /// SHA-256 of the tokens that are neither comment nor white space, as they stand in the file.
    pub sql_checksum: Checksum,
    pub header: Header,
    pub statements: Vec<Statement>,
    pub execution: Execution,
    /// What stays unsent, in order.
    pub omitted: Vec<Omission>,
}

/// A part of the text that is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omission {
    pub span: Range<usize>,
    /// What the user should know of it; none for what the runner does itself.
    pub notice: Option<String>,
}

/// What travels to the server at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Statements, sent as one message.
    Statements(Range<usize>),
    /// A `COPY … FROM stdin` and its data lines.
    Copy {
        statement: Range<usize>,
        data: Range<usize>,
    },
}

/// A text whose literals end, before it is known what of it runs.
struct Raw {
    text: String,
    statements: Vec<Statement>,
    header: Header,
    sections: Option<Sections>,
    checksum: Checksum,
    sql_checksum: Checksum,
}

impl Raw {
    fn read(path: &str, text: String, role: Role) -> Result<Raw, FileFault> {
        let mut tokens = TokenHash::default();
        let statements = split(path, &text, &mut |token| tokens.add(token))?;
        let header = Header::read(path, &text, role)?;
        let checksum = Checksum::of_text(&text);
        let sections = Sections::find(path, &text)?;
        if let Some(sections) = &sections {
            refuse_unsectioned(path, &text, sections)?;
        }
        Ok(Raw {
            text,
            statements,
            header,
            sections,
            checksum,
            sql_checksum: tokens.finish(),
        })
    }

    /// Keeps of a file with sections those that lead one way.
    fn keep(self, path: &str, sections: &Sections, way: Way) -> Result<Raw, FileFault> {
        let Raw {
            text,
            statements,
            mut header,
            ..
        } = self;
        drop(statements);
        let head = match way {
            Way::Forward => None,
            Way::Back => Some(text[..sections.first_marker].to_owned()),
        };
        let text = sections.blank_the_rest(way, text);
        if let Some(head) = head {
            // What is said above all sections is for both ways, what is said in one for that alone.
            let lines = head + &text[sections.first_marker..];
            header = Header::read(path, &lines, Role::Migration)?;
        }
        header.no_transaction = header.no_transaction.or(sections.of(way).no_transaction);
        Ok(Raw {
            statements: split(path, &text, &mut |_| {})?,
            text,
            header,
            ..self
        })
    }
}

impl SqlFile {
    /// Checks `bytes` and takes them apart. Of a file with section markers, the way forward counts.
    ///
    /// # Errors
    /// The first thing that makes the file unusable, with its line.
    pub fn parse(path: String, bytes: Vec<u8>, role: Role) -> Result<SqlFile, FileFault> {
        let text = text::decode(&path, bytes)?;
        let mut raw = Raw::read(&path, text, role)?;
        if let Some(sections) = raw.sections.take() {
            raw = raw.keep(&path, &sections, Way::Forward)?;
        }
        SqlFile::check(path, raw, role)
    }

    /// Checks a file that is a way back as a whole.
    ///
    /// # Errors
    /// The first thing that makes the file unusable, with its line; section markers too, for one may lead forward.
    pub fn parse_way_back(path: String, bytes: Vec<u8>) -> Result<SqlFile, FileFault> {
        let text = text::decode(&path, bytes)?;
        if let Some(line) = sections::first_marker(&text) {
            return Err(FileFault {
                path,
                line: Some(line),
                message: "a section marker in a file that is a way back as a whole".to_owned(),
                hint: "leave the marker out, and what does not lead back".to_owned(),
            });
        }
        let raw = Raw::read(&path, text, Role::Migration)?;
        SqlFile::check(path, raw, Role::Migration)
    }

    /// Checks the way back in a migration with section markers; none if no marker begins one.
    ///
    /// # Errors
    /// The first thing that makes it unusable, with its line.
    pub fn parse_section_back(path: String, bytes: Vec<u8>) -> Result<Option<SqlFile>, FileFault> {
        let text = text::decode(&path, bytes)?;
        let mut raw = Raw::read(&path, text, Role::Migration)?;
        match raw.sections.take() {
            Some(sections) if !sections.back.parts.is_empty() => {
                let raw = raw.keep(&path, &sections, Way::Back)?;
                SqlFile::check(path, raw, Role::Migration).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Takes apart what will run.
    fn check(path: String, raw: Raw, role: Role) -> Result<SqlFile, FileFault> {
        let Raw {
            text,
            statements,
            header,
            checksum,
            sql_checksum,
            ..
        } = raw;
        let fault = |offset: usize, message: String, hint: &str| FileFault {
            path: path.clone(),
            line: Some(text::line_at(text.as_bytes(), offset)),
            message,
            hint: hint.to_owned(),
        };
        let mut omitted = Vec::new();
        let mut lines = LineCursor::new(&text);
        for statement in &statements {
            let offset = statement.start();
            match &statement.kind {
                Kind::ClientEncoding { utf8: false } => {
                    let message = "a client_encoding other than UTF8".to_owned();
                    return Err(fault(
                        offset,
                        message,
                        "remove the statement, and save the file as UTF-8",
                    ));
                }
                Kind::Plain if copies_to_client(&text, statement) => {
                    let message = "COPY ... TO STDOUT has nowhere to write to".to_owned();
                    return Err(fault(
                        offset,
                        message,
                        "remove the statement; psql or pg_dump can export data",
                    ));
                }
                Kind::Psql { .. } | Kind::PsqlInStatement { .. } => {
                    let skipped = psql::skip(&text, statement)
                        .map_err(|(message, hint)| fault(offset, message, hint))?;
                    let line = lines.line_of(offset);
                    omitted.push(Omission {
                        span: offset..statement.after(),
                        notice: Some(format!(
                            "{path}:{line}: {skipped} is a command of psql; skipped"
                        )),
                    });
                }
                _ => {}
            }
        }
        let script = Script {
            text: &text,
            statements: &statements,
            role,
            asks_for_steps: header.no_transaction.is_some(),
        };
        let (execution, replaced) = script
            .execution()
            .map_err(|misfit| fault(misfit.offset, misfit.message, misfit.hint))?;
        omitted.extend(replaced);
        omitted.extend(unlimited(&path, &text, &statements));
        omitted.sort_by_key(|omission| omission.span.start);
        Ok(SqlFile {
            path,
            text,
            checksum,
            sql_checksum,
            header,
            statements,
            execution,
            omitted,
        })
    }

    /// Gives back what only running it needs, unless its state depends on it: a file that runs step by step is compared
    /// with what is done of it.
    pub fn forget_text(&mut self) {
        if matches!(self.execution, Execution::Transaction { .. }) {
            self.text = String::new();
            self.statements.truncate(1);
            self.statements.shrink_to_fit();
        }
    }

    /// Where the file changes how strings are read, and whether by the standard from there on.
    #[must_use]
    pub fn string_rules(&self) -> Vec<(usize, bool)> {
        let rule = |statement: &Statement| match statement.kind {
            Kind::StandardConformingStrings(rule) => Some((statement.start(), rule)),
            _ => None,
        };
        self.statements.iter().filter_map(rule).collect()
    }

    /// The line of a byte of the text, from 1.
    #[must_use]
    pub fn line_of(&self, offset: usize) -> usize {
        text::line_at(self.text.as_bytes(), offset)
    }

    /// The line around a byte of the text.
    #[must_use]
    pub fn excerpt(&self, offset: usize) -> Excerpt {
        text::excerpt(&self.text, offset)
    }

    /// What the file would do to the history table, which the runner keeps by itself.
    #[must_use]
    pub fn about_history(&self, history: &QualifiedName) -> Vec<Omission> {
        let mut lines = LineCursor::new(&self.text);
        let about = self
            .statements
            .iter()
            .filter(|statement| targets(&self.text, statement, history));
        about
            .map(|statement| Omission {
                span: statement.start()..statement.after(),
                notice: Some(format!(
                    "{}:{}: a statement for {history} is left out; onward keeps its history itself",
                    self.path,
                    lines.line_of(statement.start())
                )),
            })
            .collect()
    }

    /// The hash over the tokens through the first `count` steps: what a file must still begin with to be resumed there.
    #[must_use]
    pub fn checksum_of_steps(&self, count: usize) -> Checksum {
        let Execution::Steps(steps) = &self.execution else {
            return self.sql_checksum;
        };
        let done = steps.iter().take(count).next_back();
        let last = done.and_then(|step| self.statements[step.statements.clone()].last());
        let mut tokens = TokenHash::default();
        // What was split before as a part of the text can be split again.
        let _ = splitter::split(
            &self.text[..last.map_or(0, Statement::after)],
            &mut |token| {
                tokens.add(token);
            },
        );
        tokens.finish()
    }

    /// All of the text, cut into what travels at once: at statement ends, around COPY data, and so that neither side
    /// holds much at a time. Never empty.
    #[must_use]
    pub fn pieces(&self) -> Vec<Piece> {
        self.cut(0..self.statements.len(), 0..self.text.len())
    }

    /// The text of a step, cut in the same way.
    #[must_use]
    pub fn pieces_of(&self, step: &Step) -> Vec<Piece> {
        let statements = &self.statements[step.statements.clone()];
        let start = statements.first().map_or(0, Statement::start);
        let end = statements.last().map_or(start, Statement::after);
        self.cut(step.statements.clone(), start..end)
    }

    fn cut(&self, statements: Range<usize>, text: Range<usize>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let (mut start, mut count) = (text.start, 0);
        for statement in &self.statements[statements] {
            count += 1;
            if let Kind::CopyFromStdin { data } = statement.kind {
                if count > 1 {
                    pieces.push(Piece::Statements(start..statement.start()));
                }
                pieces.push(Piece::Copy {
                    statement: statement.start()..statement.end(),
                    data: data.start()..data.end(),
                });
                (start, count) = (statement.after(), 0);
                continue;
            }
            // The server reads a whole message by the rule in force when it arrives.
            let rule_changes = matches!(statement.kind, Kind::StandardConformingStrings(_));
            if rule_changes
                || count >= MESSAGE_STATEMENTS
                || statement.after() - start >= MESSAGE_BYTES
            {
                pieces.push(Piece::Statements(start..statement.after()));
                (start, count) = (statement.after(), 0);
            }
        }
        if count > 0 || pieces.is_empty() {
            pieces.push(Piece::Statements(start..text.end));
        }
        pieces
    }

    /// Appends a part of the text to a message, with one space for each character that is left out, so that the
    /// server's positions stay true. `omitted` is in order.
    pub fn push_text(&self, part: &Range<usize>, omitted: &[Omission], message: &mut String) {
        let mut at = part.start;
        let first = omitted.partition_point(|omission| omission.span.end <= part.start);
        let inside = omitted[first..]
            .iter()
            .take_while(|omission| omission.span.start < part.end);
        for omission in inside {
            message.push_str(&self.text[at..omission.span.start]);
            blank(&self.text[omission.span.clone()], message);
            at = omission.span.end;
        }
        message.push_str(&self.text[at..part.end]);
    }
}

fn split<'t>(
    path: &str,
    text: &'t str,
    on_token: &mut impl FnMut(&'t str),
) -> Result<Vec<Statement>, FileFault> {
    splitter::split(text, on_token).map_err(|error| FileFault {
        path: path.to_owned(),
        line: Some(text::line_at(text.as_bytes(), error.offset)),
        message: error.to_string(),
        hint: error.cure().to_owned(),
    })
}

/// A statement above the first marker is in no section: it is not known which way it belongs to.
fn refuse_unsectioned(path: &str, text: &str, sections: &Sections) -> Result<(), FileFault> {
    let head = &text[..sections.first_marker];
    match split(path, head, &mut |_| {})?.first() {
        None => Ok(()),
        Some(statement) => Err(FileFault {
            path: path.to_owned(),
            line: Some(text::line_at(text.as_bytes(), statement.start())),
            message: "a statement above the first section marker".to_owned(),
            hint: "move it below the marker of the way forward".to_owned(),
        }),
    }
}

/// The statements that would lift the limits under which a migration runs, as every pg_dump file begins with them. A
/// server that does not know such a setting would stop at it.
fn unlimited(path: &str, text: &str, statements: &[Statement]) -> Vec<Omission> {
    let lifts = |statement: &&Statement| {
        setting(text, statement).is_some_and(|setting| {
            let name = setting.name.to_ascii_lowercase();
            LIMITS.contains(&name.as_str()) && setting.value.trim_matches('\'').trim() == "0"
        })
    };
    let mut lines = LineCursor::new(text);
    let lifting = statements
        .iter()
        .filter(|statement| matches!(statement.kind, Kind::Set))
        .filter(lifts);
    lifting
        .map(|statement| {
            let line = lines.line_of(statement.start());
            let words = statement.text(text);
            Omission {
                span: statement.start()..statement.after(),
                notice: Some(format!(
                    "{path}:{line}: {words} is left out; a migration runs within limits"
                )),
            }
        })
        .collect()
}

/// The settings that bound how long a statement or a transaction lasts, or waits.
const LIMITS: [&str; 4] = [
    "lock_timeout",
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::execution::Manner;
    use super::*;
    use crate::sql::lexer::{Lexer, TokenKind};
    use crate::timeout::LockTimeout;

    fn parse(text: &[u8]) -> Result<SqlFile, FileFault> {
        SqlFile::parse("f.sql".to_owned(), text.to_vec(), Role::Migration)
    }

    /// What is sent in the end, or line and part of the message of what is wrong.
    fn check(text: &str, expected: Result<&str, (usize, &str)>) {
        match (parse(text.as_bytes()), expected) {
            (Ok(file), Ok(expected)) => {
                let mut sent = String::new();
                for piece in file.pieces() {
                    if let Piece::Statements(part) = piece {
                        file.push_text(&part, &file.omitted, &mut sent);
                    }
                }
                assert_eq!(sent, expected, "{text:?}");
                assert_eq!(sent.chars().count(), text.chars().count(), "{text:?}");
            }
            (Err(fault), Err((line, part))) => {
                assert_eq!(fault.line, Some(line), "{text:?}: {fault}");
                assert!(fault.message.contains(part), "{text:?}: {fault}");
            }
            (got, expected) => panic!("{text:?}: {got:?} instead of {expected:?}"),
        }
    }

    /// The steps of a file, each as its manner and its text.
    fn check_steps(text: &str, expected: &[(Manner, &str)]) {
        let file = parse(text.as_bytes()).unwrap();
        let Execution::Steps(steps) = &file.execution else {
            panic!("{text:?} runs in one transaction");
        };
        let steps: Vec<(Manner, &str)> = steps
            .iter()
            .map(|step| {
                let statements = &file.statements[step.statements.clone()];
                let text =
                    &file.text[statements[0].start()..statements[statements.len() - 1].end()];
                (step.manner.clone(), text)
            })
            .collect();
        assert_eq!(steps, expected, "{text:?}");
    }

    fn in_transaction() -> Manner {
        Manner::Transaction { modes: Vec::new() }
    }

    #[test]
    fn a_wrapper_around_the_whole_file_is_taken_off() {
        check(
            "BEGIN;\nSELECT 1;\nCOMMIT;\n",
            Ok("      \nSELECT 1;\n       \n"),
        );
        check(
            "SET x = 1; begin work; SELECT 1; END",
            Ok("SET x = 1;             SELECT 1;    "),
        );
        check(
            "BEGIN /* é */; SELECT 1; COMMIT",
            Ok("               SELECT 1;       "),
        );
    }

    #[test]
    fn other_transaction_control_is_refused_at_its_line() {
        check("SELECT 1;\nCOMMIT;", Err((2, "COMMIT without a BEGIN")));
        check(
            "SELECT 1;\n\nROLLBACK;",
            Err((3, "ROLLBACK without a BEGIN")),
        );
        check("BEGIN;\nSELECT 1;", Err((1, "BEGIN without a COMMIT")));
        check("BEGIN;\nROLLBACK;", Err((2, "would end its transaction")));
        check("BEGIN;\nBEGIN;\nCOMMIT;", Err((2, "open already")));
        check("COMMIT AND CHAIN", Err((1, "COMMIT AND CHAIN")));
        check(
            "SAVEPOINT a; ROLLBACK TO a; RELEASE a;",
            Ok("SAVEPOINT a; ROLLBACK TO a; RELEASE a;"),
        );
    }

    #[test]
    fn the_modes_of_a_transaction_are_taken_over() {
        let modes = |text: &str| match parse(text.as_bytes()).unwrap().execution {
            Execution::Transaction { modes } => modes,
            Execution::Steps(steps) => panic!("{steps:?}"),
        };
        assert_eq!(
            modes("BEGIN ISOLATION LEVEL SERIALIZABLE; COMMIT;"),
            ["ISOLATION LEVEL SERIALIZABLE"]
        );
        assert_eq!(
            modes("SET a = 1; SET TRANSACTION READ WRITE; SELECT 1"),
            ["READ WRITE"]
        );
        assert_eq!(
            modes("BEGIN READ WRITE; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; COMMIT"),
            ["READ WRITE", "ISOLATION LEVEL SERIALIZABLE"]
        );
        assert!(modes("SELECT 1; SET TRANSACTION READ WRITE;").is_empty());
        assert!(modes("SET TRANSACTION SNAPSHOT 'x';").is_empty());
    }

    #[test]
    fn what_refuses_a_transaction_makes_steps() {
        check_steps(
            "CREATE TABLE a (); VACUUM a; DO $$ $$; CALL p();",
            &[
                (in_transaction(), "CREATE TABLE a ()"),
                (Manner::Alone, "VACUUM a"),
                (Manner::Once, "DO $$ $$"),
                (Manner::Once, "CALL p()"),
            ],
        );
        check_steps(
            "-- onward: no-transaction\nSELECT 1",
            &[(in_transaction(), "SELECT 1")],
        );
        check(
            "BEGIN;\nVACUUM;\nCOMMIT;",
            Err((2, "between BEGIN and COMMIT")),
        );
    }

    #[test]
    fn groups_make_steps() {
        let serializable = Manner::Transaction {
            modes: vec!["ISOLATION LEVEL SERIALIZABLE".to_owned()],
        };
        check_steps(
            "BEGIN; A; B; COMMIT; SELECT 1; BEGIN ISOLATION LEVEL SERIALIZABLE; C; END;",
            &[
                (in_transaction(), "A; B"),
                (in_transaction(), "SELECT 1"),
                (serializable, "C"),
            ],
        );
        let schema = SqlFile::parse(
            "s.sql".to_owned(),
            b"\nBEGIN; COMMIT; SELECT 1".to_vec(),
            Role::SchemaFile,
        );
        assert!(schema.is_err_and(|fault| fault.line == Some(2)));
        let vacuum = SqlFile::parse("s.sql".to_owned(), b"\n\nVACUUM".to_vec(), Role::SchemaFile);
        assert!(vacuum.is_err_and(|fault| fault.line == Some(3)));
    }

    #[test]
    fn the_steps_that_are_done_have_a_checksum_of_their_own() {
        let sum = |text: &str, count| parse(text.as_bytes()).unwrap().checksum_of_steps(count);
        let (first, second) = ("VACUUM a; VACUUM b;", "VACUUM  a /* x */; VACUUM c;");
        assert_eq!(sum(first, 1), sum(second, 1));
        assert_ne!(sum(first, 2), sum(second, 2));
        assert_eq!(sum(first, 2), parse(first.as_bytes()).unwrap().sql_checksum);
    }

    #[test]
    fn harmless_psql_commands_are_left_out_and_others_refused() {
        check(
            "\\restrict abc\nSELECT 1;\n",
            Ok("             \nSELECT 1;\n"),
        );
        check(
            "\\set ON_ERROR_STOP on\n\\encoding utf8\n",
            Ok("                     \n              \n"),
        );
        check(
            "SELECT 1;\n\\i other.sql\n",
            Err((2, "\\i includes another file")),
        );
        check("\\set AUTOCOMMIT off\n", Err((1, "\\set sets a variable")));
        check("SELECT 1 \\gexec\n", Err((1, "\\gexec")));
        check(
            "DELETE FROM t \\echo x\n WHERE false;",
            Err((1, "inside a statement")),
        );
    }

    #[test]
    fn the_limits_of_a_migration_are_not_lifted() {
        check(
            "SET lock_timeout = 0; SELECT 1",
            Ok("                      SELECT 1"),
        );
        check(
            "SET LOCAL statement_timeout TO '0'; A",
            Ok("                                    A"),
        );
        check("SET lock_timeout = '10s';", Ok("SET lock_timeout = '10s';"));
    }

    #[test]
    fn only_the_way_forward_of_a_sectioned_file_runs() {
        let text = "-- Description: Both ways\n-- migrate:up\nA;\n-- migrate:down\nB;\n";
        let file = parse(text.as_bytes()).unwrap();
        assert_eq!(file.statements.len(), 1);
        assert_eq!(file.header.description.as_deref(), Some("Both ways"));
        let sum = |text: &str| parse(text.as_bytes()).unwrap().sql_checksum;
        assert_ne!(file.sql_checksum, sum(&text.replace("B;", "C;")));
        check(
            "SELECT 1;\n-- migrate:up\nA;\n",
            Err((1, "above the first section marker")),
        );
        check_steps(
            "-- migrate:up transaction:false\nA;\n-- migrate:down\nB;",
            &[(in_transaction(), "A")],
        );
    }

    /// What of a way back in a section is sent, and its header.
    fn check_back(text: &str, expected: Option<(&str, &Header)>) {
        let file = SqlFile::parse_section_back("f.sql".to_owned(), text.as_bytes().to_vec());
        let file = file.unwrap();
        assert_eq!(
            file.as_ref().map(|file| (file.text.trim(), &file.header)),
            expected,
            "{text:?}"
        );
        let whole = parse(text.as_bytes()).unwrap();
        if let Some(file) = file {
            let sums = (whole.checksum, whole.sql_checksum);
            assert_eq!((file.checksum, file.sql_checksum), sums, "{text:?}");
        }
    }

    #[test]
    fn a_directive_above_all_sections_is_for_both_ways() {
        let limited = |lock_timeout| Header {
            lock_timeout: Some(LockTimeout::milliseconds(lock_timeout)),
            ..Header::default()
        };
        check_back("A;", None);
        check_back("-- migrate:up\nA;", None);
        check_back(
            "-- onward: lock-timeout 2s\n-- migrate:up\nA;\n-- migrate:down\nB;",
            Some(("B;", &limited(2_000))),
        );
        check_back(
            "-- migrate:up\n-- onward: lock-timeout 2s\nA;\n-- migrate:down\nB;",
            Some(("B;", &Header::default())),
        );
        check_back(
            "-- onward: lock-timeout 2s\n-- migrate:up\nA;\n-- migrate:down\n-- onward: lock-timeout 3s\nB;",
            Some(("-- onward: lock-timeout 3s\nB;", &limited(3_000))),
        );
        check_back(
            "-- migrate:up\nA;\n-- migrate:down transaction:false\nB;",
            Some((
                "B;",
                &Header {
                    no_transaction: Some(3),
                    ..Header::default()
                },
            )),
        );
    }

    #[test]
    fn a_way_back_as_a_whole_has_no_sections() {
        let parse = |text: &str| {
            SqlFile::parse_way_back("f.sql".to_owned(), text.as_bytes().to_vec())
                .map(|file| file.statements.len())
                .map_err(|fault| (fault.line, fault.message))
        };
        assert_eq!(parse("A; B;"), Ok(2));
        assert_eq!(parse("-- nothing"), Ok(0));
        let marked = "a section marker in a file that is a way back as a whole";
        assert_eq!(
            parse("-- x\n-- migrate:up\nA;\n-- migrate:down\nB;"),
            Err((Some(2), marked.to_owned()))
        );
        assert_eq!(
            parse("\n-- migrate:down\nB;"),
            Err((Some(2), marked.to_owned()))
        );
        assert!(parse("BEGIN; A;").is_err());
    }

    #[test]
    fn what_no_text_of_postgresql_can_hold_is_refused() {
        let fault = |text: &[u8]| parse(text).expect_err("a fault").to_string();
        assert!(fault(b"\xFF\xFES\0").contains("UTF-16"));
        assert!(fault(b"a\nb\0").contains("f.sql:2: a NUL byte (byte 3 of the file)"));
        assert!(
            fault(b"\xEF\xBB\xBFa\n\xE9")
                .contains("f.sql:2: not UTF-8: byte 0xE9 (byte 5 of the file)")
        );
        assert!(
            fault(b"SELECT 1;\n\nSELECT 'x")
                .contains("f.sql:3: unterminated quoted string begins here")
        );
    }

    #[test]
    fn checksums_are_for_ever() {
        let sums = |text: &[u8]| {
            parse(text)
                .map(|file| (file.checksum.to_string(), file.sql_checksum.to_string()))
                .unwrap()
        };
        let (lf, sql) = sums("CREATE TABLE t (id int);\n-- café\n".as_bytes());
        assert_eq!(
            lf,
            "29abbbc8be91d92356e721081631de90b0ff91066298a18b2d8d30c2cbedeb51"
        );
        assert_eq!(
            sql,
            "e0e311b1b40618b547467f53ef21e7622c5402ce469145ad8de97480b405ca96"
        );
        let same = (lf.clone(), sql.clone());
        assert_eq!(
            sums("CREATE TABLE t (id int);\r\n-- café\r\n".as_bytes()),
            same
        );
        assert_eq!(
            sums("\u{feff}CREATE TABLE t (id int);\n-- café\n".as_bytes()),
            same
        );
        let (other, another) = sums(b"create table");
        assert!(other != lf && another != sql);
        assert_eq!(sums(b"CREATE/**/TABLE t(id int)  ;").1, sql);
    }

    #[test]
    fn pieces_end_at_statements_and_add_up() {
        let text = "SELECT 1; ".repeat(2_500) + "-- end";
        let ranges = |text: &str| -> Vec<Range<usize>> {
            let pieces = parse(text.as_bytes()).unwrap().pieces();
            pieces
                .into_iter()
                .map(|piece| match piece {
                    Piece::Statements(part) => part,
                    Piece::Copy { statement, data } => statement.start..data.end,
                })
                .collect()
        };
        let pieces = ranges(&text);
        assert_eq!(pieces.len(), 3);
        assert!(pieces.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert_eq!((pieces[0].start, pieces[2].end), (0, text.len()));
        assert_eq!(ranges(""), vec![0..0]);
        let rule = "SET standard_conforming_strings = off; SELECT 'a\\'b';";
        assert_eq!(ranges(rule), [0..38, 38..rule.len()]);
        let copy = "SELECT 1;\nCOPY t FROM stdin;\n1\n2\n\\.\nSELECT 2;";
        assert_eq!(ranges(copy), [0..10, 10..33, 35..copy.len()]);
    }

    #[test]
    fn an_excerpt_counts_characters() {
        let file = parse("SELECT 1;\r\nSELECT 'é', x;\r\n".as_bytes()).unwrap();
        let offset = file.text.find('x').unwrap();
        let expected = Excerpt {
            line: 2,
            column: 13,
            text: "SELECT 'é', x;".to_owned(),
        };
        assert_eq!(file.excerpt(offset), expected);
        assert_eq!(
            expected.to_string(),
            "2 | SELECT 'é', x;\n  |             ^"
        );
    }

    /// Pieces are in order, what stands between them needs not be sent, and a
    /// message has as many characters as its part of the text.
    fn check_pieces(file: &SqlFile, pieces: &[Piece], start: usize, end: usize) {
        let mut at = start;
        for piece in pieces {
            match piece {
                Piece::Statements(part) => {
                    check_nothing(&file.text[at..part.start]);
                    let mut message = String::new();
                    file.push_text(part, &file.omitted, &mut message);
                    let text = &file.text[part.clone()];
                    assert_eq!(message.chars().count(), text.chars().count(), "{text:?}");
                    at = part.end;
                }
                Piece::Copy { statement, data } => {
                    check_nothing(&file.text[at..statement.start]);
                    check_nothing(&file.text[statement.end..data.start]);
                    let mark = file.text[data.end..end].starts_with("\\.");
                    at = data.end + if mark { 2 } else { 0 };
                }
            }
        }
        check_nothing(&file.text[at..end]);
    }

    /// Nothing that the server would read.
    fn check_nothing(between: &str) {
        let mut lexer = Lexer::new(between);
        while let Some(token) = lexer.next_token() {
            let fine = !token.kind.is_significant() || token.kind == TokenKind::Semicolon;
            assert!(fine, "{token:?} in {between:?}");
        }
    }

    const FRAGMENTS: &[&str] = &[
        "A;",
        "B ",
        ";",
        "\n",
        "\r\n",
        "'",
        "é",
        "$$",
        "/*",
        "*/",
        "--",
        "(",
        ")",
        "\u{feff}",
        "BEGIN;",
        "BEGIN READ ONLY;",
        "COMMIT;",
        "SET a = 1;",
        "SET lock_timeout = 0;",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;",
        "VACUUM;",
        "DO $$ $$;",
        "CALL p();",
        "COPY t FROM stdin;\n",
        "1\n",
        "\\.\n",
        "\\echo x\n",
        "\\i x\n",
        "SET standard_conforming_strings = off;",
        "-- migrate:up\n",
        "-- migrate:down\n",
        "-- +goose Up\n",
        "-- +goose Down\n",
        "-- +goose NO TRANSACTION\n",
        "-- onward: no-transaction\n",
        "-- Description: x\n",
    ];

    proptest! {
        #[test]
        fn any_file_is_sent_whole_or_refused(
            fragments in prop::collection::vec(prop::sample::select(FRAGMENTS), 0..16),
        ) {
            let text = fragments.concat();
            for role in [Role::Migration, Role::SchemaFile] {
                let Ok(file) = SqlFile::parse("f.sql".to_owned(), text.clone().into_bytes(), role)
                else {
                    continue;
                };
                check_pieces(&file, &file.pieces(), 0, file.text.len());
                if let Execution::Steps(steps) = &file.execution {
                    for step in steps {
                        let statements = &file.statements[step.statements.clone()];
                        let start = statements.first().map_or(0, Statement::start);
                        let end = statements.last().map_or(start, Statement::after);
                        check_pieces(&file, &file.pieces_of(step), start, end);
                    }
                }
                for offset in 0..file.text.len() + 2 {
                    prop_assert!(!file.excerpt(offset).text.contains('\n'));
                }
            }
        }

        #[test]
        fn any_bytes_are_a_file_or_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&bytes);
            let _ = SqlFile::parse_way_back("f.sql".to_owned(), bytes.clone());
            let _ = SqlFile::parse_section_back("f.sql".to_owned(), bytes);
        }
    }
}
