//! One small JSON object a sample: the metrics of GA4GH's WGS quality control under its ids, then ours.

use serde::Serialize;

use crate::report::{Report, Totals};

#[derive(Serialize)]
struct Summary<'a> {
    biosample: Biosample<'a>,
    wgs_qc_metrics: Wgs,
    kumi: &'a Totals,
}

#[derive(Serialize)]
struct Biosample<'a> {
    id: &'a str,
}

/// As GA4GH spells and defines them; null is not measured here (autosomes: the reference has none).
#[derive(Serialize)]
struct Wgs {
    yield_bp_q30: u64,
    mean_autosome_coverage: Option<f64>,
    mad_autosome_coverage: Option<f64>,
    pct_autosomes_15x: Option<f64>,
    pct_reads_mapped: f64,
    pct_reads_properly_paired: f64,
    mean_insert_size: Option<f64>,
    insert_size_std_deviation: Option<f64>,
    cross_contamination_rate: Option<f64>,
}

pub(crate) fn to_json(report: &Report) -> String {
    let totals = report.totals();
    let autosomes = report.depths().autosomes.depths();
    let on_autosomes = |value: f64| (autosomes.count() > 0).then(|| round(value));
    let spread = report.insert_sizes().spread();
    let percent = |part: u64| round(100.0 * crate::histogram::ratio(part, totals.reads));
    let summary = Summary {
        biosample: Biosample {
            id: report.sample(),
        },
        wgs_qc_metrics: Wgs {
            yield_bp_q30: totals.bases_q30,
            mean_autosome_coverage: on_autosomes(autosomes.mean()),
            mad_autosome_coverage: on_autosomes(autosomes.median_absolute_deviation()),
            pct_autosomes_15x: on_autosomes(100.0 * report.depths().autosomes.share_at_least(15)),
            pct_reads_mapped: percent(totals.mapped),
            pct_reads_properly_paired: percent(totals.properly_paired),
            mean_insert_size: spread.map(|spread| round(spread.mean)),
            insert_size_std_deviation: spread.map(|spread| round(spread.standard_deviation)),
            cross_contamination_rate: None,
        },
        kumi: &totals,
    };
    let mut text = serde_json::to_string_pretty(&summary).expect("names and numbers are JSON");
    text.push('\n');
    text
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
