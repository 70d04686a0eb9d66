//! The database in a local container, as the `docker` command describes it, or `podman` in its place. Does nothing itself
//! but ask its `Environment`.
//!
//! The answers are read as whole documents, without a template: a template fails as a whole where an engine leaves a field
//! out. No message repeats the environment of a container, for it holds passwords.

mod container;
mod engine;

#[cfg(test)]
mod tests;

use std::fmt;

use super::Environment;
use crate::cli::{Docker, Flags};
use crate::database::conninfo::ConnInfo;
use crate::error::{Error, Escaped, Names, Result, Shell, Trouble, Typed};
use container::{Container, Secret};
use engine::Engine;

/// The database in a container.
pub(super) struct Found {
    /// Server, port, user and database are named. The password is open where the container does not tell it.
    pub(super) conninfo: ConnInfo,
    pub(super) container: InContainer,
}

/// The container that a connection was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InContainer {
    /// The command that knows it.
    program: &'static str,
    name: String,
    secret: Secret,
}

impl fmt::Display for InContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container {}", Escaped(&self.name))
    }
}

/// Compose labels the containers of a service with its name.
const SERVICE: &str = "com.docker.compose.service";

/// The database that `--docker` means, if it is given.
///
/// # Errors
/// `Error::Usage` where the name leads to no container, to several, or to one without PostgreSQL; `Error::Unreachable`
/// where the engine does not answer, or nothing leads to the server.
pub(super) fn find(flags: &Flags, environment: &impl Environment) -> Result<Option<Found>> {
    if flags.url.is_some() && flags.docker != Docker::Absent {
        return Err(Error::Usage {
            message: "--url and --docker each name a database".to_owned(),
            hint: "leave one of them out".to_owned(),
        });
    }
    let name = match &flags.docker {
        Docker::Absent => return Ok(None),
        Docker::OnlyOne => None,
        Docker::Named(name) => Some(name),
    };
    let engine = Engine::new(environment);
    let container = match name {
        None => only_one(&engine)?,
        Some(name) => named(&engine, name)?,
    };
    look(&engine, &container).map(Some)
}

/// The container of this name, or else of this service of Compose.
fn named<E: Environment>(engine: &Engine<E>, name: &str) -> Result<Container> {
    if name.is_empty() {
        return Err(Error::Usage {
            message: "--docker= names no container".to_owned(),
            hint: format!("name one that runs: {} ps", engine.program),
        });
    }
    let by_name = engine.inspect(&[name])?.into_iter().next();
    let by_id = match by_name {
        Some(container) if container.name() == name => return Ok(container),
        // Engines also take the beginning of an ID, and "db" can be one, though a service is meant.
        other => other,
    };
    let mut services = engine.running(Some(&format!("label={SERVICE}={name}")))?;
    if services.len() > 1 {
        let what = format!("containers of the service {}", Typed(name));
        return Err(several(engine, &what, &services));
    }
    services.pop().or(by_id).ok_or_else(|| Error::Usage {
        message: format!(
            "--docker: no container is called {0}, and no service of Compose called {0} runs",
            Typed(name)
        ),
        hint: format!(
            "name one that runs: {} ps; or start it first",
            engine.program
        ),
    })
}

/// The only running container with PostgreSQL.
fn only_one<E: Environment>(engine: &Engine<E>) -> Result<Container> {
    let (mut servers, others): (Vec<_>, Vec<_>) = engine
        .running(None)?
        .into_iter()
        .partition(Container::has_postgres);
    if servers.len() > 1 {
        return Err(several(engine, "containers with PostgreSQL", &servers));
    }
    servers.pop().ok_or_else(|| {
        let names: Vec<String> = others.iter().map(Container::describe).collect();
        let message = match names.len() {
            0 => "--docker: no container runs".to_owned(),
            _ => format!(
                "--docker: no running container has PostgreSQL; there is {}",
                Names(&names)
            ),
        };
        Error::Unreachable {
            message,
            hint: format!(
                "see which one has it, and start it: {} ps --all",
                engine.program
            ),
        }
    })
}

