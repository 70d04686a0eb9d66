//! Taking over the history of another tool.
//!
//! `fixtures/TOOL/history.sql` is a database as the tool leaves it; where its first line names a version, that tool has
//! written it. A tool that is on the `PATH` also runs itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Database, Project, text, wait_until};

/// A tool with two applied migrations.
struct Fixture {
    folder: &'static str,
    /// As messages name it.
    tool: &'static str,
    table: &'static str,
    /// Names as they are recorded.
    files: &'static [&'static str],
    /// A third file, which the tool has not applied.
    pending: &'static str,
    /// The new name of its table, where it has the name of the history.
    displaced: Option<&'static str>,
    /// What is renamed: from, to.
    renamed: &'static [(&'static str, &'static str)],
    options: &'static str,
    /// Its program, which finds `DATABASE_URL`, and the arguments by which it applies `migrations`.
    program: Option<(&'static str, UrlOf, &'static str)>,
}

/// A database in the words of a tool.
type UrlOf = fn(&Database) -> String;

/// The folder of the socket in place of the host.
fn url_by_host(database: &Database) -> String {
    let server = &database.server;
    let folder = server.socket.replace('/', "%2F");
    format!(
        "postgres://postgres@{folder}:{}/{}",
        server.port, database.name
    )
}

/// The folder of the socket as an option.
fn url_by_option(database: &Database) -> String {
    let server = &database.server;
    format!(
        "postgres://postgres@localhost:{}/{}?host={}",
        server.port, database.name, server.socket
    )
}

/// Without TLS, which Go's driver asks for.
fn url_without_tls(database: &Database) -> String {
    format!("{}&sslmode=disable", database.url())
}

const PLAIN: Fixture = Fixture {
    folder: "",
    tool: "",
    table: "",
    files: &["20240101000000_create_t.sql", "20240102000000_email.sql"],
    pending: "20240103000000_u.sql",
    displaced: None,
    renamed: &[],
    options: "",
    program: None,
};

fn fixture_folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/onward/fixtures")
        .join(name)
}

/// Copies the files of a folder, and of folders in it.
fn copy(from: &Path, to: &str, project: &Project) {
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str());
        let to = format!("{to}/{}", name.expect("UTF-8"));
        if path.is_dir() {
            copy(&path, &to, project);
        } else {
            project.write(&to, fs::read(&path).expect("a file"));
        }
    }
}

/// The files that the tool has applied.
fn applied_project(folder: &str) -> Project {
    let project = Project::new();
    copy(
        &fixture_folder(folder).join("migrations"),
        "migrations",
        &project,
    );
    project
}

fn old_database(folder: &str) -> Database {
    let database = Database::new();
    database.psql(&[fixture_folder(folder).join("history.sql")]);
    database
}

/// The tool and one newer file.
fn old(folder: &str, pending: &str) -> (Project, Database) {
    let project = applied_project(folder).migration(pending, "CREATE TABLE u (id int);\n");
    (project, old_database(folder))
}

fn lines(lines: &[String]) -> String {
    text(lines.iter().map(String::as_str))
}

impl Fixture {
    /// All the way: adopt, and only the new file is left to do.
    #[track_caller]
    fn check(&self) {
        self.check_on(&old_database(self.folder));
        if let Some((program, url, arguments)) = self.program
            && let Some(path) = on_the_path(program)
        {
            let database = Database::new();
            let project = applied_project(self.folder);
            let output = Command::new(path)
                .args(arguments.split(' '))
                .env("DATABASE_URL", url(&database))
                .current_dir(project.path("."))
                .output()
                .expect("the tool starts");
            assert!(output.status.success(), "{output:?}");
            self.check_on(&database);
        }
    }

    #[track_caller]
    fn check_on(&self, database: &Database) {
        let Fixture {
            tool,
            table,
            pending,
            options,
            ..
        } = self;
        let project = applied_project(self.folder);
        project.write(
            &format!("migrations/{pending}"),
            "CREATE TABLE u (id int);\n",
        );
        let before = database.full_dump();
        let rename = if self.renamed.is_empty() {
            ""
        } else {
            "--rename-files"
        };
        let mut said: Vec<String> = Vec::new();
        said.extend(
            self.renamed
                .iter()
                .map(|(from, to)| format!("rename {from} to {to}")),
        );
        said.extend(self.files.iter().map(|file| format!("adopt {file}")));
        let displaced = self
            .displaced
            .map(|name| format!("rename the table {table} to {name}"));
        let would = said.iter().map(|line| format!("would {line}"));
        let mut would: Vec<String> = would
            .chain([format!("would leave {pending} pending")])
            .collect();
        would.extend(displaced.iter().map(|line| format!("would {line}")));
        let count = self.files.len();
        would.push(format!(
            "Would adopt {count} migrations from {tool}; 1 would be pending"
        ));
        project
            .run(database, &format!("adopt --dry-run {rename} {options}"))
            .gives(0, &lines(&would), "");
        assert_eq!(database.full_dump(), before);
        if self.renamed.is_empty() {
            project.run(database, options).gives(
                3,
                "",
                &format!(
                    "refused: {tool} keeps the history of this database, in {table}\n  \
                 take its history over: onward{} adopt (--dry-run shows what that does)\n\
                 error: refused, for 1 reason\n  nothing was changed\n",
                    if options.is_empty() {
                        String::new()
                    } else {
                        format!(" {options}")
                    }
                ),
            );
        }

        let past = said.iter().chain(&displaced).map(|line| {
            line.replacen("rename ", "renamed ", 1)
                .replacen("adopt ", "adopted ", 1)
        });
        let mut past: Vec<String> = past.collect();
        past.push(format!("Adopted {count} migrations from {tool}; 1 pending"));
        project
            .run(database, &format!("adopt {rename} {options}"))
            .gives(0, &lines(&past), "");
        for (from, to) in self.renamed {
            assert!(!project.path("migrations").join(from).exists(), "{from}");
            assert!(project.path("migrations").join(to).exists(), "{to}");
        }
        self.check_after(&project, database);
    }

    /// The history is healthy, and `up` does what is new.
    #[track_caller]
    fn check_after(&self, project: &Project, database: &Database) {
        let (pending, options) = (self.pending, self.options);
        let status = project
            .run(database, &format!("status --json {options}"))
            .outcome();
        status.exits(0);
        assert!(status.stdout.contains("\"healthy\":true"), "{status}");
        assert!(status.stdout.contains("\"issues\":[]"), "{status}");
        project.run(database, options).gives(
            0,
            &format!("Applied 1 migration: {pending}\n"),
            &format!("applied {pending} (<time>)\n"),
        );
        assert!(database.has("u"));
        let all = self.files.len() + 1;
        project.run(database, options).gives(
            0,
            &format!("Applied 0 migrations: the database is up to date ({all} applied)\n"),
            "",
        );
    }
}

/// The program of a tool, if it is installed.
fn on_the_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

#[test]
fn dbmate() {
    Fixture {
        folder: "dbmate",
        tool: "dbmate",
        table: "public.schema_migrations",
        displaced: Some("public.schema_migrations_dbmate"),
        program: Some((
            "dbmate",
            url_without_tls,
            "--migrations-dir migrations --no-dump-schema up",
        )),
        ..PLAIN
    }
    .check();
}

#[test]
fn golang_migrate() {
    Fixture {
        folder: "golang-migrate",
        tool: "golang-migrate",
        table: "public.schema_migrations",
        files: &["000001_create_t.up.sql", "000002_email.up.sql"],
        pending: "000003_u.up.sql",
        displaced: Some("public.schema_migrations_golang_migrate"),
        ..PLAIN
    }
    .check();
}

