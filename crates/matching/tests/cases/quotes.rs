//! Mass quotes: many sides in one message, replaced in place.

use pinrail_matching::BookConfig;
use pinrail_types::Px;

use crate::script::{Start, case, case_from};

#[test]
fn a_quote_puts_both_sides_into_the_book() {
    case(
        "
        > quote c=9: buy 1 5@99, sell 2 5@101
        1 New 0+5/5@99
        2 New 0+5/5@101
        > book
        bids: 1 5@99;
        asks: 2 5@101;
        ",
    );
}

#[test]
fn a_smaller_quantity_at_the_same_price_keeps_its_place() {
    case(
        "
        > quote c=9: buy 1 5@99, sell 2 5@101
        1 New 0+5/5@99
        2 New 0+5/5@101
        > buy 3 5@99
        3 New 0+5/5@99
        > quote c=9: buy 1 4@99, sell 2 6@101
        1 Replaced 0+4/4@99
        2 Replaced 0+6/6@101
        > book
        bids: 1 4@99; 3 5@99;
        asks: 2 6@101;
        ",
    );
}

#[test]
fn another_price_replaces_the_order() {
    case(
        "
        > quote c=9: buy 1 5@99, sell 2 5@101
        1 New 0+5/5@99
        2 New 0+5/5@101
        > quote c=9: buy 1 5@98, sell 2 5@100
        1 Replaced 0+5/5@98
        2 Replaced 0+5/5@100
        > book
        bids: 1 5@98;
        asks: 2 5@100;
        ",
    );
}

#[test]
fn sides_that_move_are_taken_out_before_any_comes() {
    case(
        "
        > quote c=9: buy 1 5@99, sell 2 5@101
        1 New 0+5/5@99
        2 New 0+5/5@101
        > quote c=9: buy 1 5@101, sell 2 5@103
        1 Replaced 0+5/5@101
        2 Replaced 0+5/5@103
        > book
        bids: 1 5@101;
        asks: 2 5@103;
        > quote c=9: sell 2 5@99, buy 1 5@97
        2 Replaced 0+5/5@99
        1 Replaced 0+5/5@97
        > book
        bids: 1 5@97;
        asks: 2 5@99;
        ",
    );
}

#[test]
fn zero_takes_a_side_away_and_is_nothing_to_one_that_is_not_there() {
    case(
        "
        > quote c=9: buy 1 5@99, sell 2 5@101
        1 New 0+5/5@99
        2 New 0+5/5@101
        > quote c=9: buy 1 0@99, sell 2 5@101, buy 3 0@50
        1 Canceled 0+0/5@99 CancelRequested
        2 Replaced 0+5/5@101
        > book
        bids: none
        asks: 2 5@101;
        ",
    );
}

#[test]
fn zero_is_taken_in_a_halt() {
    case(
        "
        > quote c=9: buy 1 5@99, sell 2 5@101
        1 New 0+5/5@99
        2 New 0+5/5@101
        > phase halted
        > quote c=9: buy 1 0@none, sell 2 4@101
        2 Rejected 0+0/4@101 WrongPhase
        1 Canceled 0+0/5@99 CancelRequested
        > book
        bids: none
        asks: 2 5@101;
        ",
    );
}

#[test]
fn the_quantity_is_what_is_open_from_then_on() {
    case(
        "
        > quote c=9: buy 1 5@99
        1 New 0+5/5@99
        > sell 2 3@99
        2 New 0+3/3@99
        1: 2 sells 3@99 to 1 (3+0, 3+2)
        > quote c=9: buy 1 5@99
        1 Replaced 3+5/8@99
        > book
        bids: 1 5@99;
        asks: none
        > quote c=9: buy 1 1@99
        1 Replaced 3+1/4@99
        > book
        bids: 1 1@99;
        asks: none
        ",
    );
}

#[test]
fn a_side_that_crosses_trades() {
    case(
        "
        > sell 1 3@100
        1 New 0+3/3@100
        > quote c=9: buy 2 5@100, sell 3 5@102
        2 New 0+5/5@100
        1: 2 buys 3@100 from 1 (3+2, 3+0)
        3 New 0+5/5@102
        > book
        bids: 2 2@100;
        asks: 3 5@102;
        ",
    );
}

