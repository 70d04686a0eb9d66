//! The next migration of a folder: its number and its form are those of the house. Pure.

use super::folder::sorts_through;
use super::{Name, SchemaFile};
use crate::error::{Error, Escaped, Result, Shell};
use crate::time::Time;

/// How a migration lies on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `0001_users.sql`
    File,
    /// `0001_users.up.sql`
    UpFile,
    /// `0001_users/`, with a file of this name in it.
    Folder(&'static str),
}

/// Whether a migration has a way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayBack {
    Beside,
    Absent,
}

/// A migration that is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    pub name: Name,
    pub form: Form,
    pub way_back: WayBack,
}

/// A migration that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    pub name: Name,
    pub form: Form,
    pub way_back: WayBack,
    /// A migration that it should follow, and runs before.
    pub runs_before: Option<String>,
    description: String,
}

/// The longest name that file systems take, in bytes.
const NAME_MAX: usize = 255;

/// The migration that follows these and all that the schema file contains (`through` a version), with these words as its
/// name.
///
/// # Errors
/// `Error::Usage` if no name is left of the words, if it is too long, if the date that is its number is taken, or if it
/// would count as contained in the schema file.
pub fn next(
    neighbours: &[Neighbour],
    through: Option<&str>,
    words: &[String],
    way_back: WayBack,
    now: Time,
) -> Result<Next> {
    let newest = neighbours.iter().max_by(|a, b| {
        Name::number_cmp(a.name.version(), b.name.version()).then_with(|| a.name.cmp(&b.name))
    });
    let slug = slug(words)?;
    let versions = newest.map(|newest| newest.name.version());
    let highest = versions.into_iter().chain(through);
    let version = match highest.max_by(|a, b| Name::number_cmp(a, b)) {
        Some(highest) => version(neighbours, highest, &slug, now)?,
        None => "0001".to_owned(),
    };
    let separator = newest.map_or('_', |newest| newest.name.separator());
    let form = newest.map_or(Form::File, |newest| newest.form);
    let in_pairs = newest
        .is_some_and(|newest| newest.form != Form::File && newest.way_back == WayBack::Beside);
    let ending = match form {
        Form::File => ".sql",
        Form::UpFile => ".up.sql",
        Form::Folder(_) => "",
    };
    let filename = format!("{version}{separator}{slug}{ending}");
    let longest = version.len() + 1 + slug.len() + ".down.sql".len();
    let name = Name::parse(&filename).filter(|_| longest <= NAME_MAX);
    let name = name.ok_or_else(|| Error::Usage {
        message: format!("the name is too long: it makes a file name of {longest} bytes, and {NAME_MAX} is the most"),
        hint: "say it in fewer words; there is room for all of them in the file".to_owned(),
    })?;
    if let Some(through) = through.filter(|through| sorts_through(&filename, through)) {
        return Err(Error::Usage {
            message: format!(
                "{} would count as contained in {}, which is a baseline through {through}",
                Escaped(&filename),
                SchemaFile::FILENAME
            ),
            hint:
                "names are ordered byte by byte: number the file yourself, so that it sorts behind"
                    .to_owned(),
        });
    }
    let last = neighbours.iter().map(|neighbour| &neighbour.name).max();
    let last = last.filter(|last| **last >= name).map(Name::filename);
    if let Some(last) = last
        && newest.is_some_and(|newest| newest.name.version() == name.version())
    {
        return Err(Error::Usage {
            message: format!(
                "{} would run before {}",
                Escaped(name.filename()),
                Escaped(last)
            ),
            hint: "give it a name that sorts behind: of one date, files run by their names"
                .to_owned(),
        });
    }
    Ok(Next {
        runs_before: last.map(str::to_owned),
        name,
        form,
        way_back: if in_pairs { WayBack::Beside } else { way_back },
        description: one_line(words),
    })
}

impl Next {
    /// The files to write, as paths in the folder of the migrations, with their texts.
    #[must_use]
    pub fn files(&self) -> Vec<(String, String)> {
        let filename = self.name.filename();
        let (path, path_back) = match self.form {
            Form::File | Form::UpFile => (
                filename.to_owned(),
                format!("{}.down.sql", self.name.stem()),
            ),
            Form::Folder(file) => (format!("{filename}/{file}"), format!("{filename}/down.sql")),
        };
        let text = format!(
            "-- Description: {}\n\n-- The SQL of one change. It runs in a transaction, so it needs no BEGIN and no COMMIT.\n",
            self.description
        );
        let mut files = vec![(path, text)];
        if self.way_back == WayBack::Beside {
            let text = format!("-- The way back of {filename}: the SQL that undoes it.\n");
            files.push((path_back, text));
        }
        files
    }
}

