//! Rules that `scripts/omit-rules` leaves out, one at a time, to see that the random model of `tests/model` notices.

/// A rule of the desk that the model has to notice when it is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A quote is taken once.
    OneFill,
    /// A quote is its client's.
    OwnQuote,
    /// A quote is taken at its price.
    QuotedPx,
    /// An order's id is judged once.
    OnceJudged,
    /// What a quote reserved is free when it ends.
    Release,
    /// What a client trades is posted to accounts.
    Posting,
    /// A venue's fill is booked once.
    OnceBooked,
    /// What a trading state forbids is cancelled at venues.
    KillCancels,
    /// What was asked for on a session ends with it.
    SessionEnds,
    /// What a part of a parent order was not filled for is its parent's again.
    PartsReturn,
    /// A last look refuses what moved too far.
    LookTolerance,
    /// Nothing is priced from a venue that is gone.
    VenueGone,
}

#[cfg(feature = "omit")]
static LEFT_OUT: core::sync::atomic::AtomicU8 = core::sync::atomic::AtomicU8::new(u8::MAX);

/// Leaves out the rule of this name from now on, in all engines; false if there is none.
#[cfg(feature = "omit")]
pub fn leave_out(name: &str) -> bool {
    let rules = [
        Rule::OneFill,
        Rule::OwnQuote,
        Rule::QuotedPx,
        Rule::OnceJudged,
        Rule::Release,
        Rule::Posting,
        Rule::OnceBooked,
        Rule::KillCancels,
        Rule::SessionEnds,
        Rule::PartsReturn,
        Rule::LookTolerance,
        Rule::VenueGone,
    ];
    let found = rules.into_iter().find(|rule| format!("{rule:?}") == name);
    if let Some(rule) = found {
        LEFT_OUT.store(rule as u8, core::sync::atomic::Ordering::Relaxed);
    }
    found.is_some()
}

impl Rule {
    /// Whether the rule is in force: always, but for the one that was left out where this is built with the feature `omit`.
    #[cfg_attr(
        not(feature = "omit"),
        expect(clippy::unused_self, reason = "the same call with the feature and without it")
    )]
    #[inline]
    pub(crate) fn holds(self) -> bool {
        #[cfg(feature = "omit")]
        {
            LEFT_OUT.load(core::sync::atomic::Ordering::Relaxed) != self as u8
        }
        #[cfg(not(feature = "omit"))]
        true
    }
}
