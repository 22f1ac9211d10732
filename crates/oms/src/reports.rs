//! The last reports on clients' accepts, so that an order that comes twice is answered twice and judged once.

use bytemuck::Zeroable;
use pinrail_types::record::{ExecType, ExecutionReport, MultilegExecutionReport, Record};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, RecordHeader, Text};

use crate::quotes::request_hash;
use crate::slots::Slots;

/// Orders that were taken whose last report is remembered, of all clients together; and as many that were refused.
pub const REPORTS_MAX: usize = 4_096;

/// A report on an order, of one instrument or of a package.
pub trait Report: Record {
    /// Who ordered.
    fn client(&self) -> ClientId;

    /// The client's id of the order.
    fn cl_ord_id(&self) -> &Text<24>;

    /// Whether it refuses the order.
    fn is_refusal(&self) -> bool;

    /// The same report with this header.
    #[must_use]
    fn with_header(self, header: RecordHeader) -> Self;
}

macro_rules! report {
    ($record:ident) => {
        impl Report for $record {
            #[inline]
            fn client(&self) -> ClientId {
                self.client
            }

            #[inline]
            fn cl_ord_id(&self) -> &Text<24> {
                &self.cl_ord_id
            }

            #[inline]
            fn is_refusal(&self) -> bool {
                self.exec_type == ExecType::Rejected.byte()
            }

            #[inline]
            fn with_header(self, header: RecordHeader) -> Self {
                $record { header, ..self }
            }
        }
    };
}

report!(ExecutionReport);
report!(MultilegExecutionReport);

/// So many reports, the oldest of which gives its place to the next.
#[derive(Clone, Debug)]
struct Ring<R> {
    /// With headers of zero.
    held: Vec<R>,
    /// Where the next order is put; the oldest stands there once the ring is full.
    next: usize,
}

/// The last report on each of the last [`REPORTS_MAX`] orders that were taken, and of as many that were refused, by client and the
/// client's id. They are kept apart so that nobody can have a trade forgotten by orders that lead to none.
#[derive(Clone, Debug)]
pub struct Reports<R = ExecutionReport> {
    taken: Ring<R>,
    refused: Ring<R>,
    /// Places in `taken`, and behind these those in `refused`.
    by_id: Slots,
}

impl<R: Report> Default for Reports<R> {
    fn default() -> Self {
        Reports::new()
    }
}

fn hash_of<R: Report>(report: &R) -> u32 {
    request_hash(report.client(), report.cl_ord_id())
}

impl<R: Report> Reports<R> {
    /// None yet.
    pub fn new() -> Reports<R> {
        let ring = || Ring {
            held: Vec::with_capacity(REPORTS_MAX),
            next: 0,
        };
        Reports {
            taken: ring(),
            refused: ring(),
            by_id: Slots::new(2 * REPORTS_MAX),
        }
    }

