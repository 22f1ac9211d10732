//! The recorded Binance feeds rebuild to the exchange's own best bid and offer.

mod recording;

use pinrail_book::Book;
use pinrail_types::record::BookState;

use recording::{Event, FEEDS, data_dir, load};

#[test]
fn recorded_feeds_match_the_exchange_at_every_point() {
    let Some(dir) = data_dir() else { return };
    for feed in &FEEDS {
        let mut book = Book::new(feed.rule, 4096);
        let mut synced = false;
        for event in load(&dir, feed) {
            let change = match event {
                Event::Depth(parts) => parts.iter().map(|part| book.apply(part)).last().unwrap(),
                Event::Top(top) => book.on_top(&top),
            };
            synced |= change.now == BookState::Healthy;
            assert!(
                !synced || change.now == BookState::Healthy,
                "{}: {change:?} at update {}",
                feed.name,
                book.last_id()
            );
        }
        assert!(synced, "{}: never in sequence", feed.name);
        assert_eq!(book.tops_compared(), feed.points, "{}", feed.name);
    }
}
