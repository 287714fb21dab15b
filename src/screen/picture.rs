//! Looking up what a picture looks like: its perceptual hashes, kind by kind, in every index that holds some.

use super::{ENOUGH, Found, Hashers, Screener, Screening, SearchedList, keep_closest};
use crate::classic::ClassicError;
use crate::hash::HashValue;
use crate::index::SearchError;
use crate::pdq::{Dihedral, PdqHasher};
use crate::pixels::Pixels;
use crate::screen::Status;

impl Screener {
    /// Looks up one frame by every perceptual kind that some list asks for.
    pub(super) fn look_up_picture(
        &self,
        hashers: &mut Hashers,
        pixels: &Pixels<'_>,
        frame: u32,
        screening: &mut Screening,
    ) {
        let (mut is_hashed, mut is_too_low) = (false, false);
        if self.is_by_pdq() {
            match self.pdq_queries(&mut hashers.pdq, pixels) {
                Ok((queries, quality)) => {
                    is_hashed = true;
                    let quality = Some(quality);
                    is_too_low |= self.look_up_near(&queries, quality, frame, screening);
                }
                Err(unhashed) => screening.note_unhashed(unhashed),
            }
        }
        let classic = hashers.classic.hashes(pixels, &self.classic_kinds);
        for hashed in classic {
            match hashed {
                Ok(hash) => {
                    is_hashed = true;
                    // Somebody asks for this kind, or it would not have been computed.
                    is_too_low |= hash.degenerate;
                    if !hash.degenerate {
                        self.look_up_near(&[hash.value], None, frame, screening);
                    }
                }
                Err(error) => {
                    let status = match error {
                        ClassicError::TooSmall { .. } => Status::TooSmall,
                        ClassicError::TooLarge { .. } => Status::OverLimit,
                    };
                    screening.note_unhashed((status, error.to_string()));
                }
            }
        }
        screening.frames += u32::from(is_hashed);
        screening.low_quality_frames += u32::from(is_too_low);
        keep_closest(&mut screening.found);
    }

    /// Returns the PDQ hashes to look up, in the order of [`Dihedral::ALL`], and the quality of the picture.
    fn pdq_queries(
        &self,
        hasher: &mut PdqHasher,
        pixels: &Pixels<'_>,
    ) -> Result<(Vec<HashValue>, u8), (Status, String)> {
        let hashed = if self.dihedral {
            hasher
                .dihedral(pixels)
                .map(|all| (all.hashes.map(HashValue::from).to_vec(), all.quality))
        } else {
            hasher
                .hash(pixels)
                .map(|one| (vec![one.hash.into()], one.quality))
        };
        hashed.map_err(|error| (Status::TooSmall, error.to_string()))
    }

    /// Looks up the hashes of one picture, all of one kind, and returns whether its quality is too low for some list.
    fn look_up_near(
        &self,
        queries: &[HashValue],
        quality: Option<u8>,
        frame: u32,
        screening: &mut Screening,
    ) -> bool {
        let Some(kind) = queries.first().map(HashValue::kind) else {
            return false;
        };
        let mut is_too_low = false;
        for (number, searched) in self.indexes.iter().enumerate() {
            if !searched.kinds.contains(&kind) {
                continue;
            }
            let suits = |list: &SearchedList| {
                list.kind(kind).is_some_and(|policy| {
                    quality.is_none_or(|quality| policy.minimum_quality() <= quality)
                })
            };
            is_too_low |= searched
                .lists
                .iter()
                .any(|list| list.kind(kind).is_some() && !suits(list));
            let thresholds = searched.lists.iter().filter(|list| suits(list));
            let thresholds = thresholds.filter_map(|list| Some(list.kind(kind)?.threshold(kind)));
            let Some(threshold) = thresholds.max() else {
                continue;
            };
            let mut damage = None;
            let mut enough = ENOUGH;
            let found = &mut screening.found;
            let searched_for = searched
                .index
                .for_each_within(queries, threshold, |query, one| {
                    let mut take = || {
                        for entry in searched.index.asserting(kind, one.id)? {
                            let entry = entry?;
                            let list = &searched.lists[searched.index.list_of(entry)? as usize];
                            if found.len() > enough {
                                keep_closest(found);
                                enough = 2 * found.len() + ENOUGH;
                            }
                            if suits(list)
                                && list
                                    .kind(kind)
                                    .is_some_and(|policy| one.distance <= policy.threshold(kind))
                            {
                                found.push(Found {
                                    index: number,
                                    entry,
                                    kind,
                                    distance: one.distance,
                                    picture: Some((frame, Dihedral::ALL[query], quality)),
                                });
                            }
                        }
                        Ok(())
                    };
                    if let Err(corrupt) = take() {
                        damage = Some(corrupt);
                    }
                });
            screening.note(searched_for);
            screening.note(damage.map_or(Ok(()), |corrupt| Err(SearchError::Corrupt(corrupt))));
        }
        is_too_low
    }
}

impl Screening {
    /// Keeps the first reason for which a picture has no hash.
    fn note_unhashed(&mut self, unhashed: (Status, String)) {
        self.unhashed.get_or_insert(unhashed);
    }
}
