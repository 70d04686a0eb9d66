//! A file of variables in the `.env` format. Pure.
//!
//! The format has no standard. This follows what docker compose, node and Ruby agree on; where they differ, a password stays
//! what was written:
//!
//! - `NAME=value`, perhaps behind `export`, blanks around the `=` allowed; `NAME` alone and lines of comment say nothing.
//! - Without quotes: up to the end of the line, or to a `#` behind a blank.
//! - In single quotes: as it stands, over several lines if need be.
//! - In double quotes: the same, but `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are what they are in C.
//! - `${NAME}`, `${NAME:-otherwise}` and `$NAME` stand for a variable, but not in single quotes. `$NAME` stays as it is
//!   where there is no such variable: most tools would not even look, so it may be a piece of a password.

/// A variable and the line that begins it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) value: String,
}

/// A line that makes no sense; says nothing of what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) message: &'static str,
    pub(super) hint: &'static str,
}

const HOW_QUOTES: &str =
    "a value that holds quotes or blanks stands in quotes of the other kind: NAME='…'";

/// The variables in the order of the file. `choose` tells the value of a name, given what this file says of it so far;
/// `is_ours` tells which names matter enough to refuse them where a part is missing.
pub(super) fn parse(
    text: &[u8],
    choose: &dyn Fn(&str, Option<&str>) -> Option<String>,
    is_ours: &dyn Fn(&str) -> bool,
) -> Result<Vec<Variable>, Fault> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let mut reader = Reader::new(utf8(text)?);
    let mut variables: Vec<Variable> = Vec::new();
    while let Some((line, name, raw)) = reader.variable()? {
        let seen = |name: &str| {
            let earlier = variables.iter().rev().find(|earlier| earlier.name == name);
            choose(name, earlier.map(|earlier| earlier.value.as_str()))
        };
        let value = match raw {
            Raw::Literal(value) => value,
            Raw::Template(parts) => fill(&parts, &seen, is_ours(&name)).map_err(|what| Fault {
                line,
                message: what,
                hint: "set it before this line, or write ${NAME:-otherwise}; a $ of its own stands in single quotes",
            })?,
        };
        variables.push(Variable { line, name, value });
    }
    Ok(variables)
}

fn utf8(text: &[u8]) -> Result<&str, Fault> {
    let fault = |good: &[u8], message, hint| Fault {
        line: good.split(|byte| *byte == b'\n').count(),
        message,
        hint,
    };
    if let Some(at) = text.iter().position(|byte| *byte == 0) {
        return Err(fault(&text[..at], "a NUL byte", "is this a text file?"));
    }
    std::str::from_utf8(text).map_err(|error| {
        let good = &text[..error.valid_up_to()];
        fault(good, "not UTF-8", "save the file as UTF-8")
    })
}

/// A value as it stands in the file.
enum Raw {
    Literal(String),
    Template(Vec<Part>),
}

/// A piece of a value that may name variables.
enum Part {
    Text(String),
    /// `$NAME`
    Plain(String),
    /// `${NAME}` or `${NAME:-otherwise}`
    Braced {
        name: String,
        otherwise: Option<String>,
    },
}

/// Puts the values of variables where their names stand.
fn fill(
    parts: &[Part],
    seen: &dyn Fn(&str) -> Option<String>,
    strict: bool,
) -> Result<String, &'static str> {
    let mut value = String::new();
    for part in parts {
        match part {
            Part::Text(text) => value.push_str(text),
            Part::Plain(name) => match seen(name) {
                Some(known) => value.push_str(&known),
                None => value.extend(["$", name]),
            },
            Part::Braced { name, otherwise } => {
                let known = seen(name).filter(|known| !known.is_empty());
                match known.or_else(|| otherwise.clone()) {
                    Some(known) => value.push_str(&known),
                    None if strict => return Err("a variable in ${…} is not set"),
                    None => {}
                }
            }
        }
    }
    Ok(value)
}

