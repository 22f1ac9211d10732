//! Limits that may be left out of the file: one record each, behind what they limit.

use bytemuck::Zeroable;
use pinrail_types::record::{AssetDef, LimitKind, LimitSet, TradingState};
use pinrail_types::{Amount, E8, Frame, InstrumentId, Text};
use toml::Spanned;

use super::file::{ClientLimits, DecimalText, Delta, File, LimitsSection, Loss, Move, Then, Windowed};
use super::names::Names;
use super::resolve::Desk;
use super::value::{Resolved, amount, bps_e8, ms_to_ns, steps, whole};

/// The most that a limit may count to.
const COUNT_MAX: i64 = 1_000_000_000;
/// The most fills that market-maker protection looks back on.
const FILLS_MAX: i64 = 32;

/// A limit without a target yet.
fn limit(kind: LimitKind, value: Amount) -> LimitSet {
    LimitSet {
        kind: kind.byte(),
        value,
        actor: Text::new("config").expect("a short literal"),
        ..LimitSet::zeroed()
    }
}

/// At most so many within a window.
fn windowed(kind: LimitKind, windowed: &Windowed) -> Resolved<LimitSet> {
    let most = whole(&windowed.most, 1..=COUNT_MAX, "within the window")?;
    Ok(LimitSet {
        window_ns: ms_to_ns(&windowed.window_ms)?,
        ..limit(kind, Amount::new(most.into()))
    })
}

/// At most so much lost.
fn loss(kind: LimitKind, loss: &Loss, asset: &AssetDef) -> Resolved<LimitSet> {
    let state = match loss.then {
        Then::Reduce => TradingState::Reducing,
        Then::Halt => TradingState::Halted,
    };
    Ok(LimitSet {
        state: state.byte(),
        ..limit(kind, amount(&loss.most, asset)?)
    })
}

/// A fraction times 1e8.
fn fraction(kind: LimitKind, bps: &Spanned<DecimalText>) -> Resolved<LimitSet> {
    Ok(limit(kind, Amount::new(bps_e8(bps, 0..=E8)?.into())))
}

impl Desk {
    fn put(&mut self, target: usize, limit: LimitSet) {
        let target = target as u32;
        self.records.push(Frame::of(&LimitSet { target, ..limit }));
    }

    /// The limits of an instrument that may be left out.
    pub(super) fn more_limits(&mut self, id: usize, section: &LimitsSection) -> Resolved<()> {
        let quote = self.assets[self.instruments[id].quote.index()];
        if let Some(least) = &section.notional_min {
            self.put(id, limit(LimitKind::NotionalMin, amount(least, &quote)?));
        }
        if let Some(bps) = &section.venue_spread_bps {
            self.put(id, fraction(LimitKind::VenueSpread, bps)?);
        }
        if let Some(Move { bps, window_ms }) = &section.reference_move {
            let window_ns = ms_to_ns(window_ms)?;
            let most = fraction(LimitKind::ReferenceMove, bps)?;
            self.put(id, LimitSet { window_ns, ..most });
        }
        if let Some(most) = &section.executions_max {
            let most = whole(most, 1..=COUNT_MAX, "fills")?;
            self.put(id, limit(LimitKind::Executions, Amount::new(most.into())));
        }
        if let Some(fills) = &section.protection_fills {
            whole(&fills.most, 1..=FILLS_MAX, "fills within the window")?;
            self.put(id, windowed(LimitKind::ProtectionFills, fills)?);
        }
        if let Some(Delta { qty, window_ms }) = &section.protection_delta {
            let lots = steps(qty, &self.instruments[id].lot, "the lot", 1)?;
            let window_ns = ms_to_ns(window_ms)?;
            let most = limit(LimitKind::ProtectionDelta, Amount::new(lots.into()));
            self.put(id, LimitSet { window_ns, ..most });
        }
        self.losses(
            id,
            [LimitKind::Loss, LimitKind::Drawdown],
            [&section.loss, &section.drawdown],
            &quote,
        )
    }

    fn losses(
        &mut self,
        id: usize,
        kinds: [LimitKind; 2],
        losses: [&Option<Loss>; 2],
        asset: &AssetDef,
    ) -> Resolved<()> {
        for (kind, most) in kinds.into_iter().zip(losses) {
            if let Some(most) = most {
                self.put(id, loss(kind, most, asset)?);
            }
        }
        Ok(())
    }

    /// The limits of a client.
    pub(super) fn client_limits(
        &mut self,
        id: usize,
        limits: Option<&ClientLimits>,
        credit_asset: &Spanned<String>,
    ) -> Resolved<()> {
        let Some(limits) = limits else { return Ok(()) };
        let asset = self.assets[self.asset_names.find(credit_asset)?];
        if let Some(most) = &limits.unexecuted_max {
            self.put(id, limit(LimitKind::ClientUnexecuted, amount(most, &asset)?));
        }
        if let Some(rate) = &limits.rate {
            self.put(id, windowed(LimitKind::ClientRate, rate)?);
        }
        if let Some(window_ms) = &limits.duplicate_ms {
            let window_ns = ms_to_ns(window_ms)?;
            let none_like_it = limit(LimitKind::DuplicateWindow, Amount::ZERO);
            self.put(
                id,
                LimitSet {
                    window_ns,
                    ..none_like_it
                },
            );
        }
        if let Some(ratio) = &limits.order_to_trade {
            self.put(id, windowed(LimitKind::OrderToTrade, ratio)?);
        }
        if let Some(most) = &limits.open_orders_max {
            let most = Amount::new((*most.get_ref()).into());
            self.put(id, limit(LimitKind::ClientOpenOrders, most));
        }
        Ok(())
    }

    /// The limits of assets and of the desk, and the restricted list.
    pub(super) fn desk_limits(&mut self, file: &File) -> Resolved<()> {
        let mut limited = Names::of("table of limits");
        for section in &file.asset_limits {
            let id = self.asset_names.find(&section.asset)?;
            limited.add(section.asset.get_ref(), &section.asset)?;
            let asset = self.assets[id];
            for (kind, most) in [
                (LimitKind::AssetUnexecuted, &section.unexecuted_max),
                (LimitKind::GrossExposure, &section.gross_max),
                (LimitKind::NetExposure, &section.net_max),
            ] {
                if let Some(most) = most {
                    self.put(id, limit(kind, amount(most, &asset)?));
                }
            }
            let kinds = [LimitKind::AssetLoss, LimitKind::AssetDrawdown];
            self.losses(id, kinds, [&section.loss, &section.drawdown], &asset)?;
        }
        for section in &file.venue {
            if let Some(rate) = &section.order_rate {
                let id = self.venue_names.find(&section.name)?;
                self.put(id, windowed(LimitKind::VenueRate, rate)?);
            }
        }
        if let Some(rate) = file.desk.as_ref().and_then(|desk| desk.session_rate.as_ref()) {
            self.put(0, windowed(LimitKind::SessionRate, rate)?);
        }
        for pair in &file.restricted {
            let client = self.client_names.find(&pair.client)?;
            let instrument = self.instrument_names.find(&pair.instrument)?;
            let instrument = InstrumentId(instrument as u32);
            let forbid = limit(LimitKind::Permitted, Amount::ZERO);
            self.put(client, LimitSet { instrument, ..forbid });
        }
        Ok(())
    }
}
