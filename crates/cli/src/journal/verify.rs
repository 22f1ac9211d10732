//! `pinrail journal verify`.

use std::path::PathBuf;

use pinrail_journal::archive::{self, End, Torn, Verified};
use pinrail_journal::{ChainHash, ReadError};
use pinrail_report::table::{Table, bytes, count};
use serde::Serialize;

use crate::args::VerifyArgs;
use crate::decode::utc;
use crate::failure::Failure;
use crate::output::{Results, progress};

/// What was found, as it is printed in JSON.
#[derive(Serialize)]
struct Report {
    verdict: Verdict,
    #[serde(flatten)]
    figures: Option<Figures>,
    damage: Option<Damage>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Sound,
    PossibleTear,
    HeadNotFound,
    Corrupt,
}

#[derive(Serialize)]
struct Figures {
    journal_id: String,
    first_segment: u64,
    segments: u64,
    /// How many of them are compressed.
    compressed_segments: u64,
    file_bytes: u64,
    epochs: u64,
    /// Segments that a crash left without an end, and behind which a later epoch went on.
    cut_segments: u64,
    records: u64,
    bytes: u64,
    first_seq: Option<u64>,
    last_seq: Option<u64>,
    first_ts_core: Option<u64>,
    last_ts_core: Option<u64>,
    end: &'static str,
    /// The first segment that the heads cover.
    chain_since: Option<u64>,
    head: Option<Head>,
    settled_head: Option<Head>,
    /// What the head stands for that was given.
    kept_head: Option<Head>,
}

#[derive(Serialize)]
struct Head {
    hash: String,
    segment: u64,
    last_seq: u64,
}

/// The first place that is not as it was written.
#[derive(Serialize)]
struct Damage {
    file: PathBuf,
    offset: u64,
    position: u64,
    seq: u64,
    what: &'static str,
}

