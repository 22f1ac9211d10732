//! Latencies by windows of planned time.

use pinrail_report::latency::Recorder;
use pinrail_runtime::Observer;
use pinrail_runtime::clock::Clock;

/// Windows one behind the other, each with a time before it in which nothing is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Core time at which the first one's time of rest begins.
    pub(super) start_ns: u64,
    pub(super) rest_ns: u64,
    pub(super) window_ns: u64,
    pub(super) windows: u64,
}

impl Plan {
    /// Begin of the rest before window `n`, which is the end of the window before.
    pub(super) fn rest_begin_ns(&self, n: u64) -> u64 {
        self.start_ns + n * (self.rest_ns + self.window_ns)
    }

    /// The window that measures what was planned or happened at `ts`.
    pub(super) fn window_at(&self, ts: u64) -> Option<usize> {
        let since = ts.checked_sub(self.start_ns)?;
        let length = self.rest_ns + self.window_ns;
        (since / length < self.windows && since % length >= self.rest_ns).then_some((since / length) as usize)
    }
}

/// Latencies of answers in a window.
#[derive(Default)]
pub(super) struct Latencies {
    /// From taking a request to its answer in the journal.
    pub(super) on_core: Recorder,
    /// From the request's planned time at the producer to the same.
    pub(super) planned_to_committed: Recorder,
}

/// Latencies of answers, by window.
pub(super) struct Windows {
    plan: Plan,
    pub(super) latencies: Vec<Latencies>,
}

impl Windows {
    pub(super) fn new(plan: Plan) -> Windows {
        Windows {
            plan,
            latencies: (0..plan.windows).map(|_| Latencies::default()).collect(),
        }
    }
}

impl Observer for Windows {
    #[inline]
    fn on_answer(&mut self, ts_planned: u64, ts_taken: u64, clock: &mut Clock) {
        let ts_committed = clock.now_ordered_ns();
        if let Some(n) = self.plan.window_at(ts_planned) {
            let window = &mut self.latencies[n];
            window.on_core.record_ns(ts_committed - ts_taken);
            window
                .planned_to_committed
                .record_ns(ts_committed.saturating_sub(ts_planned));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_behind_its_rest_and_ends_where_the_next_rest_begins() {
        let plan = Plan {
            start_ns: 1_000,
            rest_ns: 10,
            window_ns: 30,
            windows: 2,
        };
        let found: Vec<Option<usize>> = [0, 1_009, 1_010, 1_039, 1_040, 1_050, 1_079, 1_080, 1_095]
            .map(|ts| plan.window_at(ts))
            .to_vec();
        let (first, second) = (Some(0), Some(1));
        assert_eq!(
            found,
            [None, None, first, first, None, second, second, None, None]
        );
        assert_eq!(plan.rest_begin_ns(1), 1_040);
    }
}
