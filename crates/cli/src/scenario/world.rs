//! A simulated day: everybody acts in order of time, and sees what the desk did before anybody acts again.

use bytemuck::Zeroable;
use pinrail_engine::Bounds;
use pinrail_runtime::Role;
use pinrail_sim::{ClientFlow, Exchange, FaultCounts, Operator};
use pinrail_types::record::{ClientDef, HedgingParams, Scope, TopOfBook, TradingState, TradingStateSet};
use pinrail_types::{Frame, SessionId, Text};

use super::ledger::Ledger;
use super::setup::Setup;
use super::stepped::{Ended, Stepped};
use crate::args::ScenarioArgs;
use crate::failure::Failure;

/// Monday, 5 January 2026, midnight UTC.
const START_NS: u64 = 1_767_571_200_000_000_000;
/// Nobody asks before the venues have told their books and balances.
const HEAD_START_NS: u64 = 5_000_000_000;
const NS_PER_HOUR: u64 = 3_600_000_000_000;
/// The desk must be closed out so long behind the order to close.
const CLOSE_NS_MAX: u64 = 3_600_000_000_000;
/// Inputs from one look at the invariants to the next.
const INPUTS_PER_CHECK: u64 = 1_024;
const SESSION: SessionId = SessionId(1);

/// Lanes: the operator and the clients, then the reports of each venue, then its market data.
const OPERATOR: usize = 0;
const CLIENTS: usize = 1;
const FIRST_VENUE: usize = 2;

/// A day that was played, and what came of it.
pub(super) struct Day {
    pub(super) ended: Ended,
    pub(super) ledger: Ledger,
    pub(super) faults: FaultCounts,
    pub(super) requests: u64,
    pub(super) simulated_ns: u64,
    pub(super) checks: u64,
}

/// Everybody but the desk.
struct Others {
    exchanges: Vec<Exchange>,
    clients: ClientFlow,
    operator: Operator,
    ledger: Ledger,
    /// Commands of the operator that are due at a time.
    orders: Vec<(u64, Frame)>,
}

impl Others {
    fn see(&mut self, frame: &Frame) {
        self.ledger.see(frame);
        if let Some(top) = frame.get::<TopOfBook>() {
            self.clients.on_top(top);
        } else if frame.record_type().is_output() {
            self.clients.on_output(frame);
            self.operator.on_output(frame);
            for exchange in &mut self.exchanges {
                exchange.on_output(frame);
            }
        }
    }

    /// When somebody acts next.
    fn next_due(&self) -> u64 {
        let exchanges = self.exchanges.iter().map(Exchange::next_due);
        let people = [self.clients.next_due(), self.operator.next_due()];
        let orders = self.orders.iter().map(|(due, _)| *due);
        exchanges
            .chain(people.into_iter().flatten())
            .chain(orders)
            .min()
            .unwrap_or(u64::MAX)
    }

    /// All that is due at `due`, onto the core's lanes.
    fn act(&mut self, due: u64, core: &mut Stepped) -> Result<(), Failure> {
        let (now, later): (Vec<_>, Vec<_>) = self.orders.drain(..).partition(|(at, _)| *at == due);
        self.orders = later;
        for (_, frame) in now {
            core.push(OPERATOR, frame, due)?;
        }
        while self.operator.next_due() == Some(due) {
            core.push(OPERATOR, self.operator.take(), due)?;
        }
        while self.clients.next_due() == Some(due) {
            core.push(CLIENTS, self.clients.take(), due)?;
        }
        let (mut market, mut reports) = (Vec::new(), Vec::new());
        for (exchange, lane) in self.exchanges.iter_mut().zip((FIRST_VENUE..).step_by(2)) {
            while exchange.next_due() == due {
                exchange.take(&mut market, &mut reports);
            }
            for frame in reports.drain(..) {
                core.push(lane, frame, due)?;
            }
            for frame in market.drain(..) {
                core.push(lane + 1, frame, due)?;
            }
        }
        Ok(())
    }
}

/// Plays a day and checks it.
pub(super) fn play(setup: &Setup, args: &ScenarioArgs) -> Result<Day, Failure> {
    let mut others = others(setup, args)?;
    let mut core = core(setup, args)?;
    let mut checked = 0;
    let mut checks = 0;
    let mut closing: Option<u64> = None;
    let close_from = START_NS + args.hours * NS_PER_HOUR;
    let bar = crate::output::progress(args.rfqs, "requests");
    loop {
        let due = others.next_due();
        others.act(due, &mut core)?;
        core.advance(due + 1, |frame| others.see(frame))?;
        let requests = others.clients.counts().requests;
        if core.engine().counts().inputs - checked >= INPUTS_PER_CHECK {
            checked = core.engine().counts().inputs;
            checks += 1;
            bar.set_position(requests);
            check_invariants(&core, due)?;
        }
        match closing {
            None if requests >= args.rfqs => {
                others.clients.stop_asking();
                let close_at = (due + setup.grace_ns + 1).max(close_from);
                others
                    .orders
                    .extend(close(setup.definitions.hedging.values()).map(|frame| (close_at, frame)));
                closing = Some(close_at);
            }
            Some(at) if due > at && is_closed(&core, &others) => break,
            Some(at) if due > at + CLOSE_NS_MAX => return Err(open_at_end(&core)),
            _ => {}
        }
    }
    bar.finish_and_clear();
    check_invariants(&core, others.next_due())?;
    let simulated_ns = core.engine().last_ts() - START_NS;
    let ended = core.end(|frame| others.see(frame))?;
    let faults = others.exchanges.iter().map(Exchange::faults);
    Ok(Day {
        faults: faults.fold(FaultCounts::default(), |all, one| all.plus(&one)),
        requests: others.clients.counts().requests,
        ended,
        ledger: others.ledger,
        simulated_ns,
        checks,
    })
}

