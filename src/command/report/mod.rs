//! `siftd report`: one page that shows months of coverage, gaps, throughput and incidents, and loads nothing.

mod data;
mod strips;

use std::fs::{self, File, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Failure;
use super::figures;
use super::gaps::Since;
use super::output::cell;
use crate::archive::reading::Reading;
use crate::config::archive_path;
use crate::time::Time;

use data::Data;

/// Write a page that shows how complete the archive is
///
/// One HTML file, for a browser or a printer: how every stream is covered over time and why not, what came in, what was
/// warned of, and what was healed; the worst streams first, all of them to be searched. It needs nothing but itself: no
/// network, and no program but the small one in it. Reads the archive alone: the daemon may run or not.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  siftd report --out report.html
  siftd report --out /srv/www/siftd.html --since 30d     # from a timer: the file is replaced as a whole")]
pub struct Args {
    /// The page to write; one that is there is replaced
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,
    /// Only from this moment on: 2026-11-22T05:00:00Z, a date (UTC), or a span ago (2h, 30d); else from the beginning
    #[arg(long, value_name = "TIME", value_parser = Since::read)]
    since: Option<Since>,
}

/// The page could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: the report cannot be written ({why}): look at its folder and its disk", .path.display())]
pub struct Unwritten {
    path: PathBuf,
    why: io::Error,
}

const PAGE: &str = include_str!("page.html");

/// The daemon's own files have it too.
const MODE: u32 = 0o640;

/// Writes the page, and says on `out` where it is.
pub fn run(args: &Args, config: Option<&Path>, now: Time, out: &mut dyn Write) -> Result<(), Failure> {
    let archive = Reading::open(&archive_path(config)?)?;
    let since = args.since.as_ref().map(|since| since.moment(now));
    let data = Data::read(&archive, since, now)?;
    let page = page(&data)?;
    write(&args.out, &page).map_err(|why| Unwritten { path: args.out.clone(), why })?;
    let bytes = u64::try_from(page.len()).unwrap_or(u64::MAX);
    Ok(writeln!(out, "{}: {}, {}", cell(&args.out.display().to_string()), figures::size(bytes), data.told())?)
}

/// The page with its data. What stands in the data cannot end it: no bracket of markup is left in it.
fn page(data: &Data) -> io::Result<String> {
    let text = serde_json::to_string(data)?;
    let text = text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    let (head, tail) = PAGE.split_once("{{DATA}}").unwrap_or((PAGE, ""));
    let nonce = nonce();
    Ok([&head.replace("{{NONCE}}", &nonce), text.as_str(), &tail.replace("{{NONCE}}", &nonce)].concat())
}

/// Only what this page brings itself may run: nobody knew this word when he wrote what the archive holds.
fn nonce() -> String {
    let chance = || RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", chance(), chance())
}

/// Replaces the file as a whole.
fn write(path: &Path, page: &str) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut file = File::create(&part)?;
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(page.as_bytes())?;
    file.sync_all()?;
    fs::rename(&part, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_nothing() {
        for word in [
            "http:",
            "https:",
            "src=",
            "@import",
            "url(",
            "innerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "fetch(",
        ] {
            let page = PAGE.replace("http://www.w3.org/2000/svg", "");
            assert!(!page.contains(word), "{word}");
        }
        assert_ne!(nonce(), nonce());
    }
}
