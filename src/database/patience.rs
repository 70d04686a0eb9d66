//! How long a run waits for others, and in what rhythm.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::timeout::MaxWait;

/// Growing, jittered pauses until the time is used up.
#[derive(Debug)]
pub struct Patience {
    begun: Instant,
    limit: Duration,
    tries: u32,
}

const FIRST_PAUSE_MS: u64 = 50;
const LONGEST_PAUSE_MS: u64 = 2_000;

impl Patience {
    /// Patience that ends `limit` from now.
    #[must_use]
    pub fn new(limit: MaxWait) -> Patience {
        Patience {
            begun: Instant::now(),
            limit: limit.duration(),
            tries: 0,
        }
    }

    /// How long it has lasted.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Sleeps until the next try is due; false once the time is used up.
    #[must_use]
    pub fn pause(&mut self) -> bool {
        let Some(left) = self
            .limit
            .checked_sub(self.begun.elapsed())
            .filter(|left| !left.is_zero())
        else {
            return false;
        };
        let longest = FIRST_PAUSE_MS
            .saturating_mul(1 << self.tries.min(16))
            .min(LONGEST_PAUSE_MS);
        self.tries += 1;
        // Runners that were started at once must not come back at once: between half the pause and the whole of it.
        let jitter = RandomState::new().hash_one(self.tries) % (longest / 2 + 1);
        std::thread::sleep(Duration::from_millis(longest / 2 + jitter).min(left));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends() {
        let mut patience = Patience::new(MaxWait::milliseconds(120));
        let mut pauses = 0;
        while patience.pause() {
            pauses += 1;
        }
        assert!((1..=6).contains(&pauses), "{pauses}");
        assert!(patience.waited() >= Duration::from_millis(120));
    }
}
