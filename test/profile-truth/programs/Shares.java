// As shares.c. Run from its source, so that nothing has to be compiled before.
public final class Shares {
    static volatile double sink;

    static double turn(long n) {
        double x = 1;
        for (long i = 0; i < n; i++) x = x * 1.0000001 + 0.5;
        return x;
    }

    static void heavy(long n) {
        sink += turn(3 * n);
    }

    static void light(long n) {
        sink += turn(n);
    }

    public static void main(String[] arguments) {
        for (;;) {
            heavy(200_000);
            light(200_000);
        }
    }
}
