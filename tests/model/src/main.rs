//! Exhaustive model check of the production protocol code.
use std::process::ExitCode;

fn main() -> ExitCode {
    ha_model::cli(std::env::args().skip(1))
}
