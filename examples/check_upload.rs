//! A complete upload check: what a platform runs for every picture that comes in.
//!
//! ```text
//! cargo run --release --example check_upload -- list.hsv picture.jpg
//! ```
//!
//! It shows the one thing that an uploader may learn, and keeps everything else for trained people.

#![allow(clippy::print_stdout, reason = "this is a program")]

use std::error::Error;
use std::path::PathBuf;

use hashsieve::{Index, Policy, Screener};

/// What the uploader is told. A match, a file that could not be decided and a file over a limit look the same, so that
/// nobody can probe the lists.
enum Answer {
    Accepted,
    NotAccepted,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let index = arguments.next().ok_or("which index?")?;
    let picture = arguments.next().ok_or("which picture?")?;

    // Once, at start. The screener is shared by all threads.
    let policy = Policy {
        dihedral: true,
        ..Policy::default()
    };
    let index = Index::open(index)?;
    index.verify()?;
    let screener = Screener::new(vec![index], policy)?;

    // For each upload.
    let bytes = std::fs::read(picture)?;
    let verdict = screener.screen(&bytes);
    let answer = match verdict.status {
        hashsieve::Status::NoMatch => Answer::Accepted,
        // A picture with too little structure to hash cannot be decided; this platform lets it pass and says so here.
        hashsieve::Status::LowQuality => Answer::Accepted,
        _ => Answer::NotAccepted,
    };
    if !verdict.matches.is_empty() {
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
