//! Screening: every status, and that a list's rules are its own. All pictures are synthetic, all entries made up.

use std::collections::{BTreeMap, BTreeSet};

use hashsieve::synthetic::{Alteration, Scene, alter, picture};
use hashsieve::{
    Action, ClassicHasher, ClassicKind, DecodeOptions, Dihedral, Entry, EntryStatus, HashKind,
    HashValue, Index, IndexBuilder, ListDescriptor, MatchType, PdqHasher, PixelBuffer, PixelFormat,
    Policy, Screener, ScreenerError, Status, Verdict, digest,
};
use proptest::prelude::*;

#[path = "support/json.rs"]
mod json;
#[path = "support/screening.rs"]
mod screening;

use json::keys;
use screening::{
    animation, drawn, entry, flat, found, index, index_file, md5, one, pdq, png, screener, turned,
};

#[test]
fn a_picture_of_the_list_is_a_near_match_that_says_how() {
    let original = drawn(1);
    let verdict = one(pdq(&original), "").screen(&png(&original));
    assert_eq!(verdict.status, Status::Match);
    assert_eq!(verdict.action, Some(Action::Review));
    assert_eq!((verdict.frames, verdict.low_quality_frames), (1, 0));
    assert_eq!(verdict.problem, None);
    let [found] = &verdict.matches[..] else {
        panic!("{verdict:?}")
    };
    assert_eq!(
        (found.list.as_str(), found.entry.as_str()),
        ("list", "entry")
    );
    assert_eq!(found.list_version, "list-version");
    assert_eq!(
        (found.kind, found.match_type),
        (HashKind::Pdq, MatchType::Near)
    );
    assert_eq!(found.distance, 0);
    assert!(found.quality.unwrap() >= 50);
    assert_eq!(found.transform, Some(Dihedral::Original));
    assert_eq!(found.frame, Some(0));
    assert_eq!(found.entry_status, EntryStatus::Active);
}

#[test]
fn another_picture_is_no_match() {
    let verdict = one(pdq(&drawn(1)), "").screen(&png(&drawn(2)));
    assert_eq!(verdict.status, Status::NoMatch);
    assert_eq!((verdict.action, verdict.problem), (None, None));
    assert_eq!(verdict.matches, []);
    assert_eq!(verdict.frames, 1);
}

#[test]
fn what_cannot_be_looked_at_is_never_no_match() {
    let sound = png(&drawn(1));
    let mut broken = sound.clone();
    let middle = broken.len() / 2;
    broken[middle] ^= 0xff;
    let screener = one(pdq(&drawn(2)), "");
    for (bytes, expected, hashed) in [
        (png(&flat()), Status::LowQuality, 1),
        (
            png(&picture(Scene::DeadLeaves, 1, 3, 3, PixelFormat::Rgb8)),
            Status::TooSmall,
            0,
        ),
        (b"a text".to_vec(), Status::Unsupported, 0),
        (Vec::new(), Status::Unsupported, 0),
        (sound[..middle].to_vec(), Status::Truncated, 0),
        (broken, Status::Malformed, 0),
    ] {
        let verdict = screener.screen(&bytes);
        assert_eq!(
            (verdict.status, verdict.undecided),
            (expected, Some(expected))
        );
        assert!(!verdict.status.is_decided() && !verdict.is_decided());
        assert_eq!(verdict.frames, hashed, "{expected}");
        assert_eq!(
            verdict.problem.is_some(),
            expected != Status::LowQuality,
            "{expected}"
        );
        assert_eq!(verdict.action, None);
    }
}

#[test]
fn a_picture_over_a_limit_says_which() {
    let mut options = DecodeOptions::default();
    options.limits.pixels = 256 * 256 - 1;
    let indexes = || vec![index(&[("list", &[entry("entry", &[pdq(&drawn(1))])])])];
    let screener = Screener::with_decode_options(indexes(), Policy::default(), options).unwrap();
    let verdict = screener.screen(&png(&drawn(1)));
    assert_eq!(verdict.status, Status::OverLimit);
    assert!(verdict.problem.unwrap().contains("pixels"));
    options.limits.pixels += 1;
    let screener = Screener::with_decode_options(indexes(), Policy::default(), options).unwrap();
    assert_eq!(screener.screen(&png(&drawn(1))).status, Status::Match);
}

#[test]
fn an_old_list_turns_no_match_into_list_out_of_date_and_leaves_matches_alone() {
    let original = drawn(1);
    let screener = one(pdq(&original), "[lists.list]\nmax_age_days = 30");
    let verdict = screener.screen(&png(&drawn(2)));
    assert_eq!(verdict.status, Status::ListOutOfDate);
    assert_eq!(verdict.lists_out_of_date, ["list"]);
    let verdict = screener.screen(&png(&original));
    assert_eq!(verdict.status, Status::Match);
    assert_eq!(verdict.lists_out_of_date, ["list"]);
    // About a hundred years.
    let screener = one(pdq(&original), "[lists.list]\nmax_age_days = 36500");
    let verdict = screener.screen(&png(&drawn(2)));
    assert_eq!(verdict.status, Status::NoMatch);
    assert_eq!(verdict.lists_out_of_date, [""; 0]);
}

