//! The command line of `hashsieve policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hashsieve::HashKind;

#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Check a policy, say what it comes to, and explain what it makes of a given match.
    Check(PolicyCheckArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Without --list, the policy is checked and told, list by list. With --against, the lists that it names must be there, and it is \
counted how many entries each rule for classifications holds for. A rule that holds for none, a disabled entry that is not there or withdrawn, \
and a list without a hash of a kind that it is matched by are likely typing errors: the exit code is then 2. What is no mistake and worth knowing is noted in the output.

With --list, it is explained what a match of that list would come to and why: of the entry --entry, which is read from \
--against, or of one with the --scheme, --region, --value, --opinion and --entry-quality given. Whether a known list \
suppresses it depends on the picture; told is which could.

JSON output: {\"lists\",\"disabled\",\"notes\",\"decision\"}. lists: {\"list\",\"entries\",\"policy\",\"rules\"}, of which \"policy\" is what \
holds, with what is left out filled in, \"rules\" the numbers of entries that its rules hold for, and \"list\" null for all other lists; disabled: \
{\"list\",\"entry\",\"reason\",\"is_there\"}; decision: \
{\"list_is_named\",\"rule\",\"threshold\",\"minimum_quality\",\"outcome\",\"known_lists\"} or null. Without --against numbers and \
\"is_there\" are null; of an entry that is withdrawn it is false. Rules count from 1.

Examples:
  hashsieve policy check policy.toml
  hashsieve policy check policy.toml --against store/
  hashsieve policy check policy.toml --against store/ --list 'hotline a' --entry 4711 --distance 29 --quality 80
  hashsieve policy check policy.toml --list 'hotline a' --scheme example --value 2 --kind md5")]
pub(crate) struct PolicyCheckArgs {
    /// The policy (TOML).
    #[arg(value_name = "POLICY")]
    pub(crate) policy: PathBuf,
    /// An index or a store that the policy is for; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Vec<PathBuf>,
    /// The list of the match to explain.
    #[arg(long, value_name = "NAME")]
    pub(crate) list: Option<String>,
    /// The entry of the match.
    #[arg(long, value_name = "ID", requires_all = ["list", "against"])]
    pub(crate) entry: Option<String>,
    /// The kind of hash that matches.
    #[arg(long, default_value = "pdq", requires = "list")]
    pub(crate) kind: HashKind,
    /// How many bits differ.
    #[arg(long, value_name = "BITS", default_value_t = 0, requires = "list")]
    pub(crate) distance: u32,
    /// The PDQ quality of the picture.
    #[arg(long, value_name = "QUALITY", requires = "list", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) quality: Option<u8>,
    /// The scheme of what the list says the entry is.
    #[arg(long, requires = "value", conflicts_with = "entry")]
    pub(crate) scheme: Option<String>,
    /// The region of it.
    #[arg(long, requires = "value", conflicts_with = "entry")]
    pub(crate) region: Option<String>,
    /// The value of it: the category.
    #[arg(long, requires = "list", conflicts_with = "entry")]
    pub(crate) value: Option<String>,
    /// What the list holds of the entry: positive, investigation, disputed, negative.
    #[arg(long, default_value = "positive", requires = "list", conflicts_with = "entry", value_parser = opinion)]
    pub(crate) opinion: hashsieve::Opinion,
    /// The quality that the list states of the entry.
    #[arg(long, value_name = "QUALITY", requires = "list", conflicts_with = "entry", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) entry_quality: Option<u8>,
    /// Write JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

fn opinion(name: &str) -> Result<hashsieve::Opinion, String> {
    let mut all = hashsieve::Opinion::ALL.into_iter();
    let found = all.find(|opinion| opinion.name() == name);
    found.ok_or_else(|| "known are positive, investigation, disputed and negative".to_owned())
}
