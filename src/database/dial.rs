//! From a connection string to one connection: which servers are tried, in which order, with TLS or without, and what is
//! told when none will do.
//!
//! The order, and when to give up, are libpq's:
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS>. But a server that hangs up without
//! a word does not end the search here.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::{IpAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use postgres::config::{self, SslNegotiation};
use postgres::{Client, Config, SimpleQueryMessage};

use super::conninfo::{
    self, ChannelBinding, ConnInfo, HostSpec, LoadBalanceHosts, Password, SslMode,
    TargetSessionAttrs,
};
use super::demands::{self, Demands};
use super::owner::Owner;
use super::session::{Notice, Target};
use super::socket::{Connector, Encryption, Fallback, Gauge, Peer, Stage, Start, Way};
use super::tls::Tls;
use crate::error::{Error, Result, ServerError, Trouble};

/// Connecting to one address ends after this, unless the connection string says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// libpq takes less for this.
const SHORTEST_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A peer that is gone is noticed after `IDLE + INTERVAL * RETRIES`.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;

/// A connection that is authenticated.
pub(super) struct Call {
    pub(super) client: Client,
    pub(super) gauge: Gauge,
    pub(super) notices: Arc<Mutex<Vec<Notice>>>,
}

/// Connects to the first server of the connection string that will do.
pub(super) fn dial(target: Target) -> Result<Call> {
    let dialer = Dialer::new(target)?;
    let mut tries = Vec::new();
    for kind in passes(target.conninfo.target_session_attrs) {
        for (password, place) in dialer.places() {
            match dialer.try_place(&place, password, kind, &mut tries) {
                Ok(call) => return Ok(call),
                Err(Next::End) => return Err(failure(target.conninfo, tries)),
                Err(Next::Place | Next::Address) => {}
            }
        }
    }
    Err(failure(target.conninfo, tries))
}

/// The kinds of server to look for, one after the other.
fn passes(attrs: Option<TargetSessionAttrs>) -> Vec<TargetSessionAttrs> {
    match attrs {
        Some(TargetSessionAttrs::PreferStandby) => {
            vec![TargetSessionAttrs::Standby, TargetSessionAttrs::Any]
        }
        attrs => vec![attrs.unwrap_or(TargetSessionAttrs::Any)],
    }
}

/// What one address said.
struct Try {
    place: String,
    trouble: Trouble,
}

/// Where to go on after a server that will not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The next address of the same server.
    Address,
    /// The next server.
    Place,
    /// Nowhere: it is for us to change something.
    End,
}

fn failure(info: &ConnInfo, mut tries: Vec<Try>) -> Error {
    let mut lines: Vec<String> = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    for Try { place, trouble } in &tries {
        let text = trouble.to_string();
        let line = format!("  {place}: {text}");
        if !lines.contains(&line) {
            lines.push(line);
        }
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    let none = || Trouble::Connection("no server is named".to_owned());
    Error::Connect {
        target: info.describe(),
        tries: if texts.len() > 1 { lines } else { Vec::new() },
        trouble: tries.pop().map_or_else(none, |last| last.trouble),
    }
}

/// What is the same for all servers of a connection string.
struct Dialer<'a> {
    target: Target<'a>,
    mode: SslMode,
    /// None where there is no TLS to be had, and none is needed.
    tls: Option<Arc<Tls>>,
    owner: Option<Owner>,
    demands: Demands,
    chance: RandomState,
}

/// Whether one attempt is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Plain,
    /// If the server has it.
    Tls,
    TlsOrNothing,
}

