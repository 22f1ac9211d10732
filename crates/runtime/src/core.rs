//! The duty cycle of the core in live trading.

use pinrail_engine::{Engine, FORESEEN_MAX, Pricer};
use pinrail_journal::{Room, Writer};
use pinrail_types::record::{NewOrderSingle, QuoteRequest, RuntimeEventKind, VenueOrder};
use pinrail_types::{Flags, Frame, Record};

use crate::clock::Clock;
use crate::counters::{Counter, CounterKind, Counters, CountersError};
use crate::inlet::{Inlet, Polled, Role};
use crate::machine::{LINES_PER_INPUT_MAX, Machine};

/// Messages taken from one control or client ring before the next is looked at.
const MESSAGES_PER_POLL: usize = 16;
/// Records of one venue update taken in one go; the rest of a longer one waits for the next round.
const RECORDS_PER_UPDATE: usize = 128;
/// With room for fewer inputs than this beside the reserve, the journal is short.
const INPUTS_OF_ROOM_MIN: usize = 2;
/// With room for this many it is no longer.
const INPUTS_OF_ROOM: usize = 8;

/// With no more instruments than this what updates touch stays in the cache, and is not looked for ahead.
const INSTRUMENTS_NEAR: usize = 256;

/// Idle duty cycles from one look at what the next request will touch to the next.
const CYCLES_PER_WARMING: u32 = 64;
/// Idle duty cycles from one heartbeat to the next: about a millisecond when the core spins.
const CYCLES_PER_BEAT: u32 = 1 << 15;

/// Is told when an answer to a request for a quote stands in the journal. Dispatched statically; `()` does nothing.
pub trait Observer {
    /// A request that was due at `ts_planned` (its receive time) was taken from its ring at `ts_taken`, both in
    /// nanoseconds by the core's clock, and its answer stands in the journal now: whoever wants to know when that is
    /// asks the clock, first thing, and whoever does not pays for no stamp.
    fn on_answer(&mut self, ts_planned: u64, ts_taken: u64, clock: &mut Clock);

    /// The same for an accept that led to orders at venues: its fill stands in the journal, and the first of these orders.
    #[inline]
    fn on_hedge(&mut self, _ts_planned: u64, _ts_taken: u64, _clock: &mut Clock) {}
}

impl Observer for () {
    #[inline]
    fn on_answer(&mut self, _ts_planned: u64, _ts_taken: u64, _clock: &mut Clock) {}
}

/// What the duty cycle did, beside what the journal tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreCounts {
    /// Inputs taken from rings.
    pub taken: u64,
    /// Records dropped because their source sequence was taken before.
    pub duplicates: u64,
    /// Sources closed because their ring held what it must not.
    pub corrupt: u64,
    /// Times that only the journal's reserve was left.
    pub journal_short: u64,
    /// Duty cycles in which not even the reserve had room, so that nothing was taken.
    pub journal_full: u64,
}

/// [`CoreCounts`] in shared memory, for whoever watches the process from outside.
pub struct CoreCounters {
    taken: Counter,
    duplicates: Counter,
    corrupt: Counter,
    journal_short: Counter,
    journal_full: Counter,
}

impl CoreCounters {
    /// Adds the core's counters to a table.
    ///
    /// # Errors
    /// [`CountersError`] if the table is full.
    pub fn new(table: &mut Counters) -> Result<CoreCounters, CountersError> {
        let mut add = |label| table.add(label, CounterKind::Count);
        Ok(CoreCounters {
            taken: add("core: inputs taken")?,
            duplicates: add("core: duplicates dropped")?,
            corrupt: add("core: sources closed")?,
            journal_short: add("core: journal short")?,
            journal_full: add("core: cycles with the journal full")?,
        })
    }

    /// Publishes the counts: one store each.
    #[inline]
    pub fn publish(&mut self, counts: &CoreCounts) {
        self.taken.set(counts.taken);
        self.duplicates.set(counts.duplicates);
        self.corrupt.set(counts.corrupt);
        self.journal_short.set(counts.journal_short);
        self.journal_full.set(counts.journal_full);
    }
}

/// The core in live trading: polls its rings, keeps time, feeds the engine and writes the journal.
///
/// [`Core::do_work`] is one duty cycle; an embedder may call it without any thread of ours. After start-up it
/// makes no system call, allocates nothing and waits for nothing.
///
/// Control and client rings are served first, in the order given and up to 16 messages each; then one whole update
/// of one venue, the venues taking turns. So a request waits for at most one update that is already under way.
pub struct Core<P, O = ()> {
    machine: Machine<P>,
    clock: Clock,
    /// Control and client sources.
    urgent: Vec<Inlet>,
    venues: Vec<Inlet>,
    next_venue: usize,
    frame: Frame,
    /// Updates that wait behind the next one, where there are many instruments; else empty.
    ahead: Vec<Frame>,
    observer: O,
    /// No more than what the journal has room for; see [`Core::fits`].
    room: Room,
    short: bool,
    idle_cycles: u32,
    counts: CoreCounts,
}

