//! Searches in an index of dumped hashes, for `match.py` to time beside other engines.
//!
//! | question | answer |
//! |---|---|
//! | `engines` | `ok`, names |
//! | `time ENGINE FIRST COUNT` | `ok`, nanoseconds of one query, the mean of COUNT from FIRST on, and how many matches |

use std::convert::Infallible;
use std::error::Error;
use std::io::{self, BufRead, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use hashsieve::{
    Entry, HashValue, Index, IndexBuilder, IndexOptions, ListDescriptor, Pdq, Residency,
    SearchBuffer, SearchMethod,
};

/// What PDQ's authors advise to match at most, inclusive.
const THRESHOLD: u32 = 31;

struct Engine {
    name: &'static str,
    index: Index,
    /// How many queries are asked in one call.
    together: usize,
}

pub fn serve(folder: &Path) -> Result<(), Box<dyn Error>> {
    let path = folder.join("peers.hsv");
    let mut builder = IndexBuilder::new(&path);
    let list = builder.add_list(ListDescriptor::default())?;
    for (number, hash) in read(&folder.join("db.bin"))?.into_iter().enumerate() {
        let mut entry = Entry::new(format!("{number:09}"));
        entry.add_hash(hash);
        builder.add(list, &entry)?;
    }
    builder.finish()?;
    let queries = read(&folder.join("queries.bin"))?;
    let open = |residency, method| {
        let mut options = IndexOptions::default();
        (options.residency, options.method) = (residency, method);
        Index::open_with(&path, options)
    };
    let engine = |name, index, together| Engine {
        name,
        index,
        together,
    };
    let engines = [
        engine("hashsieve", open(Residency::Huge, None)?, 1),
        engine("hashsieve-mapped", open(Residency::Mapped, None)?, 1),
        engine("hashsieve-eight", open(Residency::Huge, None)?, 8),
        engine(
            "hashsieve-scan",
            open(Residency::Mapped, Some(SearchMethod::Flat))?,
            64,
        ),
    ];
    let mut buffer = SearchBuffer::new();
    for question in io::stdin().lock().lines() {
        let question = question?;
        let words: Vec<&str> = question.split_whitespace().collect();
        let answer = match words[..] {
            ["engines"] => engines.each_ref().map(|engine| engine.name).join(" "),
            ["time", name, first, count] => {
                let engine = engines.iter().find(|engine| engine.name == name);
                let engine = engine.ok_or("no such engine")?;
                let (first, count): (usize, usize) = (first.parse()?, count.parse()?);
                let mut matches = 0_u64;
                let begin = Instant::now();
                for queries in queries[first..first + count].chunks(engine.together) {
                    let search =
                        engine
                            .index
                            .for_each_within(queries, THRESHOLD, &mut buffer, |_, _| {
                                matches += 1;
                                ControlFlow::<Infallible>::Continue(())
                            });
                    let _ = search?;
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
