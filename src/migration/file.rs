//! A file of SQL: name and bytes in, a value out whose statements can be sent. Pure.

use std::fmt::Write as _;
use std::ops::Range;

use sha2::{Digest, Sha256};

use super::directive::{Header, Role};
use crate::error::{Excerpt, FileFault};
use crate::sql::splitter::{self, Statement};
use crate::sql::statement::Kind;

/// A message to the server ends at a statement's end once it holds this many bytes ...
const MESSAGE_BYTES: usize = 1_000_000;
/// ... or this many statements: the server keeps the parse trees of a whole message in memory.
const MESSAGE_STATEMENTS: usize = 1_000;

/// The text of a migration or of the schema file, checked: it is UTF-8, every literal in it ends, and every statement
/// of it may run inside the one transaction that the runner opens.
#[derive(Debug)]
pub struct SqlFile {
    /// The file as the user would name it.
    pub path: String,
    /// The text without a byte order mark.
    pub text: String,
    /// SHA-256 of the text with LF line ends. Stored: the rule is for ever.
    pub checksum: String,
    /// SHA-256 of the tokens that are neither comment nor white space, each followed by 0x1F. Stored: the rule is for
    /// ever.
    pub sql_checksum: String,
    pub header: Header,
    pub statements: Vec<Statement>,
    /// What stays unsent, in order.
    pub omitted: Vec<Omission>,
    /// The transaction modes that the file asked for in its own BEGIN or in a leading SET TRANSACTION.
    pub modes: Vec<String>,
}

/// A part of the text that is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omission {
    pub span: Range<usize>,
    /// What the user should know of it; none for what the runner does itself.
    pub notice: Option<String>,
}

impl SqlFile {
    /// Checks `bytes` and takes them apart.
    ///
    /// # Errors
    /// The first thing that makes the file unusable, with its line.
    pub fn parse(path: String, bytes: Vec<u8>, role: Role) -> Result<SqlFile, FileFault> {
        let text = decode(&path, bytes)?;
        let mut tokens = Sha256::new();
        let split = splitter::split(&text, &mut |token: &str| {
            tokens.update(token.as_bytes());
            tokens.update([0x1F]);
        });
        let statements = match split {
            Ok(statements) => statements,
            Err(error) => {
                return Err(FileFault {
                    path,
                    line: Some(line_of(&text, error.offset)),
                    message: format!("{} begins here", error.what),
                    hint: "close it; nothing of the file was run".to_owned(),
                });
            }
        };
        let header = Header::read(&path, &text, role)?;
        let mut file = SqlFile {
            checksum: checksum(&text),
            sql_checksum: hex(&tokens.finalize()),
            path,
            text,
            header,
            statements,
            omitted: Vec::new(),
            modes: Vec::new(),
        };
        file.check_kinds(role)?;
        file.take_off_wrapper(role)?;
        file.omitted.sort_by_key(|omission| omission.span.start);
        Ok(file)
    }

    /// The line of a byte of the text, from 1.
    #[must_use]
    pub fn line_of(&self, offset: usize) -> usize {
        line_of(&self.text, offset)
    }

    /// The line around a byte of the text.
    #[must_use]
    pub fn excerpt(&self, offset: usize) -> Excerpt {
        let offset = self.text.floor_char_boundary(offset);
        let (before, after) = self.text.split_at(offset);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = after
            .find('\n')
            .map_or(self.text.len(), |newline| offset + newline);
        Excerpt {
            line: self.line_of(offset),
            column: self.text[start..offset].chars().count() + 1,
            text: self.text[start..end].trim_end_matches('\r').to_owned(),
        }
    }

    /// The parts of the text that travel in one message each, cut at statement ends; never empty, and together the
    /// whole text.
    #[must_use]
    pub fn messages(&self) -> Vec<Range<usize>> {
        let mut messages = Vec::new();
        let (mut start, mut count) = (0, 0);
        for statement in &self.statements {
            count += 1;
            // The server reads a whole message by the rule in force when it arrives.
            let rule_changes = matches!(statement.kind, Kind::StandardConformingStrings(_));
            if rule_changes
                || count >= MESSAGE_STATEMENTS
                || statement.after - start >= MESSAGE_BYTES
            {
                messages.push(start..statement.after);
                (start, count) = (statement.after, 0);
            }
        }
        if start < self.text.len() || messages.is_empty() {
            messages.push(start..self.text.len());
        }
        messages
    }

