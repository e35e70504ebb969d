//! VCF: variants and reference confidence as text, with an index.
//!
//! Records stay lines of text: a reader hands out views that find columns without copying, a writer takes
//! complete lines. What is written depends on the lines only, never on how they were grouped: the same
//! records give the same bytes. Nothing here interprets a genotype.

mod bcf;
mod bcf_reader;
mod blocks;
mod concatenate;
mod encoded;
mod error;
mod form;
mod header;
mod reader;
mod record;
mod view;
mod writer;

#[cfg(test)]
mod tests;

pub use bcf::BcfWriter;
pub use bcf_reader::{BcfReader, BcfSite};
pub use concatenate::{ConcatenateError, concatenate};
pub use encoded::EncodedWriter;
pub use error::{Place, VcfError};
pub use form::{Form, FormWriter};
pub use header::{Header, HeaderError};
pub use reader::Reader;
pub use record::Record;
pub use view::RecordView;
pub use writer::Writer;
