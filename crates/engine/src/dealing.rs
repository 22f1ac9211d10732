//! Requests that wait for a dealer: which do, and what becomes of them.

use pinrail_oms::life::{RfqEvent, RfqState};
use pinrail_oms::{Deal, DealSlot};
use pinrail_pricing::{Adjustments, Pricer, Prices};
use pinrail_risk::Ask;
use pinrail_types::record::{DealerBasis, DealerPass, DealerQuote, DealerRequest, DealingRule, QuoteRequest};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, OutId, Px, Qty, Reason, Text};

use crate::out::Out;
use crate::rfq::{ask_of, refusal};
use crate::state::Engine;

/// Longest time that a request waits, and that a dealer's quote is good for: an hour.
const WAIT_NS_MAX: u64 = 3_600_000_000_000;
/// Requests that one input ends at most.
pub(crate) const ENDS_PER_INPUT: usize = 8;

/// Where a request is that waits.
const MANUAL: RfqState = RfqState::Received.after(RfqEvent::Refer);

/// Which requests for an instrument wait for a dealer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dealing {
    /// Any may.
    pub(crate) is_on: bool,
    tiers: u16,
    auto_lots_max: i64,
    timeout_ns: u64,
}

impl Dealing {
    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let mut tiers = self.tiers;
        visitor.u16(&mut tiers)?;
        visitor.signed(&mut self.auto_lots_max)?;
        visitor.word(&mut self.timeout_ns)?;
        self.tiers = tiers;
        self.is_on = self.tiers != 0 || self.auto_lots_max != 0;
        Ok(())
    }

    fn excludes(&self, tier: u8, qty: Qty) -> bool {
        (self.auto_lots_max != 0 && qty.0 > self.auto_lots_max) || self.tiers >> tier & 1 == 1
    }
}

impl<P: Pricer> Engine<P> {
    pub(crate) fn on_dealing_rule(&mut self, rule: &DealingRule) -> Result<(), Reason> {
        let traded = self
            .traded
            .get_mut(rule.instrument.index())
            .and_then(Option::as_mut);
        let traded = traded.ok_or(Reason::UnknownInstrument)?;
        if rule.auto_lots_max.0 < 0 || !(1..=WAIT_NS_MAX).contains(&rule.timeout_ns) {
            return Err(Reason::BadField);
        }
        if rule.actor.is_empty() {
            return Err(Reason::ActorMissing);
        }
        traded.dealing = Dealing {
            is_on: rule.tiers != 0 || rule.auto_lots_max != Qty::ZERO,
            tiers: rule.tiers,
            auto_lots_max: rule.auto_lots_max.0,
            timeout_ns: rule.timeout_ns,
        };
        Ok(())
    }

    /// Hands a request to the dealers.
    #[cold]
    pub(crate) fn refer(&mut self, request: &QuoteRequest, out: &mut Out) -> Result<OutId, Reason> {
        if !matches!(request.subscription, 0 | b'0') {
            return Err(Reason::DealerOnly);
        }
        if self.deals.is_full() {
            return Err(Reason::DealingFull);
        }
        let traded = self.traded[request.instrument.index()].as_ref();
        let timeout_ns = traded.map_or(0, |traded| traded.dealing.timeout_ns);
        let request_id = out.next_id();
        let wanted = match request.valid_until {
            0 => u64::MAX,
            valid_until => valid_until,
        };
        let ends_at = wanted.min(out.now().saturating_add(timeout_ns));
        self.deals.add(&Deal {
            request: QuoteRequest {
                header: bytemuck::Zeroable::zeroed(),
                ..*request
            },
            request_id,
            asked_at: out.now(),
            ends_at,
        });
        out.push(DealerRequest {
            request_id,
            quote_req_id: request.quote_req_id,
            client: request.client,
            instrument: request.instrument,
            qty: request.qty,
            min_qty: request.min_qty,
            valid_until: ends_at,
            session: request.session,
            side: request.side,
            quote_type: request.quote_type,
            tier: self.tiers[request.client.index()],
            ..bytemuck::Zeroable::zeroed()
        });
        Ok(OutId::NONE)
    }

