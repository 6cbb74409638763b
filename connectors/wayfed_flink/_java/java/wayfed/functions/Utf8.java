package wayfed.functions;

import java.util.Arrays;
import org.apache.flink.table.data.StringData;

/** Places in text, which Flink holds in UTF-8: bytes here, code points outside. */
final class Utf8 {

    private Utf8() {}

    /** Returns how many code points there are between two places. */
    static int count(byte[] text, int from, int to) {
        int points = 0;
        for (int i = from; i < to; i++) {
            if (isStart(text[i])) {
                points++;
            }
        }
        return points;
    }

    /** Returns the place behind so many code points from the start, or the end where there are less. */
    static int after(byte[] text, long points) {
        if (points >= text.length) {
            return text.length;
        }
        int at = 0;
        for (long left = points; left > 0 && at < text.length; left--) {
            at = next(text, at);
        }
        return at;
    }

    /** Returns the place before so many code points from the end, or the start where there are less. */
    static int before(byte[] text, long points) {
        if (points >= text.length) {
            return 0;
        }
        int at = text.length;
        for (long left = points; left > 0 && at > 0; left--) {
            at = previous(text, at);
        }
        return at;
    }

    /** Returns where the code point ends that begins at a place. */
    static int next(byte[] text, int at) {
        int end = at + 1;
        while (end < text.length && !isStart(text[end])) {
            end++;
        }
        return end;
    }

    /** Returns where the code point begins that ends at a place. */
    static int previous(byte[] text, int at) {
        int start = at - 1;
        while (start > 0 && !isStart(text[start])) {
            start--;
        }
        return start;
    }

    /** Returns where a part first is from a place on, or -1. */
    static int find(byte[] text, byte[] part, int from) {
        for (int at = from; at <= text.length - part.length; at++) {
            int i = 0;
            while (i < part.length && text[at + i] == part[i]) {
                i++;
            }
            if (i == part.length) {
                return at;
            }
        }
        return -1;
    }

    /** Returns the text between two places. */
    static StringData cut(byte[] text, int from, int to) {
        return StringData.fromBytes(Arrays.copyOfRange(text, from, Math.max(from, to)));
    }

    /** Says whether a code point starts with a byte. */
    static boolean isStart(byte unit) {
        return (unit & 0xC0) != 0x80;
    }
}
