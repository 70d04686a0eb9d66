//! Certificates, keys and revocation lists on the disk. Every way into a file of TLS stands here.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::database::conninfo::ConnInfo;
use crate::error::{Error, Escaped, Result, Shell};

/// A file that the connection string names, or that lies in its usual place.
#[derive(Debug, Clone)]
pub(super) struct Named {
    /// The keyword that names it.
    key: &'static str,
    path: PathBuf,
    given: bool,
}

/// The content of a file, with its place for messages.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) source: Source,
    pub(super) bytes: Vec<u8>,
}

/// The place of a file, for messages.
#[derive(Debug, Clone)]
pub(super) struct Source {
    key: &'static str,
    path: PathBuf,
}

impl Source {
    /// The settings name a file that cannot be used.
    pub(super) fn unusable(&self, problem: &str, hint: &str) -> Error {
        Error::Usage {
            message: format!("{}: {}: {problem}", self.key, self.shown()),
            hint: hint.to_owned(),
        }
    }

    /// The file as a word of a message.
    pub(super) fn shown(&self) -> String {
        Escaped(&self.path.to_string_lossy()).to_string()
    }
}

impl Named {
    /// The file of a keyword: the given one, else this one of `~/.postgresql`.
    pub(super) fn find(
        info: &ConnInfo,
        key: &'static str,
        given: Option<&String>,
        usual: &str,
    ) -> Result<Option<Named>> {
        let Some(path) = given else {
            return Ok(info.home.as_ref().map(|home| Named {
                key,
                path: home.join(".postgresql").join(usual),
                given: false,
            }));
        };
        // Some programs take the text itself, which must not get into a message.
        if path.contains("-----BEGIN") || path.contains('\n') {
            return Err(Error::Usage {
                message: format!("{key} holds the text of a file, not its path"),
                hint: format!("write the text to a file, and its path into {key}"),
            });
        }
        Ok(Some(Named {
            key,
            path: PathBuf::from(path),
            given: true,
        }))
    }

    pub(super) fn source(&self) -> Source {
        Source {
            key: self.key,
            path: self.path.clone(),
        }
    }

    /// The content; None if the file is in its usual place only, and not there. libpq goes on without a named file that
    /// is not there, and then verifies less than was asked for.
    pub(super) fn read(&self) -> Result<Option<Content>> {
        self.checked(|bytes, _| Ok(bytes))
    }

    /// The content of a private key, which nobody else may read: libpq's rule, for
    /// <https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-CLIENTCERT>.
    pub(super) fn read_secret(&self) -> Result<Option<Content>> {
        self.checked(|bytes, about| {
            // Read by its group at most if root owns it, and by nobody else in any case.
            let forbidden = if about.uid() == 0 { 0o027 } else { 0o077 };
            if about.mode() & forbidden == 0 {
                return Ok(bytes);
            }
            let shown = self.source().shown();
            Err(self.source().unusable(
                "the private key can be read by others",
                &format!("chmod 600 {}", Shell(&shown)),
            ))
        })
    }

    fn checked(
        &self,
        check: impl Fn(Vec<u8>, &fs::Metadata) -> Result<Vec<u8>>,
    ) -> Result<Option<Content>> {
        let (bytes, about) = match read(&self.path) {
            Ok(found) => found,
            Err(error) if !self.given && is_absent(&error) => return Ok(None),
            Err(error) => {
                let hint = format!("check {}, and who may read the file", self.key);
                return Err(self.source().unusable(&error.to_string(), &hint));
            }
        };
        Ok(Some(Content {
            source: self.source(),
            bytes: check(bytes, &about)?,
        }))
    }
}

/// The contents of all files of a folder.
pub(super) fn read_folder(key: &'static str, folder: &str) -> Result<Vec<Content>> {
    let source = |path: &Path| Source {
        key,
        path: path.to_owned(),
    };
    let unusable = |path: &Path, error: &io::Error| {
        source(path).unusable(
            &error.to_string(),
            &format!("check {key}, and who may read there"),
        )
    };
    let folder = Path::new(folder);
    let entries = fs::read_dir(folder).map_err(|error| unusable(folder, &error))?;
    let mut contents = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unusable(folder, &error))?.path();
        if path.is_file() {
            let (bytes, _) = read(&path).map_err(|error| unusable(&path, &error))?;
            let source = source(&path);
            contents.push(Content { source, bytes });
        }
    }
    Ok(contents)
}

/// Larger than any bundle of certificates, and small enough for a file that never ends.
const LARGEST: u64 = 64 << 20;

fn read(path: &Path) -> io::Result<(Vec<u8>, fs::Metadata)> {
    // A pipe could make us wait for ever when it is opened.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let file = File::open(path)?;
    let about = file.metadata()?;
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok((bytes, about))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A home with one file in `.postgresql`.
    fn home_with(name: &str, mode: u32) -> (tempfile::TempDir, ConnInfo) {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".postgresql");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(name), "text").unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
        let info = ConnInfo {
            home: Some(home.path().to_owned()),
            ..ConnInfo::default()
        };
        (home, info)
    }

    fn told<T>(outcome: Result<Option<T>>) -> String {
        match outcome {
            Ok(Some(_)) => "read".to_owned(),
            Ok(None) => "absent".to_owned(),
            Err(error) => format!("{error}; {}", error.hint()),
        }
    }

    #[test]
    fn files_in_their_usual_places_may_be_absent() {
        let (home, info) = home_with("root.crt", 0o644);
        let find = |usual, given: Option<&String>| {
            let file = Named::find(&info, "sslrootcert", given, usual).unwrap();
            told(file.unwrap().read())
        };
        assert_eq!(find("root.crt", None), "read");
        assert_eq!(find("root.crl", None), "absent");
        let given = home.path().join("none").display().to_string();
        assert_eq!(
            find("root.crt", Some(&given)),
            format!(
                "sslrootcert: {given}: No such file or directory (os error 2); check sslrootcert, and who may read the file"
            )
        );
        let homeless = ConnInfo::default();
        assert!(
            Named::find(&homeless, "sslrootcert", None, "root.crt")
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_key_is_for_its_owner_alone() {
        let own = fs::metadata("/proc/self").unwrap().uid();
        for (mode, fine) in [
            (0o600, true),
            (0o400, true),
            (0o640, own == 0),
            (0o660, false),
            (0o604, false),
            (0o644, false),
        ] {
            let (_home, info) = home_with("postgresql.key", mode);
            let file = Named::find(&info, "sslkey", None, "postgresql.key").unwrap();
            let told = told(file.unwrap().read_secret());
            assert_eq!(told == "read", fine, "{mode:o}: {told}");
        }
    }
}
