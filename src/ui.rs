//! What is going on, on standard error: status lines in cargo's manner and, on a terminal, bars.
//!
//! Data alone goes to standard output, and that is not here. All lines pass through one
//! [`Ui`], which several threads share, because a line written behind a bar's back breaks the bar.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::environment::Environment;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Warnings alone.
    Quiet,
    /// A line a step: for logs.
    Plain,
    /// A line a step, and bars that move.
    Bars,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colour {
    /// The decision for one stream (no-color.org; `TERM=dumb` has no colours).
    #[must_use]
    pub fn decide(self, environment: &Environment, is_terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                is_terminal && environment.var("NO_COLOR").is_none() && environment.var("TERM") != Some("dumb")
            }
        }
    }
}

impl Mode {
    /// Bars on a terminal that is no CI's, else plain lines.
    #[must_use]
    pub fn decide(environment: &Environment, quiet: bool) -> Self {
        let moving = environment.stderr_is_terminal
            && environment.var("CI").is_none()
            && environment.var("TERM") != Some("dumb");
        match (quiet, moving) {
            (true, _) => Self::Quiet,
            (false, true) => Self::Bars,
            (false, false) => Self::Plain,
        }
    }
}

/// The one way to standard error.
pub struct Ui {
    mode: Mode,
    colour: bool,
    bars: MultiProgress,
    /// Lines instead of standard error, in tests.
    heard: Option<Mutex<Vec<String>>>,
}

impl fmt::Debug for Ui {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ui").field("mode", &self.mode).finish_non_exhaustive()
    }
}

const GOOD: Style = AnsiColor::Green.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const NOTE: Style = AnsiColor::Cyan.on_default().bold();
const FAILED: Style = AnsiColor::Red.on_default().bold();

impl Ui {
    /// Speaks on standard error.
    #[must_use]
    pub fn new(mode: Mode, colour: bool) -> Self {
        let target = match mode {
            Mode::Bars => ProgressDrawTarget::stderr_with_hz(10),
            Mode::Quiet | Mode::Plain => ProgressDrawTarget::hidden(),
        };
        Self { mode, colour, bars: MultiProgress::with_draw_target(target), heard: None }
    }

    /// Speaks to nobody but remembers every line.
    #[must_use]
    pub fn listening() -> Self {
        Self { heard: Some(Mutex::default()), ..Self::new(Mode::Plain, false) }
    }

    /// The lines that [`Ui::listening`] remembered.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        self.heard
            .as_ref()
            .map(|lines| lines.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .unwrap_or_default()
    }

    /// Whether lines are coloured.
    #[must_use]
    pub fn colour(&self) -> bool {
        self.colour
    }

    /// A step that begins or is done: a verb, right-aligned as cargo does, and what it is about.
    pub fn step(&self, verb: &str, text: impl fmt::Display) {
        if self.mode != Mode::Quiet {
            self.line(&format!("{} {text}", self.painted(GOOD, &format!("{verb:>12}"))));
        }
    }

    /// Something that the user should know; also said when quiet.
    pub fn warn(&self, text: impl fmt::Display) {
        self.line(&format!("{}: {text}", self.painted(WARNING, "warning")));
    }

    /// Something that helps to understand.
    pub fn note(&self, text: impl fmt::Display) {
        if self.mode != Mode::Quiet {
            self.line(&format!("{}: {text}", self.painted(NOTE, "note")));
        }
    }

    /// Why the command stops; also said when quiet.
    pub fn error(&self, text: impl fmt::Display) {
        self.line(&format!("{}: {text}", self.painted(FAILED, "error")));
    }

    /// A text of several lines as it is, for rendered problems; also said when quiet.
    pub fn text(&self, text: &str) {
        self.line(text.trim_end_matches('\n'));
    }

    /// A transfer of `total` bytes begins.
    #[must_use]
    pub fn transfer(&self, verb: &str, total: u64) -> Transfer {
        self.bar(total, &format!("{verb:>12} [{{bar:25}}] {{bytes}}/{{total_bytes}} {{bytes_per_sec}} {{wide_msg}}"))
    }

