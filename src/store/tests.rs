use std::thread;

use super::*;

const TEXT: &[u8] = b"The quick brown fox";

fn put(store: &Store, bytes: &[u8]) -> Digest {
    store.put(|out| out.write_all(bytes).map_err(Error::write("test"))).unwrap().0
}

fn all(from: &dyn ReadAt) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(from.size()).unwrap()];
    from.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn what_is_put_is_there_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("s"), 0).unwrap();
    let digest = put(&store, TEXT);
    assert_eq!(digest, Digest::of(TEXT));
    assert_eq!(all(&*store.open(&digest).unwrap()), TEXT);
    assert!(store.has(&digest, 19) && !store.has(&digest, 18));
    let failed = store.put(|out| {
        out.write_all(b"half").map_err(Error::write("test"))?;
        Err::<(), _>(Error::registry("test", "stop"))
    });
    assert!(failed.is_err() && !store.has(&Digest::of(b"half"), 4));
    assert_eq!(fs::read_dir(dir.path().join("s/tmp")).unwrap().count(), 0);
    assert_eq!(fs::metadata(dir.path().join("s")).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn a_damaged_blob_is_removed_and_a_link_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let digest = put(&Store::open(dir.path(), 0).unwrap(), TEXT);
    let store = Store::open(dir.path(), 0).unwrap();
    fs::write(store.path(&digest), b"The quick brown cat").unwrap();
    assert!(matches!(store.open(&digest).err(), Some(Error::Digest { .. })));
    assert!(!store.path(&digest).exists());
    let elsewhere = dir.path().join("elsewhere");
    fs::write(&elsewhere, TEXT).unwrap();
    std::os::unix::fs::symlink(&elsewhere, store.path(&digest)).unwrap();
    assert!(matches!(store.open(&digest).err(), Some(Error::Read { .. })));
    assert!(!store.intact(&digest, 19).unwrap());
}

#[test]
fn an_archive_is_unpacked_once_for_each_number_of_rules() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), 0).unwrap();
    let archive = put(&store, TEXT);
    let runs = Mutex::new(0);
    let unpack = |store: &Store, rules| {
        store.unpack(&archive, rules, |bytes, out| {
            *runs.lock().unwrap() += 1;
            out.write_all(&all(bytes)[..9]).map_err(Error::write("test"))?;
            Ok(vec!["quick".to_owned()])
        })
    };
    assert!(store.unpacked(&archive).is_err());
    assert_eq!(unpack(&store, 1).unwrap(), ["quick"]);
    let later = Store::open(dir.path(), 0).unwrap();
    assert_eq!(unpack(&later, 1).unwrap(), ["quick"]);
    assert_eq!(all(&*later.unpacked(&archive).unwrap()), b"The quick");
    assert_eq!(*runs.lock().unwrap(), 1);
    unpack(&later, 2).unwrap();
    // A damaged spool is made again.
    fs::write(store.path(&Digest::of(b"The quick")), b"The quack").unwrap();
    assert_eq!(unpack(&Store::open(dir.path(), 0).unwrap(), 1).unwrap(), ["quick"]);
    assert_eq!(*runs.lock().unwrap(), 3);
}

#[test]
fn a_partial_download_survives_its_process() {
    let dir = tempfile::tempdir().unwrap();
    let digest = Digest::of(TEXT);
    let mut partial = Store::open(dir.path(), 0).unwrap().partial(&digest, 19).unwrap();
    partial.append(&TEXT[..7]).unwrap();
    drop(partial);
    let store = Store::open(dir.path(), 0).unwrap();
    let mut partial = store.partial(&digest, 19).unwrap();
    assert_eq!(partial.position(), 7);
    partial.append(&TEXT[7..]).unwrap();
    store.complete(&partial, &digest, "test").unwrap();
    assert_eq!(all(&*store.open(&digest).unwrap()), TEXT);
    let mut partial = store.partial(&Digest::of(b"x"), 1).unwrap();
    partial.append(b"y").unwrap();
    assert!(matches!(store.complete(&partial, &Digest::of(b"x"), "test"), Err(Error::Digest { .. })));
    assert_eq!(store.partial(&Digest::of(b"x"), 1).unwrap().position(), 0);
}

