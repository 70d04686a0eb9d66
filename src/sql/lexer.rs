//! Cuts SQL text into tokens by the rules of the server's own scanner.
//!
//! The rules are those of `src/backend/parser/scan.l` (the server) and
//! `src/fe_utils/psqlscan.l` (psql); where versions differ, those of version
//! 16 and later. Names in braces below are the names of the patterns there.
//!
//! A token is a kind and a length, and the tokens of a text add up to it
//! exactly. Lexing never fails: a literal that has no end is one
//! [`TokenKind::Unterminated`] token up to the end of the text, which the
//! layer above turns into an error.
//!
//! # Where tokens begin and end
//!
//! A checksum that is stored for ever is taken over the tokens other than
//! white space and comments, so these boundaries never change:
//!
//! | token | extent |
//! |---|---|
//! | white space | a run of space, `\t`, `\n`, `\r`, `\f`, `\v`; before COPY data it ends after the `\n` |
//! | line comment | `--` up to, without, the next `\n` or `\r` |
//! | block comment | `/*` to its own `*/`; comments nest |
//! | word | a letter, `_` or any byte from 0x80, then also digits and `$` |
//! | quoted identifier | `"…"` with `""` inside, with a `U&` before it if there is one |
//! | string | `'…'` with a prefix `E`, `B`, `X`, `N` or `U&` if there is one; pieces separated by white space and line comments that hold a line end are one token |
//! | dollar string | `$tag$ … $tag$` |
//! | number | `1`, `1_000`, `1.5`, `.5`, `1.`, `1e-5`, `0x1F`, `0o17`, `0b11`; no sign; before `..` it ends |
//! | parameter | `$` and digits |
//! | operator | an operator of the server by its longest-match rule, or `::`, `:=`, `..` |
//! | comma, dot, colon, semicolon, parenthesis, bracket | one character |
//! | psql command | from a backslash outside quotes to the end of the line, without its line end (`\n` or `\r\n`) |
//! | COPY data | from the line after the statement through the `\.` of the line `\.`, without that line's end, or to the end of the text |
//! | other | any one character that fits nothing above, such as `{` or a `$` on its own |

use std::fmt;

/// What a token is; the module's table says how far each kind extends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Spaces and line ends.
    Whitespace,
    /// `-- …`
    LineComment,
    /// `/* … */`
    BlockComment,
    /// A keyword or an identifier without quotes.
    Word,
    /// `"…"` or `U&"…"`
    QuotedIdentifier,
    /// `'…'`, with whatever prefix.
    String,
    /// `$tag$…$tag$`
    DollarString,
    /// An integer or decimal number, without a sign.
    Number,
    /// `$1`
    Parameter,
    /// An operator, also `::`, `:=` and `..`.
    Operator,
    /// `,`
    Comma,
    /// `.`
    Dot,
    /// `:`
    Colon,
    /// `;`
    Semicolon,
    /// `(`
    OpenParen,
    /// `)`
    CloseParen,
    /// `[`
    OpenBracket,
    /// `]`
    CloseBracket,
    /// A backslash command of psql.
    PsqlCommand,
    /// The data lines of a `COPY … FROM stdin`, with the closing `\.`.
    CopyData,
    /// A character that begins no token of SQL.
    Other,
    /// A literal or comment without an end; the last token of its text.
    Unterminated(Unterminated),
}

impl TokenKind {
    /// Whether the server reads this token at all: it is neither white space
    /// nor a comment.
    #[must_use]
    pub fn is_significant(self) -> bool {
        !matches!(
            self,
            Self::Whitespace | Self::LineComment | Self::BlockComment
        )
    }
}

/// What has no end where it needs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unterminated {
    /// A string in single quotes.
    String,
    /// An identifier in double quotes.
    QuotedIdentifier,
    /// A string in dollar quotes.
    DollarString,
    /// A `/*` comment.
    BlockComment,
}

impl fmt::Display for Unterminated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "unterminated quoted string",
            Self::QuotedIdentifier => "unterminated quoted identifier",
            Self::DollarString => "unterminated dollar-quoted string",
            Self::BlockComment => "unterminated /* comment",
        })
    }
}

/// One piece of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its length in bytes; at least 1.
    pub len: usize,
}

/// How a string in single quotes ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoting {
    /// At a quote that is not doubled: state `{xq}` and `{xus}`.
    Doubled,
    /// The same, but a backslash takes away the meaning of what follows: `{xe}`.
    Escaped,
    /// At the first quote: `{xb}` and `{xh}`.
    Bits,
}

/// Where the lexer is in relation to COPY data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copy {
    Nowhere,
    /// On the line of the COPY statement, after its semicolon.
    OnItsLine,
    /// At the beginning of the line after it.
    AtData,
}

