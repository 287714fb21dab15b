//! `hashsieve bench store`: what changes of a large store cost, and what they cost those who search it meanwhile.

use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use hashsieve::{
    Change, ChangeOptions, Entry, ListDescriptor, Pdq, SearchBuffer, Snapshot, Store, StoreError,
    StoreWriter,
};
use serde::Serialize;

use crate::args::{BenchStoreArgs, MatchData};
use crate::bench::thousandths;
use crate::failure::{Failure, Outcome};
use crate::match_data::Data;
use crate::progress::Progress;
use crate::report::Report;

/// The list that all entries are of.
const LIST: &str = "made up";

/// How many withdrawals, and how many additions, are timed by themselves.
const SINGLE: u32 = 50;

/// How many changes are made at once: half are of entries that are new, a quarter change one, a quarter withdraw one.
const TOGETHER: u32 = 10_000;

/// After so many changes, of so many new entries each, searches are compared with those of one segment.
const FRESH: u32 = 100;
const FRESH_ENTRIES: u32 = 1000;

/// How often searches are compared; odd, so that the median is one of the ratios.
const ROUNDS: usize = 9;

/// The figures, in the order and with the names of the JSON.
#[derive(Serialize)]
struct Figures {
    n: u32,
    threshold: u32,
    threads: u16,
    create_seconds: f64,
    withdrawal_milliseconds: f64,
    withdrawal_milliseconds_most: f64,
    addition_milliseconds: f64,
    addition_milliseconds_most: f64,
    changes: u32,
    changes_seconds: f64,
    queries: usize,
    fresh_changes: u32,
    fresh_entries: u32,
    microseconds_per_query: f64,
    microseconds_per_query_fresh: f64,
    slowdown: f64,
    slowdown_least: f64,
    slowdown_most: f64,
    reloads: u32,
    reload_seconds: f64,
    queries_meanwhile: u64,
    failed: u64,
    stale: u64,
    missed: u64,
    purge_seconds: f64,
    purged: usize,
    verify_removed_seconds: f64,
    traces_found: usize,
    compact_seconds: f64,
}

/// A store being measured, and the hashes of its entries, each of which has its number for an id.
struct Measured<'a> {
    directory: &'a Path,
    hashes: Vec<Pdq>,
    /// How many of the hashes are of entries that were added.
    added: u32,
    /// The numbers of the entries that were withdrawn: from 0 on.
    withdrawn: u32,
    queries: Vec<Pdq>,
    threshold: u32,
}

pub(crate) fn run(arguments: &BenchStoreArgs, quiet: bool) -> Result<Outcome, Failure> {
    let folder =
        tempfile::tempdir().map_err(|error| Failure(format!("a temporary folder: {error}")))?;
    let mut progress = Progress::new(1, "hashes", quiet);
    let more = FRESH * FRESH_ENTRIES + 2 * SINGLE + TOGETHER + arguments.reloads;
    let count = arguments.n.saturating_add(more);
    let mut data = Data::new(arguments.seed, MatchData::Random, count, &mut progress);
    data.plant(arguments.queries, 1, arguments.threshold);
    let mut measured = Measured {
        directory: folder.path(),
        hashes: data.hashes,
        added: 0,
        withdrawn: 0,
        queries: data.queries,
        threshold: arguments.threshold,
    };
    let failed = |error: StoreError| Failure(error.to_string());
    let figures = measured.figures(arguments, &mut progress);
    let figures = figures.map_err(failed)?;
    drop(progress);
    let mut report = Report::new(None)?;
    if arguments.json {
        report.json(&figures)?;
    } else {
        for line in figures.lines() {
            report.line(&line)?;
        }
    }
    report.finish()?;
    match figures.failed + figures.stale + figures.missed + figures.traces_found as u64 {
        0 => Ok(Outcome::Done),
        _ => Err(Failure(
            "a query failed, was stale or missed an entry, or a trace of a purged hash was left; please report this with the \
             options given"
                .to_owned(),
        )),
    }
}