#[test]
fn two_stores_over_one_directory_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Store::open(dir.path(), 0).unwrap();
    let digest = Digest::of(TEXT);
    let download = || {
        let store = open();
        let mut partial = store.partial(&digest, 19).unwrap();
        if !store.intact(&digest, 19).unwrap() {
            partial.append(TEXT).unwrap();
            store.complete(&partial, &digest, "test").unwrap();
        }
        assert_eq!(put(&store, b"other"), Digest::of(b"other"));
    };
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(download);
        }
    });
    assert!(open().intact(&digest, 19).unwrap() && open().intact(&Digest::of(b"other"), 5).unwrap());
}

#[test]
fn records_and_pages_read_back_and_damage_counts_as_missing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), 0).unwrap();
    let key = Digest::of(b"key");
    assert_eq!(store.record::<u32>("test", &key).unwrap(), None);
    store.put_record("test", &key, &7).unwrap();
    assert_eq!(store.record::<u32>("test", &key).unwrap(), Some(7));
    fs::write(dir.path().join(format!("records/test/{}.json", key.hex())), "{").unwrap();
    assert_eq!(store.record::<u32>("test", &key).unwrap(), None);

    let page = Kept {
        bytes: b"a\nb".to_vec(),
        media_type: Some("text/html".into()),
        url: "http://r.example/x".into(),
        validators: Validators { etag: Some("\"e\"".into()), last_modified: None },
    };
    store.put_page(&key, &page).unwrap();
    assert_eq!(store.page(&key).unwrap(), Some(page));
    let path = dir.path().join("pages").join(key.hex());
    let mut bytes = fs::read(&path).unwrap();
    bytes.pop();
    fs::write(&path, bytes).unwrap();
    assert_eq!(store.page(&key).unwrap(), None);
}

#[test]
fn stale_files_are_swept_and_fresh_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path(), 0).unwrap();
    let left = dir.path().join("tmp/left");
    fs::write(&left, "x").unwrap();
    let time = u64::try_from(fs::metadata(&left).unwrap().mtime()).unwrap();
    Store::open(dir.path(), time + 60).unwrap();
    assert!(left.exists());
    Store::open(dir.path(), time + STALE.as_secs() + 60).unwrap();
    assert!(!left.exists());
}

/// What a lock names stays, with what was made of it; everything else goes.
#[test]
fn pruning_keeps_what_is_locked_and_what_follows_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), 0).unwrap();
    let unpack = |archive: &Digest, contents: &[u8]| {
        store
            .unpack(archive, 1, |_, out| {
                out.write_all(contents).map_err(Error::write("test"))?;
                Ok(contents.len())
            })
            .unwrap();
        Digest::of(contents)
    };
    let (jar, other, layer) = (put(&store, b"a jar"), put(&store, b"another"), put(&store, b"a layer"));
    let (spool, other_spool) = (unpack(&jar, b"its files"), unpack(&other, b"other files"));
    let plan = Digest::of(b"a plan");
    store.put_record("layer", &plan, &layer).unwrap();
    store.put_record("layer", &other, &other).unwrap();
    store.put_bytes("facts", &jar, b"facts").unwrap();
    store.put_bytes("facts", &other, b"facts").unwrap();

    let freed = store.prune_but(&[jar, layer].into()).unwrap();
    assert!(freed > 0);
    let there = |digest: &Digest| fs::exists(store.path(digest)).unwrap();
    assert!(there(&jar) && there(&layer) && there(&spool));
    assert!(!there(&other) && !there(&other_spool));
    assert_eq!(store.record::<Digest>("layer", &plan).unwrap(), Some(layer));
    assert_eq!(store.record::<Digest>("layer", &other).unwrap(), None);
    assert!(store.bytes("facts", &jar).unwrap().is_some() && store.bytes("facts", &other).unwrap().is_none());
    assert_eq!(store.prune_but(&[jar, layer].into()).unwrap(), 0);
}
