//! Balances of the house, its clients and its venues, in double entry.

use pinrail_types::record::{LEGS_MAX, PartyKind, TradeCaptureReport, TradeSource};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Amount, AssetId, ClientId, Reason, Side, VenueId};

use crate::pairs::Pairs;

/// Whose balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// What the house traded.
    House,
    /// What the house earned as fees, less what it paid.
    Fees,
    /// A client, against the house and against other clients.
    Client(ClientId),
    /// A venue: the other side of what the house traded there.
    Venue(VenueId),
}

/// What is booked at once at most: what is delivered, what is paid for it, and a fee of either side.
const ENTRIES_MAX: usize = 4;

/// No balance that is further from zero takes another entry, so that the sum of those of the trades of a package, which are
/// checked together before any is posted, can't overflow.
const BALANCE_MAX: u128 = 1 << 124;
const UNITS_MAX: u128 = 1 << 122;

/// So much goes from one account to another.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    from: usize,
    to: usize,
    units: i128,
}

/// The entries of a trade that fit their accounts, to be [posted](Accounts::post).
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Entries([Entry; ENTRIES_MAX]);

/// Balances by owner and asset, in the asset's smallest unit. All begin at zero; an entry takes from one account what it
/// gives to another, so that the balances of an asset always sum to zero. A balance may be negative: a client that bought and has
/// not paid owes. Bounded at construction.
#[derive(Clone, Debug)]
pub struct Accounts {
    assets: usize,
    /// The house, its fees, the venues, each with every asset; then clients' accounts, in the order of `clients`.
    balances: Vec<i128>,
    /// Where the clients' accounts begin.
    clients_from: usize,
    clients: Pairs,
}

impl Accounts {
    /// Nothing booked. Clients have room for 65,536 accounts, or for all that can be if these are fewer.
    pub fn new(assets: usize, venues: usize, clients: usize) -> Accounts {
        let pairs = Pairs::new(clients, assets);
        let clients_from = assets * (2 + venues);
        Accounts {
            assets,
            balances: vec![0; clients_from + pairs.capacity()],
            clients_from,
            clients: pairs,
        }
    }

    /// Makes room for a client's account in an asset.
    ///
    /// # Errors
    /// [`Reason::AccountsFull`] if there is none.
    #[inline]
    pub fn admit(&mut self, client: ClientId, asset: AssetId) -> Result<(), Reason> {
        let at = self.clients.admit(client, asset.0);
        at.map(|_| ()).ok_or(Reason::AccountsFull)
    }

    #[inline]
    fn find(&self, owner: Owner, asset: AssetId) -> Option<usize> {
        let row = match owner {
            Owner::House => 0,
            Owner::Fees => 1,
            Owner::Venue(venue) => 2 + venue.index(),
            Owner::Client(client) => {
                let at = self.clients.find(client, asset.0)?;
                return Some(self.clients_from + at);
            }
        };
        let at = row * self.assets + asset.index();
        (asset.index() < self.assets && at < self.clients_from).then_some(at)
    }

    /// A balance; zero where there is no such account.
    pub fn get(&self, owner: Owner, asset: AssetId) -> Amount {
        let at = self.find(owner, asset);
        Amount::new(at.map_or(0, |at| self.balances[at]))
    }

