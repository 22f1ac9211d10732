//! Venues: their books, and what they truly and untruly say of the desk's orders.

use bytemuck::Zeroable;
use pinrail_engine::Out;
use pinrail_types::record::{
    BookLevel, BookUpdate, CxlRejResponseTo, ExecType, OrdStatus, TimeInForce, VenueBalance, VenueOrder,
    VenueOrderCancel, VenueOrderReplace, VenueReport, VenueStatus, VenueStatusKind,
};
use pinrail_types::{Amount, AssetId, Flags, Frame, InstrumentId, OutId, Px, Qty, Text, VenueId};

use crate::random::Random;

pub(crate) const VENUES: usize = 2;
pub(crate) const INSTRUMENTS: usize = 2;

/// Reports that may come once more.
const REMEMBERED: usize = 32;

/// An order as its venue has it.
#[derive(Clone, Copy, Debug)]
struct Held {
    order: VenueOrder,
    cum: i64,
    leaves: i64,
    /// What it was asked to put in its place.
    replacement: Option<VenueOrderReplace>,
    is_new: bool,
    is_canceling: bool,
}

impl Held {
    /// In the place of an order that has ended, as its last fill left it.
    fn of_none(fill: &VenueReport) -> Held {
        Held {
            order: VenueOrder {
                order_id: fill.order_id,
                instrument: fill.instrument,
                venue: fill.venue,
                side: fill.side,
                ..Zeroable::zeroed()
            },
            cum: fill.cum_qty.0,
            leaves: 0,
            replacement: None,
            is_new: false,
            is_canceling: false,
        }
    }
}

fn remember<T>(list: &mut Vec<T>, item: T) {
    if list.len() == REMEMBERED {
        list.remove(0);
    }
    list.push(item);
}

pub(crate) struct Venues {
    /// By instrument.
    pub(crate) mids: [i64; INSTRUMENTS],
    /// By venue and instrument.
    ids: [[u64; INSTRUMENTS]; VENUES],
    held: Vec<Held>,
    ended: Vec<Held>,
    said: Vec<VenueReport>,
    /// Fills, as they were corrected.
    fills: Vec<VenueReport>,
    number: u64,
}

impl Venues {
    pub(crate) fn new() -> Venues {
        Venues {
            mids: [10_000, 9_000],
            ids: [[100; INSTRUMENTS]; VENUES],
            held: Vec::new(),
            ended: Vec::new(),
            said: Vec::new(),
            fills: Vec::new(),
            number: 0,
        }
    }

