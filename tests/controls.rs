//! Every reason code is reached by a test, and `docs/controls.md` names only what is there.

use std::path::{Path, PathBuf};

use pinrail_types::Reason;

/// A test that reaches each code: the reason, the file, the test in whose body it stands.
const REACHED: &[(Reason, &str, &str)] = &[
    (
        Reason::UnknownRecord,
        "crates/engine/tests/rfq.rs",
        "a_venue_that_does_not_list_the_instrument_and_a_record_that_is_no_input_are_refused",
    ),
    (
        Reason::BadLayout,
        "crates/book/tests/feeds.rs",
        "counts_that_do_not_fit_gap_the_book",
    ),
    (
        Reason::BadField,
        "crates/engine/tests/rfq.rs",
        "an_accept_must_be_the_quotes",
    ),
    (
        Reason::DuplicateSourceSequence,
        "crates/engine/tests/rfq.rs",
        "a_source_sequence_is_taken_once",
    ),
    (
        Reason::BadDefinition,
        "crates/engine/tests/epochs.rs",
        "a_new_epoch_withdraws_what_was_open_and_refuses_old_ids_it_does_not_know",
    ),
    (
        Reason::NotPermitted,
        "crates/engine/tests/rfq.rs",
        "a_source_sequence_is_taken_once",
    ),
    (
        Reason::UnknownModelInput,
        "crates/engine/tests/quoting.rs",
        "bad_parameters_and_values_of_unknown_models_are_refused",
    ),
    (
        Reason::UnknownInstrument,
        "crates/engine/tests/rfq.rs",
        "bad_requests_are_refused_with_their_own_reasons",
    ),
    (
        Reason::UnknownVenue,
        "crates/risk/src/state.rs",
        "unknown_targets_are_refused",
    ),
    (
        Reason::UnknownClient,
        "crates/engine/tests/limits.rs",
        "a_limit_of_nothing_known_is_refused_as_an_input",
    ),
    (
        Reason::UnknownAsset,
        "crates/risk/src/tests/limits.rs",
        "a_limit_that_is_none_of_its_kind_is_refused",
    ),
    (
        Reason::NotListed,
        "crates/engine/tests/rfq.rs",
        "a_venue_that_does_not_list_the_instrument_and_a_record_that_is_no_input_are_refused",
    ),
    (
        Reason::UnknownSession,
        "crates/engine/tests/limits.rs",
        "a_session_that_the_desk_has_no_room_for_is_refused",
    ),
    (
        Reason::UnknownStrategy,
        "crates/engine/tests/orders.rs",
        "risk_refuses_an_order_with_its_own_reason",
    ),
    (
        Reason::Halted,
        "crates/risk/src/state.rs",
        "the_strictest_scope_wins_and_says_so",
    ),
    (
        Reason::ReduceOnly,
        "crates/risk/src/tests/reserve.rs",
        "reducing_allows_only_what_brings_the_position_towards_zero",
    ),
    (
        Reason::InstrumentHalted,
        "crates/risk/src/tests/latches.rs",
        "a_latch_is_no_looser_than_what_a_person_set",
    ),
    (
        Reason::InstrumentReduceOnly,
        "crates/risk/src/state.rs",
        "the_strictest_scope_wins_and_says_so",
    ),
    (
        Reason::ClientHalted,
        "crates/engine/tests/rfq.rs",
        "a_halted_client_loses_its_own_quotes_only",
    ),
    (
        Reason::ClientReduceOnly,
        "crates/risk/src/tests/reserve.rs",
        "a_fill_needs_the_states_too",
    ),
    (
        Reason::Restricted,
        "crates/engine/tests/limits.rs",
        "an_open_quote_cannot_be_taken_once_its_client_is_restricted",
    ),
    (
        Reason::ActorMissing,
        "crates/engine/tests/limits.rs",
        "nobody_lifts_a_latch_without_a_name",
    ),
    (
        Reason::VenueHalted,
        "crates/risk/src/tests/orders.rs",
        "venues_and_strategies_have_switches_of_their_own",
    ),
    (
        Reason::VenueReduceOnly,
        "crates/risk/src/tests/orders.rs",
        "venues_and_strategies_have_switches_of_their_own",
    ),
    (
        Reason::StrategyHalted,
        "crates/risk/src/tests/orders.rs",
        "venues_and_strategies_have_switches_of_their_own",
    ),
    (
        Reason::StrategyReduceOnly,
        "crates/risk/src/tests/orders.rs",
        "venues_and_strategies_have_switches_of_their_own",
    ),
    (
        Reason::ReferenceMissing,
        "crates/engine/tests/epochs.rs",
        "a_new_epoch_withdraws_what_was_open_and_refuses_old_ids_it_does_not_know",
    ),
    (
        Reason::ReferenceStale,
        "crates/engine/tests/rfq.rs",
        "no_price_without_a_fresh_whole_book",
    ),
    (
        Reason::InsufficientDepth,
        "crates/engine/tests/rfq.rs",
        "bad_requests_are_refused_with_their_own_reasons",
    ),
    (
        Reason::BookGap,
        "crates/book/tests/feeds.rs",
        "a_broken_snapshot_gaps_the_book",
    ),
    (
        Reason::BookCrossed,
        "crates/book/tests/feeds.rs",
        "a_crossed_book_is_unusable_until_it_is_not",
    ),
    (
        Reason::BookMismatch,
        "crates/book/tests/feeds.rs",
        "a_ticker_that_differs_makes_the_book_unusable",
    ),
    (
        Reason::VenueDisconnected,
        "crates/book/tests/feeds.rs",
        "status_records_stop_the_book",
    ),
    (
        Reason::BookBuilding,
        "crates/book/tests/feeds.rs",
        "a_book_is_building_between_the_parts_of_an_update",
    ),
    (
        Reason::VenuesDisagree,
        "crates/engine/tests/limits.rs",
        "venues_that_disagree_are_not_quoted_from",
    ),
    (
        Reason::ReferenceMoved,
        "crates/engine/tests/limits.rs",
        "a_reference_that_ran_away_is_not_quoted_at",
    ),
    (
        Reason::BadSide,
        "crates/engine/tests/rfq.rs",
        "an_accept_must_be_the_quotes",
    ),
    (
        Reason::QtyUnrepresentable,
        "crates/engine/tests/rfq.rs",
        "bad_requests_are_refused_with_their_own_reasons",
    ),
    (
        Reason::QtyOffGrid,
        "crates/risk/src/tests/reserve.rs",
        "quantity_at_below_and_above_its_bounds",
    ),
    (
        Reason::PxUnrepresentable,
        "crates/risk/src/tests/reserve.rs",
        "price_at_below_and_above_its_bounds",
    ),
    (
        Reason::PxOffGrid,
        "crates/risk/src/tests/reserve.rs",
        "price_at_below_and_above_its_bounds",
    ),
    (
        Reason::Collar,
        "crates/risk/src/tests/reserve.rs",
        "price_at_below_and_above_its_bounds",
    ),
    (
        Reason::QtyBelowMin,
        "crates/risk/src/tests/reserve.rs",
        "quantity_at_below_and_above_its_bounds",
    ),
    (
        Reason::Overflow,
        "crates/book/tests/consolidated.rs",
        "the_largest_values_are_exact_or_refused",
    ),
    (
        Reason::NotionalBelowMin,
        "crates/engine/tests/limits.rs",
        "each_limit_refuses_with_its_own_reason_before_and_after_a_restart",
    ),
    (
        Reason::QtyAboveMax,
        "crates/engine/tests/rfq.rs",
        "bad_requests_are_refused_with_their_own_reasons",
    ),
    (
        Reason::NotionalAboveMax,
        "crates/risk/src/tests/reserve.rs",
        "notional_at_and_above_its_bound",
    ),
    (
        Reason::PositionLimit,
        "crates/engine/tests/rfq.rs",
        "several_accepts_at_once_cannot_break_a_limit",
    ),
    (
        Reason::CreditLimit,
        "crates/engine/tests/rfq.rs",
        "credit_is_held_by_quotes_and_used_by_fills",
    ),
    (
        Reason::LimitsMissing,
        "crates/risk/src/tests/reserve.rs",
        "unknown_and_unconfigured_things_are_refused",
    ),
    (
        Reason::CreditAsset,
        "crates/risk/src/tests/reserve.rs",
        "credit_in_another_asset_is_refused",
    ),
    (
        Reason::ClientUnexecuted,
        "crates/engine/tests/limits.rs",
        "each_limit_refuses_with_its_own_reason_before_and_after_a_restart",
    ),
    (
        Reason::AssetUnexecuted,
        "crates/engine/tests/limits.rs",
        "each_limit_refuses_with_its_own_reason_before_and_after_a_restart",
    ),
    (
        Reason::GrossExposure,
        "crates/engine/tests/limits.rs",
        "each_limit_refuses_with_its_own_reason_before_and_after_a_restart",
    ),
    (
        Reason::NetExposure,
        "crates/engine/tests/limits.rs",
        "each_limit_refuses_with_its_own_reason_before_and_after_a_restart",
    ),
    (
        Reason::ExecutionThrottle,
        "crates/engine/tests/limits.rs",
        "each_latch_is_told_of_kept_over_a_restart_and_lifted_by_a_person",
    ),
    (
        Reason::ProtectionFills,
        "crates/engine/tests/limits.rs",
        "each_latch_is_told_of_kept_over_a_restart_and_lifted_by_a_person",
    ),
    (
        Reason::ProtectionDelta,
        "crates/engine/tests/limits.rs",
        "each_latch_is_told_of_kept_over_a_restart_and_lifted_by_a_person",
    ),
    (
        Reason::LossLimit,
        "crates/engine/tests/limits.rs",
        "a_loss_halts_without_a_request",
    ),
    (
        Reason::Drawdown,
        "crates/engine/tests/limits.rs",
        "a_loss_halts_without_a_request",
    ),
    (
        Reason::DeskLoss,
        "crates/engine/tests/limits.rs",
        "a_loss_halts_without_a_request",
    ),
    (
        Reason::DeskDrawdown,
        "crates/engine/tests/limits.rs",
        "a_loss_halts_without_a_request",
    ),
    (
        Reason::OrderToTrade,
        "crates/engine/tests/limits.rs",
        "each_limit_refuses_with_its_own_reason_before_and_after_a_restart",
    ),
    (
        Reason::ClientOpenOrders,
        "crates/engine/tests/crossing.rs",
        "open_orders_at_below_and_above_their_bound",
    ),
    (
        Reason::Busy,
        "crates/cli/src/desk/feed.rs",
        "a_request_that_finds_no_room_is_answered_as_busy",
    ),
    (
        Reason::SecondActorNeeded,
        "crates/engine/tests/limits.rs",
        "a_limit_is_loosened_by_two_for_a_time_and_returns_by_itself",
    ),
    (
        Reason::SelfTrade,
        "crates/engine/tests/orders.rs",
        "no_order_goes_where_it_could_meet_our_own",
    ),
    (
        Reason::VenueBalance,
        "crates/engine/tests/orders.rs",
        "a_venue_is_only_sent_what_it_has_money_for",
    ),
    (
        Reason::UnknownQuote,
        "crates/engine/tests/rfq.rs",
        "a_pass_ends_the_quote_and_releases_it",
    ),
    (
        Reason::QuoteExpired,
        "crates/oms/src/quotes.rs",
        "a_quote_ends_once",
    ),
    (
        Reason::QuoteFilled,
        "crates/engine/tests/rfq.rs",
        "an_accept_fills_once_and_moves_the_position",
    ),
    (
        Reason::QuoteMismatch,
        "crates/engine/tests/rfq.rs",
        "an_accept_must_be_the_quotes",
    ),
    (
        Reason::DuplicateQuoteReqId,
        "crates/engine/tests/rfq.rs",
        "a_request_id_is_refused_until_as_many_quotes_came_as_there_are_places",
    ),
    (
        Reason::ClientPassed,
        "crates/engine/tests/rfq.rs",
        "a_pass_ends_the_quote_and_releases_it",
    ),
    (
        Reason::OrderTypeUnsupported,
        "crates/engine/tests/rfq.rs",
        "an_accept_must_be_the_quotes",
    ),
    (
        Reason::RequestExpired,
        "crates/engine/tests/rfq.rs",
        "a_client_may_end_the_validity_earlier_but_not_later",
    ),
    (
        Reason::QuoteEpochUnknown,
        "crates/engine/tests/epochs.rs",
        "a_new_epoch_withdraws_what_was_open_and_refuses_old_ids_it_does_not_know",
    ),
    (
        Reason::Withdrawn,
        "crates/engine/tests/epochs.rs",
        "a_new_epoch_withdraws_what_was_open_and_refuses_old_ids_it_does_not_know",
    ),
    (
        Reason::DuplicateOrder,
        "crates/engine/tests/limits.rs",
        "a_duplicate_order_is_refused_and_its_quote_stays_open",
    ),
    (
        Reason::UnknownOrder,
        "crates/engine/tests/orders.rs",
        "a_fill_of_no_order_of_ours_is_booked_and_halts_its_venue",
    ),
    (
        Reason::OrderMismatch,
        "crates/engine/tests/orders.rs",
        "what_does_not_fit_its_order_halts_the_venue_and_no_fill_is_dropped",
    ),
    (
        Reason::DuplicateExecId,
        "crates/engine/tests/orders.rs",
        "a_report_is_taken_once",
    ),
    (
        Reason::BalanceOutdated,
        "crates/engine/tests/orders.rs",
        "a_venue_is_only_sent_what_it_has_money_for",
    ),
    (
        Reason::DoneAway,
        "crates/engine/tests/rfq.rs",
        "a_client_that_traded_elsewhere_is_told_apart_from_one_that_passes",
    ),
    (
        Reason::SessionGone,
        "crates/engine/tests/cancels.rs",
        "a_session_that_drops_loses_its_quotes_and_streams_and_asks_again_when_it_is_back",
    ),
    (
        Reason::QuoteIndicative,
        "crates/engine/tests/terms.rs",
        "an_indicative_quote_reserves_nothing_and_cannot_be_taken",
    ),
    (
        Reason::QuoteHeld,
        "crates/engine/tests/last_look.rs",
        "what_is_held_is_nobodys_to_take_back",
    ),
    (
        Reason::QuotedBelowMin,
        "crates/engine/tests/terms.rs",
        "less_than_the_request_wants_at_least_is_not_quoted",
    ),
    (
        Reason::CashUnquotable,
        "crates/engine/tests/terms.rs",
        "cash_that_pays_for_nothing_or_is_asked_for_otherwise_is_refused",
    ),
    (
        Reason::LastLookMoved,
        "crates/engine/tests/last_look.rs",
        "a_move_beyond_the_tolerance_is_refused_alike_whichever_way",
    ),
    (
        Reason::DealerPassed,
        "crates/engine/tests/dealing.rs",
        "a_dealer_passes_or_answers_too_late",
    ),
    (
        Reason::DealerTimeout,
        "crates/engine/tests/dealing.rs",
        "a_dealer_passes_or_answers_too_late",
    ),
    (
        Reason::UnknownDealerRequest,
        "crates/engine/tests/dealing.rs",
        "a_dealer_passes_or_answers_too_late",
    ),
    (
        Reason::DealingFull,
        "crates/engine/tests/dealing.rs",
        "as_many_wait_as_there_is_room_for",
    ),
    (
        Reason::DealerOnly,
        "crates/engine/tests/dealing.rs",
        "no_dealer_keeps_a_stream_fresh",
    ),
    (
        Reason::PxOutOfDomain,
        "crates/engine/tests/crossing.rs",
        "each_check_of_a_new_order_refuses_it_and_leaves_nothing_behind",
    ),
    (
        Reason::DuplicateOrderId,
        "crates/engine/tests/crossing.rs",
        "each_check_of_a_new_order_refuses_it_and_leaves_nothing_behind",
    ),
    (
        Reason::OrderExpired,
        "crates/engine/tests/crossing.rs",
        "each_check_of_a_new_order_refuses_it_and_leaves_nothing_behind",
    ),
    (
        Reason::PostOnly,
        "crates/engine/tests/crossing.rs",
        "each_check_of_a_new_order_refuses_it_and_leaves_nothing_behind",
    ),
    (
        Reason::ReduceOnlyOrder,
        "crates/engine/tests/crossing.rs",
        "each_check_of_a_new_order_refuses_it_and_leaves_nothing_behind",
    ),
    (
        Reason::WrongPhase,
        "crates/engine/tests/own_books.rs",
        "an_auction_gathers_orders_tells_its_price_and_ends_in_one_trade",
    ),
    (
        Reason::MinQty,
        "crates/engine/tests/crossing.rs",
        "what_cannot_be_had_at_once_is_cancelled_whole",
    ),
    (
        Reason::ImmediateOrCancel,
        "crates/engine/tests/crossing.rs",
        "who_sells_owes_what_it_is_worth_and_who_buys_what_it_would_pay",
    ),
    (
        Reason::SelfTradePrevented,
        "crates/engine/tests/crossing.rs",
        "one_does_not_trade_with_oneself_unless_one_says_so",
    ),
    (
        Reason::QtyBelowFilled,
        "crates/engine/tests/crossing.rs",
        "a_change_holds_what_the_order_is_from_then_on",
    ),
    (
        Reason::CancelRequested,
        "crates/engine/tests/crossing.rs",
        "a_trade_tells_both_clients_charges_both_and_releases_what_was_held",
    ),
    (
        Reason::MassCancel,
        "crates/engine/tests/own_books.rs",
        "a_mass_cancel_takes_what_is_named_of_ones_own",
    ),
    (
        Reason::BookFull,
        "crates/engine/tests/crossing.rs",
        "the_table_of_orders_is_bounded",
    ),
    (
        Reason::BookBusy,
        "crates/engine/tests/crossing.rs",
        "what_trading_states_forbid_is_cancelled_in_bounded_chunks_and_told",
    ),
    (
        Reason::QuoteReplaced,
        "crates/engine/tests/streams.rs",
        "a_moved_price_replaces_the_quote_under_the_same_request",
    ),
    (
        Reason::Unsubscribed,
        "crates/engine/tests/streams.rs",
        "a_moved_price_replaces_the_quote_under_the_same_request",
    ),
    (
        Reason::UnknownStream,
        "crates/engine/tests/streams.rs",
        "streams_are_requests_and_are_refused_as_such",
    ),
    (
        Reason::StreamsFull,
        "crates/engine/tests/streams.rs",
        "streams_are_requests_and_are_refused_as_such",
    ),
    (
        Reason::OpenQuotesFull,
        "crates/engine/tests/rfq.rs",
        "the_bound_on_open_quotes_is_a_refusal",
    ),
    (
        Reason::TableFull,
        "crates/risk/src/tests/limits.rs",
        "the_restricted_list_is_bounded",
    ),
    (
        Reason::ClientRate,
        "crates/engine/tests/limits.rs",
        "an_order_counts_as_a_message_and_a_pass_never_does",
    ),
    (
        Reason::SessionRate,
        "crates/engine/tests/limits.rs",
        "each_limit_refuses_with_its_own_reason_before_and_after_a_restart",
    ),
    (
        Reason::DuplicatesFull,
        "crates/risk/src/tests/limits.rs",
        "a_full_table_of_orders_refuses",
    ),
    (
        Reason::VenueRate,
        "crates/engine/tests/orders.rs",
        "a_venues_rate_is_kept_over_a_restart",
    ),
    (
        Reason::OpenOrdersFull,
        "crates/engine/tests/orders.rs",
        "actions_beyond_the_bound_and_orders_beyond_the_table_are_refused",
    ),
    (
        Reason::ParentMismatch,
        "crates/oms/src/parents.rs",
        "what_does_not_add_up_is_refused_and_changes_nothing",
    ),
    (
        Reason::CostMax,
        "crates/engine/tests/hedging.rs",
        "it_goes_no_further_than_its_limits",
    ),
    (
        Reason::TriesMax,
        "crates/engine/tests/hedging.rs",
        "what_no_venue_gave_is_tried_again_and_not_for_ever",
    ),
    (
        Reason::ParentOrdersFull,
        "crates/engine/tests/hedging.rs",
        "parent_orders_are_bounded",
    ),
    (
        Reason::AccountsFull,
        "crates/oms/src/accounts.rs",
        "clients_accounts_are_bounded",
    ),
    (
        Reason::ActionsFull,
        "crates/engine/tests/orders.rs",
        "actions_beyond_the_bound_and_orders_beyond_the_table_are_refused",
    ),
    (
        Reason::JournalShort,
        "crates/engine/tests/rfq.rs",
        "a_short_journal_allows_only_what_reduces",
    ),
    (
        Reason::ArchiverFailed,
        "crates/risk/src/state.rs",
        "a_failed_archiver_latches",
    ),
    (
        Reason::PoisonInput,
        "crates/engine/tests/epochs.rs",
        "a_poison_input_halts_the_desk_until_a_person_resumes_it",
    ),
    (
        Reason::Own0,
        "crates/engine/tests/own.rs",
        "a_desks_own_limits_refuse_with_reasons_of_their_own",
    ),
    (
        Reason::Own1,
        "crates/engine/tests/own.rs",
        "a_desks_own_limits_refuse_with_reasons_of_their_own",
    ),
    (
        Reason::Own2,
        "crates/engine/tests/own.rs",
        "a_desks_own_limits_refuse_with_reasons_of_their_own",
    ),
    (
        Reason::Own3,
        "crates/engine/tests/own.rs",
        "a_desks_own_limits_refuse_with_reasons_of_their_own",
    ),
    (
        Reason::Own4,
        "crates/engine/tests/own.rs",
        "a_desks_own_limits_refuse_with_reasons_of_their_own",
    ),
    (
        Reason::Own5,
        "crates/engine/tests/own.rs",
        "a_desks_own_limits_refuse_with_reasons_of_their_own",
    ),
    (
        Reason::Own6,
        "crates/engine/tests/own.rs",
        "a_desks_own_limits_refuse_with_reasons_of_their_own",
    ),
    (
        Reason::Own7,
        "crates/engine/tests/own.rs",
        "a_desks_own_limits_refuse_with_reasons_of_their_own",
    ),
    (
        Reason::Own8,
        "crates/engine/tests/own.rs",
        "a_desks_own_limits_refuse_with_reasons_of_their_own",
    ),
    (
        Reason::Own9,
        "crates/engine/tests/own.rs",
        "a_desks_own_limits_refuse_with_reasons_of_their_own",
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The body of the test `name` in a source file; `None` if it has none.
fn body<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    let start = source.find(&format!("fn {name}()"))?;
    let line = source[..start].rfind('\n').map_or(0, |at| at + 1);
    let attributes = source[..line].trim_end().lines().rev();
    let mut attributes = attributes.take_while(|line| line.trim_start().starts_with("#["));
    if !attributes.any(|line| line.trim() == "#[test]") {
        return None;
    }
    let end = format!("\n{}}}\n", &source[line..start]);
    let len = source[start..].find(&end)?;
    Some(&source[start..start + len])
}

/// All Rust files below the crates' and the tests' folders.
fn sources() -> Vec<String> {
    let mut folders = vec![root().join("crates"), root().join("tests")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the repository") {
            let path = entry.expect("an entry of it").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(std::fs::read_to_string(path).expect("a source file"));
            }
        }
    }
    found
}

