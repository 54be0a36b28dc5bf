//! The line that lies closest to a run of measurements.

/// Growth per hour, and the values' middle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trend {
    pub(super) hourly: f64,
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Trend {
    /// The line of least squares through points of (seconds, value).
    pub(super) fn of(points: &[(f64, f64)]) -> Self {
        let count = f64::from(u32::try_from(points.len().max(1)).unwrap());
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (middle, level) = (mean(|point| point.0), mean(|point| point.1));
        let covariance: f64 = points.iter().map(|(at, value)| (at - middle) * (value - level)).sum();
        let variance: f64 = points.iter().map(|(at, _)| (at - middle) * (at - middle)).sum();
        let mut values: Vec<f64> = points.iter().map(|point| point.1).collect();
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or_default();
        Self {
            hourly: if variance > 0.0 { covariance / variance * 3600.0 } else { 0.0 },
            median: at(values.len() / 2),
            least: at(0),
            most: values.last().copied().unwrap_or_default(),
        }
    }
}

#[test]
fn a_line_is_found() {
    let points: Vec<(f64, f64)> =
        (0..100).map(|n| (f64::from(n) * 36.0, 5.0 + f64::from(n) * 0.02 + f64::from(n % 2))).collect();
    let trend = Trend::of(&points);
    assert!((trend.hourly - 2.0).abs() < 0.1, "{trend:?}");
    assert!((trend.least - 5.0).abs() < 0.01 && trend.most < 8.01, "{trend:?}");
    assert!(Trend::of(&[(1.0, 4.0)]).hourly.abs() < 0.001);
}
