//! State as a row of words: written for a snapshot, read back from one, or hashed.
//!
//! What has state visits its fields in one order, whichever way they go, so that saving and loading cannot part. It visits
//! what decides and nothing that follows from it: the same state gives the same words, however it came about.

use bytemuck::{NoUninit, Pod};
use thiserror::Error;

use crate::money::Side;
use crate::reason::Reason;

/// Why a state could not be read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StateError {
    /// There are fewer words than the state has.
    #[error("the state ends at word {at}")]
    Short {
        /// How many there are.
        at: usize,
    },
    /// There are more words than the state has.
    #[error("the state goes on behind word {at}")]
    Long {
        /// How many it has.
        at: usize,
    },
    /// A value that the field cannot have: the state is of other bounds, or no state.
    #[error("word {at} of the state is {found}, expected {expected}")]
    Value {
        /// Which word.
        at: usize,
        /// What it is.
        found: u64,
        /// What it may be.
        expected: &'static str,
    },
    /// Nothing has such bounds.
    #[error("{what} is out of its range")]
    Bounds {
        /// Which.
        what: &'static str,
    },
}

/// Goes through a state's words, one way or the other.
pub trait Visitor {
    /// Whether the state is read back; what holds it is changed then, and else only looked at.
    fn is_loading(&self) -> bool;

    /// One word.
    ///
    /// # Errors
    /// [`StateError::Short`] if there is none to be read.
    fn word(&mut self, word: &mut u64) -> Result<(), StateError>;

    /// What is wrong with the word that was visited last.
    fn bad(&self, found: u64, expected: &'static str) -> StateError;

    /// A signed number.
    ///
    /// # Errors
    /// As [`Visitor::word`].
    fn signed(&mut self, value: &mut i64) -> Result<(), StateError> {
        let mut word = value.cast_unsigned();
        self.word(&mut word)?;
        *value = word.cast_signed();
        Ok(())
    }

    /// A wide signed number: its low half, then its high half.
    ///
    /// # Errors
    /// As [`Visitor::word`].
    fn wide(&mut self, value: &mut i128) -> Result<(), StateError> {
        let (mut low, mut high) = (*value as u64, (*value >> 64) as u64);
        self.word(&mut low)?;
        self.word(&mut high)?;
        *value = (i128::from(high.cast_signed()) << 64) | i128::from(low);
        Ok(())
    }

    /// A number below `end`.
    ///
    /// # Errors
    /// As [`Visitor::word`], or [`StateError::Value`] if it is not.
    fn below(&mut self, value: &mut u64, end: u64) -> Result<(), StateError> {
        self.word(value)?;
        if *value < end {
            Ok(())
        } else {
            Err(self.bad(*value, "less"))
        }
    }

    /// A number of 32 bits.
    ///
    /// # Errors
    /// As [`Visitor::below`].
    fn u32(&mut self, value: &mut u32) -> Result<(), StateError> {
        let mut word = u64::from(*value);
        self.below(&mut word, 1 << 32)?;
        *value = word as u32;
        Ok(())
    }

    /// A number of 16 bits.
    ///
    /// # Errors
    /// As [`Visitor::below`].
    fn u16(&mut self, value: &mut u16) -> Result<(), StateError> {
        let mut word = u64::from(*value);
        self.below(&mut word, 1 << 16)?;
        *value = word as u16;
        Ok(())
    }

    /// A reason.
    ///
    /// # Errors
    /// As [`Visitor::named`].
    fn reason(&mut self, value: &mut Reason) -> Result<(), StateError> {
        let from = |code| Reason::from_code(u16::try_from(code).ok()?);
        self.named(value, |reason| u64::from(reason.code()), from, "a reason")
    }

    /// Yes or no.
    ///
    /// # Errors
    /// As [`Visitor::below`].
    fn flag(&mut self, value: &mut bool) -> Result<(), StateError> {
        let mut word = u64::from(*value);
        self.below(&mut word, 2)?;
        *value = word == 1;
        Ok(())
    }

    /// A length, of at most `most`.
    ///
    /// # Errors
    /// As [`Visitor::below`].
    fn count(&mut self, value: &mut usize, most: usize) -> Result<(), StateError> {
        let mut word = *value as u64;
        self.below(&mut word, most as u64 + 1)?;
        *value = word as usize;
        Ok(())
    }

    /// A length that is fixed when the state is made.
    ///
    /// # Errors
    /// As [`Visitor::word`], or [`StateError::Value`] if it is another.
    fn exactly(&mut self, length: usize, expected: &'static str) -> Result<(), StateError> {
        let mut word = length as u64;
        self.word(&mut word)?;
        if word == length as u64 {
            Ok(())
        } else {
            Err(self.bad(word, expected))
        }
    }

    /// A value that is named by a number; `from` gives it back.
    ///
    /// # Errors
    /// As [`Visitor::word`], or [`StateError::Value`] if it has no name.
    fn named<T: Copy>(
        &mut self,
        value: &mut T,
        code: impl Fn(T) -> u64,
        from: impl Fn(u64) -> Option<T>,
        expected: &'static str,
    ) -> Result<(), StateError> {
        let mut word = code(*value);
        self.word(&mut word)?;
        *value = from(word).ok_or_else(|| self.bad(word, expected))?;
        Ok(())
    }

    /// A side, by its FIX value.
    ///
    /// # Errors
    /// As [`Visitor::named`].
    fn side(&mut self, value: &mut Side) -> Result<(), StateError> {
        let from = |code| Side::from_fix(u8::try_from(code).ok()?);
        self.named(value, |side| side.fix().into(), from, "a side")
    }

    /// Whole words of plain data, such as a record.
    ///
    /// # Errors
    /// As [`Visitor::word`].
    fn plain<T: Pod + NoUninit>(&mut self, value: &mut T) -> Result<(), StateError> {
        for word in bytemuck::cast_slice_mut::<T, u64>(core::slice::from_mut(value)) {
            self.word(word)?;
        }
        Ok(())
    }

    /// A record that may not be there.
    ///
    /// # Errors
    /// As [`Visitor::flag`].
    fn maybe<T: Pod + NoUninit>(&mut self, value: &mut Option<T>) -> Result<(), StateError> {
        let mut is_there = value.is_some();
        self.flag(&mut is_there)?;
        if !is_there {
            *value = None;
            return Ok(());
        }
        let mut held = value.unwrap_or_else(T::zeroed);
        self.plain(&mut held)?;
        *value = Some(held);
        Ok(())
    }
}

/// Writes a state's words.
#[derive(Debug, Default)]
pub struct Save {
    /// The words so far.
    pub words: Vec<u64>,
}

impl Visitor for Save {
    fn is_loading(&self) -> bool {
        false
    }

