use bytemuck::Zeroable;
use pinrail_journal::{Journal, JournalConfig, SyncPolicy};
use pinrail_types::record::{QuoteStatus, Tick};
use pinrail_types::{Commit, Flags, RecordType, SessionId};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Quote,
    QuoteEnd,
    Refusal,
    Order,
    Cancel,
    Fill,
    FilledAlready,
    OrderRefused,
    Own,
    Internal,
    Input,
}

const KINDS: [Kind; 11] = [
    Kind::Quote,
    Kind::QuoteEnd,
    Kind::Refusal,
    Kind::Order,
    Kind::Cancel,
    Kind::Fill,
    Kind::FilledAlready,
    Kind::OrderRefused,
    Kind::Own,
    Kind::Internal,
    Kind::Input,
];

impl Kind {
    fn frame(self, session: SessionId) -> Frame {
        let report = |exec_type: ExecType, reason: Reason| ExecutionReport {
            session,
            exec_type: exec_type.byte(),
            reason: reason.code(),
            ..Zeroable::zeroed()
        };
        match self {
            Kind::Quote => Frame::of(&Quote {
                session,
                ..Zeroable::zeroed()
            }),
            Kind::QuoteEnd => Frame::of(&QuoteStatusReport {
                session,
                status: QuoteStatus::Removed.byte(),
                ..Zeroable::zeroed()
            }),
            Kind::Refusal => Frame::of(&QuoteRequestReject {
                session,
                ..Zeroable::zeroed()
            }),
            Kind::Order => Frame::of(&<VenueOrder as Zeroable>::zeroed()),
            Kind::Cancel => Frame::of(&<VenueOrderCancel as Zeroable>::zeroed()),
            Kind::Fill => Frame::of(&report(ExecType::Trade, Reason::None)),
            Kind::FilledAlready => Frame::of(&report(ExecType::Rejected, Reason::QuoteFilled)),
            Kind::OrderRefused => Frame::of(&report(ExecType::Rejected, Reason::QuoteExpired)),
            Kind::Own => own(),
            Kind::Internal => Frame::of(&<PositionReport as Zeroable>::zeroed()),
            Kind::Input => Frame::of(&<Tick as Zeroable>::zeroed()),
        }
    }

    /// Stated once more, and not by the code that is tested.
    fn point(self) -> Option<ReleasePoint> {
        match self {
            Kind::Quote | Kind::QuoteEnd | Kind::Refusal | Kind::OrderRefused | Kind::Cancel => {
                Some(ReleasePoint::AtOnce)
            }
            Kind::Fill | Kind::FilledAlready | Kind::Order | Kind::Own => Some(ReleasePoint::LocallyDurable),
            Kind::Internal | Kind::Input => None,
        }
    }
}

/// One line of a type that only an embedder knows.
fn own() -> Frame {
    let mut frame = Frame::default();
    frame.header_mut().commit = Commit {
        lines: 1,
        version: 0,
        flags: Flags::NONE,
        record_type: RecordType(0xc001),
    }
    .pack();
    frame
}

/// A journal, whoever tails it at both points, and what was appended.
struct Desk {
    _dir: TempDir,
    config: JournalConfig,
    journal: Option<Journal>,
    gates: [Gate; 2],
    /// Kind, id and end of each record.
    made: Vec<(Kind, SendId, u64)>,
    /// Records that each gate is past.
    passed: [usize; 2],
}

const POINTS: [ReleasePoint; 2] = [ReleasePoint::AtOnce, ReleasePoint::LocallyDurable];

impl Desk {
    fn new() -> Desk {
        let dir = TempDir::new_in("/dev/shm").expect("a machine with shared memory");
        let config = JournalConfig {
            segment_bytes: 8192,
            sync: SyncPolicy::Never,
            ..JournalConfig::new(dir.path().join("archive"), dir.path().join("live"))
        };
        let journal = Some(pinrail_journal::open(&config).unwrap());
        let gates = POINTS.map(|point| {
            let policy = ReleasePolicy::default();
            Gate::open(&config.live_dir, &config.archive_dir, From::Start, policy, point).unwrap()
        });
        Desk {
            _dir: dir,
            config,
            journal,
            gates,
            made: Vec::new(),
            passed: [0; 2],
        }
    }

