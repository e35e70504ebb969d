//! Metric families put together at scrape time from numbers that live elsewhere.
//!
//! What is derived from replicated state cannot be counted in place: a restart would count it again.

use prometheus::proto;

/// One family: a name, its help and its series.
#[derive(Debug)]
pub(crate) struct Family {
    family: proto::MetricFamily,
}

impl Family {
    /// A family of counters; the name ends in `_total`.
    pub(crate) fn counter(name: &str, help: &str) -> Self {
        debug_assert!(name.ends_with("_total"), "{name} is a counter");
        Self::new(name, help, proto::MetricType::COUNTER)
    }

    /// A family of gauges.
    pub(crate) fn gauge(name: &str, help: &str) -> Self {
        debug_assert!(!name.ends_with("_total"), "{name} is a gauge");
        Self::new(name, help, proto::MetricType::GAUGE)
    }

    /// A family of histograms.
    pub(crate) fn histogram(name: &str, help: &str) -> Self {
        Self::new(name, help, proto::MetricType::HISTOGRAM)
    }

    fn new(name: &str, help: &str, kind: proto::MetricType) -> Self {
        let mut family = proto::MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        Self { family }
    }

    /// Adds a series of a counter or a gauge.
    pub(crate) fn add(&mut self, labels: &[(&str, &str)], value: f64) {
        let mut metric = proto::Metric::from_label(pairs(labels));
        if self.family.get_field_type() == proto::MetricType::COUNTER {
            let mut counter = proto::Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.family.mut_metric().push(metric);
    }

    /// Adds a series and gives the family back: for families of one series.
    pub(crate) fn of(mut self, labels: &[(&str, &str)], value: f64) -> Self {
        self.add(labels, value);
        self
    }

    /// Adds a histogram. `counts` are by bucket and not cumulative; one more than `bounds`.
    pub(crate) fn add_histogram(
        &mut self,
        labels: &[(&str, &str)],
        bounds: &[f64],
        counts: &[u64],
        sum: f64,
    ) {
        let mut cumulative = 0;
        let buckets = bounds.iter().zip(counts).map(|(bound, count)| {
            cumulative += count;
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(cumulative);
            bucket
        });
        let mut histogram = proto::Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(counts.iter().sum());
        histogram.set_sample_sum(sum);
        let mut metric = proto::Metric::from_label(pairs(labels));
        metric.set_histogram(histogram);
        self.family.mut_metric().push(metric);
    }

    /// The family for the encoder; none when it has no series.
    pub(crate) fn finish(self) -> Option<proto::MetricFamily> {
        (!self.family.get_metric().is_empty()).then_some(self.family)
    }
}

fn pairs(labels: &[(&str, &str)]) -> Vec<proto::LabelPair> {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = proto::LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    labels.iter().map(pair).collect()
}
