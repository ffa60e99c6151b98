//! `matrix show`: the table.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::{MatrixShow, TableFormat};
use crate::matrix::{self, State, TableRow, page};

use super::{BAD, DOUBTFUL, GOOD, Stop, World, cell, columns, document, painted, say, say_json, usage};

pub(super) fn show(request: &MatrixShow, world: &World) -> Result<(), Stop> {
    let filters = [
        ("spark", &request.spark),
        ("java", &request.java),
        ("python", &request.python),
        ("scala", &request.scala),
        ("hadoop", &request.hadoop),
        ("debian", &request.debian),
    ];
    let filters: Vec<String> =
        filters.iter().filter_map(|(axis, value)| value.as_ref().map(|v| format!("{axis}={v}"))).collect();
    let rows = matrix::table(&filters).map_err(|mistakes| usage(&mistakes))?;
    match request.format {
        _ if request.json => say_json(&document(json!({ "rows": rows.iter().map(row_json).collect::<Vec<_>>() })))?,
        TableFormat::Text => say(&text(&rows, world))?,
        TableFormat::Markdown => say(&page::page(&rows))?,
        TableFormat::Csv => say(&csv(&rows))?,
    }
    Ok(())
}

fn row_json(row: &TableRow) -> Value {
    let states = |cells: &[(String, State)]| -> Value {
        cells.iter().map(|(version, state)| json!({ "version": version, "state": state.name() })).collect()
    };
    json!({
        "spark": row.spark,
        "lts": row.lts,
        "java": states(&row.java),
        "python": states(&row.python),
        "debian": states(&row.debian),
        "scala": row.scala,
        "hadoop": row.hadoop,
        "packages": row.packages.iter().map(|(name, range)| ((*name).to_owned(), range.clone())).collect::<std::collections::BTreeMap<_, _>>(),
        "released": row.released,
        "ends": row.ends,
        "ends-estimated": row.ends_estimated,
    })
}

fn text(rows: &[TableRow], world: &World) -> String {
    if rows.is_empty() {
        return "no Spark line goes with that\n".to_owned();
    }
    let lines = rows.iter().map(|row| {
        vec![
            cell(row.spark.clone()),
            states(&row.java, world),
            states(&row.python, world),
            cell(row.scala.clone()),
            cell(row.hadoop.clone()),
            cell(format!("{}{}", row.ends, if row.lts { " LTS" } else { "" })),
        ]
    });
    let head = ["PySpark", "Java", "Python", "Scala", "Hadoop", "support ends"];
    let mut text = columns(&head, &lines.collect::<Vec<_>>());
    let packages = rows.iter().map(|row| {
        std::iter::once(cell(row.spark.clone()))
            .chain(row.packages.iter().map(|(_, range)| cell(range.clone())))
            .chain([states(&row.debian, world)])
            .collect()
    });
    let _ = write!(
        text,
        "\n{}",
        columns(&["PySpark", "pandas", "NumPy", "PyArrow", "Debian"], &packages.collect::<Vec<_>>())
    );
    let _ = writeln!(
        text,
        "\n{} upstream lists it  {} it starts, not listed or with a loss  {} it fails; as of {}",
        painted(GOOD, "17", world),
        painted(DOUBTFUL, "21?", world),
        painted(BAD, "25!", world),
        matrix::AS_OF
    );
    text
}

/// Versions by state, runs of minors joined: `3.8-11 3.12-13? 3.14!`.
fn states(cells: &[(String, State)], world: &World) -> (String, usize) {
    let mut runs: Vec<(Vec<&str>, State)> = Vec::new();
    for (version, state) in cells {
        match runs.last_mut() {
            Some((run, last)) if last == state => run.push(version),
            _ => runs.push((vec![version], *state)),
        }
    }
    let mut shown = Vec::new();
    for (run, state) in &runs {
        let (style, mark) = match state {
            State::Supported => (GOOD, ""),
            State::Works => (DOUBTFUL, "?"),
            State::Broken => (BAD, "!"),
        };
        let joined = match run.as_slice() {
            [first, .., last] if first.contains('.') => {
                vec![format!("{first}-{}", last.split_once('.').map_or(*last, |(_, minor)| minor))]
            }
            all => all.iter().map(|version| (*version).to_owned()).collect(),
        };
        shown.extend(joined.into_iter().map(|text| (style, format!("{text}{mark}"))));
    }
    let width = shown.iter().map(|(_, text)| text.chars().count() + 1).sum::<usize>().saturating_sub(1);
    (shown.iter().map(|(style, text)| painted(*style, text, world)).collect::<Vec<_>>().join(" "), width)
}

/// A line a version of Java or Python, as RFC 4180 has it; no field needs quotes.
fn csv(rows: &[TableRow]) -> String {
    let mut text = "spark,axis,version,state\r\n".to_owned();
    for row in rows {
        for (axis, cells) in [("java", &row.java), ("python", &row.python), ("debian", &row.debian)] {
            for (version, state) in cells {
                let _ = write!(text, "{},{axis},{version},{}\r\n", row.spark, state.name());
            }
        }
        let more = [("scala", &row.scala), ("hadoop", &row.hadoop), ("released", &row.released), ("ends", &row.ends)];
        for (axis, version) in more {
            let _ = write!(text, "{},{axis},{version},supported\r\n", row.spark);
        }
    }
    text
}