#[test]
fn a_leg_that_fails_is_said_first_and_the_others_go_on() {
    case(
        "
        > quote c=9: buy 1 5@99, sell 2 5@101
        1 New 0+5/5@99
        2 New 0+5/5@101
        > quote c=9: buy 1 5@98, sell 2 -1@101, buy 3 5@none
        2 Rejected 0+0/-1@101 QtyUnrepresentable
        3 Rejected 0+0/5@-9223372036854775808 PxUnrepresentable
        1 Replaced 0+5/5@98
        > book
        bids: 1 5@98;
        asks: 2 5@101;
        ",
    );
}

#[test]
fn each_leg_fails_for_its_own_reason() {
    case(
        "
        > buy 1 5@90
        1 New 0+5/5@90
        > buy 2 5@90 c=9 book=1
        2 New 0+5/5@90
        > buy 3 5@90 c=9
        3 New 0+5/5@90
        > buy 4 5@95 stop=95 c=9
        4 New 0+5/5@95
        > quote c=9: buy 1 5@91, buy 2 5@91, sell 3 5@101, buy 4 5@91, buy 5 5@91 book=3, buy 6 5@91, buy 6 5@92, buy 7 5@none
        1 Rejected 0+0/5@91 UnknownOrder
        2 Rejected 0+0/5@91 UnknownOrder
        3 Rejected 0+0/5@101 UnknownOrder
        4 Rejected 0+0/5@91 UnknownOrder
        5 Rejected 0+0/5@91 UnknownInstrument
        6 Rejected 0+0/5@92 DuplicateOrderId
        7 Rejected 0+0/5@-9223372036854775808 PxUnrepresentable
        6 New 0+5/5@91
        > book
        bids: 6 5@91; 1 5@90; 3 5@90;
        buy stops: 4 5@95 at 95;
        asks: none
        ",
    );
}

#[test]
fn a_leg_without_room_is_said() {
    case_from(
        Start {
            orders: 3,
            ..Start::default()
        },
        "
        > quote c=9: buy 1 5@99, sell 2 5@101
        1 New 0+5/5@99
        2 New 0+5/5@101
        > quote c=9: buy 1 0@99, buy 3 5@98, buy 4 5@97, sell 2 6@101
        4 Rejected 0+0/5@97 BookFull
        1 Canceled 0+0/5@99 CancelRequested
        3 New 0+5/5@98
        2 Replaced 0+6/6@101
        > book
        bids: 3 5@98;
        asks: 2 6@101;
        > quote c=9: buy 4 5@97, buy 5 5@96
        5 Rejected 0+0/5@96 BookFull
        4 New 0+5/5@97
        ",
    );
}

#[test]
fn post_only_legs_that_would_trade_end() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > quote c=9 post: buy 2 5@98, sell 3 5@103
        2 New 0+5/5@98
        3 New 0+5/5@103
        > quote c=9 post: buy 2 5@100, sell 3 5@102
        2 Replaced 0+5/5@100
        2 Canceled 0+0/5@100 PostOnly
        3 Replaced 0+5/5@102
        > quote c=9 post: buy 4 5@101
        4 New 0+5/5@101
        4 Canceled 0+0/5@101 PostOnly
        > book
        bids: none
        asks: 1 5@100; 3 5@102;
        ",
    );
}

#[test]
fn post_only_legs_are_repriced_if_asked() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > quote c=9 reprice: buy 2 5@98, sell 3 5@103
        2 New 0+5/5@98
        3 New 0+5/5@103
        > quote c=9 reprice: buy 2 5@104
        2 Replaced 0+5/5@99
        > book
        bids: 2 5@99;
        asks: 1 5@100; 3 5@103;
        ",
    );
}

#[test]
fn post_only_legs_with_no_price_behind_end() {
    case_from(
        Start {
            config: BookConfig {
                px_min: Px(100),
                px_max: Px(110),
                ..BookConfig::default()
            },
            ..Start::default()
        },
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > quote c=9 reprice: buy 2 5@105
        2 New 0+5/5@105
        2 Canceled 0+0/5@105 PostOnly
        > book
        bids: none
        asks: 1 5@100;
        ",
    );
}

#[test]
fn a_leg_may_trade_with_another_leg() {
    case(
        "
        > quote c=9: buy 1 5@101, sell 2 3@100
        1 New 0+5/5@101
        2 New 0+3/3@100
        1: 2 sells 3@101 to 1 (3+0, 3+2)
        > book
        bids: 1 2@101;
        asks: none
        ",
    );
}

