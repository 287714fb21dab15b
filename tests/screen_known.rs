//! Known lists: what they suppress, and what they do not. All pictures are synthetic, all entries made up.

use hashsieve::synthetic::{Alteration, alter};
use hashsieve::{
    Against, ChangeOptions, ClassicHasher, ClassicKind, Decoder, Entry, EntryStatus, HashKind,
    HashValue, ListDescriptor, Opinion, PdqHasher, Screener, Status, Store, StoreWriter,
    Suppression, digest,
};

#[path = "support/screening.rs"]
mod screening;

use screening::{
    animation, drawn, entry, found, index, md5, near, pdq, png, screened, screener, suppressed,
    turned, with_opinion,
};

const KNOWN: &str = "[lists.known]\nknown = { reason = 'looked at' }\n";
const FAR: &str =
    "[lists.known]\nknown = { reason = 'looked at' }\nkinds = { pdq = { threshold = 31 } }\n";
const EXACT: &str = "[lists.known]\nknown = { reason = 'looked at', exact = true }\n";

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
        let verdict = screened(&[("a", &bad), ("known", &good)], FAR);
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
fn a_known_list_without_a_threshold_reaches_as_far_as_the_same_picture_does() {
    let bad = [near("bad", 31)];
    for (known, status) in [(10, Status::Suppressed), (11, Status::Match)] {
        let verdict = screened(&[("a", &bad), ("known", &[near("good", known)])], KNOWN);
        assert_eq!(verdict.status, status, "{known}");
        let verdict = screened(&[("a", &bad), ("known", &[near("good", known)])], FAR);
        assert_eq!(verdict.status, Status::Suppressed);
    }
}

#[test]
fn a_known_entry_that_is_not_positive_suppresses_only_if_the_policy_names_its_opinion() {
    let bad = [near("bad", 5)];
    let is_suppressed = |good: &Entry, policy: &str| {
        let verdict = screened(
            &[("a", &bad), ("known", std::slice::from_ref(good))],
            policy,
        );
        verdict.status == Status::Suppressed
    };
    for opinion in Opinion::ALL {
        let good = with_opinion(near("good", 0), opinion);
        assert_eq!(
            is_suppressed(&good, KNOWN),
            opinion == Opinion::Positive,
            "{opinion:?}"
        );
        let named = format!("{KNOWN}opinions = ['{}']\n", opinion.name());
        assert!(is_suppressed(&good, &named), "{opinion:?}");
    }
    let mut good = near("good", 0);
    good.status = EntryStatus::Disputed;
    assert!(!is_suppressed(&good, KNOWN));
    assert!(is_suppressed(
        &good,
        &format!("{KNOWN}opinions = ['disputed']\n")
    ));
}

#[test]
fn of_two_known_lists_each_suppresses_what_it_is_for() {
    let bad = [near("bad", 9)];
    let (nearer, farther) = ([near("nearer", 0)], [near("farther", 4)]);
    let lists = [
        ("a", &bad[..]),
        ("b", &bad),
        ("for b", &nearer),
        ("known", &farther),
    ];
    let policy =
        format!("{KNOWN}[lists.'for b']\nknown = {{ reason = 'looked at', lists = ['b'] }}\n");
    let verdict = screened(&lists, &policy);
    assert_eq!(verdict.status, Status::Suppressed);
    let by: Vec<_> = verdict
        .suppressed
        .iter()
        .map(|one| match &one.suppression {
            Suppression::Known { entry, .. } => (one.found.list.as_str(), entry.as_str()),
            _ => panic!(),
        })
        .collect();
    assert_eq!(by, [("a", "farther"), ("b", "nearer")]);
}

#[test]
fn a_known_file_counts_though_no_other_list_is_matched_by_digests() {
    let file = png(&drawn(1));
    let (bad, good) = (
        [entry("bad", &[pdq(&drawn(1))])],
        [entry("good", &[md5(&file)])],
    );
    let verdict = screener(&[("a", &bad), ("known", &good)], KNOWN).screen(&file);
    assert_eq!(verdict.status, Status::Suppressed);
}

