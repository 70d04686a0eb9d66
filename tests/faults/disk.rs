//! The server's disk is full.

use crate::guard;
use crate::invariants::Lab;
use crate::server::{Database, Private, is_root};

#[test]
fn on_a_full_disk_a_file_fails_and_succeeds_when_there_is_room() {
    let _guard = guard::shared(90);
    if !is_root() {
        println!("not tried: only root can make a small disk");
        return;
    }
    let private = Private::with_small_disk(24);
    let small = private.folder().join("small");
    // The database itself stands elsewhere, so that the history can tell what happened.
    let database = Database::on(&private.server, "");
    database.execute(&format!(
        "CREATE TABLESPACE small LOCATION '{}'",
        small.display()
    ));
    let lab = Lab::on(database)
        .whole("001_t.sql", "CREATE TABLE t (x int);")
        .whole(
            "002_big.sql",
            "CREATE TABLE big TABLESPACE small AS SELECT n, repeat('x', 500) AS y FROM generate_series(1, 20000) n;",
        )
        .whole("003_u.sql", "CREATE TABLE u (x int);");
    lab.database.execute(
        "CREATE TABLE lab.filler TABLESPACE small AS SELECT repeat('x', 500) AS y FROM generate_series(1, 30000) n",
    );
    for _ in 0..2 {
        let outcome = lab.run("").outcome();
        outcome.exits(1).says("(53100)").says("002_big.sql");
        lab.check_after(&outcome);
        assert_eq!(lab.database.value("SELECT to_regclass('big') IS NULL"), "t");
    }
    lab.database.execute("DROP TABLE lab.filler");
    lab.check_goes_on();
}

#[test]
fn where_even_the_history_has_no_room_the_next_run_ends_well() {
    let _guard = guard::shared(90);
    if !is_root() {
        println!("not tried: only root can make a small disk");
        return;
    }
    let private = Private::with_small_disk(32);
    let small = private.folder().join("small");
    Database::on(&private.server, "").execute(&format!(
        "CREATE TABLESPACE small LOCATION '{}'",
        small.display()
    ));
    let lab = Lab::on(Database::on(&private.server, "TABLESPACE small"))
        .whole("001_t.sql", "CREATE TABLE t (x int);")
        .whole(
            "002_big.sql",
            "CREATE TABLE big AS SELECT n, repeat('x', 500) AS y FROM generate_series(1, 20000) n;",
        );
    // Every last block.
    lab.database.execute("CREATE TABLE lab.filler (y text)");
    lab.database.execute(
        "DO $$BEGIN FOR i IN 1..100000 LOOP BEGIN INSERT INTO lab.filler SELECT repeat('x', 500) FROM generate_series(1, 100); \
         EXCEPTION WHEN disk_full THEN EXIT; END; END LOOP; END$$",
    );
    let outcome = lab.run("").outcome();
    assert!(
        matches!(outcome.code(), Some(1 | 3 | 4)),
        "it cannot succeed\n{outcome}"
    );
    outcome.says("53100");
    lab.check_after(&outcome);
    lab.database.execute("DROP TABLE lab.filler");
    lab.check_goes_on();
}
