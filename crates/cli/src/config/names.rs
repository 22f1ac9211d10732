//! Names and the ids that they get.

use std::collections::BTreeMap;

use toml::Spanned;

use super::error::Problem;
use super::value::{Resolved, at};

/// Names that may be given once each, with their places in order.
pub(super) struct Names {
    what: &'static str,
    ids: BTreeMap<String, usize>,
}

impl Names {
    pub(super) fn of(what: &'static str) -> Names {
        Names {
            what,
            ids: BTreeMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn add(&mut self, name: &str, place: &Spanned<String>) -> Resolved<usize> {
        let id = self.ids.len();
        if self.ids.insert(name.to_owned(), id).is_some() {
            return at(
                place,
                format_args!("expected one {} \"{name}\", found a second", self.what),
            );
        }
        Ok(id)
    }

    pub(super) fn find(&self, name: &Spanned<String>) -> Resolved<usize> {
        self.ids.get(name.get_ref()).copied().ok_or_else(|| {
            let known: Vec<&str> = self.in_order().map(|(name, _)| name).collect();
            Problem {
                span: name.span(),
                message: format!(
                    "there is no {} \"{}\"; expected one of: {}",
                    self.what,
                    name.get_ref(),
                    known.join(", ")
                ),
            }
        })
    }

    pub(super) fn in_order(&self) -> impl Iterator<Item = (&str, usize)> {
        let mut names: Vec<(&str, usize)> = self.ids.iter().map(|(name, id)| (name.as_str(), *id)).collect();
        names.sort_by_key(|(_, id)| *id);
        names.into_iter()
    }
}
