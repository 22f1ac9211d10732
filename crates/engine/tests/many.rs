//! Many instruments do not get in one another's way.

#[path = "desk/many.rs"]
mod many;

use many::{Drawn, Many};
use pinrail_types::Frame;

#[test]
fn every_book_and_every_quote_of_many_instruments_is_that_of_its_twin() {
    let mut desk = Many::new(40);
    for round in 0..40 {
        desk.drawn = [Drawn::Evenly, Drawn::Skewed, Drawn::Ten][round % 3];
        let updates: Vec<Frame> = (0..100).map(|_| desk.draw_update()).collect();
        for update in updates {
            assert_eq!(desk.put(update), None);
        }
        if round % 4 == 0 {
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
