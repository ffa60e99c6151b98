//! The door: parse the arguments, read the world, run the command.

use std::process::ExitCode;

use sparkbake::cli;
use sparkbake::commands;
use sparkbake::environment::Environment;

fn main() -> ExitCode {
    let cli = cli::parse();
    match Environment::read() {
        Ok(environment) => ExitCode::from(commands::run(&cli, environment)),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(3)
        }
    }
}
