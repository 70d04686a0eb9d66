//! Any bytes are a file or a fault; the messages of a file hold all of its text, and every place in it can be shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onward::migration::SqlFile;
use onward::migration::directive::Role;
use onward::migration::execution::Execution;
use onward::migration::file::{Omission, Piece};
use onward::sql::name::QualifiedName;
use onward::sql::{Lexer, TokenKind};

fuzz_target!(|bytes: &[u8]| {
    for role in [Role::Migration, Role::SchemaFile] {
        match SqlFile::parse("f.sql".to_owned(), bytes.to_vec(), role) {
            Ok(file) => check(&file),
            Err(fault) => assert!(!fault.to_string().is_empty()),
        }
    }
});

fn check(file: &SqlFile) {
    let history = QualifiedName {
        schema: "public".to_owned(),
        name: "schema_migrations".to_owned(),
    };
    let mut omitted = file.omitted.clone();
    check_omitted(file, &omitted);
    omitted.extend(file.about_history(&history));
    omitted.sort_by_key(|omission| omission.span.start);
    let pieces = file.pieces();
    assert!(!pieces.is_empty());
    check_pieces(file, &pieces, &omitted, 0, file.text.len());
    let steps = match &file.execution {
        Execution::Steps(steps) => steps.as_slice(),
        Execution::Transaction { .. } => &[],
    };
    for (count, step) in steps.iter().enumerate() {
        let statements = &file.statements[step.statements.clone()];
        let start = statements.first().map_or(0, onward::sql::Statement::start);
        let end = statements
            .last()
            .map_or(start, onward::sql::Statement::after);
        check_pieces(file, &file.pieces_of(step), &omitted, start, end);
        assert_eq!(file.checksum_of_steps(count).to_string().len(), 64);
    }
    assert_eq!(file.checksum_of_steps(steps.len()).to_string().len(), 64);
    for offset in (0..file.text.len() + 2).step_by(1 + file.text.len() / 100) {
        let excerpt = file.excerpt(offset);
        assert_eq!(
            excerpt.line,
            file.line_of(file.text.floor_char_boundary(offset))
        );
        assert!(!excerpt.text.contains('\n') && excerpt.column >= 1);
        let _conforming = file.standard_conforming_strings_at(offset);
    }
}

fn check_omitted(file: &SqlFile, omitted: &[Omission]) {
    let mut at = 0;
    for omission in omitted {
        assert!(at <= omission.span.start, "{omitted:?}");
        at = omission.span.end;
    }
    assert!(at <= file.text.len());
}

/// Pieces are in order, and what stands between them needs not be sent. A message has as many characters as its part of
/// the text.
fn check_pieces(file: &SqlFile, pieces: &[Piece], omitted: &[Omission], start: usize, end: usize) {
    let mut at = start;
    for piece in pieces {
        match piece {
            Piece::Statements(part) => {
                check_nothing(&file.text[at..part.start]);
                let mut message = String::new();
                file.push_text(part, omitted, &mut message);
                let text = &file.text[part.clone()];
                assert_eq!(message.chars().count(), text.chars().count());
                at = part.end;
            }
            Piece::Copy { statement, data } => {
                check_nothing(&file.text[at..statement.start]);
                check_nothing(&file.text[statement.end..data.start]);
                at = data.end;
                if file.text[at..end].starts_with("\\.") {
                    at += 2;
                }
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
