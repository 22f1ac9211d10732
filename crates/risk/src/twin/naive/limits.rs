//! The twin's limits: every one that was set, and what of it is in force.

use super::*;

/// What brought a limit into force.
#[derive(Clone, Copy, Debug)]
pub(super) enum By {
    /// A [`LimitSet`].
    Record,
    /// The end of one that was set for a time.
    Time,
    /// An instrument's or client's definition: it tightens what is to return too.
    Definition,
}

fn is_tight(kind: LimitKind, set: &LimitSet, than: &LimitSet) -> bool {
    let (value, other) = (set.value.get(), than.value.get());
    let value = if kind.is_least() {
        value >= other
    } else {
        value <= other
    };
    value && set.window_ns >= than.window_ns && set.state >= than.state
}

impl Naive {
    pub(in crate::twin) fn define(&mut self, def: &InstrumentLimits) -> Result<(), Reason> {
        let id = def.instrument;
        let values = [
            (LimitKind::QtyMax, def.qty_lots_max.0.into()),
            (LimitKind::NotionalMax, def.notional_max.get()),
            (LimitKind::PositionMax, def.position_lots_max.0.into()),
            (LimitKind::Collar, def.collar_e8.into()),
        ];
        let is_known = self.limits.iter().any(|held| held.instrument == id);
        if is_known && values.iter().any(|(kind, value)| *value > self.most(*kind, id.0)) {
            return Err(Reason::SecondActorNeeded);
        }
        self.limits.retain(|held| held.instrument != id);
        self.limits.push(*def);
        for (kind, value) in values {
            self.defined(kind, id.0, value);
        }
        Ok(())
    }

    /// Clients are first defined in the order of their ids.
    pub(in crate::twin) fn define_client(&mut self, def: &ClientDef) -> Result<(), Reason> {
        let id = def.client.0;
        let value = def.credit_max.get();
        if self.clients.len() == id as usize {
            self.clients.push(*def);
        } else if value > self.most(LimitKind::Credit, id) {
            return Err(Reason::SecondActorNeeded);
        }
        self.defined(LimitKind::Credit, id, value);
        Ok(())
    }

    fn defined(&mut self, kind: LimitKind, target: u32, value: i128) {
        let set = LimitSet {
            kind: kind.byte(),
            target,
            value: Amount::new(value),
            ..bytemuck::Zeroable::zeroed()
        };
        self.sets.push((set, By::Definition));
    }

    pub(in crate::twin) fn is_defined(&self, instrument: u32) -> bool {
        self.limits.iter().any(|held| held.instrument.0 == instrument)
    }

    /// The limit of a kind that is always there.
    pub(in crate::twin) fn most(&self, kind: LimitKind, target: u32) -> i128 {
        self.in_force(kind, target, 0).0.value.get()
    }

    pub(in crate::twin) fn limit(&mut self, set: &LimitSet, now: u64) -> Result<LimitOutcome, Reason> {
        let kind = LimitKind::from_byte(set.kind).unwrap();
        if kind.is_required() && kind != LimitKind::Credit && !self.is_defined(set.target) {
            return Err(Reason::LimitsMissing);
        }
        let of = |held: &LimitSet| {
            (held.kind, held.target, held.instrument) == (set.kind, set.target, set.instrument)
        };
        let (held, before) = self.in_force(kind, set.target, set.instrument.0);
        let is_tight = |than: &LimitSet| is_tight(kind, set, than);
        if !is_tight(&held) || !is_tight(&before) {
            let first = self.asked.iter().rev().find(|(asked, _)| of(asked));
            let same = |asked: &LimitSet| {
                LimitSet {
                    actor: set.actor,
                    ..*asked
                } == *set
            };
            match first.filter(|(asked, waited)| *waited && same(asked)) {
                Some((asked, _)) if asked.actor == set.actor => return Err(Reason::SecondActorNeeded),
                Some(_) => {}
                None => {
                    self.asked.push((*set, true));
                    return Ok(LimitOutcome::Waiting);
                }
            }
        }
        self.asked.push((*set, false));
        self.sets.push((*set, By::Record));
        if !is_tight(&held) {
            self.loosened(kind, set.target, now);
        }
        self.judge(kind, set.target, now);
        Ok(LimitOutcome::InForce)
    }

