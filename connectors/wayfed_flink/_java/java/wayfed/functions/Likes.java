package wayfed.functions;

import java.util.Arrays;
import org.apache.flink.table.data.StringData;

/** SQL's LIKE: a percent sign is any text, an underscore one code point, a line break too. */
public final class Likes {

    private Likes() {}

    /** With regard to case; a third argument is the escape, behind which a code point is itself. */
    public static class Like extends InternalFunction {
        private transient Pattern pattern;

        public Boolean eval(StringData text, StringData like) {
            return eval(text, like, Pattern.NO_ESCAPE);
        }

        public Boolean eval(StringData text, StringData like, StringData escape) {
            if (text == null || like == null || escape == null) {
                return null;
            }
            if (pattern == null || !pattern.is(like, escape)) {
                pattern = new Pattern(like, escape, false);
            }
            return pattern.matches(text.toBytes());
        }
    }

    /** Without regard to the case of ASCII letters. */
    public static class LikeIgnoringCase extends InternalFunction {
        private transient Pattern pattern;

        public Boolean eval(StringData text, StringData like) {
            return eval(text, like, Pattern.NO_ESCAPE);
        }

        public Boolean eval(StringData text, StringData like, StringData escape) {
            if (text == null || like == null || escape == null) {
                return null;
            }
            if (pattern == null || !pattern.is(like, escape)) {
                pattern = new Pattern(like, escape, true);
            }
            return pattern.matches(text.toBytes());
        }
    }

    /** A pattern: bytes, and the two signs where they stand for what they mean. */
    private static final class Pattern {
        static final StringData NO_ESCAPE = StringData.fromString("");
        private static final short ANY = -1;
        private static final short ONE = -2;

        private final StringData like;
        private final StringData escape;
        private final boolean folding;
        private final short[] parts;

        Pattern(StringData like, StringData escape, boolean folding) {
            this.like = like;
            this.escape = escape;
            this.folding = folding;
            byte[] bytes = like.toBytes();
            byte[] mark = escape.toBytes();
            short[] found = new short[bytes.length];
            int size = 0;
            for (int at = 0; at < bytes.length; at++) {
                if (mark.length > 0 && Utf8.find(bytes, mark, at) == at) {
                    at += mark.length;
                    if (at == bytes.length) {
                        throw new IllegalArgumentException("a pattern that ends with its escape");
                    }
                    found[size++] = unit(bytes[at]);
                } else if (bytes[at] == '%') {
                    found[size++] = ANY;
                } else {
                    found[size++] = bytes[at] == '_' ? ONE : unit(bytes[at]);
                }
            }
            parts = Arrays.copyOf(found, size);
        }

        boolean is(StringData otherLike, StringData otherEscape) {
            return (like == otherLike || like.equals(otherLike))
                    && (escape == otherEscape || escape.equals(otherEscape));
        }

        /** Matches greedily: of several percent signs only the last can have taken too little. */
        boolean matches(byte[] text) {
            int at = 0;
            int part = 0;
            int again = -1;
            int taken = 0;
            while (at < text.length) {
                if (part < parts.length && parts[part] == ANY) {
                    again = ++part;
                    taken = at;
                } else if (part < parts.length && parts[part] == ONE) {
                    at = Utf8.next(text, at);
                    part++;
                } else if (part < parts.length && parts[part] == unit(text[at])) {
                    at++;
                    part++;
                } else if (again < 0) {
                    return false;
                } else {
                    taken = Utf8.next(text, taken);
                    at = taken;
                    part = again;
                }
            }
            while (part < parts.length && parts[part] == ANY) {
                part++;
            }
            return part == parts.length;
        }

        private short unit(byte unit) {
            boolean upper = folding && unit >= 'A' && unit <= 'Z';
            return (short) ((upper ? unit + ('a' - 'A') : unit) & 0xFF);
        }
    }
}
