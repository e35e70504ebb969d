//! Where FORMAT has what, and a sample's values by it.

use kumi_formats::vcf::RecordView;

use crate::evidence::Block;
use crate::number::PHRED_MAX;
use crate::parse::block_of;

/// A key of FORMAT that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Gt,
    Pl,
    Ad,
    MinDp,
    Dp,
    Dpi,
    Gq,
    Gqx,
    Rgq,
    Ft,
    Ps,
}

const KEYS: [(&[u8], Key); 11] = [
    (b"GT", Key::Gt),
    (b"PL", Key::Pl),
    (b"AD", Key::Ad),
    (b"MIN_DP", Key::MinDp),
    (b"DP", Key::Dp),
    (b"DPI", Key::Dpi),
    (b"GQ", Key::Gq),
    (b"GQX", Key::Gqx),
    (b"RGQ", Key::Rgq),
    (b"FT", Key::Ft),
    (b"PS", Key::Ps),
];

/// Where the keys stand in FORMAT: few of them differ in a file, so the last is kept.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    format: Vec<u8>,
    /// The key at each place; of a key that stands there twice the first counts.
    keys: Vec<Option<Key>>,
}

impl Layout {
    /// The values of a record's only sample.
    pub(crate) fn cells<'a>(&mut self, view: &RecordView<'a>) -> Cells<'a> {
        let mut cells = Cells::default();
        let (format, Some(cell)) = (view.format_text(), view.sample(0)) else {
            return cells;
        };
        self.learn(format);
        let mut start = 0;
        for key in &self.keys {
            let Some(rest) = cell.get(start..) else { break };
            let length = rest.iter().position(|byte| *byte == b':');
            let length = length.unwrap_or(rest.len());
            let value = &rest[..length];
            if let Some(key) = key
                && value != b"."
            {
                cells.0[*key as usize] = Some(value);
            }
            start += length + 1;
        }
        cells
    }

    fn learn(&mut self, format: &[u8]) {
        if self.format == format {
            return;
        }
        self.format = format.to_vec();
        let known = |name: &[u8]| KEYS.iter().find(|(key, _)| *key == name).map(|(_, k)| *k);
        self.keys = format.split(|byte| *byte == b':').map(known).collect();
        for at in 1..self.keys.len() {
            if self.keys[..at].contains(&self.keys[at]) {
                self.keys[at] = None;
            }
        }
    }

    /// The block of a record of so many alleles, read in one go; `None` when there is anything out of the ordinary: a
    /// genotype that is not diploid, a value that is missing or no whole number.
    pub(crate) fn block(&mut self, view: &RecordView<'_>, alleles: usize) -> Option<Block> {
        let (format, cell) = (view.format_text(), view.sample(0)?);
        self.learn(format);
        let mut rest = Rest(cell);
        // By key, those that tell depth or quality.
        let mut told = [None; KEYS.len()];
        let (mut called, mut pl) = (false, None);
        for key in &self.keys {
            match key {
                Some(Key::Gt) => {
                    rest.genotype(alleles)?;
                    called = true;
                }
                Some(Key::Pl) => pl = Some(rest.three()?),
                Some(Key::Ad | Key::Ft | Key::Ps) | None => rest.skip(),
                Some(key) => told[*key as usize] = Some(rest.number()?),
            }
            if !rest.next()? {
                break;
            }
        }
        if !called || pl.is_some() != (alleles == 2) {
            return None;
        }
        let of = |key: Key| told[key as usize];
        let depth = of(Key::MinDp).or(of(Key::Dp)).or(of(Key::Dpi));
        let quality = [Key::Gq, Key::Gqx, Key::Rgq]
            .into_iter()
            .filter_map(of)
            .min();
        let quality = quality.map(|quality| quality.min(PHRED_MAX));
        let pl = pl.map(|pl| {
            let least = pl[0].min(pl[1]).min(pl[2]);
            pl.map(|pl| (pl - least).min(PHRED_MAX))
        });
        let pl = pl.as_ref().map(<[u32; 3]>::as_slice);
        Some(block_of(2, (depth, quality), true, pl))
    }
}

/// What has not been read of a sample's values.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// Goes on to the next value; false when there is none, `None` when a value goes on.
    fn next(&mut self) -> Option<bool> {
        match self.0 {
            [] => Some(false),
            [b':', rest @ ..] => {
                self.0 = rest;
                Some(true)
            }
            _ => None,
        }
    }

    fn skip(&mut self) {
        let end = self.0.iter().position(|byte| *byte == b':');
        self.0 = &self.0[end.unwrap_or(self.0.len())..];
    }

    /// A whole number of up to nine digits.
    fn number(&mut self) -> Option<u32> {
        let (mut value, mut digits) = (0, 0);
        while let Some(digit) = self.0.get(digits).map(|byte| byte.wrapping_sub(b'0'))
            && digit <= 9
        {
            if digits == 9 {
                return None;
            }
            value = value * 10 + u32::from(digit);
            digits += 1;
        }
        self.0 = &self.0[digits..];
        (digits > 0).then_some(value)
    }

    /// Three numbers between commas.
    fn three(&mut self) -> Option<[u32; 3]> {
        let mut values = [0; 3];
        for (at, value) in values.iter_mut().enumerate() {
            if at > 0 {
                self.0 = self.0.strip_prefix(b",")?;
            }
            *value = self.number()?;
        }
        Some(values)
    }

    /// A diploid genotype of so many alleles.
    fn genotype(&mut self, alleles: usize) -> Option<()> {
        let [a, b'/' | b'|', b, rest @ ..] = self.0 else {
            return None;
        };
        let known = |digit: &u8| {
            let digit = digit.wrapping_sub(b'0');
            digit <= 9 && usize::from(digit) < alleles
        };
        self.0 = rest;
        (known(a) && known(b)).then_some(())
    }
}

/// The values of a sample.
#[derive(Debug, Default)]
pub(crate) struct Cells<'a>([Option<&'a [u8]>; KEYS.len()]);

impl<'a> Cells<'a> {
    /// A value; `None` when it is not there or missing (`.`).
    pub(crate) fn get(&self, key: Key) -> Option<&'a [u8]> {
        self.0[key as usize]
    }
}
