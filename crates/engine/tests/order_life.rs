//! Every step that an order at a venue can take is taken here, and every other one tried.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;
mod venue;

use std::collections::BTreeSet;

use pinrail_oms::life::{ORDER_STEPS, OrderEvent, OrderState, Said};
use pinrail_types::Reason;
use pinrail_types::record::{
    CxlRejResponseTo, ExecType, InputReject, StateChange, TradeCaptureReport, TradeReportTransType,
    VenueOrderCancel, VenueOrderReplace,
};
use venue::{PART, PX, QTY, Traders};

/// A desk whose order lives through events, and what is to come.
struct Lived {
    traders: Traders,
    /// Epochs that were begun.
    epochs: u32,
    /// Reports of trades, the last at the end.
    fills: Vec<u32>,
}

/// What becomes of an order: it is replaced for more unless the replacement is to leave nothing.
fn replaced_qty(rest: &[OrderEvent]) -> i64 {
    if rest.contains(&OrderEvent::ReplaceDone) {
        PART
    } else {
        QTY + 20
    }
}

impl Lived {
    fn through(events: &[OrderEvent]) -> Lived {
        let mut lived = Lived {
            traders: Traders::sent(),
            epochs: 1,
            fills: Vec::new(),
        };
        for at in 0..events.len() {
            lived.live(events[at], &events[at + 1..]);
        }
        lived
    }

    /// Brings an event about; `rest` is what is to come behind it.
    fn live(&mut self, event: OrderEvent, rest: &[OrderEvent]) {
        let traders = &mut self.traders;
        match event {
            OrderEvent::Confirm => _ = traders.confirm(),
            OrderEvent::FillPart | OrderEvent::Fill => {
                let held = traders.held();
                let leaves = held.map_or(1, |held| held.leaves.0);
                let stands = held.map_or(1, |held| held.stands().0);
                let qty = match event {
                    OrderEvent::Fill => leaves,
                    // So that only the replacement is for more.
                    _ if rest.contains(&OrderEvent::RefuseReplaceDone) => stands,
                    _ => PART,
                };
                traders.fill(qty);
                self.fills.push(traders.execs);
            }
            OrderEvent::AskCancel => {
                if traders.drain().is_empty() {
                    traders.ask_cancel();
                }
            }
            OrderEvent::AskReplace => {
                let _ = traders.ask_replace(PX - 1, replaced_qty(rest));
            }
            OrderEvent::RefuseCancel | OrderEvent::RefuseCancelPart | OrderEvent::RefuseCancelReplacing => {
                traders.refuse(CxlRejResponseTo::CancelRequest);
            }
            OrderEvent::Replace | OrderEvent::ReplacePart | OrderEvent::ReplaceDone => {
                traders.replaced();
            }
            OrderEvent::RefuseReplace | OrderEvent::RefuseReplacePart | OrderEvent::RefuseReplaceDone => {
                traders.refuse(CxlRejResponseTo::CancelReplaceRequest);
            }
            OrderEvent::Cancel => _ = traders.end(ExecType::Canceled),
            OrderEvent::Reject => _ = traders.end(ExecType::Rejected),
            OrderEvent::Expire => _ = traders.end(ExecType::Expired),
            OrderEvent::Doubt => {
                self.epochs += 1;
                traders.restart(self.epochs);
            }
            OrderEvent::Bust | OrderEvent::BustAll => {
                let leaves = traders.held().map_or(0, |held| held.leaves.0);
                let last = self.fills.pop().unwrap_or(0);
                traders.bust(last, if leaves > 0 { leaves + PART } else { 0 });
            }
        }
    }

    /// What came of the order, in the words of the table.
    fn told(&self) -> Vec<Said> {
        let frames = self
            .traders
            .outs
            .iter()
            .flat_map(|out| out.frames().collect::<Vec<_>>());
        let said = frames.filter_map(|frame| {
            if frame.get::<VenueOrderCancel>().is_some() {
                Some(Said::VenueOrderCancel)
            } else if frame.get::<VenueOrderReplace>().is_some() {
                Some(Said::VenueOrderReplace)
            } else {
                let trade = frame.get::<TradeCaptureReport>()?;
                Some(Said::Trade(
                    TradeReportTransType::from_byte(trade.trans_type).unwrap(),
                ))
            }
        });
        said.collect()
    }
}

struct Case {
    name: &'static str,
    /// From [`OrderState::PendingNew`] on.
    path: &'static [OrderEvent],
    /// Each of these, behind the path.
    then: &'static [OrderEvent],
}

