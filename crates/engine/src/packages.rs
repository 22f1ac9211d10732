//! Packages: requests with legs, which are priced and judged together, and quoted at one price.
//!
//! Each leg is priced by the desk's pricer from its own books, for all of its quantity. What a package is quoted at is the sum of what
//! its legs are: so it is never better for the client than they are one by one. [`taking`] has what becomes of a quote that is taken.

use pinrail_oms::{Leg, OpenQuote, Package, RequestHash, Slot};
use pinrail_pricing::{Pricer, Prices};
use pinrail_risk::{Ask, Quoted};
use pinrail_types::record::{
    LEGS_MAX, MultilegQuote, MultilegQuoteLeg, MultilegQuoteReject, MultilegQuoteRequest, NO_LEG, PACKAGE,
    QuoteRequest, QuoteType, TWO_SIDED,
};
use pinrail_types::{Amount, AssetId, OutId, Px, Qty, Reason, Side};

use crate::explain::Explained;
use crate::out::Out;
use crate::rfq::{Asked, check_sides, life_us};
use crate::state::Engine;

mod taking;

pub(crate) use taking::{BEHIND_LINES, FILL_LINES};

/// What is refused: the number of a leg or [`NO_LEG`], and why.
type Refused = (u8, Reason);

/// The package as a whole is refused.
fn whole(reason: Reason) -> Refused {
    (NO_LEG, reason)
}

/// What a client asks for that can be said without knowing any instrument.
#[derive(Clone, Copy)]
struct Wanted {
    side: Option<Side>,
    /// Without prices.
    legs: [Leg; LEGS_MAX],
    ratios: [Qty; LEGS_MAX],
    len: usize,
}

impl Wanted {
    fn of(request: &MultilegQuoteRequest) -> Result<Wanted, Refused> {
        let side = match request.side {
            TWO_SIDED => None,
            side => Some(Side::from_fix(side).ok_or(whole(Reason::BadSide))?),
        };
        let len = usize::from(request.legs);
        if !(2..=LEGS_MAX).contains(&len) {
            return Err(whole(Reason::LegCount));
        }
        if !request.units.is_orderable() {
            return Err(whole(Reason::LegRatio));
        }
        let mut wanted = Wanted {
            side,
            legs: [Leg::NONE; LEGS_MAX],
            ratios: [Qty::ZERO; LEGS_MAX],
            len,
        };
        for (at, (instrument, side, ratio)) in request.places().into_iter().take(len).enumerate() {
            let refused = |reason| (at as u8, reason);
            let side = Side::from_fix(side).ok_or(refused(Reason::BadSide))?;
            if !ratio.is_orderable() {
                return Err(refused(Reason::LegRatio));
            }
            if wanted.legs[..at].iter().any(|leg| leg.instrument == instrument) {
                return Err(refused(Reason::LegRepeated));
            }
            let qty = ratio.0.checked_mul(request.units.0).map(Qty);
            let qty = qty.filter(|qty| qty.is_orderable());
            wanted.legs[at] = Leg {
                instrument,
                side,
                qty: qty.ok_or(refused(Reason::QtyUnrepresentable))?,
                ..Leg::NONE
            };
            wanted.ratios[at] = ratio;
        }
        Ok(wanted)
    }

    fn legs(&self) -> &[Leg] {
        &self.legs[..self.len]
    }
}

/// What the same client would ask for in one instrument.
fn alone(request: &MultilegQuoteRequest, leg: &Leg) -> QuoteRequest {
    QuoteRequest {
        quote_req_id: request.quote_req_id,
        client: request.client,
        instrument: leg.instrument,
        qty: leg.qty,
        session: request.session,
        valid_until: request.valid_until,
        quote_type: request.quote_type,
        ..bytemuck::Zeroable::zeroed()
    }
}

