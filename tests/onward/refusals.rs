//! Every refusal names what answers it, and that works: the command is typed into a shell as it was printed.

use std::path::Path;

use crate::history::applied;
use crate::support::{Database, Outcome, Project, Proxy, Run, dedent, wait_until};
use crate::up::three;

/// What was refused, and where.
struct Refusal<'a> {
    project: &'a Project,
    database: &'a Database,
    text: String,
}

/// A run that refuses for one reason with exactly this, and leaves the database as it was.
#[track_caller]
fn refused<'a>(
    project: &'a Project,
    database: &'a Database,
    arguments: &str,
    text: &str,
) -> Refusal<'a> {
    let before = database.full_dump();
    let text = dedent(text);
    let stderr = format!("{text}error: refused, for 1 reason\n  nothing was changed\n");
    project.run(database, arguments).gives(3, "", &stderr);
    assert_eq!(database.full_dump(), before);
    Refusal {
        project,
        database,
        text,
    }
}

impl Refusal<'_> {
    /// A command that was printed does this; stdout and stderr are stated.
    #[track_caller]
    fn cured_by(&self, command: &str, stdout: &str, stderr: &str) {
        self.typed(command, ("", "")).gives(0, stdout, stderr);
    }

    /// The same, with a word in capitals replaced by what the user means.
    #[track_caller]
    fn cured_with(&self, command: &str, meant: (&str, &str), stdout: &str, stderr: &str) {
        self.typed(command, meant).gives(0, stdout, stderr);
    }

    /// A command that was printed, as a shell understands it.
    #[track_caller]
    fn typed(&self, command: &str, (word, meant): (&str, &str)) -> Run {
        assert!(self.text.contains(command), "{command}: {}", self.text);
        let typed = command.replace("<database>", &self.database.name);
        let typed = match word {
            "" => typed,
            word => typed.replace(word, meant),
        };
        let program = Path::new(env!("CARGO_BIN_EXE_onward"));
        self.project
            .run(self.database, "")
            .env("PATH", program.parent().unwrap().to_str().unwrap())
            .instead("/bin/sh", &["-c", &typed])
    }

    /// A statement that was printed, run as the superuser.
    #[track_caller]
    fn cured_by_sql(&self, statement: &str) {
        assert!(self.text.contains(statement), "{statement}: {}", self.text);
        self.database
            .execute(&statement.replace("<database>", &self.database.name));
    }
}

/// Three files, of which the first is recorded.
fn one_recorded() -> (Project, Database) {
    let (project, database) = (three(), Database::new());
    project.run(&database, "--to 001 -q").gives(0, "", "");
    (project, database)
}

#[test]
fn what_became_of_an_applied_file_is_answered_by_repair() {
    let (project, database) = applied();
    project.write("migrations/002_b.sql", "CREATE TABLE b (x int, y int);\n");
    let changed = refused(
        &project,
        &database,
        "--dir migrations",
        r"
        refused: 002_b.sql changed after it was applied on <when>
          restore the file, or accept the change: onward --dir migrations repair 002_b.sql
    ",
    );
    changed.cured_by(
        "onward --dir migrations repair 002_b.sql",
        "accepted the text of 002_b.sql as it is now\n",
        "",
    );
    project.rename("migrations/003_c.sql", "migrations/003_it's c.sql");
    let renamed = refused(
        &project,
        &database,
        "",
        r"
        refused: 003_it's c.sql was applied under the name 003_c.sql
          rename it back, or accept the new name: onward repair '003_it'\''s c.sql'
    ",
    );
    renamed.cured_by(
        r"onward repair '003_it'\''s c.sql'",
        "accepted the name 003_it's c.sql for 003_c.sql\n",
        "",
    );
    project.remove("migrations/001_a.sql");
    let missing = refused(
        &project,
        &database,
        "--strict",
        r"
        refused: 001_a.sql was applied on <when>, and the file is missing
          restore the file from version control, or take it out of the history: onward repair 001_a.sql
    ",
    );
    missing.cured_by(
        "onward repair 001_a.sql",
        "removed 001_a.sql from the history: its file is missing\n",
        "",
    );
    project.write(
        "migrations/004_d.sql",
        "CREATE TABLE d (x int); -- the fourth\n",
    );
    project.run(&database, "validate --strict").gives(
        3,
        "Validated 4 migrations: 1 refusal\n",
        r"
        refused: only comments or layout of 004_d.sql changed after it was applied
          restore the file, or accept the change: onward repair 004_d.sql
    ",
    );
    project.run(&database, "repair 004_d.sql").gives(
        0,
        "accepted the text of 004_d.sql as it is now\n",
        "",
    );
    let text = "Validated 4 migrations: files and history agree\n";
    project
        .run(&database, "validate --strict")
        .gives(0, text, "");
}

