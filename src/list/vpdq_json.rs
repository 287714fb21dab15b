//! vPDQ in JSON: the PDQ hashes of the frames of one video.
//!
//! An element is `"hash,quality,timestamp"`, as the Python tools write it, or an object with these fields. Each frame is an
//! entry of its own, for a frame is what can be matched here.

use std::borrow::Cow;

use serde::Deserialize;

use super::error::QuarantineReason;
use super::json::Shape;
use super::json_list::{Output, Records};
use super::json_value::{Object, Scalar, parse_record};
use super::value::{parse_hash, parse_quality};
use crate::entry::{Entry, MediaType};
use crate::hash::HashKind;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Frame<'a> {
    #[serde(borrow)]
    pdq: Scalar<'a>,
    #[serde(borrow)]
    hash: Scalar<'a>,
    #[serde(borrow)]
    quality: Scalar<'a>,
    #[serde(borrow)]
    timestamp: Scalar<'a>,
}

pub(super) struct VpdqJson;

impl Records for VpdqJson {
    fn shape(&self) -> Shape {
        Shape {
            array: None,
            inside: None,
        }
    }

    fn record(&mut self, bytes: &[u8], out: &mut Output<'_>) -> Result<(), QuarantineReason> {
        let (pdq, quality, timestamp) = match parse_record(bytes, "frame")? {
            Object::Text(text) => split(&text).ok_or(QuarantineReason::Malformed)?,
            Object::Fields(frame) => {
                let Frame { pdq, hash, .. } = &frame;
                let pdq = pdq.text().or_else(|| hash.text());
                let text = |scalar: &Scalar<'_>| match scalar {
                    // Something that is no number at all is no quality and no time either.
                    Scalar::Other | Scalar::Flag(_) => "?".to_owned(),
                    _ => scalar.spelled().map(Cow::into_owned).unwrap_or_default(),
                };
                (
                    pdq.unwrap_or_default().to_owned(),
                    text(&frame.quality),
                    text(&frame.timestamp),
                )
            }
            Object::Other => return Err(QuarantineReason::BadField { field: "frame" }),
        };
        if pdq.is_empty() {
            return Err(QuarantineReason::NoHash);
        }
        let pdq = parse_hash(Some(HashKind::Pdq), &pdq)?;
        let mut entry = Entry::new(format!("frame-{}", out.number()));
        entry.media_type = MediaType::Video;
        entry.add_hash(pdq);
        if !quality.is_empty() {
            entry.quality = parse_quality(&quality);
            if entry.quality.is_none() {
                out.refuse("quality", QuarantineReason::BadQuality);
            }
        }
        if !timestamp.is_empty() {
            match timestamp.parse::<f64>() {
                Ok(_) => entry.tags.push(format!("timestamp:{timestamp}")),
                Err(_) => out.bad_field("timestamp"),
            }
        }
        out.entry_by_value(entry);
        Ok(())
    }
}

/// Takes `hash,quality,timestamp` apart.
fn split(text: &str) -> Option<(String, String, String)> {
    let mut parts = text.split(',').map(|part| part.trim().to_owned());
    let (pdq, quality, timestamp) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some((pdq, quality, timestamp))
}