#[test]
fn goose() {
    Fixture {
        folder: "goose",
        tool: "goose",
        table: "public.goose_db_version",
        files: &["00001_create_t.sql", "00002_email.sql"],
        pending: "00003_u.sql",
        ..PLAIN
    }
    .check();
}

#[test]
fn sqlx() {
    Fixture {
        folder: "sqlx",
        tool: "sqlx",
        table: "public._sqlx_migrations",
        files: &[
            "20240101000000_create_t.sql",
            "20240102000000_add_email.sql",
        ],
        program: Some(("sqlx", url_by_option, "migrate run --source migrations")),
        ..PLAIN
    }
    .check();
}

#[test]
fn node_pg_migrate() {
    Fixture {
        folder: "node-pg-migrate",
        tool: "node-pg-migrate",
        table: "public.pgmigrations",
        files: &["1704067200000_create-t.sql", "1704153600000_email.sql"],
        pending: "1704240000000_u.sql",
        program: Some(("node-pg-migrate", Database::url, "up -m migrations")),
        ..PLAIN
    }
    .check();
}

#[test]
fn diesel() {
    Fixture {
        folder: "diesel",
        tool: "Diesel",
        table: "public.__diesel_schema_migrations",
        files: &["20240101000000_create_t", "20240102000000_email"],
        renamed: &[
            ("2024-01-01-000000_create_t", "20240101000000_create_t"),
            ("2024-01-02-000000_email", "20240102000000_email"),
        ],
        program: Some((
            "diesel",
            url_by_host,
            "migration run --migration-dir migrations",
        )),
        ..PLAIN
    }
    .check();
}

#[test]
fn refinery() {
    Fixture {
        folder: "refinery",
        tool: "refinery",
        table: "public.refinery_schema_history",
        files: &["0001_create_t.sql", "0002_email.sql"],
        pending: "0003_u.sql",
        renamed: &[
            ("V1__create_t.sql", "0001_create_t.sql"),
            ("V2__email.sql", "0002_email.sql"),
        ],
        program: Some((
            "refinery",
            url_by_host,
            "migrate -e DATABASE_URL -p migrations",
        )),
        ..PLAIN
    }
    .check();
}

#[test]
fn rails() {
    Fixture {
        folder: "rails",
        tool: "Rails",
        table: "public.schema_migrations",
        displaced: Some("public.schema_migrations_rails"),
        ..PLAIN
    }
    .check();
}

#[test]
fn flyway() {
    Fixture {
        folder: "flyway",
        tool: "Flyway",
        table: "public.flyway_schema_history",
        files: &["0001_create_t.sql", "0002_email.sql"],
        pending: "0003_u.sql",
        renamed: &[
            ("V1__create_t.sql", "0001_create_t.sql"),
            ("U2__email.sql", "0002_email.down.sql"),
            ("V2__email.sql", "0002_email.sql"),
        ],
        ..PLAIN
    }
    .check();
}

#[test]
fn prisma() {
    Fixture {
        folder: "prisma",
        tool: "Prisma",
        table: "public._prisma_migrations",
        files: &["20240101000000_create_t", "20240102000000_email"],
        ..PLAIN
    }
    .check();
}

#[test]
fn tern() {
    Fixture {
        folder: "tern",
        tool: "tern",
        table: "public.schema_version",
        files: &["001_create_t.sql", "002_email.sql"],
        pending: "003_u.sql",
        ..PLAIN
    }
    .check();
}

#[test]
fn supabase() {
    Fixture {
        folder: "supabase",
        tool: "Supabase",
        table: "supabase_migrations.schema_migrations",
        ..PLAIN
    }
    .check();
}

#[test]
fn atlas() {
    Fixture {
        folder: "atlas",
        tool: "Atlas",
        table: "atlas_schema_revisions.atlas_schema_revisions",
        ..PLAIN
    }
    .check();
}

#[test]
fn sql_migrate() {
    Fixture {
        folder: "sql-migrate",
        tool: "sql-migrate",
        table: "public.gorp_migrations",
        files: &["1-create-t.sql", "2-email.sql"],
        pending: "3-u.sql",
        ..PLAIN
    }
    .check();
}

#[test]
fn graphile_migrate() {
    Fixture {
        folder: "graphile-migrate",
        tool: "graphile-migrate",
        table: "graphile_migrate.migrations",
        files: &["000001_migration.sql", "000002-email.sql"],
        pending: "000003-u.sql",
        renamed: &[("000001.sql", "000001_migration.sql")],
        ..PLAIN
    }
    .check();
}

#[test]
fn geni() {
    Fixture {
        folder: "geni",
        tool: "geni",
        table: "public.schema_migrations",
        files: &["001_create_t.up.sql", "002_email.up.sql"],
        pending: "003_u.up.sql",
        displaced: Some("public.schema_migrations_geni"),
        ..PLAIN
    }
    .check();
}

#[test]
fn ecto() {
    Fixture {
        folder: "ecto",
        tool: "Ecto",
        table: "public.schema_migrations",
        displaced: Some("public.schema_migrations_ecto"),
        ..PLAIN
    }
    .check();
}

#[test]
fn yandex_pgmigrate() {
    Fixture {
        folder: "yandex-pgmigrate",
        tool: "yandex-pgmigrate",
        table: "public.schema_version",
        files: &["0001_create_t.sql", "0002_email.sql"],
        pending: "0003_u.sql",
        renamed: &[
            ("V0001__create_t.sql", "0001_create_t.sql"),
            ("V0002__email.sql", "0002_email.sql"),
        ],
        ..PLAIN
    }
    .check();
}

#[test]
fn postgres_migrations() {
    Fixture {
        folder: "postgres-migrations",
        tool: "postgres-migrations",
        table: "public.migrations",
        files: &["1_create_t.sql", "2_email.sql"],
        pending: "3_u.sql",
        ..PLAIN
    }
    .check();
}

/// A hand-made runner whose files also create its table: on an old database, and on a fresh one, where `up` leaves out
/// what the files do to the table. `said` is what it says of each file then.
#[track_caller]
fn check_hand_made(fixture: &Fixture, said: &[(&str, &str)]) {
    fixture.check();
    let project =
        applied_project(fixture.folder).migration(fixture.pending, "CREATE TABLE u (id int);\n");
    let database = Database::new();
    let table = fixture
        .displaced
        .map_or("public.schema_migrations", |_| fixture.table);
    let mut stderr: Vec<String> = Vec::new();
    for file in fixture.files.iter().chain([&fixture.pending]) {
        let of_file = said.iter().filter(|(name, _)| name == file);
        stderr.extend(of_file.map(|(file, what)| match what.parse::<usize>() {
            Ok(line) => format!(
                "notice: migrations/{file}:{line}: a statement for {table} is left out; onward keeps its history itself"
            ),
            Err(_) => format!("{file}: {what}"),
        }));
        stderr.push(format!("applied {file} (<time>)"));
    }
    let all = [fixture.files, &[fixture.pending]].concat();
    project.run(&database, fixture.options).gives(
        0,
        &format!("Applied {} migrations: {}\n", all.len(), all.join(", ")),
        &lines(&stderr),
    );
    project.run(&database, fixture.options).gives(
        0,
        &format!(
            "Applied 0 migrations: the database is up to date ({} applied)\n",
            all.len()
        ),
        "",
    );
    assert_eq!(database.query("SELECT count(*) FROM u"), ["0"]);
    let flags = if fixture.options.is_empty() {
        String::new()
    } else {
        format!(" {}", fixture.options)
    };
    project.run(&database, &format!("adopt{flags}")).gives(
        3,
        "",
        &format!(
            "refused: this database has a history already, in {table}\n  see what it holds: onward{flags} status\n\
             error: refused, for 1 reason\n  nothing was changed\n"
        ),
    );
}

