//! The sizes of an image: the profile's own, its named ones, or one from the command line.

use crate::artifact::Coordinate;
use crate::cli::SizeChoice;
use crate::error::Failure;
use crate::lock::LockedBase;
use crate::matrix::{self, Stack};
use crate::memory::MemoryPlan;
use crate::profile::{Located, Profile, Size};
use crate::spark::{self, Settings};

use super::Stop;

/// The sizes asked for, each with its suffix of the image's name: empty for the profile's own.
pub(super) fn sizes(choice: &SizeChoice, profile: &Profile) -> Result<Vec<(String, Size)>, Stop> {
    let own = &profile.target.size;
    if choice.cpu.is_some() || choice.memory.is_some() {
        let (cpu, memory) = typed(choice)?;
        let cpu_milli = cpu.unwrap_or_else(|| own.cpu_milli.clone());
        let memory_milli_gb = memory.unwrap_or_else(|| own.memory_milli_gb.clone());
        return Ok(vec![(String::new(), Size { cpu_milli, memory_milli_gb, sku: own.sku })]);
    }
    if choice.size.is_empty() {
        return Ok(vec![(String::new(), own.clone())]);
    }
    let named = |name: &String| {
        if let Some(size) = profile.target.sizes.get(name) {
            Ok((format!("-{name}"), size.clone()))
        } else {
            let known: Vec<&str> = profile.target.sizes.keys().map(String::as_str).collect();
            let known =
                if known.is_empty() { "it names none".to_owned() } else { format!("it names {}", known.join(", ")) };
            Err(Stop::Usage(format!("the profile has no size `{name}` in [target.aci] sizes; {known}")))
        }
    };
    choice.size.iter().map(named).collect()
}

/// A number of the command line, in thousandths, if it was given.
type Typed = Option<Located<u32>>;

/// `--cpu` and `--memory`.
pub(super) fn typed(choice: &SizeChoice) -> Result<(Typed, Typed), Stop> {
    let given = |text: &Option<String>, flag| text.as_ref().map(|text| number(text, flag)).transpose();
    Ok((given(&choice.cpu, "cpu")?, given(&choice.memory, "memory")?))
}

/// What a flag has been given, in thousandths, and the words that carets point into.
pub(super) fn number(text: &str, flag: &str) -> Result<Located<u32>, Stop> {
    let value = milli(text).ok_or_else(|| {
        let unit = if flag == "memory" { "GB of 10^9 bytes" } else { "vCPUs" };
        Stop::Usage(format!("--{flag} is `{text}`; it takes a number of {unit}, such as 2 or 3.5, without a unit"))
    })?;
    Ok(Located { value, at: super::word(&format!("--{flag}"), text) })
}

/// A decimal number with at most three decimals, in thousandths.
fn milli(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || part.len() > 3 || !digits(whole) || !digits(part) {
        return None;
    }
    let part: u32 = format!("{part:0<3}").parse().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(1000)?.checked_add(part)
}

/// Spark's settings for a size, with those that the matrix's rules ask for.
pub(super) fn settings(
    profile: &Profile,
    stack: &Stack,
    base: Option<&LockedBase>,
    memory: &MemoryPlan,
    resolved: &[Coordinate],
) -> Result<Settings, Failure> {
    Ok(spark::settings(profile, stack, memory, &matrix::settings(stack, resolved), base)?)
}

#[cfg(test)]
mod tests {
    use super::milli;

    #[test]
    fn decimals_are_thousandths() {
        for (text, expected) in [
            ("2", Some(2000)),
            ("3.5", Some(3500)),
            ("0.125", Some(125)),
            ("1.", Some(1000)),
            ("", None),
            (".5", None),
            ("1.0005", None),
            ("-1", None),
            ("4e3", None),
            ("9999999", None),
        ] {
            assert_eq!(milli(text), expected, "{text}");
        }
    }
}
