//! What a live core answers, through the gates, to senders that are killed and start again.

#![allow(clippy::unwrap_used)]

#[path = "../crates/engine/tests/desk/mod.rs"]
mod desk;
mod stepped;

use pinrail_journal::From;
use pinrail_runtime::{Gate, ReleasePoint, ReleasePolicy, SendId, SendLog, SendState};
use pinrail_types::record::{ExecType, ExecutionReport, Quote, Record};
use pinrail_types::{Frame, Reason};
use stepped::{Live, Place};

fn gate(place: &Place, point: ReleasePoint) -> Gate {
    let (live_dir, archive_dir) = (place.live.path().join("live"), place.archive_dir());
    Gate::open(
        &live_dir,
        &archive_dir,
        From::Start,
        ReleasePolicy::default(),
        point,
    )
    .unwrap()
}

fn all(gate: &mut Gate) -> Vec<(SendId, Frame)> {
    let mut frame = Frame::default();
    let mut given = Vec::new();
    while let Some(id) = gate.poll(&mut frame).unwrap() {
        given.push((id, frame));
    }
    given
}

fn accept(live: &mut Live, quote: &Quote) {
    live.senders[0].send(Frame::of(&desk::Desk::order(quote, b'1')));
    live.work();
}

/// A client that accepts the same quote twice, and what it is then told.
fn accepted_twice() -> (Live, Gate, Gate) {
    let mut live = Live::restart(Place::new());
    live.books(1);
    live.work();
    live.archiver.do_work().unwrap();
    let mut at_once = gate(&live.place, ReleasePoint::AtOnce);
    let mut durable = gate(&live.place, ReleasePoint::LocallyDurable);
    assert_eq!((all(&mut at_once).len(), all(&mut durable).len()), (0, 0));
    live.ask(1);
    live.work();
    let quotes = all(&mut at_once);
    let quote = *quotes[0].1.get::<Quote>().unwrap();
    accept(&mut live, &quote);
    accept(&mut live, &quote);
    (live, at_once, durable)
}

#[test]
fn nobody_is_told_of_a_fill_before_it_is_durable_not_even_by_a_refusal() {
    let (mut live, mut at_once, mut durable) = accepted_twice();
    assert!(all(&mut at_once).is_empty());
    assert!(all(&mut durable).is_empty());
    // What is refused for another reason, and another client's quote, pass by.
    let unknown = Quote {
        quote_id: pinrail_types::OutId {
            epoch: 7,
            seq: 1,
            sub: 0,
        },
        ..live.last::<Quote>()
    };
    accept(&mut live, &unknown);
    live.ask(2);
    live.work();
    let passing: Vec<_> = all(&mut at_once).iter().map(|(_, f)| f.record_type()).collect();
    assert_eq!(passing, [ExecutionReport::TYPE, Quote::TYPE]);

    live.archiver.do_work().unwrap();
    let told: Vec<(u8, u16)> = all(&mut durable)
        .iter()
        .map(|(_, frame)| {
            let report = frame.get::<ExecutionReport>().unwrap();
            (report.exec_type, report.reason)
        })
        .collect();
    let filled = (ExecType::Trade.byte(), Reason::None.code());
    let again = (ExecType::Rejected.byte(), Reason::QuoteFilled.code());
    assert_eq!(told, [filled, again]);
}

#[test]
fn a_sender_that_was_killed_repeats_what_is_in_doubt_under_the_same_id_and_nothing_else() {
    let (mut live, _, mut durable) = accepted_twice();
    live.archiver.do_work().unwrap();
    let path = live.place.archive.path().join("portal.sends");
    let mut log = SendLog::open(&path, durable.journal_id()).unwrap();
    let ids: Vec<SendId> = all(&mut durable).iter().map(|(id, _)| *id).collect();
    log.begin(&ids).unwrap();
    log.done(ids[0]).unwrap();
    // Both are killed: the core, and the sender behind its second intent.
    drop((log, durable));
    let mut live = Live::restart(live.kill());
    live.books(2);
    live.ask(3);
    live.work();
    let quote = live.last::<Quote>();
    accept(&mut live, &quote);
    live.archiver.do_work().unwrap();

    let mut durable = gate(&live.place, ReleasePoint::LocallyDurable);
    let log = SendLog::open(&path, durable.journal_id()).unwrap();
    let given = all(&mut durable);
    let states: Vec<SendState> = given.iter().map(|(id, _)| log.state(*id)).collect();
    assert_eq!(
        states,
        [SendState::Done, SendState::InDoubt, SendState::NeverBegun]
    );
    assert_eq!(given[1].0, ids[1]);
    assert_eq!((ids[1].epoch, given[2].0.epoch), (1, 2));
}
