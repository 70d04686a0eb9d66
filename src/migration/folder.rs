//! The only reader of the disk: the migrations folder and the schema file.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::directive::{Header, Role};
use super::next::{Form, Neighbour, WayBack};
use super::rename::{Rename, Widths, renames};
use super::tool_checksum::Original;
use super::{Migration, Name, SchemaFile, SqlFile};
use crate::error::{Error, Escaped, FileFault, Result};

/// What of the files is held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Everything: they may run.
    Texts,
    /// What tells their states. Thousands of texts would be held for nothing.
    States,
}

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub dir: PathBuf,
    pub schema: SchemaPath,
}

/// Where the schema file is, and whether there must be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaPath {
    /// The default place; it may be absent.
    Usual(PathBuf),
    /// The user named it.
    Named(PathBuf),
}

/// All that a release brings: its migrations in the order in which they run, and its schema file.
#[derive(Debug)]
pub struct Files {
    /// The folder as the user named it.
    pub dir: String,
    /// In the byte order of their file names.
    pub migrations: Vec<Migration>,
    pub schema: Option<SchemaFile>,
}

impl Files {
    /// Reads and checks every file.
    ///
    /// # Errors
    /// `Error::Files` with everything that makes a file unusable, in all files.
    pub fn read(location: &Location, keep: Keep) -> Result<Files> {
        Files::read_from(location, keep, sources(&location.dir), &mut |_, _| {})
    }

    /// Reads and checks the files of these sources; `seen` is shown each as it lies on the disk.
    fn read_from(
        location: &Location,
        keep: Keep,
        sources: std::result::Result<(Vec<Source>, Vec<FileFault>), FileFault>,
        seen: &mut dyn FnMut(&Source, &[u8]),
    ) -> Result<Files> {
        let mut faults = Vec::new();
        let mut migrations = Vec::new();
        match sources {
            Ok((sources, bad_names)) => {
                faults.extend(bad_names);
                let mut buffer = Vec::with_capacity(BUFFER + 1);
                for source in sources {
                    match read(&source.path, source.kind, &mut buffer).and_then(|bytes| {
                        seen(&source, &bytes);
                        SqlFile::parse(show(&source.path), bytes, Role::Migration)
                    }) {
                        Ok(mut file) => {
                            if keep == Keep::States {
                                file.forget_text();
                            }
                            migrations.push(Migration {
                                name: source.name,
                                file,
                            });
                        }
                        Err(fault) => faults.push(fault),
                    }
                }
            }
            Err(fault) => faults.push(fault),
        }
        let schema = match read_schema(&location.schema) {
            Ok(schema) => schema,
            Err(fault) => {
                faults.push(fault);
                None
            }
        };
        if faults.is_empty() {
            Ok(Files {
                dir: show(&location.dir),
                migrations,
                schema,
            })
        } else {
            Err(Error::Files(faults))
        }
    }

    /// Whether a migration has this version.
    #[must_use]
    pub fn has_version(&self, version: &str) -> bool {
        self.migrations
            .iter()
            .any(|migration| migration.name.version() == version)
    }

    /// The migrations up to `version`, in file-name order: up to the last file of that version, or, if there is none
    /// any more, those whose names sort below it.
    #[must_use]
    pub fn through(&self, version: &str) -> &[Migration] {
        let last = self
            .migrations
            .iter()
            .rposition(|migration| migration.name.version() == version);
        let count = last.map_or_else(
            || {
                self.migrations
                    .iter()
                    .take_while(|migration| sorts_through(migration.name.filename(), version))
                    .count()
            },
            |last| last + 1,
        );
        &self.migrations[..count]
    }
}

/// The ways back of some migrations, by file name; none where there is none.
pub type WaysBack = HashMap<String, Option<SqlFile>>;

