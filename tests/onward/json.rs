//! What machines read: every document is as its schema in `docs/` describes it, and no field is there that it does not.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Database, Outcome, Project, Proxy, Schema, wait_until};
use crate::up::three;

const STATUS: &str = include_str!("../../docs/status.schema.json");
const UP: &str = include_str!("../../docs/up.schema.json");

/// The document of `status --json`, valid.
#[track_caller]
fn status(project: &Project, database: &Database, arguments: &str) -> Value {
    let run = project.run(database, &format!("status --json {arguments}"));
    let outcome = run.outcome();
    assert_eq!(outcome.stderr, "", "{outcome}");
    let document = serde_json::from_str(&outcome.raw_stdout).unwrap();
    let problems = Schema::parse(STATUS).problems(&document);
    assert!(problems.is_empty(), "{problems:#?}\n{outcome}");
    document
}

/// The events of `up --json`, valid, the report last; without their times, and with `"<time>"` for durations.
#[track_caller]
fn events(outcome: &Outcome) -> Vec<Value> {
    let schema = Schema::parse(UP);
    let valid = |line: &str| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let problems = schema.problems(&event);
        assert!(problems.is_empty(), "{problems:#?}\n{outcome}");
        assert!(line.starts_with("{\"event\":\""), "{line}");
        let fields = event.as_object_mut().unwrap();
        fields.remove("time");
        if let Some(duration) = fields.get_mut("duration_ms")
            && duration.is_u64()
        {
            *duration = json!("<time>");
        }
        event
    };
    let events: Vec<Value> = outcome.raw_stdout.lines().map(valid).collect();
    assert_eq!(events.last().unwrap()["event"], "report", "{outcome}");
    events
}

fn names(events: &[Value]) -> Vec<&str> {
    let names = events.iter().map(|event| event["event"].as_str().unwrap());
    names.collect()
}

/// The one event of this name.
#[track_caller]
fn one<'a>(events: &'a [Value], name: &str) -> &'a Value {
    let mut found = events.iter().filter(|event| event["event"] == name);
    let event = found
        .next()
        .unwrap_or_else(|| panic!("no {name} in {events:#?}"));
    assert!(found.next().is_none(), "more than one {name}");
    event
}

/// The report of a run that changed nothing, with these fields instead.
fn report(fields: Value) -> Value {
    let mut report = json!({
        "event": "report", "exit_code": 0, "dry_run": false, "baseline": null, "applied": [], "would_apply": [],
        "completed": null, "refusals": 0, "error": null, "duration_ms": "<time>",
    });
    let Value::Object(fields) = fields else {
        panic!("no object")
    };
    report.as_object_mut().unwrap().extend(fields);
    report
}

fn success() -> Vec<Value> {
    let project = Project::new()
        .schema("-- onward: baseline through 001\nCREATE TABLE a (x int);")
        .migration("001_a.sql", "CREATE TABLE a (x int);")
        .migration("002_b.sql", "\\echo hi\nDROP TABLE IF EXISTS b;")
        .migration("003_c.sql", "DO $$BEGIN RAISE WARNING 'mind\x1b' USING DETAIL = 'd', HINT = 'h', ERRCODE = '01234'; END$$");
    let database = Database::new();
    let run = project.run(&database, "up --json --before true --after true");
    let outcome = run.outcome();
    outcome.exits(0);
    assert_eq!(outcome.stderr, "");
    events(&outcome)
}

#[test]
fn every_step_of_up_is_an_event() {
    let notice = |file: Value, message: &str, server: Value| {
        let mut notice = json!({
            "event": "notice", "file": file, "message": message, "code": null, "cure": null,
            "severity": null, "sqlstate": null, "detail": null, "hint": null,
        });
        let Value::Object(server) = server else {
            panic!("no object")
        };
        notice.as_object_mut().unwrap().extend(server);
        notice
    };
    let applying = |file: &str| json!({"event": "applying", "file": file});
    let applied = |file: &str| json!({"event": "applied", "file": file, "duration_ms": "<time>"});
    let expected = [
        json!({"event": "hook", "when": "before"}),
        json!({"event": "baseline", "file": "schema.sql", "contains": ["001_a.sql"]}),
        applying("schema.sql"),
        applied("schema.sql"),
        notice(
            Value::Null,
            "migrations/002_b.sql:1: \\echo is a command of psql; skipped",
            json!({}),
        ),
        applying("002_b.sql"),
        notice(
            json!("002_b.sql"),
            "table \"b\" does not exist, skipping",
            json!({"severity": "NOTICE", "sqlstate": "00000"}),
        ),
        applied("002_b.sql"),
        applying("003_c.sql"),
        notice(
            json!("003_c.sql"),
            "mind\x1b",
            json!({"severity": "WARNING", "sqlstate": "01234", "detail": "d", "hint": "h"}),
        ),
        applied("003_c.sql"),
        json!({"event": "hook", "when": "after"}),
        report(json!({
            "baseline": "schema.sql", "applied": ["002_b.sql", "003_c.sql"], "completed": 3,
        })),
    ];
    assert_eq!(success(), expected);
}

