//! Behind `PgBouncer` in transaction mode: the same, and nothing is left on the server's connections for the next client.

use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use postgres::{Client, Config, NoTls};

use crate::chance::{Chance, torture};
use crate::crowds::{all_at_once, files};
use crate::guard::{self, wait_until};
use crate::invariants::{Lab, Step};
use crate::proxy::{Act, Point, Proxy};
use crate::run::CANARY;
use crate::server::{
    Database, Server, folder_for_server, rows, start_for_server, write_for_server,
};

/// A `PgBouncer` before a server, which ends with the test.
struct Pooler {
    folder: PathBuf,
    port: u16,
    child: Child,
}

impl Pooler {
    fn start(server: &Server, pool_size: u32) -> Pooler {
        let program = [
            "/usr/sbin/pgbouncer",
            "/usr/bin/pgbouncer",
            "/usr/local/bin/pgbouncer",
        ]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.exists())
        .expect("no pgbouncer: make test installs it as root; else apt-get install pgbouncer");
        let folder = folder_for_server("b");
        let port = 6432;
        write_for_server(&folder.join("users"), "\"postgres\" \"\"\n");
        let (socket, own) = (server.socket.display(), folder.display());
        write_for_server(
            &folder.join("ini"),
            &format!(
                "[databases]\n* = host={socket} port={}\n[pgbouncer]\nlisten_port = {port}\nunix_socket_dir = {own}\n\
                 auth_type = trust\nauth_file = {own}/users\npool_mode = transaction\ndefault_pool_size = {pool_size}\n\
                 max_client_conn = 300\n",
                server.port
            ),
        );
        let child = start_for_server(&folder, &[], &program, &["ini"]);
        let pooler = Pooler {
            folder,
            port,
            child,
        };
        wait_until("PgBouncer answers", Duration::from_secs(10), || {
            pooler.try_connect("postgres").is_ok()
        });
        pooler
    }

    fn try_connect(&self, database: &str) -> Result<Client, postgres::Error> {
        Config::new()
            .host_path(&self.folder)
            .port(self.port)
            .user("postgres")
            .dbname(database)
            .application_name("the next client")
            .connect(NoTls)
    }

    fn url(&self, database: &Database) -> String {
        format!(
            "postgres://postgres:{CANARY}@/{}?host={}&port={}",
            database.name,
            self.folder.display(),
            self.port
        )
    }

    /// What so many clients at once, each on a server connection of its own, find there.
    fn found(&self, database: &Database, clients: usize) -> Vec<Vec<String>> {
        let mut open: Vec<Client> = (0..clients)
            .map(|_| {
                let mut client = self.try_connect(&database.name).expect("PgBouncer answers");
                client.batch_execute("BEGIN").expect("a server connection");
                client
            })
            .collect();
        open.iter_mut()
            .map(|client| rows(client.simple_query(STATE).expect("an answer")))
            .collect()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// All that a session can hold.
const STATE: &str = "SELECT name || ' = ' || setting FROM pg_settings WHERE name <> 'transaction_isolation' \
    UNION ALL SELECT 'user ' || current_user || ' ' || session_user \
    UNION ALL SELECT 'prepared ' || name FROM pg_prepared_statements \
    UNION ALL SELECT 'listens ' || pg_listening_channels() \
    UNION ALL SELECT 'cursor ' || name FROM pg_cursors WHERE is_holdable \
    UNION ALL SELECT 'temporary ' || relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() \
    UNION ALL SELECT 'locks ' || objid FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory' \
    ORDER BY 1";

/// What is there that was not.
fn traces(before: &[Vec<String>], after: &[Vec<String>]) -> Vec<String> {
    let clean = &before[0];
    let left = after.iter().flatten().filter(|row| !clean.contains(row));
    left.cloned().collect()
}

/// I7.
#[track_caller]
fn check_no_trace(before: &[Vec<String>], after: &[Vec<String>], what: &str) {
    let left = traces(before, after);
    assert!(left.is_empty(), "I7: {left:?} is left\n{what}");
}

#[test]
fn of_20_runners_behind_a_pooler_each_ends_well() {
    let _guard = guard::shared(150);
    let lab = files(Lab::new());
    let pooler = Pooler::start(&lab.database.server, 2);
    let before = pooler.found(&lab.database, 2);
    for round in 1..=2 {
        let took = all_at_once(&lab, &pooler.url(&lab.database), 20);
        println!("round {round}: {took:?}");
        check_no_trace(&before, &pooler.found(&lab.database, 2), "");
        check_idle(&lab);
        lab.reset();
    }
}

/// I6 behind a pooler, which keeps its connections: none is in a transaction, none holds a lock.
#[track_caller]
fn check_idle(lab: &Lab) {
    wait_until("I6: no transaction is open", Duration::from_secs(5), || {
        lab.database
            .query(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                 AND backend_type = 'client backend' AND state <> 'idle'",
            )
            .is_empty()
    });
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database \
         WHERE datname = current_database())";
    assert_eq!(lab.database.value(locks), "0", "I6");
}