/// Reads and checks the ways back of some migrations. Nobody else reads them: what is wrong with a way back does not
/// stop the way forward.
///
/// # Errors
/// `Error::Files` with everything that makes a way back unusable, in all of them.
pub fn ways_back<'a>(
    location: &Location,
    migrations: impl Iterator<Item = &'a Migration>,
) -> Result<WaysBack> {
    let mut faults = Vec::new();
    let mut ways = WaysBack::new();
    for migration in migrations {
        match way_back(&location.dir, migration) {
            Ok(way) => drop(ways.insert(migration.name.filename().to_owned(), way)),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() {
        Ok(ways)
    } else {
        Err(Error::Files(faults))
    }
}

fn way_back(dir: &Path, migration: &Migration) -> std::result::Result<Option<SqlFile>, FileFault> {
    let here = dir.join(migration.name.filename());
    let own = folder_source(&here).unwrap_or_else(|| here.clone());
    let mut buffer = Vec::new();
    let bytes = read(&own, Known::Nothing, &mut buffer)?;
    let section = SqlFile::parse_section_back(show(&own), bytes)?;
    if let Some(section) = &section
        && section.checksum != migration.file.checksum
    {
        return Err(fault(
            &own,
            "the file changed while onward was reading it",
            "run onward again",
        ));
    }
    let beside = dir.join(format!("{}.down.sql", migration.name.stem()));
    let mut files = [beside, here.join("down.sql")]
        .into_iter()
        .filter(|path| path.symlink_metadata().is_ok());
    match (section, files.next(), files.next()) {
        (section, None, _) => Ok(section),
        (None, Some(path), None) => {
            let bytes = read(&path, Known::Nothing, &mut buffer)?;
            SqlFile::parse_way_back(show(&path), bytes).map(Some)
        }
        (Some(_), Some(second), _) | (None, Some(_), Some(second)) => Err(fault(
            &second,
            &format!("a second way back of {}", migration.name.filename()),
            "keep one of them",
        )),
    }
}

/// The migrations of a folder by their names alone: what is wrong with other files does not matter. None if there is no
/// such folder.
///
/// # Errors
/// `Error::Files` if the folder cannot be read.
pub fn neighbours(dir: &Path) -> Result<Option<Vec<Neighbour>>> {
    if fs::symlink_metadata(dir).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let (sources, faults) = sources(dir).map_err(|fault| Error::Files(vec![fault]))?;
    let neighbour = |source: Source| {
        let filename = source.name.filename();
        let inside = source.path.with_file_name("down.sql");
        let (form, way_back) = match filename.strip_suffix(".sql") {
            Some(stem) => {
                let form = match stem.strip_suffix(".up") {
                    Some(_) => Form::UpFile,
                    None => Form::File,
                };
                (form, dir.join(format!("{}.down.sql", source.name.stem())))
            }
            None if source.path.ends_with("up.sql") => (Form::Folder("up.sql"), inside),
            None => (Form::Folder("migration.sql"), inside),
        };
        let way_back = match way_back.symlink_metadata() {
            Ok(_) => WayBack::Beside,
            Err(_) => WayBack::Absent,
        };
        Neighbour {
            name: source.name,
            form,
            way_back,
        }
    };
    let mut neighbours: Vec<Neighbour> = sources.into_iter().map(neighbour).collect();
    // A numbered folder without its file has taken its number, but its form says nothing.
    let form = neighbours
        .last()
        .map_or(Form::Folder("up.sql"), |last| last.form);
    let unfilled = faults.iter().filter_map(|fault| {
        let name = Path::new(&fault.path).file_name()?.to_str()?;
        Name::parse(name).filter(|_| name.strip_suffix(".sql").is_none())
    });
    neighbours.extend(unfilled.map(|name| Neighbour {
        name,
        form,
        way_back: WayBack::Absent,
    }));
    Ok(Some(neighbours))
}

/// The version that the head of the schema file says it contains, whatever else is wrong with the file.
///
/// # Errors
/// `Error::Files` if the file or its head cannot be read.
pub fn schema_through(schema: &SchemaPath) -> Result<Option<String>> {
    let (SchemaPath::Usual(path) | SchemaPath::Named(path)) = schema;
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::Files(vec![unreadable(path, &error)])),
    };
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}');
    let header = Header::read(&show(path), text, Role::SchemaFile);
    let header = header.map_err(|fault| Error::Files(vec![fault]))?;
    Ok(header.baseline_through)
}

