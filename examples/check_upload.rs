//! A complete upload check: what a platform runs for every picture that comes in, against a store that others change.
//!
//! ```text
//! cargo run --release --example check_upload -- store/ picture.jpg
//! ```
//!
//! It shows the one thing that an uploader may learn, and keeps everything else for trained people.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a program"
)]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hashsieve::{Action, Policy, Screener, Status, Store};

/// What the uploader is told. A match, a file that could not be decided and a file over a limit look the same, so that
/// nobody can probe the lists.
enum Answer {
    Accepted,
    NotAccepted,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let store = arguments.next().ok_or("which store?")?;
    let picture = arguments.next().ok_or("which picture?")?;

    // Once, at start. The screener is shared by all threads.
    let policy = Policy {
        dihedral: true,
        ..Policy::default()
    };
    let store = Store::open(store)?;
    store.verify(&mut |_, _| {})?;
    let screener = Arc::new(Screener::new([store], policy)?);

    // In the background: what a hotline takes back stops to match within half a second. It costs the uploads nothing.
    let reloading = Arc::clone(&screener);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            if let Err(error) = reloading.reload() {
                // What was loaded last is searched still. Somebody should hear of it.
                eprintln!("the store cannot be loaded: {error}");
            }
        }
    });

    // For each upload.
    let bytes = std::fs::read(picture)?;
    let verdict = screener.screen(&bytes);
    let answer = match verdict.status {
        Status::NoMatch | Status::Suppressed => Answer::Accepted,
        // A list on trial.
        Status::Match if verdict.action == Some(Action::Observe) => Answer::Accepted,
        // A picture with too little structure to hash cannot be decided; this platform lets it pass and says so here.
        Status::LowQuality => Answer::Accepted,
        _ => Answer::NotAccepted,
    };
    if !verdict.matches.is_empty() || !verdict.suppressed.is_empty() {
        // Confidential, for the people who review: store it where only they can read it.
        let evidence = screener.evidence(&bytes, verdict);
        let record = serde_json::to_string(&evidence)?;
        keep_for_review(&record);
    }
    match answer {
        Answer::Accepted => println!("accepted"),
        Answer::NotAccepted => println!("not accepted"),
    }
    Ok(())
}

/// Stands for a platform's review queue.
fn keep_for_review(record: &str) {
    println!("(a record of {} bytes goes to review)", record.len());
}
