//! Venues: their books, and what they truly and untruly say of the desk's orders.

use bytemuck::Zeroable;
use pinrail_engine::Out;
use pinrail_types::record::{
    BookLevel, BookUpdate, ExecType, OrdStatus, VenueBalance, VenueOrder, VenueOrderCancel, VenueReport,
    VenueStatus, VenueStatusKind,
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
    leaves: i64,
    is_new: bool,
    is_canceling: bool,
}

pub(crate) struct Venues {
    /// By instrument.
    pub(crate) mids: [i64; INSTRUMENTS],
    /// By venue and instrument.
    ids: [[u64; INSTRUMENTS]; VENUES],
    held: Vec<Held>,
    ended: Vec<Held>,
    said: Vec<VenueReport>,
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
            number: 0,
        }
    }

    /// What they are sent.
    pub(crate) fn hear(&mut self, out: &Out) {
        self.held.extend(out.find::<VenueOrder>().map(|order| Held {
            order,
            leaves: order.qty.0,
            is_new: true,
            is_canceling: false,
        }));
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
        if self.said.len() == REMEMBERED {
            self.said.remove(0);
        }
        self.said.push(report);
        Some(Frame::of(&report))
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
            cum_qty: Qty(order.qty.0 - held.leaves),
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
        match random.below(12) {
            0 if held.is_new => Some(ended(ExecType::Rejected, OrdStatus::Rejected)),
            0 | 1 => Some(ended(ExecType::Expired, OrdStatus::Expired)),
            2 | 3 if held.is_canceling => Some(VenueReport {
                exec_type: ExecType::OrderStatus.byte(),
                ..blank
            }),
            2..=5 if held.is_canceling => Some(ended(ExecType::Canceled, OrdStatus::Canceled)),
            2 if held.is_new => Some(blank),
            _ if held.leaves > 0 => Some(Self::filled(random, held, blank)),
            _ => None,
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
        match random.below(8) {
            0 => report.order_id = OutId::NONE,
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
        let is_cancel_refused = report.exec_type == ExecType::OrderStatus.byte();
        held.is_canceling &= !is_cancel_refused;
        let has_ended = [ExecType::Canceled, ExecType::Rejected, ExecType::Expired].map(ExecType::byte);
        if held.leaves == 0 || has_ended.contains(&report.exec_type) {
            let ended = self.held.swap_remove(at);
            if self.ended.len() == REMEMBERED {
                self.ended.remove(0);
            }
            self.ended.push(ended);
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
            leaves: 0,
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