    fn word(&mut self, word: &mut u64) -> Result<(), StateError> {
        self.words.push(*word);
        Ok(())
    }

    fn bad(&self, found: u64, expected: &'static str) -> StateError {
        StateError::Value {
            at: self.words.len() - 1,
            found,
            expected,
        }
    }
}

/// Reads a state's words back.
#[derive(Debug)]
pub struct Load<'a> {
    words: &'a [u64],
    at: usize,
}

impl<'a> Load<'a> {
    /// From the first of `words` on.
    pub fn new(words: &'a [u64]) -> Load<'a> {
        Load { words, at: 0 }
    }

    /// That all words were read.
    ///
    /// # Errors
    /// [`StateError::Long`] if there are more.
    pub fn end(&self) -> Result<(), StateError> {
        if self.at == self.words.len() {
            Ok(())
        } else {
            Err(StateError::Long { at: self.at })
        }
    }
}

impl Visitor for Load<'_> {
    fn is_loading(&self) -> bool {
        true
    }

    fn word(&mut self, word: &mut u64) -> Result<(), StateError> {
        *word = *self.words.get(self.at).ok_or(StateError::Short { at: self.at })?;
        self.at += 1;
        Ok(())
    }

    fn bad(&self, found: u64, expected: &'static str) -> StateError {
        StateError::Value {
            at: self.at - 1,
            found,
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default, PartialEq)]
    struct All {
        signed: i64,
        wide: i128,
        small: u32,
        flag: bool,
        list: Vec<u64>,
        plain: [u64; 3],
        some: Option<[u64; 2]>,
        none: Option<[u64; 2]>,
    }

    impl All {
        fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
            visitor.signed(&mut self.signed)?;
            visitor.wide(&mut self.wide)?;
            visitor.u32(&mut self.small)?;
            visitor.flag(&mut self.flag)?;
            let mut len = self.list.len();
            visitor.count(&mut len, 5)?;
            self.list.resize(len, 0);
            for item in &mut self.list {
                visitor.word(item)?;
            }
            visitor.plain(&mut self.plain)?;
            visitor.maybe(&mut self.some)?;
            visitor.maybe(&mut self.none)
        }
    }

    fn all() -> (All, Vec<u64>) {
        let mut all = All {
            signed: -3,
            wide: -(1 << 100) + 7,
            small: u32::MAX,
            flag: true,
            list: vec![4, 5],
            plain: [1, 2, 3],
            some: Some([8, 9]),
            none: None,
        };
        let mut save = Save::default();
        all.visit(&mut save).unwrap();
        (all, save.words)
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let (all, words) = all();
        let mut loaded = All {
            none: Some([1, 1]),
            ..All::default()
        };
        let mut load = Load::new(&words);
        loaded.visit(&mut load).unwrap();
        load.end().unwrap();
        assert_eq!(loaded, all);
    }

    #[test]
    fn too_few_words_too_many_and_wrong_ones_are_refused() {
        let (_, words) = all();
        for len in 0..words.len() {
            let outcome = All::default().visit(&mut Load::new(&words[..len]));
            assert_eq!(outcome, Err(StateError::Short { at: len }));
        }
        let longer = [&words[..], &[0]].concat();
        let mut load = Load::new(&longer);
        All::default().visit(&mut load).unwrap();
        assert_eq!(load.end(), Err(StateError::Long { at: words.len() }));
        // The number of 32 bits, the flag, the length.
        for (at, bad) in [(3, 1 << 32), (4, 2), (5, 6)] {
            let mut wrong = words.clone();
            wrong[at] = bad;
            let outcome = All::default().visit(&mut Load::new(&wrong));
            assert_eq!(
                outcome,
                Err(StateError::Value {
                    at,
                    found: bad,
                    expected: "less"
                })
            );
        }
    }
}
