//! A whole desk under random clients, venues, operators and faults, legal and not, beside an auditor that knows the rules and
//! nothing of how the engine keeps them.
//!
//! A run is many days, each from a seed of its own: a day that shows a violation is shown again by its seed alone. At its end
//! the world is closed out, and everything that came in goes once more through a new engine, and from the middle on through one
//! read back from a snapshot. `scripts/desk-model` runs 20 million events, and leaves out rules to see that it is noticed.

#![allow(clippy::unwrap_used, reason = "tests")]

mod agency;
mod auditor;
mod clients;
#[path = "../../crates/engine/tests/desk/mod.rs"]
mod desk;
mod executions;
#[path = "../../crates/engine/tests/desk/market.rs"]
mod market;
mod marks;
mod money;
mod orders;
mod package_flow;
mod packages;
mod quotes;
mod random;
mod trader;
mod venues;
mod world;

use std::collections::BTreeMap;
use std::env;

use world::World;

/// Events of a day, without those that close it out.
const DAY_EVENTS: u64 = 10_000;

/// What has to happen in a run of a few days, or the model plays another game than it should.
const MUST_HAPPEN: [&str; 36] = [
    "accept refused",
    "agency order",
    "bust",
    "cancel sent to a venue",
    "cash",
    "continued",
    "correction",
    "day closed",
    "dealer asked",
    "done away",
    "epoch",
    "fill of a quote",
    "fill at a venue",
    "fill of an order that nobody knows",
    "fill of a part",
    "fill passed on",
    "held",
    "input refused",
    "last look passed",
    "last look refused",
    "mark behind a fill",
    "mass cancel at venues",
    "order replaced",
    "package ended without a fill",
    "package filled",
    "package held",
    "package quoted",
    "package refused",
    "parent order",
    "quote",
    "repeated order",
    "repeated order for a package",
    "replacement refused",
    "replacement sent to a venue",
    "report that came twice",
    "trade in an own book",
];

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}"))
    })
}

#[test]
fn no_rule_of_the_desk_is_ever_broken() {
    #[cfg(feature = "omit")]
    if let Ok(rule) = env::var("PINRAIL_RULE")
        && !rule.is_empty()
    {
        assert!(pinrail_engine::leave_out(&rule), "there is no rule {rule}");
    }
    let events = number("PINRAIL_MODEL_EVENTS", 60_000);
    let first = number("PINRAIL_MODEL_SEED", 1);
    let days = events.div_ceil(DAY_EVENTS);
    let mut happened = BTreeMap::new();
    let mut taken = 0;
    for seed in first..first + days {
        let mut world = World::new(seed);
        let day = world
            .live(DAY_EVENTS.min(events))
            .and_then(|()| world.close())
            .and_then(|()| world.replay());
        if let Err(violation) = day {
            panic!("seed {seed}, input {}: {violation}", world.inputs());
        }
        taken += world.inputs();
        for (what, count) in world.happened() {
            *happened.entry(*what).or_insert(0_u64) += count;
        }
        if (seed - first + 1).is_multiple_of(200) {
            eprintln!("{} of {days} days, {taken} events", seed - first + 1);
        }
    }
    for (what, count) in &happened {
        eprintln!("{count:>12}  {what}");
    }
    eprintln!("{taken} events of {days} days without a violation, each replayed");
    if days > 3 {
        for what in MUST_HAPPEN {
            assert!(
                happened.keys().any(|known| *known == what),
                "it never happened: {what}"
            );
        }
    }
}
