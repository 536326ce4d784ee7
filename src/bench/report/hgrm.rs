//! The percentile distribution as HdrHistogram's own tools print and plot it.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

/// Steps from one halving of what is left to the next: the default of HdrHistogram's tools.
const TICKS_PER_HALVING: u32 = 5;

/// The text of a `.hgrm` file. Values are thousands of what is counted: milliseconds of microseconds, microseconds of
/// nanoseconds.
#[must_use]
pub fn percentiles_text(histogram: &Histogram<u64>) -> String {
    let mut text = String::from("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
    let thousands = |value: u64| value as f64 / 1e3;
    // Writing into a string never fails.
    let mut total = 0;
    for step in histogram.iter_quantiles(TICKS_PER_HALVING) {
        total += step.count_since_last_iteration();
        let quantile = step.quantile_iterated_to();
        let _ = write!(text, "{:12.3} {quantile:14.12} {total:10}", thousands(step.value_iterated_to()));
        let _ = if quantile < 1.0 { writeln!(text, " {:14.2}", 1.0 / (1.0 - quantile)) } else { writeln!(text) };
    }
    let _ = writeln!(
        text,
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]",
        histogram.mean() / 1e3,
        histogram.stdev() / 1e3
    );
    let _ = writeln!(text, "#[Max     = {:12.3}, Total count    = {:12}]", thousands(histogram.max()), histogram.len());
    let _ = writeln!(
        text,
        "#[Buckets = {:12}, SubBuckets     = {:12}]",
        histogram.buckets(),
        (2 * 10_u32.pow(u32::from(histogram.sigfig()))).next_power_of_two()
    );
    text
}
