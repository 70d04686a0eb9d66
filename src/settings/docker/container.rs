//! One container, as `docker inspect` describes it: which database is in it, and the way there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::engine::Place;
use crate::database::conninfo::{ConnInfo, DEFAULT_PORT, Password};
use crate::error::{Error, Escaped, Shell};

/// A document of `docker inspect`. It has no `Debug`, for it holds passwords.
pub(super) struct Container(Value);

/// What a container tells of the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secret {
    Told,
    /// The server may let everybody in.
    NotTold,
    /// It is in a file that only the container can read.
    InFile,
}

/// Why nothing leads to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoWay {
    /// Its port is not published, and its own address means nothing here.
    NotPublished,
    /// Its port is published to the programs of that machine alone.
    OnlyThere(String),
}

/// What the image `postgres` and those of Bitnami and of Red Hat call the user, the password and the database:
/// <https://hub.docker.com/_/postgres>, <https://github.com/bitnami/containers/tree/main/bitnami/postgresql>,
/// <https://github.com/sclorg/postgresql-container>.
const USER: [&str; 3] = ["POSTGRES_USER", "POSTGRESQL_USERNAME", "POSTGRESQL_USER"];
const PASSWORD: [&str; 2] = ["POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD"];
const PASSWORD_FILE: [&str; 2] = ["POSTGRES_PASSWORD_FILE", "POSTGRESQL_PASSWORD_FILE"];
const DATABASE: [&str; 2] = ["POSTGRES_DB", "POSTGRESQL_DATABASE"];
const PORT: [&str; 2] = ["PGPORT", "POSTGRESQL_PORT_NUMBER"];
const SUPERUSER: &str = "postgres";

impl Container {
    pub(super) fn new(document: Value) -> Container {
        Container(document)
    }

    /// Its name; Docker writes a slash before it.
    pub(super) fn name(&self) -> &str {
        let name = self.text("/Name");
        name.strip_prefix('/').unwrap_or(name)
    }

    /// `running`, `exited`, `paused` …
    pub(super) fn status(&self) -> &str {
        self.text("/State/Status")
    }

    /// Name and image, for a message.
    pub(super) fn describe(&self) -> String {
        format!(
            "{} ({})",
            Escaped(self.name()),
            Escaped(self.text("/Config/Image"))
        )
    }

    /// Whether a PostgreSQL server is in it. That there are variables like `POSTGRES_PASSWORD` says nothing: an application
    /// has them too.
    pub(super) fn has_postgres(&self) -> bool {
        let exposed = ["/Config/ExposedPorts", "/NetworkSettings/Ports"];
        let key = format!("{}/tcp", self.port());
        self.variable("PGDATA").is_some()
            || exposed.iter().any(|list| {
                self.0
                    .pointer(list)
                    .is_some_and(|list| list.get(&key).is_some())
            })
    }

    /// User, password and database, as the entrypoint of the image makes them of the environment.
    pub(super) fn credentials(&self) -> ConnInfo {
        let user = self.first(&USER).unwrap_or(SUPERUSER);
        // Only the image `postgres` makes a database that is named like the user.
        let usual = self.variable("POSTGRES_USER").unwrap_or(SUPERUSER);
        ConnInfo {
            user: Some(user.to_owned()),
            password: self.first(&PASSWORD).map(Password::new),
            dbname: Some(self.first(&DATABASE).unwrap_or(usual).to_owned()),
            ..ConnInfo::default()
        }
    }

    /// What it tells of the password.
    pub(super) fn secret(&self) -> Secret {
        if self.first(&PASSWORD).is_some() {
            Secret::Told
        } else if self.first(&PASSWORD_FILE).is_some() {
            Secret::InFile
        } else {
            Secret::NotTold
        }
    }

    /// Host and port by which the server is reached from here.
    pub(super) fn way(&self, place: &Place) -> Result<(String, u16), NoWay> {
        if self.text("/HostConfig/NetworkMode") == "host" {
            let host = match place {
                Place::Here => Ipv4Addr::LOCALHOST.to_string(),
                Place::At(host) => host.clone(),
            };
            return Ok((host, self.port()));
        }
        let mut ways = self
            .published()
            .into_iter()
            .map(|(address, port)| match place {
                Place::Here => Ok((from_here(address).to_string(), port)),
                Place::At(host) => Ok((from_elsewhere(address, host)?, port)),
            });
        match (ways.next(), place) {
            (Some(Err(no_way)), _) => ways.find(Result::is_ok).unwrap_or(Err(no_way)),
            (Some(way), _) => way,
            (None, Place::Here) => match self.own_address() {
                Some(address) => Ok((address.to_string(), self.port())),
                None => Err(NoWay::NotPublished),
            },
            (None, Place::At(_)) => Err(NoWay::NotPublished),
        }
    }

