//! The place of TLS in a build without it: there is none to be had.

use std::io;

use postgres::Socket;

use super::conninfo::ConnInfo;
use super::socket::{Line, Peer, Start};
use crate::error::{Error, Result};

/// A build with TLS has values of this.
pub(super) enum Tls {}

impl Tls {
    /// # Errors
    /// `Error::Usage` always.
    pub(super) fn prepare(_: &ConnInfo) -> Result<Tls> {
        Err(Error::Usage {
            message: "the connection string asks for TLS, and this build of onward has none".to_owned(),
            hint: "take a build with the feature tls, which is on by default; or use sslmode=disable on a network that \
                   you trust, or a Unix socket"
                .to_owned(),
        })
    }

    #[expect(clippy::unused_async, reason = "the other build waits here")]
    pub(super) async fn shake_hands(&self, _: Socket, _: &Peer, _: Start) -> io::Result<Line> {
        match *self {}
    }
}

pub(super) fn explain_alert(error: io::Error) -> io::Error {
    error
}