fn refusal(request: &MultilegQuoteRequest, (leg, reason): Refused) -> MultilegQuoteReject {
    let place = request.places().get(usize::from(leg)).copied();
    MultilegQuoteReject {
        quote_req_id: request.quote_req_id,
        client: request.client,
        instrument: place.map_or(PACKAGE, |(instrument, _, _)| instrument),
        units: request.units,
        reason: reason.code(),
        session: request.session,
        side: request.side,
        leg,
        ..bytemuck::Zeroable::zeroed()
    }
}

impl<P: Pricer> Engine<P> {
    /// Answers a request for a package with a quote or a reject: exactly one of them.
    #[inline(never)]
    pub(crate) fn on_multileg_request(&mut self, request: &MultilegQuoteRequest, out: &mut Out) {
        if let Err(refused) = self.quote_package(request, out) {
            out.push(refusal(request, refused));
        }
    }

    fn quote_package(&mut self, request: &MultilegQuoteRequest, out: &mut Out) -> Result<(), Refused> {
        let now = out.now();
        self.risk
            .admit_message(request.session, request.client, now)
            .map_err(whole)?;
        let wanted = Wanted::of(request)?;
        let asked = self.ask_legs(request, &wanted, now)?;
        let asset = self.shared_asset(&wanted)?;
        self.check_package(request, &asked[..wanted.len])?;
        let prices = self.price_legs(&asked[..wanted.len], now)?;
        let mut package = Package::new(request.client, asset, wanted.legs());
        self.put_prices(&mut package, &prices[..wanted.len], &wanted.ratios, request.units)
            .map_err(whole)?;
        self.reserve_package(&mut package, &asked[..wanted.len], &prices, request, now)?;
        self.open_package(request, &wanted, &asked, &prices, &package, out);
        Ok(())
    }

    /// What is asked for of each leg, checked as far as that needs no price; places behind the last leg repeat it. All are good for
    /// as long as the one that is good for the least.
    fn ask_legs(
        &self,
        request: &MultilegQuoteRequest,
        wanted: &Wanted,
        now: u64,
    ) -> Result<[Asked; LEGS_MAX], Refused> {
        let ask_leg = |at: usize| {
            let leg = &wanted.legs[at];
            let ask = Ask {
                client: request.client,
                instrument: leg.instrument,
                side: wanted.side.map(|side| leg.side_of(side)),
                qty: leg.qty,
            };
            let terms = self.risk.check_ask(&ask);
            self.asked(&alone(request, leg), &ask, terms, now)
                .map_err(|reason| (at as u8, reason))
        };
        let mut asked = [ask_leg(0)?; LEGS_MAX];
        for at in 1..LEGS_MAX {
            asked[at] = if at < wanted.len {
                ask_leg(at)?
            } else {
                asked[wanted.len - 1]
            };
        }
        let until = asked.iter().map(|asked| asked.valid_until).min();
        for asked in &mut asked {
            asked.valid_until = until.unwrap_or(now);
        }
        Ok(asked)
    }

    /// The asset that all legs are quoted in.
    fn shared_asset(&self, wanted: &Wanted) -> Result<AssetId, Refused> {
        let asset_of = |leg: &Leg| {
            let traded = self.traded[leg.instrument.index()].as_ref();
            traded.expect("it was asked for").meta.quote
        };
        let asset = asset_of(&wanted.legs[0]);
        match wanted.legs().iter().position(|leg| asset_of(leg) != asset) {
            Some(at) => Err((at as u8, Reason::LegQuoteAsset)),
            None => Ok(asset),
        }
    }

    /// What else is checked before there are prices.
    fn check_package(&self, request: &MultilegQuoteRequest, asked: &[Asked]) -> Result<(), Refused> {
        let is_type = request.quote_type == 0 || QuoteType::from_byte(request.quote_type).is_some();
        if !is_type || request.quote_req_id.is_empty() {
            return Err(whole(Reason::BadField));
        }
        if self.recalls.is_gone(request.session) {
            return Err(whole(Reason::SessionGone));
        }
        let hash = RequestHash::of(request.client, &request.quote_req_id);
        if self.has_request(hash, &alone(request, &Leg::NONE)) {
            return Err(whole(Reason::DuplicateQuoteReqId));
        }
        if let Some(at) = asked.iter().position(|asked| asked.is_manual) {
            return Err((at as u8, Reason::LegDealerOnly));
        }
        if self.quotes.is_full() {
            return Err(whole(Reason::OpenQuotesFull));
        }
        if self.packages.is_full() {
            return Err(whole(Reason::PackagesFull));
        }
        Ok(())
    }

