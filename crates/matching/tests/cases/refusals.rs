//! Every reason of a refusal. The script sees to it that a refusal leaves everything as it was.

use pinrail_matching::BookConfig;
use pinrail_types::{Px, Qty};

use crate::script::{Start, case, case_from};

#[test]
fn an_unknown_instrument() {
    case(
        "
        > buy 1 5@100 book=3
        refused UnknownInstrument
        > phase continuous book=3
        refused UnknownInstrument
        > reference 100 book=9
        refused UnknownInstrument
        > day-end 5 book=3
        refused UnknownInstrument
        ",
    );
}

#[test]
fn a_wrong_phase() {
    case(
        "
        > buy 1 5@100
        1 New 0+5/5@100
        > phase halted
        > buy 2 5@100
        refused WrongPhase
        > amend 1 6@100
        refused WrongPhase
        > phase cancel-only
        > buy 2 5@100
        refused WrongPhase
        > amend 1 6@100
        refused WrongPhase
        ",
    );
}

#[test]
fn an_order_type_that_no_book_takes() {
    case(
        "
        > buy 1 5@100 quoted
        refused OrderTypeUnsupported
        ",
    );
}

#[test]
fn a_quantity_that_is_none() {
    case(
        "
        > buy 1 0@100
        refused QtyUnrepresentable
        > buy 1 -5@100
        refused QtyUnrepresentable
        > buy 1 4503599627370497@100
        refused QtyUnrepresentable
        > buy 1 4503599627370496@100
        refused QtyAboveMax
        > buy 1 20@100
        1 New 0+20/20@100
        > amend 1 0@100
        refused QtyUnrepresentable
        > amend 1 -1@100
        refused QtyUnrepresentable
        ",
    );
}

#[test]
fn a_quantity_above_what_the_book_takes() {
    case_from(
        Start {
            config: BookConfig {
                qty_max: Qty(20),
                ..BookConfig::default()
            },
            ..Start::default()
        },
        "
        > buy 1 21@100
        refused QtyAboveMax
        > buy 1 20@100
        1 New 0+20/20@100
        > amend 1 21@100
        refused QtyAboveMax
        > quote c=1: buy 1 21@100
        1 Rejected 0+0/21@100 QtyAboveMax
        > book
        bids: 1 20@100;
        asks: none
        ",
    );
}

#[test]
fn a_quantity_off_the_step() {
    case_from(
        Start {
            config: BookConfig {
                qty_step: 5,
                ..BookConfig::default()
            },
            ..Start::default()
        },
        "
        > buy 1 7@100
        refused QtyOffGrid
        > buy 1 10@100
        1 New 0+10/10@100
        > amend 1 7@100
        refused QtyOffGrid
        > quote c=1: buy 1 7@100
        1 Rejected 0+0/7@100 QtyOffGrid
        > book
        bids: 1 10@100;
        asks: none
        ",
    );
}

#[test]
fn a_price_that_is_none() {
    case(
        "
        > buy 1 5@none
        refused PxUnrepresentable
        > buy 1 5@4503599627370497
        refused PxUnrepresentable
        > buy 1 5@-4503599627370497
        refused PxUnrepresentable
        > buy 1 5@-4503599627370496
        1 New 0+5/5@-4503599627370496
        > amend 1 5@none
        refused PxUnrepresentable
        ",
    );
}

#[test]
fn a_price_off_the_step() {
    case_from(
        Start {
            config: BookConfig {
                px_step: 5,
                ..BookConfig::default()
            },
            ..Start::default()
        },
        "
        > buy 1 5@101
        refused PxOffGrid
        > buy 1 5@-101
        refused PxOffGrid
        > buy 1 5@100
        1 New 0+5/5@100
        > amend 1 5@102
        refused PxOffGrid
        > buy 2 5@100 stop=101
        refused PxOffGrid
        > buy 2 5@100 stop=105
        2 New 0+5/5@100
        > amend 2 5@100 stop=106
        refused PxOffGrid
        ",
    );
}

