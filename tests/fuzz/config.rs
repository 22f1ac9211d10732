//! Arbitrary text as a configuration: refused with its place, or one that an engine takes.

use std::path::Path;

use pinrail_cli::config::{CLIENTS_MAX, Config, TIERS_MAX};

pub(super) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let file = Path::new("desk.toml");
    let config = match Config::parse(&text, file, None) {
        Ok(config) => config,
        Err(e) => return assert!(e.to_string().contains("desk.toml"), "names no place: {e}"),
    };
    assert!(config.clients as usize <= CLIENTS_MAX);
    let tiers = config.records.iter().filter_map(|frame| {
        let spread = frame.get::<pinrail_types::record::TierSpread>()?;
        Some(usize::from(spread.tier))
    });
    assert!(tiers.max().unwrap_or_default() < TIERS_MAX);
    let again = Config::parse(&text, file, None).expect("what was taken once");
    let words = |config: &Config| -> Vec<u64> {
        let records = config.records.iter();
        records.flat_map(|frame| frame.words().to_vec()).collect()
    };
    assert_eq!(words(&config), words(&again));
}
