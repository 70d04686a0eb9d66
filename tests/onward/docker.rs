//! `--docker`: the database in a container. A stand-in answers as engines of several versions do, and refuses words that
//! they do not know.

use std::fs;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use crate::support::{Database, Outcome, Project, wait_until};

/// Stands for a secret.
const CANARY: &str = "c4nary";

/// What engines answer to `inspect` of a container that publishes its port.
const DOCKER_20: &str = include_str!("docker/docker-20.10.json");
const DOCKER_24: &str = include_str!("docker/docker-24.json");
const DOCKER_28: &str = include_str!("docker/docker-28.json");
const DOCKER_29: &str = include_str!("docker/docker-29.json");
const PODMAN_4: &str = include_str!("docker/podman-4.json");
const PODMAN_5: &str = include_str!("docker/podman-5.json");

/// An engine with its containers: a folder with nothing else in it, which is the whole PATH of a run.
struct Engine {
    folder: tempfile::TempDir,
}

impl Engine {
    fn docker() -> Engine {
        Engine::called("docker")
    }

    fn called(program: &str) -> Engine {
        let engine = Engine::none();
        let path = engine.folder.path().join(program);
        fs::write(&path, include_str!("docker/stand-in")).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file");
        engine
    }

    fn none() -> Engine {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("containers")).expect("a folder");
        Engine { folder }
    }

    /// A container with this name, for which the others make room by an ID of its own.
    fn holds(self, document: &str, name: &str, changes: &[(&str, &str)]) -> Engine {
        let containers = self.folder.path().join("containers");
        let number = fs::read_dir(&containers).expect("a folder").count();
        let id = format!("db{number:062x}");
        let mut text = document.to_owned();
        let old_id = text.split('"').nth(3).expect("an ID").to_owned();
        let named = [
            (old_id.as_str(), id.as_str()),
            ("\"Name\": \"/app-db\"", &format!("\"Name\": \"/{name}\"")),
            ("\"Name\": \"app-db\"", &format!("\"Name\": \"{name}\"")),
            ("@PASSWORD@", CANARY),
        ];
        for (old, new) in changes.iter().chain(&named) {
            text = text.replace(old, new);
        }
        for (old, _) in changes {
            assert!(document.contains(old), "{old} is not there to be replaced");
        }
        let usual = [("@USER@", "app"), ("@DATABASE@", "app"), ("@PORT@", "1")];
        for (old, new) in usual {
            text = text.replace(old, new);
        }
        fs::write(containers.join(format!("{id}.json")), text).expect("a file");
        self
    }

    fn with(self, file: &str, text: &str) -> Engine {
        fs::write(self.folder.path().join(file), text).expect("a file");
        self
    }

    /// A run with this engine; no secret may be in what it prints.
    #[track_caller]
    fn outcome(&self, project: &Project, arguments: &str, variables: &[(&str, &str)]) -> Outcome {
        let path = self.folder.path().to_str().expect("UTF-8");
        let mut run = project.run_alone(arguments).env("PATH", path);
        for (name, value) in variables {
            run = run.env(name, value);
        }
        let outcome = run.outcome();
        for text in [&outcome.stdout, &outcome.stderr] {
            assert!(!text.contains(CANARY), "{outcome}");
        }
        outcome
    }

    /// A run that ends before it connects.
    #[track_caller]
    fn gives(&self, arguments: &str, code: i32, stderr: &str) {
        let elsewhere = [("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nowhere")];
        self.outcome(&Project::new(), arguments, &elsewhere)
            .gives(code, "", stderr);
    }
}

/// A port that leads to the server, as the one that a container publishes does.
fn published_port(database: &Database) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let server = &database.server;
    let socket = format!("{}/.s.PGSQL.{}", server.socket, server.port);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = UnixStream::connect(&socket).expect("the server answers");
            std::thread::spawn(move || relay(&client, &server));
        }
    });
    port.to_string()
}

/// Passes bytes on both ways, until either end goes away.
fn relay(client: &TcpStream, server: &UnixStream) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = io::copy(&mut &*client, &mut &*server);
            let _ = server.shutdown(Shutdown::Both);
        });
        let _ = io::copy(&mut &*server, &mut &*client);
        let _ = client.shutdown(Shutdown::Both);
    });
}

/// A role that owns the database and must give its password.
fn owner_with_password(database: &Database) -> String {
    database.ask_for_passwords();
    let role = database.role("owner");
    database.execute(&format!(
        "ALTER ROLE {role} PASSWORD '{CANARY}'; GRANT asked_for_password TO {role};
        ALTER DATABASE {} OWNER TO {role}",
        database.name
    ));
    wait_until("the server asks for a password", || {
        postgres::Config::new()
            .host_path(&database.server.socket)
            .port(database.server.port)
            .user(&role)
            .dbname(&database.name)
            .connect(postgres::NoTls)
            .is_err()
    });
    role
}

