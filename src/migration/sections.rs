//! The section markers of other tools, found line by line, as those tools find them. Pure.
//!
//! What stands below a marker of a way back must never run with the way forward: it drops what the other builds. So a
//! line counts as a marker wherever it stands, even where SQL would read it as the middle of a string.

use std::ops::Range;

use super::Way;
use crate::error::FileFault;

/// The sections of a file with markers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sections {
    /// Where the first marker stands.
    pub first_marker: usize,
    pub forward: Section,
    pub back: Section,
}

/// What a file says of one way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// The parts of the text below its markers, in order; none without a marker.
    pub parts: Vec<Range<usize>>,
    /// The line that asks for no transaction.
    pub no_transaction: Option<usize>,
}

/// What a marker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    Begin(Way, Transaction),
    /// Neither way runs in a transaction.
    NoTransaction,
    /// It matters to the other tool's splitter only.
    Nothing,
    Unknown,
}

/// What a marker says of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    Usual,
    Refused,
}

/// The tools whose markers are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    Dbmate,
    Goose,
    SqlMigrate,
    NodePgMigrate,
    Tern,
}

impl Sections {
    /// The sections of a text; none if it holds no markers.
    ///
    /// # Errors
    /// Markers that make no sense: of two tools, unknown ones, a way back without a way forward, or a statement before
    /// the first section.
    pub fn find(path: &str, text: &str) -> Result<Option<Sections>, FileFault> {
        let mut sections = Sections::default();
        let mut first: Option<Tool> = None;
        let mut open: Option<(Way, usize)> = None;
        let mut offset = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let start = offset;
            offset += line.len();
            let Some((tool, marker)) = marker(line) else {
                continue;
            };
            let fault = |message: &str, hint: &str| FileFault {
                path: path.to_owned(),
                line: Some(index + 1),
                message: message.to_owned(),
                hint: hint.to_owned(),
            };
            if first.is_some_and(|other| other != tool) {
                return Err(fault(
                    "a section marker of another tool than the one above",
                    HINT,
                ));
            }
            if first.is_none() {
                first = Some(tool);
                sections.first_marker = start;
                if tool == Tool::Tern {
                    // Its only marker stands between the two ways.
                    sections.first_marker = 0;
                    open = Some((Way::Forward, 0));
                }
            }
            let line = Some(index + 1);
            match marker {
                Marker::Begin(way, transaction) => {
                    sections.close(open.replace((way, offset)), start);
                    if transaction == Transaction::Refused {
                        sections.of_mut(way).no_transaction = line;
                    }
                }
                Marker::NoTransaction => {
                    sections.forward.no_transaction = line;
                    sections.back.no_transaction = line;
                }
                Marker::Nothing => {}
                Marker::Unknown => return Err(fault("an unknown section marker", HINT)),
            }
        }
        sections.close(open, text.len());
        match first {
            None => Ok(None),
            Some(_) if sections.forward.parts.is_empty() => Err(FileFault {
                path: path.to_owned(),
                line: None,
                message: "section markers, but no section for the way forward".to_owned(),
                hint: HINT.to_owned(),
            }),
            Some(_) => Ok(Some(sections)),
        }
    }

    /// What the file says of a way.
    #[must_use]
    pub fn of(&self, way: Way) -> &Section {
        match way {
            Way::Forward => &self.forward,
            Way::Back => &self.back,
        }
    }

    fn of_mut(&mut self, way: Way) -> &mut Section {
        match way {
            Way::Forward => &mut self.forward,
            Way::Back => &mut self.back,
        }
    }

    /// Ends the section that is open, if one is.
    fn close(&mut self, open: Option<(Way, usize)>, end: usize) {
        if let Some((way, begin)) = open {
            self.of_mut(way).parts.push(begin..end);
        }
    }

    /// The text with spaces outside of the sections of a way, so that lines and places stay.
    #[must_use]
    pub fn blank_the_rest(&self, way: Way, text: String) -> String {
        let mut bytes = text.into_bytes();
        let mut at = 0;
        let end = bytes.len()..bytes.len();
        for part in self.of(way).parts.iter().chain(std::iter::once(&end)) {
            for byte in &mut bytes[at..part.start] {
                if !matches!(byte, b'\n' | b'\r') {
                    *byte = b' ';
                }
            }
            at = part.end;
        }
        // Sections begin and end at lines, so only whole characters were replaced.
        String::from_utf8(bytes).unwrap_or_default()
    }
}

const HINT: &str = "markers are: -- migrate:up, -- migrate:down (dbmate); -- +goose Up, -- +goose Down (goose); \
                    -- +migrate Up, -- +migrate Down (sql-migrate); -- Up Migration, -- Down Migration (node-pg-migrate); \
                    ---- create above / drop below ---- (tern)";

