//! A server that asks for the password in plain text, keeps it for the test, and lets nobody in.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A Unix socket behind which there is nothing.
pub(crate) struct Doorman {
    folder: tempfile::TempDir,
    passwords: Arc<Mutex<Vec<String>>>,
}

impl Doorman {
    pub(crate) fn new() -> Doorman {
        // The path of a socket is short: 107 bytes.
        let folder = tempfile::tempdir_in("/tmp").expect("a folder");
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).expect("a socket");
        let passwords = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&passwords);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let password = ask(client);
                heard.lock().expect("a list").extend(password);
            }
        });
        Doorman { folder, passwords }
    }

    /// What stands for the host in a connection string.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The passwords that were given since the last call.
    pub(crate) fn take_passwords(&self) -> Vec<String> {
        std::mem::take(&mut *self.passwords.lock().expect("a list"))
    }
}

/// Asks a client; none if it goes away.
fn ask(mut client: UnixStream) -> Option<String> {
    message(&mut client)?;
    client.write_all(b"R\0\0\0\x08\0\0\0\x03").ok()?;
    let mut kind = [0];
    client.read_exact(&mut kind).ok()?;
    assert_eq!(&kind, b"p", "a password was asked for");
    let mut password = message(&mut client)?;
    assert_eq!(password.pop(), Some(0));
    let fields = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user \"app\"\0\0";
    let mut refusal = vec![b'E', 0, 0, 0];
    refusal.push(u8::try_from(fields.len() + 4).expect("short"));
    refusal.extend(fields);
    // It may be gone already.
    let _ = client.write_all(&refusal);
    Some(String::from_utf8(password).expect("UTF-8"))
}

/// The body behind a length that counts itself.
fn message(client: &mut UnixStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    client.read_exact(&mut length).ok()?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    client.read_exact(&mut body).ok()?;
    Some(body)
}