impl<P: Pricer, O: Observer> Core<P, O> {
    /// A core over `inlets`. Its first inputs are the start of the epoch and `configuration`, journaled here. Where the
    /// journal holds records already, the engine must be the one that [`recover`](crate::recover) brought back from it.
    ///
    /// # Panics
    /// If `writer` does not go on where the engine stands.
    pub fn new(
        engine: Engine<P>,
        writer: Writer,
        mut clock: Clock,
        inlets: Vec<Inlet>,
        configuration: &[Frame],
        observer: O,
    ) -> Core<P, O> {
        let (mut urgent, venues): (Vec<_>, Vec<_>) =
            inlets.into_iter().partition(|inlet| inlet.role() != Role::Venue);
        urgent.sort_by_key(Inlet::role);
        assert!(
            writer.next_seq() == engine.next_seq().max(1),
            "the engine has seen every record of the journal"
        );
        let foreseen = if engine.bounds().instruments > INSTRUMENTS_NEAR {
            FORESEEN_MAX
        } else {
            0
        };
        let mut machine = Machine::new(engine, writer);
        machine.start(configuration, false, clock.now_ns());
        let room = machine.writer.room();
        Core {
            machine,
            clock,
            urgent,
            venues,
            next_venue: 0,
            frame: Frame::default(),
            ahead: vec![Frame::default(); foreseen],
            observer,
            room,
            short: false,
            idle_cycles: 0,
            counts: CoreCounts::default(),
        }
    }

    /// One duty cycle; gives back how many inputs were taken.
    #[inline]
    pub fn do_work(&mut self) -> usize {
        self.clock.refresh();
        if !self.has_room() {
            return 0;
        }
        let mut work = 0;
        let taken = self.counts.taken;
        work += self.go_on();
        for at in 0..self.urgent.len() {
            work += self.take(Side::Urgent, at, MESSAGES_PER_POLL);
        }
        if !self.short && !self.venues.is_empty() {
            let at = self.next_venue;
            self.next_venue = if at + 1 == self.venues.len() { 0 } else { at + 1 };
            work += self.take(Side::Venue, at, RECORDS_PER_UPDATE);
        }
        // Duplicates that were dropped carry no time on.
        let is_time_old = self.counts.taken == taken;
        if is_time_old {
            work += self.fire_timer();
        }
        if work == 0 {
            self.beat();
        } else {
            let now = if is_time_old {
                self.clock.now_ns()
            } else {
                self.machine.engine.last_ts()
            };
            self.machine.writer.publish(now);
        }
        work
    }

    /// What an idle core does now and then: keeps warm what the next request will touch, and shows that it lives.
    #[inline]
    fn beat(&mut self) {
        if self.machine.engine.refresh() {
            return;
        }
        self.idle_cycles = self.idle_cycles.wrapping_add(1);
        if self.idle_cycles.is_multiple_of(CYCLES_PER_WARMING) {
            self.machine.writer.warm();
            self.machine
                .engine
                .warm((self.idle_cycles / CYCLES_PER_WARMING) as usize);
        }
        if self.idle_cycles.is_multiple_of(CYCLES_PER_BEAT) {
            let now = self.clock.now_ns();
            self.machine.writer.publish(now);
        }
    }

    /// What an earlier input left to be done, which comes before any other input.
    #[inline]
    fn go_on(&mut self) -> usize {
        let mut inputs = 0;
        while self.machine.engine.wants_continue() && self.fits() {
            let now = self.clock.now_ns();
            self.machine.go_on(now);
            self.used_room();
            inputs += 1;
        }
        inputs
    }

    /// Takes up to `most` records from one source; from a venue, no further than the end of an update.
    #[inline]
    fn take(&mut self, side: Side, at: usize, most: usize) -> usize {
        let mut taken = 0;
        while taken < most && self.fits() {
            let inlet = match side {
                Side::Urgent => &mut self.urgent[at],
                Side::Venue => &mut self.venues[at],
            };
            if side == Side::Venue && !self.ahead.is_empty() {
                self.machine.engine.foresee(inlet.look_ahead(&mut self.ahead));
            }
            match inlet.poll(&mut self.frame) {
                Polled::Nothing => break,
                Polled::Record => {}
                Polled::Corrupt => {
                    let source = u64::from(inlet.source().0);
                    self.counts.corrupt += 1;
                    let now = self.clock.now_ns();
                    self.machine.tell(RuntimeEventKind::SourceCorrupt, source, now);
                    self.used_room();
                    break;
                }
            }
            taken += 1;
            self.process();
            self.go_on();
            if self.machine.engine.wants_continue() {
                // There is no room for what comes before any other input.
                break;
            }
            if side == Side::Venue && self.frame.flags().has(Flags::LAST) {
                break;
            }
        }
        if taken > 0 {
            let inlet = match side {
                Side::Urgent => &mut self.urgent[at],
                Side::Venue => &mut self.venues[at],
            };
            inlet.release();
        }
        taken
    }

