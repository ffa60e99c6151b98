//! The door: parse the arguments, read the world, run the command.

use std::panic;
use std::process::{self, ExitCode};

use sparkbake::cli;
use sparkbake::commands;
use sparkbake::environment::Environment;

fn main() -> ExitCode {
    // A fault in one thread ends the program: nothing that the others would still write could be trusted.
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |fault| {
        report(fault);
        process::abort();
    }));
    let cli = cli::parse();
    match Environment::read() {
        Ok(environment) => ExitCode::from(commands::run(&cli, environment)),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(3)
        }
    }
}