impl<'a> Dialer<'a> {
    fn new(target: Target<'a>) -> Result<Dialer<'a>> {
        let info = target.conninfo;
        demands::check_tls(info)?;
        if info.service.is_some() {
            return Err(Error::Usage {
                message:
                    "the connection string has service, which this build of onward does not do"
                        .to_owned(),
                hint: "leave it out, and name host, user and database in the connection string"
                    .to_owned(),
            });
        }
        let mode = demands::ssl_mode(info);
        let by_tcp: Vec<HostSpec> = info
            .addresses()
            .into_iter()
            .filter(|place| socket_path(place).is_none())
            .collect();
        if mode == SslMode::VerifyFull && by_tcp.iter().any(is_nameless) {
            return Err(Error::Usage {
                message: "sslmode=verify-full compares the certificate with host, and only hostaddr is given".to_owned(),
                hint: "add host=NAME beside hostaddr".to_owned(),
            });
        }
        let tls = if mode == SslMode::Disable || by_tcp.is_empty() {
            None
        } else {
            match Tls::prepare(info) {
                Ok(tls) => Some(Arc::new(tls)),
                // As in libpq, a broken file in its usual place is no reason not to connect in plain text.
                Err(_) if !demands::speaks_of_tls(info) => None,
                Err(error) => return Err(error),
            }
        };
        Ok(Dialer {
            target,
            mode,
            tls,
            owner: info.requirepeer.as_deref().map(Owner::named),
            demands: Demands::of(info)?,
            chance: RandomState::new(),
        })
    }

    /// The servers with their passwords, in the order in which they are tried.
    fn places(&self) -> Vec<(Option<&'a Password>, HostSpec<'a>)> {
        let info = self.target.conninfo;
        let password = |place: usize| {
            let own = info.host_passwords.get(place).and_then(Option::as_ref);
            info.password.as_ref().or(own)
        };
        let places = info.addresses().into_iter().enumerate();
        let mut places: Vec<_> = places
            .map(|(number, place)| (password(number), place))
            .collect();
        self.shuffle(&mut places, |(_, place)| place.to_string());
        places
    }

    fn shuffle<T, K: Hash>(&self, list: &mut [T], key: impl Fn(&T) -> K) {
        if self.target.conninfo.load_balance_hosts == Some(LoadBalanceHosts::Random) {
            list.sort_by_cached_key(|entry| self.chance.hash_one(key(entry)));
        }
    }

    /// Whether attempts are encrypted, in the order in which they are made.
    fn wishes(&self) -> &'static [Wish] {
        match self.mode {
            _ if self.tls.is_none() => &[Wish::Plain],
            SslMode::Disable => &[Wish::Plain],
            SslMode::Allow => &[Wish::Plain, Wish::Tls],
            SslMode::Prefer => &[Wish::Tls, Wish::Plain],
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Wish::TlsOrNothing],
        }
    }

    /// Tries all addresses of one server.
    fn try_place(
        &self,
        place: &HostSpec,
        password: Option<&Password>,
        kind: TargetSessionAttrs,
        tries: &mut Vec<Try>,
    ) -> std::result::Result<Call, Next> {
        if let Some(path) = socket_path(place) {
            let attempt = Attempt::new(self, place, password, kind);
            return attempt.by_socket(path).map_err(|trouble| {
                let next = attempt.next(&trouble);
                let place = place.to_string();
                tries.push(Try { place, trouble });
                next
            });
        }
        let mut addresses = addresses(place).map_err(|trouble| {
            let place = place.to_string();
            tries.push(Try { place, trouble });
            Next::Place
        })?;
        self.shuffle(&mut addresses, |address| *address);
        for address in addresses {
            match self.try_address(address, place, password, kind, tries) {
                Err(Next::Address) => {}
                outcome => return outcome,
            }
        }
        Err(Next::Place)
    }

    /// Tries one address, with TLS and without, as far as the mode allows.
    fn try_address(
        &self,
        address: IpAddr,
        place: &HostSpec,
        password: Option<&Password>,
        kind: TargetSessionAttrs,
        tries: &mut Vec<Try>,
    ) -> std::result::Result<Call, Next> {
        let deadline = self.deadline();
        let mut next = Next::Address;
        for (number, &wish) in self.wishes().iter().enumerate() {
            let attempt = Attempt {
                deadline,
                ..Attempt::new(self, place, password, kind)
            };
            let trouble = match attempt.by_tcp(address, wish) {
                Ok(call) => return Ok(call),
                Err(trouble) => trouble,
            };
            next = attempt.next(&trouble);
            let may_differ = number == 0 && attempt.blames(wish, &trouble);
            let place = attempt.describe(address);
            tries.push(Try { place, trouble });
            if !may_differ {
                break;
            }
        }
        Err(next)
    }

    /// When connecting to one address ends.
    fn deadline(&self) -> Option<Instant> {
        let timeout = match self.target.conninfo.connect_timeout {
            None => Some(CONNECT_TIMEOUT),
            Some(0) => None,
            Some(seconds) => {
                Some(Duration::from_secs(seconds.into()).max(SHORTEST_CONNECT_TIMEOUT))
            }
        };
        let timeout = timeout.map(|timeout| Instant::now() + timeout);
        timeout.into_iter().chain(self.target.deadline).min()
    }
}

/// One attempt to connect.
struct Attempt<'a> {
    dialer: &'a Dialer<'a>,
    place: &'a HostSpec<'a>,
    password: Option<&'a Password>,
    kind: TargetSessionAttrs,
    deadline: Option<Instant>,
    gauge: Gauge,
}

