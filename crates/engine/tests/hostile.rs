//! Whatever comes in, the engine answers the same, within its bounds, and keeps its books.

mod desk;

use desk::Desk;
use pinrail_engine::OUT_LINES_MAX;
use pinrail_types::record::RECORDS;
use pinrail_types::{Cause, Commit, Flags, Frame, SourceId};
use proptest::prelude::*;

/// A frame of a known type whose body is small numbers, boundary values and noise.
fn frame() -> impl Strategy<Value = Frame> {
    let word = prop_oneof![
        8 => 0_u64..4,
        2 => (0_u64..4, 0_u64..4).prop_map(|(a, b)| a | b << 32),
        2 => 9_900_u64..10_100,
        1 => Just(u64::MAX),
        1 => Just(i64::MIN as u64),
        1 => Just(i64::MAX as u64),
        1 => any::<u64>(),
    ];
    let commit = (
        0..RECORDS.len(),
        any::<u8>(),
        prop_oneof![9 => Just(0_u8), 1 => 0_u8..16],
        0_u8..5,
    );
    (commit, prop::collection::vec(word, 28)).prop_map(|((at, flags, version, lines), words)| {
        let schema = &RECORDS[at];
        let mut frame = Frame::default();
        frame.buffer_mut()[4..].copy_from_slice(&words);
        let lines = if lines == 0 {
            1 + words[0] as u8 % 4
        } else {
            schema.lines as u8
        };
        let commit = Commit {
            lines,
            version,
            flags: Flags(flags & 0x0f),
            record_type: schema.record_type,
        };
        frame.header_mut().commit = commit.pack();
        frame
    })
}

#[derive(Clone, Debug)]
enum Op {
    Hostile(Box<Frame>),
    Ask(u32, u8, i64),
    Accept(usize, u8),
    Pass(usize),
    Book(u16, i64, i64),
    Time(u64),
    GoOn,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => frame().prop_map(|frame| Op::Hostile(Box::new(frame))),
        4 => (0_u32..3, prop_oneof![Just(0_u8), Just(b'1'), Just(b'2')], 1_i64..200).prop_map(|(c, s, q)| Op::Ask(c, s, q)),
        2 => (any::<usize>(), prop_oneof![Just(b'1'), Just(b'2')]).prop_map(|(at, side)| Op::Accept(at, side)),
        1 => any::<usize>().prop_map(Op::Pass),
        3 => (0_u16..2, 9_950_i64..10_000, 1_i64..900).prop_map(|(v, px, qty)| Op::Book(v, px, qty)),
        2 => (0_u64..6_000).prop_map(Op::Time),
        1 => Just(Op::GoOn),
    ]
}

/// Runs the operations and gives back everything that came out. In an idle core the engine also does between inputs
/// what it does while it waits.
fn run(ops: &[Op], idle: bool) -> (Vec<u64>, u64) {
    let mut desk = Desk::active();
    let mut quotes = Vec::new();
    let mut words = Vec::new();
    let hostile: Vec<Frame> = ops
        .iter()
        .filter_map(|op| match op {
            Op::Hostile(frame) => Some(**frame),
            _ => None,
        })
        .collect();
    for (n, op) in ops.iter().enumerate() {
        let out = match op {
            Op::Hostile(frame) => {
                let mut frame = **frame;
                frame.header_mut().cause = Cause::input(SourceId(0), n as u64 + 1);
                desk.put_frame(&mut frame)
            }
            Op::Ask(client, side, qty) => {
                let request = desk.request(*client, *side, *qty);
                let out = desk.put(request);
                quotes.extend(out.find::<pinrail_types::record::Quote>());
                out
            }
            Op::Accept(at, side) if !quotes.is_empty() => {
                desk.put(Desk::order(&quotes[at % quotes.len()], *side))
            }
            Op::Pass(at) if !quotes.is_empty() => desk.put(Desk::pass(&quotes[at % quotes.len()])),
            Op::Book(venue, px, qty) => desk.snapshot(
                pinrail_types::VenueId(*venue),
                &[(*px, *qty), (px - 10, 500)],
                &[(px + 20, *qty), (px + 30, 500)],
            ),
            Op::Time(ns) => {
                desk.now += ns;
                desk.tick()
            }
            _ => desk.go_on(),
        };
        if idle {
            for _ in 0..n % 4 {
                desk.engine.refresh();
            }
            desk.engine.warm(n);
            desk.engine.foresee(&hostile[n.min(hostile.len())..]);
        }
        assert!(out.words().len() <= OUT_LINES_MAX * 8);
        assert!(out.types().all(pinrail_types::RecordType::is_output));
        words.extend_from_slice(out.words());
        if desk.engine.open_quotes() == 0 {
            assert!(
                desk.engine.nothing_reserved(),
                "nothing is open and something is reserved"
            );
        }
    }
    desk.now += 1 << 40;
    for _ in 0..8 {
        desk.tick();
    }
    assert_eq!(desk.engine.open_quotes(), 0);
    assert!(desk.engine.nothing_reserved());
    (words, desk.engine.output_hash())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_input_is_answered_within_bounds_and_the_same_twice(ops in prop::collection::vec(op(), 1..120)) {
        let busy = run(&ops, false);
        prop_assert_eq!(&busy, &run(&ops, false));
        prop_assert_eq!(&busy, &run(&ops, true), "what an idle core does changed an output");
    }
}
