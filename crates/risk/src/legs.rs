//! Packages: several asks that are judged, reserved, filled and released as one.

use pinrail_types::record::LimitKind;
use pinrail_types::{Amount, Qty, Reason};

use crate::ask::{Ask, Quoted};
use crate::risk::Risk;

impl Risk {
    /// Judges the prices of asks that are quoted together and, if all pass, reserves each as [`Risk::reserve`] does, so that every
    /// limit holds for each of them and for their sum. The asks are one client's, each in another instrument. Writes what each
    /// holds of the credit to `held`.
    ///
    /// # Errors
    /// Which of them fails first, and why. Nothing is reserved then.
    ///
    /// # Panics
    /// If an id is beyond the bounds: an ask did not pass [`Risk::check_ask`].
    pub fn reserve_legs(
        &mut self,
        legs: &[(Ask, Quoted)],
        held: &mut [Amount],
        now: u64,
    ) -> Result<(), (usize, Reason)> {
        // A sample for one of them may halt another, or the desk.
        let mut any = false;
        for (ask, quoted) in legs {
            let at = ask.instrument.index();
            if now >= self.instruments[at].show_at {
                any |= self.sample(at, quoted.ref_px, now);
            }
        }
        if any {
            for (at, (ask, _)) in legs.iter().enumerate() {
                self.check_ask(ask).map_err(|reason| (at, reason))?;
            }
        }
        for (at, (ask, quoted)) in legs.iter().enumerate() {
            match self.reserve(ask, quoted, now) {
                Ok(credit) => held[at] = credit,
                Err(reason) => {
                    for ((ask, quoted), credit) in legs[..at].iter().zip(&*held) {
                        self.release(ask, quoted.bid_px, quoted.offer_px, *credit);
                    }
                    return Err((at, reason));
                }
            }
        }
        Ok(())
    }

    /// Checks that all of the asks may be filled now, each as by [`Risk::check_fill`], and that there is room to remember them all.
    ///
    /// # Errors
    /// Which of them fails first, and why.
    ///
    /// # Panics
    /// If an id is beyond the bounds.
    pub fn check_fills(&self, asks: &[Ask], now: u64) -> Result<(), (usize, Reason)> {
        for (at, ask) in asks.iter().enumerate() {
            self.check_fill(ask, now).map_err(|reason| (at, reason))?;
            let client = &self.clients[ask.client.index()];
            if client.bounds[LimitKind::DuplicateWindow.place()].window_ns > 0 {
                let room = self.orders.check_room(&asks[..at], ask, now, self.omitted);
                room.map_err(|reason| (at, reason))?;
            }
        }
        Ok(())
    }

    /// Counts the fills of asks that were quoted together, which are one trade of their client: of each ask the position behind it
    /// and the cash, as [`Risk::filled`] takes them.
    ///
    /// # Panics
    /// If an id is beyond the bounds, or there is no ask.
    pub fn filled_legs(&mut self, legs: &[(Ask, Qty, i128)], now: u64) {
        let client = &mut self.clients[legs[0].0.client.index()];
        client.trade(now);
        let window_ns = client.bounds[LimitKind::DuplicateWindow.place()].window_ns;
        for (ask, position, cash) in legs {
            if window_ns > 0 {
                self.orders.put(ask, now, window_ns);
            }
            self.booked(ask.instrument, *position, *cash, now);
        }
    }
}