#[test]
fn what_is_only_observed_does_not_decide_an_input_that_was_not_fully_looked_at() {
    let frames: Vec<PixelBuffer> = (1..=3).map(drawn).collect();
    let file = animation(&frames);
    let (whole, cut) = (&file[..], &file[..file.len() * 5 / 6]);
    let with_flat = animation(&[drawn(1), flat()]);
    let trial = "[lists.trial]\naction = 'observe'\n";
    let old = "[lists.hot]\nmax_age_days = 30\n";
    let (hot, hit) = (
        [entry("e", &[pdq(&drawn(9))])],
        [entry("e", &[pdq(&drawn(1))])],
    );
    let screen = |file: &[u8], policy: &str, hit: &[Entry]| {
        let lists: [(&str, &[Entry]); 2] = [("hot", &hot), ("trial", hit)];
        screener(&lists, policy).screen(file)
    };
    for (file, of_hot, undecided, says) in [
        (cut, "", Status::Truncated, Some("truncated")),
        (whole, old, Status::ListOutOfDate, Some("out of date: hot")),
        (&with_flat, "", Status::LowQuality, None),
    ] {
        // What is not matched is undecided; that a list on trial matches does not change that, and that one asks for a review does.
        let verdict = screen(file, &format!("{of_hot}{trial}"), &hot);
        assert_eq!(verdict.status, undecided);
        for (policy, action, is_decided) in [
            (trial, Action::Observe, false),
            ("", Action::Review, true),
            ("[lists.trial]\naction = 'block'\n", Action::Block, true),
        ] {
            let verdict = screen(file, &format!("{of_hot}{policy}"), &hit);
            assert_eq!(verdict.status, Status::Match);
            assert_eq!(verdict.action, Some(action));
            assert_eq!(verdict.undecided, Some(undecided));
            assert_eq!(verdict.is_decided(), is_decided, "{undecided} {action:?}");
            let problem = verdict.problem.as_deref();
            assert_eq!(problem.is_some(), says.is_some(), "{undecided}");
            assert!(
                problem
                    .unwrap_or_default()
                    .contains(says.unwrap_or_default())
            );
        }
    }
    let verdict = screen(whole, trial, &hit);
    assert_eq!(verdict.undecided, None);
    assert!(verdict.is_decided());
}

#[test]
fn an_old_list_is_told_before_what_is_the_files_fault_and_that_as_well() {
    let screener = one(pdq(&drawn(1)), "[lists.list]\nmax_age_days = 30");
    let verdict = screener.screen(b"a text");
    assert_eq!(verdict.status, Status::ListOutOfDate);
    let problem = verdict.problem.unwrap();
    assert!(problem.starts_with("out of date: list; "), "{problem}");
    assert!(
        problem.contains("not supported") || problem.contains("format"),
        "{problem}"
    );
}

#[test]
fn a_list_whose_date_is_days_in_the_future_is_out_of_date_when_a_policy_asks_for_its_age() {
    const DAY: i64 = 86_400;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.hsv");
    for (time, by_policy) in [
        (now - DAY, Status::NoMatch),
        (now + DAY / 2, Status::NoMatch),
        (now + 2 * DAY, Status::ListOutOfDate),
        (i64::MAX, Status::ListOutOfDate),
    ] {
        let mut builder = IndexBuilder::new(&path);
        let list = ListDescriptor {
            time: Some(time),
            ..ListDescriptor::default()
        };
        let list = builder.add_list(list).unwrap();
        builder.add(list, &entry("e", &[pdq(&drawn(1))])).unwrap();
        builder.finish().unwrap();
        for (age, status) in [(None, Status::NoMatch), (Some(30), by_policy)] {
            let mut policy = Policy::default();
            policy.default.max_age_days = age;
            let screener = Screener::new(vec![Index::open(&path).unwrap()], policy).unwrap();
            assert_eq!(screener.screen(&png(&drawn(2))).status, status);
        }
    }
}

#[test]
fn a_list_without_a_date_is_out_of_date_when_a_policy_asks_for_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.hsv");
    let mut builder = IndexBuilder::new(&path);
    let list = builder.add_list(ListDescriptor::default()).unwrap();
    builder.add(list, &entry("e", &[pdq(&drawn(1))])).unwrap();
    builder.finish().unwrap();
    let mut policy = Policy::default();
    policy.default.max_age_days = Some(u32::MAX);
    let screener = Screener::new(vec![Index::open(&path).unwrap()], policy).unwrap();
    let verdict = screener.screen(&png(&drawn(2)));
    assert_eq!(verdict.status, Status::ListOutOfDate);
}