/// Walks through a text token by token.
///
/// ```
/// # use onward::sql::{Lexer, TokenKind};
/// let mut lexer = Lexer::new("a$b$c--x");
/// assert_eq!(lexer.next_token().map(|token| (token.kind, token.len)), Some((TokenKind::Word, 5)));
/// assert_eq!(lexer.offset(), 5);
/// ```
#[derive(Clone)]
pub struct Lexer<'t> {
    bytes: &'t [u8],
    offset: usize,
    standard_conforming_strings: bool,
    /// Up to here the text is known to be `+` and `-` that each stand alone.
    /// Without it, a long run of them would take quadratic time.
    lone_signs_until: usize,
    copy: Copy,
}

impl<'t> Lexer<'t> {
    /// Begins at the start of a text, with `standard_conforming_strings` on.
    #[must_use]
    pub fn new(text: &'t str) -> Self {
        Self {
            bytes: text.as_bytes(),
            offset: 0,
            standard_conforming_strings: true,
            lone_signs_until: 0,
            copy: Copy::Nowhere,
        }
    }

    /// The byte at which the next token begins; always a character boundary.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Whether a backslash is an ordinary character in `'…'` from here on.
    pub fn set_standard_conforming_strings(&mut self, on: bool) {
        self.standard_conforming_strings = on;
    }

    /// Makes one [`TokenKind::CopyData`] token of the lines that follow the
    /// current one, through the line `\.` or the end of the text.
    ///
    /// To be called after the semicolon of a `COPY … FROM stdin`. The rest of
    /// the current line is still lexed as SQL, as psql does.
    pub fn expect_copy_data(&mut self) {
        self.copy = Copy::OnItsLine;
    }

    /// The next token, or `None` at the end of the text.
    pub fn next_token(&mut self) -> Option<Token> {
        let start = self.offset;
        let first = *self.bytes.get(start)?;
        let (kind, end) = if self.copy == Copy::Nowhere {
            self.token_at(start, first)
        } else {
            self.token_around_copy(start, first)
        };
        self.offset = end;
        Some(Token {
            kind,
            len: end - start,
        })
    }

    /// The kind and the end of the token that begins at `start`.
    #[inline]
    fn token_at(&mut self, start: usize, first: u8) -> (TokenKind, usize) {
        match first {
            // `{space}`
            b' ' | b'\t'..=b'\r' => (TokenKind::Whitespace, self.run(start + 1, SPACE)),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => self.word(start, first),
            b',' => (TokenKind::Comma, start + 1),
            b'(' => (TokenKind::OpenParen, start + 1),
            b')' => (TokenKind::CloseParen, start + 1),
            b'\'' => self.string(start + 1, self.plain_quoting()),
            b'0'..=b'9' => (TokenKind::Number, self.number(start, first)),
            b'.' => self.dot(start),
            b';' => (TokenKind::Semicolon, start + 1),
            b'"' => self.quoted_identifier(start + 1),
            b'$' => self.dollar(start),
            b'[' => (TokenKind::OpenBracket, start + 1),
            b']' => (TokenKind::CloseBracket, start + 1),
            // `{typecast}`, `{colon_equals}`
            b':' => match self.peek(start + 1) {
                b':' | b'=' => (TokenKind::Operator, start + 2),
                _ => (TokenKind::Colon, start + 1),
            },
            // `{comment}` and `{xcstart}` come before `{operator}`.
            b'-' if self.peek(start + 1) == b'-' => {
                (TokenKind::LineComment, self.line_comment_end(start + 2))
            }
            b'/' if self.peek(start + 1) == b'*' => self.block_comment(start + 2),
            b'\\' => (TokenKind::PsqlCommand, self.psql_command_end(start)),
            _ if class(first, OPERATOR) => (TokenKind::Operator, self.operator_end(start)),
            // `{other}`: such a byte is ASCII, so it is a whole character.
            _ => (TokenKind::Other, start + 1),
        }
    }

    /// psql reads COPY data from the line after the one with the semicolon.
    fn token_around_copy(&mut self, start: usize, first: u8) -> (TokenKind, usize) {
        if self.copy == Copy::AtData {
            self.copy = Copy::Nowhere;
            return (TokenKind::CopyData, self.copy_data_end(start));
        }
        if !class(first, SPACE) {
            return self.token_at(start, first);
        }
        let end = self.run(start + 1, SPACE);
        match self.find(start, |byte| byte == b'\n') {
            Some(newline) if newline < end => {
                self.copy = Copy::AtData;
                (TokenKind::Whitespace, newline + 1)
            }
            _ => (TokenKind::Whitespace, end),
        }
    }

