//! The matching engine behind the C interface of the public matching-engine-benchmark
//! (`flash1-dev/matching-engine-benchmark`, `api/matching_engine_api.h`), with Pinrail's own ring as the way of the reports.
//!
//! `cargo build --release` here makes `libpinrail_adapter.so`, which the harness loads. Its queries are answered by the engine's
//! own book. A message is worked off whole in its call; nothing of it is put off but that reports become visible to the drainer
//! thirty-two at a time, as the interface allows. With the feature `harness-queue` they go through the harness's own queue instead,
//! one by one.

mod abi;
mod transport;

use core::cell::UnsafeCell;

use pinrail_matching::{Amend, BookConfig, Bounds, Fill, Matcher, NewOrder, Phase, Report, Sink};
use pinrail_types::record::{ExecType, TimeInForce};
use pinrail_types::{ClientId, InstrumentId, Px, Qty, Reason, Side};

use abi::{Cancel, Modify, New, ReportKind, Transport};
use transport::{Line, Queue};

const BOOK: InstrumentId = InstrumentId(0);
const NOBODY: ClientId = ClientId(0);
/// Open orders at once: half again what the deepest of the published scenarios holds.
const ORDERS: usize = 1 << 16;
const PAGES: usize = 1 << 13;

/// The engine, and where its reports go.
struct Desk {
    matcher: Matcher,
    out: Out,
}

/// One engine a process, as the interface has it. All but draining is called from one thread.
struct Cell(UnsafeCell<Option<Desk>>);

// SAFETY: the interface promises that everything but `drain` is called from one thread, and `drain` does not come here.
unsafe impl Sync for Cell {}

static DESK: Cell = Cell(UnsafeCell::new(None));

/// # Safety
/// Not called again while the borrow lives: callers use it for one call of the interface, which are made one at a time.
unsafe fn desk() -> &'static mut Desk {
    // SAFETY: see above; the only thread that comes here holds no other borrow.
    let desk = unsafe { &mut *DESK.0.get() };
    desk.as_mut().expect("engine_init was called")
}

/// Turns what the book says into the interface's reports.
struct Out {
    queue: *mut Queue,
    #[cfg(feature = "harness-queue")]
    transport: *const Transport,
    /// Of the message that is being worked on.
    seq: u64,
}

impl Out {
    /// Waits while there is no room.
    #[cfg(feature = "harness-queue")]
    #[inline]
    fn push(&mut self, line: &Line) {
        let report = line.report();
        // SAFETY: the harness's functions take what its `create` made, from the one thread that pushes.
        while unsafe { ((*self.transport).push)(self.queue, &raw const report) } == 0 {
            core::hint::spin_loop();
        }
    }

    #[cfg(not(feature = "harness-queue"))]
    #[inline]
    fn push(&mut self, line: &Line) {
        // SAFETY: the queue was made by `create` and lives until `destroy`; this thread alone pushes.
        unsafe { Queue::push(self.queue, line) };
    }
}

impl Sink for Out {
    #[inline]
    fn report(&mut self, report: &Report) {
        let (kind, qty) = match report.exec_type {
            ExecType::New => (ReportKind::OrderAck, report.leaves),
            ExecType::Replaced => (ReportKind::ModifyAck, report.leaves),
            _ => (ReportKind::CancelAck, Qty::ZERO),
        };
        self.push(&Line::new(
            kind,
            side_byte(report.side),
            self.seq,
            report.order_id,
            report.px.0,
            qty.0 as u32,
        ));
    }

    #[inline]
    fn fill(&mut self, fill: &Fill) {
        let taker = fill.taker.order_id;
        let line = Line::new(
            ReportKind::Trade,
            side_byte(fill.side),
            self.seq,
            taker,
            fill.px.0,
            fill.qty.0 as u32,
        );
        self.push(&line.between(fill.maker.order_id, taker));
    }
}

