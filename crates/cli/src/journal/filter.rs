//! Which records are wanted: the same for all commands.

use pinrail_types::{Frame, RecordHeader};

use crate::args::{Bound, FilterArgs};
use crate::decode::{Decoded, Decoder};

/// Decodes the records that pass, and counts them.
pub(super) struct Filter<'a> {
    args: &'a FilterArgs,
    decoder: Decoder,
    /// Records that may still pass.
    left: u64,
}

impl<'a> Filter<'a> {
    pub(super) fn new(args: &'a FilterArgs) -> Filter<'a> {
        Filter {
            args,
            decoder: Decoder::new(),
            left: args.limit.unwrap_or(u64::MAX),
        }
    }

    /// Whether no later record can pass, when those up to `seq` were seen. Of times that is never known: those of
    /// recordings go back where a playback is run again.
    pub(super) fn is_done(&self, seq: u64) -> bool {
        self.left == 0 || matches!(self.args.until, Some(Bound::Seq(until)) if seq >= until)
    }

    /// Whether a record lies behind the end that was asked for.
    pub(super) fn is_behind(&self, header: &RecordHeader) -> bool {
        match self.args.until {
            Some(Bound::Seq(until)) => header.seq > until,
            Some(Bound::Time(until)) => header.ts_core > until,
            None => false,
        }
    }

    fn is_before(&self, header: &RecordHeader) -> bool {
        match self.args.from {
            Some(Bound::Seq(from)) => header.seq < from,
            Some(Bound::Time(from)) => header.ts_core < from,
            None => false,
        }
    }

    /// Remembers what a record defines; it does not count.
    pub(super) fn learn(&mut self, frame: &Frame) {
        self.decoder.learn(frame);
    }

    /// The record, if it passes. Every record must be shown, since some define what others name.
    pub(super) fn take(&mut self, frame: &Frame) -> Option<Decoded> {
        let header = frame.header();
        if self.is_before(header) || self.is_behind(header) || self.left == 0 {
            self.learn(frame);
            return None;
        }
        let decoded = self.decoder.decode(frame);
        let types = &self.args.types;
        let passes = (types.is_empty() || types.iter().any(|name| name == decoded.name()))
            && is_about(&decoded, "instrument", self.args.instrument.as_deref())
            && is_about(&decoded, "client", self.args.client.as_deref());
        self.left -= u64::from(passes);
        passes.then_some(decoded)
    }
}

fn is_about(decoded: &Decoded, field: &str, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| decoded.names(field, wanted))
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;
    use pinrail_types::record::{ClientDef, QuoteRequest, Tick};
    use pinrail_types::{ClientId, InstrumentId, Text};

    use super::*;

    fn journal() -> Vec<Frame> {
        let client = ClientDef {
            client: ClientId(3),
            name: Text::new("alpha").unwrap(),
            ..ClientDef::zeroed()
        };
        let request = QuoteRequest {
            client: ClientId(3),
            instrument: InstrumentId(1),
            ..QuoteRequest::zeroed()
        };
        let mut frames = vec![
            Frame::of(&client),
            Frame::of(&request),
            Frame::of(&Tick::zeroed()),
        ];
        frames.push(Frame::of(&QuoteRequest::zeroed()));
        for (i, frame) in frames.iter_mut().enumerate() {
            frame.header_mut().seq = i as u64 + 1;
            frame.header_mut().ts_core = i as u64 * 10;
        }
        frames
    }

    /// Sequences of the records that pass.
    fn passing(args: &FilterArgs) -> Vec<u64> {
        let mut filter = Filter::new(args);
        let frames = journal();
        frames
            .iter()
            .filter_map(|f| filter.take(f))
            .map(|d| d.header.seq)
            .collect()
    }

    #[test]
    fn all_conditions_must_hold() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(passing(&FilterArgs::default()), [1, 2, 3, 4]);
        let by_type = FilterArgs {
            types: vec!["QuoteRequest".to_owned(), "Tick".to_owned()],
            ..FilterArgs::default()
        };
        assert_eq!(passing(&by_type), [2, 3, 4]);
        let by_name = FilterArgs {
            client: text("alpha"),
            from: Some(Bound::Seq(2)),
            ..FilterArgs::default()
        };
        assert_eq!(passing(&by_name), [2]);
        let by_id = FilterArgs {
            instrument: text("1"),
            client: text("3"),
            ..FilterArgs::default()
        };
        assert_eq!(passing(&by_id), [2]);
        let first_two = FilterArgs {
            limit: Some(2),
            until: Some(Bound::Seq(3)),
            ..FilterArgs::default()
        };
        assert_eq!(passing(&first_two), [1, 2]);
        let by_time = FilterArgs {
            from: Some(Bound::Time(9)),
            until: Some(Bound::Time(20)),
            ..FilterArgs::default()
        };
        assert_eq!(passing(&by_time), [2, 3]);
    }

    #[test]
    fn done_when_nothing_more_can_pass() {
        let args = FilterArgs {
            until: Some(Bound::Seq(3)),
            ..FilterArgs::default()
        };
        let filter = Filter::new(&args);
        assert!(!filter.is_done(2) && filter.is_done(3));
    }
}
