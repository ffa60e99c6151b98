//! `matrix eol`: what has ended, and what ends soon.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;

use crate::cli::MatrixEol;
use crate::matrix::{self, Ending};

use super::{BAD, DOUBTFUL, GOOD, Stop, World, cell, columns, document, painted, say, say_json};

/// Days that are "soon": half a year.
const SOON: i32 = 183;

pub(super) fn eol(request: &MatrixEol, world: &World) -> Result<(), Stop> {
    let on = match &request.on {
        Some(text) => {
            text.parse().map_err(|_| Stop::Usage(format!("--on is `{text}`; it must be a day such as 2027-01-31")))?
        }
        None => today(world.environment.now),
    };
    let all: Vec<(Ending, i32)> = matrix::ends()
        .into_iter()
        .filter_map(|one| Some((days(on, &one.date)?, one)))
        .map(|(days, one)| (one, days))
        .collect();
    if request.json {
        let endings = all.iter().map(|(one, days)| {
            json!({
                "what": one.what,
                "version": one.version,
                "date": one.date,
                "estimated": one.estimated,
                "days-left": days,
                "state": state(*days),
                "after": one.after,
            })
        });
        say_json(&document(json!({ "on": on.to_string(), "ends": endings.collect::<Vec<_>>() })))?;
        return Ok(());
    }
    let rows = all.iter().map(|(one, days)| {
        let style = match state(*days) {
            "ended" => BAD,
            "soon" => DOUBTFUL,
            _ => GOOD,
        };
        let when = match days {
            ..-1 => format!("ended {} days ago", -days),
            -1 => "ended yesterday".to_owned(),
            0 => "ends today".to_owned(),
            1 => "ends tomorrow".to_owned(),
            _ => format!("ends in {days} days"),
        };
        let date = if one.estimated { format!("{} (estimated)", one.date) } else { one.date.clone() };
        vec![
            cell(one.what),
            cell(one.version.clone()),
            cell(date),
            (painted(style, &when, world), when.chars().count()),
            cell(one.after.clone().unwrap_or_default()),
        ]
    });
    let rows: Vec<_> = rows.collect();
    say(&format!("on {on}\n\n{}", columns(&["", "line", "support ends", "", ""], &rows)))?;
    Ok(())
}

fn today(now: u64) -> Date {
    let second = i64::try_from(now).unwrap_or_default();
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Days from a day to a date, negative where that is past.
fn days(on: Date, date: &str) -> Option<i32> {
    let date: Date = date.parse().ok()?;
    on.until(date).ok().map(|span| span.get_days())
}

fn state(days: i32) -> &'static str {
    match days {
        ..0 => "ended",
        0..=SOON => "soon",
        _ => "later",
    }
}
