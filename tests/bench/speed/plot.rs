//! The measurements as a picture: rate and cost of everyone who stores or discards.

use std::fmt::Write as _;

use super::sample::{Book, Spread, figure, float};

const BAR: f64 = 16.0;
const LEFT: f64 = 130.0;
const WIDTH: f64 = 560.0;

/// From the top; who was not measured is left out.
const BARS: &[&str] = &[
    "append-full",
    "append-normal",
    "bare-full",
    "bare-normal",
    "bare-random",
    "siftd",
    "siftd-normal",
    "siftd-random",
    "siftd-tls",
    "siftd-reader",
    "websocat",
    "picows",
    "websockets",
    "node-ws",
    "official",
];

const PANELS: &[(&str, &str)] = &[("rate", "committed messages a second"), ("cpu", "processor time a message, µs")];

pub(crate) fn svg(book: &Book) -> String {
    let mut body = String::new();
    let mut top = 30.0;
    for (measure, title) in PANELS {
        let bars: Vec<(&str, Spread)> =
            BARS.iter().filter_map(|name| Some((*name, Spread::of(book.of(name, measure))?))).collect();
        // The slowest peers would make all others look alike.
        let shown = bars.iter().filter(|(name, _)| *measure == "rate" || *name != "official");
        let most = shown.map(|(_, spread)| spread.most).fold(f64::MIN_POSITIVE, f64::max);
        writeln!(body, "<text x=\"10\" y=\"{top:.0}\" font-size=\"14\">{title}</text>").unwrap();
        for (place, (name, spread)) in bars.iter().enumerate() {
            let y = top + 10.0 + float(place) * (BAR + 5.0);
            let x = |value: f64| LEFT + (value / most).min(1.0) * WIDTH;
            let colour = if name.starts_with("siftd") { "#1f5fa8" } else { "#9aa5b1" };
            writeln!(
                body,
                "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>\n\
                 <rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\n\
                 <path d=\"M{:.1} {:.1}H{:.1}\" stroke=\"black\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                LEFT - 6.0,
                y + 12.0,
                x(spread.median) - LEFT,
                x(spread.least),
                y + BAR / 2.0,
                x(spread.most),
                x(spread.most) + 6.0,
                y + 12.0,
                figure(spread.median),
            )
            .unwrap();
        }
        top += 50.0 + float(bars.len()) * (BAR + 5.0);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} {top:.0}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n",
        LEFT + WIDTH + 90.0
    )
}