/// Files that leave all they can.
fn litter(lab: Lab) -> Lab {
    let litter = "SET search_path TO lab, public;\nSET lock_timeout = 7000;\nSET work_mem = '5MB';\n\
        CREATE TEMP TABLE scratch (x int);\nPREPARE p AS SELECT 1;\nLISTEN news;\nSELECT pg_advisory_lock(7);\n\
        SELECT set_config('my.setting', 'x', false);\nDECLARE c CURSOR WITH HOLD FOR SELECT 1;\nSET ROLE pg_monitor;\nRESET ROLE;\n\
        SET TIME ZONE 'Asia/Tokyo';\nSET client_min_messages = error;";
    lab.whole("001_t.sql", "CREATE TABLE public.t (x int);")
        .whole("002_litter.sql", litter)
        .steps(
            "003_steps.sql",
            vec![
                Step::Mark,
                Step::other("SET work_mem = '6MB'"),
                Step::index("t_x", "public.t (x)"),
                Step::Mark,
                Step::other("VACUUM public.t"),
                Step::Mark,
            ],
        )
}

#[test]
fn what_files_leave_behind_is_not_there_for_the_next_client() {
    let _guard = guard::shared(60);
    let lab = litter(Lab::new());
    let pooler = Pooler::start(&lab.database.server, 2);
    let before = pooler.found(&lab.database, 2);
    let outcome = lab.run_at(&pooler.url(&lab.database), "").outcome();
    outcome.exits(0);
    lab.check_after(&outcome);
    check_no_trace(
        &before,
        &pooler.found(&lab.database, 2),
        &outcome.to_string(),
    );
    check_idle(&lab);
}

#[test]
fn a_file_that_fails_behind_a_pooler_leaves_nothing_behind() {
    let _guard = guard::shared(60);
    let mut lab = litter(Lab::new());
    lab.add_whole(
        "004_fails.sql",
        "SET work_mem = '7MB';\nSELECT pg_advisory_lock(8);\nSELECT 1/0;",
    );
    lab.write(
        "005_fails.sql",
        "SET work_mem = '8MB';\nVACUUM public.t;\nSELECT pg_advisory_lock(9);\nSELECT 1/0;\n",
    );
    let pooler = Pooler::start(&lab.database.server, 2);
    let before = pooler.found(&lab.database, 2);
    let url = pooler.url(&lab.database);
    let outcome = lab.run_at(&url, "").outcome();
    outcome.exits(1).says("004_fails.sql");
    lab.check_after(&outcome);
    check_no_trace(
        &before,
        &pooler.found(&lab.database, 2),
        &outcome.to_string(),
    );
    lab.write(
        "004_fails.sql",
        "INSERT INTO lab.effects VALUES ('004_fails.sql', 0), ('004_fails.sql', 1);",
    );
    let outcome = lab.run_at(&url, "").outcome();
    outcome.exits(1).says("005_fails.sql");
    check_no_trace(
        &before,
        &pooler.found(&lab.database, 2),
        &outcome.to_string(),
    );
    check_idle(&lab);
}

#[test]
fn runners_killed_behind_a_pooler_leave_nothing_behind() {
    let _guard = guard::shared(if torture() { 900 } else { 120 });
    let mut chance = Chance::new();
    let lab = litter(Lab::new());
    let pooler = Pooler::start(&lab.database.server, 2);
    let url = pooler.url(&lab.database);
    let before = pooler.found(&lab.database, 2);
    let whole = lab.run_at(&url, "").outcome();
    whole.exits(0);
    lab.reset();
    let kills = if torture() { 1000 } else { 40 };
    for _ in 0..kills {
        let run = lab.run_at(&url, "").start();
        let at = chance.time(whole.took);
        std::thread::sleep(at);
        let killed = run.kill();
        lab.check();
        let outcome = lab.run_at(&url, "").outcome();
        let what = format!(
            "SIGKILL at {at:?}, seed {}\n{outcome}\nkilled:\n{killed}",
            chance.seed
        );
        assert!(outcome.code() == Some(0), "I8: {what}");
        lab.check_after(&outcome);
        check_no_trace(&before, &pooler.found(&lab.database, 2), &what);
        check_idle(&lab);
        lab.reset();
    }
    crate::summary(&format!(
        "kills behind a pooler: {kills}, FAULT_SEED={}",
        chance.seed
    ));
}

