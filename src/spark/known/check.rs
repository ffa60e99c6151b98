//! A profile's settings against those that are known.

use crate::problem::Problem;
use crate::problem::codes::spark as codes;
use crate::profile::Located;

use super::super::conf::elsewhere;
use super::value::refusal;
use super::{Known, is_hadoop_key};

/// Every setting of `conf` that Spark does not know, or does not take.
#[must_use]
pub fn check(conf: &[(Located<String>, Located<String>)], known: &Known) -> Vec<Problem> {
    conf.iter().filter_map(|(key, value)| check_one(key, value, known)).collect()
}

fn check_one(key: &Located<String>, value: &Located<String>, known: &Known) -> Option<Problem> {
    let name = key.value.as_str();
    // What nobody reads is told of elsewhere, and its value does not matter.
    if elsewhere(name).is_some() {
        return None;
    }
    if let Some(removed) = known.removed.get(name) {
        let message = format!("`{name}` is gone since Spark {}", removed.version);
        let is_default = value.value.trim() == removed.default;
        let code = if is_default { codes::DEPRECATED_SETTING } else { codes::REMOVED_SETTING };
        let refused = format!("the session does not start with another value than `{}`", removed.default);
        let noted = Problem::new(code, message).at(&key.at, "set here").note(if is_default {
            "it does nothing any more".to_owned()
        } else {
            refused
        });
        return Some(said(noted, &removed.comment).help("leave it out"));
    }
    if let Some(entry) = known.entries.get(name)
        && let Some(reason) = refusal(&value.value, entry)
    {
        let problem =
            Problem::new(codes::BAD_VALUE, format!("`{name}` does not take this value: `{}` {reason}", value.value));
        let problem = problem.at(&value.at, "Spark refuses it");
        let default = entry.default.as_ref().map_or_else(
            || "leave it out".to_owned(),
            |default| format!("write another, or leave it out: the default is `{default}`"),
        );
        return Some(
            problem
                .note("read from the image's jars, which would refuse it when the session starts or first asks for it")
                .help(default),
        );
    }
    if let Some(deprecated) = known.deprecated.get(name) {
        let message = format!("`{name}` is deprecated since Spark {}", deprecated.version);
        let problem =
            said(Problem::new(codes::DEPRECATED_SETTING, message).at(&key.at, "set here"), &deprecated.comment);
        return Some(match &deprecated.instead {
            Some(instead) => problem.help(format!("write `{instead}`")),
            None => problem,
        });
    }
    unknown(key, known)
}

/// With Spark's own words, where there are any.
fn said(problem: Problem, comment: &str) -> Problem {
    let comment = comment.split_whitespace().collect::<Vec<_>>().join(" ");
    if comment.is_empty() { problem } else { problem.note(format!("Spark: \"{comment}\"")) }
}

fn unknown(key: &Located<String>, known: &Known) -> Option<Problem> {
    let name = key.value.as_str();
    let problem = |name: &str, whose: &str| {
        let problem = Problem::new(codes::UNKNOWN_SETTING, format!("no jar of the image knows `{name}`"));
        problem.at(&key.at, format!("unknown to {whose}"))
    };
    if let Some(below) = name.strip_prefix("spark.hadoop.") {
        // Any key may stand here, and Hadoop's connectors put names of accounts into theirs: only what is nearly
        // a key of one of the jars is worth a word.
        let is_known = known.texts.contains(below) || known.texts.contains(name) || known.is_below_text(below);
        // Spark has some of its own here, too.
        let own = known.texts.iter().filter_map(|text| text.strip_prefix("spark.hadoop."));
        let theirs = known.texts.iter().map(String::as_str).filter(|text| is_hadoop_key(text));
        let near = nearest(below, own.chain(theirs));
        let near = near.filter(|_| !is_known)?;
        return Some(problem(below, "Hadoop").help(format!("did you mean `spark.hadoop.{near}`?")));
    }
    if known.knows(name) {
        return None;
    }
    let near = if known.is_below_text(name) {
        // Anything may stand here; the neighbour's name with a slip is worth a word.
        let parent = |key: &str| key.rsplit_once('.').map(|(parent, _)| parent.to_owned());
        Some(known.nearest(name).filter(|near| parent(near) == parent(name))?)
    } else {
        known.nearest(name)
    };
    let problem = problem(name, "Spark").note("Spark ignores a setting that it does not know");
    Some(match near {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("if a library of yours reads it, allow it: `[lints] unknown-setting`"),
    })
}

/// Whether a key is as a pattern has it; a `*` stands for at least one character.
pub(super) fn fits(key: &str, pattern: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else { return key == pattern };
    let Some(key) = key.strip_prefix(begin) else { return false };
    key.char_indices()
        .skip(1)
        .map(|(at, _)| at)
        .chain([key.len()])
        .any(|at| at > 0 && key.get(at..).is_some_and(|below| fits(below, rest)))
}

impl Known {
    /// Whether this very key is known.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.entries.contains_key(name)
            || self.texts.contains(name)
            || self.patterns.iter().any(|pattern| fits(name, pattern))
            || self.is_of_a_resource(name)
            || self.is_of_a_transport(name)
    }

    /// The key of Spark's that a misspelt one may be.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let all = self.entries.keys().chain(&self.texts).map(String::as_str);
        nearest(name, all.filter(|text| text.starts_with("spark.")))
    }

    /// `spark.driver.resource.gpu.amount`: a component, `resource`, a name and a word (`ResourceUtils`).
    fn is_of_a_resource(&self, name: &str) -> bool {
        const WORDS: [&str; 4] = ["amount", "discoveryScript", "vendor", "addresses"];
        let parts: Vec<&str> = name.split('.').collect();
        matches!(parts.as_slice(), ["spark", component, "resource", _, word]
            if self.texts.contains(&format!("spark.{component}")) && WORDS.contains(word))
    }

    /// `spark.shuffle.io.mode`: a module and what all transports have (`TransportConf`).
    fn is_of_a_transport(&self, name: &str) -> bool {
        let name = name.strip_prefix("spark.").unwrap_or(name);
        // RPC is set for both roles, or for one (`SparkTransportConf.fromSparkConf`).
        let name = ["driver.", "executor."].iter().find_map(|role| name.strip_prefix(role)).unwrap_or(name);
        let below = name.split_once('.');
        below.is_some_and(|(_, below)| below.starts_with("io.") && self.texts.contains(below))
    }

    /// Whether some code puts keys together that begin as this one does: it names their beginning as a text,
    /// and that is none of the namespaces in which keys are declared.
    fn is_below_text(&self, name: &str) -> bool {
        const NAMESPACE: usize = 3;
        let is_open = |begin: &str| {
            let declared = self.entries.range(begin.to_owned()..).take_while(|(key, _)| key.starts_with(begin));
            let is_named =
                self.texts.contains(begin) || begin.strip_suffix('.').is_some_and(|begin| self.texts.contains(begin));
            is_named && declared.take(NAMESPACE).count() < NAMESPACE
        };
        name.match_indices('.').any(|(dot, _)| name.get(..=dot).is_some_and(is_open))
    }
}

/// The known key with the least edits, if they are few for its length.
fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 200;
    if key.len() > LONGEST {
        return None;
    }
    let most = (key.len() / 8).clamp(1, 4);
    known
        .filter(|other| other.len().abs_diff(key.len()) <= most && !other.ends_with('.'))
        .map(|other| (strsim::osa_distance(key, other), other))
        .filter(|(edits, _)| *edits <= most)
        .min()
        .map(|(_, other)| other)
}