#[test]
fn the_answers_of_every_engine_lead_to_the_database() {
    for (program, document) in [
        ("docker", DOCKER_20),
        ("docker", DOCKER_24),
        ("docker", DOCKER_28),
        ("docker", DOCKER_29),
        ("podman", PODMAN_4),
        ("podman", PODMAN_5),
        // Podman under Docker's name.
        ("docker", PODMAN_5),
    ] {
        let database = Database::new();
        let owner = owner_with_password(&database);
        let changes = [
            ("@USER@", owner.as_str()),
            ("@DATABASE@", &database.name),
            ("@PORT@", &published_port(&database)),
        ];
        let engine = Engine::called(program).holds(document, "app-db", &changes);
        let project = Project::new().migration("1_t.sql", "CREATE TABLE t (x int);");
        let elsewhere = [("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nowhere")];
        engine
            .outcome(&project, "up --docker app-db", &elsewhere)
            .gives(
                0,
                "Applied 1 migration: 1_t.sql\n",
                "applied 1_t.sql (<time>)\n",
            );
        assert_eq!(
            database.value("SELECT tableowner FROM pg_tables WHERE tablename = 't'"),
            owner
        );
        engine.outcome(&project, "--docker", &[]).gives(
            0,
            "Applied 0 migrations: the database is up to date (1 applied)\n",
            "",
        );
    }
}

#[test]
fn a_password_that_is_wrong_is_answered_with_ways_to_mend_it() {
    let database = Database::new();
    let owner = owner_with_password(&database);
    let port = published_port(&database);
    let place = [
        ("@USER@", owner.as_str()),
        ("@DATABASE@", &database.name),
        ("@PORT@", &port),
    ];
    let check = |change: (&str, &str), stderr: &str| {
        let changes = [&[change], &place[..]].concat();
        let engine = Engine::docker().holds(DOCKER_28, "app-db", &changes);
        let stderr = stderr
            .replace("<owner>", &owner)
            .replace("<database>", &database.name)
            .replace("<port>", &port);
        engine
            .outcome(&Project::new(), "up --docker app-db", &[])
            .gives(4, "", &stderr);
    };
    check(
        ("@PASSWORD@", "c4naries"),
        r#"
        error: container app-db: cannot connect to <owner>@127.0.0.1:<port>/<database>: FATAL: password authentication failed for user "<owner>" (28P01)
          the container's environment does not tell the password of today; set it anew (docker exec -it app-db psql -U <owner> -d <database> -c '\password'), or name the database with DATABASE_URL
    "#,
    );
    let in_file = "POSTGRES_PASSWORD_FILE=/run/secrets/db";
    check(
        ("POSTGRES_PASSWORD=@PASSWORD@", in_file),
        r"
        error: container app-db: cannot connect to <owner>@127.0.0.1:<port>/<database>: the server asks for a password (scram-sha-256), and none was given
          the container has its password in a file that cannot be read from here; give it with PGPASSWORD
    ",
    );
    check(
        (
            "POSTGRES_PASSWORD=@PASSWORD@",
            "POSTGRES_HOST_AUTH_METHOD=trust",
        ),
        r"
        error: container app-db: cannot connect to <owner>@127.0.0.1:<port>/<database>: the server asks for a password (scram-sha-256), and none was given
          the container's environment tells no password; give it with PGPASSWORD
    ",
    );
    check(
        ("POSTGRES_DB=@DATABASE@", "POSTGRES_DB=nowhere"),
        r#"
        error: container app-db: cannot connect to <owner>@127.0.0.1:<port>/nowhere: FATAL: database "nowhere" does not exist (3D000)
          create it first: docker exec app-db createdb -U <owner> nowhere
    "#,
    );
    let changes = [&[("POSTGRES_PASSWORD=@PASSWORD@", in_file)], &place[..]].concat();
    Engine::docker()
        .holds(DOCKER_28, "app-db", &changes)
        .outcome(
            &Project::new(),
            "-q --docker app-db",
            &[("PGPASSWORD", CANARY)],
        )
        .gives(0, "", "");
}

