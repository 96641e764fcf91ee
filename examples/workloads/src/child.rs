//! A run in a process of its own.

use crate::figures::Figures;
use crate::program::Job;
use std::process::{Command, Stdio};

/// Runs this very program for one job.
///
/// # Errors
///
/// The process cannot be started, fails, or gives no figures.
pub(crate) fn run(job: &Job<'_>) -> Result<Option<Figures>, String> {
    let what = format!("{} in {}", job.contender, job.scenario);
    let program = std::env::current_exe().map_err(|error| format!("{what}: {error}"))?;
    let output = Command::new(program)
        .args(["--child", job.scenario, job.contender])
        .arg(job.duration.as_millis().to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{what}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{what} failed: {}", output.status));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{what}: no figures: {error}"))
}

/// Gives the figures to who started this process.
pub(crate) fn answer(figures: Option<&Figures>) -> Result<(), String> {
    let text = serde_json::to_string(&figures).map_err(|error| error.to_string())?;
    println!("{text}");
    Ok(())
}
