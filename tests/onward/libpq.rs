//! Connection strings and environments, resolved by libpq and by this program: what differs is listed here with its reason.
//! An unlisted difference fails, and so does a listed one that is none any more.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use onward::cli::Flags;
use onward::database::conninfo::Value;
use onward::settings::{Environment, Settings, SmallFile};
use serde_json::{Value as Json, json};

mod environments;
mod strings;

/// What libpq and this program are given.
struct Case {
    string: String,
    variables: Vec<(&'static str, String)>,
    files: Vec<(&'static str, u32, &'static str)>,
    expected: Expected,
}

/// How the two answers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Same,
    /// The same as in this version of libpq, but not as in those before, which do not know it.
    SameSince(u64),
    /// The same until this version of libpq, which is stricter than those before.
    SameBefore(u64),
    /// Not the same, and meant to be, unless libpq was built without what this program lacks as well.
    DiffersByBuild(&'static str),
    /// Not the same, and meant to be.
    Differs(&'static str),
}

/// Stands for the folder of a case in its texts.
const FOLDER: &str = "{folder}";

fn case(string: impl Into<String>) -> Case {
    Case {
        string: string.into(),
        variables: Vec::new(),
        files: Vec::new(),
        expected: Expected::Same,
    }
}

impl Case {
    /// With this variable; `{folder}` in its value is the folder of the case.
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Case {
        self.variables.push((name, value.into()));
        self
    }

    /// With this file in the folder of the case; `home` there is the home.
    fn file(mut self, name: &'static str, mode: u32, text: &'static str) -> Case {
        self.files.push((name, mode, text));
        self
    }

    fn since(mut self, version: u64) -> Case {
        self.expected = Expected::SameSince(version);
        self
    }

    fn before(mut self, version: u64) -> Case {
        self.expected = Expected::SameBefore(version);
        self
    }

    fn differs_by_build(mut self, reason: &'static str) -> Case {
        self.expected = Expected::DiffersByBuild(reason);
        self
    }

    fn differs(mut self, reason: &'static str) -> Case {
        self.expected = Expected::Differs(reason);
        self
    }

    fn describe(&self) -> String {
        let mut text = format!("{:?}", self.string);
        for (name, value) in &self.variables {
            let _ = write!(text, " {name}={value:?}");
        }
        for (name, mode, content) in &self.files {
            let _ = write!(text, " {name}({mode:o})={content:?}");
        }
        text
    }
}

/// A case on the disk.
struct Place {
    folder: PathBuf,
    string: String,
    variables: BTreeMap<&'static str, String>,
}

impl Place {
    fn new(case: &Case, folder: PathBuf) -> Place {
        fs::create_dir_all(folder.join("home")).unwrap();
        let shown = folder.to_str().unwrap();
        for (name, mode, text) in &case.files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        let mut variables = BTreeMap::from([
            ("HOME", format!("{shown}/home")),
            // Not what this machine has.
            ("PGSYSCONFDIR", format!("{shown}/system")),
        ]);
        let given = case.variables.iter();
        variables.extend(given.map(|(name, value)| (*name, value.replace(FOLDER, shown))));
        Place {
            string: case.string.replace(FOLDER, shown),
            folder,
            variables,
        }
    }
}

impl Environment for Place {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).map(OsString::from)
    }

    fn file(&self, path: &Path) -> io::Result<SmallFile> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a plain file"));
        }
        Ok(SmallFile {
            bytes: fs::read(path)?,
            mode: metadata.mode() & 0o7777,
            owner: metadata.uid(),
        })
    }

    fn user_id(&self) -> Option<u32> {
        Some(fs::metadata("/proc/self").ok()?.uid())
    }
}

/// An answer: values by keyword, or a fault.
type Answer = Result<BTreeMap<String, String>, String>;

fn ours(place: &Place) -> Answer {
    let flags = Flags {
        url: (!place.string.is_empty()).then(|| place.string.clone()),
        ..Flags::default()
    };
    let settings = Settings::resolve(&flags, place).map_err(|error| error.to_string())?;
    let target = settings.target;
    let text = |value| match value {
        Value::Text(text) => text,
        Value::Secret(secret) => String::from_utf8_lossy(secret.as_bytes()).into_owned(),
    };
    let values = target.values().into_iter();
    let mut values: BTreeMap<String, String> = values
        .map(|(key, value)| (key.to_owned(), text(value)))
        .collect();
    if let Some(Some(password)) = target.host_passwords.first() {
        values.insert("password".to_owned(), text(Value::Secret(password.clone())));
    }
    Ok(normal(values, place))
}