/// Checks a whole archive, and prints what it holds and the head of its chain.
pub(super) fn main(args: &VerifyArgs) -> Result<(), Failure> {
    let bar = progress(0, "checking the archive");
    let verified = archive::verify(&args.place.archive_dir, args.head, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let mut results = Results::new();
    let (report, failure) = match verified {
        Ok(verified) => {
            let (report, failure) = judge(&verified, args.head);
            (Some(report), failure)
        }
        Err(error) => (corrupt(&error), Some(error.into())),
    };
    match &report {
        Some(report) if args.output.json => results.json(report)?,
        Some(Report {
            figures: Some(figures),
            ..
        }) => results.line(facts(figures))?,
        _ => {}
    }
    results.flush()?;
    failure.map_or(Ok(()), Err)
}

fn judge(verified: &Verified, wanted: Option<ChainHash>) -> (Report, Option<Failure>) {
    let torn = match &verified.end {
        End::Torn(torn) => Some(torn.clone()),
        End::Sealed | End::Open => None,
    };
    let is_missing = wanted.is_some() && verified.kept.is_none();
    let verdict = match (is_missing, &torn) {
        (true, _) => Verdict::HeadNotFound,
        (_, Some(_)) => Verdict::PossibleTear,
        _ => Verdict::Sound,
    };
    let mut told: Vec<String> = torn.iter().map(possible_tear).collect();
    told.extend(wanted.filter(|_| is_missing).map(|head| {
        format!(
            "{head} is the head of no segment here: what it covered was changed since, or it is another journal's, or not \
             that of a settled segment"
        )
    }));
    let report = Report {
        verdict,
        figures: Some(figures(verified)),
        damage: torn.map(|torn| Damage {
            file: torn.path,
            offset: torn.offset,
            position: torn.position,
            seq: torn.seq,
            what: torn.what,
        }),
    };
    let failure = (!told.is_empty()).then(|| Failure::Check(told.join("\n")));
    (report, failure)
}

fn possible_tear(torn: &Torn) -> String {
    format!(
        "possible tear: {} is damaged at byte {} (position {}, sequence {}): {}; nothing behind it says that this place had \
         been durable, so a crash may have left it so, but also a change of the last batch, or a writer at work",
        torn.path.display(),
        torn.offset,
        torn.position,
        torn.seq,
        torn.what
    )
}

/// The report of what no crash leaves behind; of other errors there is none.
fn corrupt(error: &ReadError) -> Option<Report> {
    let damage = match error {
        ReadError::Corrupt {
            path,
            offset,
            position,
            seq,
            what,
        } => Some(Damage {
            file: path.clone(),
            offset: *offset,
            position: *position,
            seq: *seq,
            what,
        }),
        ReadError::Missing { .. } => None,
        _ => return None,
    };
    Some(Report {
        verdict: Verdict::Corrupt,
        figures: None,
        damage,
    })
}

fn figures(verified: &Verified) -> Figures {
    let head = |head: archive::Head| Head {
        hash: head.hash.to_string(),
        segment: head.segment,
        last_seq: head.last_seq,
    };
    let last = verified.head.map(|head| head.segment);
    Figures {
        journal_id: verified.journal_id.to_string(),
        first_segment: verified.first_segment,
        segments: verified.segments,
        compressed_segments: verified.compressed_segments,
        file_bytes: verified.file_bytes,
        epochs: verified.epochs,
        cut_segments: verified.cut_segments,
        records: verified.records,
        bytes: verified.record_bytes,
        first_seq: verified.first_seq,
        last_seq: verified.last_seq,
        first_ts_core: verified.first_ts_core,
        last_ts_core: verified.last_ts_core,
        end: match verified.end {
            End::Sealed => "clean",
            End::Open => "open",
            End::Torn(_) => "torn",
        },
        // Even without any chain a segment's own hash covers it.
        chain_since: verified.chain_since.or(last),
        head: verified.head.map(head),
        settled_head: verified.settled.map(head),
        kept_head: verified.kept.map(head),
    }
}

fn facts(figures: &Figures) -> Table {
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let seq = |seq: Option<u64>| or_none(seq.map(|seq| seq.to_string()));
    let head = |head: &Option<Head>| {
        let text = |head: &Head| {
            format!(
                "{} of segment {}, up to sequence {}",
                head.hash, head.segment, head.last_seq
            )
        };
        or_none(head.as_ref().map(text))
    };
    let end = match figures.end {
        "clean" => "clean",
        "open" => "open: its last segment has no end",
        _ => "torn: see below",
    };
    let is_settled =
        figures.head.as_ref().map(|head| &head.hash) == figures.settled_head.as_ref().map(|head| &head.hash);
    let mut facts = Table::facts(&["journal", &figures.journal_id]);
    facts
        .row([
            "segments".to_owned(),
            format!(
                "{}, from number {}",
                count(figures.segments),
                figures.first_segment
            ),
        ])
        .row(["compressed".to_owned(), count(figures.compressed_segments)])
        .row(["size of files".to_owned(), bytes(figures.file_bytes)])
        .row(["epochs".to_owned(), count(figures.epochs)])
        .row([
            "crashes that cut a segment".to_owned(),
            count(figures.cut_segments),
        ])
        .row(["records".to_owned(), count(figures.records)])
        .row(["size".to_owned(), bytes(figures.bytes)])
        .row(["first sequence".to_owned(), seq(figures.first_seq)])
        .row(["last sequence".to_owned(), seq(figures.last_seq)])
        .row([
            "first core time".to_owned(),
            or_none(figures.first_ts_core.map(utc)),
        ])
        .row([
            "last core time".to_owned(),
            or_none(figures.last_ts_core.map(utc)),
        ])
        .row(["end".to_owned(), end.to_owned()])
        .row([
            "the head covers segments from".to_owned(),
            or_none(figures.chain_since.map(|segment| segment.to_string())),
        ])
        .row(["head".to_owned(), head(&figures.settled_head)]);
    if !is_settled {
        facts.row(["until it goes on, also".to_owned(), head(&figures.head)]);
    }
    if figures.kept_head.is_some() {
        facts.row(["the given head".to_owned(), head(&figures.kept_head)]);
    }
    facts
}