impl Figures {
    fn lines(&self) -> [String; 6] {
        [
            format!(
                "{} entries in a store in {:.1} s",
                self.n, self.create_seconds
            ),
            format!(
                "a withdrawal until a reader no longer finds it {:.1} ms ({:.1} at most of {SINGLE}), an addition {:.1} ms ({:.1})",
                self.withdrawal_milliseconds,
                self.withdrawal_milliseconds_most,
                self.addition_milliseconds,
                self.addition_milliseconds_most
            ),
            format!(
                "{} changes together {:.2} s",
                self.changes, self.changes_seconds
            ),
            format!(
                "a query {:.1} microseconds, after {} changes of {} entries {:.1}: {:.2} times as long ({:.2} to {:.2})",
                self.microseconds_per_query,
                self.fresh_changes,
                self.fresh_entries,
                self.microseconds_per_query_fresh,
                self.slowdown,
                self.slowdown_least,
                self.slowdown_most
            ),
            format!(
                "{} changes with {} queries in {} threads meanwhile in {:.1} s: {} failed, {} stale, {} missed",
                self.reloads,
                self.queries_meanwhile,
                self.threads,
                self.reload_seconds,
                self.failed,
                self.stale,
                self.missed
            ),
            format!(
                "purged {} hashes in {:.1} s, looked for them in {:.1} s: {} found; compacted in {:.1} s",
                self.purged,
                self.purge_seconds,
                self.verify_removed_seconds,
                self.traces_found,
                self.compact_seconds
            ),
        ]
    }
}