/// The line of the first marker, from 1, if there is one.
pub(super) fn first_marker(text: &str) -> Option<usize> {
    let line = text.lines().position(|line| marker(line).is_some());
    line.map(|index| index + 1)
}

/// Writes a space for each character, and each line end as it is.
pub(super) fn blank(text: &str, out: &mut String) {
    out.extend(
        text.chars()
            .map(|c| if matches!(c, '\n' | '\r') { c } else { ' ' }),
    );
}

/// The marker in a line, if it is one.
fn marker(line: &str) -> Option<(Tool, Marker)> {
    let comment = line.trim_start().strip_prefix("--")?.trim();
    if comment == "-- create above / drop below ----" {
        return Some((Tool::Tern, begin(Way::Back)));
    }
    let mut words = comment.split_whitespace();
    let (first, second) = (words.next()?, words.next());
    let rest: Vec<&str> = words.collect();
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    if let Some(section) = strip_prefix(first, "migrate:") {
        let options: Vec<&str> = second.into_iter().chain(rest).collect();
        return Some((Tool::Dbmate, dbmate(section, &options)));
    }
    if same(first, "+goose") {
        return Some((Tool::Goose, goose(second?, &rest)));
    }
    if same(first, "+migrate") {
        return Some((Tool::SqlMigrate, sql_migrate(second?, &rest)));
    }
    let migration = second.is_some_and(|word| same(word, "migration")) && rest.is_empty();
    match first {
        _ if !migration => None,
        _ if same(first, "up") => Some((Tool::NodePgMigrate, begin(Way::Forward))),
        _ if same(first, "down") => Some((Tool::NodePgMigrate, begin(Way::Back))),
        _ => None,
    }
}

fn strip_prefix<'t>(word: &'t str, prefix: &str) -> Option<&'t str> {
    let head = word.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix)
        .then(|| &word[prefix.len()..])
}

fn dbmate(section: &str, options: &[&str]) -> Marker {
    let known = |option: &&str| matches!(*option, "transaction:true" | "transaction:false");
    let way = match section {
        "up" => Way::Forward,
        "down" => Way::Back,
        _ => return Marker::Unknown,
    };
    if !options.iter().all(known) {
        Marker::Unknown
    } else if options.contains(&"transaction:false") {
        Marker::Begin(way, Transaction::Refused)
    } else {
        begin(way)
    }
}

fn goose(word: &str, rest: &[&str]) -> Marker {
    match (word.to_ascii_uppercase().as_str(), rest) {
        ("UP", []) => begin(Way::Forward),
        ("DOWN", []) => begin(Way::Back),
        ("STATEMENTBEGIN" | "STATEMENTEND", []) => Marker::Nothing,
        ("NO", [transaction]) if transaction.eq_ignore_ascii_case("transaction") => {
            Marker::NoTransaction
        }
        _ => Marker::Unknown,
    }
}

fn sql_migrate(word: &str, rest: &[&str]) -> Marker {
    let way = match word.to_ascii_uppercase().as_str() {
        "UP" => Way::Forward,
        "DOWN" => Way::Back,
        "STATEMENTBEGIN" | "STATEMENTEND" if rest.is_empty() => return Marker::Nothing,
        _ => return Marker::Unknown,
    };
    match rest {
        [] => begin(way),
        [option] if option.eq_ignore_ascii_case("notransaction") => {
            Marker::Begin(way, Transaction::Refused)
        }
        _ => Marker::Unknown,
    }
}