#[test]
fn nothing_to_do_is_a_report_alone() {
    let (project, database) = (three(), Database::new());
    project.run(&database, "-q").gives(0, "", "");
    for arguments in ["up --json", "up --json --to 002", "up --json -q"] {
        let outcome = project.run(&database, arguments).outcome();
        assert_eq!(events(&outcome), [report(json!({"completed": 3}))]);
        assert_eq!(outcome.stderr, "");
    }
}

fn rehearsal() -> Vec<Value> {
    let project = three().schema("-- onward: baseline through 002\nCREATE TABLE a (x int);");
    let outcome = project.run(&Database::new(), "--dry-run --json").outcome();
    outcome.exits(0);
    assert_eq!(outcome.stderr, "");
    events(&outcome)
}

#[test]
fn a_dry_run_is_the_plan() {
    let contained = json!(["001_a.sql", "002_b.sql"]);
    assert_eq!(
        rehearsal(),
        [
            json!({"event": "would_apply", "file": "schema.sql", "kind": "baseline", "contains": contained}),
            json!({"event": "would_apply", "file": "003_c.sql", "kind": "migration", "contains": []}),
            report(json!({"dry_run": true, "would_apply": ["003_c.sql"]})),
        ]
    );
}

fn failure() -> Vec<Value> {
    let project = three()
        .migration("002_b.sql", "SELECT 1;\nINSERT INTO a VALUES (nonsense);")
        .migration("003_c.sql", "SELECT 3;");
    let outcome = project.run(&Database::new(), "up --json").outcome();
    outcome.gives(
        1,
        &outcome.stdout,
        r#"
        migrations/002_b.sql:2:23: ERROR: column "nonsense" does not exist (42703)
        2 | INSERT INTO a VALUES (nonsense);
          |                       ^
        rolled back: 002_b.sql as a whole
        applied before: 001_a.sql
        still pending: 002_b.sql, 003_c.sql
          mend the file, then run onward again
    "#,
    );
    events(&outcome)
}

#[test]
fn a_failure_names_its_place_and_the_report_comes_last() {
    let events = failure();
    assert_eq!(
        names(&events),
        ["applying", "applied", "applying", "failed", "report"]
    );
    assert_eq!(
        events[3],
        json!({
            "event": "failed", "exit_code": 1, "file": "002_b.sql", "path": "migrations/002_b.sql", "line": 2,
            "column": 23, "sqlstate": "42703", "message": "column \"nonsense\" does not exist", "detail": null,
            "hint": null, "context": null, "rolled_back": "002_b.sql as a whole",
            "pending": ["002_b.sql", "003_c.sql"], "cure": "mend the file, then run onward again",
        })
    );
    let error = "migrations/002_b.sql:2:23: ERROR: column \"nonsense\" does not exist (42703)";
    assert_eq!(
        events[4],
        report(json!({"exit_code": 1, "applied": ["001_a.sql"], "error": error}))
    );
}

#[test]
fn detail_hint_and_context_of_the_server_are_told() {
    let raise =
        "DO $$BEGIN RAISE EXCEPTION 'no' USING DETAIL = 'the detail', HINT = 'the hint'; END$$";
    let project = Project::new().migration("001_a.sql", raise);
    let outcome = project.run(&Database::new(), "up --json -q").outcome();
    outcome.exits(1);
    let events = events(&outcome);
    assert_eq!(names(&events), ["failed", "report"], "quiet");
    let failed = &events[0];
    let told =
        ["sqlstate", "message", "detail", "hint", "context", "line"].map(|field| &failed[field]);
    let context = "PL/pgSQL function inline_code_block line 1 at RAISE";
    assert_eq!(
        json!(told),
        json!(["P0001", "no", "the detail", "the hint", context, 1])
    );
}