#[test]
fn numbers_that_do_not_fit_are_answered_by_other_names() {
    let (project, database) = one_recorded();
    project.rename("migrations/003_c.sql", "migrations/002_c.sql");
    refused(
        &project,
        &database,
        "--strict",
        r"
        refused: 002_b.sql and 002_c.sql have the same number; they run in this order
          give one of them a number of its own before it is applied anywhere
    ",
    );
    project.rename("migrations/002_c.sql", "migrations/003_c.sql");
    project.run(&database, "--strict -q").gives(0, "", "");
    project.write("migrations/0011_late.sql", "SELECT 1;");
    refused(
        &project,
        &database,
        "--strict",
        r"
        warning: 0011_late.sql runs before 001_a.sql, because names are ordered byte by byte
          give all numbers the same width
        refused: 0011_late.sql is out of order: 003_c.sql is applied already
          number a new file after the newest applied one
    ",
    );
    project.rename("migrations/0011_late.sql", "migrations/004_late.sql");
    project.run(&database, "--strict -q").gives(0, "", "");
    // Files of a later release, which an older one does not have.
    project.rename("migrations/004_late.sql", "004_late.sql");
    refused(
        &project,
        &database,
        "--strict",
        r"
        refused: the database is newer than the files, by 1 migration: 004_late.sql
          run the onward of the newer release, with its files
    ",
    );
    project.rename("004_late.sql", "migrations/004_late.sql");
    project.run(&database, "--strict -q").gives(0, "", "");
}

const NO_HISTORY: &str = r"
    refused: this database has no history yet
      create it: onward up; or record what the database contains already: onward baseline --through VERSION
";

#[test]
fn without_a_history_there_are_two_ways_to_one() {
    for (arguments, project) in [
        ("repair", three()),
        ("repair 001_a.sql", three()),
        ("up --only 001_a.sql", three().schema("SELECT 1;")),
    ] {
        let database = Database::new();
        let none = refused(&project, &database, arguments, NO_HISTORY);
        let schema = if project.path("schema.sql").exists() {
            "the schema file and "
        } else {
            ""
        };
        none.cured_with(
            "onward baseline --through VERSION",
            ("VERSION", "001"),
            &format!("recorded 001_a.sql\nRecorded {schema}1 migration without running them\n"),
            "",
        );
    }
    let (project, database) = (three(), Database::new());
    refused(&project, &database, "repair", NO_HISTORY).cured_by(
        "onward up",
        "Applied 3 migrations: 001_a.sql, 002_b.sql, 003_c.sql\n",
        "applied 001_a.sql (<time>)\napplied 002_b.sql (<time>)\napplied 003_c.sql (<time>)\n",
    );
    project
        .run(&database, "repair")
        .gives(0, "nothing to repair\n", "");
}

#[test]
fn objects_without_a_history_are_recorded_or_left() {
    let refusal = r"
        refused: the database has objects of its own (public.a), but no history, and there is no schema file
          record the migrations that it already contains: onward baseline --through VERSION; or run all files: onward up --allow-nonempty
    ";
    let (project, database) = (three(), Database::with("CREATE TABLE a (x int)"));
    refused(&project, &database, "", refusal).cured_with(
        "onward baseline --through VERSION",
        ("VERSION", "001"),
        "recorded 001_a.sql\nRecorded 1 migration without running them\n",
        "",
    );
    project.run(&database, "-q").gives(0, "", "");
    let project = Project::new().migration("001_z.sql", "CREATE TABLE z (x int);");
    let database = Database::with("CREATE TABLE a (x int)");
    refused(&project, &database, "", refusal).cured_by(
        "onward up --allow-nonempty",
        "Applied 1 migration: 001_z.sql\n",
        "applied 001_z.sql (<time>)\n",
    );
}

#[test]
fn a_schema_file_that_must_not_run_is_vouched_for_or_recorded() {
    let schema = "-- onward: baseline through 001\nINSERT INTO a VALUES (1);\n";
    let refusal = r"
        refused: schema.sql:2: INSERT without ON CONFLICT: it would change or duplicate what this database holds
          make the statement idempotent (IF NOT EXISTS, ON CONFLICT, a name); or vouch for the schema file with the line -- onward: idempotent; or record the schema as it stands: onward baseline
    ";
    let (project, database) = (
        three().schema(schema),
        Database::with("CREATE TABLE a (x int)"),
    );
    refused(&project, &database, "", refusal).cured_by(
        "onward baseline",
        "recorded 001_a.sql\nRecorded the schema file and 1 migration without running them\n",
        "",
    );
    project.run(&database, "-q").gives(0, "", "");
    let database = Database::with("CREATE TABLE a (x int)");
    let refusal = refused(&project, &database, "", refusal);
    assert!(refusal.text.contains(" -- onward: idempotent;"));
    project.write("schema.sql", format!("-- onward: idempotent\n{schema}"));
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(database.value("SELECT count(*) FROM a"), "1");

    let project = three().schema("-- onward: baseline through 001\nCREATE TABLE a (x int);\n");
    let database = Database::with("CREATE TABLE a (x int)");
    let stderr = dedent(
        r#"
        schema.sql:2:1: ERROR: relation "a" already exists (42P07)
        2 | CREATE TABLE a (x int);
          | ^
        rolled back: schema.sql as a whole, the history table included
        applied before: none
        still pending: schema.sql, 002_b.sql, 003_c.sql
          make the statement idempotent (IF NOT EXISTS, OR REPLACE, or a DROP ... IF EXISTS before it), or record the schema as it stands: onward baseline
    "#,
    );
    project.run(&database, "").gives(3, "", &stderr);
    let exists = Refusal {
        project: &project,
        database: &database,
        text: stderr,
    };
    exists.cured_by(
        "onward baseline",
        "recorded 001_a.sql\nRecorded the schema file and 1 migration without running them\n",
        "",
    );
    project.run(&database, "-q").gives(0, "", "");
}

