//! The clock's published line in every interleaving of a writer and a reader.

use loom::sync::Arc;
use loom::thread;

mod atomics {
    pub(super) use loom::sync::atomic::{AtomicU64, fence};
}
#[path = "../src/clock/line.rs"]
mod line;
#[path = "../src/clock/shared.rs"]
mod shared;

use line::Line;
use shared::SharedLine;

fn nth(n: u64) -> Line {
    Line {
        base_ticks: n,
        base_ns: n + 10,
        mult: n + 20,
    }
}

/// Two writes against two reads: a line is seen whole, and versions only rise.
///
/// The reader is the spawned thread, because loom explores nothing if the main thread reads and then joins.
#[test]
fn no_reader_sees_half_a_line() {
    loom::model(|| {
        let shared = Arc::new(SharedLine::new(nth(0)));
        let reader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut version = 0;
                for _ in 0..2 {
                    if let Some((newer, line)) = shared.newer_than(version) {
                        assert!(newer > version && newer.is_multiple_of(2));
                        assert_eq!(line, nth(newer / 2));
                        version = newer;
                    }
                }
            })
        };
        shared.set(nth(1));
        shared.set(nth(2));
        reader.join().unwrap();
        assert_eq!(shared.newer_than(0), Some((4, nth(2))));
    });
}
