//! `siftd report`: what stands on the page, read by a real browser where there is one.

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::archive_house::skipped;
use crate::example::Example;

/// The page of an example, as a file and as the data in it.
fn page(example: &Example) -> (String, Value) {
    let target = example.settings().with_file_name("report.html");
    let done = example.siftd(&["report", "--out", target.to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o7777, 0o640);
    let page = fs::read_to_string(&target).unwrap();
    let (_, rest) = page.split_once("id=\"data\"").unwrap();
    let (_, data) = rest.split_once('>').unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    let data = serde_json::from_str(data).unwrap();
    (page, data)
}

/// What a browser makes of it, in markup; nothing if there is no browser here.
fn rendered(page: &Path) -> Option<String> {
    browsed(page, &["--timeout=60000", "--dump-dom"])
}

fn browsed(page: &Path, arguments: &[&str]) -> Option<String> {
    let profile = tempfile::tempdir().unwrap();
    let browser = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"])
        .arg("--disable-dev-shm-usage")
        .args(arguments)
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .output();
    let Ok(browser) = browser else {
        skipped("chromium is missing (Debian: chromium)");
        return None;
    };
    Some(String::from_utf8_lossy(&browser.stdout).into_owned())
}

fn drawn(example: &Example) -> Option<String> {
    rendered(&example.settings().with_file_name("report.html"))
}

/// What the browser shows, without the data and the program that it was made of.
fn body(dom: &str) -> &str {
    let (_, body) = dom.split_once("<main").unwrap();
    body.split_once("</main>").unwrap().0
}

#[test]
fn what_the_archive_says_stands_on_the_page() {
    let example = Example::filled();
    let (_, data) = page(&example);
    assert_eq!(data["streams"].as_array().unwrap().len(), 5);
    let of = |label: &str| {
        data["streams"].as_array().unwrap().iter().find(|stream| stream["label"] == label).unwrap().clone()
    };
    // Worst first: what is not covered now, then what lost most.
    assert_eq!(
        (&data["streams"][0]["open"], &data["streams"][1]["open"], &data["streams"][2]["open"]),
        (&true.into(), &true.into(), &false.into())
    );
    assert_eq!((&of("coffee")["gaps"], &of("coffee")["gap_seconds"]), (&2.into(), &68.5.into()));
    assert_eq!(of("typo")["reason"], "00000000000000000000000000000bad is an invalid hash");
    let strip = of("coffee")["strip"].as_str().unwrap().to_owned();
    assert!(strip.starts_with('=') && strip.contains('P') && strip.contains('C') && strip.len() == 240, "{strip}");
    let retired = of("last year")["strip"].as_str().unwrap().to_owned();
    assert!(
        retired.starts_with('=') && retired.ends_with('.'),
        "what is not wanted any more is not covered: {retired}"
    );
    let crash = data["causes"].as_array().unwrap().iter().find(|row| row["cause"] == "crash").unwrap();
    assert_eq!((&crash["gaps"], &crash["streams"], &crash["family"]), (&2.into(), &2.into(), &"own".into()));
    let rows: i64 = data["throughput"].as_array().unwrap().iter().map(|rows| rows.as_i64().unwrap()).sum();
    assert!(rows > 0 && rows <= data["totals"]["interactions"].as_i64().unwrap(), "{rows}");
    assert_eq!(data["totals"]["open"], 2);
    let notices: Vec<&str> =
        data["incidents"].as_array().unwrap().iter().map(|row| row["notice"].as_str().unwrap()).collect();
    assert!(notices.contains(&"crash-found") && notices.contains(&"unknown-status"), "{notices:?}");
}

#[test]
fn an_archive_of_which_nobody_has_made_use_has_a_page() {
    let example = Example::empty();
    let (_, data) = page(&example);
    assert_eq!((&data["streams"], &data["daemon"]), (&Value::Array(Vec::new()), &Value::Null));
    if let Some(dom) = drawn(&example) {
        assert!(dom.contains("data-drawn=\"0\"") && body(&dom).contains("no daemon has run yet"), "{dom}");
    }
}

/// Whatever a server or a list says is text, and stays text.
#[test]
fn a_hostile_archive_is_only_text() {
    let hostile =
        "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">&lt;b&gt;<!--";
    let example = Example::filled();
    for sql in [
        "UPDATE stream SET label = ?1 WHERE id = 1",
        "UPDATE stream SET reason = ?1 WHERE id = 3",
        "UPDATE notice SET message = ?1",
        "UPDATE state SET version = ?1",
        "UPDATE gap SET detail = ?1",
    ] {
        assert!(example.writer.execute(sql, [hostile]).unwrap() > 0, "{sql}");
    }
    let (page, data) = page(&example);
    assert_eq!(page.matches("</script>").count(), 2, "the page's own");
    assert_eq!(page.matches("<script").count(), 2);
    assert!(data["streams"].as_array().unwrap().iter().any(|stream| stream["label"] == hostile));
    let Some(dom) = drawn(&example) else { return };
    assert!(dom.contains("<title>siftd report</title>"), "{dom}");
    assert!(dom.contains("data-drawn=\"5\""), "{dom}");
    let body = body(&dom);
    assert!(!body.contains("<img") && !body.contains("<script"), "{body}");
    assert!(body.contains("&lt;/script&gt;&lt;script&gt;document.title='owned'"), "it is told all the same: {body}");
}

/// Three months of 5,000 streams with a gap each two days.
fn large() -> Example {
    let example = Example::empty();
    example.sql(
        "INSERT INTO stream (id, name, label, state, wanted, began)
         WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)
         SELECT n, printf('%032x', n), 'stream ' || n, 'active', 1787547600000000, 1787547600000000 FROM n;
         UPDATE stream SET state = 'rejected', reason = 'no such hash' WHERE id = 4711;
         INSERT INTO connection (id, opened, closed, url, covered, proven)
         WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 44)
         SELECT n + 1, 1787547600000000 + n * 172800000000, 1787547600000000 + (n + 1) * 172800000000 - 60000000, 'wss://x/',
                1787547600000000 + (n + 1) * 172800000000 - 60000000, 1787547600000000 + (n + 1) * 172800000000 - 60000000 FROM n;
         INSERT INTO cover (connection, stream, began, ended)
         SELECT n.id, s.id, n.opened, n.closed FROM connection n CROSS JOIN stream s WHERE s.id <> 4711;
         INSERT INTO gap (stream, started, ended, cause, state)
         SELECT c.stream, c.ended, c.ended + 60000000, CASE c.connection % 3 WHEN 0 THEN 'network' WHEN 1 THEN 'crash' ELSE 'maintenance' END,
                CASE c.connection % 4 WHEN 0 THEN 'filled' ELSE 'closed' END FROM cover c;
         INSERT INTO gap (stream, started, cause, state) VALUES (4711, 1787547600000000, 'rejected', 'open');
         INSERT INTO tally_hour (hour, stream, interactions)
         WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 24 FROM n WHERE n < 2100)
         SELECT 1787547600000000 / 3600000000 * 3600000000 + n * 3600000000, s.id, 10 FROM n CROSS JOIN stream s",
    );
    example
}