#[inline]
const fn side_byte(side: Side) -> u8 {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

#[inline]
const fn side_of(byte: u8) -> Side {
    if byte == 0 { Side::Buy } else { Side::Sell }
}

impl Desk {
    #[inline]
    fn finish(&mut self) {
        while self.matcher.is_busy() {
            self.matcher.go_on(&mut self.out);
        }
    }

    #[inline]
    fn reject(&mut self, kind: ReportKind, seq: u64, order_id: u64) {
        self.out.push(&Line::new(kind, 0, seq, order_id, 0, 0));
    }
}

/// # Panics
/// If there is no memory for the engine.
///
/// # Safety
/// As the interface has it: called once, before any message; `report_sink` is what our `create` returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_init(
    _seed: u64,
    #[cfg_attr(not(feature = "harness-queue"), expect(unused_variables))] transport: *const Transport,
    report_sink: *mut Queue,
) {
    let mut matcher = Matcher::new(Bounds {
        books: 1,
        orders: ORDERS,
        pages: PAGES,
        steps: 1 << 10,
    });
    let opened = matcher
        .open(BOOK, &BookConfig::default())
        .and_then(|()| matcher.set_phase(BOOK, Phase::Continuous, &mut ()));
    assert_eq!(opened, Ok(()));
    let out = Out {
        queue: report_sink,
        #[cfg(feature = "harness-queue")]
        transport,
        seq: 0,
    };
    // SAFETY: no message is under way.
    unsafe { *DESK.0.get() = Some(Desk { matcher, out }) };
}

#[unsafe(no_mangle)]
pub extern "C" fn engine_shutdown() {
    // SAFETY: no message is under way.
    unsafe { *DESK.0.get() = None };
}

/// # Panics
/// If the message is none that the interface allows, such as a quantity of zero.
///
/// # Safety
/// `order` points to a message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_on_new_order(order: *const New) {
    // SAFETY: as the interface has it.
    let (desk, message) = unsafe { (desk(), &*order) };
    let order = NewOrder {
        time_in_force: if message.ioc == 0 {
            TimeInForce::GoodTillCancel
        } else {
            TimeInForce::ImmediateOrCancel
        },
        ..NewOrder::limit(
            message.order_id,
            NOBODY,
            side_of(message.side),
            Px(message.price_ticks),
            Qty(i64::from(message.quantity)),
        )
    };
    desk.out.seq = message.sequence_number;
    let taken = desk.matcher.submit(BOOK, &order, &mut desk.out);
    assert_eq!(taken, Ok(()), "the interface's orders are sound");
    desk.finish();
}

/// # Safety
/// `cancel` points to a message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_on_cancel(cancel: *const Cancel) {
    // SAFETY: as the interface has it.
    let (desk, message) = unsafe { (desk(), &*cancel) };
    desk.out.seq = message.sequence_number;
    if desk.matcher.cancel(message.order_id, &mut desk.out).is_err() {
        desk.reject(
            ReportKind::CancelReject,
            message.sequence_number,
            message.order_id,
        );
    }
}

/// # Safety
/// `modify` points to a message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_on_modify(modify: *const Modify) {
    // SAFETY: as the interface has it.
    let (desk, message) = unsafe { (desk(), &*modify) };
    desk.out.seq = message.sequence_number;
    // The interface says how much is to be open, FIX how much in all.
    let amended = match desk.matcher.order(message.order_id) {
        None => Err(Reason::UnknownOrder),
        Some(order) => {
            let amend = Amend {
                order_id: message.order_id,
                px: Px(message.new_price_ticks),
                qty: Qty(order.cum().0 + i64::from(message.new_quantity)),
                stop_px: Px::NONE,
            };
            desk.matcher.amend(&amend, &mut desk.out)
        }
    };
    match amended {
        Ok(()) => desk.finish(),
        Err(_) => desk.reject(
            ReportKind::ModifyReject,
            message.sequence_number,
            message.order_id,
        ),
    }
}

/// Nothing is put off.
#[unsafe(no_mangle)]
pub extern "C" fn engine_flush() {}

#[unsafe(no_mangle)]
pub extern "C" fn engine_query_best_bid() -> i64 {
    // SAFETY: no message is under way.
    let px = unsafe { desk() }.matcher.top(BOOK).bid_px;
    if px == Px::NONE { i64::MIN } else { px.0 }
}

#[unsafe(no_mangle)]
pub extern "C" fn engine_query_best_ask() -> i64 {
    // SAFETY: no message is under way.
    let px = unsafe { desk() }.matcher.top(BOOK).ask_px;
    if px == Px::NONE { i64::MAX } else { px.0 }
}

#[unsafe(no_mangle)]
pub extern "C" fn engine_query_depth_at(price_ticks: i64, side: u8) -> u64 {
    // SAFETY: no message is under way.
    let desk = unsafe { desk() };
    desk.matcher
        .depth_at(BOOK, side_of(side), Px(price_ticks))
        .0
        .cast_unsigned()
}

#[must_use]
#[cfg_attr(not(feature = "harness-queue"), unsafe(no_mangle))]
pub extern "C" fn engine_get_transport() -> *const Transport {
    &raw const transport::TRANSPORT
}
