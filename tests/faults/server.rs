//! Servers: the one that `tests/with-postgres` started, and private ones for what would disturb other tests.
//!
//! A private server lives in a folder inside that of the first one, which is taken away whatever happens, and ends with
//! the thread that started it.

use std::cell::RefCell;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::guard::wait_until;
use crate::run::{CANARY, signal};

/// The application name of every connection of a test. All others are the program's.
pub(crate) const OBSERVER: &str = "lab";

static COUNTER: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").expect("/proc").uid() == 0
}

fn variable(name: &str) -> String {
    std::env::var(name).expect("no server: run make test")
}

/// Where a server listens.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) socket: PathBuf,
    pub(crate) port: u16,
}

impl Server {
    /// The one of `tests/with-postgres`.
    pub(crate) fn common() -> Server {
        Server {
            socket: variable("ONWARD_TEST_SOCKET").into(),
            port: variable("ONWARD_TEST_PORT").parse().expect("a port"),
        }
    }

    pub(crate) fn socket_file(&self) -> PathBuf {
        self.socket.join(format!(".s.PGSQL.{}", self.port))
    }

    pub(crate) fn try_connect(&self, database: &str) -> Result<Client, postgres::Error> {
        Config::new()
            .host_path(&self.socket)
            .port(self.port)
            .user("postgres")
            .dbname(database)
            .application_name(OBSERVER)
            .connect(NoTls)
    }

    /// The URL of a database, for a role.
    pub(crate) fn url(&self, user: &str, database: &str) -> String {
        let Server { socket, port } = self;
        let socket = socket.display();
        format!("postgres://{user}:{CANARY}@/{database}?host={socket}&port={port}")
    }
}

/// A command that runs as the owner of a folder, in that folder, and ends when this thread does.
fn as_owner(folder: &Path, program: &Path) -> Command {
    let owner = fs::metadata(folder).expect("a folder");
    let mut command = Command::new("/usr/bin/setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if is_root() {
        command
            .args(["--reuid", &owner.uid().to_string()])
            .args(["--regid", &owner.gid().to_string()])
            .arg("--clear-groups");
    }
    command
        .arg("--")
        .arg(program)
        .current_dir(folder)
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

/// Makes a folder that belongs to the user that servers run as.
pub(crate) fn folder_for_server(kind: &str) -> PathBuf {
    let common = Server::common().socket;
    let owner = fs::metadata(&common).expect("the server's folder");
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let folder = common.join(format!("{kind}{number}"));
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("a folder");
    if is_root() {
        std::os::unix::fs::chown(&folder, Some(owner.uid()), Some(owner.gid())).expect("a folder");
    }
    folder
}

/// Writes a file that the user of the servers can read.
pub(crate) fn write_for_server(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("a file");
}

/// Starts a program as the owner of a folder; what it says goes to `log` there.
pub(crate) fn start_for_server(
    folder: &Path,
    prefix: &[String],
    program: &Path,
    args: &[&str],
) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .expect("a log");
    let inner = as_owner(folder, program);
    let mut command = match prefix {
        [] => inner,
        [first, rest @ ..] => {
            let mut outer = Command::new(first);
            outer
                .args(rest)
                .arg(inner.get_program())
                .args(inner.get_args())
                .current_dir(folder)
                .env_clear()
                .env("LC_ALL", "C")
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                .stdin(Stdio::null());
            outer
        }
    };
    command
        .args(args)
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .spawn()
        .expect("setpriv of util-linux")
}

/// One of PostgreSQL's own programs.
pub(crate) fn postgres_program(name: &str) -> PathBuf {
    Path::new(&variable("ONWARD_TEST_BIN")).join(name)
}

/// A server of the test's own.
pub(crate) struct Private {
    pub(crate) server: Server,
    folder: PathBuf,
    /// What comes before the command that starts it.
    prefix: Vec<String>,
    postmaster: Option<Child>,
}

impl Private {
    /// A running server with these settings.
    pub(crate) fn start(settings: &[&str]) -> Private {
        Private::start_behind(&[], settings)
    }

