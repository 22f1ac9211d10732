//! The classes of crashes, and how an image of each is made.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::check::{self, Ended, Promise, Rule};
use super::history::{self, Dirs, History, Plan, length};
use super::model::{Disk, Entries, Fate, Image, PAGE, SECTOR};
use super::tap::{self, Entry, Fault, Op};
use super::{Random, choose, random};
use crate::archive::read_meta;
use crate::format::{ARCHIVED, END_WORD, HEADER_BYTES};

/// What happened to images of one class.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) images: u64,
    pub(crate) clean: u64,
    pub(crate) torn: u64,
    pub(crate) refused: u64,
    pub(crate) broken: u64,
}

/// What a run of many images found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) counts: BTreeMap<&'static str, Count>,
    /// Broken rules, the first few.
    pub(crate) broken: Vec<String>,
}

/// Broken rules that are told one by one.
const TOLD_MAX: usize = 12;

impl Report {
    fn add(&mut self, class: &'static str, seed: u64, ended: Result<Ended, String>) {
        let count = self.counts.entry(class).or_default();
        count.images += 1;
        match ended {
            Ok(Ended::Clean) => count.clean += 1,
            Ok(Ended::Torn) => count.torn += 1,
            Ok(Ended::Refused) => count.refused += 1,
            Err(what) => {
                count.broken += 1;
                if self.broken.len() < TOLD_MAX {
                    self.broken.push(format!("{class}, seed {seed}: {what}"));
                }
            }
        }
    }

    pub(crate) fn merge(&mut self, other: Report) {
        for (class, more) in other.counts {
            let count = self.counts.entry(class).or_default();
            count.images += more.images;
            count.clean += more.clean;
            count.torn += more.torn;
            count.refused += more.refused;
            count.broken += more.broken;
        }
        self.broken.extend(other.broken);
    }

    /// Images that are not plain truncations.
    pub(crate) fn images(&self) -> u64 {
        let counts = self.counts.iter().filter(|(class, _)| **class != TRUNCATED);
        counts.map(|(_, count)| count.images).sum()
    }

    /// The counts as an aligned table.
    pub(crate) fn table(&self) -> String {
        use std::fmt::Write as _;
        let mut table = format!(
            "{:<46} {:>9} {:>9} {:>9} {:>9} {:>7}\n",
            "class of crash", "images", "clean", "torn", "refused", "broken"
        );
        let mut line = |name: &str, c: &Count| {
            writeln!(
                table,
                "{name:<46} {:>9} {:>9} {:>9} {:>9} {:>7}",
                c.images, c.clean, c.torn, c.refused, c.broken
            )
        };
        let mut all = Count::default();
        for (class, c) in &self.counts {
            line(class, c).expect("a string takes all");
            all.images += c.images;
            all.clean += c.clean;
            all.torn += c.torn;
            all.refused += c.refused;
            all.broken += c.broken;
        }
        line("all", &all).expect("a string takes all");
        table
    }
}

const TRUNCATED: &str = "damage: a segment truncated";

/// Bytes that a disk may show where it was not written, by the name of their class.
struct Donors {
    epoch: Image,
    journal: Image,
}

/// Epochs that the history before had, so that no epoch is in both.
const OTHER_EPOCHS: u32 = 100;

/// All classes of crashes over the history of one seed, about `images` of them.
pub(crate) fn of_seed(seed: u64, images: usize, report: &mut Report) {
    let plan = Plan {
        seed,
        content: 0,
        before: None,
        live_may_be_lost: true,
        fault: None,
    };
    match check::checked(|| history::live(plan)) {
        Err(what) => report.add("no crash", seed, Err(what)),
        Ok(lived) => {
            let twin = |before| {
                let content = 1 << 20;
                let lived = history::live(Plan {
                    content,
                    before,
                    ..plan
                });
                let files = lived.map_or_else(|_| Image::new(), |lived| disk_after(&lived.entries).now());
                // Its segments have the names of this history's, which stale bytes do not care about.
                let renamed = files
                    .into_iter()
                    .map(|(name, bytes)| (name.replace('-', "-other-"), bytes));
                renamed.collect()
            };
            let meta = read_meta(&lived.dirs.archive()).ok().flatten();
            let donors = Donors {
                epoch: twin(meta.map(|meta| meta.with_epoch(OTHER_EPOCHS))),
                journal: twin(None),
            };
            let mut draws = random(seed ^ 0xc0ff_ee00);
            for _ in 0..images * 6 / 10 {
                power_cut(seed, &lived, &donors, &mut draws, report);
            }
            for _ in 0..images * 2 / 10 {
                damage(seed, &lived, &mut draws, report);
            }
        }
    }
    let plan = Plan {
        live_may_be_lost: false,
        ..plan
    };
    killed(plan, images / 10, report);
    failed(plan, images / 10, report);
}