#[test]
fn a_price_beyond_the_domain() {
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
        > buy 1 5@99
        refused PxOutOfDomain
        > buy 1 5@111
        refused PxOutOfDomain
        > sell 2 5@110
        2 New 0+5/5@110
        > buy 1 5@100
        1 New 0+5/5@100
        > amend 1 5@99
        refused PxOutOfDomain
        > buy 3 5@100 stop=111
        refused PxOutOfDomain
        > buy 3 5@100 stop=110
        3 New 0+5/5@100
        > amend 3 5@100 stop=99
        refused PxOutOfDomain
        ",
    );
}

#[test]
fn a_stop_price_where_none_belongs_and_none_where_one_does() {
    case(
        "
        > buy 1 5@100 stop=101 wrong-stop
        refused BadField
        > buy 1 5@100 market stop=101 wrong-stop
        refused BadField
        > buy 1 5@100 wrong-stop
        refused BadField
        > buy 1 5@100 market wrong-stop
        refused BadField
        > buy 1 5@100
        1 New 0+5/5@100
        > amend 1 5@100 stop=101
        refused BadField
        > buy 2 5@100 stop=4503599627370497
        refused PxUnrepresentable
        > buy 2 5@100 stop=105
        2 New 0+5/5@100
        > amend 2 5@100 stop=4503599627370497
        refused PxUnrepresentable
        ",
    );
}

#[test]
fn a_least_quantity_out_of_range() {
    case(
        "
        > buy 1 5@100 min=-1
        refused BadField
        > buy 1 5@100 min=6
        refused BadField
        > buy 1 5@100 min=1 post
        refused BadField
        > buy 1 5@100 min=1 reprice
        refused BadField
        ",
    );
}

#[test]
fn a_display_quantity_out_of_range() {
    case_from(
        Start {
            config: BookConfig {
                qty_step: 2,
                ..BookConfig::default()
            },
            ..Start::default()
        },
        "
        > buy 1 6@100 show=-2
        refused BadField
        > buy 1 6@100 show=1
        refused BadField
        > buy 1 6@100 show=3
        refused BadField
        > buy 1 6@100 show=8
        refused BadField
        > buy 1 6@100 show=2 ioc
        refused BadField
        > buy 1 6@100 show=2 fok
        refused BadField
        > buy 1 6@100 show=2 market
        refused BadField
        > buy 1 6@100 show=2 market stop=105
        refused BadField
        > buy 1 6@100 show=2 stop=105
        1 New 0+6/6@100
        > buy 2 6@100 show=6
        2 New 0+6/6@100
        ",
    );
}

#[test]
fn post_only_of_an_order_that_is_not_to_rest() {
    case(
        "
        > buy 1 5@100 post ioc
        refused BadField
        > buy 1 5@100 post fok
        refused BadField
        > buy 1 5@100 post market
        refused BadField
        > buy 1 5@100 post stop=105
        refused BadField
        > buy 1 5@100 reprice ioc
        refused BadField
        ",
    );
}

#[test]
fn a_date_where_none_belongs_and_none_where_one_does() {
    case(
        "
        > buy 1 5@100 expire=5
        refused BadField
        > buy 1 5@100 day expire=5
        refused BadField
        > buy 1 5@100 gtd=0
        refused BadField
        ",
    );
}

#[test]
fn a_date_that_is_over() {
    case(
        "
        > advance 5
        > buy 1 5@100 gtd=4
        refused OrderExpired
        > buy 1 5@100 gtd=5
        refused OrderExpired
        > buy 1 5@100 gtd=6
        1 New 0+5/5@100
        ",
    );
}

#[test]
fn an_id_that_is_open() {
    case(
        "
        > buy 1 5@100
        1 New 0+5/5@100
        > sell 1 5@101
        refused DuplicateOrderId
        > sell 1 5@101 book=1
        refused DuplicateOrderId
        > buy 2 5@110 stop=105
        2 New 0+5/5@110
        > sell 2 5@101
        refused DuplicateOrderId
        ",
    );
}

