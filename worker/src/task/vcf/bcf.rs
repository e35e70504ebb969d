//! BCF that was written, read back.

use std::collections::BTreeMap;

use kumi_formats::vcf::{BcfReader, VcfError};
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use crate::fault::{Fault, chain};
use crate::task::Context;
use crate::task::vcf::{CHECK_EVERY, Expected, Staged};

impl Staged {
    /// As [`Staged::validate`], of BCF: of records only where they lie and of how many samples they are.
    pub(in crate::task) fn validate_bcf(
        &self,
        context: &Context<'_>,
        expected: &Expected<'_>,
    ) -> Result<(), Fault> {
        let damaged = |error: VcfError| self.invalid(context, chain(&error));
        let mut reader = BcfReader::open(&self.path).map_err(damaged)?;
        let indexed = reader.load_index().map_err(damaged)?;
        self.check_head(context, expected, (reader.header().samples(), indexed))?;
        let mut records: u64 = 0;
        let mut first = BTreeMap::new();
        while let Some(site) = reader.read().map_err(damaged)? {
            records += 1;
            if site.samples as usize != expected.samples.len() {
                let what = format_args!("record {records} is of {} samples", site.samples);
                return Err(self.invalid(context, what));
            }
            first.entry(site.contig).or_insert(site.start);
            if records.is_multiple_of(CHECK_EVERY) {
                context.control.check()?;
            }
        }
        if records != expected.records {
            let written = expected.records;
            let what = format_args!("it holds {records} records, {written} were written");
            return Err(self.invalid(context, what));
        }
        for (contig, start) in first {
            let interval = Interval {
                contig: ContigId(contig),
                start,
                end: start + 1,
            };
            let found = reader.seek(interval).map_err(damaged)?;
            if !(found && reader.read().map_err(damaged)?.is_some()) {
                let name = expected.contigs.get(interval.contig);
                let name = name.map_or("a contig", |contig| contig.name.as_str());
                let what = format_args!("its index does not know the records of {name}");
                return Err(self.invalid(context, what));
            }
        }
        Ok(())
    }
}