impl<'a> Attempt<'a> {
    fn new(
        dialer: &'a Dialer<'a>,
        place: &'a HostSpec<'a>,
        password: Option<&'a Password>,
        kind: TargetSessionAttrs,
    ) -> Attempt<'a> {
        Attempt {
            dialer,
            place,
            password,
            kind,
            deadline: dialer.deadline(),
            gauge: Gauge::default(),
        }
    }

    fn by_socket(&self, path: PathBuf) -> std::result::Result<Call, Trouble> {
        let (way, port) = Way::unix(path, self.dialer.owner.clone())
            .map_err(|error| Trouble::Connection(format!("no loopback interface: {error}")))?;
        let mut config = self.configure();
        config.host("127.0.0.1").port(port);
        self.connect(config, way)
    }

    fn by_tcp(&self, address: IpAddr, wish: Wish) -> std::result::Result<Call, Trouble> {
        let mut config = self.configure();
        config
            .host(&address.to_string())
            .hostaddr(address)
            .port(self.place.port);
        self.connect(config, Way::Tcp(self.encryption(address, wish)))
    }

    fn encryption(&self, address: IpAddr, wish: Wish) -> Encryption {
        let info = self.dialer.target.conninfo;
        let fallback = match wish {
            Wish::Plain => return Encryption::Plain,
            Wish::Tls => Fallback::Plain,
            Wish::TlsOrNothing => Fallback::None(self.dialer.mode.as_str()),
        };
        let Some(tls) = &self.dialer.tls else {
            return Encryption::Plain;
        };
        let start = match info.sslnegotiation {
            Some(conninfo::SslNegotiation::Direct) => Start::Direct,
            Some(conninfo::SslNegotiation::Postgres) | None => Start::Asked,
        };
        let host = match (self.place.host, self.place.hostaddr) {
            (Some(host), _) => Some(host.to_owned()),
            (None, Some(_)) => None,
            (None, None) => Some(LOCALHOST.to_owned()),
        };
        Encryption::Tls(Arc::clone(tls), Peer { host, address }, start, fallback)
    }

    /// Connecting and authenticating share one deadline.
    fn connect(&self, mut config: Config, way: Way) -> std::result::Result<Call, Trouble> {
        if let Some(deadline) = self.deadline {
            // The crate takes no time-out of 0.
            let left = deadline.saturating_duration_since(Instant::now());
            config.connect_timeout(left.max(Duration::from_millis(1)));
        }
        self.gauge.set_deadline(self.deadline);
        let notices = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&notices);
        config.notice_callback(move |notice| {
            // A poisoned lock still guards a usable list.
            sink.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(ServerError::from(&notice));
        });
        // Our connector takes the raw stream and decides itself what to do with it.
        config
            .ssl_mode(config::SslMode::Require)
            .ssl_negotiation(SslNegotiation::Direct);
        let connector = Connector {
            gauge: self.gauge.clone(),
            way,
            demands: self
                .dialer
                .demands
                .clone()
                .with_password(self.password.is_some()),
        };
        let client = config
            .connect(connector)
            .map_err(|error| match Trouble::from(error) {
                // What fails in our connector is no TLS handshake, whatever the crate calls it.
                Trouble::Connection(text) => Trouble::Connection(text.replace(
                    "error performing TLS handshake",
                    "error connecting to server",
                )),
                trouble => trouble,
            })?;
        let mut call = Call {
            client,
            gauge: self.gauge.clone(),
            notices,
        };
        let outcome = check_kind(&mut call.client, self.kind);
        self.gauge.set_deadline(match outcome {
            Ok(()) => self.dialer.target.deadline,
            Err(_) => self.deadline,
        });
        outcome.map(|()| call)
    }

    /// Whether the attempt may have failed for its encryption, or for the lack of it, so that the other way is tried.
    fn blames(&self, wish: Wish, trouble: &Trouble) -> bool {
        match (trouble, self.gauge.stage()) {
            (Trouble::Server(error), _) if is_starting(error) => false,
            (Trouble::Server(_), Stage::StartUp { encrypted }) => encrypted == (wish == Wish::Tls),
            (_, Stage::Handshake) => self.deadline.is_none_or(|end| Instant::now() < end),
            _ => false,
        }
    }

    /// Where to go on. A server that knows what it says ends the search; so does libpq.
    fn next(&self, trouble: &Trouble) -> Next {
        match (trouble, self.gauge.stage()) {
            (Trouble::Server(error), _) if is_starting(error) => Next::Place,
            (Trouble::Server(_) | Trouble::Terms(_), _) => Next::End,
            (Trouble::Connection(_), Stage::Admitted) => Next::Place,
            (Trouble::Connection(_), _) => Next::Address,
        }
    }

    /// The attempt for a message: `db:5432 (10.0.0.1) with TLS`.
    fn describe(&self, address: IpAddr) -> String {
        let mut text = self.place.to_string();
        let written = address.to_string();
        if self.place.hostaddr.is_none() && self.place.host != Some(&written) {
            text = format!("{text} ({written})");
        }
        if self.dialer.wishes().len() > 1 {
            text += match self.gauge.stage() {
                Stage::Handshake | Stage::StartUp { encrypted: true } => " with TLS",
                Stage::StartUp { encrypted: false } => " without TLS",
                Stage::Reaching | Stage::Admitted => "",
            };
        }
        text
    }

    fn configure(&self) -> Config {
        let info = self.dialer.target.conninfo;
        let mut config = Config::new();
        if let Some(user) = &info.user {
            config.user(user);
        }
        if let Some(password) = self.password {
            config.password(password.as_bytes());
        }
        if let Some(dbname) = &info.dbname {
            config.dbname(dbname);
        }
        if let Some(options) = info.startup_options() {
            config.options(&options);
        }
        config.application_name(info.application_name.as_deref().unwrap_or("onward"));
        config.channel_binding(match info.channel_binding {
            Some(ChannelBinding::Disable) => config::ChannelBinding::Disable,
            Some(ChannelBinding::Require) => config::ChannelBinding::Require,
            Some(ChannelBinding::Prefer) | None => config::ChannelBinding::Prefer,
        });
        if let Some(ms) = info.tcp_user_timeout.filter(|&ms| ms > 0) {
            config.tcp_user_timeout(Duration::from_millis(ms.into()));
        }
        set_keepalives(&mut config, info);
        config
    }
}

