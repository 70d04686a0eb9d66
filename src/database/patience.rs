//! How long a run waits for others, and in what rhythm.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::timeout::MaxWait;

/// The time that a run may spend in vain: in pauses, and in tries that somebody else made fail.
#[derive(Debug)]
pub struct Patience {
    limit: Duration,
    deadline: Option<Instant>,
    used: Duration,
    tries: u32,
    try_begun: Instant,
}

const FIRST_PAUSE_MS: u64 = 50;
const LONGEST_PAUSE_MS: u64 = 2_000;

impl Patience {
    /// Patience for a whole run, which ends at the deadline in any case.
    #[must_use]
    pub fn new(limit: MaxWait, deadline: Option<Instant>) -> Patience {
        Patience {
            limit: limit.duration(),
            deadline,
            used: Duration::ZERO,
            tries: 0,
            try_begun: Instant::now(),
        }
    }

    /// Begins a new wait, with short pauses again. What was used stays used.
    pub fn begin(&mut self) {
        self.tries = 0;
        self.try_begun = Instant::now();
    }

    /// The time used so far.
    #[must_use]
    pub fn used(&self) -> Duration {
        self.used
    }

    /// The time that is left.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.limit.saturating_sub(self.used)
    }

    /// After a try in vain, sleeps until the next one is due; false once the time is used up. The pauses grow.
    #[must_use]
    pub fn pause(&mut self) -> bool {
        self.used += self.try_begun.elapsed();
        let left = self.limit.saturating_sub(self.used);
        let run = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.min(run.unwrap_or(left));
        if left.is_zero() {
            return false;
        }
        let longest = FIRST_PAUSE_MS
            .saturating_mul(1 << self.tries.min(16))
            .min(LONGEST_PAUSE_MS);
        self.tries += 1;
        // Runners that were started at once must not come back at once: between half the pause and the whole of it.
        let jitter = RandomState::new().hash_one(self.tries) % (longest / 2 + 1);
        let pause = Duration::from_millis(longest / 2 + jitter).min(left);
        std::thread::sleep(pause);
        self.used += pause;
        self.try_begun = Instant::now();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends() {
        let mut patience = Patience::new(MaxWait::milliseconds(120), None);
        let mut pauses = 0;
        while patience.pause() {
            pauses += 1;
        }
        assert!((1..=6).contains(&pauses), "{pauses}");
        assert!(patience.used() >= Duration::from_millis(120));
    }

    #[test]
    fn what_was_used_stays_used() {
        let mut patience = Patience::new(MaxWait::milliseconds(60), None);
        while patience.pause() {}
        patience.begin();
        assert!(!patience.pause());
    }
}
