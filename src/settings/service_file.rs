//! A connection service file, as libpq reads it: <https://www.postgresql.org/docs/current/libpq-pgservice.html>. Pure.

/// One line of a service: its number, keyword and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) line: usize,
    pub(super) keyword: &'a str,
    pub(super) value: &'a [u8],
}

/// A line that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) message: &'static str,
    pub(super) hint: &'static str,
}

/// The lines of the first service of this name, if there is one. As in libpq, nothing but the service itself must make
/// sense, blanks stand around a line but not around its `=`, and quotes are letters like others.
pub(super) fn find<'a>(text: &'a [u8], service: &str) -> Result<Option<Vec<Entry<'a>>>, Fault> {
    let mut found: Option<Vec<Entry>> = None;
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = trim(line);
        let is_comment = line.is_empty() || line.starts_with(b"#");
        match (&mut found, line.strip_prefix(b"[")) {
            _ if is_comment => {}
            (Some(_), Some(_)) => break,
            (None, Some(head)) => {
                let rest = head.strip_prefix(service.as_bytes());
                if rest.is_some_and(|rest| rest.starts_with(b"]")) {
                    found = Some(Vec::new());
                }
            }
            (Some(entries), None) => entries.push(entry(number + 1, line)?),
            (None, None) => {}
        }
    }
    Ok(found)
}

fn entry(line: usize, text: &[u8]) -> Result<Entry<'_>, Fault> {
    let fault = |message, hint| {
        Err(Fault {
            line,
            message,
            hint,
        })
    };
    if text.starts_with(b"ldap") {
        return fault(
            "onward does not ask LDAP for a service",
            "write host=…, dbname=… and user=… into the service",
        );
    }
    let at = text.iter().position(|byte| *byte == b'=');
    let Some((keyword, value)) = at.map(|at| (&text[..at], &text[at + 1..])) else {
        return fault("a line without =", "a line is keyword=value");
    };
    match std::str::from_utf8(keyword) {
        Ok("service" | "servicefile") => fault("a service names another service", "leave it out"),
        Ok(keyword) if keyword.ends_with([' ', '\t']) => {
            fault("a blank before the =", "a line is keyword=value")
        }
        Ok(keyword) => Ok(Entry {
            line,
            keyword,
            value,
        }),
        Err(_) => fault("a keyword that is not UTF-8", "a line is keyword=value"),
    }
}

/// Without C's blanks at either end; Rust's lack the vertical tab.
fn trim(mut line: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    while let [first, rest @ ..] = line
        && is_blank(first)
    {
        line = rest;
    }
    while let [rest @ .., last] = line
        && is_blank(last)
    {
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The service `s`, as `line:keyword=value` with blanks between, or what is wrong.
    fn check(text: &str, expected: &str) {
        let actual = match find(text.as_bytes(), "s") {
            Ok(None) => "none".to_owned(),
            Ok(Some(entries)) => {
                let show = |entry: Entry| {
                    let value = String::from_utf8_lossy(entry.value).into_owned();
                    format!("{}:{}={value}", entry.line, entry.keyword)
                };
                entries.into_iter().map(show).collect::<Vec<_>>().join(" ")
            }
            Err(fault) => format!("{}: {}", fault.line, fault.message),
        };
        assert_eq!(actual, expected, "of {text:?}");
    }

    #[test]
    fn a_service_is_the_lines_behind_its_name() {
        for (text, expected) in [
            ("", "none"),
            ("[t]\nhost=x\n", "none"),
            ("[s]", ""),
            ("[s]\nhost=a\nport=1", "2:host=a 3:port=1"),
            ("[t]\nhost=x\n[s]\nhost=a\n[u]\nhost=y", "4:host=a"),
            ("[s]\nhost=a\n[s]\nport=1", "2:host=a"),
            ("# [s]\n[s]\n\n  # more\n  host=a  \r\n", "5:host=a"),
            ("[s] and more\nhost=a", "2:host=a"),
            ("[ss]\nhost=a", "none"),
            ("[s]\nhost= a", "2:host= a"),
            ("[s]\npassword='a=b'", "2:password='a=b'"),
            ("nonsense\n[s]\nhost=a\n[t]\nnonsense", "3:host=a"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn what_makes_no_sense_is_named_by_its_line() {
        for (text, expected) in [
            ("[s]\nnonsense", "2: a line without ="),
            ("[s]\nhost = a", "2: a blank before the ="),
            (
                "[s]\nhost=a\nservice=t",
                "3: a service names another service",
            ),
            (
                "[s]\nldap://h/b?a=c",
                "2: onward does not ask LDAP for a service",
            ),
        ] {
            check(text, expected);
        }
    }
}