    /// All balances that an owner ever had an entry in, and whose they are.
    pub fn iter(&self) -> impl Iterator<Item = (Owner, AssetId, Amount)> + '_ {
        let fixed = (0..self.clients_from).map(|at| {
            let (row, asset) = (at / self.assets, at % self.assets);
            let owner = match row {
                0 => Owner::House,
                1 => Owner::Fees,
                _ => Owner::Venue(VenueId((row - 2) as u16)),
            };
            (owner, AssetId(asset as u32))
        });
        let of_clients = self.clients.iter();
        let all = fixed.chain(of_clients.map(|(client, asset)| (Owner::Client(client), AssetId(asset))));
        all.zip(&self.balances)
            .map(|((owner, asset), units)| (owner, asset, Amount::new(*units)))
    }

    #[inline]
    fn entry(&self, from: Owner, to: Owner, asset: AssetId, amount: Amount) -> Result<Entry, Reason> {
        let (from, to) = (self.find(from, asset), self.find(to, asset));
        let (Some(from), Some(to)) = (from, to) else {
            return Err(Reason::AccountsFull);
        };
        self.entry_at(from, to, amount)
    }

    #[inline]
    fn entry_at(&self, from: usize, to: usize, amount: Amount) -> Result<Entry, Reason> {
        let units = amount.get();
        let fits = |at: usize| self.balances[at].unsigned_abs() <= BALANCE_MAX;
        if units.unsigned_abs() > UNITS_MAX || !fits(from) || !fits(to) {
            return Err(Reason::Overflow);
        }
        Ok(Entry { from, to, units })
    }

    /// What a trade moves: what was traded from seller to buyer, what was paid for it from buyer to seller, and each side's fee
    /// to the venue if the trade was one at a venue, else to the house.
    ///
    /// # Errors
    /// [`Reason::AccountsFull`] where a party has no account, as a client that was not [admitted](Accounts::admit);
    /// [`Reason::Overflow`] where a balance would not fit; [`Reason::BadField`] for a party that can't be.
    #[inline]
    pub fn check(&self, trade: &TradeCaptureReport) -> Result<Entries, Reason> {
        let buyer = owner(trade.buyer_kind, trade.buyer)?;
        let seller = owner(trade.seller_kind, trade.seller)?;
        let base = self.entry(seller, buyer, trade.base, trade.base_amt)?;
        let quote = self.entry(buyer, seller, trade.quote, trade.gross_trade_amt)?;
        let mut entries = [base, quote, Entry::default(), Entry::default()];
        let is_venues = trade.trade_source == TradeSource::Venue.byte();
        for ((payer, other), fee, entry) in [
            ((buyer, seller), trade.buyer_fee, 2),
            ((seller, buyer), trade.seller_fee, 3),
        ] {
            if fee == Amount::ZERO {
                continue;
            }
            let (from, to) = if is_venues {
                (Owner::Fees, other)
            } else {
                (payer, Owner::Fees)
            };
            entries[entry] = self.entry(from, to, trade.fee_asset, fee)?;
        }
        Ok(Entries(entries))
    }

    /// The same for what the house trades with a client on the client's `side`, without a fee; makes room for the client's
    /// accounts.
    ///
    /// # Errors
    /// As [`Accounts::check`] and [`Accounts::admit`].
    pub fn check_quoted(
        &mut self,
        client: ClientId,
        side: Side,
        trade: &TradeCaptureReport,
    ) -> Result<Entries, Reason> {
        let mut at = |asset: AssetId| {
            let of_client = self.clients.admit(client, asset.0).ok_or(Reason::AccountsFull)?;
            let of_house = self.find(Owner::House, asset).ok_or(Reason::AccountsFull)?;
            let of_client = self.clients_from + of_client;
            Ok(match side {
                Side::Buy => (of_client, of_house),
                Side::Sell => (of_house, of_client),
            })
        };
        let ((base_buyer, base_seller), (quote_buyer, quote_seller)) = (at(trade.base)?, at(trade.quote)?);
        let base = self.entry_at(base_seller, base_buyer, trade.base_amt)?;
        let quote = self.entry_at(quote_buyer, quote_seller, trade.gross_trade_amt)?;
        Ok(Entries([base, quote, Entry::default(), Entry::default()]))
    }

    /// Books entries that nothing was posted since but those of other legs of the same package.
    #[inline]
    pub fn post(&mut self, entries: &Entries) {
        for Entry { from, to, units } in entries.0 {
            if units != 0 {
                self.balances[from] -= units;
                self.balances[to] += units;
            }
        }
    }

    /// The sum of all balances of an asset: zero. Looks at every account.
    pub fn sum(&self, asset: AssetId) -> i128 {
        let of = self.iter().filter(|(_, of, _)| *of == asset);
        of.map(|(_, _, amount)| amount.get()).sum()
    }

    /// Goes through the state.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is of other bounds, or an asset's balances do not sum to zero.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.exactly(self.clients_from, "the bounds on assets and venues")?;
        self.clients.visit(visitor)?;
        let held = self.clients_from + self.clients.iter().count();
        for units in &mut self.balances[..held] {
            visitor.wide(units)?;
            if units.unsigned_abs() > BALANCE_MAX + (LEGS_MAX * ENTRIES_MAX) as u128 * UNITS_MAX {
                return Err(visitor.bad(0, "a balance within its bound"));
            }
        }
        if visitor.is_loading() {
            self.check_sums(visitor)?;
        }
        Ok(())
    }

    fn check_sums(&self, visitor: &impl Visitor) -> Result<(), StateError> {
        let mut sums = vec![0_i128; self.assets];
        for (_, asset, amount) in self.iter() {
            let sum = sums.get_mut(asset.index());
            let sum = sum.ok_or_else(|| visitor.bad(asset.0.into(), "an asset within the bounds"))?;
            *sum = sum.wrapping_add(amount.get());
        }
        match sums.iter().position(|sum| *sum != 0) {
            Some(asset) => Err(visitor.bad(asset as u64, "balances that sum to zero")),
            None => Ok(()),
        }
    }
}