#[test]
fn no_variable_leads_away_from_the_container() {
    let database = Database::new();
    let owner = owner_with_password(&database);
    let port = published_port(&database);
    let place = [
        ("@USER@", owner.as_str()),
        ("@DATABASE@", &database.name),
        ("@PORT@", &port),
    ];
    let outcome = Engine::docker().holds(DOCKER_28, "app-db", &place).outcome(
        &Project::new(),
        "status -v --docker app-db",
        &[
            ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nowhere"),
            ("POSTGRES_HOST", "nowhere"),
            ("POSTGRES_PASSWORD", "wrong"),
            ("PGSERVICE", "nothing"),
            ("PGHOST", "nowhere"),
            ("PGHOSTADDR", "192.0.2.1"),
            ("PGPORT", "1"),
            ("PGUSER", "nobody"),
            ("PGDATABASE", "nowhere"),
            ("PGPASSWORD", "wrong"),
            ("PGAPPNAME", "shown"),
        ],
    );
    outcome.exits(0);
    let shown = format!(
        "
        connection
          host              127.0.0.1  container app-db
          port              {port}      container app-db
          user              {owner}  container app-db
          password          (not shown)  container app-db
          dbname            {}  container app-db
          application_name  shown  PGAPPNAME
        ",
        database.name
    );
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words(&outcome.stdout).starts_with(&words(&shown)),
        "{outcome}"
    );
}

/// What a run says that would connect to a port where nothing listens.
fn refused(name: &str, address: &str, program: &str) -> String {
    format!(
        "error: container {name}: cannot connect to app@{address}/app: error connecting to server: Connection refused (os error 111)\n  \
         see what the server says: {program} logs {name}; if it is about to start, --wait waits for it\n"
    )
}

#[test]
fn a_service_of_compose_is_a_name_too() {
    let db = r#""Labels": { "com.docker.compose.service": "db" }"#;
    let web = r#""Labels": { "com.docker.compose.service": "web" }"#;
    let labels = |text: &'static str| ("\"Labels\": {}", text);
    // Every ID here begins with "db".
    let engine = Engine::docker()
        .holds(DOCKER_28, "app-web-1", &[labels(web)])
        .holds(DOCKER_28, "app-db-1", &[labels(db)]);
    engine.gives(
        "up --docker db",
        4,
        &refused("app-db-1", "127.0.0.1:1", "docker"),
    );
    let engine = engine.holds(DOCKER_28, "other-db-1", &[labels(db), ("@PORT@", "2")]);
    engine.gives(
        "status --docker db",
        2,
        r#"
        error: --docker: 2 containers of the service "db" run:
          app-db-1 (postgres:17), 127.0.0.1:1
          other-db-1 (postgres:17), 127.0.0.1:2
          name one of them, for example: --docker app-db-1
    "#,
    );
    engine.gives(
        "status --docker other-db-1",
        4,
        &refused("other-db-1", "127.0.0.1:2", "docker"),
    );
    engine.gives(
        "status --docker nothing",
        2,
        r#"
        error: --docker: no container is called "nothing", and no service of Compose called "nothing" runs
          name one that runs: docker ps; or start it first
    "#,
    );
    engine.gives(
        "status --docker=",
        2,
        r"
        error: --docker= names no container
          name one that runs: docker ps
    ",
    );
}

#[test]
fn the_beginning_of_an_id_is_a_name_too() {
    let engine = Engine::docker().holds(DOCKER_28, "app-db", &[]);
    engine.gives(
        "up --docker db0000",
        4,
        &refused("app-db", "127.0.0.1:1", "docker"),
    );
    engine.gives(
        "up --docker db",
        4,
        &refused("app-db", "127.0.0.1:1", "docker"),
    );
}

