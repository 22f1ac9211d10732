//! The command line.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use pinrail_journal::ChainHash;
use pinrail_journal::ReadError;
use pinrail_journal::archive::{LEVELS, Reader};
use pinrail_types::record::RECORDS;
use pinrail_types::{Decimal, DecimalError, Grid};
use pinrail_venue::Market;

use crate::decode::parse_utc;
use crate::journal::Format;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  a check failed
  2  the command line or the configuration is wrong
  3  data or a journal cannot be read
  4  the machine refused: permission, space, processors, locks

Results go to stdout, everything else to stderr. PINRAIL_LOG sets what is logged, as \"info\" or \"pinrail_journal=debug\".";

const VERIFY_EXIT_CODES: &str = "\
Exit codes:
  0  sound: nothing contradicts anything else; with --head, what it covers is what it was
  1  a possible tear: damage in the last batch, as a crash leaves it. The next start would
     cut it off, and nothing is lost that was durable, so that this is not 3; but somebody
     may have made it, so that it is not 0. Or --head was not found
  3  corrupt: what no crash leaves, with file, offset, position, sequence and what was found.
     Where a hash differs under right checksums the offset is 0: any byte of that file.
     Or there is no journal that can be read

A head covers its segment and all before it. Without one that was kept in another place nobody
can tell whether all files were written anew, or later segments cut off.";

const SHADOW_NOTES: &str = "\
It takes the lowest priority, but on a processor that nothing else wants it runs all the same: keep it
off the core's. It goes on over restarts of the core. One that has ended, for whatever reason, may be
started again at any time, and begins behind its newest snapshot.";

const SCENARIO_NOTES: &str = "\
It exits with 1, and names the seed, if the accounts do not balance or a parent order is not conserved at any time; if a quote,
an order, a parent order or a reservation is open at the end; if positions are not what clients and venues were told; or if the
journal does not replay to the same bytes.";

const QUALITY_NOTES: &str = "\
Every figure is from the house's side and made of the journal's own integers; a legend behind the tables says how. Mark-outs are there
where the desk was configured to make them ([quality] in its file).";

const PRUNE_EXIT_CODES: &str = "\
Exit codes:
  0  done: all that was asked for is gone, or all but what is told
  1  nothing was removed, though it was asked for: a start needs it, or somebody reads it
  3  there is no journal that can be read

A start begins at the newest snapshot (`pinrail snapshot`) from which the archive replays to its end; what is behind it
stays, and snapshots that lie before the first segment that is left go with the others. The chain hash that this segment
names is that of the one before it: who keeps heads in another place can tell that nothing is missing between.";

/// Executes RFQs for a crypto desk: mirrors venues' books, prices, checks risk, journals.
#[derive(Debug, Parser)]
#[command(name = "pinrail", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Trades against two simulated venues and simulated clients for about ten seconds, and shows what happened.
    Demo(DemoArgs),
    /// Plays what a configuration names through the core and into a journal.
    Run(RunArgs),
    /// Plays a whole day on simulated venues, with faults or without, from a seed alone, checks it and shows what came of it.
    #[command(after_help = SCENARIO_NOTES)]
    Scenario(ScenarioArgs),
    /// Runs a journal's inputs through the engine once more and compares every output, byte for byte. Exits with 1 at the
    /// first difference, and shows it.
    Replay(ReplayArgs),
    /// Writes a snapshot of the state at the end of a journal, so that a start need not replay what is before it. It only
    /// reads the journal, so a core may be writing it.
    Snapshot(SnapshotArgs),
    /// Runs beside a core: replays its journal as it becomes durable, compares every output, and writes a snapshot now and
    /// then, until it is interrupted. Exits with 1 at the first difference, and shows it.
    #[command(after_help = SHADOW_NOTES)]
    Shadow(ShadowArgs),
    /// Tells how good quotes, fills and hedges were, from a journal: hit rates, spreads, the cost of hedges, mark-outs, profit.
    #[command(after_help = QUALITY_NOTES)]
    Quality(QualityArgs),
    /// Looks at what a venue sent.
    #[command(subcommand)]
    Venue(VenueCommand),
    /// Looks at a journal.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Measurements for scripts.
    #[command(subcommand, hide = true)]
    Lab(LabCommand),
    /// Tells what on this machine will hurt latency.
    Doctor(Output),
    /// Lists every code by which something is refused or ended, with its meaning and the rule behind it.
    Reasons(Output),
}

