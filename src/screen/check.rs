//! Whether a policy can be followed: numbers in their ranges, and nothing where it has no effect.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::policy::{ClassificationPolicy, KindPolicy, KnownPolicy, ListPolicy, Policy};
use crate::hash::HashKind;

impl Policy {
    /// Checks that the policy can be followed: numbers in their ranges, nothing where it has no effect, nothing said twice.
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
            let misplaced = |what| PolicyError::Misplaced {
                list: name.clone(),
                what,
            };
            list.check(name)?;
            if let Some(known) = &list.known {
                list.check_known(known).map_err(misplaced)?;
                let mut suppressed = known.lists.iter().flatten();
                if suppressed.any(|other| self.for_list(other).known.is_some()) {
                    return Err(misplaced(
                        "a known list suppresses matches of lists that ask for something; one that it names is a known list",
                    ));
                }
            }
        }
        let mut seen = BTreeSet::new();
        for one in &self.disabled {
            let misplaced = |what| PolicyError::Misplaced {
                list: one.list.clone(),
                what,
            };
            if one.entry.is_empty() || one.reason.trim().is_empty() {
                return Err(misplaced(
                    "a disabled entry needs the id of the entry and a reason, which is recorded",
                ));
            }
            if !seen.insert((&one.list, &one.entry)) {
                return Err(misplaced("the same entry is disabled twice"));
            }
        }
        Ok(())
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
        let mut seen = BTreeSet::new();
        for rule in &self.classifications {
            rule.check().map_err(misplaced)?;
            if !seen.insert((&rule.scheme, &rule.region, &rule.value)) {
                return Err(misplaced(
                    "two rules are for the same classification; the later one would never hold",
                ));
            }
            if let Some(kinds) = &rule.kinds {
                check_kinds(list, kinds)?;
            }
        }
        Ok(())
    }

    /// Checks what holds for known lists alone.
    fn check_known(&self, known: &KnownPolicy) -> Result<(), &'static str> {
        if known.reason.trim().is_empty() {
            return Err("a known list needs a reason, which is recorded");
        }
        let default = Self::default();
        let mut rules = self.classifications.iter();
        if self.action != default.action
            || self.unconfirmed_action != default.unconfirmed_action
            || rules.any(|rule| rule.action.is_some())
        {
            return Err("a known list asks for no action");
        }
        if known.lists.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err("a known list for no list suppresses nothing");
        }
        let all = HashKind::ALL.into_iter();
        let mut digests = all.filter(|kind| !kind.is_perceptual());
        if known.exact && !digests.any(|kind| self.has_kind(kind)) {
            return Err("`exact` is of digests, and the known list is matched by none");
        }
        Ok(())
    }
}

impl ClassificationPolicy {
    fn check(&self) -> Result<(), &'static str> {
        if self.scheme.is_none() && self.region.is_none() && self.value.is_none() {
            return Err("a rule names neither scheme, region nor value");
        }
        let says_more = self.action.is_some() || self.opinions.is_some() || self.kinds.is_some();
        if self.ignored && says_more {
            return Err("what a rule ignores has neither action, opinions nor kinds");
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

    fn policy(text: &str) -> Policy {
        toml::from_str(text).unwrap()
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
    fn what_has_no_effect_is_refused() {
        let known = "known = { reason = 'x' }";
        for (text, says) in [
            (
                format!("[lists.a]\n{known}\n[[lists.a.classifications]]\nvalue = '1'\naction = 'block'\n"),
                "asks for no action",
            ),
            (
                "[lists.a]\nknown = { reason = 'x', lists = [] }\n".to_owned(),
                "for no list",
            ),
            (
                "[lists.a]\nknown = { reason = 'x', lists = ['a'] }\n".to_owned(),
                "is a known list",
            ),
            (
                format!("[lists.a]\nknown = {{ reason = 'x', lists = ['c', 'b'] }}\n[lists.b]\n{known}\n[lists.c]\n"),
                "is a known list",
            ),
            (
                "[lists.a]\nknown = { reason = 'x', exact = true }\nkinds = { pdq = {} }\n".to_owned(),
                "of digests",
            ),
            (
                "[[lists.a.classifications]]\nvalue = '1'\nignored = true\naction = 'block'\n".to_owned(),
                "neither action",
            ),
            (
                "[[lists.a.classifications]]\nvalue = '1'\nignored = true\nopinions = []\n".to_owned(),
                "neither action",
            ),
            (
                "[[lists.a.classifications]]\nvalue = '1'\nignored = true\nkinds = {}\n".to_owned(),
                "neither action",
            ),
            (
                "[[lists.a.classifications]]\nvalue = '1'\n[[lists.a.classifications]]\nregion = 'x'\nvalue = '1'\n\
                 [[lists.a.classifications]]\nvalue = '1'\nignored = true\n".to_owned(),
                "two rules",
            ),
            (
                "[[disabled]]\nlist = 'a'\nentry = 'e'\nreason = 'x'\n[[disabled]]\nlist = 'a'\nentry = 'e'\nreason = 'y'\n"
                    .to_owned(),
                "disabled twice",
            ),
        ] {
            let error = policy(&text).check().unwrap_err();
            assert!(matches!(&error, PolicyError::Misplaced { list, .. } if list == "a"));
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn what_is_odd_and_can_be_followed_is_not_refused() {
        for text in [
            "[lists.a]\naction = 'observe'\nunconfirmed_action = 'block'\n",
            "[lists.a]\nopinions = []\n",
            "[lists.a]\nkinds = {}\n",
            "[lists.a]\nknown = { reason = 'x', exact = true }\nkinds = {}\n[[lists.a.classifications]]\nvalue = '1'\n\
             kinds = { md5 = {} }\n",
            "[lists.a]\nknown = { reason = 'x', lists = ['b'] }\n[lists.c]\nknown = { reason = 'x' }\n",
            "[[disabled]]\nlist = 'a'\nentry = 'e'\nreason = 'x'\n[[disabled]]\nlist = 'b'\nentry = 'e'\nreason = 'x'\n",
        ] {
            assert_eq!(policy(text).check(), Ok(()), "{text}");
        }
    }
}
