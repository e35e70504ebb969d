//! Every limit of this crate, units last; what must hold between them is checked when it compiles.

/// Largest message accepted by any service but raft's.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Largest submission, all messages of its stream together: it becomes one log entry.
pub const SUBMISSION_BYTES_MAX: usize = kumi_cluster::limits::COMMAND_BYTES_MAX - (64 << 10);
/// Faults of a submission that are listed; gRPC carries them in a header that must stay small.
pub const VIOLATIONS_MAX: usize = 100;
/// Longest request id.
pub const REQUEST_ID_BYTES_MAX: usize = 128;
/// Longest name and incarnation of a worker.
pub const WORKER_NAME_BYTES_MAX: usize = 128;
/// Cohorts in one page of a list when the caller names no size, and at most.
pub const PAGE_COHORTS_MAX: u32 = 500;
/// Tasks granted to one worker by one command.
pub const GRANT_TASKS_MAX: usize = 256;
/// Workers that are dealt to at a time, and with a grant under way before no more are: each look for tasks passes by what
/// is promised to the others, while the state cannot change.
pub const DEAL_WORKERS: usize = 64;
/// Orders waiting for one worker's stream; a worker that does not read them loses its session.
pub const ORDERS_WAITING_MAX: usize = 256;
/// Updates waiting for one watcher; it then gets the newest state when it reads again.
pub const WATCH_WAITING_MAX: usize = 4;
/// Shortest pause between two updates to one watcher.
pub const WATCH_PAUSE_MS: u64 = 100;
/// A watcher is told of progress inside the running tasks this often.
pub const WATCH_PROGRESS_MS: u64 = 500;
/// The first message of a session and the messages of a submission must follow one another within this.
pub const STREAM_SILENCE_MS: u64 = 30_000;
/// Longest submission, first byte to last.
pub const SUBMISSION_MS_MAX: u64 = 600_000;
/// Bytes of requests that are under way, but for sessions.
pub const INTAKE_BYTES_MAX: usize = 4 * (SUBMISSION_BYTES_MAX + MESSAGE_BYTES_MAX);
/// Elements of one message, lists of lists included: each may take some hundred bytes, however short it is.
pub const MESSAGE_ELEMENTS_MAX: usize = 1 << 19;
/// Elements of all messages of one request.
pub const REQUEST_ELEMENTS_MAX: usize = 1 << 21;
/// Submissions under way.
pub const SUBMISSIONS_MAX: usize = 32;
/// One caller may hold one part in so many of both.
pub const INTAKE_SHARES: usize = 4;
/// What a client is told to wait when there is no room for its request.
pub const BUSY_RETRY_MS: u64 = 1_000;

/// HTTP/2 pings on connections, so that dead peers are noticed.
pub const KEEP_ALIVE_MS: u64 = 5_000;
/// A connection without an answer to a ping for this long is broken.
pub const KEEP_ALIVE_TIMEOUT_MS: u64 = 5_000;
/// Streams open at once on one connection.
pub const CONNECTION_STREAMS_MAX: u32 = 1_024;
/// All header fields of a call.
pub const HEADER_BYTES_MAX: u32 = 16 << 10;
/// How long a shutdown waits for calls under way.
pub const SHUTDOWN_MS_MAX: u64 = 2_000;
/// Programmes and centres in the metrics, those that use the most.
pub const ACCOUNTS_SHOWN_MAX: usize = 200;
/// Workers that are lost stay in the metrics for this long.
pub const WORKER_SHOWN_MS: u64 = 24 * 3_600_000;
/// What a client is told to wait when there is no leader or a proposal was lost.
pub const RETRY_AFTER_MS: u64 = 200;
/// The leader looks for overdue workers this often at least; more often when the lease is short.
pub const LEASE_CHECK_MS_MAX: u64 = 500;
/// Checks for overdue workers within one lease.
pub const LEASE_CHECKS: u64 = 10;
/// The leader looks for tasks to be split this often at least.
pub const SPLIT_CHECK_MS_MAX: u64 = 1_000;
/// A worker that dials a leader just elected waits this long for its first command to be applied.
pub const TERM_OPENING_MS_MAX: u64 = 5_000;
/// Pause before the leader repeats a proposal of its own that failed.
pub const LEADER_RETRY_MS: u64 = 100;

