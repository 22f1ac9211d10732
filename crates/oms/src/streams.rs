//! Streams: requests that are quoted again and again until their client, or the desk, ends them.

use std::collections::VecDeque;

use bytemuck::Zeroable;
use pinrail_types::record::QuoteRequest;
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, InstrumentId, OutId, Text};

use crate::quotes::request_hash;
use crate::slots::Slots;
use crate::timers::Timers;

const NO_SLOT: u32 = u32::MAX;

/// A request that is to be quoted until it is ended.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    /// What was asked for; its header is zero.
    pub request: QuoteRequest,
    /// The last quote, open or not; none while it waits.
    pub quote_id: OutId,
    /// Sequence of the input that asked for it.
    pub since: u64,
    /// Core time of the last quote.
    pub quoted_at: u64,
    /// The epoch in which it was asked for: its session is gone in a later one.
    pub epoch: u32,
    /// It could not be quoted, and its client was told.
    pub is_waiting: bool,
}

/// A place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSlot(u32);

#[derive(Clone, Copy, Debug)]
struct Entry {
    stream: Stream,
    is_used: bool,
    /// When it is looked at if nothing happens before; `u64::MAX` for never.
    look_at: u64,
    /// The next stream in the same instrument, round and round; of a free place the next free one.
    next: u32,
    /// The one before it in the same instrument.
    before: u32,
}

/// The streams in one instrument.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// The one to be looked at next.
    next: u32,
    count: u32,
    /// How many from `next` on are still to be looked at; it stands in the queue if that is any.
    left: u32,
}

const NO_ROUND: Round = Round {
    next: NO_SLOT,
    count: 0,
    left: 0,
};

/// All streams: by the client's request id, by instrument, and by when they are looked at next.
///
/// Whatever may have changed prices [touches](Streams::touch) an instrument: each of its streams is then given by
/// [`Streams::next`] once, one after the other, however long that takes. Bounded at construction; allocates nothing afterwards.
#[derive(Clone, Debug)]
pub struct Streams {
    entries: Vec<Entry>,
    by_request: Slots,
    timers: Timers,
    rounds: Vec<Round>,
    /// Instruments that were touched, each once.
    queue: VecDeque<u32>,
    free_first: u32,
    len: usize,
    /// When there is something to look at: zero for now, `u64::MAX` for never.
    next_at: u64,
}

