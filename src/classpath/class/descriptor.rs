//! Descriptors (JVMS 4.3), read without making anything.

/// A field type, as a slice of its descriptor: `I`, `Lx/Y;`, `[[Lx/Y;`.
pub(in crate::classpath) type Type<'a> = &'a [u8];

/// The first field type and what follows it.
fn split(descriptor: &[u8]) -> Option<(Type<'_>, &[u8])> {
    let dimensions = descriptor.iter().take_while(|b| **b == b'[').count();
    let end = match descriptor.get(dimensions)? {
        b'B' | b'C' | b'D' | b'F' | b'I' | b'J' | b'S' | b'Z' => dimensions + 1,
        b'L' => dimensions + 1 + descriptor.get(dimensions..)?.iter().position(|b| *b == b';')?,
        _ => return None,
    };
    // JVMS 4.9.1: no more than 255 dimensions.
    if dimensions > 255 || end == dimensions + 2 && descriptor.get(dimensions)? == &b'L' {
        return None;
    }
    descriptor.split_at_checked(end)
}

/// The parameters of a method's descriptor.
pub(in crate::classpath) struct Parameters<'a>(&'a [u8]);

impl<'a> Iterator for Parameters<'a> {
    type Item = Type<'a>;

    fn next(&mut self) -> Option<Type<'a>> {
        let (parameter, rest) = split(self.0)?;
        self.0 = rest;
        Some(parameter)
    }
}

/// The parameters, and the return type (`V` for none) of a method's descriptor.
pub(in crate::classpath) fn method(descriptor: &[u8]) -> Option<(Parameters<'_>, Type<'_>)> {
    let inside = descriptor.strip_prefix(b"(")?;
    let close = inside.iter().rposition(|b| *b == b')')?;
    Some((Parameters(inside.get(..close)?), inside.get(close + 1..)?))
}

/// Whether it is a descriptor of a field or a method.
pub(in crate::classpath) fn is_valid(descriptor: &[u8]) -> bool {
    let is_type = |text| split(text).is_some_and(|(_, rest)| rest.is_empty());
    match method(descriptor) {
        None => is_type(descriptor),
        Some((mut parameters, returned)) => {
            while parameters.next().is_some() {}
            parameters.0.is_empty() && (returned == b"V" || is_type(returned))
        }
    }
}

/// The class names in a descriptor, in order.
pub(in crate::classpath) fn classes(descriptor: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = descriptor;
    std::iter::from_fn(move || {
        // An `L` begins a name wherever no name is open.
        let start = rest.iter().position(|b| *b == b'L')? + 1;
        let end = start + rest.get(start..)?.iter().position(|b| *b == b';')?;
        let name = rest.get(start..end)?;
        rest = rest.get(end + 1..)?;
        Some(name)
    })
}

/// The class that a `Class` constant stands on: itself, or what an array is made of; none for arrays of primitives.
pub(in crate::classpath) fn element(name: &[u8]) -> Option<&[u8]> {
    if name.first() == Some(&b'[') { classes(name).next() } else { Some(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors() {
        for (text, sound) in [
            ("I", true),
            ("[[Lx/Y;", true),
            ("(I[Lx/Y;J)V", true),
            ("()Lx/Y;", true),
            ("", false),
            ("L;", false),
            ("Lx/Y", false),
            ("V", false),
            ("(V)V", false),
            ("(I)", false),
            ("II", false),
        ] {
            assert_eq!(is_valid(text.as_bytes()), sound, "{text}");
        }
        let text = |names: &[&[u8]]| names.iter().map(|n| String::from_utf8_lossy(n).into_owned()).collect::<Vec<_>>();
        assert_eq!(text(&classes(b"(ILL;[Lx/L;J)La;").collect::<Vec<_>>()), ["L", "x/L", "a"]);
        let (parameters, returned) = method(b"(I[[Lx/Y;J)V").unwrap();
        assert_eq!(text(&parameters.collect::<Vec<_>>()), ["I", "[[Lx/Y;", "J"]);
        assert_eq!(returned, b"V");
    }
}
