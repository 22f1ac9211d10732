//! Amends: what keeps its place, what loses it, and what is refused.

use crate::script::case;

#[test]
fn a_smaller_quantity_keeps_its_place() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > sell 2 5@100
        2 New 0+5/5@100
        > amend 1 3@100
        1 Replaced 0+3/3@100
        > book
        bids: none
        asks: 1 3@100; 2 5@100;
        > buy 3 3@100
        3 New 0+3/3@100
        1: 3 buys 3@100 from 1 (3+0, 3+0)
        ",
    );
}

#[test]
fn the_same_again_keeps_its_place() {
    case(
        "
        > deltas
        > sell 1 5@100
        1 New 0+5/5@100
        delta: add 1 5@100
        > sell 2 5@100
        2 New 0+5/5@100
        delta: add 2 5@100
        > amend 1 5@100
        1 Replaced 0+5/5@100
        > book
        bids: none
        asks: 1 5@100; 2 5@100;
        ",
    );
}

#[test]
fn a_larger_quantity_loses_its_place() {
    case(
        "
        > deltas
        > sell 1 5@100
        1 New 0+5/5@100
        delta: add 1 5@100
        > sell 2 5@100
        2 New 0+5/5@100
        delta: add 2 5@100
        > amend 1 6@100
        1 Replaced 0+6/6@100
        delta: remove 1 0@100
        delta: add 1 6@100
        > book
        bids: none
        asks: 2 5@100; 1 6@100;
        ",
    );
}

#[test]
fn another_price_loses_its_place_and_so_does_the_way_back() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > sell 2 5@100
        2 New 0+5/5@100
        > amend 1 5@101
        1 Replaced 0+5/5@101
        > amend 1 5@100
        1 Replaced 0+5/5@100
        > book
        bids: none
        asks: 2 5@100; 1 5@100;
        ",
    );
}

#[test]
fn the_quantity_of_an_amend_counts_what_was_filled() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > sell 2 5@100
        2 New 0+5/5@100
        > buy 3 2@100
        3 New 0+2/2@100
        1: 3 buys 2@100 from 1 (2+0, 2+3)
        > amend 1 4@100
        1 Replaced 2+2/4@100
        > book
        bids: none
        asks: 1 2@100; 2 5@100;
        > amend 1 6@100
        1 Replaced 2+4/6@100
        > book
        bids: none
        asks: 2 5@100; 1 4@100;
        > amend 1 2@100
        refused QtyBelowFilled
        > amend 1 1@100
        refused QtyBelowFilled
        > book
        bids: none
        asks: 2 5@100; 1 4@100;
        ",
    );
}

#[test]
fn an_amend_that_crosses_trades_and_what_is_left_rests() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > buy 2 9@98
        2 New 0+9/9@98
        > amend 2 9@100
        2 Replaced 0+9/9@100
        1: 2 buys 5@100 from 1 (5+4, 5+0)
        > book
        bids: 2 4@100;
        asks: none
        ",
    );
}

#[test]
fn hidden_quantity_goes_first() {
    case(
        "
        > sell 1 10@100 show=4
        1 New 0+10/10@100
        > amend 1 6@100
        1 Replaced 0+6/6@100
        > book
        bids: none
        asks: 1 4 of 6@100;
        > amend 1 3@100
        1 Replaced 0+3/3@100
        > book
        bids: none
        asks: 1 3@100;
        ",
    );
}

#[test]
fn an_iceberg_that_loses_its_place_is_shown_anew() {
    case(
        "
        > sell 1 10@100 show=4
        1 New 0+10/10@100
        > buy 2 3@100
        2 New 0+3/3@100
        1: 2 buys 3@100 from 1 (3+0, 3+7)
        > book
        bids: none
        asks: 1 1 of 7@100;
        > amend 1 10@101
        1 Replaced 3+7/10@101
        > book
        bids: none
        asks: 1 4 of 7@101;
        ",
    );
}

#[test]
fn post_only_is_refused_if_the_amend_would_trade() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > buy 2 5@98 post
        2 New 0+5/5@98
        > amend 2 5@100
        refused PostOnly
        > amend 2 5@99
        2 Replaced 0+5/5@99
        > book
        bids: 2 5@99;
        asks: 1 5@100;
        ",
    );
}

#[test]
fn post_only_reprice_goes_behind_when_it_is_amended() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > buy 2 5@98 reprice
        2 New 0+5/5@98
        > amend 2 5@103
        2 Replaced 0+5/5@99
        > book
        bids: 2 5@99;
        asks: 1 5@100;
        ",
    );
}

