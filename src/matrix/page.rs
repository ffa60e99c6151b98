//! The table as a page: `docs/matrix.md` and `matrix show --format markdown`.

use std::fmt::Write as _;

use super::facts::{AS_OF, LeftOut, facts};
use super::name::Kind;
use super::rule::{Rule, Severity};
use super::table::{State, TableRow, ends};
use super::{rules, version};

/// The page with these rows of the table.
#[must_use]
pub fn page(rows: &[TableRow]) -> String {
    let mut page = format!(
        "# Which Java, Python, Hadoop, pandas and connectors go with which PySpark\n\n\
         As of {AS_OF}. Made by `sparkbake matrix show --format markdown` from the facts that sparkbake itself uses; \
         `sparkbake matrix check spark=3.5.9 java=21` answers for one combination, `sparkbake explain RULE` tells more \
         about a rule.\n\n\
         A version is **listed** where upstream lists it and nothing speaks against it; it *starts* where upstream does \
         not list it or a part of PySpark fails with it; ~~struck out~~ it fails.\n\n"
    );
    table(&mut page, rows);
    connectors(&mut page, rows);
    rules_of(&mut page);
    endings(&mut page);
    page.push_str("\n## What is known and no rule\n\n| | why not |\n|---|---|\n");
    for LeftOut { what, why, .. } in &facts().names.left_out {
        let _ = writeln!(page, "| {what} | {why} |");
    }
    page
}

fn table(page: &mut String, rows: &[TableRow]) {
    page.push_str("## PySpark\n\n| PySpark | Java | Python | Scala | Hadoop | pandas | NumPy | PyArrow | Debian | support ends |\n");
    page.push_str("|---|---|---|---|---|---|---|---|---|---|\n");
    let states = |cells: &[(String, State)]| {
        let each = cells.iter().map(|(version, state)| match state {
            State::Supported => format!("**{version}**"),
            State::Works => format!("*{version}*"),
            State::Broken => format!("~~{version}~~"),
        });
        each.collect::<Vec<_>>().join(" ")
    };
    for row in rows {
        let packages: Vec<String> = row.packages.iter().map(|(_, range)| format!("`{range}`")).collect();
        let _ = writeln!(
            page,
            "| {}{} | {} | {} | {} | {} | {} | {} | {}{} |",
            row.spark,
            if row.lts { " (LTS)" } else { "" },
            states(&row.java),
            states(&row.python),
            row.scala,
            row.hadoop,
            packages.join(" | "),
            states(&row.debian),
            row.ends,
            if row.ends_estimated { " (estimated)" } else { "" }
        );
    }
}

fn connectors(page: &mut String, rows: &[TableRow]) {
    page.push_str("\n## Connectors\n\nThe newest known version for the newest release of each line; Java 17 where it matters. One with ? is inferred: nothing that was read names it.\n\n| |");
    let minors: Vec<String> = rows.iter().map(|row| version::minor(&row.spark)).collect();
    for minor in &minors {
        let _ = write!(page, " {minor} |");
    }
    page.push_str("\n|---|");
    page.push_str(&"---|".repeat(rows.len()));
    page.push('\n');
    for connector in &facts().connectors {
        let _ = write!(page, "| {} |", connector.about);
        for row in rows {
            let words = [format!("spark={} java=17", row.spark)];
            let found = super::table::published(&words, Some(&connector.id)).unwrap_or_default();
            let shown = found.iter().filter_map(|one| {
                let (_, rest) = one.coordinate.split_once(':')?;
                Some(if one.confirmed { format!("`{rest}`") } else { format!("`{rest}`?") })
            });
            let shown: Vec<String> = shown.collect();
            let _ = write!(page, " {} |", shown.join("<br>"));
        }
        page.push('\n');
    }
}

/// Whether a rule stands under a heading.
type Belongs = fn(&Rule) -> bool;

fn rules_of(page: &mut String) {
    page.push_str("\n## Rules\n");
    let groups: [(&str, Belongs); 3] = [
        ("What fails", |rule| rule.severity == Severity::Fails),
        ("What is lost, not listed or unwise", |rule| {
            matches!(rule.severity, Severity::Degrades | Severity::Unsupported | Severity::Unwise)
        }),
        ("Worth knowing", |rule| rule.severity == Severity::Note),
    ];
    for (head, belongs) in groups {
        let _ = write!(
            page,
            "\n### {head}\n\n| rule | where | at | why | what to do | known from |\n|---|---|---|---|---|---|\n"
        );
        for rule in rules().filter(|rule| belongs(rule)) {
            let steps: Vec<&str> = rule.steps.iter().map(|step| step.phrase()).collect();
            let symptom = rule.symptom.iter().map(|text| format!("`{}`", text.replace('`', "'").replace('*', "…")));
            let symptom: Vec<String> = symptom.collect();
            let log =
                if symptom.is_empty() { String::new() } else { format!("<br>in the log: {}", symptom.join(" or ")) };
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {}{log} | {} | {}: {} |",
                rule.id,
                place(rule),
                steps.join(", "),
                plain(&rule.reason),
                plain(&rule.remedy),
                rule.certainty.name(),
                plain(&rule.source.join("; "))
            );
        }
    }
}

/// The conditions of a rule as a phrase.
fn place(rule: &Rule) -> String {
    let pair = |name: &str, range: &str| match (range, Kind::of(name)) {
        ("*" | "present", Kind::Uses) => format!("an app that uses {}", super::name::shown(name)),
        ("*" | "present", _) => format!("`{name}`"),
        ("absent", _) => format!("no `{name}`"),
        _ => format!("`{name}` {}", plain(range)),
    };
    let mut phrase = pair(&rule.subject, &rule.range);
    for (name, range) in &rule.when {
        let _ = write!(phrase, ", {}", pair(name, range));
    }
    for (word, all) in [("wants", &rule.requires), ("against", &rule.conflicts)] {
        let all: Vec<String> = all.iter().map(|(name, range)| pair(name, range)).collect();
        if !all.is_empty() {
            let _ = write!(phrase, " {word} {}", all.join(", "));
        }
    }
    phrase
}

/// A text in a cell of a table.
fn plain(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('*', "\\*").replace('_', "\\_")
}

fn endings(page: &mut String) {
    page.push_str("\n## Ends of support\n\n| | line | last day |\n|---|---|---|\n");
    for end in ends() {
        let after = end.after.map(|after| format!(", {after}")).unwrap_or_default();
        let estimated = if end.estimated { " (estimated)" } else { "" };
        let _ = writeln!(page, "| {} | {} | {}{estimated}{after} |", end.what, end.version, end.date);
    }
}
