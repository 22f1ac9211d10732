//! Which places of a table are each client's, in the order in which they were taken.

use pinrail_types::ClientId;
use pinrail_types::state::{StateError, Visitor};

/// No place.
const NIL: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Link {
    prev: u32,
    next: u32,
}

#[derive(Clone, Copy, Debug)]
struct Chain {
    head: u32,
    tail: u32,
    len: u32,
}

const FREE: Link = Link { prev: NIL, next: NIL };
const EMPTY: Chain = Chain {
    head: NIL,
    tail: NIL,
    len: 0,
};

/// A chain of places for each client. Bounded at construction; each step takes constant time.
#[derive(Clone, Debug)]
pub(crate) struct Chains {
    links: Vec<Link>,
    clients: Vec<Chain>,
}

impl Chains {
    pub(crate) fn new(clients: usize, places: usize) -> Chains {
        Chains {
            links: vec![FREE; places],
            clients: vec![EMPTY; clients],
        }
    }

    /// How many places a client has; none beyond the bounds.
    pub(crate) fn len(&self, client: ClientId) -> u32 {
        self.clients.get(client.index()).map_or(0, |chain| chain.len)
    }

    /// The place that a client took first of those that it has.
    pub(crate) fn first(&self, client: ClientId) -> Option<u32> {
        let head = self.clients.get(client.index())?.head;
        (head != NIL).then_some(head)
    }

    /// The place that the same client took next.
    pub(crate) fn next(&self, place: u32) -> Option<u32> {
        let next = self.links[place as usize].next;
        (next != NIL).then_some(next)
    }

    /// # Panics
    /// If the client is beyond the bounds.
    pub(crate) fn push(&mut self, client: ClientId, place: u32) {
        let chain = &mut self.clients[client.index()];
        self.links[place as usize] = Link {
            prev: chain.tail,
            next: NIL,
        };
        match chain.tail {
            NIL => chain.head = place,
            tail => self.links[tail as usize].next = place,
        }
        chain.tail = place;
        chain.len += 1;
    }

    pub(crate) fn remove(&mut self, client: ClientId, place: u32) {
        let chain = &mut self.clients[client.index()];
        let Link { prev, next } = self.links[place as usize];
        match prev {
            NIL => chain.head = next,
            prev => self.links[prev as usize].next = next,
        }
        match next {
            NIL => chain.tail = prev,
            next => self.links[next as usize].prev = prev,
        }
        chain.len -= 1;
    }

    /// Goes through the chains of the places that are taken: `taken` says by whom.
    pub(crate) fn visit(
        &mut self,
        taken: &[Option<ClientId>],
        visitor: &mut impl Visitor,
    ) -> Result<(), StateError> {
        for (place, client) in (0..).zip(taken) {
            if client.is_some() {
                visitor.u32(&mut self.links[place].next)?;
            }
        }
        if visitor.is_loading() {
            self.link_again(taken)
                .map_err(|place| visitor.bad(place.into(), "a chain of a client's own places"))?;
        }
        Ok(())
    }

    /// Works out everything else from what comes next to each place; or says which place can't be.
    fn link_again(&mut self, taken: &[Option<ClientId>]) -> Result<(), u32> {
        self.clients.fill(EMPTY);
        let mut has_prev = vec![false; taken.len()];
        let nexts: Vec<u32> = self.links[..taken.len()].iter().map(|link| link.next).collect();
        for (place, client) in taken.iter().enumerate().filter(|(_, client)| client.is_some()) {
            let next = nexts[place] as usize;
            if nexts[place] == NIL {
                continue;
            }
            let is_own = taken.get(next).is_some_and(|owner| owner == client);
            if !is_own || core::mem::replace(&mut has_prev[next], true) {
                return Err(place as u32);
            }
        }
        let mut linked = 0;
        for (place, client) in taken.iter().enumerate() {
            let Some(client) = client.filter(|_| !has_prev[place]) else {
                continue;
            };
            let chain = self.clients.get(client.index());
            if chain.is_none_or(|chain| chain.len > 0) {
                return Err(place as u32);
            }
            let mut at = place as u32;
            while at != NIL {
                self.push(client, at);
                linked += 1;
                at = nexts[at as usize];
            }
        }
        // What goes round in a ring has no first.
        if linked == taken.iter().flatten().count() {
            Ok(())
        } else {
            Err(NIL)
        }
    }
}
