//! Several servers in one connection string, and servers that answer strangely before they have let anybody in.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crate::support::{Database, Outcome, Project, wait_until};

/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F];

/// A listener that plays a server; its port, and what it received from each connection.
fn fake(play: impl Fn(&mut TcpStream) -> Vec<u8> + Send + 'static) -> (u16, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
            if sender.send(play(&mut stream)).is_err() {
                break;
            }
        }
    });
    (port, receiver)
}

/// One message of a client without a letter: a request, or the start-up.
fn first_message(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 4];
    if stream.read_exact(&mut length).is_err() {
        return Vec::new();
    }
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut body).unwrap();
    [length.to_vec(), body].concat()
}

/// Everything until the client hangs up.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind], &length.to_be_bytes()[..], body].concat()
}

fn refusal(code: &str, text: &str) -> Vec<u8> {
    message(
        b'E',
        format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0").as_bytes(),
    )
}

/// Answers the request for TLS with these bytes, and the start-up with those.
fn answers(tls: &'static [u8], start_up: Vec<u8>) -> (u16, Receiver<Vec<u8>>) {
    fake(move |stream| {
        let mut first = first_message(stream);
        if first == SSL_REQUEST {
            let _ = stream.write_all(tls);
            if tls.is_empty() {
                return Vec::new();
            }
            if tls != b"N" {
                return rest(stream);
            }
            first = first_message(stream);
        }
        if !first.is_empty() {
            let _ = stream.write_all(&start_up);
        }
        rest(stream)
    })
}

fn run(settings: &str) -> Outcome {
    Project::new()
        .migration("1_a.sql", "SELECT 1;")
        .run_alone("status")
        .env("DATABASE_URL", settings)
        .outcome()
}

/// The program at a server of one port, which is redacted.
#[track_caller]
fn check(port: u16, settings: &str, stderr: &str) {
    Project::new()
        .migration("1_a.sql", "SELECT 1;")
        .run_alone("status")
        .naming(&format!(":{port}"), ":<port>")
        .env(
            "DATABASE_URL",
            &format!("host=127.0.0.1 port={port} user=app dbname=app {settings}"),
        )
        .gives(4, "", stderr);
}

#[test]
fn plain_text_behind_the_answer_to_the_request_for_tls_is_refused() {
    let (port, _) = answers(b"SZ", Vec::new());
    check(
        port,
        "sslmode=require",
        r"
        error: cannot connect to app@127.0.0.1:<port>/app: something was sent in plain text behind the server's answer to the request for TLS
          somebody between here and the server may have put it there; do not connect over this network
    ",
    );
}

#[test]
fn the_text_of_an_error_before_tls_is_not_repeated() {
    let (port, _) = answers(b"E\0\0\0\x09evil\0", Vec::new());
    check(
        port,
        "sslmode=require",
        r"
        error: cannot connect to app@127.0.0.1:<port>/app: error connecting to server: the server answered the request for TLS with an error
          check DATABASE_URL, and that the server runs and accepts connections there
    ",
    );
}

