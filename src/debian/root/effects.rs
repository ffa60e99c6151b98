//! What maintainer scripts leave behind, read from `effects.toml`.

use serde::Deserialize;

use super::merge::Tree;
use super::{Request, path};
use crate::error::Error;
use crate::tree::{Entry, Kind, Source};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Effects {
    effect: Vec<Effect>,
}

/// What one package's scripts leave. `{java}` stands for Java's feature release.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Effect {
    package: String,
    #[expect(dead_code, reason = "for whoever reads the data")]
    why: String,
    #[serde(default)]
    directories: Vec<Directory>,
    #[serde(default)]
    files: Vec<File>,
    #[serde(default)]
    links: Vec<Link>,
    #[serde(default)]
    copies: Vec<Copy>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Directory {
    path: String,
    mode: String,
    #[serde(default)]
    gid: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: String,
    mode: String,
    #[serde(default)]
    gid: u32,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    path: String,
    to: String,
}

/// A shipped file put in its place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Copy {
    from: String,
    to: String,
}

/// Does what the scripts of the packages that are there would have done. What a package shipped
/// itself is never replaced, except a directory that becomes a link.
pub(super) fn apply(request: &Request<'_>, tree: &mut Tree) -> Result<(), Error> {
    let bad = |reason: String| Error::archive("effects.toml", reason);
    let effects: Effects = toml::from_str(include_str!("effects.toml")).map_err(|error| bad(error.to_string()))?;
    let fill = |text: &str| text.replace("{java}", request.java);
    let octal = |mode: &str| u32::from_str_radix(mode, 8).map_err(|_| bad(format!("`{mode}` is no mode")));
    for effect in effects.effect {
        if !tree.has_package(&fill(&effect.package)) {
            continue;
        }
        for Directory { path: at, mode, gid } in effect.directories {
            let entry = Entry::directory(path(&fill(&at))?, octal(&mode)?).owned_by(0, gid);
            if tree.get(&entry.path).is_none() {
                tree.put("", entry);
            }
        }
        for File { path: at, mode, gid, text } in effect.files {
            let entry =
                Entry::file(path(&fill(&at))?, octal(&mode)?, Source::Bytes(text.into_bytes())).owned_by(0, gid);
            if tree.get(&entry.path).is_none() {
                tree.put("", entry);
            }
        }
        for Copy { from, to } in effect.copies {
            let (from, to) = (path(&from)?, path(&to)?);
            match tree.get(&from).cloned() {
                Some(Entry { mode, kind: Kind::File(source), .. }) if tree.get(&to).is_none() => {
                    tree.put("", Entry::file(to, mode, source));
                }
                Some(_) => {}
                None => return Err(bad(format!("{} does not bring {from}", effect.package))),
            }
        }
        for Link { path: at, to } in effect.links {
            let at = path(&fill(&at))?;
            if tree.get(&at).is_none_or(|there| there.kind == Kind::Directory) {
                tree.put("", Entry::symlink(at, fill(&to)));
            }
        }
    }
    Ok(())
}
