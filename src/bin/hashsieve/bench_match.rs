//! `hashsieve bench match`: how fast this machine searches, in hashes that nobody supplied.

use std::convert::Infallible;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use hashsieve::{
    Entry, HashKind, HashValue, Index, IndexBuilder, IndexOptions, ListDescriptor, Match, Pdq,
    SearchBuffer, SearchMethod,
};
use serde::Serialize;

use crate::args::{BenchMatchArgs, MatchData};
use crate::bench::thousandths;
use crate::failure::{Failure, Outcome};
use crate::match_data::{DIHEDRAL, Data};
use crate::progress::Progress;
use crate::report::Report;

/// How often all queries are asked; of each query the shortest time counts.
const ROUNDS: usize = 3;

/// So many pairs of hashes are compared at most to verify what was found.
const PAIRS_VERIFIED: u64 = 20_000_000_000;

/// So many queries are scanned for together when verifying.
const VERIFIED_TOGETHER: usize = 64;

/// The figures, in the order and with the names of the JSON.
#[derive(Serialize)]
struct Figures {
    n: u32,
    distinct: u32,
    queries: usize,
    threshold: u32,
    threads: u16,
    method: &'static str,
    residency: &'static str,
    build_seconds: f64,
    /// None where the system does not tell.
    build_peak_bytes: Option<u64>,
    index_bytes: u64,
    bytes_per_hash: f64,
    open_microseconds: f64,
    microseconds_per_query: f64,
    p99_microseconds: f64,
    queries_per_second: f64,
    matches: u64,
    planted: usize,
    planted_found: usize,
    verified_against_flat: usize,
}

/// The hashes of one query, and what came of it.
struct Asked {
    hashes: Vec<HashValue>,
    matches: Vec<(usize, Match)>,
    shortest: Duration,
}