impl Measured<'_> {
    fn figures(
        &mut self,
        arguments: &BenchStoreArgs,
        progress: &mut Progress,
    ) -> Result<Figures, StoreError> {
        let begin = Instant::now();
        drop(StoreWriter::create(self.directory)?);
        self.add(arguments.n, progress)?;
        let create_seconds = seconds(begin);
        let store = Store::open(self.directory)?;
        let compact = store.snapshot();
        for number in 0..FRESH {
            progress.set("adding", number.into(), FRESH.into());
            self.add(FRESH_ENTRIES, progress)?;
        }
        store.reload()?;
        let [compacted, fresh, slowdown] = self.compare(&compact, &store.snapshot(), progress);
        let (withdrawals, additions) = self.singles(&store, progress)?;
        let changes_seconds = self.together()?;
        let meanwhile = self.meanwhile(arguments, &store, progress)?;
        drop((compact, store));

        let mut writer = StoreWriter::open(self.directory)?;
        let begin = Instant::now();
        writer.purge(&mut |step| progress.set(step.stage, step.done, step.total))?;
        let purge_seconds = seconds(begin);
        let begin = Instant::now();
        let gone: Vec<_> = self.hashes[..self.withdrawn as usize]
            .iter()
            .step_by((self.withdrawn as usize / 20).max(1))
            .map(|hash| (*hash).into())
            .collect();
        let store = Store::open(self.directory)?;
        let removed = store.verify_removed(&gone, &mut |done, total| {
            progress.set("looking for traces", done, total);
        })?;
        let verify_removed_seconds = seconds(begin);
        let begin = Instant::now();
        writer.compact(&mut |step| progress.set(step.stage, step.done, step.total))?;
        let compact_seconds = seconds(begin);
        Ok(Figures {
            n: arguments.n,
            threshold: self.threshold,
            threads: arguments.threads,
            create_seconds,
            withdrawal_milliseconds: median(&withdrawals),
            withdrawal_milliseconds_most: most(&withdrawals),
            addition_milliseconds: median(&additions),
            addition_milliseconds_most: most(&additions),
            changes: TOGETHER,
            changes_seconds,
            queries: self.queries.len(),
            fresh_changes: FRESH,
            fresh_entries: FRESH_ENTRIES,
            microseconds_per_query: median(&compacted),
            microseconds_per_query_fresh: median(&fresh),
            slowdown: median(&slowdown),
            slowdown_least: slowdown.first().copied().unwrap_or_default(),
            slowdown_most: most(&slowdown),
            reloads: arguments.reloads,
            reload_seconds: meanwhile.seconds,
            queries_meanwhile: meanwhile.queries,
            failed: meanwhile.failed,
            stale: meanwhile.stale,
            missed: meanwhile.missed,
            purge_seconds,
            purged: gone.len(),
            verify_removed_seconds,
            traces_found: removed.found_in.len(),
            compact_seconds,
        })
    }

    /// Makes one change, as a command would, from opening the store on.
    fn change(
        &self,
        fill: impl FnOnce(&mut Change<'_>) -> Result<(), StoreError>,
        progress: &mut Progress,
    ) -> Result<(), StoreError> {
        let mut writer = StoreWriter::open(self.directory)?;
        let list = ListDescriptor {
            name: LIST.to_owned(),
            ..ListDescriptor::default()
        };
        let mut options = ChangeOptions::add();
        options.whole_records = true;
        let mut change = writer.change(list, options)?;
        fill(&mut change)?;
        let told = &mut |step: hashsieve::BuildProgress| {
            progress.set(step.stage, step.done, step.total);
        };
        change.commit_with(&mut |_| {}, told)?;
        Ok(())
    }

    /// Adds the next so many entries in one change.
    fn add(&mut self, count: u32, progress: &mut Progress) -> Result<(), StoreError> {
        let numbers = self.added..self.added + count;
        self.added = numbers.end;
        self.change(|change| self.fill(change, numbers), progress)
    }

    fn fill(&self, change: &mut Change<'_>, numbers: Range<u32>) -> Result<(), StoreError> {
        for number in numbers {
            change.add(&self.entry(number), false)?;
        }
        Ok(())
    }

    fn entry(&self, number: u32) -> Entry {
        let mut entry = Entry::new(id(number));
        entry.add_hash(self.hashes[number as usize].into());
        entry
    }

    /// Withdraws the next entry, as a command would.
    fn withdraw(&mut self) -> Result<(), StoreError> {
        let id = id(self.withdrawn);
        self.withdrawn += 1;
        let mut writer = StoreWriter::open(self.directory)?;
        writer.withdraw(LIST, [&*id]).map(|_| ())
    }

    /// Returns the microseconds of a query in one and the other state of the store, and their ratios, in order, of several
    /// rounds.
    fn compare(
        &self,
        compact: &Snapshot,
        fresh: &Snapshot,
        progress: &mut Progress,
    ) -> [Vec<f64>; 3] {
        let mut buffer = SearchBuffer::new();
        let mut times = [(); 3].map(|()| Vec::new());
        for round in 0..=ROUNDS {
            progress.set("asking", round as u64, ROUNDS as u64 + 1);
            let [compact, fresh] = [compact, fresh].map(|snapshot| {
                let begin = Instant::now();
                for query in &self.queries {
                    // Failures are counted where readers are watched.
                    let _ = count(snapshot, *query, self.threshold, &mut buffer);
                }
                begin.elapsed().as_secs_f64() * 1e6 / self.queries.len() as f64
            });
            // The first round is the warm-up.
            if round > 0 {
                for (times, time) in times.iter_mut().zip([compact, fresh, fresh / compact]) {
                    times.push(thousandths(time));
                }
            }
        }
        times.map(sorted)
    }

    /// Returns the milliseconds from the beginning of a withdrawal, and of an addition, until a reader that reloads all the time no
    /// longer finds it, or finds it.
    fn singles(
        &mut self,
        store: &Store,
        progress: &mut Progress,
    ) -> Result<(Vec<f64>, Vec<f64>), StoreError> {
        let (mut withdrawals, mut additions) = (Vec::new(), Vec::new());
        for number in 0..SINGLE {
            progress.set("changing", number.into(), SINGLE.into());
            for (is_addition, times) in [(false, &mut withdrawals), (true, &mut additions)] {
                let hash = match is_addition {
                    true => self.hashes[self.added as usize],
                    false => self.hashes[self.withdrawn as usize],
                };
                let is_over = AtomicBool::new(false);
                let begin = Instant::now();
                let (changed, seen) = thread::scope(|scope| {
                    let reader = scope.spawn(|| watch(store, hash, is_addition, &is_over));
                    let changed = match is_addition {
                        true => self.add(1, &mut Progress::new(1, "hashes", true)),
                        false => self.withdraw(),
                    };
                    // What is not in place will never be seen.
                    is_over.store(changed.is_err(), Ordering::Relaxed);
                    (changed, joined(reader))
                });
                changed?;
                let seen = seen?;
                times.push(thousandths(seen.duration_since(begin).as_secs_f64() * 1e3));
            }
        }
        Ok((sorted(withdrawals), sorted(additions)))
    }

    /// Makes many changes in one, and returns the seconds.
    fn together(&mut self) -> Result<f64, StoreError> {
        let new = self.added..self.added + TOGETHER / 2;
        let gone = self.withdrawn..self.withdrawn + TOGETHER / 4;
        let changed = gone.end..gone.end + TOGETHER / 4;
        (self.added, self.withdrawn) = (new.end, gone.end);
        let begin = Instant::now();
        let fill = |change: &mut Change<'_>| {
            self.fill(change, new)?;
            for number in changed {
                let mut entry = self.entry(number);
                entry.tags.push("changed".to_owned());
                change.add(&entry, false)?;
            }
            gone.into_iter()
                .try_for_each(|number| change.withdraw(&id(number)))
        };
        self.change(fill, &mut Progress::new(1, "hashes", true))?;
        Ok(seconds(begin))
    }

    /// Lets threads ask without pause while the store changes and is loaded anew, and counts what went wrong.
    fn meanwhile(
        &mut self,
        arguments: &BenchStoreArgs,
        store: &Store,
        progress: &mut Progress,
    ) -> Result<Meanwhile, StoreError> {
        store.reload()?;
        // What every reader must see: entries up to here are added, and up to there withdrawn.
        let added = AtomicU64::new(self.added.into());
        let withdrawn = AtomicU64::new(self.withdrawn.into());
        let is_over = AtomicBool::new(false);
        let (hashes, last) = (self.hashes.clone(), arguments.n);
        let ask = |first: u64| {
            let mut counts = Meanwhile::default();
            let mut buffer = SearchBuffer::new();
            let mut next = first;
            while !is_over.load(Ordering::Relaxed) {
                let added = added.load(Ordering::Acquire);
                let withdrawn = withdrawn.load(Ordering::Acquire);
                let snapshot = store.snapshot();
                // Some entry that stays, the one added last, the one withdrawn last.
                next = (next * 25_214_903_917 + 11) % (u64::from(last) / 2);
                let stays = u64::from(last) / 2 + next;
                for (number, must_match) in
                    [(stays, true), (added - 1, true), (withdrawn - 1, false)]
                {
                    let hash = usize::try_from(number).map(|number| hashes[number]);
                    let Ok(hash) = hash else { continue };
                    counts.queries += 1;
                    match count(&snapshot, hash, 0, &mut buffer) {
                        Err(_) => counts.failed += 1,
                        Ok(0) if must_match => counts.missed += 1,
                        Ok(found) if found > 0 && !must_match => counts.stale += 1,
                        Ok(_) => {}
                    }
                }
            }
            counts
        };
        let ask = &ask;
        let begin = Instant::now();
        let (changed, mut counts) = thread::scope(|scope| {
            let threads: Vec<_> = (0..u64::from(arguments.threads))
                .map(|first| scope.spawn(move || ask(first)))
                .collect();
            let mut change = || {
                for number in 0..arguments.reloads {
                    progress.set("reloading", number.into(), arguments.reloads.into());
                    self.withdraw()?;
                    self.add(1, &mut Progress::new(1, "hashes", true))?;
                    store.reload()?;
                    added.store(self.added.into(), Ordering::Release);
                    withdrawn.store(self.withdrawn.into(), Ordering::Release);
                }
                Ok(())
            };
            let changed = change();
            is_over.store(true, Ordering::Relaxed);
            let mut counts = Meanwhile::default();
            for thread in threads {
                let counted = joined(thread);
                counts.queries += counted.queries;
                counts.failed += counted.failed;
                counts.stale += counted.stale;
                counts.missed += counted.missed;
            }
            (changed, counts)
        });
        counts.seconds = seconds(begin);
        changed.map(|()| counts)
    }
}