/// How long a call of a program of the site may take.
pub const SITE_CALL_MS_MAX: u64 = 20_000;
/// What such a program may write.
pub const SITE_OUTPUT_BYTES_MAX: u64 = 64 << 20;
/// What is kept of its complaints.
pub const SITE_COMPLAINT_CHARS_MAX: usize = 500;
/// A request that no listing of the site's queue shows this long after it was made is not there.
pub const SITE_APPEARS_MS: u64 = 30_000;
/// The site's queue is looked at for this long after nothing should be left there.
pub const SITE_WATCHED_MS: u64 = 60_000;
/// Workers of a site that run are registered within this, or they are ended.
pub const WORKER_COMES_MS: u64 = 10 * 60_000;
/// A worker that was told to leave has left within this, or its job is ended.
pub const WORKER_LEAVES_MS: u64 = 30_000;
/// A job that the site was told to end and that its queue still has is ended again after this.
pub const SITE_CANCEL_AGAIN_MS: u64 = 30_000;
/// Pause before a site's accounting is asked again of a job of whose end it did not know yet.
pub const SITE_ACCOUNT_PAUSE_MS: u64 = 5_000;
/// After this it is not asked of that job any more.
pub const SITE_ACCOUNT_TELLS_MS: u64 = 60_000;
/// Pause before accounting is asked again that is not there or did not answer.
pub const SITE_ACCOUNT_RETRY_MS: u64 = 10 * 60_000;
/// Jobs of which it is asked at once.
pub const SITE_ACCOUNT_JOBS_MAX: usize = 500;
/// How long it is told why a worker of a site was lost.
pub const SITE_LOSS_TOLD_MS: u64 = 60 * 60_000;
/// Workers of a request: sites refuse larger arrays (Slurm's `MaxArraySize` is 1001 by default).
pub const SITE_ASK_WORKERS_MAX: u32 = 1_000;
/// What a reason of the site's may be long.
pub const SITE_REASON_CHARS_MAX: usize = 1_000;
/// Pause between two looks at what pools need.
pub const POOL_TURN_MS: u64 = 100;
/// They are looked at this often at least.
pub const POOL_TURN_MS_MAX: u64 = 1_000;
/// Pause between two requests of a pool.
pub const POOL_ASK_MS: u64 = 2_000;
/// The site's queue is looked at this soon after something changed that it should tell of.
pub const POOL_LOOK_MS: u64 = 1_000;
/// Longest pause before a site that did not answer is asked again.
pub const POOL_BACKOFF_MS_MAX: u64 = 5 * 60_000;

/// How long a transfer of leadership is waited for; raft gives it up after an election timeout.
pub const TRANSFER_MS_MAX: u64 = 5_000;
/// Records of the audit log that are read at a time, and their bytes from which on no more are.
pub const AUDIT_RECORDS_AHEAD: usize = 256;
/// See [`AUDIT_RECORDS_AHEAD`].
pub const AUDIT_BYTES_AHEAD: usize = 1 << 20;
/// Latest events of the audit log in one answer.
pub const AUDIT_TAIL_MAX: usize = 10_000;
/// Bytes of a backup in one message.
pub const BACKUP_CHUNK_BYTES: usize = 1 << 20;

const _: () = {
    assert!(WATCH_PAUSE_MS < WATCH_PROGRESS_MS);
    assert!(MESSAGE_BYTES_MAX <= SUBMISSION_BYTES_MAX);
    assert!(SUBMISSION_BYTES_MAX < kumi_cluster::limits::COMMAND_BYTES_MAX);
    assert!(SUBMISSION_BYTES_MAX < INTAKE_BYTES_MAX / INTAKE_SHARES);
    assert!(SUBMISSIONS_MAX >= INTAKE_SHARES);
};
