//! What words of a list mean that are not usual ones, where its user says so.

use std::collections::BTreeMap;

use crate::entry::{EntryStatus, Opinion};

/// Words for statuses and opinions, and categories that say something of the opinion.
///
/// Case and white space around a word make no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    statuses: BTreeMap<String, EntryStatus>,
    opinions: BTreeMap<String, Opinion>,
    categories: BTreeMap<String, Opinion>,
}

impl Words {
    /// Gives a word for a status. Returns whether it had no meaning before.
    pub(super) fn add_status(&mut self, word: &str, status: EntryStatus) -> bool {
        self.statuses.insert(normal(word), status).is_none()
    }

    /// Gives a word for an opinion. Returns whether it had no meaning before.
    pub(super) fn add_opinion(&mut self, word: &str, opinion: Opinion) -> bool {
        self.opinions.insert(normal(word), opinion).is_none()
    }

    /// Says what a category says of the opinion. Returns whether it said nothing before.
    pub(super) fn add_category(&mut self, word: &str, opinion: Opinion) -> bool {
        self.categories.insert(normal(word), opinion).is_none()
    }

    /// Returns the status that a word stands for: what was said, or else the usual.
    pub(super) fn status(&self, word: &str) -> EntryStatus {
        let said = find(&self.statuses, word).cloned();
        said.unwrap_or_else(|| EntryStatus::parse(word))
    }

    /// Returns the opinion that a word stands for, if any: what was said, or else the name of one.
    pub(super) fn opinion(&self, word: &str) -> Option<Opinion> {
        let word = word.trim();
        let is = |opinion: &Opinion| opinion.name().eq_ignore_ascii_case(word);
        let said = find(&self.opinions, word).copied();
        said.or_else(|| Opinion::ALL.into_iter().find(is))
    }

    /// Returns what a category says of the opinion; that it is positive where nothing was said.
    pub(super) fn opinion_of_category(&self, category: &str) -> Opinion {
        let said = find(&self.categories, category).copied();
        said.unwrap_or_default()
    }
}

fn find<'a, T>(words: &'a BTreeMap<String, T>, word: &str) -> Option<&'a T> {
    // Most lists have none, and then nothing is to be allocated.
    if words.is_empty() {
        return None;
    }
    words.get(&normal(word))
}

fn normal(word: &str) -> String {
    word.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_goes_before_what_is_usual() {
        let mut words = Words::default();
        assert!(words.add_status("Gone", EntryStatus::Withdrawn));
        assert!(words.add_status("removed", EntryStatus::Active));
        assert!(!words.add_status(" gone ", EntryStatus::Active));
        let mut words = Words::default();
        words.add_status("removed", EntryStatus::Active);
        words.add_opinion("lead", Opinion::Investigation);
        words.add_category("0", Opinion::Negative);
        assert_eq!(words.status("REMOVED"), EntryStatus::Active);
        assert_eq!(words.status("Deleted"), EntryStatus::Withdrawn);
        assert_eq!(words.opinion(" Lead"), Some(Opinion::Investigation));
        assert_eq!(words.opinion("Negative"), Some(Opinion::Negative));
        assert_eq!(words.opinion("perhaps"), None);
        assert_eq!(words.opinion_of_category("0"), Opinion::Negative);
        assert_eq!(words.opinion_of_category("00"), Opinion::Positive);
    }
}
