//! Medians and their like.

use std::fmt;

pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        Self {
            least: at(0),
            median: at(values.len() / 2),
            most: at(values.len().saturating_sub(1)),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            least,
            median,
            most,
        } = self;
        write!(f, "{median:.2} ({least:.2} - {most:.2})")
    }
}

/// The value that so many thousandths of the others are below.
pub(crate) fn percentile(values: &mut [u64], thousandths: usize) -> u64 {
    values.sort_unstable();
    let index = values.len() * thousandths / 1_000;
    values[index.min(values.len() - 1)]
}
