//! `cargo xtask model`: the production protocol code in every interleaving within bounds.

use std::process::ExitCode;

/// Searches the production protocol code exhaustively within bounds, for two and three nodes.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// `--nodes N`, `--full`, `--mutants`, or one run by its bounds; `--help` says more.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// The model's own command line, which prints its own figures.
pub(crate) fn run(args: Args) -> ExitCode {
    ha_model::cli(args.words)
}