    /// Whether none is remembered.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.taken.held.is_empty() && self.refused.held.is_empty()
    }

    #[inline]
    fn at(&self, place: u32) -> &R {
        let place = place as usize;
        match place.checked_sub(REPORTS_MAX) {
            None => &self.taken.held[place],
            Some(place) => &self.refused.held[place],
        }
    }

    #[inline]
    fn place(&self, hash: u32, client: ClientId, cl_ord_id: &Text<24>) -> Option<u32> {
        self.by_id.find(hash, |place| {
            let held = self.at(place);
            held.client() == client && held.cl_ord_id() == cl_ord_id
        })
    }

    /// The last report on an order.
    #[inline]
    pub fn find(&self, client: ClientId, cl_ord_id: &Text<24>) -> Option<&R> {
        let place = self.place(request_hash(client, cl_ord_id), client, cl_ord_id);
        place.map(|place| self.at(place))
    }

    /// Notes a report: in the place of the one before on the same order, or in that of the oldest order of its kind.
    pub fn note(&mut self, report: &R) {
        let report = report.with_header(Zeroable::zeroed());
        let hash = hash_of(&report);
        match self.place(hash, report.client(), report.cl_ord_id()) {
            Some(place) if (place as usize) < REPORTS_MAX => self.taken.held[place as usize] = report,
            Some(place) => self.refused.held[place as usize - REPORTS_MAX] = report,
            None => self.add(report, hash, report.is_refusal()),
        }
    }

    fn add(&mut self, report: R, hash: u32, is_refused: bool) {
        let (ring, from) = if is_refused {
            (&mut self.refused, REPORTS_MAX)
        } else {
            (&mut self.taken, 0)
        };
        let place = (from + ring.next) as u32;
        match ring.held.get_mut(ring.next) {
            Some(oldest) => {
                self.by_id.remove(hash_of(oldest), place);
                *oldest = report;
            }
            None => ring.held.push(report),
        }
        ring.next = (ring.next + 1) % REPORTS_MAX;
        self.by_id.insert(hash, place);
    }

    /// Goes through the state, from the oldest order of each kind on.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no state of such a list.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        for is_refused in [false, true] {
            let ring = if is_refused { &self.refused } else { &self.taken };
            let mut len = ring.held.len();
            // Where the oldest stands; decides nothing, so that a list that is read back begins with it.
            let oldest = if len == REPORTS_MAX { ring.next } else { 0 };
            visitor.count(&mut len, REPORTS_MAX)?;
            for at in 0..len {
                let ring = if is_refused { &self.refused } else { &self.taken };
                let held = ring.held.get((oldest + at) % REPORTS_MAX).copied();
                let mut report = held.unwrap_or_else(R::zeroed);
                visitor.plain(&mut report)?;
                if visitor.is_loading() {
                    let hash = hash_of(&report);
                    if self.place(hash, report.client(), report.cl_ord_id()).is_some() {
                        return Err(visitor.bad(at as u64, "another order"));
                    }
                    self.add(report, hash, is_refused);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pinrail_types::state::{Load, Save};

    use super::*;

    fn report(n: usize, reason: u16) -> ExecutionReport {
        ExecutionReport {
            cl_ord_id: Text::new(&format!("O{n}")).unwrap(),
            client: ClientId(n as u32 % 3),
            reason,
            ..Zeroable::zeroed()
        }
    }

    #[test]
    fn what_is_refused_makes_nobody_forget_what_was_taken() {
        let mut reports = Reports::new();
        let taken = ExecutionReport {
            exec_type: ExecType::Trade.byte(),
            ..report(0, 0)
        };
        let refused = |n| ExecutionReport {
            exec_type: ExecType::Rejected.byte(),
            ..report(n, 7)
        };
        reports.note(&taken);
        for n in 1..=2 * REPORTS_MAX {
            reports.note(&refused(n));
        }
        let mut save = Save::default();
        reports.visit(&mut save).unwrap();
        let mut loaded = Reports::new();
        loaded.visit(&mut Load::new(&save.words)).unwrap();
        for reports in [&reports, &loaded] {
            let reason = |n| {
                let asked = report(n, 0);
                let found = reports.find(asked.client, &asked.cl_ord_id);
                found.map(|found| found.reason)
            };
            assert_eq!((reason(0), reason(REPORTS_MAX)), (Some(0), None));
            assert_eq!(reason(REPORTS_MAX + 1), Some(7));
        }
    }

    #[test]
    fn the_last_report_is_found_until_so_many_other_orders_came() {
        let mut reports = Reports::new();
        let find = |reports: &Reports, n: usize| {
            let asked = report(n, 0);
            reports
                .find(asked.client, &asked.cl_ord_id)
                .map(|found| found.reason)
        };
        for n in 0..REPORTS_MAX {
            reports.note(&report(n, 1));
            reports.note(&report(n, 2));
        }
        assert_eq!(find(&reports, 0), Some(2));
        assert_eq!(
            reports.find(ClientId(1), &report(0, 0).cl_ord_id),
            None,
            "another client's"
        );
        let mut save = Save::default();
        reports.visit(&mut save).unwrap();
        let mut loaded = Reports::new();
        loaded.visit(&mut Load::new(&save.words)).unwrap();
        for reports in [&mut reports, &mut loaded] {
            reports.note(&report(REPORTS_MAX, 3));
            assert_eq!(find(reports, 0), None);
            assert_eq!((find(reports, 1), find(reports, REPORTS_MAX)), (Some(2), Some(3)));
        }
        let (mut one, mut other) = (Save::default(), Save::default());
        reports.visit(&mut one).unwrap();
        loaded.visit(&mut other).unwrap();
        assert_eq!(one.words, other.words);
    }
}