    /// A server whose folder `small` is a disk of so many megabytes, which nobody else sees and which ends with it.
    pub(crate) fn with_small_disk(megabytes: u32) -> Private {
        let script = format!(
            "mkdir -p small && mount -t tmpfs -o size={megabytes}m,uid=$(stat -c %u .),gid=$(stat -c %g .),mode=0700 tmpfs small && exec \"$@\""
        );
        Private::start_behind(
            &[
                "/usr/bin/unshare",
                "--mount",
                "--",
                "/bin/sh",
                "-ec",
                &script,
                "sh",
            ],
            &[],
        )
    }

    fn start_behind(prefix: &[&str], settings: &[&str]) -> Private {
        let folder = folder_for_server("p");
        finish(
            as_owner(&folder, &postgres_program("initdb")).args(
                "-D data -U postgres -A trust -E UTF8 --locale=C --no-sync".split_whitespace(),
            ),
        );
        let port = Server::common().port;
        let mut text = fs::read_to_string(folder.join("data/postgresql.conf")).expect("a file");
        let own = [
            "listen_addresses = ''".to_owned(),
            format!("unix_socket_directories = '{}'", folder.display()),
            format!("port = {port}"),
            "max_connections = 100".to_owned(),
            "fsync = off".to_owned(),
            "shared_buffers = 16MB".to_owned(),
        ];
        for line in own
            .iter()
            .map(String::as_str)
            .chain(settings.iter().copied())
        {
            text.push_str(line);
            text.push('\n');
        }
        fs::write(folder.join("data/postgresql.conf"), text).expect("a file");
        let mut private = Private::at(folder, port);
        private.prefix = prefix.iter().map(|&word| word.to_owned()).collect();
        private.begin();
        private
    }

    fn at(folder: PathBuf, port: u16) -> Private {
        Private {
            server: Server {
                socket: folder.clone(),
                port,
            },
            folder,
            prefix: Vec::new(),
            postmaster: None,
        }
    }