fn end_of(events: &[OrderEvent]) -> OrderState {
    events
        .iter()
        .fold(OrderState::PendingNew, |at, event| at.after(*event))
}

impl Case {
    fn lives(&self) -> Vec<Vec<OrderEvent>> {
        let with = |event: &OrderEvent| [self.path, &[*event]].concat();
        self.then.iter().map(with).collect()
    }

    /// Lives each of them: the state is the one that the table leads to, and what is told is what it says; what is over
    /// reserves nothing; and it is so behind a restart from the engine's own words.
    fn check(&self) {
        for events in self.lives() {
            let mut lived = Lived::through(&events);
            let mut at = OrderState::PendingNew;
            let mut said = Vec::new();
            for event in &events {
                said.push(at.step(*event).unwrap().said);
                at = at.after(*event);
            }
            said.retain(|said| *said != Said::Nothing);
            let about = format!("{}: {events:?}", self.name);
            assert_eq!(lived.traders.state(), at, "{about}");
            assert_eq!(lived.told(), said, "{about}");
            let is_open = lived.traders.held().is_some();
            assert_eq!(is_open, at.is_open(), "{about}");
            assert_eq!(lived.traders.desk.engine.nothing_reserved(), !is_open, "{about}");
            let halts = lived
                .traders
                .outs
                .iter()
                .flat_map(|out| out.find::<StateChange>().collect::<Vec<_>>());
            assert_eq!(halts.count(), 0, "{about}");
            let held = lived.traders.held();
            lived.traders.reload();
            assert_eq!(lived.traders.held(), held, "{about}");
            if is_open {
                assert_eq!(lived.traders.state(), at, "{about}");
            }
        }
    }
}

macro_rules! cases {
    ($($name:ident: [$($path:ident),*] [$($then:ident),*];)+) => {
        const CASES: &[Case] = &[$(Case {
            name: stringify!($name),
            path: &[$(OrderEvent::$path),*],
            then: &[$(OrderEvent::$then),*],
        }),+];

        $(#[test]
        fn $name() {
            let case = CASES.iter().find(|case| case.name == stringify!($name));
            case.unwrap().check();
        })+
    };
}

cases! {
    an_order_is_answered_or_not: [] [Confirm, FillPart, Fill, AskCancel, Cancel, Reject, Expire, Doubt];
    an_order_that_the_venue_has: [Confirm] [FillPart, Fill, AskCancel, AskReplace, Cancel, Reject, Expire, Doubt];
    an_order_that_is_filled_in_part: [Confirm, FillPart]
        [FillPart, Fill, AskCancel, AskReplace, Cancel, Reject, Expire, Doubt, BustAll];
    an_order_that_is_filled_in_parts: [Confirm, FillPart, FillPart] [Bust];
    an_order_that_is_to_be_replaced: [Confirm, AskReplace]
        [FillPart, Fill, AskCancel, Replace, RefuseReplace, Cancel, Reject, Expire, Doubt];
    an_order_that_is_filled_in_part_and_to_be_replaced: [Confirm, FillPart, AskReplace]
        [ReplacePart, ReplaceDone, RefuseReplacePart, BustAll];
    an_order_that_is_filled_in_parts_and_to_be_replaced: [Confirm, FillPart, FillPart, AskReplace] [Bust];
    an_order_that_is_filled_before_it_is_replaced: [Confirm, AskReplace, FillPart] [RefuseReplaceDone];
    an_order_that_is_to_be_cancelled: [Confirm, AskCancel]
        [FillPart, Fill, RefuseCancel, Cancel, Reject, Expire, Doubt];
    an_order_that_is_filled_in_part_and_to_be_cancelled: [Confirm, FillPart, AskCancel]
        [RefuseCancelPart, BustAll];
    an_order_that_is_filled_in_parts_and_to_be_cancelled: [Confirm, FillPart, FillPart, AskCancel] [Bust];
    an_order_that_is_to_be_replaced_and_then_cancelled: [Confirm, AskReplace, AskCancel]
        [RefuseCancelReplacing, Replace, RefuseReplace];
    an_order_that_is_filled_in_part_to_be_replaced_and_then_cancelled:
        [Confirm, FillPart, AskReplace, AskCancel] [ReplacePart, ReplaceDone, RefuseReplacePart];
    an_order_that_is_filled_before_it_is_replaced_or_cancelled: [Confirm, AskReplace, AskCancel, FillPart]
        [RefuseReplaceDone];
    an_order_in_doubt: [Confirm, Doubt] [FillPart, Fill, AskCancel, Cancel, Reject, Expire, Doubt];
    an_order_that_is_filled_in_part_and_in_doubt: [Confirm, FillPart, Doubt] [BustAll];
    an_order_that_is_filled_in_parts_and_in_doubt: [Confirm, FillPart, FillPart, Doubt] [Bust];
    an_order_that_was_to_be_replaced_and_is_in_doubt: [Confirm, AskReplace, Doubt] [Replace, RefuseReplace];
    an_order_that_was_filled_in_part_to_be_replaced_and_is_in_doubt: [Confirm, FillPart, AskReplace, Doubt]
        [ReplacePart, ReplaceDone, RefuseReplacePart];
    an_order_in_doubt_that_was_filled_before_it_was_replaced: [Confirm, AskReplace, Doubt, FillPart]
        [RefuseReplaceDone];
}

