//! What a journal says happened, for people and programs.

use std::collections::BTreeMap;
use std::path::Path;

use pinrail_journal::ReadError;
use pinrail_journal::archive::Reader;
use pinrail_types::record::{
    ExecType, ExecutionReport, InputReject, InstrumentDef, PositionReport, QuoteRequestReject,
    QuoteStatusReport,
};
use pinrail_types::{Decimal, Frame, Grid, Reason};
use serde::Serialize;

/// Counts over the archived records of one epoch.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Tally {
    /// Records by type.
    pub(crate) records: BTreeMap<String, u64>,
    /// Inputs.
    pub(crate) inputs: u64,
    /// Outputs.
    pub(crate) outputs: u64,
    /// Bytes of records.
    pub(crate) bytes: u64,
    /// Requests refused, by reason.
    pub(crate) request_rejects: BTreeMap<String, u64>,
    /// Quotes ended without a fill, by reason.
    pub(crate) quote_ends: BTreeMap<String, u64>,
    /// Accepts refused, by reason.
    pub(crate) order_rejects: BTreeMap<String, u64>,
    /// Inputs refused as a whole, by reason.
    pub(crate) input_rejects: BTreeMap<String, u64>,
    /// Fills.
    pub(crate) fills: u64,
    /// The house position by instrument, after the last fill.
    pub(crate) positions: Vec<PositionLine>,
    /// FNV-1a over all bytes of all records, as `pinrail journal stat` prints it.
    pub(crate) content_hash: String,
}

/// The house position in an instrument.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PositionLine {
    /// Symbol.
    pub(crate) symbol: String,
    /// Position as a decimal.
    pub(crate) position: String,
    /// Position in lots.
    pub(crate) position_lots: i64,
    /// What was received less what was paid, in the quote asset's smallest unit.
    pub(crate) cash_units: String,
}

/// Reads the archive from sequence `from_seq` on.
///
/// # Errors
/// If the archive cannot be read or is damaged.
pub(crate) fn read(archive_dir: &Path, from_seq: u64) -> Result<Tally, ReadError> {
    let mut tally = Tally::default();
    let mut reader = Reader::open(archive_dir, None)?;
    let mut frame = Frame::default();
    let mut symbols: BTreeMap<u32, (String, Grid)> = BTreeMap::new();
    let mut positions: BTreeMap<u32, PositionReport> = BTreeMap::new();
    while reader.next(&mut frame)?.is_some() {
        note_instrument(&frame, &mut symbols);
        if frame.header().seq >= from_seq {
            tally.take(&frame);
            if let Some(report) = frame.get::<PositionReport>() {
                positions.insert(report.instrument.0, *report);
            }
        }
    }
    tally.positions = positions
        .into_iter()
        .map(|(id, report)| {
            let (symbol, position) = match symbols.get(&id) {
                Some((symbol, lot)) => (symbol.clone(), lot.display(report.position.0).to_string()),
                None => (format!("instrument:{id}"), report.position.0.to_string()),
            };
            PositionLine {
                symbol,
                position,
                position_lots: report.position.0,
                cash_units: report.cash.get().to_string(),
            }
        })
        .collect();
    tally.content_hash = format!("{:#018x}", pinrail_journal::archive::digest(archive_dir)?.hash);
    Ok(tally)
}

fn note_instrument(frame: &Frame, symbols: &mut BTreeMap<u32, (String, Grid)>) {
    if let Some(def) = frame.get::<InstrumentDef>()
        && let Ok(lot) = Grid::new(Decimal {
            mantissa: def.lot_mantissa,
            exponent: def.lot_exponent,
        })
    {
        symbols.insert(def.instrument.0, (def.symbol.to_string(), lot));
    }
}

impl Tally {
    fn take(&mut self, frame: &Frame) {
        let record_type = frame.record_type();
        *self.records.entry(format!("{record_type:?}")).or_default() += 1;
        self.inputs += u64::from(record_type.is_input());
        self.outputs += u64::from(record_type.is_output());
        self.bytes += frame.bytes().len() as u64;
        if let Some(reject) = frame.get::<QuoteRequestReject>() {
            *self.request_rejects.entry(reason(reject.reason)).or_default() += 1;
        } else if let Some(end) = frame.get::<QuoteStatusReport>() {
            *self.quote_ends.entry(reason(end.reason)).or_default() += 1;
        } else if let Some(reject) = frame.get::<InputReject>() {
            *self.input_rejects.entry(reason(reject.reason)).or_default() += 1;
        } else if let Some(report) = frame.get::<ExecutionReport>() {
            if report.exec_type == ExecType::Trade.byte() {
                self.fills += 1;
            } else {
                *self.order_rejects.entry(reason(report.reason)).or_default() += 1;
            }
        }
    }
}

fn reason(code: u16) -> String {
    Reason::from_code(code).map_or_else(|| code.to_string(), |reason| format!("{reason:?}"))
}
