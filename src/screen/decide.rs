//! What the policy makes of one match: whether it counts, and what it asks for.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::policy::{Action, KindPolicy, ListPolicy, Policy};
use crate::entry::{Entry, Opinion};
use crate::hash::HashKind;

/// An entry whose hash a picture or a file is near, or might be.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The name of the entry's list.
    pub list: &'a str,
    /// The entry.
    pub entry: &'a Entry,
    /// The kind of the hash.
    pub kind: HashKind,
    /// How many bits differ.
    pub distance: u32,
    /// The PDQ quality of the picture, if the kind is PDQ; without it the quality is taken to be enough. Of no account for other
    /// kinds.
    pub quality: Option<u8>,
}

/// What a policy makes of a candidate, and by which rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Decision {
    /// Whether the policy names the list; else `default` holds.
    pub list_is_named: bool,
    /// Which rule for classifications holds, counted from 1, if one does.
    pub rule: Option<usize>,
    /// The largest distance that matches by this kind, if it is matched.
    pub threshold: Option<u32>,
    /// The lowest quality of a picture that is matched by this kind, where it has one.
    pub minimum_quality: Option<u8>,
    /// What came of it.
    pub outcome: DecisionOutcome,
}

/// What came of a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DecisionOutcome {
    /// It is a match that asks for this, unless a known list suppresses it.
    Match(Action),
    /// It is known by a known list, which asks for nothing and suppresses matches of others.
    Known,
    /// It would be a match, and does not count.
    Suppressed(Suppression),
    /// Entries of the list and classification are not matched by this kind.
    KindNotMatched,
    /// The distance is larger than the threshold.
    TooFar,
    /// The quality of the picture is below the minimum.
    QualityTooLow,
    /// The list has withdrawn the entry: it never matches.
    Withdrawn,
}

/// Why a match does not count.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "by")]
#[non_exhaustive]
pub enum Suppression {
    /// The policy disables the entry.
    Disabled {
        /// Why, as the policy says.
        reason: String,
    },
    /// The policy ignores entries of this classification.
    Classification,
    /// The entry is of a lower quality than the policy asks for.
    EntryQuality {
        /// What it asks for.
        minimum: u8,
    },
    /// The policy does not accept what the list holds of the entry.
    Opinion {
        /// What that is.
        opinion: Opinion,
    },
    /// The file or picture is on a known list.
    Known {
        /// The name of the known list.
        list: String,
        /// The id of its entry.
        entry: String,
        /// By which kind of hash; of digests the strongest that the entry has.
        kind: HashKind,
        /// How far from it; 0 for digests.
        distance: u32,
        /// Why what is on it may be passed over, as the policy says.
        reason: String,
    },
}

impl Suppression {
    /// Returns the stable name used in reports, for example `known`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Disabled { .. } => "disabled",
            Self::Classification => "classification",
            Self::EntryQuality { .. } => "entry_quality",
            Self::Opinion { .. } => "opinion",
            Self::Known { .. } => "known",
        }
    }
}

impl fmt::Debug for Suppression {
    /// Prints the name, and nothing of the entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Suppression").field(&self.name()).finish()
    }
}

impl fmt::Display for Suppression {
    /// Says why in words, with the reason that the policy gives; names the entry of a known list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled { reason } => write!(f, "the policy disables the entry: {reason}"),
            Self::Classification => f.write_str("the policy ignores entries of its classification"),
            Self::EntryQuality { minimum } => {
                write!(f, "the entry is of a quality below {minimum}")
            }
            Self::Opinion { opinion } => write!(
                f,
                "what the list holds of the entry is not accepted: {}",
                opinion.name()
            ),
            Self::Known {
                list,
                entry,
                kind,
                distance,
                reason,
            } => write!(
                f,
                "known by list {list}, entry {entry}, {kind}, distance {distance}: {reason}"
            ),
        }
    }
}

impl Policy {
    /// Returns what the policy makes of a candidate: what a screener would, but for known lists, which depend on the picture.
    ///
    /// # Example
    /// ```
    /// use hashsieve::{Action, Candidate, DecisionOutcome, Entry, HashKind, Opinion, Policy};
    /// let policy: Policy = toml::from_str("[default]\naction = 'block'")?;
    /// let mut entry = Entry::new("entry-1");
    /// entry.opinion = Opinion::Investigation;
    /// let candidate = Candidate { list: "a", entry: &entry, kind: HashKind::Pdq, distance: 20, quality: Some(90) };
    /// let decision = policy.decide(&candidate);
    /// // A lead is not blocked, unless the policy says so.
    /// assert_eq!(decision.outcome, DecisionOutcome::Match(Action::Review));
    /// # Ok::<(), toml::de::Error>(())
    /// ```
    pub fn decide(&self, candidate: &Candidate<'_>) -> Decision {
        let list = self.for_list(candidate.list);
        let rules = list.rules_for(candidate.entry);
        let kind = rules.kinds.get(&candidate.kind);
        let has_quality = candidate.kind == HashKind::Pdq;
        let mut disabled = self.disabled.iter();
        let disabled = disabled
            .find(|one| one.list == candidate.list && one.entry == candidate.entry.entry_id);
        let reach = rules.reach(candidate.kind, candidate.distance, candidate.quality);
        let outcome = match reach {
            _ if !candidate.entry.status.matches() => DecisionOutcome::Withdrawn,
            Err(outcome) => outcome,
            Ok(()) => {
                match rules.counts(candidate.entry, disabled.map(|one| one.reason.as_str())) {
                    Err(suppression) => DecisionOutcome::Suppressed(suppression),
                    Ok(_) if list.known.is_some() => DecisionOutcome::Known,
                    Ok(action) => DecisionOutcome::Match(action),
                }
            }
        };
        Decision {
            list_is_named: self.lists.contains_key(candidate.list),
            rule: rules.number(),
            threshold: kind.map(|policy| list.threshold(candidate.kind, policy)),
            minimum_quality: kind
                .filter(|_| has_quality)
                .map(KindPolicy::minimum_quality),
            outcome,
        }
    }
}

