//! Looking up what a picture looks like: its perceptual hashes, kind by kind, in every index that holds some.

use std::convert::Infallible;
use std::ops::ControlFlow;

use super::Hashers;
use super::plan::{Plan, PlannedList};
use super::screening::{Found, Screening};
use crate::classic::ClassicError;
use crate::hash::{Dihedral, HashValue};
use crate::index::SearchError;
use crate::pdq::PdqHasher;
use crate::pixels::Pixels;
use crate::screen::Status;
use crate::search::SearchBuffer;

impl Plan {
    /// Looks up one frame by every perceptual kind that some list asks for.
    pub(super) fn look_up_picture(
        &self,
        hashers: &mut Hashers,
        pixels: &Pixels<'_>,
        frame: u32,
        screening: &mut Screening,
    ) {
        let (mut is_hashed, mut is_too_low) = (false, false);
        if self.by_pdq {
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
                        let (buffer, hash) = (&mut hashers.search, [hash.value]);
                        self.look_up_near(&hash, None, frame, buffer, screening);
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
        screening.keep_closest();
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
        for (number, searched) in self.searched.iter().enumerate() {
            if !searched.kinds.contains(&kind) {
                continue;
            }
            let list = |list: &Option<u32>| list.map(|list| &self.lists[list as usize]);
            let lists = || searched.lists.iter().map(list);
            let asks = |list: &&PlannedList| !list.is_known();
            let mut asking = lists().flatten().filter(asks);
            is_too_low |= asking.any(|list| list.policy.is_too_low(kind, quality));
            let widest = |list: Option<&PlannedList>| list?.policy.widest(kind, quality);
            let thresholds: Vec<Option<u32>> = lists().map(widest).collect();
            let mut damage = None;
            let searched_for = searched.index().for_each_entry_within(
                queries,
                &thresholds,
                buffer,
                |query, entry, one| {
                    if !searched.stands(entry) {
                        return ControlFlow::Continue(());
                    }
                    let found = Found {
                        searched: number,
                        entry,
                        kind,
                        distance: one.distance,
                        picture: Some((frame, Dihedral::ALL[query], quality)),
                        known: None,
                    };
                    if let Err(corrupt) = screening.take(self, found) {
                        damage.get_or_insert(corrupt);
                    }
                    ControlFlow::<Infallible>::Continue(())
                },
            );
            screening.note(searched_for.map(drop));
            screening.note(damage.map_or(Ok(()), |corrupt| Err(SearchError::Corrupt(corrupt))));
        }
        screening.settle(self);
        is_too_low
    }
}