#[test]
fn a_runner_killed_before_any_message_leaves_nothing_behind_a_pooler() {
    let _guard = guard::shared(150);
    let lab = litter(Lab::new());
    let pooler = Pooler::start(&lab.database.server, 2);
    let before = pooler.found(&lab.database, 2);
    let place = Server {
        socket: pooler.folder.clone(),
        port: pooler.port,
    };
    let counting = Proxy::counting(&place);
    lab.run_at(&counting.url(&lab.database), "")
        .outcome()
        .exits(0);
    lab.reset();
    let mut left = Vec::new();
    for number in 1..=counting.frontend() {
        let proxy = Proxy::breaking(&place, Point::Frontend(number), Act::Freeze);
        let mut run = lab.run_at(&proxy.url(&lab.database), "").start();
        wait_until("the message comes", Duration::from_secs(20), || {
            proxy.has_acted() || run.has_ended()
        });
        run.kill();
        drop(proxy);
        check_idle(&lab);
        lab.check();
        // Between the messages of a file that runs step by step its own settings hold, and the limits of a statement that
        // travels alone: no pooler and no server could know that nobody will take them back.
        let mut traces = traces(&before, &pooler.found(&lab.database, 2));
        let permitted = [
            "work_mem = 6144",
            "lock_timeout = 500",
            "client_connection_check_interval = 1000",
        ];
        traces.retain(|row| !permitted.contains(&row.as_str()));
        if !traces.is_empty() {
            left.push(format!("before message {number}: {traces:?}"));
        }
        let outcome = lab.run_at(&pooler.url(&lab.database), "").outcome();
        assert!(
            outcome.code() == Some(0),
            "I8: killed before message {number}\n{outcome}"
        );
        lab.check_after(&outcome);
        // The server's connections begin anew.
        lab.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
             AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
        );
        lab.reset();
    }
    assert!(left.is_empty(), "I7\n{}", left.join("\n"));
}

#[test]
fn a_pool_of_one_is_said_and_safe() {
    let _guard = guard::shared(90);
    let lab = Lab::new()
        .whole("001_t.sql", "CREATE TABLE t (x int);")
        .whole("002_u.sql", "CREATE TABLE u (x int);");
    let pooler = Pooler::start(&lab.database.server, 1);
    let url = pooler.url(&lab.database);
    let before = pooler.found(&lab.database, 1);
    let outcome = lab.run_at(&url, "--max-wait 2s").outcome();
    outcome
        .exits(0)
        .says("there is no second connection to be had");
    lab.check_after(&outcome);
    check_no_trace(
        &before,
        &pooler.found(&lab.database, 1),
        &outcome.to_string(),
    );

    // Several at once.
    lab.reset();
    let running: Vec<_> = (0..5)
        .map(|_| lab.run_at(&url, "--max-wait 3s").start())
        .collect();
    for run in running {
        let outcome = run.outcome();
        lab.check_after(&outcome);
        assert!(matches!(outcome.code(), Some(0 | 4 | 5)), "{outcome}");
    }
    check_idle(&lab);
    let outcome = lab.run_at(&url, "--max-wait 2s").outcome();
    outcome.exits(0);
    lab.check_after(&outcome);

    // What needs the run lock is refused, and works where there is a second connection.
    let mut lab = lab;
    lab.add_steps(
        "003_index.sql",
        vec![Step::Mark, Step::index("t_x", "t (x)"), Step::Mark],
    );
    let outcome = lab.run_at(&url, "--max-wait 2s").outcome();
    assert!(matches!(outcome.code(), Some(1..=5)), "{outcome}");
    outcome.says("003_index.sql").says("second connection");
    lab.check_after(&outcome);
    check_no_trace(
        &before,
        &pooler.found(&lab.database, 1),
        &outcome.to_string(),
    );
    let outcome = lab.run("").outcome();
    outcome.exits(0);
    lab.check_after(&outcome);
}

#[test]
fn a_latin1_database_behind_a_pooler_keeps_its_letters() {
    let _guard = guard::shared(60);
    let lab = Lab::on(Database::on(
        &Server::common(),
        "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
    ))
    .whole(
        "001_t.sql",
        "-- Ä\nCREATE TABLE t (x text);\nINSERT INTO t VALUES ('äöü é ß');\nSET work_mem = '5MB';",
    )
    .steps(
        "002_é.sql",
        vec![
            Step::other("INSERT INTO t VALUES ('ñ')"),
            Step::index("\"t_ö\"", "t (x)"),
            Step::Mark,
        ],
    )
    .whole("003_u.sql", "COMMENT ON TABLE t IS 'où';");
    let pooler = Pooler::start(&lab.database.server, 2);
    let before = pooler.found(&lab.database, 2);
    let outcome = lab.run_at(&pooler.url(&lab.database), "").outcome();
    outcome.exits(0);
    assert_eq!(
        lab.database.query("SELECT x, length(x) FROM t ORDER BY 2"),
        ["ñ|1", "äöü é ß|7"]
    );
    assert_eq!(
        lab.database.value("SELECT obj_description('t'::regclass)"),
        "où"
    );
    assert_eq!(
        lab.database
            .query("SELECT filename FROM schema_migrations WHERE status = 'applied' ORDER BY id"),
        ["001_t.sql", "002_é.sql", "003_u.sql"]
    );
    check_no_trace(
        &before,
        &pooler.found(&lab.database, 2),
        &outcome.to_string(),
    );
    // The next client of the same server connection reads and writes UTF-8.
    let mut next = pooler
        .try_connect(&lab.database.name)
        .expect("PgBouncer answers");
    let read = rows(
        next.simple_query("SELECT x, length('é') FROM t WHERE length(x) = 1")
            .expect("an answer"),
    );
    assert_eq!(read, ["ñ|1"]);
    lab.run_at(&pooler.url(&lab.database), "")
        .outcome()
        .exits(0);
}
