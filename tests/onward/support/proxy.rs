//! A proxy between the program and the server that counts what the program asks.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

use super::Database;

/// A Unix socket that leads to the server.
pub(crate) struct Proxy {
    folder: tempfile::TempDir,
    queries: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// A proxy in front of the server of this database.
    pub(crate) fn new(database: &Database) -> Proxy {
        // The path of a socket is short: 107 bytes.
        let folder = tempfile::tempdir_in("/tmp").expect("a folder");
        let name = format!(".s.PGSQL.{}", database.server.port);
        let listener = UnixListener::bind(folder.path().join(&name)).expect("a socket");
        let upstream = format!("{}/{name}", database.server.socket);
        let queries = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&queries);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = UnixStream::connect(&upstream).expect("the server answers");
                let answers = (
                    server.try_clone().expect("a socket"),
                    client.try_clone().expect("a socket"),
                );
                std::thread::spawn(move || pass_on(answers));
                let log = Arc::clone(&log);
                std::thread::spawn(move || count(client, server, &log));
            }
        });
        Proxy { folder, queries }
    }

    /// The URL of the database through this proxy.
    pub(crate) fn url(&self, database: &Database) -> String {
        let port = database.server.port;
        format!(
            "postgres://postgres@/{}?host={}&port={port}",
            database.name,
            self.folder.path().display()
        )
    }

    /// The messages since the last call that wait for an answer.
    pub(crate) fn take_queries(&self) -> Vec<String> {
        std::mem::take(&mut *self.queries.lock().expect("a log"))
    }
}

fn pass_on((mut from, mut to): (UnixStream, UnixStream)) {
    // Either end may go away at any time.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Both);
}

/// Passes on what the program sends. Messages but the first have a type; Query (`Q`), Sync (`S`) and a function call
/// (`F`) are answered by `ReadyForQuery`: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
fn count(mut client: UnixStream, mut server: UnixStream, log: &Mutex<Vec<String>>) {
    let mut kind = None;
    while let Ok(body) = message(&mut client) {
        let mut bytes = Vec::from_iter(kind);
        bytes.extend_from_slice(&body);
        if matches!(kind, Some(b'Q' | b'S' | b'F')) {
            log.lock()
                .expect("a log")
                .push(String::from_utf8_lossy(&body[4..]).into_owned());
        }
        let mut next = [0];
        if server.write_all(&bytes).is_err() || client.read_exact(&mut next).is_err() {
            break;
        }
        kind = Some(next[0]);
    }
    let _ = server.shutdown(std::net::Shutdown::Both);
}

/// The length of a message, which counts itself, and its body.
fn message(client: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    let size = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
    let mut body = length.to_vec();
    body.resize(size.max(4), 0);
    client.read_exact(&mut body[4..])?;
    Ok(body)
}
