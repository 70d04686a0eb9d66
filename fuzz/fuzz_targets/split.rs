//! Statements are in order and apart, lose nothing but white space, comments and semicolons, and are the same statements
//! on their own; cutting takes linear time.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use onward::sql::{Kind, Lexer, Statement, TokenKind, split};

fuzz_target!(|text: &str| {
    check(text);
    check_time(text);
});

fn check(text: &str) {
    let mut tokens = Vec::new();
    let Ok(statements) = split(text, &mut |token: &str| tokens.push(token)) else {
        return;
    };
    let offset = |token: &str| token.as_ptr() as usize - text.as_ptr() as usize;
    let mut tokens = tokens.into_iter().peekable();
    let (mut at, mut plain_strings) = (0, true);
    for statement in &statements {
        let (start, end, after) = (statement.start(), statement.end(), statement.after());
        assert!(
            at <= start && start < end && end <= after,
            "{statement:?} after {at}"
        );
        check_nothing(&text[at..start]);
        check_behind(text, statement);
        at = after;

        while tokens.next_if(|token| offset(token) < start).is_some() {}
        let first = tokens.peek().copied().expect("a statement has a token");
        assert_eq!(offset(first), start);
        let mut last = start;
        while let Some(token) = tokens.next_if(|token| offset(token) < end) {
            last = offset(token) + token.len();
        }
        assert_eq!(last, end, "{statement:?} ends inside a token");

        plain_strings &= !matches!(statement.kind, Kind::StandardConformingStrings(_));
        let backslash = text[start..after].contains('\\');
        if !takes_data_of_another(statement) && (plain_strings || !backslash) {
            check_alone(text, statement);
        }
    }
    check_nothing(&text[at..]);
}

/// What follows a statement is a semicolon, or the data of a COPY.
fn check_behind(text: &str, statement: &Statement) {
    let behind = &text[statement.end()..statement.after()];
    match statement.kind {
        Kind::CopyFromStdin { data } => {
            assert!(statement.end() <= data.start() && data.end() <= statement.after());
            check_nothing(&text[statement.end()..data.start()]);
            let mark = &text[data.end()..statement.after()];
            assert!(mark.is_empty() || mark == "\\.", "{mark:?}");
        }
        Kind::PsqlInStatement { .. } => {}
        Kind::Psql { .. } => {
            assert!(behind.is_empty() || statement.text(text).starts_with("\\copy"));
        }
        _ => check_nothing(behind),
    }
}

/// `COPY t FROM stdin \g`: the data follows the command of psql that ends the statement.
fn takes_data_of_another(statement: &Statement) -> bool {
    matches!(statement.kind, Kind::PsqlInStatement { .. }) && statement.end() < statement.after()
}

/// A statement on its own is one statement, of the same kind.
fn check_alone(text: &str, statement: &Statement) {
    let own = &text[statement.start()..statement.after()];
    let again = split(own, &mut |_| {}).expect("it was split before");
    let [again] = again.as_slice() else {
        panic!("{own:?} has become {again:?}");
    };
    assert_eq!(again.start(), 0);
    assert_eq!(again.text(own), statement.text(text));
    assert_eq!(again.after(), own.len());
    let is_reset = own
        .get(..5)
        .is_some_and(|verb| verb.eq_ignore_ascii_case("reset"));
    let name = |kind: Kind| match kind {
        // Only what stands before a statement makes it of these kinds.
        Kind::PsqlInStatement { .. } => "Psql".to_owned(),
        Kind::StandardConformingStrings(true) if is_reset => "Set".to_owned(),
        kind => format!("{kind:?}")
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    assert_eq!(name(again.kind), name(statement.kind), "{own:?}");
}

/// Nothing that the server would read.
fn check_nothing(between: &str) {
    let mut lexer = Lexer::new(between);
    while let Some(token) = lexer.next_token() {
        let fine = !token.kind.is_significant() || token.kind == TokenKind::Semicolon;
        assert!(fine, "{token:?} in {between:?}");
    }
}

/// A short text many times over. Quadratic time would take many seconds. It is not tried for each text, because it takes
/// far longer than all the rest.
fn check_time(text: &str) {
    if text.is_empty() || text.len() > 32 || text.bytes().map(u32::from).sum::<u32>() % 1024 != 0 {
        return;
    }
    let long = text.repeat(200_000 / text.len());
    let begun = Instant::now();
    let _ = split(&long, &mut |_| {});
    assert!(begun.elapsed() < Duration::from_secs(3), "quadratic time");
}
