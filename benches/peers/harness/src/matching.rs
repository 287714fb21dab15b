//! Searches in dumped hashes, for `match.py` to time beside other engines: by hashsieve, in an index of them, or, in the build
//! for yume-pdq, by that.
//!
//! | question | answer |
//! |---|---|
//! | `engines` | `ok`, names |
//! | `time ENGINE FIRST COUNT` | `ok`, nanoseconds of one query, the mean of COUNT from FIRST on, and how many matches |

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::Instant;

use hashsieve::{HashValue, Pdq};

/// What PDQ's authors advise to match at most, inclusive.
const THRESHOLD: u32 = 31;

/// Takes the queries of one call and returns how many matches they have.
type Ask = Box<dyn FnMut(&[HashValue]) -> Result<u64, Box<dyn Error>>>;

struct Engine {
    name: &'static str,
    /// How many queries are asked in one call.
    together: usize,
    ask: Ask,
}

#[cfg(feature = "yume-pdq")]
fn engines(folder: &Path) -> Result<Vec<Engine>, Box<dyn Error>> {
    let bytes = std::fs::read(folder.join("db.bin"))?;
    let scan = crate::yume::Scan::new(bytes.as_chunks().0);
    Ok(vec![Engine {
        name: "yume-pdq-scan-eight",
        together: 8,
        ask: Box::new(move |queries| {
            let mut asked = [[0; 32]; 8];
            for (asked, query) in asked.iter_mut().zip(queries) {
                asked.copy_from_slice(query.as_bytes());
            }
            Ok(scan.matches(&asked[..queries.len()], THRESHOLD as u8))
        }),
    }])
}

#[cfg(not(feature = "yume-pdq"))]
fn engines(folder: &Path) -> Result<Vec<Engine>, Box<dyn Error>> {
    use std::convert::Infallible;
    use std::ops::ControlFlow;

    use hashsieve::{
        Entry, Index, IndexBuilder, IndexOptions, ListDescriptor, Residency, SearchBuffer,
        SearchMethod,
    };

    let path = folder.join("peers.hsv");
    let mut builder = IndexBuilder::new(&path);
    let list = builder.add_list(ListDescriptor::default())?;
    for (number, hash) in read(&folder.join("db.bin"))?.into_iter().enumerate() {
        let mut entry = Entry::new(format!("{number:09}"));
        entry.add_hash(hash);
        builder.add(list, &entry)?;
    }
    builder.finish()?;
    let open = |residency, method| {
        let mut options = IndexOptions::default();
        (options.residency, options.method) = (residency, method);
        Index::open_with(&path, options)
    };
    let engine = |name, index: Index, together| {
        let mut buffer = SearchBuffer::new();
        let ask = move |queries: &[HashValue]| {
            let mut matches = 0;
            let _ = index.for_each_within(queries, THRESHOLD, &mut buffer, |_, _| {
                matches += 1;
                ControlFlow::<Infallible>::Continue(())
            })?;
            Ok(matches)
        };
        Engine {
            name,
            together,
            ask: Box::new(ask),
        }
    };
    Ok(vec![
        engine("hashsieve", open(Residency::Huge, None)?, 1),
        engine("hashsieve-mapped", open(Residency::Mapped, None)?, 1),
        engine("hashsieve-eight", open(Residency::Huge, None)?, 8),
        engine(
            "hashsieve-scan",
            open(Residency::Mapped, Some(SearchMethod::Flat))?,
            64,
        ),
    ])
}

pub fn serve(folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut engines = engines(folder)?;
    let queries = read(&folder.join("queries.bin"))?;
    for question in io::stdin().lock().lines() {
        let question = question?;
        let words: Vec<&str> = question.split_whitespace().collect();
        let answer = match words[..] {
            ["engines"] => {
                let names: Vec<&str> = engines.iter().map(|engine| engine.name).collect();
                names.join(" ")
            }
            ["time", name, first, count] => {
                let engine = engines.iter_mut().find(|engine| engine.name == name);
                let engine = engine.ok_or("no such engine")?;
                let (first, count): (usize, usize) = (first.parse()?, count.parse()?);
                let mut matches = 0_u64;
                let begin = Instant::now();
                for queries in queries[first..first + count].chunks(engine.together) {
                    matches += (engine.ask)(queries)?;
                }
                let nanoseconds = begin.elapsed().as_secs_f64() * 1e9 / count as f64;
                format!("{nanoseconds:.1} {matches}")
            }
            _ => return Err("not a question".into()),
        };
        let mut output = io::stdout().lock();
        writeln!(output, "ok {answer}")?;
        output.flush()?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<HashValue>, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let hashes = bytes.as_chunks::<32>().0;
    Ok(hashes
        .iter()
        .map(|bytes| Pdq::from_bytes(bytes).into())
        .collect())
}
