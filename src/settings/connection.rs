//! Where the connection comes from: string, service, variables, files, defaults. Each value knows its source. Pure.
//!
//! The order is libpq's, with the container image's variables behind it:
//! <https://www.postgresql.org/docs/current/libpq-connect.html>. Where libpq takes an empty value for a value, this does not.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::docker::{self, Found, InContainer};
use super::source::{pick, variable};
use super::{Environment, SmallFile, Source, account, password_file, service_file};
use crate::cli::Flags;
use crate::database::conninfo::{
    self, CHECKED_VARIABLES, ConnInfo, ConnInfoError, Password, SslMode, VARIABLES, Value,
};
use crate::error::{Error, Escaped, Result};

/// A connection that leaves nothing open that libpq would fill.
#[derive(Debug)]
pub struct Connection {
    pub target: ConnInfo,
    pub origins: Vec<Origin>,
    pub remarks: Vec<Remark>,
    pub container: Option<InContainer>,
}

/// A value of the connection, as it may be shown, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub keyword: &'static str,
    pub value: String,
    pub source: Source,
}

/// Something about the settings that does not end the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    pub message: String,
    pub cure: String,
}

/// What a secret is shown as.
const NOT_SHOWN: &str = "(not shown)";

/// Gathers the connection.
pub(super) fn resolve(flags: &Flags, environment: &impl Environment) -> Result<Connection> {
    let mut filling = Filling {
        environment,
        info: ConnInfo::default(),
        sources: Vec::new(),
        remarks: Vec::new(),
        container: None,
    };
    let by_container = filling.container(flags)?;
    let by_string = by_container || filling.string(flags)?;
    let by_service = !by_container && filling.service()?;
    let by_image = ["HOST", "USER", "PASSWORD", "DB"]
        .iter()
        .any(|name| filling.has(&format!("POSTGRES_{name}")));
    let by_variables = WHO_AND_WHERE.iter().any(|name| filling.has(name));
    if !(by_string || by_service || by_variables || by_image) {
        return Err(nothing_named());
    }
    filling.variables()?;
    let image = (by_image && !by_string && !by_service).then_some(Image);
    if image.is_some() {
        filling.image()?;
    }
    filling.defaults()?;
    filling.check()?;
    filling.passwords(image);
    Ok(filling.done())
}

/// The variables that name a database, if only in part.
const WHO_AND_WHERE: &[&str] = &["PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGDATABASE"];

/// The variables of the container image hold, because nothing names a database more plainly.
#[derive(Debug, Clone, Copy)]
struct Image;

fn nothing_named() -> Error {
    Error::Usage {
        message: "no database is named".to_owned(),
        hint: "set DATABASE_URL=postgres://USER:PASSWORD@HOST/DATABASE, or give --url".to_owned(),
    }
}

/// A connection that is being filled; what is filled stays.
struct Filling<'a, E> {
    environment: &'a E,
    info: ConnInfo,
    sources: Vec<(&'static str, Source)>,
    remarks: Vec<Remark>,
    container: Option<InContainer>,
}

