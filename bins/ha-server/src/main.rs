//! The program `ha-server`; see the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    ha_server::main()
}
