//! `siftd check`: the settings as they would take effect, or everything that is wrong with them.

use std::io::{self, Write as _};
use std::path::Path;

use crate::config::{self, Loaded};
use crate::daemon;
use crate::exit::Exit;
use crate::host::core_dump::forbid_core_dumps;

/// Read daemon.toml and every file it names, and print the settings that take effect
#[derive(clap::Args, Clone, Debug)]
pub struct Args {}

/// Checks the settings of `--config`.
///
/// Good settings go to standard output and the code is 0; all faults go to standard error, one a
/// line, and the code is 78.
pub fn run(config: Option<&Path>) -> Exit {
    // The key is read here too, and what cannot be had costs the user of this command nothing.
    forbid_core_dumps().ok();
    // Whoever reads neither output leaves the exit code to speak.
    match config::load(config) {
        Ok(loaded) => {
            if let Err(why) = daemon::trusted(&loaded.settings) {
                writeln!(io::stderr(), "{why}").ok();
                return Exit::Config;
            }
            for warning in &loaded.warnings {
                writeln!(io::stderr(), "warning: {warning}").ok();
            }
            write!(io::stdout(), "{}", effective(&loaded)).ok();
            Exit::Stopped
        }
        Err(faults) => {
            writeln!(io::stderr(), "{faults}").ok();
            Exit::Config
        }
    }
}

/// The settings as TOML, each with its origin, secrets masked.
pub fn effective(loaded: &Loaded) -> String {
    let mut lines = Vec::new();
    let mut heading = "";
    for (path, value, origin) in loaded.effective() {
        let (section, name) = path.split_once('.').unwrap_or((path, ""));
        if section != heading {
            if !heading.is_empty() {
                lines.push(String::new());
            }
            lines.push(format!("[{section}]"));
            heading = section;
        }
        lines.push(format!("{:<40} # {origin}", format!("{name} = {value}")));
    }
    let streams = match loaded.settings.source.streams.len() {
        1 => "1 stream".to_owned(),
        count => format!("{count} streams"),
    };
    lines.push(format!("\n{streams}\nok\n"));
    lines.join("\n")
}
