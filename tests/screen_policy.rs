//! What a policy makes of matches: what counts, what it asks for, and what suppresses it. All pictures are synthetic, all entries
//! made up.

use std::collections::BTreeMap;

use hashsieve::synthetic::{Alteration, Scene, alter, picture};
use hashsieve::{
    Action, Candidate, Classification, DecisionOutcome, Decoder, Entry, EntryStatus, HashKind,
    HashValue, Opinion, PdqHasher, PixelBuffer, PixelFormat, Policy, PolicyError, Screener,
    ScreenerError, Status, Suppression, Verdict,
};
use proptest::prelude::*;

#[path = "support/screening.rs"]
mod screening;

use screening::{animation, drawn, entry, found, index, md5, one, pdq, png, screener, turned};

fn small() -> PixelBuffer {
    picture(Scene::Gradient, 3, 64, 64, PixelFormat::Luma8)
}

/// Returns an entry whose hash is so many bits from that of the small picture.
fn near(id: &str, distance: usize) -> Entry {
    entry(id, &[turned(&pdq(&small()), distance)])
}

fn of_class(mut entry: Entry, value: &str) -> Entry {
    entry.classification = Some(Classification {
        scheme: Some("scheme".to_owned()),
        region: None,
        value: value.to_owned(),
    });
    entry
}

fn with_opinion(mut entry: Entry, opinion: Opinion) -> Entry {
    entry.opinion = opinion;
    entry
}

fn screened(lists: &[(&str, &[Entry])], policy: &str) -> Verdict {
    screener(lists, policy).screen_pixels(&small().as_pixels())
}

