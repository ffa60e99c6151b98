//! X33: `lock` and `build` killed at any moment, with registries that answer slowly and hold a whole small image. What is
//! there stays whole, and the next run finishes. `real killed::` does the same to a few runs of real size.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::faults::Faulty;
use crate::said;
use crate::whole::{layout_is_whole, store_is_whole};
use crate::world::{PROFILE, World, with_packages};

/// Kills of each command that hit it before its end.
const KILLS: usize = 100;
/// Runs side by side: they mostly wait for the registries.
const AT_ONCE: usize = 8;

/// A project and a store of its own, with the registries of all.
struct Place<'a> {
    world: &'a World,
    server: &'a Faulty,
    root: PathBuf,
}

impl Place<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.command(arguments);
        self.server.serve(&mut command);
        command.current_dir(self.root.join("project")).env("SPARKBAKE_CACHE_DIR", self.root.join("store"));
        command
    }

    fn put(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn lock(&self) -> Vec<u8> {
        fs::read(self.root.join("project/sparkbake.lock")).unwrap()
    }

    fn run(&self, arguments: &[&str]) {
        let ran = self.command(arguments).output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", said(&ran));
    }

    fn layout(&self) -> PathBuf {
        self.root.join("project/x")
    }
}

const BUILD: [&str; 3] = ["build", "-o", "oci:x"];

#[test]
fn x33_a_lock_and_a_build_that_are_killed_leave_the_old_or_the_new() {
    let profile = with_packages();
    let world = World::whole(&profile);
    let server = Faulty::slow(world.root());
    let keys = fs::read(world.root().join("project/keys.gpg")).unwrap();
    let given = AtomicUsize::new(0);
    let place = |profile: &str| {
        let root = world.root().join(format!("place-{}", given.fetch_add(1, Ordering::Relaxed)));
        let place = Place { world: &world, server: &server, root };
        place.put("project/sparkbake.toml", profile);
        place.put("project/keys.gpg", &keys);
        place
    };

    let before = place(PROFILE);
    before.run(&["build", "--cpu", "1", "--memory", "2", "-o", "oci:x"]);
    let (old_lock, old_image) = (before.lock(), layout_is_whole(&before.layout()));
    let after = place(&profile);
    let timed = |arguments: &[&str]| {
        let started = Instant::now();
        after.run(arguments);
        started.elapsed()
    };
    let (locked, built) = (timed(&["lock"]), timed(&BUILD));
    let (new_lock, new_image) = (after.lock(), layout_is_whole(&after.layout()));
    assert!(old_lock != new_lock && old_image != new_image);

    killed("lock", locked, &|random| {
        let place = place(&profile);
        place.put("project/sparkbake.lock", &old_lock);
        let hit = is_hit(&mut place.command(&["lock"]), random);
        assert!([&old_lock, &new_lock].contains(&&place.lock()), "half a lockfile");
        place.run(&["lock"]);
        assert_eq!(place.lock(), new_lock);
        store_is_whole(&place.root.join("store"));
        fs::remove_dir_all(place.root).unwrap();
        hit
    });
    killed("build", built, &|random| {
        let place = place(&profile);
        place.put("project/sparkbake.lock", &new_lock);
        crate::copied(&before.layout(), &place.layout());
        let hit = is_hit(&mut place.command(&BUILD), random);
        assert!([&old_image, &new_image].contains(&&layout_is_whole(&place.layout())), "another image");
        place.run(&BUILD);
        assert_eq!(layout_is_whole(&place.layout()), new_image);
        assert_eq!(place.lock(), new_lock);
        store_is_whole(&place.root.join("store"));
        fs::remove_dir_all(place.root).unwrap();
        hit
    });
}

/// Runs the command and kills it then; whether it was still there.
fn is_hit(command: &mut Command, then: Duration) -> bool {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(then);
    let hit = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    hit
}

/// Does `one` with random moments of a run that takes about so long, until enough have hit it.
fn killed(what: &str, whole: Duration, one: &(dyn Fn(Duration) -> bool + Sync)) {
    let seed = std::env::var("SPARKBAKE_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    eprintln!("kills of {what}: SPARKBAKE_TEST_SEED={seed}");
    let (random, hits) = (Mutex::new(StdRng::seed_from_u64(seed)), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while hits.load(Ordering::Relaxed) < KILLS {
                    let then = whole.mul_f64(random.lock().unwrap().gen_range(0.0..1.5));
                    hits.fetch_add(usize::from(one(then)), Ordering::Relaxed);
                }
            });
        }
    });
}
