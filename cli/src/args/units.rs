//! Values with their units.

use std::time::Duration;

/// A duration with its unit: 200ms, 90s, 15m, 2h, 7d.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let at = text
        .find(|c: char| !c.is_ascii_digit())
        .ok_or("a unit is missing: ms, s, m, h or d")?;
    let number: u64 = text[..at].parse().map_err(|_| "not a number")?;
    let seconds = match &text[at..] {
        "ms" => return Ok(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        unit => return Err(format!("unknown unit `{unit}`: use ms, s, m, h or d")),
    };
    number
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(|| "too long".to_owned())
}

/// A size with its unit: 512MiB, 64GiB, 1TiB.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let at = text
        .find(|c: char| !c.is_ascii_digit())
        .ok_or("a unit is missing: MiB, GiB or TiB")?;
    let number: u64 = text[..at].parse().map_err(|_| "not a number")?;
    let shift = match &text[at..] {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        unit => return Err(format!("unknown unit `{unit}`: use KiB, MiB, GiB or TiB")),
    };
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| "too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{parse_bytes, parse_duration};

    #[test]
    fn values_need_their_unit() {
        assert_eq!(parse_duration("15m").map(|d| d.as_secs()), Ok(900));
        for wrong in ["15", "m", "15y", "99999999999999999999s", ""] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_bytes("64GiB"), Ok(64 << 30));
        for wrong in ["64", "64GB", "99999999999TiB"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }
}
