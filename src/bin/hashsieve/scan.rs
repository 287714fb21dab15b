//! `hashsieve scan`: pictures to verdicts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hashsieve::{
    Action, CLASSIC_PROFILE, EntryMatch, Evidence, HashKind, PDQ_PROFILE, Policy, Screener, Status,
    SuppressedMatch, Suppression, Verdict,
};
use serde::Serialize;

use crate::against;
use crate::args::{Format, ScanArgs};
use crate::failure::{Failure, Outcome};
use crate::files::{self, Input};
use crate::report::{Report, counted, refuse_overwriting, tell};
use crate::toml_file;

/// How often a scan looks whether a store has changed.
const RELOAD_EVERY: Duration = Duration::from_millis(100);

/// What came of one input.
struct Result {
    path: String,
    status: &'static str,
    problem: Option<String>,
    /// None when the input could not even be read.
    verdict: Option<Verdict>,
    evidence: Option<Evidence>,
}

/// One line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    status: &'static str,
    undecided: Option<Status>,
    action: Option<Action>,
    matches: &'a [EntryMatch],
    suppressed: &'a [SuppressedMatch],
    problem: Option<&'a str>,
    frames: u32,
    profile: Option<&'static str>,
    classic_profile: Option<&'static str>,
    low_quality_frames: u32,
    lists_out_of_date: &'a [String],
}

const COLUMNS: [&str; 16] = [
    "path",
    "status",
    "action",
    "list",
    "entry",
    "kind",
    "match_type",
    "distance",
    "quality",
    "transform",
    "frame",
    "classification",
    "profile",
    "problem",
    "suppressed_by",
    "undecided",
];

/// Takes what is new in stores while a scan runs, and tells what the scan goes on without.
struct Reloading {
    last: Instant,
    /// Whether it has been told that a store cannot be read.
    is_failure_told: bool,
    /// The lists that are gone and of which this has been told.
    gone: BTreeSet<String>,
}

impl Reloading {
    fn new() -> Self {
        Self {
            last: Instant::now(),
            is_failure_told: false,
            gone: BTreeSet::new(),
        }
    }

    /// Loads stores again if it is time: what is withdrawn while a long scan runs must not match any more. Returns whether all that
    /// the policy names is searched still, as it is now; what is not is told once.
    fn is_as_begun(&mut self, screener: &Screener) -> bool {
        if self.last.elapsed() < RELOAD_EVERY {
            return true;
        }
        let reloaded = screener.reload();
        if let Err(error) = &reloaded
            && !self.is_failure_told
        {
            let goes_on =
                "what was loaded before is searched still, and what has changed since is not known";
            tell(format_args!("{error}; {goes_on}"));
            self.is_failure_told = true;
        }
        let missing = screener.missing_lists();
        let is_complete = missing.is_empty();
        for list in missing {
            if !self.gone.contains(&list) {
                tell(format_args!(
                    "the policy names the list `{list}`, which is not, or no longer, in what is searched: the scan goes on \
                     without it. If it is to be gone, take it out of the policy; else put it back, and scan again"
                ));
                self.gone.insert(list);
            }
        }
        self.last = Instant::now();
        reloaded.is_ok() && is_complete
    }
}