    /// psql's `handleCopyIn`: the data ends at a line `\.`, with `\n` or
    /// `\r\n`, or with the text.
    fn copy_data_end(&self, start: usize) -> usize {
        let mut line = start;
        loop {
            let line_end = self.find(line, |byte| byte == b'\n');
            let end = line_end.unwrap_or(self.bytes.len());
            let content = self.bytes.get(line..end).unwrap_or_default();
            if content == b"\\." || content == b"\\.\r" {
                return line + 2;
            }
            match line_end {
                Some(newline) => line = newline + 1,
                None => return self.bytes.len(),
            }
        }
    }

    /// `{identifier}`, and the letters that begin a string or identifier of
    /// another kind when a quote follows at once: `{xestart}`, `{xbstart}`,
    /// `{xhstart}`, `{xnstart}`, `{xusstart}`, `{xuistart}`.
    #[inline]
    fn word(&self, start: usize, first: u8) -> (TokenKind, usize) {
        match (self.peek(start + 1), first) {
            (b'\'', b'e' | b'E') => self.string(start + 2, Quoting::Escaped),
            (b'\'', b'b' | b'B' | b'x' | b'X') => self.string(start + 2, Quoting::Bits),
            (b'\'', b'n' | b'N') => self.string(start + 2, self.plain_quoting()),
            (b'&', b'u' | b'U') => match self.peek(start + 2) {
                b'\'' => self.string(start + 3, Quoting::Doubled),
                b'"' => self.quoted_identifier(start + 3),
                // `{xufailed}`
                _ => (TokenKind::Word, start + 1),
            },
            _ => (TokenKind::Word, self.run(start + 1, WORD)),
        }
    }

    fn plain_quoting(&self) -> Quoting {
        if self.standard_conforming_strings {
            Quoting::Doubled
        } else {
            Quoting::Escaped
        }
    }

    /// States `{xq}`, `{xe}`, `{xus}`, `{xb}`, `{xh}`, `{xqs}`; `at` is behind the quote.
    fn string(&self, mut at: usize, quoting: Quoting) -> (TokenKind, usize) {
        let escaped = quoting == Quoting::Escaped;
        loop {
            let stop = self.find(at, |byte| byte == b'\'' || (escaped && byte == b'\\'));
            let Some(stop) = stop else {
                let kind = TokenKind::Unterminated(Unterminated::String);
                return (kind, self.bytes.len());
            };
            if self.peek(stop) == b'\\' {
                // `{xeescape}`; the rest of a longer character is ordinary text.
                at = stop + 2;
            } else if quoting != Quoting::Bits && self.peek(stop + 1) == b'\'' {
                // `{xqdouble}`
                at = stop + 2;
            } else if let Some(next) = self.continuation(stop + 1) {
                at = next;
            } else {
                return (TokenKind::String, stop + 1);
            }
        }
    }

    /// `{quotecontinue}`: white space and line comments with a line end in
    /// them, then a quote; the state before the first quote goes on behind it.
    #[inline]
    fn continuation(&self, mut at: usize) -> Option<usize> {
        let mut line_end = false;
        loop {
            match self.peek(at) {
                b'\n' | b'\r' => line_end = true,
                b' ' | b'\t' | 0x0b | 0x0c => {}
                b'-' if self.peek(at + 1) == b'-' => {
                    at = self.line_comment_end(at + 2);
                    continue;
                }
                b'\'' if line_end => return Some(at + 1),
                _ => return None,
            }
            at += 1;
        }
    }

    /// States `{xd}` and `{xui}`; `at` is behind the opening quote.
    fn quoted_identifier(&self, mut at: usize) -> (TokenKind, usize) {
        while let Some(quote) = self.find(at, |byte| byte == b'"') {
            // `{xddouble}`
            if self.peek(quote + 1) != b'"' {
                return (TokenKind::QuotedIdentifier, quote + 1);
            }
            at = quote + 2;
        }
        let kind = TokenKind::Unterminated(Unterminated::QuotedIdentifier);
        (kind, self.bytes.len())
    }

    /// `{param}`, `{dolqdelim}`, `{dolqfailed}`.
    fn dollar(&self, start: usize) -> (TokenKind, usize) {
        let next = self.peek(start + 1);
        if next.is_ascii_digit() {
            return (TokenKind::Parameter, self.run(start + 2, DIGIT));
        }
        // A tag is an identifier without `$`, or nothing. It does not begin
        // with a digit, which has been dealt with.
        let tag_end = self.run(start + 1, TAG);
        if self.peek(tag_end) != b'$' {
            return (TokenKind::Other, start + 1);
        }
        let tag = self.bytes.get(start..=tag_end).unwrap_or_default();
        let mut at = tag_end + 1;
        // `{dolqdelim}` in state `{xdolq}`: every `$` may begin the closing tag.
        while let Some(dollar) = self.find(at, |byte| byte == b'$') {
            if self
                .bytes
                .get(dollar..)
                .unwrap_or_default()
                .starts_with(tag)
            {
                return (TokenKind::DollarString, dollar + tag.len());
            }
            at = dollar + 1;
        }
        let kind = TokenKind::Unterminated(Unterminated::DollarString);
        (kind, self.bytes.len())
    }

