//! The shape of Picard's metrics files.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::histogram::Histogram;

/// A metrics file: a table of one class, then histograms over one key.
pub(crate) struct File<'a> {
    /// The Java class, by which readers know the table.
    pub(crate) class: &'a str,
    /// The program that Picard has for it; readers look for it before `INPUT=`.
    pub(crate) program: &'a str,
    pub(crate) sample: &'a str,
    /// Its options that are not the default.
    pub(crate) options: &'a str,
    pub(crate) columns: &'a [&'a str],
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) histogram: Option<Columns<'a>>,
}

/// Histograms over one key.
pub(crate) struct Columns<'a> {
    /// Name of the key.
    pub(crate) key: &'a str,
    /// Name and counts of each column.
    pub(crate) counts: Vec<(String, Histogram)>,
    /// Every value up to this has a row, whether it occurs or not.
    pub(crate) up_to: Option<u64>,
}

impl File<'_> {
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!(
            "## htsjdk.samtools.metrics.StringHeader\n# {} INPUT={}.cram{}\n\n## METRICS CLASS\t{}\n{}\n",
            self.program,
            self.sample,
            self.options,
            self.class,
            self.columns.join("\t")
        );
        for row in &self.rows {
            debug_assert_eq!(row.len(), self.columns.len(), "{}", self.class);
            text.push_str(&row.join("\t"));
            text.push('\n');
        }
        text.push('\n');
        if let Some(columns) = &self.histogram {
            columns.write(&mut text);
        }
        text
    }
}

impl Columns<'_> {
    fn write(&self, text: &mut String) {
        let _ = write!(text, "## HISTOGRAM\tjava.lang.Integer\n{}", self.key);
        let mut values: BTreeSet<u64> = self
            .up_to
            .map(|last| 0..=last)
            .into_iter()
            .flatten()
            .collect();
        for (name, counts) in &self.counts {
            let _ = write!(text, "\t{name}");
            values.extend(counts.iter().map(|(value, _)| value));
        }
        text.push('\n');
        for value in values {
            let _ = write!(text, "{value}");
            for (_, counts) in &self.counts {
                let _ = write!(text, "\t{}", counts.get(value));
            }
            text.push('\n');
        }
        text.push('\n');
    }
}

/// Up to six decimals, none in vain; `?` for what is no number.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "?".to_owned();
    }
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_no_decimals_in_vain() {
        let cases = [
            (0.0, "0"),
            (1.5, "1.5"),
            (0.008_169_4, "0.008169"),
            (100.0, "100"),
            (-1e-9, "0"),
            (f64::NAN, "?"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }
}
