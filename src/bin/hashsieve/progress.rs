//! Progress on a terminal's standard error, for work that takes over a second.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar that appears when the work lasts; nothing when standard error is no terminal or quiet is asked for.
pub(crate) struct Progress {
    bar: ProgressBar,
    began: Instant,
    shown: bool,
    wanted: bool,
}

impl Progress {
    /// Returns whether progress would be shown, so that counting ahead is worth it.
    pub(crate) fn is_wanted(quiet: bool) -> bool {
        !quiet && std::io::stderr().is_terminal()
    }

    /// Returns a bar for so many units, `files` or `bytes`.
    pub(crate) fn new(total: u64, unit: &str, quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        let numbers = match unit {
            "bytes" => "{bytes}/{total_bytes} ({bytes_per_sec}",
            _ => "{human_pos}/{human_len} ({rate}",
        };
        let template = format!("{{msg}} {{wide_bar}} {numbers}, {{eta}} left)");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(
                style.with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
                    // The text is a string, which takes all that is written.
                    let _ = write!(text, "{:.0}/s", state.per_sec());
                }),
            );
        }
        Self {
            bar,
            began: Instant::now(),
            shown: false,
            wanted: Self::is_wanted(quiet),
        }
    }

    /// Says what is being done and how far it is.
    pub(crate) fn set(&mut self, message: &'static str, done: u64, total: u64) {
        if !self.wanted {
            return;
        }
        if !self.shown && self.began.elapsed() >= PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.shown = true;
        }
        if self.bar.length() != Some(total) {
            self.bar.set_length(total);
        }
        if self.bar.message() != message {
            self.bar.set_message(message);
            self.bar.reset_eta();
        }
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
