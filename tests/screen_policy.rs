//! What a policy makes of matches: what counts, what it asks for, and what suppresses it. All pictures are synthetic, all entries
//! made up.

use std::collections::BTreeMap;

use hashsieve::synthetic::{Scene, picture};
use hashsieve::{
    Action, Against, Candidate, ChangeOptions, Classification, DecisionOutcome, Entry, EntryStatus,
    HashKind, ListDescriptor, Opinion, PdqHasher, PixelFormat, Policy, PolicyError, Screener,
    ScreenerError, Status, Store, StoreWriter, Suppression,
};
use proptest::prelude::*;

#[path = "support/screening.rs"]
mod screening;

use screening::{
    drawn, entry, found, index, md5, near, one, pdq, png, screened, screener, small, suppressed,
    turned, with_opinion,
};

fn of_class(mut entry: Entry, value: &str) -> Entry {
    entry.classification = Some(Classification {
        scheme: Some("scheme".to_owned()),
        region: None,
        value: value.to_owned(),
    });
    entry
}

#[test]
fn what_is_not_confirmed_asks_for_at_most_a_review() {
    let block = "[lists.a]\naction = 'block'\n";
    for (opinion, status, action) in [
        (Opinion::Positive, EntryStatus::Active, Action::Block),
        (Opinion::Investigation, EntryStatus::Active, Action::Review),
        (Opinion::Disputed, EntryStatus::Active, Action::Review),
        (Opinion::Positive, EntryStatus::Disputed, Action::Review),
    ] {
        let mut one = with_opinion(near("e", 0), opinion);
        one.status = status;
        let verdict = screened(&[("a", &[one.clone()])], block);
        assert_eq!(verdict.action, Some(action), "{opinion:?}");
        let weaker = format!("{block}unconfirmed_action = 'observe'\n");
        let verdict = screened(&[("a", &[one.clone()])], &weaker);
        assert_eq!(
            verdict.action,
            Some(if action == Action::Block {
                action
            } else {
                Action::Observe
            })
        );
        let stronger = format!("{block}unconfirmed_action = 'block'\n");
        let verdict = screened(&[("a", &[one])], &stronger);
        assert_eq!(verdict.action, Some(Action::Block));
    }
}

#[test]
fn an_opinion_that_is_not_accepted_does_not_count_and_is_told() {
    let lists = [with_opinion(near("e", 3), Opinion::Negative)];
    let verdict = screened(&[("a", &lists)], "");
    assert_eq!(verdict.status, Status::Suppressed);
    assert!(verdict.status.is_decided());
    assert_eq!((verdict.action, verdict.matches.len()), (None, 0));
    let opinion = Opinion::Negative;
    assert_eq!(
        suppressed(&verdict),
        [("a", "e", &Suppression::Opinion { opinion })]
    );
    assert_eq!(verdict.suppressed[0].found.distance, 3);
    let verdict = screened(&[("a", &lists)], "[lists.a]\nopinions = ['negative']\n");
    assert_eq!(found(&verdict), [("a", "e", 3)]);
    assert_eq!(verdict.matches[0].opinion, Opinion::Negative);
    let verdict = screened(
        &[("a", &[near("e", 3)])],
        "[lists.a]\nopinions = ['negative']\n",
    );
    assert_eq!(verdict.status, Status::Suppressed);
}

#[test]
fn the_first_rule_that_fits_a_classification_holds() {
    let entries = ["1", "2", "3", "4"].map(|value| of_class(near(value, 20), value));
    let policy = "
        [lists.a]
        action = 'block'
        [lists.a.kinds.pdq]
        threshold = 25
        [[lists.a.classifications]]
        value = '2'
        action = 'observe'
        [[lists.a.classifications]]
        scheme = 'scheme'
        value = '2'
        ignored = true
        [[lists.a.classifications]]
        scheme = 'other'
        value = '3'
        ignored = true
        [[lists.a.classifications]]
        scheme = 'scheme'
        value = '3'
        [lists.a.classifications.kinds.pdq]
        threshold = 19
        [[lists.a.classifications]]
        scheme = 'scheme'
        value = '4'
        ignored = true
    ";
    let verdict = screened(&[("a", &entries)], policy);
    assert_eq!(found(&verdict), [("a", "1", 20), ("a", "2", 20)]);
    let actions: Vec<_> = verdict.matches.iter().map(|one| one.action).collect();
    assert_eq!(actions, [Action::Block, Action::Observe]);
    assert_eq!(
        suppressed(&verdict),
        [("a", "4", &Suppression::Classification)]
    );
    assert_eq!(verdict.matches[0].threshold, Some(25));
}

