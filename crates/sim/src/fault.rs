//! What a faulty venue does, and how often.

use pinrail_types::E8;

use crate::random::Random;

/// A fault that a venue may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// An order comes to the book late, and all that is sent behind it.
    Slow,
    /// An order is refused, or that it is replaced.
    Reject,
    /// A report comes twice.
    Duplicate,
    /// A report comes behind later ones.
    Reorder,
    /// The report of an order's end says that more of it was filled than was.
    WrongCumQty,
    /// A fill of an order that nobody sent.
    UnknownOrder,
    /// A fill at a worse price than the order's limit.
    WorsePx,
    /// A fill that comes behind the report of its order's end.
    LateFill,
    /// A fill is taken back some time later: a bust.
    Bust,
    /// A fill is corrected some time later: it was for another quantity, up or down, at another price.
    Correct,
    /// The connection is lost: no market data, and reports wait. Then there is a snapshot again.
    Disconnect,
}

impl Fault {
    /// How many there are.
    pub const COUNT: usize = 11;

    /// All of them, in order.
    pub const ALL: [Fault; Fault::COUNT] = [
        Fault::Slow,
        Fault::Reject,
        Fault::Duplicate,
        Fault::Reorder,
        Fault::WrongCumQty,
        Fault::UnknownOrder,
        Fault::WorsePx,
        Fault::LateFill,
        Fault::Bust,
        Fault::Correct,
        Fault::Disconnect,
    ];

    /// Its name, in lower case with underscores.
    pub const fn name(self) -> &'static str {
        match self {
            Fault::Slow => "slow",
            Fault::Reject => "reject",
            Fault::Duplicate => "duplicate",
            Fault::Reorder => "reorder",
            Fault::WrongCumQty => "wrong_cum_qty",
            Fault::UnknownOrder => "unknown_order",
            Fault::WorsePx => "worse_px",
            Fault::LateFill => "late_fill",
            Fault::Bust => "bust",
            Fault::Correct => "correct",
            Fault::Disconnect => "disconnect",
        }
    }
}

/// How often a venue has each fault, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultConfig {
    /// By [`Fault`], the share of cases that have it, times 1e8: of orders, of reports ([`Fault::Duplicate`],
    /// [`Fault::Reorder`]), of fills ([`Fault::Bust`], [`Fault::Correct`]), of ends with something left ([`Fault::WrongCumQty`]), of
    /// updates ([`Fault::Disconnect`]).
    pub chances_e8: [u32; Fault::COUNT],
    /// Mean time that [`Fault::Slow`] adds, beyond one nanosecond.
    pub slow_ns_mean: u64,
    /// Longest time by which [`Fault::Reorder`] and [`Fault::LateFill`] put a report off, and behind which [`Fault::Bust`] and
    /// [`Fault::Correct`] come; at least 1.
    pub reorder_ns_max: u64,
    /// Mean time for which [`Fault::Disconnect`] lasts, beyond one nanosecond.
    pub down_ns_mean: u64,
}

impl FaultConfig {
    /// A venue without faults.
    pub const NONE: FaultConfig = FaultConfig {
        chances_e8: [0; Fault::COUNT],
        slow_ns_mean: 0,
        reorder_ns_max: 1,
        down_ns_mean: 0,
    };

    pub(crate) fn is_sane(&self) -> bool {
        self.chances_e8.iter().all(|share| i64::from(*share) <= E8)
            && (1..=NS_MAX).contains(&self.reorder_ns_max)
            && self.slow_ns_mean <= NS_MAX
            && self.down_ns_mean <= NS_MAX
    }
}

/// A day; no time of a fault is longer.
const NS_MAX: u64 = 86_400_000_000_000;

/// How often each fault came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    counts: [u64; Fault::COUNT],
}

impl FaultCounts {
    /// How often this one did.
    pub fn of(&self, fault: Fault) -> u64 {
        self.counts[fault as usize]
    }

    /// With those of another venue.
    #[must_use]
    pub fn plus(&self, other: &FaultCounts) -> FaultCounts {
        FaultCounts {
            counts: core::array::from_fn(|at| self.counts[at] + other.counts[at]),
        }
    }
}

/// Draws faults, apart from all other draws: without faults everything else is drawn alike.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    pub(crate) config: FaultConfig,
    pub(crate) random: Random,
    pub(crate) counts: FaultCounts,
}

impl Faults {
    pub(crate) fn new(config: FaultConfig, seed: u64) -> Faults {
        Faults {
            config,
            random: Random::new_apart(seed),
            counts: FaultCounts::default(),
        }
    }

    /// Whether there is a fault here; it counts only once [`Faults::note`] is called.
    pub(crate) fn draw(&mut self, fault: Fault) -> bool {
        self.random.chance_e8(self.config.chances_e8[fault as usize])
    }

    pub(crate) fn note(&mut self, fault: Fault) {
        self.counts.counts[fault as usize] += 1;
    }

    /// Whether there is a fault here, counted.
    pub(crate) fn has(&mut self, fault: Fault) -> bool {
        let has = self.draw(fault);
        if has {
            self.note(fault);
        }
        has
    }
}
