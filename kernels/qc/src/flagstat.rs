//! Counts by FLAG, as `samtools flagstat` prints them.

use std::fmt::Write as _;
use std::ops::AddAssign;

use kumi_formats::bam::{View, flag};
use serde::{Deserialize, Serialize};

/// Counts of records of one kind: those that passed the platform's checks, or those that did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// All records.
    pub total: u64,
    /// Neither secondary nor supplementary.
    pub primary: u64,
    /// Secondary.
    pub secondary: u64,
    /// Supplementary and not secondary.
    pub supplementary: u64,
    /// Flagged as duplicates.
    pub duplicates: u64,
    /// Primary ones of these.
    pub primary_duplicates: u64,
    /// Aligned.
    pub mapped: u64,
    /// Primary ones of these.
    pub primary_mapped: u64,
    /// Primary records of templates with several segments; so are the counts below.
    pub paired: u64,
    /// First segments.
    pub first: u64,
    /// Last segments.
    pub last: u64,
    /// Aligned as the library expects.
    pub proper: u64,
    /// Aligned, and so is the mate.
    pub both_mapped: u64,
    /// Aligned, and the mate is not.
    pub singletons: u64,
    /// With the mate on another contig.
    pub elsewhere: u64,
    /// Of these, MAPQ at least 5.
    pub elsewhere_sure: u64,
}

/// Counts by FLAG.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flagstat {
    /// Records that passed the platform's checks.
    pub passed: Counts,
    /// Records that failed them.
    pub failed: Counts,
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        self.total += other.total;
        self.primary += other.primary;
        self.secondary += other.secondary;
        self.supplementary += other.supplementary;
        self.duplicates += other.duplicates;
        self.primary_duplicates += other.primary_duplicates;
        self.mapped += other.mapped;
        self.primary_mapped += other.primary_mapped;
        self.paired += other.paired;
        self.first += other.first;
        self.last += other.last;
        self.proper += other.proper;
        self.both_mapped += other.both_mapped;
        self.singletons += other.singletons;
        self.elsewhere += other.elsewhere;
        self.elsewhere_sure += other.elsewhere_sure;
    }
}

impl AddAssign<&Self> for Flagstat {
    fn add_assign(&mut self, other: &Self) {
        self.passed += &other.passed;
        self.failed += &other.failed;
    }
}

impl Flagstat {
    /// Counts a record.
    pub fn observe(&mut self, record: View<'_>) {
        let flags = record.flags();
        let has = |bits: u16| flags & bits != 0;
        let counts = if has(flag::QC_FAIL) {
            &mut self.failed
        } else {
            &mut self.passed
        };
        let count = |number: &mut u64, condition: bool| *number += u64::from(condition);
        let primary = !has(flag::SECONDARY | flag::SUPPLEMENTARY);
        let mapped = !has(flag::UNMAPPED);
        count(&mut counts.total, true);
        count(&mut counts.primary, primary);
        count(&mut counts.secondary, has(flag::SECONDARY));
        count(&mut counts.supplementary, !primary && !has(flag::SECONDARY));
        count(&mut counts.duplicates, has(flag::DUPLICATE));
        count(
            &mut counts.primary_duplicates,
            has(flag::DUPLICATE) && primary,
        );
        count(&mut counts.mapped, mapped);
        count(&mut counts.primary_mapped, mapped && primary);
        if !primary || !has(flag::PAIRED) {
            return;
        }
        let both = mapped && !has(flag::MATE_UNMAPPED);
        let elsewhere = both && record.ref_id() != record.mate_ref_id();
        count(&mut counts.paired, true);
        count(&mut counts.first, has(flag::FIRST));
        count(&mut counts.last, has(flag::LAST));
        count(&mut counts.proper, mapped && has(flag::PROPER));
        count(&mut counts.both_mapped, both);
        count(&mut counts.singletons, mapped && !both);
        count(&mut counts.elsewhere, elsewhere);
        count(&mut counts.elsewhere_sure, elsewhere && record.mapq() >= 5);
    }

    /// The text of `samtools flagstat` (1.13 and later).
    #[must_use]
    pub fn to_text(&self) -> String {
        type Get = fn(&Counts) -> u64;
        let lines: [(&str, Get, Option<Get>); 16] = [
            (
                "in total (QC-passed reads + QC-failed reads)",
                |c| c.total,
                None,
            ),
            ("primary", |c| c.primary, None),
            ("secondary", |c| c.secondary, None),
            ("supplementary", |c| c.supplementary, None),
            ("duplicates", |c| c.duplicates, None),
            ("primary duplicates", |c| c.primary_duplicates, None),
            ("mapped", |c| c.mapped, Some(|c| c.total)),
            ("primary mapped", |c| c.primary_mapped, Some(|c| c.primary)),
            ("paired in sequencing", |c| c.paired, None),
            ("read1", |c| c.first, None),
            ("read2", |c| c.last, None),
            ("properly paired", |c| c.proper, Some(|c| c.paired)),
            ("with itself and mate mapped", |c| c.both_mapped, None),
            ("singletons", |c| c.singletons, Some(|c| c.paired)),
            ("with mate mapped to a different chr", |c| c.elsewhere, None),
            (
                "with mate mapped to a different chr (mapQ>=5)",
                |c| c.elsewhere_sure,
                None,
            ),
        ];
        let mut text = String::new();
        for (what, part, whole) in lines {
            let (passed, failed) = (part(&self.passed), part(&self.failed));
            let _ = write!(text, "{passed} + {failed} {what}");
            if let Some(whole) = whole {
                let share = |counts: &Counts| percent(part(counts), whole(counts));
                let _ = write!(text, " ({} : {})", share(&self.passed), share(&self.failed));
            }
            text.push('\n');
        }
        text
    }
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        "N/A".to_owned()
    } else {
        format!("{:.2}%", part as f64 / whole as f64 * 100.0)
    }
}
