//! Orders that only reduce their client's position.

use crate::script::case;

#[test]
fn a_reduce_only_order_trades_no_more_than_the_position() {
    case(
        "
        > position c=7 4
        > buy 1 10@100
        1 New 0+10/10@100
        > sell 2 9@100 c=7 reduce
        2 New 0+9/9@100
        1: 2 sells 4@100 to 1 (4+5, 4+6)
        2 Canceled 4+0/9@100 ReduceOnlyOrder
        > book
        bids: 1 6@100;
        asks: none
        ",
    );
}

#[test]
fn without_a_position_it_is_refused() {
    case(
        "
        > buy 1 10@100
        1 New 0+10/10@100
        > sell 2 9@100 c=7 reduce
        refused ReduceOnlyOrder
        > position c=7 -4
        > sell 2 9@100 c=7 reduce
        refused ReduceOnlyOrder
        > book
        bids: 1 10@100;
        asks: none
        ",
    );
}

#[test]
fn a_resting_one_ends_when_its_turn_comes_and_nothing_is_left_to_reduce() {
    case(
        "
        > position c=7 4
        > sell 1 4@101 c=7 reduce
        1 New 0+4/4@101
        > sell 2 4@100 c=7
        2 New 0+4/4@100
        > sell 3 4@101
        3 New 0+4/4@101
        > buy 4 8@101
        4 New 0+8/8@101
        1: 4 buys 4@100 from 2 (4+4, 4+0)
        1 Canceled 0+0/4@101 ReduceOnlyOrder
        2: 4 buys 4@101 from 3 (8+0, 4+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_resting_one_trades_what_is_left_to_reduce_and_then_ends() {
    case(
        "
        > position c=7 4
        > sell 1 4@101 c=7 reduce
        1 New 0+4/4@101
        > sell 2 3@100 c=7
        2 New 0+3/3@100
        > sell 3 4@101
        3 New 0+4/4@101
        > buy 4 8@101
        4 New 0+8/8@101
        1: 4 buys 3@100 from 2 (3+5, 3+0)
        2: 4 buys 1@101 from 1 (4+4, 1+3)
        1 Canceled 1+0/4@101 ReduceOnlyOrder
        3: 4 buys 4@101 from 3 (8+0, 4+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn it_is_looked_at_before_self_trade_prevention() {
    case(
        "
        > position c=7 4
        > sell 1 4@101 c=7 reduce
        1 New 0+4/4@101
        > position c=7 0
        > sell 2 4@101
        2 New 0+4/4@101
        > buy 3 4@101 c=7 stp=newest
        3 New 0+4/4@101
        1 Canceled 0+0/4@101 ReduceOnlyOrder
        1: 3 buys 4@101 from 2 (4+0, 4+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn one_that_comes_is_asked_before_the_one_that_rests() {
    case(
        "
        > position c=7 4
        > position c=8 -4
        > buy 1 4@100
        1 New 0+4/4@100
        > buy 2 4@100 c=8 reduce
        2 New 0+4/4@100
        > position c=8 0
        > sell 3 9@100 c=7 reduce
        3 New 0+9/9@100
        1: 3 sells 4@100 to 1 (4+5, 4+0)
        3 Canceled 4+0/9@100 ReduceOnlyOrder
        > book
        bids: 2 4@100;
        asks: none
        ",
    );
}

#[test]
fn fill_or_kill_does_not_count_reduce_only_orders() {
    case(
        "
        > position c=7 4
        > sell 1 4@101 c=7 reduce
        1 New 0+4/4@101
        > sell 2 4@101
        2 New 0+4/4@101
        > buy 3 5@101 fok
        3 New 0+5/5@101
        3 Canceled 0+0/5@101 MinQty
        > buy 4 4@101 fok
        4 New 0+4/4@101
        1: 4 buys 4@101 from 1 (4+0, 4+0)
        > book
        bids: none
        asks: 2 4@101;
        ",
    );
}

#[test]
fn fill_or_kill_of_a_reduce_only_order_reaches_no_further_than_the_position() {
    case(
        "
        > position c=7 4
        > buy 1 9@100
        1 New 0+9/9@100
        > sell 2 5@100 c=7 reduce fok
        2 New 0+5/5@100
        2 Canceled 0+0/5@100 MinQty
        > sell 3 4@100 c=7 reduce fok
        3 New 0+4/4@100
        1: 3 sells 4@100 to 1 (4+0, 4+5)
        > book
        bids: 1 5@100;
        asks: none
        ",
    );
}

#[test]
fn one_that_finds_nobody_rests() {
    case(
        "
        > position c=7 4
        > sell 1 9@100 c=7 reduce
        1 New 0+9/9@100
        > book
        bids: none
        asks: 1 9@100;
        ",
    );
}

#[test]
fn a_stop_with_nothing_to_reduce_ends_when_it_is_triggered() {
    case(
        "
        > position c=7 4
        > buy 1 9@100
        1 New 0+9/9@100
        > sell 2 4@90 c=7 reduce market stop=100
        2 New 0+4/4@90
        > position c=7 0
        > sell 3 1@100
        3 New 0+1/1@100
        1: 3 sells 1@100 to 1 (1+0, 1+8)
        2 Triggered 0+4/4@90
        2 Canceled 0+0/4@90 ReduceOnlyOrder
        > book
        bids: 1 8@100;
        asks: none
        ",
    );
}

#[test]
fn in_an_auction_the_buyer_is_looked_at_first() {
    case(
        "
        > position c=7 -4
        > position c=8 4
        > phase auction
        > buy 1 9@101 c=7 reduce
        1 New 0+9/9@101
        > sell 2 9@100 c=8 reduce
        2 New 0+9/9@100
        would uncross 9@100 surplus 0
        > buy 3 2@100
        3 New 0+2/2@100
        would uncross 9@101 surplus 0
        > position c=7 0
        > phase continuous
        1 Canceled 0+0/9@101 ReduceOnlyOrder
        1: 3 buys 2@100 from 2 (2+0, 2+7) in an auction
        would not uncross
        > book
        bids: none
        asks: 2 7@100;
        ",
    );
}
