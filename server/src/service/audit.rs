//! `kumi.v1.AuditService`: what this node has on its disk.

use std::path::PathBuf;
use std::sync::Arc;

use kumi_cluster::audit::{AuditError, Reader};
use kumi_proto::v1::audit_service_server::AuditService;
use kumi_proto::v1::{AuditHead, AuditHeadRequest, AuditRecord, ReadAuditRequest};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::audit;
use crate::control::Control;
use crate::limits;
use crate::refusal;

/// The audit log.
#[derive(Clone)]
pub(crate) struct Audit {
    pub(crate) control: Arc<Control>,
}

type Records = mpsc::Sender<Result<AuditRecord, Status>>;

#[tonic::async_trait]
impl AuditService for Audit {
    async fn head(&self, _: Request<AuditHeadRequest>) -> Result<Response<AuditHead>, Status> {
        let folder = self.folder()?;
        let base = tokio::task::spawn_blocking(move || Reader::open(&folder, 0)?.base()).await;
        let base = base.map_err(|error| refusal::audit(&error))?;
        let base = base.map_err(|error| refusal::audit(&error))?;
        let (index, head) = self.control.node.head();
        let (first, base) = base.unwrap_or_default();
        Ok(Response::new(AuditHead {
            id: self.control.node.status().borrow().id,
            index,
            head: head.0.to_vec(),
            first,
            base: base.0.to_vec(),
        }))
    }

    type ReadStream = ReceiverStream<Result<AuditRecord, Status>>;

    async fn read(
        &self,
        request: Request<ReadAuditRequest>,
    ) -> Result<Response<Self::ReadStream>, Status> {
        let from = request.into_inner().from;
        let folder = self.folder()?;
        let (records, stream) = mpsc::channel(limits::AUDIT_RECORDS_AHEAD);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = send(folder, from, &records) {
                // Who went away needs no reason.
                let _ = records.blocking_send(Err(refusal::audit(&error)));
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

impl Audit {
    fn folder(&self) -> Result<PathBuf, Status> {
        let folder = self.control.node.audit();
        folder.map(PathBuf::from).ok_or_else(refusal::no_audit)
    }
}

/// Sends records until the end of what is written, or until nobody listens.
fn send(folder: PathBuf, from: u64, records: &Records) -> Result<(), AuditError> {
    let mut reader = Reader::open(&folder, from)?;
    while let Some(record) = reader.read_next()? {
        let (term, events) = audit::read(&record).unwrap_or_default();
        let record = AuditRecord {
            index: record.index,
            term,
            head: record.head.0.to_vec(),
            entry: record.bytes,
            events,
        };
        if records.blocking_send(Ok(record)).is_err() {
            break;
        }
    }
    Ok(())
}
