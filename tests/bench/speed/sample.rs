//! One measurement of one contestant, and what several of them have in common.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What a process of the benchmark says of itself.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Own {
    pub(crate) seconds: f64,
    /// Seconds of processor time.
    pub(crate) cpu: f64,
}

impl Own {
    pub(crate) fn tell(self) {
        tell(&self);
    }
}

/// Says something to the process that started this one.
#[expect(clippy::print_stdout, reason = "the process that started this one reads it")]
pub(crate) fn tell(told: &impl Serialize) {
    println!("{}", serde_json::to_string(told).unwrap());
    std::io::stdout().flush().unwrap();
}

/// What one run showed, by name.
pub(crate) type Measures = Vec<(&'static str, f64)>;

/// All that was measured: by contestant, by measure, in the order of the rounds.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Book(BTreeMap<String, BTreeMap<String, Vec<f64>>>);

impl Book {
    /// What an earlier run wrote.
    pub(crate) fn read(file: &Path) -> Self {
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    pub(crate) fn add(&mut self, name: &str, measures: Measures) {
        let told = self.0.entry(name.to_owned()).or_default();
        for (measure, value) in measures {
            told.entry(measure.to_owned()).or_default().push(value);
        }
    }

    /// One measure of one contestant, round by round; nothing if it did not take part.
    pub(crate) fn of(&self, name: &str, measure: &str) -> Vec<f64> {
        self.0.get(name).and_then(|told| told.get(measure)).cloned().unwrap_or_default()
    }

    /// Its measures, in alphabetical order.
    pub(crate) fn measures(&self, name: &str) -> Vec<(&str, Spread)> {
        let told = self.0.get(name).into_iter().flatten();
        told.filter_map(|(measure, values)| Some((measure.as_str(), Spread::of(values.clone())?))).collect()
    }

    /// One contestant's measure as a part of another's, within each round.
    pub(crate) fn ratio(&self, name: &str, other: &str, measure: &str) -> Vec<f64> {
        self.of(name, measure).into_iter().zip(self.of(other, measure)).map(|(one, other)| one / other).collect()
    }
}

/// A median and how far the runs lay apart.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Nothing of nothing.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let (upper, lower) = (values[values.len() / 2], values[(values.len() - 1) / 2]);
        Some(Self { median: f64::midpoint(upper, lower), least, most })
    }
}

/// `12.3 [11-14]`, in as many digits as matter.
impl std::fmt::Display for Spread {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} [{}..{}]", figure(self.median), figure(self.least), figure(self.most))
    }
}

/// Three digits that matter.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        0.1.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A count as a number that can be divided.
pub(crate) fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// What lies at this share of the values, which are in order.
pub(crate) fn quantile(sorted: &[i64], share: f64) -> i64 {
    let last = sorted.len().saturating_sub(1);
    let place = (0..=last).find(|place| float(*place + 1) >= share * float(sorted.len())).unwrap_or(last);
    sorted.get(place).copied().unwrap_or_default()
}
