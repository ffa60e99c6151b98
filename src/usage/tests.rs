use serde_json::json;

use super::*;
use crate::memory::tests::{located, profile, stack};

/// A round as the sampler prints it: two processes share nothing, each maps 1 MB of files, and Java's heap has an
/// archive of classes in it.
fn round(group: &str) -> String {
    let process = |pid: u32, parent: u32, name: &str, words: &str, pss: u64| {
        format!(
            "==> /proc/{pid}/stat <==\n{pid} ({name}) S {parent} {pid} 1 0 -1\n\n\
             ==> /proc/{pid}/cmdline <==\n{}\0\n\
             ==> /proc/{pid}/smaps_rollup <==\n00400000-7ff0 ---p 00000000 00:00 0 [rollup]\nRss: 9 kB\nPss: {} kB\nPss_File: 1000 kB\n\n",
            words.replace(' ', "\0"),
            pss + 1000
        )
    };
    let spark = "/usr/bin/java -cp x -Xmx1g -Xmx600m org.apache.spark.deploy.SparkSubmit pyspark-shell";
    [
        process(1, 0, "tini", "/usr/bin/tini -- /e", 300),
        process(7, 1, "python3", "python3 /job/a b.py", 200_000),
        process(8, 7, "java", spark, 400_000),
        process(9, 8, "python3 x) y", "/usr/bin/python3 -m pyspark.daemon", 30_000),
        process(10, 9, "python3", "/usr/bin/python3 -m pyspark.daemon", 50_000),
        process(11, 9, "python3", "/usr/bin/python3 -m pyspark.daemon", 70_000),
        // It has ended, and nobody has asked for its status yet.
        "==> /proc/12/stat <==\n12 (java) Z 7 12 1 0 -1\n\n==> /proc/12/cmdline <==\n\n".to_owned(),
        "==> /proc/8/smaps <==\n\
         c0000000-c8000000 rw-p 00000000 00:00 0 \nSize: 131072 kB\nRss: 100000 kB\nAnonymous: 100000 kB\n\
         c8000000-e5700000 ---p 00000000 00:00 0 \nRss: 0 kB\n\
         e5700000-e5800000 rw-p 00c77000 00:27 99 /usr/lib/classes.jsa\nRss: 900 kB\nAnonymous: 500 kB\n\
         800000000-800100000 rw-p 00000000 00:00 0 \nRss: 700 kB\nAnonymous: 700 kB\n\
         5654-5655 r-xp 00001000 00:27 99 /usr/bin/java\nRss: 4 kB\n\n"
            .to_owned(),
        group.to_owned(),
        "\n==> end <==\n".to_owned(),
    ]
    .concat()
}

fn read(text: &str) -> Vec<Sample> {
    let mut reader = Reader::default();
    text.lines().filter_map(|line| reader.line(line.as_bytes())).collect()
}

const ONE: &str = "==> /sys/fs/cgroup/memory/memory.usage_in_bytes <==\n720000000\n\n\
    ==> /sys/fs/cgroup/memory/memory.stat <==\ncache 1\ntotal_cache 20480000\ntotal_shmem 10240000\n";
const TWO: &str = "==> /sys/fs/cgroup/memory.current <==\n720000000\n\n\
    ==> /sys/fs/cgroup/memory.stat <==\nanon 3\nfile 20480000\nshmem 10240000\n";

#[test]
fn a_round_is_told_apart_into_parts() {
    for (group, used) in [(ONE, Some(693_125)), (TWO, Some(693_125)), ("", None)] {
        let [sample] = &read(&round(group))[..] else { panic!("one round is one sample") };
        let parts = [
            (Measured::Heap, 100_500),
            (Measured::Jvm, 299_500),
            (Measured::Driver, 200_000),
            (Measured::Daemons, 30_000),
            (Measured::Workers, 120_000),
            (Measured::Other, 300),
            (Measured::Mapped, 6000),
        ];
        assert_eq!(sample.parts, parts.into());
        assert_eq!(sample.workers, [50_000, 70_000]);
        assert_eq!(sample.used, used);
        assert_eq!(sample.cache, used.map(|_| 10_000));
    }
}

#[test]
fn a_heap_that_is_not_to_be_found_is_the_jvms() {
    let text = round("").replace("-Xmx600m", "-Xmx9g");
    let [sample] = &read(&text)[..] else { panic!("one round is one sample") };
    assert_eq!(sample.parts[&Measured::Heap], 0);
    assert_eq!(sample.parts[&Measured::Jvm], 400_000);
}

