//! The measurements as a picture.

use std::fmt::Write as _;

use super::gauge::Sample;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 110.0;
const LEFT: f64 = 80.0;
const GAP: f64 = 34.0;

type Read = fn(&Sample) -> f64;

/// What is drawn, from the top.
pub(super) const PANELS: &[(&str, Read)] = &[
    ("resident memory, MiB", |sample| sample.resident),
    ("descriptors", |sample| sample.descriptors),
    ("threads", |sample| sample.threads),
    ("write-ahead log, MiB", |sample| sample.wal),
    ("archive, MiB", |sample| sample.archive),
    ("processor time, s", |sample| sample.processor),
    ("log, KiB since the last sample", |sample| sample.log / 1024.0),
];

/// The same as a table.
pub(super) fn csv(samples: &[Sample]) -> String {
    let names: Vec<&str> = PANELS.iter().map(|(name, _)| *name).collect();
    let mut out = format!("seconds;{}\n", names.join(";"));
    for sample in samples {
        write!(out, "{:.1}", sample.seconds).unwrap();
        for (_, read) in PANELS {
            write!(out, ";{:.3}", read(sample)).unwrap();
        }
        out.push('\n');
    }
    out
}

/// An SVG of all panels; `marks` are the moments of trouble that cut the connection, in seconds.
pub(super) fn svg(title: &str, samples: &[Sample], marks: &[f64]) -> String {
    let span = samples.last().map_or(1.0, |last| last.seconds.max(1.0));
    let count = f64::from(u32::try_from(PANELS.len()).unwrap());
    let height = 40.0 + count * (HEIGHT + GAP);
    let x = |seconds: f64| LEFT + seconds / span * WIDTH;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{LEFT}\" y=\"20\" font-size=\"15\">{title}</text>\n",
        LEFT + WIDTH + 20.0
    );
    let mut top = 44.0;
    for (name, read) in PANELS {
        let most = samples.iter().map(read).fold(1.0, f64::max) * 1.05;
        let bottom = top + HEIGHT;
        for mark in marks.iter().map(|mark| x(*mark)) {
            writeln!(out, "<path d=\"M{mark:.1} {top:.1}V{bottom:.1}\" stroke=\"#f3d3d0\" stroke-width=\"1\"/>")
                .unwrap();
        }
        let y = |value: f64| bottom - value / most * HEIGHT;
        let points: Vec<String> =
            samples.iter().map(|sample| format!("{:.1},{:.1}", x(sample.seconds), y(read(sample)))).collect();
        writeln!(
            out,
            "<path d=\"M{LEFT} {top:.1}V{bottom:.1}H{:.1}\" fill=\"none\" stroke=\"#555\"/>\n\
             <text x=\"{LEFT}\" y=\"{:.1}\">{name}</text>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.0}</text>\n\
             <text x=\"{:.1}\" y=\"{bottom:.1}\" text-anchor=\"end\">0</text>\n\
             <polyline points=\"{}\" fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"1.4\"/>",
            LEFT + WIDTH,
            top - 4.0,
            LEFT - 6.0,
            top + 10.0,
            most / 1.05,
            LEFT - 6.0,
            points.join(" ")
        )
        .unwrap();
        top = bottom + GAP;
    }
    for quarter in 0..=4_u8 {
        let seconds = span * f64::from(quarter) / 4.0;
        let (place, minutes) = (x(seconds), seconds / 60.0);
        writeln!(out, "<text x=\"{place:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{minutes:.0} min</text>", top - 16.0)
            .unwrap();
    }
    out + "</svg>\n"
}
