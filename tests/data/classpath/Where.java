import java.net.URL;

/** Says where each class comes from: jar and entry, or module, or nowhere. */
class Where {
    public static void main(String[] names) throws Exception {
        ClassLoader loader = Where.class.getClassLoader();
        for (String name : names) {
            Class<?> type;
            try {
                type = Class.forName(name, false, loader);
            } catch (Throwable refused) {
                System.out.println(name + " nowhere");
                continue;
            }
            if (type.getModule().isNamed()) {
                System.out.println(name + " " + type.getModule().getName());
                continue;
            }
            String source = type.getProtectionDomain().getCodeSource().getLocation().getPath();
            URL entry = loader.getResource(name.replace('.', '/') + ".class");
            String path = entry.getPath();
            System.out.println(name + " " + source.substring(source.lastIndexOf('/') + 1) + " "
                + path.substring(path.indexOf("!/") + 2));
        }
    }
}