#[test]
fn each_file_that_cannot_be_used_has_its_event() {
    let project = Project::new()
        .migration("001_a.sql", "SELECT 1;\nSELECT 'x")
        .migration("nonumber.sql", "SELECT 1;");
    let outcome = project.run(&Database::new(), "up --json").outcome();
    outcome.exits(2);
    let events = events(&outcome);
    assert_eq!(names(&events), ["failed", "failed", "report"]);
    let fields = |field: &str| json!([events[0][field], events[1][field]]);
    assert_eq!(fields("file"), json!(["nonumber.sql", "001_a.sql"]));
    assert_eq!(
        fields("path"),
        json!(["migrations/nonumber.sql", "migrations/001_a.sql"])
    );
    assert_eq!(fields("line"), json!([null, 2]));
    assert_eq!(fields("exit_code"), json!([2, 2]));
    assert_eq!(events[2]["exit_code"], 2);
}

#[test]
fn what_is_wrong_before_anything_connects_is_told_too() {
    let project = three();
    for (arguments, variables, code, message) in [
        ("up --json", &[][..], 2, "no database is named"),
        (
            "up --json --to 7",
            &[("DATABASE_URL", "postgres:///x")][..],
            2,
            "--to \"7\": no migration in migrations has this version",
        ),
        (
            "--json",
            &[("ONWARD_COLOR", "blue"), ("DATABASE_URL", "postgres:///x")][..],
            2,
            "ONWARD_COLOR: one of auto, always, never",
        ),
        (
            "--json",
            &[("DATABASE_URL", "postgres:///x?host=/nowhere")][..],
            4,
            "cannot connect to ",
        ),
    ] {
        let run = variables
            .iter()
            .fold(project.run_alone(arguments), |run, (name, value)| {
                run.env(name, value)
            });
        let outcome = run.outcome();
        outcome.exits(code);
        let events = events(&outcome);
        assert_eq!(names(&events), ["failed", "report"], "{outcome}");
        let told = events[0]["message"].as_str().unwrap();
        assert!(told.starts_with(message), "{outcome}");
        assert!(outcome.stderr.contains(message), "{outcome}");
        assert_eq!(events[1]["exit_code"], code, "{outcome}");
    }
}

