//! A proxy between the program and a server that frames the PostgreSQL protocol on both sides, counts the messages of
//! all connections in the order in which they arrive, and breaks things at one of them.
//!
//! Framing: a message is a letter and a length of four bytes that counts itself; the first ones of a client have no
//! letter. See <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use crate::run::CANARY;
use crate::server::{Database, Server};

/// Which message.
#[derive(Debug, Clone)]
pub(crate) enum Point {
    /// The so many-th that the program sends, from 1.
    Frontend(usize),
    /// The so many-th that the server sends, from 1.
    Backend(usize),
    /// The first that the program sends with these bytes in it.
    Sends(&'static str),
    /// The answer (`ReadyForQuery`) to the first that the program sends with these bytes in it.
    AnswerTo(&'static str),
}

/// What happens there, once.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// The connection is cut, and the message is lost.
    CutBefore,
    /// The message is delivered, and the connection is cut.
    CutAfter,
    /// All connections are cut, and the message is lost.
    CutAllBefore,
    /// From now on nothing is passed on, in no connection, old or new.
    Freeze,
    /// The message comes later.
    Delay(Duration),
}

/// Something to break.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) point: Point,
    pub(crate) act: Act,
}

/// A listener on 127.0.0.1 that leads to the server's Unix socket.
pub(crate) struct Proxy {
    port: u16,
    wires: Arc<Wires>,
}

/// What all connections share.
struct Wires {
    upstream: PathBuf,
    rule: Option<Rule>,
    /// The rule was applied.
    done: AtomicBool,
    frozen: AtomicBool,
    over: AtomicBool,
    frontend: AtomicUsize,
    backend: AtomicUsize,
    /// Numbers of the server's messages that are `ReadyForQuery`.
    ready: Mutex<Vec<usize>>,
    connections: Mutex<Vec<(TcpStream, UnixStream)>>,
}

/// How passing on goes on.
enum Next {
    On,
    Stop,
}

impl Proxy {
    /// A proxy that only counts.
    pub(crate) fn counting(server: &Server) -> Proxy {
        Proxy::new(server, None)
    }

    /// A proxy that breaks something.
    pub(crate) fn breaking(server: &Server, point: Point, act: Act) -> Proxy {
        Proxy::new(server, Some(Rule { point, act }))
    }