    #[inline]
    fn process(&mut self) {
        if self.machine.engine.is_duplicate(self.frame.header().cause) {
            self.counts.duplicates += 1;
            return;
        }
        let ts_taken = self.clock.now_ns();
        self.machine.process(&mut self.frame, ts_taken);
        if self.frame.record_type() == QuoteRequest::TYPE {
            let ts_planned = self
                .frame
                .get::<QuoteRequest>()
                .map_or(ts_taken, |request| request.ts_recv);
            self.observer.on_answer(ts_planned, ts_taken, &mut self.clock);
        } else if let Some(order) = self.frame.get::<NewOrderSingle>()
            && self.machine.has_answered(VenueOrder::TYPE)
        {
            self.observer.on_hedge(order.ts_recv, ts_taken, &mut self.clock);
        }
        self.machine.seal(&self.frame);
        self.used_room();
        self.counts.taken += 1;
    }

    /// A tick, if a timer is due and no input has carried time past it.
    #[inline]
    fn fire_timer(&mut self) -> usize {
        let next = self.machine.engine.next_timer();
        if next == u64::MAX {
            return 0;
        }
        let now = self.clock.now_ns();
        if next > now || !self.fits() {
            return 0;
        }
        self.machine.tick(now);
        self.used_room();
        1
    }

    /// Whether an input and all that it may lead to fit the journal, the reserve included.
    ///
    /// Only appending makes the room less, so that what was found once, less what was appended since at most, is a
    /// bound. The journal is asked again when the bound no longer does.
    #[inline]
    fn fits(&mut self) -> bool {
        if self.room.reserved < LINES_PER_INPUT_MAX {
            self.room = self.machine.writer.room();
        }
        self.room.reserved >= LINES_PER_INPUT_MAX
    }

    /// Takes an input and all that it may have led to off the bound.
    #[inline]
    fn used_room(&mut self) {
        self.room.normal = self.room.normal.saturating_sub(LINES_PER_INPUT_MAX);
        self.room.reserved = self.room.reserved.saturating_sub(LINES_PER_INPUT_MAX);
        debug_assert!(self.room.normal <= self.machine.writer.room().normal);
        debug_assert!(self.room.reserved <= self.machine.writer.room().reserved);
    }

    /// Looks after the journal's room: false if nothing can be taken.
    #[inline]
    fn has_room(&mut self) -> bool {
        let enough = LINES_PER_INPUT_MAX * INPUTS_OF_ROOM_MIN;
        if self.room.normal >= enough && !self.short {
            return true;
        }
        self.room = self.machine.writer.room();
        if self.room.normal >= enough && !self.short {
            return true;
        }
        self.room_changed(self.room.normal, self.room.reserved)
    }

    #[cold]
    fn room_changed(&mut self, normal: usize, reserved: usize) -> bool {
        if reserved < LINES_PER_INPUT_MAX {
            self.counts.journal_full += 1;
            return false;
        }
        let inputs = if self.short {
            INPUTS_OF_ROOM
        } else {
            INPUTS_OF_ROOM_MIN
        };
        let short = normal < LINES_PER_INPUT_MAX * inputs;
        if short != self.short {
            self.short = short;
            self.counts.journal_short += u64::from(short);
            let kind = if short {
                RuntimeEventKind::JournalShort
            } else {
                RuntimeEventKind::JournalRoom
            };
            let now = self.clock.now_ns();
            self.machine.tell(kind, 0, now);
            self.used_room();
        }
        true
    }

    /// Tells the engine that nothing becomes durable any more. To be called by whoever runs the archiver, between
    /// duty cycles.
    pub fn archiver_failed(&mut self) {
        let now = self.clock.now_ns();
        if self.fits() {
            self.machine.tell(RuntimeEventKind::ArchiverFailed, 0, now);
            self.used_room();
        }
    }

    /// The engine, to be looked at.
    pub fn engine(&self) -> &Engine<P> {
        &self.machine.engine
    }

    /// The observer.
    pub fn observer(&self) -> &O {
        &self.observer
    }

    /// What the duty cycle did.
    pub fn counts(&self) -> CoreCounts {
        self.counts
    }

    /// Ends the core: the engine, the journal's writer and the observer.
    pub fn into_parts(self) -> (Engine<P>, Writer, O) {
        (self.machine.engine, self.machine.writer, self.observer)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Urgent,
    Venue,
}
