package wayfed.functions;

import java.util.Arrays;
import java.util.Comparator;
import org.apache.flink.types.Row;

/** In which order values of Java come: text by code point, NaN last, -0.0 as 0.0. */
final class Ordering {
    static final Comparator<Object> VALUES = Ordering::compare;

    private Ordering() {}

    @SuppressWarnings("unchecked")
    private static int compare(Object a, Object b) {
        if (a instanceof String) {
            return ofText((String) a, (String) b);
        }
        if (a instanceof Double) {
            return Double.compare((Double) a + 0.0, (Double) b + 0.0);
        }
        if (a instanceof Float) {
            return Float.compare((Float) a + 0.0f, (Float) b + 0.0f);
        }
        if (a instanceof byte[]) {
            return Arrays.compareUnsigned((byte[]) a, (byte[]) b);
        }
        return ((Comparable<Object>) a).compareTo(b);
    }

    /** Compares by code point; Java's own order has those of two units before U+E000. */
    private static int ofText(String a, String b) {
        int length = Math.min(a.length(), b.length());
        for (int i = 0; i < length; i++) {
            char x = a.charAt(i);
            char y = b.charAt(i);
            if (x != y) {
                boolean pairs = Character.isSurrogate(x) != Character.isSurrogate(y);
                return pairs ? (Character.isSurrogate(x) ? 1 : -1) : Character.compare(x, y);
            }
        }
        return a.length() - b.length();
    }

    /**
     * Returns the order of rows of keys.
     *
     * @param ways for each key `a` or `d`, ascending or descending, and `f` or `l`, NULL first or last
     */
    static Comparator<Row> ofKeys(String ways) {
        return (a, b) -> {
            for (int i = 0; i < ways.length() / 2; i++) {
                int found = byKey(a.getField(i), b.getField(i), ways.charAt(2 * i), ways.charAt(2 * i + 1));
                if (found != 0) {
                    return found;
                }
            }
            return 0;
        };
    }

    private static int byKey(Object a, Object b, char way, char nulls) {
        if (a == null || b == null) {
            int last = a == b ? 0 : a == null ? 1 : -1;
            return nulls == 'l' ? last : -last;
        }
        return way == 'd' ? compare(b, a) : compare(a, b);
    }
}
