//! The command line.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use hashsieve::{
    HashKind, Limits, PDQ_RECOMMENDED_THRESHOLD, PixelFormat, Residency, SearchMethod, SimdLevel,
};

use crate::list_args::{DescribeArgs, ImportArgs, ListArgs, list_name};
use crate::policy_args::PolicyArgs;
use crate::store::args::StoreArgs;

/// Finds known abuse images: hashes pictures and matches them against hash lists, exactly.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "\
Exit codes, as of clamscan: 0 nothing matched, 1 something matched, 2 some input failed or could not be decided.

Examples:
  hashsieve demo                                     see the whole path on synthetic pictures
  hashsieve hash photos/ > photos.hsh                hash a folder
  hashsieve index build photos.hsh -o photos.hsv     make an index of a list
  hashsieve scan uploads/ --against photos.hsv       look for its pictures elsewhere
  hashsieve store --help                             keep lists that change"
)]
pub(crate) struct Arguments {
    /// Show no progress and no closing summary.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure how fast this machine is, on synthetic pictures.
    Bench(BenchArgs),
    /// Run the main job on synthetic pictures: write, alter, list, index, scan, and count what was found.
    Demo(DemoArgs),
    /// Hash pictures: files, folders, or `-` for standard input.
    Hash(HashArgs),
    /// Build, describe and check index files.
    Index(IndexArgs),
    /// Look at lists before they are used.
    List(ListArgs),
    /// Check and explain policies.
    Policy(PolicyArgs),
    /// Match pictures against indexes and stores.
    Scan(ScanArgs),
    /// Keep lists that change: a directory to which changes are made while others read it.
    Store(StoreArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) command: BenchCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Measure decoded pixels to PDQ hash and quality.
    Hash(BenchHashArgs),
    /// Measure the search in an index of made-up PDQ hashes.
    Match(BenchMatchArgs),
    /// Measure changes of a store of made-up PDQ hashes, and searches in it meanwhile.
    Store(BenchStoreArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Each thread hashes a synthetic picture of its own with a hasher of its own. Told are the medians of nine repetitions \
after a warm-up: the pixels of all threads a second, and the time of one hash in one thread. Decoding is not measured.

JSON output: {\"size\",\"pixel_format\",\"level\",\"threads\",\"megapixels_per_second\",\"microseconds_per_hash\"}, \
where a megapixel is a million pixels.

Examples:
  hashsieve bench hash --size 1920x1080
  hashsieve bench hash --size 512x512 --format luma8 --threads 2 --json")]
pub(crate) struct BenchHashArgs {
    /// Width and height of the pictures in pixels, for example 1920x1080.
    #[arg(long, value_name = "WxH", value_parser = Size::parse)]
    pub(crate) size: Size,
    /// Seed of the first thread's picture; the others count up from it.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Layout of the pixels: luma8, luma_alpha8, rgb8, rgba8.
    #[arg(long, default_value = "rgb8", value_parser = pixel_format)]
    pub(crate) format: PixelFormat,
    /// Instructions to use: scalar, avx2, avx512 or neon, as far as this machine has them; the fastest if not given.
    #[arg(long, default_value_t = SimdLevel::best(), hide_default_value = true)]
    pub(crate) level: SimdLevel,
    /// Threads; the pictures of all may have 100 million pixels together.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: u16,
    /// How long to measure, nearly; nine hashes in each thread take longer when hashes are slow.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub(crate) seconds: f64,
    /// Write JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Makes hashes from the seed, builds an index of them in a temporary folder, opens it and asks the queries one after \
another, four times over: the first time is the warm-up, and of the others the shortest time of each query counts. Half \
the queries, rounded up, are planted: a hash of the index with some of its bits changed, within the threshold. What was \
found is compared with a flat scan, up to twenty thousand million pairs of hashes. Exit code 2 if anything is missed.

JSON output: {\"n\",\"distinct\",\"queries\",\"threshold\",\"threads\",\"method\",\"residency\",\"build_seconds\",\
\"build_peak_bytes\",\"index_bytes\",\"bytes_per_hash\",\"open_microseconds\",\"microseconds_per_query\",\
\"p99_microseconds\",\"queries_per_second\",\"matches\",\"planted\",\"planted_found\",\"verified_against_flat\"}. \
distinct is the number of \
hashes that differ, and matches counts such hashes: each once for a hash of a query. Times of a query are of one thread; queries_per_second is of all. index_bytes is of hashes and tables, without what the \
lists say of them. build_peak_bytes is resident memory more than before, pages of mapped files included; null where the \
system does not tell. verified_against_flat is the number of queries compared.

Examples:
  hashsieve bench match --n 1000000 --queries 1000
  hashsieve bench match --n 10000000 --queries 1000 --residency huge --threads 2 --json
  hashsieve bench match --n 1000000 --queries 1000 --dump DIR    for other engines: db.bin, queries.bin, 32 bytes a hash")]
pub(crate) struct BenchMatchArgs {
    /// How many hashes to search in.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    pub(crate) n: u32,
    /// How many queries to ask.
    #[arg(long, value_name = "Q", default_value = "1000", value_parser = queries)]
    pub(crate) queries: usize,
    /// Largest distance that matches, inclusive.
    #[arg(long, value_name = "T", default_value_t = PDQ_RECOMMENDED_THRESHOLD, value_parser = clap::value_parser!(u32).range(..=256))]
    pub(crate) threshold: u32,
    /// Seed of hashes and queries.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Threads that ask, each its part of the queries.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: u16,
    /// What the hashes are like: random, or clustered (families of near copies, with bits that go together).
    #[arg(long, default_value = "random", value_parser = MatchData::parse)]
    pub(crate) data: MatchData,
    /// Every query is of eight hashes, as one picture's are, in one call.
    #[arg(long)]
    pub(crate) dihedral: bool,
    /// How to search: auto (what is expected to be faster), flat or mih.
    #[arg(long, default_value = "auto", value_parser = Method::parse)]
    pub(crate) method: Method,
    /// Where the index lies: mapped, or huge (a copy in huge pages).
    #[arg(long, default_value = "mapped", value_parser = residency)]
    pub(crate) residency: Residency,
    /// Instructions to use: scalar, avx2, avx512 or neon, as far as this machine has them; the fastest if not given.
    #[arg(long, default_value_t = SimdLevel::best(), hide_default_value = true)]
    pub(crate) level: SimdLevel,
    /// Memory to build with before sorting on disk, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..=2048))]
    pub(crate) memory: u16,
    /// Also write the hashes (db.bin) and the queries (queries.bin), 32 bytes each, most significant first, to this folder,
    /// which must not have such files yet. With --dihedral the eight hashes of a query stand in a row.
    #[arg(long, value_name = "DIR")]
    pub(crate) dump: Option<PathBuf>,
    /// Write JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Makes a store of hashes from the seed in a temporary folder. Each change is timed as a command would make it, from opening the \
store until it is in place. A withdrawal, and an addition, is timed by itself fifty times, until a reader that reloads all \
the time sees it; 10,000 changes (half of new entries) are made together once. Queries, half of which have a match, are asked \
of one segment and of what 100 changes of 1,000 new entries made of it, in turn, nine times: slowdown is the median of the ratios. \
While an entry is withdrawn and one added, --reloads times, threads ask without pause for entries that stay and for those \
that were changed last. Then what was withdrawn is purged and looked for in all files, and the store compacted. Exit code 2 if \
a query fails, is stale or misses an entry, or a trace of a purged hash is left.

JSON output: {\"n\",\"threshold\",\"threads\",\"create_seconds\",\"withdrawal_milliseconds\",\
\"withdrawal_milliseconds_most\",\"addition_milliseconds\",\"addition_milliseconds_most\",\"changes\",\
\"changes_seconds\",\"queries\",\"fresh_changes\",\"fresh_entries\",\"microseconds_per_query\",\
\"microseconds_per_query_fresh\",\"slowdown\",\"slowdown_least\",\"slowdown_most\",\"reloads\",\"reload_seconds\",\
\"queries_meanwhile\",\"failed\",\"stale\",\"missed\",\"purge_seconds\",\"purged\",\"verify_removed_seconds\",\
\"traces_found\",\"compact_seconds\"}. Of times there are medians, and with _most the longest.

Examples:
  hashsieve bench store --n 1000000
  hashsieve bench store --n 10000000 --json")]
pub(crate) struct BenchStoreArgs {
    /// How many entries the store has at first, each with one hash.
    #[arg(long, value_parser = clap::value_parser!(u32).range(20_000..=100_000_000))]
    pub(crate) n: u32,
    /// How many queries to ask.
    #[arg(long, value_name = "Q", default_value = "1000", value_parser = queries)]
    pub(crate) queries: usize,
    /// Largest distance that matches, inclusive.
    #[arg(long, value_name = "T", default_value_t = PDQ_RECOMMENDED_THRESHOLD, value_parser = clap::value_parser!(u32).range(..=256))]
    pub(crate) threshold: u32,
    /// Seed of hashes and queries.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How often the store is changed and loaded anew while threads ask.
    #[arg(long, value_name = "R", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=2500))]
    pub(crate) reloads: u32,
    /// How many threads ask meanwhile.
    #[arg(long, value_name = "K", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: u16,
    /// Write JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What hashes to measure with are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MatchData {
    Random,
    Clustered,
}

/// A method of searching, or none, which leaves the choice to the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Method(pub(crate) Option<SearchMethod>);

impl Method {
    fn parse(name: &str) -> Result<Self, String> {
        match name.parse() {
            Ok(method) => Ok(Self(Some(method))),
            Err(_) if name == "auto" => Ok(Self(None)),
            Err(_) => Err("known are auto, flat and mih".to_owned()),
        }
    }
}

fn residency(name: &str) -> Result<Residency, String> {
    let all = [Residency::Mapped, Residency::Huge];
    let named = all.into_iter().find(|residency| residency.name() == name);
    named.ok_or_else(|| "known are mapped and huge".to_owned())
}

fn queries(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=10_000_000) => Ok(count),
        _ => Err("a number from 1 to 10000000".to_owned()),
    }
}

/// Width and height of a picture that the limits of a decoder allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Size {
    pub(crate) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (width, height) = text
            .split_once('x')
            .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)))
            .ok_or("a size is written as WxH, for example 1920x1080")?;
        let size = Self { width, height };
        let limits = Limits::default();
        if size.pixels() == 0 {
            return Err("a picture has at least one row and one column".to_owned());
        }
        if width > limits.width || height > limits.height || size.pixels() > limits.pixels {
            return Err(format!(
                "a picture has at most {} columns, {} rows and {} pixels",
                limits.width, limits.height, limits.pixels
            ));
        }
        Ok(size)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

fn pixel_format(text: &str) -> Result<PixelFormat, String> {
    let formats = [
        PixelFormat::Luma8,
        PixelFormat::LumaAlpha8,
        PixelFormat::Rgb8,
        PixelFormat::Rgba8,
    ];
    let found = formats.into_iter().find(|format| format.name() == text);
    found.ok_or_else(|| format!("formats are {}", formats.map(PixelFormat::name).join(", ")))
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok();
    let allowed = seconds.filter(|seconds| (0.001..=3600.0).contains(seconds));
    allowed.ok_or_else(|| "a number of seconds goes from 0.001 to 3600".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder to write into, new or empty; without it, a temporary one that is removed at the end.
    #[arg(long, value_name = "D")]
    pub(crate) dir: Option<PathBuf>,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
    /// Comma-separated values with a header.
    Csv,
}

/// What to read, and how.
#[derive(Debug, Args)]
pub(crate) struct InputArgs {
    /// Files, folders (with all that is in them), or `-` for standard input.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Follow symbolic links in folders, also out of them.
    #[arg(long)]
    pub(crate) follow_links: bool,
    /// Threads; as many as the machine has cores if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Turn pictures as their EXIF data says before hashing; lists are made without it as a rule.
    #[arg(long)]
    pub(crate) exif: bool,
    /// Decode colour JPEGs to luma only: a fifth to a third less time to decode, but hashes that differ by some bits from
    /// the exact ones (by up to 32 in smooth pictures), recorded under the profile `pdq-jpeg-luma-1`. Lists to be shared are
    /// made without it.
    #[arg(long)]
    pub(crate) luma_only: bool,
    /// Look at the first frame of an animation only, not at all that differ.
    #[arg(long)]
    pub(crate) first_frame: bool,
    /// Refuse files longer than this many bytes; 67108864 if not given.
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_file_bytes: Option<u64>,
    /// Refuse pictures of more pixels than this; 100000000 if not given.
    #[arg(long, value_name = "PIXELS")]
    pub(crate) max_pixels: Option<u64>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The status `low_quality` stands beside hashes of pictures with quality below 50, which hold too little to be matched; \
such hashes are not worth listing.

Text output is the PDQ tools' own: `hash,quality,path`; of another kind it is `hash  path`, and of several kinds \
`kind hash  path`. `index build` reads all of them, the second with --kind where the digits do not tell. As `hash  path` \
no low_quality hash is written, since nothing would tell it from others; standard error names the path. Behind the path \
stand `#` and the frame, transform or profile where these are not the usual ones.
JSON output: {\"path\",\"status\",\"kind\",\"hash\",\"quality\",\"width\",\"height\",\"frame\",\"transform\",\"profile\",\
\"problem\"}; a picture without a hash has its line too, with \"hash\":null and a status that says why.

Examples:
  hashsieve hash picture.jpg
  hashsieve hash photos/ --format json --kinds pdq,sha256
  cat picture.png | hashsieve hash -")]
pub(crate) struct HashArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// How to write the hashes.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
    /// Kinds of hashes, separated by commas: pdq, md5, sha1, sha256, sha512, and the classic ones:
    /// mean, gradient, vertical_gradient, double_gradient (each also with _dct) and blockhash, followed by _8x8 or _16x16.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "pdq",
        value_name = "KINDS"
    )]
    pub(crate) kinds: Vec<HashKind>,
    /// Give the PDQ hashes of all eight rotations and reflections.
    #[arg(long)]
    pub(crate) dihedral: bool,
    /// Write to this file, readable by its owner only, instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct IndexArgs {
    #[command(subcommand)]
    pub(crate) command: IndexCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// Build an index of hash lists.
    Build(Box<BuildArgs>),
    /// Say what is in an index; reads its header and its list descriptions only.
    Info(InfoArgs),
    /// Read a whole index and check every byte of it.
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Bad records never stop a build: they are left out, counted, and named by file and line (never by value); the exit code \
is then 2 and the index holds all the others.

--map says which column of a table is what: pairs field=column, separated by commas; a column is a name of the header or \
a number from 1. Fields: pdq, md5, sha1, sha256, sha512, hash, kind, id, category, scheme, region, status, quality, \
opinion, submitter, tags, media_type, updated, first_seen, and kinds that are kept but not matched, such as photodna; also \
delimiter=;  header=no  scheme_is=TEXT  region_is=TEXT. A table that \
`hash --format csv` wrote needs none: an entry is named by its path, and rows of status low_quality or without a hash are \
left out and counted.

JSON is read where it is a page of StopNCII, ThreatExchange or Tech Against Terrorism, a file of Project VIC (VICS) or CAID, or \
the frames that vPDQ tools write; the names of its fields tell which. An index knows entries by their ids within one list, so \
pages that take back what older pages said are of use only with --name and where the source gives ids, which StopNCII does not.

Examples:
  hashsieve index build list.hsh -o list.hsv
  hashsieve index build --kind sha256 digests.txt -o digests.hsv
  hashsieve index build table.csv --map 'pdq=PDQ Hash,id=Ref,status=State,delimiter=;' -o table.hsv")]
pub(crate) struct BuildArgs {
    /// The lists, a file each; `-` is standard input, which needs --name.
    #[arg(required = true, value_name = "LIST")]
    pub(crate) lists: Vec<PathBuf>,
    /// The index to write; what is there is replaced when the new one is complete.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) import: ImportArgs,
    /// The list's name in verdicts and policies; all files are then one list, later ones after earlier ones. Without it,
    /// each file is a list, named as the file without its ending.
    #[arg(long, value_parser = list_name)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) describe: DescribeArgs,
    /// Memory to use before sorting on disk, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..=2048))]
    pub(crate) memory: u16,
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// The index.
    pub(crate) file: PathBuf,
    /// Write JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The index.
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A match is a lead for people to look at, not a verdict on anybody. Statuses: `match`; `no_match`, the only one that says that \
nothing was found; `suppressed`: entries match, and the policy lets none of them count; every other one says why the input could not be \
decided. `undecided` says the same of an input that matches and was not fully looked at, or not in lists that are up to date.

Exit codes: 1 if anything matched, also a list that is only observed; else 2 if any input was not decided or could not be \
read, a store could not be loaded again, or a list that the policy names is gone from it; else 0, also for what is suppressed. With 1 the report tells what else was not decided.

Files that are no pictures count as well: their digests are looked up, and their status is `unsupported` where a list has \
perceptual hashes.

JSON output: {\"path\",\"status\",\"undecided\",\"action\",\"matches\":[{\"list\",\"list_version\",\"entry\",\"submitter\",\
\"classification\",\"entry_status\",\"opinion\",\"kind\",\"match_type\",\"distance\",\"threshold\",\"quality\",\"transform\",\"frame\",\"rule\",\"action\"}],\
\"suppressed\":[{\"match\",\"suppression\"}],\"problem\",\"frames\",\"profile\",\"classic_profile\",\"low_quality_frames\",\"lists_out_of_date\"}. Each \
\"suppression\" says why a match does not count: {\"by\"} is disabled, opinion, classification, entry_quality or known, with \
what belongs to it. Reports are confidential.

Of a store, what changes while a scan runs counts within a second.

Examples:
  hashsieve scan uploads/ --against lists.hsv
  hashsieve scan uploads/ --against store/
  hashsieve scan uploads/ --against lists.hsv --policy policy.toml --format json -o report.json
  hashsieve scan scan.tif --against lists.hsv --dihedral --threshold 25")]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// An index, or the folder of a store; may be given several times.
    #[arg(long, required = true, value_name = "FILE")]
    pub(crate) against: Vec<PathBuf>,
    /// What to match of which list, and what to do then (TOML).
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// The largest PDQ distance that matches, inclusive, for all lists.
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(0..=256))]
    pub(crate) threshold: Option<u32>,
    /// Also find rotated and mirrored copies, by PDQ only: classic hashes are looked up as they are.
    #[arg(long)]
    pub(crate) dihedral: bool,
    /// Do not check every byte of indexes and stores first, which takes some 3 seconds for 10 million hashes.
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// How to write the results.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
    /// Write to this file, readable by its owner only, instead of standard output.
    #[arg(long, short, value_name = "REPORT")]
    pub(crate) output: Option<PathBuf>,
    /// Also add a record of evidence for each input that matches, suppressed or not, to this file (one JSON object a line).
    #[arg(long, value_name = "FILE")]
    pub(crate) evidence: Option<PathBuf>,
}
