//! Containers of all sorts, without an engine.

use std::ffi::OsString;
use std::io;

use serde_json::{Value, json};

use super::*;
use crate::program::Answer;

/// An engine that answers the same to every `inspect`, in this context.
struct Engines {
    context: &'static str,
    inspect: std::result::Result<String, io::ErrorKind>,
}

impl Environment for Engines {
    fn variable(&self, _: &str) -> Option<OsString> {
        None
    }

    fn ask(&self, _: &str, arguments: &[&str]) -> io::Result<Answer> {
        let stdout = match arguments[0] {
            "context" => {
                json!([{ "Endpoints": { "docker": { "Host": self.context } } }]).to_string()
            }
            _ => self.inspect.clone()?,
        };
        Ok(Answer {
            success: true,
            stdout: stdout.into_bytes(),
            stderr: Vec::new(),
        })
    }
}

fn found(
    context: &'static str,
    inspect: std::result::Result<String, io::ErrorKind>,
) -> Result<Found> {
    let flags = Flags {
        docker: Docker::Named("db".to_owned()),
        ..Flags::default()
    };
    find(&flags, &Engines { context, inspect })
        .map(|found| found.expect("a container was asked for"))
}

const HERE: &str = "unix:///var/run/docker.sock";

/// A running container with this environment and this network.
fn container(variables: &[&str], mode: &str, network: &Value) -> String {
    let variables = [&["PGDATA=/data"], variables].concat();
    json!([{
        "Id": "aa", "Name": "/db", "State": { "Status": "running" },
        "Config": { "Image": "postgres:17", "Env": variables },
        "HostConfig": { "NetworkMode": mode }, "NetworkSettings": network,
    }])
    .to_string()
}

