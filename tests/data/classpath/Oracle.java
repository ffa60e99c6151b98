import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import jdk.test.whitebox.WhiteBox;

/** Loads and links every class that a file names; writes those that fail, with how far they came. */
class Oracle {
    public static void main(String[] args) throws Exception {
        ClassLoader loader = Oracle.class.getClassLoader();
        WhiteBox box = new WhiteBox();
        try (PrintStream out = new PrintStream(Files.newOutputStream(Path.of(args[1])))) {
            for (String name : Files.readAllLines(Path.of(args[0]))) {
                Class<?> type;
                try {
                    type = Class.forName(name, false, loader);
                } catch (Throwable refused) {
                    out.println("load " + name + " " + refused.getClass().getSimpleName());
                    continue;
                }
                if (type.getClassLoader() != loader) continue;
                try {
                    box.linkClass(type);
                } catch (Throwable refused) {
                    out.println("link " + name + " " + refused.getClass().getSimpleName());
                }
            }
        }
    }
}
