//! A proxy between the program and the server that counts what the program asks.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
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
        Proxy::refusing(database, 0, "", "")
    }

    /// A proxy that first gives so many connections this error, as a server does that is not ready.
    pub(crate) fn refusing(
        database: &Database,
        mut times: usize,
        code: &'static str,
        message: &'static str,
    ) -> Proxy {
        // The path of a socket is short: 107 bytes.
        let folder = tempfile::tempdir_in("/tmp").expect("a folder");
        let name = format!(".s.PGSQL.{}", database.server.port);
        let listener = UnixListener::bind(folder.path().join(&name)).expect("a socket");
        let upstream = format!("{}/{name}", database.server.socket);
        let queries = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&queries);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if times > 0 {
                    times -= 1;
                    refuse(client, code, message);
                    continue;
                }
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

    /// The folder of the socket.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The messages since the last call that wait for an answer.
    pub(crate) fn take_queries(&self) -> Vec<String> {
        std::mem::take(&mut *self.queries.lock().expect("a log"))
    }
}

/// Reads the startup message and answers with an error.
fn refuse(mut client: UnixStream, code: &str, message: &str) {
    let mut length = [0; 4];
    // A client may go away at any time.
    let _ = client.read_exact(&mut length);
    let mut rest = vec![0; (u32::from_be_bytes(length) as usize).saturating_sub(4)];
    let _ = client.read_exact(&mut rest);
    let fields = format!("SFATAL\0C{code}\0M{message}\0\0");
    let mut answer = vec![b'E'];
    answer.extend((u32::try_from(fields.len()).expect("short") + 4).to_be_bytes());
    answer.extend(fields.bytes());
    let _ = client.write_all(&answer);
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
