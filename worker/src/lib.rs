//! The worker daemon: agent, executor, tasks, store
