//! What simulated clients send, and what of it no flow can be made of.

use pinrail_types::record::LEGS_MAX;
use pinrail_types::{E8, InstrumentId, Qty, SessionId, Side};
use thiserror::Error;

/// The instrument that some of the bad requests name. No desk lists it.
pub const UNKNOWN_INSTRUMENT: InstrumentId = InstrumentId(u32::MAX - 1);

/// An instrument that clients ask for, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRange {
    /// The instrument.
    pub instrument: InstrumentId,
    /// Least quantity.
    pub qty_lots_min: Qty,
    /// Most quantity.
    pub qty_lots_max: Qty,
    /// Quantities are multiples of this.
    pub qty_lots_step: Qty,
}

/// A package that clients ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRange {
    /// Of each leg the instrument, what who buys the package does on it, and how many lots of it are in a unit. Two to
    /// [`LEGS_MAX`], all in instruments of their own.
    pub legs: Vec<(InstrumentId, Side, Qty)>,
    /// Most units that are asked for; the least is one.
    pub units_max: Qty,
}

/// What a [`ClientFlow`](super::ClientFlow) sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFlowConfig {
    /// Clients 0 to this, less one, ask. Above zero.
    pub clients: u32,
    /// The portal session that all of them use. Outputs for other sessions are not looked at.
    pub session: SessionId,
    /// What they ask for, each as often as the others. Not empty.
    pub instruments: Vec<RequestRange>,
    /// Mean time from one request to the next, of whichever client: a Poisson process. Above zero.
    pub interval_ns_mean: u64,
    /// No request is made at or after this time; reactions to quotes still are. `u64::MAX`: never ends.
    pub end_ns: u64,
    /// Share of requests for a bid and an offer, times 1e8.
    pub two_sided_e8: u32,
    /// Share of requests that must be refused, times 1e8: off the quantity step, for [`UNKNOWN_INSTRUMENT`], or
    /// for nothing, in equal parts; those for packages have a leg in [`UNKNOWN_INSTRUMENT`] or in `odd_leg`, are for nothing, or
    /// come a second time under the same id. The same share of orders for packages is sent twice.
    pub bad_e8: u32,
    /// Share of quotes that are accepted, times 1e8.
    pub accept_e8: u32,
    /// Share of quotes that are passed on, times 1e8. What is left is let expire.
    pub pass_e8: u32,
    /// How far from the market the price may be that a client would still accept, as a fraction of it, times 1e8: drawn for
    /// each request, up to this. One that is further away is passed on, and so is any before
    /// [`ClientFlow::on_top`](super::ClientFlow::on_top) showed the market. Zero: any price is accepted.
    pub view_e8_max: u32,
    /// Packages that they ask for, each as often as the others. May be empty.
    pub packages: Vec<PackageRange>,
    /// Share of requests that are for one of `packages`, times 1e8; of no meaning where there is none.
    pub packages_e8: u32,
    /// An instrument that is quoted in another asset than `packages`: some of the bad requests have it as a leg.
    pub odd_leg: Option<InstrumentId>,
    /// Shortest time from a quote to the client's answer; at least 1.
    pub reaction_ns_min: u64,
    /// Longest time.
    pub reaction_ns_max: u64,
    /// Most requests that may wait for an answer, and most reactions that may be on their way; 1 to 65,536.
    pub open_max: usize,
}

/// A field of a [`ClientFlowConfig`] that no flow can be made of.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClientConfigError {
    /// Nobody to ask.
    #[error("clients is 0: expected at least 1")]
    Clients,
    /// Nothing to ask for.
    #[error("instruments is empty: expected at least one")]
    Instruments,
    /// Quantities that hold no multiple of the step.
    #[error("{0:?}: expected 0 < qty_lots_step <= qty_lots_max and a multiple of the step in the range")]
    Range(RequestRange),
    /// Legs or units that no package has.
    #[error(
        "{0:?}: expected 2 to {LEGS_MAX} legs in instruments of their own, and so many lots and units that all can be ordered"
    )]
    Package(PackageRange),
    /// No rate.
    #[error("interval_ns_mean is 0: expected at least 1")]
    Rate,
    /// More than the whole.
    #[error("{name} is {value}: expected 0 to 100000000")]
    Share {
        /// The field or the sum of fields.
        name: &'static str,
        /// What it holds.
        value: u64,
    },
    /// Reaction times that are no range.
    #[error("reaction times are {min} to {max} ns: expected 1 to 10^18, the least first")]
    Reaction {
        /// Shortest.
        min: u64,
        /// Longest.
        max: u64,
    },
    /// A bound that is no bound.
    #[error("open_max is {0}: expected 1 to 65536")]
    OpenMax(usize),
}

impl ClientFlowConfig {
    /// Names the first field that is out of its range.
    pub(super) fn check(&self) -> Result<(), ClientConfigError> {
        if self.clients == 0 {
            return Err(ClientConfigError::Clients);
        }
        if self.instruments.is_empty() {
            return Err(ClientConfigError::Instruments);
        }
        if let Some(range) = self.instruments.iter().find(|range| !range.is_sound()) {
            return Err(ClientConfigError::Range(*range));
        }
        if let Some(package) = self.packages.iter().find(|package| !package.is_sound()) {
            return Err(ClientConfigError::Package(package.clone()));
        }
        if self.interval_ns_mean == 0 {
            return Err(ClientConfigError::Rate);
        }
        for (name, value) in [
            ("two_sided_e8", u64::from(self.two_sided_e8)),
            ("bad_e8", u64::from(self.bad_e8)),
            ("packages_e8", u64::from(self.packages_e8)),
            ("view_e8_max", u64::from(self.view_e8_max)),
            (
                "accept_e8 + pass_e8",
                u64::from(self.accept_e8) + u64::from(self.pass_e8),
            ),
        ] {
            if value > E8 as u64 {
                return Err(ClientConfigError::Share { name, value });
            }
        }
        let (min, max) = (self.reaction_ns_min, self.reaction_ns_max);
        if min == 0 || min > max || max > 1_000_000_000_000_000_000 {
            return Err(ClientConfigError::Reaction { min, max });
        }
        if !(1..=65_536).contains(&self.open_max) {
            return Err(ClientConfigError::OpenMax(self.open_max));
        }
        Ok(())
    }
}

impl RequestRange {
    fn is_sound(&self) -> bool {
        let step = self.qty_lots_step;
        step.is_orderable()
            && self.qty_lots_max.is_orderable()
            && self.qty_lots_min.0 > 0
            && self.steps_min() <= self.steps_max()
    }

    pub(super) fn steps_min(&self) -> i64 {
        (self.qty_lots_min.0 - 1) / self.qty_lots_step.0 + 1
    }

    pub(super) fn steps_max(&self) -> i64 {
        self.qty_lots_max.0 / self.qty_lots_step.0
    }
}

impl PackageRange {
    fn is_sound(&self) -> bool {
        let is_of_its_own = |at: usize| self.legs[..at].iter().all(|leg| leg.0 != self.legs[at].0);
        let is_orderable = |ratio: Qty| {
            let most = ratio.0.checked_mul(self.units_max.0);
            ratio.is_orderable() && most.is_some_and(|most| Qty(most).is_orderable())
        };
        (2..=LEGS_MAX).contains(&self.legs.len())
            && self.units_max.is_orderable()
            && (0..self.legs.len()).all(is_of_its_own)
            && self.legs.iter().all(|leg| is_orderable(leg.2))
    }
}