#[test]
fn a_classification_may_reach_farther_than_its_list_and_by_kinds_of_its_own() {
    let entries = ["1", "2"].map(|value| of_class(near(value, 40), value));
    let policy = "
        [lists.a]
        kinds = { md5 = {} }
        [[lists.a.classifications]]
        value = '2'
        kinds = { pdq = { threshold = 40 } }
    ";
    let verdict = screened(&[("a", &entries)], policy);
    assert_eq!(found(&verdict), [("a", "2", 40)]);
    assert_eq!(verdict.matches[0].threshold, Some(40));
    // The file's digest is for all but these.
    let bytes = b"no picture";
    let both = ["1", "2"].map(|value| of_class(entry(value, &[md5(bytes)]), value));
    let verdict = screener(&[("a", &both)], policy).screen(bytes);
    assert_eq!(found(&verdict), [("a", "1", 0)]);
}

#[test]
fn a_rule_with_a_higher_minimum_quality_makes_a_poor_picture_undecided() {
    let poor = picture(Scene::Gradient, 3, 64, 64, PixelFormat::Luma8);
    let quality = PdqHasher::new().hash(&poor.as_pixels()).unwrap().quality;
    assert!(quality < 100, "{quality}");
    let entries = [of_class(entry("e", &[turned(&pdq(&poor), 60)]), "1")];
    let policy = "
        [lists.a.kinds.pdq]
        minimum_quality = 0
        [[lists.a.classifications]]
        value = '1'
        kinds = { pdq = { threshold = 100, minimum_quality = 100 } }
    ";
    let verdict = screener(&[("a", &entries)], policy).screen_pixels(&poor.as_pixels());
    assert_eq!(verdict.status, Status::LowQuality);
}

#[test]
fn a_disabled_entry_does_not_count_in_its_list_alone() {
    let entries = [near("e", 0)];
    let policy = "[[disabled]]\nlist = 'a'\nentry = 'e'\nreason = 'why'\n";
    let verdict = screened(&[("a", &entries), ("b", &entries)], policy);
    assert_eq!(found(&verdict), [("b", "e", 0)]);
    let reason = "why".to_owned();
    assert_eq!(
        suppressed(&verdict),
        [("a", "e", &Suppression::Disabled { reason })]
    );
}

#[test]
fn an_entry_of_low_quality_does_not_count_where_the_policy_asks_for_more() {
    let entries =
        [("low", Some(49)), ("high", Some(50)), ("unknown", None)].map(|(id, quality)| {
            let mut entry = near(id, 0);
            entry.quality = quality;
            entry
        });
    let verdict = screened(
        &[("a", &entries)],
        "[lists.a]\nminimum_entry_quality = 50\n",
    );
    assert_eq!(found(&verdict), [("a", "high", 0), ("a", "unknown", 0)]);
    let minimum = 50;
    assert_eq!(
        suppressed(&verdict),
        [("a", "low", &Suppression::EntryQuality { minimum })]
    );
}

const KNOWN: &str = "[lists.known]\nknown = { reason = 'looked at' }\n";

#[test]
fn what_could_not_be_seen_is_told_though_all_that_was_seen_is_suppressed() {
    let file = png(&drawn(1));
    let cut = &file[..500];
    let bad = [entry("bad", &[md5(cut), pdq(&drawn(2))])];
    let policy = "[[disabled]]\nlist = 'a'\nentry = 'bad'\nreason = 'why'\n";
    let verdict = screener(&[("a", &bad)], policy).screen(cut);
    assert_eq!(verdict.status, Status::Truncated);
    assert_eq!(verdict.suppressed.len(), 1);
}

