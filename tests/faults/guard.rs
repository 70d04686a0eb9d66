//! No test hangs: each begins with a guard that ends the whole process after its limit.

use std::io::Write as _;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// Tests that measure short times run alone.
static ROOM: RwLock<()> = RwLock::new(());

/// Held for as long as a test lasts.
pub(crate) struct Guard {
    _alarm: Sender<()>,
    _place: Place,
}

#[expect(dead_code, reason = "it is held")]
enum Place {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// A test that may run beside others.
pub(crate) fn shared(limit_s: u64) -> Guard {
    let place = Place::Shared(ROOM.read().unwrap_or_else(PoisonError::into_inner));
    guard(limit_s, place)
}

/// A test that runs while no other does.
pub(crate) fn alone(limit_s: u64) -> Guard {
    let place = Place::Alone(ROOM.write().unwrap_or_else(PoisonError::into_inner));
    guard(limit_s, place)
}

fn guard(limit_s: u64, place: Place) -> Guard {
    let (alarm, ended) = channel();
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    std::thread::spawn(move || {
        if ended.recv_timeout(Duration::from_secs(limit_s)) == Err(RecvTimeoutError::Timeout) {
            // Nothing but the end of the process can end a thread that waits for a server.
            let words = format!("{test} did not end within {limit_s} s\n");
            let _ = std::io::stderr().write_all(words.as_bytes());
            std::process::abort();
        }
    });
    Guard {
        _alarm: alarm,
        _place: place,
    }
}

/// Asks until the answer is yes.
#[track_caller]
pub(crate) fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + limit;
    while !condition() {
        assert!(
            std::time::Instant::now() < deadline,
            "waited {limit:?} in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(3));
    }
}
