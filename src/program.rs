//! Other programs: asked, run as a hook, or become. Every wait has an end; what a hook prints goes to stderr, so that stdout
//! holds results alone. Knows nothing of databases.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What a program answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub success: bool,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// A variable that another program finds changed: set, or taken away.
pub type Variable = (&'static str, Option<OsString>);

/// How a hook ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookEnd {
    Success,
    /// The exit code, as a shell tells it.
    Failure(i32),
    /// It was stopped, because the run had to end.
    Late,
}

/// How often a child that should end is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// Runs a program and reads what it prints. A socket stands in for each pipe, because a socket's reader can watch the clock.
///
/// # Errors
/// The program cannot be started, or has not ended after `limit`.
pub fn ask(program: &OsStr, arguments: &[&OsStr], limit: Duration) -> io::Result<Answer> {
    let deadline = Instant::now() + limit;
    let (stdout, into_stdout) = UnixStream::pair()?;
    let (stderr, into_stderr) = UnixStream::pair()?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(OwnedFd::from(into_stdout))
        .stderr(OwnedFd::from(into_stderr));
    let mut child = command.spawn()?;
    // It holds our ends of the sockets for the child, and with them open no stream would end.
    drop(command);
    let outcome = read_until(stdout, deadline)
        .and_then(|stdout| Ok((stdout, read_until(stderr, deadline)?)))
        .and_then(|texts| Ok((texts, wait(&mut child, Some(deadline))?)));
    match outcome {
        Ok(((stdout, stderr), Some(status))) => Ok(Answer {
            success: status.success(),
            stdout,
            stderr,
        }),
        Ok((_, None)) => Err(end(&mut child, late())),
        Err(error) => Err(end(&mut child, error)),
    }
}

fn read_until(mut stream: UnixStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 8192];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut piece) {
            Ok(0) => return Ok(bytes),
            Ok(length) => bytes.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(late()),
            Err(error) => return Err(error),
        }
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time")
}

/// Stops a child for this reason.
fn end(child: &mut Child, reason: io::Error) -> io::Error {
    // A child that has ended meanwhile needs no stopping.
    let _ = child.kill();
    let _ = child.wait();
    reason
}

/// What a shell ends: a process and all that came of it, where the file system of processes tells who that is.
const END_DESCENDANTS: &str = "all=$1 queue=$1
while [ -n \"$queue\" ]; do
  set -- $queue
  pid=$1
  shift
  queue=$*
  for file in /proc/$pid/task/*/children; do
    children=
    read -r children <\"$file\"
    queue=\"$queue $children\" all=\"$all $children\"
  done
  set -- $queue
  queue=$*
done
kill -KILL $all";

/// Stops a child and what it has started. It has no process group of its own to be stopped as: Ctrl-C on the terminal would not
/// reach it then.
fn end_descendants(child: &Child) {
    let (script, pid) = (OsStr::new(END_DESCENDANTS), child.id().to_string());
    let arguments = [OsStr::new("-c"), script, OsStr::new("sh"), OsStr::new(&pid)];
    // Where nothing tells of them, only the child itself is stopped.
    let _ = ask(OsStr::new("sh"), &arguments, Duration::from_secs(2));
}

/// Waits for the end of a child; `None` if it still runs at the deadline.
fn wait(child: &mut Child, deadline: Option<Instant>) -> io::Result<Option<ExitStatus>> {
    let Some(deadline) = deadline else {
        return child.wait().map(Some);
    };
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        sleep(GLANCE);
    }
}

/// Runs a command of the user's by the shell, with these variables.
///
/// # Errors
/// There is no shell.
pub fn run_hook(
    command: &str,
    variables: &[Variable],
    deadline: Option<Instant>,
) -> io::Result<HookEnd> {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(io::stderr());
    set(&mut shell, variables);
    let mut child = shell.spawn()?;
    Ok(match wait(&mut child, deadline)? {
        Some(status) if status.success() => HookEnd::Success,
        Some(status) => {
            let by_signal = status.signal().map(|signal| 128 + signal);
            HookEnd::Failure(status.code().or(by_signal).unwrap_or(1))
        }
        None => {
            end_descendants(&child);
            end(&mut child, late());
            HookEnd::Late
        }
    })
}

/// Becomes another program; comes back only if that cannot be.
#[must_use]
pub fn execute(program: &OsStr, arguments: &[OsString], variables: &[Variable]) -> io::Error {
    let mut command = Command::new(program);
    command.args(arguments);
    set(&mut command, variables);
    command.exec()
}

fn set(command: &mut Command, variables: &[Variable]) {
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}
