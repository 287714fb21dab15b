//! What is found of one input, and what verdict that makes.

use std::fmt;

use super::decide::Suppression;
use super::plan::{Plan, PlannedList, Searched};
use super::policy::{Action, KnownPolicy};
use super::verdict::{EntryMatch, MatchType, Status, SuppressedMatch, Verdict};
use crate::classic::{CLASSIC_PROFILE, CLASSIC_PROFILE_JPEG_LUMA};
use crate::decode::DecodeError;
use crate::hash::{Dihedral, HashKind, HashValue};
use crate::index::{CorruptIndex, SearchError};
use crate::pdq::{PDQ_PROFILE, PDQ_PROFILE_JPEG_LUMA};

/// So many ways are collected before those of one entry are put together.
const ENOUGH: usize = 1 << 16;

/// What has been found so far about one input.
#[derive(Default)]
pub(super) struct Screening {
    /// Whether there was anything to look up in.
    looked_up: bool,
    found: Vec<Found>,
    /// What was found of the hash that is being looked up. Whether a known list suppresses it is not known yet.
    fresh: Vec<Found>,
    /// How many of these are collected before those of one entry are put together.
    enough: usize,
    /// What known lists have of that hash.
    fresh_known: Vec<Known>,
    /// What known lists have of the file.
    known_file: Vec<Known>,
    pub(super) frames: u32,
    /// Whether the frames looked at are of a JPEG's stored luma alone.
    pub(super) luma_only: bool,
    /// Whether a picture was hashed by PDQ, and by a classic hash.
    pub(super) by_pdq: bool,
    pub(super) by_classic: bool,
    pub(super) low_quality_frames: u32,
    /// Why a picture has no hash of some kind that was to be looked up: the status that this is, and in words.
    unhashed: Option<(Status, String)>,
    pub(super) decode_error: Option<DecodeError>,
    damage: Option<SearchError>,
}

/// One way in which one entry matches.
#[derive(Clone, Copy)]
pub(super) struct Found {
    /// The position in the plan of what holds it.
    pub(super) searched: usize,
    pub(super) entry: u32,
    pub(super) kind: HashKind,
    pub(super) distance: u32,
    /// Frame, transform and PDQ quality of the picture; none for a digest, no quality for a classic kind.
    pub(super) picture: Option<(u32, Dihedral, Option<u8>)>,
    /// The entry of a known list that suppresses it.
    pub(super) known: Option<Known>,
}

/// An entry of a known list that an input matches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Known {
    distance: u32,
    searched: usize,
    entry: u32,
    kind: HashKind,
}

impl Screening {
    pub(super) fn new(looked_up: bool) -> Self {
        Self {
            looked_up,
            ..Self::default()
        }
    }

    pub(super) fn note(&mut self, result: Result<(), SearchError>) {
        if let Err(error) = result {
            self.damage.get_or_insert(error);
        }
    }

    /// Keeps the first reason for which a picture has no hash.
    pub(super) fn note_unhashed(&mut self, unhashed: (Status, String)) {
        self.unhashed.get_or_insert(unhashed);
    }

    /// Looks up a digest of the file everywhere.
    pub(super) fn look_up_digest(&mut self, plan: &Plan, digest: &HashValue) {
        let kind = digest.kind();
        for (number, searched) in plan.searched.iter().enumerate() {
            if !searched.kinds.contains(&kind) {
                continue;
            }
            let looked_up = searched.index().find(digest).and_then(|id| {
                let Some(id) = id else { return Ok(()) };
                for entry in searched.index().asserting(kind, id)? {
                    let entry = entry?;
                    if searched.stands(entry)
                        && plan.list_of(searched, entry)?.policy.has_kind(kind)
                    {
                        self.take(plan, Found::of_file(number, entry, kind))?;
                    }
                }
                Ok(())
            });
            self.note(looked_up);
        }
        self.known_file.append(&mut self.fresh_known);
        self.found.append(&mut self.fresh);
    }

    /// Takes what was found of the hash that is being looked up, if the rules of its list let it reach so far.
    pub(super) fn take(&mut self, plan: &Plan, found: Found) -> Result<(), CorruptIndex> {
        let searched = &plan.searched[found.searched];
        if searched.is_particular {
            let list = plan.list_of(searched, found.entry)?;
            if list.policy.known.is_some() || !list.policy.classifications.is_empty() {
                let read = searched.index().entry(found.entry)?.entry;
                let rules = list.rules_for(&read);
                let quality = found.picture.and_then(|(.., quality)| quality);
                if rules.reach(found.kind, found.distance, quality).is_err() {
                    return Ok(());
                }
                if list.policy.known.is_some() {
                    if rules.counts(&read, list.disabled(&read)).is_ok() {
                        self.take_known(plan, list, &found);
                    }
                    return Ok(());
                }
            }
        }
        if self.fresh.len() > self.enough.max(ENOUGH) {
            keep_closest(&mut self.fresh);
            self.enough = 2 * self.fresh.len();
        }
        self.fresh.push(found);
        Ok(())
    }

