//! What the comments at the head of a file say to the runner. Pure.
//!
//! Only line comments that have a line of their own and stand before the first statement count, so that no text
//! inside a statement, a string or a block comment can ever be taken for a directive.

use crate::error::FileFault;
use crate::sql::lexer::{Lexer, TokenKind};
use crate::timeout::{LockTimeout, StatementTimeout};

/// The header of a file, understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// `-- Description: …`
    pub description: Option<String>,
    /// `-- onward: no-transaction`, with its line.
    pub no_transaction: Option<usize>,
    /// `-- onward: lock-timeout 30s`
    pub lock_timeout: Option<LockTimeout>,
    /// `-- onward: statement-timeout 1h`
    pub statement_timeout: Option<StatementTimeout>,
    /// `-- onward: baseline through 0042`, in the schema file only.
    pub baseline_through: Option<String>,
    /// `-- onward: idempotent`, in the schema file only.
    pub idempotent: bool,
}

/// Which directives make sense in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Migration,
    SchemaFile,
}

impl Header {
    /// Reads the header of `text`.
    ///
    /// # Errors
    /// A directive that is unknown, out of its place or without its value: a misspelt one must not pass for a comment.
    pub fn read(path: &str, text: &str, role: Role) -> Result<Header, FileFault> {
        let mut header = Header::default();
        for (line, comment) in head_comments(text) {
            let words = comment.trim_start_matches('-').trim();
            if let Some(description) = strip_label(words, "description:") {
                if header.description.is_none() && !description.is_empty() {
                    header.description = Some(description.to_owned());
                }
            } else if let Some(directive) = strip_label(words, "onward:") {
                header
                    .obey(directive, line, role)
                    .map_err(|message| FileFault {
                        path: path.to_owned(),
                        line: Some(line),
                        message,
                        hint: KNOWN.to_owned(),
                    })?;
            }
        }
        Ok(header)
    }

    fn obey(&mut self, directive: &str, line: usize, role: Role) -> Result<(), String> {
        let words: Vec<&str> = directive.split_whitespace().collect();
        match (role, words.as_slice()) {
            (Role::Migration, ["no-transaction"]) => self.no_transaction = Some(line),
            (_, ["lock-timeout", value]) => {
                self.lock_timeout = Some(
                    LockTimeout::parse(value)
                        .map_err(|bad| format!("lock-timeout {value}: {bad}"))?,
                );
            }
            (_, ["statement-timeout", value]) => {
                self.statement_timeout = Some(
                    StatementTimeout::parse(value)
                        .map_err(|bad| format!("statement-timeout {value}: {bad}"))?,
                );
            }
            (Role::SchemaFile, ["baseline", "through", version]) => {
                if !version.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(format!(
                        "\"{version}\" is not a version: the digits of a migration's name"
                    ));
                }
                self.baseline_through = Some((*version).to_owned());
            }
            (Role::SchemaFile, ["idempotent"]) => self.idempotent = true,
            (Role::Migration, ["baseline", ..] | ["idempotent"]) => {
                return Err(format!(
                    "the directive \"{directive}\" belongs into the schema file"
                ));
            }
            (Role::SchemaFile, ["no-transaction"]) => {
                return Err("the schema file always runs in one transaction".to_owned());
            }
            _ => return Err(format!("unknown directive \"{directive}\"")),
        }
        Ok(())
    }
}

const KNOWN: &str = "directives are: no-transaction, lock-timeout 30s, statement-timeout 1h; \
                     in the schema file also: baseline through VERSION, idempotent";

/// What follows `label`, which is compared without regard to case.
fn strip_label<'t>(words: &'t str, label: &str) -> Option<&'t str> {
    let head = words.get(..label.len())?;
    head.eq_ignore_ascii_case(label)
        .then(|| words[label.len()..].trim())
}