fn is_segment(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == ARCHIVED)
}

pub(super) fn disk_after(entries: &[Entry]) -> Disk {
    let mut disk = Disk::default();
    for entry in entries {
        disk.apply(&entry.op);
    }
    disk
}

/// What had been promised when `at` operations were done.
pub(super) fn promise(lived: &History, at: usize) -> Promise<'_> {
    // What came to be durable behind an operation is told before the next.
    let (durable, epoch, phase) = match lived.entries.get(at) {
        Some(next) => (next.durable, next.epoch, next.phase),
        None => (lived.durable, lived.epoch, lived.truths.len() - 1),
    };
    Promise {
        truth: &lived.truths[phase],
        in_flight: None,
        durable,
        epoch,
        gone_max: 0,
    }
}

/// Somewhere in a history, more often where something is not synced.
fn moment(lived: &History, draws: &mut Random) -> (usize, Disk) {
    let mut best = (0, Disk::default());
    for _ in 0..4 {
        let at = choose(draws, lived.entries.len() + 1);
        best = (at, disk_after(&lived.entries[..at]));
        if !best.1.is_synced() {
            break;
        }
    }
    best
}

fn power_cut(seed: u64, lived: &History, donors: &Donors, draws: &mut Random, report: &mut Report) {
    let (at, mut disk) = moment(lived, draws);
    let promise = promise(lived, at);
    let own = disk.now();
    let (class, fate, entries, rule) = match choose(draws, 14) {
        0 => (
            "cut: nothing unsynced arrived",
            Fate::Lost,
            Entries::Kept,
            Rule::Taken,
        ),
        1 => (
            "cut: everything arrived",
            Fate::Kept,
            Entries::Kept,
            Rule::TakenClean,
        ),
        2 | 3 => (
            "cut: some pages arrived",
            Fate::Pages,
            Entries::Prefix,
            Rule::Taken,
        ),
        4 => (
            "cut: some sectors arrived",
            Fate::Sectors,
            Entries::Prefix,
            Rule::Taken,
        ),
        5 => (
            "cut: a torn sector",
            Fate::TornSector,
            Entries::Prefix,
            Rule::Taken,
        ),
        6 => (
            "cut: stale bytes of this journal",
            Fate::Stale(&own),
            Entries::Prefix,
            Rule::Taken,
        ),
        7 => (
            "cut: stale bytes of another epoch",
            Fate::Stale(&donors.epoch),
            Entries::Prefix,
            Rule::Taken,
        ),
        8 => (
            "cut: stale bytes of another journal",
            Fate::Stale(&donors.journal),
            Entries::Prefix,
            Rule::TakenOrForeign,
        ),
        9 => ("cut: last names lost", Fate::Kept, Entries::Prefix, Rule::Taken),
        10 => ("cut: any names lost", Fate::Sectors, Entries::Any, Rule::Taken),
        11 => (
            "cut: a bit flipped in what was unsynced",
            Fate::Flipped,
            Entries::Kept,
            Rule::TakenOrUnknownVersion,
        ),
        12 => {
            write_short(lived, at, &mut disk, draws);
            ("cut: inside a write", Fate::Sectors, Entries::Prefix, Rule::Taken)
        }
        _ => {
            let image = disk.cut(Fate::Sectors, Entries::Prefix, draws);
            let ended = check::checked(|| cut_in_recovery(&image, &promise, draws));
            return report.add("cut: then another inside the start", seed, ended);
        }
    };
    let image = disk.cut(fate, entries, draws);
    report.add(class, seed, check::image(&image, &promise, rule, draws));
}

/// Does the first part of the next write.
fn write_short(lived: &History, at: usize, disk: &mut Disk, draws: &mut Random) {
    if let Some(Entry {
        op: Op::Write { name, at, bytes },
        ..
    }) = lived.entries.get(at)
    {
        let bytes = bytes[..choose(draws, bytes.len())].to_vec();
        let (name, at) = (name.clone(), *at);
        disk.apply(&Op::Write { name, at, bytes });
    }
}

/// Starts on an image, and cuts the power again somewhere inside the start or just behind it.
fn cut_in_recovery(image: &Image, promise: &Promise<'_>, draws: &mut Random) -> Result<Ended, String> {
    let dirs = check::place(image);
    tap::start(&dirs.archive(), &dirs.live(), None);
    let started = crate::open(&dirs.config());
    let recorder = tap::stop();
    let started = started.map_err(|e| format!("a start is refused: {e}"))?;
    drop(started);
    let done = choose(draws, recorder.entries.len() + 1);
    let mut disk = Disk::holding(image);
    recorder.entries[..done]
        .iter()
        .for_each(|entry| disk.apply(&entry.op));
    let (durable, epoch) = match recorder.entries.get(done) {
        Some(next) => (next.durable, next.epoch),
        None => (recorder.durable, recorder.epoch),
    };
    let promise = Promise {
        durable: promise.durable.max(durable),
        epoch: promise.epoch.max(epoch),
        ..*promise
    };
    let image = disk.cut(Fate::Sectors, Entries::Prefix, draws);
    check::image(&image, &promise, Rule::Taken, draws)
}