fn refusal() -> Vec<Value> {
    let (project, database) = (three(), Database::new());
    project.run(&database, "-q").gives(0, "", "");
    project.write("migrations/001_a.sql", "SELECT 1;");
    project.remove("migrations/002_b.sql");
    project.write("migrations/004_d.sql", "SELECT 4;");
    let outcome = project.run(&database, "up --json").outcome();
    outcome.gives(
        3,
        &outcome.stdout,
        r"
        refused: 001_a.sql changed after it was applied on <when>
          restore the file, or accept the change: onward repair 001_a.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    let rehearsal = project.run(&database, "up --json --dry-run").outcome();
    rehearsal.exits(0);
    let report = events(&rehearsal).pop().unwrap();
    assert_eq!(report["refusals"], 1, "{report}");
    events(&outcome)
}

#[test]
fn findings_are_events() {
    let events = refusal();
    assert_eq!(names(&events), ["refusal", "warning", "failed", "report"]);
    let told = |event: &Value| json!([event["code"], event["file"], event["cure"]]);
    assert_eq!(
        told(&events[0]),
        json!([
            "changed",
            "001_a.sql",
            "restore the file, or accept the change: onward repair 001_a.sql"
        ])
    );
    assert_eq!(
        told(&events[1]),
        json!([
            "missing",
            "002_b.sql",
            "restore the file from version control, or take it out of the history: onward repair 002_b.sql"
        ])
    );
    let mine = report(json!({"exit_code": 3, "refusals": 1, "error": "refused, for 1 reason"}));
    assert_eq!(events[3], mine);
}

fn blocked() -> Vec<Value> {
    let database = Database::with("CREATE TABLE t (x int)");
    let project = Project::new().migration("001_a.sql", "ALTER TABLE t ADD COLUMN y int;");
    let mut holder = database.connect();
    holder.batch_execute("BEGIN; LOCK TABLE t").unwrap();
    let arguments = "up --json --allow-nonempty --lock-timeout 50ms --max-wait 200ms";
    let outcome = project.run(&database, arguments).outcome();
    outcome.exits(5);
    events(&outcome)
}

#[test]
fn who_blocks_a_file_is_told() {
    let events = blocked();
    let first = events
        .iter()
        .find(|event| event["event"] == "blocked")
        .unwrap();
    assert_eq!(
        json!([first["file"], first["sqlstate"], first["message"]]),
        json!([
            "001_a.sql",
            "55P03",
            "canceling statement due to lock timeout"
        ])
    );
    let blocker = first["blockers"][0].as_str().unwrap();
    assert!(blocker.contains("user postgres"), "{blocker}");
    let failed = one(&events, "failed");
    assert_eq!(failed["exit_code"], 5);
    assert!(
        failed["message"]
            .as_str()
            .unwrap()
            .starts_with("gave up waiting for the locks of 001_a.sql after ")
    );
}

fn waiting() -> Vec<Value> {
    let (project, database) = (three(), Database::new());
    let mut holder = database.connect();
    holder
        .batch_execute("BEGIN; SELECT pg_advisory_xact_lock(122520239960676)")
        .unwrap();
    let outcome = project
        .run(&database, "up --json --max-wait 200ms")
        .outcome();
    outcome.exits(5);
    holder.batch_execute("COMMIT").unwrap();
    let mut events_seen = events(&outcome);
    let starting = ("57P03", "the database system is starting up");
    let proxy = Proxy::refusing(&database, 2, starting.0, starting.1);
    let run = project.run_alone("up --json --wait");
    let outcome = run.at(&database, &proxy.url(&database)).outcome();
    outcome.exits(0);
    events_seen.extend(events(&outcome));
    events_seen
}

#[test]
fn waits_are_told() {
    let events = waiting();
    let waits: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "waiting")
        .collect();
    let holder = waits[0]["holder"].as_str().unwrap();
    assert!(holder.contains("user postgres"), "{holder}");
    assert_eq!(waits[0]["for"], "run_lock");
    assert_eq!(
        *waits[1],
        json!({
            "event": "waiting", "for": "server", "holder": null,
            "reason": "FATAL: the database system is starting up (57P03)",
        })
    );
}

/// The connection is lost at the second of four files, and another runner applies the third.
fn disturbed() -> Vec<Value> {
    let database = Database::with("CREATE TABLE gate ()");
    let gated = "DO $$BEGIN WHILE NOT EXISTS (SELECT 1 FROM gate) LOOP PERFORM pg_sleep(0.01); END LOOP; END$$;";
    let project = three()
        .migration("002_b.sql", gated)
        .migration("004_d.sql", "SELECT 4;");
    let run = project.run(&database, "up --json --allow-nonempty").start();
    let at_work = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'onward 002_b.sql' \
        AND wait_event = 'PgSleep'";
    let wait = || {
        wait_until("the migration is at work", || {
            database.value(&format!("SELECT count(*) {at_work}")) == "1"
        });
    };
    wait();
    let pid = database.value(&format!("SELECT pid {at_work}"));
    database.execute(&format!("SELECT pg_terminate_backend({pid})"));
    let others = format!("SELECT count(*) {at_work} AND pid <> {pid}");
    wait_until("it is at work again", || database.value(&others) == "1");
    database.execute(
        "INSERT INTO schema_migrations (filename, version, description, kind, status, started_at, applied_by, tool_version) \
         VALUES ('003_c.sql', '003', '', 'migration', 'applied', now(), '', '')",
    );
    database.execute("INSERT INTO gate DEFAULT VALUES");
    let outcome = run.outcome();
    outcome.exits(0);
    assert_eq!(outcome.stderr, "");
    events(&outcome)
}

#[test]
fn disturbances_are_told() {
    let events = disturbed();
    let reconnecting = one(&events, "reconnecting");
    assert_eq!(reconnecting["file"], "002_b.sql");
    assert_ne!(reconnecting["reason"], "");
    assert_eq!(
        *one(&events, "overtaken"),
        json!({"event": "overtaken", "file": "003_c.sql"})
    );
    let mine = report(json!({"applied": ["001_a.sql", "002_b.sql", "004_d.sql"], "completed": 4}));
    assert_eq!(*events.last().unwrap(), mine);
}

