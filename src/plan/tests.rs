use super::*;
use crate::migration::SqlFile;
use crate::migration::directive::Role;
use crate::migration::folder::WaysBack;
use crate::time::Time;

fn file(name: &str, text: &str, role: Role) -> SqlFile {
    SqlFile::parse(name.to_owned(), text.as_bytes().to_vec(), role).expect(name)
}

fn migration(name: &str, text: &str) -> Migration {
    let file = file(name, text, Role::Migration);
    Migration {
        name: Name::parse(name).expect(name),
        file,
    }
}

/// Each migration's text is its own name, so that no two are alike.
fn files(names: &[&str], schema: Option<&str>) -> Files {
    Files {
        dir: "migrations".to_owned(),
        migrations: names
            .iter()
            .map(|name| migration(name, &format!("SELECT '{name}';")))
            .collect(),
        schema: schema.map(|text| SchemaFile {
            file: file("schema.sql", text, Role::SchemaFile),
        }),
    }
}

fn row(name: &str, status: RowStatus) -> Recorded {
    let migration = migration(name, &format!("SELECT '{name}';"));
    Recorded {
        filename: name.to_owned(),
        version: migration.name.version().to_owned(),
        description: migration.description().into_owned(),
        kind: RowKind::Migration,
        status,
        checksum: Some(migration.file.checksum),
        sql_checksum: Some(migration.file.sql_checksum),
        started_at: Time(1_772_446_500),
        applied_at: (status == RowStatus::Applied).then_some(Time(1_772_446_500)),
        execution_time_ms: Some(1),
        applied_by: "app".to_owned(),
        error_message: None,
        steps_done: 0,
        place: 0,
    }
}

fn applied(names: &[&str]) -> Vec<Recorded> {
    names
        .iter()
        .map(|name| row(name, RowStatus::Applied))
        .collect()
}

fn present(rows: Vec<Recorded>) -> Observed {
    Observed {
        read_only: None,
        table: None,
        history: History::Present(PresentHistory {
            table: "public.schema_migrations".to_owned(),
            rows,
            distrust: None,
        }),
    }
}

fn absent(objects: &[&str]) -> Observed {
    let objects = objects.iter().map(|object| (*object).to_owned()).collect();
    Observed {
        read_only: None,
        table: None,
        history: History::Absent(NoHistory {
            objects,
            foreign: None,
        }),
    }
}

/// What is due, and the code and severity of each finding.
fn check(
    files: &Files,
    observed: &Observed,
    goal: &Goal,
    due: &[&str],
    findings: &[(&str, Severity)],
) {
    let plan = plan(files, observed, goal);
    let names: Vec<&str> = plan
        .due
        .iter()
        .map(|next| next.migration.name.filename())
        .collect();
    assert_eq!(names, due);
    let found: Vec<(&str, Severity)> = plan
        .findings
        .iter()
        .map(|finding| (finding.code(), finding.severity(Strictness::Warn)))
        .collect();
    assert_eq!(found, findings);
    for finding in &plan.findings {
        assert!(
            !finding.to_string().is_empty() && !finding.cure().is_empty(),
            "{finding:?}"
        );
    }
}

fn to(version: &str) -> Goal {
    Goal {
        reach: Reach::To(version.to_owned()),
        ..Goal::default()
    }
}

#[test]
fn what_the_history_does_not_hold_is_due() {
    let files = files(&["1_a.sql", "2_b.sql", "3_c.sql"], None);
    let all = Goal::default();
    check(
        &files,
        &present(applied(&["1_a.sql"])),
        &all,
        &["2_b.sql", "3_c.sql"],
        &[],
    );
    check(
        &files,
        &present(applied(&["1_a.sql"])),
        &to("2"),
        &["2_b.sql"],
        &[],
    );
    check(
        &files,
        &present(applied(&["1_a.sql", "2_b.sql", "3_c.sql"])),
        &all,
        &[],
        &[],
    );
    check(
        &files,
        &absent(&[]),
        &all,
        &["1_a.sql", "2_b.sql", "3_c.sql"],
        &[],
    );
}

