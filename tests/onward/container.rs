//! The static program as the first process of a container that holds nothing else but what
//! `examples/container/Dockerfile` puts into its image `onward`, and an app.

use std::fs;
use std::io;
use std::net::{Shutdown, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use postgres::{Client, Config, NoTls};

use crate::support::{Database, Project, Run, Running};

const UNSHARE: &str = "/usr/bin/unshare";

const APPLIED: &str = "Applied 6 migrations: 0005_languages.sql, 0006_document_slugs.sql, 0007_job_failures.sql, 0008_claim_job.sql, \
    0009_document_search.sql, 0010_slugs_required.sql\n";

/// The programs of the image: built once, without optimization.
static PROGRAMS: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("static");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    finish(
        Command::new("scripts/dist")
            .arg("dev")
            .current_dir(root)
            .env("CARGO_TARGET_DIR", &folder),
    );
    let programs = folder.join("dist");
    finish(
        Command::new("rustc")
            .args(["--edition=2024", "-Ctarget-feature=+crt-static", "-o"])
            .arg(programs.join("app"))
            .arg(root.join("tests/onward/container/app.rs"))
            .current_dir(&programs),
    );
    programs
});

#[track_caller]
fn finish(command: &mut Command) {
    let output = command.output().expect("the command starts");
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn is_root() -> bool {
    fs::metadata("/proc/self").expect("/proc").uid() == 0
}

/// The words of the image's ENTRYPOINT, the first one of the file.
fn entrypoint() -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/container/Dockerfile");
    let text = fs::read_to_string(file).expect("the Dockerfile");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("ENTRYPOINT "))
        .expect("an entry point");
    serde_json::from_str(line).expect("a list of words")
}

/// A folder that is the root of a container.
struct Image {
    project: Project,
}

impl Image {
    fn new() -> Image {
        let project = Project::example();
        for program in ["onward", "app"] {
            fs::copy(PROGRAMS.join(program), project.path(program)).expect("a program");
        }
        for mount in ["proc", "run"] {
            fs::create_dir(project.path(mount)).expect("a folder");
        }
        // The server, which is of another user, has its socket in there.
        fs::set_permissions(project.path(""), fs::Permissions::from_mode(0o755)).expect("a folder");
        Image { project }
    }

    /// The command line `words`, as process 1.
    fn run(&self, words: &[impl AsRef<str>]) -> Run {
        let root = self.project.path("");
        let mut arguments = vec!["--pid", "--kill-child", "--mount-proc"];
        if !is_root() {
            arguments.push("--map-root-user");
        }
        arguments.extend(["--root", root.to_str().expect("UTF-8"), "--wd", "/", "--"]);
        arguments.extend(words.iter().map(AsRef::as_ref));
        self.project.run_alone("").instead(UNSHARE, &arguments)
    }

    /// Whether this user may make containers. Root must.
    #[expect(clippy::print_stdout, reason = "what is not tried is told")]
    fn may_be_run(&self) -> bool {
        let outcome = self.run(&["/onward", "--version"]).outcome();
        let may = !outcome.stderr.starts_with("unshare: ");
        assert!(
            may || !is_root(),
            "root may not make namespaces here\n{outcome}"
        );
        if !may {
            println!("not tried: this user may not make namespaces here\n{outcome}");
        }
        may
    }
}

/// The process in the container that `unshare` started.
fn process_1(run: &Running) -> u32 {
    let children = format!("/proc/{0}/task/{0}/children", run.pid());
    let text = fs::read_to_string(children).expect("/proc");
    text.trim().parse().expect("one child")
}

/// A server of the test's own, whose socket is in the container.
struct Server {
    data: PathBuf,
    socket: PathBuf,
    process: Option<Child>,
}

impl Server {
    /// A server that is yet to begin.
    fn new(image: &Image) -> Server {
        // In the folder of the common server, which is taken away whatever happens.
        let common = PathBuf::from(variable("ONWARD_TEST_SOCKET"));
        let owner = fs::metadata(&common).expect("the server's folder");
        let socket = image.project.path("run");
        let name = socket.parent().and_then(Path::file_name).expect("a name");
        let data = common.join(name);
        fs::create_dir(&data).expect("a folder");
        for folder in [&data, &socket] {
            chown(folder, Some(owner.uid()), Some(owner.gid())).expect("a folder");
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("a folder");
        }
        let server = Server {
            data,
            socket,
            process: None,
        };
        finish(server.program("initdb").args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]));
        server
    }

    /// One of its programs, as the user that it runs as.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        if is_root() {
            let owner = fs::metadata(&self.data).expect("a folder");
            command
                .args(["--reuid", &owner.uid().to_string()])
                .args(["--regid", &owner.gid().to_string()])
                .arg("--clear-groups");
        }
        command
            .arg("--")
            .arg(Path::new(&variable("ONWARD_TEST_BIN")).join(name))
            .arg("-D")
            .arg(&self.data)
            .current_dir(&self.data)
            .env_clear()
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        command
    }

    fn begin(&mut self) {
        let socket = self.socket.to_str().expect("UTF-8");
        let port = variable("ONWARD_TEST_PORT");
        let process = self
            .program("postgres")
            .args(["-p", &port, "-k", socket, "-h", "", "-F"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        self.process = Some(process);
    }

    fn connect(&self) -> Client {
        Config::new()
            .host_path(&self.socket)
            .port(variable("ONWARD_TEST_PORT").parse().expect("a port"))
            .user("postgres")
            .connect(NoTls)
            .expect("the server answers")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            send("QUIT", process.id());
            let _ = process.wait();
        }
        let _ = fs::remove_dir_all(&self.data);
    }
}

