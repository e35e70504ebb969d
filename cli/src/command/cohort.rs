//! `kumi cohort`: what a cohort is made from.

use serde_json::json;

use crate::args::{CohortCommand, OutputFormat};
use crate::check::{self, Facts};
use crate::print;
use crate::table::{Table, count};

/// Runs the command.
///
/// # Errors
/// 65 or 66 with everything that is wrong.
pub fn run(command: CohortCommand) -> anyhow::Result<()> {
    match command {
        CohortCommand::Check { cohort, output } => {
            show(&check::cohort(&cohort, None, None)?, output);
            Ok(())
        }
    }
}

fn show(facts: &Facts, output: OutputFormat) {
    let samples: Vec<_> = facts
        .samples
        .iter()
        .map(|sample| {
            json!({ "name": sample.name, "patient": sample.patient, "sex": sample.sex().as_str_name(),
                    "read_groups": sample.read_groups.len(), "gvcf": sample.gvcf.is_some() })
        })
        .collect();
    let value =
        json!({ "cohort": facts.header.name, "id": facts.content_id(), "samples": samples });
    print::one(output, &value, || {
        let mut table = Table::new(&["sample", "patient", "read groups"]);
        for sample in &facts.samples {
            table.row(vec![
                sample.name.clone(),
                sample.patient.clone(),
                count(sample.read_groups.len() as u64),
            ]);
        }
        format!("cohort {}: in order\n{}", facts.header.name, table.render())
    });
}
