//! A password is printed nowhere, whatever fails and wherever it came from; nor does it stand in the title of a process.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Database, Doorman, Outcome, Project, Proxy, Run};

/// What every form of a connection has to quote, and letters of two alphabets.
const PASSWORD: &str = "c4nary #1 @home %41 'single' \"double\" $HOME \\n ö🐤c4nary";

/// Fails if any of the password is there.
#[track_caller]
fn check_silent(outcome: &Outcome) {
    for text in [&outcome.raw_stdout, &outcome.stdout, &outcome.stderr] {
        let text = text.to_lowercase();
        for piece in ["c4nary", "🐤", "@home", "%41", "f0%9f"] {
            assert!(!text.contains(piece), "{piece:?} was printed\n{outcome}");
        }
    }
}

/// As a URL has it.
fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        let _ = write!(all, "%{byte:02x}");
        all
    })
}

/// Within single quotes, as `key='value'` has it.
fn quoted(text: &str) -> String {
    text.replace('\\', r"\\").replace('\'', r"\'")
}

/// Every way for a password to come in, to the server in this folder.
fn sources(project: &Project, arguments: &str, socket: &str, more: &str) -> Vec<Run> {
    let url = format!(
        "postgres://app:{}@/app?host={socket}{more}",
        percent(PASSWORD)
    );
    let pairs = format!(
        "host={socket} user=app dbname=app password='{}'",
        quoted(PASSWORD)
    );
    let open = format!("postgres://app@/app?host={socket}{more}");
    let file = |name: &str, text: String| {
        project.write(name, text);
        let path = project.path(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let fields = PASSWORD.replace('\\', r"\\").replace(':', r"\:");
    let pgpass = file("pgpass", format!("# of the test\n*:*:*:*:{fields}\n"));
    let service = file("service", format!("[mine]\npassword={PASSWORD}\n"));
    let dotenv = file(".env", format!("DATABASE_URL={url}\n"));
    let run = |name: &str, value: &str| project.run_alone(arguments).env(name, value);
    vec![
        run("DATABASE_URL", &url),
        run("DATABASE_URL", &pairs),
        run("POSTGRES_URL", &url),
        project.run_alone(&format!("--url {url} {arguments}")),
        project.run_alone(&format!("{arguments} --url={url}")),
        run("DATABASE_URL", &open).env("PGPASSWORD", PASSWORD),
        run("DATABASE_URL", &open).env("PGPASSFILE", &pgpass),
        run("DATABASE_URL", &format!("{open}&service=mine")).env("PGSERVICEFILE", &service),
        project.run_alone(&format!("--env-file {dotenv} {arguments}")),
        run("POSTGRES_PASSWORD", PASSWORD)
            .env("POSTGRES_HOST", socket)
            .env("POSTGRES_USER", "app"),
    ]
}

#[test]
fn a_password_from_any_source_arrives_and_is_not_printed() {
    let doorman = Doorman::new();
    let project = Project::new().migration("0001_a.sql", "SELECT 1;");
    let socket = doorman.folder().to_str().expect("UTF-8");
    for arguments in ["up -v", "status -v", "wait", "up --json"] {
        for run in sources(&project, arguments, socket, "") {
            let outcome = run.outcome();
            outcome.exits(4);
            check_silent(&outcome);
            assert_eq!(doorman.take_passwords(), [PASSWORD], "{outcome}");
        }
    }
}

#[test]
fn what_fails_before_and_after_connecting_is_silent_too() {
    let database = Database::new();
    let folder = database.server.socket.clone();
    let more = format!(
        "&port={}&user=postgres&dbname={}",
        database.server.port, database.name
    );
    let failing = Project::new().migration("0001_a.sql", "SELECT 1/0;");
    let broken = Project::new().migration("0001_a.sql", "SELECT 'open");
    let arguments = [
        "up -v",
        "up -v --strict",
        "up -v --to 9",
        "up --lock-timeout 1",
        "up --nonsense",
        "up --before false",
        "status -v --check",
        "baseline -v",
        "repair -v 0001_a.sql",
        "up --wait=x",
        "up -- /no/such/program",
    ];
    for project in [&failing, &broken] {
        for arguments in arguments {
            for run in sources(project, arguments, &folder, &more) {
                let outcome = run.env("PATH", "/usr/bin:/bin").outcome();
                assert!(!outcome.succeeded(), "{outcome}");
                check_silent(&outcome);
            }
        }
    }
}

#[test]
fn a_server_that_is_away_or_has_no_tls_hears_and_tells_nothing() {
    let project = Project::new();
    for (socket, more) in [
        ("/no/such/folder", ""),
        ("127.0.0.1", "&port=1"),
        ("127.0.0.1", "&port=1&sslmode=require"),
        (
            "127.0.0.1",
            "&port=1&sslmode=verify-full&sslrootcert=/no/such/file",
        ),
        (
            "127.0.0.1",
            "&port=1&channel_binding=require&sslmode=disable",
        ),
        ("no-such-host.invalid", ""),
        ("127.0.0.1", "&port=1&nonsense=1"),
        ("127.0.0.1", "&port=x"),
    ] {
        for arguments in ["up -v", "wait --wait=1ms"] {
            for run in sources(&project, arguments, socket, more) {
                let outcome = run.outcome();
                assert!(!outcome.succeeded(), "{outcome}");
                check_silent(&outcome);
            }
        }
    }
}

#[test]
fn a_connection_string_in_pieces_is_not_repeated() {
    let project = Project::new();
    for url in [
        format!("postgres://app:{PASSWORD}@db/app"),
        format!("postgres://app:{}@db/app?password", percent(PASSWORD)),
        format!("host=db password={PASSWORD}"),
        format!("postgres://{}:x@db:port/app", percent(PASSWORD)),
        format!("mysql://app:{PASSWORD}@db/app"),
        PASSWORD.to_owned(),
        format!("{PASSWORD}="),
        format!("postgres://db/app?{PASSWORD}=1"),
        format!("postgres://db/app?sslmode={PASSWORD}"),
        format!("host=db port='{}'", quoted(PASSWORD)),
    ] {
        for run in [
            project.run_alone("up").env("DATABASE_URL", &url),
            project.run_alone("up --url").arg(&url),
            project
                .run_alone("status")
                .env("PGHOST", "db")
                .env("PGPORT", &url),
            project
                .run_alone("status")
                .env("PGHOST", "db")
                .env("PGSSLMODE", &url),
            project.run_alone("up").arg(&url),
            project.run_alone("up").arg(&format!("--{url}")),
            project.run_alone("help").arg(&url),
        ] {
            let outcome = run.outcome();
            assert!(!outcome.succeeded(), "{outcome}");
            check_silent(&outcome);
        }
    }
}

#[test]
fn the_title_of_a_process_does_not_tell_it() {
    let database = Database::new();
    let project = Project::new().migration("0001_a.sql", "SELECT 1;");
    let folder = database.server.socket.clone();
    let more = format!(
        "&port={}&user=postgres&dbname={}",
        database.server.port, database.name
    );
    // While the command runs, both connections of the run are open.
    let titles = "cat /proc/$PPID/cmdline /proc/$PPID/comm; ps -eo args | grep '[p]ostgres: '";
    let mut seen = 0;
    for run in sources(&project, "up -v --strict", &folder, &more) {
        database.execute("DROP TABLE IF EXISTS schema_migrations");
        let outcome = run
            .arg("--before")
            .arg(titles)
            .env("PATH", "/usr/bin:/bin")
            .outcome();
        if outcome.succeeded() {
            assert!(outcome.stderr.contains("postgres: "), "{outcome}");
            assert!(outcome.stderr.contains("onward"), "{outcome}");
            seen += 1;
        }
        check_silent(&outcome);
    }
    assert!(seen >= 5, "only {seen} runs came as far as the command");
}

#[test]
fn what_the_server_repeats_is_the_servers_own() {
    // A server's message is shown as it is: it never saw the password.
    let database = Database::new();
    let proxy = Proxy::refusing(
        &database,
        usize::MAX,
        "28P01",
        "password authentication failed",
    );
    let socket = proxy.folder().to_str().expect("UTF-8").to_owned();
    let more = format!("&port={}", database.server.port);
    let project = Project::new();
    for run in sources(&project, "up -v --wait", &socket, &more) {
        check_silent(run.outcome().exits(4));
    }
}
