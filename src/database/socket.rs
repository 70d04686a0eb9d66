//! The socket of a session: it knows a deadline, what was demanded of the connection, and how many statements the server
//! has completed.
//!
//! The crate `postgres` waits without limit for a server that accepts a connection and then is silent, and of a message
//! of several statements it tells only that one of them failed. Both can be mended below it: it hands the raw stream to
//! a "TLS connector" and takes back any stream. Ours asks for TLS itself, or passes the bytes through; it watches the
//! clock and the way of authentication, and counts the `CommandComplete` messages
//! (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
//!
//! For a Unix socket the crate asks no connector. So it is made to connect to a listener of our own on the loopback
//! interface, and the connector gives it the Unix socket instead.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use postgres::Socket;
use postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::UnixStream;
use tokio::time::{Sleep, sleep_until, timeout_at};

use super::demands::{Demands, Doorkeeper, Footing};
use super::owner::Owner;
use super::tls::{self, Tls};
use crate::error::Terms;

/// What a session and its socket share.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauge(Arc<Mutex<Reading>>);

#[derive(Debug, Default)]
struct Reading {
    deadline: Option<Instant>,
    completed: usize,
    stage: Stage,
}

/// How far connecting has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// Nothing is agreed yet.
    #[default]
    Reaching,
    /// The handshake of TLS is under way.
    Handshake,
    /// The server is told who we are, and may refuse.
    StartUp { encrypted: bool },
    /// The server knows us.
    Admitted,
}

impl Gauge {
    /// From now on, waiting for the server ends at this time.
    pub(super) fn set_deadline(&self, deadline: Option<Instant>) {
        self.lock().deadline = deadline;
    }

    /// Begins to count at 0.
    pub(super) fn reset(&self) {
        self.lock().completed = 0;
    }

    /// How many statements the server has completed since `reset`.
    pub(super) fn completed(&self) -> usize {
        self.lock().completed
    }

    /// How far connecting has come.
    pub(super) fn stage(&self) -> Stage {
        self.lock().stage
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        // Numbers stay usable, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the crate a watched stream to the server.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) gauge: Gauge,
    pub(super) way: Way,
    pub(super) demands: Demands,
}

/// How the server is reached.
#[derive(Clone)]
pub(super) enum Way {
    /// By the stream that the crate has opened.
    Tcp(Encryption),
    /// By a Unix socket. The listener is what the crate connects to instead.
    Unix {
        path: PathBuf,
        owner: Option<Owner>,
        _listener: Arc<TcpListener>,
    },
}

/// Whether a TCP connection is encrypted.
#[derive(Clone)]
pub(super) enum Encryption {
    Plain,
    Tls(Arc<Tls>, Peer, Start, Fallback),
}

/// Whom we mean to speak with.
#[cfg_attr(
    not(feature = "tls"),
    expect(dead_code, reason = "only a certificate is compared with it")
)]
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// As the connection string has it.
    pub(super) host: Option<String>,
    pub(super) address: IpAddr,
}

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// The server is asked first.
    Asked,
    /// With the first byte.
    Direct,
}

/// What to do with a server that has no TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fallback {
    /// Goes on in plain text.
    Plain,
    /// Gives up; with the name of the mode that asks for it.
    None(&'static str),
}

impl Way {
    /// A Unix socket, with the port that the crate must connect to on 127.0.0.1.
    pub(super) fn unix(path: PathBuf, owner: Option<Owner>) -> io::Result<(Way, u16)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let way = Way::Unix {
            path,
            owner,
            _listener: Arc::new(listener),
        };
        Ok((way, port))
    }
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = Watched;
    type TlsConnect = Connector;
    type Error = io::Error;

    fn make_tls_connect(&mut self, _domain: &str) -> io::Result<Connector> {
        Ok(self.clone())
    }
}