#[test]
fn one_file_alone_is_due_if_it_is_pending() {
    let files = files(&["1_a.sql", "2_b.sql", "3_c.sql", "4_d.sql"], None);
    let observed = present(applied(&["1_a.sql", "3_c.sql"]));
    let only = |name: &str| Goal {
        reach: Reach::Only(name.to_owned()),
        ..Goal::default()
    };
    let disorder = ("out_of_order", Severity::Warning);
    check(
        &files,
        &observed,
        &only("2_b.sql"),
        &["2_b.sql"],
        &[disorder],
    );
    check(
        &files,
        &observed,
        &only("4_d.sql"),
        &["4_d.sql"],
        &[disorder],
    );
    check(
        &files,
        &present(applied(&["1_a.sql"])),
        &only("3_c.sql"),
        &["3_c.sql"],
        &[("leaves_out", Severity::Warning)],
    );
    let not_pending = ("not_pending", Severity::Refusal);
    check(
        &files,
        &observed,
        &only("3_c.sql"),
        &[],
        &[disorder, not_pending],
    );
    check(
        &files,
        &absent(&["public.users"]),
        &only("1_a.sql"),
        &[],
        &[("no_history", Severity::Refusal)],
    );
}

#[test]
fn a_failed_or_rolled_back_row_leaves_its_file_pending() {
    let files = files(&["1_a.sql", "2_b.sql"], None);
    let rows = vec![
        row("1_a.sql", RowStatus::RolledBack),
        row("2_b.sql", RowStatus::Failed),
    ];
    let observed = present(rows);
    check(
        &files,
        &observed,
        &Goal::default(),
        &["1_a.sql", "2_b.sql"],
        &[],
    );
    let plan = plan(&files, &observed, &Goal::default());
    assert_eq!(
        plan.entries
            .iter()
            .map(|entry| entry.state)
            .collect::<Vec<_>>(),
        [State::Pending, State::Failed]
    );
}

#[test]
fn a_changed_file_is_a_refusal_but_a_changed_comment_is_not() {
    let mut changed = files(&["1_a.sql", "2_b.sql"], None);
    changed.migrations[0] = migration("1_a.sql", "SELECT 'something else';");
    changed.migrations[1] = migration("2_b.sql", "-- new\nSELECT '2_b.sql' ;");
    let observed = present(applied(&["1_a.sql", "2_b.sql"]));
    check(
        &changed,
        &observed,
        &Goal::default(),
        &[],
        &[
            ("changed", Severity::Refusal),
            ("layout_changed", Severity::Warning),
        ],
    );
}

#[test]
fn rows_without_files_are_missing_renamed_squashed_or_newer() {
    let all = Goal::default();
    let some = files(&["1_a.sql", "3_c.sql"], None);
    check(
        &some,
        &present(applied(&["1_a.sql", "2_b.sql", "3_c.sql"])),
        &all,
        &[],
        &[("missing", Severity::Warning)],
    );
    check(
        &some,
        &present(applied(&["1_a.sql", "3_c.sql", "4_d.sql", "5_e.sql"])),
        &all,
        &[],
        &[("newer_database", Severity::Warning)],
    );
    let squashed = files(&["3_c.sql"], Some("-- onward: baseline through 2\n"));
    check(
        &squashed,
        &present(applied(&["1_a.sql", "2_b.sql", "3_c.sql"])),
        &all,
        &[],
        &[],
    );
    let mut renamed = files(&["1_a.sql", "2_better.sql"], None);
    renamed.migrations[1] = migration("2_better.sql", "SELECT '2_b.sql';");
    check(
        &renamed,
        &present(applied(&["1_a.sql", "2_b.sql"])),
        &all,
        &["2_better.sql"],
        &[("renamed", Severity::Refusal)],
    );
}

