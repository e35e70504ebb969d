//! Linearizable reads under way: each waits for a read index, then for the replica to reach it.
//!
//! Pure: counts ticks, holds no clock. Reads that arrive together share one question to the
//! leader; a question without an answer is asked again (raft drops it while there is no leader).

use std::collections::BTreeMap;

use crate::error::ReadError;
use crate::event::Reader;

/// Node, life of the node, batch, attempt: unique for ever, so that a late answer to an earlier
/// life never confirms a read of this one.
const CONTEXT_NUMBERS: usize = 4;

#[derive(Debug)]
struct Batch {
    readers: Vec<Reader>,
    index: Option<u64>,
    attempt: u64,
    ask_again: u64,
    deadline: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Reads {
    node: u64,
    boot: u64,
    next: u64,
    now: u64,
    retry_ticks: u64,
    timeout_ticks: u64,
    batches: BTreeMap<u64, Batch>,
}

impl Reads {
    pub(crate) fn new(node: u64, boot: u64, retry_ticks: u64, timeout_ticks: u64) -> Self {
        Self {
            node,
            boot,
            next: 0,
            now: 0,
            retry_ticks,
            timeout_ticks,
            batches: BTreeMap::new(),
        }
    }

    /// Takes readers; returns the context to ask the leader with.
    pub(crate) fn begin(&mut self, readers: Vec<Reader>) -> Vec<u8> {
        let id = self.next;
        self.next += 1;
        let batch = Batch {
            readers,
            index: None,
            attempt: 0,
            ask_again: self.now + self.retry_ticks,
            deadline: self.now + self.timeout_ticks,
        };
        self.batches.insert(id, batch);
        self.context(id, 0)
    }

    /// The leader's answer to a context.
    pub(crate) fn answer(&mut self, context: &[u8], index: u64) {
        let (numbers, rest) = context.as_chunks::<8>();
        if numbers.len() != CONTEXT_NUMBERS || !rest.is_empty() {
            return;
        }
        let number = |at: usize| u64::from_le_bytes(numbers[at]);
        if number(0) != self.node || number(1) != self.boot {
            return;
        }
        if let Some(batch) = self.batches.get_mut(&number(2)) {
            // The first answer suffices: every question was asked after the reads had begun.
            batch.index.get_or_insert(index);
        }
    }

    /// Lets the readers go whose index has been applied.
    pub(crate) fn release(&mut self, applied: u64) {
        let ready = |batch: &Batch| batch.index.is_some_and(|index| index <= applied);
        for (_, batch) in self.batches.extract_if(.., |_, batch| ready(batch)) {
            finish(batch.readers, &Ok(()));
        }
    }

    /// One tick: gives up on readers past their deadline, returns the contexts to ask again with.
    pub(crate) fn tick(&mut self) -> Vec<Vec<u8>> {
        self.now += 1;
        let now = self.now;
        for (_, batch) in self
            .batches
            .extract_if(.., |_, batch| batch.deadline <= now)
        {
            finish(batch.readers, &Err(ReadError::NoLeader));
        }
        self.ask_again(|batch| batch.ask_again <= now)
    }

    /// The contexts of all unanswered questions, to be asked at once of a leader that could not
    /// answer before.
    pub(crate) fn ask_all(&mut self) -> Vec<Vec<u8>> {
        self.ask_again(|_| true)
    }

    fn ask_again(&mut self, due: impl Fn(&Batch) -> bool) -> Vec<Vec<u8>> {
        let mut asked = Vec::new();
        for (id, batch) in &mut self.batches {
            if batch.index.is_none() && due(batch) {
                batch.attempt += 1;
                batch.ask_again = self.now + self.retry_ticks;
                asked.push((*id, batch.attempt));
            }
        }
        asked
            .into_iter()
            .map(|(id, attempt)| self.context(id, attempt))
            .collect()
    }

    fn context(&self, batch: u64, attempt: u64) -> Vec<u8> {
        [self.node, self.boot, batch, attempt]
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect()
    }
}

fn finish(readers: Vec<Reader>, result: &Result<(), ReadError>) {
    for Reader { reply, permit } in readers {
        // A reader that went away needs no answer.
        let _ = reply.send(result.clone());
        drop(permit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot::{Receiver, channel, error::TryRecvError};

    fn reader() -> (Reader, Receiver<Result<(), ReadError>>) {
        let (reply, receiver) = channel();
        (
            Reader {
                reply,
                permit: None,
            },
            receiver,
        )
    }

    #[test]
    fn an_answer_to_an_earlier_life_confirms_nothing() {
        let (first, mut waiting) = reader();
        let mut old = Reads::new(1, 7, 3, 10);
        let mut new = Reads::new(1, 8, 3, 10);
        let (ghost, _gone) = reader();
        let stale = old.begin(vec![ghost]);
        let context = new.begin(vec![first]);
        new.answer(&stale, 5);
        new.release(u64::MAX);
        assert_eq!(waiting.try_recv(), Err(TryRecvError::Empty));
        new.answer(&context, 5);
        new.release(4);
        assert_eq!(waiting.try_recv(), Err(TryRecvError::Empty));
        new.release(5);
        assert_eq!(waiting.try_recv(), Ok(Ok(())));
    }

    #[test]
    fn questions_are_repeated_and_then_given_up() {
        let (first, mut waiting) = reader();
        let mut reads = Reads::new(1, 1, 3, 8);
        let original = reads.begin(vec![first]);
        let mut repeated = Vec::new();
        for _ in 0..7 {
            repeated.extend(reads.tick());
        }
        assert_eq!(repeated.len(), 2);
        assert!(!repeated.contains(&original));
        assert_eq!(waiting.try_recv(), Err(TryRecvError::Empty));
        assert!(reads.tick().is_empty());
        assert_eq!(waiting.try_recv(), Ok(Err(ReadError::NoLeader)));
    }
}
