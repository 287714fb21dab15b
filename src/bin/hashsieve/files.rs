//! Inputs: walking paths in a stable order and reading files within a limit.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};

use hashsieve::{DecodeOptions, Frames, LimitKind};
use walkdir::WalkDir;

use crate::args::InputArgs;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::report::{counted, tell};

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

    /// Reads all bytes into `bytes`, instead of what is there, or returns the status and the reason why there are none.
    pub(crate) fn read(
        &self,
        limit: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<(), (&'static str, String)> {
        let unreadable = |error: io::Error| ("unreadable", error.to_string());
        bytes.clear();
        match self {
            Self::Unreadable(_, why) => Err(("unreadable", why.clone())),
            Self::Standard => read_within(io::stdin().lock(), limit, bytes),
            Self::File(path) => {
                let file = File::open(path).map_err(unreadable)?;
                let length = file.metadata().map_err(unreadable)?.len();
                if length > limit {
                    return Err(over_limit(limit, length));
                }
                // All at once instead of by doubling. Reading says if there is not so much memory.
                let _ = bytes.try_reserve(usize::try_from(length).unwrap_or(0).saturating_add(1));
                read_within(file, limit, bytes)
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
fn read_within(
    reader: impl Read,
    limit: u64,
    bytes: &mut Vec<u8>,
) -> Result<(), (&'static str, String)> {
    reader
        .take(limit.saturating_add(1))
        .read_to_end(bytes)
        .map_err(|error| ("unreadable", error.to_string()))?;
    let length = bytes.len() as u64;
    if length > limit {
        return Err(over_limit(limit, length));
    }
    Ok(())
}

/// Returns the options for decoding that the arguments ask for.
pub(crate) fn decode_options(arguments: &InputArgs) -> DecodeOptions {
    let mut options = DecodeOptions {
        apply_exif_orientation: arguments.exif,
        jpeg_luma_only: arguments.luma_only,
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
    /// What the command writes, under the real paths. Where these lie in folders they are no inputs.
    outputs: &'a [PathBuf],
    roots: std::slice::Iter<'a, PathBuf>,
    /// The folder being walked, under its real path too.
    folder: Option<(PathBuf, walkdir::IntoIter)>,
    passed_over: PassedOver,
}

impl<'a> Walk<'a> {
    fn new(arguments: &'a InputArgs, outputs: &'a [PathBuf]) -> Self {
        Self {
            arguments,
            outputs,
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
            if self.is_output(&member) {
                return None;
            }
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

    /// Returns whether a file is one that the command writes.
    fn is_output(&self, member: &walkdir::DirEntry) -> bool {
        self.outputs.iter().any(|output| {
            // Resolving every path would cost more than walking.
            let may_be = output.file_name() == Some(member.file_name()) || member.path_is_symlink();
            may_be
                && member
                    .path()
                    .canonicalize()
                    .is_ok_and(|path| path == *output)
        })
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
/// Each thread works on an input of its own, with working memory that `memory` makes and that is kept from input to
/// input; this thread finds the inputs and takes the results meanwhile. Some are begun ahead of the result that is
/// waited for, so that no thread has to wait for another, and not more, so that memory is bounded: by their results, and
/// by a file and its working memory for each thread. `outputs` are files that the command writes, which are there already
/// and are not inputs if folders hold them.
///
/// # Errors
/// What `take` returns, or that threads cannot be started.
pub(crate) fn for_each<M: Send, T: Send>(
    arguments: &InputArgs,
    outputs: &[Option<&Path>],
    message: &'static str,
    quiet: bool,
    memory: impl Fn() -> M + Sync,
    work: impl Fn(&mut M, &Input) -> T + Sync,
    mut take: impl FnMut(T) -> Result<ControlFlow<()>, Failure>,
) -> Result<PassedOver, Failure> {
    const BEGUN_FOR_EACH_THREAD: usize = 16;
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.jobs.map_or(0, usize::from))
        .build()
        .map_err(|error| Failure(format!("cannot start threads: {error}")))?;
    let outputs = outputs.iter().flatten();
    let outputs: Vec<PathBuf> = outputs
        .filter_map(|path| path.canonicalize().ok())
        .collect();
    // Only a bar needs to know how many there are.
    let total = if Progress::is_wanted(quiet) {
        Walk::new(arguments, &outputs).count() as u64
    } else {
        0
    };
    let mut progress = Progress::new(total, "files", quiet);
    let mut walk = Walk::new(arguments, &outputs);
    let most = BEGUN_FOR_EACH_THREAD * threads.current_num_threads();
    let kept = Mutex::new(Vec::new());
    let stopped = AtomicBool::new(false);
    let work_on = |input: &Input| {
        let kept = || kept.lock().unwrap_or_else(PoisonError::into_inner);
        let free = kept().pop();
        let mut own = free.unwrap_or_else(&memory);
        let result = work(&mut own, input);
        kept().push(own);
        result
    };
    threads.in_place_scope(|scope| {
        let (work_on, stopped) = (&work_on, &stopped);
        let mut begun = VecDeque::new();
        let mut done = 0;
        loop {
            while begun.len() < most
                && let Some(input) = walk.next()
            {
                let (sender, receiver) = sync_channel(1);
                scope.spawn(move |_| {
                    if !stopped.load(Ordering::Relaxed) {
                        // Nobody waits for it only when `take` has broken off.
                        let _ = sender.send(work_on(&input));
                    }
                });
                begun.push_back(receiver);
            }
            // No result comes of work that panics; the scope passes the panic on.
            let Some(Ok(result)) = begun.pop_front().map(|receiver| receiver.recv()) else {
                return Ok(walk.passed_over);
            };
            let flow = take(result);
            if !matches!(flow, Ok(ControlFlow::Continue(()))) {
                stopped.store(true, Ordering::Relaxed);
                return flow.map(|_| walk.passed_over);
            }
            done += 1;
            progress.set(message, done, total.max(done));
        }
    })
}

impl PassedOver {
    /// Tells on standard error what was passed over, if anything.
    pub(crate) fn tell(self) {
        let Self { links, special } = self;
        if links > 0 {
            let links = counted(
                links,
                "symbolic link leads out of its folder and was",
                "symbolic links lead out of their folders and were",
            );
            tell(format_args!("{links} not followed; --follow-links does"));
        }
        if special > 0 {
            let special = counted(
                special,
                "pipe, socket or device was",
                "pipes, sockets or devices were",
            );
            tell(format_args!("{special} passed over"));
        }
    }
}
