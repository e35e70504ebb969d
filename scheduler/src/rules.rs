//! How cores are shared and what may be used at most, as an operator set it.

use std::collections::BTreeMap;

use kumi_proto::v1;

use crate::limits::{
    ACCOUNTS_MAX, HALF_LIFE_MS, HALF_LIFE_MS_MAX, HALF_LIFE_MS_MIN, NAME_CHARS_MAX, SHARE_MAX,
};

/// What one account may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Its part among its siblings, at least 1.
    pub(crate) share: u32,
    /// Cores in use at once.
    pub(crate) cores: Option<u32>,
    /// Genomes begun on a day (UTC).
    pub(crate) genomes_per_day: Option<u32>,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            share: 1,
            cores: None,
            genomes_per_day: None,
        }
    }
}

/// A policy as it is in force. Accounts that it does not name have the default allowance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) half_life_ms: u64,
    programmes: BTreeMap<String, Allowance>,
    centres: BTreeMap<String, BTreeMap<String, Allowance>>,
}

/// A field that is wrong, and how.
pub(crate) type Fault = (String, String);

impl Rules {
    /// The rules that a policy means.
    pub(crate) fn of(policy: &v1::Policy) -> Result<Self, Fault> {
        let half_life_ms = match policy.half_life_ms {
            0 => HALF_LIFE_MS,
            given => given,
        };
        if !(HALF_LIFE_MS_MIN..=HALF_LIFE_MS_MAX).contains(&half_life_ms) {
            let problem = format!("it is not between {HALF_LIFE_MS_MIN} and {HALF_LIFE_MS_MAX} ms");
            return Err(("half_life".to_owned(), problem));
        }
        if policy.accounts.len() > ACCOUNTS_MAX {
            let problem = format!("there are more than {ACCOUNTS_MAX}");
            return Err(("account".to_owned(), problem));
        }
        let mut rules = Self {
            half_life_ms,
            ..Self::default()
        };
        for (number, account) in policy.accounts.iter().enumerate() {
            rules.enter(account).map_err(|(field, problem)| {
                (format!("account[{number}].{field}"), problem.to_owned())
            })?;
        }
        Ok(rules)
    }

    fn enter(&mut self, account: &v1::AccountPolicy) -> Result<(), (&'static str, &'static str)> {
        let v1::AccountPolicy {
            programme, centre, ..
        } = account;
        let is_name = |name: &String| (1..=NAME_CHARS_MAX).contains(&name.len());
        if !is_name(programme) {
            return Err(("programme", "it is empty or too long"));
        }
        if !centre.is_empty() && !is_name(centre) {
            return Err(("centre", "it is too long"));
        }
        if account.share > SHARE_MAX {
            return Err(("share", "it is larger than 1000000"));
        }
        let allowance = Allowance {
            share: account.share.max(1),
            cores: account.cores,
            genomes_per_day: account.genomes_per_day,
        };
        let before = if centre.is_empty() {
            self.programmes.insert(programme.clone(), allowance)
        } else {
            let centres = self.centres.entry(programme.clone()).or_default();
            centres.insert(centre.clone(), allowance)
        };
        match before {
            None => Ok(()),
            Some(_) => Err(("programme", "this account is listed twice")),
        }
    }

    /// The policy in its one form: accounts in the order of their names.
    pub(crate) fn policy(&self) -> v1::Policy {
        let account = |programme: &String, centre: &str, allowance: &Allowance| v1::AccountPolicy {
            programme: programme.clone(),
            centre: centre.to_owned(),
            share: allowance.share,
            cores: allowance.cores,
            genomes_per_day: allowance.genomes_per_day,
        };
        let programmes = self.programmes.iter();
        let mut accounts: Vec<_> = programmes
            .map(|(name, own)| account(name, "", own))
            .collect();
        for (programme, centres) in &self.centres {
            let centres = centres.iter();
            accounts.extend(centres.map(|(name, own)| account(programme, name, own)));
        }
        v1::Policy {
            half_life_ms: self.half_life_ms,
            accounts,
        }
    }

    /// The accounts that are named: programme and centre, which is empty for a programme as a whole.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        let programmes = self.programmes.keys().map(|name| (name.as_str(), ""));
        let centres = self.centres.iter().flat_map(|(programme, centres)| {
            let centres = centres.keys();
            centres.map(move |centre| (programme.as_str(), centre.as_str()))
        });
        programmes.chain(centres)
    }

    /// What a programme may have as a whole.
    pub(crate) fn programme(&self, programme: &str) -> Allowance {
        self.programmes.get(programme).copied().unwrap_or_default()
    }

    /// What a centre of a programme may have.
    pub(crate) fn centre(&self, programme: &str, centre: &str) -> Allowance {
        let centres = self.centres.get(programme);
        let own = centres.and_then(|centres| centres.get(centre));
        own.copied().unwrap_or_default()
    }
}
