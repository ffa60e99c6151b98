//! Libraries that start Spark themselves.

use super::{PROFILE, found, said, shown};

#[test]
fn sessions_of_libraries() {
    insta::assert_snapshot!(said("from delta import configure_spark_with_delta_pip
from pyspark.sql import SparkSession
builder = SparkSession.builder.appName('x').master('local[2]')
spark = configure_spark_with_delta_pip(builder).getOrCreate()
spark.read.format('delta').load('/data')
"), @"error[downloads-at-start] :4 configure_spark_with_delta_pip -- `configure_spark_with_delta_pip` sets spark.jars.packages: Delta's jars are downloaded whenever Spark starts => bake the jar with `[maven] jars` (`sparkbake matrix connectors` names it) and Delta's two settings with `[spark.conf]`, and call `builder.getOrCreate()` alone");
    insta::assert_snapshot!(said("import sparknlp\nspark = sparknlp.start()\n"), @"error[downloads-at-start] :2 sparknlp.start -- `start` starts Spark with a heap of 16G, local[*], results without a limit, and jars that are downloaded => bake spark-nlp with `[maven] jars` and the serializer with `[spark.conf]`, and take the session with `SparkSession.builder.getOrCreate()`; sparknlp works with whichever session is there");
    insta::assert_snapshot!(said("from synapse.ml.core.init_spark import init_spark\nspark = init_spark()\n"), @"error[downloads-at-start] :2 init_spark -- `init_spark` starts Spark with local[*] and downloads SynapseML and spark-avro 3.4.1, for Scala 2.12, whatever the image has => bake synapseml with `[maven] jars`, and take the session with `SparkSession.builder.getOrCreate()`");
    insta::assert_snapshot!(said("import mlflow.pyfunc\nmodel = mlflow.pyfunc.load_model('/app/model')\n"), @"warning[library-starts-spark] :2 mlflow.pyfunc.load_model -- `load_model` starts Spark with local[1] and other Java options if the model is one of Spark's and no session is there => make the session first, with `SparkSession.builder.getOrCreate()`: mlflow takes the one that is active");
    // A session is there, and mlflow takes it.
    insta::assert_snapshot!(said("import mlflow
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
model = mlflow.pyfunc.load_model('/app/model')
"), @"");
}

#[test]
fn whole_results_are_a_hint_for_those_who_ask() {
    let code = "def run(spark, df):
    a = df.toPandas()
    b = df.filter('x > 1').collect()
    c = df.groupBy('x').count().collect()
    d = df.limit(10).toPandas()
    small = df.agg({'x': 'max'})
    e = small.collect()
    import gc
    gc.collect()
";
    insta::assert_snapshot!(said(code), @"");
    let profile = format!("{PROFILE}\n[lints]\ncollects-to-driver = \"warn\"\n");
    insta::assert_snapshot!(shown(&found(&profile, "3.11", &[("app/main.py", code)])), @"
    warning[collects-to-driver] :2 toPandas -- `toPandas` brings the whole result to Python => `limit` or an aggregate before it, or write the result; `[memory] driver-mib` leaves room for what Python holds
    warning[collects-to-driver] :3 collect -- `collect` brings the whole result to Python => `limit` or an aggregate before it, or write the result; `[memory] driver-mib` leaves room for what Python holds
    ");
}
