//! SAM headers: built for our outputs, parsed from the inputs of others.

use std::io;
use std::num::NonZero;

use kumi_seq::contig::{Contig, Contigs};
use noodles::sam;
use noodles::sam::header::record::value::Map;
use noodles::sam::header::record::value::map::tag::Other;
use noodles::sam::header::record::value::map::{
    Program, ReferenceSequence, header, program, read_group, reference_sequence,
};

/// A read group (`@RG`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadGroup {
    /// ID.
    pub id: String,
    /// SM.
    pub sample: String,
    /// LB.
    pub library: String,
    /// PL.
    pub platform: String,
    /// PU.
    pub platform_unit: String,
}

/// The order of a file's records (`@HD SO`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortOrder {
    /// As they came.
    Unsorted,
    /// By contig and position.
    Coordinate,
}

/// Why a header cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// It is not SAM text.
    #[error("the header is not valid SAM: {0}")]
    Syntax(String),
    /// The reference list of a BAM file and its text differ.
    #[error("the header text and the list of references differ")]
    References,
}

/// A SAM header.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header(sam::Header);

impl Header {
    /// The header of our outputs. `@SQ` lines carry M5, and `AH:*` for alternate contigs (as bwa); `@PG` names the program and its version, never a
    /// path or a person.
    #[must_use]
    pub fn build(
        contigs: &Contigs,
        read_groups: &[ReadGroup],
        version: &str,
        order: SortOrder,
    ) -> Self {
        let so: &[u8] = match order {
            SortOrder::Unsorted => b"unsorted",
            SortOrder::Coordinate => b"coordinate",
        };
        let hd = Map::<sam::header::record::value::map::Header>::builder()
            .set_version(header::Version::new(1, 6))
            .insert(header::tag::SORT_ORDER, so)
            .build()
            .expect("version and sort order make a header line");
        let mut builder = sam::Header::builder().set_header(hd);
        for contig in contigs.as_slice() {
            let length = NonZero::new(contig.length as usize).unwrap_or(NonZero::<usize>::MIN);
            let mut map = Map::<ReferenceSequence>::new(length);
            map.other_fields_mut()
                .insert(reference_sequence::tag::MD5_CHECKSUM, contig.m5().into());
            if contig.alternate {
                map.other_fields_mut()
                    .insert(reference_sequence::tag::ALTERNATIVE_LOCUS, "*".into());
            }
            builder = builder.add_reference_sequence(contig.name.as_str(), map);
        }
        for group in read_groups {
            let mut map = Map::<sam::header::record::value::map::ReadGroup>::default();
            let mut set = |tag: Other<read_group::tag::Standard>, value: &str| {
                if !value.is_empty() {
                    map.other_fields_mut().insert(tag, value.into());
                }
            };
            set(read_group::tag::PLATFORM, &group.platform);
            set(read_group::tag::PLATFORM_UNIT, &group.platform_unit);
            set(read_group::tag::SAMPLE, &group.sample);
            set(read_group::tag::LIBRARY, &group.library);
            builder = builder.add_read_group(group.id.as_str(), map);
        }
        let program = Map::<Program>::builder()
            .insert(program::tag::NAME, "kumi")
            .insert(program::tag::VERSION, version)
            .build()
            .expect("name and version make a program line");
        Self(builder.add_program("kumi", program).build())
    }

    /// What of a read group SAM cannot hold: a value is printable ASCII, without tabs.
    #[must_use]
    pub fn unwritable(group: &ReadGroup) -> Option<String> {
        let values = [
            ("ID", &group.id),
            ("SM", &group.sample),
            ("LB", &group.library),
            ("PL", &group.platform),
            ("PU", &group.platform_unit),
        ];
        if group.id.is_empty() {
            return Some("it has no ID; give it one".to_owned());
        }
        let fits = |value: &str| value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let (tag, value) = values.into_iter().find(|(_, value)| !fits(value))?;
        Some(format!(
            "{tag} `{}` is not printable ASCII, which SAM asks for; change it",
            value.escape_debug()
        ))
    }

    /// Parses SAM text.
    ///
    /// # Errors
    /// When it is not SAM.
    pub fn parse(text: &str) -> Result<Self, HeaderError> {
        text.parse()
            .map(Self)
            .map_err(|error: sam::header::ParseError| HeaderError::Syntax(error.to_string()))
    }

    /// Parses the text of a BAM file, whose list of references completes a text without `@SQ` lines.
    pub(crate) fn parse_bam(text: &str, references: &[(String, u32)]) -> Result<Self, HeaderError> {
        let mut parsed = Self::parse(text)?;
        if parsed.0.reference_sequences().is_empty() {
            for (name, length) in references {
                let length = NonZero::new(*length as usize).ok_or(HeaderError::References)?;
                parsed
                    .0
                    .reference_sequences_mut()
                    .insert(name.as_str().into(), Map::<ReferenceSequence>::new(length));
            }
        }
        if parsed.references() == references {
            Ok(parsed)
        } else {
            Err(HeaderError::References)
        }
    }