    /// Appends a part of the text to a message, with one space for each character that is left out, so that the
    /// server's positions stay true.
    pub fn push_text(&self, part: &Range<usize>, message: &mut String) {
        let mut at = part.start;
        for omission in &self.omitted {
            if omission.span.end <= part.start || omission.span.start >= part.end {
                continue;
            }
            message.push_str(&self.text[at..omission.span.start]);
            message.extend(
                self.text[omission.span.clone()]
                    .chars()
                    .map(|c| if c == '\n' { '\n' } else { ' ' }),
            );
            at = omission.span.end;
        }
        message.push_str(&self.text[at..part.end]);
    }

    fn fault(&self, offset: usize, message: impl Into<String>, hint: &str) -> FileFault {
        FileFault {
            path: self.path.clone(),
            line: Some(self.line_of(offset)),
            message: message.into(),
            hint: hint.to_owned(),
        }
    }

    fn words_of(&self, statement: &Statement) -> &str {
        &self.text[statement.start..statement.end]
    }

    fn check_kinds(&mut self, role: Role) -> Result<(), FileFault> {
        if let Some(line) = self.header.no_transaction {
            let hint = "leave the directive out where the statements may run in a transaction";
            return Err(FileFault {
                path: self.path.clone(),
                line: Some(line),
                message: "this version of onward runs every file in one transaction".to_owned(),
                hint: hint.to_owned(),
            });
        }
        let mut skipped = Vec::new();
        for statement in &self.statements {
            match &statement.kind {
                Kind::NotInTransaction(what) => {
                    let (message, hint) = if role == Role::SchemaFile {
                        (
                            format!(
                                "{what} cannot run inside a transaction, and the schema file runs in one"
                            ),
                            "move the statement into a migration of its own, or leave out what keeps it from a transaction",
                        )
                    } else {
                        (
                            format!(
                                "{what} cannot run inside a transaction, and this version of onward runs every file in one"
                            ),
                            "run the statement with psql, or write it without CONCURRENTLY where the table is small",
                        )
                    };
                    return Err(self.fault(statement.start, message, hint));
                }
                Kind::ClientEncoding { utf8: false } => {
                    let hint = "files are UTF-8: remove the statement, and save the file as UTF-8";
                    return Err(self.fault(
                        statement.start,
                        "a client_encoding other than UTF8",
                        hint,
                    ));
                }
                Kind::CopyFromStdin { .. } => {
                    let hint = "use INSERT, or pg_dump --inserts";
                    return Err(self.fault(
                        statement.start,
                        "this version of onward does not run COPY ... FROM stdin",
                        hint,
                    ));
                }
                Kind::PsqlInStatement { .. } => {
                    let hint = "only psql knows its backslash commands: write plain SQL instead";
                    return Err(self.fault(
                        statement.start,
                        "a command of psql inside a statement",
                        hint,
                    ));
                }
                Kind::Psql { .. } => skipped.push(self.skip_psql(statement)?),
                _ => {}
            }
        }
        self.omitted.append(&mut skipped);
        Ok(())
    }

    fn skip_psql(&self, statement: &Statement) -> Result<Omission, FileFault> {
        let words = self.words_of(statement);
        let mut parts = words.split_whitespace();
        let command = parts.next().unwrap_or(words);
        let harmless = match command {
            "\\restrict" | "\\unrestrict" | "\\echo" | "\\qecho" | "\\timing" | "\\pset" => true,
            "\\set" => matches!(
                parts.next(),
                Some(
                    "ON_ERROR_STOP"
                        | "ECHO"
                        | "ECHO_HIDDEN"
                        | "QUIET"
                        | "VERBOSITY"
                        | "SHOW_CONTEXT"
                )
            ),
            "\\encoding" => parts
                .next()
                .is_some_and(|name| matches!(name.to_ascii_uppercase().as_str(), "UTF8" | "UTF-8")),
            _ => false,
        };
        if !harmless {
            let hint = "only psql knows its backslash commands: write plain SQL instead";
            return Err(self.fault(
                statement.start,
                format!("{command} is a command of psql, not SQL"),
                hint,
            ));
        }
        let notice = format!(
            "{}:{}: {command} is a command of psql; skipped",
            self.path,
            self.line_of(statement.start)
        );
        Ok(Omission {
            span: statement.start..statement.after,
            notice: Some(notice),
        })
    }

