//! Cuts a text into statements where the server and psql do.
//!
//! A semicolon ends a statement unless it stands in parentheses or in the
//! `BEGIN ATOMIC … END` body of a routine. One pass, linear time, and nothing
//! is copied: a statement is a range of the text.

use std::error::Error;
use std::fmt;

use super::lexer::{Lexer, TokenKind, Unterminated};
use super::statement::{
    Head, Kind, LoneCommand, Noticed, Span, Word, Words, classify, narrow, wide,
};

/// One statement of a text. Its byte offsets are character boundaries.
///
/// A file may hold a million of them: each is 28 bytes small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What it is.
    pub kind: Kind,
    /// Its tokens, without the semicolon.
    span: Span,
    after: u32,
    /// How its strings are to be read.
    standard_conforming_strings: bool,
}

impl Statement {
    /// The first byte of its first token.
    #[must_use]
    pub fn start(&self) -> usize {
        self.span.start()
    }

    /// Behind its last token, without the semicolon.
    #[must_use]
    pub fn end(&self) -> usize {
        self.span.end()
    }

    /// Behind its semicolon, if it has one, and behind its COPY data, if it
    /// has any; else [`Self::end`].
    #[must_use]
    pub fn after(&self) -> usize {
        wide(self.after)
    }

    /// Its text, without the semicolon.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> &'t str {
        self.span.of(text)
    }

    pub(super) fn words<'t>(&self, text: &'t str) -> Words<'t> {
        Words::new(text, self.span, self.standard_conforming_strings)
    }
}

/// Why a text has no statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxError {
    /// The byte at which it shows.
    pub offset: usize,
    /// What it is.
    pub what: Flaw,
}

/// What keeps a text from being cut into statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A literal or a comment that is never closed.
    Unterminated(Unterminated),
    /// SQL behind a `COPY … FROM stdin;`: its data begins on the next line, so
    /// nothing but a comment can follow on its own.
    BehindCopy,
    /// Offsets are kept in 32 bits.
    TooLarge,
}

impl SyntaxError {
    /// What to do about it.
    #[must_use]
    pub fn cure(&self) -> &'static str {
        match self.what {
            Flaw::Unterminated(_) => "close it; nothing of the file was run",
            Flaw::BehindCopy => "begin a new line behind the semicolon of COPY",
            Flaw::TooLarge => "split it, or load its data with psql",
        }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            Flaw::Unterminated(what) => write!(f, "{what} begins here"),
            Flaw::BehindCopy => {
                f.write_str("COPY … FROM stdin; must be the last statement on its line")
            }
            Flaw::TooLarge => f.write_str("the file is larger than 4 GiB"),
        }
    }
}

impl Error for SyntaxError {}

/// The statements of a text, in order.
///
/// `on_token` is given every token that is neither white space nor a comment,
/// in order, semicolons, COPY data and psql commands included.
///
/// # Errors
///
/// A quote, dollar quote or comment that is never closed, SQL behind a
/// `COPY … FROM stdin;` on its line, or a text of 4 GiB or more. A COPY without
/// its `\.` is no error: psql takes the end of the file for the end of the data.
pub fn split<'t>(
    text: &'t str,
    on_token: &mut impl FnMut(&'t str),
) -> Result<Vec<Statement>, SyntaxError> {
    check_length(text.len())?;
    let mut splitter = Splitter::new(text);
    let mut lexer = Lexer::new(text);
    loop {
        let start = lexer.offset();
        let Some(token) = lexer.next_token() else {
            break;
        };
        let piece = Word {
            kind: token.kind,
            text: text.get(start..lexer.offset()).unwrap_or_default(),
            start,
            depth: 0,
        };
        match token.kind {
            TokenKind::Unterminated(what) => {
                return Err(SyntaxError {
                    offset: start,
                    what: Flaw::Unterminated(what),
                });
            }
            kind if !kind.is_significant() => {
                splitter.space(&piece)?;
                continue;
            }
            _ => on_token(piece.text),
        }
        splitter.token(piece, &mut lexer)?;
    }
    Ok(splitter.finish())
}

fn check_length(bytes: usize) -> Result<(), SyntaxError> {
    match u32::try_from(bytes) {
        Ok(_) => Ok(()),
        Err(_) => Err(SyntaxError {
            offset: 0,
            what: Flaw::TooLarge,
        }),
    }
}

