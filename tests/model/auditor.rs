//! The auditor: reads what goes in and comes out, and says where a rule was broken. It asks the engine for counts and balances,
//! to compare them with its own, and takes over none of them.

use std::collections::BTreeMap;

use pinrail_engine::{Engine, Out};
use pinrail_types::Frame;
use pinrail_types::record::{
    Continue, EpochStart, ExecutionReport, InputReject, MultilegExecutionReport, NewOrderMultileg,
    NewOrderSingle, OutputHash, Scope, StateChange, TradingState, VenueStatus, VenueStatusKind,
};
use pinrail_types::{Reason, Record};

use crate::agency::Agency;
use crate::marks::Marks;
use crate::money::Money;
use crate::orders::Orders;
use crate::packages::Packages;
use crate::quotes::Quotes;
use crate::world::Model;

/// That a rule holds, or how it does not.
macro_rules! must {
    ($holds:expr, $($told:tt)+) => {
        if !$holds {
            return Err(format!($($told)+));
        }
    };
}
pub(crate) use must;

/// An input, and what came of it.
pub(crate) struct Seen<'a> {
    pub(crate) input: &'a Frame,
    pub(crate) out: &'a Out,
    /// Core time.
    pub(crate) now: u64,
    /// Why the input was refused as a whole.
    pub(crate) refused: Option<Reason>,
}

impl Seen<'_> {
    pub(crate) fn all<R: Record>(&self) -> Vec<R> {
        self.out.find().collect()
    }
}

/// How often something happened.
pub(crate) type Happened = BTreeMap<&'static str, u64>;

#[derive(Default)]
pub(crate) struct Auditor {
    quotes: Quotes,
    packages: Packages,
    orders: Orders,
    agency: Agency,
    money: Money,
    marks: Marks,
    switches: Switches,
    happened: Happened,
}

/// The trading states that are set, by what the desk said.
#[derive(Default)]
pub(crate) struct Switches {
    by_scope: BTreeMap<(u8, u32), TradingState>,
}

impl Switches {
    pub(crate) fn is_halted(&self, scope: Scope, target: u32) -> bool {
        self.by_scope.get(&(scope.byte(), target)) == Some(&TradingState::Halted)
    }

    fn see(&mut self, change: &StateChange) -> Result<(), String> {
        let state = TradingState::from_byte(change.state).ok_or("a state that is none")?;
        let reason = Reason::from_code(change.reason).ok_or("a reason that is none")?;
        let is_runtime = change.scope == Scope::Global.byte()
            && change.actor.is_empty()
            && matches!(
                reason,
                Reason::None | Reason::JournalShort | Reason::ArchiverFailed
            );
        // The runtime's word is another switch.
        if is_runtime {
            return Ok(());
        }
        self.by_scope.insert((change.scope, change.target), state);
        Ok(())
    }
}

impl Auditor {
    pub(crate) fn happened(&self) -> &Happened {
        &self.happened
    }

    /// Takes an input with its outputs.
    pub(crate) fn see(&mut self, input: &Frame, out: &Out, engine: &Engine<Model>) -> Result<(), String> {
        let rejects: Vec<InputReject> = out.find().collect();
        must!(rejects.len() < 2, "an input was refused {} times", rejects.len());
        let refused = rejects
            .first()
            .map(|reject| Reason::from_code(reject.reason).expect("a reason"));
        let seen = Seen {
            input,
            out,
            now: input.header().ts_core,
            refused,
        };
        self.count(&seen);
        // What the input loosened is so for all that it led to; what it halted was not until then.
        for change in seen.all::<StateChange>() {
            if change.state != TradingState::Halted.byte() {
                self.switches.see(&change)?;
            }
        }
        self.packages.see(&seen, &mut self.happened)?;
        self.quotes.see(&seen, &self.packages, &mut self.happened)?;
        self.answered(&seen)?;
        self.orders.see(&seen, &self.switches, &mut self.happened)?;
        self.agency.see(&seen, &mut self.happened)?;
        for change in seen.all::<StateChange>() {
            self.switches.see(&change)?;
            self.quotes.on_switch(&change);
        }
        self.money.see(&seen, engine, &mut self.happened)?;
        self.marks.see(&seen, &mut self.happened)?;
        self.quotes.compare(engine)?;
        self.packages.compare(engine)?;
        self.marks.compare(engine)?;
        self.orders.compare(engine)?;
        self.agency.compare(engine)?;
        if !engine.wants_continue() && engine.next_timer() > seen.now {
            self.quotes.at_rest(seen.now)?;
            self.packages.at_rest(seen.now)?;
            self.marks.at_rest(seen.now)?;
            self.orders.at_rest(&self.switches)?;
        }
        Ok(())
    }

    /// An accept has an answer, and no id is an order's and a package's.
    fn answered(&self, seen: &Seen<'_>) -> Result<(), String> {
        let alone = seen.all::<ExecutionReport>();
        let alone = alone.iter().map(|report| (report.client, report.cl_ord_id));
        let packages = seen.all::<MultilegExecutionReport>();
        let packages = packages.iter().map(|report| (report.client, report.cl_ord_id));
        let mut told = alone.chain(packages);
        let single = seen.input.get::<NewOrderSingle>();
        let multileg = seen.input.get::<NewOrderMultileg>();
        let single = single.map(|order| (order.client, order.cl_ord_id));
        let key = single.or(multileg.map(|order| (order.client, order.cl_ord_id)));
        let Some(key) = key.filter(|_| seen.refused.is_none()) else {
            return Ok(());
        };
        must!(told.any(|of| of == key), "an accept without an answer: {key:?}");
        must!(
            !self.quotes.has_judged(&key) || !self.packages.has_judged(&key),
            "an order's id is that of a package, too: {key:?}"
        );
        Ok(())
    }

    fn count(&mut self, seen: &Seen<'_>) {
        let mut happens = |what| *self.happened.entry(what).or_default() += 1;
        if seen.refused.is_some() {
            happens("input refused");
        }
        if seen.input.get::<Continue>().is_some() && seen.out.types().any(|of| of != OutputHash::TYPE) {
            happens("continued");
        }
        if seen.input.get::<EpochStart>().is_some() {
            happens("epoch");
        }
        let is_lost = |status: &VenueStatus| status.kind == VenueStatusKind::Disconnected.byte();
        if seen.input.get::<VenueStatus>().is_some_and(is_lost) {
            happens("connection lost");
        }
    }

    /// The world is closed out: nothing is open, nothing reserved, and all that was traded is where it should be.
    pub(crate) fn close(&mut self, engine: &Engine<Model>) -> Result<(), String> {
        must!(
            engine.open_quotes() == 0,
            "{} quotes are open at the end",
            engine.open_quotes()
        );
        must!(
            engine.held_accepts() == 0,
            "{} accepts are held at the end",
            engine.held_accepts()
        );
        must!(
            engine.waiting_requests() == 0,
            "{} requests wait at the end",
            engine.waiting_requests()
        );
        must!(
            engine.open_orders().next().is_none(),
            "an order is open at the end"
        );
        must!(
            engine.parent_orders().next().is_none(),
            "a parent order is open at the end"
        );
        must!(
            engine.marks_to_come() == 0,
            "{} marks are to come at the end",
            engine.marks_to_come()
        );
        self.money.close(engine)?;
        *self.happened.entry("day closed").or_default() += 1;
        Ok(())
    }
}
