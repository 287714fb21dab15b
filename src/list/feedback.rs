//! What members of a source say of one entry, put together: feedback on single kinds of its hashes.

use std::collections::BTreeSet;

use super::value::fold;
use crate::entry::{Entry, KindOpinions, Opinion};

/// The most kinds of hashes of one entry on which feedback is kept. There are ten or so; each is compared with each.
const MAX_KINDS: usize = 64;

/// The feedback on one kind of hash: who gave it. A member that gave it twice counts once.
struct Votes {
    kind: String,
    positive: BTreeSet<String>,
    negative: BTreeSet<String>,
}

/// The feedback on one entry, being read.
#[derive(Default)]
pub(super) struct Feedback {
    votes: Vec<Votes>,
    /// Which of the votes those read now belong to, and on which side.
    current: Option<usize>,
    is_negative: bool,
    /// Whether anybody was named for the feedback that is read now.
    has_voter: bool,
}

impl Feedback {
    /// Begins feedback on a kind of hash. Returns whether there is room for one more kind; else what follows is not kept.
    pub(super) fn begin(&mut self, kind: String, is_negative: bool) -> bool {
        let known = self.votes.iter().position(|votes| votes.kind == kind);
        let has_room = self.votes.len() < MAX_KINDS;
        if known.is_none() && has_room {
            self.votes.push(Votes {
                kind,
                positive: BTreeSet::new(),
                negative: BTreeSet::new(),
            });
        }
        self.current = known.or_else(|| has_room.then_some(self.votes.len() - 1));
        self.is_negative = is_negative;
        self.has_voter = false;
        self.current.is_some()
    }

    /// Counts one who gave the feedback begun.
    pub(super) fn vote(&mut self, who: &str) {
        self.has_voter = true;
        if let Some(votes) = self.current.and_then(|at| self.votes.get_mut(at)) {
            let voters = if self.is_negative {
                &mut votes.negative
            } else {
                &mut votes.positive
            };
            voters.insert(who.to_owned());
        }
    }

    /// Ends the feedback begun. That of nobody who is named is that of one.
    pub(super) fn end(&mut self) {
        if !self.has_voter {
            self.vote("");
        }
        self.current = None;
    }

    /// Returns the kind of hash that the feedback begun contradicts, if that is what it does.
    pub(super) fn contradicted(&self) -> Option<&str> {
        let votes = self.current.and_then(|at| self.votes.get(at));
        let negative = votes.filter(|_| self.is_negative);
        negative.map(|votes| &*votes.kind)
    }

    /// Puts the feedback into the entry, which has its hashes.
    ///
    /// Feedback is given on one kind of hash, and what it says of a hash that the entry has no more is past. So the entry is
    /// disputed when somebody contradicts a hash that it has, and negative when all of its hashes are contradicted and
    /// nobody agrees with any of them.
    pub(super) fn apply(self, entry: &mut Entry) {
        let count = |voters: usize| u32::try_from(voters).unwrap_or(u32::MAX);
        let (mut agreeing, mut contradicting) = (BTreeSet::new(), BTreeSet::new());
        for votes in &self.votes {
            agreeing.extend(&votes.positive);
            contradicting.extend(&votes.negative);
            entry.kind_opinions.push(KindOpinions {
                kind: votes.kind.clone(),
                positive: count(votes.positive.len()),
                negative: count(votes.negative.len()),
            });
        }
        entry.positive_opinions = count(agreeing.len());
        entry.negative_opinions = count(contradicting.len());
        let hashes = entry.hashes.iter().map(|hash| hash.kind().name());
        let others = entry.other_hashes.iter().map(|hash| &*hash.kind);
        let (mut is_disputed, mut is_negative) = (false, true);
        for kind in hashes.chain(others).map(fold) {
            let votes = self.votes.iter().find(|votes| fold(&votes.kind) == kind);
            let negative = votes.is_some_and(|votes| !votes.negative.is_empty());
            let positive = votes.is_some_and(|votes| !votes.positive.is_empty());
            is_disputed |= negative;
            is_negative &= negative && !positive;
        }
        entry.opinion = match (is_disputed, is_negative) {
            (false, _) => Opinion::Positive,
            (true, false) => Opinion::Disputed,
            (true, true) => Opinion::Negative,
        };
    }
}