pub(crate) fn run(arguments: &ScanArgs, quiet: bool) -> std::result::Result<Outcome, Failure> {
    let options = files::decode_options(&arguments.input);
    let policy = policy(arguments)?;
    let against = against::open(&arguments.against, !arguments.no_verify, quiet)?;
    if policy.dihedral && !against::has_kind(&against, HashKind::Pdq) {
        tell("no list holds pdq hashes, and only by these are rotated and mirrored copies found");
    }
    let screener = Screener::with_decode_options(against, policy, options)
        .map_err(|error| Failure(error.to_string()))?;
    let (output, evidence) = (arguments.output.as_deref(), arguments.evidence.as_deref());
    let in_stores = files_of(&arguments.against)?;
    let used = || {
        let paths = arguments.against.iter().chain(&in_stores);
        let paths = paths.chain(&arguments.policy);
        paths.chain(&arguments.input.paths).map(PathBuf::as_path)
    };
    refuse_overwriting(output, used())?;
    refuse_overwriting(evidence, used().chain(output))?;
    let mut report = Report::new(output)?;
    let mut evidence = match &arguments.evidence {
        Some(path) => Some(Report::appending(path)?),
        None => None,
    };
    if arguments.format == Format::Csv {
        report.csv(COLUMNS)?;
    }
    let mut counts = BTreeMap::<&'static str, u64>::new();
    let (mut matched, mut failed) = (false, false);
    let mut reloading = Reloading::new();
    let passed_over = files::for_each(
        &arguments.input,
        &[output, arguments.evidence.as_deref()],
        "scanning",
        quiet,
        Vec::new,
        |bytes, input| {
            screen(
                &screener,
                input,
                options.limits.file_bytes,
                evidence_wanted(arguments),
                bytes,
            )
        },
        |result| {
            failed |= !reloading.is_as_begun(&screener);
            *counts.entry(result.status).or_default() += 1;
            let decided = result.verdict.as_ref().is_some_and(Verdict::is_decided);
            matched |= result
                .verdict
                .as_ref()
                .is_some_and(|v| !v.matches.is_empty());
            failed |= !decided;
            write(&result, arguments.format, &mut report)?;
            if let (Some(file), Some(record)) = (&mut evidence, &result.evidence) {
                #[derive(Serialize)]
                struct Record<'a> {
                    path: &'a str,
                    #[serde(flatten)]
                    evidence: &'a Evidence,
                }
                let path = &result.path;
                file.json(&Record {
                    path,
                    evidence: record,
                })?;
            }
            // With the reader gone only the exit code is left to find out, and a match settles it.
            Ok(if report.reader_left() && matched && evidence.is_none() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        },
    )?;
    report.finish()?;
    if let Some(file) = evidence {
        file.finish()?;
    }
    if !quiet {
        let total: u64 = counts.values().sum();
        let parts = counts
            .iter()
            .map(|(status, count)| format!("{count} {status}"));
        let parts: Vec<_> = parts.collect();
        let colon = if parts.is_empty() { "" } else { ": " };
        let inputs = counted(total, "input", "inputs");
        tell(format_args!("{inputs}{colon}{}", parts.join(", ")));
    }
    passed_over.tell();
    Ok(Outcome::of(matched, failed))
}

fn evidence_wanted(arguments: &ScanArgs) -> bool {
    arguments.evidence.is_some()
}

/// Returns the files of those paths that are folders, which are stores.
fn files_of(paths: &[PathBuf]) -> std::result::Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths.iter().filter(|path| path.is_dir()) {
        let at = |error| Failure::at(path, error);
        for file in std::fs::read_dir(path).map_err(at)? {
            files.push(file.map_err(at)?.path());
        }
    }
    Ok(files)
}

fn policy(arguments: &ScanArgs) -> std::result::Result<Policy, Failure> {
    let mut policy = match &arguments.policy {
        Some(path) => read_policy(path)?,
        None => Policy::default(),
    };
    policy.dihedral |= arguments.dihedral;
    if let Some(threshold) = arguments.threshold {
        policy.set_pdq_threshold(threshold);
    }
    Ok(policy)
}

/// Reads a policy.
pub(crate) fn read_policy(path: &Path) -> std::result::Result<Policy, Failure> {
    toml_file::read(path)
}

/// Reads an input into `bytes` and screens it.
fn screen(
    screener: &Screener,
    input: &Input,
    limit: u64,
    evidence: bool,
    bytes: &mut Vec<u8>,
) -> Result {
    let path = input.name();
    match input.read(limit, bytes) {
        Err((status, problem)) => Result {
            path,
            status,
            problem: Some(problem),
            verdict: None,
            evidence: None,
        },
        Ok(()) => {
            let verdict = screener.screen(bytes);
            let has_found = !verdict.matches.is_empty() || !verdict.suppressed.is_empty();
            let wanted = evidence && has_found;
            Result {
                path,
                status: verdict.status.name(),
                problem: verdict.problem.clone(),
                evidence: wanted.then(|| screener.evidence(bytes, verdict.clone())),
                verdict: Some(verdict),
            }
        }
    }
}

