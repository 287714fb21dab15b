//! `hashsieve hash`: pictures to hashes.

use std::ops::ControlFlow;
use std::path::PathBuf;

use hashsieve::{
    CLASSIC_PROFILE, CLASSIC_PROFILE_JPEG_LUMA, ClassicError, ClassicHasher, ClassicKind,
    DecodeError, Decoder, Dihedral, HashKind, PDQ_PROFILE, PDQ_PROFILE_JPEG_LUMA,
    PDQ_RECOMMENDED_MIN_QUALITY, PdqHasher, Status, digest,
};
use serde::Serialize;

use crate::args::{Format, HashArgs};
use crate::failure::{Failure, Outcome};
use crate::files::{self, Input};
use crate::report::{Report, counted, refuse_overwriting, tell};

/// One line of output: a hash, or why there is none.
#[derive(Serialize)]
struct Line {
    path: String,
    status: &'static str,
    kind: HashKind,
    hash: Option<String>,
    quality: Option<u8>,
    width: Option<u32>,
    height: Option<u32>,
    frame: Option<u32>,
    transform: Option<&'static str>,
    profile: Option<&'static str>,
    /// For people: on standard error with text output.
    problem: Option<String>,
}

const COLUMNS: [&str; 11] = [
    "path",
    "status",
    "kind",
    "hash",
    "quality",
    "width",
    "height",
    "frame",
    "transform",
    "profile",
    "problem",
];

impl Line {
    fn failed(input: &Input, kind: HashKind, status: &'static str, problem: String) -> Self {
        Self {
            path: input.name(),
            status,
            kind,
            hash: None,
            quality: None,
            width: None,
            height: None,
            frame: None,
            transform: None,
            profile: None,
            problem: Some(problem),
        }
    }

    /// Writes the line, and returns whether it is one with a hash. With `names_kind` a line of text begins with the kind.
    fn write(
        &self,
        format: Format,
        names_kind: bool,
        report: &mut Report,
    ) -> Result<bool, Failure> {
        let has_hash = self.hash.is_some();
        match format {
            Format::Json => report.json(self)?,
            Format::Csv => {
                let number = |value: Option<u32>| value.map_or(String::new(), |n| n.to_string());
                let quality = number(self.quality.map(u32::from));
                let (width, height, frame) =
                    (number(self.width), number(self.height), number(self.frame));
                report.csv([
                    self.path.as_str(),
                    self.status,
                    self.kind.name(),
                    self.hash.as_deref().unwrap_or_default(),
                    &quality,
                    &width,
                    &height,
                    &frame,
                    self.transform.unwrap_or_default(),
                    self.profile.unwrap_or_default(),
                    self.problem.as_deref().unwrap_or_default(),
                ])?;
            }
            Format::Text => match (&self.hash, self.quality) {
                (Some(hash), Some(quality)) if !names_kind => {
                    report.text(&format!("{hash},{quality},{}", self.labelled_path()))?;
                }
                // A hash of nothing must not become a line of a list that does not say so.
                (Some(_), _) if self.status == Status::LowQuality.name() => {
                    let (kind, path) = (self.kind, &self.path);
                    tell(format_args!(
                        "{path}: {}: it holds too little for {kind}",
                        self.status
                    ));
                    return Ok(false);
                }
                (Some(hash), _) => {
                    let kind = if names_kind { self.kind.name() } else { "" };
                    let space = if names_kind { " " } else { "" };
                    report.text(&format!("{kind}{space}{hash}  {}", self.labelled_path()))?;
                }
                (None, _) => {
                    let problem = self.problem.as_deref().unwrap_or_default();
                    tell(format_args!("{}: {}: {problem}", self.path, self.status));
                }
            },
        }
        Ok(has_hash)
    }

    /// Returns the path, and behind it the frame, transform and profile where these are not the usual ones.
    fn labelled_path(&self) -> String {
        let mut path = self.path.clone();
        if let Some(frame) = self.frame.filter(|&frame| frame > 0) {
            path += &format!("#{frame}");
        }
        let usual = [Dihedral::Original.name(), PDQ_PROFILE, CLASSIC_PROFILE];
        for name in [self.transform, self.profile].into_iter().flatten() {
            if !usual.contains(&name) {
                path += &format!("#{name}");
            }
        }
        path
    }
}

