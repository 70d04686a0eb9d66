use super::*;
use crate::migration::SqlFile;
use crate::migration::directive::Role;
use crate::migration::rename::renames;
use crate::migration::tool_checksum::Original;

/// Files by their names on the disk; each one's text is its own name.
fn read(names: &[&str]) -> (Files, Origins) {
    let listed: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let (renames, widths) = renames(&listed);
    let new_name = |name: &str| {
        let rename = renames.iter().find(|rename| rename.from == name);
        rename.map_or(name, |rename| rename.to.as_str()).to_owned()
    };
    let mut pairs: Vec<(String, String)> = listed
        .iter()
        .map(|name| (new_name(name), name.clone()))
        .collect();
    pairs.sort();
    let text = |name: &str| format!("SELECT '{name}';");
    let migration = |name: &str| Migration {
        name: Name::parse(name).expect(name),
        file: SqlFile::parse(name.to_owned(), text(name).into_bytes(), Role::Migration)
            .expect(name),
    };
    let files = Files {
        dir: "migrations".to_owned(),
        migrations: pairs.iter().map(|(new, _)| migration(new)).collect(),
        schema: None,
    };
    let originals = pairs.iter().map(|(_, old)| Original {
        name: old.clone(),
        bytes: text(old).into_bytes(),
    });
    let origins = Origins {
        originals: originals.collect(),
        renames,
        widths,
    };
    (files, origins)
}

fn row(identity: Identity) -> ForeignRow {
    let filename = match &identity {
        Identity::Script { script, .. } => script.clone(),
        Identity::Filename(name)
        | Identity::Stem(name)
        | Identity::Digits(name)
        | Identity::Number(name)
        | Identity::Loose(name)
        | Identity::Through(name) => name.clone(),
    };
    ForeignRow {
        identity,
        filename,
        description: String::new(),
        state: ForeignState::Applied,
        stored: None,
        started_at: None,
        applied_at: None,
        execution_time_ms: None,
        applied_by: None,
    }
}

fn script(version: &str, words: &str) -> Identity {
    Identity::Script {
        script: format!("V{version}__{words}.sql"),
        parts: version.split('.').map(str::to_owned).collect(),
        words: words.to_owned(),
    }
}

/// Adopted names (in brackets where there is no file), what stays pending, and the codes of what is said.
#[track_caller]
fn check(names: &[&str], rows: &[ForeignRow], adopted: &[&str], pending: &[&str], codes: &[&str]) {
    let (files, origins) = read(names);
    let adoption = adopt((Tool::HandMade, "old"), rows, &files, &origins);
    let got: Vec<String> = adoption
        .rows
        .iter()
        .map(|row| match row.migration {
            Some(_) => row.filename.clone(),
            None => format!("({})", row.filename),
        })
        .collect();
    assert_eq!(got, adopted);
    assert_eq!(adoption.pending, pending);
    let got: Vec<&str> = adoption.objections.iter().map(Objection::code).collect();
    assert_eq!(got, codes);
    for objection in &adoption.objections {
        assert!(!objection.to_string().is_empty() && !objection.cure().is_empty());
    }
}

fn of(identity: fn(String) -> Identity, names: &[&str]) -> Vec<ForeignRow> {
    names
        .iter()
        .map(|&name| row(identity(name.to_owned())))
        .collect()
}

#[test]
fn each_tool_has_its_rule_of_identity() {
    let files = ["0001_a.sql", "002-b.up.sql", "003_c"];
    let all = files.as_slice();
    check(all, &of(Identity::Filename, all), all, &[], &[]);
    check(
        all,
        &of(Identity::Stem, &["0001_a", "002-b", "003_c"]),
        all,
        &[],
        &[],
    );
    check(
        all,
        &of(Identity::Digits, &["0001", "002", "003"]),
        all,
        &[],
        &[],
    );
    check(all, &of(Identity::Number, &["1", "2", "3"]), all, &[], &[]);
    check(
        all,
        &of(Identity::Loose, &["0001_a.sql", "002-b", "003"]),
        all,
        &[],
        &[],
    );
    check(all, &of(Identity::Loose, &["1", "02", "3"]), all, &[], &[]);
    // Digits are no number, and a name is no beginning of a name.
    check(
        all,
        &of(Identity::Digits, &["1"]),
        &["(1)"],
        all,
        &["no_file"],
    );
    check(
        all,
        &of(Identity::Stem, &["001"]),
        &["(001)"],
        all,
        &["no_file"],
    );
    check(
        all,
        &of(Identity::Number, &["11"]),
        &["(11)"],
        all,
        &["no_file"],
    );
}

