//! Small XML files as trees of names and texts; attributes and namespaces are left out.

use quick_xml::Reader;
use quick_xml::events::Event;

/// The deepest nesting that is read.
const DEPTH: usize = 64;

/// An element.
#[derive(Debug, Default)]
pub(super) struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// The document's root; its name does not matter. `Err` says why it is no XML.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            let event = reader.read_event().map_err(|e| e.to_string())?;
            let depth = open.len();
            let last = open.last_mut().ok_or("it ends more than it begins")?;
            match event {
                Event::Start(start) if depth < DEPTH => {
                    open.push(Self { name: start.local_name().as_ref().to_owned(), ..Self::default() });
                }
                Event::Start(_) => return Err("it is nested too deeply".into()),
                Event::Empty(empty) => {
                    let name = empty.local_name().as_ref().to_owned();
                    last.children.push(Self { name, ..Self::default() });
                }
                Event::Text(text) => last.text.push_str(&text),
                Event::CData(text) => last.text.push_str(&text),
                Event::GeneralRef(name) => match (&*name, name.resolve_char_ref()) {
                    (_, Ok(Some(c))) => last.text.push(c),
                    ("amp", _) => last.text.push('&'),
                    ("lt", _) => last.text.push('<'),
                    ("gt", _) => last.text.push('>'),
                    ("quot", _) => last.text.push('"'),
                    ("apos", _) => last.text.push('\''),
                    (other, _) => return Err(format!("it uses the unknown entity {other}")),
                },
                Event::End(_) => {
                    let done = open.pop().unwrap_or_default();
                    open.last_mut().ok_or("it ends more than it begins")?.children.push(done);
                }
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
        if open.len() != 1 {
            return Err("an element is not closed".into());
        }
        open.pop().and_then(|document| document.children.into_iter().next()).ok_or_else(|| "it is empty".into())
    }

    /// The elements at a path below this one.
    pub(super) fn all<'a>(&'a self, path: &[&str]) -> Vec<&'a Element> {
        path.iter().fold(vec![self], |found, name| {
            found.into_iter().flat_map(|e| e.children.iter().filter(|child| child.name == *name)).collect()
        })
    }

    /// The trimmed text of the first child of that name; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.children.iter().find(|child| child.name == name).map_or("", |child| child.text.trim())
    }
}