/// The text that is still to be read.
struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn new(rest: &'a str) -> Reader<'a> {
        Reader { rest, line: 1 }
    }

    /// The next variable, with its line.
    fn variable(&mut self) -> Result<Option<(usize, String, Raw)>, Fault> {
        while !self.rest.is_empty() {
            let line = self.line;
            if let Some(name) = self.name()? {
                return Ok(Some((line, name, self.value()?)));
            }
        }
        Ok(None)
    }

    /// The name before a `=`, both taken off; `None` if the line, taken off, says nothing.
    fn name(&mut self) -> Result<Option<String>, Fault> {
        let line = self.rest.split('\n').next().unwrap_or_default();
        let (before, has_value) = match line.split_once('=') {
            Some((before, _)) if !line.trim_start().starts_with('#') => (before, true),
            _ => (line, false),
        };
        let word = before.trim();
        let name = match word.strip_prefix("export") {
            Some(name) if name.starts_with([' ', '\t']) => name.trim_start(),
            _ => word,
        };
        if !has_value && (name.is_empty() || name.starts_with('#') || is_name(name)) {
            self.take_line();
            return Ok(None);
        }
        if !has_value || !is_name(name) {
            return Err(self.fault("not NAME=VALUE", "a comment begins with #"));
        }
        self.take(before.len() + 1);
        Ok(Some(name.to_owned()))
    }

    fn value(&mut self) -> Result<Raw, Fault> {
        let start = self.rest.trim_start_matches([' ', '\t']);
        let blanks = self.rest.len() - start.len();
        let Some(quote) = start.chars().next().filter(|first| "'\"".contains(*first)) else {
            return Ok(self.unquoted());
        };
        self.take(blanks + 1);
        let inside = self.quoted(quote)?;
        self.end_of_line()?;
        if quote == '\'' {
            return Ok(Raw::Literal(inside.to_owned()));
        }
        Ok(Raw::Template(parts(inside, &|escape| match escape {
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            '"' | '\\' | '$' => Some(escape),
            _ => None,
        })))
    }

    fn unquoted(&mut self) -> Raw {
        let line = self.take_line();
        let mut comments = line.match_indices('#').map(|(at, _)| at);
        let end = comments.find(|at| line[..*at].ends_with([' ', '\t']));
        let value = line[..end.unwrap_or(line.len())].trim();
        Raw::Template(parts(value, &|escape| (escape == '$').then_some('$')))
    }

    /// The text up to the quote that ends it, both taken off.
    fn quoted(&mut self, quote: char) -> Result<&'a str, Fault> {
        let mut escaped = false;
        let end = self.rest.char_indices().find(|(_, character)| {
            let ends = *character == quote && !escaped;
            escaped = quote == '"' && *character == '\\' && !escaped;
            ends
        });
        match end {
            Some((at, _)) => {
                let inside = &self.rest[..at];
                self.take(at + 1);
                Ok(inside)
            }
            None => Err(self.fault("a quote that is not closed", HOW_QUOTES)),
        }
    }

    /// Takes off the rest of a line that holds a comment at most.
    fn end_of_line(&mut self) -> Result<(), Fault> {
        let line = self.rest.split('\n').next().unwrap_or_default().trim();
        if !line.is_empty() && !line.starts_with('#') {
            return Err(self.fault("text behind the closing quote", HOW_QUOTES));
        }
        self.take_line();
        Ok(())
    }

    /// Takes off the rest of the line, its end included.
    fn take_line(&mut self) -> &'a str {
        let (line, _) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.take((line.len() + 1).min(self.rest.len()));
        line
    }

    fn take(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
    }

    fn fault(&self, message: &'static str, hint: &'static str) -> Fault {
        Fault {
            line: self.line,
            message,
            hint,
        }
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Takes a value apart. `escape` tells what a character behind a backslash is, if the backslash is not to stay.
fn parts(text: &str, escape: &dyn Fn(char) -> Option<char>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let after = &rest[character.len_utf8()..];
        let escaped = after.chars().next().filter(|_| character == '\\');
        if let Some((raw, character)) = escaped.and_then(|raw| Some((raw, escape(raw)?))) {
            literal.push(character);
            rest = &after[raw.len_utf8()..];
        } else if let Some((part, after)) = reference(after).filter(|_| character == '$') {
            parts.extend([Part::Text(std::mem::take(&mut literal)), part]);
            rest = after;
        } else {
            // A line end within quotes is one, whatever the file's are.
            if !(character == '\r' && after.starts_with('\n')) {
                literal.push(character);
            }
            rest = after;
        }
    }
    parts.push(Part::Text(literal));
    parts
}