#[test]
fn every_event_that_the_schema_describes_is_seen() {
    let schema = Schema::parse(UP);
    let described: BTreeSet<String> = schema.definitions().map(|(name, _)| name.clone()).collect();
    let scenes = [
        success(),
        rehearsal(),
        failure(),
        refusal(),
        blocked(),
        waiting(),
        disturbed(),
    ];
    let seen: BTreeSet<String> = scenes
        .iter()
        .flat_map(|events| names(events))
        .map(str::to_owned)
        .collect();
    assert_eq!(seen, described);
}

#[test]
fn the_schemas_name_every_finding() {
    let source = include_str!("../../src/plan/finding.rs");
    let (_, code) = source.split_once("pub fn code(&self)").unwrap();
    let (code, _) = code.split_once("\n    }\n").unwrap();
    let words: BTreeSet<&str> = code.split('"').skip(1).step_by(2).collect();
    assert!(words.len() > 20, "the words were not found");
    for (schema, place, besides) in [
        (STATUS, "issue", &[][..]),
        (UP, "warning", &["one_connection", "setting"]),
        (UP, "refusal", &[]),
    ] {
        let schema: Value = serde_json::from_str(schema).unwrap();
        let examples = &schema["$defs"][place]["properties"]["code"]["examples"];
        let named = examples.as_array().unwrap().iter();
        let named: BTreeSet<&str> = named.map(|word| word.as_str().unwrap()).collect();
        let expected: BTreeSet<&str> = words.iter().chain(besides).copied().collect();
        assert_eq!(named, expected);
    }
}

#[test]
fn the_report_comes_before_the_program_that_follows() {
    let (project, database) = (three(), Database::new());
    let run = project.run(&database, "up --json -q -- /bin/sh -c");
    let outcome = run.arg("echo the program").outcome();
    outcome.exits(0);
    let (report, program) = outcome.raw_stdout.split_once('\n').unwrap();
    let report: Value = serde_json::from_str(report).unwrap();
    assert_eq!(report["exit_code"], 0);
    assert_eq!(program, "the program\n");
}

#[test]
fn a_program_that_cannot_be_executed_changes_the_report() {
    let (project, database) = (three(), Database::new());
    let outcome = project
        .run(&database, "up --json -q -- /nowhere/app")
        .outcome();
    outcome.gives(
        127,
        &outcome.stdout,
        r"
        error: cannot execute /nowhere/app: No such file or directory (os error 2)
          the migrations are applied; give the program behind -- by its path, or have it on the PATH
    ",
    );
    let events = events(&outcome);
    assert_eq!(names(&events), ["report", "failed", "report"]);
    let codes: Vec<&Value> = events.iter().map(|event| &event["exit_code"]).collect();
    assert_eq!(codes, [&json!(0), &json!(127), &json!(127)]);
}

#[test]
fn control_characters_are_escapes_of_json() {
    let text = "-- Description: a\u{7f}b\u{9b}c\nSELECT 1;";
    let project = Project::new().migration("001_a.sql", text);
    let outcome = project.run(&Database::new(), "status --json").outcome();
    assert!(
        outcome.raw_stdout.contains("a\\u007fb\\u009bc"),
        "{outcome}"
    );
    let document: Value = serde_json::from_str(&outcome.raw_stdout).unwrap();
    assert_eq!(document["migrations"][0]["description"], "a\u{7f}b\u{9b}c");
}

/// Name, state and kind of each migration.
fn states(document: &Value) -> Value {
    let migrations = document["migrations"].as_array().unwrap().iter();
    migrations
        .map(|migration| json!([migration["name"], migration["state"], migration["kind"]]))
        .collect()
}

#[test]
fn the_status_of_an_empty_database() {
    let database = Database::new();
    let document = status(&three(), &database, "");
    assert_eq!(document["history"], Value::Null);
    assert_eq!(document["baseline"], Value::Null);
    assert_eq!(document["healthy"], true, "what is pending is no fault");
    assert_eq!(
        states(&document),
        json!([
            ["001_a.sql", "pending", null],
            ["002_b.sql", "pending", null],
            ["003_c.sql", "pending", null]
        ])
    );
    let document = status(&Project::new(), &database, "");
    assert_eq!(document["issues"][0]["code"], "no_migrations");
    assert_eq!(document["total_migrations"], 0);
}