#[test]
fn strictness_turns_disorder_into_refusals() {
    let files = files(&["10_x.sql", "1_a.sql", "1_b.sql", "9_z.sql"], None);
    let observed = present(applied(&["1_b.sql"]));
    check(
        &files,
        &observed,
        &Goal::default(),
        &["10_x.sql", "1_a.sql", "9_z.sql"],
        &[
            ("number_order", Severity::Warning),
            ("same_number", Severity::Warning),
            ("out_of_order", Severity::Warning),
            ("out_of_order", Severity::Warning),
        ],
    );
    let plan = plan(&files, &observed, &Goal::default());
    assert_eq!(plan.refusals(Strictness::Warn), 0);
    assert_eq!(plan.refusals(Strictness::Refuse), 3);
}

#[test]
fn the_schema_file_contains_the_migrations_up_to_its_version() {
    let names = ["1_a.sql", "2_b.sql", "2_c.sql", "3_d.sql"];
    let all = Goal::default();
    let twins = ("same_number", Severity::Warning);
    let through = files(&names, Some("-- onward: baseline through 2\nSELECT 1;"));
    check(&through, &absent(&[]), &all, &["3_d.sql"], &[twins]);
    let without = files(&names, Some("SELECT 1;"));
    check(&without, &absent(&[]), &all, &names, &[twins]);
    // No file of that version is left.
    let gone = files(
        &["3_d.sql"],
        Some("-- onward: baseline through 2\nSELECT 1;"),
    );
    check(&gone, &absent(&[]), &all, &["3_d.sql"], &[]);
    check(
        &through,
        &absent(&[]),
        &to("1"),
        &[],
        &[twins, ("goal_below_baseline", Severity::Refusal)],
    );
    // With a history, the schema file is not looked at any more.
    check(
        &through,
        &present(applied(&["1_a.sql"])),
        &all,
        &names[1..],
        &[twins],
    );
}

#[test]
fn a_legacy_database_gets_only_what_does_nothing_twice() {
    let legacy = absent(&["public.users"]);
    let all = Goal::default();
    let text = "-- onward: baseline through 1\nCREATE TABLE IF NOT EXISTS users ();\nINSERT INTO users DEFAULT VALUES;\nDO $$ BEGIN END $$;";
    let careless = files(&["1_a.sql"], Some(text));
    let (hazard, notice) = (
        ("hazard", Severity::Refusal),
        ("do_block", Severity::Notice),
    );
    check(&careless, &legacy, &all, &[], &[hazard, notice]);
    check(&careless, &absent(&[]), &all, &[], &[]);
    let vouched = format!("-- onward: baseline through 1\n-- onward: idempotent\n{text}");
    check(
        &files(&["1_a.sql"], Some(&vouched)),
        &legacy,
        &all,
        &[],
        &[notice],
    );
    check(
        &files(&["1_a.sql"], None),
        &legacy,
        &all,
        &["1_a.sql"],
        &[("no_baseline", Severity::Refusal)],
    );
    let allow = Goal {
        nonempty: Nonempty::Allow,
        ..Goal::default()
    };
    check(
        &files(&["1_a.sql"], None),
        &legacy,
        &allow,
        &["1_a.sql"],
        &[],
    );
}

#[test]
fn what_forbids_to_write_matters_only_if_something_is_due() {
    let files = files(&["1_a.sql"], None);
    for (rows, due, findings) in [
        (
            vec![],
            &["1_a.sql"][..],
            &[("read_only", Severity::Refusal)][..],
        ),
        (applied(&["1_a.sql"]), &[], &[]),
    ] {
        let mut observed = present(rows);
        observed.read_only = Some("the server is a standby".to_owned());
        check(&files, &observed, &Goal::default(), due, findings);
    }
}

#[test]
fn a_history_that_ends_below_the_schema_file_has_a_gap() {
    let squashed = files(
        &["14_n.sql"],
        Some("-- onward: baseline through 13\nSELECT 1;"),
    );
    let there = |names: &[&str]| present(applied(names));
    let gap = [("gap", Severity::Refusal)];
    for short in [&["10_a.sql", "12_c.sql"][..], &[]] {
        let due = ["14_n.sql"];
        check(&squashed, &there(short), &Goal::default(), &due, &gap);
    }
    // It has the last of them, or something newer, or a schema file that went as far.
    check(
        &squashed,
        &there(&["13_d.sql"]),
        &Goal::default(),
        &["14_n.sql"],
        &[],
    );
    check(&squashed, &there(&["14_n.sql"]), &Goal::default(), &[], &[]);
    let mut schema = row("1_schema.sql", RowStatus::Applied);
    schema.filename = SchemaFile::FILENAME.to_owned();
    schema.version = "13".to_owned();
    check(
        &squashed,
        &present(vec![schema]),
        &Goal::default(),
        &["14_n.sql"],
        &[],
    );
    // The file is still there, and will run.
    let whole = files(
        &["13_d.sql", "14_n.sql"],
        Some("-- onward: baseline through 13\nSELECT 1;"),
    );
    let due = ["13_d.sql", "14_n.sql"];
    check(&whole, &there(&["12_c.sql"]), &Goal::default(), &due, &[]);
}