#[inline]
fn owner(kind: u8, id: u32) -> Result<Owner, Reason> {
    match PartyKind::from_byte(kind) {
        Some(PartyKind::House) => Ok(Owner::House),
        Some(PartyKind::Client) => Ok(Owner::Client(ClientId(id))),
        Some(PartyKind::Venue) => {
            let venue = u16::try_from(id).map_err(|_| Reason::UnknownVenue)?;
            Ok(Owner::Venue(VenueId(venue)))
        }
        None => Err(Reason::BadField),
    }
}

#[cfg(test)]
mod tests {
    use pinrail_types::state::{Load, Save};
    use pinrail_types::{OutId, Px, Qty};
    use proptest::prelude::*;

    use super::*;

    const ASSETS: u32 = 3;
    const VENUES: u16 = 2;
    const CLIENTS: u32 = 3;

    fn party(kind: PartyKind, id: u32) -> (u8, u32) {
        (kind.byte(), id)
    }

    fn trade(
        buyer: (u8, u32),
        seller: (u8, u32),
        units: (i128, i128),
        fees: (i128, i128),
    ) -> TradeCaptureReport {
        TradeCaptureReport {
            buyer: buyer.1,
            seller: seller.1,
            buyer_kind: buyer.0,
            seller_kind: seller.0,
            base: AssetId(0),
            quote: AssetId(1),
            base_amt: Amount::new(units.0),
            gross_trade_amt: Amount::new(units.1),
            buyer_fee: Amount::new(fees.0),
            seller_fee: Amount::new(fees.1),
            fee_asset: AssetId(2),
            px: Px(1),
            qty: Qty(1),
            trade_id: OutId::NONE,
            ..bytemuck::Zeroable::zeroed()
        }
    }

    fn accounts() -> Accounts {
        let mut accounts = Accounts::new(ASSETS as usize, VENUES.into(), CLIENTS as usize);
        for client in 0..2 {
            for asset in 0..ASSETS {
                accounts.admit(ClientId(client), AssetId(asset)).unwrap();
            }
        }
        accounts
    }

    fn balances(accounts: &Accounts, owner: Owner) -> [i128; ASSETS as usize] {
        core::array::from_fn(|asset| accounts.get(owner, AssetId(asset as u32)).get())
    }

    #[test]
    fn a_clients_purchase_is_delivered_and_paid_for() {
        let mut accounts = accounts();
        let bought = trade(
            party(PartyKind::Client, 1),
            party(PartyKind::House, 0),
            (50, 700),
            (0, 0),
        );
        let entries = accounts.check(&bought).unwrap();
        assert_eq!(balances(&accounts, Owner::House), [0; 3], "a check moves nothing");
        accounts.post(&entries);
        assert_eq!(balances(&accounts, Owner::Client(ClientId(1))), [50, -700, 0]);
        assert_eq!(balances(&accounts, Owner::House), [-50, 700, 0]);
    }

