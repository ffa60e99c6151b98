//! An [`Explanation`] on one screen.

use std::fmt;

use super::{Copy, Explanation, Member, Users};
use crate::problem::plural;

/// Entries of a list that are shown.
const SHOWN: usize = 3;
/// Members that are shown.
const MEMBERS: usize = 4;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.class)?;
        let from = self.from.as_ref().map_or_else(|| "nowhere".to_owned(), Copy::to_string);
        line(f, "from", &from)?;
        line(f, "because", &self.because)?;
        if let Some(via) = self.from.as_ref().map(|from| &from.via).filter(|via| !via.is_empty()) {
            line(f, "came by", via)?;
        }
        let copies =
            self.shadowed.iter().map(|copy| format!("{copy} ({})", if copy.same { "same" } else { "differs" }));
        list(f, "hides", copies, self.from.is_some())?;
        if !self.superclasses.is_empty() {
            line(f, "extends", &self.superclasses.join(", "))?;
        }
        match self.fate.state {
            "links" => line(f, "state", "loads and links")?,
            "loads" => line(f, "state", "loads, and does not link")?,
            "does-not-load" => line(f, "state", "does not load")?,
            _ => {}
        }
        list(f, "since", self.fate.chain.iter().cloned(), true)?;
        list(f, "fails", self.fails.iter().cloned(), true)?;
        line(f, "named by", &self.users.to_string())?;
        for member in self.members.iter().take(MEMBERS) {
            write!(f, "\n{member}")?;
        }
        if let Some(name) = self.member.as_ref().filter(|_| self.members.is_empty()) {
            return writeln!(f, "\n{}.{name}\n  no class above it has one, and no class names one", self.class);
        }
        match self.members.len().saturating_sub(MEMBERS) {
            0 => Ok(()),
            more => writeln!(f, "\n… and {more} more of that name; give the types of the parameters"),
        }
    }
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.jar, &self.module, self.place) {
            (Some(jar), _, Some(place)) => write!(f, "{jar}, jar {place}")?,
            (_, Some(module), _) => write!(f, "the module {module}")?,
            _ => write!(f, "a module that is not there")?,
        }
        match self.entry.as_ref().filter(|entry| entry.starts_with("META-INF/versions/")) {
            Some(entry) => write!(f, ", {entry}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(example) = &self.example else { return write!(f, "no class of a jar") };
        let mut jars: Vec<(&String, &usize)> = self.jars.iter().collect();
        jars.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let shown = jars.iter().take(SHOWN).map(|(jar, count)| format!("{jar} ({count})"));
        let shown = shown.collect::<Vec<_>>().join(", ");
        let more = match jars.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(", {}", plural(more, "more jar", "more jars")),
        };
        write!(f, "{}: {shown}{more}; such as {example}", plural(self.classes, "class", "classes"))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        let steps = self.steps.iter().map(|step| match &step.declares {
            Some(flags) => format!("{} has it ({flags})", step.class),
            None => format!("not in {}", step.class),
        });
        let steps: Vec<String> = steps.collect();
        let (first, last) = match steps.as_slice() {
            [head @ .., last] if head.len() > SHOWN => {
                (head.get(..SHOWN).unwrap_or_default(), Some((head.len() - SHOWN, last)))
            }
            all => (all, None),
        };
        list(f, self.rule, first.iter().cloned(), true)?;
        if let Some((passed, last)) = last {
            line(f, "", &format!("… {}", plural(passed, "class more", "classes more")))?;
            line(f, "", last)?;
        }
        line(f, if self.found { "found" } else { "fails" }, &self.outcome)?;
        line(f, "named by", &self.users.to_string())
    }
}

fn line(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    writeln!(f, "  {label:<13} {text}")
}

/// The first entries of a list below each other, and how many there are beyond; nothing where it is empty.
fn list(
    f: &mut fmt::Formatter<'_>,
    label: &str,
    entries: impl ExactSizeIterator<Item = String>,
    wanted: bool,
) -> fmt::Result {
    let beyond = entries.len().saturating_sub(SHOWN);
    for (at, entry) in entries.take(SHOWN).enumerate().filter(|_| wanted) {
        line(f, if at == 0 { label } else { "" }, &entry)?;
    }
    if beyond > 0 && wanted { line(f, "", &format!("… and {beyond} more")) } else { Ok(()) }
}