#[test]
fn a_plan_is_empty_after_what_it_said_was_done() {
    let files = files(
        &["1_a.sql", "2_b.sql"],
        Some("-- onward: baseline through 1\nSELECT 1;"),
    );
    let rows = applied(&["1_a.sql", "2_b.sql"]);
    assert!(plan(&files, &present(rows), &Goal::default()).is_empty());
    assert!(!plan(&files, &absent(&[]), &Goal::default()).is_empty());
}

#[test]
fn a_repair_without_names_does_what_is_safe() {
    use crate::plan::repair::{Known, Repair, all, named};
    fn known<'a>(files: &'a Files, ways: &'a WaysBack, rows: &'a [Recorded]) -> Known<'a> {
        Known { files, ways, rows }
    }
    let mut files = files(
        &["1_a.sql", "2_b.sql", "3_new.sql", "4_d.sql", "5_steps.sql"],
        None,
    );
    files.migrations[0] = migration("1_a.sql", "SELECT 'another';");
    files.migrations[2] = migration("3_new.sql", "SELECT '3_old.sql';");
    let steps = "-- onward: no-transaction\nDO 'BEGIN END';\nSELECT 1;";
    files.migrations[4] = migration("5_steps.sql", steps);
    let mut rows = applied(&["1_a.sql", "2_b.sql", "3_old.sql"]);
    rows.push(row("4_d.sql", RowStatus::Failed));
    rows.push(row("2_b.sql", RowStatus::Replaced));
    rows.push(row("0_gone.sql", RowStatus::Applied));
    rows.push(row("0_never.sql", RowStatus::Failed));
    let shown = |repairs: Vec<Repair>| -> Vec<String> {
        let word = |repair: &Repair| match repair {
            Repair::Change(_) => "change",
            Repair::Name { .. } => "name",
            Repair::Failure(_) => "failure",
            Repair::Death { .. } => "death",
            Repair::WayBackDeath { .. } | Repair::WayBackChange(_) => "way back",
            Repair::Missing(_) => "missing",
            Repair::Left(_) => "left",
            Repair::Gone(_) => "gone",
            Repair::Abandoned(_) => "abandoned",
            Repair::RestGone(_) => "rest gone",
            Repair::Nothing(_) => "nothing",
        };
        let line = |repair: &Repair| format!("{} {}", word(repair), repair.filename());
        repairs.iter().map(line).collect()
    };
    let ways = WaysBack::new();
    let safe = ["change 1_a.sql", "name 3_new.sql", "failure 4_d.sql"];
    let with = |last: &[&'static str]| [&safe[..], last, &["failure 0_never.sql"]].concat();
    assert_eq!(shown(all(known(&files, &ways, &rows))), with(&[]));
    // A DO block that a run died in is not repeated unasked.
    rows.push(row("5_steps.sql", RowStatus::Running));
    assert_eq!(
        shown(all(known(&files, &ways, &rows))),
        with(&["left 5_steps.sql"])
    );
    let asked = [
        "5_steps.sql",
        "2_b.sql",
        "0_gone.sql",
        "3_old.sql",
        "3_new.sql",
        "0_never.sql",
    ];
    assert_eq!(
        shown(named(known(&files, &ways, &rows), &asked).expect("known names")),
        [
            "death 5_steps.sql",
            "nothing 2_b.sql",
            "missing 0_gone.sql",
            "name 3_new.sql",
            "failure 0_never.sql"
        ]
    );
    for unknown in ["9_x.sql", "schema.sql"] {
        assert_eq!(
            named(known(&files, &ways, &rows), &[unknown]).expect_err("unknown"),
            unknown
        );
    }
    // What failed after its first step goes on by itself, if that is as it was.
    let last = rows.len() - 1;
    rows[last].status = RowStatus::Failed;
    rows[last].steps_done = 1;
    rows[last].sql_checksum = Some(files.migrations[4].file.checksum_of_steps(1));
    assert_eq!(shown(all(known(&files, &ways, &rows))), with(&[]));
    rows[last].sql_checksum = None;
    assert_eq!(
        shown(all(known(&files, &ways, &rows))),
        with(&["left 5_steps.sql"])
    );
}

