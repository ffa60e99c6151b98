//! Settings and variables.

use super::{PROFILE, found, said, said_of, shown};

/// `SparkSession.builder` with this chain, in the middle of an app.
fn builder(chain: &str) -> String {
    said(&format!(
        "from pyspark.sql import SparkSession\nspark = SparkSession.builder.appName('x'){chain}.getOrCreate()\n"
    ))
}

#[test]
fn the_heap_and_the_master_are_the_plans() {
    insta::assert_snapshot!(builder(".config('spark.driver.memory', '8g')"), @"error[setting-fights-the-plan] :2 '8g' -- `8g` is another heap than the plan's 2731 MiB => leave it out: a greater heap needs a greater `target.aci.memory-gb`");
    insta::assert_snapshot!(builder(".config(key='spark.driver.memory', value='8g')"), @"error[setting-fights-the-plan] :2 '8g' -- `8g` is another heap than the plan's 2731 MiB => leave it out: a greater heap needs a greater `target.aci.memory-gb`");
    insta::assert_snapshot!(builder(".config(map={'spark.driver.memory': '8g', 'spark.x': 1})"), @"error[setting-fights-the-plan] :2 '8g' -- `8g` is another heap than the plan's 2731 MiB => leave it out: a greater heap needs a greater `target.aci.memory-gb`");
    insta::assert_snapshot!(builder(".master('yarn')"), @"error[setting-fights-the-plan] :2 'yarn' -- `yarn` is another master than the plan's local[2] => leave it out");
    insta::assert_snapshot!(builder(".master('local[8]')"), @"error[setting-fights-the-plan] :2 'local[8]' -- `local[8]` is another master than the plan's local[2] => leave it out");
    insta::assert_snapshot!(builder(".master('local')"), @"error[setting-fights-the-plan] :2 'local' -- `local` is another master than the plan's local[2] => leave it out");
    insta::assert_snapshot!(builder(".config('spark.driver.extraJavaOptions', '-Xmx4g -XX:+UseG1GC')"), @"error[setting-breaks-the-start] :2 '-Xmx4g -XX:+UseG1GC' -- Spark refuses the heap `-Xmx4g` in Java options => use `[memory] heap-mib`");
    insta::assert_snapshot!(builder(".config('spark.driver.maxResultSize', '16g')"), @"error[setting-fights-the-plan] :2 '16g' -- results of up to `16g` do not fit into a heap of 2731 MiB => ask for less, or leave it out: 1092 MiB");
    insta::assert_snapshot!(builder(".config('spark.memory.offHeap.enabled', True)"), @"error[setting-breaks-the-start] :2 True -- off-heap memory is on, and its size is 0 => leave it out, or set `spark.memory.offHeap.size` and pin the heap");
    // What the plan says too, or nothing against.
    insta::assert_snapshot!(builder(".master('local[2]')"), @"");
    insta::assert_snapshot!(builder(".master('local[*]')"), @"");
    insta::assert_snapshot!(builder(".config('spark.sql.shuffle.partitions', 8).config('spark.ui.enabled', False)"), @"");
}