#[test]
fn a_known_list_counts_wherever_it_is() {
    let file = png(&drawn(1));
    let bad = [entry("bad", &[pdq(&drawn(1)), md5(&file)])];
    let by_picture = entry("by picture", &[pdq(&drawn(1))]);
    let by_file = entry("by file", &[md5(&file)]);
    for good in [by_picture, by_file] {
        let good = [good];
        let exact = good[0].entry_id == "by file";
        let left = usize::from(!exact);
        // In another index.
        let indexes = [index(&[("a", &bad)]), index(&[("known", &good)])];
        let screener = Screener::new(indexes, toml::from_str(EXACT).unwrap()).unwrap();
        let verdict = screener.screen(&file);
        assert_eq!(
            (verdict.matches.len(), verdict.suppressed.len()),
            (left, 2 - left)
        );
        // In another segment of a store.
        let folder = tempfile::tempdir().unwrap();
        let mut writer = StoreWriter::create(folder.path()).unwrap();
        for (list, entries) in [("known", &good), ("a", &bad)] {
            let list = ListDescriptor {
                name: list.to_owned(),
                ..ListDescriptor::default()
            };
            let mut change = writer.change(list, ChangeOptions::add()).unwrap();
            change.add(&entries[0], false).unwrap();
            change.commit().unwrap();
        }
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.snapshot().segments().len(), 2);
        let against = [Against::from(store)];
        let screener = Screener::new(against, toml::from_str(EXACT).unwrap()).unwrap();
        let verdict = screener.screen(&file);
        assert_eq!(
            (verdict.matches.len(), verdict.suppressed.len()),
            (left, 2 - left)
        );
    }
}

#[test]
fn a_known_file_is_known_in_every_frame() {
    let file = animation(&[drawn(1), drawn(2), drawn(3)]);
    let (bad, good) = (
        [1, 3].map(|seed| entry(&format!("bad {seed}"), &[pdq(&drawn(seed))])),
        [entry("good", &[md5(&file)])],
    );
    let policy = KNOWN.to_owned() + "[lists.a.kinds.pdq]\nthreshold = 60\n";
    let verdict = screener(&[("a", &bad), ("known", &good)], &policy).screen(&file);
    assert_eq!(verdict.status, Status::Suppressed);
    let frames: Vec<_> = verdict
        .suppressed
        .iter()
        .map(|one| one.found.frame)
        .collect();
    assert!(frames.contains(&Some(0)) && frames.contains(&Some(2)));
}

#[test]
fn a_known_classic_hash_suppresses_matches_by_it() {
    let kind = ClassicKind::ALL
        .into_iter()
        .find(|kind| {
            let mut hasher = ClassicHasher::new();
            let hash = hasher.hash(&drawn(7).as_pixels(), *kind).unwrap();
            !hash.degenerate && kind.recommended_threshold() > 3
        })
        .unwrap();
    let mut hasher = ClassicHasher::new();
    let hash = hasher.hash(&drawn(7).as_pixels(), kind).unwrap().value;
    let third = usize::try_from(kind.recommended_threshold() / 3).unwrap();
    let bad = [entry("bad", &[turned(&hash, third + 1)])];
    for (known, status) in [(third, Status::Suppressed), (third + 1, Status::Match)] {
        let good = [entry("good", &[turned(&hash, known)])];
        let lists = [("a", &bad[..]), ("known", &good)];
        let verdict = screener(&lists, KNOWN).screen_pixels(&drawn(7).as_pixels());
        assert_eq!(verdict.status, status, "{kind} {known}");
    }
}

fn digests(bytes: &[u8]) -> [HashValue; 4] {
    use HashKind::{Md5, Sha1, Sha256, Sha512};
    [Md5, Sha1, Sha256, Sha512].map(|kind| digest::of(bytes, &[kind])[0])
}

