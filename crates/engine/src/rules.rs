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

impl Rule {
    /// Whether the rule is in force: always, but for the one that `PINRAIL_OMIT` names where this is built with the feature `omit`.
    #[cfg_attr(
        not(feature = "omit"),
        expect(clippy::unused_self, reason = "the same call with the feature and without it")
    )]
    #[inline]
    pub(crate) fn holds(self) -> bool {
        #[cfg(feature = "omit")]
        {
            use std::sync::LazyLock;
            static LEFT_OUT: LazyLock<String> =
                LazyLock::new(|| std::env::var("PINRAIL_OMIT").unwrap_or_default());
            *LEFT_OUT != format!("{self:?}")
        }
        #[cfg(not(feature = "omit"))]
        true
    }
}
