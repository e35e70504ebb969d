//! The policy file: how cores are shared and what may be used at most. Its shape is documented in `docs/scheduling.md`.

use std::time::Duration;

use kumi_proto::v1;
use serde::{Deserialize, Serialize};

use crate::args::units::parse_duration;

/// The file as written.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    /// After which use counts half: `7d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_life: Option<String>,
    /// Programmes and centres; others have share 1 and no quota.
    #[serde(default, rename = "account")]
    pub accounts: Vec<Account>,
}

/// One programme, or one centre of it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The programme.
    pub programme: String,
    /// The centre; none: the programme as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub centre: Option<String>,
    /// Among its siblings; 1 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<u32>,
    /// In use at once, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<u32>,
    /// Begun on a day (UTC), at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genomes_per_day: Option<u32>,
}

impl PolicyFile {
    /// Reads a file's text.
    ///
    /// # Errors
    /// What is wrong with it, with the line where TOML tells it.
    pub fn parse(text: &str) -> Result<v1::Policy, String> {
        let file: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let half_life = file.half_life.as_deref().map(parse_duration).transpose();
        let half_life = half_life.map_err(|problem| format!("half_life: {problem}"))?;
        let half_life_ms = half_life.map_or(Ok(0), milliseconds)?;
        let account = |account: Account| {
            if account.share == Some(0) {
                let problem = "a share is at least 1; who shall get nothing has cores = 0";
                return Err(format!("account {}: {problem}", account.programme));
            }
            Ok(v1::AccountPolicy {
                programme: account.programme,
                centre: account.centre.unwrap_or_default(),
                share: account.share.unwrap_or(1),
                cores: account.cores,
                genomes_per_day: account.genomes_per_day,
            })
        };
        let accounts = file.accounts.into_iter().map(account);
        Ok(v1::Policy {
            half_life_ms,
            accounts: accounts.collect::<Result<_, _>>()?,
        })
    }

    /// A policy as a file.
    #[must_use]
    pub fn of(policy: &v1::Policy) -> Self {
        let account = |account: &v1::AccountPolicy| Account {
            programme: account.programme.clone(),
            centre: Some(account.centre.clone()).filter(|centre| !centre.is_empty()),
            share: Some(account.share),
            cores: account.cores,
            genomes_per_day: account.genomes_per_day,
        };
        Self {
            half_life: Some(format!("{}s", policy.half_life_ms / 1_000)),
            accounts: policy.accounts.iter().map(account).collect(),
        }
    }
}

fn milliseconds(duration: Duration) -> Result<u64, String> {
    u64::try_from(duration.as_millis()).map_err(|_| "half_life: too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::PolicyFile;

    #[test]
    fn a_file_says_what_it_means_and_is_written_again_as_it_was_read() {
        let text = r#"
            half_life = "14d"
            [[account]]
            programme = "rare"
            share = 3
            [[account]]
            programme = "rare"
            centre = "north"
            cores = 400
            genomes_per_day = 0
        "#;
        let policy = PolicyFile::parse(text).expect("it is sound");
        assert_eq!(policy.half_life_ms, 14 * 86_400_000);
        assert_eq!(policy.accounts[0].share, 3);
        assert_eq!(policy.accounts[0].cores, None);
        assert_eq!(policy.accounts[1].genomes_per_day, Some(0));
        let again = toml::to_string(&PolicyFile::of(&policy)).expect("it can be written");
        assert_eq!(PolicyFile::parse(&again), Ok(policy));
        for wrong in [
            "half_life = \"7\"",
            "[[account]]\nshare = 1",
            "[[account]]\nprogramme = \"p\"\nshare = 0",
            "unknown = 1",
        ] {
            assert!(PolicyFile::parse(wrong).is_err(), "{wrong}");
        }
    }
}