    /// `{comment}`
    fn line_comment_end(&self, at: usize) -> usize {
        self.find(at, |byte| byte == b'\n' || byte == b'\r')
            .unwrap_or(self.bytes.len())
    }

    /// State `{xc}`, with `xcdepth`; `at` is behind the `/*`.
    fn block_comment(&self, mut at: usize) -> (TokenKind, usize) {
        let mut depth = 1_usize;
        while let Some(mark) = self.find(at, |byte| byte == b'*' || byte == b'/') {
            at = mark + 1;
            match (self.peek(mark), self.peek(at)) {
                (b'/', b'*') => depth += 1,
                (b'*', b'/') => depth -= 1,
                _ => continue,
            }
            at += 1;
            if depth == 0 {
                return (TokenKind::BlockComment, at);
            }
        }
        let kind = TokenKind::Unterminated(Unterminated::BlockComment);
        (kind, self.bytes.len())
    }

    /// psql reads by lines, and a line ends at `\n`.
    fn psql_command_end(&self, start: usize) -> usize {
        match self.find(start, |byte| byte == b'\n') {
            Some(newline) if self.bytes.get(newline - 1) == Some(&b'\r') => newline - 1,
            Some(newline) => newline,
            None => self.bytes.len(),
        }
    }

    /// `{operator}`: it stops before a comment, and ends in `+` or `-` only if
    /// it holds a character that no operator of the SQL standard has.
    fn operator_end(&mut self, start: usize) -> usize {
        if start < self.lone_signs_until {
            return start + 1;
        }
        let mut end = start;
        let mut beyond_standard = false;
        loop {
            let byte = self.peek(end);
            if !class(byte, OPERATOR)
                || matches!((byte, self.peek(end + 1)), (b'-', b'-') | (b'/', b'*'))
            {
                break;
            }
            beyond_standard |= class(byte, BEYOND_STANDARD);
            end += 1;
        }
        if beyond_standard {
            return end;
        }
        let full = end;
        while end > start + 1 && matches!(self.peek(end - 1), b'+' | b'-') {
            end -= 1;
        }
        self.lone_signs_until = full;
        end
    }

    /// `{dot_dot}`, `{numeric}` without digits before the dot, or a dot.
    fn dot(&self, start: usize) -> (TokenKind, usize) {
        match self.peek(start + 1) {
            b'.' => (TokenKind::Operator, start + 2),
            b'0'..=b'9' => {
                let end = self.exponent(self.digits(start + 1, DIGIT));
                (TokenKind::Number, end)
            }
            _ => (TokenKind::Dot, start + 1),
        }
    }

    /// `{decinteger}`, `{hexinteger}`, `{octinteger}`, `{bininteger}`, `{numeric}`,
    /// `{real}`. Letters that cannot belong to the number begin a word.
    fn number(&self, start: usize, first: u8) -> usize {
        if first == b'0' {
            let radix = match self.peek(start + 1) {
                b'x' | b'X' => HEX,
                b'o' | b'O' => OCTAL,
                b'b' | b'B' => BINARY,
                _ => 0,
            };
            let end = self.digits(start + 2, radix);
            if radix != 0 && end > start + 2 {
                return end;
            }
        }
        let mut end = self.digits(start, DIGIT);
        // `{numericfail}`: `1..10` is a range.
        if self.peek(end) == b'.' && self.peek(end + 1) != b'.' {
            end += 1;
            if self.peek(end) != b'_' {
                end = self.digits(end, DIGIT);
            }
        }
        self.exponent(end)
    }

    /// Digits, each with an underscore before it if there is one.
    fn digits(&self, mut at: usize, radix: u8) -> usize {
        loop {
            let digit = at + usize::from(self.peek(at) == b'_');
            if !class(self.peek(digit), radix) {
                return at;
            }
            at = digit + 1;
        }
    }

    /// The exponent of `{real}`, or nothing: `{realfail}`.
    fn exponent(&self, at: usize) -> usize {
        if !matches!(self.peek(at), b'e' | b'E') {
            return at;
        }
        let digit = at + 1 + usize::from(matches!(self.peek(at + 1), b'+' | b'-'));
        if self.peek(digit).is_ascii_digit() {
            self.digits(digit, DIGIT)
        } else {
            at
        }
    }

