//! A history table that somebody else could run code through is not used.

use crate::support::{Database, Project};

/// A database with a history, and something pending.
fn applied() -> (Project, Database) {
    let project = Project::new().migration("001_a.sql", "CREATE TABLE a (x int);");
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    database.execute(
        "CREATE SCHEMA trap; CREATE TABLE trap.sprung (); \
         CREATE FUNCTION trap.text() RETURNS text LANGUAGE plpgsql AS $$BEGIN CREATE TABLE trap.sprang (); RETURN 'x'; END$$; \
         CREATE FUNCTION trap.yes(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN true; END$$; \
         CREATE FUNCTION trap.spring() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN CREATE TABLE trap.sprang (); RETURN NEW; END$$; \
         CREATE OPERATOR trap.@@@ (RIGHTARG = text, FUNCTION = trap.yes)",
    );
    (project, database)
}

/// A table that may not even be read: every command refuses, `status` shows why.
#[track_caller]
fn check_unreadable(planted: &str, stderr: &str) {
    let (project, database) = applied();
    database.execute(planted);
    let before = database.full_dump();
    project.run(&database, "").gives(3, "", stderr);
    project.run(&database, "status --check").outcome().exits(3);
    project
        .run(&database, "baseline --through 001")
        .outcome()
        .exits(3);
    project
        .run(&database, "repair 001_a.sql")
        .outcome()
        .exits(3);
    assert_eq!(database.full_dump(), before);
}

/// A table that may be read, but not written to.
#[track_caller]
fn check_unwritable(planted: &str, stderr: &str) {
    let (project, database) = applied();
    database.execute(planted);
    let before = database.full_dump();
    project.run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (1 applied)\n",
        "",
    );
    project.run(&database, "status --check").outcome().exits(0);
    let project = project.migration("002_b.sql", "CREATE TABLE b (x int);");
    project.run(&database, "").gives(3, "", stderr);
    project.write("migrations/001_a.sql", "SELECT 1;");
    project
        .run(&database, "repair 001_a.sql")
        .outcome()
        .exits(3);
    assert_eq!(database.full_dump(), before);
}

