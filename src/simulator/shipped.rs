//! The scenarios that ship with the program.

/// Name and text of each, in the order of `--list`.
pub const ALL: &[(&str, &str)] = &[
    ("quiet", include_str!("scenarios/quiet.toml")),
    ("busy", include_str!("scenarios/busy.toml")),
    ("maintenance", include_str!("scenarios/maintenance.toml")),
    ("flapping", include_str!("scenarios/flapping.toml")),
    ("slow-consumer", include_str!("scenarios/slow-consumer.toml")),
    ("credits", include_str!("scenarios/credits.toml")),
    ("identity-refused", include_str!("scenarios/identity-refused.toml")),
    ("bad-streams", include_str!("scenarios/bad-streams.toml")),
    ("outage", include_str!("scenarios/outage.toml")),
    ("silence", include_str!("scenarios/silence.toml")),
    ("garbage", include_str!("scenarios/garbage.toml")),
    ("oversize", include_str!("scenarios/oversize.toml")),
    ("lying", include_str!("scenarios/lying.toml")),
    ("deletes", include_str!("scenarios/deletes.toml")),
    ("capacity", include_str!("scenarios/capacity.toml")),
    ("backfill", include_str!("scenarios/backfill.toml")),
    ("backfill-trouble", include_str!("scenarios/backfill-trouble.toml")),
    ("backfill-poor", include_str!("scenarios/backfill-poor.toml")),
    ("backfill-refused", include_str!("scenarios/backfill-refused.toml")),
    ("demo", include_str!("scenarios/demo.toml")),
];

/// The text of a shipped scenario.
pub fn named(name: &str) -> Option<&'static str> {
    ALL.iter().find(|(shipped, _)| *shipped == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::Scenario;

    #[test]
    fn every_shipped_scenario_reads_well_and_says_what_it_does() {
        for (name, text) in ALL {
            let scenario = Scenario::parse(text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
            assert!(scenario.about.ends_with('.'), "{name} needs a sentence");
        }
    }
}