#[derive(Debug, Args)]
pub(crate) struct Output {
    /// Prints JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How long to trade, behind half a second of warm-up. Shorter runs have too few requests for a p99.
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// Keeps the journal in this directory; without it the journal is removed at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) journal: Option<PathBuf>,
    /// Seed of the venues and clients.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// How fast recordings are played: "flat" out, or this many times the recorded speed.
    #[arg(long, value_name = "flat|N", default_value = "flat", value_parser = parse_speed)]
    pub(crate) speed: Speed,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Arguments of `scenario`.
#[derive(Debug, Args)]
pub(crate) struct ScenarioArgs {
    /// Seed of everything that is drawn. The same seed gives the same bytes.
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) seed: u64,
    /// How many requests for quotes the day has, spread over all of it.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) rfqs: u64,
    /// How long the day is.
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=168))]
    pub(crate) hours: u64,
    /// Plays recorded feeds of Binance as venues instead, with simulated orders, and a hundred requests for each recorded trade.
    /// They lie in DIR, else in the environment's `PINRAIL_DATA`, else in ../shared/data.
    #[arg(long, value_name = "DIR", num_args = 0..=1, conflicts_with_all = ["rfqs", "hours"])]
    #[expect(clippy::option_option, reason = "clap's way to say: given, and with a value")]
    pub(crate) recordings: Option<Option<PathBuf>>,
    /// Whether venues are slow, refuse, repeat, reorder and lie, and lose their connections.
    #[arg(long, value_enum, default_value_t = Switch::On)]
    pub(crate) faults: Switch,
    /// Plays this scenario instead of the one that is built in: crates/cli/src/scenario/scenario.toml shows its keys.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Keeps the journal in this directory; without it the journal is removed at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) journal: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

impl Switch {
    pub(crate) fn is_on(self) -> bool {
        self == Switch::On
    }
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) journal: Journal,
    /// Reports on what stands from this sequence, or from the first record at or behind this core time, on. The state before
    /// it comes from the newest snapshot, or else from the first record.
    #[arg(long, value_name = "SEQ|TIME", value_parser = parse_bound, conflicts_with = "from_snapshot")]
    pub(crate) from: Option<Bound>,
    /// Stops behind this sequence, or before the first record that is later than this core time.
    #[arg(long, value_name = "SEQ|TIME", value_parser = parse_bound)]
    pub(crate) until: Option<Bound>,
    /// How fast: "flat" out, or this many times the speed at which the core took its inputs.
    #[arg(long, value_name = "flat|N", default_value = "flat", value_parser = parse_speed)]
    pub(crate) speed: Speed,
    /// Begins behind the newest snapshot, as a start does, instead of at the first record.
    #[arg(long)]
    pub(crate) from_snapshot: bool,
    /// First reads the journal without replaying it, to show what of the time is reading.
    #[arg(long)]
    pub(crate) baseline: bool,
    /// Runs the recorded inputs under this configuration, too, and reports how the decisions differ. It is a file as `run`
    /// takes; what it says of the journal, the core, recordings and clients' flow is not looked at. `journal config` prints
    /// the one that the journal ran under.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "from_snapshot", "speed", "baseline"])]
    pub(crate) what_if: Option<PathBuf>,
    /// With --what-if, shows this many of the decisions that differ.
    #[arg(long, value_name = "N", default_value_t = 3, requires = "what_if")]
    pub(crate) differences: usize,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Arguments of `snapshot`.
#[derive(Debug, Args)]
pub(crate) struct SnapshotArgs {
    #[command(flatten)]
    pub(crate) journal: Journal,
    /// Takes the state behind this sequence, or before the first record that is later than this core time.
    #[arg(long, value_name = "SEQ|TIME", value_parser = parse_bound)]
    pub(crate) until: Option<Bound>,
    /// How many snapshots are kept, this one included: older ones are removed.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = parse_keep)]
    pub(crate) keep: usize,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Arguments of `shadow`.
#[derive(Debug, Args)]
pub(crate) struct ShadowArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The configuration's `live_dir`.
    #[arg(long, value_name = "DIR")]
    pub(crate) live: PathBuf,
    /// Writes a snapshot when so many records stand behind the last: a start replays several millions a second.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) every_records: u64,
    /// Writes a snapshot when the last is so old and anything was journaled since.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) every_seconds: u64,
    /// How many snapshots are kept: older ones are removed.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = parse_keep)]
    pub(crate) keep: usize,
    /// The processor that it runs on; by default the first that is not the core's by default, which is the last.
    #[arg(long, value_name = "N")]
    pub(crate) cpu: Option<usize>,
    #[command(flatten)]
    pub(crate) output: Output,
}

fn parse_keep(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(keep @ 1..=1_000) => Ok(keep),
        _ => Err("expected a whole number from 1 to 1000".to_owned()),
    }
}