/// What readers saw while the store changed.
#[derive(Default)]
struct Meanwhile {
    seconds: f64,
    queries: u64,
    failed: u64,
    stale: u64,
    missed: u64,
}

/// Returns when a reader that reloads all the time finds a hash, or no longer finds it.
fn watch(
    store: &Store,
    hash: Pdq,
    is_addition: bool,
    is_over: &AtomicBool,
) -> Result<Instant, StoreError> {
    let mut buffer = SearchBuffer::new();
    while !is_over.load(Ordering::Relaxed) {
        store.reload()?;
        let found = count(&store.snapshot(), hash, 0, &mut buffer);
        // Searches that fail are counted where readers are watched.
        if found.map_or(true, |found| (found > 0) == is_addition) {
            break;
        }
    }
    Ok(Instant::now())
}

/// Returns what a thread came to.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Returns how many entries match.
fn count(
    snapshot: &Snapshot,
    query: Pdq,
    threshold: u32,
    buffer: &mut SearchBuffer,
) -> Result<u32, hashsieve::SearchError> {
    let mut found = 0;
    let flow = snapshot.for_each_within(&[query.into()], threshold, buffer, |_, _| {
        found += 1;
        ControlFlow::<()>::Continue(())
    });
    flow.map(|_| found)
}

fn id(number: u32) -> String {
    format!("{number:09}")
}

fn seconds(begin: Instant) -> f64 {
    thousandths(begin.elapsed().as_secs_f64())
}

fn sorted(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_unstable_by(f64::total_cmp);
    times
}

/// Returns the median of times in order.
fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Returns the longest of times in order.
fn most(sorted: &[f64]) -> f64 {
    sorted.last().copied().unwrap_or_default()
}
