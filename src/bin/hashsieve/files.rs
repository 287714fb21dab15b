//! Inputs: walking paths in a stable order and reading files within a limit.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use hashsieve::{DecodeOptions, Frames, LimitKind};
use rayon::prelude::*;
use walkdir::WalkDir;

use crate::args::InputArgs;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::report::tell;

/// One thing to look at.
pub(crate) enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Standard,
    /// Something that cannot be looked at, and why.
    Unreadable(PathBuf, String),
}

impl Input {
    /// Returns the name under which reports show the input.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) | Self::Unreadable(path, _) => name_of(path),
            Self::Standard => "-".to_owned(),
        }
    }

    /// Returns the bytes, or the status and the reason why there are none.
    pub(crate) fn read(&self, limit: u64) -> Result<Vec<u8>, (&'static str, String)> {
        let unreadable = |error: io::Error| ("unreadable", error.to_string());
        match self {
            Self::Unreadable(_, why) => Err(("unreadable", why.clone())),
            Self::Standard => read_within(io::stdin().lock(), limit),
            Self::File(path) => {
                let file = File::open(path).map_err(unreadable)?;
                let length = file.metadata().map_err(unreadable)?.len();
                if length > limit {
                    return Err(over_limit(limit, length));
                }
                read_within(file, limit)
            }
        }
    }
}

/// Returns a path as text; of one that is not UTF-8 all bytes that are not plain are written as escapes, so that no two
/// names look the same.
fn name_of(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.to_owned(),
        None => path
            .as_os_str()
            .as_encoded_bytes()
            .escape_ascii()
            .to_string(),
    }
}

fn over_limit(limit: u64, length: u64) -> (&'static str, String) {
    let name = LimitKind::FileBytes.name();
    let reason = format!("{name}: {length} asked for, {limit} allowed");
    ("over_limit", reason)
}

/// Reads to the end, or says that there is more than the limit without reading on.
fn read_within(reader: impl Read, limit: u64) -> Result<Vec<u8>, (&'static str, String)> {
    let mut bytes = Vec::new();
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| ("unreadable", error.to_string()))?;
    let length = bytes.len() as u64;
    if length > limit {
        return Err(over_limit(limit, length));
    }
    Ok(bytes)
}

/// Returns the options for decoding that the arguments ask for.
pub(crate) fn decode_options(arguments: &InputArgs) -> DecodeOptions {
    let mut options = DecodeOptions {
        apply_exif_orientation: arguments.exif,
        ..DecodeOptions::default()
    };
    if arguments.first_frame {
        options.frames = Frames::First;
    }
    if let Some(bytes) = arguments.max_file_bytes {
        options.limits.file_bytes = bytes;
    }
    if let Some(pixels) = arguments.max_pixels {
        options.limits.pixels = pixels;
    }
    options
}

/// What a walk passed over, for the closing summary.
#[derive(Clone, Copy, Default)]
pub(crate) struct PassedOver {
    /// Symbolic links in folders that lead out of them, or nowhere.
    pub(crate) links: u64,
    /// Things in folders that are neither file nor folder: pipes, sockets, devices.
    pub(crate) special: u64,
}

/// All inputs in order: paths as given, what is in a folder by name, where the folder stands.
///
/// Memory: the names in the folders that are open.
struct Walk<'a> {
    arguments: &'a InputArgs,
    roots: std::slice::Iter<'a, PathBuf>,
    /// The folder being walked, under its real path too.
    folder: Option<(PathBuf, walkdir::IntoIter)>,
    passed_over: PassedOver,
}

impl<'a> Walk<'a> {
    fn new(arguments: &'a InputArgs) -> Self {
        Self {
            arguments,
            roots: arguments.paths.iter(),
            folder: None,
            passed_over: PassedOver::default(),
        }
    }

