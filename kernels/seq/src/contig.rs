//! The contigs of a reference, in its order.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use md5::Digest as _;

use crate::interval::Interval;

/// A contig's place in the reference: 0 for the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContigId(pub u32);

impl ContigId {
    /// The id as an index into [`Contigs::as_slice`].
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One reference sequence, without its bases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contig {
    /// The name as in `@SQ SN`: the FASTA header up to the first white space.
    pub name: String,
    /// Length in bases; SAM limits it to 2^31 - 1.
    pub length: u32,
    /// MD5 of the upper-case bases without white space (`@SQ M5`, SAM 1.3.2).
    pub md5: [u8; 16],
    /// An alternate contig: another version of a place that the primary assembly has too (`@SQ AH`).
    pub alternate: bool,
}

impl Contig {
    /// Describes `bases`, which must be upper-case ASCII without white space, as a contig of the primary assembly.
    #[must_use]
    pub fn describe(name: &str, bases: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            length: u32::try_from(bases.len()).expect("SAM limits a contig to 2^31 - 1 bases"),
            md5: md5::Md5::digest(bases).into(),
            alternate: false,
        }
    }

    /// True for what SAM allows as the name of a reference sequence (SAM 1.2.1).
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        let forbidden = |byte: u8| !byte.is_ascii_graphic() || b"\\,\"`'()[]{}<>".contains(&byte);
        !name.is_empty() && !name.starts_with(['*', '=']) && !name.bytes().any(forbidden)
    }

    /// The M5 as 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn m5(&self) -> String {
        self.md5
            .iter()
            .fold(String::with_capacity(32), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }

    /// Parses an M5 of 32 hexadecimal digits.
    #[must_use]
    pub fn parse_m5(hex: &str) -> Option<[u8; 16]> {
        if hex.len() != 32 || !hex.is_ascii() {
            return None;
        }
        let mut md5 = [0; 16];
        for (byte, digits) in md5.iter_mut().zip(hex.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(md5)
    }
}

/// All contigs of a reference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contigs {
    contigs: Vec<Contig>,
    ids: BTreeMap<String, ContigId>,
    has_alternates: bool,
}

impl Contigs {
    /// Collects contigs in order. `Err` is the name that occurs twice.
    pub fn new(contigs: Vec<Contig>) -> Result<Self, String> {
        let mut ids = BTreeMap::new();
        for (id, contig) in (0u32..).zip(&contigs) {
            if ids.insert(contig.name.clone(), ContigId(id)).is_some() {
                return Err(contig.name.clone());
            }
        }
        let has_alternates = contigs.iter().any(|contig| contig.alternate);
        Ok(Self {
            contigs,
            ids,
            has_alternates,
        })
    }

    /// The contigs in reference order.
    #[must_use]
    pub fn as_slice(&self) -> &[Contig] {
        &self.contigs
    }

    /// Number of contigs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contigs.len()
    }

    /// True without any contig.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contigs.is_empty()
    }

    /// True when some contigs are alternate ones.
    #[must_use]
    pub fn has_alternates(&self) -> bool {
        self.has_alternates
    }

    /// The contig of an id, if there is one.
    #[must_use]
    pub fn get(&self, id: ContigId) -> Option<&Contig> {
        self.contigs.get(id.index())
    }

    /// The id of a name.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<ContigId> {
        self.ids.get(name).copied()
    }

    /// Every contig with its id, in order.
    pub fn iter(&self) -> impl Iterator<Item = (ContigId, &Contig)> {
        (0u32..).map(ContigId).zip(&self.contigs)
    }

    /// The whole of every contig, in order.
    #[must_use]
    pub fn whole(&self) -> Vec<Interval> {
        self.iter()
            .map(|(contig, c)| Interval {
                contig,
                start: 0,
                end: c.length,
            })
            .collect()
    }

    /// Sum of lengths, in bases.
    #[must_use]
    pub fn total_length(&self) -> u64 {
        self.contigs.iter().map(|c| u64::from(c.length)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{Contig, ContigId, Contigs};

    #[test]
    fn m5_is_the_specification_example() {
        // SAM specification 1.3.2: MD5 of "ACGT..." style data; the empty sequence is well known.
        assert_eq!(
            Contig::describe("e", b"").m5(),
            "d41d8cd98f00b204e9800998ecf8427e"
        );
        let contig = Contig::describe("c", b"ACGT");
        assert_eq!(Contig::parse_m5(&contig.m5()), Some(contig.md5));
        assert_eq!(Contig::parse_m5("zz"), None);
    }

    #[test]
    fn names_are_those_that_sam_allows() {
        for name in ["chr1", "HLA-A*01:01", "20:1-2", "a|b;c=d", "1"] {
            assert!(Contig::is_name(name), "{name}");
        }
        for name in ["", "*", "=x", "a,b", "a b", "a\tb", "(a)", "a\\b", "ä"] {
            assert!(!Contig::is_name(name), "{name}");
        }
    }

    #[test]
    fn ids_follow_order_and_names_are_unique() {
        let make = |name: &str| Contig::describe(name, b"AC");
        let contigs = Contigs::new(vec![make("b"), make("a")]).expect("unique names");
        assert_eq!(contigs.id("a"), Some(ContigId(1)));
        assert_eq!(contigs.total_length(), 4);
        assert_eq!(
            Contigs::new(vec![make("x"), make("x")]),
            Err("x".to_owned())
        );
    }
}
