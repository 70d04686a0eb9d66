//! Names of migrations. Pure.

/// The name of a migration: digits, `_` or `-`, a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    filename: String,
    version_len: usize,
    stem_len: usize,
}

impl Name {
    /// Reads a file name such as `001_users.sql`, `20251018-progress.up.sql`, or a folder name such as `0003_jobs`.
    #[must_use]
    pub fn parse(filename: &str) -> Option<Name> {
        let stem = filename
            .strip_suffix(".sql")
            .map_or(filename, |stem| stem.strip_suffix(".up").unwrap_or(stem));
        let version_len = stem.bytes().take_while(u8::is_ascii_digit).count();
        let rest = &stem[version_len..];
        let named = rest.len() > 1 && rest.starts_with(['_', '-']);
        (version_len > 0 && named).then(|| Name {
            filename: filename.to_owned(),
            version_len,
            stem_len: stem.len(),
        })
    }

    /// The name of the file or folder, as it is stored in the history. Byte order of it is the order of migrations.
    #[must_use]
    pub fn filename(&self) -> &str {
        &self.filename
    }

    /// The digits as written: `003` and `0003` are different versions.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.filename[..self.version_len]
    }

    /// What stands between digits and name: `_` or `-`.
    #[must_use]
    pub fn separator(&self) -> char {
        if self.filename[self.version_len..].starts_with('-') {
            '-'
        } else {
            '_'
        }
    }

    /// What a way back must be called after: the name without `.sql`, `.up.sql`.
    #[must_use]
    pub fn stem(&self) -> &str {
        &self.filename[..self.stem_len]
    }

    /// The name without digits and ending, in words.
    #[must_use]
    pub fn words(&self) -> String {
        self.stem()[self.version_len + 1..]
            .replace(['_', '-'], " ")
            .trim()
            .to_owned()
    }

    /// Compares two versions as numbers, whatever their width.
    #[must_use]
    pub fn number_cmp(a: &str, b: &str) -> std::cmp::Ordering {
        let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
        a.len().cmp(&b.len()).then_with(|| a.cmp(b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(filename: &str, expected: Option<(&str, &str, &str)>) {
        let name = Name::parse(filename);
        let got = name.as_ref().map(|name| {
            (
                name.version().to_owned(),
                name.stem().to_owned(),
                name.words(),
            )
        });
        let expected = expected.map(|(v, s, w)| (v.to_owned(), s.to_owned(), w.to_owned()));
        assert_eq!(got, expected, "{filename:?}");
    }

    #[test]
    fn a_migration_is_digits_a_separator_and_a_name() {
        check("001_users.sql", Some(("001", "001_users", "users")));
        check(
            "0002-email-index.sql",
            Some(("0002", "0002-email-index", "email index")),
        );
        check(
            "20251018093000_x.up.sql",
            Some(("20251018093000", "20251018093000_x", "x")),
        );
        check("0003_jobs", Some(("0003", "0003_jobs", "jobs")));
        check("1_über uns.sql", Some(("1", "1_über uns", "über uns")));
        for bad in [
            "users.sql",
            "001.sql",
            "001_.sql",
            "_001.sql",
            "a1_x.sql",
            "001users.sql",
            "",
            "٣_x.sql",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn numbers_of_different_width_compare_as_numbers() {
        use std::cmp::Ordering::{Equal, Greater, Less};
        assert_eq!(Name::number_cmp("9", "10"), Less);
        assert_eq!(Name::number_cmp("0003", "003"), Equal);
        assert_eq!(Name::number_cmp("20251018", "0099"), Greater);
    }
}
