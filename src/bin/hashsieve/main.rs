//! The program `hashsieve`: command line, progress, reports and exit codes, on the library's public API only.
#![deny(unsafe_code)]

mod against;
mod args;
mod bench;
mod bench_match;
mod bench_store;
mod demo;
mod failure;
mod files;
mod hash;
mod import;
mod index;
mod list_args;
mod list_check;
mod match_data;
mod policy;
mod policy_args;
mod progress;
mod quarantine;
mod report;
mod scan;
mod store;
mod toml_file;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, BenchCommand, Command, IndexCommand};
use failure::{Failure, Outcome};
use list_args::ListCommand;
use policy_args::PolicyCommand;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(outcome) => outcome.into(),
        Err(Failure(message)) => {
            report::tell(format_args!("hashsieve: {message}"));
            Outcome::Failed.into()
        }
    }
}

fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let quiet = arguments.quiet;
    match &arguments.command {
        Command::Bench(bench) => match &bench.command {
            BenchCommand::Hash(hash) => bench::hash(hash),
            BenchCommand::Match(matching) => bench_match::run(matching, quiet),
            BenchCommand::Store(store) => bench_store::run(store, quiet),
        },
        Command::Demo(demo) => demo::run(demo, quiet),
        Command::Hash(hash) => hash::run(hash, quiet),
        Command::List(list) => match &list.command {
            ListCommand::Check(check) => list_check::check(check, quiet),
        },
        Command::Policy(policy) => match &policy.command {
            PolicyCommand::Check(check) => policy::check(check, quiet),
        },
        Command::Scan(scan) => scan::run(scan, quiet),
        Command::Store(store) => store::run(store, quiet),
        Command::Index(index) => match &index.command {
            IndexCommand::Build(build) => index::build(build, quiet),
            IndexCommand::Info(info) => index::info(info),
            IndexCommand::Verify(verify) => index::verify(verify, quiet),
        },
    }
}