    /// Keeps what is nearest of each known list.
    fn take_known(&mut self, plan: &Plan, list: &PlannedList, found: &Found) {
        let known = Known {
            distance: found.distance,
            searched: found.searched,
            entry: found.entry,
            kind: found.kind,
        };
        let is_of_list = |other: &&mut Known| {
            let of_other = plan.list_of(&plan.searched[other.searched], other.entry);
            of_other.is_ok_and(|other| std::ptr::eq(other, list))
        };
        match self.fresh_known.iter_mut().find(is_of_list) {
            Some(other) => *other = known.min(*other),
            None => self.fresh_known.push(known),
        }
    }

    /// Says which of the matches of a hash of a picture known lists suppress, after it has been looked up everywhere.
    pub(super) fn settle(&mut self, plan: &Plan) {
        let mut fresh = std::mem::take(&mut self.fresh);
        if !self.fresh_known.is_empty() {
            for found in &mut fresh {
                let is_near = |known: &&Known| known.distance <= found.distance;
                let near = self.fresh_known.iter().filter(is_near);
                let applying = near.filter(|known| known.applies(plan, found));
                let nearest = applying.min().copied();
                found.known = nearest;
            }
            self.fresh_known.clear();
        }
        self.found.append(&mut fresh);
        self.fresh = fresh;
        self.enough = 0;
    }

    /// Puts together what frames have in common, so that a long animation holds no more than one way for each entry.
    pub(super) fn keep_closest(&mut self) {
        keep_closest(&mut self.found);
    }

    /// Returns the verdict.
    pub(super) fn verdict(mut self, plan: &Plan, lists_out_of_date: Vec<String>) -> Verdict {
        let (mut matches, mut suppressed) = (Vec::new(), Vec::new());
        for mut found in std::mem::take(&mut self.found) {
            let mut of_file = self.known_file.iter();
            let known = found.known.or_else(|| {
                let known = of_file.find(|known| known.applies(plan, &found));
                known.copied()
            });
            found.known = known;
            match describe(plan, &found) {
                Ok((found, None)) => matches.push(found),
                Ok((found, Some(suppression))) => {
                    suppressed.push(SuppressedMatch { found, suppression });
                }
                Err(corrupt) => self.note(Err(SearchError::Corrupt(corrupt))),
            }
        }
        matches.sort_by(in_order);
        suppressed.sort_by(|a, b| in_order(&a.found, &b.found));
        // A list on trial must not make an input that could not be decided look decided.
        let asks = |found: &EntryMatch| found.action > Action::Observe;
        let status = self.status(
            matches.iter().any(asks),
            !matches.is_empty(),
            !suppressed.is_empty(),
            !lists_out_of_date.is_empty(),
        );
        let out_of_date = (status == Status::ListOutOfDate)
            .then(|| format!("out of date: {}", lists_out_of_date.join(", ")));
        Verdict {
            status,
            action: matches.iter().map(|found| found.action).max(),
            matches,
            suppressed,
            problem: self.problem().or(out_of_date),
            frames: self.frames,
            profile: self.by_pdq.then_some(if self.luma_only {
                PDQ_PROFILE_JPEG_LUMA
            } else {
                PDQ_PROFILE
            }),
            classic_profile: self.by_classic.then_some(if self.luma_only {
                CLASSIC_PROFILE_JPEG_LUMA
            } else {
                CLASSIC_PROFILE
            }),
            low_quality_frames: self.low_quality_frames,
            lists_out_of_date,
            searched_in: plan.searched_in.clone(),
        }
    }

    fn status(
        &self,
        asks_for_something: bool,
        has_matches: bool,
        has_suppressed: bool,
        is_out_of_date: bool,
    ) -> Status {
        if !self.looked_up {
            Status::IndexNotLoaded
        } else if asks_for_something {
            Status::Match
        } else if self.damage.is_some() {
            Status::IndexDamaged
        } else if let Some(error) = &self.decode_error {
            error.into()
        } else if is_out_of_date {
            // Before what is the picture's fault: callers may let a flat picture pass, but not with an old list.
            Status::ListOutOfDate
        } else if let Some((status, _)) = &self.unhashed {
            *status
        } else if self.low_quality_frames > 0 {
            Status::LowQuality
        } else if has_matches {
            Status::Match
        } else if has_suppressed {
            Status::Suppressed
        } else {
            Status::NoMatch
        }
    }

