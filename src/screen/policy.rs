//! What to match of each list and what to do then: the policy, as people write it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entry::{Classification, Opinion};
use crate::hash::HashKind;
use crate::pdq::{PDQ_RECOMMENDED_MIN_QUALITY, PDQ_RECOMMENDED_THRESHOLD};

/// How pictures are matched against lists, list by list. Any `serde` format reads it; people write TOML.
///
/// Nothing is merged: a list named in `lists` follows what stands there and nothing of `default`. Unknown keys are
/// errors, so that a typing error cannot quietly switch matching off.
///
/// # When rules meet
/// - Lists are told apart to the end: every entry that matches is in the verdict with its own action, and the strongest counts.
/// - Of the classification rules of a list the first that fits an entry holds; what it leaves out is as the list has it.
/// - What is not said to be positive ([`Entry::opinion`](crate::Entry::opinion)) asks for at most
///   [`unconfirmed_action`](ListPolicy::unconfirmed_action), whatever the action of the list or the rule.
/// - A [known](ListPolicy::known) list suppresses near matches: all of a file whose digest it has, and those of a picture that is
///   as near to one of its own hashes of the same kind, in the same frame, or nearer. A match that is nearer stands. The same
///   file in a list and in a known list is a match, unless the known list says [`exact`](KnownPolicy::exact).
/// - What matches and does not count is never dropped: it is in [`Verdict::suppressed`](crate::Verdict::suppressed), with the
///   reason. That is the case of a disabled entry, of an opinion that is not accepted, of an ignored classification, of an entry
///   of too low a quality and of what a known list suppresses; of several reasons the first of these is told.
///
/// # Example
/// ```
/// let policy: hashsieve::Policy = toml::from_str(r#"
///     dihedral = true              # also find rotated and mirrored copies, by PDQ only; default false
///
///     [default]                    # for every list that is not named below
///     action = "review"            # review (default), block or observe
///
///     [lists."hotline a"]
///     action = "block"
///     unconfirmed_action = "review"    # at most, for what is disputed or under investigation; default review
///     opinions = ["positive", "disputed"]  # that count; default all but negative
///     minimum_entry_quality = 50   # of an entry that states one; default 0
///     max_age_days = 30            # an older list makes "no match" into "list out of date"
///     [lists."hotline a".kinds.pdq]
///     threshold = 27               # largest distance that matches, inclusive; default 31
///     minimum_quality = 60         # of the picture; default 50
///     [lists."hotline a".kinds.md5]
///     [lists."hotline a".kinds.gradient_16x16]
///     threshold = 8                # default by kind
///     [[lists."hotline a".classifications]]    # the first that fits an entry holds
///     scheme = "example"           # scheme, region and value, as the list spells them; what is left out is any
///     value = "2"
///     action = "review"            # what is left out is as the list has it: action, opinions, kinds
///     [[lists."hotline a".classifications]]
///     value = "3"
///     ignored = true
///
///     [lists."on trial"]
///     action = "observe"
///
///     [lists."own false alarms"]   # asks for nothing, and suppresses matches
///     known = { reason = "looked at and found harmless" }
///
///     [[disabled]]
///     list = "hotline a"
///     entry = "entry-1"
///     reason = "reported to the hotline as wrong"
/// "#)?;
/// assert!(policy.dihedral);
/// policy.check()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Whether all eight rotations and reflections of a picture are looked up, not only the picture as stored. It
    /// finds photographs that are stored in another orientation than the list's, at up to eight times the search. For
    /// PDQ only: classic hashes are always of the picture as stored.
    pub dihedral: bool,
    /// For lists that [`lists`](Self::lists) does not name.
    pub default: ListPolicy,
    /// For single lists, by name.
    pub lists: BTreeMap<String, ListPolicy>,
    /// Entries that do not count.
    pub disabled: Vec<DisabledEntry>,
}

impl Policy {
    /// Returns what holds for a list.
    pub fn for_list(&self, name: &str) -> &ListPolicy {
        self.lists.get(name).unwrap_or(&self.default)
    }