/// Words as a file name has them: letters and digits of any script in lower case, `_` for all else.
fn slug(words: &[String]) -> Result<String> {
    let text = words.join(" ").to_lowercase();
    let parts: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .collect();
    if parts.is_empty() {
        return Err(Error::Usage {
            message: "no letter or digit is left for the name".to_owned(),
            hint: "say in words what the migration does: onward new add users".to_owned(),
        });
    }
    Ok(parts.join("_"))
}

/// Words as a comment has them.
fn one_line(words: &[String]) -> String {
    let text = words.join(" ");
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The number after `newest`: today's date where that is a date, this second where it is one, else one more.
fn version(neighbours: &[Neighbour], newest: &str, slug: &str, now: Time) -> Result<String> {
    let now: String = now
        .to_string()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    if !is_date(newest) {
        return Ok(successor(newest));
    }
    let now = &now[..newest.len()];
    if newest < now {
        return Ok(now.to_owned());
    }
    if newest.len() > DATE {
        return Ok(successor(newest));
    }
    let mut taken: Vec<&str> = neighbours
        .iter()
        .map(|neighbour| neighbour.name.version())
        .collect();
    taken.sort_unstable();
    if taken
        .windows(2)
        .any(|pair| pair[0] == pair[1] && is_date(pair[0]))
    {
        return Ok(newest.to_owned());
    }
    let holder = neighbours
        .iter()
        .find(|neighbour| neighbour.name.version() == newest)
        .map_or(SchemaFile::FILENAME, |neighbour| neighbour.name.filename());
    let by_hand = format!("{}_{slug}.sql", successor(newest));
    Err(Error::Usage {
        message: format!(
            "the number {newest} is taken by {}, and two files of one number run by their names",
            Escaped(holder)
        ),
        hint: format!(
            "add to that file, or number the new one yourself: {}",
            Shell(&by_hand)
        ),
    })
}

/// The digits of a date; those of a second are more.
const DATE: usize = 8;

/// Whether digits are a date, or a date with a time: `20251018`, `20251018093000`.
fn is_date(digits: &str) -> bool {
    let number = |from: usize, to: usize| {
        digits
            .get(from..to)
            .and_then(|part| part.parse::<u32>().ok())
    };
    let within = |from, to, range: std::ops::RangeInclusive<u32>| {
        number(from, to).is_some_and(|number| range.contains(&number))
    };
    let has_date = within(0, 4, 1990..=2199) && within(4, 6, 1..=12) && within(6, 8, 1..=31);
    match digits.len() {
        DATE => has_date,
        14 => has_date && within(8, 10, 0..=23) && within(10, 12, 0..=59) && within(12, 14, 0..=60),
        _ => false,
    }
}

/// One more, as wide as before where that is possible.
fn successor(digits: &str) -> String {
    let kept = digits.trim_end_matches('9');
    let nines = digits.len() - kept.len();
    let mut raised = kept.to_owned();
    let last = raised
        .pop()
        .map_or('1', |digit| char::from(digit as u8 + 1));
    raised.push(last);
    raised.extend(std::iter::repeat_n('0', nines));
    raised
}

#[cfg(test)]
mod tests {
    use super::WayBack::{Absent, Beside};
    use super::*;

    /// 2026-03-02 10:15:00Z
    const NOW: Time = Time(1_772_446_500);

    fn neighbour(filename: &str) -> Neighbour {
        let form = match filename {
            _ if filename.strip_suffix(".up.sql").is_some() => Form::UpFile,
            _ if filename.strip_suffix(".sql").is_some() => Form::File,
            _ => Form::Folder("migration.sql"),
        };
        Neighbour {
            name: Name::parse(filename).expect(filename),
            form,
            way_back: WayBack::Absent,
        }
    }

    fn neighbours(names: &str) -> Vec<Neighbour> {
        names.split_whitespace().map(neighbour).collect()
    }

    fn check_words(names: &str, words: &[&str], expected: std::result::Result<&str, &str>) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        match (
            next(&neighbours(names), None, &words, WayBack::Absent, NOW),
            expected,
        ) {
            (Ok(next), Ok(expected)) => {
                let shown = next
                    .runs_before
                    .map_or_else(String::new, |last| format!(" before {last}"));
                assert_eq!(
                    format!("{}{shown}", next.name.filename()),
                    expected,
                    "{names}"
                );
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (got, expected) => panic!("{names} {words:?}: {got:?} instead of {expected:?}"),
        }
    }

    fn check(names: &str, expected: std::result::Result<&str, &str>) {
        check_words(names, &["x"], expected);
    }

    #[test]
    fn the_number_is_in_the_style_of_the_folder() {
        check("", Ok("0001_x.sql"));
        check("001_a.sql 003_b.sql", Ok("004_x.sql"));
        check("0001_a.sql", Ok("0002_x.sql"));
        check("0009-a.sql", Ok("0010-x.sql"));
        check("0199_a.sql", Ok("0200_x.sql"));
        check("1_a.sql 2_b.sql", Ok("3_x.sql"));
        check(
            "001_a.sql 0002-b.up.sql",
            Ok("0003-x.up.sql before 001_a.sql"),
        );
        check("0001_a 0002_b", Ok("0003_x"));
        check(
            "18446744073709551615_a.sql",
            Ok("18446744073709551616_x.sql"),
        );
    }

    #[test]
    fn a_number_that_sorts_below_another_is_told() {
        check("9_a.sql", Ok("10_x.sql before 9_a.sql"));
        check("9_a.sql 10_b.sql", Ok("11_x.sql before 9_a.sql"));
        check("998_a.sql 999_b.sql", Ok("1000_x.sql before 999_b.sql"));
    }

    #[test]
    fn a_date_is_todays_and_a_second_is_now() {
        check("20251018_a.sql", Ok("20260302_x.sql"));
        check("20251018093000_a.sql", Ok("20260302101500_x.sql"));
        check(
            "0001_a.sql 20251018093000-a.sql",
            Ok("20260302101500-x.sql"),
        );
        check("20260302101500_a.sql", Ok("20260302101501_x.sql"));
        check("20270101000000_a.sql", Ok("20270101000001_x.sql"));
        check("20251318_a.sql", Ok("20251319_x.sql"));
        check("00000012_a.sql", Ok("00000013_x.sql"));
        check("20251018096000_a.sql", Ok("20251018096001_x.sql"));
    }

    #[test]
    fn a_date_is_shared_only_where_dates_are() {
        check("20260302_a.sql", Err("20260302 is taken by 20260302_a.sql"));
        check("20260303_a.sql", Err("20260303 is taken by 20260303_a.sql"));
        check(
            "20251018_a.sql 20251018_b.sql 20260302_a.sql",
            Ok("20260302_x.sql"),
        );
        check(
            "20251018_a.sql 20251018_b.sql 20260302_z.sql",
            Err("20260302_x.sql would run before 20260302_z.sql"),
        );
    }

    #[test]
    fn what_the_schema_file_contains_is_followed_too() {
        let check = |names: &str, through: &str, expected: std::result::Result<&str, &str>| {
            let next = next(
                &neighbours(names),
                Some(through),
                &["x".to_owned()],
                Absent,
                NOW,
            );
            match (next, expected) {
                (Ok(next), Ok(expected)) => assert_eq!(next.name.filename(), expected, "{names}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (got, expected) => panic!("{names} {through}: {got:?} instead of {expected:?}"),
            }
        };
        check("", "0042", Ok("0043_x.sql"));
        check("0003-a.sql", "0042", Ok("0043-x.sql"));
        check("0043_a.sql", "0042", Ok("0044_x.sql"));
        check("", "20251018093000", Ok("20260302101500_x.sql"));
        check("", "20260302", Err("20260302 is taken by schema.sql"));
        check(
            "",
            "9",
            Err("10_x.sql would count as contained in schema.sql"),
        );
    }

    #[test]
    fn words_become_a_name() {
        check_words(
            "",
            &["Add", "E-Mail  to users!"],
            Ok("0001_add_e_mail_to_users.sql"),
        );
        check_words("", &["Größe_2"], Ok("0001_größe_2.sql"));
        check_words("", &["../../etc/passwd"], Ok("0001_etc_passwd.sql"));
        check_words("", &["", "a\nb"], Ok("0001_a_b.sql"));
        check_words("", &["--", "!"], Err("no letter or digit"));
        check_words(
            "",
            &["a".repeat(241).as_str()],
            Ok(&format!("0001_{}.sql", "a".repeat(241))),
        );
        check_words(
            "",
            &["a".repeat(242).as_str()],
            Err("256 bytes, and 255 is the most"),
        );
    }

    #[test]
    fn a_pair_stays_a_pair() {
        let words = ["a  b\n".to_owned()];
        let files = |form, before, asked| {
            let newest = Neighbour {
                form,
                way_back: before,
                ..neighbour("0001_a.sql")
            };
            let next = next(&[newest], None, &words, asked, NOW).expect("a name");
            next.files()
                .into_iter()
                .map(|(path, _)| path)
                .collect::<Vec<_>>()
        };
        assert_eq!(files(Form::File, Absent, Absent), ["0002_a_b.sql"]);
        assert_eq!(files(Form::File, Beside, Absent), ["0002_a_b.sql"]);
        assert_eq!(
            files(Form::File, Absent, Beside),
            ["0002_a_b.sql", "0002_a_b.down.sql"]
        );
        assert_eq!(
            files(Form::UpFile, Beside, Absent),
            ["0002_a_b.up.sql", "0002_a_b.down.sql"]
        );
        let folder = Form::Folder("up.sql");
        assert_eq!(files(folder, Absent, Absent), ["0002_a_b/up.sql"]);
        assert_eq!(
            files(folder, Beside, Absent),
            ["0002_a_b/up.sql", "0002_a_b/down.sql"]
        );
    }
}
