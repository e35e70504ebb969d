//! What accounts use of what they may.

use kumi_proto::v1::AccountStatus;

use crate::limits::ACCOUNTS_SHOWN_MAX;
use crate::metrics::family::Family;

pub(super) fn families(accounts: &[AccountStatus]) -> Vec<Family> {
    let mut used = Family::gauge(
        "kumi_account_used_core_seconds",
        "Core time that an account used, of which the half counts after each half-life.",
    );
    let mut share = Family::gauge(
        "kumi_account_share",
        "Share among the programmes, or among the centres of a programme.",
    );
    let mut cores = Family::gauge("kumi_account_cores", "Cores that an account uses now.");
    let mut cores_max = Family::gauge("kumi_account_cores_max", "Quota of cores in use at once.");
    let mut genomes = Family::gauge(
        "kumi_account_genomes_begun_today",
        "Genomes that an account began on this day (UTC).",
    );
    let mut genomes_max = Family::gauge(
        "kumi_account_genomes_per_day_max",
        "Quota of genomes begun on a day (UTC).",
    );
    for account in largest(accounts) {
        let labels = [
            ("programme", account.programme.as_str()),
            ("centre", account.centre.as_str()),
        ];
        used.add(&labels, account.core_milliseconds as f64 / 1e3);
        share.add(&labels, account.share.into());
        cores.add(&labels, account.cores as f64);
        genomes.add(&labels, account.genomes.into());
        if let Some(most) = account.cores_max {
            cores_max.add(&labels, most.into());
        }
        if let Some(most) = account.genomes_max {
            genomes_max.add(&labels, most.into());
        }
    }
    vec![used, share, cores, cores_max, genomes, genomes_max]
}

/// The accounts that used the most: names are what submitters chose, and series must stay few.
fn largest(accounts: &[AccountStatus]) -> Vec<&AccountStatus> {
    let mut all: Vec<_> = accounts.iter().collect();
    all.sort_by_key(|account| std::cmp::Reverse((account.cores, account.core_milliseconds)));
    all.truncate(ACCOUNTS_SHOWN_MAX);
    all
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1::AccountStatus;

    use super::largest;
    use crate::limits::ACCOUNTS_SHOWN_MAX;

    #[test]
    fn accounts_are_as_many_as_may_be_shown() {
        let account = |number: u64| AccountStatus {
            programme: format!("p{number}"),
            core_milliseconds: number,
            ..AccountStatus::default()
        };
        let many: Vec<_> = (0..ACCOUNTS_SHOWN_MAX as u64 + 50).map(account).collect();
        let shown = largest(&many);
        assert_eq!(shown.len(), ACCOUNTS_SHOWN_MAX);
        assert_eq!(shown[0].core_milliseconds, ACCOUNTS_SHOWN_MAX as u64 + 49);
    }
}
