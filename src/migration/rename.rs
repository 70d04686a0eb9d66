//! The names that other tools give to files, and what onward would call them. Pure.
//!
//! The order of migrations is the byte order of their names, so a number gets a width: `V10__x.sql` is `0010_x.sql`,
//! and where versions have parts, each part has its own: `V1.2__x.sql` beside `V1.10__y.sql` is `000102_x.sql`.

/// A file or folder, and its new name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    pub from: String,
    pub to: String,
    pub kind: Kind,
}

/// What a renamed file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Migration,
    WayBack,
    /// It runs again whenever it changes, which onward does not do: its new name has it ignored.
    Repeatable,
}

/// How many digits each part of a version gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widths(Vec<usize>);

/// The shortest number: `0010`.
const SHORTEST: usize = 4;

/// `V1.2__create_users.sql`, taken apart.
struct Versioned<'n> {
    prefix: char,
    parts: Vec<&'n str>,
    words: &'n str,
}

/// What has to be renamed among these names of files and folders, and how wide numbers are.
#[must_use]
pub fn renames(names: &[String]) -> (Vec<Rename>, Widths) {
    let versioned = || {
        names
            .iter()
            .filter_map(|name| Some((name, Versioned::parse(name)?)))
    };
    let mut widths = Widths(vec![SHORTEST]);
    for (_, file) in versioned() {
        widths.admit(&file.parts);
    }
    let forward: Vec<Versioned> = versioned()
        .map(|(_, file)| file)
        .filter(|file| file.prefix == 'V')
        .collect();
    let mut renames: Vec<Rename> = names
        .iter()
        .filter_map(|name| {
            let (to, kind) = match Versioned::parse(name) {
                Some(file) => file.renamed(&forward, &widths),
                None if name.starts_with("R__") && name.strip_suffix(".sql").is_some() => {
                    (format!("_{name}"), Kind::Repeatable)
                }
                None => (
                    bare_number(name).or_else(|| dashed_date(name))?,
                    Kind::Migration,
                ),
            };
            let from = name.clone();
            Some(Rename { from, to, kind })
        })
        .collect();
    renames.sort_by(|a, b| a.to.cmp(&b.to));
    (renames, widths)
}

impl Versioned<'_> {
    fn parse(name: &str) -> Option<Versioned<'_>> {
        let (version, words) = name.strip_suffix(".sql")?.split_once("__")?;
        let prefix = version.chars().next().filter(|c| matches!(c, 'V' | 'U'))?;
        let parts = version_parts(&version[1..])?;
        Some(Versioned {
            prefix,
            parts,
            words,
        })
    }

    /// A `U` file is the way back of the `V` file of its version; where there is none, it is a migration of refinery
    /// that may run out of order.
    fn renamed(&self, forward: &[Versioned], widths: &Widths) -> (String, Kind) {
        let twin = forward
            .iter()
            .find(|file| self.prefix == 'U' && file.parts == self.parts);
        match twin {
            Some(file) => {
                let name = widths.name(&file.parts, file.words);
                (name.replace(".sql", ".down.sql"), Kind::WayBack)
            }
            None => (widths.name(&self.parts, self.words), Kind::Migration),
        }
    }
}

/// The parts of `1.2` or `1_2`, without leading zeros.
#[must_use]
pub fn version_parts(version: &str) -> Option<Vec<&str>> {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = version.split(['.', '_']).collect();
    parts.iter().all(|part| number(part)).then(|| {
        parts
            .iter()
            .map(|part| part.trim_start_matches('0'))
            .collect()
    })
}

impl Widths {
    fn admit(&mut self, parts: &[&str]) {
        for (i, part) in parts.iter().enumerate() {
            match self.0.get_mut(i) {
                Some(width) => *width = part.len().max(*width),
                None => self.0.push(part.len().max(1)),
            }
        }
    }

    /// The name of a migration of this version.
    #[must_use]
    pub fn name(&self, parts: &[&str], words: &str) -> String {
        let count = self.0.len().max(parts.len());
        let digits = (0..count).fold(String::new(), |digits, i| {
            let part = parts.get(i).copied().unwrap_or("");
            let width = self.0.get(i).copied().unwrap_or(1);
            format!("{digits}{part:0>width$}")
        });
        let words = if words.is_empty() { "migration" } else { words };
        format!("{digits}_{words}.sql")
    }
}

/// `000001.sql`, as graphile-migrate writes it, has no name.
fn bare_number(name: &str) -> Option<String> {
    let digits = name.strip_suffix(".sql")?;
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    number.then(|| format!("{digits}_migration.sql"))
}

/// `2024-01-01-000000_users`, as Diesel writes it: its version is `20240101000000`.
fn dashed_date(name: &str) -> Option<String> {
    let (date, words) = name.split_once('_')?;
    let lengths = date.split('-').map(str::len);
    let digits = date
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    (digits && lengths.eq([4, 2, 2, 6])).then(|| format!("{}_{words}", date.replace('-', "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], expected: &[(&str, &str, Kind)]) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let expected: Vec<Rename> = expected
            .iter()
            .map(|&(from, to, kind)| Rename {
                from: from.to_owned(),
                to: to.to_owned(),
                kind,
            })
            .collect();
        assert_eq!(renames(&names).0, expected);
    }

    #[test]
    fn a_number_gets_four_digits_or_more() {
        let m = Kind::Migration;
        check(
            &["V10__y.sql", "V2__x.sql", "003_old.sql", "README.md"],
            &[
                ("V2__x.sql", "0002_x.sql", m),
                ("V10__y.sql", "0010_y.sql", m),
            ],
        );
        check(
            &["V1__x.sql", "V20240101120000__y.sql"],
            &[
                ("V1__x.sql", "00000000000001_x.sql", m),
                ("V20240101120000__y.sql", "20240101120000_y.sql", m),
            ],
        );
    }

    #[test]
    fn each_part_of_a_version_has_its_width() {
        let m = Kind::Migration;
        check(
            &["V1__a.sql", "V1.2__b.sql", "V1_10__c.sql", "V2__d.sql"],
            &[
                ("V1__a.sql", "000100_a.sql", m),
                ("V1.2__b.sql", "000102_b.sql", m),
                ("V1_10__c.sql", "000110_c.sql", m),
                ("V2__d.sql", "000200_d.sql", m),
            ],
        );
    }

    #[test]
    fn a_way_back_goes_with_its_migration() {
        check(
            &[
                "V1__x.sql",
                "U1__undo_x.sql",
                "U2__late.sql",
                "R__views.sql",
            ],
            &[
                ("U1__undo_x.sql", "0001_x.down.sql", Kind::WayBack),
                ("V1__x.sql", "0001_x.sql", Kind::Migration),
                ("U2__late.sql", "0002_late.sql", Kind::Migration),
                ("R__views.sql", "_R__views.sql", Kind::Repeatable),
            ],
        );
    }

    #[test]
    fn numbers_without_a_name_and_dates_with_dashes() {
        let m = Kind::Migration;
        check(
            &[
                "000001.sql",
                "2024-01-02-030405_users",
                "00000000000000_setup",
                "2024-01-02_x",
            ],
            &[
                ("000001.sql", "000001_migration.sql", m),
                ("2024-01-02-030405_users", "20240102030405_users", m),
            ],
        );
    }
}