#[test]
fn hand_made_a() {
    let fixture = Fixture {
        folder: "hand-made-a",
        tool: "a hand-made runner",
        table: "public.schema_migrations",
        files: &[
            "000_schema_migrations.sql",
            "001_create_t.sql",
            "002_email.sql",
        ],
        pending: "003_u.sql",
        displaced: Some("public.schema_migrations_hand_made"),
        ..PLAIN
    };
    check_hand_made(&fixture, &[("000_schema_migrations.sql", "1")]);
}

#[test]
fn hand_made_b() {
    let fixture = Fixture {
        folder: "hand-made-b",
        tool: "a hand-made runner",
        table: "kb.schema_migrations",
        files: &[
            "0000_create_migration_tracking.sql",
            "0001_create_t.sql",
            "0002_email.sql",
        ],
        pending: "0003_u.sql",
        displaced: Some("kb.schema_migrations_hand_made"),
        options: "--table kb.schema_migrations",
        ..PLAIN
    };
    let file = "0000_create_migration_tracking.sql";
    check_hand_made(
        &fixture,
        &[
            (file, "2"),
            (file, "11"),
            (file, "1 statement skipped, as already done"),
        ],
    );
}

#[test]
fn hand_made_c() {
    let fixture = Fixture {
        folder: "hand-made-c",
        tool: "a hand-made runner",
        table: "public.schema_migrations",
        files: &[
            "000-create-migrations-table.sql",
            "001-create-t.sql",
            "002-email.sql",
        ],
        pending: "003-u.sql",
        displaced: Some("public.schema_migrations_hand_made"),
        ..PLAIN
    };
    check_hand_made(&fixture, &[("000-create-migrations-table.sql", "1")]);
}

#[test]
fn hand_made_d() {
    let fixture = Fixture {
        folder: "hand-made-d",
        tool: "a hand-made runner",
        table: "public.schema_migrations",
        files: &[
            "000_migration_tracking.sql",
            "001_create_t.sql",
            "002_email.sql",
        ],
        pending: "003_u.sql",
        displaced: Some("public.schema_migrations_hand_made"),
        ..PLAIN
    };
    let left_out = [
        ("000_migration_tracking.sql", "1"),
        ("000_migration_tracking.sql", "6"),
        ("001_create_t.sql", "3"),
        ("002_email.sql", "2"),
    ];
    check_hand_made(&fixture, &left_out);
}

#[test]
fn hand_made_e() {
    let fixture = Fixture {
        folder: "hand-made-e",
        tool: "a hand-made runner",
        table: "public.migration_status",
        files: &[
            "20240100_migration_status.sql",
            "20240101_create_t.sql",
            "20240102_email.sql",
        ],
        pending: "20240103_u.sql",
        ..PLAIN
    };
    check_hand_made(&fixture, &[]);
}

/// What is recorded of each file: name, version, kind, time, duration, who, and whether there is a checksum.
fn recorded(database: &Database) -> Vec<String> {
    database.query(
        "SELECT filename, version, description, kind || ' ' || status, to_char(applied_at AT TIME ZONE 'UTC', \
         'YYYY-MM-DD HH24:MI:SS.MS'), execution_time_ms, applied_by, checksum IS NOT NULL AND sql_checksum IS NOT NULL \
         FROM public.schema_migrations ORDER BY id",
    )
}

/// A refused `adopt`, which changes nothing: neither the database nor the files.
#[track_caller]
fn check_refused(project: &Project, database: &Database, arguments: &str, stderr: &str) {
    let (dump, files) = (database.full_dump(), project.migrations());
    project
        .run(database, &format!("adopt {arguments}"))
        .gives(3, "", stderr);
    assert_eq!(database.full_dump(), dump);
    assert_eq!(project.migrations(), files);
}

/// Two files, of which this table says something.
fn two(table: &str) -> (Project, Database) {
    let project = Project::new()
        .migration("001_a.sql", "CREATE TABLE a (x int);\n")
        .migration("002_b.sql", "CREATE TABLE b (x int);\n");
    (
        project,
        Database::with(&format!("CREATE TABLE a (x int); {table}")),
    )
}

const DBMATE: &str = "CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY);\n\
    INSERT INTO schema_migrations VALUES ('001');\n";

const SQLX: &str = "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, installed_on timestamptz NOT NULL \
    DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL, execution_time bigint NOT NULL);\n";

#[test]
fn rows_keep_their_times_and_names() {
    let (project, database) = old("flyway", "0003_u.sql");
    project
        .run(&database, "adopt --rename-files -q")
        .gives(0, "", "");
    assert_eq!(
        recorded(&database),
        [
            "0001_create_t.sql|0001|create t|adopted applied|2024-01-01 10:00:00.000|12|deployer|t",
            "0002_email.sql|0002|email|adopted applied|2024-01-02 10:00:00.500|7|deployer|t",
        ]
    );
    let (project, database) = old("hand-made-e", "20240103_u.sql");
    project.run(&database, "adopt -q").gives(0, "", "");
    assert_eq!(
        recorded(&database)[1..],
        [
            "20240101_create_t.sql|20240101|create t|adopted applied|2024-01-01 10:00:00.000|NULL|postgres|t",
            "20240102_email.sql|20240102|email|adopted applied|2024-01-02 10:00:00.500|NULL|postgres|t",
        ]
    );
    assert_eq!(
        database.value("SELECT started_at = '2024-01-02 10:00:00+00' AND tool_version LIKE 'onward %' FROM schema_migrations WHERE version = '20240102'"),
        "t"
    );
    let (project, database) = old("goose", "00003_u.sql");
    project.run(&database, "adopt -q").gives(0, "", "");
    assert_eq!(
        recorded(&database)[1],
        "00002_email.sql|00002|email|adopted applied|2024-01-04 10:00:00.000|NULL|postgres|t"
    );
    let (project, database) = old("atlas", "20240103000000_u.sql");
    project.run(&database, "adopt -q").gives(0, "", "");
    assert_eq!(
        recorded(&database)[0],
        "20240101000000_create_t.sql|20240101000000|create t|adopted applied|2024-01-01 10:00:00.000|5|postgres|t"
    );
}

#[test]
fn a_displaced_table_leaves_its_names_to_ours() {
    let (project, database) = old("hand-made-b", "0003_u.sql");
    let before = database.query("SELECT * FROM kb.schema_migrations ORDER BY id");
    project
        .run(&database, "adopt -q --table kb.schema_migrations")
        .gives(0, "", "");
    assert_eq!(
        database.query("SELECT * FROM kb.schema_migrations_hand_made ORDER BY id"),
        before
    );
    let names = "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'kb'::regnamespace AND relkind <> 'c' ORDER BY 1";
    assert_eq!(
        database.query(names),
        [
            "idx_schema_migrations_filename|i",
            "schema_migrations|r",
            "schema_migrations_filename_idx|i",
            "schema_migrations_filename_key|i",
            "schema_migrations_hand_made|r",
            "schema_migrations_hand_made_id_seq|S",
            "schema_migrations_hand_made_pkey|i",
            "schema_migrations_id_seq|S",
            "schema_migrations_pkey|i",
        ]
    );
}

#[test]
fn a_table_in_a_schema_off_the_search_path_is_found_and_left_alone() {
    let (project, database) = old("hand-made-b", "0003_u.sql");
    project.run(&database, "adopt").gives(
        0,
        r"
        adopted 0000_create_migration_tracking.sql
        adopted 0001_create_t.sql
        adopted 0002_email.sql
        Adopted 3 migrations from a hand-made runner; 1 pending
    ",
        "",
    );
    assert!(database.has("kb.schema_migrations") && database.has("public.schema_migrations"));
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0003_u.sql\n",
        "applied 0003_u.sql (<time>)\n",
    );
}

