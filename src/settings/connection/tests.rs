//! Each check names variables and files, and states every value of the connection with its source.

use std::collections::BTreeMap;

use super::*;
use crate::settings::WithFiles;

/// The variables and files that a test is about; user 7 is called `app`.
#[derive(Default)]
struct World {
    variables: BTreeMap<&'static str, OsString>,
    files: BTreeMap<PathBuf, SmallFile>,
}

impl World {
    fn new(variables: &[(&'static str, &str)]) -> World {
        let variables = variables.iter();
        World {
            variables: variables
                .map(|(name, value)| (*name, OsString::from(value)))
                .collect(),
            files: BTreeMap::new(),
        }
        .file(
            "/etc/passwd",
            0o644,
            "root:x:0:0::/root:\napp:x:7:7::/home/app:\n",
        )
    }

    fn file(mut self, path: &str, mode: u32, text: &str) -> World {
        let bytes = text.as_bytes().to_vec();
        let owner = 7;
        self.files
            .insert(path.into(), SmallFile { bytes, mode, owner });
        self
    }
}

impl Environment for World {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }

    fn file(&self, path: &std::path::Path) -> io::Result<SmallFile> {
        let file = self.files.get(path).cloned();
        file.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn user_id(&self) -> Option<u32> {
        Some(7)
    }
}

/// The lines `keyword value source` of the connection, or the error with its hint.
fn shown(environment: &impl Environment) -> String {
    match resolve(&Flags::default(), environment) {
        Ok(connection) => {
            let origins = connection.origins.iter();
            let lines = origins
                .map(|origin| format!("{} {} {}", origin.keyword, origin.value, origin.source));
            lines.collect::<Vec<_>>().join("\n")
        }
        Err(Error::Usage { message, hint }) => format!("{message}\n{hint}"),
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn check(world: &World, expected: &[&str]) {
    let shown = shown(world);
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn what_nobody_says_is_the_default() {
    let world = World::new(&[("DATABASE_URL", "postgres://h")]);
    check(
        &world,
        &[
            "host h DATABASE_URL",
            "port 5432 the default",
            "user app the default",
            "dbname app the default",
        ],
    );
    let world = World::new(&[("PGUSER", "u")]);
    check(
        &world,
        &[
            "host a local socket, else localhost the default",
            "port 5432 the default",
            "user u PGUSER",
            "dbname u the default",
        ],
    );
}

#[test]
fn ports_that_say_nothing_are_the_default() {
    check(
        &World::new(&[("DATABASE_URL", "postgres://u@a,b"), ("PGPORT", "1")]),
        &[
            "host a,b DATABASE_URL",
            // libpq, too, takes the comma for two ports.
            "port 5432 the default",
            "user u DATABASE_URL",
            "dbname u the default",
        ],
    );
}

#[test]
fn each_source_fills_what_those_before_it_leave_open() {
    let world = World::new(&[
        ("DATABASE_URL", "postgres://uh?service=s&application_name=u"),
        ("POSTGRES_URL", "postgres://other"),
        ("PGUSER", "eu"),
        ("PGSSLMODE", "disable"),
        ("PGAPPNAME", "e"),
        ("POSTGRES_DB", "id"),
        ("POSTGRES_PASSWORD", "ip"),
    ])
    .file(
        "/home/app/.pg_service.conf",
        0o644,
        "[s]\nuser=su\nhost=sh\n",
    )
    .file("/home/app/.pgpass", 0o600, "# mine\nuh:5432:*:su:fp\n");
    check(
        &world,
        &[
            "host uh DATABASE_URL",
            "port 5432 the default",
            "user su service \"s\" in ~/.pg_service.conf",
            "password (not shown) ~/.pgpass:2",
            "dbname su the default",
            "application_name u DATABASE_URL",
            "sslmode disable PGSSLMODE",
        ],
    );
}

#[test]
fn a_password_may_come_from_anywhere() {
    for (variables, source) in [
        (vec![("DATABASE_URL", "postgres://u:p@h")], "DATABASE_URL"),
        (
            vec![("DATABASE_URL", "postgres://u@h"), ("PGPASSWORD", "p")],
            "PGPASSWORD",
        ),
        (vec![("DATABASE_URL", "postgres://u@h")], "~/.pgpass:1"),
        (
            vec![("PGHOST", "h"), ("POSTGRES_PASSWORD", "p")],
            "~/.pgpass:1",
        ),
        (
            vec![("PGHOST", "elsewhere"), ("POSTGRES_PASSWORD", "p")],
            "POSTGRES_PASSWORD",
        ),
    ] {
        let world = World::new(&variables).file("/home/app/.pgpass", 0o600, "h:*:*:*:p\n");
        let row = format!("password (not shown) {source}");
        let shown = shown(&world);
        assert!(shown.lines().any(|line| line == row), "{shown}");
    }
}

#[test]
fn every_host_has_a_password_of_its_own() {
    let world = World::new(&[
        ("PGHOST", "a,b,c"),
        ("PGPORT", "1"),
        ("POSTGRES_PASSWORD", "i"),
    ])
    .file("/home/app/.pgpass", 0o600, "b:1:*:*:bp\na:1:*:*:ap\n");
    let connection = resolve(&Flags::default(), &world).unwrap();
    let secret = |text: &str| Some(Password::new(text));
    let expected = [secret("ap"), secret("bp"), secret("i")];
    assert!(connection.target.host_passwords == expected);
    let sources = connection.origins.iter();
    let sources = sources.filter(|origin| origin.keyword == "password");
    let sources: Vec<_> = sources.map(|origin| origin.source.to_string()).collect();
    assert_eq!(sources, ["~/.pgpass:2", "~/.pgpass:1", "POSTGRES_PASSWORD"]);
}

#[test]
fn the_variables_of_the_image_are_the_last_resort() {
    check(
        &World::new(&[
            ("POSTGRES_HOST", "ih"),
            ("POSTGRES_PORT", "7"),
            ("POSTGRES_USER", "iu"),
            ("POSTGRES_PASSWORD", "ip"),
            ("POSTGRES_DB", "id"),
        ]),
        &[
            "host ih POSTGRES_HOST",
            "port 7 POSTGRES_PORT",
            "user iu POSTGRES_USER",
            "password (not shown) POSTGRES_PASSWORD",
            "dbname id POSTGRES_DB",
        ],
    );
    // As the image itself does it.
    check(
        &World::new(&[("POSTGRES_PASSWORD", "ip"), ("PGHOST", "eh")]),
        &[
            "host eh PGHOST",
            "port 5432 the default",
            "user postgres the default",
            "password (not shown) POSTGRES_PASSWORD",
            "dbname postgres the default",
        ],
    );
    // Of a service called postgres.
    check(
        &World::new(&[
            ("POSTGRES_HOST", "ih"),
            ("POSTGRES_PORT", "tcp://10.0.0.1:5432"),
        ]),
        &[
            "host ih POSTGRES_HOST",
            "port 5432 the default",
            "user postgres the default",
            "dbname postgres the default",
        ],
    );
    check(
        &World::new(&[
            ("DATABASE_URL", "postgres://u@h"),
            ("POSTGRES_PASSWORD", "ip"),
            ("POSTGRES_DB", "id"),
        ]),
        &[
            "host h DATABASE_URL",
            "port 5432 the default",
            "user u DATABASE_URL",
            "dbname u the default",
        ],
    );
}

#[test]
fn a_database_must_be_named() {
    for variables in [
        &[][..],
        &[("PGPASSWORD", "p"), ("PGSSLMODE", "require")],
        &[("POSTGRES_PORT", "5432")],
        &[("PGHOST", ""), ("DATABASE_URL", "")],
    ] {
        check(
            &World::new(variables),
            &[
                "no database is named",
                "set DATABASE_URL=postgres://USER:PASSWORD@HOST/DATABASE, or give --url",
            ],
        );
    }
}

#[test]
fn a_bad_value_is_named_by_its_source() {
    let port = "a port is a number from 1 to 65535";
    check(&World::new(&[("PGPORT", "x")]), &["PGPORT: bad port", port]);
    check(
        &World::new(&[("POSTGRES_HOST", "h"), ("POSTGRES_PORT", "x")]),
        &["POSTGRES_PORT: bad port", port],
    );
    check(
        &World::new(&[("PGSERVICE", "s")]).file(
            "/home/app/.pg_service.conf",
            0o644,
            "[s]\nuser=u\nport=x\n",
        ),
        &["~/.pg_service.conf:3: bad port", port],
    );
    check(
        &World::new(&[("PGSERVICE", "s")]).file(
            "/home/app/.pg_service.conf",
            0o644,
            "[s]\nuser = u\n",
        ),
        &[
            "~/.pg_service.conf:2: a blank before the =",
            "a line is keyword=value",
        ],
    );
    check(
        &World::new(&[("DATABASE_URL", "host=a,b user=u"), ("PGPORT", "1,2,3")]),
        &[
            "PGPORT: port lists 3, but host lists 2",
            "give one for each host, or one port for all",
        ],
    );
    check(
        &World::new(&[
            ("DATABASE_URL", "postgres://u@h"),
            ("PGSSLROOTCERT", "system"),
            ("PGSSLMODE", "require"),
        ]),
        &[
            "PGSSLROOTCERT: sslmode is too weak for sslrootcert=system",
            "use sslmode=verify-full",
        ],
    );
    check(
        &World::new(&[("PGHOST", "h"), ("PGDATABASE", "postgres://u:p@h/d")]),
        &[
            "PGDATABASE: bad value of dbname",
            "give the URL by itself, as --url or DATABASE_URL, without dbname=",
        ],
    );
}

#[test]
fn a_service_that_is_not_there_is_not_named() {
    let world = World::new(&[("PGSERVICE", "s3cret")]);
    let hint = "write [NAME] and lines like host=HOST into ~/.pg_service.conf";
    check(&world, &["PGSERVICE: there is no service file", hint]);
    let world = world
        .file("/home/app/.pg_service.conf", 0o644, "[t]\n")
        .file("/etc/postgresql-common/pg_service.conf", 0o644, "");
    check(
        &world,
        &[
            "PGSERVICE: no such service in ~/.pg_service.conf or /etc/postgresql-common/pg_service.conf",
            hint,
        ],
    );
    check(
        &World::new(&[("PGSERVICE", "s"), ("PGSERVICEFILE", "/x")]),
        &[
            "cannot read the service file: PGSERVICEFILE: /x: entity not found",
            "name another one by PGSERVICEFILE, or unset PGSERVICE",
        ],
    );
}

#[test]
fn a_password_file_that_others_can_read_is_not_used() {
    let world = World::new(&[("DATABASE_URL", "postgres://u@h/d")]);
    let world = world.file("/home/app/.pgpass", 0o644, "*:*:*:*:p\n");
    let connection = resolve(&Flags::default(), &world).unwrap();
    assert!(connection.target.host_passwords.is_empty());
    let remark = Remark {
        message: "the password file ~/.pgpass is not used: others than its owner may use it"
            .to_owned(),
        cure: "chmod 600 ~/.pgpass".to_owned(),
    };
    assert_eq!(connection.remarks, [remark]);
}

#[test]
fn somebody_without_a_name_must_give_one() {
    struct Nobody;
    impl Environment for Nobody {
        fn variable(&self, name: &str) -> Option<OsString> {
            (name == "DATABASE_URL").then(|| "postgres://h/d".into())
        }
    }
    assert_eq!(
        shown(&Nobody),
        "no database user is named, and the system knows no name of who runs this\n\
         name the user in the connection string, or set PGUSER"
    );
}

/// What `to_variables` tells is what libpq, and so this program, reads the same connection from.
#[test]
fn variables_lead_back_to_the_same_connection() {
    for url in [
        "postgres://u:p@a:1,b:2/d",
        "host=/tmp user=u dbname='a b' options='-c geqo=off'",
        "postgres://u@h/d?sslmode=verify-full&sslrootcert=/r&sslcert=/c&sslkey=/k&sslsni=0&sslcrl=/l&sslcrldir=/m",
        "postgres://u@h/d?channel_binding=require&require_auth=!none&requirepeer=r&connect_timeout=3&application_name=x",
        "postgres://u@h/d?target_session_attrs=read-write&load_balance_hosts=random&sslnegotiation=direct&sslmode=require",
        "postgres://u@h/d?ssl_min_protocol_version=TLSv1.2&ssl_max_protocol_version=TLSv1.3&sslcertmode=allow&passfile=/p",
        "hostaddr=::1,127.0.0.1 host=a,b port=5 user=u password=' x'",
    ] {
        let there = resolve(&Flags::default(), &World::new(&[("DATABASE_URL", url)])).unwrap();
        let variables = there.target.to_variables().into_iter();
        let world = World {
            variables: variables
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
            ..World::new(&[])
        };
        let back = resolve(&Flags::default(), &world).unwrap();
        assert_eq!(back.target, there.target, "of {url:?}");
    }
}

#[test]
fn a_variable_of_a_file_is_behind_those_around() {
    let world = World::new(&[("PGUSER", "own"), ("PGDATABASE", "")])
        .file(
            ".env",
            0o644,
            "PGHOST=first\nPGUSER=file\nPGDATABASE=d\nPGPORT=x\n",
        )
        .file("more.env", 0o644, "\nPGHOST=${PGUSER}.example\nPGPORT=1\n");
    let flags = Flags {
        env_files: vec![".env".into(), "more.env".into()],
        ..Flags::default()
    };
    let environment = WithFiles::read(&flags, &world).unwrap();
    assert_eq!(
        shown(&environment).lines().collect::<Vec<_>>(),
        [
            "host own.example PGHOST (more.env:2)",
            "port 1 PGPORT (more.env:3)",
            "user own PGUSER",
            "dbname d PGDATABASE (.env:3)",
        ]
    );
}