#[test]
fn a_conf_says_what_the_builder_would() {
    insta::assert_snapshot!(said("from pyspark import SparkConf, SparkContext
conf = SparkConf().setAppName('x').setMaster('local[4]')
conf.set('spark.executor.memory', '2g')
conf.setAll([('spark.driver.memory', '2g'), ('spark.executor.cores', 4)])
sc = SparkContext(conf=conf)
"), @"
    error[setting-fights-the-plan] :2 'local[4]' -- `local[4]` is another master than the plan's local[2] => leave it out
    warning[setting-without-effect] :3 '2g' -- `spark.executor.memory` has no effect in this image => leave it out
    error[setting-fights-the-plan] :4 '2g' -- `2g` is another heap than the plan's 2731 MiB => pin the heap where it is checked: `[memory] heap-mib = 2048`
    warning[setting-without-effect] :4 4 -- `spark.executor.cores` has no effect in this image => leave it out
    ");
    insta::assert_snapshot!(said("from pyspark import SparkContext
sc = SparkContext('spark://head:7077', 'x')
"), @"error[setting-fights-the-plan] :2 'spark://head:7077' -- `spark://head:7077` is another master than the plan's local[2] => leave it out");
    insta::assert_snapshot!(said("from pyspark import SparkContext
sc = SparkContext(appName='x', master='local[2]')
"), @"");
}

#[test]
fn values_are_followed_to_their_literals() {
    insta::assert_snapshot!(said("from pyspark.sql import SparkSession
HEAP = 6
MEMORY = f'{HEAP}g'
KEY = 'spark.driver.' + 'memory'
spark = SparkSession.builder.config(KEY, MEMORY).getOrCreate()
"), @"error[setting-fights-the-plan] :5 MEMORY -- `6g` is another heap than the plan's 2731 MiB => leave it out: a greater heap needs a greater `target.aci.memory-gb`");
    insta::assert_snapshot!(said("from pyspark.sql import SparkSession
SETTINGS = {
    'spark.driver.memory': '%dg' % 6,
    'spark.sql.session.timeZone': 'UTC',
}
builder = SparkSession.builder.appName('x')
for key, value in SETTINGS.items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
"), @"error[setting-fights-the-plan] :3 '%dg' % 6 -- `6g` is another heap than the plan's 2731 MiB => leave it out: a greater heap needs a greater `target.aci.memory-gb`");
    insta::assert_snapshot!(said_of(&[
        ("app/main.py", "from pyspark.sql import SparkSession\nimport settings\nfrom settings import MASTER\nspark = SparkSession.builder.master(MASTER).config('spark.driver.memory', settings.MEMORY).getOrCreate()\n"),
        ("app/settings.py", "MASTER = 'local[{}]'.format(16)\nMEMORY = '12g'\n"),
    ]), @"
    error[setting-fights-the-plan] :4 MASTER -- `local[16]` is another master than the plan's local[2] => leave it out
    error[setting-fights-the-plan] :4 settings.MEMORY -- `12g` is another heap than the plan's 2731 MiB => leave it out: a greater heap needs a greater `target.aci.memory-gb`
    ");
    // Bound twice, by a loop, by a parameter, by a call: only a run would tell.
    insta::assert_snapshot!(said("import sys
from pyspark.sql import SparkSession
memory = '1g'
memory = sys.argv[1]
def session(heap='9g', master=None):
    return SparkSession.builder.master(master).config('spark.driver.memory', heap).config('spark.x', memory).getOrCreate()
for cores in (1, 2):
    SparkSession.builder.master(f'local[{cores}]')
session(sys.argv[2])
"), @"");
}

#[test]
fn what_only_a_run_decides_is_a_warning() {
    insta::assert_snapshot!(said("import os, sys
from pyspark.sql import SparkSession
builder = SparkSession.builder
if '--local' in sys.argv:
    builder = builder.master('local[8]')
builder = builder.config('spark.driver.memory', os.environ.get('HEAP', '8g'))
spark = builder.getOrCreate()
"), @"
    warning[setting-fights-the-plan] :5 'local[8]' -- `local[8]` is another master than the plan's local[2] => leave it out
    warning[setting-fights-the-plan] :6 os.environ.get('HEAP', '8g') -- `8g` is another heap than the plan's 2731 MiB => leave it out: a greater heap needs a greater `target.aci.memory-gb`
    ");
    // The image's own environment decides, and so does its system.
    let profile = format!("{PROFILE}env = {{ HEAP = \"9g\" }}\n");
    let code = "import os, sys
from pyspark.sql import SparkSession
if sys.platform == 'win32':
    os.environ['HADOOP_HOME'] = 'C:\\\\hadoop'
    SparkSession.builder.master('local[8]')
elif sys.version_info < (3, 8):
    SparkSession.builder.master('local[9]')
if __name__ == '__main__':
    spark = SparkSession.builder.config('spark.driver.memory', os.getenv('HEAP', '8g')).getOrCreate()
";
    insta::assert_snapshot!(shown(&found(&profile, "3.11", &[("app/main.py", code)])), @"error[setting-fights-the-plan] :9 os.getenv('HEAP', '8g') -- `9g` is another heap than the plan's 2731 MiB => leave it out: a greater heap needs a greater `target.aci.memory-gb`");
}

#[test]
fn a_session_that_runs_takes_less() {
    insta::assert_snapshot!(said("from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.conf.set('spark.driver.memory', '4g')
spark.conf.set('spark.master', 'local[4]')
conf = spark.conf
conf.set('spark.sql.extensions', 'a.B')
conf.set('spark.sql.shuffle.partitions', 4)
spark.conf.set('spark.hadoop.fs.s3a.connection.maximum', '10')
spark.conf.set('spark.scheduler.pool', 'a')
spark.conf.set('fs.azure.account.key', 'x')
"), @r#"
    error[setting-too-late] :3 'spark.driver.memory' -- a session that runs does not take `spark.driver.memory` => the heap is planned for the container: `[memory] heap-mib` pins another
    warning[setting-too-late] :4 'spark.master' -- `spark.master` changes nothing in a session that runs => leave it out: tasks follow `target.aci.cpu`
    error[setting-too-late] :6 'spark.sql.extensions' -- a session that runs does not take `spark.sql.extensions` => `[spark.conf] "spark.sql.extensions" = "a.B"` bakes it
    "#);
}

#[test]
fn a_conf_of_an_object_may_be_either() {
    insta::assert_snapshot!(said("from pyspark import SparkConf
from pyspark.sql import SparkSession
class Job:
    def __init__(self):
        self.conf = SparkConf()
        self.conf.set('spark.driver.maxResultSize', '8g')
        self.conf.set('spark.executor.memory', '2g')
        self.spark = SparkSession.builder.config(conf=self.conf).getOrCreate()
        self.spark.conf.set('spark.driver.maxResultSize', '1g')
ss = SparkSession.builder.getOrCreate()
ss.conf.set('spark.serializer', 'a.B')
"), @r#"
    warning[setting-fights-the-plan] :6 '8g' -- results of up to `8g` do not fit into a heap of 2731 MiB => ask for less, or leave it out: 1092 MiB
    warning[setting-without-effect] :7 '2g' -- `spark.executor.memory` has no effect in this image => leave it out
    error[setting-too-late] :9 'spark.driver.maxResultSize' -- a session that runs does not take `spark.driver.maxResultSize` => `[spark.conf] "spark.driver.maxResultSize" = "1g"` bakes it
    error[setting-too-late] :11 'spark.serializer' -- a session that runs does not take `spark.serializer` => `[spark.conf] "spark.serializer" = "a.B"` bakes it
    "#);
}

#[test]
fn clusters_are_elsewhere() {
    insta::assert_snapshot!(builder(".config('spark.executor.memory', '4g').config('spark.dynamicAllocation.enabled', 'true')"), @"
    warning[setting-without-effect] :2 '4g' -- `spark.executor.memory` has no effect in this image => leave it out
    warning[setting-without-effect] :2 'true' -- `spark.dynamicAllocation.enabled` has no effect in this image => leave it out
    ");
    insta::assert_snapshot!(builder(".config('spark.executor.memory', '256m')"), @"error[setting-breaks-the-start] :2 '256m' -- an executor memory of `256m` is below 450 MiB => leave it out");
    insta::assert_snapshot!(builder(".config('spark.kubernetes.container.image', 'x')"), @"warning[setting-without-effect] :2 'x' -- `spark.kubernetes.container.image` has no effect in this image => leave it out");
}

#[test]
fn jars_are_baked_and_not_downloaded() {
    insta::assert_snapshot!(builder(".config('spark.jars.packages', 'org.postgresql:postgresql:42.7.3,a.b:c:1')"), @r#"error[downloads-at-start] :2 'org.postgresql:postgresql:42.7.3,a.b:c:1' -- Spark downloads org.postgresql:postgresql:42.7.3,a.b:c:1 whenever it starts => `[maven] jars = ["org.postgresql:postgresql:42.7.3", "a.b:c:1"]` bakes what is needed; leave it out here"#);
    insta::assert_snapshot!(builder(".config('spark.jars.repositories', 'x')"), @"error[downloads-at-start] :2 'x' -- `spark.jars.repositories` is for jars that are downloaded whenever Spark starts => name the jars in `[maven] jars`, and leave it out");
    insta::assert_snapshot!(said("import os
os.environ['PYSPARK_SUBMIT_ARGS'] = '--packages io.delta:delta-spark_2.12:3.3.2 --driver-memory 8g pyspark-shell'
"), @r#"
    error[downloads-at-start] :2 '--packages io.delta:delta-spark_2.12:3.3.2 --driver-memory 8g pyspark-shell' -- Spark downloads io.delta:delta-spark_2.12:3.3.2 whenever it starts => `[maven] jars = ["io.delta:delta-spark_2.12:3.3.2"]` bakes what is needed; leave it out here
    error[setting-fights-the-plan] :2 '--packages io.delta:delta-spark_2.12:3.3.2 --driver-memory 8g pyspark-shell' -- `8g` is another heap than the plan's 2731 MiB => leave it out: a greater heap needs a greater `target.aci.memory-gb`
    "#);
}

#[test]
fn variables_of_the_image_stay() {
    insta::assert_snapshot!(said("import os
os.environ['JAVA_HOME'] = '/usr/lib/jvm/java-11'
os.environ['SPARK_HOME'] = '/opt/spark/'
os.environ.setdefault('SPARK_CONF_DIR', '/app/conf')
os.putenv('JAVA_TOOL_OPTIONS', '-Xmx2g')
os.environ.update({'SPARK_CONF_DIR': '/app/conf'}, SPARK_DRIVER_MEMORY='2g')
os.environ['PYSPARK_PYTHON'] = 'python3'
os.environ['PYSPARK_DRIVER_PYTHON'] = sys.executable
os.environ['PYSPARK_PYTHON'] = '/opt/conda/bin/python'
os.environ['MODEL'] = '/app/model'
"), @"
    error[environment-fights-the-image] :2 '/usr/lib/jvm/java-11' -- `JAVA_HOME` is the image's own => leave it out
    error[environment-fights-the-image] :5 '-Xmx2g' -- `JAVA_TOOL_OPTIONS` sets a heap for every Java program => leave it out: the heap is `[memory] heap-mib`
    error[environment-fights-the-image] :6 '/app/conf' -- `SPARK_CONF_DIR` is the image's own => leave it out
    error[environment-fights-the-image] :6 '2g' -- `SPARK_DRIVER_MEMORY` has no effect beside the baked heap => use `[memory] heap-mib`
    error[environment-fights-the-image] :9 '/opt/conda/bin/python' -- PYSPARK_PYTHON names /opt/conda/bin/python, which is not in the image => leave it out: the image sets it to /usr/bin/python3
    ");
    insta::assert_snapshot!(said("import os, sys
os.environ['PYSPARK_PYTHON'] = sys.executable
os.environ['PYSPARK_SUBMIT_ARGS'] = '--master local[2]'
"), @"error[environment-fights-the-image] :3 '--master local[2]' -- PYSPARK_SUBMIT_ARGS does not end with `pyspark-shell` => leave it out: what it says belongs into the profile");
}
