//! The last reports on clients' accepts, so that an order that comes twice is answered twice and judged once.

use bytemuck::Zeroable;
use pinrail_types::record::ExecutionReport;
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, Text};

use crate::quotes::request_hash;
use crate::slots::Slots;

/// Orders whose last report is remembered, of all clients together.
pub const REPORTS_MAX: usize = 4_096;

/// The last report on each of the last [`REPORTS_MAX`] orders, by client and the client's id.
#[derive(Clone, Debug)]
pub struct Reports {
    /// With headers of zero.
    ring: Vec<ExecutionReport>,
    /// Where the next order is put; the oldest stands there once the ring is full.
    next: usize,
    by_id: Slots,
}

impl Default for Reports {
    fn default() -> Self {
        Reports::new()
    }
}

impl Reports {
    /// None yet.
    pub fn new() -> Reports {
        Reports {
            ring: Vec::with_capacity(REPORTS_MAX),
            next: 0,
            by_id: Slots::new(REPORTS_MAX),
        }
    }

    fn place(&self, client: ClientId, cl_ord_id: &Text<24>) -> Option<u32> {
        self.by_id.find(request_hash(client, cl_ord_id), |at| {
            let held = &self.ring[at as usize];
            held.client == client && held.cl_ord_id == *cl_ord_id
        })
    }

    /// The last report on an order.
    #[inline]
    pub fn find(&self, client: ClientId, cl_ord_id: &Text<24>) -> Option<&ExecutionReport> {
        self.place(client, cl_ord_id).map(|at| &self.ring[at as usize])
    }

    /// Notes a report: in the place of the one before on the same order, or in that of the oldest order.
    pub fn note(&mut self, report: &ExecutionReport) {
        let report = ExecutionReport {
            header: Zeroable::zeroed(),
            ..*report
        };
        if let Some(at) = self.place(report.client, &report.cl_ord_id) {
            self.ring[at as usize] = report;
            return;
        }
        let at = self.next as u32;
        match self.ring.get_mut(self.next) {
            Some(oldest) => {
                self.by_id
                    .remove(request_hash(oldest.client, &oldest.cl_ord_id), at);
                *oldest = report;
            }
            None => self.ring.push(report),
        }
        self.by_id
            .insert(request_hash(report.client, &report.cl_ord_id), at);
        self.next = (self.next + 1) % REPORTS_MAX;
    }

    /// Goes through the state, from the oldest order on.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no state of such a list.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let mut len = self.ring.len();
        visitor.count(&mut len, REPORTS_MAX)?;
        // Where the oldest stands; decides nothing, so that a list that is read back begins with it.
        let oldest = if len == REPORTS_MAX { self.next } else { 0 };
        for at in 0..len {
            let held = self.ring.get((oldest + at) % REPORTS_MAX).copied();
            let mut report = held.unwrap_or_else(Zeroable::zeroed);
            visitor.plain(&mut report)?;
            if visitor.is_loading() {
                let is_new = self.place(report.client, &report.cl_ord_id).is_none();
                if !is_new {
                    return Err(visitor.bad(at as u64, "another order"));
                }
                self.note(&report);
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