impl Streams {
    /// Room for `capacity` streams in instruments below `instruments`.
    ///
    /// # Panics
    /// If `capacity` is zero or above 2^24.
    pub fn new(capacity: usize, instruments: usize) -> Streams {
        assert!(capacity > 0 && capacity <= 1 << 24, "1 to 2^24 streams");
        let entries = (1..=capacity as u32)
            .map(|next| Entry::free(if next as usize == capacity { NO_SLOT } else { next }))
            .collect();
        Streams {
            entries,
            by_request: Slots::new(capacity),
            timers: Timers::new(capacity),
            rounds: vec![NO_ROUND; instruments],
            queue: VecDeque::with_capacity(instruments),
            free_first: 0,
            len: 0,
            next_at: u64::MAX,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there is room for no other.
    pub fn is_full(&self) -> bool {
        self.free_first == NO_SLOT
    }

    /// When there is something to look at: zero for now, `u64::MAX` for never.
    #[inline]
    pub fn next_at(&self) -> u64 {
        self.next_at
    }

    /// The stream that a client asked for under this id.
    pub fn find(&self, client: ClientId, quote_req_id: &Text<24>) -> Option<StreamSlot> {
        let is_it = |slot: u32| {
            let request = &self.entries[slot as usize].stream.request;
            request.client == client && request.quote_req_id == *quote_req_id
        };
        self.by_request
            .find(request_hash(client, quote_req_id), is_it)
            .map(StreamSlot)
    }

    /// The stream in a place.
    pub fn get(&self, slot: StreamSlot) -> &Stream {
        &self.entries[slot.0 as usize].stream
    }

    /// The same, to be changed; what it asks for stays.
    pub fn get_mut(&mut self, slot: StreamSlot) -> &mut Stream {
        &mut self.entries[slot.0 as usize].stream
    }

    /// Adds a stream whose request is not there; it is looked at behind all others in its instrument.
    ///
    /// # Panics
    /// If there is no room, or its instrument is beyond the bound.
    pub fn add(&mut self, stream: &Stream) -> StreamSlot {
        let slot = self.free_first;
        assert!(slot != NO_SLOT, "table of streams is full");
        self.free_first = self.entries[slot as usize].next;
        self.entries[slot as usize] = Entry {
            stream: *stream,
            is_used: true,
            look_at: u64::MAX,
            next: slot,
            before: slot,
        };
        let round = &mut self.rounds[stream.request.instrument.index()];
        if round.count == 0 {
            round.next = slot;
        } else {
            let (next, last) = (round.next, self.entries[round.next as usize].before);
            self.entries[slot as usize].next = next;
            self.entries[slot as usize].before = last;
            self.entries[next as usize].before = slot;
            self.entries[last as usize].next = slot;
        }
        round.count += 1;
        let request = &stream.request;
        self.by_request
            .insert(request_hash(request.client, &request.quote_req_id), slot);
        self.len += 1;
        StreamSlot(slot)
    }

    /// Takes a stream out.
    ///
    /// # Panics
    /// If there is none.
    pub fn remove(&mut self, slot: StreamSlot) {
        let entry = self.entries[slot.0 as usize];
        assert!(entry.is_used, "stream ended twice");
        let request = &entry.stream.request;
        let round = &mut self.rounds[request.instrument.index()];
        self.entries[entry.next as usize].before = entry.before;
        self.entries[entry.before as usize].next = entry.next;
        round.count -= 1;
        if round.count == 0 {
            round.next = NO_SLOT;
        } else if round.next == slot.0 {
            round.next = entry.next;
        }
        if round.left > round.count {
            // One that was looked at already may be looked at once more.
            round.left = round.count;
            if round.count == 0 {
                self.queue.retain(|queued| *queued != request.instrument.0);
            }
        }
        self.by_request
            .remove(request_hash(request.client, &request.quote_req_id), slot.0);
        self.timers.clear(slot.0);
        self.entries[slot.0 as usize] = Entry::free(self.free_first);
        self.free_first = slot.0;
        self.len -= 1;
        self.derive();
    }

    /// All streams in an instrument are to be looked at.
    pub fn touch(&mut self, instrument: InstrumentId) {
        let Some(round) = self.rounds.get_mut(instrument.index()) else {
            return;
        };
        if round.left == 0 && round.count > 0 {
            self.queue.push_back(instrument.0);
        }
        round.left = round.count;
        self.derive();
    }

    /// All streams are to be looked at.
    pub fn touch_all(&mut self) {
        for id in 0..self.rounds.len() as u32 {
            self.touch(InstrumentId(id));
        }
    }

    /// The streams that are meant are to be looked at now. Goes through all.
    pub fn touch_where(&mut self, is_meant: impl Fn(&Stream) -> bool) {
        if self.is_empty() {
            return;
        }
        for slot in 0..self.entries.len() as u32 {
            let entry = &self.entries[slot as usize];
            if entry.is_used && is_meant(&entry.stream) {
                self.look_at(StreamSlot(slot), 0);
            }
        }
    }

    /// A stream is to be looked at at a time, if nothing happens before; `u64::MAX` for never.
    pub fn look_at(&mut self, slot: StreamSlot, ts: u64) {
        self.timers.clear(slot.0);
        self.entries[slot.0 as usize].look_at = ts;
        if ts != u64::MAX {
            self.timers.set(slot.0, ts, 0);
        }
        self.derive();
    }

    /// The next stream to be looked at now; the time that was set for it is no longer.
    pub fn next(&mut self, now: u64) -> Option<StreamSlot> {
        let found = self.timers.due(now).or_else(|| self.next_touched());
        if let Some(slot) = found {
            self.look_at(StreamSlot(slot), u64::MAX);
        }
        self.derive();
        found.map(StreamSlot)
    }

    fn next_touched(&mut self) -> Option<u32> {
        let round = &mut self.rounds[*self.queue.front()? as usize];
        let slot = round.next;
        round.next = self.entries[slot as usize].next;
        round.left -= 1;
        if round.left == 0 {
            self.queue.pop_front();
        }
        Some(slot)
    }

    fn derive(&mut self) {
        self.next_at = if self.queue.is_empty() {
            self.timers.next()
        } else {
            0
        };
    }

    /// Goes through the state.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is of other bounds or no table.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let (capacity, instruments) = (self.entries.len(), self.rounds.len());
        visitor.exactly(capacity, "the bound on streams")?;
        visitor.u32(&mut self.free_first)?;
        for entry in &mut self.entries {
            entry.visit(visitor, capacity, instruments)?;
        }
        for round in &mut self.rounds {
            visit_slot(&mut round.next, visitor, capacity)?;
            visitor.u32(&mut round.count)?;
            visitor.u32(&mut round.left)?;
        }
        let mut queued = self.queue.len();
        visitor.count(&mut queued, instruments)?;
        self.queue.resize(queued, 0);
        for instrument in &mut self.queue {
            let mut word = u64::from(*instrument);
            visitor.below(&mut word, instruments as u64)?;
            *instrument = word as u32;
        }
        if visitor.is_loading() {
            self.index(visitor)?;
        }
        Ok(())
    }

    /// Builds anew what follows from the places, and checks that rounds are rounds.
    fn index(&mut self, visitor: &impl Visitor) -> Result<(), StateError> {
        self.by_request = Slots::new(self.entries.len());
        self.timers = Timers::new(self.entries.len());
        self.len = 0;
        let mut counts = vec![0_u32; self.rounds.len()];
        for (slot, entry) in (0..).zip(&self.entries) {
            if !entry.is_used {
                continue;
            }
            let request = &entry.stream.request;
            let is_linked = |other: u32, back: fn(&Entry) -> u32| {
                let other = self.entries.get(other as usize);
                other.is_some_and(|other| {
                    other.is_used
                        && back(other) == slot
                        && other.stream.request.instrument == request.instrument
                })
            };
            if !is_linked(entry.next, |other| other.before) || !is_linked(entry.before, |other| other.next) {
                return Err(visitor.bad(slot.into(), "a round of streams"));
            }
            counts[request.instrument.index()] += 1;
            self.by_request
                .insert(request_hash(request.client, &request.quote_req_id), slot);
            if entry.look_at != u64::MAX {
                self.timers.set(slot, entry.look_at, 0);
            }
            self.len += 1;
        }
        for (id, (round, count)) in (0_u32..).zip(self.rounds.iter().zip(counts)) {
            let next = self.entries.get(round.next as usize);
            let begins = next.is_some_and(|next| next.is_used && next.stream.request.instrument.0 == id);
            let queued = self.queue.iter().filter(|queued| **queued == id).count();
            let mut at = round.next;
            // Each place that is passed was checked above.
            let mut is_one_round = || {
                (1..=count).all(|n| {
                    at = self.entries[at as usize].next;
                    (at == round.next) == (n == count)
                })
            };
            let is_sound = round.count == count
                && round.left <= count
                && begins == (count > 0)
                && queued == usize::from(round.left > 0);
            if !(is_sound && is_one_round()) {
                return Err(visitor.bad(id.into(), "a round of streams"));
            }
        }
        self.derive();
        Ok(())
    }
}

impl Entry {
    fn free(next: u32) -> Entry {
        Entry {
            stream: Stream {
                request: QuoteRequest::zeroed(),
                quote_id: OutId::NONE,
                quoted_at: 0,
                since: 0,
                epoch: 0,
                is_waiting: false,
            },
            is_used: false,
            look_at: u64::MAX,
            next,
            before: NO_SLOT,
        }
    }

