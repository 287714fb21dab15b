//! What to match of each list and what to do then: the policy, as people write it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hash::HashKind;
use crate::pdq::{PDQ_RECOMMENDED_MIN_QUALITY, PDQ_RECOMMENDED_THRESHOLD};

/// How pictures are matched against lists, list by list. Any `serde` format reads it; people write TOML.
///
/// Nothing is merged: a list named in `lists` follows what stands there and nothing of `default`. Unknown keys are
/// errors, so that a typing error cannot quietly switch matching off.
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
///     max_age_days = 30            # an older list makes "no match" into "list out of date"
///     [lists."hotline a".kinds.pdq]
///     threshold = 27               # largest distance that matches, inclusive; default 31
///     minimum_quality = 60         # of the picture; default 50
///     [lists."hotline a".kinds.md5]
///     [lists."hotline a".kinds.gradient_16x16]
///     threshold = 8                # default by kind
///
///     [lists."known neutral"]
///     action = "observe"
/// "#)?;
/// assert!(policy.dihedral);
/// # Ok::<(), toml::de::Error>(())
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
}

impl Policy {
    /// Returns what holds for a list.
    pub fn for_list(&self, name: &str) -> &ListPolicy {
        self.lists.get(name).unwrap_or(&self.default)
    }

    /// Sets the PDQ threshold of every list that is matched by PDQ.
    pub fn set_pdq_threshold(&mut self, threshold: u32) -> &mut Self {
        for list in std::iter::once(&mut self.default).chain(self.lists.values_mut()) {
            if let Some(pdq) = list.kinds.get_mut(&HashKind::Pdq) {
                pdq.threshold = Some(threshold);
            }
        }
        self
    }

    /// Checks every number of the policy.
    ///
    /// # Errors
    /// [`PolicyError`] for the first that is out of range or where it does not belong.
    pub fn check(&self) -> Result<(), PolicyError> {
        self.default.check("default")?;
        self.lists
            .iter()
            .try_for_each(|(name, list)| list.check(name))
    }
}

/// How one list is matched, and what a match asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListPolicy {
    /// What a match asks for.
    pub action: Action,
    /// The kinds that are matched; those not named are not. Default: all.
    pub kinds: BTreeMap<HashKind, KindPolicy>,
    /// The age in days, by the list's own date, past which the list is out of date. Default: never.
    pub max_age_days: Option<u32>,
}

impl Default for ListPolicy {
    fn default() -> Self {
        Self {
            action: Action::default(),
            kinds: HashKind::ALL
                .into_iter()
                .map(|kind| (kind, KindPolicy::default()))
                .collect(),
            max_age_days: None,
        }
    }
}

impl ListPolicy {
    fn check(&self, list: &str) -> Result<(), PolicyError> {
        for (&kind, policy) in &self.kinds {
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
    /// The policy names a list that no index has; a typing error here would leave a list without its rules.
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
            Self::UnknownList { name } => write!(
                f,
                "the policy names the list `{name}`, which is in no index that is loaded; `hashsieve index info` \
                 shows the names"
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