    /// Sets the PDQ threshold of every list that is matched by PDQ, for all classifications; that of known lists stays.
    pub fn set_pdq_threshold(&mut self, threshold: u32) -> &mut Self {
        for list in std::iter::once(&mut self.default).chain(self.lists.values_mut()) {
            if list.known.is_some() {
                continue;
            }
            let rules = list.classifications.iter_mut();
            let of_rules = rules.filter_map(|rule| rule.kinds.as_mut());
            for kinds in std::iter::once(&mut list.kinds).chain(of_rules) {
                if let Some(pdq) = kinds.get_mut(&HashKind::Pdq) {
                    pdq.threshold = Some(threshold);
                }
            }
        }
        self
    }

    /// Checks that the policy can be followed: numbers in their ranges, and nothing where it has no effect.
    ///
    /// # Errors
    /// [`PolicyError`] for the first thing that is wrong.
    pub fn check(&self) -> Result<(), PolicyError> {
        self.default.check("default")?;
        if self.default.known.is_some() {
            return Err(PolicyError::Misplaced {
                list: "default".to_owned(),
                what: "only a list that is named can be a known list: else every list would be one",
            });
        }
        for (name, list) in &self.lists {
            list.check(name)?;
        }
        let mut disabled = self.disabled.iter();
        match disabled.find(|one| one.entry.is_empty() || one.reason.trim().is_empty()) {
            Some(one) => Err(PolicyError::Misplaced {
                list: one.list.clone(),
                what: "a disabled entry needs the id of the entry and a reason, which is recorded",
            }),
            None => Ok(()),
        }
    }

    /// Returns the names of lists that the policy uses, wherever they stand in it.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let known = self.lists.values().filter_map(|list| list.known.as_ref());
        let suppressed = known.filter_map(|known| known.lists.as_ref()).flatten();
        let disabled = self.disabled.iter().map(|one| &one.list);
        let names = self.lists.keys().chain(suppressed).chain(disabled);
        names.map(String::as_str)
    }
}

/// An entry that does not count, though its list says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisabledEntry {
    /// The name of its list.
    pub list: String,
    /// Its id.
    pub entry: String,
    /// Why. It is recorded with every match that is suppressed.
    pub reason: String,
}

/// How one list is matched, and what a match asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListPolicy {
    /// What a match asks for.
    pub action: Action,
    /// The most that a match asks for of which the list does not say that it is positive: what is disputed, under investigation or
    /// negative. Default: review.
    pub unconfirmed_action: Action,
    /// The opinions that count. Default: all but negative.
    pub opinions: BTreeSet<Opinion>,
    /// The lowest PDQ quality of an entry that counts. One that states none counts. Default: 0.
    pub minimum_entry_quality: u8,
    /// The kinds that are matched; those not named are not. Default: all.
    pub kinds: BTreeMap<HashKind, KindPolicy>,
    /// Rules for entries by what the list says they are, of which the first that fits holds.
    pub classifications: Vec<ClassificationPolicy>,
    /// The age in days, by the list's own date, past which the list is out of date. Default: never.
    pub max_age_days: Option<u32>,
    /// That the list is of what is known and may be passed over: what it matches asks for nothing, and suppresses matches of other
    /// lists. It never certifies that a picture is harmless.
    pub known: Option<KnownPolicy>,
}

impl Default for ListPolicy {
    fn default() -> Self {
        let not_negative = |opinion: &Opinion| *opinion != Opinion::Negative;
        Self {
            action: Action::default(),
            unconfirmed_action: Action::Review,
            opinions: Opinion::ALL.into_iter().filter(not_negative).collect(),
            minimum_entry_quality: 0,
            kinds: HashKind::ALL
                .into_iter()
                .map(|kind| (kind, KindPolicy::default()))
                .collect(),
            classifications: Vec::new(),
            max_age_days: None,
            known: None,
        }
    }
}

impl ListPolicy {
    fn check(&self, list: &str) -> Result<(), PolicyError> {
        let misplaced = |what| PolicyError::Misplaced {
            list: list.to_owned(),
            what,
        };
        check_kinds(list, &self.kinds)?;
        if self.minimum_entry_quality > 100 {
            return Err(misplaced(
                "the minimum quality of entries is larger than 100",
            ));
        }
        for rule in &self.classifications {
            if rule.scheme.is_none() && rule.region.is_none() && rule.value.is_none() {
                return Err(misplaced("a rule names neither scheme, region nor value"));
            }
            if let Some(kinds) = &rule.kinds {
                check_kinds(list, kinds)?;
            }
        }
        if let Some(known) = &self.known {
            if known.reason.trim().is_empty() {
                return Err(misplaced("a known list needs a reason, which is recorded"));
            }
            let default = Self::default();
            if self.action != default.action
                || self.unconfirmed_action != default.unconfirmed_action
            {
                return Err(misplaced("a known list asks for no action"));
            }
        }
        Ok(())
    }
}