/// How fast recordings are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speed {
    /// As fast as the core takes them.
    Flat,
    /// This many times the recorded speed; at least 1.
    Times(u32),
}

fn parse_speed(text: &str) -> Result<Speed, String> {
    match text {
        "flat" => Ok(Speed::Flat),
        _ => match text.parse() {
            Ok(times @ 1..=1_000) => Ok(Speed::Times(times)),
            _ => Err("expected \"flat\" or a whole number from 1 to 1000".to_owned()),
        },
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Trades as the demo does, on a journal whose live directory is kept too: for tests that kill it and start it again.
    Desk(DeskArgs),
    /// Measures how long it takes from an accept to its fill and the first order of its hedge, both in the journal. Exits
    /// with 1 unless every accept was filled and hedged for its quantity, and everything was sent as planned.
    Hedge(HedgeArgs),
    /// Runs the demo's core, or a control thread that makes system calls, between two marks that a tracer sees.
    Syscalls(SyscallsArgs),
    /// Measures what it costs to send only what is durable: outputs at planned times, through the gates of each policy.
    Release(ReleaseArgs),
    /// Makes a journal of live trading and a snapshot some way behind its end, and times a start from there and one from
    /// the first record. Exits with 1 if the two come to different states.
    Restart(RestartArgs),
    /// Measures what a shadow costs the core: the demo's desk trades, and beside it a shadow follows and writes snapshots
    /// in every second window. Exits with 1 unless its snapshots are the states of a full replay.
    Shadow(LabShadowArgs),
    /// The shadow of `lab shadow`: follows until it is interrupted.
    ShadowLoad(ShadowLoadArgs),
}

/// Arguments of `lab shadow`.
#[derive(Debug, Args)]
pub(crate) struct LabShadowArgs {
    /// Pairs of windows, one without the shadow and one with it; the order changes from pair to pair.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=50))]
    pub(crate) pairs: u64,
    /// How long a window is, behind a second in which the machine comes to rest. A p99 needs 10,000 requests.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,
    /// Requests for quotes a second.
    #[arg(long, value_name = "N", default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(100..=20_000))]
    pub(crate) rate: u32,
    /// The shadow writes a snapshot when so many records stand behind the last.
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) every_records: u64,
    /// The shadow never rests: when it has caught up it begins again at the first record. More than any shadow does.
    #[arg(long)]
    pub(crate) restless: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Arguments of `lab shadow-load`.
#[derive(Debug, Args)]
pub(crate) struct ShadowLoadArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[arg(long, value_name = "DIR")]
    pub(crate) live: PathBuf,
    #[arg(long, value_name = "N")]
    pub(crate) every_records: u64,
    #[arg(long)]
    pub(crate) restless: bool,
    #[arg(long, value_name = "N")]
    pub(crate) cpu: Option<usize>,
}

/// Arguments of `lab desk`.
#[derive(Debug, Args)]
pub(crate) struct DeskArgs {
    /// The archive.
    #[arg(value_name = "DIR")]
    pub(crate) archive_dir: PathBuf,
    /// The live directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) live: PathBuf,
    /// How long to trade, behind half a second of warm-up.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// Seed of the venues and clients.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Length of a live segment in KiB, so short that the journal goes on to another one many times a second.
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub(crate) segment_kib: u64,
    /// Age in milliseconds of what is not durable at which the archive is synced; 0 for a sync of each batch.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) sync_ms: u64,
}