/// Lines that no kernel writes end nothing and count for nothing.
#[test]
fn nonsense_is_no_sample() {
    assert_eq!(read("hello\n==> /proc/1/stat <==\n1\n"), []);
    let odd = "==> /proc/1/stat <==\n1 (x) \n==> /proc/1/cmdline <==\n==> /proc/8/smaps <==\nffffffffffffffffff-1 x\n\
        9-1 rw-p\n==> end <==\n";
    assert_eq!(read(odd), [Sample::default()]);
}

fn planned() -> Planned {
    let term =
        |name: &str, part: &str, mib: u64| json!({ "name": name, "part": part, "mib": mib, "rule": "", "source": "" });
    serde_json::from_value(json!({
        "cpu-milli": 1000, "memory-milli-gb": 1500, "limit-bytes": 1_500_000_000_u64, "workers": 2, "heap-mib": 512,
        "terms": [
            term("platform", "platform", 72), term("python driver", "python", 140), term("application", "python", 10),
            term("python daemons", "python", 96), term("python workers", "python", 280), term("metaspace", "jvm", 320),
            term("heap", "heap", 512),
        ],
    }))
    .unwrap()
}

#[test]
fn peaks_stand_beside_the_plan() {
    let mut peaks = Peaks::default();
    for text in [round(ONE), round(ONE).replace("Pss: 51000 kB", "Pss: 181000 kB")] {
        for sample in read(&text) {
            peaks.add(&sample);
        }
    }
    assert_eq!((peaks.worker, peaks.workers, peaks.samples), (180_000, 2, 2));
    let report = Report::new(&planned(), &peaks, 1_500_000_000, 0);
    insta::assert_snapshot!(report.text(), @"
      MiB                  plan     peak     room
      heap                  512       99      413
      JVM beside it         320      293       27
      Python                526      471       55
        driver              150      196      -46
        daemons              96       30       66
        workers             280      245       35
      others                  -        1        -
      all at once          1430      677      753
      mapped files            -        6        -  which the kernel takes back
      page cache              -       10        -  which the kernel takes back
      plan █████████████████████████▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
      peak █████▓▓▓▓▓▓▓▓▓▓▓▓▓▓▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
    it fits: 677 of 1430 MiB at once, 753 never used
    ");
    let calibration = report.calibration.unwrap();
    assert_eq!((calibration.driver_mib, calibration.driver_peak_mib), (120, 196));
    assert_eq!((calibration.worker_mib, calibration.worker_peak_mib), (Some(70), 176));
}

#[test]
fn a_verdict_for_every_end() {
    let mut peaks = Peaks::default();
    let verdict = |peaks: &Peaks, exited: i32| Report::new(&planned(), peaks, 1_500_000_000, exited).verdict;
    assert_eq!(verdict(&peaks, 0), Verdict::Unmeasured);
    assert_eq!(Report::new(&planned(), &peaks, 1, 0).calibration, None);
    for sample in read(&round("")) {
        peaks.add(&sample);
    }
    assert_eq!(verdict(&peaks, 0), Verdict::Fits);
    assert_eq!(verdict(&peaks, 1), Verdict::Fits);
    assert_eq!(verdict(&peaks, 137), Verdict::Killed);
    peaks.parts.insert(Measured::Jvm, 321 * 1024);
    assert_eq!(verdict(&peaks, 0), Verdict::Exceeded { parts: vec!["JVM beside it"] });
    let said = |peaks: &Peaks| Report::new(&planned(), peaks, 1_500_000_000, 0).text();
    assert!(!said(&peaks).contains("--calibrate"), "nothing of the application's");
    // A part of Python may take what another leaves.
    peaks.parts.extend([(Measured::Jvm, 1), (Measured::Driver, 300 * 1024)]);
    assert_eq!(verdict(&peaks, 0), Verdict::Fits);
    peaks.parts.insert(Measured::Driver, 600 * 1024);
    assert!(said(&peaks).contains("Python took more than planned"), "{}", said(&peaks));
    assert!(said(&peaks).contains("--calibrate"));
}

/// The report asks for terms by name, and the plan could call them otherwise.
#[test]
fn the_plan_of_a_profile_has_the_terms_that_are_asked_for() {
    let profile = profile(crate::profile::MemoryRequest {
        driver_mib: Some(located(10, "memory.driver-mib")),
        ..crate::profile::MemoryRequest::default()
    });
    let plan = crate::memory::plan(&profile, &profile.target.size, &stack("3.5.9")).unwrap();
    let planned: Planned = serde_json::from_value(serde_json::to_value(plan).unwrap()).unwrap();
    let report = Report::new(&planned, &Peaks::default(), planned.limit_bytes, 0);
    for name in ["heap", "JVM beside it", "Python", "driver", "daemons", "workers"] {
        let row = report.rows.iter().find(|row| row.name == name).unwrap();
        assert!(row.plan_mib.is_some_and(|mib| mib > 0), "{name}");
    }
}