pub(crate) fn run(arguments: &BenchMatchArgs, quiet: bool) -> Result<Outcome, Failure> {
    if let Some(folder) = &arguments.dump {
        // Now and not when all is made.
        refuse_dumped(folder)?;
    }
    let mut progress = Progress::new(1, "hashes", quiet);
    let per_query = if arguments.dihedral { DIHEDRAL } else { 1 };
    let mut data = Data::new(arguments.seed, arguments.data, arguments.n, &mut progress);
    let planted = data.plant(arguments.queries, per_query, arguments.threshold);
    if let Some(folder) = &arguments.dump {
        dump(folder, &data)?;
    }
    let folder =
        tempfile::tempdir().map_err(|error| Failure(format!("a temporary folder: {error}")))?;
    let path = folder.path().join("bench.hsv");
    let resident = memory("VmRSS");
    let begin = Instant::now();
    let budget = usize::from(arguments.memory) << 20;
    build(&path, &data.hashes, budget, &mut progress).map_err(|error| Failure::at(&path, error))?;
    let build_seconds = begin.elapsed().as_secs_f64();
    let peak = memory("VmHWM");
    // What was searched in is in the index now, and the memory may be needed.
    data.hashes = Vec::new();

    let mut options = IndexOptions::default();
    options.residency = arguments.residency;
    options.level = arguments.level;
    options.method = arguments.method.0;
    let open = || Index::open_with(&path, options).map_err(|error| Failure::at(&path, error));
    let mut opening = Vec::new();
    let mut index = open()?;
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        index = open()?;
        opening.push(begin.elapsed());
    }
    opening.sort_unstable();

    let mut asked: Vec<Asked> = data
        .queries
        .chunks(per_query)
        .map(|hashes| Asked {
            hashes: hashes.iter().map(|hash| (*hash).into()).collect(),
            matches: Vec::new(),
            shortest: Duration::MAX,
        })
        .collect();
    let mut wall = Duration::MAX;
    for round in 0..=ROUNDS {
        progress.set("asking", round as u64, ROUNDS as u64 + 1);
        // The first round is the warm-up.
        let taken = ask(&index, &mut asked, arguments)?;
        if round > 0 {
            wall = wall.min(taken);
        }
    }

    let matches: u64 = asked.iter().map(|asked| asked.matches.len() as u64).sum();
    let found = |(asked, planted): (&Asked, &crate::match_data::Planted)| {
        let is_it = |id: u32| {
            index
                .find(&planted.hash.into())
                .is_ok_and(|found| found == Some(id))
        };
        let mut matches = asked.matches.iter().filter(|(query, _)| *query == 0);
        matches.any(|(_, one)| one.distance == planted.distance && is_it(one.id))
    };
    let planted_found = asked
        .iter()
        .zip(&planted)
        .filter(|pair| found(*pair))
        .count();
    let verified = verify(&index, &path, &asked, arguments, &mut progress)?;
    drop(progress);
    if planted_found != planted.len() {
        return Err(Failure(format!(
            "of {} planted hashes only {planted_found} were found",
            planted.len()
        )));
    }

    let mut times: Vec<Duration> = asked.iter().map(|asked| asked.shortest).collect();
    times.sort_unstable();
    let micro = |time: Duration| thousandths(time.as_secs_f64() * 1e6);
    let all: Duration = times.iter().sum();
    let index_bytes = index.search_bytes(HashKind::Pdq);
    let sample = asked.first().and_then(|asked| asked.hashes.first());
    let explained =
        sample.and_then(|query| index.explain(query, arguments.threshold).ok().flatten());
    let figures = Figures {
        n: arguments.n,
        distinct: index.len(HashKind::Pdq),
        queries: asked.len(),
        threshold: arguments.threshold,
        threads: arguments.threads,
        method: match arguments.method.0 {
            Some(method) => method.name(),
            None => explained
                .map_or(SearchMethod::Flat, |explained| explained.method)
                .name(),
        },
        residency: arguments.residency.name(),
        build_seconds: thousandths(build_seconds),
        build_peak_bytes: peak
            .zip(resident)
            .map(|(peak, before)| peak.saturating_sub(before)),
        index_bytes,
        bytes_per_hash: thousandths(
            index_bytes as f64 / f64::from(index.len(HashKind::Pdq).max(1)),
        ),
        open_microseconds: micro(opening[opening.len() / 2]),
        microseconds_per_query: thousandths(all.as_secs_f64() * 1e6 / times.len().max(1) as f64),
        p99_microseconds: micro(times[times.len() * 99 / 100]),
        queries_per_second: thousandths(asked.len() as f64 / wall.as_secs_f64()),
        matches,
        planted: planted.len(),
        planted_found,
        verified_against_flat: verified,
    };
    let mut report = Report::new(None)?;
    if arguments.json {
        report.json(&figures)?;
    } else {
        report.line(&format!(
            "{} hashes, {} {}, threshold {}, threads {}, {} {}: {:.3} microseconds a query, of 99 in 100 at most {:.3}; \
             {:.0} queries a second",
            figures.n,
            figures.queries,
            if arguments.dihedral { "dihedral queries" } else { "queries" },
            figures.threshold,
            figures.threads,
            figures.method,
            figures.residency,
            figures.microseconds_per_query,
            figures.p99_microseconds,
            figures.queries_per_second
        ))?;
        report.line(&format!(
            "built in {:.1} s, {:.1} bytes a hash, opened in {:.1} microseconds; {} matches, {} of {} planted found, {} \
             queries compared with a flat scan",
            figures.build_seconds,
            figures.bytes_per_hash,
            figures.open_microseconds,
            figures.matches,
            figures.planted_found,
            figures.planted,
            figures.verified_against_flat
        ))?;
    }
    report.finish()?;
    Ok(Outcome::Done)
}

/// Makes an index of hashes, each of an entry of its own.
fn build(
    path: &Path,
    hashes: &[Pdq],
    memory: usize,
    progress: &mut Progress,
) -> Result<(), hashsieve::BuildError> {
    let mut builder = IndexBuilder::with_memory_budget(path, memory);
    let list = builder.add_list(ListDescriptor::default())?;
    let mut entry = Entry::new("");
    for (number, hash) in hashes.iter().enumerate() {
        entry.entry_id.clear();
        // Writing to a string cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut entry.entry_id, format_args!("{number:09}"));
        entry.hashes.clear();
        entry.add_hash((*hash).into());
        builder.add(list, &entry)?;
        if number % 65_536 == 0 {
            progress.set("adding entries", number as u64, hashes.len() as u64);
        }
    }
    builder.finish_with(&mut |step| progress.set(step.stage, step.done, step.total))?;
    Ok(())
}

