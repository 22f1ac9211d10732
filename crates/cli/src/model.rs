//! What this program quotes and hedges by: the same wherever an engine is made, so that whatever it journals it can replay.

use pinrail_engine::Bounds;
use pinrail_pricing::{BandHedger, SweepPricer, WithStrategy};

/// The default pricer, and the default hedger, which does nothing without `HedgingParams`.
pub(crate) type Model = WithStrategy<SweepPricer, BandHedger>;

/// Makes a [`Model`] for an engine of these bounds.
pub(crate) type MakeModel = fn(&Bounds) -> Model;

/// See [`MakeModel`].
pub(crate) fn make_model(bounds: &Bounds) -> Model {
    WithStrategy {
        pricer: SweepPricer::new(bounds.instruments),
        strategy: BandHedger::new(bounds.instruments),
    }
}
