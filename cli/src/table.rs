//! Plain tables for a terminal: columns aligned, numbers to the right.

/// Rows of cells under a header.
#[derive(Debug, Default)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column titles.
    #[must_use]
    pub fn new(header: &[&str]) -> Self {
        Self {
            header: header.iter().map(ToString::to_string).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; it must have as many cells as the header.
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.header.len());
        self.rows.push(cells);
    }

    /// The table as lines.
    #[must_use]
    pub fn render(&self) -> String {
        let width = |column: usize| {
            self.rows
                .iter()
                .chain([&self.header])
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        let right: Vec<bool> = (0..self.header.len())
            .map(|column| {
                !self.rows.is_empty() && self.rows.iter().all(|row| is_number(&row[column]))
            })
            .collect();
        let mut text = String::new();
        for row in [&self.header].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for ((cell, &width), &right) in row.iter().zip(&widths).zip(&right) {
                let pad = " ".repeat(width - cell.chars().count());
                line.push_str(&if right {
                    format!("{pad}{cell}  ")
                } else {
                    format!("{cell}{pad}  ")
                });
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

fn is_number(cell: &str) -> bool {
    cell == "-" || cell.starts_with(|c: char| c.is_ascii_digit()) && !cell.contains([':', '/'])
}

/// A count with thin groups of three digits: 1234567 -> `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 sample`, `3 samples`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// A share in percent with one decimal; `-` of nothing.
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        "-".to_owned()
    } else {
        format!("{:.1} %", 100.0 * part as f64 / whole as f64)
    }
}

/// Bytes in the largest binary unit that leaves a whole part: `3.5 GiB`.
#[must_use]
pub fn bytes(number: u64) -> String {
    let mut value = number as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

/// A duration in the two largest units that are not zero: `2 h 5 min`, `1 min 3 s`, `4.2 s`.
#[must_use]
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..60 => format!("{:.1} s", milliseconds as f64 / 1000.0),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86400, seconds % 86400 / 3600),
    }
}

/// A date and time in UTC from Unix milliseconds (RFC 3339, seconds); `-` for 0.
#[must_use]
pub fn timestamp(unix_ms: u64) -> String {
    match i64::try_from(unix_ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
    {
        Some(time) if unix_ms > 0 => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        _ => "-".to_owned(),
    }
}

/// Unix milliseconds of the start of a day `YYYY-MM-DD` in UTC.
#[must_use]
pub fn parse_date(text: &str) -> Option<u64> {
    let day: jiff::civil::Date = text.parse().ok()?;
    let start = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    u64::try_from(start.timestamp().as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::{Table, bytes, count, counted, duration, parse_date, percent, timestamp};

    #[test]
    fn numbers_stand_to_the_right() {
        let mut table = Table::new(&["sample", "reads"]);
        table.row(vec!["A".into(), count(5)]);
        table.row(vec!["LONG".into(), count(1_234_567)]);
        assert_eq!(
            table.render(),
            "sample      reads\nA               5\nLONG    1,234,567\n"
        );
    }

    #[test]
    fn units_read_well() {
        assert_eq!(
            [duration(4200), duration(63_000), duration(7_500_000)],
            ["4.2 s", "1 min 3 s", "2 h 5 min"]
        );
        assert_eq!(
            (percent(1, 3), percent(0, 0)),
            ("33.3 %".into(), "-".into())
        );
        assert_eq!(
            (
                bytes(3 << 29),
                bytes(7),
                counted(1, "task"),
                counted(1200, "task")
            ),
            (
                "1.5 GiB".into(),
                "7.0 B".into(),
                "1 task".into(),
                "1,200 tasks".into()
            )
        );
        assert_eq!(timestamp(1_700_000_000_000), "2023-11-14T22:13:20Z");
    }

    #[test]
    fn dates_round_trip_and_nonsense_is_refused() {
        for date in ["1970-01-01", "2024-02-29", "2026-11-24", "2100-12-31"] {
            let ms = parse_date(date).unwrap_or_else(|| panic!("{date} is a date"));
            assert!(
                date == "1970-01-01" || timestamp(ms).starts_with(date),
                "{date}"
            );
        }
        for nonsense in ["2023-02-29", "2023-13-01", "yesterday", "1960-01-01"] {
            assert_eq!(parse_date(nonsense), None, "{nonsense}");
        }
    }
}
