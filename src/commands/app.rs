//! The app's code, held against the image that it will run in.

use std::collections::BTreeMap;

use crate::app::{self, Image};
use crate::artifact::Artifact;
use crate::classpath::{self, Role};
use crate::error::{Error, Failure};
use crate::lock::{Lock, LockedBase};
use crate::matrix::Stack;
use crate::memory;
use crate::outside::ReadAt;
use crate::plan;
use crate::problem::Problem;
use crate::project::{self, OwnFiles};
use crate::spark;
use crate::threads;
use crate::tree::{Entry, Kind};

use super::gather::{self, Gathered, key};
use super::{Request, World};

/// Number of the form in which an image's holdings are kept.
const RULES: u32 = 1;

/// What is wrong with the app's code; `image` is what else lies in the image, if that is known.
pub(super) fn problems(
    request: &Request,
    stack: &Stack,
    base: Option<&LockedBase>,
    image: Option<&Image>,
) -> Result<Vec<Problem>, Failure> {
    let profile = &request.profile;
    let code = project::code(&request.project, profile)?;
    let sizes = std::iter::once(&profile.target.size).chain(profile.target.sizes.values());
    // A size without a plan is told of where it is planned.
    let plans: Vec<_> = sizes.filter_map(|size| memory::plan(profile, size, stack).ok()).collect();
    let own = || profile.app.env.iter().map(|(key, value)| (key.clone(), value.value.clone())).collect();
    let environment: BTreeMap<String, String> =
        plans.first().map_or_else(own, |plan| spark::environment(profile, stack, plan, base));
    let mut problems = code.problems;
    problems.extend(app::check(&app::Request {
        profile,
        stack,
        files: &code.files,
        copied: &code.copied,
        image,
        plans: &plans,
        environment: &environment,
    }));
    Ok(problems)
}

/// What the image of a lock holds: as it was kept, or from files that are at hand; nothing is fetched.
pub(super) fn image(
    request: &Request,
    lock: &Lock,
    own: &OwnFiles,
    gathered: Option<&Gathered>,
    world: &World,
) -> Result<Option<Image>, Failure> {
    // What a base holds beside Java and Python is not kept.
    if lock.base.is_some() {
        return Ok(None);
    }
    let artifact = |artifact: &Artifact| format!("{} {}", artifact.coordinate, artifact.sha256);
    let own_digests = own.digests().into_iter().map(|(path, digest)| format!("{path} {digest}"));
    let parts = [RULES.to_string(), lock.stack.python.clone()].into_iter();
    let key = key(parts.chain(lock.artifacts.iter().map(artifact)).chain(own_digests));
    let kept = world.store.bytes("holdings", &key)?.and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(image) = kept.and_then(|text| Image::from_text(&text)) {
        return Ok(Some(image));
    }
    let image = match gathered {
        Some(gathered) => of_gathered(gathered, world)?,
        None if gather::at_hand(lock, world) => of_gathered(&gather::of_lock(request, lock, own, world)?, world)?,
        None => return Ok(None),
    };
    world.store.put_bytes("holdings", &key, image.to_text().as_bytes())?;
    Ok(Some(image))
}

fn of_gathered(gathered: &Gathered, world: &World) -> Result<Image, Error> {
    let contents = &gathered.contents;
    let (shipped, added) = plan::jars(contents)?;
    let parts = [&contents.base, &contents.java, &contents.pyspark, &contents.python, &added];
    let entries = parts.into_iter().chain(&shipped).flatten();
    let mut files = Vec::new();
    let mut links = BTreeMap::new();
    for Entry { path, kind, .. } in entries {
        match kind {
            Kind::Directory => {}
            Kind::Symlink(target) => _ = links.insert(path.as_str().to_owned(), target.clone()),
            Kind::File(_) | Kind::Hardlink(_) => files.push(path.as_str().to_owned()),
        }
    }
    let jars: Vec<&dyn ReadAt> = gathered
        .class_path
        .iter()
        .filter(|jar| jar.role != Role::Removed)
        .map(|jar| jar.bytes.as_ref() as &dyn ReadAt)
        .collect();
    let classes = threads::all(&jars, world.threads, |jar| Ok(classpath::class_names(*jar)))?;
    Ok(Image::new(files, links, classes.into_iter().flatten().collect()))
}