/// Arguments of `lab hedge`.
#[derive(Debug, Args)]
pub(crate) struct HedgeArgs {
    /// How long accepts are planned for, behind the warm-up.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) seconds: u64,
    /// Accepts a second.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(100..=10_000))]
    pub(crate) rate: u64,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Arguments of `lab release`.
#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    /// Rounds of each policy, in turns; each takes a second.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) rounds: u64,
    /// Outputs a second, one in four of them a fill.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    pub(crate) rate: u64,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Arguments of `lab restart`.
#[derive(Debug, Args)]
pub(crate) struct RestartArgs {
    /// Records in the journal, at least.
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    pub(crate) records: u64,
    /// How many of them stand behind the snapshot.
    #[arg(long, value_name = "N", default_value_t = 3_000_000)]
    pub(crate) behind: u64,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Arguments of `lab syscalls`.
#[derive(Debug, Args)]
pub(crate) struct SyscallsArgs {
    /// How long between the marks.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) seconds: u64,
    /// Runs the control thread instead of the core.
    #[arg(long)]
    pub(crate) control: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VenueCommand {
    /// Rebuilds the book from each capture and compares it with the exchange's own best bid and offer. What is not
    /// given is inferred from the capture. Exits with 1 if a book differs or an update is missing.
    Check(CheckArgs),
}

/// Arguments of `venue check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Recordings: gzip, lines of receive time and message.
    #[arg(required = true, value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,
    /// The market that they are of.
    #[arg(long, value_name = "NAME", value_parser = parse_market)]
    pub(crate) market: Option<Market>,
    /// Price grid.
    #[arg(long, value_name = "DECIMAL", value_parser = parse_step)]
    pub(crate) tick: Option<Decimal>,
    /// Quantity grid.
    #[arg(long, value_name = "DECIMAL", value_parser = parse_step)]
    pub(crate) lot: Option<Decimal>,
    #[command(flatten)]
    pub(crate) output: Output,
}

fn parse_step(text: &str) -> Result<Decimal, DecimalError> {
    let step = Decimal::parse(text)?;
    Grid::new(step).map(|_| step)
}

fn parse_market(name: &str) -> Result<Market, String> {
    let known = Market::ALL.into_iter().find(|market| market.name() == name);
    known.ok_or_else(|| format!("expected one of {}", Market::ALL.map(Market::name).join(", ")))
}

#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Sums up a journal: records by type, epochs, segments, how far it is durable, and a digest of its content.
    Stat(StatArgs),
    /// Prints the records of a journal, one a line.
    Dump(DumpArgs),
    /// Prints the records of a journal as they are written, until it is interrupted.
    Tail(TailArgs),
    /// Checks every byte of an archive that nobody is writing, and the chain of hashes over its segments. Prints what it
    /// holds and the chain's head, which vouches for all of it when it was kept in another place.
    #[command(after_help = VERIFY_EXIT_CODES)]
    Verify(VerifyArgs),
    /// Writes the records of a journal as tables: JSON lines, CSV or Parquet, a file for each type of record.
    Export(ExportArgs),
    /// Prints the configuration that a journal ran under, as a file: to be changed, and given to `replay --what-if`.
    Config(ConfigArgs),
    /// Compresses archived segments with zstd, each checked before and read back behind. Every command reads them as before,
    /// and no hash changes. A core may be writing the journal and others reading it.
    Compress(CompressArgs),
    /// Removes whole segments from the front of an archive: never one that a start needs, so that without a snapshot nothing
    /// goes; none that somebody reads, nor any behind it; and not the last. A core may be writing the journal.
    #[command(after_help = PRUNE_EXIT_CODES)]
    Prune(PruneArgs),
}

/// Arguments of `journal compress`.
#[derive(Debug, Args)]
pub(crate) struct CompressArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Leaves this many segments plain, the newest. The last one always is.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) keep: usize,
    /// Level of zstd: 1 is the fastest, 22 the smallest.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = parse_level)]
    pub(crate) level: i32,
    #[command(flatten)]
    pub(crate) output: Output,
}

fn parse_level(text: &str) -> Result<i32, String> {
    let (min, max) = (LEVELS.start(), LEVELS.end());
    match text.parse() {
        Ok(level) if LEVELS.contains(&level) => Ok(level),
        _ => Err(format!("expected a whole number from {min} to {max}")),
    }
}

/// Arguments of `journal prune`.
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) bound: PruneBound,
    /// Only says what would be removed.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// What is to go.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct PruneBound {
    /// All segments but the newest N.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) keep_segments: Option<u64>,
    /// Segments that hold nothing from this sequence or core time on: a number, or UTC as `2024-08-08T23:54:14.5Z`.
    #[arg(long, value_name = "SEQ|TIME", value_parser = parse_bound)]
    pub(crate) before: Option<Bound>,
}

/// Where a journal is.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The archive: the configuration's `archive_dir`.
    #[arg(value_name = "DIR")]
    pub(crate) archive_dir: PathBuf,
}

/// A journal, and how much of it is to be read.
#[derive(Debug, Args)]
pub(crate) struct Journal {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The configuration's `live_dir`: also reads what is not archived yet.
    #[arg(long, value_name = "DIR")]
    pub(crate) live: Option<PathBuf>,
}

impl Journal {
    /// A journal that is being written.
    pub(crate) fn followed(place: &Place, live: &Path) -> Journal {
        let place = Place {
            archive_dir: place.archive_dir.clone(),
        };
        Journal {
            place,
            live: Some(live.to_owned()),
        }
    }

    /// The archive.
    pub(crate) fn archive_dir(&self) -> &Path {
        &self.place.archive_dir
    }

    /// A reader from its first record on.
    pub(crate) fn open(&self) -> Result<Reader, ReadError> {
        Reader::open(self.archive_dir(), self.live.as_deref())
    }
}