    /// Prices each leg, all of it.
    fn price_legs(&mut self, asked: &[Asked], now: u64) -> Result<[Option<Prices>; LEGS_MAX], Refused> {
        let mut prices = [const { None }; LEGS_MAX];
        for (at, (asked, priced)) in asked.iter().zip(&mut prices).enumerate() {
            *priced = Some(self.price_leg(asked, now).map_err(|reason| (at as u8, reason))?);
        }
        Ok(prices)
    }

    fn price_leg(&mut self, asked: &Asked, now: u64) -> Result<Prices, Reason> {
        let prices = self.price(asked, now)?;
        check_sides(asked.ask.side, &prices)?;
        if prices.qty != asked.ask.qty {
            return Err(Reason::LegPartial);
        }
        Ok(prices)
    }

    /// Takes the prices of the legs, and sums them to what a unit costs.
    ///
    /// Nothing is rounded here: each leg's price was, away from the client, by the pricer, and whole ticks of whole lots are whole
    /// units of the asset. So the price of the package times its units is to the last unit what its legs are worth.
    fn put_prices(
        &self,
        package: &mut Package,
        prices: &[Option<Prices>],
        ratios: &[Qty; LEGS_MAX],
        units: Qty,
    ) -> Result<(), Reason> {
        let (mut legs, len) = ([Leg::NONE; LEGS_MAX], prices.len());
        let (mut bid, mut offer) = (0_i128, 0_i128);
        for (at, (leg, prices)) in package.legs().iter().zip(prices).enumerate() {
            let prices = prices.as_ref().expect("every leg was priced");
            let traded = self.traded[leg.instrument.index()].as_ref();
            let meta = &traded.expect("it was priced").meta;
            legs[at] = Leg {
                bid_px: prices.bid_px,
                offer_px: prices.offer_px,
                ..*leg
            };
            for (side, sum) in [(Side::Sell, &mut bid), (Side::Buy, &mut offer)] {
                let px = legs[at].px(side);
                if px == Px::NONE {
                    continue;
                }
                let worth = meta.notional(px, ratios[at]).ok_or(Reason::Overflow)?.get();
                let signed = worth
                    .checked_mul(leg.side.sign().into())
                    .ok_or(Reason::Overflow)?;
                *sum = sum.checked_add(signed).ok_or(Reason::Overflow)?;
            }
        }
        for price in [bid, offer] {
            price.checked_mul(units.0.into()).ok_or(Reason::Overflow)?;
        }
        *package = Package::new(package.client, package.asset, &legs[..len]);
        (package.bid, package.offer) = (Amount::new(bid), Amount::new(offer));
        Ok(())
    }

    /// Judges all legs and reserves what they could cost, or nothing.
    fn reserve_package(
        &mut self,
        package: &mut Package,
        asked: &[Asked],
        prices: &[Option<Prices>; LEGS_MAX],
        request: &MultilegQuoteRequest,
        now: u64,
    ) -> Result<(), Refused> {
        let judge = |at: usize| {
            let at = at.min(asked.len() - 1);
            let (ask, prices) = (asked[at].ask, prices[at].as_ref().expect("every leg was priced"));
            let mids = self.mids(ask.instrument, prices.ref_px, now);
            let quoted = Quoted {
                bid_px: prices.bid_px,
                offer_px: prices.offer_px,
                ref_px: prices.ref_px,
                mids: mids.map_err(|reason| (at as u8, reason))?,
            };
            Ok((ask, quoted))
        };
        let judged = [judge(0)?, judge(1)?, judge(2)?, judge(3)?];
        let judged = &judged[..asked.len()];
        let mut held = [Amount::ZERO; LEGS_MAX];
        self.risk
            .reserve_legs(judged, &mut held, now)
            .map_err(|(at, reason)| (at as u8, reason))?;
        package.hold(&held);
        if request.quote_type == QuoteType::Indicative.byte() {
            // Nothing stays reserved for a price to look at.
            self.release_legs(package);
            package.hold(&[Amount::ZERO; LEGS_MAX]);
        }
        Ok(())
    }

