//! The edge cases of public conformance gates, in our own sequences: each is of a mistake that many engines make.

use std::fmt::Write;

use crate::script::case;

#[test]
fn a_cancel_from_the_middle_of_a_queue_leaves_those_behind() {
    case(
        "
        > buy 1 7@50
        1 New 0+7/7@50
        > buy 2 7@50
        2 New 0+7/7@50
        > buy 3 7@50
        3 New 0+7/7@50
        > cancel 2
        2 Canceled 0+0/7@50 CancelRequested
        > sell 4 14@50 ioc
        4 New 0+14/14@50
        1: 4 sells 7@50 to 1 (7+7, 7+0)
        2: 4 sells 7@50 to 3 (14+0, 7+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_cancel_of_the_first_in_a_queue_leaves_those_behind() {
    case(
        "
        > buy 1 7@50
        1 New 0+7/7@50
        > buy 2 7@50
        2 New 0+7/7@50
        > buy 3 7@50
        3 New 0+7/7@50
        > cancel 1
        1 Canceled 0+0/7@50 CancelRequested
        > book
        bids: 2 7@50; 3 7@50;
        asks: none
        > sell 4 14@50 ioc
        4 New 0+14/14@50
        1: 4 sells 7@50 to 2 (7+7, 7+0)
        2: 4 sells 7@50 to 3 (14+0, 7+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn an_order_takes_the_best_price_first_over_several_prices() {
    case(
        "
        > sell 1 4@53
        1 New 0+4/4@53
        > sell 2 4@52
        2 New 0+4/4@52
        > sell 3 4@51
        3 New 0+4/4@51
        > buy 4 12@53 ioc
        4 New 0+12/12@53
        1: 4 buys 4@51 from 3 (4+8, 4+0)
        2: 4 buys 4@52 from 2 (8+4, 4+0)
        3: 4 buys 4@53 from 1 (12+0, 4+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn an_amend_through_the_spread_trades() {
    case(
        "
        > sell 1 6@80
        1 New 0+6/6@80
        > buy 2 6@78
        2 New 0+6/6@78
        > amend 2 6@80
        2 Replaced 0+6/6@80
        1: 2 buys 6@80 from 1 (6+0, 6+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn what_is_left_of_an_order_that_was_taken_from_can_be_cancelled() {
    case(
        "
        > sell 1 9@60
        1 New 0+9/9@60
        > buy 2 5@60
        2 New 0+5/5@60
        1: 2 buys 5@60 from 1 (5+0, 5+4)
        > book
        bids: none
        asks: 1 4@60;
        > cancel 1
        1 Canceled 5+0/9@60 CancelRequested
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_cancel_of_an_order_that_was_filled_is_refused() {
    case(
        "
        > sell 1 9@60
        1 New 0+9/9@60
        > buy 2 9@60
        2 New 0+9/9@60
        1: 2 buys 9@60 from 1 (9+0, 9+0)
        > cancel 1
        refused UnknownOrder
        > cancel 2
        refused UnknownOrder
        ",
    );
}

#[test]
fn the_first_at_a_price_trades_first() {
    case(
        "
        > buy 1 8@40
        1 New 0+8/8@40
        > buy 2 8@40
        2 New 0+8/8@40
        > sell 3 8@40
        3 New 0+8/8@40
        1: 3 sells 8@40 to 1 (8+0, 8+0)
        > book
        bids: 2 8@40;
        asks: none
        ",
    );
}

#[test]
fn a_deep_queue_keeps_its_order_when_scattered_orders_are_cancelled() {
    case(
        "
        > buy 1 3@70
        1 New 0+3/3@70
        > buy 2 3@70
        2 New 0+3/3@70
        > buy 3 3@70
        3 New 0+3/3@70
        > buy 4 3@70
        4 New 0+3/3@70
        > buy 5 3@70
        5 New 0+3/3@70
        > buy 6 3@70
        6 New 0+3/3@70
        > buy 7 3@70
        7 New 0+3/3@70
        > buy 8 3@70
        8 New 0+3/3@70
        > cancel 3
        3 Canceled 0+0/3@70 CancelRequested
        > cancel 6
        6 Canceled 0+0/3@70 CancelRequested
        > cancel 1
        1 Canceled 0+0/3@70 CancelRequested
        > book
        bids: 2 3@70; 4 3@70; 5 3@70; 7 3@70; 8 3@70;
        asks: none
        > sell 9 15@70 ioc
        9 New 0+15/15@70
        1: 9 sells 3@70 to 2 (3+12, 3+0)
        2: 9 sells 3@70 to 4 (6+9, 3+0)
        3: 9 sells 3@70 to 5 (9+6, 3+0)
        4: 9 sells 3@70 to 7 (12+3, 3+0)
        5: 9 sells 3@70 to 8 (15+0, 3+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn what_is_left_after_a_sweep_is_the_new_best_price() {
    case(
        "
        > sell 1 2@31
        1 New 0+2/2@31
        > sell 2 2@32
        2 New 0+2/2@32
        > sell 3 2@33
        3 New 0+2/2@33
        > buy 4 9@33
        4 New 0+9/9@33
        1: 4 buys 2@31 from 1 (2+7, 2+0)
        2: 4 buys 2@32 from 2 (4+5, 2+0)
        3: 4 buys 2@33 from 3 (6+3, 2+0)
        > book
        bids: 4 3@33;
        asks: none
        > sell 5 1@33 ioc
        5 New 0+1/1@33
        4: 5 sells 1@33 to 4 (1+0, 7+2)
        > book
        bids: 4 2@33;
        asks: none
        ",
    );
}

#[test]
fn what_is_left_of_an_order_that_was_taken_from_can_be_amended() {
    case(
        "
        > sell 1 9@60
        1 New 0+9/9@60
        > buy 2 4@60
        2 New 0+4/4@60
        1: 2 buys 4@60 from 1 (4+0, 4+5)
        > amend 1 9@61
        1 Replaced 4+5/9@61
        > book
        bids: none
        asks: 1 5@61;
        > buy 3 5@61 ioc
        3 New 0+5/5@61
        2: 3 buys 5@61 from 1 (5+0, 9+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn an_amend_of_an_order_that_was_filled_is_refused() {
    case(
        "
        > sell 1 9@60
        1 New 0+9/9@60
        > buy 2 9@60
        2 New 0+9/9@60
        1: 2 buys 9@60 from 1 (9+0, 9+0)
        > amend 1 5@61
        refused UnknownOrder
        > amend 2 5@59
        refused UnknownOrder
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn the_id_of_a_cancelled_order_is_free() {
    case(
        "
        > buy 1 5@20
        1 New 0+5/5@20
        > cancel 1
        1 Canceled 0+0/5@20 CancelRequested
        > sell 1 6@90
        1 New 0+6/6@90
        > book
        bids: none
        asks: 1 6@90;
        > buy 2 6@90 ioc
        2 New 0+6/6@90
        1: 2 buys 6@90 from 1 (6+0, 6+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_seller_takes_the_highest_bid_first_after_cancels_at_two_prices() {
    case(
        "
        > buy 1 5@44
        1 New 0+5/5@44
        > buy 2 5@44
        2 New 0+5/5@44
        > buy 3 5@45
        3 New 0+5/5@45
        > buy 4 5@45
        4 New 0+5/5@45
        > cancel 1
        1 Canceled 0+0/5@44 CancelRequested
        > cancel 4
        4 Canceled 0+0/5@45 CancelRequested
        > book
        bids: 3 5@45; 2 5@44;
        asks: none
        > sell 5 10@44 ioc
        5 New 0+10/10@44
        1: 5 sells 5@45 to 3 (5+5, 5+0)
        2: 5 sells 5@44 to 2 (10+0, 5+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn an_order_for_exactly_what_three_prices_hold_leaves_nothing() {
    case(
        "
        > sell 1 1@11
        1 New 0+1/1@11
        > sell 2 2@12
        2 New 0+2/2@12
        > sell 3 3@13
        3 New 0+3/3@13
        > buy 4 6@13 ioc
        4 New 0+6/6@13
        1: 4 buys 1@11 from 1 (1+5, 1+0)
        2: 4 buys 2@12 from 2 (3+3, 2+0)
        3: 4 buys 3@13 from 3 (6+0, 3+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_trade_is_at_the_price_of_the_order_that_rests_on_either_side() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > buy 2 5@107 ioc
        2 New 0+5/5@107
        1: 2 buys 5@100 from 1 (5+0, 5+0)
        > buy 3 5@300
        3 New 0+5/5@300
        > sell 4 5@291 ioc
        4 New 0+5/5@291
        2: 4 sells 5@300 to 3 (5+0, 5+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn two_orders_at_one_price_are_two_trades_and_the_rest_can_be_taken() {
    case(
        "
        > sell 1 3@9
        1 New 0+3/3@9
        > sell 2 4@9
        2 New 0+4/4@9
        > buy 3 10@9
        3 New 0+10/10@9
        1: 3 buys 3@9 from 1 (3+7, 3+0)
        2: 3 buys 4@9 from 2 (7+3, 4+0)
        > book
        bids: 3 3@9;
        asks: none
        > sell 4 3@9 ioc
        4 New 0+3/3@9
        3: 4 sells 3@9 to 3 (3+0, 10+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_price_that_was_swept_can_be_used_again() {
    case(
        "
        > sell 1 2@31
        1 New 0+2/2@31
        > sell 2 2@32
        2 New 0+2/2@32
        > sell 3 2@33
        3 New 0+2/2@33
        > buy 4 6@33 ioc
        4 New 0+6/6@33
        1: 4 buys 2@31 from 1 (2+4, 2+0)
        2: 4 buys 2@32 from 2 (4+2, 2+0)
        3: 4 buys 2@33 from 3 (6+0, 2+0)
        > sell 5 7@32
        5 New 0+7/7@32
        > book
        bids: none
        asks: 5 7@32;
        > buy 6 7@32 ioc
        6 New 0+7/7@32
        4: 6 buys 7@32 from 5 (7+0, 7+0)
        > sell 7 7@34
        7 New 0+7/7@34
        > buy 8 7@34 ioc
        8 New 0+7/7@34
        5: 8 buys 7@34 from 7 (7+0, 7+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn price_goes_before_time_on_either_side() {
    case(
        "
        > sell 1 5@65
        1 New 0+5/5@65
        > sell 2 5@60
        2 New 0+5/5@60
        > buy 3 5@65 ioc
        3 New 0+5/5@65
        1: 3 buys 5@60 from 2 (5+0, 5+0)
        > buy 4 5@30
        4 New 0+5/5@30
        > buy 5 5@35
        5 New 0+5/5@35
        > buy 6 5@32
        6 New 0+5/5@32
        > book
        bids: 5 5@35; 6 5@32; 4 5@30;
        asks: 1 5@65;
        > sell 7 15@30 ioc
        7 New 0+15/15@30
        2: 7 sells 5@35 to 5 (5+10, 5+0)
        3: 7 sells 5@32 to 6 (10+5, 5+0)
        4: 7 sells 5@30 to 4 (15+0, 5+0)
        > book
        bids: none
        asks: 1 5@65;
        ",
    );
}

#[test]
fn the_next_bid_is_the_best_as_soon_as_the_best_is_cancelled() {
    case(
        "
        > buy 1 5@88
        1 New 0+5/5@88
        > buy 2 4@87
        2 New 0+4/4@87
        > cancel 1
        1 Canceled 0+0/5@88 CancelRequested
        > book
        bids: 2 4@87;
        asks: none
        > sell 3 4@87 ioc
        3 New 0+4/4@87
        1: 3 sells 4@87 to 2 (4+0, 4+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn what_an_immediate_order_cannot_trade_does_not_rest() {
    case(
        "
        > sell 1 6@72
        1 New 0+6/6@72
        > buy 2 9@72 ioc
        2 New 0+9/9@72
        1: 2 buys 6@72 from 1 (6+3, 6+0)
        2 Canceled 6+0/9@72 ImmediateOrCancel
        > book
        bids: none
        asks: none
        > sell 3 2@72 ioc
        3 New 0+2/2@72
        3 Canceled 0+0/2@72 ImmediateOrCancel
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn an_order_goes_no_further_than_its_own_price() {
    case(
        "
        > sell 1 3@50
        1 New 0+3/3@50
        > sell 2 6@56
        2 New 0+6/6@56
        > buy 3 8@53
        3 New 0+8/8@53
        1: 3 buys 3@50 from 1 (3+5, 3+0)
        > book
        bids: 3 5@53;
        asks: 2 6@56;
        > sell 4 5@53 ioc
        4 New 0+5/5@53
        2: 4 sells 5@53 to 3 (5+0, 8+0)
        > book
        bids: none
        asks: 2 6@56;
        ",
    );
}

#[test]
fn what_is_left_is_taken_to_the_last_lot_and_no_more() {
    case(
        "
        > sell 1 11@66
        1 New 0+11/11@66
        > buy 2 5@66 ioc
        2 New 0+5/5@66
        1: 2 buys 5@66 from 1 (5+0, 5+6)
        > book
        bids: none
        asks: 1 6@66;
        > buy 3 6@66 ioc
        3 New 0+6/6@66
        2: 3 buys 6@66 from 1 (6+0, 11+0)
        > book
        bids: none
        asks: none
        > buy 4 2@66 ioc
        4 New 0+2/2@66
        4 Canceled 0+0/2@66 ImmediateOrCancel
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn an_order_that_was_taken_from_stays_the_first_for_the_next() {
    case(
        "
        > buy 1 4@15
        1 New 0+4/4@15
        > buy 2 4@15
        2 New 0+4/4@15
        > buy 3 4@15
        3 New 0+4/4@15
        > buy 4 4@15
        4 New 0+4/4@15
        > sell 5 6@15 ioc
        5 New 0+6/6@15
        1: 5 sells 4@15 to 1 (4+2, 4+0)
        2: 5 sells 2@15 to 2 (6+0, 2+2)
        > book
        bids: 2 2@15; 3 4@15; 4 4@15;
        asks: none
        > sell 6 6@15 ioc
        6 New 0+6/6@15
        3: 6 sells 2@15 to 2 (2+4, 4+0)
        4: 6 sells 4@15 to 3 (6+0, 4+0)
        > book
        bids: 4 4@15;
        asks: none
        ",
    );
}

#[test]
fn the_id_of_a_filled_order_is_free() {
    case(
        "
        > buy 1 5@20
        1 New 0+5/5@20
        > sell 2 5@20
        2 New 0+5/5@20
        1: 2 sells 5@20 to 1 (5+0, 5+0)
        > sell 1 6@90
        1 New 0+6/6@90
        > book
        bids: none
        asks: 1 6@90;
        > buy 3 6@90 ioc
        3 New 0+6/6@90
        2: 3 buys 6@90 from 1 (6+0, 6+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn an_id_that_was_never_given_is_unknown() {
    case(
        "
        > cancel 777
        refused UnknownOrder
        > amend 777 5@20
        refused UnknownOrder
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_cancelled_order_can_neither_be_cancelled_nor_amended() {
    case(
        "
        > buy 1 5@20
        1 New 0+5/5@20
        > cancel 1
        1 Canceled 0+0/5@20 CancelRequested
        > cancel 1
        refused UnknownOrder
        > amend 1 4@20
        refused UnknownOrder
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn prices_are_not_cut_to_fewer_bits() {
    case(
        "
        > sell 1 5@4503599627370496
        1 New 0+5/5@4503599627370496
        > sell 2 5@4294967301
        2 New 0+5/5@4294967301
        > sell 3 5@65541
        3 New 0+5/5@65541
        > buy 4 5@5 ioc
        4 New 0+5/5@5
        4 Canceled 0+0/5@5 ImmediateOrCancel
        > book
        bids: none
        asks: 3 5@65541; 2 5@4294967301; 1 5@4503599627370496;
        > buy 5 15@4503599627370496 ioc
        5 New 0+15/15@4503599627370496
        1: 5 buys 5@65541 from 3 (5+10, 5+0)
        2: 5 buys 5@4294967301 from 2 (10+5, 5+0)
        3: 5 buys 5@4503599627370496 from 1 (15+0, 5+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_very_large_id_is_an_id_like_any_other() {
    case(
        "
        > cancel 4000000
        refused UnknownOrder
        > cancel 9223372036854775807
        refused UnknownOrder
        > buy 9223372036854775807 5@20
        9223372036854775807 New 0+5/5@20
        > cancel 9223372036854775807
        9223372036854775807 Canceled 0+0/5@20 CancelRequested
        ",
    );
}

#[test]
fn an_order_that_is_exhausted_by_the_first_leaves_the_second_as_it_was() {
    case(
        "
        > sell 1 4@31
        1 New 0+4/4@31
        > sell 2 4@31
        2 New 0+4/4@31
        > buy 3 4@31 ioc
        3 New 0+4/4@31
        1: 3 buys 4@31 from 1 (4+0, 4+0)
        > book
        bids: none
        asks: 2 4@31;
        ",
    );
}

#[test]
fn the_next_offer_is_the_best_as_soon_as_the_best_is_cancelled() {
    case(
        "
        > sell 1 5@88
        1 New 0+5/5@88
        > sell 2 4@89
        2 New 0+4/4@89
        > cancel 1
        1 Canceled 0+0/5@88 CancelRequested
        > book
        bids: none
        asks: 2 4@89;
        > buy 3 4@89 ioc
        3 New 0+4/4@89
        1: 3 buys 4@89 from 2 (4+0, 4+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_side_that_was_empty_fills_again() {
    case(
        "
        > buy 1 5@88
        1 New 0+5/5@88
        > cancel 1
        1 Canceled 0+0/5@88 CancelRequested
        > book
        bids: none
        asks: none
        > buy 2 4@83
        2 New 0+4/4@83
        > book
        bids: 2 4@83;
        asks: none
        > sell 3 4@83 ioc
        3 New 0+4/4@83
        1: 3 sells 4@83 to 2 (4+0, 4+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn an_amend_of_one_order_leaves_the_other_at_its_price() {
    case(
        "
        > buy 1 5@77
        1 New 0+5/5@77
        > buy 2 5@77
        2 New 0+5/5@77
        > amend 1 5@76
        1 Replaced 0+5/5@76
        > book
        bids: 2 5@77; 1 5@76;
        asks: none
        > sell 3 5@77 ioc
        3 New 0+5/5@77
        1: 3 sells 5@77 to 2 (5+0, 5+0)
        > book
        bids: 1 5@76;
        asks: none
        ",
    );
}

#[test]
fn an_amend_that_trades_does_so_at_the_price_of_the_order_that_rests() {
    case(
        "
        > sell 1 5@40
        1 New 0+5/5@40
        > buy 2 5@33
        2 New 0+5/5@33
        > amend 2 5@46
        2 Replaced 0+5/5@46
        1: 2 buys 5@40 from 1 (5+0, 5+0)
        > buy 3 5@90
        3 New 0+5/5@90
        > sell 4 5@98
        4 New 0+5/5@98
        > amend 4 5@84
        4 Replaced 0+5/5@84
        2: 4 sells 5@90 to 3 (5+0, 5+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn one_order_takes_five_thousand() {
    let mut script = String::new();
    for id in 1..=5000 {
        writeln!(script, "> sell {id} 1@25\n{id} New 0+1/1@25").unwrap();
    }
    script += "> buy 5001 5000@25 ioc\n5001 New 0+5000/5000@25\n";
    for id in 1..=5000 {
        let (cum, leaves) = (id, 5000 - id);
        writeln!(script, "{id}: 5001 buys 1@25 from {id} ({cum}+{leaves}, 1+0)").unwrap();
    }
    script += "> book\nbids: none\nasks: none\n";
    case(&script);
}
