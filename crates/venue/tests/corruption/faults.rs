//! One thing that goes wrong on the way from the venue, and what of it nobody could see.

use pinrail_venue::{Listing, Market};
use rand_core::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::truth::{Event, read};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Drop,
    Double,
    Swap,
    /// Some digit is another.
    Digit,
    /// A byte is another, missing or too much, or the end is missing.
    Damage,
}

impl Fault {
    pub(crate) const ALL: [Fault; 5] = [
        Fault::Drop,
        Fault::Double,
        Fault::Swap,
        Fault::Digit,
        Fault::Damage,
    ];
}

pub(crate) fn below(draws: &mut Xoshiro256PlusPlus, bound: usize) -> usize {
    (draws.next_u64() % bound as u64) as usize
}

/// Another text than `frame`.
pub(crate) fn damaged(frame: &str, fault: Fault, draws: &mut Xoshiro256PlusPlus) -> String {
    loop {
        let mut bytes = frame.as_bytes().to_vec();
        let at = below(draws, bytes.len());
        let printable = b' ' + below(draws, 95) as u8;
        if fault == Fault::Digit {
            let digits: Vec<usize> = (0..bytes.len()).filter(|i| bytes[*i].is_ascii_digit()).collect();
            if digits.is_empty() {
                return damaged(frame, Fault::Damage, draws);
            }
            bytes[digits[below(draws, digits.len())]] = b'0' + below(draws, 10) as u8;
        } else {
            match below(draws, 4) {
                0 => bytes[at] = printable,
                1 => bytes.truncate(at),
                2 => bytes.insert(at, printable),
                _ => {
                    bytes.remove(at);
                }
            }
        }
        if bytes != frame.as_bytes() {
            return String::from_utf8(bytes).expect("venues send ASCII");
        }
    }
}

/// The frame that a fault hit, and the one behind it.
pub(crate) struct Hit<'a> {
    pub(crate) fault: Fault,
    pub(crate) intact: Option<&'a Event>,
    pub(crate) next: Option<&'a Event>,
    /// What was delivered in its place, where it was damaged.
    pub(crate) damaged: Option<&'a str>,
}

/// Why the venue gives no evidence of what was hit, so that a wrong book may stay healthy; `None` if it must be seen.
pub(crate) fn unseen(listing: &Listing, hit: &Hit<'_>) -> Option<&'static str> {
    let is_image = hit.intact.is_some_and(|event| event.is_image);
    let same_place = |a: &Event, b: &Event| a.is_image == b.is_image && a.ids == b.ids;
    match (listing.market, hit.fault) {
        // What comes twice says the same; every level that the core is shown is under a checksum; ids are without a hole,
        // or at least rise.
        (_, Fault::Double)
        | (Market::Kraken | Market::Okx, _)
        | (Market::BinanceSpot | Market::BinanceUsdm | Market::Deribit, Fault::Drop | Fault::Swap)
        | (Market::Bybit, Fault::Swap) => None,
        (Market::BinanceSpot | Market::BinanceUsdm, _) if is_image => Some("a snapshot's content"),
        (Market::BinanceSpot | Market::BinanceUsdm | Market::Deribit, _) => {
            let said = read(listing, hit.damaged?)?;
            same_place(&said, hit.intact?).then_some("a level's price or quantity")
        }
        (Market::Coinbase | Market::Bybit, Fault::Drop) => Some("a lost message"),
        (Market::Coinbase, Fault::Swap) => {
            let is_untimed = is_image || hit.intact?.time == hit.next?.time;
            is_untimed.then_some("the order within one time, or of a snapshot")
        }
        (Market::Coinbase | Market::Bybit, Fault::Digit | Fault::Damage) => Some("a message's content"),
    }
}
