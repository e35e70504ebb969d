//! The replicated state machine: cohorts, task grids, leases, ledger, policy, targets
