//! `hashsieve policy`: what a policy comes to, and why.

mod notes;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use hashsieve::{
    Against, Candidate, Classification, Decision, DecisionOutcome, Entry, HashKind, ListPolicy,
    Policy, Screener,
};
use serde::Serialize;

use words::{asks_for, fitting, kinds, rule_asks_for};

use crate::against;
use crate::failure::{Failure, Outcome};
use crate::policy_args::PolicyCheckArgs;
use crate::report::{Report, counted, tell};
use crate::scan::read_policy;

/// What `policy check --json` prints.
#[derive(Serialize)]
struct Checked<'a> {
    lists: Vec<ListChecked<'a>>,
    disabled: Vec<DisabledChecked<'a>>,
    /// What is no mistake, and worth knowing.
    notes: Vec<String>,
    decision: Option<Explained>,
}

#[derive(Serialize)]
struct ListChecked<'a> {
    /// None stands for all that have no name in the policy.
    list: Option<&'a str>,
    entries: Option<u64>,
    /// As it is followed, with what is left out filled in.
    policy: ListPolicy,
    /// How many entries each rule for classifications holds for.
    rules: Option<Vec<u64>>,
}

#[derive(Serialize)]
struct DisabledChecked<'a> {
    list: &'a str,
    entry: &'a str,
    reason: &'a str,
    /// Whether an entry of this id stands and matches.
    is_there: Option<bool>,
    #[serde(skip)]
    is_withdrawn: bool,
}

#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    decision: Decision,
    /// The known lists that could suppress the match.
    known_lists: Vec<String>,
}

/// What indexes and stores have of what the policy speaks of.
#[derive(Default)]
struct Counted {
    /// The entries of each list.
    entries: BTreeMap<String, u64>,
    /// How many entries the rules of each list hold for.
    rules: BTreeMap<String, Vec<u64>>,
    /// The disabled entries that are there, by list and id.
    disabled: BTreeSet<(String, String)>,
    /// The disabled entries that are remembered as withdrawn, some of which may be there as well.
    withdrawn: BTreeSet<(String, String)>,
    /// The kinds of hashes of each list.
    kinds: BTreeMap<String, BTreeSet<HashKind>>,
    /// The entry that is asked for.
    entry: Option<Entry>,
}

pub(crate) fn check(arguments: &PolicyCheckArgs, quiet: bool) -> Result<Outcome, Failure> {
    let policy = read_policy(&arguments.policy)?;
    let checked = policy.check();
    checked.map_err(|error| Failure::at(&arguments.policy, error))?;
    let against = against::open(&arguments.against, false, quiet)?;
    let counted = match &against[..] {
        [] => None,
        against => Some(count(arguments, &policy, against, quiet)?),
    };
    let mut doubts = Vec::new();
    let checked = Checked {
        lists: lists(&policy, counted.as_ref(), &mut doubts),
        disabled: disabled(&policy, counted.as_ref(), &mut doubts),
        notes: notes::of(&policy, counted.as_ref().map(|counted| &counted.kinds)),
        decision: match &arguments.list {
            Some(list) => Some(explain(arguments, &policy, list, counted.as_ref())?),
            None => None,
        },
    };
    let mut report = Report::new(None)?;
    if arguments.json {
        report.json(&checked)?;
    } else if let Some(explained) = &checked.decision {
        write_decision(arguments, &policy, explained, &mut report)?;
    } else {
        write(&policy, &checked, &mut report)?;
    }
    report.finish()?;
    for doubt in &doubts {
        tell(doubt);
    }
    Ok(Outcome::of(false, !doubts.is_empty()))
}

