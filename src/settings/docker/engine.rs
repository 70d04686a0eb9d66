//! What the `docker` command answers, or `podman` where there is no `docker`: both take the same words and print the same
//! documents.

use std::io;

use serde_json::Value;

use super::container::Container;
use crate::error::{Error, Escaped, Result};
use crate::program::Answer;
use crate::settings::Environment;

/// The command, and the machine that its containers run on.
pub(super) struct Engine<'a, E> {
    environment: &'a E,
    pub(super) program: &'static str,
    pub(super) place: Place,
}

/// The machine that containers run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Here,
    /// A name or an address.
    At(String),
}

impl<'a, E: Environment> Engine<'a, E> {
    /// The command that there is. The machine is that of Docker's current context, which heeds `DOCKER_HOST` and
    /// `DOCKER_CONTEXT`: <https://docs.docker.com/engine/manage-resources/contexts/>.
    pub(super) fn new(environment: &'a E) -> Self {
        // What a file sets, the command does not see.
        let own = |name| environment.origin(name).is_none().then_some(name);
        let variable = |name| environment.variable(own(name)?)?.into_string().ok();
        let (program, endpoint) = match environment.ask("docker", &["context", "inspect"]) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                ("podman", variable("CONTAINER_HOST"))
            }
            // Before 19.03 Docker had no contexts, and Podman does not have them either when it is called docker.
            answer => (
                "docker",
                answer
                    .ok()
                    .and_then(|answer| endpoint(&answer))
                    .or_else(|| variable("DOCKER_HOST")),
            ),
        };
        Engine {
            environment,
            program,
            place: endpoint.map_or(Place::Here, |endpoint| Place::of(&endpoint)),
        }
    }

    /// Those of these containers that there are.
    ///
    /// # Errors
    /// The engine does not answer, or not in a way that is understood.
    pub(super) fn inspect(&self, names: &[&str]) -> Result<Vec<Container>> {
        let mut arguments = vec!["inspect", "--type", "container", "--"];
        arguments.extend(names);
        let answer = self.ask(&arguments)?;
        if !answer.success && !is_about_names(&answer) {
            return Err(self.silent(&last_line(&answer)));
        }
        match serde_json::from_slice(&answer.stdout) {
            Ok(Value::Array(documents)) => Ok(documents.into_iter().map(Container::new).collect()),
            // Where nothing is found, some print nothing.
            _ if !answer.success => Ok(Vec::new()),
            _ => Err(self.not_understood()),
        }
    }

    /// The containers that run; only those that pass the filter, if there is one.
    ///
    /// # Errors
    /// As of `inspect`.
    pub(super) fn running(&self, filter: Option<&str>) -> Result<Vec<Container>> {
        let mut arguments = vec!["ps", "--quiet", "--no-trunc"];
        arguments.extend(filter.iter().flat_map(|filter| ["--filter", *filter]));
        let answer = self.ask(&arguments)?;
        if !answer.success {
            return Err(self.silent(&last_line(&answer)));
        }
        let list = String::from_utf8_lossy(&answer.stdout);
        let ids: Vec<&str> = list.split_whitespace().collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.inspect(&ids)
    }

    fn ask(&self, arguments: &[&str]) -> Result<Answer> {
        let answer = self.environment.ask(self.program, arguments);
        answer.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::Usage {
                message: "--docker asks the command docker, or podman, and neither is on the PATH".to_owned(),
                hint: "install one of them, or name the database: DATABASE_URL=postgres://USER:PASSWORD@HOST/DATABASE".to_owned(),
            },
            _ => self.silent(&error.to_string()),
        })
    }

    /// The engine does not answer, for this reason.
    fn silent(&self, reason: &str) -> Error {
        let program = self.program;
        let hint = if reason.contains("permission denied") {
            format!(
                "run onward as a user who may ask it, on Linux mostly one of the group docker; {program} ps must answer"
            )
        } else {
            format!("start it; {program} ps must answer")
        };
        Error::Unreachable {
            message: format!("{program} does not answer: {}", Escaped(reason)),
            hint,
        }
    }

    /// The engine answers in a way that makes no sense.
    pub(super) fn not_understood(&self) -> Error {
        Error::Unreachable {
            message: format!("what {} inspect answers is not understood", self.program),
            hint:
                "name the database without it: DATABASE_URL=postgres://USER:PASSWORD@HOST/DATABASE"
                    .to_owned(),
        }
    }
}

/// Whether only the names were wrong: some of these containers, or all, are not there.
fn is_about_names(answer: &Answer) -> bool {
    let said = String::from_utf8_lossy(&answer.stderr).to_lowercase();
    ["no such container", "no such object", "multiple ids found"]
        .iter()
        .any(|words| said.contains(words))
}

/// What it says in the end; warnings come before.
fn last_line(answer: &Answer) -> String {
    let said = String::from_utf8_lossy(&answer.stderr);
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    last.unwrap_or("it says nothing")
        .chars()
        .take(300)
        .collect()
}

/// The address of the engine in the current context.
fn endpoint(answer: &Answer) -> Option<String> {
    let contexts: Value = serde_json::from_slice(&answer.stdout).ok()?;
    let host = contexts.pointer("/0/Endpoints/docker/Host")?.as_str()?;
    Some(host.to_owned())
}

impl Place {
    /// The machine in the address of an engine: `unix:///var/run/docker.sock`, `tcp://HOST:2376`, `ssh://USER@HOST`. One
    /// without a scheme is TCP.
    fn of(endpoint: &str) -> Place {
        let (scheme, rest) = endpoint.split_once("://").unwrap_or(("tcp", endpoint));
        if !matches!(scheme, "tcp" | "ssh" | "http" | "https") {
            return Place::Here;
        }
        let authority = rest.split('/').next().unwrap_or_default();
        let server = authority.rsplit('@').next().unwrap_or_default();
        let host = match server.strip_prefix('[') {
            Some(address) => address.split(']').next(),
            None => server.split(':').next(),
        };
        match host {
            None | Some("") => Place::Here,
            Some(host) => Place::At(host.to_owned()),
        }
    }
}