    /// A dealer's price goes out if risk allows it; else the request goes on waiting.
    pub(crate) fn on_dealer_quote(&mut self, given: &DealerQuote, out: &mut Out) -> Result<(), Reason> {
        let now = out.now();
        if given.actor.is_empty() {
            return Err(Reason::ActorMissing);
        }
        let (slot, deal) = self
            .deals
            .find(given.request_id)
            .ok_or(Reason::UnknownDealerRequest)?;
        let deal = *deal;
        if deal.ends_at <= now {
            return Err(Reason::DealerTimeout);
        }
        if let Some(reason) = self.must_end(&deal) {
            return Err(reason);
        }
        if given.valid_ns > WAIT_NS_MAX {
            return Err(Reason::BadField);
        }
        if self.quotes.is_full() {
            return Err(Reason::OpenQuotesFull);
        }
        let ask = ask_of(&deal.request).ok_or(Reason::BadSide)?;
        let (px_step, quote_ttl_ns) = self.risk.check_ask(&ask)?;
        let life_ns = match given.valid_ns {
            0 => quote_ttl_ns,
            valid_ns => valid_ns,
        };
        let asked = self.asked(&deal.request, &ask, Ok((px_step, life_ns)), now)?;
        let traded = self.traded[ask.instrument.index()].as_ref();
        let traded = traded.ok_or(Reason::UnknownInstrument)?;
        let prices = Prices {
            bid_px: given.bid_px,
            offer_px: given.offer_px,
            qty: ask.qty,
            hedge_bid_px: Px::NONE,
            hedge_offer_px: Px::NONE,
            ref_px: traded.venues.view(now)?.top()?.mid(),
            half_spread_e8: 0,
            adjustments: Adjustments::default(),
            venue_mask: 0,
        };
        Self::check_cash(&deal.request, &traded.meta, &prices)?;
        let credit = self.reserve(&asked, &prices, now)?;
        let deal = self.deals.remove(slot);
        let quote_id = self.open_for(&deal.request, &asked, &prices, credit, true, out);
        // What made the price is in nobody's model.
        self.to_explain = None;
        out.push(DealerBasis {
            quote_id,
            request_id: deal.request_id,
            actor: given.actor,
            waited_ns: now - deal.asked_at,
            ..bytemuck::Zeroable::zeroed()
        });
        Ok(())
    }

    /// A dealer does not quote.
    pub(crate) fn on_dealer_pass(&mut self, pass: &DealerPass, out: &mut Out) -> Result<(), Reason> {
        if pass.actor.is_empty() {
            return Err(Reason::ActorMissing);
        }
        let reason = match Reason::from_code(pass.reason).ok_or(Reason::BadField)? {
            Reason::None => Reason::DealerPassed,
            reason => reason,
        };
        let (slot, _) = self
            .deals
            .find(pass.request_id)
            .ok_or(Reason::UnknownDealerRequest)?;
        self.end_deal(slot, RfqEvent::Refuse, reason, out);
        Ok(())
    }

    /// Takes back a request that waits; false if the client has none under this id.
    pub(crate) fn cancel_deal(&mut self, client: ClientId, quote_req_id: &Text<24>, out: &mut Out) -> bool {
        let found = self.deals.find_request(client, quote_req_id);
        if let Some(slot) = found {
            self.end_deal(slot, RfqEvent::Cancel, Reason::CancelRequested, out);
        }
        found.is_some()
    }

    /// Ends requests that no dealer answered in time.
    #[cold]
    pub(crate) fn expire_deals(&mut self, out: &mut Out) {
        for _ in 0..ENDS_PER_INPUT {
            let Some(slot) = self.deals.due(out.now()) else {
                return;
            };
            self.end_deal(slot, RfqEvent::Expire, Reason::DealerTimeout, out);
        }
    }

    /// Ends some requests that trading states forbid or that were recalled; true if there may be more.
    pub(crate) fn withdraw_deals(&mut self, out: &mut Out) -> bool {
        for _ in 0..ENDS_PER_INPUT {
            let found = self
                .deals
                .iter()
                .find_map(|(slot, deal)| Some((slot, self.must_end(deal)?)));
            let Some((slot, reason)) = found else {
                return false;
            };
            self.end_deal(slot, RfqEvent::Cancel, reason, out);
        }
        true
    }

    fn must_end(&self, deal: &Deal) -> Option<Reason> {
        let request = &deal.request;
        if deal.request_id.epoch != self.epoch || self.forbids_request(request) {
            return Some(Reason::Withdrawn);
        }
        let since = deal.request_id.seq;
        self.recalls.reason(request.session, request.client, since)
    }

    /// Whether trading states allow it no longer: what reduces may still be quoted where only that may.
    fn forbids_request(&self, request: &QuoteRequest) -> bool {
        if self.risk.states.is_free(request.instrument, request.client) {
            return false;
        }
        let reduces = ask_of(request).is_some_and(|ask| self.risk.check_ask(&ask).is_ok());
        !reduces
    }

    fn end_deal(&mut self, slot: DealSlot, event: RfqEvent, reason: Reason, out: &mut Out) {
        let step = MANUAL.step(event).expect("a step from where it waits");
        assert!(
            step.why.allows(reason),
            "a step has the reason that its table says"
        );
        let request = self.deals.remove(slot).request;
        out.push(refusal(&request, reason));
    }

    /// Whether a dealer has to quote what was asked for.
    #[cold]
    pub(crate) fn is_manual(&self, ask: &Ask, dealing: &Dealing) -> bool {
        let tier = self.tiers.get(ask.client.index());
        tier.is_some_and(|tier| dealing.excludes(*tier, ask.qty))
    }
}
