//! What a state from a backup must forget before a new cluster goes on with it.

use kumi_proto::v1;

use crate::limits::NUMBERS_LOST_MAX;
use crate::state::State;

impl State {
    /// Ends all leases and skips the numbers that the old cluster may have given since the backup: an
    /// attempt or a registration of that time is then nobody's, and its results are refused. Results
    /// that were committed since are computed again. Returns by how much revisions, which are raft
    /// indices, go up.
    pub fn recover(&mut self) -> u64 {
        let workers: Vec<u64> = self.workers.keys().copied().collect();
        for worker in workers {
            let reason = "the cluster was restored from a backup".to_owned();
            self.expire(&v1::Expire { worker, reason });
        }
        self.last_attempt += NUMBERS_LOST_MAX;
        self.last_worker += NUMBERS_LOST_MAX;
        for pool in self.pools.values_mut() {
            pool.last_request += NUMBERS_LOST_MAX;
        }
        self.revision += NUMBERS_LOST_MAX;
        NUMBERS_LOST_MAX
    }
}