/// Goes through all entries, and checks that lists which the policy names are there.
fn count(
    arguments: &PolicyCheckArgs,
    policy: &Policy,
    against: &[Against],
    quiet: bool,
) -> Result<Counted, Failure> {
    // It refuses what it could not follow.
    let screener = Screener::new(against.to_vec(), policy.clone());
    screener.map_err(|error| Failure(error.to_string()))?;
    let disabled: BTreeSet<(&str, &str)> = policy
        .disabled
        .iter()
        .map(|one| (one.list.as_str(), one.entry.as_str()))
        .collect();
    let asked = arguments.list.as_deref().zip(arguments.entry.as_deref());
    let mut counted = Counted {
        kinds: against::kinds_of_lists(against)?,
        ..Counted::default()
    };
    against::for_each_entry(against, quiet, |list, entry| {
        let key = (list, entry.entry_id.as_str());
        if asked == Some(key) && entry.status.matches() {
            counted.entry = Some(entry.clone());
        }
        if disabled.contains(&key) {
            let (list, id) = key;
            let found = if entry.status.matches() {
                &mut counted.disabled
            } else {
                &mut counted.withdrawn
            };
            found.insert((list.to_owned(), id.to_owned()));
        }
        if !entry.status.matches() {
            return;
        }
        match counted.entries.get_mut(list) {
            Some(entries) => *entries += 1,
            None => {
                counted.entries.insert(list.to_owned(), 1);
            }
        }
        let rules = &policy.for_list(list).classifications;
        let fits = |class: &Classification| rules.iter().position(|rule| rule.fits(class));
        if let Some(rule) = entry.classification.as_ref().and_then(fits) {
            let name = if policy.lists.contains_key(list) {
                list
            } else {
                ""
            };
            let counts = counted.rules.entry(name.to_owned()).or_default();
            counts.resize(rules.len(), 0);
            counts[rule] += 1;
        }
    })?;
    Ok(counted)
}

/// Returns what holds for each list that the policy names, and for all others.
fn lists<'a>(
    policy: &'a Policy,
    counted: Option<&Counted>,
    doubts: &mut Vec<String>,
) -> Vec<ListChecked<'a>> {
    let named = policy
        .lists
        .iter()
        .map(|(name, list)| (Some(name.as_str()), list));
    let mut lists = Vec::new();
    for (name, list) in named.chain([(None, &policy.default)]) {
        let rules = counted.map(|counted| {
            let counts = counted.rules.get(name.unwrap_or_default());
            let mut counts = counts.cloned().unwrap_or_default();
            counts.resize(list.classifications.len(), 0);
            counts
        });
        for (number, _) in (1..)
            .zip(rules.iter().flatten())
            .filter(|(_, count)| **count == 0)
        {
            let of = name.map_or("default".to_owned(), |name| format!("list `{name}`"));
            doubts.push(format!("rule {number} of {of} holds for no entry"));
        }
        let kinds = counted.iter().flat_map(|counted| &counted.kinds);
        let of_here = kinds.filter(|(list, _)| match name {
            Some(name) => list.as_str() == name,
            None => !policy.lists.contains_key(list.as_str()),
        });
        for (of, held) in of_here {
            let rules = list.classifications.iter();
            let of_rules = rules.filter_map(|rule| rule.kinds.as_ref());
            let mut matched = std::iter::once(&list.kinds).chain(of_rules);
            // Who wants a list to match nothing says so: `kinds = {}`.
            let is_off = list.kinds.is_empty() && list.classifications.is_empty();
            let is_matched = matched.any(|kinds| kinds.keys().any(|kind| held.contains(kind)));
            if !is_off && !is_matched {
                doubts.push(format!(
                    "list `{of}` has no hash of a kind that it is matched by: nothing of it matches"
                ));
            }
        }
        lists.push(ListChecked {
            list: name,
            entries: counted.map(|counted| {
                let is_of = |list: &str| match name {
                    Some(name) => list == name,
                    None => !policy.lists.contains_key(list),
                };
                let entries = counted.entries.iter();
                entries
                    .filter(|(list, _)| is_of(list))
                    .map(|(_, count)| count)
                    .sum()
            }),
            policy: words::filled_in(list),
            rules,
        });
    }
    lists
}