#[test]
fn a_history_that_is_there_is_extended() {
    let (project, database) = one_recorded();
    let there = refused(
        &project,
        &database,
        "baseline --through 002",
        r"
        refused: this database has a history already, in public.schema_migrations
          record what it does not hold yet: onward baseline --extend --through VERSION; or see what it holds: onward status
    ",
    );
    there.cured_by(
        "onward status",
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        applied  001_a.sql  a  <when>  <time>  postgres
        pending  002_b.sql  b
        pending  003_c.sql  c

        3 migrations: 1 applied, 2 pending
    ",
        "",
    );
    there.cured_with(
        "onward baseline --extend --through VERSION",
        ("VERSION", "002"),
        "recorded 002_b.sql\nRecorded 1 migration without running them\n",
        "",
    );
}

#[test]
fn a_goal_below_the_schema_file_is_left_out_or_raised() {
    let project = three().schema("-- onward: baseline through 002\nCREATE TABLE s (x int);\n");
    let database = Database::new();
    refused(
        &project,
        &database,
        "--to 001",
        r"
        refused: the schema file goes through version 002, which is beyond 001
          leave --to out, or name a later version
    ",
    );
    project.run(&database, "--to 002 -q").gives(0, "", "");
    project.run(&database, "-q").gives(0, "", "");
}

#[test]
fn one_file_alone_is_answered_by_all_or_by_status() {
    let (project, database) = one_recorded();
    let leaves_out = refused(
        &project,
        &database,
        "--strict up --only 003_c.sql",
        r"
        refused: 003_c.sql leaves out what is pending before it, which will be out of order then: 002_b.sql
          apply all of them in order: onward up
    ",
    );
    let applied = refused(
        &project,
        &database,
        "up --only 001_a.sql",
        r"
        refused: 001_a.sql is not pending but applied
          see what is pending: onward status
    ",
    );
    leaves_out.cured_by(
        "onward up",
        "Applied 2 migrations: 002_b.sql, 003_c.sql\n",
        "applied 002_b.sql (<time>)\napplied 003_c.sql (<time>)\n",
    );
    applied.cured_by(
        "onward status",
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        applied  001_a.sql  a  <when>  <time>  postgres
        applied  002_b.sql  b  <when>  <time>  postgres
        applied  003_c.sql  c  <when>  <time>  postgres

        3 migrations: 3 applied, 0 pending
    ",
        "",
    );
}

#[test]
fn a_tool_without_files_in_our_place_is_recorded_beside() {
    let database = Database::with(
        "CREATE TABLE schema_migrations (filename text PRIMARY KEY); CREATE TABLE a (x int)",
    );
    let project = three();
    let foreign = refused(
        &project,
        &database,
        "",
        r"
        refused: Sequel keeps the history of this database, in public.schema_migrations
          leave that table alone, and record what the tool has applied already in a table of another name: onward baseline --table NAME --through VERSION
    ",
    );
    foreign.cured_with(
        "onward baseline --table NAME --through VERSION",
        ("NAME --through VERSION", "log --through 001"),
        "recorded 001_a.sql\nRecorded 1 migration without running them\n",
        "",
    );
    project.run(&database, "--table log -q").gives(0, "", "");
    assert!(database.has("c"));
}

#[test]
fn a_table_that_is_no_history_is_left_for_one_of_another_name() {
    let project = three();
    let database = Database::with("CREATE TABLE schema_migrations (colour text)");
    refused(
        &project,
        &database,
        "--allow-nonempty",
        r"
        refused: public.schema_migrations is not a history of onward; its columns are colour text
          use a table of another name, with --table [SCHEMA.]NAME or ONWARD_TABLE
    ",
    );
    project
        .run(&database, "--allow-nonempty -q")
        .env("ONWARD_TABLE", "ops.log")
        .gives(0, "", "");
    refused(
        &project,
        &database,
        "--table log",
        r"
        refused: the history stands in ops.log, which is not on the search_path (public)
          name it, with --table ops.log or ONWARD_TABLE; or begin a history elsewhere, with --table SCHEMA.NAME
    ",
    );
    project
        .run(&database, "--table ops.log -q")
        .gives(0, "", "");
}

#[test]
fn rights_that_lack_are_granted_as_printed() {
    let (project, database) = (three(), Database::new());
    project
        .run(&database, "--table ops.log --to 001 -q")
        .gives(0, "", "");
    let poor = database.role("poor");
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {poor}"));
    let text = |text: &str| {
        format!(
            "{}error: refused, for 1 reason\n  nothing was changed\n",
            dedent(text)
        )
    };
    let check = |stderr: &str, grants: &[&str]| {
        let stderr = text(stderr);
        project
            .run_alone("--table ops.log")
            .on_as(&database, &poor)
            .gives(3, "", &stderr);
        let refusal = Refusal {
            project: &project,
            database: &database,
            text: stderr,
        };
        for grant in grants {
            refusal.cured_by_sql(grant);
        }
    };
    check(
        r#"
        refused: the role "<database>_poor" may not read the history "ops"."log"
          as its owner: GRANT USAGE ON SCHEMA "ops" TO "<database>_poor"; GRANT SELECT ON "ops"."log" TO "<database>_poor";
    "#,
        &[
            r#"GRANT USAGE ON SCHEMA "ops" TO "<database>_poor";"#,
            r#"GRANT SELECT ON "ops"."log" TO "<database>_poor";"#,
        ],
    );
    check(
        r"
        refused: the history ops.log cannot be trusted: it does not let <database>_poor INSERT, UPDATE and DELETE
          as its owner: GRANT SELECT, INSERT, UPDATE, DELETE ON ops.log TO <database>_poor;
    ",
        &["GRANT SELECT, INSERT, UPDATE, DELETE ON ops.log TO <database>_poor;"],
    );
    project
        .run_alone("--table ops.log")
        .on_as(&database, &poor)
        .gives(
            0,
            "Applied 2 migrations: 002_b.sql, 003_c.sql\n",
            "applied 002_b.sql (<time>)\napplied 003_c.sql (<time>)\n",
        );
}

