//! Values as Spark reads them (`ConfigHelpers` of `ConfigBuilder.scala`, `JavaUtils`).

use super::{Entry, Kind};

/// Why Spark does not take a value: completes "`x` …".
pub(super) fn refusal(value: &str, entry: &Entry) -> Option<String> {
    // Put in by Spark from another setting, the system or the environment (ConfigReader).
    if value.contains("${") {
        return None;
    }
    if !entry.is_list {
        return refusal_of_one(value, entry);
    }
    value.split(',').map(str::trim).filter(|part| !part.is_empty()).find_map(|part| refusal_of_one(part, entry))
}

fn refusal_of_one(value: &str, entry: &Entry) -> Option<String> {
    let number = match number(value, entry.kind) {
        Ok(number) => number,
        Err(reason) => return Some(reason),
    };
    let is_choice =
        |choice: &String| if entry.folds_case { choice.eq_ignore_ascii_case(value) } else { choice == value };
    if !entry.choices.is_empty() && !entry.choices.iter().any(is_choice) {
        return Some(format!("is none of {}", entry.choices.join(", ")));
    }
    let number = number?;
    let broken = entry.ranges.iter().find(|(ranges, _)| !ranges.hold(number));
    broken.map(|(_, words)| {
        let words = words.trim().trim_end_matches('.');
        if words.is_empty() { "is out of range".to_owned() } else { format!("is out of range (Spark: \"{words}\")") }
    })
}

/// The number of a value in its kind's unit; none for a text.
fn number(value: &str, kind: Kind) -> Result<Option<f64>, String> {
    let text = value.trim();
    #[expect(clippy::cast_precision_loss, reason = "it is compared with bounds far below 2^53")]
    match kind {
        Kind::Text => Ok(None),
        Kind::Bool if ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word)) => Ok(None),
        Kind::Bool => Err("is neither true nor false".to_owned()),
        Kind::Int => {
            text.parse::<i32>().map(|n| Some(f64::from(n))).map_err(|_| "is no whole number of 32 bits".to_owned())
        }
        Kind::Long => text.parse::<i64>().map(|n| Some(n as f64)).map_err(|_| "is no whole number".to_owned()),
        Kind::Double => java_double(text).map(Some).ok_or_else(|| "is no number".to_owned()),
        Kind::Time(unit) => time(text).map(|ms| Some(ms.map_or_else(|n| n, |ms| (ms / unit).trunc()))),
        Kind::Bytes(unit) => {
            bytes(text).map(|bytes| Some(bytes.map_or_else(|n| n, |bytes| (bytes / unit as f64).trunc())))
        }
    }
}

/// `Double.parseDouble`: Rust's numbers, and a letter for the type behind them.
fn java_double(text: &str) -> Option<f64> {
    let plain = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    let is_number = plain.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if is_number || matches!(plain, "NaN" | "Infinity" | "-Infinity") { plain.parse().ok() } else { None }
}

/// Number and unit of a value; an error where it is no whole number before letters.
fn split(text: &str) -> Option<(f64, String)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = unit.to_ascii_lowercase();
    let number = number.parse::<i64>().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "it is compared with bounds far below 2^53")]
    unit.bytes().all(|b| b.is_ascii_lowercase()).then_some((number as f64, unit))
}

/// Milliseconds, or a number without a unit on the left (`JavaUtils.timeStringAs`).
fn time(text: &str) -> Result<Result<f64, f64>, String> {
    const UNITS: [(&str, f64); 7] =
        [("us", 1e-3), ("ms", 1.0), ("s", 1e3), ("m", 6e4), ("min", 6e4), ("h", 3.6e6), ("d", 8.64e7)];
    let (sign, plain) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let (number, unit) = split(plain).ok_or("is no time: a whole number and a unit, as in 50s or 100ms")?;
    if unit.is_empty() {
        return Ok(Err(sign * number));
    }
    let known = UNITS.iter().find(|(name, _)| *name == unit);
    known
        .map(|(_, ms)| Ok(sign * number * ms))
        .ok_or_else(|| format!("has the unit `{unit}`, and Spark's times have us, ms, s, m or min, h, d"))
}

/// Bytes, or a number without a unit on the left (`JavaUtils.byteStringAs`).
fn bytes(text: &str) -> Result<Result<f64, f64>, String> {
    let (sign, plain) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let Some((number, unit)) = split(plain) else {
        let is_fraction = plain.contains('.') && plain.starts_with(|c: char| c.is_ascii_digit());
        let reason = if is_fraction {
            "is a fraction, and Spark's sizes are whole numbers: 1536m is 1.5g"
        } else {
            "is no size: a whole number and a unit, as in 512m or 2g"
        };
        return Err(reason.to_owned());
    };
    let power = match unit.as_str() {
        "" => return Ok(Err(sign * number)),
        "b" => 0,
        "k" | "kb" => 1,
        "m" | "mb" => 2,
        "g" | "gb" => 3,
        "t" | "tb" => 4,
        "p" | "pb" => 5,
        _ => {
            return Err(format!(
                "has the unit `{unit}`, and Spark's sizes have b, k, m, g, t, p, each with or without a b behind it"
            ));
        }
    };
    Ok(Ok(sign * number * f64::powi(1024.0, power)))
}
