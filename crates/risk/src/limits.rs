//! Limits as inputs: one record for every kind, and four eyes for those that loosen.

use pinrail_types::record::{LimitKind, LimitOutcome, LimitScope, LimitSet, LimitStatus};
use pinrail_types::{ClientId, Reason, Text};

use crate::bound::Bound;
use crate::checks::Check;
use crate::risk::Risk;

impl Risk {
    /// Takes a limit and says what became of it: one that is as tight as what is in force, and as what will return, comes
    /// into force, and so does any before the desk was ever active. Another waits until a second person asks for the very
    /// same.
    ///
    /// # Errors
    /// [`Reason::BadField`] where the limit is none of its kind or has ended; the reason why the target is unknown;
    /// [`Reason::ActorMissing`], [`Reason::SecondActorNeeded`] or [`Reason::TableFull`] where it has to wait and can't.
    pub fn set_limit(&mut self, set: &LimitSet, now: u64) -> Result<LimitStatus, Reason> {
        let kind = LimitKind::from_byte(set.kind).ok_or(Reason::BadField)?;
        let set = &LimitSet {
            header: bytemuck::Zeroable::zeroed(),
            ..*set
        };
        let bound = Bound::of(kind, set)?;
        let held = self.limit(kind, set)?;
        // The restricted list may be full when a pair would return to it.
        let may_end = kind != LimitKind::Permitted && set.expires_at > now;
        if set.expires_at != 0 && !may_end {
            return Err(Reason::BadField);
        }
        let before = self.changes.before(set).copied();
        let before = before.unwrap_or_else(|| held.put_into(set));
        if !self.changes.has_room(set) {
            return Err(Reason::TableFull);
        }
        let is_tight =
            bound.is_as_tight_as(&held, kind) && bound.is_as_tight_as(&Bound::of_record(&before), kind);
        let mut first = *set;
        if self.is_live && !is_tight && !self.omitted.has(Check::FourEyes) {
            match self.changes.first_of(set)? {
                None => return Ok(status(set, LimitOutcome::Waiting, set)),
                Some(asked) => first = asked,
            }
        }
        self.put(kind, set, bound, now)?;
        self.changes.came(set, &before);
        Ok(status(set, LimitOutcome::InForce, &first))
    }

    /// When the first limit returns that was changed for a time; never if none was.
    #[inline]
    pub fn next_return(&self) -> u64 {
        self.changes.next_at
    }

    /// Puts a limit into force again that returns by now, and says so; `None` if none does.
    ///
    /// # Panics
    /// Never: what returns was in force.
    pub fn return_limit(&mut self, now: u64) -> Option<LimitStatus> {
        let due = self.changes.due(now)?;
        let kind = LimitKind::from_byte(due.kind).expect("it was in force");
        self.put(kind, &due, Bound::of_record(&due), now)
            .expect("only a restricted pair may find no room, and it never ends");
        let returned = LimitSet {
            expires_at: 0,
            actor: Text::EMPTY,
            ..due
        };
        Some(status(&returned, LimitOutcome::Returned, &returned))
    }

    /// The limit that is in force for what a record names.
    fn limit(&self, kind: LimitKind, set: &LimitSet) -> Result<Bound, Reason> {
        if set.instrument.0 != 0 && kind != LimitKind::Permitted {
            return Err(Reason::BadField);
        }
        let (at, place) = (set.target as usize, kind.place());
        match kind.scope() {
            LimitScope::Instrument => {
                let instrument = self.instruments.get(at).ok_or(Reason::UnknownInstrument)?;
                match instrument.bounds.get(place) {
                    Some(bound) => Ok(*bound),
                    None if instrument.has_limits => Ok(Bound::of_value(instrument.limits.value(kind))),
                    None => Err(Reason::LimitsMissing),
                }
            }
            LimitScope::Client => {
                let client = self.clients.get(at).filter(|client| client.known);
                let client = client.ok_or(Reason::UnknownClient)?;
                match kind {
                    LimitKind::Credit => return Ok(Bound::of_value(client.credit_max)),
                    LimitKind::Permitted => {}
                    _ => return Ok(client.bounds[place]),
                }
                self.instrument(set.instrument)?;
                let mut bound = Bound::none(kind);
                if self.restricted.has(ClientId(set.target), set.instrument) {
                    bound.value = 0;
                }
                Ok(bound)
            }
            LimitScope::Asset => {
                let asset = self.assets.get(at).ok_or(Reason::UnknownAsset)?;
                Ok(asset.bounds[place])
            }
            LimitScope::Desk if at == 0 => Ok(self.sessions.bound),
            LimitScope::Desk => Err(Reason::BadField),
            LimitScope::Venue => Ok(self.venues.rate_bound(set.target)?),
        }
    }

    /// Puts a limit into force for what a record names, which is known.
    fn put(&mut self, kind: LimitKind, set: &LimitSet, bound: Bound, now: u64) -> Result<(), Reason> {
        let (at, place) = (set.target as usize, kind.place());
        let is_tight = bound.is_as_tight_as(&self.limit(kind, set)?, kind);
        match kind.scope() {
            LimitScope::Instrument if kind.is_required() => {
                self.instruments[at].limits.set(kind, bound.value);
            }
            LimitScope::Instrument => {
                let instrument = &mut self.instruments[at];
                instrument.bounds[place] = bound;
                instrument.derive();
                if kind == LimitKind::ReferenceMove {
                    instrument
                        .reference
                        .limit(instrument.sample_window_ns(), bound.value);
                    instrument.plan();
                }
                self.judge_fills(at, now);
                self.judge_profit(at);
            }
            LimitScope::Client if kind == LimitKind::Permitted => {
                let id = ClientId(set.target);
                self.restricted.set(id, set.instrument, bound.value == 0)?;
                self.clients[at].is_restricted = self.restricted.has_client(id);
            }
            LimitScope::Client if kind == LimitKind::Credit => {
                self.clients[at].credit_max = bound.value;
                self.clients[at].derive();
            }
            LimitScope::Client => {
                self.clients[at].bounds[place] = bound;
                self.clients[at].derive();
            }
            LimitScope::Asset => {
                self.assets[at].bounds[place] = bound;
                self.assets[at].derive();
                self.judge_asset(at);
            }
            LimitScope::Desk => {
                self.sessions.bound = bound;
                self.sessions.derive();
            }
            LimitScope::Venue => self.venues.set_rate(at, bound),
        }
        if !is_tight {
            self.loosen_rate(kind, at, now);
        }
        Ok(())
    }

    /// Nobody waits longer for what a rate refused than under the rate that is in force now.
    fn loosen_rate(&mut self, kind: LimitKind, at: usize, now: u64) {
        match kind {
            LimitKind::ClientRate => {
                let client = &mut self.clients[at];
                client.bucket.loosen(client.rate, now);
            }
            LimitKind::SessionRate => self.sessions.loosen(now),
            LimitKind::VenueRate => self.venues.loosen(at, now),
            _ => {}
        }
    }
}

/// What became of a limit that `first` asked for, and perhaps somebody else confirmed.
fn status(set: &LimitSet, outcome: LimitOutcome, first: &LimitSet) -> LimitStatus {
    LimitStatus {
        kind: set.kind,
        state: set.state,
        outcome: outcome.byte(),
        target: set.target,
        instrument: set.instrument,
        value: set.value,
        window_ns: set.window_ns,
        expires_at: set.expires_at,
        actor: first.actor,
        second: if first.actor == set.actor {
            Text::EMPTY
        } else {
            set.actor
        },
        ..bytemuck::Zeroable::zeroed()
    }
}
