//! Orders that end by time.

use crate::script::case;

#[test]
fn an_order_is_good_until_its_date() {
    case(
        "
        > advance 5
        > buy 1 5@100 gtd=7
        1 New 0+5/5@100
        > advance 6
        > advance 7
        1 Expired 0+0/5@100 OrderExpired
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn what_was_filled_stays_when_an_order_expires() {
    case(
        "
        > sell 1 5@100 gtd=7
        1 New 0+5/5@100
        > buy 2 2@100
        2 New 0+2/2@100
        1: 2 buys 2@100 from 1 (2+0, 2+3)
        > advance 9
        1 Expired 2+0/5@100 OrderExpired
        ",
    );
}

#[test]
fn the_earliest_end_first_then_the_lowest_id_over_all_books() {
    case(
        "
        > buy 4 5@100 gtd=7
        4 New 0+5/5@100
        > buy 3 5@100 gtd=7 book=1
        3 New 0+5/5@100
        > sell 2 5@101 gtd=8
        2 New 0+5/5@101
        > sell 9 5@101 gtd=6
        9 New 0+5/5@101
        > buy 1 5@110 stop=105 gtd=7
        1 New 0+5/5@110
        > advance 8
        9 Expired 0+0/5@101 OrderExpired
        1 Expired 0+0/5@110 OrderExpired
        3 Expired 0+0/5@100 OrderExpired
        4 Expired 0+0/5@100 OrderExpired
        2 Expired 0+0/5@101 OrderExpired
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn day_orders_end_at_the_day_end_that_was_known_when_they_came() {
    case(
        "
        > buy 1 5@100 day
        1 New 0+5/5@100
        > day-end 10
        > buy 2 5@100 day
        2 New 0+5/5@100
        > day-end 20
        > buy 3 5@100 day
        3 New 0+5/5@100
        > advance 10
        2 Expired 0+0/5@100 OrderExpired
        > advance 20
        3 Expired 0+0/5@100 OrderExpired
        > book
        bids: 1 5@100;
        asks: none
        ",
    );
}

#[test]
fn a_day_order_after_the_day_end_is_refused() {
    case(
        "
        > day-end 10
        > advance 10
        > buy 1 5@100 day
        refused OrderExpired
        > buy 1 5@100 day market
        refused OrderExpired
        > day-end 11
        > buy 1 5@100 day
        1 New 0+5/5@100
        > day-end 0
        > buy 2 5@100 day
        2 New 0+5/5@100
        > advance 99
        1 Expired 0+0/5@100 OrderExpired
        ",
    );
}

#[test]
fn orders_end_by_time_in_a_halt_too() {
    case(
        "
        > buy 1 5@100 gtd=7
        1 New 0+5/5@100
        > buy 2 1@110 market stop=105 gtd=8
        2 New 0+1/1@110
        > phase halted
        > advance 7
        1 Expired 0+0/5@100 OrderExpired
        > advance 8
        2 Expired 0+0/1@110 OrderExpired
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn in_the_phases_between_orders_end_by_time() {
    case(
        "
        > buy 1 5@100 gtd=7
        1 New 0+5/5@100
        > buy 2 5@100 gtd=8
        2 New 0+5/5@100
        > phase cancel-only
        > advance 7
        1 Expired 0+0/5@100 OrderExpired
        > phase auction
        > advance 8
        2 Expired 0+0/5@100 OrderExpired
        ",
    );
}

#[test]
fn time_that_goes_back_is_the_time_that_was() {
    case(
        "
        > advance 8
        > advance 5
        > buy 1 5@100 gtd=8
        refused OrderExpired
        > buy 1 5@100 gtd=9
        1 New 0+5/5@100
        ",
    );
}

#[test]
fn an_expired_order_changes_what_an_auction_would_come_to() {
    case(
        "
        > phase auction
        > buy 1 5@100 gtd=7
        1 New 0+5/5@100
        > sell 2 5@100
        2 New 0+5/5@100
        would uncross 5@100 surplus 0
        > advance 7
        1 Expired 0+0/5@100 OrderExpired
        would not uncross
        ",
    );
}