    /// The byte there, or 0, which belongs to no class, behind the end.
    #[inline]
    fn peek(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The end of the run of bytes of a class that begins at `at`.
    #[inline]
    fn run(&self, mut at: usize, of: u8) -> usize {
        while class(self.peek(at), of) {
            at += 1;
        }
        at
    }

    /// The first byte from `at` on that is wanted.
    #[inline]
    fn find(&self, at: usize, wanted: impl Fn(u8) -> bool) -> Option<usize> {
        let rest = self.bytes.get(at..)?;
        Some(at + rest.iter().position(|byte| wanted(*byte))?)
    }
}

const SPACE: u8 = 1;
const WORD: u8 = 1 << 1;
const TAG: u8 = 1 << 2;
const OPERATOR: u8 = 1 << 3;
const BEYOND_STANDARD: u8 = 1 << 4;
const DIGIT: u8 = 1 << 5;
const HEX: u8 = 1 << 6;
/// Octal and binary digits are too rare for a bit of their own each.
const OCTAL: u8 = 0xfe;
const BINARY: u8 = 0xff;

#[inline]
fn class(byte: u8, of: u8) -> bool {
    match of {
        OCTAL => matches!(byte, b'0'..=b'7'),
        BINARY => matches!(byte, b'0' | b'1'),
        _ => CLASSES[usize::from(byte)] & of != 0,
    }
}

/// The character classes of scan.l: `{space}`, `{ident_cont}`, `{dolq_cont}`,
/// `{op_chars}`, `{decdigit}`, `{hexdigit}`.
static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match byte {
            b' ' | b'\t'..=b'\r' => SPACE,
            b'0'..=b'9' => WORD | TAG | DIGIT | HEX,
            b'a'..=b'f' | b'A'..=b'F' => WORD | TAG | HEX,
            b'g'..=b'z' | b'G'..=b'Z' | b'_' | 0x80.. => WORD | TAG,
            b'$' => WORD,
            b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'%' => {
                OPERATOR | BEYOND_STANDARD
            }
            b'+' | b'-' | b'*' | b'/' | b'<' | b'>' | b'=' => OPERATOR,
            _ => 0,
        };
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::TokenKind::{
        BlockComment, CloseBracket, CloseParen, Colon, Comma, CopyData, DollarString, Dot,
        LineComment, Number, OpenBracket, OpenParen, Operator, Other, Parameter, PsqlCommand,
        QuotedIdentifier, Semicolon, String as Str, Whitespace, Word,
    };
    use super::*;

    /// Texts that hold every rule; the tests of the layers above use them too.
    pub(in crate::sql) const SAMPLES: &[&str] = &[
        "SELECT 'it''s', E'\\'', e'a\\\\', U&'\\0041''b', b'01', X'ff', n'ü' FROM \"t\"\"x\";",
        "select 'a' -- one\n\t'b' /* no */ 'c'\r\n\r\n'd';",
        "select $$ $a$ ; $$, $ä1$ $ä$ $$ $ä1$, a$b$c, $1, $2$x$ $x$;",
        "select /* a /* b */ ; 'c' */ 1 --; \" $$ /*\n+2;",
        "select 1..10, 1.5e10, 1e, 0x1F, 1_000, 123abc, .5, 1.e-3, 0b12, 0o178, 1_, 1e+;",
        "select a+-b, a*-1, a@-1, a<--c\n>b, a+/*x*/b, a::int, f(x := 1), a[1:2], ++--\n+-+;",
        "COPY t (a) FROM stdin; -- data\n1\t'\n\\.\nSELECT 1; COPY u FROM STDIN\n;\n\\.\r\n",
        "\\restrict abc\r\nSET standard_conforming_strings = off;\nSELECT 'a\\';', b'\\';\n\\echo 'x\n;",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END; ;; {",
        "ééé \u{a0}x $ü$x;$ü$ \"Ü\" '\u{2028}' \u{1f418} \u{1};",
    ];

    fn tokens(mut lexer: Lexer<'_>, text: &str) -> Vec<(TokenKind, String)> {
        let mut found = Vec::new();
        loop {
            let start = lexer.offset();
            let Some(token) = lexer.next_token() else {
                return found;
            };
            let piece = text.get(start..start + token.len).map(str::to_owned);
            found.push((token.kind, piece.unwrap_or_default()));
        }
    }

    #[track_caller]
    fn check_from(lexer: Lexer<'_>, input: &str, expected: &[(TokenKind, &str)]) {
        let found: Vec<_> = tokens(lexer, input)
            .into_iter()
            .filter(|(kind, _)| *kind != Whitespace)
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(kind, text)| (*kind, (*text).to_owned()))
            .collect();
        assert_eq!(found, expected, "{input:?}");
    }

    #[track_caller]
    fn check(input: &str, expected: &[(TokenKind, &str)]) {
        check_from(Lexer::new(input), input, expected);
    }

    /// The input is one token.
    #[track_caller]
    fn check_one(kind: TokenKind, inputs: &[&str]) {
        for input in inputs {
            check(input, &[(kind, input)]);
        }
    }

    /// Every input is unterminated from its first byte.
    #[track_caller]
    fn check_unterminated(what: Unterminated, inputs: &[&str]) {
        check_one(TokenKind::Unterminated(what), inputs);
    }

