package jdk.test.whitebox;

/** The door through which HotSpot's own tests link a class without initialising it. */
public class WhiteBox {
    static { registerNatives(); }

    private static native void registerNatives();

    public native void linkClass(Class<?> type);
}