#[test]
fn a_history_that_is_not_trusted_is_mended_or_left() {
    let (project, database) = one_recorded();
    database.execute(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
         CREATE TRIGGER t BEFORE UPDATE ON schema_migrations FOR EACH ROW EXECUTE FUNCTION f()",
    );
    for arguments in ["", "repair", "baseline --extend --through 002"] {
        refused(
            &project,
            &database,
            arguments,
            r"
            refused: the history public.schema_migrations cannot be trusted: it has triggers
              have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        ",
        );
    }
    database.execute("DROP TRIGGER t ON schema_migrations");
    project.run(&database, "-q").gives(0, "", "");
}

/// Three files with their ways back, all applied.
fn with_ways_back() -> (Project, Database) {
    let project = three()
        .migration("001_a.down.sql", "DROP TABLE a;")
        .migration("002_b.down.sql", "DROP TABLE b;")
        .migration("003_c.down.sql", "DROP TABLE c;");
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    (project, database)
}

#[test]
fn more_than_is_applied_is_answered_by_all_of_it() {
    let (project, database) = with_ways_back();
    project.run(&database, "rollback -q").gives(0, "", "");
    let too_few = refused(
        &project,
        &database,
        "rollback 3",
        r"
        refused: 3 migrations cannot be rolled back, for only 2 are applied
          roll back all of them: onward rollback 2
    ",
    );
    too_few.cured_by(
        "onward rollback 2",
        "Rolled back 2 migrations: 002_b.sql, 001_a.sql\n",
        "rolled back 002_b.sql (<time>)\nrolled back 001_a.sql (<time>)\n",
    );
}

#[test]
fn a_way_back_that_lacks_is_written_or_replaced_by_a_migration() {
    let (project, database) = with_ways_back();
    project.rename("migrations/003_c.sql", "003_c.sql");
    project.rename("migrations/003_c.down.sql", "003_c.down.sql");
    let gone = refused(
        &project,
        &database,
        "rollback",
        r"
        refused: 003_c.sql cannot be rolled back, for the file is missing
          restore the file from version control; or write a new migration that undoes it: onward new undo c
    ",
    );
    project.rename("003_c.sql", "migrations/003_c.sql");
    refused(
        &project,
        &database,
        "rollback",
        r"
        refused: 003_c.sql has no way back
          write a new migration that undoes it: onward new undo c; or a way back, as migrations/003_c.down.sql
    ",
    );
    gone.cured_by("onward new undo c", "migrations/004_undo_c.sql\n", "");
    project.write("migrations/004_undo_c.sql", "DROP TABLE c;");
    project.write("migrations/004_undo_c.down.sql", "");
    project.run(&database, "-q").gives(0, "", "");
    assert!(!database.has("c"));
    project.run(&database, "rollback -q").gives(0, "", "");
    database.execute("CREATE TABLE c (x int)");
    project.rename("003_c.down.sql", "migrations/003_c.down.sql");
    project.run(&database, "rollback -q").gives(0, "", "");
    assert!(!database.has("c"));
}

#[test]
fn what_is_done_in_part_is_finished_or_forgotten() {
    let (project, database) = with_ways_back();
    project.write("migrations/004_d.sql", "VACUUM a;\nSELECT nonsense;\n");
    project.run(&database, "-q").outcome().exits(1);
    let refusal = r"
        refused: 004_d.sql is applied in part, 1 step done
          finish it: onward up; or have it forgotten: onward repair 004_d.sql
    ";
    let in_part = refused(&project, &database, "rollback", refusal);
    project.write("migrations/004_d.sql", "VACUUM a;\nSELECT 4;\n");
    project.write("migrations/004_d.down.sql", "SELECT 4;\n");
    in_part.cured_by(
        "onward up",
        "Applied 1 migration: 004_d.sql\n",
        "applied 004_d.sql (<time>)\n",
    );
    project.write("migrations/005_e.sql", "VACUUM a;\nSELECT nonsense;\n");
    project.run(&database, "-q").outcome().exits(1);
    let refusal = refusal.replace("004_d", "005_e");
    refused(&project, &database, "rollback", &refusal).cured_by(
        "onward repair 005_e.sql",
        "forgot the failed attempt of 005_e.sql\n",
        "",
    );

    let (project, database) = with_ways_back();
    let back = "-- onward: no-transaction\nSELECT 1;\nSELECT nonsense;\nDROP TABLE c;\n";
    project.write("migrations/003_c.down.sql", back);
    project.run(&database, "rollback -q").outcome().exits(1);
    let begun = refused(
        &project,
        &database,
        "up",
        r"
        refused: 003_c.sql is being rolled back, 1 step done
          finish it: onward rollback
    ",
    );
    project.write(
        "migrations/003_c.down.sql",
        back.replace("SELECT nonsense", "SELECT 2"),
    );
    begun.cured_by(
        "onward rollback",
        "Rolled back 1 migration: 003_c.sql\n",
        "rolled back 003_c.sql (<time>)\n",
    );
}

