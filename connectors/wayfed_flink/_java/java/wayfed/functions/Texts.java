package wayfed.functions;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.table.data.StringData;

/** Functions of text that count, place and exchange code points. */
public final class Texts {

    private static final StringData EMPTY = StringData.fromString("");

    private Texts() {}

    /** The number of bytes, of text in UTF-8. */
    public static class OctetLength extends InternalFunction {
        public Long eval(StringData text) {
            return text == null ? null : Long.valueOf(text.toBytes().length);
        }

        public Long eval(byte[] bytes) {
            return bytes == null ? null : Long.valueOf(bytes.length);
        }
    }

    /** The first code points; of a number below 0 all but the last. */
    public static class Left extends InternalFunction {
        public StringData eval(StringData text, Long points) {
            return text == null || points == null ? null : left(text.toBytes(), points);
        }
    }

    /** The last code points; of a number below 0 all but the first. */
    public static class Right extends InternalFunction {
        public StringData eval(StringData text, Long points) {
            if (text == null || points == null) {
                return null;
            }
            byte[] bytes = text.toBytes();
            int from =
                    points < 0 ? Utf8.after(bytes, opposite(points)) : Utf8.before(bytes, points);
            return Utf8.cut(bytes, from, bytes.length);
        }
    }

    /** Code points from a position on, counted from 1; those before the first are empty. */
    public static class Substring extends InternalFunction {
        public StringData eval(StringData text, Long start) {
            if (text == null || start == null) {
                return null;
            }
            byte[] bytes = text.toBytes();
            return Utf8.cut(bytes, start < 1 ? 0 : Utf8.after(bytes, start - 1), bytes.length);
        }

        public StringData eval(StringData text, Long start, Long length) {
            if (text == null || start == null || length == null) {
                return null;
            }
            byte[] bytes = text.toBytes();
            long end = start + Math.max(length, 0);
            // Beyond the greatest number there is no text either.
            long last = end < start ? Long.MAX_VALUE : Math.max(end, 1) - 1;
            int from = start < 1 ? 0 : Utf8.after(bytes, start - 1);
            return Utf8.cut(bytes, from, Utf8.after(bytes, last));
        }
    }

    /** Text without any of some code points at both ends. */
    public static class Trim extends InternalFunction {
        public StringData eval(StringData text, StringData characters) {
            return trimmed(text, characters, true, true);
        }
    }

    /** Text without any of some code points at its start. */
    public static class TrimLeft extends InternalFunction {
        public StringData eval(StringData text, StringData characters) {
            return trimmed(text, characters, true, false);
        }
    }

    /** Text without any of some code points at its end. */
    public static class TrimRight extends InternalFunction {
        public StringData eval(StringData text, StringData characters) {
            return trimmed(text, characters, false, true);
        }
    }

    /** Text filled up at its start, or cut off at its end, to so many code points. */
    public static class PadLeft extends InternalFunction {
        public StringData eval(StringData text, Long points, StringData fill) {
            return padded(text, points, fill, true);
        }
    }

    /** Text filled up, or cut off, at its end, to so many code points. */
    public static class PadRight extends InternalFunction {
        public StringData eval(StringData text, Long points, StringData fill) {
            return padded(text, points, fill, false);
        }
    }

    /** Text written so many times. */
    public static class Repeat extends InternalFunction {
        public StringData eval(StringData text, Long times) {
            if (text == null || times == null) {
                return null;
            }
            byte[] bytes = text.toBytes();
            if (times < 1 || bytes.length == 0) {
                return EMPTY;
            }
            byte[] found = new byte[Math.toIntExact(Math.multiplyExact(bytes.length, times))];
            fill(found, 0, found.length, bytes);
            return StringData.fromBytes(found);
        }
    }

    /** Where a part first is, counted in code points from 1; 0 where it is not. */
    public static class Position extends InternalFunction {
        public Long eval(StringData text, StringData part) {
            if (text == null || part == null) {
                return null;
            }
            byte[] bytes = text.toBytes();
            int at = Utf8.find(bytes, part.toBytes(), 0);
            return at < 0 ? 0L : Utf8.count(bytes, 0, at) + 1L;
        }
    }

    /** Whether a part is anywhere in a text. */
    public static class Contains extends InternalFunction {
        public Boolean eval(StringData text, StringData part) {
            if (text == null || part == null) {
                return null;
            }
            return Utf8.find(text.toBytes(), part.toBytes(), 0) >= 0;
        }
    }

    /** Text with every old part replaced, from left to right. */
    public static class Replace extends InternalFunction {
        public StringData eval(StringData text, StringData old, StringData replacement) {
            if (text == null || old == null || replacement == null) {
                return null;
            }
            byte[] bytes = text.toBytes();
            byte[] part = old.toBytes();
            int at = part.length == 0 ? -1 : Utf8.find(bytes, part, 0);
            if (at < 0) {
                return text;
            }
            byte[] instead = replacement.toBytes();
            ByteArrayOutputStream found = new ByteArrayOutputStream(bytes.length + instead.length);
            int from = 0;
            while (at >= 0) {
                found.write(bytes, from, at - from);
                found.write(instead, 0, instead.length);
                from = at + part.length;
                at = Utf8.find(bytes, part, from);
            }
            found.write(bytes, from, bytes.length - from);
            return StringData.fromBytes(found.toByteArray());
        }
    }