#[test]
fn without_an_index_nothing_is_decided() {
    let screener = Screener::new(Vec::<Index>::new(), Policy::default()).unwrap();
    for verdict in [
        screener.screen(&png(&drawn(1))),
        screener.screen(b""),
        screener.screen_pixels(&drawn(1).as_pixels()),
    ] {
        assert_eq!(verdict.status, Status::IndexNotLoaded);
        assert!(!verdict.status.is_decided());
    }
}

#[test]
fn a_damaged_index_is_told_and_never_no_match() {
    let original = drawn(1);
    let mut bytes = index_file(&[("list", &[entry("entry", &[pdq(&original)])])]);
    // The file ends with its assertions: positions of entries, which opening does not read.
    let end = bytes.len();
    bytes[end - 4..].fill(0xff);
    let damaged = || Index::from_bytes(bytes.clone()).unwrap();
    let screener = Screener::new(vec![damaged()], Policy::default()).unwrap();
    let verdict = screener.screen(&png(&original));
    assert_eq!(verdict.status, Status::IndexDamaged);
    assert!(verdict.problem.unwrap().contains("damaged"));
    // What another index finds is a match all the same, and the damage is told.
    let sound = index(&[("sound", &[entry("entry", &[pdq(&original)])])]);
    let screener = Screener::new(vec![damaged(), sound], Policy::default()).unwrap();
    let verdict = screener.screen(&png(&original));
    assert_eq!(verdict.status, Status::Match);
    assert_eq!(found(&verdict), [("sound", "entry", 0)]);
    assert!(verdict.problem.unwrap().contains("damaged"));
}

#[test]
fn a_digest_matches_although_the_picture_cannot_be_decoded() {
    let cut = &png(&drawn(1))[..500];
    let entries = [entry("entry", &[md5(cut), pdq(&drawn(2))])];
    let verdict = screener(&[("list", &entries)], "").screen(cut);
    assert_eq!(verdict.status, Status::Match);
    assert!(verdict.problem.unwrap().contains("truncated"));
    let found = &verdict.matches[0];
    assert_eq!(
        (found.kind, found.match_type),
        (HashKind::Md5, MatchType::Exact)
    );
    assert_eq!(
        (found.distance, found.quality, found.transform, found.frame),
        (0, None, None, None)
    );
}

#[test]
fn a_list_of_digests_alone_needs_no_picture() {
    let verdict = one(md5(b"some text"), "").screen(b"another text");
    assert_eq!(verdict.status, Status::NoMatch);
    assert_eq!(verdict.frames, 0);
}

#[test]
fn a_list_that_asks_for_more_quality_than_there_is_gives_low_quality() {
    let soft = flat();
    let low = PdqHasher::new().hash(&soft.as_pixels()).unwrap().quality;
    assert!(low < 50);
    let with_minimum = |minimum: u8| {
        let policy = format!("[lists.list.kinds.pdq]\nminimum_quality = {minimum}");
        one(pdq(&soft), &policy).screen(&png(&soft))
    };
    let verdict = with_minimum(low + 1);
    assert_eq!(verdict.status, Status::LowQuality);
    assert_eq!((verdict.frames, verdict.low_quality_frames), (1, 1));
    let verdict = with_minimum(low);
    assert_eq!(verdict.status, Status::Match);
    assert_eq!(verdict.low_quality_frames, 0);
    assert_eq!(verdict.matches[0].quality, Some(low));
}

#[test]
fn one_list_may_match_what_another_finds_too_low_in_quality() {
    let soft = flat();
    let entries = [entry("entry", &[pdq(&soft)])];
    let lists: [(&str, &[Entry]); 2] = [("careful", &entries), ("eager", &entries)];
    let verdict =
        screener(&lists, "[lists.eager.kinds.pdq]\nminimum_quality = 0").screen(&png(&soft));
    assert_eq!(found(&verdict), [("eager", "entry", 0)]);
    assert_eq!(verdict.low_quality_frames, 1);
}