#[test]
fn a_policy_that_cannot_be_followed_is_refused_and_says_where() {
    for (policy, named) in [
        ("[default]\nknown = { reason = 'x' }\n", "`default`"),
        ("[lists.a]\nknown = { reason = ' ' }\n", "`a`"),
        (
            "[lists.a]\naction = 'block'\nknown = { reason = 'x' }\n",
            "`a`",
        ),
        ("[[lists.a.classifications]]\naction = 'block'\n", "`a`"),
        (
            "[[lists.a.classifications]]\nvalue = '1'\nkinds = { pdq = { threshold = 257 } }\n",
            "pdq",
        ),
        ("[lists.a]\nminimum_entry_quality = 101\n", "`a`"),
        (
            "[[disabled]]\nlist = 'a'\nentry = 'e'\nreason = ''\n",
            "`a`",
        ),
        (
            "[[disabled]]\nlist = 'b'\nentry = 'e'\nreason = 'x'\n",
            "`b`",
        ),
        (
            "[lists.a]\nknown = { reason = 'x', lists = ['c'] }\n",
            "`c`",
        ),
    ] {
        let parsed: Policy = toml::from_str(policy).unwrap();
        let error = Screener::new([index(&[("a", &[near("e", 0)])])], parsed).unwrap_err();
        assert!(matches!(error, ScreenerError::Policy(_)), "{policy}");
        assert!(error.to_string().contains(named), "{error}");
    }
    for policy in [
        "[lists.a]\nknown = {}\n",
        "[lists.a]\nknown = { reason = 'x', exakt = true }\n",
        "[lists.a]\nopinions = ['good']\n",
        "[[disabled]]\nlist = 'a'\nentry = 'e'\n",
    ] {
        assert!(toml::from_str::<Policy>(policy).is_err(), "{policy}");
    }
    assert!(matches!(
        toml::from_str::<Policy>("[default]\nknown = { reason = 'x' }\n")
            .unwrap()
            .check(),
        Err(PolicyError::Misplaced { .. })
    ));
}

#[test]
fn a_threshold_for_all_lists_leaves_known_lists_alone() {
    let mut policy: Policy = toml::from_str(&format!(
        "{KNOWN}[[lists.a.classifications]]\nvalue = '1'\nkinds = {{ pdq = {{ threshold = 1 }} }}\n"
    ))
    .unwrap();
    policy.set_pdq_threshold(7);
    let pdq = |kinds: &BTreeMap<HashKind, hashsieve::KindPolicy>| kinds[&HashKind::Pdq].threshold;
    assert_eq!(pdq(&policy.default.kinds), Some(7));
    assert_eq!(
        pdq(policy.lists["a"].classifications[0].kinds.as_ref().unwrap()),
        Some(7)
    );
    assert_eq!(pdq(&policy.lists["known"].kinds), None);
}

#[test]
fn reasons_and_searched_stores_print_nothing_of_entries_but_in_the_verdict() {
    let verdict =
        one(pdq(&small()), "[lists.list]\nopinions = []\n").screen_pixels(&small().as_pixels());
    assert_eq!(verdict.status, Status::Suppressed);
    let debug = format!("{verdict:?}");
    assert!(!debug.contains("entry"), "{debug}");
}