/// What stands behind a `$`, if it names a variable, and what follows.
fn reference(text: &str) -> Option<(Part, &str)> {
    let letters = |text: &str| {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = text.find(|c| !is_letter(c)).unwrap_or(text.len());
        let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        starts.then_some(end)
    };
    let Some(inside) = text.strip_prefix('{') else {
        let (name, rest) = text.split_at(letters(text)?);
        return Some((Part::Plain(name.to_owned()), rest));
    };
    let (name, rest) = inside.split_at(letters(inside)?);
    let (otherwise, rest) = if let Some(rest) = rest.strip_prefix('}') {
        (None, rest)
    } else {
        let (otherwise, rest) = rest.strip_prefix(":-")?.split_once('}')?;
        (Some(otherwise.to_owned()), rest)
    };
    let name = name.to_owned();
    Some((Part::Braced { name, otherwise }, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The variables as `line:NAME=value` between bars, or what is wrong; `HOME` is known, and `DATABASE_URL` is ours.
    fn check(text: &str, expected: &str) {
        check_bytes(text.as_bytes(), expected);
    }

    fn check_bytes(text: &[u8], expected: &str) {
        let choose = |name: &str, earlier: Option<&str>| match name {
            "HOME" => Some("/home/app".to_owned()),
            _ => earlier.map(str::to_owned),
        };
        let actual = match parse(text, &choose, &|name| name == "DATABASE_URL") {
            Ok(variables) => {
                let shown = variables.iter();
                let shown = shown.map(|one| format!("{}:{}={}", one.line, one.name, one.value));
                shown.collect::<Vec<_>>().join("|")
            }
            Err(fault) => format!("{}: {}", fault.line, fault.message),
        };
        let text = String::from_utf8_lossy(text);
        assert_eq!(actual, expected, "of {text:?}");
    }

    #[test]
    fn a_line_is_a_name_and_a_value() {
        for (text, expected) in [
            ("", ""),
            ("A=b", "1:A=b"),
            ("A=b\nC=d\n", "1:A=b|2:C=d"),
            ("A=b\r\nC=d\r\n", "1:A=b|2:C=d"),
            ("\u{feff}A=b", "1:A=b"),
            ("  A = b c  \n", "1:A=b c"),
            ("export A=b\nexport\tC=d", "1:A=b|2:C=d"),
            ("exported=b", "1:exported=b"),
            ("export=b", "1:export=b"),
            ("A=\nB= \nC=\"\"\nD=''", "1:A=|2:B=|3:C=|4:D="),
            ("# A=b\n\n   # c\nD=e", "4:D=e"),
            ("A\nexport B\nC=d", "3:C=d"),
            ("A=b=c&d=e", "1:A=b=c&d=e"),
            ("a.b-c=d", "1:a.b-c=d"),
            ("A=b\nA=c", "1:A=b|2:A=c"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn a_comment_stands_behind_a_blank() {
        for (text, expected) in [
            ("A=b # c", "1:A=b"),
            ("A=b\t#c", "1:A=b"),
            ("A=b#c", "1:A=b#c"),
            ("A=#c", "1:A=#c"),
            ("A= # c", "1:A="),
            ("A=b#c # d # e", "1:A=b#c"),
            ("A='b' # c", "1:A=b"),
            ("A=\"b\"#c", "1:A=b"),
            ("A='b # c'", "1:A=b # c"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn quotes_keep_what_is_between_them() {
        for (text, expected) in [
            ("A=' b '", "1:A= b "),
            ("A = ' b '", "1:A= b "),
            (r"A='b\n$HOME\'", r"1:A=b\n$HOME\"),
            (r#"A="b\n\t\r\"\\c""#, "1:A=b\n\t\r\"\\c"),
            (r#"A="b\qc""#, r"1:A=b\qc"),
            ("A='b\nc'\nD=e", "1:A=b\nc|3:D=e"),
            ("A=\"b\r\nc\"\r\nD=e", "1:A=b\nc|3:D=e"),
            ("A=it's", "1:A=it's"),
            ("A=b\"c\"", "1:A=b\"c\""),
            (r"A=b\n", r"1:A=b\n"),
            ("A='\"'", "1:A=\""),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn names_of_variables_become_their_values() {
        for (text, expected) in [
            ("A=$HOME/b", "1:A=/home/app/b"),
            ("A=${HOME}b", "1:A=/home/appb"),
            ("A=\"${HOME}\"", "1:A=/home/app"),
            ("A='$HOME'", "1:A=$HOME"),
            (r"A=\$HOME", "1:A=$HOME"),
            (r#"A="\${HOME}""#, "1:A=${HOME}"),
            ("A=b\nC=x${A}y\nA=d", "1:A=b|2:C=xby|3:A=d"),
            ("HOME=/x\nA=$HOME", "1:HOME=/x|2:A=/home/app"),
            ("A=${B:-c}d", "1:A=cd"),
            ("B=\nA=${B:-c}", "1:B=|2:A=c"),
            ("A=x${B}y", "1:A=xy"),
            // A password is more likely than a variable that nobody has set.
            ("A=pa$word", "1:A=pa$word"),
            ("A=pa$$word$", "1:A=pa$$word$"),
            ("A=pa$1", "1:A=pa$1"),
            ("A=${B", "1:A=${B"),
            ("A=${B?c}", "1:A=${B?c}"),
            ("A=$(date)", "1:A=$(date)"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn what_makes_no_sense_is_named_by_its_line() {
        for (text, expected) in [
            ("A=b\nc d", "2: not NAME=VALUE"),
            ("1A=b", "1: not NAME=VALUE"),
            ("=b", "1: not NAME=VALUE"),
            ("A: b", "1: not NAME=VALUE"),
            ("A='b\nC=d", "1: a quote that is not closed"),
            ("\nA=\"b\\\"", "2: a quote that is not closed"),
            ("A='b'c", "1: text behind the closing quote"),
            (
                "\nDATABASE_URL=postgres://${B}@h",
                "2: a variable in ${…} is not set",
            ),
        ] {
            check(text, expected);
        }
        check_bytes(b"A=b\nC=\xff", "2: not UTF-8");
        check_bytes(b"A=b\nC=\0", "2: a NUL byte");
    }

    const FRAGMENTS: &[&str] = &[
        "A", "=", " ", "\n", "\r\n", "'", "\"", "\\", "#", "$", "${", "}", ":-", "export ",
        "\u{feff}", "é",
    ];

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(
            fragments in prop::collection::vec(prop::sample::select(FRAGMENTS), 0..24),
        ) {
            let text = fragments.concat();
            let lines = text.matches('\n').count() + 1;
            match parse(text.as_bytes(), &|_, earlier| earlier.map(str::to_owned), &|_| true) {
                Ok(variables) => {
                    prop_assert!(variables.iter().all(|variable| variable.line <= lines));
                    prop_assert!(variables.is_sorted_by_key(|variable| variable.line));
                }
                Err(fault) => prop_assert!((1..=lines).contains(&fault.line)),
            }
        }

        #[test]
        fn single_quotes_keep_any_text(value in "[^'\\x00]*") {
            // A byte order mark is one at the beginning only.
            let variables = parse(format!("A='{value}'").as_bytes(), &|_, _| None, &|_| true).unwrap();
            prop_assert_eq!(&variables[0].value, &value);
        }
    }
}