#[test]
fn a_list_is_matched_by_the_kinds_it_names_only() {
    let original = drawn(1);
    let file = png(&original);
    let entries = [entry("entry", &[pdq(&original), md5(&file)])];
    let kinds = |policy: &str| -> (Status, Vec<HashKind>) {
        let verdict = screener(&[("list", &entries)], policy).screen(&file);
        let kinds = verdict.matches.iter().map(|found| found.kind).collect();
        (verdict.status, kinds)
    };
    let (all, none) = (vec![HashKind::Md5, HashKind::Pdq], Vec::new());
    assert_eq!(kinds(""), (Status::Match, all));
    assert_eq!(
        kinds("[lists.list.kinds.md5]"),
        (Status::Match, vec![HashKind::Md5])
    );
    assert_eq!(
        kinds("[lists.list.kinds.pdq]"),
        (Status::Match, vec![HashKind::Pdq])
    );
    assert_eq!(
        kinds("[lists.list.kinds.sha1]"),
        (Status::IndexNotLoaded, none.clone())
    );
    assert_eq!(
        kinds("[lists.list]\nkinds = {}"),
        (Status::IndexNotLoaded, none)
    );
    // A second list that is matched by PDQ does not lend its kinds.
    let lists: [(&str, &[Entry]); 2] = [("a", &entries), ("b", &entries)];
    let verdict = screener(&lists, "[lists.a.kinds.md5]\n[lists.b.kinds.pdq]").screen(&file);
    let by: Vec<_> = verdict
        .matches
        .iter()
        .map(|m| (m.list.as_str(), m.kind))
        .collect();
    assert_eq!(by, [("a", HashKind::Md5), ("b", HashKind::Pdq)]);
}

#[test]
fn a_withdrawn_entry_does_not_match() {
    let original = drawn(1);
    let file = png(&original);
    let hashes = [pdq(&original), md5(&file)];
    let mut withdrawn = entry("taken back", &hashes);
    withdrawn.status = EntryStatus::Withdrawn;
    let other = entry("other", &[md5(b"other")]);
    let verdict = screener(&[("list", &[withdrawn.clone(), other])], "").screen(&file);
    assert_eq!(verdict.status, Status::NoMatch);
    // Nor does one that stood before, while its neighbour goes on to match.
    let entries = [
        entry("taken back", &hashes),
        entry("stands", &hashes),
        withdrawn,
    ];
    let verdict = screener(&[("list", &entries)], "").screen(&file);
    assert_eq!(
        found(&verdict),
        [("list", "stands", 0), ("list", "stands", 0)]
    );
}

#[test]
fn disputed_and_unknown_statuses_match_and_say_so() {
    let original = drawn(1);
    for word in ["disputed", "a new word"] {
        let mut doubtful = entry("entry", &[pdq(&original)]);
        doubtful.status = EntryStatus::parse(word);
        let verdict = screener(&[("list", &[doubtful])], "").screen(&png(&original));
        assert_eq!(verdict.matches[0].entry_status.as_str(), word);
    }
}

#[test]
fn every_entry_that_asserts_a_hash_comes_back() {
    let original = drawn(1);
    let hash = pdq(&original);
    let entries: Vec<Entry> = (0..50)
        .map(|n| entry(&format!("e{n:02}"), &[hash]))
        .collect();
    let lists: [(&str, &[Entry]); 2] = [("a", &entries), ("b", &entries[..5])];
    let verdict = screener(&lists, "").screen(&png(&original));
    assert_eq!(verdict.matches.len(), 55);
    let names: BTreeSet<_> = found(&verdict).into_iter().collect();
    assert_eq!(names.len(), 55);
}

#[test]
fn a_hash_of_more_entries_than_are_collected_at_a_time_matches_all_of_them() {
    // 65,536 ways are collected before those of one entry are put together.
    const COUNT: usize = 70_000;
    let picture = picture(Scene::DeadLeaves, 1, 64, 64, PixelFormat::Luma8);
    let hash = pdq(&picture);
    let entries: Vec<Entry> = (0..COUNT)
        .map(|number| {
            entry(
                &format!("{number:05}"),
                &[turned(&hash, 9), turned(&hash, 2)],
            )
        })
        .collect();
    let verdict = screener(&[("list", &entries)], "").screen_pixels(&picture.as_pixels());
    assert_eq!(verdict.matches.len(), COUNT);
    for (number, found) in verdict.matches.iter().enumerate() {
        assert_eq!(found.distance, 2);
        assert_eq!(found.entry, format!("{number:05}"));
    }
}

#[test]
fn a_damaged_record_hides_no_other_entry_of_a_digest_or_a_picture() {
    let picture = drawn(1);
    let file = png(&picture);
    let of_class = |id: &str| {
        let mut entry = entry(id, &[md5(&file), pdq(&picture)]);
        entry.classification = Some(hashsieve::Classification {
            scheme: None,
            region: None,
            value: "1".to_owned(),
        });
        entry
    };
    let entries = [of_class("a"), of_class("zzdamagedzz"), of_class("zzz")];
    let mut bytes = index_file(&[("list", &entries)]);
    let at = bytes
        .windows(11)
        .position(|text| text == b"zzdamagedzz")
        .unwrap();
    // What is no text cannot be read.
    bytes[at] = 0xff;
    let rules = "[[lists.list.classifications]]\nvalue = '1'\naction = 'block'\n";
    for policy in ["", rules] {
        let index = Index::from_bytes(bytes.clone()).unwrap();
        let screener = Screener::new([index], toml::from_str(policy).unwrap()).unwrap();
        let verdict = screener.screen(&file);
        let others = [
            ("list", "a", 0),
            ("list", "zzz", 0),
            ("list", "a", 0),
            ("list", "zzz", 0),
        ];
        assert_eq!(found(&verdict), others);
        assert_eq!(verdict.undecided, Some(Status::IndexDamaged));
        assert!(verdict.problem.unwrap().contains("damaged"));
    }
}

