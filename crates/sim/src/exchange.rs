//! A simulated venue as a whole: books, orders and the connection.

use pinrail_types::{Frame, Instrument};

use crate::connection::Connection;
use crate::execution::ExecutionConfig;
use crate::fault::FaultCounts;
use crate::venue::{VenueConfigError, VenueFlow, VenueFlowConfig};

/// What an [`Exchange`] is.
#[derive(Clone, Debug)]
pub struct ExchangeConfig {
    /// How it takes orders.
    pub execution: ExecutionConfig,
    /// Its books, one for each instrument; all of this venue.
    pub listings: Vec<VenueFlowConfig>,
}

/// A venue whose orders are filled against its own books, and whose connection may be lost.
///
/// It is shown the desk's outputs and says what it sends: market data and, apart from that, what becomes of orders. Both are
/// due at [`Exchange::next_due`], which never falls. While the connection is lost its books move on unseen and its reports
/// wait.
#[derive(Clone, Debug)]
pub struct Exchange {
    flows: Vec<VenueFlow>,
    connection: Connection,
    /// What nobody sees.
    unseen: Vec<Frame>,
}

impl Exchange {
    /// A venue that starts at `start_ns`. `instruments` are those of its books. Everything about it follows from the seed and
    /// the orders that it is sent.
    ///
    /// # Errors
    /// [`VenueConfigError`] names the first field of a book that is out of its range.
    ///
    /// # Panics
    /// If [`ExecutionConfig`] is out of its range, or a book is of another venue or of no known instrument.
    pub fn new(
        config: ExchangeConfig,
        instruments: &[Instrument],
        seed: u64,
        start_ns: u64,
    ) -> Result<Exchange, VenueConfigError> {
        let venue = config.execution.venue;
        let mut flows = Vec::new();
        for (listing, n) in config.listings.into_iter().zip(1..) {
            assert!(listing.venue == venue, "a book of another venue");
            flows.push(VenueFlow::new(listing, seed.wrapping_add(n), start_ns)?);
        }
        Ok(Exchange {
            connection: Connection::new(config.execution, instruments, seed, start_ns),
            flows,
            unseen: Vec::new(),
        })
    }

    /// When something is due next, in nanoseconds since the epoch; never falls.
    pub fn next_due(&self) -> u64 {
        let books = self.flows.iter().map(VenueFlow::next_due).min();
        let due = [books, self.connection.next_due()];
        due.into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    /// Does what is due next, and appends what is sent then to `market` and `reports`: either may stay as it is.
    pub fn take(&mut self, market: &mut Vec<Frame>, reports: &mut Vec<Frame>) {
        let due = self.next_due();
        if self.connection.restore(due, market) {
            self.flows.iter_mut().for_each(VenueFlow::restart);
        } else if let Some(at) = self.flows.iter().position(|flow| flow.next_due() == due) {
            self.move_book(at, due, market);
        } else {
            self.connection.execution.take(&mut self.flows, reports);
        }
    }

    fn move_book(&mut self, at: usize, due: u64, market: &mut Vec<Frame>) {
        self.unseen.clear();
        let out = if self.connection.is_up() {
            &mut *market
        } else {
            &mut self.unseen
        };
        self.flows[at].take(out);
        self.connection.execution.on_book(&mut self.flows[at], due);
        self.connection.lose(due, market);
    }

    /// Shows an output of the desk: orders and cancels for this venue are on their way from its core time on.
    pub fn on_output(&mut self, frame: &Frame) {
        self.connection.execution.on_output(frame);
    }

    /// Whether no order is here or on its way, and nothing is left to be told of one.
    pub fn is_quiet(&self) -> bool {
        self.connection.execution.is_quiet()
    }

    /// The faults that it had so far.
    pub fn faults(&self) -> FaultCounts {
        self.connection.execution.faults.counts
    }
}