#[test]
fn a_strange_answer_to_the_request_for_tls_is_no_reason_for_plain_text() {
    for strange in [b"SZ".as_slice(), b"E\0\0\0\x09evil\0", b"HTTP/1.1", b""] {
        let (port, received) = answers(strange, Vec::new());
        run(&format!(
            "host=127.0.0.1 port={port} user=app dbname=app sslmode=prefer"
        ))
        .exits(4);
        let after = received.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(after, b"", "{strange:?}");
        assert!(received.try_recv().is_err(), "{strange:?}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn the_name_of_the_server_is_sent_if_it_is_one_and_nobody_objects() {
    for (settings, expected) in [
        ("host=db.test", true),
        ("host=db.test sslsni=1", true),
        ("host=db.test sslsni=0", false),
        ("host=127.0.0.1", false),
    ] {
        let (port, received) = fake(|stream| {
            assert_eq!(first_message(stream), SSL_REQUEST);
            stream.write_all(b"S").unwrap();
            let mut hello = vec![0; 4096];
            let length = stream.read(&mut hello).unwrap();
            hello[..length].to_vec()
        });
        run(&format!(
            "hostaddr=127.0.0.1 port={port} user=app dbname=app sslmode=require {settings}"
        ))
        .exits(4);
        let hello = received.recv_timeout(Duration::from_secs(20)).unwrap();
        let has = |word: &[u8]| hello.windows(word.len()).any(|part| part == word);
        assert!(has(b"postgresql"), "{settings}");
        assert_eq!(has(b"db.test"), expected, "{settings}");
        // The only name that could be there.
        assert!(!has(b"127.0.0.1"), "{settings}");
    }
}

#[test]
fn what_is_no_postgresql_is_told_so() {
    let (port, _) = answers(b"HTTP/1.1 400 Bad Request\r\n\r\n", Vec::new());
    check(
        port,
        "sslmode=require",
        r"
        error: cannot connect to app@127.0.0.1:<port>/app: what answers there does not speak PostgreSQL's protocol
          check host and port of DATABASE_URL
    ",
    );
}

#[test]
fn a_handshake_that_is_not_answered_ends_in_time() {
    let (port, _) = answers(b"S", Vec::new());
    let begun = Instant::now();
    // As in libpq, less than two seconds is two seconds.
    check(
        port,
        "sslmode=require connect_timeout=1",
        r"
        error: cannot connect to app@127.0.0.1:<port>/app: error connecting to server: the server did not answer in time
          check DATABASE_URL, and that the server runs and accepts connections there
    ",
    );
    assert!(begun.elapsed() >= Duration::from_secs(2));
}

#[test]
fn no_password_goes_to_a_server_that_may_not_ask_for_it() {
    let ask = message(b'R', &3_u32.to_be_bytes());
    let (port, received) = answers(b"N", ask);
    check(
        port,
        "password=c4nary require_auth=scram-sha-256",
        r"
        error: cannot connect to app@127.0.0.1:<port>/app: the server asks for password, which require_auth does not allow
          check pg_hba.conf of the server, or require_auth
    ",
    );
    let after = received.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(!after.windows(6).any(|word| word == b"c4nary"), "{after:?}");
}

#[test]
fn a_server_that_is_starting_makes_room_for_the_next() {
    let database = Database::new();
    let (port, _) = answers(b"N", refusal("57P03", "the database system is starting up"));
    let server = &database.server;
    let target = format!(
        "host=127.0.0.1,{} port={port},{} user=postgres dbname={}",
        server.socket, server.port, database.name
    );
    run(&target).exits(0);
}

#[test]
fn a_wrong_password_is_not_tried_elsewhere() {
    let database = Database::new();
    let (port, _) = answers(b"N", refusal("28P01", "password authentication failed"));
    let server = &database.server;
    let target = format!(
        "host=127.0.0.1,{} port={port},{} user=postgres dbname={}",
        server.socket, server.port, database.name
    );
    let outcome = run(&target);
    outcome.exits(4);
    assert!(
        outcome
            .stderr
            .contains(": FATAL: password authentication failed (28P01)\n"),
        "{outcome}"
    );
}

#[test]
fn every_server_that_was_tried_is_told() {
    let (port, _) = answers(b"N", refusal("57P03", "the database system is starting up"));
    Project::new()
        .migration("1_a.sql", "SELECT 1;")
        .run_alone("status")
        .naming(&format!(":{port}"), ":<port>")
        .env(
            "DATABASE_URL",
            &format!(
                "host=127.0.0.1,127.0.0.1,/nonexistent port=1,{port},5432 user=app dbname=app"
            ),
        )
        .gives(
            4,
            "",
            r"
            error: cannot connect to app@127.0.0.1:1,127.0.0.1:<port>,/nonexistent:5432/app
              127.0.0.1:1: error connecting to server: Connection refused (os error 111)
              127.0.0.1:<port> without TLS: FATAL: the database system is starting up (57P03)
              /nonexistent:5432: error connecting to server: No such file or directory (os error 2)
              check DATABASE_URL, and that the server runs and accepts connections there
        ",
        );
}

#[test]
fn servers_are_tried_in_any_order_if_asked_to() {
    let (first, at_first) = answers(b"N", refusal("28000", "not here"));
    let (second, at_second) = answers(b"N", refusal("28000", "not here"));
    let target = format!(
        "host=127.0.0.1,127.0.0.1 port={first},{second} user=app dbname=app load_balance_hosts=random"
    );
    // The first server that answers ends the search, so that both are seen only by chance.
    let (mut seen_first, mut seen_second) = (false, false);
    wait_until("both servers were the first", || {
        run(&target).exits(4);
        seen_first |= at_first.try_recv().is_ok();
        seen_second |= at_second.try_recv().is_ok();
        seen_first && seen_second
    });
}

#[test]
fn the_kind_of_server_is_asked_for() {
    let database = Database::new();
    let role = database.role("reader");
    database.execute(&format!(
        "ALTER ROLE {role} SET default_transaction_read_only = on"
    ));
    let target = |user: &str, attrs: &str| {
        let server = &database.server;
        format!(
            "host={} port={} user={user} dbname={} target_session_attrs={attrs}",
            server.socket, server.port, database.name
        )
    };
    for (user, attrs, code) in [
        ("postgres", "any", 0),
        ("postgres", "read-write", 0),
        ("postgres", "read-only", 4),
        ("postgres", "primary", 0),
        ("postgres", "standby", 4),
        ("postgres", "prefer-standby", 0),
        (&role, "read-write", 4),
        (&role, "read-only", 0),
        (&role, "primary", 0),
    ] {
        run(&target(user, attrs)).exits(code);
    }
    Project::new()
        .migration("1_a.sql", "SELECT 1;")
        .run_alone("status")
        .at(&database, &target("postgres", "standby"))
        .gives(4, "", r"
            error: cannot connect to postgres@<server>/<database>: the server is not a standby, and target_session_attrs=standby
              check DATABASE_URL, and that the server runs and accepts connections there
        ");
}
