//! Limits that somebody set on the role or the database, and an event trigger that refuses DDL.

use std::time::Duration;

use crate::guard::{self, wait_until};
use crate::invariants::{Lab, Step};
use crate::server::{Database, Private};

/// Sets these on the database and on a role that may do all here; the URL of the role.
fn limited(lab: &Lab) -> String {
    let name = &lab.database.name;
    let role = format!("{name}_limited");
    lab.database.execute(&format!(
        "CREATE ROLE {role} LOGIN; ALTER SCHEMA public OWNER TO {role}; GRANT USAGE ON SCHEMA lab TO {role}; \
         GRANT SELECT, INSERT ON lab.effects TO {role}"
    ));
    for place in [format!("ROLE {role}"), format!("DATABASE {name}")] {
        for (setting, value) in [
            ("statement_timeout", "300ms"),
            ("lock_timeout", "50ms"),
            ("idle_in_transaction_session_timeout", "150ms"),
        ] {
            lab.database
                .execute(&format!("ALTER {place} SET {setting} = '{value}'"));
        }
    }
    lab.database.server.url(&role, name)
}

/// The role does not end with the database.
fn drop_role(lab: &Lab) {
    let role = format!("{}_limited", lab.database.name);
    lab.database.execute(&format!(
        "SET statement_timeout = 0; SET lock_timeout = 0; DROP OWNED BY {role} CASCADE; DROP ROLE {role}"
    ));
}

#[test]
fn limits_of_role_and_database_do_not_end_a_run() {
    let _guard = guard::shared(60);
    let lab = Lab::new()
        .whole(
            "001_t.sql",
            "CREATE TABLE t (x int);\nSELECT pg_sleep(0.6);",
        )
        .steps(
            "002_steps.sql",
            vec![
                Step::Mark,
                Step::other("SELECT pg_sleep(0.6)"),
                Step::Mark,
                Step::other("VACUUM t"),
                Step::other("DO $$BEGIN PERFORM pg_sleep(0.6); END$$"),
                Step::Mark,
            ],
        )
        .whole(
            "003_y.sql",
            "SELECT pg_sleep(0.4);\nALTER TABLE t ADD y int;",
        );
    let url = limited(&lab);
    let outcome = lab.run_at(&url, "").outcome();
    outcome.exits(0);
    lab.check_after(&outcome);
    lab.check_nothing_left();
    drop_role(&lab);
}

#[test]
fn a_concurrent_index_waits_longer_than_the_limits_of_role_and_database() {
    let _guard = guard::shared(60);
    let lab = Lab::new()
        .whole("001_t.sql", "CREATE TABLE t (x int);")
        .steps(
            "002_index.sql",
            vec![Step::Mark, Step::index("t_x", "t (x)"), Step::Mark],
        );
    let url = limited(&lab);
    lab.run_at(&url, "--to 001").outcome().exits(0);
    let mut writer = lab.database.connect();
    writer
        .batch_execute(
            "SET idle_in_transaction_session_timeout = 0; BEGIN; INSERT INTO t VALUES (1)",
        )
        .unwrap();
    let mut run = lab.run_at(&url, "").start();
    wait_until("the build waits", Duration::from_secs(5), || {
        assert!(!run.has_ended(), "the build did not wait");
        lab.database.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONC%' AND wait_event_type = 'Lock'") == "1"
    });
    std::thread::sleep(Duration::from_millis(900));
    writer.batch_execute("COMMIT").unwrap();
    let outcome = run.outcome();
    lab.check_after(&outcome);
    outcome.exits(0);
    // A time-out would leave an invalid index, and the work would be done again, for ever on a large table.
    assert!(!outcome.stderr.contains("tried again"), "{outcome}");
    lab.check_nothing_left();
    drop_role(&lab);
}

#[test]
fn an_event_trigger_that_refuses_ddl_is_told() {
    let _guard = guard::shared(60);
    let lab = Lab::new()
        .whole("001_t.sql", "CREATE TABLE t (x int);")
        .whole("002_u.sql", "CREATE TABLE u (x int);");
    let refuse = "CREATE FUNCTION lab.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN \
         IF tg_tag = 'CREATE TABLE' THEN RAISE EXCEPTION 'no DDL on Fridays'; END IF; END$$; \
         CREATE EVENT TRIGGER refuse ON ddl_command_start EXECUTE FUNCTION lab.refuse()";
    lab.database.execute(refuse);
    let outcome = lab.run("").outcome();
    assert!(matches!(outcome.code(), Some(1 | 3)), "{outcome}");
    outcome.says("no DDL on Fridays");
    lab.check_after(&outcome);
    lab.database.execute("ALTER EVENT TRIGGER refuse DISABLE");
    lab.run("--to 001").outcome().exits(0);
    lab.database.execute("ALTER EVENT TRIGGER refuse ENABLE");
    for _ in 0..2 {
        let outcome = lab.run("").outcome();
        outcome.exits(1).says("no DDL on Fridays").says("002_u.sql");
        lab.check_after(&outcome);
        let row = "SELECT filename, status, error_message LIKE '%no DDL on Fridays%' FROM schema_migrations ORDER BY id";
        assert_eq!(
            lab.database.query(row),
            ["001_t.sql|applied|NULL", "002_u.sql|failed|t"]
        );
    }
    lab.database.execute("DROP EVENT TRIGGER refuse");
    lab.check_goes_on();
}

#[test]
fn a_reset_of_more_than_the_server_can_lock_at_once_changes_nothing() {
    let _guard = guard::shared(60);
    // A server of its own: while its table of locks is full, nobody gets one.
    let private = Private::start(&["max_connections = 10", "max_locks_per_transaction = 10"]);
    let lab = Lab::on(Database::on(&private.server, "")).whole("001_t.sql", "SELECT 1;");
    // A table with such a key has a lock for itself, for its index, and for their TOAST.
    lab.database.execute(
        "DO $$ BEGIN FOR i IN 1..400 LOOP EXECUTE format('CREATE TABLE t%s (x text PRIMARY KEY)', i); COMMIT; END LOOP; END $$",
    );
    let name = &lab.database.name;
    let outcome = lab
        .run(&format!("reset --force --database {name}"))
        .outcome();
    outcome
        .exits(3)
        .says("cannot drop all that is in")
        .says("out of shared memory (53200)")
        .says("raise max_locks_per_transaction of the server; or drop the database and create it anew");
    let left = "SELECT count(*) FROM pg_tables WHERE tablename ~ '^t[0-9]'";
    assert_eq!(lab.database.value(left), "400");
}