    fn append(&mut self, kind: Kind, session: SessionId) {
        let journal = self.journal.as_mut().unwrap();
        if journal.writer.room().normal < 4 {
            journal.preparer.do_work().unwrap();
        }
        if journal.writer.room().normal < 4 {
            return;
        }
        let id = SendId {
            epoch: journal.writer.epoch(),
            seq: journal.writer.next_seq(),
        };
        let mut frame = kind.frame(session);
        frame.header_mut().seq = id.seq;
        journal.writer.append(frame.words());
        journal.writer.publish(1);
        self.made.push((kind, id, journal.writer.position()));
    }

    fn archive(&mut self) {
        self.journal.as_mut().unwrap().archiver.do_work().unwrap();
    }

    /// What a start does with what a killed process left.
    fn kill_and_start(&mut self) {
        self.journal = None;
        self.journal = Some(pinrail_journal::open(&self.config).unwrap());
    }

    fn durable(&self) -> u64 {
        self.journal.as_ref().unwrap().archiver.durable_position()
    }

    /// What the model says the gate gives until it has nothing more.
    fn expected(&mut self, gate: usize) -> Vec<(Kind, SendId)> {
        let durable = self.durable();
        let may_pass = |end: u64| POINTS[gate] == ReleasePoint::AtOnce || end <= durable;
        let rest = self.made[self.passed[gate]..].iter();
        let next: Vec<_> = rest.take_while(|(_, _, end)| may_pass(*end)).collect();
        self.passed[gate] += next.len();
        let given = next
            .iter()
            .filter(|(kind, ..)| kind.point() == Some(POINTS[gate]));
        given.map(|(kind, id, _)| (*kind, *id)).collect()
    }

    fn check(&mut self, gate: usize) {
        let expected = self.expected(gate);
        let mut frame = Frame::default();
        for (kind, id) in expected {
            let given = self.gates[gate].poll(&mut frame).unwrap();
            assert_eq!(given, Some(id), "{kind:?}");
            assert_eq!(frame.header().seq, id.seq);
            assert_eq!(
                frame.record_type(),
                kind.frame(SessionId(0)).record_type(),
                "{kind:?}"
            );
        }
        assert_eq!(self.gates[gate].poll(&mut frame).unwrap(), None);
    }
}

#[test]
fn a_fill_waits_and_a_refusal_and_a_quote_do_not() {
    let mut desk = Desk::new();
    let session = SessionId(1);
    for kind in KINDS {
        desk.append(kind, session);
    }
    desk.check(0);
    let mut frame = Frame::default();
    assert_eq!(desk.gates[1].poll(&mut frame).unwrap(), None);
    desk.archive();
    let mut given = Vec::new();
    while let Some(id) = desk.gates[1].poll(&mut frame).unwrap() {
        given.push(id.seq);
    }
    // In the order of KINDS: the order, the fill, what tells of it, and the embedder's own.
    assert_eq!(given, [4, 6, 7, 9]);
}

#[test]
fn every_class_waits_for_the_point_that_is_configured() {
    for (quotes, fills) in [
        (ReleasePoint::AtOnce, ReleasePoint::AtOnce),
        (ReleasePoint::LocallyDurable, ReleasePoint::LocallyDurable),
    ] {
        let orders = fills;
        let policy = ReleasePolicy {
            quotes,
            fills,
            orders,
        };
        let point = |kind: Kind| policy.point_of(&kind.frame(SessionId(1)));
        assert_eq!(
            (point(Kind::Quote), point(Kind::QuoteEnd)),
            (Some(quotes), Some(quotes))
        );
        assert_eq!(
            (point(Kind::Fill), point(Kind::FilledAlready)),
            (Some(fills), Some(fills))
        );
        assert_eq!(point(Kind::Order), Some(orders));
        assert_eq!(point(Kind::Cancel), Some(ReleasePoint::AtOnce));
        assert_eq!(point(Kind::Refusal), Some(ReleasePoint::AtOnce));
        assert_eq!(point(Kind::OrderRefused), Some(ReleasePoint::AtOnce));
        assert_eq!((point(Kind::Internal), point(Kind::Input)), (None, None));
    }
}

#[test]
fn a_report_of_a_later_layout_waits_as_a_fill_does() {
    let mut frame = Kind::OrderRefused.frame(SessionId(1));
    frame.header_mut().commit |= 0x10;
    assert!(frame.get::<ExecutionReport>().is_none());
    assert_eq!(
        ReleasePolicy::default().point_of(&frame),
        Some(ReleasePoint::LocallyDurable)
    );
}

