//! Lengths of time as people write them: `"200ms"`, `"10s"`, `"5m"`, `"2h"`, `"90d"`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Units and their milliseconds, longest name first so that `ms` is not read as `s`.
const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// A length of time in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    milliseconds: u64,
}

impl Span {
    /// A span of so many milliseconds.
    #[must_use]
    pub const fn from_ms(milliseconds: u64) -> Self {
        Self { milliseconds }
    }

    /// Its length in milliseconds.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.milliseconds
    }

    /// The same as a `Duration`.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.milliseconds)
    }
}

/// Text that is no length of time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a length of time; write a whole number and ms, s, m, h or d, as in \"200ms\""
)]
pub struct SpanError {
    text: String,
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let wrong = || SpanError {
            text: text.to_owned(),
        };
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(split);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let (_, factor) = UNITS
            .into_iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(wrong)?;
        let milliseconds = number.checked_mul(factor).ok_or_else(wrong)?;
        Ok(Self { milliseconds })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &(&str, u64)| self.milliseconds.is_multiple_of(*factor);
        let (unit, factor) = UNITS
            .into_iter()
            .rfind(|unit| self.milliseconds > 0 && fits(unit))
            .unwrap_or(UNITS[0]);
        write!(f, "{}{unit}", self.milliseconds / factor)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn spans_are_read_and_written_in_the_largest_whole_unit() {
        for (text, ms, written) in [
            ("200ms", 200, "200ms"),
            ("10s", 10_000, "10s"),
            ("1500ms", 1_500, "1500ms"),
            ("120s", 120_000, "2m"),
            ("48h", 172_800_000, "2d"),
            ("0s", 0, "0ms"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.ms(), ms, "{text}");
            assert_eq!(span.to_string(), written);
            assert_eq!(written.parse(), Ok(span));
        }
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in [
            "",
            "10",
            "ms",
            "-1s",
            "1.5s",
            "10 s",
            "10w",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text:?}");
        }
    }
}
