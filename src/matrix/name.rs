//! Names of components: what kind of thing a rule speaks about, and what a name matches.

/// The axes of the matrix in the order of questions, each as people write it.
pub(super) const AXES: [(&str, &str); 7] = [
    ("spark", "PySpark"),
    ("java", "Java"),
    ("python", "Python"),
    ("scala", "Scala"),
    ("hadoop", "Hadoop"),
    ("debian", "Debian"),
    ("arch", "architecture"),
];

/// What a component's name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An axis of the matrix, or `spark.minor`.
    Axis,
    /// A Python package under its normalised name.
    Python,
    /// `group:artifact`; in patterns `*` stands for any run of characters.
    Maven,
    /// `deb:package`.
    Debian,
    /// `uses:step`: a step that the app takes.
    Uses,
    /// `conf:spark.key`: a setting of Spark.
    Conf,
    /// `env:NAME`: a variable of the image.
    Env,
    /// `links:package`: a Java package that some jar of the class path needs.
    Links,
}

impl Kind {
    pub(super) fn of(component: &str) -> Self {
        match component.split_once(':').map(|(prefix, _)| prefix) {
            Some("deb") => Self::Debian,
            Some("uses") => Self::Uses,
            Some("conf") => Self::Conf,
            Some("env") => Self::Env,
            Some("links") => Self::Links,
            Some(_) => Self::Maven,
            None if axis(component).is_some() => Self::Axis,
            None => Self::Python,
        }
    }
}

/// An axis of the matrix as people write it.
pub(super) fn axis(component: &str) -> Option<&'static str> {
    let name = if component == "spark.minor" { "spark" } else { component };
    AXES.iter().find(|(axis, _)| *axis == name).map(|(_, shown)| *shown)
}

/// A component as people write it.
pub(super) fn shown(component: &str) -> &str {
    let rest = |prefix: &str| component.strip_prefix(prefix).unwrap_or(component);
    match Kind::of(component) {
        Kind::Axis => axis(component).unwrap_or(component),
        Kind::Python | Kind::Maven => component,
        Kind::Debian => rest("deb:"),
        Kind::Uses => rest("uses:"),
        Kind::Conf => rest("conf:"),
        Kind::Env => rest("env:"),
        Kind::Links => rest("links:"),
    }
}

/// Whether a text matches a pattern in which `*` stands for any run of characters.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|head| text.strip_prefix(head)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    true
}