    /// # Panics
    ///
    /// If the tokens of the text do not add up to it, or if one of them is
    /// another token on its own, in any state that the lexer can begin in.
    #[track_caller]
    pub(in crate::sql) fn check_adds_up(text: &str) {
        for (conforming, copy) in [(true, false), (false, false), (true, true)] {
            let mut lexer = Lexer::new(text);
            lexer.set_standard_conforming_strings(conforming);
            if copy {
                lexer.expect_copy_data();
            }
            check_adds_up_from(lexer, text, conforming);
        }
    }

    #[track_caller]
    fn check_adds_up_from(mut lexer: Lexer<'_>, text: &str, conforming: bool) {
        let mut sum = 0;
        while let Some(token) = lexer.next_token() {
            assert!(token.len > 0, "an empty token at {sum} of {text:?}");
            let piece = text.get(sum..sum + token.len);
            let piece = piece.unwrap_or_else(|| panic!("{token:?} at {sum} of {text:?}"));
            sum += token.len;
            assert_eq!(lexer.offset(), sum, "{text:?}");
            if matches!(token.kind, TokenKind::Unterminated(_)) {
                assert_eq!(sum, text.len(), "text behind {token:?} of {text:?}");
            }
            let mut alone = Lexer::new(piece);
            alone.set_standard_conforming_strings(conforming);
            if token.kind != CopyData {
                assert_eq!(alone.next_token(), Some(token), "{piece:?} of {text:?}");
            }
        }
        assert_eq!(sum, text.len(), "{text:?}");
    }

    #[test]
    fn tokens_add_up_on_every_prefix_of_every_sample() {
        for sample in SAMPLES {
            for (end, _) in sample.char_indices().chain([(sample.len(), ' ')]) {
                check_adds_up(sample.get(..end).unwrap_or_default());
            }
        }
    }

    #[test]
    fn a_doubled_quote_stays_inside_its_string() {
        check_one(
            Str,
            &[
                "''", "'it''s'", "''''", "'a;b'", "'a\"b'", "'--'", "'/*'", "'\n'",
            ],
        );
        check_unterminated(Unterminated::String, &["'", "'''", "'a''", "'a\n;"]);
    }

    #[test]
    fn a_backslash_is_ordinary_in_a_standard_string() {
        check("'a\\' x", &[(Str, "'a\\'"), (Word, "x")]);
        check("U&'\\' x", &[(Str, "U&'\\'"), (Word, "x")]);
    }

    #[test]
    fn a_backslash_escapes_in_an_e_string() {
        check_one(Str, &["E'\\''", "e'\\\\'", "E'a''b\\'c'", "E'\\ü'"]);
        check_unterminated(Unterminated::String, &["E'\\'", "e'\\", "E'\\\\\\'"]);
    }

    #[test]
    fn a_backslash_escapes_everywhere_without_standard_conforming_strings() {
        for (input, expected) in [
            ("'a\\'b'", [(Str, "'a\\'b'")]),
            ("N'a\\'b'", [(Str, "N'a\\'b'")]),
            ("U&'a\\'", [(Str, "U&'a\\'")]),
            ("B'a\\'", [(Str, "B'a\\'")]),
            ("\"a\\\"", [(QuotedIdentifier, "\"a\\\"")]),
        ] {
            let mut lexer = Lexer::new(input);
            lexer.set_standard_conforming_strings(false);
            check_from(lexer, input, &expected);
        }
    }

    #[test]
    fn a_prefix_belongs_to_the_string_only_at_once() {
        check_one(
            Str,
            &["U&'a''b'", "u&'a'", "B'01'", "x'ff'", "N'a''b'", "n''"],
        );
        check("e 'a'", &[(Word, "e"), (Str, "'a'")]);
        check("me'a\\'", &[(Word, "me"), (Str, "'a\\'")]);
        check("xU&'a'", &[(Word, "xU"), (Operator, "&"), (Str, "'a'")]);
        check("u&b", &[(Word, "u"), (Operator, "&"), (Word, "b")]);
    }

    #[test]
    fn bits_do_not_double_their_quote() {
        check("B'0''1'", &[(Str, "B'0'"), (Str, "'1'")]);
        check("x'0''1'", &[(Str, "x'0'"), (Str, "'1'")]);
    }