/// Arguments of `journal stat`.
#[derive(Debug, Args)]
pub(crate) struct StatArgs {
    #[command(flatten)]
    pub(crate) journal: Journal,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Arguments of `quality`.
#[derive(Debug, Args)]
pub(crate) struct QualityArgs {
    #[command(flatten)]
    pub(crate) journal: Journal,
    /// By what it is told; without it by tier and by client.
    #[arg(long, value_enum)]
    pub(crate) by: Option<QualityBy>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// By what the quality of quotes is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum QualityBy {
    Client,
    Tier,
    Instrument,
    Venue,
}

/// Arguments of `journal config`.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    pub(crate) journal: Journal,
    /// The epoch whose configuration is wanted; by default the last.
    #[arg(long, value_name = "N")]
    pub(crate) epoch: Option<u32>,
}

/// Arguments of `journal verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// A head that was kept: it must be that of some segment.
    #[arg(long, value_name = "HEX")]
    pub(crate) head: Option<ChainHash>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Arguments of `journal dump`.
#[derive(Debug, Args)]
pub(crate) struct DumpArgs {
    #[command(flatten)]
    pub(crate) journal: Journal,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Arguments of `journal tail`.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The configuration's `live_dir`.
    #[arg(long, value_name = "DIR")]
    pub(crate) live: PathBuf,
    /// Prints what is there already, too.
    #[arg(long)]
    pub(crate) from_start: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Arguments of `journal export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) journal: Journal,
    /// A file for the one type that --type names, or a directory (it ends in / if it is new) with a file for each type
    /// that occurs. Levels of books go into a file of their own beside, as BookUpdate.levels.csv.
    #[arg(long, value_name = "FILE|DIR/")]
    pub(crate) to: PathBuf,
    /// What to write; by default what the file's extension says.
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Overwrites files that exist.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// A place in a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// A sequence.
    Seq(u64),
    /// A core time, nanoseconds since the Unix epoch.
    Time(u64),
}

fn parse_bound(text: &str) -> Result<Bound, String> {
    let seq = text.parse().map(Bound::Seq).ok();
    seq.or_else(|| parse_utc(text).map(Bound::Time))
        .ok_or_else(|| "expected a sequence, or a UTC time as 2024-08-08T23:54:14.123456789Z".to_owned())
}

/// Which records are wanted: those that pass all that is given.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FilterArgs {
    /// Only records of this type, as `Quote`, or `unknown`; may be given several times.
    #[arg(long = "type", value_name = "NAME", value_parser = parse_type_name)]
    pub(crate) types: Vec<String>,
    /// Only from this sequence or core time on: a number, or UTC as `2024-08-08T23:54:14.5Z`.
    #[arg(long, value_name = "SEQ|TIME", value_parser = parse_bound)]
    pub(crate) from: Option<Bound>,
    /// Only up to this sequence or core time, itself included. A tail ends behind it.
    #[arg(long, value_name = "SEQ|TIME", value_parser = parse_bound)]
    pub(crate) until: Option<Bound>,
    /// Only records that name this instrument, by symbol or id.
    #[arg(long, value_name = "SYMBOL|ID")]
    pub(crate) instrument: Option<String>,
    /// Only records that name this client, by name or id.
    #[arg(long, value_name = "NAME|ID")]
    pub(crate) client: Option<String>,
    /// Stops behind this many.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}

fn parse_type_name(text: &str) -> Result<String, String> {
    let names = || RECORDS.iter().map(|schema| schema.name).chain(["unknown"]);
    match names().find(|name| name.eq_ignore_ascii_case(text)) {
        Some(name) => Ok(name.to_owned()),
        None => Err(format!(
            "expected one of: {}",
            names().collect::<Vec<_>>().join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn speeds() {
        assert_eq!(parse_speed("flat"), Ok(Speed::Flat));
        assert_eq!(parse_speed("20"), Ok(Speed::Times(20)));
        for bad in ["0", "-1", "1.5", "fast", "1001", ""] {
            assert!(parse_speed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn bounds() {
        assert_eq!(parse_bound("17"), Ok(Bound::Seq(17)));
        assert_eq!(
            parse_bound("1970-01-01T00:00:01.5Z"),
            Ok(Bound::Time(1_500_000_000))
        );
        for bad in ["-1", "yesterday", "1970-01-01", ""] {
            assert!(parse_bound(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn type_names_are_those_of_the_records() {
        assert_eq!(parse_type_name("quoterequest").as_deref(), Ok("QuoteRequest"));
        assert!(parse_type_name("Qoute").is_err());
    }
}
