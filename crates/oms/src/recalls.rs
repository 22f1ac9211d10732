//! What clients took back, and sessions that are gone: whatever was asked for before is to end.

use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, Reason, SessionId};

/// By session and by client, the sequence of the input before which all that was asked for is recalled. What is recalled is not
/// good any more from that input on; that it is ended may take several inputs more.
#[derive(Clone, Debug)]
pub struct Recalls {
    /// Times two, and one more while the session is gone.
    sessions: Vec<u64>,
    clients: Vec<u64>,
    /// How many sessions are gone.
    gone: usize,
}

impl Recalls {
    /// Nothing recalled, for sessions and clients below these.
    pub fn new(sessions: usize, clients: usize) -> Recalls {
        Recalls {
            sessions: vec![0; sessions],
            clients: vec![0; clients],
            gone: 0,
        }
    }

    /// Whether the session is gone and did not come back.
    #[inline]
    pub fn is_gone(&self, session: SessionId) -> bool {
        self.gone > 0
            && self
                .sessions
                .get(session.index())
                .is_some_and(|word| word & 1 == 1)
    }

    /// The session is gone with the input `seq`.
    ///
    /// # Errors
    /// [`Reason::UnknownSession`] beyond the bound.
    pub fn session_gone(&mut self, session: SessionId, seq: u64) -> Result<(), Reason> {
        let word = self.sessions.get_mut(session.index());
        *word.ok_or(Reason::UnknownSession)? = seq << 1 | 1;
        self.derive();
        Ok(())
    }

    /// The session is there again; what was recalled stays recalled.
    ///
    /// # Errors
    /// [`Reason::UnknownSession`] beyond the bound.
    pub fn session_back(&mut self, session: SessionId) -> Result<(), Reason> {
        let word = self.sessions.get_mut(session.index());
        *word.ok_or(Reason::UnknownSession)? &= !1;
        self.derive();
        Ok(())
    }

    fn derive(&mut self) {
        self.gone = self.sessions.iter().filter(|word| **word & 1 == 1).count();
    }

    /// No session is gone: all are new ones.
    pub fn begin_epoch(&mut self) {
        for word in &mut self.sessions {
            *word &= !1;
        }
        self.gone = 0;
    }

    /// The client takes back all that it asked for before the input `seq`.
    ///
    /// # Errors
    /// [`Reason::UnknownClient`] beyond the bound.
    pub fn client(&mut self, client: ClientId, seq: u64) -> Result<(), Reason> {
        *self
            .clients
            .get_mut(client.index())
            .ok_or(Reason::UnknownClient)? = seq;
        Ok(())
    }

    /// Why something that was asked for with the input `since` is to end, if it is.
    #[inline]
    pub fn reason(&self, session: SessionId, client: ClientId, since: u64) -> Option<Reason> {
        let gone = self.sessions.get(session.index()).copied().unwrap_or(0);
        if gone & 1 == 1 || since < gone >> 1 {
            return Some(Reason::SessionGone);
        }
        let taken_back = self.clients.get(client.index()).copied().unwrap_or(0);
        (since < taken_back).then_some(Reason::MassCancel)
    }

    /// Goes through the state: where anything was recalled.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is of other bounds.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        for words in [&mut self.sessions, &mut self.clients] {
            let mut count = words.iter().filter(|word| **word != 0).count();
            visitor.count(&mut count, words.len())?;
            let mut from = 0;
            for _ in 0..count {
                let held = words.iter().skip(from).position(|word| *word != 0);
                let mut at = held.map_or(0, |place| from + place) as u64;
                visitor.below(&mut at, words.len() as u64)?;
                let at = at as usize;
                visitor.word(&mut words[at])?;
                from = at + 1;
            }
        }
        self.derive();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pinrail_types::state::{Load, Save};

    use super::*;

    #[test]
    fn what_was_asked_for_before_is_recalled_and_what_comes_later_is_not() {
        let mut recalls = Recalls::new(4, 4);
        let (session, client) = (SessionId(2), ClientId(3));
        recalls.session_gone(session, 10).unwrap();
        assert_eq!(
            recalls.reason(session, client, 11),
            Some(Reason::SessionGone),
            "while it is gone"
        );
        recalls.session_back(session).unwrap();
        assert_eq!(recalls.reason(session, client, 9), Some(Reason::SessionGone));
        assert_eq!(recalls.reason(session, client, 10), None);
        recalls.client(client, 20).unwrap();
        assert_eq!(recalls.reason(session, client, 19), Some(Reason::MassCancel));
        assert_eq!(recalls.reason(session, client, 20), None);
        assert_eq!(recalls.reason(session, ClientId(2), 19), None);
        recalls.session_gone(SessionId(0), 30).unwrap();
        assert_eq!(recalls.session_gone(SessionId(4), 1), Err(Reason::UnknownSession));
        assert_eq!(recalls.session_back(SessionId(4)), Err(Reason::UnknownSession));
        assert_eq!(recalls.client(ClientId(4), 1), Err(Reason::UnknownClient));
        let mut save = Save::default();
        recalls.visit(&mut save).unwrap();
        let mut loaded = Recalls::new(4, 4);
        loaded.visit(&mut Load::new(&save.words)).unwrap();
        assert_eq!(format!("{loaded:?}"), format!("{recalls:?}"));
        loaded.begin_epoch();
        assert!(recalls.is_gone(SessionId(0)) && !loaded.is_gone(SessionId(0)));
    }
}