#[test]
fn a_withdrawn_entry_is_never_a_match_and_only_pdq_has_a_quality() {
    let policy: Policy = toml::from_str("[lists.known]\nknown = { reason = 'x' }\n").unwrap();
    let mut withdrawn = Entry::new("e");
    withdrawn.status = EntryStatus::Withdrawn;
    let standing = Entry::new("e");
    let decide = |list, entry, kind, quality| {
        let distance = 0;
        let candidate = Candidate {
            list,
            entry,
            kind,
            distance,
            quality,
        };
        policy.decide(&candidate).outcome
    };
    for list in ["a", "known"] {
        for kind in [HashKind::Pdq, HashKind::Md5] {
            let outcome = decide(list, &withdrawn, kind, Some(90));
            assert_eq!(outcome, DecisionOutcome::Withdrawn);
        }
    }
    let is_match = DecisionOutcome::Match(Action::Review);
    let too_low = DecisionOutcome::QualityTooLow;
    assert_eq!(decide("a", &standing, HashKind::Pdq, Some(10)), too_low);
    assert_eq!(decide("a", &standing, HashKind::Md5, Some(10)), is_match);
    // Without one it is taken to be enough.
    assert_eq!(decide("a", &standing, HashKind::Pdq, None), is_match);
}

/// One entry: its list, its class, its opinion, how far its hash is, whether it is disabled, and where it is.
type RandomEntry = (usize, usize, usize, usize, bool, usize);

const DISTANCES: [usize; 5] = [0, 5, 10, 20, 31];

/// What the policy says of one list.
#[derive(Clone, Debug)]
struct RandomList {
    threshold: usize,
    /// The threshold of a rule for class 1, if there are rules; class 2 is ignored then.
    of_rule: Option<usize>,
    /// Whether it is a known list, and then whether for list 0 alone.
    known: Option<bool>,
    names_opinions: bool,
}

fn name(list: usize) -> String {
    format!("list {list}")
}

/// Writes the policy down.
fn written(lists: &[RandomList], quality: u8, entries: &[RandomEntry]) -> String {
    let mut text = String::new();
    for (number, list) in lists.iter().enumerate() {
        let name = name(number);
        text += &format!("[lists.'{name}']\n");
        if list.names_opinions {
            text += "opinions = ['positive', 'investigation']\n";
        }
        match list.known {
            Some(true) => text += "known = { reason = 'x', lists = ['list 0'] }\n",
            Some(false) => text += "known = { reason = 'x' }\n",
            None => text += "action = 'block'\n",
        }
        let threshold = DISTANCES[list.threshold];
        text += &format!("[lists.'{name}'.kinds.pdq]\nthreshold = {threshold}\n");
        if let Some(threshold) = list.of_rule {
            let rule = format!("[[lists.'{name}'.classifications]]\n");
            let threshold = DISTANCES[threshold];
            text += &format!(
                "{rule}value = '1'\nkinds = {{ pdq = {{ threshold = {threshold}, minimum_quality = {quality} }} }}\n\
                 {rule}value = '2'\nignored = true\n"
            );
        }
    }
    for (number, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.4) {
        let name = name(entry.0);
        text += &format!("[[disabled]]\nlist = '{name}'\nentry = 'e{number}'\nreason = 'x'\n");
    }
    text
}

/// Says what comes of an entry by itself, as the documents have it: nothing if it is not reached, else what it asks for, or the
/// reason for which it does not count.
fn stated(
    list: &RandomList,
    of_picture: u8,
    of_rule: u8,
    entry: &RandomEntry,
) -> Option<Result<Action, &'static str>> {
    let &(_, class, opinion, distance, is_disabled, _) = entry;
    let opinion = Opinion::ALL[opinion];
    let (threshold, minimum) = match list.of_rule {
        Some(threshold) if class == 1 => (threshold, of_rule),
        _ => (list.threshold, 50),
    };
    if DISTANCES[distance] > DISTANCES[threshold] || of_picture < minimum {
        return None;
    }
    let is_accepted = match opinion {
        Opinion::Positive => true,
        Opinion::Investigation => list.names_opinions || list.known.is_none(),
        Opinion::Disputed => !list.names_opinions && list.known.is_none(),
        _ => false,
    };
    Some(if is_disabled {
        Err("disabled")
    } else if !is_accepted {
        Err("opinion")
    } else if class == 2 && list.of_rule.is_some() {
        Err("classification")
    } else if opinion == Opinion::Positive {
        Ok(Action::Block)
    } else {
        Ok(Action::Review)
    })
}