fn send(signal: &str, process: u32) {
    let status = Command::new("/bin/sh")
        .args(["-c", "kill -s \"$0\" \"$1\"", signal, &process.to_string()])
        .status();
    assert!(status.expect("a shell").success());
}

fn variable(name: &str) -> String {
    std::env::var(name).expect("no server: run make test")
}

/// The URL of the server that is yet to begin, in the container.
fn url() -> String {
    let port = variable("ONWARD_TEST_PORT");
    format!("postgres://postgres@/postgres?host=/run&port={port}")
}

#[test]
fn it_waits_and_migrates_and_becomes_the_app() {
    let image = Image::new();
    if !image.may_be_run() {
        return;
    }
    let app = ["/app", "--to", "two  words", "", "--", "-q"];
    let (url, more) = (url(), "of the app's own");
    let as_given = |run: Run| run.env("DATABASE_URL", &url).env("ONWARD_X", more);
    let alone = as_given(image.run(&app)).outcome();
    alone.exits(7);
    assert!(alone.stdout.starts_with("process 1\n"), "{alone}");

    let mut server = Server::new(&image);
    let mut words = entrypoint();
    words.extend(app.map(str::to_owned));
    let run = as_given(image.run(&words)).start();
    run.wait_for_stderr("waiting for ");
    server.begin();
    let outcome = run.outcome();
    outcome.exits(7);
    assert_eq!(
        outcome.raw_stdout,
        [APPLIED, &alone.raw_stdout].concat(),
        "{outcome}"
    );
    // The reason changes when the server begins, if it is asked just then.
    let told: Vec<&str> = outcome
        .stderr
        .lines()
        .skip_while(|line| line.starts_with("waiting for "))
        .collect();
    assert_eq!(
        told,
        [
            "schema.sql: 1 statement skipped, as already done",
            "applied schema.sql (<time>)",
            "applied 0005_languages.sql (<time>)",
            "applied 0006_document_slugs.sql (<time>)",
            "applied 0007_job_failures.sql (<time>)",
            "applied 0008_claim_job.sql (<time>)",
            "applied 0009_document_search.sql (<time>)",
            "applied 0010_slugs_required.sql (<time>)",
        ],
        "{outcome}"
    );
    let applied = server
        .connect()
        .query_one(
            "SELECT count(*) FROM schema_migrations WHERE status = 'applied'",
            &[],
        )
        .unwrap();
    assert_eq!(
        applied.get::<_, i64>(0),
        11,
        "the schema file and ten migrations"
    );
}

#[test]
fn a_signal_ends_the_wait_of_process_1() {
    let image = Image::new();
    if !image.may_be_run() {
        return;
    }
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let mut words = entrypoint();
        words.push("/app".to_owned());
        let run = image.run(&words).env("DATABASE_URL", &url()).start();
        run.wait_for_stderr("waiting for ");
        let begin = Instant::now();
        send(signal, process_1(&run));
        let outcome = run.outcome();
        outcome.exits(code);
        assert!(begin.elapsed() < Duration::from_secs(2), "{outcome}");
        assert_eq!(outcome.stdout, "", "the app is not started\n{outcome}");
    }
}

/// A port of the loopback interface that leads to the server of a database.
fn forward(database: &Database) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let server = &database.server;
    let socket = Path::new(&server.socket).join(format!(".s.PGSQL.{}", server.port));
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = UnixStream::connect(&socket).expect("the server answers");
            let questions = (
                client.try_clone().expect("a socket"),
                server.try_clone().expect("a socket"),
            );
            std::thread::spawn(move || {
                let (mut client, mut server) = questions;
                let _ = io::copy(&mut client, &mut server);
                let _ = server.shutdown(Shutdown::Write);
            });
            std::thread::spawn(move || {
                let (mut client, mut server) = (client, server);
                let _ = io::copy(&mut server, &mut client);
                let _ = client.shutdown(Shutdown::Write);
            });
        }
    });
    port
}

#[test]
fn names_are_found_without_the_libraries_of_a_system() {
    let image = Image::new();
    if !image.may_be_run() {
        return;
    }
    let database = Database::new();
    let port = forward(&database);
    let hosts = "127.0.0.1 localhost\n127.0.0.1 db.internal db\n";
    image.project.write("etc/hosts", hosts);
    // Nobody answers there.
    let resolver = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
    image.project.write("etc/resolv.conf", resolver);
    let onward = |host: &str| {
        let url = format!("postgres://postgres@{host}:{port}/{}", database.name);
        image.run(&["/onward"]).env("DATABASE_URL", &url).outcome()
    };
    let outcome = onward("db");
    outcome.exits(0);
    assert_eq!(outcome.raw_stdout, APPLIED, "{outcome}");
    for host in ["localhost", "127.0.0.1", "db.internal"] {
        let outcome = onward(host);
        outcome.gives(
            0,
            "Applied 0 migrations: the database is up to date (10 applied)\n",
            "",
        );
    }
    let outcome = onward("nowhere.internal");
    outcome.exits(4);
    let lookup = format!(
        "error: cannot connect to postgres@nowhere.internal:{port}/{}: error connecting to server: \
         failed to lookup address information: ",
        database.name
    );
    assert!(outcome.stderr.starts_with(&lookup), "{outcome}");
    assert_eq!(outcome.stdout, "");
}