    /// Says why the input could not be decided, or not fully.
    fn problem(&self) -> Option<String> {
        if !self.looked_up {
            return Some("no index holds a hash that the policy looks up here".to_owned());
        }
        let text = |error: &dyn fmt::Display| error.to_string();
        let damage = self.damage.as_ref().map(|error| text(error));
        let decode_error = || self.decode_error.as_ref().map(|error| text(error));
        let unhashed = || self.unhashed.as_ref().map(|(_, problem)| problem.clone());
        damage.or_else(decode_error).or_else(unhashed)
    }
}

impl Found {
    /// Returns what was found of a digest.
    fn of_file(searched: usize, entry: u32, kind: HashKind) -> Self {
        Self {
            searched,
            entry,
            kind,
            distance: 0,
            picture: None,
            known: None,
        }
    }

    fn searched<'p>(&self, plan: &'p Plan) -> &'p Searched {
        &plan.searched[self.searched]
    }
}

impl Known {
    /// Returns whether the known list suppresses matches of the list of what was found, by digest if this is one.
    fn applies(&self, plan: &Plan, found: &Found) -> bool {
        let list = plan.list_of(found.searched(plan), found.entry);
        let policy = self.policy(plan);
        // Where a record is damaged nothing is suppressed.
        let (Ok(list), Some((_, policy))) = (list, policy) else {
            return false;
        };
        policy.applies_to(&list.name) && (found.kind.is_perceptual() || policy.exact)
    }

    /// Returns the known list and what the policy says of it.
    fn policy<'p>(&self, plan: &'p Plan) -> Option<(&'p PlannedList, &'p KnownPolicy)> {
        let list = plan
            .list_of(&plan.searched[self.searched], self.entry)
            .ok()?;
        Some((list, list.policy.known.as_ref()?))
    }

    /// Returns what is recorded.
    fn suppression(&self, plan: &Plan) -> Result<Suppression, CorruptIndex> {
        let searched = &plan.searched[self.searched];
        let list = plan.list_of(searched, self.entry)?;
        let known = list.policy.known.as_ref();
        Ok(Suppression::Known {
            list: list.name.to_string(),
            entry: searched.index().entry(self.entry)?.entry.entry_id,
            kind: self.kind,
            distance: self.distance,
            reason: known.map(|known| known.reason.clone()).unwrap_or_default(),
        })
    }
}

/// Returns what is told of one way in which an entry matches, and why it does not count if it does not.
fn describe(plan: &Plan, found: &Found) -> Result<(EntryMatch, Option<Suppression>), CorruptIndex> {
    let searched = found.searched(plan);
    let list = plan.list_of(searched, found.entry)?;
    let entry = searched.index().entry(found.entry)?.entry;
    let rules = list.rules_for(&entry);
    let suppression = match (rules.counts(&entry, list.disabled(&entry)), &found.known) {
        (Err(suppression), _) => Some(suppression),
        (Ok(_), Some(known)) => Some(known.suppression(plan)?),
        (Ok(_), None) => None,
    };
    let (frame, transform, quality) = match found.picture {
        Some((frame, transform, quality)) => (Some(frame), Some(transform), quality),
        None => (None, None, None),
    };
    let (action, opinion) = (rules.action(&entry), entry.opinion());
    let kind = rules.kind(found.kind);
    let threshold = kind
        .filter(|_| found.kind.is_perceptual())
        .map(|policy| policy.threshold(found.kind));
    let described = EntryMatch {
        list: list.name.to_string(),
        list_version: list.version.to_string(),
        entry: entry.entry_id,
        submitter: entry.submitter,
        classification: entry.classification,
        entry_status: entry.status,
        opinion,
        kind: found.kind,
        match_type: if found.kind.is_perceptual() {
            MatchType::Near
        } else {
            MatchType::Exact
        },
        distance: found.distance,
        threshold,
        quality,
        transform,
        frame,
        action,
    };
    Ok((described, suppression))
}

/// The order in which matches are told.
fn in_order(a: &EntryMatch, b: &EntryMatch) -> std::cmp::Ordering {
    let key = |m: &EntryMatch| (m.match_type, m.distance, m.kind);
    let names = || (&a.list, &a.entry).cmp(&(&b.list, &b.entry));
    key(a).cmp(&key(b)).then_with(names)
}

/// Keeps one way in which each entry matches, so that a long animation or a wide threshold holds no more than one for each entry,
/// and some: the closest of those that no known list suppresses, else the closest; and of these the first frame and transform.
fn keep_closest(found: &mut Vec<Found>) {
    let what = |found: &Found| (found.searched, found.entry, found.kind);
    found.sort_unstable_by_key(|found| {
        (
            what(found),
            found.known.is_some(),
            found.distance,
            found.picture,
        )
    });
    found.dedup_by_key(|found| what(found));
}