    /// Takes off a `BEGIN … COMMIT` around the whole file, and takes over the modes of a transaction.
    fn take_off_wrapper(&mut self, role: Role) -> Result<(), FileFault> {
        let groups = self.transaction_groups()?;
        let mut unsent = Vec::new();
        let opens_file = |index: usize| {
            self.statements[..index]
                .iter()
                .all(|before| matches!(before.kind, Kind::Set))
        };
        let body = match groups.as_slice() {
            [] => 0,
            [(begin, commit)] if opens_file(*begin) && *commit + 1 == self.statements.len() => {
                unsent.extend([*begin, *commit]);
                begin + 1
            }
            [(begin, _), ..] => {
                let at = &self.statements[*begin];
                let hint = match role {
                    Role::SchemaFile => {
                        "the schema file always runs in one transaction: remove BEGIN and COMMIT"
                    }
                    Role::Migration => {
                        "remove BEGIN and COMMIT, or make each group a migration of its own"
                    }
                };
                let message = "a transaction around a part of the file; every file runs in one transaction of its own";
                return Err(self.fault(at.start, message, hint));
            }
        };
        let mut modes = Vec::new();
        if let Some(Kind::Begin { modes: span }) = body
            .checked_sub(1)
            .map(|begin| &self.statements[begin].kind)
        {
            modes.push(span.of(&self.text).to_owned());
        }
        // The runner writes its row before the file, and the modes must be set before any query.
        for (index, statement) in self.statements.iter().enumerate().skip(body) {
            match &statement.kind {
                Kind::Set => {}
                Kind::SetTransaction { modes: span } if !is_snapshot(span.of(&self.text)) => {
                    modes.push(span.of(&self.text).to_owned());
                    unsent.push(index);
                }
                _ => break,
            }
        }
        modes.retain(|modes| !modes.trim().is_empty());
        self.modes = modes;
        let spans = unsent
            .into_iter()
            .map(|index| &self.statements[index])
            .map(|at| at.start..at.after);
        self.omitted
            .extend(spans.map(|span| Omission { span, notice: None }));
        Ok(())
    }

    /// The balanced groups of BEGIN and COMMIT, as indices of statements.
    fn transaction_groups(&self) -> Result<Vec<(usize, usize)>, FileFault> {
        let hint = "every file runs in one transaction that onward begins and commits: remove the statement";
        let mut groups = Vec::new();
        let mut open: Option<usize> = None;
        for (index, statement) in self.statements.iter().enumerate() {
            match (&statement.kind, open) {
                (Kind::Begin { .. }, None) => open = Some(index),
                (Kind::Begin { .. }, Some(_)) => {
                    return Err(self.fault(
                        statement.start,
                        "BEGIN inside a transaction that is open already",
                        hint,
                    ));
                }
                (Kind::Commit, Some(begin)) => {
                    groups.push((begin, index));
                    open = None;
                }
                (Kind::Commit | Kind::Rollback | Kind::Chain | Kind::PrepareTransaction, _) => {
                    let words = self
                        .words_of(statement)
                        .split_whitespace()
                        .collect::<Vec<_>>()
                        .join(" ");
                    let message = if open.is_some() {
                        format!("{words} inside a migration would end its transaction")
                    } else {
                        format!("{words} without a BEGIN before it")
                    };
                    return Err(self.fault(statement.start, message, hint));
                }
                _ => {}
            }
        }
        match open {
            Some(begin) => Err(self.fault(
                self.statements[begin].start,
                "BEGIN without a COMMIT after it",
                hint,
            )),
            None => Ok(groups),
        }
    }
}

/// `SET TRANSACTION SNAPSHOT` is no mode that BEGIN could take.
fn is_snapshot(modes: &str) -> bool {
    modes
        .trim_start()
        .get(..8)
        .is_some_and(|word| word.eq_ignore_ascii_case("SNAPSHOT"))
}