#[test]
fn the_status_of_a_database_with_many_states() {
    let database = Database::new();
    let project = three()
        .schema("-- onward: baseline through 001\nCREATE TABLE a (x int);")
        .migration("005_e.sql", "SELECT 5;")
        .migration("006_f.sql", "SELECT 6;");
    project.run(&database, "-q").gives(0, "", "");
    project.write("migrations/002_b.sql", "SELECT 'another';");
    project.remove("migrations/003_c.sql");
    project.write("migrations/004_d.sql", "SELECT 4;");
    project.write("migrations/006_f.sql", "-- a comment\nSELECT 6;");
    project.write("migrations/007_g.sql", "VACUUM;\nSELECT nonsense;");
    project.write("migrations/008_h.sql", "SELECT 8;");
    database.execute(
        "INSERT INTO schema_migrations (filename, version, description, kind, status, started_at, applied_by, tool_version) \
         VALUES ('008_h.sql', '008', '', 'migration', 'running', now(), 'app', '')",
    );
    database.execute(
        "INSERT INTO schema_migrations (filename, version, description, kind, status, started_at, applied_by, tool_version, \
         error_message) VALUES ('007_g.sql', '007', '', 'migration', 'failed', now(), 'app', '', 'no (42703)')",
    );
    let document = status(&project, &database, "");
    assert_eq!(
        states(&document),
        json!([
            ["001_a.sql", "applied", "baseline"],
            ["002_b.sql", "changed", "migration"],
            ["003_c.sql", "missing", "migration"],
            ["004_d.sql", "out_of_order", null],
            ["005_e.sql", "applied", "migration"],
            ["006_f.sql", "applied", "migration"],
            ["007_g.sql", "failed", "migration"],
            ["008_h.sql", "running", "migration"]
        ])
    );
    let totals = [
        "total_migrations",
        "completed",
        "pending",
        "running",
        "failed",
        "stuck",
        "healthy",
    ]
    .map(|field| &document[field]);
    assert_eq!(json!(totals), json!([8, 5, 2, 1, 1, 1, false]));
    assert_eq!(document["migrations"][3]["out_of_order"], true);
    assert_eq!(document["migrations"][4]["out_of_order"], false);
    assert_eq!(document["baseline"]["kind"], "baseline");
    let codes: Vec<&Value> = document["issues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| &issue["code"])
        .collect();
    assert_eq!(
        json!(codes),
        json!([
            "changed",
            "out_of_order",
            "layout_changed",
            "missing",
            "steps_changed"
        ])
    );
}

#[test]
fn the_status_of_a_marked_database() {
    let project = three().schema("CREATE TABLE a (x int);");
    let database = Database::with("CREATE TABLE a (x int)");
    project
        .run(&database, "baseline --through 002 -q")
        .gives(0, "", "");
    let document = status(&project, &database, "");
    assert_eq!(document["baseline"]["kind"], "marked");
    assert_eq!(document["baseline"]["through"], "002");
    assert_eq!(
        states(&document),
        json!([
            ["001_a.sql", "applied", "marked"],
            ["002_b.sql", "applied", "marked"],
            ["003_c.sql", "pending", null]
        ])
    );
}

#[test]
fn the_status_of_databases_that_would_be_refused() {
    let legacy = Database::with("CREATE TABLE a (x int)");
    let document = status(&three(), &legacy, "");
    assert_eq!(document["issues"][0]["code"], "no_baseline");
    assert_eq!(document["healthy"], false);

    let strange = Database::with("CREATE TABLE schema_migrations (nonsense int)");
    let document = status(&three(), &strange, "");
    assert_eq!(document["issues"][0]["code"], "not_ours");
    assert_eq!(document["healthy"], false);
    assert_eq!(document["history"], Value::Null);

    let foreign = Database::with(
        "CREATE TABLE schema_migrations (version varchar(255) PRIMARY KEY); CREATE TABLE a (x int)",
    );
    let document = status(&three(), &foreign, "");
    assert_eq!(document["issues"][0]["code"], "foreign_history");
    assert_eq!(document["healthy"], false);
}