/// What holds for one entry of a list.
pub(super) struct Rules<'a> {
    list: &'a ListPolicy,
    /// The rule for classifications that holds.
    rule: Option<usize>,
    kinds: &'a BTreeMap<HashKind, KindPolicy>,
}

impl ListPolicy {
    /// Returns what holds for an entry.
    pub(super) fn rules_for(&self, entry: &Entry) -> Rules<'_> {
        let fitting = entry.classification.as_ref().and_then(|classification| {
            let mut rules = self.classifications.iter();
            rules.position(|rule| rule.fits(classification))
        });
        self.with_rule(fitting)
    }

    /// Returns what holds for an entry that a rule for classifications, counted from 0, holds for, or none.
    pub(super) fn with_rule(&self, rule: Option<usize>) -> Rules<'_> {
        let of_rule = rule.and_then(|rule| self.classifications.get(rule)?.kinds.as_ref());
        Rules {
            list: self,
            rule,
            kinds: of_rule.unwrap_or(&self.kinds),
        }
    }

    /// Returns the kinds that are matched, of the list and then of its rules.
    fn all_kinds(&self) -> impl Iterator<Item = &BTreeMap<HashKind, KindPolicy>> {
        let rules = self.classifications.iter();
        std::iter::once(&self.kinds).chain(rules.filter_map(|rule| rule.kinds.as_ref()))
    }

    /// Returns whether some entries may be matched by a kind.
    pub(super) fn has_kind(&self, kind: HashKind) -> bool {
        self.all_kinds().any(|kinds| kinds.contains_key(&kind))
    }

    /// Returns the largest distance at which some entry may match a picture of this quality.
    pub(super) fn widest(&self, kind: HashKind, quality: Option<u8>) -> Option<u32> {
        let policies = self.all_kinds().filter_map(|kinds| kinds.get(&kind));
        let fit = policies.filter(|policy| policy.takes(kind, quality));
        fit.map(|policy| self.threshold(kind, policy)).max()
    }

    /// Returns whether a picture of this quality is too low for some entry that is matched by the kind.
    pub(super) fn is_too_low(&self, kind: HashKind, quality: Option<u8>) -> bool {
        let mut policies = self.all_kinds().filter_map(|kinds| kinds.get(&kind));
        policies.any(|policy| !policy.takes(kind, quality))
    }
}

impl KindPolicy {
    /// Returns whether a picture of this quality is looked up: any, where the kind has no quality or it is not known.
    fn takes(&self, kind: HashKind, quality: Option<u8>) -> bool {
        let quality = quality.filter(|_| kind == HashKind::Pdq);
        quality.is_none_or(|quality| quality >= self.minimum_quality())
    }
}

impl Rules<'_> {
    /// Returns which rule for classifications holds, counted from 1.
    pub(super) fn number(&self) -> Option<usize> {
        self.rule.map(|rule| rule + 1)
    }

    /// The same, counted from 0.
    pub(super) fn position(&self) -> Option<usize> {
        self.rule
    }

    /// Returns the largest distance that matches by a kind, if entries are matched by it.
    pub(super) fn threshold(&self, kind: HashKind) -> Option<u32> {
        let policy = self.kinds.get(&kind)?;
        Some(self.list.threshold(kind, policy))
    }

    /// Returns whether a picture is near enough, or why it is not.
    pub(super) fn reach(
        &self,
        kind: HashKind,
        distance: u32,
        quality: Option<u8>,
    ) -> Result<(), DecisionOutcome> {
        match self.kinds.get(&kind) {
            None => Err(DecisionOutcome::KindNotMatched),
            Some(policy) if !policy.takes(kind, quality) => Err(DecisionOutcome::QualityTooLow),
            Some(policy) if distance > self.list.threshold(kind, policy) => {
                Err(DecisionOutcome::TooFar)
            }
            Some(_) => Ok(()),
        }
    }

    /// Returns what a match with the entry, which is not withdrawn, asks for, or why it does not count.
    pub(super) fn counts(
        &self,
        entry: &Entry,
        disabled: Option<&str>,
    ) -> Result<Action, Suppression> {
        if let Some(reason) = disabled {
            return Err(Suppression::Disabled {
                reason: reason.to_owned(),
            });
        }
        let opinion = entry.opinion();
        let rule = self.rule.map(|rule| &self.list.classifications[rule]);
        let of_rule = rule.and_then(|rule| rule.opinions.as_ref());
        let is_accepted = match of_rule {
            Some(opinions) => opinions.contains(&opinion),
            None => self.list.accepts(opinion),
        };
        if !is_accepted {
            return Err(Suppression::Opinion { opinion });
        }
        if rule.is_some_and(|rule| rule.ignored) {
            return Err(Suppression::Classification);
        }
        let minimum = self.list.minimum_entry_quality;
        if entry.quality.is_some_and(|quality| quality < minimum) {
            return Err(Suppression::EntryQuality { minimum });
        }
        Ok(self.action(entry))
    }

    /// Returns what a match with the entry asks for if it counts.
    pub(super) fn action(&self, entry: &Entry) -> Action {
        let rule = self.rule.map(|rule| &self.list.classifications[rule]);
        let action = rule
            .and_then(|rule| rule.action)
            .unwrap_or(self.list.action);
        match entry.opinion() {
            Opinion::Positive => action,
            _ => action.min(self.list.unconfirmed_action),
        }
    }
}
