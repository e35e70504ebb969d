//! A record as a view of its line.

/// A line of a VCF file, cut into columns. Nothing is copied or parsed before it is asked for, except
/// that POS is a number and the columns are there.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    line: &'a [u8],
    columns: [&'a [u8]; 8],
    /// FORMAT; empty in a file without samples.
    format: &'a [u8],
    samples: Option<&'a [u8]>,
    position: u32,
}

impl<'a> RecordView<'a> {
    /// Cuts a line, given without its line feed. `samples` is their number in the header.
    ///
    /// # Errors
    /// What is wrong and what to do.
    #[inline]
    pub fn parse(line: &'a [u8], samples: usize) -> Result<Self, String> {
        let (tabs, count) = Self::tabs(line);
        if count < 7 {
            let found = count + 1;
            return Err(format!(
                "{found} columns where at least 8 are needed, separated by tabs"
            ));
        }
        let begin = |column: usize| column.checked_sub(1).map_or(0, |last| tabs[last] + 1);
        let end = |column: usize| {
            if column < count {
                tabs[column]
            } else {
                line.len()
            }
        };
        let columns: [&[u8]; 8] = std::array::from_fn(|column| &line[begin(column)..end(column)]);
        let has_format = count > 7 && begin(8) < line.len();
        let format = if has_format {
            &line[begin(8)..end(8)]
        } else {
            &[]
        };
        let given = (has_format && count > 8).then(|| &line[begin(9)..]);
        let cells = if has_format { count - 7 } else { 0 };
        let needed = if samples == 0 { 0 } else { samples + 1 };
        if cells != needed {
            return Err(format!(
                "{} columns where the header has {}; is the line complete?",
                8 + cells,
                8 + needed
            ));
        }
        let position = number(columns[1])
            .and_then(|position| u32::try_from(position).ok())
            .filter(|position| *position <= i32::MAX as u32)
            .ok_or_else(|| format!("POS `{}` is not a position", lossy(columns[1])))?;
        if columns[3].is_empty() || columns[4].is_empty() {
            return Err("REF or ALT is empty; write `.` where there is no ALT".to_owned());
        }
        Ok(Self {
            line,
            columns,
            format,
            samples: given,
            position,
        })
    }

    /// The places of the first tabs of a line, and how many it has. Columns are short: eight bytes are looked at at
    /// a time.
    fn tabs(line: &[u8]) -> ([usize; 9], usize) {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const LOW: u64 = 0x7f * ONES;
        let (mut tabs, mut count) = ([0; 9], 0);
        let mut look = |at: usize, bytes: [u8; 8]| {
            // A byte is 0 when neither its top bit is set nor adding 127 to the others sets it.
            let zero = u64::from_le_bytes(bytes) ^ (u64::from(b'\t') * ONES);
            let mut found = !(((zero & LOW) + LOW) | zero | LOW);
            while found != 0 {
                if let Some(tab) = tabs.get_mut(count) {
                    *tab = at + found.trailing_zeros() as usize / 8;
                }
                count += 1;
                found &= found - 1;
            }
        };
        let (words, tail) = line.as_chunks::<8>();
        for (number, word) in words.iter().enumerate() {
            look(8 * number, *word);
        }
        let mut last = [0; 8];
        last[..tail.len()].copy_from_slice(tail);
        look(8 * words.len(), last);
        (tabs, count)
    }

