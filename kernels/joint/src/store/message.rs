//! Checks of a record batch before it is decoded: what the decoder takes for granted.

use arrow_ipc::{Block, CompressionType, root_as_message};
use arrow_schema::{DataType, Fields};

use crate::store::error::Damage;

/// Bytes of a column of a batch, unpacked: more is a damaged file.
pub(crate) const BUFFER_BYTES_MAX: i64 = 1 << 28;
/// Bytes of all columns of a batch, unpacked.
const BATCH_BYTES_MAX: i64 = 1 << 30;
/// Bytes before a packed buffer that tell how long it is unpacked.
const PREFIX: i64 = 8;
/// What is told of a buffer that is not packed.
const RAW: i64 = -1;

/// Checks that the buffers of a batch lie in its body, do not unpack to more than can be, and hold whole numbers of
/// what the schema says is in them.
pub(crate) fn check(bytes: &[u8], block: &Block, fields: &Fields) -> Result<(), Damage> {
    let (meta, body) = bytes.split_at(block.metaDataLength() as usize);
    let skip = if meta.starts_with(&[0xff; 4]) { 8 } else { 4 };
    let message =
        root_as_message(&meta[skip..]).map_err(|error| Damage(format!("its header: {error}")))?;
    let batch = message.header_as_record_batch();
    let batch = batch.ok_or("it is no record batch")?;
    let packing = batch.compression().map(|packing| packing.codec());
    if packing != Some(CompressionType::ZSTD) {
        return Err("its columns are not packed with zstd".into());
    }
    let mut widths = Vec::new();
    element_bytes(fields, &mut widths)?;
    let buffers = batch.buffers().unwrap_or_default();
    if buffers.len() != widths.len() {
        return Err("it has another number of columns".into());
    }
    let mut whole = 0i64;
    for (buffer, width) in buffers.iter().zip(widths) {
        let (offset, length) = (buffer.offset(), buffer.length());
        let end = offset.checked_add(length);
        let inside = offset >= 0 && length >= 0 && end.is_some_and(|end| end <= body.len() as i64);
        if !inside {
            return Err("a column lies outside of it".into());
        }
        let unpacked = unpacked(&body[offset as usize..], length)?;
        if unpacked > BUFFER_BYTES_MAX {
            return Err("a column unpacks to too much".into());
        }
        if unpacked % width != 0 {
            return Err("a column holds a part of a number".into());
        }
        whole = whole.saturating_add(unpacked.max(length));
        if whole > BATCH_BYTES_MAX {
            return Err("its columns unpack to too much together".into());
        }
    }
    Ok(())
}

/// Bytes of a buffer of so many bytes, unpacked.
fn unpacked(bytes: &[u8], length: i64) -> Result<i64, Damage> {
    if length == 0 {
        return Ok(0);
    }
    let told = bytes.first_chunk().filter(|_| length >= PREFIX);
    match told.map(|told| i64::from_le_bytes(*told)) {
        Some(RAW) => Ok(length - PREFIX),
        Some(told) if told >= 0 => Ok(told),
        _ => Err("a column does not tell its length".into()),
    }
}

/// Bytes of an element of every buffer of a batch, in order; 1 for bits.
fn element_bytes(fields: &Fields, widths: &mut Vec<i64>) -> Result<(), Damage> {
    for field in fields {
        // Whether there is a value.
        widths.push(1);
        match field.data_type() {
            DataType::Boolean | DataType::UInt8 => widths.push(1),
            DataType::UInt16 => widths.push(2),
            DataType::UInt32 => widths.push(4),
            DataType::UInt64 | DataType::Int64 => widths.push(8),
            DataType::Utf8 | DataType::Binary => widths.extend([4, 1]),
            DataType::List(item) => {
                widths.push(4);
                element_bytes(&Fields::from(vec![item.as_ref().clone()]), widths)?;
            }
            DataType::Struct(fields) => element_bytes(fields, widths)?,
            _ => return Err("a column is of a type that is never written".into()),
        }
    }
    Ok(())
}
