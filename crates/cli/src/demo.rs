//! `pinrail demo`.

use pinrail_report::environment::Environment;
use pinrail_report::latency::Summary as Latency;
use pinrail_report::table::{Table, bytes, count, ns_or_dash};
use serde::Serialize;

use crate::args::DemoArgs;
use crate::desk::live::{self, Options, Summary};
use crate::desk::story::Story;
use crate::failure::Failure;
use crate::output::Results;
use crate::scenario::profit::profit_table;
use crate::show::tally_tables;

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    environment: Environment,
}

/// Runs the demo.
pub(crate) fn main(args: &DemoArgs) -> Result<(), Failure> {
    let options = Options {
        seconds: args.seconds,
        journal: args.journal.clone(),
        seed: args.seed,
        requests_per_s: None,
        hedging: true,
        marks: false,
        floors: true,
    };
    let summary = live::run(&options)?;
    let mut results = Results::new();
    if args.output.json {
        results.json(&Printed {
            summary: &summary,
            environment: Environment::capture(),
        })?;
    } else {
        print(&summary, &mut results)?;
    }
    results.flush()
}

fn print(summary: &Summary, results: &mut Results) -> Result<(), Failure> {
    let journal = &summary.journal;
    results.line(
        "Two simulated venues streamed their books to a core on a processor of its own; fifty simulated",
    )?;
    results.line(
        "clients asked it for prices and took some. What it held beyond its band it traded away at the venues,\nwhich filled its orders. Every input and output went to a journal on disk.",
    )?;
    results.line("")?;
    results.line(what_happened(summary))?;
    for table in story_tables(&summary.story) {
        results.line("")?;
        results.line(&table)?;
    }
    for table in tally_tables(journal) {
        results.line("")?;
        results.line(&table)?;
    }
    results.line("")?;
    results.line(latencies(summary))?;
    results.line("")?;
    results.line("on the core: from taking a request off its ring to its answer in the journal; what explains a quote follows behind it.")?;
    results.line(
        "planned to committed: open loop, from the request's planned time at the producer to the same.",
    )?;
    results.line(
        "bare transfer: one word moved between the same two processors, timed the same way, no Pinrail.",
    )?;
    results.line("")?;
    results.line(cost(summary))?;
    if let Some(dir) = &summary.journal_dir {
        results.line(format_args!(
            "\nThe journal is in {0}: pinrail journal dump {0} --limit 20",
            dir.display()
        ))?;
    }
    Ok(())
}

fn what_happened(summary: &Summary) -> Table {
    let journal = &summary.journal;
    let mut table = Table::figures(&["what happened", ""]);
    table.row([
        "seconds, behind the warm-up".to_owned(),
        summary.seconds.to_string(),
    ]);
    table.row(["inputs".to_owned(), count(journal.inputs)]);
    table.row([
        "inputs a second, after warm-up".to_owned(),
        count(summary.inputs_per_s),
    ]);
    table.row(["journal".to_owned(), bytes(journal.bytes)]);
    table.row(["output hash".to_owned(), summary.output_hash.clone()]);
    table
}

fn story_tables(story: &Story) -> Vec<Table> {
    let mut table = Table::figures(&["the desk", ""]);
    let hit_rate = format!("{}.{:02} %", story.hit_rate_e4 / 100, story.hit_rate_e4 % 100);
    let filled = story.parent_orders_ended.get("filled").copied().unwrap_or(0);
    for (what, figure) in [
        ("requests for quotes", count(story.rfqs)),
        ("quotes", count(story.quotes)),
        ("fills", count(story.fills)),
        ("hit rate", hit_rate),
        ("parent orders of hedges", count(story.parent_orders)),
        ("of them filled whole", count(filled)),
        ("orders to venues", count(story.venue_orders)),
        ("fills of hedges", count(story.venue_fills)),
    ] {
        table.row([what.to_owned(), figure]);
    }
    for line in &story.inventory {
        table.row([format!("{} held", line.instrument), line.position.clone()]);
        table.row([format!("{} band, either way", line.instrument), line.band.clone()]);
    }
    let yes_or_no = |holds| if holds { "yes" } else { "no" }.to_owned();
    table.row(["accounts balance".to_owned(), yes_or_no(story.is_balanced)]);
    table.row([
        "nothing is reserved".to_owned(),
        yes_or_no(story.nothing_reserved),
    ]);
    vec![table, profit_table(&story.profit)]
}

fn latencies(summary: &Summary) -> Table {
    let mut table = Table::figures(&["latency", "count", "min", "p50", "p90", "p99", "p99.9", "max"]);
    let mut rows = vec![
        ("request, planned to taken", &summary.planned_to_taken),
        ("request to quote, on the core", &summary.on_core),
        (
            "request to quote, planned to committed",
            &summary.planned_to_committed,
        ),
        ("accept to first hedge order, on the core", &summary.hedge_on_core),
        (
            "accept to first hedge order, planned to committed",
            &summary.hedge_planned_to_committed,
        ),
    ];
    if let Some(floor) = &summary.floor {
        rows.extend([
            ("bare transfer, planned to seen, before", &floor.before.one_way),
            ("bare transfer, planned to seen, after", &floor.after.one_way),
        ]);
    }
    for (name, latency) in rows {
        table.row(latency_row(name, latency));
    }
    table
}

fn latency_row(name: &str, latency: &Latency) -> [String; 8] {
    [
        name.to_owned(),
        count(latency.count),
        ns_or_dash(latency.ns_min),
        ns_or_dash(latency.ns_p50),
        ns_or_dash(latency.ns_p90),
        ns_or_dash(latency.ns_p99),
        ns_or_dash(latency.ns_p99_9),
        ns_or_dash(latency.ns_max),
    ]
}

fn cost(summary: &Summary) -> Table {
    let usage = &summary.core_usage;
    let mut table = Table::figures(&["the core's thread, after warm-up", ""]);
    table.row(["processor".to_owned(), summary.core_cpu.to_string()]);
    table.row(["inputs".to_owned(), count(summary.core_usage_inputs)]);
    table.row(["allocations".to_owned(), count(usage.allocations)]);
    table.row([
        "page faults".to_owned(),
        count(usage.minor_faults + usage.major_faults),
    ]);
    table.row([
        "times it gave up its processor".to_owned(),
        count(usage.voluntary_switches),
    ]);
    table.row([
        "times its processor was taken away".to_owned(),
        count(usage.involuntary_switches),
    ]);
    let floors = summary.floor.iter().flat_map(|floor| {
        [
            ("half of a bare round trip, before", &floor.before),
            ("half of a bare round trip, after", &floor.after),
        ]
    });
    for (name, floor) in floors {
        let half = floor.half_round_trip_ns_x10;
        table.row([name.to_owned(), format!("{}.{} ns", half / 10, half % 10)]);
    }
    table
}