#[test]
fn every_step_of_the_table_is_taken_by_a_case() {
    let mut taken = BTreeSet::new();
    for events in CASES.iter().flat_map(Case::lives) {
        let mut at = OrderState::PendingNew;
        for event in events {
            taken.insert((at, event));
            at = at.after(event);
        }
    }
    let all: BTreeSet<_> = ORDER_STEPS.iter().map(|step| (step.from, step.event)).collect();
    assert_eq!(taken, all);
}

/// What a venue or a strategy can try that no step allows is refused, or changes nothing.
#[test]
fn what_no_step_allows_changes_nothing() {
    let lives: BTreeSet<Vec<OrderEvent>> = CASES.iter().flat_map(Case::lives).collect();
    let mut tried = 0;
    for events in lives {
        let state = end_of(&events);
        for event in OrderEvent::ALL {
            // A fill is booked whatever else is wrong with it; a new epoch is nobody's to refuse.
            let is_other = matches!(event, OrderEvent::Fill | OrderEvent::FillPart | OrderEvent::Doubt);
            // One of several that a venue's word may be.
            let is_alike = OrderEvent::ALL.iter().any(|other| {
                let same = |events: &[OrderEvent]| events.contains(event) && events.contains(other);
                state.step(*other).is_some()
                    && (same(&[
                        OrderEvent::RefuseCancel,
                        OrderEvent::RefuseCancelPart,
                        OrderEvent::RefuseCancelReplacing,
                    ]) || same(&[
                        OrderEvent::Replace,
                        OrderEvent::ReplacePart,
                        OrderEvent::ReplaceDone,
                    ]) || same(&[
                        OrderEvent::RefuseReplace,
                        OrderEvent::RefuseReplacePart,
                        OrderEvent::RefuseReplaceDone,
                    ]) || same(&[OrderEvent::Bust, OrderEvent::BustAll]))
            });
            if state.step(*event).is_some() || is_other || is_alike {
                continue;
            }
            let mut lived = Lived::through(&events);
            // A trade of an order that has ended may be taken back all the same.
            if matches!(event, OrderEvent::Bust | OrderEvent::BustAll) {
                lived.fills.clear();
            }
            let seen = |lived: &Lived| {
                let traders = &lived.traders;
                (traders.state(), traders.held(), traders.lots())
            };
            let before = seen(&lived);
            let from = lived.traders.outs.len();
            lived.live(*event, &[]);
            assert_eq!(seen(&lived), before, "{events:?} {event:?}");
            let outs = &lived.traders.outs[from..];
            let reasons: Vec<u16> = outs
                .iter()
                .flat_map(|out| {
                    out.find::<InputReject>()
                        .map(|reject| reject.reason)
                        .collect::<Vec<_>>()
                })
                .collect();
            let refused = matches!(
                reasons[..],
                [reason] if reason == Reason::UnknownOrder.code() || reason == Reason::UnknownExecId.code()
            );
            let ended = before.1.is_none();
            assert!(
                refused || !ended || is_asked(*event),
                "{events:?} {event:?} {reasons:?}"
            );
            let trades = outs.iter().map(|out| out.find::<TradeCaptureReport>().count());
            assert_eq!(trades.sum::<usize>(), 0, "{events:?} {event:?}");
            tried += 1;
        }
    }
    assert!(tried > 300, "{tried}");
}

/// Whether it is the strategy's own, which has a refusal of its own.
fn is_asked(event: OrderEvent) -> bool {
    matches!(event, OrderEvent::AskCancel | OrderEvent::AskReplace)
}