/// Returns the disabled entries.
fn disabled<'a>(
    policy: &'a Policy,
    counted: Option<&Counted>,
    doubts: &mut Vec<String>,
) -> Vec<DisabledChecked<'a>> {
    let checked = policy.disabled.iter().map(|one| {
        let key = (one.list.clone(), one.entry.clone());
        let is_there = counted.map(|counted| counted.disabled.contains(&key));
        let is_withdrawn = counted.is_some_and(|counted| counted.withdrawn.contains(&key))
            && is_there == Some(false);
        if is_there == Some(false) {
            let (list, entry) = key;
            doubts.push(if is_withdrawn {
                format!(
                    "the disabled entry `{entry}` is withdrawn from list `{list}`: it matches nothing, disabled or not"
                )
            } else {
                format!("the disabled entry `{entry}` is not in list `{list}`")
            });
        }
        DisabledChecked {
            list: &one.list,
            entry: &one.entry,
            reason: &one.reason,
            is_there,
            is_withdrawn,
        }
    });
    checked.collect()
}

/// Returns what the policy makes of the match that is asked for.
fn explain(
    arguments: &PolicyCheckArgs,
    policy: &Policy,
    list: &str,
    counted: Option<&Counted>,
) -> Result<Explained, Failure> {
    if !arguments.kind.is_perceptual() && arguments.distance > 0 {
        let kind = arguments.kind;
        return Err(Failure(format!(
            "--distance: {kind} matches when it is equal, at distance 0"
        )));
    }
    if arguments.kind != HashKind::Pdq && arguments.quality.is_some() {
        return Err(Failure("--quality: only pdq has one".to_owned()));
    }
    if counted.is_some_and(|counted| !counted.entries.contains_key(list)) {
        return Err(Failure(format!(
            "--list {list}: no entry of such a list is there"
        )));
    }
    let entry = match &arguments.entry {
        Some(id) => counted
            .and_then(|counted| counted.entry.clone())
            .ok_or_else(|| {
                Failure(format!(
                    "--entry {id}: no such entry of list `{list}` is there, or it is withdrawn"
                ))
            })?,
        None => {
            let mut entry = Entry::new(String::new());
            entry.opinion = arguments.opinion;
            entry.quality = arguments.entry_quality;
            entry.classification = arguments.value.clone().map(|value| Classification {
                scheme: arguments.scheme.clone(),
                region: arguments.region.clone(),
                value,
            });
            entry
        }
    };
    let decision = policy.decide(&Candidate {
        list,
        entry: &entry,
        kind: arguments.kind,
        distance: arguments.distance,
        quality: arguments.quality,
    });
    let is_exact = !arguments.kind.is_perceptual();
    let known_lists = policy.lists.iter().filter(|(_, known)| {
        let known = known.known.as_ref();
        known.is_some_and(|known| {
            let applies = known
                .lists
                .as_ref()
                .is_none_or(|lists| lists.contains(list));
            applies && (known.exact || !is_exact)
        })
    });
    Ok(Explained {
        known_lists: match decision.outcome {
            DecisionOutcome::Match(_) => known_lists.map(|(name, _)| name.clone()).collect(),
            _ => Vec::new(),
        },
        decision,
    })
}