#[test]
fn a_file_that_has_one_digest_of_a_known_entry_and_not_another_is_not_known() {
    let file = png(&drawn(1));
    let (of_file, of_other) = (digests(&file), digests(b"another file"));
    let bad = [
        entry("exact", &[of_file[0]]),
        entry("near", &[pdq(&drawn(1))]),
    ];
    // Whatever the known list is matched by.
    for kinds in ["", "kinds = { md5 = {}, sha1 = {}, pdq = {} }\n"] {
        let policy = format!("{EXACT}{kinds}");
        for (agreeing, differing) in [(0, 2), (0, 1), (1, 0), (1, 3)] {
            let good = [entry("good", &[of_file[agreeing], of_other[differing]])];
            // Others of the list have digests of all kinds.
            let lists = [("a", &bad[..]), ("known", &good)];
            let verdict = screener(&lists, &policy).screen(&file);
            assert_eq!(verdict.matches.len(), 2, "{agreeing} {differing}");
            assert!(verdict.suppressed.is_empty());
            // Another entry that agrees in all that it has counts, before it or after it.
            for id in ["a", "z"] {
                let good = [good[0].clone(), entry(id, &of_file[..2])];
                let lists = [("a", &bad[..]), ("known", &good)];
                let verdict = screener(&lists, &policy).screen(&file);
                assert_eq!(verdict.status, Status::Suppressed);
                assert!(suppressed(&verdict).iter().all(|(.., by)| matches!(
                    by,
                    Suppression::Known { entry, kind: HashKind::Sha1, .. } if entry == id
                )));
            }
        }
    }
}

#[test]
fn a_match_by_a_stronger_digest_than_the_known_entry_has_stands() {
    let file = b"no picture";
    let of_file = digests(file);
    // md5, sha1, and sha256 like sha512.
    let strength = [0, 1, 2, 2];
    for known in 0..4 {
        for listed in 0..4 {
            let (bad, good) = (
                [entry("bad", &[of_file[listed]])],
                [entry("good", &[of_file[known]])],
            );
            let verdict = screener(&[("a", &bad), ("known", &good)], EXACT).screen(file);
            let is_known = strength[known] >= strength[listed];
            assert_eq!(
                verdict.status == Status::Suppressed,
                is_known,
                "{known} {listed}"
            );
        }
    }
    // Of several entries the one that proves most counts.
    let bad = [entry("bad", &[of_file[2]])];
    let good = [("a", 1), ("b", 2), ("c", 0)].map(|(id, kind)| entry(id, &[of_file[kind]]));
    let verdict = screener(&[("a", &bad), ("known", &good)], EXACT).screen(file);
    assert_eq!(verdict.status, Status::Suppressed);
    // What the entry has counts, not what the list is matched by.
    let (bad, good) = (
        [entry("bad", &[of_file[2]])],
        [entry("good", &[of_file[0], of_file[3]])],
    );
    let policy = format!("{EXACT}kinds = {{ md5 = {{}} }}\n");
    let verdict = screener(&[("a", &bad), ("known", &good)], &policy).screen(file);
    assert_eq!(verdict.status, Status::Suppressed);
}

#[test]
fn what_a_known_entry_has_is_known_of_new_segments_as_well() {
    let file = png(&drawn(1));
    let (of_file, of_other) = (digests(&file), digests(b"another file"));
    let folder = tempfile::tempdir().unwrap();
    let mut writer = StoreWriter::create(folder.path()).unwrap();
    let mut add = |list: &str, entries: &[Entry]| {
        let list = ListDescriptor {
            name: list.to_owned(),
            ..ListDescriptor::default()
        };
        let mut change = writer.change(list, ChangeOptions::add()).unwrap();
        for entry in entries {
            change.add(entry, false).unwrap();
        }
        change.commit().unwrap();
    };
    add("a", &[entry("bad", &[pdq(&drawn(1))])]);
    add("known", &[entry("differs", &[of_file[0], of_other[2]])]);
    let store = [Store::open(folder.path()).unwrap()];
    let screener = Screener::new(store, toml::from_str(EXACT).unwrap()).unwrap();
    assert_eq!(screener.screen(&file).status, Status::Match);
    add("known", &[entry("differs too", &[of_file[1], of_other[3]])]);
    assert!(screener.reload().unwrap());
    assert_eq!(screener.screen(&file).status, Status::Match);
    add("known", &[entry("agrees", &[of_file[1], of_file[3]])]);
    assert!(screener.reload().unwrap());
    assert_eq!(screener.screen(&file).status, Status::Suppressed);
}
