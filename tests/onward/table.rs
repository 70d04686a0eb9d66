//! The history table: its columns, its rows, and its name.

use crate::support::{Database, Project};
use crate::up::three;

#[test]
fn the_row_of_a_file_says_what_is_to_be_known_of_it() {
    let text = "-- Description: Adds a café\r\nSELECT 1;\r\n";
    let project = Project::new()
        .migration("0007-x_y.sql", text)
        .migration("0008_no_words.sql", "SELECT 2;");
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    let told = "SELECT filename, version, description, kind, status, checksum, applied_by, tool_version, \
        execution_time_ms >= 0, started_at <= applied_at, started_at > now() - interval '1 min', statements_done, \
        error_message FROM schema_migrations ORDER BY id";
    assert_eq!(
        database.query(told),
        [
            "0007-x_y.sql|0007|Adds a café|migration|applied|7d0115525895835cd26d0560071e092bc817510359d77ed5201984cf68c00020|postgres|onward 0.1.0|t|t|t|NULL|NULL",
            "0008_no_words.sql|0008|no words|migration|applied|8e7003d62f9d8cbd28da2f243bb0d215bfd4622c716be09be89a8764d9f4c7cb|postgres|onward 0.1.0|t|t|t|NULL|NULL"
        ]
    );
}

#[test]
fn the_history_table_explains_itself() {
    let database = Database::new();
    three().run(&database, "-q").gives(0, "", "");
    let without = "SELECT attname FROM pg_attribute WHERE attrelid = 'schema_migrations'::regclass AND attnum > 0 \
        AND pg_catalog.col_description(attrelid, attnum) IS NULL";
    assert!(database.query(without).is_empty());
    assert_eq!(
        database
            .value("SELECT pg_catalog.obj_description('schema_migrations'::regclass) IS NOT NULL"),
        "t"
    );
    let columns = "SELECT string_agg(attname || ' ' || atttypid::regtype || CASE WHEN attnotnull THEN ' not null' ELSE '' END, ', ' \
        ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'schema_migrations'::regclass AND attnum > 0";
    assert_eq!(
        database.value(columns),
        "id bigint not null, filename text not null, version text not null, description text not null, kind text not null, \
         status text not null, checksum text, sql_checksum text, started_at timestamp with time zone not null, \
         applied_at timestamp with time zone, execution_time_ms bigint, statements_done integer, applied_by text not null, \
         tool_version text not null, error_message text"
    );
}

#[test]
fn the_history_takes_no_second_row_of_an_applied_file() {
    let database = Database::new();
    three().run(&database, "-q").gives(0, "", "");
    let again = "INSERT INTO schema_migrations (filename, version, description, kind, status, started_at, applied_by, tool_version) \
        VALUES ('001_a.sql', '001', '', 'migration', 'running', now(), '', '')";
    let error = database.connect().batch_execute(again).unwrap_err();
    assert_eq!(error.code().unwrap().code(), "23505");
    for bad in [
        again.replace("'running'", "'done'"),
        again.replace("'migration'", "'other'"),
    ] {
        let error = database.connect().batch_execute(&bad).unwrap_err();
        assert_eq!(error.code().unwrap().code(), "23514");
    }
}

#[test]
fn a_table_of_another_name_and_schema_is_created() {
    let (project, database) = (three(), Database::new());
    project.run(&database, "--table ops.log").gives(
        0,
        "Applied 3 migrations: 001_a.sql, 002_b.sql, 003_c.sql\n",
        r"
        applied 001_a.sql (<time>)
        applied 002_b.sql (<time>)
        applied 003_c.sql (<time>)
    ",
    );
    assert_eq!(
        database
            .query("SELECT filename FROM ops.log ORDER BY id")
            .len(),
        3
    );
    assert!(!database.has("schema_migrations"));
    project
        .run(&database, "")
        .env("ONWARD_TABLE", "Ops.LOG")
        .gives(
            0,
            "Applied 0 migrations: the database is up to date (3 applied)\n",
            "",
        );
    project
        .run(&database, "--table")
        .arg("\"my.\"\"table\"")
        .arg("--allow-nonempty")
        .gives(
            1,
            "",
            r#"
            migrations/001_a.sql:1:1: ERROR: relation "a" already exists (42P07)
            1 | CREATE TABLE a (x int);
              | ^
            rolled back: 001_a.sql as a whole
            applied before: none
            still pending: 001_a.sql, 002_b.sql, 003_c.sql
              mend the file, then run onward again
        "#,
        );
    assert!(database.has("\"my.\"\"table\""));
}
