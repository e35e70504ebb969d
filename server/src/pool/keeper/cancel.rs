//! Jobs that are to end.

use crate::limits;
use crate::pool::keeper::Keeper;

impl Keeper {
    /// Has jobs ended, each no more often than once in a while: the queue must be looked at in between.
    pub(super) fn cancel(&mut self, now_ms: u64, mut ids: Vec<String>) {
        ids.retain(|id| {
            let told_ms = self.told_ms.get(id);
            told_ms.is_none_or(|told_ms| now_ms >= told_ms + limits::SITE_CANCEL_AGAIN_MS)
        });
        let elements = self.listing.iter().flat_map(|listing| &listing.elements);
        let cancelled = elements.filter(|element| ids.contains(&element.id));
        self.memory
            .cancelled
            .extend(cancelled.map(|element| element.request));
        self.told_ms
            .extend(ids.iter().map(|id| (id.clone(), now_ms)));
        self.to_cancel.extend(ids);
    }
}