#[test]
fn evidence_names_the_policy_and_the_rule() {
    let mut listed = entry("entry", &[pdq(&drawn(1))]);
    listed.classification = Some(hashsieve::Classification {
        scheme: None,
        region: None,
        value: "2".to_owned(),
    });
    let lists: [(&str, &[Entry]); 1] = [("list", &[listed])];
    let text = "[[lists.list.classifications]]\nvalue = '1'\n[[lists.list.classifications]]\nvalue = '2'\n";
    let file = png(&drawn(1));
    let evidence = |policy: &str| {
        let screener = screener(&lists, policy);
        screener.evidence(&file, screener.screen(&file))
    };
    let record = evidence(text);
    assert_eq!(record.verdict.matches[0].rule, Some(2));
    let policy: Policy = toml::from_str(text).unwrap();
    let json = serde_json::to_vec(&policy).unwrap();
    let sha256 = digest::of(&json, &[HashKind::Sha256])[0];
    assert_eq!(record.policy_sha256, sha256.to_hex());
    let other = evidence("");
    assert_eq!(other.verdict.matches[0].rule, None);
    assert_ne!(other.policy_sha256, record.policy_sha256);
}

#[test]
fn matches_are_one_for_each_entry_and_kind_and_stand_in_the_documented_order() {
    let original = drawn(1);
    let (file, hash) = (png(&original), pdq(&original));
    let sha1 = digest::of(&file, &[HashKind::Sha1])[0];
    let several = [
        turned(&hash, 9),
        turned(&hash, 3),
        turned(&hash, 20),
        sha1,
        md5(&file),
    ];
    let a = [entry("z", &several), entry("y", &[turned(&hash, 9)])];
    let b = [
        entry("x", &[turned(&hash, 9), md5(&file)]),
        entry("w", &[hash]),
    ];
    // Lists stand in the index against the order of their names.
    let verdict = screener(&[("b", &b), ("a", &a)], "").screen(&file);
    let order: Vec<_> = verdict
        .matches
        .iter()
        .map(|m| {
            (
                m.match_type,
                m.distance,
                m.kind,
                m.list.as_str(),
                m.entry.as_str(),
            )
        })
        .collect();
    use HashKind::{Md5, Pdq, Sha1};
    use MatchType::{Exact, Near};
    assert_eq!(
        order,
        [
            (Exact, 0, Md5, "a", "z"),
            (Exact, 0, Md5, "b", "x"),
            (Exact, 0, Sha1, "a", "z"),
            (Near, 0, Pdq, "b", "w"),
            (Near, 3, Pdq, "a", "z"),
            (Near, 9, Pdq, "a", "y"),
            (Near, 9, Pdq, "b", "x"),
        ]
    );
}

#[test]
fn the_strongest_action_of_the_lists_that_match_counts() {
    let original = drawn(1);
    let entries = [entry("entry", &[pdq(&original)])];
    let others = [entry("entry", &[pdq(&drawn(2))])];
    let lists: [(&str, &[Entry]); 3] = [("a", &entries), ("b", &entries), ("c", &others)];
    let action = |policy: &str| {
        let verdict = screener(&lists, policy).screen(&png(&original));
        let each = verdict
            .matches
            .iter()
            .map(|found| found.action)
            .collect::<Vec<_>>();
        (verdict.action.unwrap(), each)
    };
    let trial = "[lists.a]\naction = 'observe'\n[lists.c]\naction = 'block'\n";
    assert_eq!(
        action(trial),
        (Action::Review, vec![Action::Observe, Action::Review])
    );
    let strict = "[default]\naction = 'block'\n[lists.a]\naction = 'observe'\n";
    assert_eq!(
        action(strict),
        (Action::Block, vec![Action::Observe, Action::Block])
    );
}

#[test]
fn a_policy_for_a_list_that_no_index_has_is_refused() {
    let policy: Policy = toml::from_str("[lists.lisst]").unwrap();
    let error = Screener::new(vec![index(&[("list", &[])])], policy).unwrap_err();
    assert!(matches!(error, ScreenerError::Policy(_)));
    assert!(error.to_string().contains("`lisst`"), "{error}");
}

#[test]
fn the_frame_of_an_animation_that_matches_is_named() {
    let frames: Vec<PixelBuffer> = (1..=4).map(drawn).collect();
    let verdict = one(pdq(&frames[2]), "").screen(&animation(&frames));
    assert_eq!(verdict.status, Status::Match);
    assert_eq!(verdict.frames, 4);
    assert_eq!(verdict.matches[0].frame, Some(2));
}