    #[test]
    fn a_quote_is_booked_as_any_trade_is_and_finds_room_for_its_client() {
        for (side, base, quote) in [(Side::Buy, 50, 700), (Side::Sell, 50, -700), (Side::Sell, 0, 0)] {
            let (client, house) = (party(PartyKind::Client, 2), party(PartyKind::House, 0));
            let (buyer, seller) = match side {
                Side::Buy => (client, house),
                Side::Sell => (house, client),
            };
            let trade = trade(buyer, seller, (base, quote), (0, 0));
            let (mut quoted, mut plain) = (accounts(), accounts());
            assert!(plain.check(&trade).is_err(), "the client has no account yet");
            let entries = quoted.check_quoted(ClientId(2), side, &trade).unwrap();
            quoted.post(&entries);
            for asset in [trade.base, trade.quote] {
                plain.admit(ClientId(2), asset).unwrap();
            }
            let entries = plain.check(&trade).unwrap();
            plain.post(&entries);
            assert!(quoted.iter().eq(plain.iter()));
            let most = UNITS_MAX as i128 + 1;
            let much = self::trade(buyer, seller, (most, 0), (0, 0));
            let refused = quoted.check_quoted(ClientId(2), side, &much);
            assert_eq!(refused.err(), Some(Reason::Overflow));
        }
        let mut full = Accounts::new(ASSETS as usize, 0, 0);
        let bought = trade(
            party(PartyKind::Client, 0),
            party(PartyKind::House, 0),
            (1, 1),
            (0, 0),
        );
        let refused = full.check_quoted(ClientId(0), Side::Buy, &bought);
        assert_eq!(refused.err(), Some(Reason::AccountsFull));
    }

    #[test]
    fn a_venues_fee_is_the_venues_and_a_books_the_houses() {
        let mut accounts = accounts();
        let venue = party(PartyKind::Venue, 1);
        let sold = TradeCaptureReport {
            trade_source: TradeSource::Venue.byte(),
            ..trade(venue, party(PartyKind::House, 0), (50, 700), (0, 7))
        };
        let entries = accounts.check(&sold).unwrap();
        accounts.post(&entries);
        assert_eq!(balances(&accounts, Owner::Venue(VenueId(1))), [50, -700, 7]);
        assert_eq!(balances(&accounts, Owner::House), [-50, 700, 0]);
        assert_eq!(balances(&accounts, Owner::Fees), [0, 0, -7]);
        let crossed = TradeCaptureReport {
            trade_source: TradeSource::Book.byte(),
            ..trade(
                party(PartyKind::Client, 0),
                party(PartyKind::Client, 1),
                (1, 10),
                (3, -1),
            )
        };
        let entries = accounts.check(&crossed).unwrap();
        accounts.post(&entries);
        assert_eq!(balances(&accounts, Owner::Client(ClientId(0))), [1, -10, -3]);
        assert_eq!(balances(&accounts, Owner::Client(ClientId(1))), [-1, 10, 1]);
        assert_eq!(balances(&accounts, Owner::Fees), [0, 0, -5]);
    }

