//! What requests that are under way hold in memory, all together and by caller, and how long they may take.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::Frame;
use prost::bytes::BytesMut;
use tokio::time::{Sleep, sleep};
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, Bytes};
use tonic::{Code, Status};

use crate::authorise::{Intake, Row};
use crate::elements;
use crate::limits;
use crate::refusal;

/// The bytes and submissions under way, by caller.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    used: Mutex<BTreeMap<String, Used>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Used {
    bytes: usize,
    submissions: usize,
}

impl Budget {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Used>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request begins.
    pub(crate) fn begin(
        self: &Arc<Self>,
        actor: String,
        intake: Intake,
    ) -> Result<Arc<Charge>, Status> {
        let submissions = usize::from(intake == Intake::Gathered);
        let charge = Charge {
            budget: Arc::clone(self),
            actor,
            used: Mutex::default(),
        };
        charge.add(Used {
            bytes: 0,
            submissions,
        })?;
        Ok(Arc::new(charge))
    }
}

/// What one request holds; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Arc<Budget>,
    actor: String,
    used: Mutex<Used>,
}

impl Charge {
    /// Holds more, if there is room for it.
    fn add(&self, more: Used) -> Result<(), Status> {
        let mut all = self.budget.lock();
        let sum = |of: &mut dyn Iterator<Item = &Used>| {
            of.fold(more, |sum, used| Used {
                bytes: sum.bytes + used.bytes,
                submissions: sum.submissions + used.submissions,
            })
        };
        let shares = match self.actor.is_empty() {
            // Nobody was asked who they are: all are one.
            true => 1,
            false => limits::INTAKE_SHARES,
        };
        let own = sum(&mut all.get(&self.actor).into_iter());
        let total = sum(&mut all.values());
        if own.bytes > limits::INTAKE_BYTES_MAX / shares
            || total.bytes > limits::INTAKE_BYTES_MAX
            || own.submissions > limits::SUBMISSIONS_MAX / shares
            || total.submissions > limits::SUBMISSIONS_MAX
        {
            return Err(refusal::busy());
        }
        all.insert(self.actor.clone(), own);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.bytes += more.bytes;
        used.submissions += more.submissions;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.budget.lock();
        if let Some(own) = all.get_mut(&self.actor) {
            own.bytes = own.bytes.saturating_sub(used.bytes);
            own.submissions = own.submissions.saturating_sub(used.submissions);
            if *own == Used::default() {
                all.remove(&self.actor);
            }
        }
    }
}

/// A request's body, whose bytes are charged, and which must come to its end in time.
pub(crate) struct IntakeBody {
    body: Body,
    charge: Arc<Charge>,
    deadline: Pin<Box<Sleep>>,
    path: &'static str,
    /// What has come of a message that is not whole yet.
    begun: BytesMut,
    elements_left: usize,
}

impl IntakeBody {
    pub(crate) fn new(body: Body, charge: Arc<Charge>, row: &Row) -> Self {
        let most = match row.intake {
            Intake::Gathered => limits::SUBMISSION_MS_MAX,
            Intake::Message | Intake::Session => limits::STREAM_SILENCE_MS,
        };
        Self {
            body,
            charge,
            deadline: Box::pin(sleep(Duration::from_millis(most))),
            path: row.path,
            begun: BytesMut::new(),
            elements_left: limits::REQUEST_ELEMENTS_MAX,
        }
    }

    /// The messages that are whole with these bytes, if any is: each is handed on once it is known that it will
    /// not take much more memory than it has bytes.
    fn take(&mut self, data: &[u8]) -> Result<Option<Bytes>, Status> {
        self.charge.add(Used {
            bytes: data.len(),
            submissions: 0,
        })?;
        self.begun.extend_from_slice(data);
        let (bytes, messages) = elements::whole(&self.begun, limits::MESSAGE_BYTES_MAX);
        for message in messages {
            let most = self.elements_left.min(limits::MESSAGE_ELEMENTS_MAX);
            let Some(elements) = elements::count(self.path, message, most) else {
                let problem = format!(
                    "a message has more than {} elements, or all of the request more than {}",
                    limits::MESSAGE_ELEMENTS_MAX,
                    limits::REQUEST_ELEMENTS_MAX
                );
                return Err(refusal::status(
                    Code::InvalidArgument,
                    refusal::TOO_LARGE,
                    problem,
                ));
            };
            self.elements_left -= elements;
        }
        Ok((bytes > 0).then(|| self.begun.split_to(bytes).freeze()))
    }
}

impl HttpBody for IntakeBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.deadline.as_mut().poll(cx).is_ready() {
            let message = "the request did not come to its end in time";
            let status = refusal::status(Code::DeadlineExceeded, refusal::SILENT, message);
            return Poll::Ready(Some(Err(status)));
        }
        loop {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            let data = match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                // Half a message at the end is refused behind here.
                None if !self.begun.is_empty() => {
                    let rest = std::mem::take(&mut self.begun).freeze();
                    return Poll::Ready(Some(Ok(Frame::data(rest))));
                }
                other => return Poll::Ready(other),
            };
            if let Some(whole) = self.take(&data)? {
                return Poll::Ready(Some(Ok(Frame::data(whole))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.begun.is_empty() && self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tonic::Code;

    use super::{Budget, Used};
    use crate::authorise::Intake;
    use crate::limits::{INTAKE_BYTES_MAX, INTAKE_SHARES, SUBMISSIONS_MAX};

    fn bytes(bytes: usize) -> Used {
        Used {
            bytes,
            submissions: 0,
        }
    }

    #[test]
    fn nobody_holds_more_than_a_share_and_all_together_not_more_than_there_is() {
        let budget = Arc::new(Budget::default());
        let share = INTAKE_BYTES_MAX / INTAKE_SHARES;
        let mut held = Vec::new();
        for caller in 0..INTAKE_SHARES {
            let charge = budget.begin(format!("c{caller}"), Intake::Message).unwrap();
            charge.add(bytes(share)).unwrap();
            let status = charge.add(bytes(1)).unwrap_err();
            assert_eq!(status.code(), Code::ResourceExhausted);
            held.push(charge);
        }
        let late = budget.begin("late".to_owned(), Intake::Message).unwrap();
        assert!(late.add(bytes(1)).is_err());
        held.pop();
        late.add(bytes(1)).unwrap();
        drop((held, late));
        assert!(budget.lock().is_empty(), "everything was given back");
    }

    #[test]
    fn submissions_are_counted() {
        let budget = Arc::new(Budget::default());
        let begin = |caller: &str| budget.begin(caller.to_owned(), Intake::Gathered);
        let held: Vec<_> = (0..SUBMISSIONS_MAX / INTAKE_SHARES)
            .map(|_| begin("a").unwrap())
            .collect();
        assert_eq!(begin("a").unwrap_err().code(), Code::ResourceExhausted);
        begin("b").unwrap();
        drop(held);
        begin("a").unwrap();
    }
}
