//! The sizes that Azure Container Instances offers, as data.

use crate::problem::codes::memory as codes;
use crate::problem::{At, Problem};
use crate::profile::{Size, Sku};

/// Thousandths in one vCPU or one GB.
const UNIT: u32 = 1000;
/// The step of both values in thousandths: one decimal (the Azure CLI's help; the service's answer
/// "The memory requirement should be in increments of 0.1 GB").
const STEP: u32 = 100;
/// The least vCPUs and GB of a group, in thousandths, and our group has one container
/// (Azure Container Instances, "Container groups": resource allocation).
const LEAST: u32 = UNIT;
/// Above either of these a subscription needs a raised quota ("Big containers").
const BIG: (u32, u32) = (4 * UNIT, 16 * UNIT);
/// Where the greatest sizes stand.
const LIMITS: &str = "Azure Container Instances, \"Resource availability & quota limits\"";

/// The greatest vCPUs and GB of a SKU, in thousandths.
///
/// Source: "Resource availability & quota limits" of 2025-11-17. Where the FAQ contradicts it
/// (32 vCPU, 256 GB) the smaller number stands here.
#[must_use]
pub const fn greatest(sku: Sku) -> (u32, u32) {
    match sku {
        Sku::Standard => (31 * UNIT, 240 * UNIT),
        Sku::Confidential => (31 * UNIT, 180 * UNIT),
        Sku::Spot => (4 * UNIT, 16 * UNIT),
    }
}

/// Every reason why there is no container of this size.
pub(super) fn faults(size: &Size) -> Vec<Problem> {
    let (cpu, memory) = greatest(size.sku);
    let checks = [
        (&size.cpu_milli.value, &size.cpu_milli.at, "vCPU", cpu),
        (&size.memory_milli_gb.value, &size.memory_milli_gb.at, "GB", memory),
    ];
    checks.into_iter().filter_map(|(value, at, unit, greatest)| fault(*value, at, (unit, greatest, size.sku))).collect()
}

fn fault(value: u32, at: &At, (unit, greatest, sku): (&str, u32, Sku)) -> Option<Problem> {
    let shown = decimal(value);
    let sku = sku.name();
    let problem = |message: String, label: &str| Some(Problem::new(codes::NOT_A_SIZE, message).at(at, label));
    if value < LEAST {
        return problem(format!("{shown} {unit} is less than a container group may have"), "below the least").map(
            |p| {
                p.note(format!("a group has at least 1 {unit} (Azure Container Instances, \"Container groups\")"))
                    .help(format!("ask for 1 {unit}"))
            },
        );
    }
    if value > greatest {
        let most = decimal(greatest);
        return problem(format!("{shown} {unit} is more than the {sku} SKU offers"), "above the greatest").map(|p| {
            p.note(format!("the greatest is {most} {unit} ({LIMITS})")).help(format!("ask for at most {most} {unit}"))
        });
    }
    if !value.is_multiple_of(STEP) {
        let next = decimal(value.div_ceil(STEP).saturating_mul(STEP).min(greatest));
        return problem(format!("{shown} {unit} is not a multiple of 0.1 {unit}"), "off the step").map(|p| {
            p.note("the service takes one decimal (help text of `az container create`)")
                .help(format!("ask for {next} {unit}"))
        });
    }
    None
}

/// What a user of a big size should know before the deployment; `None` for an ordinary one.
pub(super) fn big_note(size: &Size) -> Option<String> {
    (size.cpu_milli.value > BIG.0 || size.memory_milli_gb.value > BIG.1).then(|| {
        "above 4 vCPU or 16 GB the subscription needs a raised quota (Azure Container Instances, \"Big containers\")"
            .to_owned()
    })
}

/// The sizes with the same vCPUs and more memory, the smallest first.
pub(super) fn greater(size: &Size) -> impl Iterator<Item = Size> + '_ {
    let (_, greatest) = greatest(size.sku);
    let first = (size.memory_milli_gb.value / STEP).saturating_add(1);
    (first..=greatest / STEP).map(move |steps| {
        let mut next = size.clone();
        next.memory_milli_gb.value = steps * STEP;
        next
    })
}

/// Thousandths as people write them: `3500` is `3.5`.
#[must_use]
pub fn decimal(milli: u32) -> String {
    let text = format!("{}.{:03}", milli / UNIT, milli % UNIT);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