/// Returns two indexes and a store with two segments or more, each with the entries that are there.
fn places(entries: &[RandomEntry], folder: &std::path::Path) -> Vec<Against> {
    let of = |list: usize, place: usize| -> Vec<Entry> {
        let all = entries.iter().enumerate();
        let there = all.filter(|(_, entry)| entry.0 == list && entry.5 == place);
        there
            .map(|(number, &(_, class, opinion, distance, ..))| {
                let entry = near(&format!("e{number}"), DISTANCES[distance]);
                let entry = of_class(entry, &class.to_string());
                with_opinion(entry, Opinion::ALL[opinion])
            })
            .collect()
    };
    let mut against = Vec::new();
    for place in 0..2 {
        let lists: Vec<_> = (0..4).map(|list| (name(list), of(list, place))).collect();
        let lists: Vec<(&str, &[Entry])> = lists
            .iter()
            .map(|(name, entries)| (name.as_str(), entries.as_slice()))
            .collect();
        against.push(Against::from(index(&lists)));
    }
    let mut writer = StoreWriter::create(folder).unwrap();
    for place in 2..4 {
        for list in 0..4 {
            let entries = of(list, place);
            if entries.is_empty() {
                continue;
            }
            let list = ListDescriptor {
                name: name(list),
                ..ListDescriptor::default()
            };
            let mut change = writer.change(list, ChangeOptions::add()).unwrap();
            for entry in &entries {
                change.add(entry, false).unwrap();
            }
            change.commit().unwrap();
        }
    }
    drop(writer);
    against.push(Store::open(folder).unwrap().into());
    against
}