    /// What they are sent.
    pub(crate) fn hear(&mut self, out: &Out) {
        self.held.extend(out.find::<VenueOrder>().map(|order| Held {
            order,
            cum: 0,
            leaves: order.qty.0,
            replacement: None,
            is_new: true,
            is_canceling: false,
        }));
        for replace in out.find::<VenueOrderReplace>() {
            let mut held = self.held.iter_mut();
            if let Some(held) = held.find(|held| held.order.order_id == replace.order_id) {
                held.replacement = Some(replace);
            }
        }
        for cancel in out.find::<VenueOrderCancel>() {
            let held = self
                .held
                .iter_mut()
                .find(|held| held.order.order_id == cancel.order_id);
            if let Some(held) = held {
                held.is_canceling = true;
            }
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.held.is_empty()
    }

    /// The whole book of an instrument at a venue, as of now.
    pub(crate) fn book(&mut self, random: &mut Random, venue: usize, instrument: usize, now: u64) -> Frame {
        self.mids[instrument] += random.between(-4, 4);
        // Far away it comes back.
        self.mids[instrument] += (10_000 - self.mids[instrument]) / 500;
        let mid = self.mids[instrument] + venue as i64;
        let half = random.between(1, 6);
        let mut update = self.update(venue, instrument, now);
        (update.bids, update.asks) = (3, 3);
        for level in 0..3 {
            for (place, px) in [
                (level, mid - half - 3 * level as i64),
                (3 + level, mid + half + 3 * level as i64),
            ] {
                update.levels[place] = BookLevel {
                    px: Px(px),
                    qty: Qty(random.between(20, 400)),
                };
            }
        }
        framed(&update, Flags::FIRST.with(Flags::LAST).with(Flags::SNAPSHOT))
    }

    fn update(&mut self, venue: usize, instrument: usize, now: u64) -> BookUpdate {
        let id = &mut self.ids[venue][instrument];
        *id += 1;
        BookUpdate {
            venue: VenueId(venue as u16),
            instrument: InstrumentId(instrument as u32),
            ts_recv: now,
            first_id: *id,
            last_id: *id,
            ..Zeroable::zeroed()
        }
    }

    /// What a feed brings next: mostly a book, else a change of it, one behind a gap, or a word on the connection.
    pub(crate) fn feed(&mut self, random: &mut Random, now: u64) -> Frame {
        let (venue, instrument) = (
            random.below(VENUES as u64) as usize,
            random.below(INSTRUMENTS as u64) as usize,
        );
        match random.below(40) {
            0 => {
                let is_all = random.once_in(2);
                let kind = [
                    VenueStatusKind::Connected,
                    VenueStatusKind::Disconnected,
                    VenueStatusKind::Gap,
                ];
                Frame::of(&VenueStatus {
                    venue: VenueId(venue as u16),
                    instrument: if is_all {
                        VenueStatus::ALL
                    } else {
                        InstrumentId(instrument as u32)
                    },
                    kind: kind[random.below(3) as usize].byte(),
                    ts_recv: now,
                    ..Zeroable::zeroed()
                })
            }
            1..=15 => {
                if random.once_in(20) {
                    self.ids[venue][instrument] += 1;
                }
                let mut update = self.update(venue, instrument, now);
                let is_bid = random.once_in(2);
                let nearest = if random.once_in(30) { -3 } else { 3 };
                let away = random.between(nearest, 12);
                let mid = self.mids[instrument] + venue as i64;
                (update.bids, update.asks) = (u8::from(is_bid), u8::from(!is_bid));
                update.levels[0] = BookLevel {
                    px: Px(if is_bid { mid - away } else { mid + away }),
                    qty: Qty(random.between(0, 300)),
                };
                framed(&update, Flags::FIRST.with(Flags::LAST))
            }
            _ => self.book(random, venue, instrument, now),
        }
    }

    pub(crate) fn balance(random: &mut Random, now: u64) -> Frame {
        let scale = if random.once_in(6) { 20 } else { 80 };
        Frame::of(&VenueBalance {
            asset: AssetId(random.below(2) as u32),
            venue: VenueId(random.below(VENUES as u64) as u16),
            balance: Amount::new(1 << scale),
            ts_recv: now,
            ..Zeroable::zeroed()
        })
    }

    /// What a venue says of an order, now and then not what is true.
    pub(crate) fn report(&mut self, random: &mut Random, now: u64) -> Option<Frame> {
        if random.once_in(15)
            && let Some(again) = random.pick_late(&self.said)
        {
            return Some(Frame::of(&again));
        }
        if random.once_in(20)
            && let Some(report) = self.take_back(random, now)
        {
            return Some(Frame::of(&report));
        }
        let lies = random.once_in(40);
        let pool = if lies && random.once_in(2) {
            &self.ended
        } else {
            &self.held
        };
        let at = random.below(pool.len().max(1) as u64) as usize;
        let held = *pool.get(at)?;
        let told = self.truth(random, &held, now);
        let mut report = told.unwrap_or_else(|| self.blank(&held, now));
        if lies {
            Self::lie(random, &mut report);
        } else {
            self.keep(at, &report);
        }
        self.say(&report);
        Some(Frame::of(&report))
    }

    fn say(&mut self, report: &VenueReport) {
        remember(&mut self.said, *report);
        if report.exec_type == ExecType::Trade.byte() {
            remember(&mut self.fills, *report);
        }
    }

    /// A fill is taken back, or was another one. What is left of its order may be filled again.
    fn take_back(&mut self, random: &mut Random, now: u64) -> Option<VenueReport> {
        let fill = random.pick_late(&self.fills)?;
        let at = self
            .held
            .iter()
            .position(|held| held.order.order_id == fill.order_id);
        let mut held = at.map_or(Held::of_none(&fill), |at| self.held[at]);
        let was = fill.last_qty.0;
        let is_bust = random.once_in(2);
        let now_qty = if is_bust {
            0
        } else {
            random.between(1, was + held.leaves.min(3))
        };
        // A venue that has it cancelled by then leaves it at that.
        let is_open_again = held.replacement.is_some() || at.is_some() && random.once_in(2);
        held.cum += now_qty - was;
        if now_qty > was || is_open_again {
            held.leaves += was - now_qty;
        }
        let sign = if fill.side == b'1' { -1 } else { 1 };
        let mut report = VenueReport {
            exec_type: if is_bust {
                ExecType::TradeCancel
            } else {
                ExecType::TradeCorrect
            }
            .byte(),
            order_id: fill.order_id,
            exec_ref_id: fill.exec_id,
            last_px: Px(fill.last_px.0 + if is_bust { 0 } else { sign * random.between(0, 2) }),
            last_qty: Qty(if is_bust { was } else { now_qty }),
            fee: Amount::new(i128::from(random.between(-50, 500))),
            fee_asset: fill.fee_asset,
            ord_status: OrdStatus::PartiallyFilled.byte(),
            ..self.blank(&held, now)
        };
        match random.below(30) {
            0 => report.exec_ref_id = Text::new("never").unwrap(),
            1 => report.side = b'1' + b'2' - report.side,
            2 => report.leaves_qty.0 += random.between(1, 20),
            3 => report.last_qty.0 += random.between(1, 50),
            _ => {
                if let Some(at) = at {
                    self.held[at] = held;
                    self.drop_if_over(at);
                }
                self.fills
                    .retain(|known| known.exec_id != fill.exec_id || random.once_in(10));
                if !is_bust {
                    remember(&mut self.fills, report);
                }
            }
        }
        self.say(&report);
        Some(report)
    }

    fn blank(&mut self, held: &Held, now: u64) -> VenueReport {
        self.number += 1;
        let order = &held.order;
        VenueReport {
            order_id: order.order_id,
            exec_id: Text::new(&format!("{}-{}", order.venue.0, self.number)).unwrap(),
            instrument: order.instrument,
            venue: order.venue,
            side: order.side,
            exec_type: ExecType::New.byte(),
            ord_status: OrdStatus::New.byte(),
            leaves_qty: Qty(held.leaves),
            cum_qty: Qty(held.cum),
            fee_asset: AssetId(1),
            ts_recv: now,
            ..Zeroable::zeroed()
        }
    }

    fn truth(&mut self, random: &mut Random, held: &Held, now: u64) -> Option<VenueReport> {
        let blank = self.blank(held, now);
        let ended = |exec_type: ExecType, status: OrdStatus| VenueReport {
            exec_type: exec_type.byte(),
            ord_status: status.byte(),
            leaves_qty: Qty::ZERO,
            ..blank
        };
        if let Some(replace) = held.replacement
            && (held.leaves == 0 || random.once_in(3))
        {
            return Some(Self::answer(random, held, &replace, blank));
        }
        match random.below(12) {
            0 if held.is_new => Some(ended(ExecType::Rejected, OrdStatus::Rejected)),
            0 | 1 => Some(ended(ExecType::Expired, OrdStatus::Expired)),
            2 | 3 if held.is_canceling => Some(VenueReport {
                exec_type: ExecType::OrderStatus.byte(),
                ..blank
            }),
            2..=5 if held.is_canceling => Some(ended(ExecType::Canceled, OrdStatus::Canceled)),
            2 if held.is_new => Some(blank),
            3..=7 if held.is_new && held.order.time_in_force == TimeInForce::GoodTillCancel.byte() => {
                Some(blank)
            }
            _ if held.leaves > 0 => Some(Self::filled(random, held, blank)),
            _ => None,
        }
    }

    /// What a venue says to a replacement: of an order that is filled there is none.
    fn answer(
        random: &mut Random,
        held: &Held,
        replace: &VenueOrderReplace,
        blank: VenueReport,
    ) -> VenueReport {
        let answer = VenueReport {
            replace_id: replace.replace_id,
            ..blank
        };
        if held.leaves == 0 || random.once_in(3) {
            return VenueReport {
                exec_type: ExecType::OrderStatus.byte(),
                response_to: CxlRejResponseTo::CancelReplaceRequest.byte(),
                ..answer
            };
        }
        VenueReport {
            exec_type: ExecType::Replaced.byte(),
            leaves_qty: Qty((replace.qty.0 - held.cum).max(0)),
            ..answer
        }
    }

    fn filled(random: &mut Random, held: &Held, blank: VenueReport) -> VenueReport {
        let qty = if random.once_in(2) {
            held.leaves
        } else {
            random.between(1, held.leaves)
        };
        let sign = if held.order.side == b'1' { -1 } else { 1 };
        let fee = i128::from(random.between(-50, 500));
        VenueReport {
            exec_type: ExecType::Trade.byte(),
            ord_status: if qty == held.leaves {
                OrdStatus::Filled
            } else {
                OrdStatus::PartiallyFilled
            }
            .byte(),
            last_px: Px(held.order.px.0 + sign * random.between(0, 2)),
            last_qty: Qty(qty),
            leaves_qty: Qty(held.leaves - qty),
            cum_qty: Qty(blank.cum_qty.0 + qty),
            fee: Amount::new(fee),
            fee_asset: AssetId(u32::from(!random.once_in(5))),
            ..blank
        }
    }

    fn lie(random: &mut Random, report: &mut VenueReport) {
        match random.below(9) {
            0 => report.order_id = OutId::NONE,
            8 => report.replace_id.seq += 1,
            1 => report.order_id.seq += 1,
            2 => report.side = b'1' + b'2' - report.side,
            3 => report.instrument.0 = 1 - report.instrument.0,
            4 => report.last_qty.0 += random.between(1, 50),
            5 => report.last_px.0 += random.between(-30, 30),
            6 => report.cum_qty.0 += random.between(1, 20),
            _ => report.venue.0 = 1 - report.venue.0,
        }
    }

    /// What was said is so from now on.
    fn keep(&mut self, at: usize, report: &VenueReport) {
        let held = &mut self.held[at];
        held.is_new = false;
        held.leaves -= report.last_qty.0;
        held.cum += report.last_qty.0;
        if report.replace_id.is_none() {
            held.is_canceling &= report.exec_type != ExecType::OrderStatus.byte();
        } else if let Some(replace) = held.replacement.take()
            && report.exec_type == ExecType::Replaced.byte()
        {
            (held.order.px, held.order.qty) = (replace.px, replace.qty);
            held.leaves = (replace.qty.0 - held.cum).max(0);
        }
        let has_ended = [ExecType::Canceled, ExecType::Rejected, ExecType::Expired].map(ExecType::byte);
        if has_ended.contains(&report.exec_type) {
            (held.leaves, held.replacement) = (0, None);
        }
        self.drop_if_over(at);
    }

    /// What is filled has ended, once the answer is given that is owed.
    fn drop_if_over(&mut self, at: usize) {
        let held = &self.held[at];
        if held.leaves == 0 && held.replacement.is_none() {
            let ended = self.held.swap_remove(at);
            remember(&mut self.ended, ended);
        }
    }

    /// Ends what is left, one after the other, as the venue has it: whatever the desk believes.
    pub(crate) fn end_one(&mut self, now: u64) -> Option<Frame> {
        let held = *self.held.last()?;
        let report = VenueReport {
            exec_type: ExecType::Canceled.byte(),
            ord_status: OrdStatus::Canceled.byte(),
            leaves_qty: Qty::ZERO,
            ..self.blank(&held, now)
        };
        self.held.pop();
        Some(Frame::of(&report))
    }

    /// That a venue does not know an order which the desk believes to be there.
    pub(crate) fn unknown(&mut self, order: &VenueOrder, now: u64) -> Frame {
        let held = Held {
            order: *order,
            cum: 0,
            leaves: 0,
            replacement: None,
            is_new: false,
            is_canceling: false,
        };
        Frame::of(&VenueReport {
            exec_type: ExecType::Rejected.byte(),
            ord_status: OrdStatus::Rejected.byte(),
            leaves_qty: Qty::ZERO,
            cum_qty: Qty::ZERO,
            ..self.blank(&held, now)
        })
    }
}

fn framed(update: &BookUpdate, flags: Flags) -> Frame {
    let mut frame = Frame::of(update);
    frame.header_mut().commit = update.commit_for(flags).pack();
    frame
}
