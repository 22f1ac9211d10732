//! Stops: what sets them off, in which order, and the cascades that follow.

use crate::script::case;

#[test]
fn a_stop_waits_and_is_triggered_by_a_trade() {
    case(
        "
        > sell 1 5@101
        1 New 0+5/5@101
        > sell 2 5@102
        2 New 0+5/5@102
        > buy 3 3@110 market stop=101
        3 New 0+3/3@110
        > book
        bids: none
        buy stops: 3 3@110 at 101;
        asks: 1 5@101; 2 5@102;
        > buy 4 1@101
        4 New 0+1/1@101
        1: 4 buys 1@101 from 1 (1+0, 1+4)
        3 Triggered 0+3/3@110
        2: 3 buys 3@101 from 1 (3+0, 4+1)
        > book
        bids: none
        asks: 1 1@101; 2 5@102;
        ",
    );
}

#[test]
fn a_stop_is_not_triggered_by_a_price_that_only_rests() {
    case(
        "
        > sell 1 5@101
        1 New 0+5/5@101
        > buy 3 3@110 market stop=101
        3 New 0+3/3@110
        > book
        bids: none
        buy stops: 3 3@110 at 101;
        asks: 1 5@101;
        ",
    );
}

#[test]
fn a_sell_stop_is_triggered_at_its_price_or_below() {
    case(
        "
        > buy 1 5@99
        1 New 0+5/5@99
        > buy 2 5@98
        2 New 0+5/5@98
        > sell 3 3@90 market stop=98
        3 New 0+3/3@90
        > sell 4 1@99
        4 New 0+1/1@99
        1: 4 sells 1@99 to 1 (1+0, 1+4)
        > sell 5 4@99
        5 New 0+4/4@99
        2: 5 sells 4@99 to 1 (4+0, 5+0)
        > sell 6 1@98
        6 New 0+1/1@98
        3: 6 sells 1@98 to 2 (1+0, 1+4)
        3 Triggered 0+3/3@90
        4: 3 sells 3@98 to 2 (3+0, 4+1)
        > book
        bids: 2 1@98;
        asks: none
        ",
    );
}

#[test]
fn what_a_triggered_stop_cannot_trade_ends() {
    case(
        "
        > sell 1 1@101
        1 New 0+1/1@101
        > sell 2 1@105
        2 New 0+1/1@105
        > buy 3 5@104 market stop=101
        3 New 0+5/5@104
        > buy 4 1@101
        4 New 0+1/1@101
        1: 4 buys 1@101 from 1 (1+0, 1+0)
        3 Triggered 0+5/5@104
        3 Canceled 0+0/5@104 ImmediateOrCancel
        > book
        bids: none
        asks: 2 1@105;
        ",
    );
}

#[test]
fn a_triggered_stop_limit_rests() {
    case(
        "
        > sell 1 1@101
        1 New 0+1/1@101
        > buy 2 5@103 stop=101
        2 New 0+5/5@103
        > buy 3 1@101
        3 New 0+1/1@101
        1: 3 buys 1@101 from 1 (1+0, 1+0)
        2 Triggered 0+5/5@103
        > book
        bids: 2 5@103;
        asks: none
        ",
    );
}

#[test]
fn a_stop_that_is_reached_as_it_comes_is_triggered_at_once() {
    case(
        "
        > sell 1 1@101
        1 New 0+1/1@101
        > buy 2 1@101
        2 New 0+1/1@101
        1: 2 buys 1@101 from 1 (1+0, 1+0)
        > sell 3 2@103
        3 New 0+2/2@103
        > buy 4 2@103 market stop=101
        4 New 0+2/2@103
        4 Triggered 0+2/2@103
        2: 4 buys 2@103 from 3 (2+0, 2+0)
        > sell 5 1@90 market stop=100
        5 New 0+1/1@90
        > book
        bids: none
        asks: none
        sell stops: 5 1@90 at 100;
        ",
    );
}