/// Without what says the same in another way, and what this program has no use for.
fn normal(mut values: BTreeMap<String, String>, place: &Place) -> BTreeMap<String, String> {
    let usual = [
        ("port", "5432"),
        ("sslmode", "prefer"),
        ("sslsni", "1"),
        ("sslnegotiation", "postgres"),
        ("sslcertmode", "allow"),
        ("ssl_min_protocol_version", "TLSv1.2"),
        ("channel_binding", "prefer"),
        ("target_session_attrs", "any"),
        ("load_balance_hosts", "disable"),
    ];
    let password_file = place.folder.join("home/.pgpass");
    let unused = [
        "authtype",
        "client_encoding",
        "fallback_application_name",
        "gssdelegation",
        "gssencmode",
        "gsslib",
        "krbsrvname",
        "max_protocol_version",
        "min_protocol_version",
        "oauth_client_id",
        "oauth_client_secret",
        "oauth_issuer",
        "oauth_scope",
        // Found, it is done with.
        "service",
        "servicefile",
        "sslcompression",
        "sslkeylogfile",
    ];
    for (key, value) in &mut values {
        *value = same_number(key, value);
    }
    values.retain(|key, value| {
        let is_usual = usual.contains(&(key.as_str(), value.as_str()));
        let is_own_file = key == "passfile" && Path::new(value) == password_file;
        !is_usual && !is_own_file && !unused.contains(&key.as_str())
    });
    values
}

/// A number as this program keeps it: without sign and blanks, and 0 for what is below.
fn same_number(key: &str, value: &str) -> String {
    let number = |text: &str| text.trim().parse::<i64>().ok();
    match key {
        "port" => {
            let port = |text: &str| number(text).map_or(text.to_owned(), |port| port.to_string());
            value.split(',').map(port).collect::<Vec<_>>().join(",")
        }
        "keepalives" => number(value).map_or(value.to_owned(), |on| i64::from(on != 0).to_string()),
        "connect_timeout"
        | "keepalives_idle"
        | "keepalives_interval"
        | "keepalives_count"
        | "tcp_user_timeout" => {
            number(value).map_or(value.to_owned(), |number| number.max(0).to_string())
        }
        _ => value.to_owned(),
    }
}

/// libpq's answers, and its version.
fn theirs(places: &[Place]) -> (u64, Vec<Answer>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libpq/oracle.py");
    let mut oracle = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let questions: Vec<String> = places
        .iter()
        .map(|place| json!({"string": place.string, "variables": place.variables}).to_string())
        .collect();
    let mut stdin = oracle.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(questions.join("\n").as_bytes()));
    let output = oracle.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "python3 and libpq.so.5 are needed: {said}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).unwrap());
    let version = lines.next().unwrap()["version"].as_u64().unwrap();
    let answers = lines.zip(places).map(|(answer, place)| {
        if let Some(error) = answer["error"].as_str() {
            return Err(error.to_owned());
        }
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        let values = answer["values"].as_object().unwrap().iter();
        let values = values
            .map(|(key, value)| (key.clone(), text(value)))
            .collect();
        Ok(normal(values, place))
    });
    (version, answers.collect())
}

/// Compares, and states every difference that is not as listed.
#[track_caller]
fn compare(cases: &[Case]) {
    let folder = tempfile::tempdir().unwrap();
    let places: Vec<Place> = cases
        .iter()
        .enumerate()
        .map(|(number, case)| Place::new(case, folder.path().join(number.to_string())))
        .collect();
    let (version, theirs) = theirs(&places);
    assert_eq!(theirs.len(), cases.len());
    assert!(
        version >= 15,
        "libpq {version} takes the home from the account: 15 or newer is needed"
    );
    let mut report = String::new();
    for ((case, place), theirs) in cases.iter().zip(&places).zip(&theirs) {
        let ours = ours(place);
        let same = match (&ours, theirs) {
            (Err(_), Err(_)) => true,
            (ours, theirs) => ours == theirs,
        };
        let expected = match case.expected {
            Expected::Same => true,
            Expected::SameSince(since) => version >= since,
            Expected::SameBefore(before) => version < before,
            // Both refuse, or only we do.
            Expected::DiffersByBuild(_) => same && ours.is_err(),
            Expected::Differs(_) => false,
        };
        if same != expected {
            let word = if same {
                "no difference any more"
            } else {
                "a difference"
            };
            let _ = writeln!(
                report,
                "{word} from libpq {version}: {}\n  listed as {:?}\n  ours   {ours:?}\n  theirs {theirs:?}",
                case.describe(),
                case.expected
            );
        }
    }
    assert!(report.is_empty(), "of {} cases:\n{report}", cases.len());
}