#[test]
fn a_file_that_is_not_what_was_applied_is_refused() {
    let (project, database) = old("sqlx", "20240103000000_u.sql");
    let names = [
        "20240101000000_create_t.sql",
        "20240102000000_add_email.sql",
    ];
    let texts =
        names.map(|name| fs::read_to_string(project.path("migrations").join(name)).unwrap());
    for (name, text) in names.iter().zip(&texts) {
        project.write(&format!("migrations/{name}"), format!("{text}\n"));
    }
    check_refused(
        &project,
        &database,
        "",
        r"
        refused: 20240101000000_create_t.sql is not what sqlx has applied: its checksum is another
        refused: 20240102000000_add_email.sql is not what sqlx has applied: its checksum is another
          restore the file as it was applied (what changed belongs into a new file), or have sqlx accept the change; then: onward adopt
        error: refused, for 2 reasons
          nothing was changed
    ",
    );
    for (name, text) in names.iter().zip(&texts) {
        project.write(&format!("migrations/{name}"), text);
    }
    project.run(&database, "adopt -q").gives(0, "", "");
}

#[test]
fn every_checksum_that_is_kept_is_compared() {
    for (folder, file, shown) in [
        (
            "prisma",
            "20240102000000_email/migration.sql",
            "20240102000000_email",
        ),
        ("flyway", "V2__email.sql", "V2__email.sql"),
        ("refinery", "V2__email.sql", "V2__email.sql"),
        (
            "atlas",
            "20240102000000_email.sql",
            "20240102000000_email.sql",
        ),
        ("graphile-migrate", "000002-email.sql", "000002-email.sql"),
        ("postgres-migrations", "2_email.sql", "2_email.sql"),
        ("hand-made-b", "0002_email.sql", "0002_email.sql"),
        ("hand-made-c", "002-email.sql", "002-email.sql"),
    ] {
        let project = applied_project(folder);
        let database = old_database(folder);
        let path = format!("migrations/{file}");
        let text = fs::read_to_string(project.path(&path)).unwrap();
        project.write(&path, text.replace("email text", "email  text"));
        let outcome = project.run(&database, "adopt --rename-files").outcome();
        outcome.exits(3);
        let says = format!("refused: {shown} is not what ");
        assert!(outcome.stderr.starts_with(&says), "{outcome}");
        assert!(
            outcome.stderr.contains("refused, for 1 reason\n"),
            "{outcome}"
        );
    }
}

#[test]
fn a_row_whose_file_is_gone_is_recorded_all_the_same() {
    let (project, database) = old("hand-made-c", "003-u.sql");
    project.remove("migrations/001-create-t.sql");
    project.run(&database, "adopt").gives(
        0,
        r"
        adopted 000-create-migrations-table.sql
        adopted 001-create-t
        adopted 002-email.sql
        renamed the table public.schema_migrations to public.schema_migrations_hand_made
        Adopted 3 migrations from a hand-made runner; 1 pending
    ",
        r"
        warning: a hand-made runner has applied 001-create-t, and there is no file of it
          the history gets it without a checksum, and up will call it missing; restore the file if it should be there
    ",
    );
    assert_eq!(
        recorded(&database)[1],
        "001-create-t|001|create t|adopted applied|2024-01-01 10:00:00.000|12|postgres|f"
    );
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 003-u.sql\n",
        r"
        warning: 001-create-t was applied on <when>, and the file is missing
          restore the file from version control, or take it out of the history: onward repair 001-create-t
        applied 003-u.sql (<time>)
    ",
    );
}

#[test]
fn a_file_below_the_newest_without_a_row_stays_pending() {
    let (project, database) = two(
        "CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY); INSERT INTO schema_migrations VALUES ('002')",
    );
    project.remove("migrations/001_a.sql");
    project.write("migrations/001_c.sql", "CREATE TABLE c (x int);\n");
    project.run(&database, "adopt -q").gives(0, "", "");
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 001_c.sql\n",
        r"
        warning: 001_c.sql is out of order: 002_b.sql is applied already
          number a new file after the newest applied one
        applied 001_c.sql (<time>)
    ",
    );
}

