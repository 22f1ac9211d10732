//! `pinrail lab release`: what it costs to send only what is durable, the policies side by side.

use pinrail_journal::SyncPolicy;
use pinrail_report::environment::Environment;
use pinrail_report::latency::{Recorder, Summary as Latency};
use pinrail_report::table::{Table, count, ns_or_dash};
use pinrail_runtime::{ReleasePoint, ReleasePolicy};
use serde::Serialize;

use super::round::{self, Seen, Setup};
use crate::args::ReleaseArgs;
use crate::desk::live;
use crate::desk::rig::placement;
use crate::failure::Failure;
use crate::output::{Results, progress, show};

/// Quotes are always at once.
struct Policy {
    name: &'static str,
    fills: ReleasePoint,
    sync: SyncPolicy,
    intents: bool,
}

const POLICIES: [Policy; 4] = [
    Policy {
        name: "fills at once",
        fills: ReleasePoint::AtOnce,
        sync: SyncPolicy::EachBatch,
        intents: false,
    },
    Policy {
        name: "fills durable, a sync per batch",
        fills: ReleasePoint::LocallyDurable,
        sync: SyncPolicy::EachBatch,
        intents: false,
    },
    Policy {
        name: "fills durable, the demo's lazy syncs",
        fills: ReleasePoint::LocallyDurable,
        sync: live::SYNC,
        intents: false,
    },
    Policy {
        name: "fills durable, a sync per batch, intents synced",
        fills: ReleasePoint::LocallyDurable,
        sync: SyncPolicy::EachBatch,
        intents: true,
    },
];

/// A policy's rounds together.
#[derive(Default)]
struct Total {
    seen: Seen,
    batches: u64,
    syncs: u64,
    records: u64,
}

#[derive(Serialize)]
struct Class {
    committed_to_released: Latency,
    planned_to_released: Latency,
}

/// What `--json` prints for a policy.
#[derive(Serialize)]
struct Measured {
    policy: &'static str,
    outputs: u64,
    outputs_per_s: u64,
    quotes: Class,
    fills: Class,
    /// Of the archive.
    batches: u64,
    syncs: u64,
    records: u64,
    /// Of the send log.
    intent_syncs: u64,
}

#[derive(Serialize)]
struct Printed {
    rounds: u64,
    rate: u64,
    /// One write of 4 KiB and its `fdatasync` on the same disk, before each round.
    bare_sync: Latency,
    policies: Vec<Measured>,
    environment: Environment,
}

/// Measures all policies in turns. Fails if an output was not released exactly once, in order, and not before its point.
pub(crate) fn main(args: &ReleaseArgs) -> Result<(), Failure> {
    let cpus = placement(None)?;
    let mut totals: [Total; POLICIES.len()] = Default::default();
    let mut bare_sync = Recorder::new();
    let bar = progress(args.rounds * POLICIES.len() as u64, "measuring");
    for nth in 0..args.rounds as usize {
        // No policy always follows the same one.
        for i in 0..POLICIES.len() {
            let i = (i + nth) % POLICIES.len();
            let policy = &POLICIES[i];
            let round = round::run(&Setup {
                sync: policy.sync,
                release: ReleasePolicy {
                    fills: policy.fills,
                    ..ReleasePolicy::default()
                },
                intents: policy.intents,
                rate: args.rate,
                cpus,
            })?;
            bare_sync.merge(&round.bare_sync);
            let total = &mut totals[i];
            total.seen.merge(&round.seen);
            total.seen.elapsed_ns += round.seen.elapsed_ns;
            total.batches += round.archived.batches;
            total.syncs += round.archived.syncs;
            total.records += round.records;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let printed = Printed {
        rounds: args.rounds,
        rate: args.rate,
        bare_sync: bare_sync.summary(),
        policies: POLICIES.iter().zip(&totals).map(measured).collect(),
        environment: Environment::capture(),
    };
    show(&args.output, &printed, print)
}

fn measured((policy, total): (&Policy, &Total)) -> Measured {
    let seen = &total.seen;
    let class = |latencies: &round::Latencies| Class {
        committed_to_released: latencies.committed.summary(),
        planned_to_released: latencies.planned.summary(),
    };
    Measured {
        policy: policy.name,
        outputs: seen.outputs,
        outputs_per_s: (u128::from(seen.outputs) * 1_000_000_000 / u128::from(seen.elapsed_ns.max(1))) as u64,
        quotes: class(&seen.quotes),
        fills: class(&seen.fills),
        batches: total.batches,
        syncs: total.syncs,
        records: total.records,
        intent_syncs: seen.intent_syncs,
    }
}

fn print(printed: &Printed, results: &mut Results) -> Result<(), Failure> {
    results.line(format_args!(
        "{} outputs a second were planned, one in four a fill, in {} rounds of a second for each policy, in turns.",
        count(printed.rate),
        printed.rounds
    ))?;
    results.line(
        "Each was released exactly once, in order, and no fill before the durable position had passed it.",
    )?;
    for (title, latency) in [
        (
            "commit to release",
            (|class: &Class| class.committed_to_released) as fn(&Class) -> Latency,
        ),
        ("planned to release", |class: &Class| class.planned_to_released),
    ] {
        results.line("")?;
        let mut table = latencies(title, latency, &printed.policies);
        table.row(row(
            "bare: one write of 4 KiB and its fdatasync",
            "",
            &printed.bare_sync,
        ));
        results.line(table)?;
    }
    results.line("")?;
    results.line(syncs(&printed.policies))?;
    results.line("")?;
    results.line(printed.environment.table())
}

fn latencies(title: &str, latency: fn(&Class) -> Latency, policies: &[Measured]) -> Table {
    let mut table = Table::figures(&[title, "", "count", "p50", "p90", "p99", "p99.9", "max"]);
    for policy in policies {
        for (name, class) in [("quotes", &policy.quotes), ("fills", &policy.fills)] {
            table.row(row(policy.policy, name, &latency(class)));
        }
    }
    table
}

fn row(policy: &str, class: &str, latency: &Latency) -> [String; 8] {
    [
        policy.to_owned(),
        class.to_owned(),
        count(latency.count),
        ns_or_dash(latency.ns_p50),
        ns_or_dash(latency.ns_p90),
        ns_or_dash(latency.ns_p99),
        ns_or_dash(latency.ns_p99_9),
        ns_or_dash(latency.ns_max),
    ]
}

fn syncs(policies: &[Measured]) -> Table {
    let mut table = Table::figures(&[
        "archive",
        "outputs a second",
        "batches",
        "syncs",
        "records a batch",
        "records a sync",
        "syncs of intents",
    ]);
    for policy in policies {
        table.row([
            policy.policy.to_owned(),
            count(policy.outputs_per_s),
            count(policy.batches),
            count(policy.syncs),
            count(policy.records / policy.batches.max(1)),
            count(policy.records / policy.syncs.max(1)),
            count(policy.intent_syncs),
        ]);
    }
    table
}