impl TlsConnect<Socket> for Connector {
    type Stream = Watched;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Watched>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let deadline = self.gauge.lock().deadline;
            let opening = self.open(socket);
            match deadline {
                None => opening.await,
                Some(deadline) => timeout_at(deadline.into(), opening)
                    .await
                    .unwrap_or_else(|_| Err(no_answer_in_time())),
            }
        })
    }
}

impl Connector {
    async fn open(self, mut socket: Socket) -> io::Result<Watched> {
        let line = match self.way {
            Way::Tcp(Encryption::Plain) => Line::plain(socket),
            Way::Tcp(Encryption::Tls(tls, peer, start, fallback)) => {
                if agree(&mut socket, start, fallback).await? {
                    self.gauge.lock().stage = Stage::Handshake;
                    tls.shake_hands(socket, &peer, start).await?
                } else {
                    Line::plain(socket)
                }
            }
            Way::Unix { path, owner, .. } => {
                let socket = UnixStream::connect(path).await?;
                if let Some(owner) = owner {
                    owner.check(&socket)?;
                }
                Line::plain(socket)
            }
        };
        let doorkeeper = Doorkeeper::new(self.demands, line.footing);
        self.gauge.lock().stage = Stage::StartUp {
            encrypted: doorkeeper.is_encrypted(),
        };
        Ok(Watched {
            stream: line.stream,
            binding: line.binding,
            doorkeeper: Some(doorkeeper),
            gauge: self.gauge,
            timer: None,
            frame: Frame::default(),
        })
    }
}

/// A stream that is ready for the protocol of PostgreSQL.
pub(super) struct Line {
    pub(super) stream: Pin<Box<dyn Stream>>,
    /// The hash of the server's certificate, for `tls-server-end-point` of RFC 5929.
    pub(super) binding: Option<Vec<u8>>,
    pub(super) footing: Footing,
}

impl Line {
    fn plain(stream: impl Stream + 'static) -> Line {
        Line {
            stream: Box::pin(stream),
            binding: None,
            footing: Footing::default(),
        }
    }
}

/// <https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SSLREQUEST>
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F];

/// Whether the connection will be encrypted, which the server has a say in. An error here is no reason to try plain text.
async fn agree(socket: &mut Socket, start: Start, fallback: Fallback) -> io::Result<bool> {
    if start == Start::Direct || offers_tls(socket).await? {
        return Ok(true);
    }
    match fallback {
        Fallback::Plain => Ok(false),
        Fallback::None(mode) => Err(Terms::new(
            format!("the server does not offer TLS, and sslmode={mode} demands it"),
            "set ssl = on in postgresql.conf, or, on a network that you trust, use sslmode=prefer",
        )
        .into()),
    }
}

/// Asks the server whether it speaks TLS.
async fn offers_tls(socket: &mut Socket) -> io::Result<bool> {
    socket.write_all(&SSL_REQUEST).await?;
    socket.flush().await?;
    // With room for more than the answer: what somebody put behind it in plain text must not pass for the server's
    // first encrypted words (CVE-2021-23222).
    let mut answer = [0; 2];
    let length = socket.read(&mut answer).await?;
    match &answer[..length] {
        b"S" => Ok(true),
        b"N" => Ok(false),
        [] => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the server hung up when it was asked for TLS",
        )),
        // Nobody has vouched for its text (CVE-2024-10977).
        [b'E', ..] => Err(io::Error::other(
            "the server answered the request for TLS with an error",
        )),
        [b'S' | b'N', ..] => Err(Terms::new(
            "something was sent in plain text behind the server's answer to the request for TLS",
            "somebody between here and the server may have put it there; do not connect over this network",
        )
        .into()),
        _ => Err(Terms::new(
            "what answers there does not speak PostgreSQL's protocol",
            "check host and port of DATABASE_URL",
        )
        .into()),
    }
}

fn no_answer_in_time() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the server did not answer in time")
}

/// A stream to the server, whichever way it goes.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

/// A stream to the server that watches clock and answers.
pub(super) struct Watched {
    stream: Pin<Box<dyn Stream>>,
    binding: Option<Vec<u8>>,
    /// Until the server has let us in.
    doorkeeper: Option<Doorkeeper>,
    gauge: Gauge,
    timer: Option<(Instant, Pin<Box<Sleep>>)>,
    frame: Frame,
}