#[test]
fn every_output_of_this_version_is_judged_by_name() {
    let policy = ReleasePolicy {
        quotes: ReleasePoint::AtOnce,
        fills: ReleasePoint::LocallyDurable,
        orders: ReleasePoint::LocallyDurable,
    };
    for schema in pinrail_types::record::RECORDS {
        let mut frame = Frame::default();
        frame.header_mut().commit = Commit {
            lines: 4,
            version: 0,
            flags: Flags::NONE,
            record_type: schema.record_type,
        }
        .pack();
        let waits = policy.point_of(&frame) == Some(ReleasePoint::LocallyDurable);
        let does_wait = matches!(
            schema.name,
            "ExecutionReport"
                | "MultilegExecutionReport"
                | "VenueOrder"
                | "VenueOrderReplace"
                | "VenueOrderStatusRequest"
                | "OrderAverage"
                | "OrderCancelReject"
                | "OrderMassCancelReport"
                | "MassQuoteAck"
                | "BookLevelDelta"
                | "BookOrderDelta"
                | "InternalTop"
                | "AuctionPrice"
                | "MarketPhaseReport"
        );
        assert_eq!(waits, does_wait, "{}", schema.name);
    }
}

#[test]
fn when_the_archiver_has_failed_what_is_gated_is_held_and_the_gate_says_so() {
    let mut desk = Desk::new();
    let session = SessionId(1);
    desk.append(Kind::Fill, session);
    desk.archive();
    desk.append(Kind::Fill, session);
    desk.append(Kind::OrderRefused, session);
    // The archiver can't open its next file: all of the first segment is archived, and then it fails.
    for _ in 0..80 {
        desk.append(Kind::Fill, session);
    }
    std::fs::remove_file(desk.config.archive_dir.join("0000000002-000001.seg")).unwrap();
    let archiver = &mut desk.journal.as_mut().unwrap().archiver;
    while archiver.do_work().is_ok() {}
    let durable = desk.durable();
    let made = desk.made.len();
    assert!(
        desk.made[made - 1].2 > durable,
        "something is left that can't become durable"
    );

    let expected = desk.expected(1);
    let mut frame = Frame::default();
    for (_, id) in expected {
        assert_eq!(desk.gates[1].poll(&mut frame).unwrap(), Some(id));
    }
    for _ in 0..2 {
        match desk.gates[1].poll(&mut frame) {
            Err(ReleaseError::Held { position, .. }) => assert_eq!(position, durable),
            other => panic!("{other:?}"),
        }
    }
    desk.check(0);
    // A start makes it durable after all.
    desk.kill_and_start();
    desk.check(1);
    assert_eq!(desk.passed, [made, made]);
}

#[test]
fn an_output_that_a_kill_left_undurable_is_released_behind_the_next_start_with_its_own_epoch() {
    let mut desk = Desk::new();
    desk.append(Kind::Fill, SessionId(1));
    desk.check(1);
    desk.kill_and_start();
    desk.append(Kind::Fill, SessionId(1));
    desk.check(1);
    desk.archive();
    desk.check(1);
    let ids: Vec<SendId> = desk.made.iter().map(|(_, id, _)| *id).collect();
    assert_eq!(ids, [SendId { epoch: 1, seq: 1 }, SendId { epoch: 2, seq: 2 }]);
    assert_eq!(desk.passed[1], 2);
}

#[derive(Clone, Debug)]
enum Step {
    Append { kind: usize, session: u16 },
    Archive,
    Poll { gate: usize },
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..KINDS.len(), 0_u16..4).prop_map(|(kind, session)| Step::Append { kind, session }),
        3 => Just(Step::Archive),
        4 => (0_usize..2).prop_map(|gate| Step::Poll { gate }),
        1 => Just(Step::Kill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a model that knows the whole journal: nothing gated is given before it is durable, nothing is lost,
    /// doubled or out of order, and what is at once never waits.
    #[test]
    fn gates_give_what_the_model_gives(steps in prop::collection::vec(step(), 1..400)) {
        let mut desk = Desk::new();
        for step in steps {
            match step {
                Step::Append { kind, session } => desk.append(KINDS[kind], SessionId(session)),
                Step::Archive => desk.archive(),
                Step::Poll { gate } => desk.check(gate),
                Step::Kill => desk.kill_and_start(),
            }
        }
        desk.kill_and_start();
        desk.check(0);
        desk.check(1);
        prop_assert_eq!(desk.passed, [desk.made.len(); 2]);
        prop_assert!(desk.made.is_sorted_by(|(_, a, _), (_, b, _)| a < b), "ids rise over all epochs");
    }
}
