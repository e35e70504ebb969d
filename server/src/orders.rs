//! What a worker reads: orders that wait for it together leave together.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use kumi_proto::v1::Orders;
use tokio::sync::mpsc;
use tonic::Status;

type Item = Result<Orders, Status>;

/// The reading end of an order queue.
pub(crate) struct OrderStream {
    queue: mpsc::Receiver<Item>,
    /// Taken off the queue already.
    next: Option<Item>,
}

impl OrderStream {
    pub(crate) fn new(queue: mpsc::Receiver<Item>) -> Self {
        Self { queue, next: None }
    }
}

impl Stream for OrderStream {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let Some(next) = self.next.take() else {
            let Some(next) = ready!(self.queue.poll_recv(cx)) else {
                return Poll::Ready(None);
            };
            // Whoever else was woken by the same entry of the log goes first: what it granted and what it settled
            // come from two tasks.
            self.next = Some(next);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        let Ok(mut orders) = next else {
            return Poll::Ready(Some(next));
        };
        while let Ok(more) = self.queue.try_recv() {
            match more {
                Ok(more) if may_join(&orders, &more) => {
                    orders.acknowledged.extend(more.acknowledged);
                    orders.start.extend(more.start);
                }
                other => {
                    self.next = Some(other);
                    break;
                }
            }
        }
        Poll::Ready(Some(Ok(orders)))
    }
}

/// Whether one message says the same as two: what is to stop or to be split may have been started by the first.
fn may_join(first: &Orders, second: &Orders) -> bool {
    let plain = |orders: &Orders| orders.stop.is_empty() && orders.split.is_empty();
    let standing = |orders: &Orders| {
        let drains = (orders.drain, orders.leave);
        (orders.worker, orders.report_in_ms, drains)
    };
    plain(first) && plain(second) && standing(first) == standing(second)
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use kumi_proto::v1::{Orders, Start};
    use tokio::sync::mpsc;

    use super::OrderStream;

    fn start(attempt: u64) -> Orders {
        Orders {
            start: vec![Start {
                attempt,
                ..Start::default()
            }],
            ..Orders::default()
        }
    }

    #[tokio::test]
    async fn orders_that_wait_leave_together_unless_one_ends_what_another_starts() {
        let (queue, stream) = mpsc::channel(16);
        let acknowledged = Orders {
            acknowledged: vec![1, 2],
            ..Orders::default()
        };
        let stop = Orders {
            stop: vec![4],
            ..Orders::default()
        };
        let drain = Orders {
            drain: true,
            ..start(6)
        };
        let sent = [
            acknowledged,
            start(3),
            start(4),
            stop.clone(),
            start(5),
            drain.clone(),
        ];
        for orders in sent {
            queue.send(Ok(orders)).await.unwrap();
        }
        let over = crate::session::over();
        queue.send(Err(over.clone())).await.unwrap();
        drop(queue);
        let told: Vec<_> = OrderStream::new(stream).collect().await;
        let orders: Vec<Orders> = told.iter().flatten().cloned().collect();
        let together = Orders {
            acknowledged: vec![1, 2],
            start: [start(3).start, start(4).start].concat(),
            ..Orders::default()
        };
        assert_eq!(orders, [together, stop, start(5), drain]);
        let last = told.last().unwrap().as_ref().unwrap_err();
        assert_eq!(last.code(), over.code());
    }
}
