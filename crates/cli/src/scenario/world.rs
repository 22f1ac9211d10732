//! A simulated day: everybody acts in order of time, and sees what the desk did before anybody acts again.

use bytemuck::Zeroable;
use pinrail_engine::Bounds;
use pinrail_runtime::Role;
use pinrail_sim::{ClientFlow, Exchange, ExchangeConfig, FaultCounts, Operator, RecordedExchange};
use pinrail_types::record::{ClientDef, HedgingParams, Scope, TopOfBook, TradingState, TradingStateSet};
use pinrail_types::{Frame, Instrument, SessionId, Text};

use super::ledger::Ledger;
use super::setup::Setup;
use super::stepped::{Ended, Stepped};
use super::venues::{Recorded, Venue};
use crate::args::ScenarioArgs;
use crate::failure::Failure;

/// Monday, 5 January 2026, midnight UTC.
const START_NS: u64 = 1_767_571_200_000_000_000;
/// Requests for each trade of a recording.
const REQUESTS_PER_TRADE: u64 = 100;
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

/// When what happens.
struct Plan {
    start_ns: u64,
    /// Mean time from one request to the next.
    interval_ns: u64,
    /// Requests that are to be expected.
    rfqs: u64,
    rfqs_max: u64,
    /// Nobody asks from then on.
    ask_until: u64,
    /// The desk is not closed before.
    close_from: u64,
}

impl Plan {
    fn of(setup: &Setup, args: &ScenarioArgs) -> Plan {
        if let Some(survey) = &setup.recording {
            let rfqs = survey.trades * REQUESTS_PER_TRADE;
            let span_ns = survey.last_ns - survey.first_ns;
            return Plan {
                start_ns: survey.first_ns,
                interval_ns: (span_ns / rfqs.max(1)).max(1),
                rfqs,
                rfqs_max: u64::MAX,
                ask_until: survey.last_ns.saturating_sub(setup.grace_ns),
                close_from: survey.last_ns,
            };
        }
        let day_ns = args.hours * NS_PER_HOUR;
        Plan {
            start_ns: START_NS,
            // A hundredth of the day is left for chance, so that all are made within it.
            interval_ns: (day_ns / 100 * 99 / args.rfqs).max(1),
            rfqs: args.rfqs,
            rfqs_max: args.rfqs,
            ask_until: u64::MAX,
            close_from: START_NS + day_ns,
        }
    }

    /// Room for twice the quotes that are open when none is answered.
    fn open_quotes(&self, setup: &Setup) -> usize {
        let limits = setup.definitions.limits.values();
        let ttl_ns = limits.map(|limits| limits.quote_ttl_ns).max().unwrap_or(0);
        let open = 2 * (ttl_ns / self.interval_ns) as usize;
        open.next_power_of_two().max(Bounds::default().open_quotes)
    }
}

/// A day that was played, and what came of it.
pub(super) struct Day {
    pub(super) ended: Ended,
    pub(super) ledger: Ledger,
    pub(super) faults: FaultCounts,
    pub(super) requests: u64,
    /// For how long they were made.
    pub(super) asked_ns: u64,
    pub(super) simulated_ns: u64,
    pub(super) checks: u64,
}

/// Everybody but the desk.
struct Others {
    venues: Vec<Venue>,
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
            for venue in &mut self.venues {
                venue.on_output(frame);
            }
        }
    }

    /// When somebody acts next.
    fn next_due(&self) -> u64 {
        let venues = self.venues.iter().map(Venue::next_due);
        let people = [self.clients.next_due(), self.operator.next_due()];
        let orders = self.orders.iter().map(|(due, _)| *due);
        venues
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
        for (venue, lane) in self.venues.iter_mut().zip((FIRST_VENUE..).step_by(2)) {
            while venue.next_due() == due {
                venue.take(&mut market, &mut reports)?;
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
    let plan = Plan::of(setup, args);
    let mut others = others(setup, args, &plan)?;
    let mut core = core(setup, args, &plan)?;
    let mut checked = 0;
    let mut checks = 0;
    let mut closing: Option<u64> = None;
    let mut asked_ns = 0;
    let bar = crate::output::progress(plan.rfqs, "requests");
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
            None if requests >= plan.rfqs_max || due >= plan.ask_until => {
                others.clients.stop_asking();
                asked_ns = due.saturating_sub(plan.start_ns + HEAD_START_NS);
                let close_at = (due + setup.grace_ns + 1).max(plan.close_from);
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
    let simulated_ns = core.engine().last_ts() - plan.start_ns;
    let ended = core.end(|frame| others.see(frame))?;
    let faults = others.venues.iter().map(Venue::faults);
    Ok(Day {
        faults: faults.fold(FaultCounts::default(), |all, one| all.plus(&one)),
        requests: others.clients.counts().requests,
        asked_ns,
        ended,
        ledger: others.ledger,
        simulated_ns,
        checks,
    })
}

fn others(setup: &Setup, args: &ScenarioArgs, plan: &Plan) -> Result<Others, Failure> {
    let seed = args.seed;
    let instruments = &setup.config.instruments;
    let mut venues = Vec::new();
    for (at, config) in setup.exchanges.iter().enumerate() {
        let venue_seed = apart(seed, 2_000 * (at as u64 + 1));
        venues.push(if setup.recording.is_some() {
            let listed: Vec<_> = setup.config.venues[at]
                .listings
                .iter()
                .map(|l| l.instrument)
                .collect();
            let execution = config.execution.clone();
            let exchange = RecordedExchange::new(execution, instruments, &listed, venue_seed, plan.start_ns);
            Venue::Recorded(Box::new(Recorded::open(&setup.config, at, exchange)?))
        } else {
            Venue::Simulated(Box::new(simulated(config, instruments, seed, venue_seed)?))
        });
    }
    let mut clients = setup.clients.clone();
    clients.session = SESSION;
    clients.interval_ns_mean = plan.interval_ns;
    let clients = ClientFlow::new(clients, apart(seed, 1), plan.start_ns + HEAD_START_NS)
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
        venues,
        clients,
        operator: Operator::new(actor("sim-operator"), setup.lift_ns),
        ledger,
        orders: Vec::new(),
    })
}

/// A simulated venue. All share the price of an instrument, and so do those that follow it.
fn simulated(
    config: &ExchangeConfig,
    instruments: &[Instrument],
    seed: u64,
    venue_seed: u64,
) -> Result<Exchange, Failure> {
    let mut config = config.clone();
    for listing in &mut config.listings {
        listing.fundamental.seed = apart(seed, 1_000 + listing.fundamental.seed);
    }
    Exchange::new(config, instruments, venue_seed, START_NS)
        .map_err(|e| Failure::Usage(format!("[[market]]: {e}")))
}

/// A seed for one of those that draw, far from the others.
fn apart(seed: u64, who: u64) -> u64 {
    seed.wrapping_add(who.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn actor(name: &str) -> Text<16> {
    Text::new(name).expect("a short literal")
}

fn core(setup: &Setup, args: &ScenarioArgs, plan: &Plan) -> Result<Stepped, Failure> {
    let bounds = Bounds {
        clients: setup.config.clients as usize,
        instruments: setup.config.instruments.len(),
        sources: FIRST_VENUE + 2 * setup.exchanges.len() + 1,
        book_levels: setup.book_levels,
        open_quotes: plan.open_quotes(setup),
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
        && others.venues.iter().all(Venue::is_quiet)
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
