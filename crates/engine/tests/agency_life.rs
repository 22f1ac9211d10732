//! Every step that a client's agency order can take is taken here, and every other one tried.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;
mod routed;

use std::collections::BTreeSet;

use bytemuck::Zeroable;
use pinrail_oms::life::{AGENCY_STEPS, AgencyEvent, AgencyState, Said};
use pinrail_types::record::{ExecType, ExecutionReport, NewOrderSingle, OrdStatus, StateChange, Tick};
use pinrail_types::{Qty, Reason};
use routed::{Routed, cancel, limit};

/// What the order is for.
const QTY: i64 = 100;
/// What a fill in part is for.
const PART: i64 = 10;
/// For how long it is good.
const LIFE_NS: u64 = 1_000;

/// An order that lives through events.
struct Lived {
    routed: Routed,
    /// Reports of trades that stand, with how much, the last at the end.
    fills: Vec<(u32, i64)>,
}

impl Lived {
    fn through(events: &[AgencyEvent]) -> Lived {
        let mut routed = Routed::new();
        let until = routed.desk.now + LIFE_NS;
        routed.put(NewOrderSingle {
            expire_ts: until,
            ..limit("A", 10_015, QTY)
        });
        assert_eq!(routed.sent_parts(), [(0, 10_010, QTY)]);
        let mut lived = Lived {
            routed,
            fills: Vec::new(),
        };
        for event in events {
            lived.live(*event);
        }
        lived
    }

    fn is_out(&self) -> bool {
        self.routed.desk.engine.open_orders().count() > 0
    }

    fn leaves(&self) -> i64 {
        let mut open = self.routed.desk.engine.open_orders();
        open.next().map_or(PART, |held| held.leaves.0)
    }

    fn live(&mut self, event: AgencyEvent) {
        let leaves = self.leaves();
        let (last, filled) = self.fills.last().copied().unwrap_or((0, 0));
        let routed = &mut self.routed;
        match event {
            AgencyEvent::FillPart | AgencyEvent::Fill => {
                let qty = if event == AgencyEvent::Fill { leaves } else { PART };
                routed.fill(0, qty);
                self.fills.push((routed.execs, qty));
            }
            AgencyEvent::AskCancel => _ = routed.put(cancel("A")),
            AgencyEvent::Cancel => {
                let is_asked = self.state() == Some(AgencyState::PendingCancel);
                self.end();
                if !is_asked {
                    self.routed.put(cancel("A"));
                }
            }
            AgencyEvent::Expire => {
                self.end();
                self.routed.desk.now += LIFE_NS;
                self.routed.put(Tick::zeroed());
                self.routed.drain();
            }
            AgencyEvent::Bust | AgencyEvent::BustAll => {
                routed.bust(last, 0);
                self.fills.pop();
            }
            AgencyEvent::Correct | AgencyEvent::CorrectDone => {
                let more = if event == AgencyEvent::Correct { 1 } else { leaves };
                routed.correct(last, 0, filled + more, 10_010);
                self.fills.pop();
                self.fills.push((self.routed.execs, filled + more));
            }
        }
    }

    /// The part at the venue ends, if it is there.
    fn end(&mut self) {
        if self.is_out() {
            self.routed.end(0);
        }
    }

    /// Where the order is; `None` once it is over.
    fn state(&self) -> Option<AgencyState> {
        let mut open = self.routed.desk.engine.agency_orders();
        open.next().map(|(order, _)| order.state)
    }

    fn reports(&self, from: usize) -> Vec<ExecutionReport> {
        let outs = self.routed.outs[from..].iter();
        outs.flat_map(|out| out.find().collect::<Vec<_>>()).collect()
    }
}

struct Case {
    name: &'static str,
    /// From [`AgencyState::New`] on.
    path: &'static [AgencyEvent],
    /// Each of these, behind the path.
    then: &'static [AgencyEvent],
}

impl Case {
    fn lives(&self) -> Vec<Vec<AgencyEvent>> {
        let with = |event: &AgencyEvent| [self.path, &[*event]].concat();
        self.then.iter().map(with).collect()
    }

