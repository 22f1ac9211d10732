//! Many instruments do not get in one another's way.

#[path = "desk/many.rs"]
mod many;

use many::Many;
use pinrail_types::Frame;

#[test]
fn every_book_and_every_quote_of_many_instruments_is_that_of_its_twin() {
    let mut desk = Many::new(40);
    for round in 0..40 {
        desk.skewed = round % 2 == 1;
        for _ in 0..100 {
            let update = desk.draw_update();
            assert_eq!(desk.put(update), None);
        }
        if round % 3 == 0 {
            while desk.engine.refresh() {}
        }
        let requests: Vec<(Frame, _)> = (0..50).map(|_| desk.draw_request()).collect();
        for (request, offer) in requests {
            assert_eq!(desk.put(request), Some(offer));
        }
        desk.expire();
        desk.check_books();
    }
}
