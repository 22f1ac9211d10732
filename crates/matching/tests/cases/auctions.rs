//! Phases, and auctions: at which price they end, and who trades.

use crate::script::case;

#[test]
fn a_halted_book_takes_no_orders_and_lets_them_be_cancelled() {
    case(
        "
        > buy 1 5@100
        1 New 0+5/5@100
        > phase halted
        > buy 2 5@100
        refused WrongPhase
        > amend 1 6@100
        refused WrongPhase
        > quote c=3: sell 4 5@101
        4 Rejected 0+0/5@101 WrongPhase
        > cancel 1
        1 Canceled 0+0/5@100 CancelRequested
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_cancel_only_book_takes_no_orders_and_lets_them_be_cancelled() {
    case(
        "
        > buy 1 5@100
        1 New 0+5/5@100
        > phase cancel-only
        > sell 2 5@100 ioc
        refused WrongPhase
        > amend 1 6@100
        refused WrongPhase
        > cancel 1
        1 Canceled 0+0/5@100 CancelRequested
        > phase continuous
        > buy 2 5@100
        2 New 0+5/5@100
        ",
    );
}

#[test]
fn an_auction_says_what_it_would_come_to_whenever_that_changes() {
    case(
        "
        > phase auction
        > buy 1 5@100
        1 New 0+5/5@100
        > sell 2 3@99
        2 New 0+3/3@99
        would uncross 3@99 surplus 2
        > buy 3 1@90
        3 New 0+1/1@90
        > cancel 2
        2 Canceled 0+0/3@99 CancelRequested
        would not uncross
        > phase continuous
        > book
        bids: 1 5@100; 3 1@90;
        asks: none
        ",
    );
}

#[test]
fn most_trade_at_the_auction_price() {
    case(
        "
        > phase auction
        > buy 1 5@103
        1 New 0+5/5@103
        > buy 2 5@102
        2 New 0+5/5@102
        > buy 3 5@101
        3 New 0+5/5@101
        > sell 4 4@100
        4 New 0+4/4@100
        would uncross 4@103 surplus 1
        > sell 5 4@101
        5 New 0+4/4@101
        would uncross 8@102 surplus 2
        > sell 6 4@102
        6 New 0+4/4@102
        would uncross 10@102 surplus -2
        > sell 7 9@104
        7 New 0+9/9@104
        > phase continuous
        1: 1 buys 4@102 from 4 (4+1, 4+0) in an auction
        2: 1 buys 1@102 from 5 (5+0, 1+3) in an auction
        3: 2 buys 3@102 from 5 (3+2, 4+0) in an auction
        4: 2 buys 2@102 from 6 (5+0, 2+2) in an auction
        would not uncross
        > book
        bids: 3 5@101;
        asks: 6 2@102; 7 9@104;
        ",
    );
}

#[test]
fn of_prices_at_which_as_many_trade_the_one_with_the_least_surplus() {
    case(
        "
        > phase auction
        > buy 1 5@102
        1 New 0+5/5@102
        > buy 2 3@101
        2 New 0+3/3@101
        > sell 3 5@100
        3 New 0+5/5@100
        would uncross 5@102 surplus 0
        > phase continuous
        1: 1 buys 5@102 from 3 (5+0, 5+0) in an auction
        would not uncross
        > book
        bids: 2 3@101;
        asks: none
        ",
    );
}

#[test]
fn of_those_the_nearest_to_the_reference_price() {
    case(
        "
        > phase auction
        > buy 1 5@110
        1 New 0+5/5@110
        > sell 2 5@100
        2 New 0+5/5@100
        would uncross 5@100 surplus 0
        > reference 108
        would uncross 5@110 surplus 0
        > reference 106
        > reference 104
        would uncross 5@100 surplus 0
        > phase continuous
        1: 1 buys 5@100 from 2 (5+0, 5+0) in an auction
        would not uncross
        ",
    );
}

#[test]
fn with_two_as_near_the_lowest() {
    case(
        "
        > phase auction
        > buy 1 5@110
        1 New 0+5/5@110
        > sell 2 5@100
        2 New 0+5/5@100
        would uncross 5@100 surplus 0
        > reference 105
        > reference 300
        would uncross 5@110 surplus 0
        ",
    );
}

#[test]
fn without_a_reference_the_nearest_to_the_last_trade() {
    case(
        "
        > sell 1 1@109
        1 New 0+1/1@109
        > buy 2 1@109
        2 New 0+1/1@109
        1: 2 buys 1@109 from 1 (1+0, 1+0)
        > phase auction
        > buy 3 5@110
        3 New 0+5/5@110
        > sell 4 5@100
        4 New 0+5/5@100
        would uncross 5@110 surplus 0
        > phase continuous
        2: 3 buys 5@110 from 4 (5+0, 5+0) in an auction
        would not uncross
        ",
    );
}

#[test]
fn without_either_the_lowest() {
    case(
        "
        > phase auction
        > buy 1 5@110
        1 New 0+5/5@110
        > sell 2 5@100
        2 New 0+5/5@100
        would uncross 5@100 surplus 0
        > phase continuous
        1: 1 buys 5@100 from 2 (5+0, 5+0) in an auction
        would not uncross
        ",
    );
}

#[test]
fn the_surplus_is_above_zero_of_buyers_and_below_of_sellers() {
    case(
        "
        > phase auction
        > buy 1 7@100
        1 New 0+7/7@100
        > sell 2 5@100
        2 New 0+5/5@100
        would uncross 5@100 surplus 2
        > sell 3 4@100
        3 New 0+4/4@100
        would uncross 7@100 surplus -2
        ",
    );
}

#[test]
fn all_trade_at_one_price_in_the_order_of_price_and_time() {
    case(
        "
        > phase auction
        > buy 1 2@101
        1 New 0+2/2@101
        > buy 2 2@102
        2 New 0+2/2@102
        > buy 3 2@101
        3 New 0+2/2@101
        > sell 4 3@99
        4 New 0+3/3@99
        would uncross 3@99 surplus 3
        > sell 5 1@98
        5 New 0+1/1@98
        would uncross 4@99 surplus 2
        > sell 6 2@101
        6 New 0+2/2@101
        would uncross 6@101 surplus 0
        > phase continuous
        1: 2 buys 1@101 from 5 (1+1, 1+0) in an auction
        2: 2 buys 1@101 from 4 (2+0, 1+2) in an auction
        3: 1 buys 2@101 from 4 (2+0, 3+0) in an auction
        4: 3 buys 2@101 from 6 (2+0, 2+0) in an auction
        would not uncross
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn hidden_quantity_counts_and_trades_in_steps() {
    case(
        "
        > phase auction
        > buy 1 6@100 show=2
        1 New 0+6/6@100
        > buy 2 2@100
        2 New 0+2/2@100
        > sell 3 7@100 show=3
        3 New 0+7/7@100
        would uncross 7@100 surplus 1
        > phase continuous
        1: 1 buys 2@100 from 3 (2+4, 2+5) in an auction
        2: 2 buys 1@100 from 3 (1+1, 3+4) in an auction
        3: 2 buys 1@100 from 3 (2+0, 4+3) in an auction
        4: 1 buys 2@100 from 3 (4+2, 6+1) in an auction
        5: 1 buys 1@100 from 3 (5+1, 7+0) in an auction
        would not uncross
        > book
        bids: 1 1@100;
        asks: none
        ",
    );
}

#[test]
fn what_still_crosses_after_a_reduce_only_order_ended_is_uncrossed_again() {
    case(
        "
        > position c=7 9
        > phase auction
        > buy 1 5@102
        1 New 0+5/5@102
        > buy 2 9@101
        2 New 0+9/9@101
        > sell 3 9@100 c=7 reduce
        3 New 0+9/9@100
        would uncross 9@100 surplus 5
        > sell 4 4@102
        4 New 0+4/4@102
        > position c=7 1
        > phase continuous
        1: 1 buys 1@100 from 3 (1+4, 1+8) in an auction
        3 Canceled 1+0/9@100 ReduceOnlyOrder
        2: 1 buys 4@102 from 4 (5+0, 4+0) in an auction
        would not uncross
        > book
        bids: 2 9@101;
        asks: none
        ",
    );
}

#[test]
fn an_auction_that_was_halted_is_uncrossed_when_continuous_trading_begins() {
    case(
        "
        > phase auction
        > buy 1 5@100
        1 New 0+5/5@100
        > sell 2 3@100
        2 New 0+3/3@100
        would uncross 3@100 surplus 2
        > phase halted
        > cancel 2
        2 Canceled 0+0/3@100 CancelRequested
        > phase cancel-only
        > book
        bids: 1 5@100;
        asks: none
        > phase continuous
        would not uncross
        > book
        bids: 1 5@100;
        asks: none
        ",
    );
}

#[test]
fn a_halted_book_that_is_crossed_uncrosses() {
    case(
        "
        > phase auction
        > buy 1 5@100
        1 New 0+5/5@100
        > sell 2 3@100
        2 New 0+3/3@100
        would uncross 3@100 surplus 2
        > phase halted
        > phase continuous
        1: 1 buys 3@100 from 2 (3+2, 3+0) in an auction
        would not uncross
        > book
        bids: 1 2@100;
        asks: none
        ",
    );
}

#[test]
fn an_auction_takes_limit_orders_and_stops_only() {
    case(
        "
        > phase auction
        > buy 1 5@100 market
        refused WrongPhase
        > buy 2 5@100 ioc
        refused WrongPhase
        > buy 3 5@100 fok
        refused WrongPhase
        > buy 4 5@100 post
        refused WrongPhase
        > buy 5 5@100 reprice
        refused WrongPhase
        > buy 6 5@100 min=1
        refused WrongPhase
        > quote c=7 post: buy 8 5@100
        8 Rejected 0+0/5@100 WrongPhase
        > buy 9 5@100 market stop=100
        9 New 0+5/5@100
        > buy 10 5@100 stop=100 ioc
        10 New 0+5/5@100
        > buy 11 5@100 stop=100 min=2
        11 New 0+5/5@100
        > buy 12 5@100 show=2
        12 New 0+5/5@100
        > buy 13 5@100 day
        13 New 0+5/5@100
        > book
        bids: 12 2 of 5@100; 13 5@100;
        buy stops: 9 5@100 at 100; 10 5@100 at 100; 11 5@100 at 100;
        asks: none
        ",
    );
}

#[test]
fn the_same_phase_again_changes_nothing() {
    case(
        "
        > buy 1 5@100
        1 New 0+5/5@100
        > phase continuous
        > phase auction
        > phase auction
        > book
        bids: 1 5@100;
        asks: none
        ",
    );
}