#[test]
fn nothing_to_reduce() {
    case(
        "
        > buy 1 5@100 reduce
        refused ReduceOnlyOrder
        ",
    );
}

#[test]
fn post_only_that_would_trade() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > buy 2 5@100 post
        refused PostOnly
        ",
    );
}

#[test]
fn no_room() {
    case_from(
        Start {
            orders: 2,
            ..Start::default()
        },
        "
        > buy 1 5@100
        1 New 0+5/5@100
        > buy 2 5@110 stop=105
        2 New 0+5/5@110
        > buy 3 5@100
        refused BookFull
        > buy 3 5@110 stop=105
        refused BookFull
        > sell 3 5@100
        refused BookFull
        > buy 3 5@100 ioc
        3 New 0+5/5@100
        3 Canceled 0+0/5@100 ImmediateOrCancel
        > sell 4 5@100 ioc
        4 New 0+5/5@100
        1: 4 sells 5@100 to 1 (5+0, 5+0)
        > sell 5 5@101
        5 New 0+5/5@101
        > book
        bids: none
        buy stops: 2 5@110 at 105;
        asks: 5 5@101;
        ",
    );
}

#[test]
fn of_two_reasons_the_first_of_the_table() {
    case_from(
        Start {
            orders: 1,
            config: BookConfig {
                px_step: 5,
                qty_step: 5,
                px_min: Px(50),
                px_max: Px(150),
                ..BookConfig::default()
            },
        },
        "
        > advance 9
        > sell 1 5@100
        1 New 0+5/5@100
        > phase halted
        > buy 1 -1@none quoted
        refused WrongPhase
        > phase auction
        > buy 1 -1@none quoted market ioc
        refused OrderTypeUnsupported
        > buy 1 -1@none market ioc
        refused WrongPhase
        > phase continuous
        > buy 1 -1@none min=-1
        refused QtyUnrepresentable
        > buy 1 7@none min=-1
        refused QtyOffGrid
        > buy 1 5@none min=-1
        refused PxUnrepresentable
        > buy 1 5@101 min=-1
        refused PxOffGrid
        > buy 1 5@200 min=-1
        refused PxOutOfDomain
        > buy 1 5@150 min=-1
        refused BadField
        > buy 1 5@150 show=3 post ioc
        refused BadField
        > buy 1 5@150 post ioc expire=4
        refused BadField
        > buy 1 5@150 gtd=4 reduce
        refused OrderExpired
        > buy 1 5@150 post reduce
        refused DuplicateOrderId
        > buy 2 5@150 post reduce
        refused ReduceOnlyOrder
        > buy 2 5@150 post
        refused PostOnly
        > buy 2 5@150
        refused BookFull
        > buy 2 5@50
        refused BookFull
        ",
    );
}

#[test]
fn amends_that_are_refused() {
    case(
        "
        > buy 1 5@100
        1 New 0+5/5@100
        > amend 2 5@100
        refused UnknownOrder
        > amend 1 0@none
        refused QtyUnrepresentable
        > amend 1 5@none
        refused PxUnrepresentable
        > sell 3 2@100
        3 New 0+2/2@100
        1: 3 sells 2@100 to 1 (2+0, 2+3)
        > amend 1 2@100
        refused QtyBelowFilled
        > amend 1 2@100 stop=5
        refused QtyBelowFilled
        > amend 1 3@100 stop=5
        refused BadField
        > book
        bids: 1 3@100;
        asks: none
        ",
    );
}

#[test]
fn cancels_that_are_refused() {
    case(
        "
        > cancel 1
        refused UnknownOrder
        > phase halted
        > cancel 1
        refused UnknownOrder
        ",
    );
}

#[test]
fn a_reference_that_is_no_price() {
    case(
        "
        > reference 4503599627370497
        refused PxUnrepresentable
        > reference -4503599627370496
        ",
    );
}
