//! The tokens of any text add up to it, and each of them is the same token on its own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onward::sql::{Lexer, TokenKind};

fuzz_target!(|text: &str| {
    for conforming in [true, false] {
        check(text, conforming, false);
        check(text, conforming, true);
    }
});

fn check(text: &str, conforming: bool, copy: bool) {
    let mut lexer = Lexer::new(text);
    lexer.set_standard_conforming_strings(conforming);
    if copy {
        lexer.expect_copy_data();
    }
    let mut at = 0;
    while let Some(token) = lexer.next_token() {
        assert!(token.len > 0, "an empty token at {at}");
        let piece = &text[at..at + token.len];
        at += token.len;
        assert_eq!(lexer.offset(), at);
        match token.kind {
            TokenKind::Unterminated(_) => assert_eq!(at, text.len(), "text after {token:?}"),
            TokenKind::CopyData => assert!(copy, "COPY data that nobody expects"),
            _ => {}
        }
        if token.kind != TokenKind::CopyData {
            let mut alone = Lexer::new(piece);
            alone.set_standard_conforming_strings(conforming);
            assert_eq!(alone.next_token(), Some(token), "{piece:?} on its own");
        }
    }
    assert_eq!(at, text.len());
}