fn random_list(may_be_known: bool) -> impl Strategy<Value = RandomList> {
    let known = prop::option::of(prop::bool::ANY);
    let rule = prop::option::of(0..5_usize);
    (0..5_usize, rule, known, prop::bool::ANY).prop_map(
        move |(threshold, of_rule, known, names_opinions)| RandomList {
            threshold,
            of_rule,
            known: known.filter(|_| may_be_known),
            names_opinions,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// The screener does with indexes and a store what the documents say of each entry alone and of known lists, and so does
    /// `Policy::decide` of each entry.
    #[test]
    fn a_screener_follows_its_policy(
        entries in prop::collection::vec(
            (0..4_usize, 0..3_usize, 0..4_usize, 0..5_usize, prop::bool::weighted(0.1), 0..4_usize), 0..14),
        lists in (random_list(false), random_list(false), random_list(true), random_list(true)),
        quality in prop::sample::select(vec![0, 0, 100]),
    ) {
        let lists = [lists.0, lists.1, lists.2, lists.3];
        let policy: Policy = toml::from_str(&written(&lists, quality, &entries)).unwrap();
        let picture = small();
        let of_picture = PdqHasher::new().hash(&picture.as_pixels()).unwrap().quality;
        let stated = |entry: &RandomEntry| stated(&lists[entry.0], of_picture, quality, entry);
        let (mut matches, mut suppressed) = (BTreeMap::new(), BTreeMap::new());
        for (number, entry) in entries.iter().enumerate() {
            let list = &lists[entry.0];
            let key = (name(entry.0), format!("e{number}"));
            let decided = {
                let mut read = with_opinion(near(&key.1, DISTANCES[entry.3]), Opinion::ALL[entry.2]);
                read = of_class(read, &entry.1.to_string());
                let distance = u32::try_from(DISTANCES[entry.3]).unwrap();
                let (list, kind, quality) = (key.0.as_str(), HashKind::Pdq, Some(of_picture));
                policy.decide(&Candidate { list, entry: &read, kind, distance, quality }).outcome
            };
            match stated(entry) {
                None => prop_assert!(matches!(decided, DecisionOutcome::TooFar | DecisionOutcome::QualityTooLow)),
                Some(Ok(_)) if list.known.is_some() => prop_assert_eq!(decided, DecisionOutcome::Known),
                Some(Ok(action)) => prop_assert_eq!(decided, DecisionOutcome::Match(action)),
                Some(Err(reason)) => {
                    prop_assert!(matches!(decided, DecisionOutcome::Suppressed(by) if by.name() == reason));
                }
            }
            if list.known.is_some() {
                continue;
            }
            // A known list has an entry that counts and is as near or nearer, and is for this list.
            let is_known = entries.iter().any(|by| {
                let is_for = lists[by.0].known.is_some_and(|for_first| !for_first || entry.0 == 0);
                is_for && DISTANCES[by.3] <= DISTANCES[entry.3] && matches!(stated(by), Some(Ok(_)))
            });
            match stated(entry) {
                None => {}
                Some(Ok(_)) if is_known => drop(suppressed.insert(key, "known")),
                Some(Ok(action)) => drop(matches.insert(key, action)),
                Some(Err(reason)) => drop(suppressed.insert(key, reason)),
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let against = places(&entries, &folder.path().join("store"));
        let verdict = Screener::new(against, policy).unwrap().screen_pixels(&picture.as_pixels());
        let of_verdict: BTreeMap<_, _> = verdict.matches.iter()
            .map(|one| ((one.list.clone(), one.entry.clone()), one.action)).collect();
        prop_assert_eq!(&of_verdict, &matches);
        let of_verdict: BTreeMap<_, _> = verdict.suppressed.iter()
            .map(|one| ((one.found.list.clone(), one.found.entry.clone()), one.suppression.name()))
            .collect();
        prop_assert_eq!(&of_verdict, &suppressed);
        prop_assert_eq!(verdict.status == Status::Match, !matches.is_empty());
    }
}

/// Policies with every rule but known lists, of whole values drawn at random, against an oracle that reads nothing but their fields.
mod every_rule {
    use std::collections::BTreeSet;

    use hashsieve::{ClassificationPolicy, DisabledEntry, KindPolicy, ListPolicy};
    use prop::option;
    use prop::sample::{select, subsequence};

    use super::*;

    /// Scheme and value of a rule. No two rules of a list may have the same.
    const PATTERNS: [(Option<&str>, Option<&str>); 4] = [
        (Some("scheme"), None),
        (None, Some("1")),
        (Some("scheme"), Some("2")),
        (Some("other"), None),
    ];
    const LISTS: [&str; 3] = ["a", "b", "only in default"];
    const FAR: [u32; 4] = [0, 10, 31, 40];

    fn actions() -> impl Strategy<Value = Action> {
        select(vec![Action::Observe, Action::Review, Action::Block])
    }

    fn opinions() -> impl Strategy<Value = Option<BTreeSet<Opinion>>> {
        let some = subsequence(Opinion::ALL.to_vec(), 0..=4);
        option::of(some.prop_map(|some| some.into_iter().collect()))
    }

    fn kinds() -> impl Strategy<Value = BTreeMap<HashKind, KindPolicy>> {
        let threshold = option::of(select(FAR.to_vec()));
        let quality = select(vec![None, Some(0), Some(0), Some(100)]);
        let pdq = option::weighted(0.8, (threshold, quality));
        (pdq, prop::bool::ANY).prop_map(|(pdq, has_md5)| {
            let pdq = pdq.map(|(threshold, minimum_quality)| KindPolicy {
                threshold,
                minimum_quality,
            });
            let md5 = has_md5.then(KindPolicy::default);
            let both = [(HashKind::Pdq, pdq), (HashKind::Md5, md5)];
            let there = both.into_iter().filter_map(|(kind, of)| Some((kind, of?)));
            there.collect()
        })
    }

    fn rules() -> impl Strategy<Value = Vec<ClassificationPolicy>> {
        let patterns = subsequence(PATTERNS.to_vec(), 0..=3).prop_shuffle();
        let rule = (
            prop::bool::weighted(0.2),
            option::of(actions()),
            opinions(),
            option::of(kinds()),
        );
        (patterns, prop::collection::vec(rule, 3)).prop_map(|(patterns, rules)| {
            let both = patterns.into_iter().zip(rules);
            both.map(
                |((scheme, value), (ignored, action, opinions, kinds))| ClassificationPolicy {
                    scheme: scheme.map(str::to_owned),
                    region: None,
                    value: value.map(str::to_owned),
                    ignored,
                    action: action.filter(|_| !ignored),
                    opinions: opinions.filter(|_| !ignored),
                    kinds: kinds.filter(|_| !ignored),
                },
            )
            .collect()
        })
    }

    fn list() -> impl Strategy<Value = ListPolicy> {
        let quality = select(vec![0, 0, 50, 80]);
        (actions(), actions(), opinions(), quality, kinds(), rules()).prop_map(
            |(action, unconfirmed_action, opinions, minimum, kinds, classifications)| ListPolicy {
                action,
                unconfirmed_action,
                opinions,
                minimum_entry_quality: minimum,
                kinds,
                classifications,
                ..ListPolicy::default()
            },
        )
    }

    /// An entry, its list, how far its PDQ hash is, and whether the policy disables it. Some have the md5 of the file.
    #[derive(Clone, Debug)]
    struct Drawn {
        list: &'static str,
        entry: Entry,
        distance: u32,
        is_disabled: bool,
    }

    fn drawn_entry() -> impl Strategy<Value = Drawn> {
        let class = (select(vec![None, Some("scheme")]), select(vec!["1", "2"]));
        let status = select(vec![
            EntryStatus::Active,
            EntryStatus::Active,
            EntryStatus::Disputed,
            EntryStatus::Withdrawn,
            EntryStatus::Other("word".to_owned()),
        ]);
        let told = (
            select(Opinion::ALL.to_vec()),
            status,
            select(vec![None, Some(49), Some(50), Some(90)]),
            option::of(class),
        );
        let place = (
            select(LISTS.to_vec()),
            select(FAR.to_vec()),
            prop::bool::ANY,
            prop::bool::weighted(0.1),
        );
        (told, place).prop_map(|(told, (list, distance, has_md5, is_disabled))| {
            let mut entry = near("", distance as usize);
            (entry.opinion, entry.status, entry.quality) = (told.0, told.1, told.2);
            entry.classification = told.3.map(|(scheme, value)| Classification {
                scheme: scheme.map(str::to_owned),
                region: None,
                value: value.to_owned(),
            });
            if has_md5 {
                entry.hashes.push(md5(&png(&small())));
            }
            Drawn {
                list,
                entry,
                distance,
                is_disabled,
            }
        })
    }

    /// Says what comes of an entry by a kind of hash, step by step, as the documents have it.
    fn stated(policy: &Policy, drawn: &Drawn, kind: HashKind, quality: u8) -> DecisionOutcome {
        let (list, entry) = (drawn.list, &drawn.entry);
        let list = policy.lists.get(list).unwrap_or(&policy.default);
        let mut rule = None;
        for one in &list.classifications {
            let Some(class) = &entry.classification else {
                continue;
            };
            let is_scheme = one.scheme.is_none() || one.scheme == class.scheme;
            let is_value = one.value.is_none() || one.value == Some(class.value.clone());
            if rule.is_none() && is_scheme && is_value {
                rule = Some(one);
            }
        }
        if entry.status == EntryStatus::Withdrawn {
            return DecisionOutcome::Withdrawn;
        }
        let kinds = rule.and_then(|rule| rule.kinds.as_ref());
        let Some(of_kind) = kinds.unwrap_or(&list.kinds).get(&kind) else {
            return DecisionOutcome::KindNotMatched;
        };
        if kind == HashKind::Pdq && quality < of_kind.minimum_quality.unwrap_or(50) {
            return DecisionOutcome::QualityTooLow;
        }
        if kind == HashKind::Pdq && drawn.distance > of_kind.threshold.unwrap_or(31) {
            return DecisionOutcome::TooFar;
        }
        if drawn.is_disabled {
            let reason = "why".to_owned();
            return DecisionOutcome::Suppressed(Suppression::Disabled { reason });
        }
        let opinion = match entry.opinion {
            Opinion::Negative => Opinion::Negative,
            _ if entry.status == EntryStatus::Disputed => Opinion::Disputed,
            opinion => opinion,
        };
        let opinions = rule.and_then(|rule| rule.opinions.as_ref());
        let counts = match opinions.or(list.opinions.as_ref()) {
            Some(opinions) => opinions.contains(&opinion),
            None => opinion != Opinion::Negative,
        };
        if !counts {
            return DecisionOutcome::Suppressed(Suppression::Opinion { opinion });
        }
        if rule.is_some_and(|rule| rule.ignored) {
            return DecisionOutcome::Suppressed(Suppression::Classification);
        }
        let minimum = list.minimum_entry_quality;
        if entry.quality.unwrap_or(100) < minimum {
            return DecisionOutcome::Suppressed(Suppression::EntryQuality { minimum });
        }
        let action = rule.and_then(|rule| rule.action).unwrap_or(list.action);
        DecisionOutcome::Match(if opinion == Opinion::Positive {
            action
        } else {
            action.min(list.unconfirmed_action)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn what_a_policy_decides_of_an_entry_is_what_a_screener_makes_of_it(
            (default, a, b) in (list(), list(), list()),
            mut entries in prop::collection::vec(drawn_entry(), 0..10),
        ) {
            let mut policy = Policy { default, ..Policy::default() };
            policy.lists.extend([("a".to_owned(), a), ("b".to_owned(), b)]);
            for (number, one) in entries.iter_mut().enumerate() {
                one.entry.entry_id = format!("e{number}");
                if one.is_disabled {
                    let (list, entry) = (one.list.to_owned(), one.entry.entry_id.clone());
                    policy.disabled.push(DisabledEntry { list, entry, reason: "why".to_owned() });
                }
            }
            let quality = PdqHasher::new().hash(&small().as_pixels()).unwrap().quality;
            let mut expected = BTreeMap::new();
            for one in &entries {
                for hash in &one.entry.hashes {
                    let (list, entry, kind) = (one.list, &one.entry, hash.kind());
                    let distance = if kind == HashKind::Pdq { one.distance } else { 0 };
                    let stated = stated(&policy, one, kind, quality);
                    let candidate = Candidate { list, entry, kind, distance, quality: Some(quality) };
                    prop_assert_eq!(&policy.decide(&candidate).outcome, &stated);
                    let key = (list.to_owned(), entry.entry_id.clone(), kind);
                    match stated {
                        DecisionOutcome::Match(action) => drop(expected.insert(key, Ok(action))),
                        DecisionOutcome::Suppressed(why) => drop(expected.insert(key, Err(why))),
                        _ => {}
                    }
                }
            }
            let lists = LISTS.map(|name| {
                let of_list = entries.iter().filter(|one| one.list == name);
                (name, of_list.map(|one| one.entry.clone()).collect::<Vec<_>>())
            });
            let lists = lists.each_ref().map(|(name, entries)| (*name, entries.as_slice()));
            let screener = Screener::new([index(&lists)], policy).unwrap();
            let verdict = screener.screen(&png(&small()));
            let key = |one: &hashsieve::EntryMatch| (one.list.clone(), one.entry.clone(), one.kind);
            let matches = verdict.matches.iter().map(|one| (key(one), Ok(one.action)));
            let suppressed = verdict.suppressed.iter();
            let suppressed = suppressed.map(|one| (key(&one.found), Err(one.suppression.clone())));
            prop_assert_eq!(matches.chain(suppressed).collect::<BTreeMap<_, _>>(), expected.clone());
            let strongest = expected.values().filter_map(|one| one.as_ref().ok()).max();
            prop_assert_eq!(verdict.action.as_ref(), strongest);
            prop_assert_eq!(verdict.status == Status::Match, strongest.is_some());
        }
    }
}
