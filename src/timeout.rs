//! Lengths of time, one type for each thing that can time out. Pure.

use std::fmt;
use std::time::Duration;

macro_rules! timeout {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(Duration);

        impl $name {
            /// A length of time in milliseconds.
            #[must_use]
            pub const fn milliseconds(ms: u64) -> Self {
                Self(Duration::from_millis(ms))
            }

            /// Reads a number with its unit: `500ms`, `30s`, `5min` (or `5m`), `1h`.
            ///
            /// # Errors
            /// The text has no unit, or is no whole number above 0.
            pub fn parse(text: &str) -> Result<Self, BadDuration> {
                parse(text).map(Self)
            }

            /// The length of time.
            #[must_use]
            pub fn duration(self) -> Duration {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Spoken(self.0).fmt(f)
            }
        }
    };
}

timeout! {
    /// How long one statement may queue for a lock: the server's `lock_timeout`. Never 0, which would mean no limit.
    LockTimeout
}
timeout! {
    /// How long one statement may run: the server's `statement_timeout`.
    StatementTimeout
}
timeout! {
    /// How long a run may last in all.
    RunTimeout
}
timeout! {
    /// How long a run waits for a server that is not ready.
    ReadyWait
}
timeout! {
    /// How long a run waits in all for locks that others hold.
    MaxWait
}

impl From<ReadyWait> for MaxWait {
    fn from(wait: ReadyWait) -> MaxWait {
        MaxWait(wait.0)
    }
}

/// The text is not a length of time.
#[derive(Debug, PartialEq, Eq)]
pub struct BadDuration;

impl fmt::Display for BadDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a length of time above 0: a whole number with its unit, like 500ms, 30s, 5min or 1h")
    }
}

fn parse(text: &str) -> Result<Duration, BadDuration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| BadDuration)?;
    let unit_ms: u64 = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "min" | "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(BadDuration),
    };
    // The server's time-outs are 32-bit numbers of milliseconds.
    match number.checked_mul(unit_ms) {
        Some(ms) if (1..=i32::MAX.unsigned_abs().into()).contains(&ms) => {
            Ok(Duration::from_millis(ms))
        }
        _ => Err(BadDuration),
    }
}

/// A duration in the unit that a reader would choose: `3 ms`, `1.50 s`, `2 min 5 s`.
pub struct Spoken(pub Duration);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        match ms {
            0..1_000 => write!(f, "{ms} ms"),
            1_000..60_000 => write!(f, "{}.{:02} s", ms / 1_000, ms % 1_000 / 10),
            60_000..3_600_000 => write!(f, "{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
            _ => write!(f, "{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected_ms: Option<u64>) {
        assert_eq!(
            LockTimeout::parse(input).ok(),
            expected_ms.map(LockTimeout::milliseconds),
            "{input:?}"
        );
    }

    #[test]
    fn a_length_of_time_needs_its_unit() {
        check("500ms", Some(500));
        check("30s", Some(30_000));
        check("30 s", Some(30_000));
        check("5min", Some(300_000));
        check("5m", Some(300_000));
        check("1h", Some(3_600_000));
        for bad in [
            "",
            "5",
            "s",
            "-1s",
            "0s",
            "0ms",
            "1.5s",
            "1d",
            "99999999999999999999s",
            "600000h",
            "é",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn a_duration_is_spoken_in_the_unit_that_fits() {
        let spoken = |ms| Spoken(Duration::from_millis(ms)).to_string();
        assert_eq!(spoken(3), "3 ms");
        assert_eq!(spoken(1_500), "1.50 s");
        assert_eq!(spoken(125_000), "2 min 5 s");
        assert_eq!(spoken(7_260_000), "2 h 1 min");
    }
}