#[test]
fn every_reason_code_is_reached_by_a_test() {
    let mut missing = Vec::new();
    for reason in Reason::ALL {
        let reached = REACHED
            .iter()
            .filter(|(of, _, _)| of == reason)
            .any(|(_, file, test)| {
                let source = std::fs::read_to_string(root().join(file)).unwrap_or_default();
                body(&source, test).is_some_and(|body| has_word(body, &format!("Reason::{reason:?}")))
            });
        if !reached {
            missing.push(reason);
        }
    }
    assert!(
        missing.is_empty(),
        "no test of REACHED reaches {missing:?}: write one, and say here which; a code that nothing can reach is deleted"
    );
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let next = text[at + word.len()..].chars().next();
        next.is_none_or(|next| !next.is_alphanumeric() && next != '_')
    })
}

/// The words in backticks of a cell.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_controls_name_reasons_and_tests_that_are_there() {
    let page = std::fs::read_to_string(root().join("docs/controls.md")).expect("docs/controls.md");
    let sources = sources();
    let mut rows = 0;
    let mut wrong = Vec::new();
    for line in page
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'))
    {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let [_, _, reasons, tests] = cells[..] else {
            wrong.push(format!("not four cells: {line}"));
            continue;
        };
        rows += 1;
        for name in quoted(reasons) {
            let known = Reason::ALL
                .iter()
                .any(|reason| name == format!("{} {reason:?}", reason.code()));
            if !known {
                wrong.push(format!("no reason is called {name}"));
            }
        }
        if quoted(tests).is_empty() {
            wrong.push(format!("no test: {line}"));
        }
        for name in quoted(tests) {
            if !sources.iter().any(|source| body(source, name).is_some()) {
                wrong.push(format!("no test is called {name}"));
            }
        }
    }
    assert!(rows > 20, "{rows} rows");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_body_is_found_only_of_a_test() {
    let source = "#[test]\nfn a() {\n    Reason::Halted;\n}\n\nfn b() {\n}\n";
    assert_eq!(
        body(source, "a").map(|body| has_word(body, "Reason::Halted")),
        Some(true)
    );
    assert_eq!(
        body(source, "a").map(|body| has_word(body, "Reason::Halt")),
        Some(false)
    );
    assert_eq!((body(source, "b"), body(source, "c")), (None, None));
}
