//! How the costs grow, as a picture: one panel for each of what grows, both scales logarithmic.

use std::fmt::Write as _;
use std::path::Path;

use super::sample::{Book, float};
use super::scale::{AXES, Axis, POINTS, line};

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 55.0;
const TOP: f64 = 40.0;

/// Room between two panels.
const APART: f64 = 70.0;

/// Panels in a row.
const ACROSS: usize = 3;

/// What is drawn, and how. All in the same unit: milliseconds, or microseconds of processor time for a message.
const CURVES: &[(&str, &str, &str)] = &[
    ("start", "start, ms", "#1f5fa8"),
    ("again", "all active again, ms", "#c0392b"),
    ("status", "siftd status, ms", "#2e8b57"),
    ("gaps", "siftd gaps, ms", "#8e44ad"),
    ("cpu", "processor time a message, µs", "#7f8c8d"),
];

/// The scale of all panels, as powers of ten.
const LOWEST: f64 = 0.0;
const HIGHEST: f64 = 5.0;

/// Draws docs/speed-scale.svg, when everything that a usual run measures has been.
pub(crate) fn publish(book: &Book) {
    let whole = AXES.iter().all(|axis| {
        let usual = POINTS.iter().filter(|point| point.axis == *axis && point.size <= 1_000_000).count();
        line(book, *axis, "start").len() >= usual
    });
    if whole {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/speed-scale.svg");
        std::fs::write(page, svg(book)).unwrap();
    }
}

fn svg(book: &Book) -> String {
    let mut body = String::new();
    for (place, axis) in AXES.iter().enumerate() {
        let (column, row) = (float(place % ACROSS), float(place / ACROSS));
        panel(&mut body, book, *axis, LEFT + column * (WIDTH + APART), TOP + row * (HEIGHT + 2.0 * APART));
    }
    let (left, mut top) = (LEFT + 2.0 * (WIDTH + APART), TOP + HEIGHT + 2.0 * APART + 20.0);
    for (_, what, colour) in CURVES {
        writeln!(
            body,
            "<path d=\"M{left:.0} {:.0}h24\" stroke=\"{colour}\" stroke-width=\"2\"/>\n\
             <text x=\"{:.0}\" y=\"{top:.0}\">{what}</text>",
            top - 4.0,
            left + 32.0
        )
        .unwrap();
        top += 22.0;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} {:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n",
        LEFT + 3.0 * (WIDTH + APART),
        TOP + 2.0 * (HEIGHT + 2.0 * APART) - APART,
    )
}

fn panel(body: &mut String, book: &Book, axis: Axis, left: f64, top: f64) {
    let sizes: Vec<usize> = line(book, axis, "start").iter().map(|(size, _)| *size).collect();
    let (Some(last), Some(first)) = (sizes.last(), sizes.iter().find(|size| **size > 0)) else { return };
    // Nothing has no logarithm: it stands one power of ten before the first.
    let least = if sizes.contains(&0) { float(*first).log10() - 1.0 } else { float(*first).log10() };
    let most = float(*last).log10();
    let x = |size: usize| {
        let power = if size == 0 { least } else { float(size).log10() };
        left + (power - least) / (most - least) * WIDTH
    };
    let y = |value: f64| top + (1.0 - (value.log10().clamp(LOWEST, HIGHEST) - LOWEST) / (HIGHEST - LOWEST)) * HEIGHT;
    writeln!(body, "<text x=\"{left:.0}\" y=\"{:.0}\" font-size=\"14\">{}</text>", top - 12.0, axis.what()).unwrap();
    for value in [1, 10, 100, 1_000, 10_000, 100_000] {
        let at = y(float(value));
        writeln!(
            body,
            "<path d=\"M{left:.0} {at:.1}h{WIDTH}\" stroke=\"#dddddd\"/>\n\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            left - 6.0,
            at + 4.0
        )
        .unwrap();
    }
    for size in &sizes {
        let below = top + HEIGHT + 16.0;
        writeln!(body, "<text x=\"{:.1}\" y=\"{below:.1}\" text-anchor=\"middle\">{size}</text>", x(*size)).unwrap();
    }
    for (measure, _, colour) in CURVES {
        let points: Vec<(f64, f64)> =
            line(book, axis, measure).into_iter().map(|(size, value)| (x(size), y(value))).collect();
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        writeln!(
            body,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        )
        .unwrap();
        for (x, y) in points {
            writeln!(body, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>").unwrap();
        }
    }
}
