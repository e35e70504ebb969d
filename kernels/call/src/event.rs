//! A difference from the reference, independent of how a format writes it.

use crate::window::Window;

/// `del` reference bases from `pos` on are replaced by `ins`: a substitution of one base, or a pure insertion
/// before `pos`, or a pure deletion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Event {
    /// First replaced base, 0-based.
    pub pos: i64,
    /// Replaced bases.
    pub del: u32,
    /// Their replacement.
    pub ins: Vec<u8>,
}

impl Event {
    /// A substitution.
    pub(crate) fn snv(pos: i64, base: u8) -> Self {
        Self {
            pos,
            del: 1,
            ins: vec![base],
        }
    }

    /// True for anything that changes the length.
    pub(crate) fn is_indel(&self) -> bool {
        self.del as usize != self.ins.len()
    }

    /// Bases gained or lost.
    pub(crate) fn size(&self) -> i64 {
        (i64::from(self.del) - self.ins.len() as i64).abs()
    }

    /// One past the last replaced base.
    pub(crate) fn end(&self) -> i64 {
        self.pos + i64::from(self.del)
    }

    /// Where VCF writes it: a pure insertion or deletion begins at the base before.
    pub(crate) fn vcf_start(&self) -> i64 {
        if self.is_indel() {
            self.pos - 1
        } else {
            self.pos
        }
    }

    /// Moves a pure insertion or deletion as far left as its sequence allows, but not before `limit`.
    pub(crate) fn left_align(&mut self, reference: &Window, limit: i64) {
        if !self.is_indel() || (self.del > 0 && !self.ins.is_empty()) {
            return;
        }
        while self.pos > limit {
            let before = reference.at(self.pos - 1);
            let last = if self.del > 0 {
                reference.at(self.end() - 1)
            } else {
                self.ins[self.ins.len() - 1]
            };
            if before != last || before == b'N' {
                return;
            }
            if self.del == 0 {
                self.ins.rotate_right(1);
            }
            self.pos -= 1;
        }
    }
}

/// The bases of `start..end` with events laid in, which are sorted, apart and inside.
pub(crate) fn apply(reference: &Window, start: i64, end: i64, events: &[&Event]) -> Vec<u8> {
    let mut bases = Vec::with_capacity((end - start) as usize + 16);
    let mut at = start;
    for event in events {
        bases.extend_from_slice(reference.slice(at, event.pos));
        bases.extend_from_slice(&event.ins);
        at = event.end();
    }
    bases.extend_from_slice(reference.slice(at, end));
    bases
}

#[cfg(test)]
mod tests {
    use super::{Event, apply};
    use crate::window::Window;

    fn window(bases: &str) -> Window {
        Window {
            start: 100,
            bases: bases.as_bytes().to_vec(),
        }
    }

    #[test]
    fn indels_move_left_through_repeats() {
        let cases: [(&str, i64, u32, &str, i64, &str); 5] = [
            ("GCAAAATT", 105, 1, "", 102, ""),
            ("GCAAAATT", 106, 0, "A", 102, "A"),
            ("GCACACTT", 106, 0, "AC", 101, "CA"),
            ("GCACACTT", 104, 2, "", 101, ""),
            ("GCAAAATT", 106, 0, "G", 106, "G"),
        ];
        for (bases, pos, del, ins, to, ins_to) in cases {
            let mut event = Event {
                pos,
                del,
                ins: ins.as_bytes().to_vec(),
            };
            let before = apply(&window(bases), 100, 108, &[&event]);
            event.left_align(&window(bases), 100);
            assert_eq!(
                (event.pos, event.ins.as_slice()),
                (to, ins_to.as_bytes()),
                "{bases} {pos}"
            );
            assert_eq!(apply(&window(bases), 100, 108, &[&event]), before);
        }
    }

    #[test]
    fn alignment_stops_at_the_limit_and_at_unknown_bases() {
        let mut event = Event {
            pos: 105,
            del: 1,
            ins: Vec::new(),
        };
        event.left_align(&window("AAAAAAAA"), 103);
        assert_eq!(event.pos, 103);
        event.left_align(&window("AANNAAAA"), 100);
        assert_eq!(event.pos, 103);
    }
}
