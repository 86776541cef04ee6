//! Measurements sorted into buckets, kept from round to round by whoever measures.

/// Counts of measurements up to each bound. Cloning copies the counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Ascending, as both formats write numbers: `0.5`, `1.0`.
    bounds: &'static [&'static str],
    /// How many were at most as large as each bound, and above the one before; the last is what was larger than all.
    counts: Vec<u64>,
    sum: f64,
}

impl Histogram {
    pub fn new(bounds: &'static [&'static str]) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len() + 1],
            sum: 0.0,
        }
    }

    /// Counts one measurement. What is no number or negative is none.
    pub fn observe(&mut self, value: f64) {
        if !value.is_finite() || value < 0.0 {
            return;
        }
        let fits = |bound: &&str| bound.parse().is_ok_and(|bound: f64| value <= bound);
        let bucket = self.bounds.iter().position(fits).unwrap_or(self.bounds.len());
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
            self.sum += value;
        }
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub const fn sum(&self) -> f64 {
        self.sum
    }

    /// Every bound with how many were at most as large, the last one for all.
    pub fn buckets(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let bounds = self.bounds.iter().copied().chain(["+Inf"]);
        let mut so_far = 0;
        let counts = self.counts.iter().map(move |count| {
            so_far += count;
            so_far
        });
        bounds.zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_measurement_on_a_bound_belongs_to_it() {
        let mut histogram = Histogram::new(&["1.0", "2.0"]);
        for value in [1.0, 1.5, 2.0, 2.5] {
            histogram.observe(value);
        }
        let buckets: Vec<_> = histogram.buckets().collect();
        assert_eq!(buckets, [("1.0", 1), ("2.0", 3), ("+Inf", 4)]);
    }

    proptest! {
        #[test]
        fn buckets_never_fall_and_end_with_the_count(values: Vec<f64>) {
            let mut histogram = Histogram::new(&["0.1", "1.0", "10.0"]);
            for value in &values {
                histogram.observe(*value);
            }
            let counts: Vec<u64> = histogram.buckets().map(|(_, count)| count).collect();
            prop_assert!(counts.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert_eq!(counts.last(), Some(&histogram.count()));
            prop_assert!(histogram.sum() >= 0.0);
        }
    }
}