fn check_kinds(list: &str, kinds: &BTreeMap<HashKind, KindPolicy>) -> Result<(), PolicyError> {
    for (&kind, policy) in kinds {
        let wrong = |what| PolicyError::OutOfRange {
            list: list.to_owned(),
            kind,
            what,
        };
        if !kind.is_perceptual() && *policy != KindPolicy::default() {
            return Err(wrong("a digest has neither threshold nor quality"));
        }
        if policy.threshold.is_some_and(|t| t > kind.bits()) {
            return Err(wrong("the threshold is larger than the hash has bits"));
        }
        if kind.classic().is_some() && policy.minimum_quality.is_some() {
            return Err(wrong(
                "a classic hash has no quality; what says nothing of the picture is never matched",
            ));
        }
        if policy.minimum_quality.is_some_and(|quality| quality > 100) {
            return Err(wrong("the minimum quality is larger than 100"));
        }
    }
    Ok(())
}

/// What holds for entries of one classification. What it leaves out is as the list has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassificationPolicy {
    /// The scheme of entries that the rule is for; any if left out, also none.
    pub scheme: Option<String>,
    /// Their region; any if left out, also none.
    pub region: Option<String>,
    /// Their value; any if left out.
    pub value: Option<String>,
    /// Whether such entries do not count.
    pub ignored: bool,
    /// What a match asks for.
    pub action: Option<Action>,
    /// The opinions that count.
    pub opinions: Option<BTreeSet<Opinion>>,
    /// The kinds that are matched, each with its threshold and minimum quality, in place of all those of the list.
    pub kinds: Option<BTreeMap<HashKind, KindPolicy>>,
}

impl ClassificationPolicy {
    /// Returns whether the rule is for entries of this classification: what it names is equal, letter for letter.
    pub fn fits(&self, classification: &Classification) -> bool {
        let fits = |wanted: &Option<String>, found: Option<&String>| {
            wanted.is_none() || wanted.as_ref() == found
        };
        fits(&self.scheme, classification.scheme.as_ref())
            && fits(&self.region, classification.region.as_ref())
            && fits(&self.value, Some(&classification.value))
    }
}

/// That a list is of what is known, and which matches it suppresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownPolicy {
    /// Why what is on it may be passed over. It is recorded with every match that is suppressed.
    pub reason: String,
    /// Whether a digest on it suppresses also matches by digest: that another list has the very same file is then taken for that
    /// list's mistake. Default: false.
    #[serde(default)]
    pub exact: bool,
    /// The lists of which it suppresses matches. Default: all.
    #[serde(default)]
    pub lists: Option<BTreeSet<String>>,
}

impl KnownPolicy {
    /// Returns whether it suppresses matches of a list.
    pub(super) fn applies_to(&self, list: &str) -> bool {
        self.lists.as_ref().is_none_or(|lists| lists.contains(list))
    }
}

/// How one kind of hash of one list is matched. Digests match when they are equal and take neither number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KindPolicy {
    /// The largest distance that matches, inclusive. Default for PDQ: 31; for a classic kind, what
    /// [`ClassicKind::recommended_threshold`](crate::ClassicKind::recommended_threshold) says.
    pub threshold: Option<u32>,
    /// The lowest quality of a picture that is matched by PDQ. Default: 50. Classic kinds have none.
    pub minimum_quality: Option<u8>,
}

impl KindPolicy {
    /// Returns the threshold, or the default for the kind: 0 for digests.
    pub fn threshold(&self, kind: HashKind) -> u32 {
        self.threshold.unwrap_or(match kind {
            HashKind::Pdq => PDQ_RECOMMENDED_THRESHOLD,
            HashKind::Classic(kind) => kind.recommended_threshold(),
            _ => 0,
        })
    }