/// Returns list and entry of what is suppressed, with the reason.
fn suppressed(verdict: &Verdict) -> Vec<(&str, &str, &Suppression)> {
    let suppressed = verdict.suppressed.iter();
    suppressed
        .map(|one| {
            (
                one.found.list.as_str(),
                one.found.entry.as_str(),
                &one.suppression,
            )
        })
        .collect()
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

#[test]
fn a_list_on_trial_does_not_hide_that_an_input_could_not_be_decided() {
    let frames: Vec<PixelBuffer> = (1..=3).map(drawn).collect();
    let whole = animation(&frames);
    let cut = &whole[..whole.len() * 5 / 6];
    let listed = [entry("e", &[pdq(&frames[0])])];
    let screen = |action: &str, bytes: &[u8]| {
        let policy = format!("[default]\naction = '{action}'\n");
        screener(&[("a", &listed)], &policy).screen(bytes)
    };
    let verdict = screen("observe", cut);
    assert_eq!(verdict.status, Status::Truncated);
    assert_eq!(
        (verdict.matches.len(), verdict.action),
        (1, Some(Action::Observe))
    );
    assert_eq!(screen("observe", &whole).status, Status::Match);
    assert_eq!(screen("review", cut).status, Status::Match);
}

const KNOWN: &str = "[lists.known]\nknown = { reason = 'looked at' }\n";

#[test]
fn a_known_list_suppresses_a_near_match_that_is_no_nearer() {
    for (distance, known, is_suppressed) in [
        (20, 4, true),
        (20, 20, true),
        (20, 21, false),
        (0, 0, true),
        (0, 1, false),
    ] {
        let (bad, good) = ([near("bad", distance)], [near("good", known)]);
        let verdict = screened(&[("a", &bad), ("known", &good)], KNOWN);
        let status = if is_suppressed {
            Status::Suppressed
        } else {
            Status::Match
        };
        assert_eq!(verdict.status, status, "{distance} {known}");
        if is_suppressed {
            let known = Suppression::Known {
                list: "known".to_owned(),
                entry: "good".to_owned(),
                kind: HashKind::Pdq,
                distance: u32::try_from(known).unwrap(),
                reason: "looked at".to_owned(),
            };
            assert_eq!(suppressed(&verdict), [("a", "bad", &known)]);
        } else {
            assert!(verdict.suppressed.is_empty());
        }
    }
}

#[test]
fn a_known_file_suppresses_near_matches_and_exact_ones_only_if_told() {
    let file = png(&drawn(1));
    let bad = [
        entry("near", &[pdq(&drawn(1))]),
        entry("exact", &[md5(&file)]),
    ];
    let good = [entry("good", &[md5(&file)])];
    let lists = [("a", &bad[..]), ("known", &good[..])];
    let verdict = screener(&lists, KNOWN).screen(&file);
    assert_eq!(found(&verdict), [("a", "exact", 0)]);
    assert_eq!(verdict.suppressed[0].found.entry, "near");
    let exact = "[lists.known]\nknown = { reason = 'looked at', exact = true }\n";
    let verdict = screener(&lists, exact).screen(&file);
    assert_eq!(verdict.status, Status::Suppressed);
    assert_eq!(verdict.suppressed.len(), 2);
    // Another file of the same picture is not known.
    let other = [&file[..], b"more"].concat();
    let verdict = screener(&lists, exact).screen(&other);
    assert_eq!(found(&verdict), [("a", "near", 0)]);
}

#[test]
fn a_known_list_may_be_for_some_lists_only() {
    let (bad, good) = ([near("bad", 5)], [near("good", 0)]);
    let lists = [("a", &bad[..]), ("b", &bad[..]), ("known", &good[..])];
    let policy = "[lists.known]\nknown = { reason = 'looked at', lists = ['b'] }\n";
    let verdict = screened(&lists, policy);
    assert_eq!(found(&verdict), [("a", "bad", 5)]);
    assert_eq!(verdict.suppressed[0].found.list, "b");
}

#[test]
fn known_lists_alone_decide_nothing() {
    let verdict = screened(&[("known", &[near("good", 0)])], KNOWN);
    assert_eq!(verdict.status, Status::IndexNotLoaded);
}

#[test]
fn a_known_entry_that_does_not_count_suppresses_nothing() {
    let bad = [near("bad", 5)];
    let negative = [with_opinion(near("good", 0), Opinion::Negative)];
    let verdict = screened(&[("a", &bad), ("known", &negative)], KNOWN);
    assert_eq!(found(&verdict), [("a", "bad", 5)]);
    let policy = format!("{KNOWN}[[disabled]]\nlist = 'known'\nentry = 'good'\nreason = 'why'\n");
    let verdict = screened(&[("a", &bad), ("known", &[near("good", 0)])], &policy);
    assert_eq!(found(&verdict), [("a", "bad", 5)]);
    // Another entry of the same list does, though it is farther away.
    let good = [near("good", 0), near("other", 4)];
    let verdict = screened(&[("a", &bad), ("known", &good)], &policy);
    assert_eq!(verdict.status, Status::Suppressed);
}

#[test]
fn a_match_in_a_frame_that_is_not_known_stands_though_a_nearer_one_is_suppressed() {
    let first = drawn(1);
    let second = alter(&first, Alteration::Brightness { percent: -8 }, 0).unwrap();
    let second = alter(&second, Alteration::Blur, 0).unwrap();
    let file = animation(&[first, second]);
    let mut hashes = Vec::new();
    let mut hasher = PdqHasher::new();
    Decoder::default()
        .for_each_frame(&file, |frame| {
            hashes.push(HashValue::from(hasher.hash(&frame.pixels).unwrap().hash));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    let [one, other] = hashes[..] else { panic!() };
    let apart = one.distance(&other).unwrap();
    assert!(apart > 2, "{apart}");
    // One bit from the first frame towards the second.
    let differing: Vec<u8> = one
        .as_bytes()
        .iter()
        .zip(other.as_bytes())
        .map(|(a, b)| a ^ b)
        .collect();
    let at = differing.iter().position(|&byte| byte != 0).unwrap();
    let mut bytes = one.as_bytes().to_vec();
    bytes[at] ^= 1 << differing[at].trailing_zeros();
    let between = HashValue::from_bytes(HashKind::Pdq, &bytes).unwrap();
    let (bad, good) = ([entry("bad", &[between])], [entry("good", &[one])]);
    let verdict = screener(&[("a", &bad), ("known", &good)], KNOWN).screen(&file);
    assert_eq!(found(&verdict), [("a", "bad", apart - 1)]);
    assert_eq!(verdict.matches[0].frame, Some(1));
    assert!(verdict.suppressed.is_empty());
}

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

/// One entry: its list, its class, its opinion, how far its hash is, and whether it is disabled.
type RandomEntry = (usize, usize, usize, usize, bool);

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// The screener does with an index what the policy says of each entry alone.
    #[test]
    fn a_screener_follows_its_policy(
        entries in prop::collection::vec((0..4_usize, 0..3_usize, 0..4_usize, 0..5_usize, prop::bool::weighted(0.1)), 0..12),
        thresholds in prop::array::uniform4(0..5_usize),
        of_rule in prop::array::uniform4(prop::option::of(0..5_usize)),
        known in prop::array::uniform2(prop::option::of(prop::bool::ANY)),
        quality in prop::sample::select(vec![0, 0, 100]),
    ) {
        const DISTANCES: [usize; 5] = [0, 5, 10, 20, 31];
        let name = |list: usize| format!("list {list}");
        let mut text = String::new();
        for list in 0..4 {
            text += &format!("[lists.'{0}']\nopinions = ['positive', 'investigation']\n", name(list));
            if let Some(Some(is_for_first)) = list.checked_sub(2).map(|known_list| known[known_list]) {
                let lists = if is_for_first { ", lists = ['list 0']" } else { "" };
                text += &format!("known = {{ reason = 'x'{lists} }}\n");
            } else {
                text += "action = 'block'\n";
            }
            text += &format!("[lists.'{}'.kinds.pdq]\nthreshold = {}\n", name(list), DISTANCES[thresholds[list]]);
            if let Some(threshold) = of_rule[list] {
                text += &format!(
                    "[[lists.'{}'.classifications]]\nvalue = '1'\nkinds = {{ pdq = {{ threshold = {}, minimum_quality = {quality} }} }}\n",
                    name(list), DISTANCES[threshold]
                );
                text += &format!("[[lists.'{}'.classifications]]\nvalue = '2'\nignored = true\n", name(list));
            }
        }
        let mut lists = vec![Vec::new(); 4];
        for (number, &(list, class, opinion, distance, is_disabled)) in entries.iter().enumerate() {
            let (id, of): (String, RandomEntry) = (format!("e{number}"), (list, class, opinion, distance, is_disabled));
            let entry = of_class(near(&id, DISTANCES[of.3]), &of.1.to_string());
            lists[list].push((with_opinion(entry, Opinion::ALL[opinion]), DISTANCES[distance]));
            if is_disabled {
                text += &format!("[[disabled]]\nlist = '{}'\nentry = '{id}'\nreason = 'x'\n", name(list));
            }
        }
        let policy: Policy = toml::from_str(&text).unwrap();
        let picture = small();
        let hashed = PdqHasher::new().hash(&picture.as_pixels()).unwrap();
        let decide = |list: &str, entry: &Entry, distance: usize| {
            let distance = u32::try_from(distance).unwrap();
            let kind = HashKind::Pdq;
            policy.decide(&Candidate { list, entry, kind, distance, quality: Some(hashed.quality) }).outcome
        };
        let mut nearest_known = BTreeMap::new();
        for (list, entries) in lists.iter().enumerate() {
            for (entry, distance) in entries {
                if decide(&name(list), entry, *distance) == DecisionOutcome::Known {
                    let nearest = nearest_known.entry(list).or_insert(*distance);
                    *nearest = (*nearest).min(*distance);
                }
            }
        }
        let (mut matches, mut suppressed) = (BTreeMap::new(), BTreeMap::new());
        for (list, entries) in lists.iter().enumerate() {
            for (entry, distance) in entries {
                let key = (name(list), entry.entry_id.clone());
                match decide(&key.0, entry, *distance) {
                    DecisionOutcome::Match(action) => {
                        let is_known = nearest_known.iter().any(|(&by, nearest)| {
                            nearest <= distance && (known[by - 2] != Some(true) || list == 0)
                        });
                        if is_known { suppressed.insert(key, true); } else { matches.insert(key, action); }
                    }
                    DecisionOutcome::Suppressed(_) if policy.lists[&key.0].known.is_none() => {
                        suppressed.insert(key, false);
                    }
                    _ => {}
                }
            }
        }
        let borrowed: Vec<(String, Vec<Entry>)> = lists.iter().enumerate()
            .map(|(list, entries)| (name(list), entries.iter().map(|(entry, _)| entry.clone()).collect()))
            .collect();
        let borrowed: Vec<(&str, &[Entry])> = borrowed.iter().map(|(name, list)| (name.as_str(), list.as_slice())).collect();
        let verdict = Screener::new([index(&borrowed)], policy.clone()).unwrap().screen_pixels(&picture.as_pixels());
        let of_verdict: BTreeMap<_, _> = verdict.matches.iter()
            .map(|one| ((one.list.clone(), one.entry.clone()), one.action)).collect();
        prop_assert_eq!(&of_verdict, &matches);
        let of_verdict: BTreeMap<_, _> = verdict.suppressed.iter()
            .map(|one| ((one.found.list.clone(), one.found.entry.clone()), matches!(one.suppression, Suppression::Known { .. })))
            .collect();
        prop_assert_eq!(&of_verdict, &suppressed);
        prop_assert_eq!(verdict.status == Status::Match, !matches.is_empty());
    }
}
