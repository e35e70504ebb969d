//! SAM text, written.

use std::io::{self, Write};

use kumi_seq::{cigar, decimal};

use crate::bam::{Record, Value, View};
use crate::header::Header;

/// Writes SAM text.
pub struct Writer<W: Write> {
    inner: W,
    names: Vec<String>,
    line: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// Those of `inner`.
    pub fn new(mut inner: W, header: &Header) -> io::Result<Self> {
        inner.write_all(header.to_text()?.as_bytes())?;
        let names = header
            .references()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        Ok(Self {
            inner,
            names,
            line: Vec::new(),
        })
    }

    /// Writes a record.
    ///
    /// # Errors
    /// Those of the inner writer.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        self.line.clear();
        line(&record.view(), &self.names, &mut self.line)?;
        self.inner.write_all(&self.line)
    }

    /// Flushes and gives the inner writer back.
    ///
    /// # Errors
    /// Those of the inner writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.inner.flush()?;
        Ok(self.inner)
    }
}

fn name(names: &[String], id: i32) -> &str {
    usize::try_from(id)
        .ok()
        .and_then(|id| names.get(id))
        .map_or("*", String::as_str)
}

fn line(view: &View<'_>, names: &[String], into: &mut Vec<u8>) -> io::Result<()> {
    let mate = match view.mate_ref_id() {
        -1 => "*",
        same if same == view.ref_id() => "=",
        other => name(names, other),
    };
    let number = |number: i32, into: &mut Vec<u8>| {
        into.push(b'\t');
        decimal::append(i64::from(number), into);
    };
    into.extend_from_slice(view.name());
    number(i32::from(view.flags()), into);
    into.push(b'\t');
    into.extend_from_slice(name(names, view.ref_id()).as_bytes());
    number(view.pos() + 1, into);
    number(i32::from(view.mapq()), into);
    into.push(b'\t');
    let before = into.len();
    view.cigar().for_each(|op| cigar::append(&[op], into));
    if into.len() == before {
        into.push(b'*');
    }
    into.push(b'\t');
    into.extend_from_slice(mate.as_bytes());
    number(view.mate_pos() + 1, into);
    number(view.template_length(), into);
    into.push(b'\t');
    if view.read_length() == 0 {
        into.push(b'*');
    }
    view.append_bases(into);
    into.push(b'\t');
    match view.qualities() {
        [] | [255, ..] => into.push(b'*'),
        qualities => into.extend(qualities.iter().map(|quality| quality + 33)),
    }
    for (tag, value) in view.tags().flatten() {
        write_tag(tag, value, into)?;
    }
    into.push(b'\n');
    Ok(())
}

fn write_tag(tag: [u8; 2], value: Value<'_>, into: &mut Vec<u8>) -> io::Result<()> {
    into.push(b'\t');
    into.extend_from_slice(&tag);
    match value {
        Value::Character(c) => into.extend_from_slice(&[b':', b'A', b':', c]),
        Value::Integer(number) => {
            into.extend_from_slice(b":i:");
            decimal::append(number, into);
        }
        Value::Float(number) => write!(into, ":f:{number}")?,
        Value::String(text) => {
            into.extend_from_slice(b":Z:");
            into.extend_from_slice(text);
        }
        Value::Hex(text) => {
            into.extend_from_slice(b":H:");
            into.extend_from_slice(text);
        }
        Value::Array(kind, bytes) => write_array(kind, bytes, into)?,
    }
    Ok(())
}

fn write_array(kind: u8, bytes: &[u8], into: &mut Vec<u8>) -> io::Result<()> {
    into.extend_from_slice(&[b':', b'B', b':', kind]);
    let (ones, twos, fours) = (
        bytes.iter(),
        bytes.as_chunks::<2>().0,
        bytes.as_chunks::<4>().0,
    );
    match kind {
        b'c' => ones.copied().try_for_each(|b| write!(into, ",{}", b as i8)),
        b'C' => ones.copied().try_for_each(|b| write!(into, ",{b}")),
        b's' => twos
            .iter()
            .try_for_each(|&b| write!(into, ",{}", i16::from_le_bytes(b))),
        b'S' => twos
            .iter()
            .try_for_each(|&b| write!(into, ",{}", u16::from_le_bytes(b))),
        b'i' => fours
            .iter()
            .try_for_each(|&b| write!(into, ",{}", i32::from_le_bytes(b))),
        b'I' => fours
            .iter()
            .try_for_each(|&b| write!(into, ",{}", u32::from_le_bytes(b))),
        _ => fours
            .iter()
            .try_for_each(|&b| write!(into, ",{}", f32::from_le_bytes(b))),
    }
}
