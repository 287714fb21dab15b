//! Runs hashsieve and its peers on the same pictures, one call at a time.
//!
//! ```text
//! hashsieve-peers write DIR      writes the pictures, all of them synthetic
//! hashsieve-peers serve DIR      answers the questions on standard input, one line each
//! hashsieve-peers match DIR      the same of searches in dumped hashes: see `matching.rs`
//! ```
//!
//! | question | answer |
//! |---|---|
//! | `engines` | `ok`, names |
//! | `time ENGINE PICTURE N` | `ok`, nanoseconds of one call, the mean of N |
//! | `hash ENGINE PICTURE` | `ok`, hash as hexadecimal, quality or `-` |
//! | `peak ENGINE PICTURE` | `ok`, bytes allocated at most during a first call, beyond what was there before it |
//!
//! Anything that goes wrong is answered with `error` and why. `../engines.py` speaks the same language for Python's
//! libraries, and `../run.py` asks.

mod engines;
mod matching;
#[allow(dead_code, reason = "tests count calls, too")]
#[path = "../../../../tests/support/memory.rs"]
mod memory;
mod pictures;
#[cfg(feature = "yume-pdq")]
mod yume;

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use engines::{Call, Engine, Hashed};
use pictures::Picture;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["write", folder] => pictures::write_all(Path::new(folder)),
        ["serve", folder] => serve(Path::new(folder)),
        ["match", folder] => matching::serve(Path::new(folder)),
        _ => Err("usage: hashsieve-peers write DIR | serve DIR | match DIR".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hashsieve-peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut server = Server {
        folder: folder.to_owned(),
        engines: engines::all(),
        picture: None,
        calls: Vec::new(),
    };
    for question in io::stdin().lock().lines() {
        let answer = match server.answer(&question?) {
            Ok(answer) => format!("ok {answer}"),
            Err(error) => format!("error {error}"),
        };
        let mut output = io::stdout().lock();
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

struct Server {
    folder: PathBuf,
    engines: Vec<Engine>,
    /// The picture asked about last: one at a time is held.
    picture: Option<(String, Picture)>,
    /// That picture's calls that are warm, by engine.
    calls: Vec<(String, Call)>,
}

impl Server {
    fn answer(&mut self, question: &str) -> Result<String, Box<dyn Error>> {
        let words: Vec<&str> = question.split_whitespace().collect();
        match words[..] {
            ["engines"] => {
                let names: Vec<&str> = self.engines.iter().map(|engine| &*engine.name).collect();
                Ok(names.join(" "))
            }
            ["time", engine, picture, count] => {
                let count: u32 = count.parse()?;
                let call = self.warm(engine, picture)?;
                let begin = Instant::now();
                for _ in 0..count {
                    std::hint::black_box(call()?);
                }
                let nanoseconds = begin.elapsed().as_secs_f64() * 1e9 / f64::from(count.max(1));
                Ok(format!("{nanoseconds:.1}"))
            }
            ["hash", engine, picture] => {
                let Hashed { hash, quality } = self.warm(engine, picture)?()?;
                let mut text = String::new();
                for byte in hash {
                    write!(text, "{byte:02x}")?;
                }
                let quality = quality.map_or("-".to_owned(), |quality| quality.to_string());
                Ok(format!("{text} {quality}"))
            }
            ["peak", engine, picture] => {
                let mut call = self.prepare(engine, picture)?;
                let (hashed, taken) = memory::taken_by(|| call().map(drop));
                hashed?;
                Ok(taken.peak.to_string())
            }
            _ => Err("not a question".into()),
        }
    }

    /// Returns the engine's call on the picture, warm.
    fn warm(&mut self, engine: &str, picture: &str) -> Result<&mut Call, Box<dyn Error>> {
        self.load(picture)?;
        let place = match self.calls.iter().position(|(name, _)| *name == engine) {
            Some(place) => place,
            None => {
                let mut call = self.prepare(engine, picture)?;
                call()?;
                self.calls.push((engine.to_owned(), call));
                self.calls.len() - 1
            }
        };
        Ok(&mut self.calls[place].1)
    }

    /// Returns the engine's call on the picture, which was never made yet.
    fn prepare(&mut self, engine: &str, picture: &str) -> Result<Call, Box<dyn Error>> {
        self.load(picture)?;
        let (_, picture) = self.picture.as_ref().ok_or("no picture")?;
        let found = self.engines.iter().find(|found| found.name == engine);
        let found = found.ok_or_else(|| format!("no engine {engine}"))?;
        (found.prepare)(picture)
    }

    fn load(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
        if self.picture.as_ref().is_none_or(|(last, _)| last != name) {
            self.calls.clear();
            self.picture = Some((name.to_owned(), Picture::load(&self.folder, name)?));
        }
        Ok(())
    }
}
