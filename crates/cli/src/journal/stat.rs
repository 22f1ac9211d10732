//! `pinrail journal stat`.

use std::collections::BTreeMap;

use pinrail_journal::archive::{Digest, Tail, digest};
use pinrail_journal::{ArchiverStatus, Control};
use pinrail_report::table::{Table, bytes, count};
use pinrail_types::{Frame, schema};
use serde::Serialize;

use crate::args::StatArgs;
use crate::decode::utc;
use crate::failure::Failure;
use crate::output::{Results, progress, show};
use crate::show::torn_at;

/// What a journal holds, as it is printed in JSON.
#[derive(Default, Serialize)]
struct Stat {
    journal_id: String,
    records: u64,
    bytes: u64,
    segments: u64,
    first_seq: Option<u64>,
    last_seq: Option<u64>,
    /// Core time of the first and the last record that has one.
    first_ts_core: Option<u64>,
    last_ts_core: Option<u64>,
    /// End of what was read.
    position: u64,
    epochs: Vec<Epoch>,
    types: BTreeMap<String, Counted>,
    /// Where and why the archive ends in something that was never durable.
    torn: Option<String>,
    /// Over the content of the archive, however it is cut into segments, as hex.
    digest: String,
    digest_records: u64,
    /// What the writer's control file says, where a live directory was given.
    live: Option<Live>,
}

#[derive(Serialize)]
struct Epoch {
    #[serde(rename = "epoch")]
    number: u32,
    behaviour_version: u32,
    playback: bool,
    segments: u64,
    records: u64,
    first_seq: u64,
    last_seq: u64,
}

#[derive(Default, Serialize)]
struct Counted {
    records: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Live {
    writer_pid: Option<u32>,
    epoch: u32,
    committed_position: u64,
    durable_position: u64,
    durable_seq: u64,
    archiver_failed: bool,
}

/// Reads the whole journal and prints what it holds.
pub(super) fn main(args: &StatArgs) -> Result<(), Failure> {
    let mut stat = read(args)?;
    let Digest { hash, records, .. } = digest(args.journal.archive_dir())?;
    stat.digest = format!("{hash:016x}");
    stat.digest_records = records;
    if let Some(live_dir) = &args.journal.live {
        stat.live = Some(live(&Control::open(live_dir)?));
    }
    show(&args.output, &stat, print)
}

fn read(args: &StatArgs) -> Result<Stat, Failure> {
    let mut reader = args.journal.open()?;
    let mut stat = Stat {
        journal_id: reader.journal_id().to_string(),
        ..Stat::default()
    };
    let bar = progress(0, "reading records");
    let mut frame = Frame::default();
    let mut segment = None;
    while reader.next(&mut frame)?.is_some() {
        let header = reader.header().expect("a record was read from a segment");
        let is_new = segment.replace(header.segment) != Some(header.segment);
        if stat.epochs.last().is_none_or(|last| last.number != header.epoch) {
            stat.epochs.push(Epoch {
                number: header.epoch,
                behaviour_version: header.behaviour_version,
                playback: header.is_playback(),
                segments: 0,
                records: 0,
                first_seq: frame.header().seq,
                last_seq: 0,
            });
        }
        let epoch = stat
            .epochs
            .last_mut()
            .expect("one was just pushed if there was none");
        epoch.segments += u64::from(is_new);
        epoch.records += 1;
        epoch.last_seq = frame.header().seq;
        stat.segments += u64::from(is_new);
        stat.take(&frame);
        bar.inc(1);
    }
    bar.finish_and_clear();
    stat.position = reader.position();
    if let Some(Tail::Torn(torn)) = reader.tail() {
        stat.torn = Some(torn_at(torn));
    }
    Ok(stat)
}

impl Stat {
    fn take(&mut self, frame: &Frame) {
        let header = frame.header();
        let length = frame.bytes().len() as u64;
        self.records += 1;
        self.bytes += length;
        self.first_seq.get_or_insert(header.seq);
        self.last_seq = Some(header.seq);
        if header.ts_core != 0 {
            self.first_ts_core.get_or_insert(header.ts_core);
            self.last_ts_core = Some(header.ts_core);
        }
        let record_type = frame.record_type();
        let name = match schema::find(record_type) {
            Some(schema) => schema.name.to_owned(),
            None => format!("{:#06x}", record_type.0),
        };
        let counted = self.types.entry(name).or_default();
        counted.records += 1;
        counted.bytes += length;
    }
}

fn live(control: &Control) -> Live {
    Live {
        writer_pid: Some(control.writer_pid()).filter(|pid| *pid != 0),
        epoch: control.epoch(),
        committed_position: control.committed_position(),
        durable_position: control.durable_position(),
        durable_seq: control.durable_seq(),
        archiver_failed: control.archiver_status() == ArchiverStatus::Failed,
    }
}

fn print(stat: &Stat, results: &mut Results) -> Result<(), Failure> {
    results.line(facts(stat))?;
    results.line("")?;
    let mut epochs = Table::figures(&[
        "epoch",
        "behaviour",
        "clock",
        "segments",
        "records",
        "from seq",
        "to seq",
    ]);
    for epoch in &stat.epochs {
        epochs.row([
            epoch.number.to_string(),
            epoch.behaviour_version.to_string(),
            if epoch.playback { "playback" } else { "live" }.to_owned(),
            count(epoch.segments),
            count(epoch.records),
            epoch.first_seq.to_string(),
            epoch.last_seq.to_string(),
        ]);
    }
    results.line(epochs)?;
    results.line("")?;
    let mut types = Table::figures(&["record", "count", "bytes"]);
    for (name, counted) in &stat.types {
        types.row([name.clone(), count(counted.records), bytes(counted.bytes)]);
    }
    results.line(types)
}

fn facts(stat: &Stat) -> Table {
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let mut facts = Table::facts(&["journal", &stat.journal_id]);
    facts
        .row(["records".to_owned(), count(stat.records)])
        .row(["size".to_owned(), bytes(stat.bytes)])
        .row(["segments".to_owned(), count(stat.segments)])
        .row([
            "first sequence".to_owned(),
            or_none(stat.first_seq.map(|seq| seq.to_string())),
        ])
        .row([
            "last sequence".to_owned(),
            or_none(stat.last_seq.map(|seq| seq.to_string())),
        ])
        .row(["first core time".to_owned(), or_none(stat.first_ts_core.map(utc))])
        .row(["last core time".to_owned(), or_none(stat.last_ts_core.map(utc))])
        .row(["end position".to_owned(), stat.position.to_string()])
        .row([
            "archive digest".to_owned(),
            format!("{} over {} records", stat.digest, count(stat.digest_records)),
        ])
        .row(["torn".to_owned(), or_none(stat.torn.clone())]);
    if let Some(live) = &stat.live {
        facts
            .row([
                "writer process".to_owned(),
                or_none(live.writer_pid.map(|pid| pid.to_string())),
            ])
            .row([
                "committed position".to_owned(),
                live.committed_position.to_string(),
            ])
            .row(["durable position".to_owned(), live.durable_position.to_string()])
            .row(["durable sequence".to_owned(), live.durable_seq.to_string()])
            .row(["archiver failed".to_owned(), live.archiver_failed.to_string()]);
    }
    facts
}