#[test]
fn self_trade_prevention_holds_when_an_order_is_amended() {
    case(
        "
        > sell 1 5@100 c=7
        1 New 0+5/5@100
        > buy 2 5@98 c=7 stp=newest
        2 New 0+5/5@98
        > amend 2 5@100
        2 Replaced 0+5/5@100
        2 Canceled 0+0/5@100 SelfTradePrevented
        > book
        bids: none
        asks: 1 5@100;
        ",
    );
}

#[test]
fn the_least_quantity_holds_no_longer() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > buy 2 9@100 min=5
        2 New 0+9/9@100
        1: 2 buys 5@100 from 1 (5+4, 5+0)
        > sell 3 1@101
        3 New 0+1/1@101
        > amend 2 9@101
        2 Replaced 5+4/9@101
        2: 2 buys 1@101 from 3 (6+3, 1+0)
        > book
        bids: 2 3@101;
        asks: none
        ",
    );
}

#[test]
fn an_amend_in_an_auction_trades_nothing() {
    case(
        "
        > phase auction
        > sell 1 5@100
        1 New 0+5/5@100
        > buy 2 9@98
        2 New 0+9/9@98
        > amend 2 9@100
        2 Replaced 0+9/9@100
        would uncross 5@100 surplus 4
        > book
        bids: 2 9@100;
        asks: 1 5@100;
        > amend 2 4@100
        2 Replaced 0+4/4@100
        would uncross 4@100 surplus -1
        > book
        bids: 2 4@100;
        asks: 1 5@100;
        ",
    );
}

#[test]
fn a_post_only_order_may_be_amended_into_a_cross_in_an_auction() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > buy 2 5@98 post
        2 New 0+5/5@98
        > phase auction
        > amend 2 5@100
        2 Replaced 0+5/5@100
        would uncross 5@100 surplus 0
        > book
        bids: 2 5@100;
        asks: 1 5@100;
        ",
    );
}

#[test]
fn a_stop_keeps_its_place_with_its_stop_price_and_no_more_quantity() {
    case(
        "
        > buy 1 5@110 stop=105
        1 New 0+5/5@110
        > buy 2 5@110 stop=105
        2 New 0+5/5@110
        > amend 1 4@111
        1 Replaced 0+4/4@111
        > book
        bids: none
        buy stops: 1 4@111 at 105; 2 5@110 at 105;
        asks: none
        > amend 1 4@112 stop=105
        1 Replaced 0+4/4@112
        > book
        bids: none
        buy stops: 1 4@112 at 105; 2 5@110 at 105;
        asks: none
        > amend 1 5@112
        1 Replaced 0+5/5@112
        > book
        bids: none
        buy stops: 2 5@110 at 105; 1 5@112 at 105;
        asks: none
        ",
    );
}

#[test]
fn a_stop_with_another_stop_price_lines_up_behind() {
    case(
        "
        > buy 1 5@110 stop=105
        1 New 0+5/5@110
        > buy 2 5@110 stop=104
        2 New 0+5/5@110
        > amend 1 5@110 stop=104
        1 Replaced 0+5/5@110
        > book
        bids: none
        buy stops: 2 5@110 at 104; 1 5@110 at 104;
        asks: none
        ",
    );
}

#[test]
fn a_stop_that_is_reached_by_its_amend_is_triggered() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > buy 2 1@100
        2 New 0+1/1@100
        1: 2 buys 1@100 from 1 (1+0, 1+4)
        > buy 3 2@110 stop=105
        3 New 0+2/2@110
        > amend 3 2@110 stop=100
        3 Replaced 0+2/2@110
        3 Triggered 0+2/2@110
        2: 3 buys 2@100 from 1 (2+0, 3+2)
        > book
        bids: none
        asks: 1 2@100;
        ",
    );
}

#[test]
fn a_stop_may_be_amended_below_its_least_quantity() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > sell 2 5@101
        2 New 0+5/5@101
        > buy 3 9@110 stop=100 min=6
        3 New 0+9/9@110
        > amend 3 4@110
        3 Replaced 0+4/4@110
        > buy 4 1@100
        4 New 0+1/1@100
        1: 4 buys 1@100 from 1 (1+0, 1+4)
        3 Triggered 0+4/4@110
        2: 3 buys 4@100 from 1 (4+0, 5+0)
        > book
        bids: none
        asks: 2 5@101;
        ",
    );
}

#[test]
fn what_only_becomes_less_is_taken_in_every_phase() {
    case(
        "
        > buy 1 5@100
        1 New 0+5/5@100
        > phase halted
        > amend 1 4@100
        1 Replaced 0+4/4@100
        > amend 1 3@99
        refused WrongPhase
        > amend 1 5@100
        refused WrongPhase
        > phase cancel-only
        > amend 1 3@100
        1 Replaced 0+3/3@100
        > book
        bids: 1 3@100;
        asks: none
        ",
    );
}
