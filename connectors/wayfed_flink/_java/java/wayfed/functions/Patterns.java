package wayfed.functions;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.table.data.StringData;

/** Regular expressions, already written for Java. */
public final class Patterns {

    private Patterns() {}

    /** Whether a pattern matches somewhere. */
    public static class RegexpMatches extends OfPattern {
        public Boolean eval(StringData text, StringData pattern) {
            return text == null || pattern == null ? null : matcher(text, pattern).find();
        }
    }

    /** What a pattern, or a group of it, matches first; empty where it does not. */
    public static class RegexpExtract extends OfPattern {
        public StringData eval(StringData text, StringData pattern, Long group) {
            if (text == null || pattern == null || group == null) {
                return null;
            }
            Matcher matcher = matcher(text, pattern);
            String found = matcher.find() ? matcher.group(group.intValue()) : null;
            return StringData.fromString(found == null ? "" : found);
        }
    }

    /** Text with what a pattern matches, first or everywhere, replaced. */
    public static class RegexpReplace extends OfPattern {
        public StringData eval(
                StringData text, StringData pattern, StringData replacement, Boolean everywhere) {
            if (text == null || pattern == null || replacement == null || everywhere == null) {
                return null;
            }
            Matcher matcher = matcher(text, pattern);
            String with = replacement.toString();
            return StringData.fromString(
                    everywhere ? matcher.replaceAll(with) : matcher.replaceFirst(with));
        }
    }

    /** Keeps what was compiled for the row before. */
    public abstract static class OfPattern extends InternalFunction {
        private transient StringData written;
        private transient Pattern compiled;

        /** Returns the matcher of a pattern for a text. */
        protected Matcher matcher(StringData text, StringData pattern) {
            if (pattern != written && !pattern.equals(written)) {
                compiled = Pattern.compile(pattern.toString());
                written = pattern;
            }
            return compiled.matcher(text.toString());
        }
    }
}