#[test]
fn self_trade_prevention_holds_among_legs() {
    case(
        "
        > quote c=9 stp=newest: buy 1 5@101, sell 2 3@100
        1 New 0+5/5@101
        2 New 0+3/3@100
        2 Canceled 0+0/3@100 SelfTradePrevented
        > quote c=9 stp=oldest: sell 2 3@100
        2 New 0+3/3@100
        1 Canceled 0+0/5@101 SelfTradePrevented
        > book
        bids: none
        asks: 2 3@100;
        ",
    );
}

#[test]
fn a_leg_whose_order_was_ended_by_an_earlier_leg_is_rejected() {
    case(
        "
        > quote c=9: buy 1 5@99, sell 2 5@101
        1 New 0+5/5@99
        2 New 0+5/5@101
        > quote c=9 stp=oldest: buy 1 6@101, sell 2 4@101
        1 Replaced 0+6/6@101
        2 Canceled 0+0/5@101 SelfTradePrevented
        2 Rejected 0+0/4@101 UnknownOrder
        > book
        bids: 1 6@101;
        asks: none
        ",
    );
}

#[test]
fn a_leg_whose_order_an_earlier_leg_reduced_keeps_what_is_left() {
    case(
        "
        > quote c=9: buy 1 5@99, sell 2 5@101
        1 New 0+5/5@99
        2 New 0+5/5@101
        > quote c=9: buy 1 3@101, sell 2 4@101
        1 Replaced 0+3/3@101
        1: 1 buys 3@101 from 2 (3+0, 3+2)
        2 Replaced 3+2/5@101
        > book
        bids: none
        asks: 2 2@101;
        ",
    );
}

#[test]
fn stops_are_triggered_after_each_leg() {
    case(
        "
        > buy 1 1@110 market stop=100
        1 New 0+1/1@110
        > sell 2 1@100
        2 New 0+1/1@100
        > sell 3 5@102
        3 New 0+5/5@102
        > quote c=9: buy 4 1@100, buy 5 5@102
        4 New 0+1/1@100
        1: 4 buys 1@100 from 2 (1+0, 1+0)
        1 Triggered 0+1/1@110
        2: 1 buys 1@102 from 3 (1+0, 1+4)
        5 New 0+5/5@102
        3: 5 buys 4@102 from 3 (4+1, 5+0)
        > book
        bids: 5 1@102;
        asks: none
        ",
    );
}

#[test]
fn legs_of_several_books() {
    case(
        "
        > quote c=9: buy 1 5@99, buy 2 5@99 book=1, sell 3 5@99 book=2
        1 New 0+5/5@99
        2 New 0+5/5@99
        3 New 0+5/5@99
        > book 1
        bids: 2 5@99;
        asks: none
        > book 2
        bids: none
        asks: 3 5@99;
        ",
    );
}

#[test]
fn an_order_may_become_a_leg_and_keeps_what_it_is() {
    case(
        "
        > sell 1 9@101 c=9 show=2 s=1
        1 New 0+9/9@101
        > quote c=9 s=2 post: sell 1 8@102
        1 Replaced 0+8/8@102
        > book
        bids: none
        asks: 1 2 of 8@102;
        > mass s=1
        > mass s=2
        1 Canceled 0+0/8@102 MassCancel
        ",
    );
}

#[test]
fn in_an_auction_legs_rest() {
    case(
        "
        > phase auction
        > quote c=9: buy 1 5@101, sell 2 3@100
        1 New 0+5/5@101
        2 New 0+3/3@100
        would uncross 3@100 surplus 2
        > book
        bids: 1 5@101;
        asks: 2 3@100;
        ",
    );
}

#[test]
fn more_than_sixteen_legs_are_refused() {
    case(
        "
        > quote c=9: buy 1 1@90, buy 2 1@90, buy 3 1@90, buy 4 1@90, buy 5 1@90, buy 6 1@90, buy 7 1@90, buy 8 1@90, buy 9 1@90, buy 10 1@90, buy 11 1@90, buy 12 1@90, buy 13 1@90, buy 14 1@90, buy 15 1@90, buy 16 1@90, buy 17 1@90
        refused ActionsFull
        > book
        bids: none
        asks: none
        ",
    );
}
