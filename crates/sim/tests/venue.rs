//! A venue flow against a naive book that is built from its records alone.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeMap;

use common::Fnv;
use pinrail_book::Book;
use pinrail_sim::{FundamentalConfig, VenueConfigError, VenueFlow, VenueFlowConfig};
use pinrail_types::record::{BookLevel, BookState, BookUpdate, SequenceRule, TopOfBook, Trade};
use pinrail_types::{Flags, Frame, InstrumentId, Px, Qty, Side, VenueId};
use proptest::prelude::*;

const START_NS: u64 = 1_700_000_000_000_000_000;

fn config() -> VenueFlowConfig {
    VenueFlowConfig {
        venue: VenueId(1),
        instrument: InstrumentId(2),
        updates_per_s: 500,
        levels: 25,
        spread_ticks_max: 3,
        qty_lots_mean: 50_000,
        trade_e8: 10_000_000,
        own_ticks_max: 2,
        fundamental: FundamentalConfig {
            seed: 7,
            px_start: Px(6_000_000),
            step_ns: 1_000_000,
            step_ticks_max: 2,
        },
    }
}

/// The book as somebody who knows only the records keeps it.
#[derive(Default)]
struct NaiveBook {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    /// Worst bid and ask of the last snapshot.
    horizon: (i64, i64),
    last_id: u64,
    trade_id: u64,
}

impl NaiveBook {
    fn best(&self) -> (BookLevel, BookLevel) {
        let level = |(px, qty): (&i64, &i64)| BookLevel {
            px: Px(*px),
            qty: Qty(*qty),
        };
        let bid = self.bids.last_key_value().map(level).unwrap();
        (bid, self.asks.first_key_value().map(level).unwrap())
    }

    fn apply(&mut self, update: &BookUpdate) {
        let (bids, asks) = update.sides().unwrap();
        for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            for level in levels {
                assert!(level.qty.0 >= 0 && level.px.0 > 0, "{level:?}");
                if level.qty == Qty::ZERO {
                    side.remove(&level.px.0);
                } else {
                    side.insert(level.px.0, level.qty.0);
                }
            }
        }
    }

    /// Takes what one call of `take` gave and checks everything that the flow promises about it.
    fn take(&mut self, config: &VenueFlowConfig, due: u64, frames: &[Frame]) {
        let mut rest = frames;
        if let Some(trade) = rest[0].get::<Trade>() {
            let (bid, ask) = self.best();
            let maker = if trade.taker_side == Side::Buy.fix() {
                ask
            } else {
                bid
            };
            assert!(trade.px == maker.px && trade.qty > Qty::ZERO && trade.qty <= maker.qty);
            assert_eq!(
                (trade.trade_id, trade.ts_event, trade.ts_recv),
                (self.trade_id + 1, due, due)
            );
            self.trade_id += 1;
            rest = &rest[1..];
        }
        let updates = rest
            .iter()
            .take_while(|frame| frame.get::<BookUpdate>().is_some())
            .count();
        assert!(updates > 0);
        let snapshot = rest[0].flags().has(Flags::SNAPSHOT);
        assert!(snapshot || self.last_id > 0);
        let BookUpdate {
            first_id, last_id, ..
        } = *rest[0].get::<BookUpdate>().unwrap();
        if snapshot {
            assert!(first_id == last_id && last_id > self.last_id);
            self.bids.clear();
            self.asks.clear();
        } else {
            assert!(first_id == self.last_id + 1 && last_id >= first_id);
        }
        for (i, frame) in rest[..updates].iter().enumerate() {
            let update = frame.get::<BookUpdate>().unwrap();
            assert_eq!(frame.flags().has(Flags::FIRST), i == 0);
            assert_eq!(frame.flags().has(Flags::LAST), i + 1 == updates);
            assert_eq!(frame.flags().has(Flags::SNAPSHOT), snapshot);
            assert_eq!(
                (update.first_id, update.last_id, update.prev_id),
                (first_id, last_id, 0)
            );
            assert_eq!((update.ts_event, update.ts_recv), (due, due));
            assert_eq!(
                (update.venue, update.instrument),
                (config.venue, config.instrument)
            );
            self.apply(update);
        }
        self.last_id = last_id;
        let (bid, ask) = self.best();
        assert!(bid.px < ask.px, "crossed: {bid:?} {ask:?}");
        assert!(ask.px.0 - bid.px.0 <= config.spread_ticks_max);
        if snapshot {
            self.horizon = (
                *self.bids.first_key_value().unwrap().0,
                *self.asks.last_key_value().unwrap().0,
            );
        }
        let known = (
            self.bids.range(self.horizon.0..).count(),
            self.asks.range(..=self.horizon.1).count(),
        );
        assert!(
            known.0 >= config.levels && known.1 >= config.levels,
            "{known:?} levels"
        );
        assert!(self.bids.len().max(self.asks.len()) <= config.levels * 2);
        match &rest[updates..] {
            [] => {}
            [top] => {
                let top = top.get::<TopOfBook>().unwrap();
                assert_eq!((top.bid_px, top.bid_qty), (bid.px, bid.qty));
                assert_eq!((top.ask_px, top.ask_qty), (ask.px, ask.qty));
                assert_eq!((top.update_id, top.ts_event, top.ts_recv), (last_id, due, due));
            }
            more => panic!("{} records behind the update", more.len()),
        }
    }
}

