//! Runs the service: see the library, and `README.md`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use images::service::Service;
use images::settings::Settings;
use tenure::prelude::*;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_target(false).init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("images: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> tenure::Result {
    let settings = Settings::from_env()?;
    println!("data in {}", settings.data.display());
    System::builder()
        .name("images")
        .on_signals()
        .block_on(Service::new(settings))?;
    println!("everything is joined");
    Ok(())
}