    #[test]
    fn what_has_no_account_or_does_not_fit_is_refused() {
        let mut accounts = accounts();
        let (client, house) = (party(PartyKind::Client, 0), party(PartyKind::House, 0));
        let refused = |accounts: &Accounts, trade: &TradeCaptureReport| accounts.check(trade).err();
        for (buyer, reason) in [
            (party(PartyKind::Client, 2), Reason::AccountsFull),
            (party(PartyKind::Venue, 2), Reason::AccountsFull),
            (party(PartyKind::Venue, 1 << 16), Reason::UnknownVenue),
            ((3, 0), Reason::BadField),
        ] {
            assert_eq!(
                refused(&accounts, &trade(buyer, house, (1, 1), (0, 0))),
                Some(reason)
            );
        }
        let unknown = TradeCaptureReport {
            quote: AssetId(ASSETS),
            ..trade(client, house, (1, 1), (0, 0))
        };
        assert_eq!(refused(&accounts, &unknown), Some(Reason::AccountsFull));
        let most = UNITS_MAX as i128;
        let much = trade(client, house, (most, -most), (0, 0));
        assert_eq!(
            refused(&accounts, &trade(client, house, (most + 1, 0), (0, 0))),
            Some(Reason::Overflow)
        );
        for _ in 0..5 {
            let entries = accounts.check(&much).unwrap();
            accounts.post(&entries);
        }
        assert_eq!(refused(&accounts, &much), Some(Reason::Overflow));
        assert_eq!((accounts.sum(AssetId(0)), accounts.sum(AssetId(1))), (0, 0));
    }

    #[test]
    fn clients_accounts_are_bounded() {
        let mut accounts = Accounts::new(1, 0, 1);
        assert_eq!(accounts.admit(ClientId(0), AssetId(0)), Ok(()));
        assert_eq!(accounts.admit(ClientId(0), AssetId(0)), Ok(()));
        assert_eq!(accounts.admit(ClientId(1), AssetId(0)), Err(Reason::AccountsFull));
    }

    #[test]
    fn a_state_whose_balances_do_not_sum_to_zero_is_refused() {
        let mut save = Save::default();
        accounts().visit(&mut save).unwrap();
        let mut again = Accounts::new(ASSETS as usize, VENUES.into(), CLIENTS as usize);
        again.visit(&mut Load::new(&save.words)).unwrap();
        let last = save.words.len() - 2;
        save.words[last] = 1;
        let mut again = Accounts::new(ASSETS as usize, VENUES.into(), CLIENTS as usize);
        assert!(again.visit(&mut Load::new(&save.words)).is_err());
    }

    fn any_party() -> impl Strategy<Value = (u8, u32)> {
        prop_oneof![
            Just(party(PartyKind::House, 0)),
            (0..CLIENTS).prop_map(|id| party(PartyKind::Client, id)),
            (0..u32::from(VENUES)).prop_map(|id| party(PartyKind::Venue, id)),
        ]
    }

    proptest! {
        #[test]
        fn every_asset_sums_to_zero_and_each_balance_is_the_sum_of_its_entries(
            trades in prop::collection::vec(
                (any_party(), any_party(), (0_i128..9, -9_i128..9), (-3_i128..3, -3_i128..3), 0_u8..3),
                0..60,
            ),
        ) {
            let mut accounts = accounts();
            let mut house = [0_i128; 3];
            for (buyer, seller, units, fees, source) in trades {
                let trade = TradeCaptureReport { trade_source: source, ..trade(buyer, seller, units, fees) };
                let Ok(entries) = accounts.check(&trade) else {
                    prop_assert!(buyer == party(PartyKind::Client, 2) || seller == party(PartyKind::Client, 2));
                    continue;
                };
                accounts.post(&entries);
                let is = |(kind, _): (u8, u32)| i128::from(kind == PartyKind::House.byte());
                house[0] += units.0 * (is(buyer) - is(seller));
                house[1] += units.1 * (is(seller) - is(buyer));
                if source == TradeSource::Venue.byte() {
                    house[2] += fees.0 * is(seller) + fees.1 * is(buyer);
                } else {
                    house[2] -= fees.0 * is(buyer) + fees.1 * is(seller);
                }
                prop_assert_eq!(balances(&accounts, Owner::House), house);
                for asset in 0..ASSETS {
                    prop_assert_eq!(accounts.sum(AssetId(asset)), 0);
                }
            }
            let mut save = Save::default();
            accounts.visit(&mut save).unwrap();
            let mut loaded = Accounts::new(ASSETS as usize, VENUES.into(), CLIENTS as usize);
            loaded.visit(&mut Load::new(&save.words)).unwrap();
            prop_assert!(loaded.iter().eq(accounts.iter()));
        }
    }
}