    /** The part between separators with a number, from 1 on, or from the end below 0. */
    public static class SplitPart extends InternalFunction {
        public StringData eval(StringData text, StringData separator, Long number) {
            if (text == null || separator == null || number == null) {
                return null;
            }
            byte[] bytes = text.toBytes();
            byte[] between = separator.toBytes();
            if (between.length == 0) {
                return number == 1 || number == -1 ? text : EMPTY;
            }
            long wanted = number < 0 ? number + separators(bytes, between) + 2 : number;
            if (wanted < 1) {
                return EMPTY;
            }
            int from = 0;
            int at = Utf8.find(bytes, between, 0);
            for (long left = wanted - 1; left > 0; left--) {
                if (at < 0) {
                    return EMPTY;
                }
                from = at + between.length;
                at = Utf8.find(bytes, between, from);
            }
            return Utf8.cut(bytes, from, at < 0 ? bytes.length : at);
        }

        private static long separators(byte[] text, byte[] separator) {
            long count = 0;
            int at = Utf8.find(text, separator, 0);
            while (at >= 0) {
                count++;
                at = Utf8.find(text, separator, at + separator.length);
            }
            return count;
        }
    }

    /** Text with code points replaced by those at the same place of another text, or left out. */
    public static class Translate extends InternalFunction {
        private transient StringData from;
        private transient StringData to;
        private transient Map<Integer, Integer> table;

        public StringData eval(StringData text, StringData old, StringData replacement) {
            if (text == null || old == null || replacement == null) {
                return null;
            }
            if (!old.equals(from) || !replacement.equals(to)) {
                table = table(old.toString(), replacement.toString());
                from = old;
                to = replacement;
            }
            StringBuilder found = new StringBuilder();
            text.toString()
                    .codePoints()
                    .map(point -> table.getOrDefault(point, point))
                    .filter(point -> point >= 0)
                    .forEach(found::appendCodePoint);
            return StringData.fromString(found.toString());
        }

        private static Map<Integer, Integer> table(String old, String replacement) {
            int[] keys = old.codePoints().toArray();
            int[] values = replacement.codePoints().toArray();
            Map<Integer, Integer> found = new HashMap<>();
            for (int i = 0; i < keys.length; i++) {
                found.putIfAbsent(keys[i], i < values.length ? values[i] : -1);
            }
            return found;
        }
    }

    /** The number of the first code point; 0 of an empty text. */
    public static class FirstCodePoint extends InternalFunction {
        public Long eval(StringData text) {
            if (text == null) {
                return null;
            }
            byte[] bytes = text.toBytes();
            int end = Utf8.after(bytes, 1);
            String first = new String(bytes, 0, end, StandardCharsets.UTF_8);
            return first.isEmpty() ? 0L : first.codePointAt(0);
        }
    }

    /** The text of a code point; NULL where there is no such. */
    public static class TextOfCodePoint extends InternalFunction {
        public StringData eval(Long number) {
            if (number == null || number < 1 || number > Character.MAX_CODE_POINT) {
                return null;
            }
            int point = number.intValue();
            boolean half = point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE;
            return half ? null : StringData.fromString(Character.toString(point));
        }
    }

    /** The first 60 bits of the MD5 of a text. */
    public static class Hash extends InternalFunction {
        private transient MessageDigest digest;

        public Long eval(StringData text) throws NoSuchAlgorithmException {
            if (text == null) {
                return null;
            }
            if (digest == null) {
                digest = MessageDigest.getInstance("MD5");
            }
            byte[] found = digest.digest(text.toBytes());
            long bits = 0;
            for (int i = 0; i < Long.BYTES; i++) {
                bits = bits << Byte.SIZE | found[i] & 0xFF;
            }
            return bits >>> 4;
        }
    }

    private static StringData left(byte[] text, long points) {
        return Utf8.cut(
                text,
                0,
                points < 0 ? Utf8.before(text, opposite(points)) : Utf8.after(text, points));
    }

    private static long opposite(long points) {
        return points == Long.MIN_VALUE ? Long.MAX_VALUE : -points;
    }

    private static StringData trimmed(
            StringData text, StringData characters, boolean start, boolean end) {
        if (text == null || characters == null) {
            return null;
        }
        byte[] bytes = text.toBytes();
        byte[] off = characters.toBytes();
        int from = 0;
        int to = bytes.length;
        while (start && from < to && isAmong(off, bytes, from, Utf8.next(bytes, from))) {
            from = Utf8.next(bytes, from);
        }
        while (end && from < to && isAmong(off, bytes, Utf8.previous(bytes, to), to)) {
            to = Utf8.previous(bytes, to);
        }
        return Utf8.cut(bytes, from, to);
    }

    private static boolean isAmong(byte[] characters, byte[] text, int from, int to) {
        return Utf8.find(characters, Arrays.copyOfRange(text, from, to), 0) >= 0;
    }

    private static StringData padded(StringData text, Long points, StringData fill, boolean ahead) {
        if (text == null || points == null || fill == null) {
            return null;
        }
        byte[] bytes = text.toBytes();
        byte[] with = fill.toBytes();
        long missing = points - Utf8.count(bytes, 0, bytes.length);
        if (missing <= 0) {
            return left(bytes, Math.max(points, 0));
        }
        if (with.length == 0) {
            return text;
        }
        int each = Utf8.count(with, 0, with.length);
        long size = Math.multiplyExact(missing / each, with.length);
        size = Math.addExact(size, Utf8.after(with, missing % each));
        byte[] found = new byte[Math.toIntExact(Math.addExact(size, bytes.length))];
        int start = ahead ? (int) size : 0;
        System.arraycopy(bytes, 0, found, start, bytes.length);
        int gap = ahead ? 0 : bytes.length;
        fill(found, gap, gap + (int) size, with);
        return StringData.fromBytes(found);
    }

    private static void fill(byte[] target, int from, int to, byte[] with) {
        for (int at = from; at < to; at += with.length) {
            System.arraycopy(with, 0, target, at, Math.min(with.length, to - at));
        }
    }
}
