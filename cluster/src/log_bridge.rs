//! raft-rs logs through slog; this hands its records to `tracing`.
//!
//! What raft calls information is of interest only when looking for a fault, hence debug.

use std::fmt::Write;

/// raft's logger.
pub(crate) fn logger() -> slog::Logger {
    slog::Logger::root(Bridge, slog::o!())
}

struct Bridge;

impl slog::Drain for Bridge {
    type Ok = ();
    type Err = slog::Never;

    fn log(
        &self,
        record: &slog::Record<'_>,
        values: &slog::OwnedKVList,
    ) -> Result<Self::Ok, Self::Err> {
        match record.level() {
            slog::Level::Critical | slog::Level::Error => {
                tracing::error!(target: "raft", "{}", text(record, values));
            }
            slog::Level::Warning => tracing::warn!(target: "raft", "{}", text(record, values)),
            slog::Level::Info => tracing::debug!(target: "raft", "{}", text(record, values)),
            slog::Level::Debug | slog::Level::Trace => {
                tracing::trace!(target: "raft", "{}", text(record, values));
            }
        }
        Ok(())
    }
}

fn text(record: &slog::Record<'_>, values: &slog::OwnedKVList) -> String {
    let mut text = Text(record.msg().to_string());
    // Writing into a string cannot fail.
    let _ = slog::KV::serialize(&record.kv(), record, &mut text);
    let _ = slog::KV::serialize(values, record, &mut text);
    text.0
}

struct Text(String);

impl slog::Serializer for Text {
    fn emit_arguments(&mut self, key: slog::Key, value: &std::fmt::Arguments<'_>) -> slog::Result {
        write!(self.0, " {key}={value}")?;
        Ok(())
    }
}