    /// The limit that is in force again.
    pub(in crate::twin) fn returned(&mut self, kind: LimitKind, target: u32, now: u64) -> i128 {
        let (held, before) = self.in_force(kind, target, 0);
        assert!(held.expires_at != 0 && held.expires_at <= now, "it has not ended");
        let ended = LimitSet {
            kind: kind.byte(),
            target,
            ..bytemuck::Zeroable::zeroed()
        };
        self.sets.push((ended, By::Time));
        if !is_tight(kind, &before, &held) {
            self.loosened(kind, target, now);
        }
        self.judge(kind, target, now);
        before.value.get()
    }

    /// A rate that was loosened: what is missing by the old one is no more than all of the new one.
    fn loosened(&mut self, kind: LimitKind, target: u32, now: u64) {
        let rate = self.last(kind, target, 0);
        let (messages, of) = match kind {
            LimitKind::ClientRate => (&mut self.by_client, target..target + 1),
            LimitKind::VenueRate => (&mut self.by_venue, target..target + 1),
            LimitKind::SessionRate => (&mut self.by_session, 0..SESSIONS),
            _ => return,
        };
        let missing_max = rate.map_or(0, |rate| {
            let tokens = rate.value.get() as u64;
            tokens * rate.window_ns.div_ceil(tokens)
        });
        messages.extend(of.map(|of| Message {
            of,
            ts: now,
            token_ns: 0,
            missing_max,
        }));
    }

    /// Whether a limit has ended that did not return.
    pub(in crate::twin) fn is_overdue(&self, now: u64) -> bool {
        let ends = |set: &LimitSet| {
            let kind = LimitKind::from_byte(set.kind).unwrap();
            self.in_force(kind, set.target, set.instrument.0).0.expires_at
        };
        self.sets.iter().any(|(set, _)| (1..=now).contains(&ends(set)))
    }

    fn judge(&mut self, kind: LimitKind, target: u32, now: u64) {
        if kind == LimitKind::ReferenceMove {
            self.events
                .push(Event::Window(target, self.sample_window_ns(target)));
        }
        match kind.byte() >> 4 {
            1 if !kind.is_required() => {
                self.judge_fills(target, now);
                self.judge_profit(target);
            }
            3 => self.judge_asset(AssetId(target)),
            _ => {}
        }
    }

    /// What is in force now, and what returns behind it.
    fn in_force(&self, kind: LimitKind, target: u32, instrument: u32) -> (LimitSet, LimitSet) {
        let none = LimitSet {
            value: if kind.is_least() {
                Amount::ZERO
            } else {
                LimitSet::NONE
            },
            ..bytemuck::Zeroable::zeroed()
        };
        let (mut held, mut before) = (none, none);
        let of =
            |set: &LimitSet| (set.kind, set.target, set.instrument.0) == (kind.byte(), target, instrument);
        for (set, by) in self.sets.iter().filter(|(set, _)| of(set)) {
            match by {
                By::Record => held = *set,
                By::Time => held = before,
                By::Definition => {
                    held.value = set.value;
                    before.value = Amount::new(before.value.get().min(set.value.get()));
                }
            }
            if held.expires_at == 0 {
                before = held;
            }
        }
        (held, before)
    }

    /// The limit of a kind that is in force, if it is one.
    pub(super) fn last(&self, kind: LimitKind, target: u32, instrument: u32) -> Option<LimitSet> {
        let held = self.in_force(kind, target, instrument).0;
        (held.value != LimitSet::NONE).then_some(held)
    }

    pub(super) fn window(&self, kind: LimitKind, target: u32) -> u64 {
        self.last(kind, target, 0).map_or(0, |set| set.window_ns)
    }
}
