//! Sample sheets: nf-core/sarek's CSV, DRAGEN's `fastq_list.csv` and GATK's sample map.
//!
//! A sheet becomes [`Entry`] values, one a line, whatever its dialect; [`group`] makes samples of them
//! and checks across lines. Nothing here opens a file that a sheet names.

mod entry;
mod group;

pub use entry::{Entry, Input, read};
pub use group::{ReadInput, SheetSample, group, is_name};

#[cfg(test)]
mod tests;
