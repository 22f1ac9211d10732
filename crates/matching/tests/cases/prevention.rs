//! Self-trade prevention: what becomes of an order that meets another of its client.

use crate::script::case;

#[test]
fn without_a_policy_a_client_trades_with_itself() {
    case(
        "
        > sell 1 5@100 c=7
        1 New 0+5/5@100
        > buy 2 5@100 c=7
        2 New 0+5/5@100
        1: 2 buys 5@100 from 1 (5+0, 5+0)
        ",
    );
}

#[test]
fn the_policy_of_the_order_that_comes_decides() {
    case(
        "
        > sell 1 5@100 c=7 stp=newest
        1 New 0+5/5@100
        > buy 2 5@100 c=7
        2 New 0+5/5@100
        1: 2 buys 5@100 from 1 (5+0, 5+0)
        ",
    );
}

#[test]
fn cancel_newest_ends_the_order_that_comes() {
    case(
        "
        > sell 1 5@99
        1 New 0+5/5@99
        > sell 2 5@100 c=7
        2 New 0+5/5@100
        > sell 3 5@100
        3 New 0+5/5@100
        > buy 4 15@100 c=7 stp=newest
        4 New 0+15/15@100
        1: 4 buys 5@99 from 1 (5+10, 5+0)
        4 Canceled 5+0/15@100 SelfTradePrevented
        > book
        bids: none
        asks: 2 5@100; 3 5@100;
        ",
    );
}

#[test]
fn cancel_oldest_ends_the_one_that_rests_and_goes_on() {
    case(
        "
        > sell 1 5@99
        1 New 0+5/5@99
        > sell 2 5@100 c=7
        2 New 0+5/5@100
        > sell 3 5@100
        3 New 0+5/5@100
        > buy 4 15@100 c=7 stp=oldest
        4 New 0+15/15@100
        1: 4 buys 5@99 from 1 (5+10, 5+0)
        2 Canceled 0+0/5@100 SelfTradePrevented
        2: 4 buys 5@100 from 3 (10+5, 5+0)
        > book
        bids: 4 5@100;
        asks: none
        ",
    );
}

#[test]
fn cancel_both_ends_first_the_one_that_rests() {
    case(
        "
        > sell 1 5@99
        1 New 0+5/5@99
        > sell 2 5@100 c=7
        2 New 0+5/5@100
        > sell 3 5@100
        3 New 0+5/5@100
        > buy 4 15@100 c=7 stp=both
        4 New 0+15/15@100
        1: 4 buys 5@99 from 1 (5+10, 5+0)
        2 Canceled 0+0/5@100 SelfTradePrevented
        4 Canceled 5+0/15@100 SelfTradePrevented
        > book
        bids: none
        asks: 3 5@100;
        ",
    );
}

#[test]
fn decrement_takes_the_smaller_quantity_from_both() {
    case(
        "
        > sell 1 5@100 c=7
        1 New 0+5/5@100
        > sell 2 5@100
        2 New 0+5/5@100
        > buy 3 8@100 c=7 stp=decrement
        3 New 0+8/8@100
        1 Canceled 0+0/0@100 SelfTradePrevented
        3 Restated 0+3/3@100 SelfTradePrevented
        1: 3 buys 3@100 from 2 (3+0, 3+2)
        > book
        bids: none
        asks: 2 2@100;
        ",
    );
}

#[test]
fn decrement_ends_the_order_that_comes_if_it_is_the_smaller() {
    case(
        "
        > sell 1 5@100 c=7
        1 New 0+5/5@100
        > buy 2 3@100 c=7 stp=decrement
        2 New 0+3/3@100
        1 Restated 0+2/2@100 SelfTradePrevented
        2 Canceled 0+0/0@100 SelfTradePrevented
        > book
        bids: none
        asks: 1 2@100;
        ",
    );
}

