//! Certificates: whose they are, until when they hold, and whether they fit each other.

use std::os::unix::fs::PermissionsExt as _;

use jiff::Timestamp;
use kumi_tls::{Certificate, Credentials, Files, Role};
use kumi_worker::fault::chain;

use crate::command::doctor::configs::Loaded;
use crate::command::doctor::finding::Finding;
use crate::command::doctor::limits;

const CHECK: &str = "certificate";
const DAY: i64 = 86_400;

/// What a certificate has to be of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Of anybody.
    Any,
    /// Of a worker that goes by this name.
    Worker(String),
    /// Of this node of this cluster, dialled at this host when others dial it by a known one.
    Scheduler {
        id: u64,
        cluster: String,
        host: Option<String>,
    },
}

/// Three files, and what is in them.
pub(super) struct Facts {
    pub(super) files: Files,
    pub(super) wanted: Wanted,
    pub(super) own: Result<Certificate, String>,
    pub(super) ca: Result<Certificate, String>,
    /// Permissions of the key's file.
    pub(super) key_mode: Option<u32>,
    /// Whether key and CA fit the certificate, and it holds now.
    pub(super) fits: Result<(), String>,
    /// Unix seconds.
    pub(super) now: i64,
}

/// The certificates of the configurations, and the one that is shown to schedulers when it is another one.
pub(super) fn subjects(loaded: &[Loaded], shown: Option<&Files>) -> Vec<(Files, Wanted)> {
    let configured = loaded
        .iter()
        .filter_map(|config| Some((config.tls()?, wanted(config))));
    let mut subjects: Vec<(Files, Wanted)> = configured.collect();
    if let Some(files) = shown
        && !subjects.iter().any(|(known, _)| known == files)
    {
        subjects.push((files.clone(), Wanted::Any));
    }
    subjects
}

fn wanted(config: &Loaded) -> Wanted {
    match config {
        Loaded::Worker(worker) => Wanted::Worker(worker.name.clone()),
        Loaded::Scheduler(config) => {
            let scheduler = &config.scheduler;
            let address = scheduler.advertise.as_ref();
            let address = address.or_else(|| scheduler.peers.get(&scheduler.id));
            let host = address.and_then(|address| address.rsplit_once(':'));
            let bare = |host: &str| host.trim_matches(['[', ']']).to_owned();
            Wanted::Scheduler {
                id: scheduler.id,
                cluster: scheduler.cluster.clone(),
                host: host.map(|(host, _)| bare(host)),
            }
        }
    }
}

pub(super) fn gather(files: Files, wanted: Wanted) -> Facts {
    let metadata = std::fs::metadata(&files.key);
    Facts {
        wanted,
        own: kumi_tls::read(&files.certificate).map_err(|error| chain(&error)),
        ca: kumi_tls::read(&files.ca).map_err(|error| chain(&error)),
        key_mode: metadata
            .ok()
            .map(|found| found.permissions().mode() & 0o777),
        fits: Credentials::load(files.clone())
            .map(drop)
            .map_err(|error| chain(&error)),
        now: Timestamp::now().as_second(),
        files,
    }
}

/// The certificate, its CA and its key.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    vec![own(facts), ca(facts), key(facts)]
}

fn own(facts: &Facts) -> Finding {
    let path = facts.files.certificate.display();
    let unusable = |found: String| {
        let needed = "a certificate of this cluster, its key and the CA that signed it";
        let mend = "kumi certs issue --role ROLE --name NAME --host HOST (docs/security.md)";
        Finding::ok(CHECK, found).fail(needed, mend)
    };
    let certificate = match &facts.own {
        Ok(certificate) => certificate,
        Err(error) => return unusable(error.clone()),
    };
    let expiry = match expiry(certificate, facts.now) {
        Expiry::Fine(days) => Ok(days),
        Expiry::Soon(days) => Err(format!("{days} days left")),
        Expiry::Over => return unusable(format!("{path}: it has expired")),
        Expiry::NotYet => {
            let found = format!("{path}: it does not hold yet");
            return Finding::ok(CHECK, found).fail(
                "a clock that is right, or a certificate that holds now",
                "look at the clock first: timedatectl",
            );
        }
    };
    let identity = match &certificate.identity {
        Ok(identity) => identity,
        Err(error) => return unusable(format!("{path}: {error}")),
    };
    if let Err(error) = &facts.fits {
        return unusable(error.clone());
    }
    if let Some((needed, mend)) = misplaced(certificate, &facts.wanted) {
        return Finding::ok(CHECK, format!("{path}: it is of {identity}")).fail(&needed, mend);
    }
    match expiry {
        Ok(days) => Finding::ok(CHECK, format!("{path}: {identity}, {days} days left")),
        Err(soon) => Finding::ok(CHECK, format!("{path}: {identity}, {soon}")).warn(
            "30 days left",
            "issue a new one and replace the files; they are read again without a restart (docs/security.md, \"Renewal\")",
        ),
    }
}