    /// The whole line, without a line feed.
    #[must_use]
    pub fn line(&self) -> &'a [u8] {
        self.line
    }

    /// CHROM.
    #[must_use]
    pub fn contig(&self) -> &'a [u8] {
        self.columns[0]
    }

    /// POS: 1-based, and 0 for a telomere.
    #[must_use]
    pub fn position(&self) -> u32 {
        self.position
    }

    /// First reference base, 0-based.
    #[must_use]
    pub fn start(&self) -> u32 {
        self.position.saturating_sub(1)
    }

    /// One past the last reference base, 0-based: INFO END if there is one, else the length of REF.
    ///
    /// # Errors
    /// What is wrong with END.
    pub fn end(&self) -> Result<u32, String> {
        let by_reference = self.start() + self.reference().len() as u32;
        match self.info(b"END").flatten() {
            None => Ok(by_reference),
            Some(text) => number(text)
                .and_then(|end| u32::try_from(end).ok())
                .filter(|end| *end >= self.position && *end <= i32::MAX as u32)
                .ok_or_else(|| format!("END `{}` is not a position at or after POS", lossy(text))),
        }
    }

    /// ID.
    #[must_use]
    pub fn id(&self) -> &'a [u8] {
        self.columns[2]
    }

    /// REF.
    #[must_use]
    pub fn reference(&self) -> &'a [u8] {
        self.columns[3]
    }

    /// ALT as written.
    #[must_use]
    pub fn alternative_text(&self) -> &'a [u8] {
        self.columns[4]
    }

    /// The alternative alleles, in order; none for `.`.
    pub fn alternatives(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let text = self.columns[4];
        let none = text == b".";
        text.split(|byte| *byte == b',').filter(move |_| !none)
    }

    /// QUAL as written; `None` for `.`.
    #[must_use]
    pub fn quality(&self) -> Option<&'a [u8]> {
        Some(self.columns[5]).filter(|text| *text != b".")
    }

    /// FILTER as written.
    #[must_use]
    pub fn filter(&self) -> &'a [u8] {
        self.columns[6]
    }

    /// True when every filter passed or none was applied.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self.filter(), b"PASS" | b".")
    }

    /// An INFO field: `None` when it is not there, `Some(None)` for a flag.
    #[must_use]
    pub fn info(&self, key: &[u8]) -> Option<Option<&'a [u8]>> {
        let mut rest = Some(self.columns[7]);
        while let Some(text) = rest {
            let (field, more) = cut(text, b';');
            rest = more;
            match field.strip_prefix(key) {
                Some([]) => return Some(None),
                Some([b'=', value @ ..]) => return Some(Some(value)),
                _ => {}
            }
        }
        None
    }

    /// FORMAT as written; empty in a file without samples.
    #[must_use]
    pub fn format_text(&self) -> &'a [u8] {
        self.format
    }

    /// The keys of FORMAT, in order.
    pub fn format(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.format_text().split(|byte| *byte == b':')
    }

    /// A sample's cell, from 0.
    #[must_use]
    pub fn sample(&self, index: usize) -> Option<&'a [u8]> {
        let mut rest = self.samples;
        for _ in 0..index {
            rest = cut(rest?, b'\t').1;
        }
        rest.map(|text| cut(text, b'\t').0)
    }

    /// A sample's value for a key of FORMAT; `None` when it is not there or missing (`.`).
    #[must_use]
    pub fn value(&self, index: usize, key: &[u8]) -> Option<&'a [u8]> {
        let place = self.format().position(|name| name == key)?;
        let mut values = self.sample(index)?.split(|byte| *byte == b':');
        values.nth(place).filter(|value| *value != b".")
    }
}

/// `text` up to the first `at`, and what follows it.
fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(at, text) {
        Some(place) => (&text[..place], Some(&text[place + 1..])),
        None => (text, None),
    }
}

/// A decimal number without sign.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 18 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = text.iter().map(|digit| u64::from(digit - b'0'));
    Some(digits.fold(0, |value, digit| value * 10 + digit))
}

fn lossy(text: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(text)
}

#[cfg(test)]
mod tests {
    use super::RecordView;

    #[test]
    fn tabs_are_found_at_every_place() {
        for length in 0..40 {
            for at in 0..length {
                let mut line = vec![b'\x08'; length];
                line[at] = b'\t';
                line[length - 1 - at] = b'\t';
                let mut expected = vec![at, length - 1 - at];
                expected.sort_unstable();
                expected.dedup();
                let (tabs, count) = RecordView::tabs(&line);
                assert_eq!(&tabs[..count], expected);
            }
            let other: Vec<u8> = (0..length as u8)
                .map(|byte| byte.wrapping_add(0x80))
                .collect();
            assert_eq!(RecordView::tabs(&other).1, 0);
        }
        assert_eq!(RecordView::tabs(&[b'\t'; 100]).1, 100);
    }
}