#[test]
fn a_view_is_no_history() {
    check_unreadable(
        "ALTER TABLE schema_migrations RENAME TO rows; CREATE VIEW schema_migrations AS SELECT * FROM rows",
        r"
        refused: the history public.schema_migrations cannot be trusted: it is not an ordinary table, has rules
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check_unreadable(
        "ALTER TABLE schema_migrations RENAME TO rows; CREATE MATERIALIZED VIEW schema_migrations AS SELECT * FROM rows",
        r"
        refused: the history public.schema_migrations cannot be trusted: it is not an ordinary table, has rules
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_partitioned_table_is_no_history() {
    check_unreadable(
        "ALTER TABLE schema_migrations RENAME TO rows; CREATE TABLE schema_migrations (LIKE rows) PARTITION BY LIST (filename)",
        r"
        refused: the history public.schema_migrations cannot be trusted: it is not an ordinary table
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_table_with_rules_is_not_read() {
    check_unreadable(
        "CREATE RULE r AS ON INSERT TO schema_migrations DO ALSO SELECT trap.text()",
        r"
        refused: the history public.schema_migrations cannot be trusted: it has rules
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_table_with_row_security_is_not_read() {
    check_unreadable(
        "ALTER TABLE schema_migrations ENABLE ROW LEVEL SECURITY",
        r"
        refused: the history public.schema_migrations cannot be trusted: it has row security
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_table_with_children_is_not_read() {
    check_unreadable(
        "CREATE TABLE child () INHERITS (schema_migrations)",
        r"
        refused: the history public.schema_migrations cannot be trusted: it has child tables
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_table_with_triggers_is_not_written_to() {
    check_unwritable(
        "CREATE TRIGGER t BEFORE INSERT ON schema_migrations FOR EACH ROW EXECUTE FUNCTION trap.spring()",
        r"
        refused: the history public.schema_migrations cannot be trusted: it has triggers
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_table_whose_defaults_call_functions_is_not_written_to() {
    check_unwritable(
        "ALTER TABLE schema_migrations ALTER error_message SET DEFAULT trap.text()",
        r"
        refused: the history public.schema_migrations cannot be trusted: it has a default that calls user code
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check_unwritable(
        "ALTER TABLE schema_migrations ADD extra boolean GENERATED ALWAYS AS (trap.yes('x')) STORED",
        r"
        refused: the history public.schema_migrations cannot be trusted: it has a default that calls user code
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_table_whose_checks_call_functions_is_not_written_to() {
    check_unwritable(
        "ALTER TABLE schema_migrations ADD CHECK (trap.yes(filename))",
        r"
        refused: the history public.schema_migrations cannot be trusted: it has a constraint that calls user code
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_table_whose_indexes_call_functions_is_not_written_to() {
    check_unwritable(
        "CREATE INDEX ON schema_migrations (trap.yes(filename))",
        r"
        refused: the history public.schema_migrations cannot be trusted: it has an index that calls user code
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check_unwritable(
        "CREATE INDEX ON schema_migrations (filename) WHERE trap.yes(filename)",
        r"
        refused: the history public.schema_migrations cannot be trusted: it has an index that calls user code
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn an_operator_calls_a_function_too() {
    check_unwritable(
        "ALTER TABLE schema_migrations ADD CHECK (OPERATOR(trap.@@@) filename)",
        r"
        refused: the history public.schema_migrations cannot be trusted: it has a constraint that calls user code
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check_unwritable(
        "CREATE INDEX ON schema_migrations ((OPERATOR(trap.@@@) filename))",
        r"
        refused: the history public.schema_migrations cannot be trusted: it has an index that calls user code
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check_unwritable(
        "ALTER TABLE schema_migrations ALTER error_message SET DEFAULT CASE WHEN OPERATOR(trap.@@@) 'x'::text THEN 'y' END",
        r"
        refused: the history public.schema_migrations cannot be trusted: it has a default that calls user code
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_domain_calls_a_function_too() {
    check_unwritable(
        "CREATE DOMAIN trap.checked AS text CHECK (trap.yes(VALUE)); ALTER TABLE schema_migrations ADD extra trap.checked",
        r"
        refused: the history public.schema_migrations cannot be trusted: it has a column of a user type
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn all_points_are_named_at_once() {
    check_unwritable(
        "CREATE TRIGGER t BEFORE INSERT ON schema_migrations FOR EACH ROW EXECUTE FUNCTION trap.spring(); \
         ALTER TABLE schema_migrations ADD CHECK (trap.yes(filename)), ALTER error_message SET DEFAULT trap.text()",
        r"
        refused: the history public.schema_migrations cannot be trusted: it has triggers, has a default that calls user code, has a constraint that calls user code
          have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_table_of_another_role_is_not_written_to() {
    let project = Project::new().migration("001_a.sql", "SELECT 1;");
    let database = Database::new();
    let (runner, other) = (database.role("runner"), database.role("other"));
    database.execute(&format!(
        "GRANT CREATE ON SCHEMA public TO {runner}, {other}"
    ));
    project
        .run_alone("-q")
        .on_as(&database, &other)
        .gives(0, "", "");
    database.execute(&format!("GRANT ALL ON schema_migrations TO {runner}"));
    project.run_alone("").on_as(&database, &runner).gives(
        0,
        "Applied 0 migrations: the database is up to date (1 applied)\n",
        "",
    );
    let project = project.migration("002_b.sql", "SELECT 2;");
    project
        .run_alone("")
        .on_as(&database, &runner)
        .gives(3, "", r"
            refused: the history public.schema_migrations cannot be trusted: it is owned by <database>_other
              connect as that role; or give the table to yours: ALTER TABLE public.schema_migrations OWNER TO ROLE;
            error: refused, for 1 reason
              nothing was changed
        ");
    // Superusers are members of every role, which speaks for none of them.
    project.run(&database, "").gives(3, "", r"
        refused: the history public.schema_migrations cannot be trusted: it is owned by <database>_other
          connect as that role; or give the table to yours: ALTER TABLE public.schema_migrations OWNER TO ROLE;
        error: refused, for 1 reason
          nothing was changed
    ");

    // A role that the runner belongs to may own it.
    database.execute(&format!("GRANT {other} TO {runner}"));
    project.run_alone("").on_as(&database, &runner).gives(
        0,
        "Applied 1 migration: 002_b.sql\n",
        "applied 002_b.sql (<time>)\n",
    );
}

#[test]
fn the_owner_of_the_database_and_superusers_may_own_the_history() {
    let project = Project::new().migration("001_a.sql", "SELECT 1;");
    for by_owner in [true, false] {
        let database = Database::new();
        let (runner, owner) = (database.role("runner"), database.role("owner"));
        database.execute(&format!(
            "GRANT CREATE ON SCHEMA public TO {owner}; ALTER DATABASE {} OWNER TO {owner}",
            database.name
        ));
        let creator = if by_owner { &owner } else { "postgres" };
        project
            .run_alone("-q")
            .on_as(&database, creator)
            .gives(0, "", "");
        database.execute(&format!("GRANT ALL ON schema_migrations TO {runner}"));
        let project = Project::new()
            .migration("001_a.sql", "SELECT 1;")
            .migration("002_b.sql", "SELECT 2;");
        project
            .run_alone("-q")
            .on_as(&database, &runner)
            .gives(0, "", "");
    }
}
