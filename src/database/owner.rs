//! Who must own the server's Unix socket, if the connection string says so. Reads `/etc/passwd`.

use std::fs;
use std::io;

use tokio::net::UnixStream;

use crate::error::Terms;

/// A user of this machine.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    name: String,
    /// None for a user that is not known here.
    id: Option<u32>,
}

impl Owner {
    /// The user of this name.
    pub(super) fn named(name: &str) -> Owner {
        Owner {
            name: name.to_owned(),
            id: user_id(name),
        }
    }

    /// Refuses a server that runs as somebody else.
    pub(super) fn check(&self, socket: &UnixStream) -> io::Result<()> {
        let actual = socket.peer_cred()?.uid();
        if self.id == Some(actual) {
            return Ok(());
        }
        let message = match self.id {
            None => "requirepeer names a user that /etc/passwd does not have".to_owned(),
            Some(_) => {
                format!(
                    "requirepeer={}, but the server runs as user number {actual}",
                    self.name
                )
            }
        };
        Err(Terms::new(
            message,
            "check whose server that is, and set requirepeer to the user that it runs as",
        )
        .into())
    }
}

/// The number of a user that `/etc/passwd` knows by this name.
fn user_id(name: &str) -> Option<u32> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next() == Some(name);
        let id = fields.nth(1)?;
        found.then(|| id.parse().ok()).flatten()
    })
}