pub(crate) fn run(arguments: &HashArgs, quiet: bool) -> Result<Outcome, Failure> {
    let options = files::decode_options(&arguments.input);
    let inputs = arguments.input.paths.iter().map(PathBuf::as_path);
    refuse_overwriting(arguments.output.as_deref(), inputs)?;
    let mut report = Report::new(arguments.output.as_deref())?;
    if arguments.format == Format::Csv {
        report.csv(COLUMNS)?;
    }
    // Else 64 digits could be of any of several kinds.
    let names_kind = arguments.kinds.len() > 1;
    let (mut hashed, mut left_out, mut failed, mut inputs) = (0_u64, 0_u64, 0_u64, 0_u64);
    let passed_over = files::for_each(
        &arguments.input,
        &[arguments.output.as_deref()],
        "hashing",
        quiet,
        || Memory {
            bytes: Vec::new(),
            decoder: Decoder::new(options),
            hasher: PdqHasher::new(),
            classic: ClassicHasher::new(),
        },
        |memory, input| lines(input, arguments, memory),
        |lines| {
            inputs += 1;
            for line in lines {
                let written = line.write(arguments.format, names_kind, &mut report)?;
                match line.hash {
                    Some(_) if written => hashed += 1,
                    Some(_) => left_out += 1,
                    None => failed += 1,
                }
            }
            Ok(if report.reader_left() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        },
    )?;
    report.finish()?;
    if !quiet {
        let mut text = counted(inputs, "input", "inputs");
        if inputs > 0 {
            let hashed = counted(hashed, "hash", "hashes");
            text += &format!(": {hashed}, {failed} without one");
        }
        if left_out > 0 {
            text += &format!(", {left_out} of low quality left out");
        }
        tell(text);
    }
    passed_over.tell();
    Ok(Outcome::of(false, failed > 0))
}

/// What is kept from input to input: fresh memory for a picture of 12 megapixels costs two thirds of the time of decoding it.
struct Memory {
    bytes: Vec<u8>,
    decoder: Decoder,
    hasher: PdqHasher,
    classic: ClassicHasher,
}

/// Returns the lines of one input: one for each kind, frame and transform, or the reason.
fn lines(input: &Input, arguments: &HashArgs, memory: &mut Memory) -> Vec<Line> {
    let limit = memory.decoder.options().limits.file_bytes;
    if let Err((status, problem)) = input.read(limit, &mut memory.bytes) {
        let failed = |&kind: &HashKind| Line::failed(input, kind, status, problem.clone());
        return arguments.kinds.iter().map(failed).collect();
    }
    let mut lines = Vec::new();
    // All classic kinds are made of one decoding, and stand where each was asked for.
    let kinds = arguments.kinds.iter();
    let classic_kinds: Vec<ClassicKind> = kinds.filter_map(|kind| kind.classic()).collect();
    let mut classic = Vec::new();
    if !classic_kinds.is_empty() {
        classic_lines(input, &classic_kinds, memory, &mut classic);
    }
    for &kind in &arguments.kinds {
        if kind == HashKind::Pdq {
            pdq_lines(input, arguments.dihedral, memory, &mut lines);
        }
        lines.extend(classic.extract_if(.., |line| line.kind == kind));
        lines.extend(
            digest::of(&memory.bytes, &[kind])
                .iter()
                .map(|digest| Line {
                    path: input.name(),
                    status: "ok",
                    kind,
                    hash: Some(digest.to_hex()),
                    quality: None,
                    width: None,
                    height: None,
                    frame: None,
                    transform: None,
                    profile: None,
                    problem: None,
                }),
        );
    }
    lines
}

fn pdq_lines(input: &Input, dihedral: bool, memory: &mut Memory, lines: &mut Vec<Line>) {
    let Memory {
        bytes,
        decoder,
        hasher,
        ..
    } = memory;
    let wanted = if dihedral { 8 } else { 1 };
    let decoded: Result<_, DecodeError> = decoder.for_each_frame(bytes, |frame| {
        let (width, height) = (frame.pixels.width(), frame.pixels.height());
        match hasher.dihedral(&frame.pixels) {
            Ok(all) => lines.extend(all.iter().take(wanted).map(|(transform, hash)| Line {
                path: input.name(),
                status: if all.quality < PDQ_RECOMMENDED_MIN_QUALITY {
                    Status::LowQuality.name()
                } else {
                    "ok"
                },
                kind: HashKind::Pdq,
                hash: Some(hash.to_hex()),
                quality: Some(all.quality),
                width: Some(width),
                height: Some(height),
                frame: Some(frame.number),
                transform: Some(transform.name()),
                profile: Some(if frame.luma_only {
                    PDQ_PROFILE_JPEG_LUMA
                } else {
                    PDQ_PROFILE
                }),
                problem: None,
            })),
            Err(error) => lines.push(Line {
                width: Some(width),
                height: Some(height),
                frame: Some(frame.number),
                ..Line::failed(
                    input,
                    HashKind::Pdq,
                    Status::TooSmall.name(),
                    error.to_string(),
                )
            }),
        }
        ControlFlow::Continue(())
    });
    if let Err(error) = decoded {
        let status = Status::from(&error).name();
        lines.push(Line::failed(
            input,
            HashKind::Pdq,
            status,
            error.to_string(),
        ));
    }
}

fn classic_lines(input: &Input, kinds: &[ClassicKind], memory: &mut Memory, lines: &mut Vec<Line>) {
    let Memory {
        bytes,
        decoder,
        classic,
        ..
    } = memory;
    let decoded = decoder.for_each_frame(bytes, |frame| {
        let (width, height) = (frame.pixels.width(), frame.pixels.height());
        for (&kind, hashed) in kinds.iter().zip(classic.hashes(&frame.pixels, kinds)) {
            let line = match hashed {
                Ok(hash) => Line {
                    path: input.name(),
                    status: if hash.degenerate {
                        Status::LowQuality.name()
                    } else {
                        "ok"
                    },
                    kind: kind.into(),
                    hash: Some(hash.value.to_hex()),
                    quality: None,
                    width: None,
                    height: None,
                    frame: None,
                    transform: None,
                    profile: Some(if frame.luma_only {
                        CLASSIC_PROFILE_JPEG_LUMA
                    } else {
                        CLASSIC_PROFILE
                    }),
                    problem: None,
                },
                Err(error) => {
                    let status = match error {
                        ClassicError::TooSmall { .. } => Status::TooSmall,
                        _ => Status::OverLimit,
                    };
                    Line::failed(input, kind.into(), status.name(), error.to_string())
                }
            };
            lines.push(Line {
                width: Some(width),
                height: Some(height),
                frame: Some(frame.number),
                ..line
            });
        }
        ControlFlow::Continue(())
    });
    if let Err(error) = decoded {
        let status = Status::from(&error).name();
        let failed =
            |&kind: &ClassicKind| Line::failed(input, kind.into(), status, error.to_string());
        lines.extend(kinds.iter().map(failed));
    }
}
