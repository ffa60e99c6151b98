//! The rules against stacks that were really started: `cells.toml`.

use serde::Deserialize;

use super::super::evaluate::findings;
use super::super::question::{read, row};
use super::super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cell {
    stack: String,
    /// `step rule`.
    #[serde(default)]
    fails: Vec<String>,
    #[serde(default)]
    passes: Vec<String>,
    #[serde(default)]
    says: Vec<String>,
}

#[derive(Deserialize)]
struct Cells {
    cell: Vec<Cell>,
}

#[test]
fn what_was_started_is_foretold() {
    let cells: Cells = toml::from_str(include_str!("cells.toml")).unwrap();
    let mut wrong = Vec::new();
    for Cell { stack, fails, passes, says } in &cells.cell {
        assert!(!fails.is_empty() || !passes.is_empty() || !says.is_empty(), "{stack} tells nothing");
        let words = read(&[format!("{stack} uses=all")]).unwrap_or_else(|e| panic!("{stack}: {e:?}"));
        let row = row(&words).unwrap_or_else(|e| panic!("{stack}: {e:?}"));
        let findings = findings(&row);
        let failing = |step: &str| {
            let at = findings.iter().filter(|f| f.rule.severity == Severity::Fails);
            at.filter(|f| f.rule.steps.iter().any(|s| s.name() == step)).map(|f| f.rule.id.as_str()).collect::<Vec<_>>()
        };
        let step_is_known = |step: &str| assert!(Step::ALL.iter().any(|s| s.name() == step), "{stack}: {step}");
        for text in fails {
            let (step, rule) = text.split_once(' ').unwrap();
            step_is_known(step);
            if !failing(step).contains(&rule) {
                wrong.push(format!("{stack}: {step} fails, and {rule} does not say so; {:?} do", failing(step)));
            }
        }
        for step in passes {
            step_is_known(step);
            if !failing(step).is_empty() {
                wrong.push(format!("{stack}: {step} passes, and {:?} says that it fails", failing(step)));
            }
        }
        for rule in says {
            if !findings.iter().any(|f| f.rule.id == *rule && f.rule.severity != Severity::Fails) {
                wrong.push(format!("{stack}: {rule} is silent"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cells.cell.len(), wrong.join("\n"));
    assert!(cells.cell.len() >= 150, "the table has lost cells");
}