#[test]
fn what_was_left_half_done_is_refused() {
    let (project, database) = two(
        "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL); \
         INSERT INTO schema_migrations VALUES (2, true)",
    );
    check_refused(
        &project,
        &database,
        "",
        r"
        refused: golang-migrate has not finished 2: it failed half-way, or is under way
          finish its work or undo it by hand, and tell golang-migrate: migrate force VERSION; then: onward adopt
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    database.execute("UPDATE schema_migrations SET version = 1, dirty = false");
    project.run(&database, "adopt -q").gives(0, "", "");
    project.run(&database, "-q").gives(0, "", "");

    let (project, database) = two(&format!(
        "{SQLX} INSERT INTO _sqlx_migrations VALUES (1, 'a', now(), false, '\\x00', -1)"
    ));
    check_refused(
        &project,
        &database,
        "",
        r#"
        refused: sqlx has not finished 1_a.sql: it failed half-way, or is under way
          finish its work or undo it by hand, and tell sqlx: UPDATE "public"."_sqlx_migrations" SET success = true for its row, or DELETE that row; then: onward adopt
        error: refused, for 1 reason
          nothing was changed
    "#,
    );

    let half_done = |folder: &str, change: &str| {
        let (project, database) = old(folder, "9999_u.sql");
        database.execute(change);
        let outcome = project.run(&database, "adopt --rename-files").outcome();
        outcome.exits(3);
        assert!(outcome.stderr.contains(" has not finished "), "{outcome}");
        assert!(
            outcome.stderr.contains("refused, for 1 reason\n"),
            "{outcome}"
        );
    };
    half_done(
        "flyway",
        "UPDATE flyway_schema_history SET success = false WHERE version = '2'",
    );
    half_done(
        "prisma",
        "UPDATE _prisma_migrations SET finished_at = NULL WHERE finished_at > '2024-01-02'",
    );
    half_done(
        "atlas",
        "UPDATE atlas_schema_revisions.atlas_schema_revisions SET total = 2 WHERE version LIKE '2024%2000000'",
    );
    half_done(
        "hand-made-e",
        "UPDATE migration_status SET status = 'running' WHERE migration_name LIKE '%email'",
    );
}

#[test]
fn the_words_of_a_hand_made_runner_are_known_or_refused() {
    let applied = [
        "SUCCESS",
        " Applied ",
        "COMPLETED",
        "ok",
        "true",
        "t",
        "1",
        "executed",
        "finished",
        "succeeded",
        "done",
        "complete",
    ];
    let not_applied = [
        "f",
        "False",
        "0",
        "FAILED",
        "error",
        "pending",
        "rolled_back",
        "reverted",
        "skipped",
    ];
    let database = Database::with(
        "CREATE TABLE schema_migrations (filename text PRIMARY KEY, applied_at timestamptz, status text)",
    );
    let project = Project::new();
    let name = |i: usize| format!("{:03}_x.sql", i + 1);
    for (i, word) in applied.iter().chain(&not_applied).enumerate() {
        project.write(&format!("migrations/{}", name(i)), "SELECT 1;\n");
        database.execute(&format!(
            "INSERT INTO schema_migrations VALUES ('{}', now(), '{word}')",
            name(i)
        ));
    }
    let names = |action: &str, numbers: std::ops::Range<usize>| -> Vec<String> {
        numbers.map(|i| action.replace('%', &name(i))).collect()
    };
    let (known, all) = (applied.len(), applied.len() + not_applied.len());
    let mut said = names("would adopt %", 0..known);
    said.extend(names("would leave % pending", known..all));
    said.push(
        "would rename the table public.schema_migrations to public.schema_migrations_hand_made"
            .to_owned(),
    );
    said.push("Would adopt 12 migrations from a hand-made runner; 9 would be pending".to_owned());
    project
        .run(&database, "adopt --dry-run")
        .gives(0, &lines(&said), "");

    database.execute(
        "UPDATE schema_migrations SET status = 'Weird' WHERE filename LIKE '001%'; \
         UPDATE schema_migrations SET status = NULL WHERE filename LIKE '002%'",
    );
    check_refused(
        &project,
        &database,
        "",
        r#"
        refused: a hand-made runner calls 001_x.sql "Weird", and onward cannot tell whether that is applied
        refused: a hand-made runner does not say whether 002_x.sql is applied
          see whether it is applied, and say so: UPDATE "public"."schema_migrations" SET "status" = 'applied' (or 'failed') for its row; then: onward adopt
        error: refused, for 2 reasons
          nothing was changed
    "#,
    );
}

#[test]
fn a_state_can_be_a_number_and_a_table_can_have_none() {
    let (project, database) = two(
        "CREATE TABLE schema_migrations (filename text PRIMARY KEY, success smallint, applied_at timestamptz); \
         INSERT INTO schema_migrations VALUES ('001_a.sql', 1, now()), ('002_b.sql', 2, now())",
    );
    check_refused(
        &project,
        &database,
        "",
        r#"
        refused: a hand-made runner calls 002_b.sql "2", and onward cannot tell whether that is applied
          see whether it is applied, and say so: UPDATE "public"."schema_migrations" SET "success" = '1' (or '0') for its row; then: onward adopt
        error: refused, for 1 reason
          nothing was changed
    "#,
    );
    database.execute(
        r#"UPDATE "public"."schema_migrations" SET "success" = '0' WHERE filename = '002_b.sql'"#,
    );
    project.run(&database, "adopt -q").gives(0, "", "");
    assert_eq!(database.history(), ["001_a.sql|adopted|applied"]);
    let (project, database) = two(
        "CREATE TABLE schema_migrations (filename text PRIMARY KEY, applied_at timestamptz); INSERT INTO schema_migrations VALUES ('001_a.sql')",
    );
    project.run(&database, "adopt -q").gives(0, "", "");
    assert_eq!(database.history(), ["001_a.sql|adopted|applied"]);
    let (project, database) = two(
        "CREATE TABLE migration_status (migration_name text PRIMARY KEY, migration_type text, status text, completed_at timestamptz, started_at timestamptz); \
         INSERT INTO migration_status VALUES ('001_a', 'schema', 'Completed', now(), now())",
    );
    project.run(&database, "adopt -q").gives(0, "", "");
    assert_eq!(database.history(), ["001_a.sql|adopted|applied"]);
}

#[test]
fn of_several_rows_of_a_hand_made_runner_the_last_decides() {
    let check = |words: &[&str], adopted: &[&str]| {
        let (project, database) = two(
            "CREATE TABLE schema_migrations (id serial, filename text, applied_at timestamptz, status text)",
        );
        for word in words {
            database.execute(&format!(
                "INSERT INTO schema_migrations (filename, applied_at, status) VALUES ('001_a.sql', now(), '{word}')"
            ));
        }
        project.run(&database, "adopt -q").gives(0, "", "");
        assert_eq!(database.history(), adopted, "{words:?}");
    };
    let is_adopted = ["001_a.sql|adopted|applied"];
    check(&["applied", "rolled_back"], &[]);
    check(&["applied", "rolled_back", "applied"], &is_adopted);
    check(&["running", "completed"], &is_adopted);
    check(&["running", "failed"], &[]);
    check(&["failed", "applied"], &is_adopted);
    // It was applied, and what was tried later changed nothing.
    check(&["applied", "running", "failed"], &is_adopted);
    check(&["applied", "failed"], &is_adopted);
    check(&["applied", "skipped"], &is_adopted);
}

#[test]
fn times_that_are_texts_are_read_or_refused() {
    let (project, database) = two(
        "CREATE TABLE schema_migrations (filename text, applied_at text); \
         INSERT INTO schema_migrations VALUES ('001_a.sql', ' '), ('002_b.sql', 'last week')",
    );
    check_refused(
        &project,
        &database,
        "",
        r#"
        refused: a time in "public"."schema_migrations" cannot be read: invalid input syntax for type timestamp with time zone: "last week"
          give that row of "public"."schema_migrations" a time, or none (NULL); then: onward adopt
        error: refused, for 1 reason
          nothing was changed
    "#,
    );
    database
        .execute("UPDATE schema_migrations SET applied_at = NULL WHERE applied_at = 'last week'");
    project.run(&database, "adopt -q").gives(0, "", "");
    assert_eq!(
        database.history(),
        ["001_a.sql|adopted|applied", "002_b.sql|adopted|applied"]
    );
}

#[test]
fn a_row_that_names_no_file_claims_none() {
    let project = Project::new().migration("0000_init.sql", "CREATE TABLE a (x int);\n");
    let database = Database::with(
        "CREATE TABLE schema_migrations (filename text, applied_at timestamptz); \
         INSERT INTO schema_migrations VALUES (NULL, now())",
    );
    check_refused(
        &project,
        &database,
        "",
        r#"
        refused: a hand-made runner has applied a migration that has no name
          give that row of "public"."schema_migrations" its name, or delete it; then: onward adopt
        error: refused, for 1 reason
          nothing was changed
    "#,
    );
    database.execute("UPDATE schema_migrations SET filename = '0'");
    project.run(&database, "adopt -q").gives(0, "", "");
    assert_eq!(database.history(), ["0000_init.sql|adopted|applied"]);
}

#[test]
fn a_version_that_no_file_has_is_said() {
    let golang = |version: &str| {
        two(&format!(
            "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL); \
             INSERT INTO schema_migrations VALUES ({version}, false)"
        ))
    };
    let (project, database) = golang("-1");
    check_refused(
        &project,
        &database,
        "",
        r#"
        refused: golang-migrate has applied all up to "-1", and that is no number of a file
          record the files that the database contains already: onward baseline --through VERSION
        error: refused, for 1 reason
          nothing was changed
    "#,
    );
    let (project, database) = golang("5");
    project.run(&database, "adopt").gives(
        0,
        r"
        adopted 001_a.sql
        adopted 002_b.sql
        adopted 5
        renamed the table public.schema_migrations to public.schema_migrations_golang_migrate
        Adopted 3 migrations from golang-migrate; 0 pending
    ",
        r"
        warning: golang-migrate has applied 5, and there is no file of it
          the history gets it without a checksum, and up will call it missing; restore the file if it should be there
    ",
    );
}

#[test]
fn several_tools_are_told_apart_by_name() {
    let (project, database) = two(&format!(
        "{SQLX} CREATE SCHEMA old; CREATE TABLE pgmigrations (id serial, name varchar(255) NOT NULL, run_on timestamp NOT NULL); \
         INSERT INTO pgmigrations (name, run_on) VALUES ('001_a', now()); \
         CREATE TABLE old._sqlx_migrations (LIKE public._sqlx_migrations)"
    ));
    check_refused(
        &project,
        &database,
        "",
        r"
        refused: several tools keep a history in this database: sqlx in public._sqlx_migrations, node-pg-migrate in public.pgmigrations
          choose one: onward adopt --from sqlx, or onward adopt --from node-pg-migrate
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check_refused(
        &project,
        &database,
        "--from goose",
        r#"
        refused: there is no history of "goose" in this database
          looked in all schemas for the tables of hand-made, dbmate, rails, golang-migrate, goose, sqlx, node-pg-migrate, diesel, refinery, flyway, prisma, tern, supabase, atlas, sql-migrate, graphile-migrate, geni, ecto, yandex-pgmigrate, postgres-migrations; record what is applied already: onward baseline --through VERSION
        error: refused, for 1 reason
          nothing was changed
    "#,
    );
    project
        .run(&database, "adopt --dry-run --from old._sqlx_migrations")
        .gives(
            0,
            r"
            would leave 001_a.sql pending
            would leave 002_b.sql pending
            Would adopt 0 migrations from sqlx; 2 would be pending
        ",
            "",
        );
    project
        .run(&database, "adopt --from Node-PG-migrate")
        .gives(
            0,
            r"
            adopted 001_a.sql
            Adopted 1 migration from node-pg-migrate; 1 pending
        ",
            "",
        );
}

#[test]
fn two_tables_of_one_tool_are_told_apart_by_table() {
    let (project, database) = two(
        "CREATE SCHEMA x; CREATE SCHEMA y; CREATE TABLE x.pgmigrations (id serial, name varchar(255) NOT NULL, run_on timestamp NOT NULL); \
         CREATE TABLE y.pgmigrations (LIKE x.pgmigrations)",
    );
    check_refused(
        &project,
        &database,
        "--from node-pg-migrate",
        r"
        refused: several tools keep a history in this database: node-pg-migrate in x.pgmigrations, node-pg-migrate in y.pgmigrations
          choose one: onward adopt --from x.pgmigrations, or onward adopt --from y.pgmigrations
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    project
        .run(&database, "adopt -q --from y.pgmigrations")
        .gives(0, "", "");
}

#[test]
fn a_table_whose_name_needs_quotes_is_named_for_a_shell() {
    let (project, database) = two(&format!(
        r#"{DBMATE} CREATE SCHEMA "Old"; CREATE TABLE "Old".schema_migrations (LIKE public.schema_migrations)"#
    ));
    database.execute(&format!(
        r#"ALTER DATABASE {} SET search_path = public, "Old""#,
        database.name
    ));
    check_refused(
        &project,
        &database,
        "",
        r#"
        refused: several tools keep a history in this database: dbmate in public.schema_migrations, dbmate in "Old".schema_migrations
          choose one: onward adopt --from public.schema_migrations, or onward adopt --from '"Old".schema_migrations'
        error: refused, for 1 reason
          nothing was changed
    "#,
    );
}

#[test]
fn another_table_where_ours_would_be_is_left_alone() {
    let (project, database) = two(&format!("{DBMATE} {SQLX}"));
    check_refused(
        &project,
        &database,
        "--from sqlx",
        r"
        refused: another public.schema_migrations stands where onward's history would be
          keep onward's history in a table of another name, with --table [SCHEMA.]NAME or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    project
        .run(&database, "adopt -q --from sqlx --table onward_history")
        .gives(0, "", "");
}

#[test]
fn what_is_no_table_is_no_history_of_a_tool() {
    for what in [
        "VIEW schema_migrations AS SELECT text '001' AS version",
        "MATERIALIZED VIEW schema_migrations AS SELECT text '001' AS version",
        "TABLE schema_migrations (version text) PARTITION BY LIST (version)",
    ] {
        let (project, database) = two(&format!("CREATE {what}"));
        let stderr = "refused: public.schema_migrations is not a history of onward; its columns are version text\n  \
             use a table of another name, with --table [SCHEMA.]NAME or ONWARD_TABLE\n\
             error: refused, for 1 reason\n  nothing was changed\n";
        check_refused(&project, &database, "", stderr);
        project.run(&database, "").gives(3, "", stderr);
    }
}

#[test]
fn a_taken_name_is_not_given_to_the_old_table() {
    let (project, database) = two(&format!(
        "{DBMATE} CREATE VIEW schema_migrations_dbmate AS SELECT 1"
    ));
    check_refused(
        &project,
        &database,
        "",
        r"
        refused: public.schema_migrations has the name of onward's history, and cannot be renamed: there is a public.schema_migrations_dbmate
          rename or drop public.schema_migrations_dbmate, then: onward adopt
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    database.execute("DROP VIEW schema_migrations_dbmate");
    project.run(&database, "adopt -q").gives(0, "", "");
}

#[test]
fn nothing_to_take_over_is_said() {
    let (project, database) = two("");
    let looked = "looked in all schemas for the tables of hand-made, dbmate, rails, golang-migrate, goose, sqlx, node-pg-migrate, diesel, \
        refinery, flyway, prisma, tern, supabase, atlas, sql-migrate, graphile-migrate, geni, ecto, yandex-pgmigrate, postgres-migrations; \
        record what is applied already: onward baseline --through VERSION";
    check_refused(
        &project,
        &database,
        "",
        &format!(
            "refused: no other tool keeps a history in this database, as far as onward knows\n  {looked}\n\
             error: refused, for 1 reason\n  nothing was changed\n"
        ),
    );
}

#[test]
fn tools_without_files_of_sql_are_named() {
    for (tool, table, sql) in [
        (
            "Alembic",
            "public.alembic_version",
            "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
        ),
        (
            "Django",
            "public.django_migrations",
            "CREATE TABLE django_migrations (id int, app varchar(255), name varchar(255), applied timestamptz)",
        ),
        (
            "Liquibase",
            "public.databasechangelog",
            "CREATE TABLE databasechangelog (id varchar(255), author varchar(255), filename varchar(255), md5sum varchar(35))",
        ),
        (
            "SeaORM",
            "public.seaql_migrations",
            "CREATE TABLE seaql_migrations (version varchar PRIMARY KEY, applied_at bigint)",
        ),
        (
            "Kysely",
            "public.kysely_migration",
            "CREATE TABLE kysely_migration (name varchar(255) PRIMARY KEY, timestamp varchar(255))",
        ),
        (
            "Drizzle",
            "drizzle.__drizzle_migrations",
            "CREATE SCHEMA drizzle; CREATE TABLE drizzle.__drizzle_migrations (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint)",
        ),
        (
            "Sqitch",
            "sqitch.changes",
            "CREATE SCHEMA sqitch; CREATE TABLE sqitch.changes (change_id text PRIMARY KEY, script_hash text, change text)",
        ),
    ] {
        let (project, database) = two(sql);
        check_refused(
            &project,
            &database,
            "",
            &format!(
                "refused: the migrations of {tool} (in {table}) are no SQL files that onward could match\n  \
                 record the files that the database contains already: onward baseline --through VERSION\n\
                 error: refused, for 1 reason\n  nothing was changed\n"
            ),
        );
        project.run(&database, "").gives(
            3,
            "",
            &format!(
                "refused: {tool} keeps the history of this database, in {table}\n  \
                 record what that tool has applied already: onward baseline --through VERSION\n\
                 error: refused, for 1 reason\n  nothing was changed\n"
            ),
        );
        project
            .run(&database, "baseline -q --through 001")
            .gives(0, "", "");
        project.run(&database, "-q").gives(0, "", "");
        assert!(database.has("b"), "{tool}");
    }
}

#[test]
fn names_that_onward_cannot_order_are_refused_with_their_renames() {
    let (project, database) = old("flyway", "V10__u.sql");
    project.write(
        "migrations/R__views.sql",
        "CREATE OR REPLACE VIEW v AS SELECT 1;\n",
    );
    let renames = r"
        refused: V1__create_t.sql -> 0001_create_t.sql: names are ordered byte by byte, so onward needs 0001_create_t.sql
        refused: U2__email.sql -> 0002_email.down.sql: the way back stands beside its migration as 0002_email.down.sql
        refused: V2__email.sql -> 0002_email.sql: names are ordered byte by byte, so onward needs 0002_email.sql
        refused: V10__u.sql -> 0010_u.sql: names are ordered byte by byte, so onward needs 0010_u.sql
        refused: R__views.sql -> _R__views.sql: onward runs a file once, and ignores _R__views.sql
          rename the files in version control; or have it done: onward adopt --rename-files
        error: refused, for 5 reasons
          nothing was changed
    ";
    check_refused(&project, &database, "", renames);
    // A dry run shows the rest, too.
    project.run(&database, "adopt --dry-run").gives(
        3,
        r"
        would rename V1__create_t.sql to 0001_create_t.sql
        would rename U2__email.sql to 0002_email.down.sql
        would rename V2__email.sql to 0002_email.sql
        would rename V10__u.sql to 0010_u.sql
        would rename R__views.sql to _R__views.sql
        would adopt 0001_create_t.sql
        would adopt 0002_email.sql
        would leave 0010_u.sql pending
        Would adopt 2 migrations from Flyway; 1 would be pending
    ",
        renames,
    );
    // Renamed by hand, on this database and on any other of the project.
    for (from, to) in [
        ("V1__create_t.sql", "0001_create_t.sql"),
        ("U2__email.sql", "0002_email.down.sql"),
        ("V2__email.sql", "0002_email.sql"),
        ("V10__u.sql", "0010_u.sql"),
        ("R__views.sql", "_R__views.sql"),
    ] {
        project.rename(&format!("migrations/{from}"), &format!("migrations/{to}"));
    }
    for database in [&database, &old_database("flyway")] {
        project.run(database, "adopt").gives(
            0,
            r"
            adopted 0001_create_t.sql
            adopted 0002_email.sql
            Adopted 2 migrations from Flyway; 1 pending
        ",
            "",
        );
        project.run(database, "-q").gives(0, "", "");
        assert!(database.has("u"));
    }
}

#[test]
fn files_that_a_run_has_renamed_before_it_died_are_found_again() {
    let (project, database) = old("flyway", "V10__u.sql");
    project.rename(
        "migrations/V1__create_t.sql",
        "migrations/0001_create_t.sql",
    );
    project.run(&database, "adopt --rename-files").gives(
        0,
        r"
        renamed U2__email.sql to 0002_email.down.sql
        renamed V2__email.sql to 0002_email.sql
        renamed V10__u.sql to 0010_u.sql
        adopted 0001_create_t.sql
        adopted 0002_email.sql
        Adopted 2 migrations from Flyway; 1 pending
    ",
        "",
    );
    project.run(&database, "-q").gives(0, "", "");
}

#[test]
fn a_new_name_that_is_taken_is_refused_before_anything_connects() {
    let project = Project::new()
        .migration("V1__a.sql", "SELECT 1;")
        .migration("0001_a.sql", "SELECT 1;");
    project
        .run_alone("adopt --rename-files")
        .env("DATABASE_URL", "postgres://nobody@localhost:1/x")
        .gives(
            2,
            "",
            r"
        migrations/V1__a.sql: would be renamed 0001_a.sql, and there is such a file
          rename one of them by hand
          mend the files; nothing was run
    ",
        );
}

#[test]
fn baselines_and_undone_migrations_of_flyway_count_as_it_means_them() {
    let project = Project::new()
        .migration("0001_a.sql", "CREATE TABLE a (x int);\n")
        .migration("0002_b.sql", "CREATE TABLE b (x int);\n")
        .migration("0003_c.sql", "CREATE TABLE c (x int);\n")
        .migration("0004_d.sql", "CREATE TABLE d (x int);\n");
    let database = Database::new();
    let table = fs::read_to_string(fixture_folder("flyway").join("history.sql")).unwrap();
    database.execute(table.split("INSERT").next().unwrap());
    database.execute(
        "INSERT INTO flyway_schema_history VALUES
        (0, NULL, '<< Flyway Schema Creation >>', 'SCHEMA', '\"app\"', NULL, 'deployer', now(), 0, true),
        (1, '2', '<< Flyway Baseline >>', 'BASELINE', '<< Flyway Baseline >>', NULL, 'deployer', '2024-01-01', 0, true),
        (2, '3', 'c', 'SQL', 'V3__c.sql', NULL, 'deployer', '2024-01-02', 1, true),
        (3, '4', 'd', 'SQL', 'V4__d.sql', NULL, 'deployer', '2024-01-03', 1, true),
        (4, '4', 'd', 'UNDO_SQL', 'U4__d.sql', NULL, 'deployer', '2024-01-04', 1, true),
        (5, NULL, 'views', 'SQL', 'R__views.sql', 17, 'deployer', '2024-01-05', 1, true)",
    );
    project.run(&database, "adopt").gives(
        0,
        r"
        adopted 0001_a.sql
        adopted 0002_b.sql
        adopted 0003_c.sql
        Adopted 3 migrations from Flyway; 1 pending
    ",
        r"
        warning: Flyway runs R__views.sql again whenever it changes
          onward runs a file once: whenever it changes, put its text into a new numbered file
    ",
    );
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0004_d.sql\n",
        "applied 0004_d.sql (<time>)\n",
    );
}

#[test]
fn a_number_that_two_files_have_is_not_guessed_at() {
    let (project, database) = two(DBMATE);
    project.write("migrations/001_z.sql", "CREATE TABLE z (x int);\n");
    check_refused(
        &project,
        &database,
        "",
        r"
        refused: dbmate has applied 001, and several files have this number: 001_a.sql, 001_z.sql
          begin the names of those that were not applied with _ , adopt, then give them numbers of their own
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    project.rename("migrations/001_z.sql", "migrations/_001_z.sql");
    project.run(&database, "adopt -q").gives(0, "", "");
    project.rename("migrations/_001_z.sql", "migrations/003_z.sql");
    project.run(&database, "-q").gives(0, "", "");
    assert!(database.has("b") && database.has("z"));
}

#[test]
fn a_tool_that_is_at_work_is_left_to_it() {
    let keys = [
        ("tern", "001_u.sql", "9628173550095224"),
        ("sqlx", "20240103000000_u.sql", ""),
        ("node-pg-migrate", "1704240000000_u.sql", "7241865325823964"),
        ("goose", "00003_u.sql", "4097083626"),
        ("graphile-migrate", "000003-u.sql", "4727445306447283"),
        ("prisma", "20240103000000_u.sql", "72707369"),
        ("flyway", "V3__u.sql", "77431708279161 + 12345"),
    ];
    for (folder, pending, key) in keys {
        let (project, database) = old(folder, pending);
        let key = match key {
            // As the source of sqlx computes it.
            "" => (0x3D32_AD9E * i64::from(crc32(&database.name))).to_string(),
            key => key.to_owned(),
        };
        let mut runner = database.connect();
        runner
            .batch_execute(&format!("SELECT pg_advisory_lock({key})"))
            .unwrap();
        let before = database.full_dump();
        let outcome = project.run(&database, "adopt --rename-files").outcome();
        outcome.exits(3);
        let says = " is at work on this database (pid <pid>)\n  let it end, then: onward adopt\n";
        assert!(outcome.stderr.contains(says), "{folder}: {outcome}");
        assert_eq!(database.full_dump(), before);
        drop(runner);
    }
}

/// CRC-32 by the definition: the remainder of the bits, reflected.
fn crc32(text: &str) -> u32 {
    let mut sum = u32::MAX;
    for byte in text.bytes() {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ 0xEDB8_8320
            } else {
                sum >> 1
            };
        }
    }
    !sum
}

#[test]
fn the_old_table_is_waited_for() {
    let (project, database) = two(DBMATE);
    let mut runner = database.connect();
    runner
        .batch_execute(
            "BEGIN; INSERT INTO schema_migrations VALUES ('002'); CREATE TABLE b (x int)",
        )
        .unwrap();
    let before = database.value("SELECT oid FROM pg_class WHERE relname = 'schema_migrations'");
    project
        .run(&database, "adopt --max-wait 100ms --lock-timeout 200ms")
        .gives(
            5,
            "",
            r"
        adopt was rolled back, and is tried again: canceling statement due to lock timeout
          schema_migrations is locked by pid <pid>, user postgres, application '', client local, idle in transaction, in a transaction since <when>, query: BEGIN; INSERT INTO schema_migrations VALUES ('002'); CREATE TABLE b (x int)
        error: gave up waiting for the lock of public.schema_migrations after <time>; schema_migrations is locked by pid <pid>, user postgres, application '', client local, idle in transaction, in a transaction since <when>, query: BEGIN; INSERT INTO schema_migrations VALUES ('002'); CREATE TABLE b (x int)
          run onward again later, or wait longer with --max-wait
    ",
        );
    assert_eq!(
        database.value("SELECT oid FROM pg_class WHERE relname = 'schema_migrations'"),
        before
    );
    // What the other runner commits meanwhile is taken over, too.
    let running = project.run(&database, "adopt --lock-timeout 100ms").start();
    wait_until("adopt waits for the table", || {
        database.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'schema_migrations'::regclass") == "1"
    });
    runner.batch_execute("COMMIT").unwrap();
    let outcome = running.outcome();
    outcome.exits(0);
    assert_eq!(
        outcome.stdout,
        "adopted 001_a.sql\nadopted 002_b.sql\n\
         renamed the table public.schema_migrations to public.schema_migrations_dbmate\n\
         Adopted 2 migrations from dbmate; 0 pending\n"
    );
}

#[test]
fn a_run_that_is_killed_leaves_files_that_the_next_one_knows() {
    let (project, database) = old("flyway", "V3__u.sql");
    let mut other = database.connect();
    other.batch_execute("SELECT pg_advisory_lock(1)").unwrap();
    database.execute(
        "CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); END $$; \
         CREATE EVENT TRIGGER wait ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION wait()",
    );
    let before = database.full_dump();
    let running = project
        .run(&database, "adopt --rename-files --lock-timeout 1min")
        .start();
    let waits =
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 1";
    wait_until("it creates the history", || database.value(waits) == "1");
    running.kill();
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'onward%'";
    wait_until("the server has noticed", || database.value(sessions) == "0");
    other.batch_execute("SELECT pg_advisory_unlock(1)").unwrap();
    assert_eq!(database.full_dump(), before);
    assert!(project.path("migrations/0001_create_t.sql").exists());

    project.run(&database, "adopt").gives(
        0,
        r"
        adopted 0001_create_t.sql
        adopted 0002_email.sql
        Adopted 2 migrations from Flyway; 1 pending
    ",
        "",
    );
}

#[test]
fn a_run_that_fails_after_the_files_were_renamed_says_so() {
    let (project, database) = old("flyway", "V3__u.sql");
    database.execute(
        "CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no tables today'; END $$; \
         CREATE EVENT TRIGGER no ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION no()",
    );
    let before = database.full_dump();
    project.run(&database, "adopt --rename-files").gives(
        3,
        r"
        renamed V1__create_t.sql to 0001_create_t.sql
        renamed U2__email.sql to 0002_email.down.sql
        renamed V2__email.sql to 0002_email.sql
        renamed V3__u.sql to 0003_u.sql
    ",
        r"
        error: cannot take over the history of Flyway, after renaming 4 files: ERROR: no tables today (P0001)
          that statement changed nothing; run onward again when it is mended
    ",
    );
    assert_eq!(database.full_dump(), before);
    database.execute("DROP EVENT TRIGGER no");
    project.run(&database, "adopt -q").gives(0, "", "");
}

#[test]
fn two_at_once_adopt_once() {
    let (project, database) = two(DBMATE);
    let runs = [(); 2].map(|()| project.run(&database, "adopt -q").start());
    let mut codes = runs.map(|run| {
        let outcome = run.outcome();
        u8::from(outcome.stderr.contains("has a history already"))
    });
    codes.sort_unstable();
    assert_eq!(codes, [0, 1]);
    assert_eq!(database.history(), ["001_a.sql|adopted|applied"]);
}

#[test]
fn a_table_that_would_run_somebodys_code_is_not_read() {
    let (project, database) = two(&format!(
        "{DBMATE} ALTER TABLE schema_migrations ENABLE ROW LEVEL SECURITY; \
         CREATE RULE r AS ON INSERT TO schema_migrations DO ALSO SELECT 1; \
         CREATE TABLE child () INHERITS (schema_migrations); ALTER TABLE child SET UNLOGGED; ALTER TABLE schema_migrations SET UNLOGGED"
    ));
    check_refused(
        &project,
        &database,
        "",
        r#"
        refused: the history of dbmate, "public"."schema_migrations", cannot be trusted: it is not permanent: a crash of the server would empty it, has rules, has row security, has child tables
          as its owner: ALTER TABLE "public"."schema_migrations" SET LOGGED; DROP RULE NAME ON "public"."schema_migrations"; ALTER TABLE "public"."schema_migrations" DISABLE ROW LEVEL SECURITY; ALTER TABLE CHILD NO INHERIT "public"."schema_migrations"; then: onward adopt
        error: refused, for 1 reason
          nothing was changed
    "#,
    );
    database.execute(
        r#"ALTER TABLE "public"."schema_migrations" SET LOGGED; DROP RULE r ON "public"."schema_migrations";
        ALTER TABLE "public"."schema_migrations" DISABLE ROW LEVEL SECURITY; ALTER TABLE child NO INHERIT "public"."schema_migrations""#,
    );
    project.run(&database, "adopt -q").gives(0, "", "");
}

#[test]
fn a_role_that_may_not_rename_the_old_table_is_told() {
    let (project, database) = two(DBMATE);
    let role = database.role("app");
    database.execute(&format!(
        "GRANT CREATE ON SCHEMA public TO {role}; GRANT ALL ON schema_migrations TO {role}"
    ));
    let before = database.full_dump();
    project.run_alone("adopt").on_as(&database, &role).gives(
        3,
        "",
        r"
        error: cannot take over the history of dbmate: ERROR: must be owner of table schema_migrations (42501)
          connect as a role that has the privilege, or have it granted
    ",
    );
    assert_eq!(database.full_dump(), before);
}

#[test]
fn a_database_that_takes_no_writes_is_refused() {
    let (project, database) = two(DBMATE);
    database.execute(&format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        database.name
    ));
    project.run(&database, "adopt").gives(
        3,
        "",
        r"
        refused: nothing can be written: the database takes no writes from this session (default_transaction_read_only)
          connect to the primary, with a role whose default_transaction_read_only is off
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn nothing_in_the_search_path_runs_in_place_of_our_own() {
    // A function of the user that shadows one of PostgreSQL's.
    let (project, database) = two(&format!(
        "{DBMATE} CREATE FUNCTION public.concat(anyelement) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$; \
         CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$"
    ));
    database.execute(&format!(
        "ALTER DATABASE {} SET search_path = public, pg_catalog",
        database.name
    ));
    project.run(&database, "adopt -q").gives(0, "", "");
    assert_eq!(database.history(), ["001_a.sql|adopted|applied"]);
}
