//! Call sites in words, read from the class file again: the few that a report shows.

use super::class::pool::tag;
use super::class::{ClassFile, Places, code, descriptor};
use super::facts::{MemberSymbol, NONE};
use super::findings::{Finding, FindingKind};
use super::id::{id, member};
use super::jar::Shelf;
use super::universe::Universe;

/// A name as source has it.
pub(super) fn dotted(name: &str) -> String {
    name.replace('/', ".")
}

/// A field type as source has it: `int`, `x.Y[]`.
fn type_name(descriptor: &[u8]) -> String {
    let dimensions = descriptor.iter().take_while(|b| **b == b'[').count();
    let base = match descriptor.get(dimensions..).unwrap_or_default() {
        b"B" => "byte".to_owned(),
        b"C" => "char".to_owned(),
        b"D" => "double".to_owned(),
        b"F" => "float".to_owned(),
        b"I" => "int".to_owned(),
        b"J" => "long".to_owned(),
        b"S" => "short".to_owned(),
        b"Z" => "boolean".to_owned(),
        b"V" => "void".to_owned(),
        name => {
            let name = name.strip_prefix(b"L").and_then(|name| name.strip_suffix(b";")).unwrap_or(name);
            dotted(&String::from_utf8_lossy(name))
        }
    };
    base + &"[]".repeat(dimensions)
}

/// A member as source has it, its type before it: `int a.B.size(x.Y[])`, `long a.B.total`.
pub(super) fn member_name(owner: &str, name: &[u8], of_type: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    match descriptor::method(of_type) {
        None => format!("{} {owner}.{name}", type_name(of_type)),
        Some((parameters, returned)) => {
            let list = parameters.map(type_name).collect::<Vec<_>>().join(", ");
            if name == "<init>" {
                format!("new {owner}({list})")
            } else {
                format!("{} {owner}.{name}({list})", type_name(returned))
            }
        }
    }
}

/// The parameters of a method's descriptor as source has them, without blanks; none for a field.
pub(super) fn parameters(of_type: &[u8]) -> Option<String> {
    let (parameters, _) = descriptor::method(of_type)?;
    Some(parameters.map(type_name).collect::<Vec<_>>().join(","))
}

/// Where a finding is and what it names: `x.Y.run`, `int a.B.size()`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Site {
    /// The class, with the method where an instruction is to blame.
    pub(super) from: String,
    /// The class or member that is named.
    pub(super) to: String,
}

/// The site of a finding.
pub(super) fn site(universe: &Universe<'_>, finding: &Finding, shelf: &mut Shelf<'_>) -> Site {
    let own = dotted(&universe.name(finding.source));
    let target = dotted(&finding.target_name(universe));
    let plain = Site { from: own.clone(), to: target.clone() };
    let Some((segment, _)) = universe.class(finding.source) else { return plain };
    if matches!(finding.kind, FindingKind::NotImplemented | FindingKind::NotPublic) {
        return Site { from: own, to: owed(universe, finding, shelf) };
    }
    if matches!(finding.kind, FindingKind::Load(_) | FindingKind::Verify | FindingKind::VerifyTypes) {
        return plain;
    }
    let Some(bytes) = shelf.class(universe, finding.source) else { return plain };
    let Ok(class) = ClassFile::parse(&bytes, Places::default()) else { return plain };
    let wanted = usize::try_from(finding.member).ok().and_then(|at| segment.facts.members.get(at));
    let owner = finding.target_name(universe);
    let Some((index, to)) = constant(&class, wanted.filter(|_| finding.member != NONE), &owner) else { return plain };
    let to = if to.is_empty() { target } else { to };
    match user(&class, index) {
        Some(method) => Site { from: format!("{own}.{method}"), to },
        None => Site { from: own, to },
    }
}

/// The method that a class owes.
fn owed(universe: &Universe<'_>, finding: &Finding, shelf: &mut Shelf<'_>) -> String {
    let owner = dotted(&universe.name(finding.found));
    let mut named = || {
        let bytes = shelf.class(universe, finding.found)?;
        let class = ClassFile::parse(&bytes, Places::default()).ok()?;
        class.methods.iter().find_map(|method| {
            let (name, of) = (class.pool.utf8(method.name)?, class.pool.utf8(method.descriptor)?);
            (member(id(name), id(of)) == finding.id).then(|| member_name(&owner, name, of))
        })
    };
    named().unwrap_or_else(|| format!("method that {owner} asks for"))
}

/// Index of the constant that a finding is about, and its name where it is a member.
fn constant(class: &ClassFile<'_>, wanted: Option<&MemberSymbol>, owner: &str) -> Option<(u16, String)> {
    let pool = &class.pool;
    for index in 1..pool.count() {
        match wanted {
            None if pool.tag(index) == tag::CLASS => {
                let name = pool.class_name(index).and_then(descriptor::element);
                if name == Some(owner.as_bytes()) {
                    return Some((index, String::new()));
                }
            }
            Some(wanted) => {
                let Some((class, name, of_type)) = pool.member(index) else { continue };
                let (name, of_type) = (pool.utf8(name)?, pool.utf8(of_type)?);
                let named = pool.class_name(class).and_then(descriptor::element).unwrap_or_default();
                if member(id(name), id(of_type)) == wanted.id
                    && (named == owner.as_bytes() || owner == "java/lang/Object")
                {
                    return Some((index, member_name(&dotted(owner), name, of_type)));
                }
            }
            None => {}
        }
    }
    None
}

/// The first method with an instruction for the constant, or for a member of the class that it is.
pub(super) fn user(class: &ClassFile<'_>, index: u16) -> Option<String> {
    let is_it = |operand: u16| operand == index || class.pool.member(operand).is_some_and(|(owner, ..)| owner == index);
    for method in &class.methods {
        let Some(body) = &method.code else { continue };
        let names = |(at, opcode): (usize, u8)| {
            matches!(opcode, 0x13 | 0xb2..=0xc1 | 0xc5) && code::operand(body.bytes, at).is_some_and(is_it)
                || opcode == 0x12 && body.bytes.get(at + 1).copied().map(u16::from).is_some_and(is_it)
        };
        if body.instructions().any(names) || body.handlers().any(|handler| handler.catches == index) {
            let name = class.pool.utf8(method.name).unwrap_or_default();
            return Some(String::from_utf8_lossy(name).into_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_in_words() {
        assert_eq!(member_name("a.B", b"size", b"(I[[Lx/Y;)J"), "long a.B.size(int, x.Y[][])");
        assert_eq!(member_name("a.B", b"<init>", b"()V"), "new a.B()");
        assert_eq!(member_name("a.B", b"total", b"[Z"), "boolean[] a.B.total");
    }
}