impl<E: Environment> Filling<'_, E> {
    fn has(&self, name: &str) -> bool {
        let value = self.environment.variable(name);
        value.is_some_and(|value| !value.is_empty())
    }

    /// Says of all that has no source yet that it came from here.
    fn adopt(&mut self, source: &Source) {
        for (key, _) in self.info.values() {
            if !self.sources.iter().any(|(known, _)| *known == key) {
                self.sources.push((key, source.clone()));
            }
        }
    }

    /// Sets what is still open.
    fn fill(
        &mut self,
        key: &str,
        value: &[u8],
        source: &Source,
    ) -> std::result::Result<(), ConnInfoError> {
        if self.info.value(key).is_none() {
            self.info.set_bytes(key, value)?;
            self.adopt(source);
        }
        Ok(())
    }

    /// The container of `--docker`. Whether there is one.
    fn container(&mut self, flags: &Flags) -> Result<bool> {
        let Some(Found {
            conninfo,
            container,
        }) = docker::find(flags, self.environment)?
        else {
            return Ok(false);
        };
        self.info = conninfo;
        self.adopt(&Source::Place(container.to_string()));
        self.container = Some(container);
        Ok(true)
    }

    /// The connection string: `--url`, `DATABASE_URL`, `POSTGRES_URL`. Whether there is one.
    fn string(&mut self, flags: &Flags) -> Result<bool> {
        let named = pick(
            flags.url.as_ref(),
            "--url",
            self.environment,
            "DATABASE_URL",
        );
        let Some((url, source)) = named.or_else(|| variable(self.environment, "POSTGRES_URL"))
        else {
            return Ok(false);
        };
        let Ok(url) = url.into_string() else {
            return Err(bad(&source, "the value is not UTF-8"));
        };
        self.info = conninfo::parse(&url).map_err(|error| Error::Usage {
            message: format!("{source}: {error}"),
            hint: error.hint().unwrap_or_else(|| {
                "write DATABASE_URL=postgres://USER:PASSWORD@HOST/DATABASE".to_owned()
            }),
        })?;
        self.adopt(&source);
        Ok(true)
    }

    /// The service, if one is named: by the connection string, else by `PGSERVICE`. Whether there is one.
    fn service(&mut self) -> Result<bool> {
        let by_string = self.info.service.take();
        let file_by_string = self.info.servicefile.take();
        let of = |key: &str, sources: &[(&'static str, Source)]| {
            let mut known = sources.iter().filter(|(known, _)| *known == key);
            known
                .next()
                .map_or(Source::Default, |(_, source)| source.clone())
        };
        let service = by_string
            .map(|name| (OsString::from(name), of("service", &self.sources)))
            .or_else(|| variable(self.environment, "PGSERVICE"));
        let file = file_by_string
            .map(|path| (OsString::from(path), of("servicefile", &self.sources)))
            .or_else(|| variable(self.environment, "PGSERVICEFILE"));
        self.sources.retain(|(key, _)| !key.starts_with("service"));
        let Some((name, source)) = service else {
            return Ok(false);
        };
        let Ok(name) = name.into_string() else {
            return Err(bad(&source, "the value is not UTF-8"));
        };
        self.find_service(&name, &source, file)?;
        Ok(true)
    }

    /// Looks for the service in the named file, else in the user's, then in the system's.
    fn find_service(
        &mut self,
        name: &str,
        source: &Source,
        named: Option<(OsString, Source)>,
    ) -> Result<()> {
        let home = account::home(self.environment);
        let files = self.service_files(named, home.as_deref());
        let mut looked_at = Vec::new();
        for (path, named_by) in files {
            let shown = Escaped(&account::shown(&path, home.as_deref())).to_string();
            let file = match (self.environment.file(&path), named_by) {
                (Ok(file), _) => file,
                (Err(error), None) if error.kind() == io::ErrorKind::NotFound => continue,
                (Err(error), None) => return Err(unreadable(&shown, &error)),
                (Err(error), Some(source)) => {
                    return Err(unreadable(&format!("{source}: {shown}"), &error));
                }
            };
            if self.use_service(name, &file, &shown)? {
                return Ok(());
            }
            looked_at.push(shown);
        }
        Err(Error::Usage {
            message: match &looked_at[..] {
                [] => format!("{source}: there is no service file"),
                files => format!("{source}: no such service in {}", files.join(" or ")),
            },
            hint: "write [NAME] and lines like host=HOST into ~/.pg_service.conf".to_owned(),
        })
    }

    /// Where services are looked for, in this order; with the source that names the file, if one does.
    fn service_files(
        &self,
        named: Option<(OsString, Source)>,
        home: Option<&Path>,
    ) -> Vec<(PathBuf, Option<Source>)> {
        let own = match named {
            Some((path, source)) => Some((PathBuf::from(path), Some(source))),
            None => home.map(|home| (home.join(".pg_service.conf"), None)),
        };
        let system = variable(self.environment, "PGSYSCONFDIR")
            .map_or_else(|| PathBuf::from(SYSTEM_FOLDER), |(path, _)| path.into());
        own.into_iter()
            .chain([(system.join("pg_service.conf"), None)])
            .collect()
    }

    /// Fills from a service file; whether it has the service.
    fn use_service(&mut self, name: &str, file: &SmallFile, shown: &str) -> Result<bool> {
        let entries = service_file::find(&file.bytes, name).map_err(|fault| Error::Usage {
            message: format!("{shown}:{}: {}", fault.line, fault.message),
            hint: fault.hint.to_owned(),
        })?;
        let Some(entries) = entries else {
            return Ok(false);
        };
        let source = Source::Place(format!("service \"{name}\" in {shown}"));
        for entry in entries {
            self.fill(entry.keyword, entry.value, &source)
                .map_err(|error| {
                    let place = Source::Place(format!("{shown}:{}", entry.line));
                    refused(&place, &error)
                })?;
        }
        Ok(true)
    }

    /// libpq's variables. None of them leads away from a container.
    fn variables(&mut self) -> Result<()> {
        for (name, key) in VARIABLES {
            if self.container.is_some() && WHO_AND_WHERE.contains(name) {
                continue;
            }
            if let Some((value, source)) = variable(self.environment, name) {
                self.fill(key, value.as_bytes(), &source)
                    .map_err(|error| refused(&source, &error))?;
            }
        }
        for (name, key) in CHECKED_VARIABLES {
            if let Some((value, source)) = variable(self.environment, name) {
                ConnInfo::default()
                    .set_bytes(key, value.as_bytes())
                    .map_err(|error| refused(&source, &error))?;
            }
        }
        // Outdated, and of another form than sslmode; any other value says nothing.
        match variable(self.environment, "PGREQUIRESSL") {
            Some((value, source))
                if value.as_bytes().starts_with(b"1") && self.info.sslmode.is_none() =>
            {
                self.info.sslmode = Some(SslMode::Require);
                self.adopt(&source);
            }
            _ => {}
        }
        Ok(())
    }

    /// What the image `postgres` and those who deploy it call host, port, user and database.
    fn image(&mut self) -> Result<()> {
        for (name, key) in [
            ("POSTGRES_HOST", "host"),
            ("POSTGRES_PORT", "port"),
            ("POSTGRES_USER", "user"),
            ("POSTGRES_DB", "dbname"),
        ] {
            let Some((value, source)) = variable(self.environment, name) else {
                continue;
            };
            // Kubernetes and linked containers say so of a service of that name.
            if name == "POSTGRES_PORT" && value.as_bytes().starts_with(b"tcp://") {
                continue;
            }
            self.fill(key, value.as_bytes(), &source)
                .map_err(|error| refused(&source, &error))?;
        }
        if self.info.user.is_none() {
            self.info.user = Some("postgres".to_owned());
        }
        Ok(())
    }

    /// The user that runs the program, the database of the user's name, and full checks against the system's roots.
    fn defaults(&mut self) -> Result<()> {
        self.info.home = account::home(self.environment);
        if self.info.user.is_none() {
            let account = account::own(self.environment);
            let name = account.and_then(|account| String::from_utf8(account.name).ok());
            self.info.user = Some(name.ok_or_else(|| {
                Error::Usage {
                    message:
                        "no database user is named, and the system knows no name of who runs this"
                            .to_owned(),
                    hint: "name the user in the connection string, or set PGUSER".to_owned(),
                }
            })?);
        }
        if self.info.dbname.is_none() {
            self.info.dbname.clone_from(&self.info.user);
        }
        if self.info.sslmode.is_none() && self.info.sslrootcert.as_deref() == Some("system") {
            self.info.sslmode = Some(SslMode::VerifyFull);
        }
        self.adopt(&Source::Default);
        Ok(())
    }

    fn check(&self) -> Result<()> {
        self.info.check().map_err(|error| {
            let known = |(key, _): &&(&str, Source)| Some(*key) == error.keyword();
            let source = self.sources.iter().find(known);
            refused(
                source.map_or(&Source::Default, |(_, source)| source),
                &error,
            )
        })
    }

    /// Passwords of a password file, and behind it that of the image, unless one was given.
    fn passwords(&mut self, image: Option<Image>) {
        if self.info.password.is_some() {
            return;
        }
        let mut found = self.look_up();
        let named = image.and_then(|_| variable(self.environment, "POSTGRES_PASSWORD"));
        if let Some((password, source)) = named {
            let password = Password::new(password.as_bytes());
            for place in found.iter_mut().filter(|place| place.is_none()) {
                *place = Some((password.clone(), source.clone()));
            }
        }
        if found.iter().all(Option::is_none) {
            return;
        }
        for (_, source) in found.iter().flatten() {
            let row = ("password", source.clone());
            if !self.sources.contains(&row) {
                self.sources.push(row);
            }
        }
        let passwords = found.into_iter();
        self.info.host_passwords = passwords
            .map(|place| place.map(|(password, _)| password))
            .collect();
    }

    /// What the password file says of each place.
    fn look_up(&mut self) -> Vec<Option<(Password, Source)>> {
        let Some((file, shown)) = self.password_file() else {
            return vec![None; self.info.addresses().len()];
        };
        let (user, dbname) = (
            self.info.user.as_deref().unwrap_or_default(),
            self.info.dbname.as_deref().unwrap_or_default(),
        );
        let places = self.info.addresses().into_iter();
        places
            .map(|place| {
                let host = password_file::host_name(&place);
                let (line, password) =
                    password_file::find(&file.bytes, &host, place.port, dbname, user)?;
                Some((password, Source::Place(format!("{shown}:{line}"))))
            })
            .collect()
    }

    /// The password file, if there is one that can be trusted, and what it is called.
    fn password_file(&mut self) -> Option<(SmallFile, String)> {
        let home = self.info.home.as_deref();
        let path = match &self.info.passfile {
            Some(path) => account::path(path.as_bytes()),
            None => home?.join(".pgpass"),
        };
        let shown = Escaped(&account::shown(&path, home)).to_string();
        let (reason, cure) = match self.environment.file(&path) {
            Ok(file) if password_file::is_open_to_others(file.mode) => (
                "others than its owner may use it".to_owned(),
                format!("chmod 600 {shown}"),
            ),
            Ok(file) => return Some((file, shown)),
            Err(error) if is_absent(&error) => return None,
            Err(error) => (
                error.to_string(),
                "mend it, or set PGPASSFILE to another file".to_owned(),
            ),
        };
        self.remarks.push(Remark {
            message: format!("the password file {shown} is not used: {reason}"),
            cure,
        });
        None
    }

    fn done(self) -> Connection {
        let shown = |key: &str| match self.info.value(key) {
            Some(Value::Text(text)) => text,
            Some(Value::Secret(_)) | None => NOT_SHOWN.to_owned(),
        };
        let sources = self.sources.iter();
        let mut origins: Vec<Origin> = sources
            .map(|(keyword, source)| Origin {
                keyword,
                value: shown(keyword),
                source: source.clone(),
            })
            .collect();
        if self.info.hosts.is_empty() && self.info.hostaddrs.is_empty() {
            origins.push(Origin {
                keyword: "host",
                value: "a local socket, else localhost".to_owned(),
                source: Source::Default,
            });
        }
        if self.info.ports.iter().all(Option::is_none) {
            // A URL with two hosts and no port has a list of ports that says nothing.
            origins.retain(|origin| origin.keyword != "port");
            origins.push(Origin {
                keyword: "port",
                value: conninfo::DEFAULT_PORT.to_string(),
                source: Source::Default,
            });
        }
        // In the order of the keywords, whatever their sources.
        let order = |keyword: &str| {
            let first = ["host", "hostaddr", "port", "user", "password", "dbname"];
            let at = first.iter().position(|key| *key == keyword);
            at.unwrap_or(first.len())
        };
        origins.sort_by_key(|origin| order(origin.keyword));
        Connection {
            target: self.info,
            origins,
            remarks: self.remarks,
            container: self.container,
        }
    }
}

/// Where Debian's libpq looks for the service file of the whole system.
const SYSTEM_FOLDER: &str = "/etc/postgresql-common";

/// Whether a file is not there at all, perhaps because its folder is none.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn unreadable(what: &str, error: &io::Error) -> Error {
    Error::Usage {
        message: format!("cannot read the service file: {what}: {error}"),
        hint: "name another one by PGSERVICEFILE, or unset PGSERVICE".to_owned(),
    }
}

fn refused(source: &Source, error: &ConnInfoError) -> Error {
    Error::Usage {
        message: format!("{source}: {error}"),
        hint: error
            .hint()
            .unwrap_or_else(|| "see onward --help".to_owned()),
    }
}

fn bad(source: &Source, message: &str) -> Error {
    Error::Usage {
        message: format!("{source}: {message}"),
        hint: "see onward --help".to_owned(),
    }
}

#[cfg(test)]
mod tests;