/// Writes new files, all or none, and never over another; folders are made as needed. Returns their paths.
///
/// # Errors
/// `Error::Files` with the file that is there already or cannot be written.
pub fn write_new(dir: &Path, files: &[(String, String)]) -> Result<Vec<String>> {
    let mut written: Vec<PathBuf> = Vec::new();
    for (name, text) in files {
        let path = dir.join(name);
        if let Err(fault) = write_one(&path, text) {
            for path in written {
                // It is ours, and as new as the fault that is told.
                let _ = fs::remove_file(path);
            }
            return Err(Error::Files(vec![fault]));
        }
        written.push(path);
    }
    Ok(written.iter().map(|path| show(path)).collect())
}

fn write_one(path: &Path, text: &str) -> std::result::Result<(), FileFault> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => fault(path, "exists already", "choose another name"),
        _ => fault(
            path,
            &format!("cannot be written: {error}"),
            "check the permissions of its folder, and the room on the disk",
        ),
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = fs::File::create_new(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(|error| {
        // Half a file is worse than none.
        let _ = fs::remove_file(path);
        failed(error)
    })
}

/// Whether two paths lead to the same place.
#[must_use]
pub fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Whether a file name sorts below `version` + 0xFF: the boundary of a version of which no file is left.
#[must_use]
pub fn sorts_through(filename: &str, version: &str) -> bool {
    let boundary = [version.as_bytes(), &[0xFF]].concat();
    filename.as_bytes() < boundary.as_slice()
}

/// Most files fit in; then one call reads a file, and a second one finds its end.
const BUFFER: usize = 64 * 1024;

struct Source {
    name: Name,
    /// The name in the listing of the folder.
    listed: String,
    path: PathBuf,
    kind: Known,
}

/// What the listing of the folder told of a file, so that nobody has to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    File,
    /// Not an ordinary file; perhaps a link to one.
    Nothing,
}

/// The migrations of a folder in file-name order, and the names that make no sense.
fn sources(dir: &Path) -> std::result::Result<(Vec<Source>, Vec<FileFault>), FileFault> {
    sources_as(dir, &HashMap::new())
}

