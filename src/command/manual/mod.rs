//! `siftd manual`: the manual pages and what the shells complete, from the definitions that the program itself goes by.

mod markdown;
mod program;
mod settings;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::roff::{Roff, roman};

use super::{Cli, Failure};
use crate::time::Time;

/// Write the manual pages and what the shells complete into a folder
///
/// For who makes a package, and for who installs by hand: `sudo siftd manual /usr/local/share` puts everything where
/// man, bash, zsh and fish look for it.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The folder; what is missing of it is made, files of the same names are overwritten
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// Pages that are kept as Markdown: the manual's name, its one sentence, the text.
const PAGES: [(&str, &str, &str); 2] = [
    ("siftd-archive", "the archive of siftd and its views", include_str!("../../../docs/archive.md")),
    ("siftd-notices", "everything that siftd has to say, and what to do", include_str!("../../../docs/runbook.md")),
];

/// Writes all files and names them. The pages bear the date of `now`, or of `SOURCE_DATE_EPOCH` where a package is to
/// come out the same whenever it is made (reproducible-builds.org).
///
/// # Errors
/// A file that cannot be written.
pub fn run(args: &Args, now: Time, out: &mut dyn Write) -> Result<(), Failure> {
    for (name, text) in files(&date(now)).map_err(Failure::Output)? {
        let path = args.dir.join(name);
        let refused = |error| Failure::File { path: path.display().to_string(), error };
        written(&path, &text).map_err(refused)?;
        writeln!(out, "{}", path.display())?;
    }
    Ok(())
}

fn written(path: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

fn date(now: Time) -> String {
    let given = std::env::var_os("SOURCE_DATE_EPOCH").and_then(|seconds| seconds.to_str()?.parse().ok());
    given.map_or(now, Time::from_seconds).to_string().chars().take("2026-11-22".len()).collect()
}

/// Every file: its path below a `share` folder, and what is in it.
fn files(date: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for (page, text) in program::pages(cli(), date)? {
        files.push((format!("man/man1/{page}.1"), text));
    }
    files.push(("man/man5/daemon.toml.5".to_owned(), settings::page(date).into_bytes()));
    for (name, about, text) in PAGES {
        let mut page = begun(name, "7", date, about);
        markdown::onto(&mut page, text);
        files.push((format!("man/man7/{name}.7"), page.to_roff().into_bytes()));
    }
    for (shell, path) in [
        (Shell::Bash, "bash-completion/completions/siftd"),
        (Shell::Zsh, "zsh/vendor-completions/_siftd"),
        (Shell::Fish, "fish/vendor_completions.d/siftd.fish"),
    ] {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut cli(), "siftd", &mut text);
        files.push((path.to_owned(), text));
    }
    Ok(files)
}

/// The command as its pages know it: `siftd --help` tells the rest.
fn cli() -> Command {
    Cli::command().disable_help_subcommand(true).subcommand_help_heading("COMMANDS")
}

/// A page with its head and its name.
fn begun(name: &str, section: &str, date: &str, about: &str) -> Roff {
    let mut page = Roff::new();
    let source = format!("siftd {}", env!("CARGO_PKG_VERSION"));
    page.control("TH", [name.to_uppercase().as_str(), section, date, source.as_str(), "siftd"]);
    page.control("SH", ["NAME"]);
    page.text([roman(format!("{name} - {about}"))]);
    page
}