/// Plays `batches` batches into a naive book, showing each with the book as it stands after it.
fn play(config: VenueFlowConfig, seed: u64, batches: usize, mut seen: impl FnMut(u64, &[Frame], &NaiveBook)) {
    let mut flow = VenueFlow::new(config, seed, START_NS).unwrap();
    let mut book = NaiveBook::default();
    let mut frames = Vec::new();
    for _ in 0..batches {
        let due = flow.next_due();
        frames.clear();
        flow.take(&mut frames);
        book.take(&config, due, &frames);
        assert!(flow.next_due() >= due);
        seen(due, &frames, &book);
    }
}

#[test]
fn same_seed_same_bytes() {
    let hash = |seed| {
        let mut flow = VenueFlow::new(config(), seed, START_NS).unwrap();
        let mut frames = Vec::new();
        while frames.len() < 10_000 {
            flow.take(&mut frames);
        }
        let mut hash = Fnv::default();
        for frame in &frames[..10_000] {
            hash.add(frame);
        }
        hash.0
    };
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
    // Whoever changes this number changes what every recorded simulation of a seed looks like.
    assert_eq!(hash(1), 0x6d19_f2ed_24f0_b418, "{:#x}", hash(1));
}

#[test]
fn the_desks_mirror_stays_healthy_and_agrees() {
    let mut mirror = Book::new(SequenceRule::Plain, config().levels * 4);
    let (mut snapshots, mut tops) = (0, 0);
    play(config(), 5, 20_000, |due, frames, naive| {
        for frame in frames {
            if let Some(update) = frame.get::<BookUpdate>() {
                mirror.apply(update);
                snapshots += u64::from(frame.flags().has(Flags::SNAPSHOT.with(Flags::FIRST)));
            } else if let Some(top) = frame.get::<TopOfBook>() {
                mirror.on_top(top);
                tops += 1;
            }
        }
        assert_eq!(mirror.state(), BookState::Healthy, "{:?}", mirror.reason());
        assert_eq!((mirror.last_id(), mirror.ts_recv()), (naive.last_id, due));
        assert_eq!(
            (mirror.best_bid(), mirror.best_ask()),
            (Some(naive.best().0), Some(naive.best().1))
        );
        let known = mirror.bids().iter().count().min(mirror.asks().iter().count());
        assert!(known >= config().levels, "{known} levels known");
    });
    assert_eq!(mirror.tops_compared(), tops);
    assert!((2..200).contains(&snapshots), "{snapshots} snapshots in 40 s");
}

#[test]
fn a_batch_may_be_taken_behind_others() {
    let mut flow = VenueFlow::new(config(), 1, START_NS).unwrap();
    let mut frames = Vec::new();
    flow.take(&mut frames);
    let snapshot = frames.len();
    flow.take(&mut frames);
    assert!(frames.len() > snapshot);
    assert!(frames[0].flags().has(Flags::SNAPSHOT) && !frames[snapshot].flags().has(Flags::SNAPSHOT));
}

