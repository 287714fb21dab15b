//! A complete upload check: what a platform runs for every picture that comes in, against a store that others change.
//!
//! ```text
//! cargo run --release --example check_upload -- store/ picture.jpg records.jsonl
//! ```
//!
//! Standard output has the one thing that an uploader may learn. Everything else is for trained people: it is added to the
//! file named last, or, without one, goes to standard error.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a program"
)]

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hashsieve::{Action, Policy, Screener, Status, Store, Verdict};

/// How often it is looked whether the store has changed.
const RELOAD_EVERY: Duration = Duration::from_millis(500);

/// How long the store may fail to load before uploads are refused: what was withdrawn or added since is not known.
const TOO_LONG: Duration = Duration::from_secs(10 * 60);

/// What the uploader is told. A match, a file that could not be decided and a file over a limit look the same, so that
/// nobody can probe the lists.
#[derive(Clone, Copy)]
enum Answer {
    Accepted,
    NotAccepted,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let store = arguments.next().ok_or("which store?")?;
    let picture = arguments.next().ok_or("which picture?")?;
    let records = arguments.next();

    // Once, at start. The screener is shared by all threads.
    let policy = Policy {
        dihedral: true,
        ..Policy::default()
    };
    let store = Store::open(store)?;
    store.verify(&mut |_, _| {})?;
    let screener = Arc::new(Screener::new([store], policy)?);

    // In the background: what a hotline takes back stops to match within half a second. It costs the uploads nothing.
    let loaded = Arc::new(Mutex::new(Instant::now()));
    let (reloading, last) = (Arc::clone(&screener), Arc::clone(&loaded));
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(RELOAD_EVERY);
            match reloading.reload() {
                Ok(_) => *last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now(),
                // What was loaded last is searched still. Somebody should hear of it.
                Err(error) => eprintln!("the store cannot be loaded: {error}"),
            }
        }
    });

    // For each upload.
    let bytes = std::fs::read(picture)?;
    let verdict = screener.screen(&bytes);
    let loaded = *loaded.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = answer(&verdict, loaded.elapsed());
    if !verdict.matches.is_empty() || !verdict.suppressed.is_empty() {
        let evidence = screener.evidence(&bytes, verdict);
        keep_for_review(&serde_json::to_string(&evidence)?, records.as_deref())?;
    }
    match answer {
        Answer::Accepted => println!("accepted"),
        Answer::NotAccepted => println!("not accepted"),
    }
    Ok(())
}

/// Says what becomes of an upload, given how long ago the store was last found to be loadable.
fn answer(verdict: &Verdict, since_loaded: Duration) -> Answer {
    // With lists of which nobody knows how old they are nothing can be decided.
    if since_loaded > TOO_LONG {
        return Answer::NotAccepted;
    }
    let is_only_observed = verdict
        .action
        .is_none_or(|action| action == Action::Observe);
    // A picture with too little structure to hash cannot be decided; this platform lets it pass and says so here.
    let is_decided = verdict.is_decided() || verdict.undecided == Some(Status::LowQuality);
    if is_decided && is_only_observed {
        Answer::Accepted
    } else {
        Answer::NotAccepted
    }
}

/// Stands for a platform's review queue. Records are confidential: only those who review may read them.
fn keep_for_review(record: &str, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let Some(file) = file else {
        eprintln!("{record}");
        return Ok(());
    };
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    writeln!(options.open(file)?, "{record}")?;
    Ok(())
}
