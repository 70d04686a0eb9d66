//! Connection strings that lead nowhere or make no sense, and that no secret is ever printed.

use crate::support::{Database, Project};

/// A word that stands for a secret.
const CANARY: &str = "c4nary";

/// A connection string that makes no sense: exit code 2, this on stderr, and no canary.
#[track_caller]
fn check_url(url: &str, stderr: &str) {
    Project::new()
        .run_alone("up")
        .env("DATABASE_URL", url)
        .gives(2, "", stderr);
    let outcome = Project::new().run_alone("up --url").arg(url).outcome();
    outcome.exits(2);
    for text in [&outcome.stdout, &outcome.stderr] {
        assert!(!text.contains(CANARY), "{outcome}");
    }
}

#[test]
fn a_bad_connection_string_is_named_by_its_part() {
    check_url(
        &format!("postgres://app:{CANARY}@db/app?nonsense={CANARY}"),
        r"
        error: DATABASE_URL: unknown parameter nonsense
          a setting of the server goes into options: options='-c name=value', in a URL options=-c%20name%3Dvalue
    ",
    );
    check_url(
        &format!("postgres://app:{CANARY}@db:{CANARY}/app"),
        r"
        error: DATABASE_URL: bad port
          a port is a number from 1 to 65535
    ",
    );
    check_url(
        &format!("postgres://app:{CANARY}@db:99999/app"),
        r"
        error: DATABASE_URL: bad port
          a port is a number from 1 to 65535
    ",
    );
    check_url(
        &format!("postgres://app:{CANARY}%zz@db/app"),
        r"
        error: DATABASE_URL: bad percent code in the password
          a % itself is written %25
    ",
    );
    check_url(
        &format!("postgres://app:{CANARY}@{CANARY}@db/app"),
        r"
        error: DATABASE_URL: an unescaped @ in the user name or password
          only the @ before the host stands for itself: any other is written %40
    ",
    );
    check_url(
        &format!("mysql://app:{CANARY}@db/app"),
        r"
        error: DATABASE_URL: not a PostgreSQL URL: it begins with mysql://
          a PostgreSQL URL begins with postgres:// or postgresql://
    ",
    );
    check_url(
        &format!("host=db password='{CANARY}"),
        r"
        error: DATABASE_URL: a quote in the connection string is not closed
          within quotes, ' is written \' and \ is written \\
    ",
    );
    check_url(
        &format!("host=db password={CANARY} {CANARY}"),
        r"
        error: DATABASE_URL: a parameter has no =
          in a URL, an & within a value is written %26; elsewhere, a value with blanks needs quotes: password='…'
    ",
    );
    check_url(
        &format!("postgres://app:{CANARY}@db/app?connect_timeout={CANARY}"),
        r"
        error: DATABASE_URL: bad value of connect_timeout
          connect_timeout is a whole number
    ",
    );
    check_url(
        &format!("postgres://app:{CANARY}@db/app?sslmode={CANARY}"),
        r"
        error: DATABASE_URL: bad value of sslmode
          sslmode is one of disable, allow, prefer, require, verify-ca, verify-full
    ",
    );
    check_url(
        CANARY,
        r"
        error: DATABASE_URL: neither a postgres:// URL nor key=value
          write postgres://user:password@host:5432/dbname, or host=… user=… dbname=…
    ",
    );
}

#[test]
fn a_connection_string_that_cannot_be_honoured_is_refused() {
    check_url(
        &format!("postgres://app:{CANARY}@db/app?scram_client_key={CANARY}"),
        r"
        error: DATABASE_URL: onward does not know how to use scram_client_key
          leave it out, and give the password itself
    ",
    );
    check_url(
        &format!("postgres://app:{CANARY}@db/app?sslmode=require&sslrootcert=system"),
        r"
        error: DATABASE_URL: sslmode is too weak for sslrootcert=system
          use sslmode=verify-full
    ",
    );
    check_url(
        &format!("postgres://app:{CANARY}@db/app?service={CANARY}"),
        r"
        error: DATABASE_URL: there is no service file
          write [NAME] and lines like host=HOST into ~/.pg_service.conf
    ",
    );
}

