//! `kumi.v1.AuditService`: what this node has on its disk.

use std::path::PathBuf;
use std::sync::Arc;

use kumi_cluster::audit::{AuditError, Reader, beginnings};
use kumi_proto::v1::audit_service_server::AuditService;
use kumi_proto::v1::{
    AuditFile, AuditHead, AuditHeadRequest, AuditRecord, AuditTail, ReadAuditRequest,
    TailAuditRequest,
};
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
        let (folder, (index, head)) = (self.folder()?, self.written().await?);
        let files = blocking(move || beginnings(&folder, index)).await?;
        let file = |(first, before): (u64, audit::Head)| AuditFile {
            first,
            before: before.0.to_vec(),
        };
        Ok(Response::new(AuditHead {
            id: self.control.node.status().borrow().id,
            index,
            head: head.0.to_vec(),
            files: files.into_iter().map(file).collect(),
        }))
    }

    type ReadStream = ReceiverStream<Result<AuditRecord, Status>>;

    async fn read(
        &self,
        request: Request<ReadAuditRequest>,
    ) -> Result<Response<Self::ReadStream>, Status> {
        let from = request.into_inner().from;
        let (folder, (until, _)) = (self.folder()?, self.written().await?);
        let (records, stream) = mpsc::channel(limits::AUDIT_RECORDS_AHEAD);
        tokio::spawn(async move {
            if let Err(status) = send((folder, from, until), &records).await {
                // Who went away needs no reason.
                let _ = records.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn tail(
        &self,
        request: Request<TailAuditRequest>,
    ) -> Result<Response<AuditTail>, Status> {
        let TailAuditRequest { events, all } = request.into_inner();
        let most = (events as usize).min(limits::AUDIT_TAIL_MAX);
        let (folder, (until, _)) = (self.folder()?, self.written().await?);
        let records = blocking(move || audit::latest(&folder, until, (most, all))).await?;
        Ok(Response::new(AuditTail { records }))
    }
}

impl Audit {
    fn folder(&self) -> Result<PathBuf, Status> {
        let folder = self.control.node.audit();
        folder.map(PathBuf::from).ok_or_else(refusal::no_audit)
    }

    /// Index and head up to which it can be read.
    async fn written(&self) -> Result<(u64, audit::Head), Status> {
        let head = self.control.node.head().await;
        head.map_err(|error| refusal::read(&error))
    }
}

/// Runs what reads files.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, AuditError> + Send + 'static,
) -> Result<T, Status> {
    let answer = tokio::task::spawn_blocking(read).await;
    let answer = answer.map_err(|error| refusal::failed(&error))?;
    answer.map_err(|error| refusal::audit(&error))
}

/// Sends records until the end of what is written, or until nobody listens. A slow listener holds no thread.
async fn send((folder, from, until): (PathBuf, u64, u64), records: &Records) -> Result<(), Status> {
    let mut reader = blocking(move || Reader::open(&folder, from, until)).await?;
    loop {
        let (rest, ahead) = blocking(move || some(reader)).await?;
        reader = rest;
        if ahead.is_empty() {
            return Ok(());
        }
        for record in ahead {
            if records.send(Ok(record)).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// The next records; none at the end.
fn some(mut reader: Reader) -> Result<(Reader, Vec<AuditRecord>), AuditError> {
    let (mut ahead, mut bytes) = (Vec::new(), 0);
    while ahead.len() < limits::AUDIT_RECORDS_AHEAD
        && bytes < limits::AUDIT_BYTES_AHEAD
        && let Some(record) = reader.read_next()?
    {
        bytes += record.bytes.len();
        let (term, events) = audit::read(&record).unwrap_or_default();
        ahead.push(AuditRecord {
            index: record.index,
            term,
            head: record.head.0.to_vec(),
            entry: record.bytes,
            events,
        });
    }
    Ok((reader, ahead))
}