    fn new(server: &Server, rule: Option<Rule>) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let wires = Arc::new(Wires {
            upstream: server.socket_file(),
            rule,
            done: AtomicBool::new(false),
            frozen: AtomicBool::new(false),
            over: AtomicBool::new(false),
            frontend: AtomicUsize::new(0),
            backend: AtomicUsize::new(0),
            ready: Mutex::default(),
            connections: Mutex::default(),
        });
        let shared = Arc::clone(&wires);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::Relaxed) {
                    break;
                }
                shared.connect(client);
            }
        });
        Proxy { port, wires }
    }

    /// The URL of a database through this proxy.
    pub(crate) fn url(&self, database: &Database) -> String {
        let (port, name) = (self.port, &database.name);
        format!("postgres://postgres:{CANARY}@127.0.0.1:{port}/{name}")
    }

    /// How many messages the program has sent.
    pub(crate) fn frontend(&self) -> usize {
        self.wires.frontend.load(Ordering::SeqCst)
    }

    /// How many messages the server has sent.
    pub(crate) fn backend(&self) -> usize {
        self.wires.backend.load(Ordering::SeqCst)
    }

    /// Which messages of the server were `ReadyForQuery`.
    pub(crate) fn ready(&self) -> Vec<usize> {
        lock(&self.wires.ready).clone()
    }

    /// Whether the rule was applied.
    pub(crate) fn has_acted(&self) -> bool {
        self.wires.done.load(Ordering::SeqCst)
    }

    /// From now on nothing is passed on.
    pub(crate) fn freeze(&self) {
        self.wires.frozen.store(true, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.wires.over.store(true, Ordering::SeqCst);
        self.wires.cut_all();
        // The listener wakes up and sees that it is over.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wires {
    fn connect(self: &Arc<Wires>, client: TcpStream) {
        let Ok(server) = UnixStream::connect(&self.upstream) else {
            // As if nobody listened.
            let _ = client.shutdown(Shutdown::Both);
            return;
        };
        client.set_nodelay(true).expect("a socket");
        let copies = (
            client.try_clone().expect("a socket"),
            server.try_clone().expect("a socket"),
        );
        lock(&self.connections).push(copies);
        // An answer is waited for, which the rule is about.
        let awaited = Arc::new(AtomicBool::new(false));
        let (wires, marked) = (Arc::clone(self), Arc::clone(&awaited));
        let (mut from, mut to) = (
            client.try_clone().expect("a socket"),
            server.try_clone().expect("a socket"),
        );
        std::thread::spawn(move || {
            // Either end may go away at any time.
            let _ = wires.pass_to_server(&mut from, &mut to, &marked);
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
        let wires = Arc::clone(self);
        let (mut from, mut to) = (server, client);
        std::thread::spawn(move || {
            let _ = wires.pass_to_client(&mut from, &mut to, &awaited);
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
    }

    fn pass_to_server(
        &self,
        client: &mut TcpStream,
        server: &mut UnixStream,
        awaited: &AtomicBool,
    ) -> io::Result<()> {
        let mut started = false;
        loop {
            let message = if started {
                message(client)?
            } else {
                headless(client)?
            };
            if !started && asks_for_encryption(&message) {
                client.write_all(b"N")?;
                continue;
            }
            started = true;
            if message[0] == b'X' {
                // A goodbye is not counted: when it comes depends on the moment, and it matters to nobody.
                server.write_all(&message)?;
                continue;
            }
            let number = self.frontend.fetch_add(1, Ordering::SeqCst) + 1;
            let matches = match self.rule.as_ref().map(|rule| &rule.point) {
                Some(Point::Frontend(point)) => *point == number,
                Some(Point::Sends(text)) => holds(&message, text),
                Some(Point::AnswerTo(text)) => {
                    if holds(&message, text) {
                        awaited.store(true, Ordering::SeqCst);
                    }
                    false
                }
                Some(Point::Backend(_)) | None => false,
            };
            if let Next::Stop = self.deliver(server, &message, matches)? {
                return Ok(());
            }
        }
    }

    fn pass_to_client(
        &self,
        server: &mut UnixStream,
        client: &mut TcpStream,
        awaited: &AtomicBool,
    ) -> io::Result<()> {
        loop {
            let message = message(server)?;
            let number = self.backend.fetch_add(1, Ordering::SeqCst) + 1;
            let is_ready = message[0] == b'Z';
            if is_ready {
                lock(&self.ready).push(number);
            }
            let matches = match self.rule.as_ref().map(|rule| &rule.point) {
                Some(Point::Backend(point)) => *point == number,
                Some(Point::AnswerTo(_)) => is_ready && awaited.swap(false, Ordering::SeqCst),
                Some(Point::Frontend(_) | Point::Sends(_)) | None => false,
            };
            if let Next::Stop = self.deliver(client, &message, matches)? {
                return Ok(());
            }
        }
    }

    /// Passes a message on, or does to it what the rule says.
    fn deliver(&self, to: &mut impl Write, message: &[u8], matches: bool) -> io::Result<Next> {
        let act = match &self.rule {
            Some(rule) if matches && !self.done.swap(true, Ordering::SeqCst) => Some(rule.act),
            _ => None,
        };
        match act {
            Some(Act::CutBefore) => return Ok(Next::Stop),
            Some(Act::CutAllBefore) => {
                self.cut_all();
                return Ok(Next::Stop);
            }
            Some(Act::CutAfter) => {
                to.write_all(message)?;
                return Ok(Next::Stop);
            }
            Some(Act::Freeze) => self.frozen.store(true, Ordering::SeqCst),
            Some(Act::Delay(time)) => sleep(time),
            None => {}
        }
        while self.frozen.load(Ordering::SeqCst) {
            if self.over.load(Ordering::SeqCst) {
                return Ok(Next::Stop);
            }
            sleep(Duration::from_millis(5));
        }
        to.write_all(message)?;
        Ok(Next::On)
    }

    fn cut_all(&self) {
        for (client, server) in lock(&self.connections).drain(..) {
            let _ = (
                client.shutdown(Shutdown::Both),
                server.shutdown(Shutdown::Both),
            );
        }
    }
}

fn holds(message: &[u8], text: &str) -> bool {
    message
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// `SSLRequest` and `GSSENCRequest`, which this proxy answers by itself: no.
fn asks_for_encryption(message: &[u8]) -> bool {
    matches!(message.get(4..8), Some([0x04, 0xD2, 0x16, 0x2F | 0x30]))
}

/// A message with its letter.
fn message(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut kind = [0];
    from.read_exact(&mut kind)?;
    let mut bytes = kind.to_vec();
    bytes.extend(headless(from)?);
    Ok(bytes)
}

/// A message without a letter: its length and its body.
fn headless(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let size = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
    let mut bytes = length.to_vec();
    bytes.resize(size.max(4), 0);
    from.read_exact(&mut bytes[4..])?;
    Ok(bytes)
}