#[test]
fn without_a_name_it_must_be_the_only_one() {
    let engine = Engine::docker();
    engine.gives(
        "--docker",
        4,
        r"
        error: --docker: no container runs
          see which one has it, and start it: docker ps --all
    ",
    );
    let nginx = [
        ("5432/tcp", "80/tcp"),
        ("PGDATA=", "OTHER="),
        ("postgres:17", "nginx:1.27"),
    ];
    let engine = engine.holds(DOCKER_28, "web", &nginx);
    engine.gives(
        "--docker",
        4,
        r"
        error: --docker: no running container has PostgreSQL; there is web (nginx:1.27)
          see which one has it, and start it: docker ps --all
    ",
    );
    engine.gives(
        "--docker web",
        2,
        r"
        error: --docker: container web (nginx:1.27) has no PostgreSQL: neither PGDATA nor port 5432
          name the one that has it: docker ps; or give its address with --url
    ",
    );
    let engine = engine.holds(DOCKER_28, "db-1", &[]).holds(
        DOCKER_28,
        "stopped",
        &[(RUNNING, r#""Status": "exited""#)],
    );
    engine.gives(
        "--docker status",
        4,
        &refused("db-1", "127.0.0.1:1", "docker"),
    );
    let unpublished = [("\"5432/tcp\": [", "\"5433/tcp\": ["), ("172.17.0.2", "")];
    let engine = engine.holds(DOCKER_28, "db-2", &unpublished);
    engine.gives(
        "--docker",
        2,
        r"
        error: --docker: 2 containers with PostgreSQL run:
          db-1 (postgres:17), 127.0.0.1:1
          db-2 (postgres:17), not to be reached from here
          name one of them, for example: --docker db-1
    ",
    );
    engine.gives(
        "--docker db-2",
        4,
        r#"
        error: container db-2 does not publish port 5432, and has no address that leads there from here
          publish it: docker run --publish 5432:5432 …, or ports: ["5432:5432"] in the Compose file
    "#,
    );
}

const RUNNING: &str = r#""Status": "running""#;

#[test]
fn a_container_that_does_not_run_is_named_with_its_state() {
    for (program, state, cure) in [
        ("docker", "exited", "start it: docker start app-db"),
        ("docker", "created", "start it: docker start app-db"),
        ("docker", "paused", "let it go on: docker unpause app-db"),
        (
            "docker",
            "restarting",
            "see why it does not stay up: docker logs app-db",
        ),
        ("podman", "exited", "start it: podman start app-db"),
    ] {
        let state_now = RUNNING.replace("running", state);
        Engine::called(program)
            .holds(DOCKER_28, "app-db", &[(RUNNING, &state_now)])
            .gives(
                "--docker app-db",
                4,
                &format!("error: container app-db does not run; it is {state}\n  {cure}\n"),
            );
    }
}

#[test]
fn an_engine_that_does_not_answer_is_told_from_a_wrong_name() {
    for (program, trouble, stderr) in [
        (
            "docker",
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n",
            r"
            error: docker does not answer: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?
              start it; docker ps must answer
        ",
        ),
        (
            "docker",
            "WARNING: Error loading config file: open /root/.docker/config.json: permission denied\n\
             permission denied while trying to connect to the docker API at unix:///var/run/docker.sock\n",
            r"
            error: docker does not answer: permission denied while trying to connect to the docker API at unix:///var/run/docker.sock
              run onward as a user who may ask it, on Linux mostly one of the group docker; docker ps must answer
        ",
        ),
        (
            "podman",
            "Cannot connect to Podman.\n\n",
            r"
            error: podman does not answer: Cannot connect to Podman.
              start it; podman ps must answer
        ",
        ),
        (
            "docker",
            "",
            r"
            error: docker does not answer: it says nothing
              start it; docker ps must answer
        ",
        ),
    ] {
        let engine = Engine::called(program).with("trouble", trouble);
        engine.gives("--docker db", 4, stderr);
        engine.gives("--docker", 4, stderr);
    }
    Engine::none().gives(
        "--docker db",
        2,
        r"
        error: --docker asks the command docker, or podman, and neither is on the PATH
          install one of them, or name the database: DATABASE_URL=postgres://USER:PASSWORD@HOST/DATABASE
    ",
    );
}

#[test]
fn another_machine_is_reached_by_its_name() {
    let engine = |host: &str| {
        let context =
            format!(r#"[{{"Name": "far", "Endpoints": {{"docker": {{"Host": "{host}"}}}}}}]"#);
        Engine::docker().with("context", &context)
    };
    engine("ssh://me@127.0.0.9:22")
        .holds(DOCKER_28, "app-db", &[])
        .gives(
            "--docker app-db",
            4,
            &refused("app-db", "127.0.0.9:1", "docker"),
        );
    engine("tcp://192.0.2.1:2376")
        .holds(DOCKER_24, "app-db", &[])
        .gives(
            "--docker app-db",
            4,
            r"
            error: container app-db publishes its port to programs on 192.0.2.1 alone
              publish it to others too, or have it forwarded (ssh -L) and give its address with --url; see docker port app-db
        ",
        );
    engine("unix:///var/run/docker.sock")
        .holds(DOCKER_24, "app-db", &[])
        .gives(
            "--docker app-db",
            4,
            &refused("app-db", "127.0.0.1:1", "docker"),
        );
}

#[test]
fn two_names_for_a_database_are_refused() {
    Engine::docker().gives(
        "--docker db --url postgres:///x",
        2,
        r"
        error: --url and --docker each name a database
          leave one of them out
    ",
    );
}

#[test]
fn the_commands_to_paste_name_the_container_again() {
    let database = Database::new();
    let owner = owner_with_password(&database);
    let port = published_port(&database);
    let place = [
        ("@USER@", owner.as_str()),
        ("@DATABASE@", &database.name),
        ("@PORT@", &port),
    ];
    let engine = Engine::docker().holds(DOCKER_28, "app-db", &place);
    let project = Project::new().migration("1_t.sql", "CREATE TABLE t (x int);");
    engine
        .outcome(&project, "-q --docker", &[])
        .gives(0, "", "");
    let project = project.migration("1_t.sql", "CREATE TABLE t (y int);");
    let outcome = engine.outcome(&project, "--docker", &[]);
    outcome.exits(3);
    let command = "onward --docker repair 1_t.sql";
    assert!(
        outcome.stderr.contains(&format!(": {command}\n")),
        "{outcome}"
    );
    engine
        .outcome(&project, command.trim_start_matches("onward "), &[])
        .exits(0);
}