    /// Releases what the legs of a package reserved, once, when it ends.
    fn release_legs(&mut self, package: &Package) {
        for leg in package.legs() {
            let ask = Ask {
                client: package.client,
                instrument: leg.instrument,
                side: None,
                qty: leg.qty,
            };
            self.risk.release(&ask, leg.bid_px, leg.offer_px, leg.credit);
        }
    }

    /// Gives up the package of a quote that ended without a fill.
    #[cold]
    pub(crate) fn end_package(&mut self, quote: &OpenQuote, slot: Slot) {
        let package = self.packages.end(slot);
        if !quote.is_indicative {
            self.release_legs(&package);
        }
    }

    /// Opens the quote of a package for which everything was reserved.
    fn open_package(
        &mut self,
        request: &MultilegQuoteRequest,
        wanted: &Wanted,
        asked: &[Asked; LEGS_MAX],
        prices: &[Option<Prices>; LEGS_MAX],
        package: &Package,
        out: &mut Out,
    ) {
        let quote_id = self.quotes.next_id(out.next_id());
        let valid_until = asked[0].valid_until;
        let quote = OpenQuote {
            quote_id,
            quote_req_id: request.quote_req_id,
            client: request.client,
            instrument: PACKAGE,
            bid_px: Px::NONE,
            offer_px: Px::NONE,
            qty: request.units,
            min_qty: request.units,
            valid_until,
            credit: Amount::ZERO,
            session: request.session,
            is_indicative: request.quote_type == QuoteType::Indicative.byte(),
            by_dealer: false,
            life_us: life_us(valid_until - out.now()),
        };
        let hash = RequestHash::of(request.client, &request.quote_req_id);
        let slot = self.quotes.open(&quote, hash);
        self.packages.open(slot, package);
        out.push(MultilegQuote {
            quote_req_id: request.quote_req_id,
            quote_id,
            client: request.client,
            asset: package.asset,
            units: request.units,
            bid_amt: package.bid,
            offer_amt: package.offer,
            valid_until,
            session: request.session,
            side: request.side,
            quote_type: request.quote_type,
            legs: request.legs,
            ..bytemuck::Zeroable::zeroed()
        });
        for (at, (leg, prices)) in package.legs().iter().zip(prices).enumerate() {
            let prices = prices.as_ref().expect("every leg was priced");
            out.push(self.quoted_leg(quote_id, at, leg, wanted.ratios[at], prices));
        }
        for (asked, prices) in asked.iter().zip(prices).take(wanted.len) {
            let prices = prices.as_ref().expect("every leg was priced");
            let life_ns = asked.valid_until - out.now();
            self.explain_as(&Explained::of(quote_id, asked, prices, life_ns), out);
        }
    }

    fn quoted_leg(
        &self,
        quote_id: OutId,
        at: usize,
        leg: &Leg,
        ratio_qty: Qty,
        prices: &Prices,
    ) -> MultilegQuoteLeg {
        let traded = self.traded[leg.instrument.index()].as_ref();
        MultilegQuoteLeg {
            quote_id,
            instrument: leg.instrument,
            leg: at as u8,
            side: leg.side.fix(),
            venues: prices.venue_mask.count_ones() as u8,
            qty: leg.qty,
            ratio_qty,
            bid_px: leg.bid_px,
            offer_px: leg.offer_px,
            hedge_bid_px: prices.hedge_bid_px,
            hedge_offer_px: prices.hedge_offer_px,
            ref_px: prices.ref_px,
            half_spread_e8: prices.half_spread_e8,
            book_seq: traded.expect("it was priced").book_seq,
            ..bytemuck::Zeroable::zeroed()
        }
    }
}