#[test]
fn a_high_water_mark_takes_all_files_below_it() {
    let files = ["10_c.sql", "1_a.sql", "9_b.sql"];
    check(
        &files,
        &of(Identity::Through, &["9"]),
        &["1_a.sql", "9_b.sql"],
        &["10_c.sql"],
        &[],
    );
    check(&files, &of(Identity::Through, &["0"]), &[], &files, &[]);
    check(
        &files,
        &of(Identity::Through, &["-1", "1.1"]),
        &[],
        &files,
        &["bad_version", "bad_version"],
    );
    // What came after a baseline has rows of its own.
    let rows = vec![
        row(Identity::Through("1".to_owned())),
        row(Identity::Number("9".to_owned())),
    ];
    check(&files, &rows, &["1_a.sql", "9_b.sql"], &["10_c.sql"], &[]);
}

#[test]
fn a_versioned_script_is_found_before_and_after_its_renaming() {
    let rows = || {
        vec![
            row(script("1", "a")),
            row(script("1.2", "b")),
            row(script("1.10", "c")),
        ]
    };
    let new = ["000100_a.sql", "000102_b.sql", "000110_c.sql"];
    check(
        &["V1__a.sql", "V1.2__b.sql", "V1.10__c.sql"],
        &rows(),
        &new,
        &[],
        &[],
    );
    check(
        &["V1__a.sql", "V1.2__b.sql", "000110_c.sql"],
        &rows(),
        &["00010_a.sql", "00012_b.sql", "000110_c.sql"],
        &[],
        &[],
    );
    let rows = || vec![row(script("2", "b")), row(script("10", "c"))];
    check(
        &["V2__b.sql", "V10__c.sql"],
        &rows(),
        &["0002_b.sql", "0010_c.sql"],
        &[],
        &[],
    );
    check(
        &["02_b.sql", "10_renamed.sql"],
        &rows(),
        &["02_b.sql", "10_renamed.sql"],
        &[],
        &[],
    );
    // All parts were renamed with widths that nothing tells any more.
    let rows = vec![row(script("1.2", "b")), row(script("1.12", "c"))];
    check(
        &["00010002_b.sql", "00010012_c.sql"],
        &rows,
        &["00010002_b.sql", "00010012_c.sql"],
        &[],
        &[],
    );
}

#[test]
fn what_does_not_count_is_left_pending() {
    let state = |state| {
        let mut row = row(Identity::Digits("001".to_owned()));
        row.state = state;
        vec![row]
    };
    let file = ["001_a.sql"];
    check(&file, &state(ForeignState::NotApplied), &[], &file, &[]);
    check(
        &file,
        &state(ForeignState::Partial),
        &[],
        &file,
        &["partial"],
    );
    check(
        &file,
        &state(ForeignState::Repeatable),
        &[],
        &file,
        &["repeatable"],
    );
}

#[test]
fn two_files_of_a_number_are_not_guessed_at() {
    let files = ["001_a.sql", "001_b.sql"];
    check(
        &files,
        &of(Identity::Digits, &["001"]),
        &[],
        &files,
        &["ambiguous"],
    );
    check(
        &files,
        &of(Identity::Loose, &["001_b"]),
        &["001_b.sql"],
        &["001_a.sql"],
        &[],
    );
}

#[test]
fn a_second_row_of_a_file_changes_nothing() {
    let rows = of(Identity::Loose, &["001_a.sql", "001_a", "9", "9"]);
    check(
        &["001_a.sql"],
        &rows,
        &["001_a.sql", "(9)"],
        &[],
        &["no_file"],
    );
}

#[test]
fn checksums_are_compared_with_the_file_as_it_lies_there() {
    let with = |stored: &str| {
        let mut row = row(script("1", "a"));
        row.stored = Some(Stored::Digest(stored.to_owned()));
        vec![row]
    };
    // Of `SELECT 'V1__a.sql';`
    let right = "097f76209fa4d637b561dc26f78b2074";
    let files = ["V1__a.sql"];
    let adopted = ["0001_a.sql"];
    check(&files, &with(right), &adopted, &[], &[]);
    check(
        &files,
        &with(&right.replace('f', "e")),
        &adopted,
        &[],
        &["differs"],
    );
    check(&files, &with("v2:xyz"), &adopted, &[], &["unverified"]);
}
