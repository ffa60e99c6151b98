import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/** Compiles the cases below a directory: each has v1, v2, app and perhaps stub, a compilation unit a line. */
class Compile {
    static final Pattern NAME = Pattern.compile("(?:class|interface|enum|record) (\\w+)");
    static final JavaCompiler JAVAC = ToolProvider.getSystemJavaCompiler();

    public static void main(String[] args) throws Exception {
        try (Stream<Path> cases = Files.list(Path.of(args[0]))) {
            for (Path dir : (Iterable<Path>) cases.sorted()::iterator) {
                compile(dir, "v1", "", options(dir));
                compile(dir, "stub", "", options(dir));
                compile(dir, "v2", Files.exists(dir.resolve("stub")) ? "stub" : "", options(dir));
                compile(dir, "app", "v1", options(dir));
                jar(dir.resolve("v2"), dir.resolve("lib.jar"));
                jar(dir.resolve("app"), dir.resolve("app.jar"));
            }
        }
    }

    static List<String> options(Path dir) throws IOException {
        Path file = dir.resolve("options.txt");
        return Files.exists(file) ? List.of(Files.readString(file).trim().split(" +")) : List.of("-Xlint:-options");
    }

    static void compile(Path dir, String what, String against, List<String> more) throws IOException {
        Path out = dir.resolve(what);
        Path source = dir.resolve(what + ".txt");
        if (!Files.exists(source)) return;
        Files.createDirectories(out);
        List<JavaFileObject> units = new ArrayList<>();
        for (String line : Files.readAllLines(source)) {
            if (line.isBlank()) continue;
            Matcher name = NAME.matcher(line);
            if (!name.find()) throw new IllegalArgumentException(dir + ": " + line);
            String text = what.equals("app") || line.startsWith("package ") ? line : "package l; " + line;
            units.add(new SimpleJavaFileObject(URI.create("string:///" + name.group(1) + ".java"), JavaFileObject.Kind.SOURCE) {
                @Override public CharSequence getCharContent(boolean ignore) { return text; }
            });
        }
        if (units.isEmpty()) return;
        List<String> options = new ArrayList<>(List.of("-nowarn", "-proc:none", "-d", out.toString()));
        options.addAll(List.of("-cp", against.isEmpty() ? out.toString() : dir.resolve(against).toString()));
        options.addAll(more);
        if (!JAVAC.getTask(null, null, null, options, null, units).call()) throw new IllegalStateException(dir + " " + what);
    }

    static void jar(Path from, Path to) throws IOException {
        try (OutputStream file = Files.newOutputStream(to); JarOutputStream jar = new JarOutputStream(file)) {
            if (!Files.exists(from)) return;
            try (Stream<Path> files = Files.walk(from)) {
                for (Path path : (Iterable<Path>) files.filter(Files::isRegularFile).sorted()::iterator) {
                    jar.putNextEntry(new JarEntry(from.relativize(path).toString()));
                    Files.copy(path, jar);
                }
            }
        }
    }
}
