//! The table itself: a row a Spark line ([`table`]), what moves between two releases ([`moves`]), what is
//! published for a Spark ([`published`]), and what ends when ([`ends`]).

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::codes::matrix as code;

use super::connectors::{artifact_of, expand, versions_of};
use super::evaluate::findings_about;
use super::facts::{Connector, ConnectorLine, facts, fill};
use super::name::Kind;
use super::question;
use super::release::{Line, Release};
use super::row::{Known, Row};
use super::rule::{Rule, Severity};
use super::version::{Order, Range, compare, is_of};
use super::{Stack, rules};

/// How a version goes with a Spark line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Upstream lists it, and nothing speaks against it.
    Supported,
    /// Upstream does not list it, or something is lost; it starts.
    Works,
    /// It fails.
    Broken,
}

impl State {
    /// As a word in data.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Works => "works",
            Self::Broken => "broken",
        }
    }
}

/// A row of the table: the newest release of a line.
#[derive(Debug, Clone)]
pub struct TableRow {
    /// PySpark's release.
    pub spark: String,
    /// Whether the line is supported for long.
    pub lts: bool,
    /// Scala's binary version.
    pub scala: String,
    /// Version of the Hadoop client.
    pub hadoop: String,
    /// Java's feature releases.
    pub java: Vec<(String, State)>,
    /// Python's minors.
    pub python: Vec<(String, State)>,
    /// Debian suites, by the Java and Python that they have.
    pub debian: Vec<(String, State)>,
    /// Ranges of pandas, NumPy and PyArrow of which no step fails.
    pub packages: Vec<(&'static str, String)>,
    /// Day of the line's first release.
    pub released: String,
    /// Last day of support.
    pub ends: String,
    /// Whether upstream has not named that day.
    pub ends_estimated: bool,
}

/// The table, oldest line first, within `axis=range` filters: what an axis may be, and the lines that go with
/// some of it.
///
/// # Errors
/// Every filter that makes no sense.
pub fn table(filters: &[String]) -> Result<Vec<TableRow>, Vec<String>> {
    let words = question::read(filters)?;
    let range = |axis: &str| {
        let word = words.iter().find(|word| matches!(word.key, question::Key::Axis(name) if name == axis));
        word.and_then(|word| Range::parse(axis, &word.value))
    };
    let meets = |axis: &str, version: &str| range(axis).is_none_or(|range| range.contains_line(version) != Some(false));
    let filtered = |axis: &str| words.iter().any(|word| word.name() == axis);
    let mut rows = Vec::new();
    for line in &facts().lines {
        let wished = line
            .releases
            .iter()
            .rev()
            .find(|release| range("spark").is_none_or(|range| range.contains(&release.version)));
        let Some(release) = wished else { continue };
        let mut row = table_row(line, release);
        row.java.retain(|(version, _)| meets("java", version));
        row.python.retain(|(version, _)| meets("python", version));
        row.debian.retain(|(version, _)| meets("debian", version));
        let lives = |cells: &[(String, State)]| cells.iter().any(|(_, state)| *state != State::Broken);
        let kept = [("java", &row.java), ("python", &row.python), ("debian", &row.debian)];
        if kept.iter().all(|(axis, cells)| !filtered(axis) || lives(cells))
            && meets("scala", &row.scala)
            && meets("hadoop", &row.hadoop)
        {
            rows.push(row);
        }
    }
    Ok(rows)
}

fn table_row(line: &Line, release: &'static Release) -> TableRow {
    let state = |axis: &str, version: &str| {
        let mut row = row_of(release);
        row.insert(axis, Known::Line(version.to_owned()), None);
        state(&row, axis)
    };
    let cells = |axis: &str, versions: Vec<&str>| {
        versions.into_iter().map(|version| (version.to_owned(), state(axis, version))).collect::<Vec<_>>()
    };
    let mut python = question::versions("python");
    python.retain(|version| !is_of(version, "2"));
    let suites = facts().suites.iter().map(|suite| {
        let each = suite.java.iter().map(|java| {
            let mut row = row_of(release);
            row.insert("debian", Known::Exact(suite.codename.clone()), None);
            row.insert("java", Known::Line(java.clone()), None);
            row.insert("python", Known::Line(suite.python.clone()), None);
            [self::state(&row, "java"), self::state(&row, "python")].into_iter().max_by_key(|state| *state as u8)
        });
        (suite.codename.clone(), each.flatten().min_by_key(|state| *state as u8).unwrap_or(State::Broken))
    });
    TableRow {
        spark: release.version.clone(),
        lts: line.lts,
        scala: release.scala().unwrap_or_default(),
        hadoop: release.hadoop().unwrap_or_default().to_owned(),
        java: cells("java", question::versions("java")),
        python: cells("python", python),
        debian: suites.collect(),
        packages: ["pandas", "numpy", "pyarrow"].map(|package| (package, package_range(release, package))).into(),
        released: line.released.clone(),
        ends: line.ends.clone(),
        ends_estimated: line.ends_estimated,
    }
}

/// A row of a release and nothing else.
fn row_of(release: &'static Release) -> Row<'static> {
    let mut row = Row::default();
    row.set_spark(&release.version, None, None);
    for (axis, version) in [("scala", release.scala()), ("hadoop", release.hadoop().map(str::to_owned))] {
        row.insert(axis, version.map_or(Known::Unstated, Known::Exact), None);
    }
    row.use_steps(row.shown_uses(true));
    row
}

fn state(row: &Row<'_>, axis: &str) -> State {
    let mut concerning: Vec<_> = findings_about(row, axis).iter().map(|finding| finding.code(row)).collect();
    concerning.retain(|found| [code::FAILS, code::DEGRADES, code::UNSUPPORTED].contains(found));
    match concerning.as_slice() {
        [] => State::Supported,
        all if all.contains(&code::FAILS) => State::Broken,
        _ => State::Works,
    }
}

/// From the minimum to the first version of which a step fails, whatever the app uses.
fn package_range(release: &'static Release, package: &str) -> String {
    let least = release.minimum.get(package).map_or("0", String::as_str);
    let conditions = rules().flat_map(|rule| rule.conflicts.iter()).filter(|(name, _)| *name == package);
    let mut bounds: Vec<String> =
        conditions.filter_map(|(name, range)| Range::parse(name, range)).flat_map(|range| range.bounds()).collect();
    bounds.sort_by(|a, b| Order::Pep440.compare(a, b));
    let refused = bounds.into_iter().find(|version| {
        let mut row = row_of(release);
        row.insert(package, Known::Exact(version.clone()), None);
        row.use_steps(crate::profile::USES.iter().copied().collect());
        findings_about(&row, package).iter().any(|found| found.rule.severity == Severity::Fails)
            && Order::Pep440.compare(version, least).is_gt()
    });
    match refused {
        Some(refused) => format!(">={least},<{refused}"),
        None => format!(">={least}"),
    }
}

/// What differs between two releases.
#[derive(Debug, Clone)]
pub struct Moves {
    /// Axis or property, before, after; only what differs.
    pub axes: Vec<(String, String, String)>,
    /// Jars, before, after; empty where there is none.
    pub jars: Vec<(String, String, String)>,
    /// Connectors with their newest coordinates; empty where there is none.
    pub connectors: Vec<(String, String, String)>,
    /// Rules that speak of the second alone, each with its reason there.
    pub new: Vec<(&'static Rule, String)>,
    /// Rules that speak of the first alone, each with its reason there.
    pub gone: Vec<(&'static Rule, String)>,
}

/// What moves from one PySpark to another.
///
/// # Errors
/// Releases that are not known, with the nearest.
pub fn moves(from: &str, to: &str) -> Result<Moves, Vec<String>> {
    let read = |version: &str| question::read(&[format!("spark={version}")]).and_then(|words| question::row(&words));
    let (from, to) = match (read(from), read(to)) {
        (Ok(from), Ok(to)) => (from, to),
        (a, b) => return Err([a.err(), b.err()].into_iter().flatten().flatten().collect()),
    };
    let (Some(a), Some(b)) = (from.release(), to.release()) else { return Ok(Moves::none()) };
    let java = |release: &Release| facts().line(&release.version).map(|line| line.java.join(", ")).unwrap_or_default();
    let ends = |release: &Release| facts().line(&release.version).map(|line| line.ends.clone()).unwrap_or_default();
    let mut axes = vec![
        ("PySpark".to_owned(), a.version.clone(), b.version.clone()),
        ("Java listed".to_owned(), java(a), java(b)),
        ("Python declared".to_owned(), a.python.join(", "), b.python.join(", ")),
        ("Requires-Python".to_owned(), a.requires_python.clone(), b.requires_python.clone()),
        ("Scala".to_owned(), a.scala().unwrap_or_default(), b.scala().unwrap_or_default()),
        ("Hadoop".to_owned(), a.hadoop().unwrap_or_default().to_owned(), b.hadoop().unwrap_or_default().to_owned()),
        ("py4j".to_owned(), a.py4j.clone(), b.py4j.clone()),
    ];
    let packages: BTreeSet<&String> = a.minimum.keys().chain(b.minimum.keys()).collect();
    let least =
        |release: &Release, name: &String| release.minimum.get(name).map(|v| format!(">={v}")).unwrap_or_default();
    axes.extend(packages.iter().map(|name| ((*name).clone(), least(a, name), least(b, name))));
    axes.push(("support ends".to_owned(), ends(a), ends(b)));
    let names: BTreeSet<&String> = a.jars.keys().chain(b.jars.keys()).collect();
    let jar = |release: &Release, name: &String| release.jars.get(name).cloned().unwrap_or_default();
    let jars = names.into_iter().map(|name| (name.clone(), jar(a, name), jar(b, name)));
    let connector = |connector: &Connector, row: &Row<'_>| {
        coordinates(connector, row).first().map(|p| p.coordinate.clone()).unwrap_or_default()
    };
    let connectors = facts().connectors.iter().map(|c| (c.id.clone(), connector(c, &from), connector(c, &to)));
    let differ = |(_, before, after): &(String, String, String)| before != after;
    let speaking = |of: &Row<'_>, other: &Row<'_>| {
        let rules = rules().filter(|rule| speaks(rule, of) && !speaks(rule, other));
        let reason = |rule: &Rule| fill(&rule.reason, &|name| of.placeholder(&rule.subject, name));
        rules.map(|rule| (rule, reason(rule).unwrap_or_else(|| rule.reason.clone()))).collect()
    };
    Ok(Moves {
        axes: axes.into_iter().filter(differ).collect(),
        jars: jars.filter(differ).collect(),
        connectors: connectors.filter(differ).collect(),
        new: speaking(&to, &from),
        gone: speaking(&from, &to),
    })
}

/// The placeholders of a rule's texts, each with its value in every line of PySpark that has one, the newest release
/// for the line.
#[must_use]
pub fn placeholders(rule: &Rule) -> BTreeMap<String, Vec<(&'static str, String)>> {
    let conditions = [&rule.when, &rule.requires, &rule.conflicts].into_iter().flat_map(|all| all.values());
    let texts = conditions.chain(&rule.symptom).chain([&rule.range, &rule.reason, &rule.remedy]);
    let names = texts.flat_map(|text| text.split('{').skip(1)).filter_map(|rest| rest.split_once('}'));
    let value = |line: &'static Line, name: &str| {
        let words = question::read(&[format!("spark={}", line.newest().version)]).ok()?;
        let value = question::row(&words).ok()?.placeholder(&rule.subject, name)?;
        Some((line.name.as_str(), value.replace('|', ", ")))
    };
    names
        .map(|(name, _)| (name.to_owned(), facts().lines.iter().filter_map(|line| value(line, name)).collect()))
        .collect()
}

impl Moves {
    fn none() -> Self {
        Self { axes: Vec::new(), jars: Vec::new(), connectors: Vec::new(), new: Vec::new(), gone: Vec::new() }
    }
}

/// Whether a rule is about a release as such: about Spark, its Hadoop, its Scala, or what it no longer carries.
fn speaks(rule: &Rule, row: &Row<'_>) -> bool {
    let meets =
        |axis: &str, text: &str| Range::parse(axis, text).and_then(|range| row.meets(axis, &range)) == Some(true);
    let on = |axis: &str| rule.when.get(axis).is_none_or(|range| meets(axis, range));
    match Kind::of(&rule.subject) {
        Kind::Axis if rule.subject == "spark" || rule.subject == "hadoop" => {
            meets(&rule.subject, &rule.range) && on("spark") && on("hadoop")
        }
        Kind::Links => on("spark"),
        Kind::Uses => rule.conflicts.iter().any(|(axis, range)| meets(axis, range)),
        Kind::Maven => rule.requires.get("scala").is_some_and(|range| !meets("scala", range)),
        _ => false,
    }
}

/// A connector's jar for a Spark.
#[derive(Debug, Clone)]
pub struct Published {
    /// Name of the connector.
    pub connector: String,
    /// What it is.
    pub about: String,
    /// `group:artifact:version`; empty where there is none for this Spark.
    pub coordinate: String,
    /// Other versions for this Spark.
    pub others: Vec<String>,
    /// What must stand beside it.
    pub needs: Vec<String>,
    /// Whether a registry or a document that was read names the version.
    pub confirmed: bool,
    /// Settings that its documentation asks for.
    pub settings: Vec<String>,
    /// What else is worth knowing.
    pub note: Option<String>,
    /// Where it is known from.
    pub source: Vec<String>,
}

/// The connectors for a combination, of which Spark must be known: one, or all.
///
/// # Errors
/// What makes no sense in the question.
pub fn published(words: &[String], name: Option<&str>) -> Result<Vec<Published>, Vec<String>> {
    let all = &facts().connectors;
    let named: Vec<&Connector> = all.iter().filter(|connector| name.is_none_or(|name| connector.id == name)).collect();
    let mut mistakes: Vec<String> =
        name.filter(|_| named.is_empty()).map(|name| no_connector(name, all)).into_iter().collect();
    let row = match question::read(words).and_then(|words| question::row(&words)) {
        Ok(row) if mistakes.is_empty() => row,
        Ok(_) => return Err(mistakes),
        Err(more) => {
            mistakes.splice(0..0, more);
            return Err(mistakes);
        }
    };
    if row.version("spark").is_none() {
        return Err(vec!["which Spark? `--spark 3.5.9`".to_owned()]);
    }
    let mut out = Vec::new();
    for connector in named {
        let found = coordinates(connector, &row);
        if found.is_empty() {
            out.push(Published { coordinate: String::new(), ..of_connector(connector) });
        }
        out.extend(found);
    }
    Ok(out)
}

fn no_connector(name: &str, all: &[Connector]) -> String {
    let known: Vec<&str> = all.iter().map(|connector| connector.id.as_str()).collect();
    let close = known.iter().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    let close = close.filter(|close| strsim::jaro_winkler(close, name) > 0.7);
    let hint = close.map_or(format!("there are {}", known.join(", ")), |close| format!("did you mean `{close}`?"));
    format!("no connector is called `{name}`; {hint}")
}

fn of_connector(connector: &Connector) -> Published {
    Published {
        connector: connector.id.clone(),
        about: connector.about.clone(),
        coordinate: String::new(),
        others: Vec::new(),
        needs: Vec::new(),
        confirmed: true,
        settings: connector.settings.clone(),
        note: None,
        source: connector.source.clone(),
    }
}

/// One entry an artifact, the best line first.
fn coordinates(connector: &Connector, row: &Row<'_>) -> Vec<Published> {
    let stack = question::stack_of(row);
    let mut out: Vec<Published> = Vec::new();
    for line in &connector.lines {
        let java = Some(stack.java.as_str()).filter(|java| !java.is_empty());
        if !line.suits(&stack.spark, Some(&stack.hadoop), java) {
            continue;
        }
        let Some(one) = coordinate(connector, line, &stack) else { continue };
        let artifact = |text: &str| text.rsplit_once(':').map(|(name, _)| name.to_owned());
        if let Some(known) = out.iter_mut().find(|known| artifact(&known.coordinate) == artifact(&one.coordinate)) {
            let version = one.coordinate.rsplit(':').next().unwrap_or_default().to_owned();
            known.others.extend(std::iter::once(version).chain(one.others));
        } else {
            out.push(one);
        }
    }
    out
}

fn coordinate(connector: &Connector, line: &ConnectorLine, stack: &Stack) -> Option<Published> {
    let artifact = artifact_of(line, stack)?;
    let mut versions = versions_of(line, stack);
    if versions.is_empty() {
        return None;
    }
    let version = versions.remove(0);
    let needs = line.needs.iter().filter_map(|need| expand(stack, &need.replace("{version}", &version)));
    Some(Published {
        coordinate: format!("{artifact}:{version}"),
        others: versions,
        needs: needs.collect(),
        confirmed: !line.unconfirmed,
        note: line.note.clone(),
        ..of_connector(connector)
    })
}

/// Something whose support ends.
#[derive(Debug, Clone)]
pub struct Ending {
    /// Axis: `Spark`, `Java`.
    pub what: &'static str,
    /// The line.
    pub version: String,
    /// Last day of support.
    pub date: String,
    /// Whether upstream has not named that day.
    pub estimated: bool,
    /// What comes after that day, where something does.
    pub after: Option<String>,
}

/// Everything whose end of support is known, by date.
#[must_use]
pub fn ends() -> Vec<Ending> {
    let spark = facts().lines.iter().map(|line| Ending {
        what: "Spark",
        version: line.name.clone(),
        date: line.ends.clone(),
        estimated: line.ends_estimated,
        after: None,
    });
    let suites = facts().suites.iter().map(|suite| Ending {
        what: "Debian",
        version: suite.codename.clone(),
        date: suite.ends.clone(),
        estimated: false,
        after: Some(format!("long-term support until {}", suite.lts_ends)),
    });
    let others = facts().ends.iter().map(|end| Ending {
        what: super::name::axis(&end.axis).unwrap_or("?"),
        version: end.version.clone(),
        date: end.date.clone(),
        estimated: false,
        after: None,
    });
    let mut all: Vec<Ending> = spark.chain(suites).chain(others).collect();
    all.sort_by(|a, b| {
        a.date.cmp(&b.date).then_with(|| a.what.cmp(b.what)).then_with(|| compare(&a.version, &b.version))
    });
    all
}