/// Asks all queries, one after another in each thread, and returns how long it took until the last thread was done.
fn ask(
    index: &Index,
    asked: &mut [Asked],
    arguments: &BenchMatchArgs,
) -> Result<Duration, Failure> {
    let each = asked.len().div_ceil(usize::from(arguments.threads)).max(1);
    let begin = Instant::now();
    let done = thread::scope(|scope| {
        let threads: Vec<_> = asked
            .chunks_mut(each)
            .map(|part| {
                scope.spawn(move || {
                    let mut buffer = SearchBuffer::new();
                    for Asked {
                        hashes,
                        matches,
                        shortest,
                    } in part
                    {
                        matches.clear();
                        let begin = Instant::now();
                        let search = index.for_each_within(
                            hashes,
                            arguments.threshold,
                            &mut buffer,
                            |query, one| {
                                matches.push((query, one));
                                ControlFlow::<Infallible>::Continue(())
                            },
                        );
                        *shortest = begin.elapsed().min(*shortest);
                        let _ = search?;
                    }
                    Ok::<(), hashsieve::SearchError>(())
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| match thread.join() {
                Ok(done) => done.map_err(|error| Failure(error.to_string())),
                Err(_) => Err(Failure("a thread stopped".to_owned())),
            })
    });
    done.map(|()| begin.elapsed())
}

/// Compares what was found with what a flat scan finds, for as many queries as it may take, and returns how many.
fn verify(
    index: &Index,
    path: &Path,
    asked: &[Asked],
    arguments: &BenchMatchArgs,
    progress: &mut Progress,
) -> Result<usize, Failure> {
    let mut options = IndexOptions::default();
    options.method = Some(SearchMethod::Flat);
    let flat = Index::open_with(path, options).map_err(|error| Failure::at(path, error))?;
    let per_query = asked.first().map_or(1, |asked| asked.hashes.len());
    let pairs = u64::from(index.len(HashKind::Pdq).max(1)) * per_query as u64;
    let count = usize::try_from(PAIRS_VERIFIED / pairs)
        .unwrap_or(usize::MAX)
        .min(asked.len());
    let mut buffer = SearchBuffer::new();
    for (number, part) in asked[..count]
        .chunks(VERIFIED_TOGETHER.div_ceil(per_query))
        .enumerate()
    {
        progress.set(
            "comparing with a flat scan",
            (number * VERIFIED_TOGETHER) as u64,
            count as u64,
        );
        let hashes: Vec<HashValue> = part
            .iter()
            .flat_map(|asked| asked.hashes.iter().copied())
            .collect();
        let mut expected = vec![Vec::new(); part.len()];
        let searched =
            flat.for_each_within(&hashes, arguments.threshold, &mut buffer, |query, one| {
                expected[query / per_query].push((query % per_query, one));
                ControlFlow::<Infallible>::Continue(())
            });
        let _ = searched.map_err(|error| Failure(error.to_string()))?;
        for (asked, expected) in part.iter().zip(&mut expected) {
            let mut found = asked.matches.clone();
            found.sort_unstable();
            expected.sort_unstable();
            if found != *expected {
                return Err(Failure(
                    "the search and a flat scan found different matches; please report this with the options given".to_owned(),
                ));
            }
        }
    }
    Ok(count)
}

/// The files of hashes and queries that others can read.
const DUMPED: [&str; 2] = ["db.bin", "queries.bin"];

/// Refuses a folder that has such files.
fn refuse_dumped(folder: &Path) -> Result<(), Failure> {
    let paths = DUMPED.map(|name| folder.join(name));
    match paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        None => Ok(()),
        Some(path) => {
            let why = "is there already and is not overwritten; give --dump another folder";
            Err(Failure::at(path, why))
        }
    }
}

/// Writes hashes and queries, 32 bytes each, most significant first, for other engines to read.
fn dump(folder: &Path, data: &Data) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::at(folder, error))?;
    for (name, hashes) in DUMPED.into_iter().zip([&data.hashes, &data.queries]) {
        let path = folder.join(name);
        let write = || {
            let mut file = BufWriter::new(File::create_new(&path)?);
            for hash in hashes {
                file.write_all(&hash.to_bytes())?;
            }
            file.flush()
        };
        write().map_err(|error| Failure::at(&path, error))?;
    }
    Ok(())
}

/// Returns a number of bytes that Linux tells of this process.
fn memory(what: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(what)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

impl MatchData {
    /// The stable names.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        match name {
            "random" => Ok(Self::Random),
            "clustered" => Ok(Self::Clustered),
            _ => Err("known are random and clustered".to_owned()),
        }
    }
}
