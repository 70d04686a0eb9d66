//! What a dry run shows is what the command then does: the same names in the same order, and nothing before.

use crate::history::applied;
use crate::support::{Database, Outcome, Project};
use crate::up::three;

/// What each verb of a dry run becomes.
const DONE: [(&str, &str); 10] = [
    ("would apply ", "applied "),
    ("would roll back ", "rolled back "),
    ("would record ", "recorded "),
    ("would accept ", "accepted "),
    ("would forget ", "forgot "),
    ("would remove ", "removed "),
    ("would rename ", "renamed "),
    ("would adopt ", "adopted "),
    (" would go on ", " will go on "),
    (" would run again", " will run again"),
];

/// The lines of a run that tell of one thing that was done; the time that it took does not count.
fn told(outcome: &Outcome) -> Vec<String> {
    let lines = outcome.stdout.lines().chain(outcome.stderr.lines());
    let lines = lines.map(|line| line.trim_end_matches(" (<time>)").to_owned());
    let is_told = |line: &String| {
        DONE.iter().any(|(_, done)| {
            line.starts_with(done) || (done.starts_with(' ') && line.contains(done))
        })
    };
    lines.filter(is_told).collect()
}

/// A command rehearsed, which leaves no trace, then run: both tell these lines.
#[track_caller]
fn check(project: &Project, database: &Database, arguments: &str, shown: &[&str]) {
    let (dump, files) = (database.full_dump(), project.migrations());
    let rehearsed = project
        .run(database, &format!("{arguments} --dry-run"))
        .outcome();
    rehearsed.exits(0);
    assert_eq!(database.full_dump(), dump, "{rehearsed}");
    assert_eq!(project.migrations(), files, "{rehearsed}");
    let lines: Vec<&str> = rehearsed.stdout.lines().collect();
    let (total, lines): (Vec<&str>, _) = lines.iter().partition(|line| line.starts_with("Would "));
    assert!(total.len() < 2, "{rehearsed}");
    assert_eq!(lines, shown, "{rehearsed}");
    let run = project.run(database, arguments).outcome();
    run.exits(0);
    let expected = shown.iter().map(|line| {
        let (would, done) = DONE
            .iter()
            .find(|(would, _)| line.contains(would))
            .expect("a verb");
        line.replacen(would, done, 1)
    });
    assert_eq!(told(&run), expected.collect::<Vec<_>>(), "{run}");
    // A second rehearsal does not show it again, if it is not refused.
    let after = project
        .run(database, &format!("{arguments} --dry-run"))
        .outcome();
    assert!(
        !after.stdout.lines().any(|line| shown.contains(&line)),
        "{after}"
    );
}

#[test]
fn up_does_what_it_showed() {
    let project = three()
        .migration("0005_z.sql", "CREATE TABLE z (x int);")
        .migration("020_v.sql", "VACUUM z;");
    let database = Database::new();
    check(
        &project,
        &database,
        "up --to 002",
        &[
            "would apply 0005_z.sql",
            "would apply 001_a.sql",
            "would apply 002_b.sql",
        ],
    );
    check(
        &project,
        &database,
        "up --only 020_v.sql",
        &["would apply 020_v.sql"],
    );
    check(&project, &database, "up", &["would apply 003_c.sql"]);
}

#[test]
fn rollback_does_what_it_showed() {
    let project = three()
        .migration("001_a.down.sql", "DROP TABLE a;")
        .migration("002_b.down.sql", "DROP TABLE b;")
        .migration("003_c.down.sql", "DROP TABLE c;");
    let database = Database::new();
    project.run(&database, "-q --to 001").gives(0, "", "");
    project
        .run(&database, "up -q --only 003_c.sql")
        .gives(0, "", "");
    project.run(&database, "-q").gives(0, "", "");
    // The last one applied is the second one by name.
    check(
        &project,
        &database,
        "rollback --to 001",
        &["would roll back 002_b.sql", "would roll back 003_c.sql"],
    );
}

#[test]
fn baseline_does_what_it_showed() {
    let database = Database::with("CREATE TABLE a (x int)");
    let project = three();
    let first = ["would record 001_a.sql"];
    check(&project, &database, "baseline --through 001", &first);
    check(
        &project,
        &database,
        "baseline --extend --through 003",
        &["would record 002_b.sql", "would record 003_c.sql"],
    );
}

#[test]
fn repair_does_what_it_showed() {
    let (project, database) = applied();
    project.write("migrations/001_a.sql", "SELECT 1;");
    project.rename("migrations/004_d.sql", "migrations/004_data.sql");
    project.remove("migrations/003_c.sql");
    project.write("migrations/006_f.sql", "VACUUM a;\nSELECT nonsense;\n");
    project.run(&database, "-q").outcome().exits(3);
    check(
        &project,
        &database,
        "repair",
        &[
            "would accept the text of 001_a.sql as it is now",
            "would accept the name 004_data.sql for 004_d.sql",
        ],
    );
    check(
        &project,
        &database,
        "repair 003_c.sql",
        &["would remove 003_c.sql from the history: its file is missing"],
    );
    project.run(&database, "-q").outcome().exits(1);
    check(
        &project,
        &database,
        "repair 006_f.sql",
        &["would forget the failed attempt of 006_f.sql"],
    );
}

#[test]
fn repair_of_a_way_back_does_what_it_showed() {
    let project = three().migration(
        "003_c.down.sql",
        "-- onward: no-transaction\nSELECT 1;\nSELECT nonsense;\n",
    );
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    project.run(&database, "rollback -q").outcome().exits(1);
    project.write("migrations/003_c.down.sql", "DROP TABLE c;");
    check(
        &project,
        &database,
        "repair 003_c.sql",
        &["all of the way back of 003_c.sql would run again"],
    );
    check(
        &project,
        &database,
        "rollback",
        &["would roll back 003_c.sql"],
    );
}

#[test]
fn adopt_does_what_it_showed() {
    let project = three();
    let database = Database::with(
        "CREATE TABLE a (x int); CREATE TABLE pgmigrations (id serial, name varchar(255) NOT NULL, run_on timestamp NOT NULL); \
         INSERT INTO pgmigrations (name, run_on) VALUES ('001_a', now()), ('002_b', now()), ('003_c', now())",
    );
    check(
        &project,
        &database,
        "adopt",
        &[
            "would adopt 001_a.sql",
            "would adopt 002_b.sql",
            "would adopt 003_c.sql",
        ],
    );
}
