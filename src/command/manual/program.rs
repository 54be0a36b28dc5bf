//! siftd(1) and a page for each command, out of the definitions of the arguments.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::markdown;

/// What siftd(1) says beside the arguments.
const BESIDE: &str = "\
## Signals

- **SIGTERM, SIGINT** stop the daemon in order, in under 10 s: it closes the connection and commits what it has.
- **SIGHUP** has it read its settings and the list of streams again, and ends a billing pause. `siftd reload` does the
  same, waits, and prints what changed.
- **SIGUSR1** writes the full state to the log.

## Files

- `/etc/siftd/daemon.toml`: the settings, see **daemon.toml**(5).
- `/etc/siftd/api-key`: the key of the account, read by systemd when the daemon starts. A new key needs a restart.
- `/etc/siftd/streams.txt`: the streams, one a line: HASH [label].
- `/var/lib/siftd/archive.db`: the archive, see **siftd-archive**(7).

## Environment

- `SIFTD__SECTION__KEY` overrides a setting: `SIFTD__LOG__LEVEL=debug`.
- `NO_COLOR` keeps colours out of answers.
- `CREDENTIALS_DIRECTORY`, `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `JOURNAL_STREAM` are what systemd says to a service.

## See also

**daemon.toml**(5), **siftd-archive**(7), **siftd-notices**(7), **systemctl**(1), **journalctl**(1), **sqlite3**(1)
";

/// What a page of one command ends with.
const SEE_ALSO: &str = "## See also\n\n**siftd**(1), **daemon.toml**(5), **siftd-archive**(7)\n";

/// Name and text of every page of section 1.
pub(super) fn pages(siftd: Command, date: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    // What the values mean stands below the arguments, with more words.
    let mut siftd = siftd.mut_subcommands(|command| {
        command.mut_args(|arg| {
            let takes = arg.get_action().takes_values();
            arg.hide_possible_values(takes)
        })
    });
    siftd.build();
    let mut pages = vec![("siftd".to_owned(), page(&siftd, date, BESIDE)?)];
    for command in siftd.get_subcommands().filter(|command| !command.is_hide_set()) {
        pages.push((format!("siftd-{}", command.get_name()), page(command, date, SEE_ALSO)?));
    }
    Ok(pages)
}

fn page(command: &Command, date: &str, beside: &str) -> io::Result<Vec<u8>> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_uppercase();
    let source = format!("siftd {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).title(name).date(date).source(source).manual("siftd");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut rest = Roff::new();
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(help) = command.get_after_long_help() {
        after(&mut rest, &help.to_string());
    }
    markdown::onto(&mut rest, beside);
    page.extend(rest.to_roff().into_bytes());
    Ok(page)
}

/// What follows the arguments in `--help`: a headline with a colon, and its lines as they stand.
fn after(page: &mut Roff, help: &str) {
    let blocks = help.split("\n\n").filter_map(|block| block.split_once(":\n").or_else(|| block.split_once(": ")));
    for (headline, lines) in blocks {
        page.control("SH", [headline.trim().to_uppercase().as_str()]);
        page.control("nf", []);
        for line in lines.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)) {
            match line.strip_prefix("siftd ") {
                Some(rest) => page.text([bold("siftd "), roman(rest)]),
                None => page.text([roman(line)]),
            };
        }
        page.control("fi", []);
    }
}
