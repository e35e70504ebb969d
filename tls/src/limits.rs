//! Every limit of this crate, units last; what must hold between them is checked when it compiles.

/// A handshake takes at most this long, milliseconds.
pub const HANDSHAKE_MS_MAX: u64 = 5_000;
/// Handshakes under way; one more pushes out the oldest, so that slow ones keep nobody waiting.
pub const HANDSHAKES_MAX: usize = 512;
/// A connection must send its first bytes within this, milliseconds.
pub const FIRST_BYTES_MS_MAX: u64 = 5_000;
/// Bytes that count as the first: the preface of HTTP/2 (RFC 9113, 3.4).
pub const FIRST_BYTES: usize = 24;
/// Connections of one gRPC listener.
pub const CONNECTIONS_MAX: usize = 8_192;
/// Connections of one listener for monitoring.
pub const MONITORS_MAX: usize = 256;
/// A connection to a listener for monitoring lives at most this long, milliseconds.
pub const MONITOR_MS_MAX: u64 = 120_000;
/// Files are looked at for changes at most this often, milliseconds.
pub const LOOK_MS: u64 = 1_000;
/// Pause after the system refused to accept, as when no file descriptors are left, milliseconds.
pub const ACCEPT_PAUSE_MS: u64 = 50;
/// Accepted connections that wait for their server.
pub const WAITING_MAX: usize = 64;
/// Longest part of an identity, bytes.
pub const PART_BYTES_MAX: usize = 128;
/// Largest PEM file that is read.
pub const PEM_BYTES_MAX: u64 = 1 << 20;

const _: () = {
    assert!(HANDSHAKES_MAX < CONNECTIONS_MAX);
    assert!(FIRST_BYTES_MS_MAX < MONITOR_MS_MAX);
};
