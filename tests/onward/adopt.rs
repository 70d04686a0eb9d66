//! Taking over the history of another tool.
//!
//! `fixtures/TOOL/history.sql` is a database as the tool leaves it; where its first line names a version, that tool has
//! written it. A tool that is on the `PATH` also runs itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Database, Project};

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
    lines.iter().map(|line| format!("{line}\n")).collect()
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
                 take its history over: onward adopt{} (--dry-run shows what that does)\n\
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
            "refused: this database has a history already, in {table}\n  see what it holds: onward status{flags}\n\
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
