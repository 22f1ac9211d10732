//! Cancels and mass cancels.

use crate::script::case;

#[test]
fn what_was_filled_stays_when_the_rest_is_cancelled() {
    case(
        "
        > sell 1 5@100
        1 New 0+5/5@100
        > buy 2 2@100
        2 New 0+2/2@100
        1: 2 buys 2@100 from 1 (2+0, 2+3)
        > cancel 1
        1 Canceled 2+0/5@100 CancelRequested
        ",
    );
}

#[test]
fn a_mass_cancel_takes_books_and_sides_and_prices_in_order() {
    case(
        "
        > buy 1 5@99
        1 New 0+5/5@99
        > buy 2 5@100 book=1
        2 New 0+5/5@100
        > sell 3 5@103
        3 New 0+5/5@103
        > buy 4 5@100
        4 New 0+5/5@100
        > sell 5 5@102
        5 New 0+5/5@102
        > buy 6 5@100
        6 New 0+5/5@100
        > buy 7 1@120 stop=111 ref
        7 New 0+1/1@120
        > buy 8 1@120 stop=112
        8 New 0+1/1@120
        > buy 9 1@120 stop=110
        9 New 0+1/1@120
        > sell 10 1@80 stop=91
        10 New 0+1/1@80
        > sell 11 1@80 stop=92 ref
        11 New 0+1/1@80
        > sell 12 1@80 stop=92
        12 New 0+1/1@80
        > mass
        4 Canceled 0+0/5@100 MassCancel
        6 Canceled 0+0/5@100 MassCancel
        1 Canceled 0+0/5@99 MassCancel
        5 Canceled 0+0/5@102 MassCancel
        3 Canceled 0+0/5@103 MassCancel
        9 Canceled 0+0/1@120 MassCancel
        8 Canceled 0+0/1@120 MassCancel
        12 Canceled 0+0/1@80 MassCancel
        10 Canceled 0+0/1@80 MassCancel
        7 Canceled 0+0/1@120 MassCancel
        11 Canceled 0+0/1@80 MassCancel
        2 Canceled 0+0/5@100 MassCancel
        > book
        bids: none
        asks: none
        > book 1
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_mass_cancel_takes_what_all_of_its_names_apply_to() {
    case(
        "
        > buy 1 5@100 c=1 s=1
        1 New 0+5/5@100
        > buy 2 5@100 c=1 s=2
        2 New 0+5/5@100
        > sell 3 5@101 c=1 s=1
        3 New 0+5/5@101
        > buy 4 5@100 c=2 s=1
        4 New 0+5/5@100
        > buy 5 5@100 c=1 s=1 book=1
        5 New 0+5/5@100
        > mass c=1 s=1 side=buy book=0
        1 Canceled 0+0/5@100 MassCancel
        > mass c=1 s=1
        3 Canceled 0+0/5@101 MassCancel
        5 Canceled 0+0/5@100 MassCancel
        > mass s=1
        4 Canceled 0+0/5@100 MassCancel
        > mass c=3
        > mass side=sell
        > mass book=0
        2 Canceled 0+0/5@100 MassCancel
        > book
        bids: none
        asks: none
        ",
    );
}

#[test]
fn a_mass_cancel_of_a_book_that_is_not_there_is_refused() {
    case(
        "
        > buy 1 5@100
        1 New 0+5/5@100
        > mass book=3
        refused UnknownInstrument
        > book
        bids: 1 5@100;
        asks: none
        ",
    );
}

#[test]
fn a_mass_cancel_is_taken_in_a_halt() {
    case(
        "
        > buy 1 5@100
        1 New 0+5/5@100
        > phase halted
        > mass
        1 Canceled 0+0/5@100 MassCancel
        ",
    );
}

#[test]
fn a_mass_cancel_changes_what_an_auction_would_come_to() {
    case(
        "
        > phase auction
        > buy 1 5@100 c=1
        1 New 0+5/5@100
        > sell 2 5@100 c=1
        2 New 0+5/5@100
        would uncross 5@100 surplus 0
        > mass c=1
        1 Canceled 0+0/5@100 MassCancel
        2 Canceled 0+0/5@100 MassCancel
        would not uncross
        ",
    );
}