/// The same, some of them under new names.
fn sources_as(
    dir: &Path,
    new_names: &HashMap<&str, &str>,
) -> std::result::Result<(Vec<Source>, Vec<FileFault>), FileFault> {
    let listing = fs::read_dir(dir).map_err(|error| unreadable(dir, &error))?;
    let (mut sources, mut faults) = (BTreeMap::new(), Vec::new());
    let mut ways_back = Vec::new();
    for entry in listing {
        let entry = entry.map_err(|error| unreadable(dir, &error))?;
        let path = entry.path();
        let kind = match entry.file_type() {
            Ok(kind) if kind.is_file() => Known::File,
            _ => Known::Nothing,
        };
        let raw_name = path.file_name().unwrap_or_default();
        let Some(listed) = raw_name.to_str() else {
            if raw_name.as_encoded_bytes().ends_with(b".sql") {
                faults.push(fault(
                    &path,
                    "the file name is not UTF-8",
                    "rename the file",
                ));
            }
            continue;
        };
        let filename = new_names.get(listed).copied().unwrap_or(listed);
        if filename.starts_with(['.', '_']) {
            continue;
        }
        let listed = listed.to_owned();
        if let Some(stem) = filename.strip_suffix(".down.sql") {
            ways_back.push((stem.to_owned(), path));
        } else if filename.strip_suffix(".sql").is_some() {
            match Name::parse(filename) {
                Some(name) => {
                    let key = filename.to_owned();
                    let source = Source { name, listed, path, kind };
                    drop(sources.insert(key, source));
                }
                None => faults.push(fault(
                    &path,
                    "the name of a migration begins with its number",
                    "name it like 0001_users.sql (digits, _ or -, a name), or begin the name with _ to have it ignored",
                )),
            }
        } else if kind == Known::Nothing
            && let Some(name) = Name::parse(filename)
            && path.is_dir()
        {
            match folder_source(&path) {
                Some(path) => {
                    let kind = Known::Nothing;
                    let key = filename.to_owned();
                    let source = Source {
                        name,
                        listed,
                        path,
                        kind,
                    };
                    drop(sources.insert(key, source));
                }
                None => faults.push(fault(
                    &path,
                    "a numbered folder holds neither up.sql nor migration.sql",
                    "put the migration there, or begin the folder's name with _ to have it ignored",
                )),
            }
        }
    }
    let mut stems: HashMap<&str, Vec<&str>> = HashMap::new();
    for source in sources.values() {
        let Source { name, .. } = source;
        stems.entry(name.stem()).or_default().push(name.filename());
    }
    for (stem, path) in ways_back {
        match stems.get(stem.as_str()).map(Vec::as_slice) {
            None => {
                let hint = format!("it needs {stem}.sql or {stem}.up.sql beside it");
                faults.push(fault(&path, "a way back without its migration", &hint));
            }
            Some([first, second, ..]) => faults.push(fault(
                &path,
                &format!("it would be the way back of two migrations, {first} and {second}"),
                "give one of them another name, and each a way back of its own",
            )),
            Some(_) => {}
        }
    }
    faults.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((sources.into_values().collect(), faults))
}

fn folder_source(folder: &Path) -> Option<PathBuf> {
    ["up.sql", "migration.sql"]
        .map(|file| folder.join(file))
        .into_iter()
        .find(|path| path.symlink_metadata().is_ok())
}

fn read_schema(schema: &SchemaPath) -> std::result::Result<Option<SchemaFile>, FileFault> {
    let path = match schema {
        SchemaPath::Usual(path)
            if path
                .symlink_metadata()
                .is_err_and(|error| error.kind() == io::ErrorKind::NotFound) =>
        {
            return Ok(None);
        }
        SchemaPath::Usual(path) | SchemaPath::Named(path) => path,
    };
    let bytes = read(path, Known::Nothing, &mut Vec::new())?;
    let file = SqlFile::parse(show(path), bytes, Role::SchemaFile)?;
    Ok(Some(SchemaFile { file }))
}

/// Reads an ordinary file; opening anything else (a FIFO, say) could wait without end.
fn read(path: &Path, kind: Known, buffer: &mut Vec<u8>) -> std::result::Result<Vec<u8>, FileFault> {
    if kind == Known::Nothing {
        let kind = fs::metadata(path)
            .map_err(|error| unreadable(path, &error))?
            .file_type();
        if !kind.is_file() {
            let what = if kind.is_dir() {
                "a folder"
            } else {
                "a FIFO, socket or device"
            };
            return Err(fault(
                path,
                &format!("not a file but {what}"),
                "put an ordinary file there, or rename it",
            ));
        }
    }
    let failed = |error: io::Error| unreadable(path, &error);
    let mut file = fs::File::open(path).map_err(failed)?;
    buffer.clear();
    // A bounded reader does not ask for the size first, which most files are not worth.
    let limit = BUFFER as u64;
    (&mut file)
        .take(limit)
        .read_to_end(buffer)
        .map_err(failed)?;
    if buffer.len() < BUFFER {
        return Ok(buffer.as_slice().to_owned());
    }
    let size = file.metadata().map_err(failed)?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(BUFFER) + 1);
    bytes.extend_from_slice(buffer);
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// How another tool knows the files of a folder.
#[derive(Debug)]
pub struct Origins {
    /// The migrations as they lie on the disk, in the same order.
    pub originals: Vec<Original>,
    /// What onward cannot use under its present name.
    pub renames: Vec<Rename>,
    pub widths: Widths,
}

