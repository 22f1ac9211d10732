//! What both engines can do, so that a test is written once.

use pinrail_types::{InstrumentId, Px, Qty, Reason, Side};

use super::{Message, Twin};
use crate::Matcher;
use crate::config::{BookConfig, Bounds};
use crate::order::{BookOrder, Phase};
use crate::report::{Sink, Top, Uncross};

/// The methods of [`Matcher`] by the same names; what it iterates over is a list here, and what can be asked is a [`Message`].
pub trait Engine {
    /// See [`Matcher::new`].
    fn new(bounds: Bounds) -> Self;
    /// See [`Matcher::open`].
    ///
    /// # Errors
    /// As there.
    fn open(&mut self, instrument: InstrumentId, config: &BookConfig) -> Result<(), Reason>;
    /// Hands a message to the method that takes it. Work may be left.
    ///
    /// # Errors
    /// The reason of a refusal.
    fn send<S: Sink>(&mut self, message: &Message, sink: &mut S) -> Result<(), Reason>;
    /// See [`Matcher::is_busy`].
    fn is_busy(&self) -> bool;
    /// See [`Matcher::go_on`].
    fn go_on<S: Sink>(&mut self, sink: &mut S);
    /// See [`Matcher::order`].
    fn order(&self, order_id: u64) -> Option<BookOrder>;
    /// See [`Matcher::len`].
    fn open_orders(&self) -> usize;
    /// See [`Matcher::next_expiry`].
    fn next_expiry(&self) -> u64;
    /// See [`Matcher::depth_at`].
    fn depth_at(&self, instrument: InstrumentId, side: Side, px: Px) -> Qty;
    /// See [`Matcher::audit`].
    fn audit(&self);
    /// What can be seen of a book.
    fn look(&self, instrument: InstrumentId) -> Look;
}

/// All that can be seen of a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// See [`Matcher::phase`].
    pub phase: Option<Phase>,
    /// See [`Matcher::top`].
    pub top: Top,
    /// See [`Matcher::uncross`].
    pub uncross: Uncross,
    /// See [`Matcher::last_px`].
    pub last_px: Option<Px>,
    /// See [`Matcher::levels`]: of buyers, of sellers.
    pub levels: [Vec<(Px, Qty)>; 2],
    /// See [`Matcher::orders`]: of buyers, of sellers.
    pub orders: [Vec<BookOrder>; 2],
    /// See [`Matcher::stops`]: of buyers, of sellers.
    pub stops: [Vec<BookOrder>; 2],
}

/// In the order of the pairs of [`Look`].
pub const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

macro_rules! is_engine {
    ($engine:ty) => {
        impl Engine for $engine {
            fn new(bounds: Bounds) -> Self {
                <$engine>::new(bounds)
            }

            fn open(&mut self, instrument: InstrumentId, config: &BookConfig) -> Result<(), Reason> {
                <$engine>::open(self, instrument, config)
            }

            fn send<S: Sink>(&mut self, message: &Message, sink: &mut S) -> Result<(), Reason> {
                match message {
                    Message::Submit(instrument, order) => self.submit(*instrument, order, sink),
                    Message::Amend(amend) => self.amend(amend, sink),
                    Message::Cancel(order_id) => self.cancel(*order_id, sink),
                    Message::MassCancel(which) => self.mass_cancel(which, sink),
                    Message::MassQuote(quoter, legs) => self.mass_quote(*quoter, legs, sink),
                    Message::SetPhase(instrument, phase) => self.set_phase(*instrument, *phase, sink),
                    Message::SetReference(instrument, px) => self.set_reference(*instrument, *px, sink),
                    Message::SetDayEnd(instrument, ts) => self.set_day_end(*instrument, *ts),
                    Message::Advance(now) => self.advance(*now, sink),
                }
            }

            fn is_busy(&self) -> bool {
                <$engine>::is_busy(self)
            }

            fn go_on<S: Sink>(&mut self, sink: &mut S) {
                <$engine>::go_on(self, sink);
            }

            fn order(&self, order_id: u64) -> Option<BookOrder> {
                <$engine>::order(self, order_id)
            }

            fn open_orders(&self) -> usize {
                self.len()
            }

            fn next_expiry(&self) -> u64 {
                <$engine>::next_expiry(self)
            }

            fn depth_at(&self, instrument: InstrumentId, side: Side, px: Px) -> Qty {
                <$engine>::depth_at(self, instrument, side, px)
            }

            fn audit(&self) {
                <$engine>::audit(self);
            }

            fn look(&self, instrument: InstrumentId) -> Look {
                Look {
                    phase: self.phase(instrument),
                    top: self.top(instrument),
                    uncross: self.uncross(instrument),
                    last_px: self.last_px(instrument),
                    levels: SIDES.map(|side| self.levels(instrument, side).collect()),
                    orders: SIDES.map(|side| self.orders(instrument, side).collect()),
                    stops: SIDES.map(|side| self.stops(instrument, side).collect()),
                }
            }
        }
    };
}

is_engine!(Matcher);
is_engine!(Twin);