impl Watched {
    /// Fails once the deadline is past; to be asked whenever the stream has to wait.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let Some(deadline) = self.gauge.lock().deadline else {
            return Poll::Pending;
        };
        let timer = match self.timer.take() {
            Some((set_to, timer)) if set_to == deadline => timer,
            _ => Box::pin(sleep_until(deadline.into())),
        };
        let (_, timer) = self.timer.insert((deadline, timer));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(no_answer_in_time())
    }

    /// Looks at what the server says before it has let us in.
    fn watch(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(doorkeeper) = &mut self.doorkeeper
            && doorkeeper.watch(bytes)?
        {
            self.doorkeeper = None;
            self.gauge.lock().stage = Stage::Admitted;
        }
        Ok(())
    }

    /// What an operation on the stream came to; if it has to wait, the deadline may end it.
    fn or_deadline<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Pending => self.poll_deadline(cx).map(Err),
            // In TLS 1.3 the server judges a client's certificate after the handshake.
            Poll::Ready(Err(error)) if self.doorkeeper.is_some() => {
                Poll::Ready(Err(tls::explain_alert(error)))
            }
            ready @ Poll::Ready(_) => ready,
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let outcome = this.stream.as_mut().poll_read(cx, buf);
        ready!(this.or_deadline(cx, outcome))?;
        let arrived = &buf.filled()[before..];
        this.watch(arrived)?;
        let completed = this.frame.count_completed(arrived);
        this.gauge.lock().completed += completed;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = this.stream.as_mut().poll_write(cx, buf);
        this.or_deadline(cx, outcome)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = this.stream.as_mut().poll_flush(cx);
        this.or_deadline(cx, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = this.stream.as_mut().poll_shutdown(cx);
        this.or_deadline(cx, outcome)
    }
}

impl TlsStream for Watched {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.binding {
            Some(hash) => ChannelBinding::tls_server_end_point(hash.clone()),
            None => ChannelBinding::none(),
        }
    }
}

/// Where in the server's messages a stream is. Each is a letter, a length of four bytes that counts itself, and a body.
#[derive(Debug, Default)]
struct Frame {
    head: [u8; 5],
    head_len: usize,
    body_left: usize,
}

impl Frame {
    /// How many statements these bytes tell to be completed.
    fn count_completed(&mut self, mut bytes: &[u8]) -> usize {
        let mut completed = 0;
        while !bytes.is_empty() {
            let skipped = self.body_left.min(bytes.len());
            self.body_left -= skipped;
            bytes = &bytes[skipped..];
            let taken = bytes.len().min(self.head.len() - self.head_len);
            self.head[self.head_len..self.head_len + taken].copy_from_slice(&bytes[..taken]);
            self.head_len += taken;
            bytes = &bytes[taken..];
            if self.head_len == self.head.len() {
                let [kind, length @ ..] = self.head;
                // CommandComplete; an empty message has no statement that could be completed.
                completed += usize::from(kind == b'C');
                self.body_left = (u32::from_be_bytes(length) as usize).saturating_sub(length.len());
                self.head_len = 0;
            }
        }
        completed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completed_statements_are_counted_however_the_bytes_arrive() {
        let mut answer = Vec::new();
        for (kind, body) in [
            (b'T', "C\0\0\0"),
            (b'D', "CCCC"),
            (b'C', "SELECT 1\0"),
            (b'C', "BEGIN\0"),
            (b'Z', "I"),
        ] {
            answer.push(kind);
            answer.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
            answer.extend(body.bytes());
        }
        for size in 1..=answer.len() {
            let mut frame = Frame::default();
            let completed: usize = answer
                .chunks(size)
                .map(|bytes| frame.count_completed(bytes))
                .sum();
            assert_eq!(completed, 2, "in pieces of {size}");
        }
    }
}