    #[test]
    fn a_string_goes_on_behind_a_line_end() {
        check_one(
            Str,
            &[
                "'a'\n'b'",
                "'a' \r 'b'",
                "'a'--x\n'b'",
                "'a' -- 'x\n -- y\n\t'b'\n'c'",
                "B'0'\n'1'",
            ],
        );
        check("'a' 'b'", &[(Str, "'a'"), (Str, "'b'")]);
        check(
            "'a'\n/* */'b'",
            &[(Str, "'a'"), (BlockComment, "/* */"), (Str, "'b'")],
        );
        check("'a'\n-'b'", &[(Str, "'a'"), (Operator, "-"), (Str, "'b'")]);
        check("'a'\n--x", &[(Str, "'a'"), (LineComment, "--x")]);
        check("'a'\nE'b'", &[(Str, "'a'"), (Str, "E'b'")]);
        check_unterminated(Unterminated::String, &["'a'\n'b"]);
    }

    #[test]
    fn the_continuation_of_an_e_string_escapes_too() {
        check_one(Str, &["E'a'\n'\\'b'"]);
        check("'a'\n'\\'b", &[(Str, "'a'\n'\\'"), (Word, "b")]);
    }

    #[test]
    fn a_quoted_identifier_holds_anything() {
        check_one(
            QuotedIdentifier,
            &[
                "\"\"",
                "\"a\"\"b\"",
                "U&\"\\0041\"\"\"",
                "\"';--/*\"",
                "\"a\nb\"",
            ],
        );
        check(
            "\"a\"\n\"b\"",
            &[(QuotedIdentifier, "\"a\""), (QuotedIdentifier, "\"b\"")],
        );
        check_unterminated(Unterminated::QuotedIdentifier, &["\"", "\"a\"\"", "u&\"a"]);
    }

    #[test]
    fn a_dollar_string_ends_at_its_own_tag() {
        check_one(
            DollarString,
            &[
                "$$$$",
                "$$;'\"$$",
                "$a$ $b$ $$ $a$",
                "$a$ $A$ $a$",
                "$_1$x$_1$",
                "$ä$x$ä$",
            ],
        );
        check_one(
            DollarString,
            &["$a$b$a$", "$a$ $a b$a$", "$a$$a$", "$d$x$j$d$"],
        );
        check_unterminated(
            Unterminated::DollarString,
            &["$$", "$a$", "$a$ $a", "$a$ $A$", "$$ $a$"],
        );
    }

    #[test]
    fn a_dollar_inside_a_word_opens_nothing() {
        check_one(Word, &["a$b$c", "a$$", "ü$1", "_$"]);
        check("1$a$;$a$", &[(Number, "1"), (DollarString, "$a$;$a$")]);
    }

    #[test]
    fn a_dollar_with_digits_is_a_parameter() {
        check_one(Parameter, &["$1", "$123"]);
        check("$1$a$b$a$", &[(Parameter, "$1"), (DollarString, "$a$b$a$")]);
        check("$1$;", &[(Parameter, "$1"), (Other, "$"), (Semicolon, ";")]);
        check("$1a", &[(Parameter, "$1"), (Word, "a")]);
        check("$a b", &[(Other, "$"), (Word, "a"), (Word, "b")]);
    }

    #[test]
    fn block_comments_nest() {
        check_one(
            BlockComment,
            &[
                "/**/",
                "/* /* */ */",
                "/*/**/*/",
                "/***/",
                "/* ' \" $$ -- */",
                "/*//**/*/",
            ],
        );
        check_unterminated(
            Unterminated::BlockComment,
            &["/*", "/*/", "/* /* */", "/* *"],
        );
        check("/**/*/", &[(BlockComment, "/**/"), (Operator, "*/")]);
    }

    #[test]
    fn a_quote_in_a_comment_opens_nothing() {
        check("-- it's\nx", &[(LineComment, "-- it's"), (Word, "x")]);
        check("/* it's */x", &[(BlockComment, "/* it's */"), (Word, "x")]);
        check("-- /*\r\nx", &[(LineComment, "-- /*"), (Word, "x")]);
        check("--", &[(LineComment, "--")]);
    }

    #[test]
    fn an_operator_stops_before_a_comment() {
        check("+--x", &[(Operator, "+"), (LineComment, "--x")]);
        check("@--x", &[(Operator, "@"), (LineComment, "--x")]);
        check("*/*x*/", &[(Operator, "*"), (BlockComment, "/*x*/")]);
        check("//*x*/", &[(Operator, "/"), (BlockComment, "/*x*/")]);
    }

    #[test]
    fn an_operator_ends_in_a_sign_only_with_a_special_character() {
        check_one(
            Operator,
            &["@-", "|/", "<->", "->>", "?-", "!=-", "%+", "~~*", "#>>"],
        );
        check("*-", &[(Operator, "*"), (Operator, "-")]);
        check("=-+", &[(Operator, "="), (Operator, "-"), (Operator, "+")]);
        check(
            "<>-+-",
            &[
                (Operator, "<>"),
                (Operator, "-"),
                (Operator, "+"),
                (Operator, "-"),
            ],
        );
        check("+-+@", &[(Operator, "+-+@")]);
        check(
            "+-+ @",
            &[
                (Operator, "+"),
                (Operator, "-"),
                (Operator, "+"),
                (Operator, "@"),
            ],
        );
    }

