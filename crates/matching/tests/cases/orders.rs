//! Limit and market orders, their times in force, least quantity, post-only and iceberg orders.

use pinrail_matching::BookConfig;
use pinrail_types::Px;

use crate::script::{Start, case, case_from};

#[test]
fn what_is_left_of_a_limit_order_rests_at_its_price() {
    case(
        "
        > sell 1 4@101
        1 New 0+4/4@101
        > buy 2 10@101
        2 New 0+10/10@101
        1: 2 buys 4@101 from 1 (4+6, 4+0)
        > book
        bids: 2 6@101;
        asks: none
        ",
    );
}

#[test]
fn a_market_order_trades_no_further_than_its_collar_and_never_rests() {
    case(
        "
        > sell 1 4@101
        1 New 0+4/4@101
        > sell 2 4@102
        2 New 0+4/4@102
        > sell 3 4@103
        3 New 0+4/4@103
        > buy 4 10@102 market
        4 New 0+10/10@102
        1: 4 buys 4@101 from 1 (4+6, 4+0)
        2: 4 buys 4@102 from 2 (8+2, 4+0)
        4 Canceled 8+0/10@102 ImmediateOrCancel
        > book
        bids: none
        asks: 3 4@103;
        ",
    );
}

#[test]
fn a_market_order_finds_nothing_and_ends() {
    case(
        "
        > sell 1 10@100 market
        1 New 0+10/10@100
        1 Canceled 0+0/10@100 ImmediateOrCancel
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn an_immediate_order_that_reaches_nothing_ends() {
    case(
        "
        > sell 1 4@101
        1 New 0+4/4@101
        > buy 2 4@100 ioc
        2 New 0+4/4@100
        2 Canceled 0+0/4@100 ImmediateOrCancel
        > book
        bids: none
        asks: 1 4@101;
        ",
    );
}

#[test]
fn fill_or_kill_trades_all_over_several_prices() {
    case(
        "
        > sell 1 4@101
        1 New 0+4/4@101
        > sell 2 6@102
        2 New 0+6/6@102
        > buy 3 10@102 fok
        3 New 0+10/10@102
        1: 3 buys 4@101 from 1 (4+6, 4+0)
        2: 3 buys 6@102 from 2 (10+0, 6+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn fill_or_kill_trades_nothing_if_a_lot_is_missing() {
    case(
        "
        > sell 1 4@101
        1 New 0+4/4@101
        > sell 2 6@102
        2 New 0+6/6@102
        > sell 3 9@103
        3 New 0+9/9@103
        > buy 4 11@102 fok
        4 New 0+11/11@102
        4 Canceled 0+0/11@102 MinQty
        > book
        bids: none
        asks: 1 4@101; 2 6@102; 3 9@103;
        ",
    );
}

#[test]
fn fill_or_kill_counts_hidden_quantity() {
    case(
        "
        > sell 1 10@101 show=2
        1 New 0+10/10@101
        > buy 2 10@101 fok
        2 New 0+10/10@101
        1: 2 buys 2@101 from 1 (2+8, 2+8)
        2: 2 buys 2@101 from 1 (4+6, 4+6)
        3: 2 buys 2@101 from 1 (6+4, 6+4)
        4: 2 buys 2@101 from 1 (8+2, 8+2)
        5: 2 buys 2@101 from 1 (10+0, 10+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_market_order_can_be_fill_or_kill() {
    case(
        "
        > sell 1 4@101
        1 New 0+4/4@101
        > buy 2 5@110 market fok
        2 New 0+5/5@110
        2 Canceled 0+0/5@110 MinQty
        > buy 3 4@110 market fok
        3 New 0+4/4@110
        1: 3 buys 4@101 from 1 (4+0, 4+0)
        ",
    );
}

#[test]
fn the_least_quantity_trades_and_the_rest_rests() {
    case(
        "
        > sell 1 4@101
        1 New 0+4/4@101
        > buy 2 10@101 min=4
        2 New 0+10/10@101
        1: 2 buys 4@101 from 1 (4+6, 4+0)
        > book
        bids: 2 6@101;
        asks: none
        ",
    );
}

#[test]
fn nothing_trades_if_the_least_quantity_is_not_there() {
    case(
        "
        > sell 1 4@101
        1 New 0+4/4@101
        > buy 2 10@101 min=5
        2 New 0+10/10@101
        2 Canceled 0+0/10@101 MinQty
        > book
        bids: none
        asks: 1 4@101;
        ",
    );
}

#[test]
fn the_least_quantity_of_an_immediate_order() {
    case(
        "
        > sell 1 4@101
        1 New 0+4/4@101
        > buy 2 10@101 min=4 ioc
        2 New 0+10/10@101
        1: 2 buys 4@101 from 1 (4+6, 4+0)
        2 Canceled 4+0/10@101 ImmediateOrCancel
        > buy 3 10@101 min=1 ioc
        3 New 0+10/10@101
        3 Canceled 0+0/10@101 MinQty
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn the_least_quantity_is_looked_at_when_the_order_comes_and_never_again() {
    case(
        "
        > sell 1 4@101
        1 New 0+4/4@101
        > buy 2 10@101 min=4
        2 New 0+10/10@101
        1: 2 buys 4@101 from 1 (4+6, 4+0)
        > sell 3 1@101
        3 New 0+1/1@101
        2: 3 sells 1@101 to 2 (1+0, 5+5)
        > book
        bids: 2 5@101;
        asks: none
        ",
    );
}

#[test]
fn post_only_rests_where_it_would_not_trade() {
    case(
        "
        > sell 1 4@101
        1 New 0+4/4@101
        > buy 2 4@100 post
        2 New 0+4/4@100
        > book
        bids: 2 4@100;
        asks: 1 4@101;
        ",
    );
}

#[test]
fn post_only_is_refused_where_it_would_trade() {
    case(
        "
        > sell 1 4@101
        1 New 0+4/4@101
        > buy 2 4@101 post
        refused PostOnly
        > book
        bids: none
        asks: 1 4@101;
        ",
    );
}

#[test]
fn post_only_reprice_goes_one_step_behind_the_best_of_the_other_side() {
    case(
        "
        > sell 1 4@101
        1 New 0+4/4@101
        > buy 2 4@105 reprice
        2 New 0+4/4@100
        > sell 3 4@90 reprice
        3 New 0+4/4@101
        > book
        bids: 2 4@100;
        asks: 1 4@101; 3 4@101;
        ",
    );
}

#[test]
fn post_only_reprice_goes_by_the_step_of_the_book() {
    case_from(
        Start {
            config: BookConfig {
                px_step: 5,
                ..BookConfig::default()
            },
            ..Start::default()
        },
        "
        > sell 1 4@105
        1 New 0+4/4@105
        > buy 2 4@110 reprice
        2 New 0+4/4@100
        > book
        bids: 2 4@100;
        asks: 1 4@105;
        ",
    );
}

#[test]
fn post_only_reprice_is_refused_where_there_is_no_price_behind() {
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
        > sell 1 4@100
        1 New 0+4/4@100
        > buy 2 4@101 reprice
        refused PostOnly
        > cancel 1
        1 Canceled 0+0/4@100 CancelRequested
        > buy 3 4@110
        3 New 0+4/4@110
        > sell 4 4@110 reprice
        refused PostOnly
        > book
        bids: 3 4@110;
        asks: none
        ",
    );
}

#[test]
fn an_iceberg_shows_a_part_and_then_the_next_behind_the_others() {
    case(
        "
        > deltas
        > sell 1 10@100 show=4
        1 New 0+10/10@100
        delta: add 1 4@100
        > sell 2 5@100
        2 New 0+5/5@100
        delta: add 2 5@100
        > book
        bids: none
        asks: 1 4 of 10@100; 2 5@100;
        > buy 3 6@100
        3 New 0+6/6@100
        1: 3 buys 4@100 from 1 (4+2, 4+6)
        2: 3 buys 2@100 from 2 (6+0, 2+3)
        delta: remove 1 0@100
        delta: add 1 4@100
        delta: change 2 3@100
        > book
        bids: none
        asks: 2 3@100; 1 4 of 6@100;
        > buy 4 5@100
        4 New 0+5/5@100
        3: 4 buys 3@100 from 2 (3+2, 5+0)
        4: 4 buys 2@100 from 1 (5+0, 6+4)
        delta: remove 2 0@100
        delta: change 1 2@100
        > book
        bids: none
        asks: 1 2 of 4@100;
        > buy 5 9@100
        5 New 0+9/9@100
        5: 5 buys 2@100 from 1 (2+7, 8+2)
        6: 5 buys 2@100 from 1 (4+5, 10+0)
        delta: remove 1 0@100
        delta: add 1 2@100
        delta: remove 1 0@100
        delta: add 5 5@100
        > book
        bids: 5 5@100;
        asks: none
        ",
    );
}

#[test]
fn one_order_takes_an_iceberg_part_after_part() {
    case(
        "
        > sell 1 10@100 show=4
        1 New 0+10/10@100
        > buy 2 9@100
        2 New 0+9/9@100
        1: 2 buys 4@100 from 1 (4+5, 4+6)
        2: 2 buys 4@100 from 1 (8+1, 8+2)
        3: 2 buys 1@100 from 1 (9+0, 9+1)
        > book
        bids: none
        asks: 1 1@100;
        ",
    );
}

#[test]
fn all_of_an_iceberg_trades_while_it_comes_in() {
    case(
        "
        > sell 1 10@100
        1 New 0+10/10@100
        > buy 2 15@100 show=4
        2 New 0+15/15@100
        1: 2 buys 10@100 from 1 (10+5, 10+0)
        > book
        bids: 2 4 of 5@100;
        asks: none
        ",
    );
}

#[test]
fn an_iceberg_takes_turns_with_another() {
    case(
        "
        > sell 1 6@100 show=2
        1 New 0+6/6@100
        > sell 2 6@100 show=2
        2 New 0+6/6@100
        > buy 3 9@100
        3 New 0+9/9@100
        1: 3 buys 2@100 from 1 (2+7, 2+4)
        2: 3 buys 2@100 from 2 (4+5, 2+4)
        3: 3 buys 2@100 from 1 (6+3, 4+2)
        4: 3 buys 2@100 from 2 (8+1, 4+2)
        5: 3 buys 1@100 from 1 (9+0, 5+1)
        > book
        bids: none
        asks: 1 1@100; 2 2@100;
        ",
    );
}

#[test]
fn prices_can_be_negative() {
    case(
        "
        > sell 1 4@-3
        1 New 0+4/4@-3
        > buy 2 4@-5
        2 New 0+4/4@-5
        > buy 3 9@-3
        3 New 0+9/9@-3
        1: 3 buys 4@-3 from 1 (4+5, 4+0)
        > book
        bids: 3 5@-3; 2 4@-5;
        asks: none
        ",
    );
}

#[test]
fn books_of_two_instruments_have_nothing_to_do_with_one_another() {
    case(
        "
        > sell 1 4@100
        1 New 0+4/4@100
        > buy 2 4@100 book=1
        2 New 0+4/4@100
        > book
        bids: none
        asks: 1 4@100;
        > book 1
        bids: 2 4@100;
        asks: none
        > sell 3 4@100 book=1
        3 New 0+4/4@100
        1: 3 sells 4@100 to 2 (4+0, 4+0)
        ",
    );
}

#[test]
fn any_number_is_an_id() {
    case(
        "
        > sell 0 4@101
        0 New 0+4/4@101
        > sell 18446744073709551615 4@101
        18446744073709551615 New 0+4/4@101
        > sell 0 4@102
        refused DuplicateOrderId
        > amend 18446744073709551615 3@101
        18446744073709551615 Replaced 0+3/3@101
        > buy 9223372036854775808 5@101
        9223372036854775808 New 0+5/5@101
        1: 9223372036854775808 buys 4@101 from 0 (4+1, 4+0)
        2: 9223372036854775808 buys 1@101 from 18446744073709551615 (5+0, 1+2)
        > cancel 0
        refused UnknownOrder
        > cancel 18446744073709551615
        18446744073709551615 Canceled 1+0/3@101 CancelRequested
        > book
        bids: none
        asks: none
        ",
    );
}