#[test]
fn an_entry_that_several_frames_match_is_named_once_at_its_closest() {
    let (first, second) = (drawn(1), drawn(2));
    let softened = alter(&first, Alteration::Blur, 0).unwrap();
    let frames = [softened.clone(), second, first.clone(), softened];
    let verdict = one(pdq(&first), "").screen(&animation(&frames));
    let [found] = &verdict.matches[..] else {
        panic!("{verdict:?}")
    };
    // Frames that repeat are not hashed again.
    assert_eq!(verdict.frames, 3);
    let alone = one(pdq(&first), "")
        .screen(&animation(&frames[..1]))
        .matches[0]
        .distance;
    assert!(found.distance <= alone);
    assert_eq!(
        found.frame,
        Some(if found.distance < alone { 2 } else { 0 })
    );
}

#[test]
fn a_match_in_an_early_frame_is_kept_when_the_animation_is_cut_later() {
    let frames: Vec<PixelBuffer> = (1..=3).map(drawn).collect();
    let whole = animation(&frames);
    let cut = &whole[..whole.len() * 5 / 6];
    let verdict = one(pdq(&frames[0]), "").screen(cut);
    assert_eq!(verdict.status, Status::Match);
    assert_eq!(verdict.matches[0].frame, Some(0));
    assert!(verdict.problem.unwrap().contains("truncated"));
    // The frame that is lost cannot be said not to match.
    let verdict = one(pdq(&frames[2]), "").screen(cut);
    assert_eq!(verdict.status, Status::Truncated);
}

#[test]
fn a_low_quality_frame_makes_an_animation_undecided() {
    let frames = [drawn(1), flat(), drawn(2)];
    let verdict = one(pdq(&drawn(3)), "").screen(&animation(&frames));
    assert_eq!(verdict.status, Status::LowQuality);
    assert_eq!((verdict.frames, verdict.low_quality_frames), (3, 1));
}

#[test]
fn pixels_are_screened_as_files_are() {
    let original = drawn(1);
    for policy in [
        "",
        "dihedral = true",
        "[default.kinds.pdq]\nthreshold = 256",
    ] {
        let screener = one(pdq(&drawn(1)), policy);
        for seed in [1, 2] {
            let picture = drawn(seed);
            let by_pixels = screener.screen_pixels(&picture.as_pixels());
            assert_eq!(by_pixels, screener.screen(&png(&picture)));
        }
    }
    // There is no file, so no digest of one.
    let screener = one(md5(&png(&original)), "");
    assert_eq!(screener.screen_pixels(&original.as_pixels()).matches, []);
    let tiny = picture(Scene::DeadLeaves, 1, 4, 100, PixelFormat::Luma8);
    let verdict = one(pdq(&original), "").screen_pixels(&tiny.as_pixels());
    assert_eq!(verdict.status, Status::TooSmall);
}

#[test]
fn a_turned_copy_matches_when_asked_for_and_names_its_transform() {
    // PDQ follows turns nearly but not exactly; this picture is within the usual threshold for each.
    let original = drawn(8);
    for (alteration, back) in [
        (Alteration::Rotate90, Dihedral::Rotate270),
        (Alteration::Rotate180, Dihedral::Rotate180),
        (Alteration::Rotate270, Dihedral::Rotate90),
        (Alteration::FlipX, Dihedral::FlipX),
        (Alteration::FlipY, Dihedral::FlipY),
    ] {
        let file = png(&alter(&original, alteration, 0).unwrap());
        let verdict = one(pdq(&original), "").screen(&file);
        assert_eq!(verdict.status, Status::NoMatch, "{alteration:?}");
        let verdict = one(pdq(&original), "dihedral = true").screen(&file);
        assert_eq!(verdict.status, Status::Match, "{alteration:?}");
        assert_eq!(verdict.matches[0].transform, Some(back), "{alteration:?}");
    }
}