/// The value of `standard_conforming_strings` as transactions bring it back.
#[derive(Clone, Copy)]
struct Strings {
    now: bool,
    /// What it is when the transaction commits: `SET LOCAL` ends there.
    after_commit: bool,
    after_rollback: bool,
}

struct Splitter<'t> {
    text: &'t str,
    statements: Vec<Statement>,
    strings: Strings,
    head: Head<'t>,
    noticed: Noticed,
    start: usize,
    previous: Word<'t>,
    parens: usize,
    /// How many `END`s the body of a routine still needs; 0 outside.
    body: usize,
    is_copy: bool,
    /// A COPY has ended, and the line with its semicolon has not.
    on_copy_line: bool,
}

impl<'t> Splitter<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            statements: Vec::new(),
            strings: Strings {
                now: true,
                after_commit: true,
                after_rollback: true,
            },
            head: Head::EMPTY,
            noticed: Noticed::default(),
            start: 0,
            previous: Word::NONE,
            parens: 0,
            body: 0,
            is_copy: false,
            on_copy_line: false,
        }
    }

    /// White space or a comment.
    #[inline]
    fn space(&mut self, piece: &Word<'t>) -> Result<(), SyntaxError> {
        if self.on_copy_line {
            if piece.kind == TokenKind::BlockComment && piece.text.contains('\n') {
                return Err(copy_line(piece.start));
            }
            self.on_copy_line = !piece.text.contains('\n');
        }
        Ok(())
    }

    #[inline]
    fn token(&mut self, piece: Word<'t>, lexer: &mut Lexer<'t>) -> Result<(), SyntaxError> {
        if self.on_copy_line {
            return Err(copy_line(piece.start));
        }
        match piece.kind {
            TokenKind::Semicolon if self.parens == 0 && self.body == 0 => {
                if !self.head.is_empty() {
                    self.end(piece.end(), lexer);
                }
                return Ok(());
            }
            TokenKind::OpenParen => self.parens += 1,
            TokenKind::CloseParen => self.parens = self.parens.saturating_sub(1),
            TokenKind::Word => self.word(&piece),
            TokenKind::PsqlCommand => {
                self.psql(&piece, lexer);
                return Ok(());
            }
            TokenKind::CopyData => {
                self.copy_data(&piece);
                return Ok(());
            }
            _ => {}
        }
        if !self.head.is_full() {
            if self.head.is_empty() {
                self.start = piece.start;
                self.is_copy = piece.is("copy");
            }
            self.head.push(piece);
        }
        self.previous = piece;
        Ok(())
    }

    /// The few words that matter wherever they stand in a statement.
    #[inline]
    fn word(&mut self, word: &Word<'t>) {
        match word.text.len() {
            3 | 4 if self.body > 0 && self.parens == 0 => self.body_word(word),
            5 | 6 if self.is_copy && self.parens == 0 => {
                // The server takes STDOUT for STDIN here.
                self.noticed.from_stdin |=
                    self.previous.is("from") && word.is_any(&["stdin", "stdout"]);
            }
            6 if self.body == 0
                && self.parens == 0
                && word.is("atomic")
                && self.previous.is("begin")
                && self.head.is_routine() =>
            {
                self.body = 1;
            }
            10 => self.noticed.set_config |= word.is("set_config"),
            _ => {}
        }
    }

    /// A CASE inside the body ends with an END of its own. Behind a dot or
    /// AS, both are names.
    fn body_word(&mut self, word: &Word<'t>) {
        if self.previous.kind == TokenKind::Dot || self.previous.is("as") {
            return;
        }
        if word.is("case") {
            self.body += 1;
        } else if word.is("end") {
            self.body -= 1;
        }
    }

    /// The statement under way ends with the token before.
    fn end(&mut self, after: usize, lexer: &mut Lexer<'t>) {
        let span = Span::new(self.start, self.previous.end());
        let conforming = self.strings.now;
        let text = self.text;
        let words = || Words::new(text, span, conforming);
        let mut kind = classify(&self.head, self.noticed, span, words);
        if let Kind::CopyFromStdin { data } = &mut kind {
            *data = Span::new(after, after);
            lexer.expect_copy_data();
            self.on_copy_line = true;
        }
        self.follow_strings(&mut kind, lexer);
        self.statements.push(Statement {
            kind,
            span,
            after: narrow(after),
            standard_conforming_strings: conforming,
        });
        self.begin_anew();
    }

    fn begin_anew(&mut self) {
        self.head.clear();
        self.noticed = Noticed::default();
        self.previous = Word::NONE;
        self.parens = 0;
        self.body = 0;
        self.is_copy = false;
    }

    /// The text after this statement is read with the setting that it leaves.
    fn follow_strings(&mut self, kind: &mut Kind, lexer: &mut Lexer<'t>) {
        let before = self.strings;
        let strings = &mut self.strings;
        match *kind {
            Kind::StandardConformingStrings(on) => {
                strings.now = on;
                if !self.head.at(1).is("local") {
                    strings.after_commit = on;
                }
            }
            // RESET ALL changes how strings are read only if they were not
            // read in the usual way.
            Kind::Set
                if !strings.now && self.head.at(0).is("reset") && self.head.at(1).is("all") =>
            {
                *kind = Kind::StandardConformingStrings(true);
                strings.now = true;
                strings.after_commit = true;
            }
            Kind::NotInTransaction(LoneCommand::DiscardAll) => {
                strings.now = true;
                strings.after_commit = true;
            }
            Kind::Begin { .. } => strings.after_rollback = strings.after_commit,
            Kind::Commit => strings.now = strings.after_commit,
            Kind::Rollback => {
                strings.now = strings.after_rollback;
                strings.after_commit = strings.after_rollback;
            }
            _ => {}
        }
        if before.now != strings.now {
            lexer.set_standard_conforming_strings(strings.now);
        }
    }

    fn psql(&mut self, piece: &Word<'t>, lexer: &mut Lexer<'t>) {
        let name = piece.text.strip_prefix('\\').unwrap_or(piece.text);
        let len = name
            .find(|c: char| c.is_ascii_whitespace() || c == '\\')
            .unwrap_or(name.len());
        let command = Span::new(piece.start + 1, piece.start + 1 + len);
        let kind = if self.head.is_empty() {
            Kind::Psql { command }
        } else {
            self.end(self.previous.end(), lexer);
            Kind::PsqlInStatement { command }
        };
        if reads_data(piece.text) {
            lexer.expect_copy_data();
            self.on_copy_line = true;
        }
        self.statements.push(Statement {
            kind,
            span: Span::new(piece.start, piece.end()),
            after: narrow(piece.end()),
            standard_conforming_strings: self.strings.now,
        });
    }

    /// Data belongs to the statement before it, and so does that of a psql
    /// command, which is refused: its lines must not be taken for SQL.
    fn copy_data(&mut self, piece: &Word<'t>) {
        let lines = piece.text.strip_suffix("\\.").unwrap_or(piece.text);
        if let Some(statement) = self.statements.last_mut() {
            statement.after = narrow(piece.end());
            if let Kind::CopyFromStdin { data } = &mut statement.kind {
                *data = Span::new(piece.start, piece.start + lines.len());
            }
        }
    }

    /// The last statement needs no semicolon.
    fn finish(mut self) -> Vec<Statement> {
        if !self.head.is_empty() {
            let mut nothing_left = Lexer::new("");
            self.end(self.previous.end(), &mut nothing_left);
        }
        // Statements are kept as long as their text.
        self.statements.shrink_to_fit();
        self.statements
    }
}