/// A way back of each of these, which runs step by step.
fn ways(names: &[&str]) -> WaysBack {
    let way = |name: &&str| {
        let text = format!("VACUUM a;\nDO $$ $$;\nSELECT '{name}';");
        let path = name.replace(".sql", ".down.sql");
        (
            (*name).to_owned(),
            Some(file(&path, &text, Role::Migration)),
        )
    };
    names.iter().map(way).collect()
}

/// A row whose way back has begun, with so many of its steps done.
fn rolling_back(name: &str, steps_done: usize, error: Option<&str>) -> Recorded {
    let ways = ways(&[name]);
    let way = ways[name].as_ref().expect(name);
    Recorded {
        applied_at: Some(Time(1_772_446_500)),
        sql_checksum: Some(way.checksum_of_steps(steps_done)),
        steps_done,
        error_message: error.map(str::to_owned),
        ..row(name, RowStatus::Running)
    }
}

/// What is rolled back, and the code of each finding.
#[track_caller]
fn check_back(
    files: &Files,
    observed: &Observed,
    goal: &rollback::Goal,
    undone: &[&str],
    findings: &[&str],
) {
    let names: Vec<&str> = files
        .migrations
        .iter()
        .map(|migration| migration.name.filename())
        .collect();
    let ways = ways(&names);
    let plan = rollback::rollback(files, &ways, observed, goal);
    let undoing: Vec<&str> = plan
        .undoing
        .iter()
        .map(|undo| undo.migration.name.filename())
        .collect();
    let codes: Vec<&str> = plan.findings.iter().map(Finding::code).collect();
    assert_eq!((undoing.as_slice(), codes.as_slice()), (undone, findings));
    for finding in &plan.findings {
        assert!(
            !finding.to_string().is_empty() && !finding.cure().is_empty(),
            "{finding:?}"
        );
        assert_eq!(finding.severity(Strictness::Warn), Severity::Refusal);
    }
}

#[test]
fn what_was_applied_last_is_rolled_back_first() {
    use rollback::Goal::{After, Last, These};
    let files = files(&["1_a.sql", "2_b.sql", "3_c.sql"], None);
    let mut schema = row("1_schema.sql", RowStatus::Applied);
    schema.filename = SchemaFile::FILENAME.to_owned();
    let mut rows = vec![
        schema,
        row("1_a.sql", RowStatus::Applied),
        row("3_c.sql", RowStatus::Applied),
        row("2_b.sql", RowStatus::RolledBack),
        row("2_b.sql", RowStatus::Applied),
    ];
    rows[1].kind = RowKind::Adopted;
    rows[2].kind = RowKind::Marked;
    let observed = present(rows);
    let after = |version: &str| After(version.to_owned());
    let these = |names: &[&str]| These(names.iter().map(|name| (*name).to_owned()).collect());
    check_back(&files, &observed, &Last(1), &["2_b.sql"], &[]);
    check_back(&files, &observed, &Last(2), &["2_b.sql", "3_c.sql"], &[]);
    let all = ["2_b.sql", "3_c.sql", "1_a.sql"];
    check_back(&files, &observed, &Last(3), &all, &[]);
    check_back(&files, &observed, &Last(4), &all, &["too_few_applied"]);
    check_back(&files, &observed, &after("1"), &all[..2], &[]);
    check_back(&files, &observed, &after("2"), &["3_c.sql"], &[]);
    check_back(&files, &observed, &after("3"), &[], &[]);
    check_back(&files, &observed, &these(&all), &all, &[]);
    check_back(
        &files,
        &observed,
        &these(&["2_b.sql", "4_d.sql"]),
        &["2_b.sql"],
        &[],
    );
    // Something newer is applied than what was asked for.
    check_back(
        &files,
        &observed,
        &these(&["3_c.sql"]),
        &["3_c.sql"],
        &["applied_meanwhile"],
    );
    check_back(&files, &observed, &these(&["4_d.sql"]), &[], &[]);
    for nothing in [present(Vec::new()), absent(&[])] {
        check_back(&files, &nothing, &Last(3), &[], &[]);
        check_back(&files, &nothing, &after("1"), &[], &[]);
    }
}