    /// The SAM text.
    ///
    /// # Errors
    /// `InvalidInput` when a header of others, which is read more freely than SAM allows, holds what SAM cannot.
    pub fn to_text(&self) -> io::Result<String> {
        let mut writer = sam::io::Writer::new(Vec::new());
        writer.write_header(&self.0)?;
        Ok(String::from_utf8_lossy(writer.get_ref()).into_owned())
    }

    /// Names and lengths of the contigs.
    #[must_use]
    pub fn references(&self) -> Vec<(String, u32)> {
        let sequences = self.0.reference_sequences();
        sequences
            .iter()
            .map(|(name, map)| (name.to_string(), map.length().get() as u32))
            .collect()
    }

    /// True when the records are said to be sorted by coordinate.
    #[must_use]
    pub fn is_coordinate_sorted(&self) -> bool {
        let hd = self.0.header();
        hd.and_then(|hd| hd.other_fields().get(&header::tag::SORT_ORDER))
            .is_some_and(|order| order == "coordinate")
    }

    /// The read groups.
    #[must_use]
    pub fn read_groups(&self) -> Vec<ReadGroup> {
        let group = |(id, map): (
            &bstr::BString,
            &Map<sam::header::record::value::map::ReadGroup>,
        )| {
            let field = |tag| {
                map.other_fields()
                    .get(&tag)
                    .map(ToString::to_string)
                    .unwrap_or_default()
            };
            ReadGroup {
                id: id.to_string(),
                sample: field(read_group::tag::SAMPLE),
                library: field(read_group::tag::LIBRARY),
                platform: field(read_group::tag::PLATFORM),
                platform_unit: field(read_group::tag::PLATFORM_UNIT),
            }
        };
        self.0.read_groups().iter().map(group).collect()
    }

    /// Compares the contigs with a reference: `Err` names the first contig that is missing there, or has
    /// another length or another M5.
    ///
    /// # Errors
    /// What differs.
    pub fn check_reference(&self, contigs: &Contigs) -> Result<(), String> {
        for (name, map) in self.0.reference_sequences() {
            let name = name.to_string();
            let Some(ours) = contigs.id(&name).and_then(|id| contigs.get(id)) else {
                return Err(format!("contig {name} is not in the reference"));
            };
            if map.length().get() != ours.length as usize {
                return Err(format!(
                    "contig {name} has {} bases, in the reference {}",
                    map.length(),
                    ours.length
                ));
            }
            let m5 = map
                .other_fields()
                .get(&reference_sequence::tag::MD5_CHECKSUM)
                .map(ToString::to_string);
            if m5
                .as_deref()
                .and_then(Contig::parse_m5)
                .is_some_and(|md5| md5 != ours.md5)
            {
                return Err(format!(
                    "contig {name} has MD5 {} there and {} in the reference",
                    m5.unwrap_or_default(),
                    ours.m5()
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kumi_seq::contig::{Contig, Contigs};

    use super::{Header, ReadGroup, SortOrder};

    #[test]
    fn what_is_built_comes_back() {
        let contigs = Contigs::new(vec![
            Contig::describe("c1", b"ACGT"),
            Contig::describe("c2", b"AC"),
        ])
        .expect("unique");
        let groups = [ReadGroup {
            id: "g".into(),
            sample: "S".into(),
            library: "L".into(),
            platform: "ILLUMINA".into(),
            platform_unit: "U".into(),
        }];
        let header = Header::build(&contigs, &groups, "1", SortOrder::Coordinate);
        let text = header.to_text().expect("ours");
        assert!(
            text.starts_with("@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:c1\tLN:4\tM5:"),
            "{text}"
        );
        let back = Header::parse(&text).expect("SAM");
        assert_eq!(back.read_groups(), groups);
        assert!(back.is_coordinate_sorted() && back.check_reference(&contigs).is_ok());
        let other = Contigs::new(vec![
            Contig::describe("c1", b"ACGA"),
            Contig::describe("c2", b"AC"),
        ])
        .expect("unique");
        assert!(
            back.check_reference(&other)
                .expect_err("another M5")
                .contains("c1")
        );
    }

    /// What is read of others need not be what may be written; that panicked (found by fuzzing `sam_header`).
    #[test]
    fn a_header_that_cannot_be_written_is_an_error() {
        let header = Header::parse("@HD\tVN:1.6\n@SQ\tSN:c1\tLN:4\tM5:7ab\0\n").expect("read");
        assert_eq!(header.references(), [("c1".to_owned(), 4)]);
        assert!(header.to_text().is_err());
    }
}
