//! A run of the program that ends within its limit, or is killed, and then the test fails with all its output.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The password in every connection string, which must be in no output.
pub(crate) const CANARY: &str = "c4naryInTheMine";

/// How long a run may last, unless the test says otherwise.
const LIMIT: Duration = Duration::from_secs(40);

/// A run that is yet to begin.
pub(crate) struct Run {
    command: Command,
    limit: Duration,
    stdout: Stream,
    stderr: Stream,
}

/// Where an output goes.
enum Stream {
    /// Into a file of the test: unlike a pipe, it can be read whoever else still has it open.
    Kept(PathBuf),
    Lost(PathBuf),
}

static COUNTER: AtomicUsize = AtomicUsize::new(0);

impl Run {
    /// A run in this folder on this database.
    pub(crate) fn new(folder: &Path, url: &str, arguments: &str) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onward"));
        command.args(arguments.split_whitespace());
        Run::of(command, folder).env("DATABASE_URL", url)
    }

    fn of(mut command: Command, folder: &Path) -> Run {
        command.current_dir(folder).env_clear().stdin(Stdio::null());
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let kept = |name: &str| Stream::Kept(folder.join(format!("{name}.{number}")));
        Run {
            command,
            limit: LIMIT,
            stdout: kept("stdout"),
            stderr: kept("stderr"),
        }
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Run {
        self.command.env(name, value);
        self
    }

    /// Killed after this, with a failure of the test.
    pub(crate) fn within(mut self, limit: Duration) -> Run {
        self.limit = limit;
        self
    }

    pub(crate) fn stdout_to(mut self, path: &str) -> Run {
        self.stdout = Stream::Lost(path.into());
        self
    }

    pub(crate) fn stderr_to(mut self, path: &str) -> Run {
        self.stderr = Stream::Lost(path.into());
        self
    }

    /// Started by another program, which gets the command line behind its own arguments.
    pub(crate) fn through(self, program: &str, arguments: &[&str]) -> Run {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(self.command.get_program())
            .args(self.command.get_args());
        let folder = self.command.get_current_dir().expect("a folder").to_owned();
        let mut run = Run::of(command, &folder);
        run.command.envs(
            self.command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        Run {
            command: run.command,
            ..self
        }
    }

    pub(crate) fn start(mut self) -> Running {
        let open = |stream: &Stream| match stream {
            Stream::Kept(path) => File::create(path).expect("a file"),
            Stream::Lost(path) => File::options().write(true).open(path).expect("a file"),
        };
        let child = self
            .command
            .stdout(open(&self.stdout))
            .stderr(open(&self.stderr))
            .spawn()
            .expect("the program starts");
        Running {
            child,
            begun: Instant::now(),
            run: self,
        }
    }

    /// Begins and ends.
    #[track_caller]
    pub(crate) fn outcome(self) -> Outcome {
        self.start().outcome()
    }
}

/// A run that has begun. It is killed if the test ends before it.
pub(crate) struct Running {
    child: Child,
    begun: Instant,
    run: Run,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(name, self.pid());
    }

    /// Ends the run as `kill -9` does, if it has not ended yet.
    #[track_caller]
    pub(crate) fn kill(mut self) -> Outcome {
        self.child.kill().expect("a child");
        self.outcome()
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn outcome(mut self) -> Outcome {
        loop {
            let status = self.child.try_wait().expect("a child");
            let took = self.begun.elapsed();
            if let Some(status) = status {
                return self.ended(status, took);
            }
            if took > self.run.limit {
                self.child.kill().expect("a child");
                let status = self.child.wait().expect("a child");
                let limit = self.run.limit;
                panic!(
                    "did not end within {limit:?}, and was killed\n{}",
                    self.ended(status, took)
                );
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn ended(&self, status: ExitStatus, took: Duration) -> Outcome {
        let text = |stream: &Stream| match stream {
            Stream::Kept(path) => {
                let bytes = fs::read(path).expect("a file");
                let _ = fs::remove_file(path);
                String::from_utf8(bytes).expect("the program writes UTF-8")
            }
            Stream::Lost(_) => String::new(),
        };
        Outcome {
            status,
            stdout: text(&self.run.stdout),
            stderr: text(&self.run.stderr),
            took,
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

/// What came of a run.
pub(crate) struct Outcome {
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Outcome {
    /// The exit code; none for a run that a signal ended.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Whether it was killed by SIGKILL.
    pub(crate) fn was_killed(&self) -> bool {
        self.status.signal() == Some(9)
    }

    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Outcome {
        assert!(self.code() == Some(code), "expected exit {code}\n{self}");
        self
    }

    /// States a part of what was said on stderr.
    #[track_caller]
    pub(crate) fn says(&self, part: &str) -> &Outcome {
        assert!(self.stderr.contains(part), "expected {part:?}\n{self}");
        self
    }

    #[track_caller]
    pub(crate) fn took_less_than(&self, limit: Duration) -> &Outcome {
        assert!(self.took < limit, "expected less than {limit:?}\n{self}");
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome {
            status,
            stdout,
            stderr,
            took,
        } = self;
        write!(
            f,
            "{status} after {took:?}\nstdout:\n{stdout}stderr:\n{stderr}"
        )
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(name: &str, pid: u32) {
    // The shell has `kill` built in; not every image has the program.
    let status = Command::new("/bin/sh")
        .args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()])
        .stderr(Stdio::null())
        .status();
    status.expect("a shell");
}