/// The way to the server, or what is said where there is none.
#[track_caller]
fn check_way(context: &'static str, mode: &str, network: &Value, expected: &str) {
    let way = match found(context, Ok(container(&[], mode, network))) {
        Ok(found) => found.conninfo.addresses()[0].to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(way, expected, "{network}");
}

/// Where a port is published at these addresses, a port each.
fn published(addresses: &[&str]) -> Value {
    let bindings = addresses.iter().zip(1..);
    let bindings =
        bindings.map(|(address, port)| json!({ "HostIp": address, "HostPort": format!("{port}") }));
    json!({ "Ports": { "5432/tcp": bindings.collect::<Vec<_>>() } })
}

#[test]
fn of_several_published_addresses_the_surest_is_taken() {
    for (addresses, expected) in [
        (&["0.0.0.0", "::"][..], "127.0.0.1:1"),
        (&["::", "0.0.0.0"], "127.0.0.1:2"),
        (&[""], "127.0.0.1:1"),
        (&["::"], "[::1]:1"),
        (&["::1", "192.0.2.7"], "192.0.2.7:2"),
        (&["192.0.2.7", "127.0.0.2"], "127.0.0.2:2"),
        (&["2001:db8::7"], "[2001:db8::7]:1"),
        (&["nonsense", "::1"], "[::1]:2"),
    ] {
        check_way(HERE, "bridge", &published(addresses), expected);
    }
}

#[test]
fn of_another_machine_its_own_addresses_count() {
    let only_there = "container db publishes its port to programs on far alone";
    for (addresses, expected) in [
        (&["0.0.0.0"][..], "far:1"),
        (&["127.0.0.1"], only_there),
        (&["127.0.0.1", "192.0.2.7"], "192.0.2.7:2"),
        (&["::"], "far:1"),
    ] {
        check_way("ssh://me@far:22", "bridge", &published(addresses), expected);
    }
    check_way(
        "tcp://[2001:db8::1]:2376",
        "bridge",
        &published(&["::"]),
        "[2001:db8::1]:1",
    );
    check_way(
        "tcp://localhost:2375",
        "bridge",
        &published(&["127.0.0.1"]),
        "localhost:1",
    );
    check_way(
        "npipe:////./pipe/docker_engine",
        "bridge",
        &published(&[""]),
        "127.0.0.1:1",
    );
    check_way("tcp://far:2376", "host", &json!({}), "far:5432");
}

#[test]
fn without_a_published_port_the_container_has_an_address() {
    let no_way =
        "container db does not publish port 5432, and has no address that leads there from here";
    let address = |address: &str| json!({ "IPAddress": address, "GlobalIPv6Address": "" });
    for (network, expected) in [
        (
            json!({ "Ports": {}, "Networks": { "app": address("172.18.0.2") } }),
            "172.18.0.2:5432",
        ),
        (
            json!({ "Ports": { "5432/tcp": null }, "Networks": { "a": address(""), "b": address("172.19.0.3") } }),
            "172.19.0.3:5432",
        ),
        (
            json!({ "Networks": { "a": { "IPAddress": "", "GlobalIPv6Address": "fd00::2" } } }),
            "[fd00::2]:5432",
        ),
        // Podman before 3.0.
        (
            json!({ "Ports": [], "IPAddress": "10.88.0.6", "Networks": null }),
            "10.88.0.6:5432",
        ),
        (
            json!({ "Ports": null, "IPAddress": "", "Networks": {} }),
            no_way,
        ),
        (json!(null), no_way),
    ] {
        check_way(HERE, "bridge", &network, expected);
    }
    check_way(HERE, "host", &json!({}), "127.0.0.1:5432");
    let there = json!({ "Networks": { "app": address("172.18.0.2") } });
    check_way("tcp://far:2376", "bridge", &there, no_way);
}

/// User, password, database and port that this environment tells.
#[track_caller]
fn check_environment(variables: &[&str], expected: &str, secret: Secret) {
    let answer = container(variables, "host", &json!({}));
    let found = found(HERE, Ok(answer)).expect("a database");
    let password = found.conninfo.password.as_ref();
    let password =
        password.map(|password| String::from_utf8_lossy(password.as_bytes()).into_owned());
    let told = format!(
        "{} {}",
        found.conninfo.describe(),
        password.unwrap_or_default()
    );
    assert_eq!(told.trim(), expected, "{variables:?}");
    assert_eq!(found.container.secret, secret, "{variables:?}");
}

#[test]
fn the_environment_is_read_as_the_image_reads_it() {
    check_environment(&[], "postgres@127.0.0.1:5432/postgres", Secret::NotTold);
    check_environment(
        &["POSTGRES_USER=app", "POSTGRES_PASSWORD=a=b c"],
        "app@127.0.0.1:5432/app a=b c",
        Secret::Told,
    );
    check_environment(
        &[
            "POSTGRES_USER=",
            "POSTGRES_DB=shop",
            "POSTGRES_PASSWORD=",
            "PGPORT=5433",
        ],
        "postgres@127.0.0.1:5433/shop",
        Secret::NotTold,
    );
    check_environment(
        &["POSTGRES_PASSWORD_FILE=/run/secrets/x"],
        "postgres@127.0.0.1:5432/postgres",
        Secret::InFile,
    );
    // The image of Bitnami makes no database of the user's name.
    check_environment(
        &["POSTGRESQL_USERNAME=app", "POSTGRESQL_PASSWORD=x"],
        "app@127.0.0.1:5432/postgres x",
        Secret::Told,
    );
    check_environment(
        &[
            "POSTGRESQL_USER=app",
            "POSTGRESQL_PASSWORD=x",
            "POSTGRESQL_DATABASE=shop",
        ],
        "app@127.0.0.1:5432/shop x",
        Secret::Told,
    );
}

#[test]
fn an_answer_that_makes_no_sense_is_no_container() {
    for nonsense in ["", "{}", "nonsense", "[{\"Config\": 1}]", "[1]", "[null]"] {
        let error = found(HERE, Ok(nonsense.to_owned()))
            .err()
            .expect("an error");
        assert_eq!(
            error.to_string(),
            "what docker inspect answers is not understood",
            "{nonsense:?}"
        );
        assert_eq!(error.exit_code(), 4);
    }
}

#[test]
fn every_question_has_an_end() {
    let error = found(HERE, Err(io::ErrorKind::TimedOut))
        .err()
        .expect("an error");
    assert_eq!(error.to_string(), "docker does not answer: timed out");
    assert_eq!(error.exit_code(), 4);
}