fn others(setup: &Setup, args: &ScenarioArgs) -> Result<Others, Failure> {
    let seed = args.seed;
    let instruments = &setup.config.instruments;
    let mut exchanges = Vec::new();
    for (config, n) in setup.exchanges.iter().zip(1..) {
        let mut config = config.clone();
        for listing in &mut config.listings {
            // Venues share the price of an instrument.
            listing.fundamental.seed = apart(seed, 1_000 + u64::from(listing.instrument.0));
        }
        let exchange = Exchange::new(config, instruments, apart(seed, 2_000 * n), START_NS);
        exchanges.push(exchange.map_err(|e| Failure::Usage(format!("[[market]]: {e}")))?);
    }
    let mut clients = setup.clients.clone();
    clients.session = SESSION;
    clients.interval_ns_mean = interval_ns(args.hours * NS_PER_HOUR, args.rfqs);
    let clients = ClientFlow::new(clients, apart(seed, 1), START_NS + HEAD_START_NS)
        .map_err(|e| Failure::Usage(format!("[flow]: {e}")))?;
    let tier = |id| {
        setup
            .definitions
            .clients
            .get(&id)
            .map_or(0, |def: &ClientDef| def.tier)
    };
    let ledger = Ledger::new(instruments, (0..setup.config.clients).map(tier).collect());
    Ok(Others {
        exchanges,
        clients,
        operator: Operator::new(actor("sim-operator"), setup.lift_ns),
        ledger,
        orders: Vec::new(),
    })
}

/// From one request to the next, so that all are made within the day: a hundredth of it is left for chance.
fn interval_ns(day_ns: u64, rfqs: u64) -> u64 {
    (day_ns / 100 * 99 / rfqs).max(1)
}

/// A seed for one of those that draw, far from the others.
fn apart(seed: u64, who: u64) -> u64 {
    seed.wrapping_add(who.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn actor(name: &str) -> Text<16> {
    Text::new(name).expect("a short literal")
}

fn core(setup: &Setup, args: &ScenarioArgs) -> Result<Stepped, Failure> {
    let bounds = Bounds {
        clients: setup.config.clients as usize,
        instruments: setup.config.instruments.len(),
        sources: FIRST_VENUE + 2 * setup.exchanges.len() + 1,
        book_levels: setup.book_levels,
        ..Bounds::default()
    };
    let mut roles = vec![Role::Control, Role::Client];
    for _ in &setup.exchanges {
        roles.extend([Role::Execution, Role::Venue]);
    }
    Stepped::new(
        bounds,
        &roles,
        setup.config.records.clone(),
        args.journal.as_deref(),
    )
}

/// Ends the day: nothing is hedged any more, and the desk is halted, so that what is open is withdrawn.
fn close<'a>(hedging: impl Iterator<Item = &'a HedgingParams>) -> impl Iterator<Item = Frame> {
    let no_hedging = hedging.map(|params| {
        Frame::of(&HedgingParams {
            tries_max: 0,
            ..*params
        })
    });
    let halt = Frame::of(&TradingStateSet {
        scope: Scope::Global.byte(),
        state: TradingState::Halted.byte(),
        actor: actor("sim-operator"),
        ..Zeroable::zeroed()
    });
    no_hedging.chain([halt])
}

fn is_closed(core: &Stepped, others: &Others) -> bool {
    let engine = core.engine();
    engine.open_quotes() == 0
        && engine.open_orders().next().is_none()
        && engine.parent_orders().next().is_none()
        && engine.streams() == 0
        && others.exchanges.iter().all(Exchange::is_quiet)
        && others.clients.next_due().is_none()
        && others.operator.next_due().is_none()
}

fn open_at_end(core: &Stepped) -> Failure {
    let engine = core.engine();
    Failure::Check(format!(
        "the desk is not closed out: {} quotes, orders {:?}, parent orders {:?}",
        engine.open_quotes(),
        engine.open_orders().collect::<Vec<_>>(),
        engine.parent_orders().collect::<Vec<_>>()
    ))
}

fn check_invariants(core: &Stepped, now: u64) -> Result<(), Failure> {
    let engine = core.engine();
    if !engine.is_balanced() {
        return Err(Failure::Check(format!("the accounts do not balance at {now}")));
    }
    if !engine.are_parents_conserved() {
        return Err(Failure::Check(format!(
            "a parent order is not conserved at {now}"
        )));
    }
    Ok(())
}
