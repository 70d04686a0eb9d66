//! A read-only standby, and failover to it.

use std::time::Duration;

use crate::guard::{self, wait_until};
use crate::invariants::Lab;
use crate::run::CANARY;
use crate::server::{Database, Private};

#[track_caller]
fn wait_until_replayed(primary: &Database, standby: &Private) {
    let there = primary.value("SELECT pg_current_wal_lsn()");
    wait_until("the standby has followed", Duration::from_secs(20), || {
        let mut client = standby
            .server
            .try_connect("postgres")
            .expect("the standby answers");
        let query = format!("SELECT pg_last_wal_replay_lsn() >= '{there}'");
        crate::server::rows(client.simple_query(&query).expect("an answer")) == ["t"]
    });
}

#[test]
fn on_a_standby_nothing_pending_is_success_and_pending_is_refused() {
    let _guard = guard::shared(90);
    let primary = Private::start(&[]);
    let mut lab = Lab::at(&primary.server).whole("001_t.sql", "CREATE TABLE t (x int);");
    lab.check_goes_on();
    let standby = primary.standby();
    wait_until_replayed(&lab.database, &standby);
    let url = standby.server.url("postgres", &lab.database.name);
    let outcome = lab.run_at(&url, "").outcome();
    outcome.exits(0);
    lab.check_after(&outcome);
    lab.run_at(&url, "status").outcome().exits(0);

    lab.add_whole("002_u.sql", "CREATE TABLE u (x int);");
    let outcome = lab.run_at(&url, "").outcome();
    outcome.exits(3).says("takes no writes");
    lab.check_after(&outcome);

    // A database without history, too.
    let empty = Lab::at(&primary.server).whole("001_t.sql", "CREATE TABLE t (x int);");
    wait_until_replayed(&empty.database, &standby);
    let url = standby.server.url("postgres", &empty.database.name);
    let outcome = empty.run_at(&url, "").outcome();
    outcome.exits(3).says("takes no writes");
    lab.check_goes_on();
}

#[test]
fn a_role_that_may_only_read_by_default_is_refused_what_is_pending() {
    let _guard = guard::shared(60);
    let mut lab = Lab::new().whole("001_t.sql", "CREATE TABLE t (x int);");
    lab.check_goes_on();
    lab.database.execute(&format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        lab.database.name
    ));
    lab.run("").outcome().exits(0);
    lab.add_whole("002_u.sql", "CREATE TABLE u (x int);");
    let outcome = lab.run("").outcome();
    outcome.exits(3).says("takes no writes");
    lab.check();
    // Of the connection that the test keeps.
    lab.database
        .execute("SET default_transaction_read_only = off");
    lab.database.execute(&format!(
        "ALTER DATABASE {} RESET default_transaction_read_only",
        lab.database.name
    ));
    lab.check_goes_on();
}

/// A URL with both servers.
fn both(first: &Private, second: &Private, database: &Database) -> String {
    format!(
        "postgres://postgres:{CANARY}@/{}?host={},{}&port={},{}&target_session_attrs=read-write",
        database.name,
        first.folder().display(),
        second.folder().display(),
        first.server.port,
        second.server.port
    )
}

#[test]
fn a_run_follows_the_primary_to_the_standby_that_is_promoted() {
    let _guard = guard::shared(120);
    let mut primary = Private::start(&["synchronous_standby_names = ''"]);
    let standby = primary.standby();
    let lab = Lab::at(&primary.server)
        .whole("001_t.sql", "CREATE TABLE t (x int);")
        .whole(
            "002_long.sql",
            "SELECT pg_sleep(1);\nCREATE TABLE u (x int);",
        )
        .whole("003_v.sql", "CREATE TABLE v (x int);");
    let mut run = lab
        .run_at(&both(&primary, &standby, &lab.database), "")
        .start();
    let at_work = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'onward 002_long.sql' \
         AND wait_event = 'PgSleep'";
    wait_until(
        "the second file is at work",
        Duration::from_secs(20),
        || {
            assert!(!run.has_ended(), "it ended too early");
            lab.database.value(at_work) == "1"
        },
    );
    wait_until_replayed(&lab.database, &standby);
    primary.end("QUIT");
    std::thread::sleep(Duration::from_millis(300));
    standby.promote();
    let outcome = run.outcome();
    outcome.exits(0);
    let mut observer = standby
        .server
        .try_connect(&lab.database.name)
        .expect("the new primary answers");
    lab.check_as_seen_by(&mut observer);

    // The next run finds it behind the dead server, and behind one that only reads.
    let outcome = lab
        .run_at(&both(&primary, &standby, &lab.database), "")
        .outcome();
    outcome.exits(0);
    assert!(
        outcome.stdout.contains("up to date (3 applied)"),
        "{outcome}"
    );
    let follower = standby.standby();
    wait_until(
        "the follower knows the database",
        Duration::from_secs(20),
        || follower.server.try_connect(&lab.database.name).is_ok(),
    );
    let mut lab = lab;
    lab.add_whole("004_w.sql", "CREATE TABLE w (x int);");
    let outcome = lab
        .run_at(&both(&follower, &standby, &lab.database), "")
        .outcome();
    outcome.exits(0);
    lab.check_as_seen_by(&mut observer);
}

#[test]
fn the_kind_of_server_is_chosen_by_target_session_attrs() {
    let _guard = guard::shared(90);
    let primary = Private::start(&[]);
    let mut lab = Lab::at(&primary.server).whole("001_t.sql", "CREATE TABLE t (x int);");
    lab.check_goes_on();
    let standby = primary.standby();
    wait_until_replayed(&lab.database, &standby);
    lab.add_whole("002_u.sql", "CREATE TABLE u (x int);");
    let url = |attrs: &str| {
        let url = both(&standby, &primary, &lab.database);
        url.replace(
            "target_session_attrs=read-write",
            &format!("target_session_attrs={attrs}"),
        )
    };
    for attrs in ["any", "standby", "prefer-standby", "read-only"] {
        let outcome = lab.run_at(&url(attrs), "").outcome();
        outcome.exits(3).says("takes no writes");
    }
    // Without a standby among them, prefer-standby takes what there is.
    let alone = primary.server.url("postgres", &lab.database.name);
    let outcome = lab
        .run_at(
            &format!("{alone}&target_session_attrs=prefer-standby"),
            "status",
        )
        .outcome();
    outcome.exits(0);
    let outcome = lab
        .run_at(&format!("{alone}&target_session_attrs=standby"), "")
        .outcome();
    outcome.exits(4).says("the server is not a standby");
    let outcome = lab.run_at(&url("primary"), "").outcome();
    outcome.exits(0);
    lab.check_after(&outcome);
}
