//! What of a policy is no mistake, and worth knowing all the same.

use std::collections::{BTreeMap, BTreeSet};

use hashsieve::{HashKind, ListPolicy, Policy};

/// Returns the notes, given the kinds of hashes that lists have, where that is known.
pub(super) fn of(
    policy: &Policy,
    held: Option<&BTreeMap<String, BTreeSet<HashKind>>>,
) -> Vec<String> {
    let mut notes = Vec::new();
    let named = policy.lists.iter();
    let named = named.map(|(name, list)| (format!("list {name}"), list));
    for (name, list) in named.chain([("all others".to_owned(), &policy.default)]) {
        if list.accepted_opinions().is_empty() && list.known.is_none() {
            notes.push(format!(
                "{name}: no opinion counts, so that every match is suppressed"
            ));
        }
        // A list on trial has the default, which it need not take away.
        let unconfirmed = list.unconfirmed_action;
        let is_said = unconfirmed != ListPolicy::default().unconfirmed_action;
        let strongest = strongest(list);
        if list.known.is_none() && is_said && unconfirmed > strongest {
            let (unconfirmed, strongest) = (unconfirmed.name(), strongest.name());
            notes.push(format!(
                "{name}: unconfirmed_action = \"{unconfirmed}\" changes nothing, since no match asks for more than {strongest}: it only \
                 limits what unconfirmed entries ask for. Leave it out, or ask for more by action"
            ));
        }
    }
    for (name, list) in &policy.lists {
        let mut all = list.kinds.keys().copied().collect::<BTreeSet<_>>();
        let of_rules = list
            .classifications
            .iter()
            .filter_map(|rule| rule.kinds.as_ref());
        all.extend(of_rules.flat_map(|kinds| kinds.keys()));
        let Some(held) = held.map_or(Some(&all), |held| held.get(name)) else {
            continue;
        };
        let is_found_by = [HashKind::Md5, HashKind::Sha1]
            .iter()
            .any(|kind| held.contains(kind) && all.contains(kind));
        let has_better = [HashKind::Sha256, HashKind::Sha512]
            .iter()
            .any(|kind| held.contains(kind));
        if list.known.is_some() && is_found_by && !has_better {
            notes.push(format!(
                "list {name}: known by md5 or sha1 alone, which files that differ can share; sha256 is better"
            ));
        }
    }
    notes
}

/// Returns the strongest action that a match of a list can ask for.
fn strongest(list: &ListPolicy) -> hashsieve::Action {
    let of_rules = list.classifications.iter().filter_map(|rule| rule.action);
    of_rules.fold(list.action, std::cmp::max)
}
