//! A server that is not ready is waited for, and what does not pass by itself is not.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Database, Project, Proxy};

const STARTING: (&str, &str) = ("57P03", "the database system is starting up");

#[test]
fn a_server_that_starts_is_waited_for() {
    let database = Database::new();
    let proxy = Proxy::refusing(&database, 3, STARTING.0, STARTING.1);
    let url = proxy.url(&database);
    let outcome = Project::new()
        .run_alone("wait")
        .at(&database, &url)
        .outcome();
    let server = url.split("host=").nth(1).unwrap().replace("&port=", ":");
    let text = |stream: &str| stream.replace(&server, "<proxy>");
    outcome.exits(0);
    assert_eq!(
        text(&outcome.stdout),
        "ready: postgres@<proxy>/<database>\n"
    );
    assert_eq!(
        text(&outcome.stderr),
        "waiting for postgres@<proxy>/<database>: FATAL: the database system is starting up (57P03)\n",
        "the reason is told once"
    );
}

#[test]
fn up_waits_and_goes_on() {
    let database = Database::new();
    let proxy = Proxy::refusing(&database, 2, STARTING.0, STARTING.1);
    Project::new()
        .migration("0001_a.sql", "CREATE TABLE a (id int);")
        .run_alone("up --wait -q")
        .at(&database, &proxy.url(&database))
        .gives(0, "", "");
    assert_eq!(database.value("SELECT count(*) FROM a"), "0");
}

#[test]
fn without_being_told_nobody_waits() {
    let database = Database::new();
    let proxy = Proxy::refusing(&database, 1, STARTING.0, STARTING.1);
    let outcome = Project::new()
        .run_alone("up")
        .at(&database, &proxy.url(&database))
        .outcome();
    outcome.exits(4);
    assert!(outcome.stderr.contains("starting up (57P03)"), "{outcome}");
    assert!(outcome.stderr.contains("--wait"), "{outcome}");
}

#[test]
fn the_wait_ends_with_the_last_reason() {
    let database = Database::new();
    let proxy = Proxy::refusing(&database, usize::MAX, STARTING.0, STARTING.1);
    let url = proxy.url(&database);
    for arguments in [
        "wait --wait=700ms",
        "up --wait=700ms",
        "status --wait=700ms",
    ] {
        let begin = Instant::now();
        let outcome = Project::new()
            .run_alone(arguments)
            .at(&database, &url)
            .outcome();
        outcome.exits(4);
        assert!(begin.elapsed() < Duration::from_secs(3), "{outcome}");
        assert!(outcome.stdout.is_empty(), "{outcome}");
        assert!(
            outcome
                .stderr
                .contains("was not ready after <time>: FATAL: the database system is starting up"),
            "{outcome}"
        );
    }
}

#[test]
fn a_server_that_accepts_and_is_silent_is_not_ready() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let _listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
    let begin = Instant::now();
    let outcome = Project::new()
        .run_alone("wait --wait=1s")
        .env(
            "DATABASE_URL",
            &format!("host={} user=u dbname=d", folder.path().display()),
        )
        .outcome();
    outcome.exits(4);
    assert!(begin.elapsed() < Duration::from_secs(3), "{outcome}");
    assert!(
        outcome.stderr.contains("did not answer in time"),
        "{outcome}"
    );
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    let database = Database::new();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let socket = format!(".s.PGSQL.{}", database.server.port);
    let url = format!(
        "postgres://postgres@/{}?host={}&port={}",
        database.name,
        folder.path().display(),
        database.server.port
    );
    let run = Project::new().run_alone("wait").at(&database, &url).start();
    run.wait_for_stderr("waiting for");
    let real = Path::new(&database.server.socket).join(&socket);
    symlink(real, folder.path().join(&socket)).unwrap();
    run.outcome().exits(0);
}

#[test]
fn what_does_not_pass_by_itself_ends_the_wait() {
    let database = Database::new();
    for (code, message) in [
        (
            "28P01",
            "password authentication failed for user \"postgres\"",
        ),
        ("28000", "no pg_hba.conf entry for host"),
        ("3D000", "database \"x\" does not exist"),
    ] {
        let proxy = Proxy::refusing(&database, usize::MAX, code, message);
        let begin = Instant::now();
        let outcome = Project::new()
            .run_alone("up --wait=30s")
            .at(&database, &proxy.url(&database))
            .outcome();
        outcome.exits(4);
        assert!(begin.elapsed() < Duration::from_secs(5), "{outcome}");
        assert!(outcome.stderr.contains(code), "{outcome}");
    }
}

#[test]
fn a_length_of_time_has_a_unit() {
    let project = Project::new();
    let hint = "a whole number with its unit, like 500ms, 30s, 5min or 1h\n  see onward --help\n";
    for (run, source) in [
        (project.run_alone("up --wait=30"), "--wait"),
        (
            project.run_alone("up").env("ONWARD_WAIT", "yes"),
            "ONWARD_WAIT",
        ),
    ] {
        run.env("DATABASE_URL", "postgres://app@db/app").gives(
            2,
            "",
            &format!("error: {source}: not a length of time above 0: {hint}"),
        );
    }
    project.run_alone("up --wait 30s").gives(
        2,
        "",
        "
        error: unexpected argument \"30s\"
          see onward --help, or onward COMMAND --help
        ",
    );
}