#[test]
fn without_a_trade_no_stop_is_reached_as_it_comes() {
    case(
        "
        > buy 1 2@103 market stop=1
        1 New 0+2/2@103
        > book
        bids: none
        buy stops: 1 2@103 at 1;
        asks: none
        ",
    );
}

#[test]
fn stops_come_buys_before_sells_and_last_trade_before_reference() {
    case(
        "
        > phase auction
        > sell 1 5@100
        1 New 0+5/5@100
        > buy 2 1@100
        2 New 0+1/1@100
        would uncross 1@100 surplus -4
        > buy 3 1@99 stop=100 ref
        3 New 0+1/1@99
        > sell 4 1@101 stop=100 ref
        4 New 0+1/1@101
        > sell 5 1@101 stop=100
        5 New 0+1/1@101
        > buy 6 1@99 stop=100
        6 New 0+1/1@99
        > reference 100
        > book
        bids: 2 1@100;
        buy stops: 6 1@99 at 100; 3 1@99 at 100;
        asks: 1 5@100;
        sell stops: 5 1@101 at 100; 4 1@101 at 100;
        > phase continuous
        1: 2 buys 1@100 from 1 (1+0, 1+4) in an auction
        6 Triggered 0+1/1@99
        5 Triggered 0+1/1@101
        3 Triggered 0+1/1@99
        4 Triggered 0+1/1@101
        would not uncross
        > book
        bids: 6 1@99; 3 1@99;
        asks: 1 4@100; 5 1@101; 4 1@101;
        ",
    );
}

#[test]
fn by_trade_buys_come_before_sells_the_nearest_first_then_the_first() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > sell 2 5@105
        2 New 0+5/5@105
        > sell 3 1@120 stop=104
        3 New 0+1/1@120
        > sell 4 1@121 stop=103
        4 New 0+1/1@121
        > sell 5 1@122 stop=104
        5 New 0+1/1@122
        > buy 6 1@90 stop=105
        6 New 0+1/1@90
        > buy 7 1@91 stop=101
        7 New 0+1/1@91
        > buy 8 1@92 stop=105
        8 New 0+1/1@92
        > book
        bids: none
        buy stops: 7 1@91 at 101; 6 1@90 at 105; 8 1@92 at 105;
        asks: 1 5@100; 2 5@105;
        sell stops: 3 1@120 at 104; 5 1@122 at 104; 4 1@121 at 103;
        > buy 9 6@105
        9 New 0+6/6@105
        1: 9 buys 5@100 from 1 (5+1, 5+0)
        2: 9 buys 1@105 from 2 (6+0, 1+4)
        7 Triggered 0+1/1@91
        6 Triggered 0+1/1@90
        8 Triggered 0+1/1@92
        3 Triggered 0+1/1@120
        5 Triggered 0+1/1@122
        4 Triggered 0+1/1@121
        > book
        bids: 8 1@92; 7 1@91; 6 1@90;
        asks: 2 4@105; 3 1@120; 4 1@121; 5 1@122;
        ",
    );
}

#[test]
fn a_look_sees_the_highest_and_the_lowest_trade_since_the_last() {
    case(
        "
        > buy 1 1@102
        1 New 0+1/1@102
        > buy 2 1@101
        2 New 0+1/1@101
        > buy 3 1@100
        3 New 0+1/1@100
        > sell 4 1@120 stop=101
        4 New 0+1/1@120
        > buy 5 1@90 stop=102
        5 New 0+1/1@90
        > sell 6 3@100
        6 New 0+3/3@100
        1: 6 sells 1@102 to 1 (1+2, 1+0)
        2: 6 sells 1@101 to 2 (2+1, 1+0)
        3: 6 sells 1@100 to 3 (3+0, 1+0)
        5 Triggered 0+1/1@90
        4 Triggered 0+1/1@120
        > book
        bids: 5 1@90;
        asks: 4 1@120;
        ",
    );
}