fn write(policy: &Policy, checked: &Checked<'_>, report: &mut Report) -> Result<(), Failure> {
    let dihedral = if policy.dihedral {
        "looked up"
    } else {
        "not looked up"
    };
    report.text(&format!(
        "turned    rotations and reflections are {dihedral}"
    ))?;
    for list in &checked.lists {
        let name = list.list.unwrap_or("all others");
        let entries = list.entries;
        let entries = entries.map_or(String::new(), |count| {
            format!(" ({})", counted(count, "entry", "entries"))
        });
        report.text(&format!(
            "list      {name}{entries}: {}",
            asks_for(&list.policy)
        ))?;
        report.text(&format!(
            "          matched by {}",
            kinds(&list.policy, &list.policy.kinds)
        ))?;
        for (number, rule) in list.policy.classifications.iter().enumerate() {
            let count = list.rules.as_ref().map(|counts| counts[number]);
            let count = count.map_or(String::new(), |count| {
                format!(" ({})", counted(count, "entry", "entries"))
            });
            report.text(&format!(
                "          rule {}, {}{count}: {}",
                number + 1,
                fitting(rule),
                rule_asks_for(&list.policy, rule)
            ))?;
        }
    }
    for one in &checked.disabled {
        let where_ = match one.is_there {
            None => "",
            Some(true) => " (is there)",
            Some(false) if one.is_withdrawn => " (is withdrawn)",
            Some(false) => " (is not there)",
        };
        report.text(&format!(
            "disabled  list {}, entry {}{where_}: {}",
            one.list, one.entry, one.reason
        ))?;
    }
    for note in &checked.notes {
        report.text(&format!("note      {note}"))?;
    }
    Ok(())
}

/// Explains a decision, step by step.
fn write_decision(
    arguments: &PolicyCheckArgs,
    policy: &Policy,
    explained: &Explained,
    report: &mut Report,
) -> Result<(), Failure> {
    let decision = &explained.decision;
    let list = arguments.list.as_deref().unwrap_or_default();
    let (kind, distance) = (arguments.kind, arguments.distance);
    let of_list = if decision.list_is_named {
        format!("those of list {list}")
    } else {
        format!("[default], since the policy does not name list {list}")
    };
    let rules = policy.for_list(list);
    let rule = decision.rule.map_or(String::new(), |rule| {
        let fits = &rules.classifications[rule - 1];
        format!(
            "; rule {rule} ({}): {}",
            fitting(fits),
            rule_asks_for(rules, fits)
        )
    });
    report.text(&format!("rules     {of_list}{rule}"))?;
    let reach = match (decision.threshold, &decision.outcome) {
        (None, _) => format!("{kind} is not matched"),
        (Some(_), _) if !kind.is_perceptual() => format!("{kind} is matched, when it is equal"),
        (Some(threshold), _) => format!(
            "{kind} is matched up to distance {threshold}; this is {distance}, {}",
            if distance > threshold {
                "too far"
            } else {
                "near enough"
            }
        ),
    };
    report.text(&format!("distance  {reach}"))?;
    if let Some(minimum) = decision.minimum_quality {
        let quality = match arguments.quality {
            None => "that of the picture is not given, and taken to be enough".to_owned(),
            Some(quality) if quality < minimum => format!("this is {quality}, too low"),
            Some(quality) => format!("this is {quality}, enough"),
        };
        report.text(&format!(
            "quality   pictures from {minimum} are matched; {quality}"
        ))?;
    }
    let outcome = match &decision.outcome {
        DecisionOutcome::Match(action) => {
            let by = &explained.known_lists;
            let unless = if by.is_empty() {
                String::new()
            } else {
                format!(
                    ", unless the file or picture is on a known list, as near or nearer: {}",
                    by.join(", ")
                )
            };
            format!("match: {}{unless}", action.name())
        }
        DecisionOutcome::Known => {
            "known: asks for nothing, and suppresses matches of others".to_owned()
        }
        DecisionOutcome::Suppressed(why) => format!("suppressed: {why}"),
        DecisionOutcome::KindNotMatched | DecisionOutcome::TooFar => "no match".to_owned(),
        DecisionOutcome::Withdrawn => "no match: the list has withdrawn the entry".to_owned(),
        DecisionOutcome::QualityTooLow => {
            format!(
                "undecided: the quality is too low for {kind} to say anything of the picture. Unless something else matches, its \
                 status is low_quality, which is not no_match: treat it as not checked, or lower minimum_quality"
            )
        }
        _ => "unknown".to_owned(),
    };
    report.text(&format!("outcome   {outcome}"))
}
