package wayfed.functions;

import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.LocalTime;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;

/** Dates and timestamps that text says in ISO 8601; Flink reads February 30 as another day. */
public final class Readings {
    private static final Pattern ISO =
            Pattern.compile(
                    "\\s*(\\d{4})-(\\d\\d?)-(\\d\\d?)"
                            + "(?:[ T](\\d\\d?):(\\d\\d)(?::(\\d\\d)(?:\\.(\\d{1,6})0*)?)?"
                            + "(?:Z|([+-]\\d\\d)(?::?(\\d\\d))?)?)?\\s*");

    private Readings() {}

    /** The date that a text says; any other text is an error. */
    public static class ToDate extends InternalFunction {
        public Integer eval(StringData text) {
            return text == null ? null : day(known(read(text, true), text));
        }
    }

    /** The date that a text says; NULL of any other. */
    public static class TryDate extends InternalFunction {
        public Integer eval(StringData text) {
            Long found = text == null ? null : read(text, true);
            return found == null ? null : day(found);
        }
    }

    /** The timestamp without a zone that a text says; any other text is an error. */
    public static class ToTimestamp extends InternalFunction {
        public TimestampData eval(StringData text) {
            return text == null ? null : Moments.moment(known(read(text, false), text));
        }
    }

    /** The timestamp without a zone that a text says; NULL of any other. */
    public static class TryTimestamp extends InternalFunction {
        public TimestampData eval(StringData text) {
            Long found = text == null ? null : read(text, false);
            return found == null ? null : Moments.moment(found);
        }
    }

    /** The instant that a text says, in UTC; any other text is an error. */
    public static class ToInstant extends InternalFunction {
        public TimestampData eval(StringData text) {
            return text == null ? null : Moments.moment(known(read(text, true), text));
        }
    }

    /** The instant that a text says, in UTC; NULL of any other. */
    public static class TryInstant extends InternalFunction {
        public TimestampData eval(StringData text) {
            Long found = text == null ? null : read(text, true);
            return found == null ? null : Moments.moment(found);
        }
    }

    private static long known(Long found, StringData text) {
        if (found == null) {
            throw new IllegalArgumentException("no date or timestamp: '" + text + "'");
        }
        return found;
    }

    private static int day(long micros) {
        return (int) Math.floorDiv(micros, Moments.DAY);
    }

    /** Returns microseconds since 1970, or nothing where the text is no time of the years there are. */
    private static Long read(StringData text, boolean zoned) {
        Matcher found = ISO.matcher(text.toString());
        if (!found.matches() || !zoned && found.group(8) != null) {
            return null;
        }
        try {
            LocalDate date =
                    LocalDate.of(
                            Integer.parseInt(found.group(1)),
                            number(found.group(2)),
                            number(found.group(3)));
            LocalTime clock =
                    LocalTime.of(
                            number(found.group(4)), number(found.group(5)), number(found.group(6)));
            String fraction = found.group(7) == null ? "0" : found.group(7);
            long micros = Long.parseLong((fraction + "00000").substring(0, 6));
            int hours = number(found.group(8));
            int minutes = number(found.group(9));
            long offset = (Math.abs(hours) * 60L + minutes) * 60;
            boolean west = found.group(8) != null && found.group(8).charAt(0) == '-';
            long seconds = clock.toSecondOfDay() - (west ? -offset : offset);
            long moment = date.toEpochDay() * Moments.DAY + seconds * 1_000_000L + micros;
            Moments.checkedDay(Math.floorDiv(moment, Moments.DAY));
            return moment;
        } catch (DateTimeException | ArithmeticException cause) {
            return null;
        }
    }

    private static int number(String digits) {
        return digits == null ? 0 : Integer.parseInt(digits);
    }
}