fn several<E: Environment>(engine: &Engine<E>, what: &str, containers: &[Container]) -> Error {
    let mut message = format!("--docker: {} {what} run:", containers.len());
    for container in containers {
        let place = match container.way(&engine.place) {
            Ok((host, port)) => format!("{host}:{port}"),
            Err(_) => "not to be reached from here".to_owned(),
        };
        message.extend(["\n  ", &container.describe(), ", ", &place]);
    }
    Error::Usage {
        message,
        hint: format!(
            "name one of them, for example: --docker {}",
            Shell(containers.first().map_or("", Container::name))
        ),
    }
}

/// What the container tells of its database.
fn look<E: Environment>(engine: &Engine<E>, container: &Container) -> Result<Found> {
    let name = container.name();
    let program = engine.program;
    if name.is_empty() {
        return Err(engine.not_understood());
    }
    if !container.has_postgres() {
        return Err(Error::Usage {
            message: format!(
                "--docker: container {} has no PostgreSQL: neither PGDATA nor port 5432",
                container.describe()
            ),
            hint: format!("name the one that has it: {program} ps; or give its address with --url"),
        });
    }
    if container.status() != "running" {
        return Err(Error::Unreachable {
            message: format!(
                "container {name} does not run; it is {}",
                container.status()
            ),
            hint: match container.status() {
                "paused" => format!("let it go on: {program} unpause {}", Shell(name)),
                "restarting" => format!(
                    "see why it does not stay up: {program} logs {}",
                    Shell(name)
                ),
                _ => format!("start it: {program} start {}", Shell(name)),
            },
        });
    }
    let (host, port) = container
        .way(&engine.place)
        .map_err(|no_way| no_way.error(container, program))?;
    Ok(Found {
        conninfo: ConnInfo {
            hosts: vec![Some(host)],
            ports: vec![Some(port)],
            ..container.credentials()
        },
        container: InContainer {
            program,
            name: name.to_owned(),
            secret: container.secret(),
        },
    })
}

impl InContainer {
    /// The error of a session that could not be had, with what to do about it where the server is in this container.
    pub(super) fn explain(&self, error: Error, target: &ConnInfo) -> Error {
        let (Error::Connect { trouble, .. } | Error::NotReady { trouble, .. }) = &error else {
            return error;
        };
        let (program, name) = (self.program, Shell(&self.name));
        let user = Shell(target.user.as_deref().unwrap_or_default());
        let dbname = Shell(target.dbname.as_deref().unwrap_or_default());
        let hint = match trouble {
            Trouble::Server(server) if server.is_full() || server.code == "57P03" => return error,
            Trouble::Server(server) if server.code == "3D000" => {
                format!("create it first: {program} exec {name} createdb -U {user} {dbname}")
            }
            _ if wants_password(trouble) => match self.secret {
                // The image heeds its variables on the day that the volume is made, and never again.
                Secret::Told => format!(
                    "the container's environment does not tell the password of today; set it anew ({program} exec -it \
                     {name} psql -U {user} -d {dbname} -c '\\password'), or name the database with DATABASE_URL"
                ),
                Secret::InFile => "the container has its password in a file that cannot be read from here; give it \
                                   with PGPASSWORD"
                    .to_owned(),
                Secret::NotTold => {
                    "the container's environment tells no password; give it with PGPASSWORD".to_owned()
                }
            },
            _ if matches!(error, Error::Connect { .. }) => format!(
                "see what the server says: {program} logs {name}; if it is about to start, --wait waits for it"
            ),
            _ => format!("see what the server says: {program} logs {name}"),
        };
        Error::Unreachable {
            message: format!("{self}: {error}"),
            hint,
        }
    }
}

/// Whether the server refuses the password, or asks for one and there is none.
fn wants_password(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Server(server) => matches!(server.code.as_str(), "28P01" | "28000"),
        Trouble::Connection(reason) => reason.contains("password"),
        Trouble::Terms(_) => false,
    }
}
