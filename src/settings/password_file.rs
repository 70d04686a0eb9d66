//! A password file, as libpq reads it: <https://www.postgresql.org/docs/current/libpq-pgpass.html>. Pure.

use crate::database::conninfo::{HostSpec, Password};

/// The default of Debian's libpq: its passwords are those of `localhost`.
const DEFAULT_SOCKET_FOLDER: &str = "/var/run/postgresql";

/// Whether others than the owner can read or change the file; then libpq does not use it.
pub(super) fn is_open_to_others(mode: u32) -> bool {
    mode & 0o077 != 0
}

/// What a place is called in the file.
pub(super) fn host_name(place: &HostSpec) -> String {
    match (place.host, place.hostaddr) {
        (Some(host), _) if host != DEFAULT_SOCKET_FOLDER => host.to_owned(),
        (None, Some(address)) => address.to_string(),
        _ => "localhost".to_owned(),
    }
}

/// The line number and password of the first line that fits. An empty password is none, and ends the search all the same.
pub(super) fn find(
    text: &[u8],
    host: &str,
    port: u16,
    dbname: &str,
    user: &str,
) -> Option<(usize, Password)> {
    let port = port.to_string();
    let wanted = [host, &port, dbname, user];
    let mut lines = text.split(|byte| *byte == b'\n').enumerate();
    let (number, password) =
        lines.find_map(|(number, line)| Some((number + 1, matching(line, &wanted)?)))?;
    (!password.is_empty()).then(|| (number, Password::new(password)))
}

/// The password of a line, if its four fields fit.
fn matching(line: &[u8], wanted: &[&str; 4]) -> Option<Vec<u8>> {
    let end = line.iter().rposition(|byte| *byte != b'\r')? + 1;
    // A password with a NUL byte could not be sent.
    if line.starts_with(b"#") || line.contains(&0) {
        return None;
    }
    let mut rest = &line[..end];
    for wanted in wanted {
        rest = if let Some(rest) = rest.strip_prefix(b"*:") {
            rest
        } else {
            let (field, after) = field(rest);
            after.filter(|_| field == wanted.as_bytes())?
        };
    }
    Some(field(rest).0)
}

/// The text up to the next `:`, its escapes resolved, and what stands behind the `:`, if there is one.
fn field(text: &[u8]) -> (Vec<u8>, Option<&[u8]>) {
    let mut field = Vec::new();
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b':' => return (field, Some(&text[at + 1..])),
            // At the end of the line it stands for itself.
            b'\\' => field.push(bytes.next().map_or(b'\\', |(_, escaped)| *escaped)),
            byte => field.push(*byte),
        }
    }
    (field, None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the file says of `h`, 5432, `d:b`, `u`.
    fn check(text: &str, expected: Option<(usize, &str)>) {
        let found = find(text.as_bytes(), "h", 5432, "d:b", "u");
        let expected = expected.map(|(line, password)| (line, Password::new(password)));
        assert!(found == expected, "{text:?}");
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        check("h:5432:d\\:b:u:p", Some((1, "p")));
        check("h:5432:d\\:b:u:p\r\n", Some((1, "p")));
        check(
            "# a comment\n\nx:*:*:*:q\n*:*:*:*:p\nh:*:*:*:r",
            Some((4, "p")),
        );
        check("h:5433:*:*:p", None);
        check("H:*:*:*:p", None);
        check("h*:*:*:*:p", None);
        check("*:*:d:*:p", None);
        check("*:*:*:uu:p", None);
        check("*:*:*:u", None);
        check("", None);
        check("#*:*:*:*:p", None);
    }

    #[test]
    fn an_empty_password_ends_the_search() {
        check("*:*:*:*:\n*:*:*:*:p", None);
    }

    #[test]
    fn colons_and_backslashes_of_a_password_are_escaped() {
        check("*:*:*:*:a\\:b\\\\c", Some((1, "a:b\\c")));
        check("*:*:*:*:a:b", Some((1, "a")));
        check("*:*:*:*:a\\", Some((1, "a\\")));
        check("*:*:*:*: a ", Some((1, " a ")));
        check("\\h:5432:d\\:b:\\u:p", Some((1, "p")));
    }

    #[test]
    fn the_default_socket_is_called_localhost() {
        let place = |host, hostaddr: Option<&str>| HostSpec {
            host,
            hostaddr: hostaddr.map(|text| text.parse().unwrap()),
            port: 5432,
        };
        for (place, expected) in [
            (place(None, None), "localhost"),
            (place(Some("/var/run/postgresql"), None), "localhost"),
            (place(Some("/tmp"), None), "/tmp"),
            (place(Some("h"), Some("::1")), "h"),
            (place(None, Some("::1")), "::1"),
        ] {
            assert_eq!(host_name(&place), expected);
        }
    }

    #[test]
    fn only_its_owner_may_read_it() {
        for (mode, expected) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
            assert_eq!(is_open_to_others(mode), expected, "{mode:o}");
        }
    }

    proptest! {
        #[test]
        fn an_escaped_line_gives_its_password_back(
            fields in prop::array::uniform4("[^\\n\\r\\x00]{1,6}"),
        ) {
            let [host, dbname, user, password] = fields;
            // Every character, so that none begins a comment or stands for all.
            let escape = |text: &str| text.chars().flat_map(|c| ['\\', c]).collect::<String>();
            let fields = [&host, "7", &dbname, &user, &password].map(|field: &str| escape(field));
            let line = fields.join(":");
            let found = find(line.as_bytes(), &host, 7, &dbname, &user);
            prop_assert!(found == Some((1, Password::new(password))), "{}", line);
        }
    }
}