#[test]
fn the_range_is_forgotten_after_a_look() {
    case(
        "
        > buy 1 1@102
        1 New 0+1/1@102
        > buy 2 1@100
        2 New 0+1/1@100
        > sell 3 2@100
        3 New 0+2/2@100
        1: 3 sells 1@102 to 1 (1+1, 1+0)
        2: 3 sells 1@100 to 2 (2+0, 1+0)
        > buy 4 1@90 stop=102
        4 New 0+1/1@90
        > sell 5 1@120 stop=100
        5 New 0+1/1@120
        5 Triggered 0+1/1@120
        > book
        bids: none
        buy stops: 4 1@90 at 102;
        asks: 5 1@120;
        ",
    );
}

#[test]
fn a_cascade_runs_until_it_is_quiet() {
    case(
        "
        > sell 1 1@101
        1 New 0+1/1@101
        > sell 2 1@102
        2 New 0+1/1@102
        > sell 3 1@103
        3 New 0+1/1@103
        > buy 4 1@110 market stop=101
        4 New 0+1/1@110
        > buy 5 1@110 market stop=102
        5 New 0+1/1@110
        > buy 6 1@110 market stop=103
        6 New 0+1/1@110
        > buy 7 1@101
        7 New 0+1/1@101
        1: 7 buys 1@101 from 1 (1+0, 1+0)
        4 Triggered 0+1/1@110
        2: 4 buys 1@102 from 2 (1+0, 1+0)
        5 Triggered 0+1/1@110
        3: 5 buys 1@103 from 3 (1+0, 1+0)
        6 Triggered 0+1/1@110
        6 Canceled 0+0/1@110 ImmediateOrCancel
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn what_a_stop_triggers_lines_up_behind() {
    case(
        "
        > sell 1 1@101
        1 New 0+1/1@101
        > sell 2 1@102
        2 New 0+1/1@102
        > sell 3 9@103
        3 New 0+9/9@103
        > buy 4 1@110 market stop=101
        4 New 0+1/1@110
        > buy 5 1@110 market stop=102
        5 New 0+1/1@110
        > buy 6 2@110 market stop=101
        6 New 0+2/2@110
        > buy 7 1@101
        7 New 0+1/1@101
        1: 7 buys 1@101 from 1 (1+0, 1+0)
        4 Triggered 0+1/1@110
        2: 4 buys 1@102 from 2 (1+0, 1+0)
        6 Triggered 0+2/2@110
        3: 6 buys 2@103 from 3 (2+0, 2+7)
        5 Triggered 0+1/1@110
        4: 5 buys 1@103 from 3 (1+0, 3+6)
        > book
        bids: none
        asks: 3 6@103;
        ",
    );
}

#[test]
fn the_reference_price_triggers_without_a_trade() {
    case(
        "
        > sell 1 5@101
        1 New 0+5/5@101
        > buy 2 1@101 market stop=50 ref
        2 New 0+1/1@101
        > reference 49
        > reference 50
        2 Triggered 0+1/1@101
        1: 2 buys 1@101 from 1 (1+0, 1+4)
        > book
        bids: none
        asks: 1 4@101;
        ",
    );
}

#[test]
fn a_stop_by_reference_is_reached_as_it_comes() {
    case(
        "
        > reference 50
        > sell 1 5@101
        1 New 0+5/5@101
        > buy 2 1@101 market stop=50 ref
        2 New 0+1/1@101
        2 Triggered 0+1/1@101
        1: 2 buys 1@101 from 1 (1+0, 1+4)
        ",
    );
}

#[test]
fn a_stop_by_reference_does_not_see_trades() {
    case(
        "
        > sell 1 5@101
        1 New 0+5/5@101
        > buy 2 1@101 market stop=101 ref
        2 New 0+1/1@101
        > buy 3 1@101
        3 New 0+1/1@101
        1: 3 buys 1@101 from 1 (1+0, 1+4)
        > book
        bids: none
        buy stops: 2 1@101 at 101;
        asks: 1 4@101;
        ",
    );
}

#[test]
fn a_triggered_stop_limit_obeys_its_time_in_force() {
    case(
        "
        > sell 1 1@101
        1 New 0+1/1@101
        > sell 2 1@102
        2 New 0+1/1@102
        > buy 3 5@102 stop=101 ioc
        3 New 0+5/5@102
        > buy 4 5@102 stop=101 fok
        4 New 0+5/5@102
        > buy 5 5@102 stop=101 min=3
        5 New 0+5/5@102
        > buy 6 1@101
        6 New 0+1/1@101
        1: 6 buys 1@101 from 1 (1+0, 1+0)
        3 Triggered 0+5/5@102
        2: 3 buys 1@102 from 2 (1+4, 1+0)
        3 Canceled 1+0/5@102 ImmediateOrCancel
        4 Triggered 0+5/5@102
        4 Canceled 0+0/5@102 MinQty
        5 Triggered 0+5/5@102
        5 Canceled 0+0/5@102 MinQty
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_triggered_iceberg_shows_a_part() {
    case(
        "
        > sell 1 1@101
        1 New 0+1/1@101
        > buy 2 9@102 stop=101 show=2
        2 New 0+9/9@102
        > buy 3 1@101
        3 New 0+1/1@101
        1: 3 buys 1@101 from 1 (1+0, 1+0)
        2 Triggered 0+9/9@102
        > book
        bids: 2 2 of 9@102;
        asks: none
        ",
    );
}

#[test]
fn stops_are_triggered_when_continuous_trading_begins() {
    case(
        "
        > sell 1 5@101
        1 New 0+5/5@101
        > buy 2 1@101 market stop=50 ref
        2 New 0+1/1@101
        > phase halted
        > reference 60
        > book
        bids: none
        buy stops: 2 1@101 at 50;
        asks: 1 5@101;
        > phase continuous
        2 Triggered 0+1/1@101
        1: 2 buys 1@101 from 1 (1+0, 1+4)
        ",
    );
}

#[test]
fn a_reference_that_went_back_before_the_halt_ended_triggers_nothing() {
    case(
        "
        > buy 1 1@101 market stop=50 ref
        1 New 0+1/1@101
        > phase halted
        > reference 60
        > reference 40
        > phase continuous
        > book
        bids: none
        buy stops: 1 1@101 at 50;
        asks: none
        ",
    );
}

#[test]
fn an_uncrossing_triggers_stops() {
    case(
        "
        > phase auction
        > sell 1 5@100
        1 New 0+5/5@100
        > buy 2 3@100
        2 New 0+3/3@100
        would uncross 3@100 surplus -2
        > buy 3 9@110 stop=100
        3 New 0+9/9@110
        > phase continuous
        1: 2 buys 3@100 from 1 (3+0, 3+2) in an auction
        3 Triggered 0+9/9@110
        2: 3 buys 2@100 from 1 (2+7, 5+0)
        would not uncross
        > book
        bids: 3 7@110;
        asks: none
        ",
    );
}

#[test]
fn a_stop_is_cancelled_like_any_order() {
    case(
        "
        > buy 1 5@110 market stop=100
        1 New 0+5/5@110
        > cancel 1
        1 Canceled 0+0/5@110 CancelRequested
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_stop_is_not_kept_from_its_owner_by_its_waiting() {
    case(
        "
        > sell 1 5@101 c=7
        1 New 0+5/5@101
        > sell 2 5@102
        2 New 0+5/5@102
        > buy 3 5@102 market stop=101 c=7 stp=oldest
        3 New 0+5/5@102
        > buy 4 1@101
        4 New 0+1/1@101
        1: 4 buys 1@101 from 1 (1+0, 1+4)
        3 Triggered 0+5/5@102
        1 Canceled 1+0/5@101 SelfTradePrevented
        2: 3 buys 5@102 from 2 (5+0, 5+0)
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_stop_that_may_not_come_to_the_market_is_cancelled() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > buy 23 5@101 stop=100
        23 New 0+5/5@101
        > buy 2 1@100
        2 New 0+1/1@100
        1: 2 buys 1@100 from 1 (1+0, 1+4)
        23 Canceled 0+0/5@101 Withdrawn
        ",
    );
}