    /// A server that follows this one, read-only.
    pub(crate) fn standby(&self) -> Private {
        let folder = folder_for_server("p");
        let (host, port) = (host_of(&self.folder), self.server.port.to_string());
        finish(as_owner(&folder, &postgres_program("pg_basebackup")).args([
            "-D",
            "data",
            "-h",
            &host,
            "-p",
            &port,
            "-U",
            "postgres",
            "-R",
            "-X",
            "stream",
            "--checkpoint=fast",
            "--no-sync",
        ]));
        let conf = folder.join("data/postgresql.conf");
        let mut text = fs::read_to_string(&conf).expect("a file");
        text += &["unix_socket_directories = '", &host_of(&folder), "'\n"].concat();
        fs::write(conf, text).expect("a file");
        let mut standby = Private::at(folder, self.server.port);
        standby.begin();
        standby
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn begin(&mut self) {
        self.begin_without_waiting();
        wait_until("the server answers", Duration::from_secs(30), || {
            self.server.try_connect("postgres").is_ok()
        });
    }

    pub(crate) fn begin_without_waiting(&mut self) {
        self.postmaster = Some(start_for_server(
            &self.folder,
            &self.prefix,
            &postgres_program("postgres"),
            &["-D", "data"],
        ));
    }

    pub(crate) fn postmaster(&self) -> u32 {
        self.postmaster.as_ref().expect("it runs").id()
    }

    /// Ends the server: `INT` is a fast shutdown, `QUIT` an immediate one.
    pub(crate) fn end(&mut self, how: &str) {
        let mut postmaster = self.postmaster.take().expect("it runs");
        signal(how, postmaster.id());
        wait_until("the server has ended", Duration::from_secs(20), || {
            postmaster.try_wait().expect("a child").is_some()
        });
    }

    /// Makes a standby a primary.
    pub(crate) fn promote(&self) {
        finish(
            as_owner(&self.folder, &postgres_program("pg_ctl"))
                .args(["-D", "data", "-w", "promote"]),
        );
    }

    /// Replaces `pg_hba.conf` of the running server.
    pub(crate) fn let_in(&self, rules: &str) {
        fs::write(self.folder.join("data/pg_hba.conf"), rules).expect("a file");
        signal("HUP", self.postmaster());
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        if let Some(mut postmaster) = self.postmaster.take() {
            signal("CONT", postmaster.id());
            signal("QUIT", postmaster.id());
            for _ in 0..300 {
                if matches!(postmaster.try_wait(), Ok(Some(_))) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = postmaster.kill();
            let _ = postmaster.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A folder as the host of a connection string.
fn host_of(folder: &Path) -> String {
    folder.display().to_string()
}

fn finish(command: &mut Command) {
    let output = command.output().expect("setpriv of util-linux");
    assert!(output.status.success(), "{command:?}\n{output:?}");
}

/// A database that ends with the test.
pub(crate) struct Database {
    pub(crate) server: Server,
    pub(crate) name: String,
    client: RefCell<Option<Client>>,
}

impl Database {
    /// An empty database on the common server.
    pub(crate) fn new() -> Database {
        Database::on(&Server::common(), "")
    }

    /// An empty database, made with these options of CREATE DATABASE.
    pub(crate) fn on(server: &Server, options: &str) -> Database {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("lab_{}_{number}", std::process::id());
        // Nobody can be connected to template0, which would keep it from being copied.
        server
            .try_connect("postgres")
            .expect("the server answers")
            .batch_execute(&format!(
                "CREATE DATABASE {name} TEMPLATE template0 {options}"
            ))
            .expect("a database");
        Database {
            server: server.clone(),
            name,
            client: RefCell::new(None),
        }
    }

    /// A URL that leads there.
    pub(crate) fn url(&self) -> String {
        self.server.url("postgres", &self.name)
    }

    /// A connection of its own.
    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        self.server
            .try_connect(&self.name)
            .expect("the server answers")
    }

    /// Runs statements as superuser. After a broken connection it is tried once more, as soon as the server answers.
    #[track_caller]
    pub(crate) fn execute(&self, sql: &str) {
        self.query(sql);
    }

    /// The rows of a query, their columns joined by `|`.
    #[track_caller]
    pub(crate) fn query(&self, sql: &str) -> Vec<String> {
        for _ in 0..2 {
            let mut client = self.client.borrow_mut();
            let open = client.get_or_insert_with(|| {
                let mut found = None;
                wait_until("the server answers", Duration::from_secs(20), || {
                    found = self.server.try_connect(&self.name).ok();
                    found.is_some()
                });
                found.expect("a connection")
            });
            match open.simple_query(sql) {
                Ok(messages) => return rows(messages),
                Err(error) if error.is_closed() || error.as_db_error().is_none_or(is_fatal) => {
                    *client = None;
                }
                Err(error) => panic!("{sql:.300}\n{:?}", error.as_db_error()),
            }
        }
        panic!("the connection broke twice: {sql:.300}");
    }

    /// The only cell of a query's only row.
    #[track_caller]
    pub(crate) fn value(&self, sql: &str) -> String {
        let mut rows = self.query(sql);
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        rows.remove(0)
    }
}

fn is_fatal(error: &postgres::error::DbError) -> bool {
    error.severity() == "FATAL"
}

/// Rows as texts, their columns joined by `|`.
pub(crate) fn rows(messages: Vec<SimpleQueryMessage>) -> Vec<String> {
    let text = |message| match message {
        SimpleQueryMessage::Row(row) => {
            let cells = (0..row.len()).map(|i| row.get(i).unwrap_or("NULL").to_owned());
            Some(cells.collect::<Vec<_>>().join("|"))
        }
        _ => None,
    };
    messages.into_iter().filter_map(text).collect()
}

impl Drop for Database {
    fn drop(&mut self) {
        // A private server ends as a whole.
        if self.server.socket != Server::common().socket {
            return;
        }
        let Ok(mut client) = self.server.try_connect("postgres") else {
            return;
        };
        let others = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            self.name
        );
        // The server is thrown away soon: a database that does not go now is gone then.
        let _ = client.batch_execute(&others);
        let _ = client.batch_execute(&format!("DROP DATABASE {}", self.name));
    }
}