/// A mark, an end or a header, and the position that it says was durable.
struct Voucher {
    name: String,
    bytes: Range<usize>,
    durable: u64,
}

/// What stands in the archive after these operations and vouches for something. What a mark must vouch for is taken from
/// what was promised when it was written, not from the mark.
fn vouchers(entries: &[Entry]) -> Vec<Voucher> {
    let word = |bytes: &[u8], at: usize| {
        let bytes = bytes.get(at..at + 8).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    let mut found: Vec<Voucher> = Vec::new();
    for entry in entries {
        match &entry.op {
            Op::Create(gone) | Op::Remove(gone) => found.retain(|v| v.name != *gone),
            Op::Rename { from, to } => {
                found.retain(|v| v.name != *to);
                let moved = found.iter_mut().filter(|v| v.name == *from);
                moved.for_each(|v| v.name.clone_from(to));
            }
            Op::Write { name, at, bytes } if name.starts_with('0') && bytes[0] != 0 => {
                let at = *at as usize;
                let (bytes, durable) = if at == 0 {
                    (0..HEADER_BYTES, word(bytes, 72))
                } else if word(bytes, 0) & 0xffff_ffff == END_WORD {
                    (at..at + 64, word(bytes, 24))
                } else if is_segment(name) {
                    (at..at + 64, entry.durable)
                } else {
                    continue;
                };
                let name = name.clone();
                found.push(Voucher { name, bytes, durable });
            }
            _ => {}
        }
    }
    found
}

/// The highest position that something vouches for which is not in this part of this file.
fn vouched(vouchers: &[Voucher], name: &str, damaged: &Range<usize>) -> u64 {
    let whole = vouchers
        .iter()
        .filter(|v| is_segment(&v.name))
        .filter(|v| v.name != name || v.bytes.end <= damaged.start || damaged.end <= v.bytes.start);
    whole.map(|v| v.durable).max().unwrap_or(0)
}

/// Changes bytes that were durable.
fn damage(seed: u64, lived: &History, draws: &mut Random, report: &mut Report) {
    let at = choose(draws, lived.entries.len()) + 1;
    let disk = disk_after(&lived.entries[..at]);
    let promise = promise(lived, at);
    let mut image = disk.now();
    let names: Vec<String> = image
        .keys()
        .filter(|name| !name.ends_with("tmp"))
        .cloned()
        .collect();
    if names.is_empty() {
        return;
    }
    let name = names[choose(draws, names.len())].clone();
    let bytes = image.get_mut(&name).expect("its name");
    let written = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    let len = if choose(draws, 4) == 0 {
        bytes.len()
    } else {
        written
    };
    if len == 0 {
        return;
    }
    let at_byte = choose(draws, len);
    let unit = match choose(draws, 4) {
        0 | 1 => 1,
        2 => SECTOR,
        _ => PAGE,
    };
    let start = at_byte / unit * unit;
    let part = start..(start + unit).min(bytes.len());
    if disk
        .unsynced(&name)
        .iter()
        .any(|written| written.start < part.end && part.start < written.end)
    {
        return;
    }
    if unit > 1 && bytes[part.clone()].iter().all(|b| *b == 0) {
        return;
    }
    let class = if unit == 1 {
        bytes[at_byte] ^= 1 << choose(draws, 8);
        "damage: a bit flipped in what was durable"
    } else {
        bytes[part.clone()].fill(0);
        "damage: a sector or page of zeros"
    };
    let rule = if name == "meta" {
        Rule::Refused
    } else {
        Rule::Damaged {
            vouched: vouched(&vouchers(&lived.entries[..at]), &name, &part),
        }
    };
    let ended = check::image(&image, &promise, rule, draws);
    let told = ended.map_err(|what| format!("{name}, {part:?}: {what}"));
    report.add(class, seed, told);
}

/// Cuts a segment of one history short, at every `step`th byte.
pub(crate) fn truncated(seed: u64, step: usize, report: &mut Report) {
    let plan = Plan {
        seed,
        content: 0,
        before: None,
        live_may_be_lost: true,
        fault: None,
    };
    let Ok(lived) = history::live(plan) else { return };
    let mut draws = random(seed);
    let at = lived.entries.len() - choose(&mut draws, lived.entries.len() / 2);
    let image = disk_after(&lived.entries[..at]).now();
    let promise = promise(&lived, at);
    let vouchers = vouchers(&lived.entries[..at]);
    let begun = image
        .iter()
        .filter(|(name, bytes)| is_segment(name) && bytes.iter().any(|b| *b != 0));
    let begun: Vec<&String> = begun.map(|(name, _)| name).collect();
    // The last one mostly; the others must be refused by all but luck.
    let Some(name) = begun
        .iter()
        .rev()
        .nth(usize::from(choose(&mut draws, 4) == 0))
        .or(begun.last())
    else {
        return;
    };
    let len = image[*name].len();
    for cut in (choose(&mut draws, step)..len).step_by(step) {
        let mut image = image.clone();
        image.get_mut(*name).expect("its name").truncate(cut);
        let rule = Rule::Damaged {
            vouched: vouched(&vouchers, name, &(cut..len)),
        };
        report.add(TRUNCATED, seed, check::image(&image, &promise, rule, &mut draws));
    }
}

/// Kills the process anywhere, between any two stores and calls, once or twice.
fn killed(plan: Plan, images: usize, report: &mut Report) {
    let Ok(whole) = check::checked(|| history::live(plan)) else {
        return report.add("no crash", plan.seed, Err("the history is broken".into()));
    };
    let mut draws = random(plan.seed ^ 0xdead);
    for _ in 0..images {
        let event = 1 + choose(&mut draws, whole.events as usize) as u64;
        let fault = Some(Fault::Kill { event });
        let ended = check::checked(|| {
            let lived = history::live(Plan { fault, ..plan })?;
            let twice = choose(&mut draws, 2) == 0;
            let truth = lived.truths.last().expect("at least one");
            let mut promise = Promise {
                truth,
                in_flight: lived.in_flight.as_ref(),
                durable: length(truth),
                epoch: lived.epoch,
                gone_max: 0,
            };
            if twice {
                promise.epoch = promise.epoch.max(kill_a_start(&lived.dirs, &mut draws));
            }
            check::crashed(&lived.dirs, &promise, Rule::Taken, &mut draws).map(|ended| (twice, ended))
        });
        let twice = matches!(ended, Ok((true, _)));
        let class = if twice {
            "kill: then another inside the start"
        } else {
            "kill: anywhere"
        };
        report.add(class, plan.seed, ended.map(|(_, ended)| ended));
    }
}

/// Starts, and kills that somewhere; gives the last epoch that was told.
pub(super) fn kill_a_start(dirs: &Dirs, draws: &mut Random) -> u32 {
    // A start has some 30 calls and 60 stores, more with many segments to drain.
    let event = 1 + choose(draws, 120) as u64;
    tap::start(&dirs.archive(), &dirs.live(), Some(Fault::Kill { event }));
    let started = catch_unwind(AssertUnwindSafe(|| crate::open(&dirs.config())));
    drop(started);
    tap::stop().epoch
}

/// Lets a call fail, and looks at it after a kill and after a power cut.
fn failed(plan: Plan, images: usize, report: &mut Report) {
    const EIO: i32 = 5;
    const ENOSPC: i32 = 28;
    let Ok(whole) = check::checked(|| history::live(plan)) else {
        return;
    };
    let mut draws = random(plan.seed ^ 0xe10);
    for _ in 0..images {
        let call = 1 + choose(&mut draws, whole.calls as usize) as u64;
        let (errno, then_kill, then_cut) = match choose(&mut draws, 2) {
            0 => (EIO, "EIO, then a kill", "EIO, then a cut"),
            _ => (ENOSPC, "ENOSPC, then a kill", "ENOSPC, then a cut"),
        };
        let fault = Some(Fault::Fail { call, errno });
        let lived = check::checked(|| history::live(Plan { fault, ..plan }));
        let lived = match lived {
            Ok(lived) if lived.struck => lived,
            Ok(_) => continue,
            Err(what) => {
                report.add(then_kill, plan.seed, Err(what));
                continue;
            }
        };
        let (at, disk) = moment(&lived, &mut draws);
        let image = disk.cut(Fate::Sectors, Entries::Prefix, &mut draws);
        let ended = check::image(&image, &promise(&lived, at), Rule::Taken, &mut draws);
        report.add(then_cut, plan.seed, ended);
        let truth = lived.truths.last().expect("at least one");
        let promise = Promise {
            truth,
            in_flight: None,
            durable: length(truth),
            epoch: lived.epoch,
            gone_max: 0,
        };
        let ended = check::checked(|| check::crashed(&lived.dirs, &promise, Rule::Taken, &mut draws));
        report.add(then_kill, plan.seed, ended);
    }
}