/// The whole-line comments before the first statement, each with its line from 1.
fn head_comments(text: &str) -> Vec<(usize, &str)> {
    let mut lexer = Lexer::new(text);
    let mut comments = Vec::new();
    let (mut offset, mut line, mut at_line_start) = (0, 1, true);
    while let Some(token) = lexer.next_token() {
        let piece = &text[offset..offset + token.len];
        match token.kind {
            TokenKind::LineComment if at_line_start => comments.push((line, piece)),
            TokenKind::LineComment | TokenKind::BlockComment | TokenKind::Whitespace => {}
            _ => break,
        }
        line += piece.matches('\n').count();
        // Spaces before a comment leave its line its own; a block comment does not.
        at_line_start = match token.kind {
            TokenKind::Whitespace => at_line_start || piece.contains('\n'),
            TokenKind::LineComment => piece.ends_with('\n'),
            _ => false,
        };
        offset += token.len;
    }
    comments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(role: Role, text: &str, expected: Result<Header, (usize, &str)>) {
        match (Header::read("f.sql", text, role), expected) {
            (Ok(header), Ok(expected)) => assert_eq!(header, expected, "{text:?}"),
            (Err(fault), Err((line, part))) => {
                assert_eq!(fault.line, Some(line), "{text:?}");
                assert!(fault.message.contains(part), "{text:?}: {}", fault.message);
            }
            (got, expected) => panic!("{text:?}: {got:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn directives_stand_in_comment_lines_before_the_first_statement() {
        let thirty = Header {
            lock_timeout: Some(LockTimeout::milliseconds(30_000)),
            ..Header::default()
        };
        check(
            Role::Migration,
            "-- onward: lock-timeout 30s\nSELECT 1;",
            Ok(thirty.clone()),
        );
        check(
            Role::Migration,
            "  --onward:lock-timeout 30s",
            Ok(thirty.clone()),
        );
        check(
            Role::Migration,
            "/* x */\n\n-- hello\n-- onward: lock-timeout 30s\r\n",
            Ok(thirty),
        );
        check(
            Role::Migration,
            "SELECT 1;\n-- onward: lock-timeout 30s\n",
            Ok(Header::default()),
        );
        check(
            Role::Migration,
            "/*\n-- onward: nonsense\n*/ SELECT 1",
            Ok(Header::default()),
        );
        check(
            Role::Migration,
            "/* x */ -- onward: nonsense\n",
            Ok(Header::default()),
        );
        check(
            Role::Migration,
            "SELECT '\n-- onward: nonsense\n'",
            Ok(Header::default()),
        );
    }

    #[test]
    fn the_schema_file_says_what_it_contains() {
        check(
            Role::SchemaFile,
            "-- onward: baseline through 0042\n-- onward: idempotent\n",
            Ok(Header {
                baseline_through: Some("0042".to_owned()),
                idempotent: true,
                ..Header::default()
            }),
        );
        check(
            Role::SchemaFile,
            "-- onward: baseline through latest",
            Err((1, "not a version")),
        );
        check(
            Role::SchemaFile,
            "\n-- onward: no-transaction",
            Err((2, "always runs in one transaction")),
        );
        check(
            Role::Migration,
            "-- onward: baseline through 1",
            Err((1, "belongs into the schema file")),
        );
    }

    #[test]
    fn an_unknown_directive_is_an_error() {
        check(
            Role::Migration,
            "-- x\n-- onward: no-transactoin\n",
            Err((2, "unknown directive")),
        );
        check(
            Role::Migration,
            "-- onward: lock-timeout 30\n",
            Err((1, "with its unit")),
        );
        check(
            Role::Migration,
            "-- onward: lock-timeout\n",
            Err((1, "unknown directive")),
        );
    }

    #[test]
    fn the_first_description_counts() {
        check(
            Role::Migration,
            "-- Description: Adds a café\n-- description: second\n",
            Ok(Header {
                description: Some("Adds a café".to_owned()),
                ..Header::default()
            }),
        );
    }
}