impl Origins {
    /// Reads and checks every file, under the names by which onward can know them.
    ///
    /// # Errors
    /// `Error::Files` with everything that makes a file unusable, a new name that is taken among it.
    pub fn read(location: &Location) -> Result<(Files, Origins)> {
        let names = listing(&location.dir).map_err(|fault| Error::Files(vec![fault]))?;
        let (renames, widths) = renames(&names);
        let taken = taken(&location.dir, &names, &renames);
        if !taken.is_empty() {
            return Err(Error::Files(taken));
        }
        let new_names: HashMap<&str, &str> = renames
            .iter()
            .map(|rename| (rename.from.as_str(), rename.to.as_str()))
            .collect();
        let mut originals = Vec::new();
        let sources = sources_as(&location.dir, &new_names);
        let files = Files::read_from(location, Keep::States, sources, &mut |source, bytes| {
            originals.push(Original {
                name: source.listed.clone(),
                bytes: bytes.to_vec(),
            });
        })?;
        let origins = Origins {
            originals,
            renames,
            widths,
        };
        Ok((files, origins))
    }
}

/// Gives files and folders their new names. What was renamed before something failed stays so: a second try does the
/// rest.
///
/// # Errors
/// `Error::Files` with the first that cannot be renamed.
pub fn rename(dir: &Path, renames: &[Rename]) -> Result<()> {
    let failed = |path: &Path, message: &str| {
        let hint =
            "check the permissions of the folder, then run onward adopt --rename-files again";
        Error::Files(vec![fault(path, message, hint)])
    };
    for rename in renames {
        let (from, to) = (dir.join(&rename.from), dir.join(&rename.to));
        if to.symlink_metadata().is_ok() {
            return Err(failed(&to, "exists already"));
        }
        fs::rename(&from, &to)
            .map_err(|error| failed(&from, &format!("cannot be renamed: {error}")))?;
    }
    Ok(())
}

fn listing(dir: &Path) -> std::result::Result<Vec<String>, FileFault> {
    let entries = fs::read_dir(dir).map_err(|error| unreadable(dir, &error))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(dir, &error))?;
        // What is not UTF-8 is told by who reads the files.
        names.extend(entry.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// New names that a file has already, or that two would get.
fn taken(dir: &Path, names: &[String], renames: &[Rename]) -> Vec<FileFault> {
    let mut given: HashSet<&str> = names.iter().map(String::as_str).collect();
    let taken = renames.iter().filter(|rename| !given.insert(&rename.to));
    taken
        .map(|rename| {
            let message = format!(
                "would be renamed {}, and there is such a file",
                Escaped(&rename.to)
            );
            fault(
                &dir.join(&rename.from),
                &message,
                "rename one of them by hand",
            )
        })
        .collect()
}

fn unreadable(path: &Path, error: &io::Error) -> FileFault {
    if error.kind() != io::ErrorKind::NotFound {
        return fault(
            path,
            &format!("cannot be read: {error}"),
            "check its permissions",
        );
    }
    match fs::read_link(path) {
        Ok(target) => {
            let message = format!(
                "a link to {}, which does not exist",
                Escaped(&show(&target))
            );
            fault(path, &message, "mend the link or remove it")
        }
        Err(_) => fault(
            path,
            "does not exist",
            "create it, or name another one: --dir for the folder, --schema for the schema file",
        ),
    }
}

fn fault(path: &Path, message: &str, hint: &str) -> FileFault {
    FileFault {
        path: show(path),
        line: None,
        message: message.to_owned(),
        hint: hint.to_owned(),
    }
}

fn show(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
