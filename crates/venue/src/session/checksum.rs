//! The venues' checksums, made again from the very numbers that go to the core.

use flate2::Crc;
use pinrail_types::{Grid, Scaled};

use super::mirror::Mirror;
use crate::listing::Listing;

/// Levels a side under Kraken's checksum.
pub(crate) const KRAKEN_LEVELS: usize = 10;
/// Levels a side under OKX's checksum.
pub(crate) const OKX_LEVELS: usize = 25;

/// How many places behind the point a pair's prices and quantities have in a venue's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) px: usize,
    pub(crate) qty: usize,
}

/// Kraken's checksum; `None` if a number has more places than its text can hold. Each number is written without point
/// and leading zeros, offers before bids.
pub(crate) fn kraken(mirror: &Mirror, listing: &Listing, places: Places) -> Option<u32> {
    let mut text = String::new();
    for side in [1, 0] {
        for level in mirror.top(side, KRAKEN_LEVELS) {
            text += &digits(listing.tick.scaled(level.px.0), places.px)?.to_string();
            text += &digits(listing.lot.scaled(level.qty.0), places.qty)?.to_string();
        }
    }
    Some(crc(&text))
}

/// OKX's checksum. Numbers are written as OKX writes them: with no zero at the end of the places.
pub(crate) fn okx(mirror: &Mirror, listing: &Listing) -> u32 {
    let number = |grid: &Grid, steps| {
        let text = grid.display(steps).to_string();
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    };
    let [mut bids, mut asks] = [0, 1].map(|side| mirror.top(side, OKX_LEVELS));
    let mut parts = Vec::with_capacity(4 * OKX_LEVELS);
    for _ in 0..OKX_LEVELS {
        for level in [bids.next(), asks.next()].into_iter().flatten() {
            parts.push(number(&listing.tick, level.px.0));
            parts.push(number(&listing.lot, level.qty.0));
        }
    }
    crc(&parts.join(":"))
}

fn crc(text: &str) -> u32 {
    let mut crc = Crc::new();
    crc.update(text.as_bytes());
    crc.sum()
}

/// The digits of a number with `places` behind the point, without the point; `None` where that is not the number.
fn digits(number: Scaled, places: usize) -> Option<i128> {
    let shift = i32::try_from(places).ok()? + i32::from(number.exponent);
    let scale = 10_i128.checked_pow(shift.unsigned_abs())?;
    if shift >= 0 {
        number.value.checked_mul(scale)
    } else {
        (number.value % scale == 0).then(|| number.value / scale)
    }
}
