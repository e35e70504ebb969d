//! Who may call what: the whole of it, in one table. What is not in it is refused to everybody.

use kumi_tls::Role;
use kumi_tls::Role::{Auditor, Operator, ReadOnly, Scheduler, Submitter, Worker};

/// How a call's request comes, which decides how long it may take and how much of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intake {
    /// One message, at once.
    Message,
    /// Messages that are gathered until the last one is there.
    Gathered,
    /// Messages that are worked off one by one, for as long as both ends live.
    Session,
}

/// One method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// `/package.Service/Method`.
    pub(crate) path: &'static str,
    /// Who may call it.
    pub(crate) roles: &'static [Role],
    pub(crate) intake: Intake,
}

/// Everybody with a certificate.
const ALL: &[Role] = &Role::ALL;
/// Sees how the work goes, without names of samples.
const OVERVIEW: &[Role] = &[Operator, Auditor, ReadOnly];
/// The same, of its centre's cohorts for a submitter.
const FOLLOW: &[Role] = &[Operator, Auditor, ReadOnly, Submitter];
/// Sees samples and files; a submitter its centre's.
const LOOK: &[Role] = &[Operator, Auditor, Submitter];
/// Changes cohorts; a submitter its centre's.
const CHANGE: &[Role] = &[Operator, Submitter];
const OPERATE: &[Role] = &[Operator];
/// Sees who did what.
const AUDIT: &[Role] = &[Operator, Auditor];

/// Every method that is served.
pub(crate) const TABLE: &[Row] = &[
    row("/kumi.v1.CohortService/Submit", CHANGE).of(Intake::Gathered),
    row("/kumi.v1.CohortService/List", FOLLOW),
    row("/kumi.v1.CohortService/Get", LOOK),
    row("/kumi.v1.CohortService/Watch", FOLLOW),
    row("/kumi.v1.CohortService/Cancel", CHANGE),
    row("/kumi.v1.CohortService/Retry", CHANGE),
    row("/kumi.v1.CohortService/Withdraw", CHANGE),
    row("/kumi.v1.CohortService/Purge", CHANGE),
    row("/kumi.v1.CohortService/Why", LOOK),
    row("/kumi.v1.ReleaseService/List", LOOK),
    row("/kumi.v1.ReleaseService/Get", LOOK),
    row("/kumi.v1.ReleaseService/Build", CHANGE),
    row("/kumi.v1.TargetService/Set", OPERATE),
    row("/kumi.v1.TargetService/Show", FOLLOW),
    row("/kumi.v1.QueueService/SetPolicy", OPERATE),
    row("/kumi.v1.QueueService/GetPolicy", FOLLOW),
    row("/kumi.v1.QueueService/Show", FOLLOW),
    row("/kumi.v1.WorkerService/Session", &[Worker]).of(Intake::Session),
    row("/kumi.v1.WorkerService/List", OVERVIEW),
    row("/kumi.v1.WorkerService/Drain", OPERATE),
    row("/kumi.v1.ClusterService/Status", ALL),
    row("/kumi.v1.ClusterService/Change", OPERATE),
    row("/kumi.v1.ClusterService/TransferLeader", OPERATE),
    row("/kumi.v1.ClusterService/Backup", OPERATE),
    row("/kumi.v1.AuditService/Head", AUDIT),
    row("/kumi.v1.AuditService/Read", AUDIT),
    row("/kumi.v1.AuditService/Tail", AUDIT),
    row("/kumi.v1.RaftService/Send", &[Scheduler]).of(Intake::Session),
    row("/grpc.health.v1.Health/Check", ALL),
    row("/grpc.health.v1.Health/Watch", ALL),
    row(REFLECTION, ALL).of(Intake::Session),
];

const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

const fn row(path: &'static str, roles: &'static [Role]) -> Row {
    Row {
        path,
        roles,
        intake: Intake::Message,
    }
}

impl Row {
    const fn of(self, intake: Intake) -> Self {
        Self { intake, ..self }
    }

    /// Whether a role may call it.
    pub(crate) fn allows(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// The row of a method.
pub(crate) fn find(path: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.path == path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kumi_tls::Role;
    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::{Intake, TABLE, find};
    use crate::endpoint::DESCRIPTORS;

    #[test]
    fn every_method_has_one_row_and_every_row_a_method() {
        let mut methods = BTreeSet::new();
        for bytes in DESCRIPTORS {
            for file in FileDescriptorSet::decode(bytes).unwrap().file {
                for service in &file.service {
                    for method in &service.method {
                        let (service, name) = (service.name(), method.name());
                        let path = format!("/{}.{service}/{name}", file.package());
                        let row = find(&path).unwrap_or_else(|| panic!("{path} has no row"));
                        assert!(!row.roles.is_empty(), "nobody may call {path}");
                        let streams = method.client_streaming();
                        assert_eq!(streams, row.intake != Intake::Message, "{path}");
                        methods.insert(path);
                    }
                }
            }
        }
        let rows: Vec<_> = TABLE.iter().map(|row| row.path.to_owned()).collect();
        let unique: BTreeSet<_> = rows.iter().cloned().collect();
        assert_eq!(rows.len(), unique.len(), "a method has two rows");
        assert_eq!(unique, methods);
    }

    #[test]
    fn machines_do_not_act_for_people_nor_people_for_machines() {
        for row in TABLE {
            let machine = row.allows(Role::Worker) || row.allows(Role::Scheduler);
            assert_eq!(
                machine && row.allows(Role::Operator),
                row.roles.len() == Role::ALL.len(),
                "{}",
                row.path
            );
            let changes = row.allows(Role::Operator) && !row.allows(Role::Auditor);
            assert!(!(changes && row.allows(Role::ReadOnly)), "{}", row.path);
        }
    }
}