    #[test]
    fn punctuation_stands_alone() {
        check("::", &[(Operator, "::")]);
        check(":=", &[(Operator, ":=")]);
        check(":::", &[(Operator, "::"), (Colon, ":")]);
        check(
            "([,.;:])",
            &[
                (OpenParen, "("),
                (OpenBracket, "["),
                (Comma, ","),
                (Dot, "."),
                (Semicolon, ";"),
                (Colon, ":"),
                (CloseBracket, "]"),
                (CloseParen, ")"),
            ],
        );
        check("{\u{1}", &[(Other, "{"), (Other, "\u{1}")]);
    }

    #[test]
    fn a_number_ends_where_a_word_begins() {
        check_one(
            Number,
            &[
                "1", "1_000", "1.5", "1.", ".5", "1.5e10", "1e-5", "1.e+5", ".5E1", "1e1_0",
                "1_0.0_1",
            ],
        );
        check_one(Number, &["0x1F", "0X_f", "0o17", "0b1_0"]);
        check("123abc", &[(Number, "123"), (Word, "abc")]);
        check("1e", &[(Number, "1"), (Word, "e")]);
        check("1e+", &[(Number, "1"), (Word, "e"), (Operator, "+")]);
        check("1_", &[(Number, "1"), (Word, "_")]);
        check("1__0", &[(Number, "1"), (Word, "__0")]);
        check("1._5", &[(Number, "1."), (Word, "_5")]);
        check("0x", &[(Number, "0"), (Word, "x")]);
        check("0b12", &[(Number, "0b1"), (Number, "2")]);
        check("0o8", &[(Number, "0"), (Word, "o8")]);
        check("1.2.3", &[(Number, "1.2"), (Number, ".3")]);
    }

    #[test]
    fn two_dots_make_a_range() {
        check("1..10", &[(Number, "1"), (Operator, ".."), (Number, "10")]);
        check("1...5", &[(Number, "1"), (Operator, ".."), (Number, ".5")]);
        check("a..b", &[(Word, "a"), (Operator, ".."), (Word, "b")]);
        check("a.b", &[(Word, "a"), (Dot, "."), (Word, "b")]);
    }

    #[test]
    fn any_letter_beyond_ascii_belongs_to_a_word() {
        check_one(Word, &["é", "naïve", "\u{a0}", "_", "\u{1f418}", "a1$ü"]);
    }

    #[test]
    fn white_space_is_six_characters() {
        assert_eq!(
            tokens(Lexer::new(" \t\n\r\x0c\x0b"), " \t\n\r\x0c\x0b").len(),
            1
        );
        check("a\u{2003}b", &[(Word, "a\u{2003}b")]);
        check("a\u{8}b", &[(Word, "a"), (Other, "\u{8}"), (Word, "b")]);
    }

    #[test]
    fn a_backslash_makes_a_psql_command_of_the_line() {
        check("\\d 'x\n;", &[(PsqlCommand, "\\d 'x"), (Semicolon, ";")]);
        check("\\d\r\n;", &[(PsqlCommand, "\\d"), (Semicolon, ";")]);
        check("a\\;b", &[(Word, "a"), (PsqlCommand, "\\;b")]);
        check("\\", &[(PsqlCommand, "\\")]);
    }

    #[test]
    fn copy_data_begins_on_the_next_line_and_ends_with_its_mark() {
        for (input, expected) in [
            ("\n1\n\\.\nx", vec![(CopyData, "1\n\\."), (Word, "x")]),
            (
                "\r\n1\r\n\\.\r\nx",
                vec![(CopyData, "1\r\n\\."), (Word, "x")],
            ),
            (" -- c\n'\n", vec![(LineComment, "-- c"), (CopyData, "'\n")]),
            ("\n\\.", vec![(CopyData, "\\.")]),
            ("\n\n\\.\n", vec![(CopyData, "\n\\.")]),
            (
                "\n\\.x\n \\.\n\\..\n",
                vec![(CopyData, "\\.x\n \\.\n\\..\n")],
            ),
            ("\n", vec![]),
            ("", vec![]),
            (" x\n1\n\\.\n", vec![(Word, "x"), (CopyData, "1\n\\.")]),
        ] {
            let mut lexer = Lexer::new(input);
            lexer.expect_copy_data();
            check_from(lexer, input, &expected);
        }
    }

    #[test]
    fn long_runs_take_linear_time() {
        for piece in [
            "+",
            "+-+<",
            "'a'\n",
            "$a",
            "$a$b",
            "/*",
            "1.",
            "\\",
            "(",
            "'a' --x\n",
            "u&",
        ] {
            let text = piece.repeat(200_000);
            check_adds_up(&text);
        }
    }
}