fn set_keepalives(config: &mut Config, info: &ConnInfo) {
    let seconds = |value: Option<u32>, usual| {
        value
            .filter(|&value| value > 0)
            .map_or(usual, |value| Duration::from_secs(value.into()))
    };
    config.keepalives(info.keepalives.unwrap_or(true));
    config.keepalives_idle(seconds(info.keepalives_idle, KEEPALIVE_IDLE));
    config.keepalives_interval(seconds(info.keepalives_interval, KEEPALIVE_INTERVAL));
    config.keepalives_retries(
        info.keepalives_count
            .filter(|&count| count > 0)
            .unwrap_or(KEEPALIVE_RETRIES),
    );
}

/// `cannot_connect_now`: another server may do.
fn is_starting(error: &ServerError) -> bool {
    error.code == "57P03"
}

/// Asks the server whether it is of the kind that was asked for.
fn check_kind(client: &mut Client, kind: TargetSessionAttrs) -> std::result::Result<(), Trouble> {
    if kind == TargetSessionAttrs::Any {
        return Ok(());
    }
    let answers = client.simple_query(
        "SELECT pg_catalog.pg_is_in_recovery(), \
         pg_catalog.current_setting('transaction_read_only') OPERATOR(pg_catalog.=) 'on'",
    )?;
    let says = |column| {
        answers.iter().any(|answer| match answer {
            SimpleQueryMessage::Row(row) => row.get(column) == Some("t"),
            _ => false,
        })
    };
    let (standby, read_only) = (says(0), says(1));
    let message = match kind {
        TargetSessionAttrs::ReadWrite if read_only => "the session is read-only",
        TargetSessionAttrs::ReadOnly if !read_only => "the session is not read-only",
        TargetSessionAttrs::Primary if standby => "the server is a standby",
        TargetSessionAttrs::Standby | TargetSessionAttrs::PreferStandby if !standby => {
            "the server is not a standby"
        }
        _ => return Ok(()),
    };
    // After a failover, the server may be of another kind: not terms that never will be met.
    Err(Trouble::Connection(format!(
        "{message}, and target_session_attrs={}",
        kind.as_str()
    )))
}

const LOCALHOST: &str = "localhost";

/// The Unix socket of a place, if it is reached by one. Where no host is named, libpq looks in the socket folders of
/// Debian and of PostgreSQL itself, then it tries localhost.
fn socket_path(place: &HostSpec) -> Option<PathBuf> {
    let socket = format!(".s.PGSQL.{}", place.port);
    match place.host {
        Some(folder) if place.is_socket() => Some(Path::new(folder).join(socket)),
        None if place.hostaddr.is_none() => {
            let folders = ["/var/run/postgresql", "/tmp"];
            folders
                .into_iter()
                .map(|folder| Path::new(folder).join(&socket))
                .find(|path| path.exists())
        }
        _ => None,
    }
}

/// Whether a place is an address without a name.
fn is_nameless(place: &HostSpec) -> bool {
    place.host.is_none() && place.hostaddr.is_some()
}

/// The addresses of a place, as the system resolves its name.
fn addresses(place: &HostSpec) -> std::result::Result<Vec<IpAddr>, Trouble> {
    if let Some(address) = place.hostaddr {
        return Ok(vec![address]);
    }
    let host = place.host.unwrap_or(LOCALHOST);
    let found = (host, place.port)
        .to_socket_addrs()
        .map_err(|error| Trouble::Connection(format!("error connecting to server: {error}")))?;
    let mut addresses = Vec::new();
    for address in found {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    Ok(addresses)
}
