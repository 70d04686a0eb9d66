//! A database of the test's own on the server that `tests/with-postgres` started.

use std::cell::{RefCell, RefMut};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// Where the server is, as `tests/with-postgres` tells.
pub(crate) struct Server {
    pub(crate) socket: String,
    pub(crate) port: u16,
    bin: PathBuf,
}

impl Server {
    fn found() -> Server {
        let variable = |name| std::env::var(name).expect("no server: run make test");
        Server {
            socket: variable("ONWARD_TEST_SOCKET"),
            port: variable("ONWARD_TEST_PORT").parse().expect("a port"),
            bin: variable("ONWARD_TEST_BIN").into(),
        }
    }

    fn connect(&self, user: &str, database: &str) -> Client {
        Config::new()
            .host_path(&self.socket)
            .port(self.port)
            .user(user)
            .dbname(database)
            .connect(NoTls)
            .expect("the server answers")
    }

    /// The folder of psql and its like.
    pub(crate) fn bin(&self) -> &Path {
        &self.bin
    }

    /// The URL of a database, for a role.
    fn url(&self, user: &str, database: &str) -> String {
        let Server { socket, port, .. } = self;
        format!("postgres://{user}@/{database}?host={socket}&port={port}")
    }
}

/// A database that ends with the test.
pub(crate) struct Database {
    pub(crate) server: Server,
    pub(crate) name: String,
    /// None until it is needed.
    client: RefCell<Option<Client>>,
}

static COUNTER: AtomicUsize = AtomicUsize::new(0);

impl Database {
    /// An empty database.
    pub(crate) fn new() -> Database {
        let server = Server::found();
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        // Nobody can be connected to template0, which would keep it from being copied.
        server
            .connect("postgres", "postgres")
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0"))
            .expect("a database");
        Database {
            server,
            name,
            client: RefCell::new(None),
        }
    }

    /// A database in which these statements were run.
    pub(crate) fn with(sql: &str) -> Database {
        let database = Database::new();
        database.execute(sql);
        database
    }

    /// The URL by which the superuser connects.
    pub(crate) fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The URL by which a role connects.
    pub(crate) fn url_of(&self, user: &str) -> String {
        self.server.url(user, &self.name)
    }

    /// A second connection, as superuser.
    pub(crate) fn connect(&self) -> Client {
        self.server.connect("postgres", &self.name)
    }

