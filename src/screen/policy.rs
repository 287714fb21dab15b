//! What to match of each list and what to do then: the policy, as people write it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entry::{Classification, Opinion};
use crate::hash::HashKind;
use crate::pdq::{PDQ_RECOMMENDED_MIN_QUALITY, PDQ_RECOMMENDED_THRESHOLD};

/// The PDQ distance up to which a picture is known by a known list that has no threshold of its own.
const KNOWN_PDQ_THRESHOLD: u32 = 10;

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
///   as near to one of its own hashes of the same kind, in the same frame, or nearer. A match that is nearer stands. With
///   [`dihedral`](Self::dihedral) it does not matter how the picture is turned to be near the one hash and the other: what is
///   compared is how far they are. The same file in a list and in a known list is a match, unless the known list says
///   [`exact`](KnownPolicy::exact), which tells more of digests.
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
///     [lists."own false alarms"]   # asks for nothing, and suppresses matches; PDQ up to 10
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
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl fmt::Debug for Policy {
    /// Prints what holds for lists, and nothing of entries.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("dihedral", &self.dihedral)
            .field("default", &self.default)
            .field("lists", &self.lists)
            .field("disabled", &self.disabled.len())
            .finish()
    }
}

/// An entry that does not count, though its list says otherwise.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisabledEntry {
    /// The name of its list.
    pub list: String,
    /// Its id.
    pub entry: String,
    /// Why. It is recorded with every match that is suppressed.
    pub reason: String,
}

impl fmt::Debug for DisabledEntry {
    /// Prints neither the entry nor the reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DisabledEntry")
            .field("list", &self.list)
            .finish_non_exhaustive()
    }
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
    /// The opinions that count. Default: all but negative; of a [known](Self::known) list positive alone, for what is disputed or
    /// under investigation excuses nothing. [`accepted_opinions`](Self::accepted_opinions) says what comes of it.
    pub opinions: Option<BTreeSet<Opinion>>,
    /// The lowest PDQ quality of an entry that counts. One that states none counts. Default: 0.
    pub minimum_entry_quality: u8,
    /// The kinds that are matched; those not named are not. Default: all.
    ///
    /// A list that has no hash of a kind named here is never matched, and no status says so, since a list may be filled later:
    /// `hashsieve policy check --against` finds it.
    pub kinds: BTreeMap<HashKind, KindPolicy>,
    /// Rules for entries by what the list says they are, of which the first that fits holds.
    pub classifications: Vec<ClassificationPolicy>,
    /// The age in days, by the list's own date, past which the list is out of date; so it is while that date is more than a day in
    /// the future. Default: never.
    pub max_age_days: Option<u32>,
    /// That the list is of what is known and may be passed over: what it matches asks for nothing, and suppresses matches of other
    /// lists. It never certifies that a picture is harmless.
    pub known: Option<KnownPolicy>,
}

impl Default for ListPolicy {
    fn default() -> Self {
        Self {
            action: Action::default(),
            unconfirmed_action: Action::Review,
            opinions: None,
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
    /// Returns the opinions that count: those that are given, else the default.
    pub fn accepted_opinions(&self) -> BTreeSet<Opinion> {
        let all = Opinion::ALL.into_iter();
        all.filter(|&opinion| self.accepts(opinion)).collect()
    }

    /// Returns whether an opinion counts, where no rule says otherwise.
    pub(super) fn accepts(&self, opinion: Opinion) -> bool {
        match &self.opinions {
            Some(opinions) => opinions.contains(&opinion),
            None if self.known.is_some() => opinion == Opinion::Positive,
            None => opinion != Opinion::Negative,
        }
    }

    /// Returns the largest distance that matches by a kind under a policy of it, given or by default: that of a
    /// [known](Self::known) list is smaller.
    pub fn threshold(&self, kind: HashKind, policy: &KindPolicy) -> u32 {
        if self.known.is_some() {
            policy.known_threshold(kind)
        } else {
            policy.threshold(kind)
        }
    }
}

/// What holds for entries of one classification. What it leaves out is as the list has it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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

impl fmt::Debug for ClassificationPolicy {
    /// Prints what holds, and not for which classification.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClassificationPolicy")
            .field("ignored", &self.ignored)
            .field("action", &self.action)
            .field("opinions", &self.opinions)
            .field("kinds", &self.kinds)
            .finish_non_exhaustive()
    }
}

/// That a list is of what is known, and which matches it suppresses.
///
/// Of an entry only what is positive counts, unless [`opinions`](ListPolicy::opinions) says otherwise, and without a threshold
/// of its own a known list reaches less far than others: see [`KindPolicy::known_threshold`].
///
/// # Digests
/// Files that differ can have the same md5 or sha1: neither proves that a file is the one that was looked at. Therefore a file is
/// known by its digests only if it has every digest that the entry has, of every kind, whatever
/// [`kinds`](ListPolicy::kinds) says: an entry with md5 and sha256 must agree in both. An entry that has md5 or sha1 alone, as in
/// many reference data sets, is taken at its word; who has the choice should list sha256. `hashsieve policy check
/// --against` notes lists that have nothing better.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownPolicy {
    /// Why what is on it may be passed over. It is recorded with every match that is suppressed.
    pub reason: String,
    /// Whether a digest on it suppresses also matches by digest: that another list has the very same file is then taken for that
    /// list's mistake. Default: false.
    ///
    /// A match by a stronger digest than any that the known entry has stands all the same. From the weakest they are md5, sha1, and
    /// sha256 like sha512.
    #[serde(default)]
    pub exact: bool,
    /// The lists of which it suppresses matches. Default: all.
    #[serde(default)]
    pub lists: Option<BTreeSet<String>>,
}