#[test]
fn updates_come_at_the_rate_and_mostly_near_the_top() {
    let (batches, mut last_due) = (10_000_u64, 0);
    let (mut trades, mut several, mut levels, mut near) = (0_u64, 0_u64, 0_u64, 0_u64);
    play(config(), 3, batches as usize, |due, frames, book| {
        last_due = due;
        let (bid, ask) = book.best();
        let updates: Vec<&BookUpdate> = frames.iter().filter_map(Frame::get).collect();
        trades += u64::from(frames[0].get::<Trade>().is_some());
        several += u64::from(updates.len() > 1);
        for update in updates {
            let (bids, asks) = update.sides().unwrap();
            levels += (bids.len() + asks.len()) as u64;
            near += bids.iter().filter(|level| bid.px.0 - level.px.0 <= 10).count() as u64;
            near += asks.iter().filter(|level| level.px.0 - ask.px.0 <= 10).count() as u64;
        }
    });
    // Six standard deviations of a Poisson count of 10,000 are 600.
    let per_s = (batches - 1) * 1_000_000_000 / (last_due - START_NS);
    assert!((470..=530).contains(&per_s), "{per_s} a second");
    // Of a binomial count of 10,000 at 0.1: 180.
    assert!((820..=1_180).contains(&trades), "{trades} trades");
    assert!(
        (batches / 100..batches / 2).contains(&several),
        "{several} of several records"
    );
    assert!(near * 10 > levels * 6, "{near} of {levels} near the top");
    assert!(levels / batches < 20, "{levels} levels");
}

#[test]
fn venues_on_one_fundamental_agree_within_a_few_ticks() {
    let mut flows = [1, 2].map(|seed| VenueFlow::new(config(), seed, START_NS).unwrap());
    let mut books = [NaiveBook::default(), NaiveBook::default()];
    let (mut most, mut least_px, mut most_px, mut crossed) = (0, i64::MAX, 0, 0);
    for _ in 0..20_000 {
        let next = usize::from(flows[1].next_due() < flows[0].next_due());
        let (mut frames, due) = (Vec::new(), flows[next].next_due());
        flows[next].take(&mut frames);
        books[next].take(&config(), due, &frames);
        if books.iter().all(|book| book.last_id > 0) {
            let [(bid_a, ask_a), (bid_b, ask_b)] = [0, 1].map(|venue: usize| books[venue].best());
            most = most.max((bid_a.px.0 - bid_b.px.0).abs());
            least_px = least_px.min(bid_a.px.0);
            most_px = most_px.max(bid_a.px.0);
            crossed += usize::from(bid_a.px >= ask_b.px || bid_b.px >= ask_a.px);
        }
    }
    assert!((2..=25).contains(&most), "{most} ticks apart");
    assert!(
        most_px - least_px > 100,
        "the price moved {} ticks",
        most_px - least_px
    );
    assert!(crossed > 0, "venues cross each other now and then");
}

#[test]
fn what_no_flow_can_be_made_of_is_refused() {
    let bad = |change: fn(&mut VenueFlowConfig)| {
        let mut config = config();
        change(&mut config);
        VenueFlow::new(config, 1, START_NS).unwrap_err()
    };
    assert_eq!(bad(|c| c.updates_per_s = 0), VenueConfigError::Rate);
    assert_eq!(bad(|c| c.levels = 0), VenueConfigError::Levels(0));
    assert_eq!(bad(|c| c.qty_lots_mean = 0), VenueConfigError::Qty(0));
    assert_eq!(
        bad(|c| c.trade_e8 = 100_000_001),
        VenueConfigError::Share(100_000_001)
    );
    assert_eq!(
        bad(|c| c.spread_ticks_max = 0).to_string(),
        "spread_ticks_max is 0: expected 1 to 1000000 ticks"
    );
    assert_eq!(bad(|c| c.fundamental.step_ns = 0), VenueConfigError::StepTime(0));
    assert!(matches!(
        bad(|c| c.fundamental.px_start = Px(100)),
        VenueConfigError::Start { .. }
    ));
    assert!(matches!(
        bad(|c| c.fundamental.px_start = Px(i64::MAX)),
        VenueConfigError::Start { .. }
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_flow_keeps_its_promises(
        seed in any::<u64>(),
        updates_per_s in 1_u32..100_000,
        levels in 1_usize..60,
        spread_ticks_max in 1_i64..100,
        qty_lots_mean in 1_i64..=1 << 32,
        trade_e8 in 0_u32..=100_000_000,
        own_ticks_max in 0_i64..200,
        step_ticks_max in 0_i64..500,
        above_least in 0_i64..1_000,
    ) {
        let mut config = VenueFlowConfig {
            updates_per_s, levels, spread_ticks_max, qty_lots_mean, trade_e8, own_ticks_max, ..config()
        };
        config.fundamental.seed = seed;
        config.fundamental.step_ticks_max = step_ticks_max;
        let least = 2 * (own_ticks_max + spread_ticks_max + 10 * levels as i64);
        config.fundamental.px_start = Px(least + above_least);
        play(config, seed, 300, |_, _, _| ());
    }
}