    /// Returns what a path of the command line stands for; a folder is opened and gives nothing yet.
    fn root(&mut self, root: &Path) -> Option<Input> {
        if root == Path::new("-") {
            return Some(Input::Standard);
        }
        let unreadable = |why: String| Some(Input::Unreadable(root.to_path_buf(), why));
        match root.metadata() {
            Ok(metadata) if metadata.is_file() => Some(Input::File(root.to_path_buf())),
            Ok(metadata) if metadata.is_dir() => {
                let real = match root.canonicalize() {
                    Ok(real) => real,
                    Err(error) => return unreadable(error.to_string()),
                };
                let walk = WalkDir::new(root)
                    .follow_links(self.arguments.follow_links)
                    .sort_by_file_name();
                self.folder = Some((real, walk.into_iter()));
                None
            }
            Ok(_) => unreadable("not a regular file".to_owned()),
            Err(error) => unreadable(error.to_string()),
        }
    }

    /// Returns what a thing in a folder stands for.
    fn member(&mut self, real: &Path, member: walkdir::Result<walkdir::DirEntry>) -> Option<Input> {
        let member = match member {
            Ok(member) => member,
            Err(error) => {
                let path = error.path().unwrap_or(real).to_path_buf();
                return Some(Input::Unreadable(path, error.to_string()));
            }
        };
        let kind = member.file_type();
        if kind.is_file() {
            return Some(Input::File(member.into_path()));
        }
        if kind.is_symlink() {
            // What a link leads to inside the folder is met on the walk anyway.
            let target = member.path().canonicalize();
            if !target.is_ok_and(|target| target.starts_with(real)) {
                self.passed_over.links += 1;
            }
        } else if !kind.is_dir() {
            self.passed_over.special += 1;
        }
        None
    }
}

impl Iterator for Walk<'_> {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        loop {
            let input = match self.folder.take() {
                Some((real, mut walk)) => match walk.next() {
                    Some(member) => {
                        let input = self.member(&real, member);
                        self.folder = Some((real, walk));
                        input
                    }
                    None => None,
                },
                None => {
                    let root = self.roots.next()?;
                    self.root(root)
                }
            };
            if input.is_some() {
                return input;
            }
        }
    }
}

/// Works on all inputs with as many threads as asked for, and takes the results in the order of the inputs, until `take`
/// breaks off.
///
/// Inputs are taken a batch at a time, so that memory is bounded by a batch of results and a file for each thread.
///
/// # Errors
/// What `take` returns, or that threads cannot be started.
pub(crate) fn for_each<T: Send>(
    arguments: &InputArgs,
    message: &'static str,
    quiet: bool,
    work: impl Fn(&Input) -> T + Sync,
    mut take: impl FnMut(T) -> Result<ControlFlow<()>, Failure>,
) -> Result<PassedOver, Failure> {
    const BATCH_FOR_EACH_THREAD: usize = 16;
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.jobs.map_or(0, usize::from))
        .build()
        .map_err(|error| Failure(format!("cannot start threads: {error}")))?;
    // Only a bar needs to know how many there are.
    let total = if Progress::is_wanted(quiet) {
        Walk::new(arguments).count() as u64
    } else {
        0
    };
    let mut progress = Progress::new(total, "files", quiet);
    let mut walk = Walk::new(arguments);
    let batch_len = BATCH_FOR_EACH_THREAD * threads.current_num_threads();
    let mut done = 0;
    loop {
        let batch: Vec<Input> = walk.by_ref().take(batch_len).collect();
        if batch.is_empty() {
            return Ok(walk.passed_over);
        }
        let results: Vec<T> = threads.install(|| batch.par_iter().map(&work).collect());
        for result in results {
            if take(result)?.is_break() {
                return Ok(walk.passed_over);
            }
        }
        done += batch.len() as u64;
        progress.set(message, done, total.max(done));
    }
}

impl PassedOver {
    /// Tells on standard error what was passed over, if anything.
    pub(crate) fn tell(self) {
        let Self { links, special } = self;
        if links > 0 {
            tell(format_args!(
                "{links} symbolic links lead out of their folders and were not followed; --follow-links does"
            ));
        }
        if special > 0 {
            tell(format_args!(
                "{special} pipes, sockets or devices were passed over"
            ));
        }
    }
}