#[cfg(not(feature = "tls"))]
#[test]
fn a_build_without_tls_says_so() {
    for setting in [
        "sslmode=require",
        "sslmode=verify-full",
        "sslnegotiation=direct&sslmode=require",
        "sslrootcert=root.crt",
        "channel_binding=require",
    ] {
        check_url(
            &format!("postgres://app:{CANARY}@127.0.0.1:1/app?{setting}"),
            r"
            error: the connection string asks for TLS, and this build of onward has none
              take a build with the feature tls, which is on by default; or use sslmode=disable on a network that you trust, or a Unix socket
            ",
        );
    }
    Project::new()
        .run_alone("")
        .env("DATABASE_URL", "postgres://app@127.0.0.1:1/app?sslmode=prefer")
        .gives(4, "", r"
            error: cannot connect to app@127.0.0.1:1/app: error connecting to server: Connection refused (os error 111)
              check DATABASE_URL, and that the server runs and accepts connections there
        ");
}

#[test]
fn a_server_that_is_not_there_is_named_without_the_password() {
    let url = format!("postgres://app:{CANARY}@/app?host=/nonexistent");
    Project::new().run_alone("").env("DATABASE_URL", &url).gives(4, "", r"
        error: cannot connect to app@/nonexistent:5432/app: error connecting to server: No such file or directory (os error 2)
          check DATABASE_URL, and that the server runs and accepts connections there
    ");
    let url = format!("postgres://app:{CANARY}@127.0.0.1:1/app");
    Project::new()
        .run_alone("")
        .env("DATABASE_URL", &url)
        .gives(4, "", r"
            error: cannot connect to app@127.0.0.1:1/app: error connecting to server: Connection refused (os error 111)
              check DATABASE_URL, and that the server runs and accepts connections there
        ");
    let url = format!("host=/nonexistent user=app dbname=app password={CANARY}");
    Project::new()
        .run_alone("-v status")
        .env("DATABASE_URL", &url)
        .gives(4, r"
            connection
              host      /nonexistent  DATABASE_URL
              port      5432          the default
              user      app           DATABASE_URL
              password  (not shown)   DATABASE_URL
              dbname    app           DATABASE_URL

        ", r"
            error: cannot connect to app@/nonexistent:5432/app: error connecting to server: No such file or directory (os error 2)
              check DATABASE_URL, and that the server runs and accepts connections there
        ");
}

#[test]
fn a_database_that_does_not_exist_is_named() {
    let database = Database::new();
    let url = database
        .url()
        .replace(&database.name, &format!("{}_not", database.name));
    Project::new().run_alone("").at(&database, &url).gives(4, "", r#"
        error: cannot connect to postgres@<server>/<database>_not: FATAL: database "<database>_not" does not exist (3D000)
          create the database first: createdb NAME
    "#);
    let url = database.url_of("nobody_of_this_name");
    Project::new()
        .run_alone("")
        .at(&database, &url)
        .gives(4, "", r#"
            error: cannot connect to nobody_of_this_name@<server>/<database>: FATAL: role "nobody_of_this_name" does not exist (28000)
              check user and password of DATABASE_URL, and pg_hba.conf of the server
        "#);
}

#[test]
fn the_password_is_in_no_output() {
    let project = Project::new()
        .migration("1_a.sql", "CREATE TABLE a (x int);")
        .migration("2_b.sql", "SELECT nonsense;");
    let database = Database::new();
    let url = database
        .url()
        .replace("postgres@", &format!("postgres:{CANARY}@"));
    for arguments in [
        "status",
        "status --json",
        "--dry-run -v",
        "up -v",
        "up",
        "repair 2_b.sql",
        "baseline --through 1",
    ] {
        let outcome = project.run_alone(arguments).at(&database, &url).outcome();
        assert!(
            !format!("{}{}", outcome.stdout, outcome.stderr).contains(CANARY),
            "{outcome}"
        );
    }
}
