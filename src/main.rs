//! The binary: hands arguments, environment and clock to the library and returns its exit code.
//! Nothing else is decided here, and nothing else in the project ends the process.

use std::process::ExitCode;

fn main() -> ExitCode {
    miraclemax::run(std::env::args_os(), miraclemax::sys::clock::now())
}