    /// Returns the minimum quality, or the default for PDQ.
    pub fn minimum_quality(&self) -> u8 {
        self.minimum_quality.unwrap_or(PDQ_RECOMMENDED_MIN_QUALITY)
    }
}

/// What a match asks of whoever runs the screening. Nothing in this library acts on it.
///
/// Ordered by strength: of several matches, the strongest action counts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Action {
    /// Record the match and do nothing else: a list on trial.
    Observe,
    /// Put it before a person.
    #[default]
    Review,
    /// Stop it, and put it before a person.
    Block,
}

impl Action {
    /// Returns the stable lower-case name: `observe`, `review` or `block`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Review => "review",
            Self::Block => "block",
        }
    }
}

/// Why a policy cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyError {
    /// A number is out of range or has no place where it stands.
    OutOfRange {
        /// The list, or `default`.
        list: String,
        /// The kind of hash.
        kind: HashKind,
        /// What is wrong.
        what: &'static str,
    },
    /// Something has no effect where it stands, or lacks what it needs.
    Misplaced {
        /// The list, or `default`.
        list: String,
        /// What is wrong.
        what: &'static str,
    },
    /// The policy names a list that no index or store has; a typing error here would leave a list without its rules.
    UnknownList {
        /// The name in the policy.
        name: String,
    },
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { list, kind, what } => {
                write!(f, "policy for list `{list}`, kind {kind}: {what}")
            }
            Self::Misplaced { list, what } => write!(f, "policy for list `{list}`: {what}"),
            Self::UnknownList { name } => write!(
                f,
                "the policy names the list `{name}`, which is in no index or store that is loaded; `hashsieve index \
                 info` and `hashsieve store status` show the names"
            ),
        }
    }
}

impl std::error::Error for PolicyError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::ClassicKind;

    fn policy(text: &str) -> Policy {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn an_empty_policy_matches_every_kind_with_the_recommended_numbers() {
        let policy = policy("");
        assert_eq!(policy, Policy::default());
        let list = policy.for_list("any");
        assert_eq!(list.kinds.len(), HashKind::ALL.len());
        assert_eq!(list.kinds[&HashKind::Pdq].threshold(HashKind::Pdq), 31);
        assert_eq!(list.kinds[&HashKind::Pdq].minimum_quality(), 50);
        for kind in ClassicKind::ALL {
            let threshold = list.kinds[&kind.into()].threshold(kind.into());
            assert_eq!(threshold, kind.recommended_threshold());
        }
        assert_eq!(list.action, Action::Review);
        assert!(!policy.dihedral);
    }

    #[test]
    fn a_named_list_takes_nothing_from_the_default() {
        let policy = policy(
            "[default]\naction = 'block'\n[lists.a.kinds.pdq]\nthreshold = 0\n[lists.b]\nkinds = {}\n",
        );
        assert_eq!(policy.for_list("a").action, Action::Review);
        assert_eq!(policy.for_list("a").kinds.len(), 1);
        assert!(policy.for_list("b").kinds.is_empty());
        assert_eq!(policy.for_list("c").action, Action::Block);
    }

    #[test]
    fn a_misspelt_key_is_an_error() {
        for text in [
            "treshold = 3",
            "[default]\nkind = {}",
            "[lists.a.kinds.pdq]\ntreshold = 3",
        ] {
            assert!(toml::from_str::<Policy>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_number_out_of_range_is_named() {
        for (text, expected) in [
            (
                "[lists.a.kinds.pdq]\nthreshold = 257",
                "larger than the hash has bits",
            ),
            (
                "[lists.a.kinds.pdq]\nminimum_quality = 101",
                "larger than 100",
            ),
            (
                "[lists.a.kinds.mean_8x8]\nthreshold = 65",
                "larger than the hash has bits",
            ),
            (
                "[lists.a.kinds.mean_8x8]\nminimum_quality = 50",
                "has no quality",
            ),
            (
                "[default.kinds.md5]\nthreshold = 1",
                "neither threshold nor quality",
            ),
        ] {
            let error = policy(text).check().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(
            policy("[lists.a.kinds.pdq]\nthreshold = 256").check(),
            Ok(())
        );
    }

    #[test]
    fn the_stronger_action_counts() {
        assert!(Action::Block > Action::Review && Action::Review > Action::Observe);
    }
}
