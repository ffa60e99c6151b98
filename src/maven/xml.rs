//! A small XML document as a tree of elements, the way Maven's files use XML.
//!
//! Absent on purpose: attributes, namespaces, document types and the entities they declare. A
//! reference to an entity other than XML's five stays as it is written.

use quick_xml::Reader;
use quick_xml::events::Event;

/// Largest document in bytes; the largest POM on Maven Central is far below it.
const MAX_BYTES: usize = 8 << 20;
/// Deepest nesting; POMs need about ten levels.
const MAX_DEPTH: usize = 64;
/// Most elements in a document.
const MAX_ELEMENTS: usize = 400_000;

/// An element with the text directly inside it.
#[derive(Debug, Default)]
pub(super) struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// The first child of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The children of the child `list`, whatever they are called.
    pub(super) fn list(&self, list: &str) -> &[Self] {
        self.child(list).map_or(&[], |list| &list.children)
    }

    /// The trimmed text of the child of that name, where it is there and not blank.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        self.child(name).map(|child| child.text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Its local name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its own text, trimmed.
    pub(super) fn text(&self) -> &str {
        self.text.trim()
    }
}

/// The root element of a document.
///
/// # Errors
/// Why the bytes are not a well-formed document within the bounds.
pub(super) fn parse(bytes: &[u8], root: &str) -> Result<Element, String> {
    if bytes.len() > MAX_BYTES {
        return Err(format!("{} bytes are more than the {MAX_BYTES} that are read", bytes.len()));
    }
    // Anything that is not UTF-8 is read as ISO-8859-1: what matters in the file is ASCII.
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => std::borrow::Cow::Borrowed(text.trim_start_matches('\u{feff}')),
        Err(_) => bytes.iter().map(|&b| char::from(b)).collect::<String>().into(),
    };
    let document = tree(&text)?;
    match document.children.as_slice() {
        [only] if only.name == root => {}
        _ => return Err(format!("the root element is not `{root}`")),
    }
    document.children.into_iter().next().ok_or_else(|| "the document is empty".to_owned())
}

/// The document as the only child of a nameless element.
fn tree(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    let mut count = 0_usize;
    loop {
        let event = reader.read_event().map_err(|e| e.to_string())?;
        if let Event::Start(start) | Event::Empty(start) = &event {
            count += 1;
            if open.len() > MAX_DEPTH || count > MAX_ELEMENTS {
                return Err(format!("more than {MAX_DEPTH} levels or {MAX_ELEMENTS} elements"));
            }
            let name = start.local_name().as_ref().to_owned();
            open.push(Element { name, ..Element::default() });
        }
        match event {
            Event::End(_) | Event::Empty(_) => {
                let done = open.pop().ok_or("an element ends that did not begin")?;
                open.last_mut().ok_or("an element ends that did not begin")?.children.push(done);
            }
            Event::Text(text) => push(&mut open, &text),
            Event::CData(text) => push(&mut open, &text),
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(c)) => push(&mut open, c.encode_utf8(&mut [0; 4])),
                Ok(None) => push(&mut open, &entity(&reference)),
                Err(e) => return Err(e.to_string()),
            },
            Event::Eof => break,
            Event::Start(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(document), true) => Ok(document),
        _ => Err("the document ends within an element".to_owned()),
    }
}

fn push(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn entity(name: &str) -> String {
    match name {
        "lt" => "<".to_owned(),
        "gt" => ">".to_owned(),
        "amp" => "&".to_owned(),
        "quot" => "\"".to_owned(),
        "apos" => "'".to_owned(),
        other => format!("&{other};"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X25: documents that are small to write and large to read.
    #[test]
    fn bombs_end_at_a_bound() {
        let deep = format!("<a>{}", "<b>".repeat(100_000));
        assert!(parse(deep.as_bytes(), "a").unwrap_err().contains("levels"));
        let wide = format!("<a>{}</a>", "<b/>".repeat(1_000_000));
        assert!(parse(wide.as_bytes(), "a").unwrap_err().contains("elements"));
        let long = format!("<a>{}</a>", "x".repeat(9 << 20));
        assert!(parse(long.as_bytes(), "a").unwrap_err().contains("bytes are more than"));
        let attributes = " a='1'".repeat(1_000_000);
        assert_eq!(parse(format!("<a{attributes}>x</a>").as_bytes(), "a").unwrap().text(), "x");
        // An entity of a document type is not replaced, so it cannot grow.
        let laughs = "<!DOCTYPE a [<!ENTITY b 'bbb'><!ENTITY c '&b;&b;&b;&b;'>]><a>&c;&c;</a>";
        assert_eq!(parse(laughs.as_bytes(), "a").unwrap().text(), "&c;&c;");
    }
}