#[test]
fn steps_that_are_others_now_run_again_after_a_repair() {
    let (project, database) = (three(), Database::new());
    project.write("migrations/003_c.sql", "VACUUM a;\nSELECT nonsense;\n");
    project.run(&database, "-q").outcome().exits(1);
    project.write("migrations/003_c.sql", "VACUUM b;\nSELECT 3;\n");
    let changed = refused(
        &project,
        &database,
        "",
        r"
        refused: 003_c.sql was done in part (1 step), and that part is another now
          restore its beginning; or have the whole file run again: onward repair 003_c.sql
    ",
    );
    changed.cured_by(
        "onward repair 003_c.sql",
        "forgot the failed attempt of 003_c.sql\n",
        "",
    );
    project.run(&database, "-q").gives(0, "", "");
}

#[test]
fn another_database_is_reset_by_its_own_name() {
    let (project, database) = (three(), Database::with("CREATE TABLE mine (x int)"));
    let other = refused(
        &project,
        &database,
        "--dir migrations reset --database other",
        r#"
        refused: the connection leads to the database <database>, not to "other"
          if it is meant: onward --dir migrations reset --database <database>
    "#,
    );
    let arguments = format!("reset --database {}", database.name);
    let run = project.run(&database, &arguments);
    let mut somebody = database.connect();
    database.forget();
    wait_until("only that session is left", || {
        let query =
            "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database()";
        somebody.query_one(query, &[]).unwrap().get::<_, String>(0) == "1"
    });
    let stderr = dedent(
        r"
        refused: others are connected: pid <pid>, user postgres, application ''
          disconnect them, or have them ended: onward reset --database <database> --force
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    run.gives(3, "", &stderr);
    let in_use = Refusal {
        project: &project,
        database: &database,
        text: stderr,
    };
    let said =
        "applied 001_a.sql (<time>)\napplied 002_b.sql (<time>)\napplied 003_c.sql (<time>)\n";
    let said = format!("dropped all that was in <database>\n{said}");
    let done = "Applied 3 migrations: 001_a.sql, 002_b.sql, 003_c.sql\n";
    in_use.cured_by("onward reset --database <database> --force", done, &said);
    drop(somebody);
    database.forget();
    let run = other.typed(
        "onward --dir migrations reset --database <database>",
        ("", ""),
    );
    database.disconnect();
    run.gives(0, done, &said);
}

#[test]
fn a_role_that_may_write_answers_a_database_that_takes_no_writes() {
    let (project, database) = one_recorded();
    let writer = database.role("writer");
    database.execute(&format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on; \
         ALTER ROLE {writer} SUPERUSER; ALTER ROLE {writer} IN DATABASE {} SET default_transaction_read_only = off",
        database.name, database.name
    ));
    let text = r"
        refused: nothing can be written: the database takes no writes from this session (default_transaction_read_only)
          connect to the primary, with a role whose default_transaction_read_only is off
    ";
    refused(&project, &database, "", text);
    refused(&project, &database, "baseline --extend --through 002", text);
    refused(&project, &database, "repair 001_a.sql", text);
    refused(
        &project,
        &database,
        &format!("reset --database {}", database.name),
        text,
    );
    project
        .run_alone("-q")
        .on_as(&database, &writer)
        .gives(0, "", "");
    assert_eq!(database.applied().len(), 3);
    database.forget();
    database.execute("SET default_transaction_read_only = off");
    database.execute(&format!(
        "REASSIGN OWNED BY {writer} TO postgres; DROP OWNED BY {writer}; DROP ROLE {writer}"
    ));
}

/// The end of a run: its exit code, and the last lines of stderr.
#[track_caller]
fn ends(outcome: &Outcome, code: i32, stderr: &str) {
    outcome.exits(code);
    assert!(outcome.stderr.ends_with(&dedent(stderr)), "{outcome}");
}

#[test]
fn a_file_that_ends_its_own_connection_is_not_tried_for_ever() {
    let (project, database) = one_recorded();
    let text = "SELECT pg_terminate_backend(pg_backend_pid());";
    project.write("migrations/002_b.sql", text);
    let outcome = project.run(&database, "").outcome();
    // Whether the server's last word is read depends on chance.
    let error = "\nerror: the connection was lost 5 times at 002_b.sql, and it is not done: ";
    assert!(outcome.stderr.contains(error), "{outcome}");
    let cure = "see the log of the server; a statement of the file may end its own connection";
    ends(&outcome, 4, &format!("  {cure}\n"));
    assert_eq!(database.applied(), ["001_a.sql"]);
    project.write("migrations/002_b.sql", "CREATE TABLE b (x int);");
    project.run(&database, "-q").gives(0, "", "");
}

#[test]
fn a_server_without_a_place_is_asked_again_later() {
    let (project, database) = one_recorded();
    let runner = database.role("runner");
    database.execute(&format!(
        "GRANT ALL ON schema_migrations TO {runner}; GRANT CREATE ON SCHEMA public TO {runner}; \
         ALTER ROLE {runner} CONNECTION LIMIT 0"
    ));
    let run = |arguments: &str| project.run_alone(arguments).on_as(&database, &runner);
    run("--max-wait 50ms").gives(
        4,
        "",
        r#"
        error: cannot connect to <database>_runner@<server>/<database>: FATAL: too many connections for role "<database>_runner" (53300)
          the server has no free connection; run onward again later
    "#,
    );
    database.execute(&format!("ALTER ROLE {runner} CONNECTION LIMIT 2"));
    // The connection is lost at work, and then there is no place.
    project.write(
        "migrations/002_b.sql",
        "CREATE TABLE b (x int);\nSELECT pg_sleep(60);",
    );
    let running = run("--max-wait 300ms").start();
    let at_work =
        "FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    wait_until("the migration is at work", || {
        database.value(&format!("SELECT count(*) {at_work}")) == "1"
    });
    database.execute(&format!("ALTER ROLE {runner} CONNECTION LIMIT 0"));
    database.execute(&format!("SELECT pg_terminate_backend(pid) {at_work}"));
    ends(
        &running.outcome(),
        4,
        r#"
        error: the connection was lost at 002_b.sql, and it is not known whether it was committed: FATAL: too many connections for role "<database>_runner" (53300)
          run onward again when the server answers; it reads the history before it does anything
    "#,
    );
    database.execute(&format!("ALTER ROLE {runner} CONNECTION LIMIT 2"));
    project.write("migrations/002_b.sql", "CREATE TABLE b (x int);");
    run("-q").gives(0, "", "");
    assert_eq!(database.applied().len(), 3);
}

