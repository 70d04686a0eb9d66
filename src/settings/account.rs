//! Who runs the program: name and home of the operating system's user. Pure but for what it asks its environment.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::Environment;

/// A line of `/etc/passwd`, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: Vec<u8>,
    pub(super) home: PathBuf,
}

/// The account that the program runs as, if the system knows it.
pub(super) fn own(environment: &impl Environment) -> Option<Account> {
    let number = environment.user_id()?;
    let known = environment
        .file(Path::new("/etc/passwd"))
        .ok()
        .and_then(|file| find(&file.bytes, number));
    // Accounts of a network are in no file.
    known.or_else(|| {
        let answer = environment.ask("getent", &["passwd", &number.to_string()]);
        find(&answer.ok()?.stdout, number)
    })
}

/// The home as libpq finds it: by `HOME`, else by the account.
pub(super) fn home(environment: &impl Environment) -> Option<PathBuf> {
    let named = environment.variable("HOME");
    let named = named.filter(|home| !home.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(own(environment)?.home))
}

/// `name:password:number:group:comment:home:shell`, see passwd(5).
fn find(passwd: &[u8], number: u32) -> Option<Account> {
    passwd.split(|byte| *byte == b'\n').find_map(|line| {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
        let [name, _, id, _, _, home, ..] = fields[..] else {
            return None;
        };
        let same = std::str::from_utf8(id).ok()?.parse() == Ok(number);
        same.then(|| Account {
            name: name.to_vec(),
            home: PathBuf::from(OsString::from_vec(home.to_vec())),
        })
    })
}

/// A path as its user would write it: what is in the home begins with `~`.
pub(super) fn shown(path: &Path, home: Option<&Path>) -> String {
    let inside = home.and_then(|home| path.strip_prefix(home).ok());
    match inside {
        Some(inside) => Path::new("~").join(inside).display().to_string(),
        None => path.display().to_string(),
    }
}

/// A path from a value of a connection.
pub(super) fn path(value: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_number() {
        let passwd =
            b"root:x:0:0:root:/root:/bin/bash\n# a comment\nbroken\napp:x:1000:1000::/home/app:\n";
        let account = |name: &str, home: &str| {
            Some(Account {
                name: name.into(),
                home: home.into(),
            })
        };
        for (number, expected) in [
            (0, account("root", "/root")),
            (1000, account("app", "/home/app")),
            (10, None),
        ] {
            assert_eq!(find(passwd, number), expected, "{number}");
        }
    }

    #[test]
    fn what_is_in_the_home_begins_with_a_tilde() {
        let home = Some(Path::new("/home/app"));
        for (path, expected) in [
            ("/home/app/.pgpass", "~/.pgpass"),
            ("/home/apple/.pgpass", "/home/apple/.pgpass"),
            ("relative", "relative"),
        ] {
            assert_eq!(shown(Path::new(path), home), expected);
        }
        assert_eq!(shown(Path::new("/a"), None), "/a");
    }
}
