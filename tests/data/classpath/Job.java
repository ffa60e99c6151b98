import org.apache.spark.sql.SparkSession;

/** Starts a session, counts in a task, and calls the static method that the arguments name, if any. */
public class Job {
    public static void main(String[] args) throws Throwable {
        SparkSession spark = SparkSession.builder().getOrCreate();
        long rows = spark.range(100).selectExpr("id * 2 AS twice").filter("twice > 10").count();
        if (args.length == 2) {
            try {
                Class.forName(args[0]).getMethod(args[1]).invoke(null);
            } catch (java.lang.reflect.InvocationTargetException thrown) {
                throw thrown.getCause();
            }
        }
        System.out.println("rows: " + rows);
        spark.stop();
    }
}