fn line_of(text: &str, offset: usize) -> usize {
    line_at(text.as_bytes(), offset)
}

fn line_at(bytes: &[u8], offset: usize) -> usize {
    let before = bytes.get(..offset).unwrap_or(bytes);
    before.split(|&byte| byte == b'\n').count()
}

/// UTF-8 without a byte order mark and without NUL, which no PostgreSQL text can hold.
fn decode(path: &str, mut bytes: Vec<u8>) -> Result<String, FileFault> {
    let fault = |line: Option<usize>, message: String, hint: &str| FileFault {
        path: path.to_owned(),
        line,
        message,
        hint: hint.to_owned(),
    };
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(fault(
            None,
            "the text is UTF-16".to_owned(),
            "save the file as UTF-8",
        ));
    }
    let mark = if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        3
    } else {
        0
    };
    bytes.drain(..mark);
    if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
        let message = format!("a NUL byte (byte {} of the file)", mark + offset);
        return Err(fault(
            Some(line_at(&bytes, offset)),
            message,
            "save the file as UTF-8 text",
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let message = format!(
            "not UTF-8: byte 0x{:02X} (byte {} of the file)",
            bytes[offset],
            mark + offset
        );
        fault(
            Some(line_at(bytes, offset)),
            message,
            "save the file as UTF-8",
        )
    })
}

/// SHA-256 of the text with LF line ends, so that `sha256sum` of an LF file prints the same.
fn checksum(text: &str) -> String {
    let mut hash = Sha256::new();
    for (i, part) in text.split("\r\n").enumerate() {
        if i > 0 {
            hash.update(b"\n");
        }
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> Result<SqlFile, FileFault> {
        SqlFile::parse("f.sql".to_owned(), text.to_vec(), Role::Migration)
    }

    /// What is sent in the end, or line and part of the message of what is wrong.
    fn check(text: &str, expected: Result<&str, (usize, &str)>) {
        match (parse(text.as_bytes()), expected) {
            (Ok(file), Ok(expected)) => {
                let mut sent = String::new();
                for part in file.messages() {
                    file.push_text(&part, &mut sent);
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
        check(
            "SELECT 1; BEGIN; SELECT 2; COMMIT;",
            Err((1, "part of the file")),
        );
        check(
            "BEGIN; COMMIT;\nBEGIN; COMMIT;",
            Err((1, "part of the file")),
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
        let modes = |text: &str| parse(text.as_bytes()).unwrap().modes;
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
        assert!(modes("SELECT 1; SET TRANSACTION READ ONLY;").is_empty());
        assert!(modes("SET TRANSACTION SNAPSHOT 'x';").is_empty());
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
            Err((2, "\\i is a command of psql")),
        );
        check("\\set AUTOCOMMIT off\n", Err((1, "\\set")));
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
                .map(|file| (file.checksum, file.sql_checksum))
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
        assert_eq!(
            sums("CREATE TABLE t (id int);\r\n-- café\r\n".as_bytes()),
            (lf.clone(), sql.clone())
        );
        assert_eq!(
            sums("\u{feff}CREATE TABLE t (id int);\n-- café\n".as_bytes()),
            (lf.clone(), sql.clone())
        );
        let (other, same) = sums(b"create table");
        assert!(other != lf && same != sql);
        assert_eq!(sums(b"CREATE/**/TABLE t(id int)  ;").1, sql);
    }

    #[test]
    fn messages_end_at_statements_and_add_up() {
        let text = "SELECT 1; ".repeat(2_500) + "-- end";
        let file = parse(text.as_bytes()).unwrap();
        let messages = file.messages();
        assert_eq!(messages.len(), 3);
        assert!(messages.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert_eq!((messages[0].start, messages[2].end), (0, text.len()));
        assert_eq!(parse(b"").unwrap().messages(), vec![0..0]);
        let rule = "SET standard_conforming_strings = off; SELECT 'a\\'b';";
        assert_eq!(
            parse(rule.as_bytes()).unwrap().messages(),
            [0..38, 38..rule.len()]
        );
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
}
