//! What a VCF holds, in numbers.

use std::collections::BTreeMap;

use kumi_formats::vcf::RecordView;

/// Counts of records and of the alternative alleles that some genotype carries. Records that a filter
/// refused count as records only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    records: u64,
    variants: u64,
    snvs: u64,
    indels: u64,
    transitions: u64,
    transversions: u64,
}

impl Tally {
    pub(crate) fn observe(&mut self, record: &RecordView<'_>) {
        self.records += 1;
        if !record.passes() {
            return;
        }
        let mut varies = false;
        for (number, allele) in (1..).zip(record.alternatives()) {
            if is_named(allele) && is_carried(record, number) {
                varies = true;
                self.allele(record.reference(), allele);
            }
        }
        self.variants += u64::from(varies);
    }

    fn allele(&mut self, reference: &[u8], allele: &[u8]) {
        match trimmed(reference, allele) {
            ([from], [to]) => {
                self.snvs += 1;
                if is_transition(*from, *to) {
                    self.transitions += 1;
                } else {
                    self.transversions += 1;
                }
            }
            (from, to) if from.len() != to.len() => self.indels += 1,
            _ => {}
        }
    }

    /// Lines.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// The counts under the names of a manifest.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        let counts = [
            ("records", self.records),
            ("variants", self.variants),
            ("snvs", self.snvs),
            ("indels", self.indels),
            ("transitions", self.transitions),
            ("transversions", self.transversions),
        ];
        BTreeMap::from(counts.map(|(name, count)| (name.to_owned(), count)))
    }
}

/// Neither `<NON_REF>` and its like nor a deletion that starts elsewhere.
fn is_named(allele: &[u8]) -> bool {
    allele.iter().all(u8::is_ascii_alphabetic)
}

/// By `AC` where it is told, else by the genotype of the only sample; an allele of which neither speaks
/// counts as carried.
fn is_carried(record: &RecordView<'_>, number: usize) -> bool {
    if let Some(Some(counts)) = record.info(b"AC") {
        let count = counts.split(|byte| *byte == b',').nth(number - 1);
        return count.is_some_and(|count| count != b"0");
    }
    let Some(genotype) = record.value(0, b"GT") else {
        return record.sample(0).is_none();
    };
    let mut alleles = genotype.split(|byte| matches!(byte, b'/' | b'|'));
    alleles.any(|allele| allele == number.to_string().as_bytes())
}

/// Without the bases that both share at their ends.
fn trimmed<'a>(mut reference: &'a [u8], mut allele: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    while let ([rest_a @ .., a], [rest_b @ .., b]) = (reference, allele)
        && a == b
        && !rest_a.is_empty()
        && !rest_b.is_empty()
    {
        (reference, allele) = (rest_a, rest_b);
    }
    while let ([a, rest_a @ ..], [b, rest_b @ ..]) = (reference, allele)
        && a == b
        && !rest_a.is_empty()
        && !rest_b.is_empty()
    {
        (reference, allele) = (rest_a, rest_b);
    }
    (reference, allele)
}

fn is_transition(from: u8, to: u8) -> bool {
    matches!(
        (from.to_ascii_uppercase(), to.to_ascii_uppercase()),
        (b'A', b'G') | (b'G', b'A') | (b'C', b'T') | (b'T', b'C')
    )
}

#[cfg(test)]
mod tests {
    use kumi_formats::vcf::RecordView;

    use super::Tally;

    fn tally(lines: &[&str]) -> [u64; 6] {
        let mut tally = Tally::default();
        for line in lines {
            let line = line.replace(' ', "\t");
            let samples = line.split('\t').count().saturating_sub(9);
            let record = RecordView::parse(line.as_bytes(), samples).expect("a record");
            tally.observe(&record);
        }
        let counts = tally.counts();
        [
            "records",
            "variants",
            "snvs",
            "indels",
            "transitions",
            "transversions",
        ]
        .map(|name| counts[name])
    }

    #[test]
    fn only_alleles_that_are_carried_count() {
        let lines = [
            "c 1 . A <NON_REF> . . END=9 GT 0/0",
            "c 2 . A G,<NON_REF> 50 PASS . GT 0/1",
            "c 3 . A C,<NON_REF> 5 LowQual . GT 0/1",
            "c 4 . A G,T,<NON_REF> 50 . . GT 2/2",
            "c 5 . AT A,<NON_REF> 50 . . GT:DP 1|1:3",
            "c 6 . A G 50 . . GT 0/0",
        ];
        assert_eq!(tally(&lines), [6, 3, 2, 1, 1, 1]);
    }

    #[test]
    fn allele_counts_decide_in_a_cohort_and_kinds_are_told_without_shared_bases() {
        let lines = [
            "c 1 . A G,C 50 PASS AC=0,2;AN=4 GT 0/0 2/2",
            "c 2 . AT AC,A,* 50 PASS AC=1,1,1;AN=4 GT 1/2 0/3",
            "c 3 . AC GT 50 PASS AC=1;AN=4 GT 0/1 0/0",
        ];
        assert_eq!(tally(&lines), [3, 3, 2, 1, 1, 1]);
    }
}