    /// Lives each of them: the state is the one that the table leads to, and what is told is what it says; what is over holds
    /// nothing; and it is so behind a restart from the engine's own words.
    fn check(&self) {
        for events in self.lives() {
            let mut lived = Lived::through(&events);
            let about = format!("{}: {events:?}", self.name);
            let mut at = AgencyState::New;
            let mut reports = lived.reports(0).into_iter();
            let taken = reports.next().unwrap();
            assert_eq!(
                (taken.exec_type, taken.ord_status),
                (ExecType::New.byte(), OrdStatus::New.byte())
            );
            for event in &events {
                let step = at.step(*event).unwrap();
                let report = reports
                    .next()
                    .unwrap_or_else(|| panic!("{about}: {event:?} is told"));
                let said = Said::Execution(
                    ExecType::from_byte(report.exec_type).unwrap(),
                    OrdStatus::from_byte(report.ord_status).unwrap(),
                );
                assert_eq!(said, step.said, "{about}");
                assert!(
                    step.why.allows(Reason::from_code(report.reason).unwrap()),
                    "{about}"
                );
                at = step.to;
                let left = if at.is_open() { QTY - report.cum_qty.0 } else { 0 };
                assert_eq!(report.leaves_qty, Qty(left), "{about}");
            }
            assert_eq!(reports.next(), None, "{about}");
            assert_eq!(lived.state(), at.is_open().then_some(at), "{about}");
            let held = lived.routed.held();
            assert_eq!(held > 0, at.is_open(), "{about}");
            let halts = lived.routed.outs.iter();
            assert_eq!(
                halts
                    .flat_map(|out| out.find::<StateChange>().collect::<Vec<_>>())
                    .count(),
                0
            );
            lived.routed.flat();
            lived.routed.reload();
            assert_eq!(lived.state(), at.is_open().then_some(at), "{about}");
            if !at.is_open() {
                lived.routed.over();
            }
        }
    }
}

macro_rules! cases {
    ($($name:ident: [$($path:ident),*] [$($then:ident),*];)+) => {
        const CASES: &[Case] = &[$(Case {
            name: stringify!($name),
            path: &[$(AgencyEvent::$path),*],
            then: &[$(AgencyEvent::$then),*],
        }),+];

        $(#[test]
        fn $name() {
            let case = CASES.iter().find(|case| case.name == stringify!($name));
            case.unwrap().check();
        })+
    };
}

cases! {
    an_agency_order_that_is_new: [] [FillPart, Fill, AskCancel, Cancel, Expire];
    an_agency_order_that_is_filled_in_part: [FillPart]
        [FillPart, Fill, AskCancel, Cancel, Expire, BustAll, Correct, CorrectDone];
    an_agency_order_that_is_filled_in_parts: [FillPart, FillPart] [Bust];
    an_agency_order_that_is_to_be_cancelled: [AskCancel] [FillPart, Fill, Cancel];
    an_agency_order_that_is_filled_in_part_and_to_be_cancelled: [FillPart, AskCancel]
        [FillPart, Fill, Cancel, BustAll, Correct, CorrectDone];
    an_agency_order_that_is_filled_in_parts_and_to_be_cancelled: [FillPart, FillPart, AskCancel] [Bust];
}

#[test]
fn every_step_of_the_table_is_taken_by_a_case() {
    let mut taken = BTreeSet::new();
    for events in CASES.iter().flat_map(Case::lives) {
        let mut at = AgencyState::New;
        for event in events {
            taken.insert((at, event));
            at = at.after(event);
        }
    }
    let all: BTreeSet<_> = AGENCY_STEPS.iter().map(|step| (step.from, step.event)).collect();
    assert_eq!(taken, all);
}

/// What a client or time can try that no step allows is refused, or changes nothing.
#[test]
fn what_no_step_allows_changes_nothing() {
    let lives: BTreeSet<Vec<AgencyEvent>> = CASES.iter().flat_map(Case::lives).collect();
    let mut tried = 0;
    for events in lives {
        let state = events.iter().fold(AgencyState::New, |at, event| at.after(*event));
        for event in [AgencyEvent::AskCancel, AgencyEvent::Expire] {
            if state.step(event).is_some() {
                continue;
            }
            let mut lived = Lived::through(&events);
            let (from, held) = (lived.routed.outs.len(), lived.routed.held());
            if event == AgencyEvent::AskCancel {
                let out = lived.routed.put(cancel("A"));
                let why = if state.is_open() {
                    Reason::OrderPending
                } else {
                    Reason::UnknownOrder
                };
                assert_eq!(routed::cancel_refused(&out), why, "{events:?}");
            } else {
                lived.routed.desk.now += LIFE_NS;
                lived.routed.put(Tick::zeroed());
                lived.routed.drain();
            }
            assert!(lived.reports(from).is_empty(), "{events:?} {event:?}");
            let is_same = lived.state() == state.is_open().then_some(state) && lived.routed.held() == held;
            assert!(is_same, "{events:?} {event:?}");
            tried += 1;
        }
        if !state.is_open() {
            // A fill of an order that is over is the house's: the client was told that it is over.
            let mut lived = Lived::through(&events);
            let (from, client) = (lived.routed.outs.len(), lived.routed.client());
            lived.routed.desk.set_state(
                pinrail_types::record::Scope::Strategy,
                3,
                pinrail_types::record::TradingState::Halted,
            );
            lived.routed.fill(0, PART);
            assert!(lived.reports(from).is_empty(), "{events:?}");
            assert_eq!(lived.routed.client(), client);
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
}
