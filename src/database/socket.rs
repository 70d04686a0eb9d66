//! The socket of a session: it knows a deadline, and how many statements the server has completed.
//!
//! The crate `postgres` waits without limit for a server that accepts a connection and then is silent, and of a message
//! of several statements it tells only that one of them failed. Both can be mended below it: it hands the raw stream to
//! a "TLS connector" and takes back any stream. Ours passes the bytes through, watches the clock, and counts the
//! `CommandComplete` messages (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
//!
//! For a Unix socket the crate asks no connector. So it is made to connect to a listener of our own on the loopback
//! interface, and the connector gives it the Unix socket instead.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use postgres::Socket;
use postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::time::{Sleep, sleep_until};

/// What a session and its socket share.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauge(Arc<Mutex<Reading>>);

#[derive(Debug, Default)]
struct Reading {
    deadline: Option<Instant>,
    completed: usize,
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

    fn lock(&self) -> MutexGuard<'_, Reading> {
        // Numbers stay usable, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the crate a watched stream to the server.
pub(super) struct Connector {
    gauge: Gauge,
    way: Way,
}

/// How the server is reached.
#[derive(Debug, Clone)]
enum Way {
    /// By the stream that the crate has opened.
    Tcp,
    /// By a Unix socket. The listener is what the crate connects to instead.
    Unix {
        path: PathBuf,
        _listener: Arc<TcpListener>,
    },
}

impl Connector {
    /// For a server that is reached by TCP.
    pub(super) fn tcp(gauge: Gauge) -> Connector {
        Connector {
            gauge,
            way: Way::Tcp,
        }
    }

    /// For a server that is reached by a Unix socket, with the port that the crate must connect to on 127.0.0.1.
    pub(super) fn unix(gauge: Gauge, path: PathBuf) -> io::Result<(Connector, u16)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let way = Way::Unix {
            path,
            _listener: Arc::new(listener),
        };
        Ok((Connector { gauge, way }, port))
    }
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = Watched;
    type TlsConnect = Connect;
    type Error = io::Error;

    fn make_tls_connect(&mut self, _domain: &str) -> io::Result<Connect> {
        Ok(Connect {
            gauge: self.gauge.clone(),
            way: self.way.clone(),
        })
    }
}

/// One attempt to connect.
pub(super) struct Connect {
    gauge: Gauge,
    way: Way,
}

impl TlsConnect<Socket> for Connect {
    type Stream = Watched;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Watched>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let stream: Pin<Box<dyn Stream>> = match self.way {
                Way::Tcp => Box::pin(socket),
                Way::Unix { path, .. } => Box::pin(UnixStream::connect(path).await?),
            };
            Ok(Watched {
                stream,
                gauge: self.gauge,
                timer: None,
                frame: Frame::default(),
            })
        })
    }
}

/// A stream to the server, whichever way it goes.
trait Stream: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

/// A stream to the server that watches clock and answers.
pub(super) struct Watched {
    stream: Pin<Box<dyn Stream>>,
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
        Poll::Ready(io::Error::new(
            io::ErrorKind::TimedOut,
            "the server did not answer in time",
        ))
    }

    /// What an operation on the stream came to; if it has to wait, the deadline may end it.
    fn or_deadline<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Pending => self.poll_deadline(cx).map(Err),
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
        let completed = this.frame.count_completed(&buf.filled()[before..]);
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
        ChannelBinding::none()
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