#[test]
fn threads_that_share_a_screener_get_the_verdicts_of_one() {
    let screener = one(pdq(&drawn(1)), "dihedral = true");
    let mut files: Vec<Vec<u8>> = (1..=6).map(|seed| png(&drawn(seed))).collect();
    files.push(animation(&[drawn(7), drawn(1)]));
    files.push(png(&flat()));
    files.push(files[0][..400].to_vec());
    let alone: Vec<Verdict> = files.iter().map(|file| screener.screen(file)).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|start| {
                let (screener, files) = (&screener, &files);
                scope.spawn(move || {
                    let order = (0..files.len()).map(|n| (n + start * 2) % files.len());
                    order
                        .map(|n| (n, screener.screen(&files[n])))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for thread in threads {
            for (number, verdict) in thread.join().unwrap() {
                assert_eq!(verdict, alone[number]);
            }
        }
    });
}

#[test]
fn nothing_that_is_printed_for_debugging_shows_an_entry_or_a_hash() {
    let original = drawn(1);
    let file = png(&original);
    let sha256 = digest::of(&file, &[HashKind::Sha256])[0];
    let hashes = [pdq(&original), md5(&file), sha256];
    let mut secret = entry("secret-entry", &hashes);
    secret.submitter = Some("secret-submitter".to_owned());
    secret.status = EntryStatus::Other("secret-status".to_owned());
    let screener = screener(&[("list", &[secret])], "[lists.list]");
    let verdict = screener.screen(&file);
    assert_eq!(verdict.matches.len(), 3);
    let evidence = screener.evidence(&file, verdict.clone());
    let policy: Policy = toml::from_str("[lists.list]").unwrap();
    let printed = format!(
        "{verdict:?} {evidence:?} {screener:?} {policy:?} {:#?} {:#?}",
        verdict, evidence
    );
    assert!(!printed.contains("secret"), "{printed}");
    for hash in hashes {
        assert!(!printed.contains(&hash.to_hex()), "{printed}");
    }
}

#[test]
fn verdicts_and_evidence_have_the_documented_keys() {
    let original = drawn(1);
    let file = png(&original);
    let index = index(&[("list", &[entry("entry", &[pdq(&original)])])]);
    let identity = index.identity();
    let screener = Screener::new(vec![index], Policy::default()).unwrap();
    let verdict = screener.screen(&file);
    let json = serde_json::to_value(&verdict).unwrap();
    let verdict_keys = [
        "action",
        "classic_profile",
        "frames",
        "lists_out_of_date",
        "low_quality_frames",
        "matches",
        "problem",
        "profile",
        "status",
        "suppressed",
        "undecided",
    ];
    assert_eq!(keys(&json), verdict_keys);
    assert_eq!(json["status"], "match");
    assert_eq!(
        keys(&json["matches"][0]),
        [
            "action",
            "classification",
            "distance",
            "entry",
            "entry_status",
            "frame",
            "kind",
            "list",
            "list_version",
            "match_type",
            "opinion",
            "quality",
            "rule",
            "submitter",
            "threshold",
            "transform",
        ]
    );
    let evidence = serde_json::to_value(screener.evidence(&file, verdict)).unwrap();
    assert_eq!(
        keys(&evidence),
        [
            "classic_profile",
            "dihedral",
            "exif_orientation_applied",
            "hashsieve_version",
            "indexes",
            "input_bytes",
            "input_sha256",
            "made_at",
            "policy_sha256",
            "profile",
            "stores",
            "verdict",
            "viewed_by_human",
        ]
    );
    assert_eq!(evidence["indexes"], serde_json::json!([identity]));
    assert_eq!(evidence["viewed_by_human"], false);
    assert_eq!(evidence["input_bytes"], file.len());
    let sha256 = digest::of(&file, &[HashKind::Sha256])[0].to_hex();
    assert_eq!(evidence["input_sha256"], sha256);
}

#[test]
fn names_in_reports_are_those_of_the_serialised_values() {
    for status in [
        Status::Match,
        Status::NoMatch,
        Status::Suppressed,
        Status::LowQuality,
        Status::TooSmall,
        Status::Unsupported,
        Status::Truncated,
        Status::Malformed,
        Status::OverLimit,
        Status::ListOutOfDate,
        Status::IndexNotLoaded,
        Status::IndexDamaged,
    ] {
        assert_eq!(serde_json::to_value(status).unwrap(), status.name());
    }
    for transform in Dihedral::ALL {
        assert_eq!(serde_json::to_value(transform).unwrap(), transform.name());
    }
}

/// One list: how it is matched, and its entries, each with the numbers of bits by which its hashes differ.
type RandomList = (Option<u32>, u8, Vec<Vec<usize>>);

fn random_lists() -> impl Strategy<Value = Vec<RandomList>> {
    // Few different distances, so that lists often assert one hash and thresholds often fall on a distance.
    let distance = prop::sample::select(vec![0, 1, 7, 8, 31, 32, 33, 100, 255, 256]);
    let threshold = prop::option::weighted(
        0.9,
        prop::sample::select(vec![0, 1, 6, 7, 8, 30, 31, 32, 33, 99, 100, 255, 256]),
    );
    let entries = prop::collection::vec(prop::collection::vec(distance, 1..4), 0..6);
    let quality = prop::sample::select(vec![0, 0, 0, 100]);
    prop::collection::vec((threshold, quality, entries), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_lists_threshold_is_its_own(lists in random_lists()) {
        let picture = picture(Scene::Gradient, 3, 64, 64, PixelFormat::Luma8);
        let hashed = PdqHasher::new().hash(&picture.as_pixels()).unwrap();
        let hash = HashValue::from(hashed.hash);
        let name = |number: usize| format!("list {number}");
        let mut policy = String::new();
        let mut expected = BTreeMap::new();
        let mut made = Vec::new();
        for (number, (threshold, minimum, entries)) in lists.iter().enumerate() {
            policy += &format!("[lists.'{}']\n", name(number));
            policy += &match threshold {
                Some(threshold) => format!(
                    "kinds.pdq.threshold = {threshold}\nkinds.pdq.minimum_quality = {minimum}\n"
                ),
                None => "kinds = { md5 = {} }\n".to_owned(),
            };
            let mut of_list = Vec::new();
            for (position, distances) in entries.iter().enumerate() {
                let id = format!("entry {position}");
                let hashes: BTreeSet<_> = distances.iter().map(|&count| turned(&hash, count)).collect();
                of_list.push(entry(&id, &hashes.into_iter().collect::<Vec<_>>()));
                let closest = u32::try_from(*distances.iter().min().unwrap()).unwrap();
                if threshold.is_some_and(|threshold| closest <= threshold) && *minimum <= hashed.quality {
                    expected.insert((name(number), id), closest);
                }
            }
            made.push((name(number), of_list));
        }
        let borrowed: Vec<(&str, &[Entry])> =
            made.iter().map(|(name, entries)| (name.as_str(), entries.as_slice())).collect();
        let verdict = screener(&borrowed, &policy).screen_pixels(&picture.as_pixels());
        let found: BTreeMap<_, _> = verdict
            .matches
            .iter()
            .map(|m| ((m.list.clone(), m.entry.clone()), m.distance))
            .collect();
        prop_assert_eq!(found.len(), verdict.matches.len());
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(verdict.status == Status::Match, !expected.is_empty());
    }

    #[test]
    fn bytes_of_any_kind_get_a_verdict(bytes in prop::collection::vec(any::<u8>(), 0..300), head in 0..4_usize) {
        let heads: [&[u8]; 4] = [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff"];
        let file = [heads[head], &bytes].concat();
        let verdict = one(pdq(&picture(Scene::Gradient, 3, 64, 64, PixelFormat::Luma8)), "").screen(&file);
        prop_assert_ne!(verdict.status, Status::Match);
        prop_assert!(verdict.frames > 0 || verdict.status != Status::NoMatch);
    }
}

#[test]
fn a_classic_hash_of_a_list_finds_altered_copies_and_nothing_else() {
    let original = drawn(7);
    let copy = png(&alter(&original, Alteration::Jpeg { quality: 70 }, 1).unwrap());
    let other = png(&drawn(8));
    for kind in ClassicKind::ALL {
        let hash = ClassicHasher::new()
            .hash(&original.as_pixels(), kind)
            .unwrap();
        // Some kinds find so busy a picture to be nearly constant; such a hash is no entry of a list.
        if hash.degenerate {
            continue;
        }
        let screener = one(hash.value, "");
        let verdict = screener.screen(&png(&original));
        assert_eq!(verdict.status, Status::Match, "{kind}");
        assert_eq!(verdict.matches[0].kind, kind.into());
        assert_eq!(verdict.matches[0].distance, 0);
        // No PDQ hash was computed, so none is told of.
        let profiles = (verdict.profile, verdict.classic_profile);
        assert_eq!(profiles, (None, Some(hashsieve::CLASSIC_PROFILE)));
        assert_ne!(screener.screen(&other).status, Status::Match, "{kind}");
        // A policy may ask for more than the careful default.
        let copied = one(
            hash.value,
            &format!("[default.kinds.{kind}]\nthreshold = {}", kind.bits() / 4),
        );
        assert_eq!(copied.screen(&copy).status, Status::Match, "{kind}");
    }
}

#[test]
fn a_picture_that_holds_too_little_for_a_classic_hash_is_low_quality_and_matches_nothing() {
    for kind in ClassicKind::ALL {
        let flat = flat();
        let hash = ClassicHasher::new().hash(&flat.as_pixels(), kind).unwrap();
        assert!(hash.degenerate, "{kind}");
        // Even where the very hash is in an index.
        let verdict = one(hash.value, "").screen(&png(&flat));
        assert_eq!(verdict.status, Status::LowQuality, "{kind}");
        assert!(verdict.matches.is_empty(), "{kind}");
    }
}

#[test]
fn a_picture_too_small_for_a_classic_hash_says_so() {
    let kind = ClassicKind::ALL[1];
    let hash = ClassicHasher::new()
        .hash(&drawn(7).as_pixels(), kind)
        .unwrap();
    let tiny = picture(Scene::DeadLeaves, 1, 15, 40, PixelFormat::Rgb8);
    assert_eq!(
        one(hash.value, "").screen(&png(&tiny)).status,
        Status::TooSmall
    );
}
