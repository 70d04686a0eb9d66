//! A run of the program: its arguments and environment, and all three of its results.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::redact::{Redaction, dedent};
use super::{Database, PATIENCE, wait_until};

/// A run that is yet to begin.
pub(crate) struct Run {
    command: Command,
    shown: String,
    folder: PathBuf,
    redaction: Redaction,
}

impl Run {
    pub(super) fn new(folder: &Path, arguments: &str) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onward"));
        command
            .args(arguments.split_whitespace())
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Run {
            command,
            shown: format!("onward {arguments}"),
            folder: folder.to_owned(),
            redaction: Redaction::new().folder(folder),
        }
    }

    /// On this database, as superuser.
    pub(crate) fn on(self, database: &Database) -> Run {
        let url = database.url();
        self.at(database, &url)
    }

    /// On this database, as this role.
    pub(crate) fn on_as(self, database: &Database, role: &str) -> Run {
        let url = database.url_of(role);
        self.at(database, &url)
    }

    /// On this database, by a URL that leads there.
    pub(crate) fn at(mut self, database: &Database, url: &str) -> Run {
        self.redaction = self.redaction.database(database);
        self.env("DATABASE_URL", url)
    }

    /// With this text shown as this name.
    pub(crate) fn naming(mut self, text: &str, name: &'static str) -> Run {
        self.redaction = self.redaction.text(text, name);
        self
    }

    /// With this environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Run {
        self.command.env(name, value);
        self
    }

    /// With one more argument, which may hold blanks.
    pub(crate) fn arg(mut self, argument: &str) -> Run {
        self.command.arg(argument);
        let _ = write!(self.shown, " {argument:?}");
        self
    }

    /// With stdout going to this file.
    pub(crate) fn stdout_to(mut self, path: &str) -> Run {
        self.command
            .stdout(File::options().write(true).open(path).expect("a file"));
        self
    }

    /// With stderr going to this file.
    pub(crate) fn stderr_to(mut self, path: &str) -> Run {
        self.command
            .stderr(File::options().write(true).open(path).expect("a file"));
        self
    }

    /// Started by another program, which gets the command line behind its own arguments.
    pub(crate) fn through(self, program: &str, arguments: &[&str]) -> Run {
        let own = self.command.get_program().to_owned();
        let arguments = arguments.iter().map(OsStr::new);
        let arguments: Vec<&OsStr> = arguments.chain([own.as_os_str()]).collect();
        self.instead(program, &arguments)
    }

    /// With another program in our place, which gets our arguments behind these.
    pub(crate) fn instead(mut self, program: &str, arguments: &[impl AsRef<OsStr>]) -> Run {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .args(self.command.get_args())
            .current_dir(&self.folder)
            .env_clear()
            .envs(
                self.command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.command = command;
        self
    }

    /// With permission bits that bind: root overrides them by a capability, which is taken away here.
    pub(crate) fn without_privileges(self) -> Run {
        let root = std::fs::metadata("/proc/self").expect("/proc").uid() == 0;
        if root {
            self.through(
                "/usr/bin/setpriv",
                &["--bounding-set=-all", "--inh-caps=-all"],
            )
        } else {
            self
        }
    }

    /// Begins, and goes on beside the test.
    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.spawn().expect("the program starts");
        let stdout = child.stdout.take().map(gather);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stderr = child.stderr.take().map(|stream| {
            gather(Seen {
                stream,
                seen: Arc::clone(&seen),
            })
        });
        Running {
            child,
            stdout,
            stderr,
            seen,
            shown: self.shown,
            folder: self.folder,
            redaction: self.redaction,
        }
    }

    /// Begins and ends; the outcome is still to be stated.
    pub(crate) fn outcome(self) -> Outcome {
        self.start().outcome()
    }

    /// Begins and ends with exactly this: exit code, stdout, stderr. The indentation of the texts does not count.
    #[track_caller]
    pub(crate) fn gives(self, code: i32, stdout: &str, stderr: &str) {
        self.outcome().gives(code, stdout, stderr);
    }
}

fn gather(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8(bytes).expect("the program writes UTF-8")
    })
}

/// A stream that shows what was read from it so far.
struct Seen<T> {
    stream: T,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl<T: Read> Read for Seen<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.read(buf)?;
        self.seen
            .lock()
            .expect("a text")
            .extend_from_slice(&buf[..length]);
        Ok(length)
    }
}

/// A run that has begun. It is killed if the test ends before it.
pub(crate) struct Running {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    /// What it has written to stderr so far.
    seen: Arc<Mutex<Vec<u8>>>,
    shown: String,
    folder: PathBuf,
    redaction: Redaction,
}

impl Running {
    /// Ends the run as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it was still running");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until this stands on stderr.
    #[track_caller]
    pub(crate) fn wait_for_stderr(&self, text: &str) {
        wait_until(text, || {
            let seen = self.seen.lock().expect("a text");
            String::from_utf8_lossy(&seen).contains(text)
        });
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn outcome(mut self) -> Outcome {
        let status = self.wait();
        let text = |stream: Option<JoinHandle<String>>| {
            stream.map_or_else(String::new, |thread| thread.join().expect("a reader"))
        };
        let (stdout, stderr) = (text(self.stdout.take()), text(self.stderr.take()));
        Outcome {
            status,
            stdout: self.redaction.apply(&stdout),
            stderr: self.redaction.apply(&stderr),
            raw_stdout: stdout,
            shown: std::mem::take(&mut self.shown),
            folder: self.folder.clone(),
        }
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < deadline, "{} does not end", self.shown);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Neither fails for a child that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came of a run; the texts are redacted.
pub(crate) struct Outcome {
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// As it was written.
    pub(crate) raw_stdout: String,
    shown: String,
    folder: PathBuf,
}

impl Outcome {
    /// States all three: exit code, stdout, stderr. The indentation of the texts does not count.
    #[track_caller]
    pub(crate) fn gives(&self, code: i32, stdout: &str, stderr: &str) {
        let (stdout, stderr) = (dedent(stdout), dedent(stderr));
        let same =
            self.status.code() == Some(code) && self.stdout == stdout && self.stderr == stderr;
        assert!(
            same,
            "expected exit {code}\nexpected stdout:\n{stdout}expected stderr:\n{stderr}\n{self}"
        );
    }

    /// Whether the exit code is 0.
    pub(crate) fn succeeded(&self) -> bool {
        self.status.success()
    }

    /// The exit code; None for a run that a signal ended.
    #[cfg(feature = "tls")]
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// States the exit code, where what is printed depends on chance; the texts are then asked on their own.
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Outcome {
        assert!(
            self.status.code() == Some(code),
            "expected exit {code}\n{self}"
        );
        self
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "command: {}\nfolder: {}\nfiles:",
            self.shown,
            self.folder.display()
        )?;
        let mut files = Vec::new();
        list(&self.folder, &mut files);
        for file in files {
            writeln!(
                f,
                "  {}",
                file.strip_prefix(&self.folder).unwrap_or(&file).display()
            )?;
        }
        write!(
            f,
            "status: {}\nstdout:\n{}stderr:\n{}",
            self.status, self.stdout, self.stderr
        )
    }
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        files.push(path.clone());
        if path.is_dir() {
            list(&path, files);
        }
    }
    files.sort();
}