    fn client(&self) -> RefMut<'_, Client> {
        let connect = || self.server.connect("postgres", &self.name);
        RefMut::map(self.client.borrow_mut(), |client| {
            client.get_or_insert_with(connect)
        })
    }

    /// Ends the connection of the test; the next statement opens another.
    pub(crate) fn forget(&self) {
        drop(self.client.take());
    }

    /// Ends the connection of the test, and waits until nobody is connected.
    #[track_caller]
    pub(crate) fn disconnect(&self) {
        self.forget();
        let mut client = self.server.connect("postgres", "postgres");
        let query = format!(
            "SELECT 1 FROM pg_stat_activity WHERE datname = '{}'",
            self.name
        );
        super::wait_until("nobody is connected", || {
            client.query(&query, &[]).expect("an answer").is_empty()
        });
    }

    /// Has the server ask the members of the role `asked_for_password` for their passwords. Nobody else notices.
    pub(crate) fn ask_for_passwords(&self) {
        static RULE: Once = Once::new();
        RULE.call_once(|| {
            self.execute("CREATE ROLE asked_for_password");
            let path = self.value("SHOW hba_file");
            let rules = fs::read_to_string(&path).expect("pg_hba.conf");
            let owner = fs::metadata(&path).expect("pg_hba.conf");
            // The first rule that fits counts. The file is whole at any time.
            let next = format!("{path}.next");
            let rule = "local all +asked_for_password scram-sha-256\n";
            fs::write(&next, format!("{rule}{rules}")).expect("a file");
            fs::set_permissions(&next, owner.permissions()).expect("a file");
            chown(&next, Some(owner.uid()), Some(owner.gid())).expect("a file");
            fs::rename(&next, &path).expect("a file");
            self.execute("SELECT pg_reload_conf()");
            super::wait_until("the rule is there", || {
                self.value("SELECT count(*) FROM pg_hba_file_rules WHERE user_name = ARRAY['+asked_for_password']") == "1"
            });
        });
    }

    /// A role that may log in; its name is unique on the server.
    pub(crate) fn role(&self, suffix: &str) -> String {
        let name = format!("{}_{suffix}", self.name);
        self.execute(&format!("CREATE ROLE {name} LOGIN"));
        name
    }

    /// Runs statements as superuser.
    #[track_caller]
    pub(crate) fn execute(&self, sql: &str) {
        if let Err(error) = self.client().batch_execute(sql) {
            panic!("{sql:.300}\n{:?}", error.as_db_error());
        }
    }

    /// The rows of a query, their columns joined by `|`.
    #[track_caller]
    pub(crate) fn query(&self, sql: &str) -> Vec<String> {
        let answer = self.client().simple_query(sql);
        let messages =
            answer.unwrap_or_else(|error| panic!("{sql:.300}\n{:?}", error.as_db_error()));
        let text = |message| match message {
            SimpleQueryMessage::Row(row) => {
                let cells = (0..row.len()).map(|i| row.get(i).unwrap_or("NULL").to_owned());
                Some(cells.collect::<Vec<_>>().join("|"))
            }
            _ => None,
        };
        messages.into_iter().filter_map(text).collect()
    }

    /// The only cell of a query's only row.
    #[track_caller]
    pub(crate) fn value(&self, sql: &str) -> String {
        let mut rows = self.query(sql);
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        rows.remove(0)
    }

    /// `filename|kind|status` of every row of the history.
    #[track_caller]
    pub(crate) fn history(&self) -> Vec<String> {
        self.query("SELECT filename, kind, status FROM public.schema_migrations ORDER BY id")
    }

    /// Names of the applied files, in the order of their rows.
    #[track_caller]
    pub(crate) fn applied(&self) -> Vec<String> {
        self.query(
            "SELECT filename FROM public.schema_migrations WHERE status = 'applied' ORDER BY id",
        )
    }

    /// Whether a relation of this name is there.
    #[track_caller]
    pub(crate) fn has(&self, relation: &str) -> bool {
        self.value(&format!(
            "SELECT pg_catalog.to_regclass('{relation}') IS NOT NULL"
        )) == "t"
    }

    /// What `pg_dump` makes of the database, the history aside.
    pub(crate) fn dump(&self) -> String {
        self.pg_dump(&["--exclude-table=*.schema_migrations"])
    }

    /// What `pg_dump` makes of the whole database.
    pub(crate) fn full_dump(&self) -> String {
        self.pg_dump(&[])
    }

    fn pg_dump(&self, arguments: &[&str]) -> String {
        let output = self
            .tool("pg_dump")
            .args(arguments)
            .output()
            .expect("pg_dump starts");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        // Their key is another one each time.
        let random =
            |line: &&str| line.starts_with("\\restrict") || line.starts_with("\\unrestrict");
        super::text(text.lines().filter(|line| !random(line)))
    }

    /// Runs files with psql, in one transaction.
    #[track_caller]
    pub(crate) fn psql(&self, files: &[PathBuf]) {
        let mut psql = self.tool("psql");
        psql.args(["-X", "-q", "-1", "-v", "ON_ERROR_STOP=1"]);
        for file in files {
            psql.arg("-f").arg(file);
        }
        let output = psql.output().expect("psql starts");
        assert!(output.status.success(), "{output:?}");
    }

    fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(self.server.bin.join(program));
        command
            .current_dir(Path::new("/"))
            .env_clear()
            .env("PGHOST", &self.server.socket)
            .env("PGPORT", self.server.port.to_string())
            .env("PGUSER", "postgres")
            .env("PGDATABASE", &self.name);
        command
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.client.take());
        let mut client = self.server.connect("postgres", "postgres");
        let others = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            self.name
        );
        // The server is thrown away soon: a database that does not go now is gone then.
        let _ = client.batch_execute(&others);
        let _ = client.batch_execute(&format!("DROP DATABASE {}", self.name));
    }
}