/// What is wanted instead of the identity that is there, and how to get it.
fn misplaced(certificate: &Certificate, wanted: &Wanted) -> Option<(String, String)> {
    let identity = certificate.identity.as_ref().ok()?;
    match wanted {
        Wanted::Any => None,
        Wanted::Worker(name) => {
            let fits = identity.role() == Role::Worker && identity.goes_by(name);
            let needed = format!("one of a worker that goes by the name of {name}");
            let mend = format!("kumi certs issue --role worker --name {name} --host {name}");
            (!fits).then_some((needed, mend))
        }
        Wanted::Scheduler { id, cluster, host } => {
            let host_named = host
                .as_ref()
                .is_none_or(|host| certificate.hosts.contains(host));
            let fits = identity.node() == Some(*id) && identity.cluster() == cluster;
            let at = host.as_deref().unwrap_or("HOST");
            let needed = format!("one of scheduler {id} of cluster {cluster} at host {at}");
            let mend = format!("kumi certs issue --role scheduler --name {id} --host {at}");
            (!fits || !host_named).then_some((needed, mend))
        }
    }
}

fn ca(facts: &Facts) -> Finding {
    let path = facts.files.ca.display();
    let needed = "the certificate of the cluster's CA, in force";
    let mend = "copy ca.pem from where `kumi certs ca` made it; never ca.key";
    match &facts.ca {
        Err(error) => Finding::ok("ca", error.clone()).fail(needed, mend),
        Ok(found) if !found.authority => {
            Finding::ok("ca", format!("{path}: it is of no CA")).fail(needed, mend)
        }
        Ok(found) => match expiry(found, facts.now) {
            Expiry::Fine(days) => Finding::ok("ca", format!("{path}: {days} days left")),
            Expiry::Soon(days) => Finding::ok("ca", format!("{path}: {days} days left")).warn(
                "30 days left",
                "change the CA: both in one file for a while (docs/security.md, \"Renewal\")",
            ),
            Expiry::Over => Finding::ok("ca", format!("{path}: it has expired")).fail(needed, mend),
            Expiry::NotYet => {
                Finding::ok("ca", format!("{path}: it does not hold yet")).fail(needed, mend)
            }
        },
    }
}

fn key(facts: &Facts) -> Finding {
    let path = facts.files.key.display();
    match facts.key_mode {
        None => Finding::ok("key", format!("{path}: it is not there"))
            .fail("the certificate's key", "copy it from where it was issued"),
        Some(mode) if mode & 0o077 != 0 => Finding::ok(
            "key",
            format!("{path}: mode {mode:04o}, others may read it"),
        )
        .warn("mode 0600", format!("chmod 600 {path}")),
        Some(mode) => Finding::ok("key", format!("{path}: mode {mode:04o}")),
    }
}

enum Expiry {
    /// Days that are left.
    Fine(i64),
    Soon(i64),
    Over,
    NotYet,
}

fn expiry(certificate: &Certificate, now: i64) -> Expiry {
    let days = (certificate.not_after - now).div_euclid(DAY);
    if now > certificate.not_after {
        Expiry::Over
    } else if now < certificate.not_before {
        Expiry::NotYet
    } else if days < limits::EXPIRY_DAYS {
        Expiry::Soon(days)
    } else {
        Expiry::Fine(days)
    }
}

#[cfg(test)]
mod tests;