#[test]
fn what_cannot_be_rolled_back_is_a_refusal() {
    use rollback::Goal::Last;
    let mut some = files(&["1_a.sql", "2_b.sql", "3_c.sql"], None);
    some.migrations[0] = migration("1_a.sql", "SELECT 'something else';");
    some.migrations[1] = migration("2_b.sql", "-- new\nSELECT '2_b.sql';");
    let rows = applied(&["1_a.sql", "2_b.sql", "4_d.sql"]);
    let mut observed = present(rows);
    check_back(
        &some,
        &observed,
        &Last(3),
        &["2_b.sql"],
        &["nothing_to_roll_back_with", "changed"],
    );
    let none = WaysBack::new();
    let plan = rollback::rollback(&some, &none, &observed, &Last(2));
    assert_eq!(plan.findings[1].to_string(), "2_b.sql has no way back");
    observed.read_only = Some("the server is a standby".to_owned());
    let refused = ["nothing_to_roll_back_with", "read_only"];
    check_back(&some, &observed, &Last(1), &[], &refused);
    let mut rows = applied(&["1_a.sql", "2_b.sql"]);
    rows.push(row("3_c.sql", RowStatus::Running));
    check_back(
        &some,
        &present(rows),
        &Last(1),
        &["2_b.sql"],
        &["applied_in_part"],
    );
    let mut rows = applied(&["2_b.sql"]);
    rows.push(row("3_c.sql", RowStatus::Failed));
    check_back(&some, &present(rows), &Last(1), &["2_b.sql"], &[]);
}

#[test]
fn a_way_back_that_has_begun_comes_first_and_keeps_up_from_going_on() {
    use rollback::Goal::{After, Last, These};
    let files = files(&["1_a.sql", "2_b.sql", "3_c.sql"], None);
    let with = |row: Recorded| {
        let mut rows = vec![row];
        rows.extend(applied(&["1_a.sql"]));
        present(rows)
    };
    let after = |version: &str| After(version.to_owned());
    let failed = with(rolling_back("2_b.sql", 1, Some("an error")));
    check_back(&files, &failed, &Last(1), &["2_b.sql"], &[]);
    check_back(&files, &failed, &after("1"), &["2_b.sql"], &[]);
    check_back(&files, &failed, &after("2"), &[], &["rolling_back"]);
    check(
        &files,
        &failed,
        &Goal::default(),
        &["3_c.sql"],
        &[("rolling_back", Severity::Refusal)],
    );
    // The statement that may have committed is the second.
    let in_doubt = with(rolling_back("2_b.sql", 1, None));
    check_back(
        &files,
        &in_doubt,
        &Last(1),
        &["2_b.sql"],
        &["back_in_doubt"],
    );
    let died = with(rolling_back("2_b.sql", 2, None));
    check_back(&files, &died, &Last(2), &["2_b.sql", "1_a.sql"], &[]);
    check_back(
        &files,
        &died,
        &These(vec!["1_a.sql".to_owned()]),
        &["1_a.sql"],
        &["rolling_back"],
    );
    let mut changed = rolling_back("2_b.sql", 2, Some("an error"));
    changed.steps_done = 1;
    check_back(
        &files,
        &with(changed),
        &Last(1),
        &["2_b.sql"],
        &["back_steps_changed"],
    );
}