/// Whether psql would read data after this command, as after a COPY.
fn reads_data(command: &str) -> bool {
    let mut words = command.trim_end_matches(';').split_ascii_whitespace();
    words.next() == Some("\\copy")
        && words.any(|word| word.eq_ignore_ascii_case("from"))
        && words.next().is_some_and(|word| {
            ["stdin", "pstdin"]
                .iter()
                .any(|input| word.eq_ignore_ascii_case(input))
        })
}

fn copy_line(offset: usize) -> SyntaxError {
    SyntaxError {
        offset,
        what: Flaw::BehindCopy,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::hazard::{hazard, schema_names};
    use super::super::lexer::tests::{SAMPLES, check_adds_up};
    use super::super::name::QualifiedName;
    use super::super::statement::setting;
    use super::super::target::{concurrent_index, copies_to_client, recorded_versions, targets};
    use super::*;

    #[track_caller]
    fn statements(text: &str) -> Vec<Statement> {
        match split(text, &mut |_token| {}) {
            Ok(statements) => statements,
            Err(error) => panic!("{error} at {} of {text:?}", error.offset),
        }
    }

    /// The texts of the statements, without their semicolons.
    #[track_caller]
    fn check(input: &str, expected: &[&str]) {
        let found: Vec<_> = statements(input)
            .iter()
            .map(|statement| statement.text(input))
            .collect();
        assert_eq!(found, expected, "{input:?}");
        check_covered(input);
    }

    #[track_caller]
    fn check_kinds(input: &str, expected: &[Kind]) {
        let found: Vec<_> = statements(input).iter().map(|s| s.kind).collect();
        assert_eq!(found, expected, "{input:?}");
    }

    #[track_caller]
    fn check_unterminated(input: &str, offset: usize, what: Unterminated) {
        check_error(input, offset, Flaw::Unterminated(what));
    }

    #[track_caller]
    fn check_error(input: &str, offset: usize, what: Flaw) {
        let expected = SyntaxError { offset, what };
        assert_eq!(split(input, &mut |_token| {}), Err(expected), "{input:?}");
    }

    /// COPY statements: text, data, and what follows them.
    #[track_caller]
    fn check_copy(input: &str, expected: &[(&str, &str, &str)]) {
        let found: Vec<_> = statements(input)
            .iter()
            .filter_map(|statement| match statement.kind {
                Kind::CopyFromStdin { data } => {
                    let rest = input.get(statement.after()..).unwrap_or("?");
                    Some((statement.text(input), data.of(input), rest))
                }
                _ => None,
            })
            .collect();
        assert_eq!(found, expected, "{input:?}");
        check_covered(input);
    }

    /// Statements are in order and apart, nothing but white space, comments
    /// and semicolons stands outside of them, each is one statement on its own,
    /// and they begin and end where tokens do.
    #[track_caller]
    fn check_covered(text: &str) {
        let mut tokens = BTreeSet::new();
        let mut token_ends = BTreeSet::new();
        let begin = text.as_ptr().addr();
        let Ok(statements) = split(text, &mut |token: &str| {
            let start = token.as_ptr().addr() - begin;
            tokens.insert(start);
            token_ends.insert(start + token.len());
        }) else {
            return;
        };
        let (mut at, mut plain_strings) = (0, true);
        for statement in &statements {
            assert!(tokens.contains(&statement.start()), "{statement:?}");
            assert!(token_ends.contains(&statement.end()), "{statement:?}");
            plain_strings &= !matches!(statement.kind, Kind::StandardConformingStrings(_));
            if plain_strings {
                check_alone(text, statement);
            }
            assert!(at <= statement.start(), "{statement:?} of {text:?}");
            assert!(
                statement.start() < statement.end(),
                "{statement:?} of {text:?}"
            );
            assert!(
                statement.end() <= statement.after(),
                "{statement:?} of {text:?}"
            );
            check_nothing(text, at, statement.start());
            if !matches!(statement.kind, Kind::CopyFromStdin { .. }) && !takes_data(text, statement)
            {
                check_nothing(text, statement.end(), statement.after());
            }
            at = statement.after();
        }
        check_nothing(text, at, text.len());
    }

    /// A statement on its own is one, of which the same can be told.
    #[track_caller]
    fn check_alone(text: &str, statement: &Statement) {
        let inside = matches!(statement.kind, Kind::PsqlInStatement { .. });
        if inside && takes_data(text, statement) {
            // The data may be that of the statement that it ends.
            return;
        }
        let own = text
            .get(statement.start()..statement.after())
            .unwrap_or_default();
        let again = statements(own);
        let [again] = again.as_slice() else {
            panic!("{again:?} of {own:?} in {text:?}");
        };
        assert_eq!(again.text(own), statement.text(text));
        assert_eq!((again.start(), again.after()), (0, own.len()), "{own:?}");
        assert_eq!(ask(own, again), ask(text, statement), "{own:?} in {text:?}");
    }

    /// Everything that can be told of a statement.
    fn ask(text: &str, statement: &Statement) -> String {
        let history = QualifiedName {
            schema: "public".to_owned(),
            name: "t".to_owned(),
        };
        let index = concurrent_index(text, statement);
        let command = Kind::NotInTransaction(LoneCommand::CreateIndexConcurrently);
        assert!(
            index.is_none() || statement.kind == command,
            "{statement:?}"
        );
        let kind = match statement.kind {
            Kind::Begin { modes } | Kind::SetTransaction { modes } => modes.of(text).to_owned(),
            Kind::CopyFromStdin { data } => data.of(text).to_owned(),
            Kind::Psql { command } | Kind::PsqlInStatement { command } => {
                command.of(text).to_owned()
            }
            kind => format!("{kind:?}"),
        };
        format!(
            "{kind} {:?} {:?} {index:?} {} {} {:?}",
            hazard(text, statement),
            setting(text, statement),
            targets(text, statement, &history),
            copies_to_client(text, statement),
            recorded_versions(text, statement),
        )
    }

    fn takes_data(text: &str, statement: &Statement) -> bool {
        matches!(
            statement.kind,
            Kind::Psql { .. } | Kind::PsqlInStatement { .. }
        ) && text.get(statement.start()..statement.after()) != Some(statement.text(text))
    }

    #[track_caller]
    fn check_nothing(text: &str, start: usize, end: usize) {
        let Some(between) = text.get(start..end) else {
            panic!("{start}..{end} is no range of {text:?}");
        };
        let mut lexer = Lexer::new(between);
        while let Some(token) = lexer.next_token() {
            assert!(
                !token.kind.is_significant() || token.kind == TokenKind::Semicolon,
                "{token:?} in {between:?} of {text:?}"
            );
        }
    }

    #[test]
    fn a_semicolon_ends_a_statement() {
        check("a; b ;c", &["a", "b", "c"]);
        check(" a /* x */ ; -- y\n b", &["a", "b"]);
        let found = statements("a /* x */ ;b");
        let offsets: Vec<_> = found
            .iter()
            .map(|s| (s.start(), s.end(), s.after()))
            .collect();
        assert_eq!(offsets, [(0, 1, 11), (11, 12, 12)]);
    }

    #[test]
    fn an_empty_statement_is_none() {
        check("", &[]);
        check(" ;; ; -- x\n /* ; */ ;", &[]);
        check(";a;;b;", &["a", "b"]);
    }

    #[test]
    fn a_quoted_semicolon_ends_nothing() {
        check(
            "select ';', \";\", $$;$$, E'\\';' -- ;\n/* ; */; b",
            &["select ';', \";\", $$;$$, E'\\';'", "b"],
        );
    }

    #[test]
    fn a_semicolon_in_parentheses_ends_nothing() {
        check(
            "create rule r as on insert to t do (a; b); c",
            &["create rule r as on insert to t do (a; b)", "c"],
        );
        check("a); (b; c", &["a)", "(b; c"]);
        check("a[1; b", &["a[1", "b"]);
    }

    #[test]
    fn an_atomic_body_is_one_statement() {
        for create in [
            "create function",
            "CREATE OR REPLACE FUNCTION",
            "create /* x */ procedure",
        ] {
            let text = format!(
                "{create} f(a int default 1) returns int language sql begin atomic \
                 select case when a then case when b then 1 end end as end, t.end; \
                 insert into t values (case when 1 then 2 end); end; next"
            );
            let found = statements(&text);
            assert_eq!(found.len(), 2, "{text:?}");
            check_covered(&text);
        }
    }

    #[test]
    fn begin_without_atomic_opens_nothing() {
        check("begin; atomic; end;", &["begin", "atomic", "end"]);
        check(
            "create function f(begin int) returns int return 1; end;",
            &["create function f(begin int) returns int return 1", "end"],
        );
        check(
            "create table begin (atomic int); a",
            &["create table begin (atomic int)", "a"],
        );
        check("begin atomic; a; end", &["begin atomic", "a", "end"]);
    }

    #[test]
    fn copy_takes_its_data() {
        check_copy(
            "COPY t (a, b) FROM stdin;\n1\t';\n\\.\nselect 1;",
            &[("COPY t (a, b) FROM stdin", "1\t';\n", "\nselect 1;")],
        );
        check_copy(
            "copy t from STDIN with (format csv) ; -- x\r\n1\r\n\\.\r\n",
            &[("copy t from STDIN with (format csv)", "1\r\n", "\r\n")],
        );
        check_copy(
            "copy t from stdout;\n1\n",
            &[("copy t from stdout", "1\n", "")],
        );
        check_copy("copy t from stdin", &[("copy t from stdin", "", "")]);
        check_copy("copy t from stdin;", &[("copy t from stdin", "", "")]);
        check_copy(
            "copy t from stdin;\n\\.\ncopy u from stdin;\n2\n\\.",
            &[
                ("copy t from stdin", "", "\ncopy u from stdin;\n2\n\\."),
                ("copy u from stdin", "2\n", ""),
            ],
        );
    }

    #[test]
    fn another_copy_takes_none() {
        check_kinds(
            "copy t from 'stdin'; copy t to stdout; copy (select 1 from stdin) to stdout; \
             copy t from program 'x'; copy \"from\" (stdin) to stdin; select 1 from stdin; \
             copy t from \"stdin\";",
            &[Kind::Plain; 7],
        );
    }

    #[test]
    fn nothing_follows_a_copy_on_its_line() {
        check_error(
            "copy t from stdin; select 1;\n1\n\\.\n",
            19,
            Flaw::BehindCopy,
        );
        check_error("copy t from stdin; /*\n*/\n\\.\n", 19, Flaw::BehindCopy);
        check_error("copy t from stdin;;\n", 18, Flaw::BehindCopy);
        check_copy(
            "copy t from stdin; /* x */ -- y\n1\n\\.",
            &[("copy t from stdin", "1\n", "")],
        );
    }

    #[test]
    fn an_unterminated_literal_is_found_where_it_begins() {
        check_unterminated("a; 'b", 3, Unterminated::String);
        check_unterminated("a\nE'b\\'", 2, Unterminated::String);
        check_unterminated("a \"b;", 2, Unterminated::QuotedIdentifier);
        check_unterminated("a $x$ $y$;", 2, Unterminated::DollarString);
        check_unterminated("a; /* /* */", 3, Unterminated::BlockComment);
        let error = SyntaxError {
            offset: 0,
            what: Flaw::Unterminated(Unterminated::DollarString),
        };
        let message = "unterminated dollar-quoted string begins here";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn a_million_statements_are_small() {
        assert_eq!(size_of::<Statement>(), 28);
        let found = statements(&"a;".repeat(1_000));
        assert_eq!(found.capacity(), found.len());
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_text_of_four_gib_is_refused() {
        assert_eq!(check_length((1 << 32) - 1), Ok(()));
        let error = check_length(1 << 32).unwrap_err();
        assert_eq!(error.what, Flaw::TooLarge);
        assert_eq!(error.to_string(), "the file is larger than 4 GiB");
    }

    #[test]
    fn a_psql_command_stands_alone() {
        check(
            "\\restrict k\na;\n\\unrestrict k\n",
            &["\\restrict k", "a", "\\unrestrict k"],
        );
        check_kinds(
            "\\restrict k\na; \\echo x;y",
            &[
                Kind::Psql {
                    command: Span::new(1, 9),
                },
                Kind::Plain,
                Kind::Psql {
                    command: Span::new(16, 20),
                },
            ],
        );
    }

    #[test]
    fn a_psql_command_inside_a_statement_cuts_it_in_two() {
        check("select 1 \\gset x\nb;", &["select 1", "\\gset x", "b"]);
        check_kinds(
            "a (b \\; c",
            &[
                Kind::Plain,
                Kind::PsqlInStatement {
                    command: Span::new(6, 7),
                },
            ],
        );
    }

    #[test]
    fn the_data_of_a_psql_copy_is_not_sql() {
        let text = "\\copy t from stdin\n'\n\\.\na;";
        check(text, &["\\copy t from stdin", "a"]);
        check("\\copy t from 'x'\na;", &["\\copy t from 'x'", "a"]);
    }

    #[test]
    fn the_lexer_follows_standard_conforming_strings() {
        let off = Kind::StandardConformingStrings(false);
        let on = Kind::StandardConformingStrings(true);
        let set = "set standard_conforming_strings = off; select 'a\\';'; ";
        check_kinds(
            &format!("{set}reset all; 'b\\'; c"),
            &[off, Kind::Plain, on, Kind::Plain, Kind::Plain],
        );
        check_kinds(
            &format!("{set}set standard_conforming_strings to default; 'b\\'; c"),
            &[off, Kind::Plain, on, Kind::Plain, Kind::Plain],
        );
        check_kinds(
            "reset all; 'b\\'; c",
            &[Kind::Set, Kind::Plain, Kind::Plain],
        );
    }

    #[test]
    fn a_local_setting_ends_with_its_transaction() {
        let local = "begin; set local standard_conforming_strings = off; 'a\\';'; ";
        assert_eq!(statements(&format!("{local}commit; 'b\\'; c")).len(), 6);
        assert_eq!(statements(&format!("{local}rollback; 'b\\'; c")).len(), 6);
        let session = "begin; set standard_conforming_strings = off; 'a\\';'; ";
        assert_eq!(statements(&format!("{session}rollback; 'b\\'; c")).len(), 6);
        assert_eq!(
            statements(&format!("{session}commit; 'b\\'; c'; d")).len(),
            6
        );
    }

    #[test]
    fn every_significant_token_is_handed_over_in_order() {
        let mut tokens = Vec::new();
        let text = "/* x */ a , 'b' -- y\n;; \\d x\ncopy t from stdin;\n1\n\\.\n";
        let found = split(text, &mut |token| tokens.push(token)).map(|found| found.len());
        assert_eq!(found, Ok(3));
        assert_eq!(
            tokens,
            [
                "a", ",", "'b'", ";", ";", "\\d x", "copy", "t", "from", "stdin", ";", "1\n\\."
            ]
        );
    }

    #[test]
    fn everything_is_covered_on_every_prefix_of_every_sample() {
        for sample in SAMPLES {
            for (end, _) in sample.char_indices().chain([(sample.len(), ' ')]) {
                check_covered(sample.get(..end).unwrap_or_default());
            }
        }
    }

    #[test]
    fn long_statements_take_linear_time() {
        for piece in [
            "begin atomic ",
            "set_config(",
            "a,",
            "(;",
            "copy from stdin ",
            "case end ",
            "\\x\n",
        ] {
            check_covered(&piece.repeat(20_000));
            check_covered(&format!("create function f() {}", piece.repeat(20_000)));
        }
    }

    const FRAGMENTS: &[&str] = &[
        "'",
        "''",
        "E'",
        "U&'",
        "B'",
        "\"",
        "$$",
        "$a$",
        "$1",
        "$",
        "/*",
        "*/",
        "--",
        "\n",
        "\r\n",
        " ",
        ";",
        "(",
        ")",
        "[",
        "]",
        ",",
        ".",
        "..",
        ":",
        "::",
        "\\",
        "\\.",
        "\\.\n",
        "+",
        "-",
        "@",
        "1",
        "1e",
        "0x",
        "_",
        "é",
        "a",
        "COPY t FROM stdin;\n",
        "COPY ",
        " FROM ",
        "STDIN",
        "CREATE FUNCTION f() ",
        "BEGIN ",
        "ATOMIC ",
        "CASE ",
        "END",
        "SET ",
        "RESET ",
        "ALL",
        "standard_conforming_strings",
        " = off;",
        "client_encoding ",
        "set_config(",
        "SELECT ",
        "INSERT INTO t ",
        "ON CONFLICT ",
        "NOT EXISTS ",
        "WITH x AS (",
        "UPDATE ",
        "ALTER TABLE t ",
        "DROP ",
        "CASCADE",
        "ADD ",
        "CREATE SCHEMA ",
        "search_path",
        "DELETE FROM ",
        "COMMENT ON COLUMN ",
        "CREATE INDEX ",
        "VALUES (",
        "TO ",
        "REINDEX ",
        "CONCURRENTLY ",
        "CLUSTER ",
        "\\copy t from stdin\n",
        "\u{1f418}",
        "\0",
        "\t",
    ];

    proptest! {
        #[test]
        fn any_text_is_covered(pieces in prop::collection::vec(prop::sample::select(FRAGMENTS), 0..40)) {
            let text = pieces.concat();
            check_adds_up(&text);
            check_covered(&text);
            let _names = schema_names(&text);
        }

        #[test]
        fn any_characters_add_up(text in "\\PC{0,60}") {
            check_adds_up(&text);
            check_covered(&text);
        }
    }
}
