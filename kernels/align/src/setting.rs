//! What reads are aligned to and how.

use kumi_index::View;
use kumi_simd::level::Level;

use crate::params::Params;

/// Copied freely: three references.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    /// The reference.
    pub view: View<'a>,
    /// The settings.
    pub params: &'a Params,
    /// The processor.
    pub level: Level,
}