    fn visit(
        &mut self,
        visitor: &mut impl Visitor,
        capacity: usize,
        instruments: usize,
    ) -> Result<(), StateError> {
        visit_slot(&mut self.next, visitor, capacity)?;
        visitor.flag(&mut self.is_used)?;
        if !self.is_used {
            return Ok(());
        }
        visit_slot(&mut self.before, visitor, capacity)?;
        visitor.word(&mut self.look_at)?;
        let stream = &mut self.stream;
        visitor.plain(&mut stream.request)?;
        visitor.plain(&mut stream.quote_id)?;
        visitor.word(&mut stream.quoted_at)?;
        visitor.word(&mut stream.since)?;
        visitor.u32(&mut stream.epoch)?;
        visitor.flag(&mut stream.is_waiting)?;
        if stream.request.instrument.index() < instruments {
            Ok(())
        } else {
            Err(visitor.bad(stream.request.instrument.0.into(), "an instrument"))
        }
    }
}

/// A place, or that there is none.
fn visit_slot(slot: &mut u32, visitor: &mut impl Visitor, capacity: usize) -> Result<(), StateError> {
    visitor.u32(slot)?;
    if (*slot as usize) < capacity || *slot == NO_SLOT {
        Ok(())
    } else {
        Err(visitor.bad(u64::from(*slot), "a place among streams"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use pinrail_types::Qty;
    use pinrail_types::state::{Load, Save};
    use proptest::prelude::*;

    use super::*;

    const INSTRUMENTS: usize = 3;

    fn stream(number: u32, instrument: u32) -> Stream {
        Stream {
            request: QuoteRequest {
                quote_req_id: Text::new(&format!("R{number}")).unwrap(),
                instrument: InstrumentId(instrument),
                qty: Qty(number.into()),
                ..Zeroable::zeroed()
            },
            ..Entry::free(0).stream
        }
    }

    fn number(streams: &Streams, slot: StreamSlot) -> u32 {
        streams.get(slot).request.qty.0 as u32
    }

    fn saved(streams: &mut Streams) -> Vec<u64> {
        let mut save = Save::default();
        streams.visit(&mut save).unwrap();
        save.words
    }

    proptest! {
        /// Whatever was touched or is due is given, and nothing else twice in a row.
        #[test]
        fn each_touched_stream_is_given(
            ops in prop::collection::vec((0_u8..6, 0_u32..12, 0_u32..3, 0_u64..20), 0..300),
        ) {
            let mut streams = Streams::new(8, INSTRUMENTS);
            // By number: instrument, time, whether it is touched.
            let mut model: BTreeMap<u32, (u32, u64, bool)> = BTreeMap::new();
            for (now, (op, n, instrument, ts)) in ops.into_iter().enumerate() {
                let now = now as u64;
                let id = Text::new(&format!("R{n}")).unwrap();
                let found = streams.find(ClientId(0), &id);
                prop_assert_eq!(found.map(|slot| number(&streams, slot)), model.get(&n).map(|_| n));
                match (op, found) {
                    (0, None) if !streams.is_full() => {
                        streams.add(&stream(n, instrument));
                        model.insert(n, (instrument, u64::MAX, false));
                    }
                    (1, Some(slot)) => {
                        streams.remove(slot);
                        model.remove(&n);
                    }
                    (2, _) => {
                        streams.touch(InstrumentId(instrument));
                        model.values_mut().filter(|held| held.0 == instrument).for_each(|held| held.2 = true);
                    }
                    (3, Some(slot)) => {
                        streams.look_at(slot, now + ts);
                        model.get_mut(&n).unwrap().1 = now + ts;
                    }
                    (4, _) => {
                        let due = |held: &(u32, u64, bool)| held.2 || held.1 <= now;
                        let mut wanted: BTreeSet<u32> =
                            model.iter().filter(|(_, held)| due(held)).map(|(n, _)| *n).collect();
                        let mut given = 0;
                        while let Some(slot) = streams.next(now) {
                            let n = number(&streams, slot);
                            wanted.remove(&n);
                            given += 1;
                            // What is given has no time any more, also where it is looked at once more than it had to be.
                            model.get_mut(&n).unwrap().1 = u64::MAX;
                        }
                        prop_assert!(wanted.is_empty() && given <= 2 * model.len());
                        for held in model.values_mut() {
                            held.2 = false;
                        }
                        let next = model.values().map(|held| held.1).min();
                        prop_assert!(streams.next_at() >= next.unwrap_or(u64::MAX));
                    }
                    _ => {
                        let words = saved(&mut streams);
                        let mut again = Streams::new(8, INSTRUMENTS);
                        let mut load = Load::new(&words);
                        again.visit(&mut load).unwrap();
                        load.end().unwrap();
                        prop_assert_eq!(saved(&mut again), words);
                        prop_assert_eq!(again.next_at(), streams.next_at());
                        streams = again;
                    }
                }
                prop_assert_eq!(streams.len(), model.len());
                let touched = model.values().any(|held| held.2);
                prop_assert!(!touched || streams.next_at() == 0);
            }
        }

        /// Whatever is read back is refused or is a table that can be used.
        #[test]
        fn hostile_words_are_refused_or_usable(changes in prop::collection::vec((0_usize..200, 0_u64..10), 1..4)) {
            let mut streams = Streams::new(4, INSTRUMENTS);
            for n in 0..3 {
                streams.add(&stream(n, n % 2));
            }
            streams.touch(InstrumentId(0));
            let mut words = saved(&mut streams);
            for (at, word) in changes {
                let at = at % words.len();
                words[at] = word;
            }
            let mut read = Streams::new(4, INSTRUMENTS);
            if read.visit(&mut Load::new(&words)).is_ok() {
                read.touch_all();
                let mut given = 0;
                while read.next(u64::MAX).is_some() {
                    given += 1;
                    prop_assert!(given < 100);
                }
            }
        }
    }
}
