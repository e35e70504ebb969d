//! The header of a VCF file: its lines as they are, and what is asked of them most.

use kumi_seq::contig::{Contig, Contigs};

/// Why a header is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The first line is not `##fileformat=VCF…`.
    #[error("the first line is not `##fileformat=VCFv4.x`; is it a VCF file?")]
    NotVcf,
    /// The header ends without its column line.
    #[error("there is no `#CHROM` line; is the file complete?")]
    NoColumns,
    /// The column line lacks one of the fixed columns.
    #[error("the `#CHROM` line has no column {0} where it must be")]
    Column(&'static str),
    /// A sample occurs twice.
    #[error("the sample {0} occurs twice in the `#CHROM` line; names must be unique")]
    Sample(String),
    /// A contig's length is no number.
    #[error("the length of contig {0} is not a number")]
    Length(String),
}

const COLUMNS: [&str; 8] = [
    "#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO",
];

/// A header: `##` lines and samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    meta: Vec<String>,
    samples: Vec<String>,
    contigs: Vec<(String, u64)>,
}

impl Header {
    /// Parses the full text, `#CHROM` line included.
    ///
    /// # Errors
    /// What makes it no header.
    pub fn parse(text: &str) -> Result<Self, HeaderError> {
        let mut lines = text.lines().map(|line| line.trim_end_matches('\r'));
        let first = lines
            .next()
            .filter(|line| line.starts_with("##fileformat=VCF"));
        let mut meta = vec![first.ok_or(HeaderError::NotVcf)?.to_owned()];
        for line in lines {
            if line.starts_with("##") {
                meta.push(line.to_owned());
            } else {
                let contigs = contigs(&meta)?;
                return Ok(Self {
                    samples: samples(line)?,
                    meta,
                    contigs,
                });
            }
        }
        Err(HeaderError::NoColumns)
    }

    /// The full text, every line ended by a line feed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = self.meta.join("\n");
        text.push('\n');
        text.push_str(&COLUMNS.join("\t"));
        if !self.samples.is_empty() {
            text.push_str("\tFORMAT");
        }
        for sample in &self.samples {
            text.push('\t');
            text.push_str(sample);
        }
        text.push('\n');
        text
    }

    /// The `##` lines, in order.
    #[must_use]
    pub fn meta(&self) -> &[String] {
        &self.meta
    }

    /// Names and lengths of the `##contig` lines, in order; length 0 where none is told.
    #[must_use]
    pub fn contigs(&self) -> &[(String, u64)] {
        &self.contigs
    }

    /// The `md5` attribute of a contig's line, as it is written.
    #[must_use]
    pub fn contig_md5(&self, name: &str) -> Option<&str> {
        let line = self.meta.iter().find(|line| {
            line.starts_with("##contig=<") && attribute(line, "ID").is_some_and(|id| id == name)
        })?;
        attribute(line, "md5").or_else(|| attribute(line, "M5"))
    }

    /// A gVCF that is given for a sample must be of that sample alone, and of this reference as far as it
    /// tells.
    ///
    /// # Errors
    /// What is wrong and what to do.
    pub fn fits(&self, sample: &str, contigs: &Contigs) -> Result<(), String> {
        match self.samples() {
            [one] if one == sample => {}
            [one] => {
                return Err(format!(
                    "it is of sample {one}, the sheet says {sample}; correct the sheet or rename it (bcftools reheader -s)"
                ));
            }
            samples => {
                return Err(format!(
                    "it has {} samples; give one gVCF for each sample (bcftools +split)",
                    samples.len()
                ));
            }
        }
        for (name, length) in self.contigs() {
            let Some(ours) = contigs.id(name).and_then(|id| contigs.get(id)) else {
                continue;
            };
            if *length != 0 && *length != u64::from(ours.length) {
                return Err(format!(
                    "it was made with another reference: contig {name} has {length} bases there and {} here",
                    ours.length
                ));
            }
            let md5 = self.contig_md5(name).and_then(Contig::parse_m5);
            if md5.is_some_and(|md5| md5 != ours.md5) {
                return Err(format!(
                    "it was made with another reference: contig {name} has MD5 {} there and {} here",
                    self.contig_md5(name).unwrap_or_default(),
                    ours.m5()
                ));
            }
        }
        Ok(())
    }

    /// Sample names, in column order.
    #[must_use]
    pub fn samples(&self) -> &[String] {
        &self.samples
    }
}

fn samples(line: &str) -> Result<Vec<String>, HeaderError> {
    let mut cells = line.split('\t');
    for column in COLUMNS {
        if cells.next() != Some(column) {
            return Err(if column == "#CHROM" {
                HeaderError::NoColumns
            } else {
                HeaderError::Column(column)
            });
        }
    }
    match cells.next() {
        None => return Ok(Vec::new()),
        Some("FORMAT") => {}
        Some(_) => return Err(HeaderError::Column("FORMAT")),
    }
    let mut samples: Vec<String> = Vec::new();
    for cell in cells {
        samples.push(cell.to_owned());
    }
    let mut sorted: Vec<&String> = samples.iter().collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(HeaderError::Sample(pair[0].clone())),
        None => Ok(samples),
    }
}

fn contigs(meta: &[String]) -> Result<Vec<(String, u64)>, HeaderError> {
    meta.iter()
        .filter(|line| line.starts_with("##contig=<"))
        .filter_map(|line| Some((attribute(line, "ID")?, attribute(line, "length"))))
        .map(|(name, length)| {
            let length = length.unwrap_or("0").parse();
            let length = length.map_err(|_| HeaderError::Length(name.to_owned()))?;
            Ok((name.to_owned(), length))
        })
        .collect()
}

/// The value of `key` in `##x=<key=value,…>`, without quotes.
fn attribute<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (_, mut rest) = line.split_once("=<")?;
    rest = rest.strip_suffix('>').unwrap_or(rest);
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let end = closing_quote(quoted)?;
                (&quoted[..end], quoted[end + 1..].trim_start_matches(','))
            }
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if name == key {
            return Some(value);
        }
        rest = next;
    }
    None
}

fn closing_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find(|&at| bytes[at] == b'"' && (at == 0 || bytes[at - 1] != b'\\'))
}
