//! CIGAR operations as in the SAM specification, section 1.4.6.

use std::fmt;

use crate::decimal;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// `M`: alignment match or mismatch.
    Match = 0,
    /// `I`: insertion to the reference.
    Insertion = 1,
    /// `D`: deletion from the reference.
    Deletion = 2,
    /// `N`: skipped reference.
    Skip = 3,
    /// `S`: soft clip.
    SoftClip = 4,
    /// `H`: hard clip.
    HardClip = 5,
    /// `P`: padding.
    Padding = 6,
    /// `=`: sequence match.
    SequenceMatch = 7,
    /// `X`: sequence mismatch.
    SequenceMismatch = 8,
}

const LETTERS: [u8; 9] = *b"MIDNSHP=X";
const KINDS: [Kind; 9] = [
    Kind::Match,
    Kind::Insertion,
    Kind::Deletion,
    Kind::Skip,
    Kind::SoftClip,
    Kind::HardClip,
    Kind::Padding,
    Kind::SequenceMatch,
    Kind::SequenceMismatch,
];

impl Kind {
    /// True for M, I, S, = and X.
    #[inline]
    #[must_use]
    pub fn consumes_read(self) -> bool {
        matches!(
            self,
            Self::Match
                | Self::Insertion
                | Self::SoftClip
                | Self::SequenceMatch
                | Self::SequenceMismatch
        )
    }

    /// True for M, D, N, = and X.
    #[inline]
    #[must_use]
    pub fn consumes_reference(self) -> bool {
        matches!(
            self,
            Self::Match
                | Self::Deletion
                | Self::Skip
                | Self::SequenceMatch
                | Self::SequenceMismatch
        )
    }

    /// True for M, = and X: a read base on a reference base.
    #[inline]
    #[must_use]
    pub fn is_aligned(self) -> bool {
        self.consumes_read() && self.consumes_reference()
    }

    /// The SAM letter.
    #[must_use]
    pub fn letter(self) -> char {
        char::from(LETTERS[self as usize])
    }
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Op {
    /// What it does.
    pub kind: Kind,
    /// For how many bases; below 2^28.
    pub len: u32,
}

impl Op {
    /// An operation.
    #[must_use]
    pub fn new(kind: Kind, len: u32) -> Self {
        Self { kind, len }
    }

    /// BAM's packed form: `len << 4 | kind` (SAM 4.2).
    #[inline]
    #[must_use]
    pub fn to_bam(self) -> u32 {
        self.len << 4 | self.kind as u32
    }

    /// From BAM's packed form; `None` for a kind that does not exist.
    #[inline]
    #[must_use]
    pub fn from_bam(packed: u32) -> Option<Self> {
        let kind = *KINDS.get((packed & 15) as usize)?;
        Some(Self {
            kind,
            len: packed >> 4,
        })
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.len, self.kind.letter())
    }
}

/// Appends an operation, joining it with the last one of the same kind. Length 0 changes nothing.
pub fn push(ops: &mut Vec<Op>, kind: Kind, len: u32) {
    if len == 0 {
        return;
    }
    match ops.last_mut() {
        Some(last) if last.kind == kind => last.len = last.len.saturating_add(len),
        _ => ops.push(Op { kind, len }),
    }
}

/// Reference bases covered; `u32::MAX` for more than that.
#[must_use]
pub fn reference_length(ops: &[Op]) -> u32 {
    ops.iter()
        .filter(|op| op.kind.consumes_reference())
        .fold(0, |length, op| length.saturating_add(op.len))
}

/// Read bases covered, soft clips included.
#[must_use]
pub fn read_length(ops: &[Op]) -> u32 {
    ops.iter()
        .filter(|op| op.kind.consumes_read())
        .map(|op| op.len)
        .sum()
}

/// The SAM text of a CIGAR; `*` when empty.
#[must_use]
pub fn format(ops: &[Op]) -> String {
    if ops.is_empty() {
        return "*".to_owned();
    }
    let mut text = Vec::with_capacity(4 * ops.len());
    append(ops, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// Appends SAM text; nothing for an empty list.
pub fn append(ops: &[Op], into: &mut Vec<u8>) {
    for op in ops {
        decimal::append(i64::from(op.len), into);
        into.push(LETTERS[op.kind as usize]);
    }
}

/// Parses SAM text; `*` gives an empty list. `None` when malformed.
#[must_use]
pub fn parse(text: &str) -> Option<Vec<Op>> {
    if text == "*" {
        return Some(Vec::new());
    }
    let mut ops = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = rest.find(|c: char| !c.is_ascii_digit())?;
        let len: u32 = rest[..at].parse().ok()?;
        let letter = LETTERS.iter().position(|&l| l == rest.as_bytes()[at])?;
        if len == 0 || len >= 1 << 28 {
            return None;
        }
        ops.push(Op {
            kind: KINDS[letter],
            len,
        });
        rest = &rest[at + 1..];
    }
    Some(ops)
}

#[cfg(test)]
mod tests {
    use super::{Kind, Op, format, parse, push, read_length, reference_length};

    #[test]
    fn text_and_packed_forms_round_trip() {
        let text = "5S10M2I3D7=1X4N6H2P";
        let ops = parse(text).expect("valid CIGAR");
        assert_eq!(format(&ops), text);
        assert_eq!(reference_length(&ops), 10 + 3 + 7 + 1 + 4);
        assert_eq!(read_length(&ops), 5 + 10 + 2 + 7 + 1);
        for op in ops {
            assert_eq!(Op::from_bam(op.to_bam()), Some(op));
        }
    }

    #[test]
    fn malformed_text_is_refused() {
        for text in ["", "M", "0M", "10", "3Q", "3Mé", "300000000M"] {
            assert_eq!(parse(text).filter(|ops| !ops.is_empty()), None, "{text}");
        }
        assert_eq!(Op::from_bam(15), None);
    }

    #[test]
    fn pushing_joins_equal_kinds() {
        let mut ops = Vec::new();
        for (kind, len) in [
            (Kind::Match, 3),
            (Kind::Match, 2),
            (Kind::Deletion, 0),
            (Kind::Insertion, 1),
        ] {
            push(&mut ops, kind, len);
        }
        assert_eq!(format(&ops), "5M1I");
    }
}