#[test]
fn decrement_ends_both_if_they_are_equal() {
    case(
        "
        > sell 1 5@100 c=7
        1 New 0+5/5@100
        > buy 2 5@100 c=7 stp=decrement
        2 New 0+5/5@100
        1 Canceled 0+0/0@100 SelfTradePrevented
        2 Canceled 0+0/0@100 SelfTradePrevented
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn decrement_keeps_what_was_filled() {
    case(
        "
        > sell 1 9@100 c=7
        1 New 0+9/9@100
        > buy 2 2@100
        2 New 0+2/2@100
        1: 2 buys 2@100 from 1 (2+0, 2+7)
        > sell 3 3@99
        3 New 0+3/3@99
        > buy 4 8@100 c=7 stp=decrement
        4 New 0+8/8@100
        2: 4 buys 3@99 from 3 (3+5, 3+0)
        1 Restated 2+2/4@100 SelfTradePrevented
        4 Canceled 3+0/3@100 SelfTradePrevented
        > book
        bids: none
        asks: 1 2@100;
        ",
    );
}

#[test]
fn decrement_goes_by_what_is_shown_of_an_iceberg() {
    case(
        "
        > deltas
        > sell 1 10@100 show=4 c=7
        1 New 0+10/10@100
        delta: add 1 4@100
        > sell 2 5@100
        2 New 0+5/5@100
        delta: add 2 5@100
        > buy 3 6@100 c=7 stp=decrement
        3 New 0+6/6@100
        1 Restated 0+6/6@100 SelfTradePrevented
        3 Restated 0+2/2@100 SelfTradePrevented
        1: 3 buys 2@100 from 2 (2+0, 2+3)
        delta: remove 1 0@100
        delta: add 1 4@100
        delta: change 2 3@100
        > book
        bids: none
        asks: 2 3@100; 1 4 of 6@100;
        ",
    );
}

#[test]
fn fill_or_kill_counts_only_what_comes_before_an_own_order() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > sell 2 5@100 c=7
        2 New 0+5/5@100
        > sell 3 5@100
        3 New 0+5/5@100
        > buy 4 10@100 c=7 stp=newest fok
        4 New 0+10/10@100
        4 Canceled 0+0/10@100 MinQty
        > buy 5 10@100 c=7 stp=both fok
        5 New 0+10/10@100
        5 Canceled 0+0/10@100 MinQty
        > buy 6 10@100 c=7 stp=decrement fok
        6 New 0+10/10@100
        6 Canceled 0+0/10@100 MinQty
        > book
        bids: none
        asks: 1 5@100; 2 5@100; 3 5@100;
        > buy 7 5@100 c=7 stp=newest fok
        7 New 0+5/5@100
        1: 7 buys 5@100 from 1 (5+0, 5+0)
        ",
    );
}

#[test]
fn fill_or_kill_passes_over_own_orders_that_it_cancels() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > sell 2 5@100 c=7
        2 New 0+5/5@100
        > sell 3 5@100
        3 New 0+5/5@100
        > buy 4 11@100 c=7 stp=oldest fok
        4 New 0+11/11@100
        4 Canceled 0+0/11@100 MinQty
        > book
        bids: none
        asks: 1 5@100; 2 5@100; 3 5@100;
        > buy 5 10@100 c=7 stp=oldest fok
        5 New 0+10/10@100
        1: 5 buys 5@100 from 1 (5+5, 5+0)
        2 Canceled 0+0/5@100 SelfTradePrevented
        2: 5 buys 5@100 from 3 (10+0, 5+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn the_least_quantity_counts_only_what_can_be_reached() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > sell 2 5@100 c=7
        2 New 0+5/5@100
        > sell 3 5@100
        3 New 0+5/5@100
        > buy 4 20@100 c=7 stp=newest min=6
        4 New 0+20/20@100
        4 Canceled 0+0/20@100 MinQty
        > buy 5 20@100 c=7 stp=oldest min=11
        5 New 0+20/20@100
        5 Canceled 0+0/20@100 MinQty
        > buy 6 20@100 c=7 stp=both min=5
        6 New 0+20/20@100
        1: 6 buys 5@100 from 1 (5+15, 5+0)
        2 Canceled 0+0/5@100 SelfTradePrevented
        6 Canceled 5+0/20@100 SelfTradePrevented
        > book
        bids: none
        asks: 3 5@100;
        ",
    );
}

#[test]
fn fill_or_kill_trades_with_own_orders_where_that_is_allowed() {
    case(
        "
        > sell 1 5@100 c=7
        1 New 0+5/5@100
        > sell 2 5@100
        2 New 0+5/5@100
        > buy 3 10@100 c=7 fok
        3 New 0+10/10@100
        1: 3 buys 5@100 from 1 (5+5, 5+0)
        2: 3 buys 5@100 from 2 (10+0, 5+0)
        ",
    );
}

#[test]
fn self_trades_are_not_prevented_in_an_auction() {
    case(
        "
        > phase auction
        > sell 1 5@100 c=7 stp=newest
        1 New 0+5/5@100
        > buy 2 5@100 c=7 stp=newest
        2 New 0+5/5@100
        would uncross 5@100 surplus 0
        > phase continuous
        1: 2 buys 5@100 from 1 (5+0, 5+0) in an auction
        would not uncross
        ",
    );
}

#[test]
fn fill_or_kill_counts_only_what_is_shown_before_an_own_order_at_one_price() {
    case(
        "
        > sell 1 9@99 show=2
        1 New 0+9/9@99
        > sell 2 9@100 show=2
        2 New 0+9/9@100
        > sell 3 5@100 c=7
        3 New 0+5/5@100
        > buy 4 12@100 c=7 stp=newest fok
        4 New 0+12/12@100
        4 Canceled 0+0/12@100 MinQty
        > buy 5 11@100 c=7 stp=newest fok
        5 New 0+11/11@100
        1: 5 buys 2@99 from 1 (2+9, 2+7)
        2: 5 buys 2@99 from 1 (4+7, 4+5)
        3: 5 buys 2@99 from 1 (6+5, 6+3)
        4: 5 buys 2@99 from 1 (8+3, 8+1)
        5: 5 buys 1@99 from 1 (9+2, 9+0)
        6: 5 buys 2@100 from 2 (11+0, 2+7)
        > book
        bids: none
        asks: 3 5@100; 2 2 of 7@100;
        ",
    );
}