fn write(result: &Result, format: Format, report: &mut Report) -> std::result::Result<(), Failure> {
    let verdict = result.verdict.as_ref();
    let matches = verdict.map_or(&[][..], |verdict| &verdict.matches);
    let suppressed = verdict.map_or(&[][..], |verdict| &verdict.suppressed);
    let problem = result.problem.as_deref();
    let undecided = verdict.and_then(|verdict| verdict.undecided);
    let profile = verdict.and_then(|verdict| verdict.profile);
    let classic_profile = verdict.and_then(|verdict| verdict.classic_profile);
    match format {
        Format::Json => report.json(&Line {
            path: &result.path,
            status: result.status,
            undecided,
            action: verdict.and_then(|verdict| verdict.action),
            matches,
            suppressed,
            problem,
            frames: verdict.map_or(0, |verdict| verdict.frames),
            profile,
            classic_profile,
            low_quality_frames: verdict.map_or(0, |verdict| verdict.low_quality_frames),
            lists_out_of_date: verdict.map_or(&[], |verdict| &verdict.lists_out_of_date),
        }),
        Format::Csv => {
            let problem = problem.unwrap_or_default();
            let undecided = undecided.map_or("", Status::name);
            if matches.is_empty() && suppressed.is_empty() {
                let mut fields = [""; COLUMNS.len()];
                (fields[0], fields[1]) = (&result.path, result.status);
                let profile = profile.or(classic_profile).unwrap_or_default();
                (fields[12], fields[13], fields[15]) = (profile, problem, undecided);
                return report.csv(fields);
            }
            let matches = matches.iter().map(|found| (found, None));
            let suppressed = suppressed
                .iter()
                .map(|one| (&one.found, Some(&one.suppression)));
            matches
                .chain(suppressed)
                .try_for_each(|(found, suppression)| {
                    let number =
                        |value: Option<u32>| value.map_or(String::new(), |n| n.to_string());
                    let class = found.classification.as_ref();
                    let profile = match found.kind {
                        HashKind::Classic(_) => classic_profile,
                        kind => profile.filter(|_| kind.is_perceptual()),
                    };
                    report.csv([
                        result.path.as_str(),
                        result.status,
                        suppression.map_or(found.action.name(), |_| ""),
                        &found.list,
                        &found.entry,
                        found.kind.name(),
                        found.match_type.name(),
                        &found.distance.to_string(),
                        &number(found.quality.map(u32::from)),
                        found.transform.map_or("", |transform| transform.name()),
                        &number(found.frame),
                        class.map_or("", |class| &class.value),
                        profile.unwrap_or_default(),
                        problem,
                        suppression.map_or("", Suppression::name),
                        undecided,
                    ])
                })
        }
        Format::Text => {
            // The usual way is not named on every line.
            let profile = profile.filter(|&profile| profile != PDQ_PROFILE);
            let classic_profile = classic_profile.filter(|&profile| profile != CLASSIC_PROFILE);
            let profile = profile.or(classic_profile);
            let profile = profile.map_or(String::new(), |profile| format!(", {profile}"));
            for found in matches {
                report.text(&format!(
                    "{}: match: {}, list {}, entry {}, {}{profile}",
                    result.path,
                    found.action.name(),
                    found.list,
                    found.entry,
                    how(found)
                ))?;
            }
            for one in suppressed {
                report.text(&format!(
                    "{}: suppressed: list {}, entry {}, {}{profile}: {}",
                    result.path,
                    one.found.list,
                    one.found.entry,
                    how(&one.found),
                    one.suppression
                ))?;
            }
            let is_told = !matches.is_empty() || result.status == Status::Suppressed.name();
            // Low quality is told of by its name alone.
            let unseen = problem.or(undecided.map(Status::name));
            match (!is_told, if is_told { unseen } else { problem }) {
                (true, None) => {
                    report.text(&format!("{}: {}{profile}", result.path, result.status))
                }
                (true, Some(problem)) => report.text(&format!(
                    "{}: {}{profile}: {problem}",
                    result.path, result.status
                )),
                (false, Some(problem)) => {
                    report.text(&format!("{}: not fully seen: {problem}", result.path))
                }
                (false, None) => Ok(()),
            }
        }
    }
}

/// Says in a few words how a match came about.
fn how(found: &EntryMatch) -> String {
    let mut text = format!("{} {}", found.match_type.name(), found.kind);
    if found.kind.is_perceptual() {
        text += &format!(", distance {}", found.distance);
    }
    if let Some(quality) = found.quality {
        text += &format!(", quality {quality}");
    }
    if let Some(transform) = found.transform {
        text += &format!(", {transform}");
    }
    if let Some(frame) = found.frame.filter(|&frame| frame > 0) {
        text += &format!(", frame {frame}");
    }
    text
}