#[test]
fn five_thousand_streams_of_three_months_are_drawn_worst_first() {
    let example = large();
    let (page, data) = page(&example);
    assert_eq!(data["streams"][0]["stream"], format!("{:032x}", 4711));
    assert_eq!(data["totals"]["gaps"], 4_999 * 45 + 1);
    assert!(page.len() < 4 << 20, "{} bytes", page.len());
    let Some(dom) = drawn(&example) else { return };
    assert!(dom.contains("data-drawn=\"5000\""), "{}", dom.len());
    let body = body(&dom);
    assert_eq!(body.matches("class=\"stream\"").count(), 100, "the first hundred");
    let (_, first) = body.split_once("class=\"stream\"").unwrap();
    assert!(first.contains("stream 4711") && first.find("stream 4711") < first.find("class=\"stream\""));
    assert!(body.contains("show 500 more") && body.contains("5,000 streams"));
}

/// Paper shows no more than is on it: names are whole, a line a stream, and what is left out is said.
#[test]
fn on_paper_a_stream_is_one_line_and_nothing_is_cut() {
    let example = large();
    page(&example);
    let place = |name: &str| example.settings().with_file_name(name);
    let printed = format!("--print-to-pdf={}", place("report.pdf").display());
    let Some(_) = browsed(&place("report.html"), &["--no-pdf-header-footer", &printed]) else { return };
    let text = Command::new("pdftotext").arg(place("report.pdf")).arg("-").output();
    let Ok(text) = text else { return skipped("pdftotext is missing (Debian: poppler-utils)") };
    let text = String::from_utf8(text.stdout).unwrap();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(&format!("{:032x}", 4711)) && words.contains("rejected: no such hash"), "{text}");
    assert!(text.contains("These are the first 100."), "{text}");
    // A form feed ends a page: two for what stands above the streams, and thirty streams on each of the others.
    assert!(text.matches('\u{c}').count() <= 6, "{} pages", text.matches('\u{c}').count());
}

#[test]
fn what_cannot_be_written_is_said() {
    let example = Example::filled();
    let done = example.siftd(&["report", "--out", "/nowhere/report.html"]);
    assert_eq!(done.status.code(), Some(74));
    assert!(String::from_utf8_lossy(&done.stderr).contains("/nowhere/report.html: the report cannot be written"));
}