    /// Work on `total` things begins.
    #[must_use]
    pub fn work(&self, verb: &str, total: u64) -> Transfer {
        self.bar(total, &format!("{verb:>12} [{{bar:25}}] {{pos}}/{{len}} {{wide_msg}}"))
    }

    fn bar(&self, total: u64, template: &str) -> Transfer {
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.bars.add(ProgressBar::new(total).with_style(style.progress_chars("=> ")));
        if self.mode == Mode::Bars {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Transfer { bar }
    }

    fn painted(&self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn line(&self, line: &str) {
        match &self.heard {
            Some(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned()),
            // Whoever listened may have gone.
            None => self.bars.suspend(|| drop(writeln!(io::stderr(), "{line}"))),
        }
    }
}

/// A bar that moves, where bars are shown; it disappears when dropped.
#[derive(Debug)]
pub struct Transfer {
    bar: ProgressBar,
}

impl Transfer {
    /// So many more are done.
    pub fn advance(&self, by: u64) {
        self.bar.inc(by);
    }

    /// So many are to be done again.
    pub fn retreat(&self, by: u64) {
        self.bar.dec(by);
    }

    /// Counts one part of the transfer, wherever that goes on.
    #[must_use]
    pub fn counter(&self) -> Counter {
        Counter { bar: self.bar.clone(), counted: Arc::default() }
    }

    /// What is going on now.
    pub fn doing(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }
}

/// One part of a [`Transfer`], which may have to be done again.
#[derive(Debug, Clone)]
pub struct Counter {
    bar: ProgressBar,
    counted: Arc<AtomicU64>,
}

impl Counter {
    /// So many more are done.
    pub fn advance(&self, by: u64) {
        self.counted.fetch_add(by, Ordering::Relaxed);
        self.bar.inc(by);
    }

    /// Whether somebody sees the bar move.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// How much of the part is done.
    #[must_use]
    pub fn counted(&self) -> u64 {
        self.counted.load(Ordering::Relaxed)
    }

    /// The whole part is to be done again.
    pub fn take_back(&self) {
        self.bar.dec(self.counted.swap(0, Ordering::Relaxed));
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Bytes for people, in decimal units.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} KB", bytes.div_ceil(1_000)),
        1_000_000..1_000_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
        _ => format!("{}.{:02} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 10_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_that_people_would_say() {
        let said = [0, 999, 1_000, 1_001, 999_999, 1_000_000, 427_251_000, 1_070_000_000].map(size);
        assert_eq!(said, ["0 bytes", "999 bytes", "1 KB", "2 KB", "1000 KB", "1.0 MB", "427.2 MB", "1.07 GB"]);
    }

    #[test]
    fn verbs_stand_right_aligned_and_colour_is_a_choice() {
        let ui = Ui::listening();
        ui.step("Resolving", "3 jars");
        ui.warn("odd");
        assert_eq!(ui.heard(), ["   Resolving 3 jars", "warning: odd"]);
        let ui = Ui { colour: true, ..Ui::listening() };
        ui.warn("odd");
        assert_eq!(ui.heard(), ["\u{1b}[1m\u{1b}[33mwarning\u{1b}[0m: odd"]);
    }

    #[test]
    fn quiet_leaves_the_warnings() {
        let ui = Ui { mode: Mode::Quiet, ..Ui::listening() };
        ui.step("Resolving", "3 jars");
        ui.note("by the way");
        ui.warn("odd");
        ui.transfer("Fetching", 10).advance(3);
        assert_eq!(ui.heard(), ["warning: odd"]);
    }

    #[test]
    fn the_environment_decides_what_moves_and_shines() {
        let mut environment = Environment { stderr_is_terminal: true, ..Environment::default() };
        assert_eq!(Mode::decide(&environment, false), Mode::Bars);
        assert!(Colour::Auto.decide(&environment, true));
        environment.vars.insert("NO_COLOR".into(), "1".into());
        environment.vars.insert("CI".into(), "true".into());
        assert_eq!(Mode::decide(&environment, false), Mode::Plain);
        assert_eq!(Mode::decide(&environment, true), Mode::Quiet);
        assert!(!Colour::Auto.decide(&environment, true));
        assert!(Colour::Always.decide(&environment, false));
    }
}