#[test]
fn what_the_server_refuses_beside_the_files_is_told_with_its_statement() {
    let (project, database) = (three(), Database::new());
    database.execute(
        "CREATE FUNCTION pg_temp.no() RETURNS int LANGUAGE sql AS 'SELECT 1'; \
         CREATE SCHEMA guard; CREATE FUNCTION guard.no() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not today'; END$$; \
         CREATE EVENT TRIGGER no ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION guard.no()",
    );
    project.run(&database, "--allow-nonempty").gives(
        3,
        "",
        r"
        error: cannot create the history table public.schema_migrations: ERROR: not today (P0001)
          that statement changed nothing; run onward again when it is mended
    ",
    );
    assert!(!database.has("schema_migrations"));
    database.execute("DROP EVENT TRIGGER no");
    project
        .run(&database, "--allow-nonempty -q")
        .gives(0, "", "");
}

#[test]
fn a_lock_that_is_not_to_be_had_is_asked_for_again() {
    let (project, database) = one_recorded();
    let mut other = database.connect();
    other
        .batch_execute("SET application_name = 'app'; BEGIN; LOCK TABLE a")
        .unwrap();
    project.write("migrations/002_b.sql", "ALTER TABLE a ADD COLUMN y int;");
    let outcome = project
        .run(&database, "--lock-timeout 50ms --max-wait 300ms")
        .outcome();
    outcome.exits(5);
    let error = "\nerror: gave up waiting for the locks of 002_b.sql after <time>; ";
    assert!(outcome.stderr.contains(error), "{outcome}");
    let cure = "\n  run onward again later, or wait longer with --max-wait\n";
    assert!(outcome.stderr.ends_with(cure), "{outcome}");
    other.batch_execute("ROLLBACK").unwrap();
    project.run(&database, "-q").gives(0, "", "");
}

#[test]
fn without_a_schema_the_history_is_given_one() {
    let (project, database) = (three(), Database::new());
    database.execute(&format!(
        "ALTER DATABASE {} SET search_path = missing",
        database.name
    ));
    let project = project.migration("001_a.sql", "CREATE TABLE public.a (x int);");
    project.remove("migrations/002_b.sql");
    project.remove("migrations/003_c.sql");
    let text = dedent(
        r"
        error: no schema of the search_path exists, so there is no place for the history table
          name one, and it will be created: onward --dir migrations --table SCHEMA.schema_migrations
    ",
    );
    for arguments in [
        "--dir migrations",
        "--dir migrations baseline --through 001",
    ] {
        project.run(&database, arguments).gives(2, "", &text);
    }
    let none = Refusal {
        project: &project,
        database: &database,
        text,
    };
    none.cured_with(
        "onward --dir migrations --table SCHEMA.schema_migrations",
        ("SCHEMA", "ops"),
        "Applied 1 migration: 001_a.sql\n",
        "applied 001_a.sql (<time>)\n",
    );
}

#[test]
fn a_baseline_without_a_schema_file_names_its_version() {
    let (project, database) = (three(), Database::new());
    let text = dedent(
        r"
        error: there is no schema file, so the migrations to record must be named
          name the last one that the database contains: onward --dir migrations baseline --through VERSION
    ",
    );
    project
        .run(&database, "--dir migrations baseline")
        .gives(2, "", &text);
    let unnamed = Refusal {
        project: &project,
        database: &database,
        text,
    };
    unnamed.cured_with(
        "onward --dir migrations baseline --through VERSION",
        ("VERSION", "001"),
        "recorded 001_a.sql\nRecorded 1 migration without running them\n",
        "",
    );
}

