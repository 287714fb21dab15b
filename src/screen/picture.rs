//! Looking up what a picture looks like: its perceptual hashes, kind by kind, in every index that holds some.

use std::convert::Infallible;
use std::ops::ControlFlow;

use super::{ENOUGH, Found, Hashers, Screener, Screening, SearchedList, keep_closest};
use crate::classic::ClassicError;
use crate::hash::{Dihedral, HashValue};
use crate::pdq::PdqHasher;
use crate::pixels::Pixels;
use crate::screen::Status;
use crate::search::SearchBuffer;

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
                    screening.by_pdq = true;
                    let quality = Some(quality);
                    is_too_low |=
                        self.look_up_near(&queries, quality, frame, &mut hashers.search, screening);
                }
                Err(unhashed) => screening.note_unhashed(unhashed),
            }
        }
        let classic = hashers.classic.hashes(pixels, &self.classic_kinds);
        for hashed in classic {
            match hashed {
                Ok(hash) => {
                    is_hashed = true;
                    screening.by_classic = true;
                    // Somebody asks for this kind, or it would not have been computed.
                    is_too_low |= hash.degenerate;
                    if !hash.degenerate {
                        self.look_up_near(
                            &[hash.value],
                            None,
                            frame,
                            &mut hashers.search,
                            screening,
                        );
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
        buffer: &mut SearchBuffer,
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
            let threshold = |list: &SearchedList| {
                let policy = list.kind(kind).filter(|_| suits(list));
                policy.map(|policy| policy.threshold(kind))
            };
            let thresholds: Vec<Option<u32>> = searched.lists.iter().map(threshold).collect();
            let mut enough = ENOUGH;
            let found = &mut screening.found;
            let index = &searched.index;
            let searched_for =
                index.for_each_entry_within(queries, &thresholds, buffer, |query, entry, one| {
                    if found.len() > enough {
                        keep_closest(found);
                        enough = 2 * found.len() + ENOUGH;
                    }
                    found.push(Found {
                        index: number,
                        entry,
                        kind,
                        distance: one.distance,
                        picture: Some((frame, Dihedral::ALL[query], quality)),
                    });
                    ControlFlow::<Infallible>::Continue(())
                });
            screening.note(searched_for.map(drop));
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