impl fmt::Debug for KnownPolicy {
    /// Prints no reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownPolicy")
            .field("exact", &self.exact)
            .field("lists", &self.lists)
            .finish_non_exhaustive()
    }
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
    /// [`ClassicKind::recommended_threshold`](crate::ClassicKind::recommended_threshold) says. Less for known lists:
    /// [`known_threshold`](Self::known_threshold).
    pub threshold: Option<u32>,
    /// The lowest quality of a picture that is matched by PDQ. Default: 50. Classic kinds have none.
    pub minimum_quality: Option<u8>,
}

impl KindPolicy {
    /// Returns the threshold, or the default for the kind: 0 for digests. For lists that are not known lists.
    pub fn threshold(&self, kind: HashKind) -> u32 {
        self.threshold.unwrap_or(match kind {
            HashKind::Pdq => PDQ_RECOMMENDED_THRESHOLD,
            HashKind::Classic(kind) => kind.recommended_threshold(),
            _ => 0,
        })
    }

    /// Returns the threshold, or the default for known lists: 10 for PDQ, a third of the recommended one for classic kinds, rounded
    /// down, 0 for digests.
    ///
    /// A recommended threshold is how far one looks so as to miss little: what is found is put before a person. It does not show that
    /// two pictures are the same, and what a known list finds is put before nobody.
    pub fn known_threshold(&self, kind: HashKind) -> u32 {
        self.threshold.unwrap_or(match kind {
            HashKind::Pdq => KNOWN_PDQ_THRESHOLD,
            HashKind::Classic(kind) => kind.recommended_threshold() / 3,
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
    fn the_stronger_action_counts() {
        assert!(Action::Block > Action::Review && Action::Review > Action::Observe);
    }

    #[test]
    fn a_known_list_accepts_what_is_positive_alone_and_reaches_less_far() {
        let policy = policy("[lists.a]\nknown = { reason = 'x' }\n[lists.b]\n");
        let accepted = |list: &str| policy.lists[list].accepted_opinions();
        assert_eq!(accepted("a"), BTreeSet::from([Opinion::Positive]));
        assert_eq!(accepted("b").len(), Opinion::ALL.len() - 1);
        assert!(!accepted("b").contains(&Opinion::Negative));
        for kind in ClassicKind::ALL {
            let (of_kind, kind) = (KindPolicy::default(), HashKind::from(kind));
            let known = policy.lists["a"].threshold(kind, &of_kind);
            assert_eq!(known, of_kind.threshold(kind) / 3);
        }
        let of_kind = KindPolicy::default();
        assert_eq!(policy.lists["a"].threshold(HashKind::Pdq, &of_kind), 10);
        assert_eq!(policy.lists["b"].threshold(HashKind::Pdq, &of_kind), 31);
        let of_kind = KindPolicy {
            threshold: Some(31),
            ..of_kind
        };
        assert_eq!(policy.lists["a"].threshold(HashKind::Pdq, &of_kind), 31);
    }

    #[test]
    fn debug_output_holds_no_entry_reason_or_class() {
        let policy = policy(
            "[lists.a]\nknown = { reason = 'secret' }\n[[lists.a.classifications]]\nscheme = 'secret'\nregion = \
             'secret'\nvalue = 'secret'\n[[disabled]]\nlist = 'a'\nentry = 'secret'\nreason = 'secret'\n",
        );
        let one = &policy.disabled[0];
        let printed = format!("{policy:?} {one:?} {:#?}", policy.lists["a"]);
        assert!(!printed.contains("secret"), "{printed}");
    }
}