#[test]
fn wrong_usage_is_named() {
    for (arguments, message) in [
        ("up --", "there is no program behind --"),
        (
            "up --dry-run -- app",
            "--dry-run runs nothing, so no program may follow",
        ),
        (
            "status -- app",
            r#"-- PROGRAM belongs to "up", not to "status""#,
        ),
        (
            "up --only 1.sql --to 1",
            "--only names one file, so --to has no meaning",
        ),
        (
            "up --list",
            r#"--list is a command of its own, another name of "status""#,
        ),
        ("status 3", r#"unexpected argument "3""#),
        ("validate 001_a.sql", r#"unexpected argument "001_a.sql""#),
        (
            "validate --dry-run",
            r#"--dry-run belongs to "up" and "rollback" and "baseline" and "repair" and "adopt", not to "validate""#,
        ),
        ("new", "new needs a name"),
        ("new --down", "new needs a name"),
        ("rollback x", r#""x" is no number of migrations"#),
        ("rollback 0", r#""0" is no number of migrations"#),
        ("rollback -1", "unknown option -1"),
        ("rollback 1 2", "rollback takes one number of migrations"),
        (
            "rollback 2 --to 3",
            "give a number of migrations or --to VERSION, not both",
        ),
        (
            "rollback --through 3",
            r#"--through belongs to "baseline", not to "rollback""#,
        ),
        (
            "up --through 3",
            r#"--through belongs to "baseline", not to "up""#,
        ),
        (
            "repair --extend",
            r#"--extend belongs to "baseline", not to "repair""#,
        ),
        (
            "reset --database x --dry-run",
            r#"--dry-run belongs to "up" and "rollback" and "baseline" and "repair" and "adopt", not to "reset""#,
        ),
        (
            "reset",
            "reset drops all that is in a database: confirm its name with --database NAME",
        ),
        ("up --force", r#"--force belongs to "reset", not to "up""#),
        (
            "baseline --from sqlx",
            r#"--from belongs to "adopt", not to "baseline""#,
        ),
        ("adopt sqlx", r#"unexpected argument "sqlx""#),
        ("adopt --from", "--from needs a value"),
        (
            "repair --down",
            r#"--down belongs to "new", not to "repair""#,
        ),
    ] {
        let stderr = format!("error: {message}\n  see onward --help, or onward COMMAND --help\n");
        three().run_alone(arguments).gives(2, "", &stderr);
    }
}

#[test]
fn a_checksum_of_an_unknown_kind_is_a_warning() {
    let project = three();
    let database = Database::with(
        "CREATE TABLE a (x int); CREATE TABLE schema_migrations (name text, applied_at timestamptz, checksum text); \
         INSERT INTO schema_migrations VALUES ('001_a.sql', now(), 'crc:17')",
    );
    project.run(&database, "adopt").gives(
        0,
        r"
        adopted 001_a.sql
        renamed the table public.schema_migrations to public.schema_migrations_hand_made
        Adopted 1 migration from a hand-made runner; 2 pending
    ",
        r"
        warning: a hand-made runner keeps a checksum of 001_a.sql that onward cannot compare
          make sure that the file is the one that was applied
    ",
    );
    let there = refused(
        &project,
        &database,
        "adopt",
        r"
        refused: this database has a history already, in public.schema_migrations
          see what it holds: onward status
    ",
    );
    there.cured_by(
        "onward status",
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        adopted  001_a.sql  a  <when>  postgres
        pending  002_b.sql  b
        pending  003_c.sql  c

        3 migrations: 1 applied, 2 pending
    ",
        "",
    );
}

#[test]
fn a_history_to_take_over_is_chosen_as_printed() {
    let table = "(id serial, name varchar(255) NOT NULL, run_on timestamp NOT NULL)";
    let project = three();
    let database = Database::with(&format!(
        "CREATE SCHEMA x; CREATE SCHEMA y; CREATE TABLE x.pgmigrations {table}; CREATE TABLE y.pgmigrations {table}; \
         CREATE TABLE x.goose_db_version (id serial, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp); \
         INSERT INTO y.pgmigrations (name, run_on) VALUES ('001_a', now())"
    ));
    let text = r"
        refused: several tools keep a history in this database: goose in x.goose_db_version, node-pg-migrate in x.pgmigrations, node-pg-migrate in y.pgmigrations
          choose one: onward adopt --from goose, or onward adopt --from x.pgmigrations, or onward adopt --from y.pgmigrations
    ";
    refused(&project, &database, "adopt", text).cured_by(
        "onward adopt --from y.pgmigrations",
        "adopted 001_a.sql\nAdopted 1 migration from node-pg-migrate; 2 pending\n",
        "",
    );
    let (project, database) = (three(), Database::with("CREATE TABLE a (x int)"));
    let none = refused(
        &project,
        &database,
        "adopt --from goose",
        r#"
        refused: there is no history of "goose" in this database
          looked in all schemas for the tables of hand-made, dbmate, rails, golang-migrate, goose, sqlx, node-pg-migrate, diesel, refinery, flyway, prisma, tern, supabase, atlas, sql-migrate, graphile-migrate, geni, ecto, yandex-pgmigrate, postgres-migrations; record what is applied already: onward baseline --through VERSION
    "#,
    );
    none.cured_with(
        "onward baseline --through VERSION",
        ("VERSION", "001"),
        "recorded 001_a.sql\nRecorded 1 migration without running them\n",
        "",
    );
}

#[test]
fn a_way_back_whose_rest_is_gone_is_restored_or_written_anew() {
    let (project, database) = with_ways_back();
    let back = "-- onward: no-transaction\nSELECT 1;\nSELECT nonsense;\nDROP TABLE c;\n";
    project.write("migrations/003_c.down.sql", back);
    project.run(&database, "rollback -q").outcome().exits(1);
    project.remove("migrations/003_c.down.sql");
    project.rename("migrations/003_c.sql", "003_c.sql");
    refused(
        &project,
        &database,
        "rollback",
        r"
        refused: 003_c.sql is being rolled back, and the file is missing
          restore the file from version control; or undo the rest of it by hand, and have it forgotten: onward repair 003_c.sql
    ",
    );
    let stays = "left 003_c.sql as it is: its way back has begun, and its file is missing; restore it, then: onward rollback; \
        or repair it by its name\n";
    project.run(&database, "repair").gives(0, stays, "");
    project.rename("003_c.sql", "migrations/003_c.sql");
    let gone = refused(
        &project,
        &database,
        "rollback",
        r"
        refused: 003_c.sql is being rolled back, and the rest of its way back is missing
          restore migrations/003_c.down.sql; or write there what is still to be undone, then: onward repair 003_c.sql
    ",
    );
    let before = database.full_dump();
    project.run(&database, "repair 003_c.sql").gives(
        0,
        "left 003_c.sql as it is: its way back has begun, and the rest of that is missing; restore it, then: onward rollback\n",
        "",
    );
    assert_eq!(database.full_dump(), before);
    project.write("migrations/003_c.down.sql", "DROP TABLE c;\n");
    gone.cured_by(
        "onward repair 003_c.sql",
        "all of the way back of 003_c.sql will run again\n",
        "",
    );
    project.run(&database, "rollback").gives(
        0,
        "Rolled back 1 migration: 003_c.sql\n",
        "rolled back 003_c.sql (<time>)\n",
    );
}

#[test]
fn a_history_of_another_role_is_given_as_printed() {
    let (project, database) = one_recorded();
    let (runner, other) = (database.role("runner"), database.role("other"));
    database.execute(&format!(
        "GRANT ALL ON schema_migrations TO {runner}; GRANT CREATE ON SCHEMA public TO {runner}, {other}; \
         ALTER TABLE schema_migrations OWNER TO {other}"
    ));
    let refusal = Refusal {
        project: &project,
        database: &database,
        text: dedent(
            r"
            refused: the history public.schema_migrations cannot be trusted: it is owned by <database>_other
              connect as that role; or give the table to yours: ALTER TABLE public.schema_migrations OWNER TO ROLE;
            error: refused, for 1 reason
              nothing was changed
        ",
        ),
    };
    let as_role = |role: &str, arguments: &str| project.run_alone(arguments).on_as(&database, role);
    as_role(&runner, "").gives(3, "", &refusal.text);
    as_role(&other, "--to 002 -q").gives(0, "", "");
    let statement = "ALTER TABLE public.schema_migrations OWNER TO ROLE;";
    assert!(refusal.text.contains(statement));
    database.execute(&statement.replace("ROLE", &runner));
    as_role(&runner, "-q").gives(0, "", "");
    assert_eq!(database.applied().len(), 3);
}

#[test]
fn reset_needs_two_connections() {
    let (project, database) = (three(), Database::new());
    let owner = database.role("owner");
    database.execute(&format!(
        "ALTER DATABASE {} OWNER TO {owner}; ALTER ROLE {owner} CONNECTION LIMIT 1",
        database.name
    ));
    let run = || {
        let arguments = format!("reset --max-wait 100ms --database {}", database.name);
        let run = project.run_alone(&arguments).on_as(&database, &owner);
        database.disconnect();
        run
    };
    run().gives(
        4,
        "",
        r"
        error: there is no second connection to be had, and reset needs two
          nothing was changed; run onward again when the server has a free connection
    ",
    );
    database.execute(&format!("ALTER ROLE {owner} CONNECTION LIMIT 2"));
    run().outcome().exits(0);
    assert_eq!(database.applied().len(), 3);
}

#[test]
fn an_unknown_version_or_file_is_named() {
    let (project, database) = one_recorded();
    for (arguments, message, hint) in [
        (
            "--to 2",
            r#"--to "2": no migration in migrations has this version"#,
            "write the digits as the file name has them, zeros included",
        ),
        (
            "baseline --through 2",
            r#"--through "2": no migration in migrations has this version"#,
            "write the digits as the file name has them, zeros included",
        ),
        (
            "rollback --to 2",
            r#"--to "2": neither a migration in migrations nor one in the history has this version"#,
            "write the digits as the file name has them, zeros included",
        ),
        (
            "up --only 2.sql",
            r#"--only "2.sql": no migration in migrations has this name"#,
            "name a file as onward status shows it",
        ),
        (
            "repair 2.sql",
            r#""2.sql" is no migration in migrations"#,
            "name a file as onward status shows it",
        ),
    ] {
        let stderr = format!("error: {message}\n  {hint}\n");
        project.run(&database, arguments).gives(2, "", &stderr);
    }
}

#[test]
fn the_flags_of_the_run_are_repeated_once() {
    let (project, database) = (three(), Database::new());
    project.run(&database, "--table log -q").gives(0, "", "");
    project.write("migrations/001_a.sql", "SELECT 1;");
    let changed = refused(
        &project,
        &database,
        "--table log --dir migrations",
        r"
        refused: 001_a.sql changed after it was applied on <when>
          restore the file, or accept the change: onward --dir migrations --table log repair 001_a.sql
    ",
    );
    changed.cured_by(
        "onward --dir migrations --table log repair 001_a.sql",
        "accepted the text of 001_a.sql as it is now\n",
        "",
    );
    let proxy = Proxy::refusing(&database, 2, "57P03", "the database system is starting up");
    let outcome = project
        .run_alone("--table log")
        .at(&database, &proxy.url(&database))
        .outcome();
    let cure = "let it wait: onward --table log --wait";
    outcome.exits(4);
    assert!(
        outcome.stderr.ends_with(&format!(", or {cure}\n")),
        "{outcome}"
    );
    let starting = Refusal {
        project: &project,
        database: &database,
        text: outcome.stderr,
    };
    let run = starting.typed("onward --table log --wait", ("", ""));
    let outcome = run.env("DATABASE_URL", &proxy.url(&database)).outcome();
    let up_to_date = "Applied 0 migrations: the database is up to date (3 applied)\n";
    assert_eq!(outcome.exits(0).stdout, up_to_date, "{outcome}");
}
