//! Random numbers from a seed that is printed and can be given: `FAULT_SEED=7 make test`.

use std::time::Duration;

/// `SplitMix64`, see <https://prng.di.unimi.it/splitmix64.c>: small, and the same everywhere.
pub(crate) struct Chance {
    state: u64,
    pub(crate) seed: u64,
}

impl Chance {
    /// The seed of `FAULT_SEED`, or one of the clock. It is printed, which shows when the test fails.
    pub(crate) fn new() -> Chance {
        let seed = match std::env::var("FAULT_SEED") {
            Ok(text) => text.parse().expect("FAULT_SEED is a number"),
            Err(_) => std::time::UNIX_EPOCH
                .elapsed()
                .map_or(0, |since| u64::from(since.subsec_nanos())),
        };
        println!("FAULT_SEED={seed}");
        Chance { state: seed, seed }
    }

    /// Another row of numbers, for another thread.
    pub(crate) fn fork(&mut self) -> Chance {
        Chance {
            state: self.next(),
            seed: self.seed,
        }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below the limit.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// A time below the limit, in microseconds.
    pub(crate) fn time(&mut self, limit: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(limit.as_micros()).expect("a short time")))
    }
}

/// Whether this is the long form: `TORTURE=1`.
pub(crate) fn torture() -> bool {
    std::env::var("TORTURE").is_ok_and(|value| !value.is_empty() && value != "0")
}
