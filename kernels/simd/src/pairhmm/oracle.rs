//! The oracle: one read, one haplotype, one cell after the other.

use crate::pairhmm::Read;
use crate::pairhmm::model::{self, Real};

/// The scaled sum of the last row. Neither is empty.
pub(super) fn total<R: Real + Arithmetic>(read: &Read, haplotype: &[u8]) -> f64 {
    let extend = R::near(model::extend(read));
    let (start, floor, zero) = (R::START, R::FLOOR, R::default());
    // One row of M, I and D each; column 0 lies before the haplotype.
    let columns = haplotype.len() + 1;
    let (mut m, mut i, mut d) = (
        vec![start; columns],
        vec![floor; columns],
        vec![floor; columns],
    );
    for row in model::rows::<R>(read) {
        let (m_above, i_above, d_above) = (m.clone(), i.clone(), d.clone());
        (m[0], i[0], d[0]) = (zero, floor, floor);
        for (before, &letter) in haplotype.iter().enumerate() {
            let j = before + 1;
            let all = m_above[before].plus(i_above[before]).plus(d_above[before]);
            m[j] = row.emit[usize::from(letter)].times(all);
            i[j] = m_above[j]
                .times(row.insert)
                .plus(i_above[j].times(extend))
                .at_least(floor);
            d[j] = m[before]
                .times(row.delete)
                .plus(d[before].times(extend))
                .at_least(floor);
        }
    }
    let (mut matches, mut inserts) = (zero, zero);
    for j in 1..columns {
        matches = matches.plus(m[j].times(R::SHRINK));
        inserts = inserts.plus(i[j].times(R::SHRINK));
    }
    model::total(read, matches, inserts)
}

/// The three operations of the model.
pub(super) trait Arithmetic: Sized {
    /// The sum.
    fn plus(self, other: Self) -> Self;
    /// The product.
    fn times(self, other: Self) -> Self;
    /// The larger.
    fn at_least(self, floor: Self) -> Self;
}

macro_rules! arithmetic {
    ($real:ty) => {
        impl Arithmetic for $real {
            fn plus(self, other: Self) -> Self {
                self + other
            }
            fn times(self, other: Self) -> Self {
                self * other
            }
            fn at_least(self, floor: Self) -> Self {
                if self > floor { self } else { floor }
            }
        }
    };
}

arithmetic!(f32);
arithmetic!(f64);
