//! Videos as vPDQ writes them in text: a line `frame,quality,hash,timestamp` for each frame looked at, of one video a file.
//!
//! The samples are `vpdq/sample-hashes/*.txt` of facebook/ThreatExchange. Nothing names the video, and a frame's number is
//! its place, so an entry is known by its hash alone.

use crate::entry::{Entry, MediaType};
use crate::hash::HashKind;

use super::error::QuarantineReason;
use super::import::Sink;
use super::value::{parse_hash, parse_quality};

/// Returns whether a line is of this format.
pub(super) fn is_line(text: &str) -> bool {
    let fields: Vec<&str> = text.split(',').map(str::trim).collect();
    let [frame, quality, hash, time] = fields[..] else {
        return false;
    };
    is_number(frame)
        && parse_quality(quality).is_some()
        && hash.len() == 64
        && time.parse::<f64>().is_ok()
}

/// Returns the entry on a line that is neither blank nor a comment, and that it is known by its value alone.
///
/// A bad quality or time is quarantined and the rest is kept.
pub(super) fn parse_line(
    sink: &mut Sink,
    line: u64,
    text: &str,
) -> Result<(Entry, bool), QuarantineReason> {
    let mut fields = text.split(',').map(str::trim);
    let mut next = || fields.next().unwrap_or_default();
    let (frame, quality, hash, time) = (next(), next(), next(), next());
    if fields.next().is_some() {
        return Err(QuarantineReason::ExtraText);
    }
    if !is_number(frame) {
        return Err(QuarantineReason::BadField { field: "frame" });
    }
    if hash.is_empty() {
        return Err(QuarantineReason::NoHash);
    }
    let mut entry = Entry::new(format!("frame-{frame}"));
    entry.add_hash(parse_hash(Some(HashKind::Pdq), hash)?);
    entry.media_type = MediaType::Video;
    entry.quality = parse_quality(quality);
    if entry.quality.is_none() {
        sink.quarantine(
            line,
            Some("quality".to_owned()),
            QuarantineReason::BadQuality,
        );
    }
    // Seconds from the beginning of the video; `parse` would take `inf` as well.
    let is_time = time.starts_with(|c: char| c.is_ascii_digit()) && time.parse::<f64>().is_ok();
    if is_time {
        entry.tags.push(format!("timestamp:{time}"));
    } else {
        let reason = QuarantineReason::BadField { field: "timestamp" };
        sink.quarantine(line, Some("timestamp".to_owned()), reason);
    }
    Ok((entry, true))
}

fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
