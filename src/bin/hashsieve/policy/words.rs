//! What a policy comes to, in words.

use std::collections::{BTreeMap, BTreeSet};

use hashsieve::{ClassificationPolicy, HashKind, KindPolicy, ListPolicy, Opinion};

use crate::report::counted;

/// Says what a match of a list asks for.
pub(super) fn asks_for(list: &ListPolicy) -> String {
    let mut text = match &list.known {
        Some(known) => {
            let which = if known.exact { "all" } else { "near" };
            let of = match &known.lists {
                None => "every list".to_owned(),
                Some(lists) => lists.iter().cloned().collect::<Vec<_>>().join(", "),
            };
            format!(
                "a known list, which suppresses {which} matches of {of}: {}",
                known.reason
            )
        }
        None => {
            let mut text = list.action.name().to_owned();
            let unconfirmed = list.action.min(list.unconfirmed_action);
            if unconfirmed != list.action {
                text += &format!(", {} for what is not confirmed", unconfirmed.name());
            }
            text
        }
    };
    text += &format!(
        "; opinions that count: {}",
        opinions(&list.accepted_opinions())
    );
    if list.minimum_entry_quality > 0 {
        text += &format!(
            "; entries of quality {} or more",
            list.minimum_entry_quality
        );
    }
    if let Some(days) = list.max_age_days {
        text += &format!(
            "; out of date after {}",
            counted(days.into(), "day", "days")
        );
    }
    text
}

pub(super) fn fitting(rule: &ClassificationPolicy) -> String {
    let parts = [
        ("scheme", &rule.scheme),
        ("region", &rule.region),
        ("value", &rule.value),
    ];
    let parts = parts
        .into_iter()
        .filter_map(|(name, part)| Some(format!("{name} {}", part.as_ref()?)));
    parts.collect::<Vec<_>>().join(", ")
}

/// Says what a rule has of its own.
pub(super) fn rule_asks_for(list: &ListPolicy, rule: &ClassificationPolicy) -> String {
    if rule.ignored {
        return "ignored".to_owned();
    }
    let mut parts = Vec::new();
    parts.extend(rule.action.map(|action| action.name().to_owned()));
    if let Some(accepted) = &rule.opinions {
        parts.push(format!("opinions that count: {}", opinions(accepted)));
    }
    if let Some(of_rule) = &rule.kinds {
        parts.push(format!("matched by {}", kinds(list, of_rule)));
    }
    if parts.is_empty() {
        return "as the list".to_owned();
    }
    parts.join("; ")
}

fn opinions(opinions: &BTreeSet<Opinion>) -> String {
    if opinions.is_empty() {
        return "none".to_owned();
    }
    opinions
        .iter()
        .map(|opinion| opinion.name())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Says by what entries of a list are matched.
pub(super) fn kinds(list: &ListPolicy, kinds: &BTreeMap<HashKind, KindPolicy>) -> String {
    let is_default = |(&kind, policy): (&HashKind, &KindPolicy)| {
        let default = KindPolicy::default();
        list.threshold(kind, policy) == list.threshold(kind, &default)
            && policy.minimum_quality() == default.minimum_quality()
    };
    if kinds.len() == HashKind::ALL.len() && kinds.iter().all(is_default) {
        return if list.known.is_some() {
            let pdq = list.threshold(HashKind::Pdq, &KindPolicy::default());
            format!("all kinds, pdq up to {pdq}, classic ones up to a third of what is recommended")
        } else {
            "all kinds, as far as is recommended".to_owned()
        };
    }
    if kinds.is_empty() {
        return "nothing".to_owned();
    }
    let kinds = kinds.iter().map(|(&kind, policy)| {
        let mut text = kind.to_string();
        if kind.is_perceptual() {
            text += &format!(" up to {}", list.threshold(kind, policy));
        }
        if kind == HashKind::Pdq {
            text += &format!(" from quality {}", policy.minimum_quality());
        }
        text
    });
    kinds.collect::<Vec<_>>().join(", ")
}

/// Returns what holds for a list, with every number that is left out.
pub(super) fn filled_in(list: &ListPolicy) -> ListPolicy {
    let mut filled = list.clone();
    filled.opinions = Some(list.accepted_opinions());
    let of_rules = filled.classifications.iter_mut();
    let of_rules = of_rules.filter_map(|rule| rule.kinds.as_mut());
    for kinds in std::iter::once(&mut filled.kinds).chain(of_rules) {
        for (&kind, policy) in kinds {
            if kind.is_perceptual() {
                policy.threshold = Some(list.threshold(kind, policy));
            }
            if kind == HashKind::Pdq {
                policy.minimum_quality = Some(policy.minimum_quality());
            }
        }
    }
    filled
}
