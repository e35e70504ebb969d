//! A CRAM file put together from parts that were written apart.

use std::io::{self, Read, Write};

use super::container::{
    Container, Content, Counts, Method, header_block, put_block, put_container, skip_block,
};
use super::number::{Input, invalid, put_ltf8};
use super::write::file_header;
use crate::alignments::CRAM_EOF;
use crate::header::Header;

/// Puts the parts of [`super::Writer::part`] together, to the bytes that one writer of all their records gives: only
/// the numbers of the records before a container change, and with them its checksums. [`Joiner::finish`] must be
/// called: it writes the end-of-file container.
pub struct Joiner<W: Write> {
    inner: W,
    records: u64,
}

impl<W: Write> Joiner<W> {
    /// Writes the header, which must be that of the parts.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn new(mut inner: W, header: &Header) -> io::Result<Self> {
        inner.write_all(&file_header(header)?)?;
        Ok(Self { inner, records: 0 })
    }

    /// Appends the next container of a part; its records, or `None` at the end of the part.
    ///
    /// # Errors
    /// Those of the inner writer and of `part`; `InvalidData` when a checksum of the container is wrong,
    /// `UnexpectedEof` when the part was cut.
    pub fn append(&mut self, part: &mut impl Read) -> io::Result<Option<u64>> {
        let Some(container) = Container::read(part)? else {
            return Ok(None);
        };
        let records = container.counts.records as u64;
        let bytes = renumbered(&container, self.records)?;
        self.inner.write_all(&bytes)?;
        self.records += records;
        Ok(Some(records))
    }

    /// Writes the end-of-file container, and gives the inner writer back.
    ///
    /// # Errors
    /// Those of the inner writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.inner.write_all(&CRAM_EOF)?;
        Ok(self.inner)
    }
}

/// A container with one slice, as it is with so many records before it.
fn renumbered(container: &Container, before: u64) -> io::Result<Vec<u8>> {
    let body = container.body();
    let &[landmark] = container.landmarks.as_slice() else {
        return Err(invalid("a container with more or less than one slice"));
    };
    let mut input = Input::new(body);
    skip_block(&mut input)?;
    if body.len() - input.rest().len() != landmark {
        return Err(invalid(
            "a slice that does not follow its compression header",
        ));
    }
    let mut joined = Vec::with_capacity(body.len() + 16);
    joined.extend_from_slice(&body[..landmark]);
    let header = slice_header(&header_block(&mut input, Content::SliceHeader)?, before)?;
    let (kind, size) = (Content::SliceHeader, header.len());
    put_block(&mut joined, Method::Raw, kind, 0, size, &header);
    let blocks = input.rest();
    while !input.rest().is_empty() {
        skip_block(&mut input)?;
    }
    joined.extend_from_slice(blocks);
    let counts = Counts {
        before,
        ..container.counts
    };
    let mut bytes = Vec::with_capacity(joined.len() + 64);
    put_container(&mut bytes, container.place, counts, &[landmark], &joined);
    Ok(bytes)
}

/// A slice header with another number of records before it.
fn slice_header(bytes: &[u8], before: u64) -> io::Result<Vec<u8>> {
    let mut input = Input::new(bytes);
    // Contig, start, span, records.
    for _ in 0..4 {
        input.itf8()?;
    }
    let mut header = bytes[..bytes.len() - input.rest().len()].to_vec();
    input.ltf8()?;
    put_ltf8(&mut header, before);
    header.extend_from_slice(input.rest());
    Ok(header)
}

#[cfg(test)]
mod tests {
    use std::io;

    use proptest::prelude::*;

    use super::super::tests::{header, records, reference, write};
    use super::super::{Joiner, Writer};
    use crate::bam::Record;
    use crate::header::{Header, SortOrder};
    use crate::reference::InMemory;

    /// The parts of records that are parted where one of these contigs begins.
    fn parts(
        header: &Header,
        records: &[Record],
        reference: &InMemory,
        begins: &[i32],
    ) -> Vec<Vec<u8>> {
        let number = |record: &Record| record.view().ref_id() as u32;
        let part = |record: &Record| {
            let begun = |begin: &&i32| **begin as u32 <= number(record);
            begins.iter().filter(begun).count()
        };
        let part = |wanted: usize| {
            let mut writer = Writer::part(Vec::new(), header, reference);
            let records = records.iter().filter(|record| part(record) == wanted);
            records.for_each(|record| writer.write(record).expect("written"));
            writer.finish().expect("written")
        };
        (0..=begins.len()).map(part).collect()
    }

    fn join(header: &Header, parts: &[Vec<u8>]) -> io::Result<(Vec<u8>, u64)> {
        let mut joiner = Joiner::new(Vec::new(), header)?;
        let mut records = 0;
        for part in parts {
            let mut part = part.as_slice();
            while let Some(more) = joiner.append(&mut part)? {
                records += more;
            }
        }
        Ok((joiner.finish()?, records))
    }

    fn check(seed: u64, pairs: usize, begins: &[i32]) {
        let reference = reference(17);
        let header = header(&reference, SortOrder::Coordinate);
        let records = records(seed, pairs, &reference);
        let parts = parts(&header, &records, &reference, begins);
        let (joined, number) = join(&header, &parts).expect("sound");
        assert_eq!(number, records.len() as u64);
        let whole = write(&header, &records, &reference);
        let differs = joined.iter().zip(&whole).position(|(a, b)| a != b);
        let lengths = (joined.len(), whole.len());
        assert!(joined == whole, "{begins:?}: {differs:?} of {lengths:?}");
    }

    const BEGINS: [&[i32]; 5] = [&[], &[1], &[-1], &[1, -1], &[1, 1]];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn joined_parts_are_the_whole(
            seed in any::<u64>(),
            pairs in 0usize..200,
            begins in prop::sample::select(&BEGINS),
        ) {
            check(seed, pairs, begins);
        }
    }

    #[test]
    fn joined_parts_of_several_containers_are_the_whole() {
        BEGINS.iter().for_each(|begins| check(4, 14_000, begins));
    }

    #[test]
    fn a_part_that_was_cut_or_changed_is_refused() {
        let reference = reference(17);
        let header = header(&reference, SortOrder::Coordinate);
        let records = records(6, 30, &reference);
        let whole = &parts(&header, &records, &reference, &[])[0];
        for at in 0..whole.len() {
            assert!(
                join(&header, &[whole[..at].to_vec()]).is_err(),
                "cut at {at}"
            );
        }
        // What a flip of the end-of-file container's bytes changes is no record.
        for at in 0..whole.len() - 38 {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            assert!(join(&header, &[flipped]).is_err(), "flipped at {at}");
        }
    }
}