fn begin(way: Way) -> Marker {
    Marker::Begin(way, Transaction::Usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What runs, with the blanked rest trimmed off, or a part of the fault.
    fn check(text: &str, expected: Result<Option<(&str, Option<usize>)>, &str>) {
        match (Sections::find("f.sql", text), expected) {
            (Ok(None), Ok(None)) => {}
            (Ok(Some(sections)), Ok(Some((up, no_transaction)))) => {
                let kept = sections.blank_the_rest(Way::Forward, text.to_owned());
                assert_eq!(kept.trim(), up, "{text:?}");
                assert_eq!(kept.len(), text.len(), "{text:?}");
                assert_eq!(kept.lines().count(), text.lines().count(), "{text:?}");
                assert_eq!(sections.forward.no_transaction, no_transaction, "{text:?}");
            }
            (Err(fault), Err(part)) => assert!(fault.message.contains(part), "{text:?}: {fault}"),
            (got, expected) => panic!("{text:?}: {got:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn the_way_back_is_never_part_of_the_way_forward() {
        check(
            "-- migrate:up\nSELECT 'é';\n-- migrate:down\nDROP 'ü';\n",
            Ok(Some(("SELECT 'é';", None))),
        );
        check(
            "-- +goose Up\nA;\n-- +goose Down\nB;\n",
            Ok(Some(("A;", None))),
        );
        check(
            "-- +migrate Up\nA;\n-- +migrate Down\nB;\n",
            Ok(Some(("A;", None))),
        );
        check(
            "-- Up Migration\nA;\n\n-- Down Migration\nB;",
            Ok(Some(("A;", None))),
        );
        check(
            "--migrate:up\r\nA;\r\n  -- Migrate:down\r\nB;\r\n",
            Ok(Some(("A;", None))),
        );
        check(
            "A;\n\n---- create above / drop below ----\n\nB;\n",
            Ok(Some(("A;", None))),
        );
        // The order does not matter, and an open quote hides nothing.
        check(
            "-- migrate:down\nB;\n-- migrate:up\nA;\n",
            Ok(Some(("A;", None))),
        );
        check(
            "-- migrate:up\nSELECT 'x;\n-- migrate:down\nDROP';\n",
            Ok(Some(("SELECT 'x;", None))),
        );
    }

    #[test]
    fn a_marker_can_ask_for_no_transaction() {
        check(
            "-- migrate:up transaction:false\nA;",
            Ok(Some(("A;", Some(1)))),
        );
        check("-- migrate:up transaction:true\nA;", Ok(Some(("A;", None))));
        check(
            "-- +goose NO TRANSACTION\n-- +goose Up\nA;",
            Ok(Some(("A;", Some(1)))),
        );
        check(
            "-- +migrate Up notransaction\nA;",
            Ok(Some(("A;", Some(1)))),
        );
    }

    /// The way back, with the blanked rest trimmed off, and the line that asks for no transaction.
    fn check_back(text: &str, expected: (&str, Option<usize>)) {
        let sections = Sections::find("f.sql", text).unwrap().unwrap();
        let kept = sections.blank_the_rest(Way::Back, text.to_owned());
        assert_eq!(
            (kept.trim(), sections.back.no_transaction),
            expected,
            "{text:?}"
        );
        assert_eq!(kept.len(), text.len(), "{text:?}");
    }

    #[test]
    fn the_way_back_is_what_stands_below_its_marker() {
        check_back("-- migrate:up\nA;\n-- migrate:down\nB;\n", ("B;", None));
        check_back(
            "-- migrate:down transaction:false\nB;\n-- migrate:up\nA;\n",
            ("B;", Some(1)),
        );
        check_back(
            "-- migrate:up transaction:false\nA;\n-- migrate:down\nB;\n",
            ("B;", None),
        );
        check_back(
            "-- +goose NO TRANSACTION\n-- +goose Up\nA;\n-- +goose Down\nB;",
            ("B;", Some(1)),
        );
        check_back(
            "-- +migrate Up\nA;\n-- +migrate Down notransaction\nB;",
            ("B;", Some(3)),
        );
        check_back("-- Up Migration\nA;\n-- Down Migration\nB;", ("B;", None));
        check_back("-- migrate:up\nA;\n", ("", None));
    }

    #[test]
    fn a_marker_of_the_way_back_knows_only_its_options() {
        check(
            "-- +migrate Up\nA;\n-- +migrate Down later\nB;",
            Err("unknown section marker"),
        );
    }

    #[test]
    fn statement_markers_are_comments() {
        let text = "-- +goose Up\n-- +goose StatementBegin\nA;\n-- +goose StatementEnd\n-- +goose Down\nB;";
        let kept = "-- +goose StatementBegin\nA;\n-- +goose StatementEnd";
        check(text, Ok(Some((kept, None))));
    }

    #[test]
    fn comments_that_only_look_alike_are_no_markers() {
        check("-- Up migration of the users table\nA;", Ok(None));
        check("-- migrates everything\nA;", Ok(None));
        check("SELECT 1; -- migrate:up\n", Ok(None));
    }

    #[test]
    fn markers_that_make_no_sense_are_refused() {
        check("-- migrate:up\nA;\n-- +goose Down\nB;", Err("another tool"));
        check("-- migrate:down\nB;", Err("no section for the way forward"));
        check("-- migrate:sideways\nB;", Err("unknown section marker"));
        check(
            "A;\n---- create above / drop below ----\n-- +goose Down\nB;",
            Err("another tool"),
        );
        check("-- migrate:up later\nB;", Err("unknown section marker"));
        check(
            "-- +goose ENVSUB ON\n-- +goose Up\nB;",
            Err("unknown section marker"),
        );
    }
}