    /// Where its port is published: addresses of the engine's machine, with their ports, the surest first.
    fn published(&self) -> Vec<(IpAddr, u16)> {
        let ports = self.0.pointer("/NetworkSettings/Ports");
        let bindings = ports.and_then(|ports| ports.get(format!("{}/tcp", self.port())));
        let text =
            |binding: &Value, key| binding.get(key).and_then(Value::as_str).map(str::to_owned);
        let binding = |binding: &Value| {
            // Podman leaves the address out where it is every one.
            let address = text(binding, "HostIp").filter(|address| !address.is_empty());
            let address = address.map_or(Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), |address| {
                address.parse()
            });
            let port: u16 = text(binding, "HostPort")?.parse().ok()?;
            (port > 0).then_some((address.ok()?, port))
        };
        let bindings = bindings.and_then(Value::as_array).into_iter().flatten();
        let mut published: Vec<_> = bindings.filter_map(binding).collect();
        published.sort_by_key(|(address, _)| rank(*address));
        published
    }

    /// Its address in the first network that gives it one, IPv4 preferred. Only Linux has a route to it: elsewhere the
    /// engine runs in a machine of its own.
    fn own_address(&self) -> Option<IpAddr> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        let settings = self.0.get("NetworkSettings")?;
        let networks = settings.get("Networks").and_then(Value::as_object);
        // Podman before 3.0 names no networks.
        let networks = networks
            .into_iter()
            .flat_map(|networks| networks.values())
            .chain([settings]);
        let networks: Vec<&Value> = networks.collect();
        let address = |key| {
            let mut texts = networks
                .iter()
                .filter_map(|network| network.get(key)?.as_str());
            texts.find_map(|text| text.parse().ok())
        };
        address("IPAddress").or_else(|| address("GlobalIPv6Address"))
    }

    /// The port that the server listens on, inside.
    fn port(&self) -> u16 {
        self.first(&PORT)
            .and_then(|port| port.parse().ok())
            .unwrap_or(DEFAULT_PORT)
    }

    fn text(&self, pointer: &str) -> &str {
        self.0
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The first of these variables that is set and not empty.
    fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.variable(name))
    }

    fn variable(&self, name: &str) -> Option<&str> {
        let variables = self.0.pointer("/Config/Env")?.as_array()?.iter();
        let texts = variables.filter_map(Value::as_str);
        let values = texts.filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        values.into_iter().find(|value| !value.is_empty())
    }
}

/// The lower, the surer it is that an address leads to the server from its own machine.
fn rank(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(address) if address.is_loopback() || address.is_unspecified() => 0,
        IpAddr::V4(_) => 1,
        IpAddr::V6(address) if address.is_loopback() || address.is_unspecified() => 2,
        IpAddr::V6(_) => 3,
    }
}

fn from_here(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        other => other,
    }
}

/// An address of another machine, called `host` from here.
fn from_elsewhere(address: IpAddr, host: &str) -> Result<String, NoWay> {
    let is_here = host == "localhost" || host.parse().is_ok_and(|host: IpAddr| host.is_loopback());
    if address.is_unspecified() || (address.is_loopback() && is_here) {
        Ok(host.to_owned())
    } else if address.is_loopback() {
        Err(NoWay::OnlyThere(host.to_owned()))
    } else {
        Ok(address.to_string())
    }
}

impl NoWay {
    /// The error, and the way out.
    pub(super) fn error(self, container: &Container, program: &str) -> Error {
        let (name, port) = (container.name(), container.port());
        match self {
            NoWay::NotPublished => Error::Unreachable {
                message: format!(
                    "container {name} does not publish port {port}, and has no address that leads there from here"
                ),
                hint: format!(
                    "publish it: {program} run --publish {port}:{port} …, or ports: [\"{port}:{port}\"] in the Compose file"
                ),
            },
            NoWay::OnlyThere(host) => Error::Unreachable {
                message: format!(
                    "container {name} publishes its port to programs on {} alone",
                    Escaped(&host)
                ),
                hint: format!(
                    "publish it to others too, or have it forwarded (ssh -L) and give its address with --url; see {program} port {}",
                    Shell(name)
                ),
            },
        }
    }
}
