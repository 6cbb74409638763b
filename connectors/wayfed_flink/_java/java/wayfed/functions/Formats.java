package wayfed.functions;

import java.time.DateTimeException;
import java.time.LocalDate;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;

/** Times written and read by a format of fields as {@code %Y}, in English. */
public final class Formats {
    private static final String[] MONTHS = {
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December"
    };
    private static final String[] DAYS = {
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"
    };

    private Formats() {}

    /** A time written by a format. */
    public static class WriteTime extends InternalFunction {
        private transient StringData format;
        private transient String fields;

        public StringData eval(TimestampData moment, StringData by) {
            return moment == null || by == null
                    ? null
                    : StringData.fromString(written(Moments.micros(moment), fields(by)));
        }

        public StringData eval(Integer day, StringData by) {
            return day == null || by == null
                    ? null
                    : StringData.fromString(written(day * Moments.DAY, fields(by)));
        }

        private String fields(StringData by) {
            if (by != format && !by.equals(format)) {
                fields = by.toString();
                format = by;
            }
            return fields;
        }
    }

    /** The timestamp that is written just so by a format. */
    public static class ReadTime extends InternalFunction {
        private transient StringData format;
        private transient String fields;

        public TimestampData eval(StringData text, StringData by) {
            if (text == null || by == null) {
                return null;
            }
            if (by != format && !by.equals(format)) {
                fields = by.toString();
                format = by;
            }
            return Moments.moment(new Reader(text.toString()).read(fields));
        }
    }

    /** A timestamp as ISO 8601 writes it, with a space, and no zeros at the end of its fraction. */
    public static class TimeText extends InternalFunction {
        public StringData eval(TimestampData moment) {
            if (moment == null) {
                return null;
            }
            long micros = Moments.micros(moment);
            boolean whole = Math.floorMod(micros, 1_000_000L) == 0;
            String text = written(micros, whole ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d %H:%M:%S.%f");
            int end = text.length();
            while (!whole && text.charAt(end - 1) == '0') {
                end--;
            }
            return StringData.fromString(text.substring(0, end));
        }
    }

    private static String written(long micros, String format) {
        LocalDate date = LocalDate.ofEpochDay(Math.floorDiv(micros, Moments.DAY));
        long clock = Math.floorMod(micros, Moments.DAY);
        StringBuilder found = new StringBuilder(format.length() + 16);
        for (int i = 0; i < format.length(); i++) {
            char letter = format.charAt(i);
            if (letter == '%') {
                field(found, format.charAt(++i), date, clock);
            } else {
                found.append(letter);
            }
        }
        return found.toString();
    }

    private static void field(StringBuilder found, char letter, LocalDate date, long clock) {
        String month = MONTHS[date.getMonthValue() - 1];
        String day = DAYS[date.getDayOfWeek().getValue() - 1];
        switch (letter) {
            case 'Y':
                digits(found, date.getYear(), 4);
                break;
            case 'y':
                digits(found, date.getYear() % 100, 2);
                break;
            case 'm':
                digits(found, date.getMonthValue(), 2);
                break;
            case 'd':
                digits(found, date.getDayOfMonth(), 2);
                break;
            case 'j':
                digits(found, date.getDayOfYear(), 3);
                break;
            case 'H':
                digits(found, clock / 3_600_000_000L, 2);
                break;
            case 'M':
                digits(found, clock / 60_000_000L % 60, 2);
                break;
            case 'S':
                digits(found, clock / 1_000_000L % 60, 2);
                break;
            case 'f':
                digits(found, clock % 1_000_000L, 6);
                break;
            case 'b':
                found.append(month, 0, 3);
                break;
            case 'B':
                found.append(month);
                break;
            case 'a':
                found.append(day, 0, 3);
                break;
            case 'A':
                found.append(day);
                break;
            case '%':
                found.append('%');
                break;
            default:
                throw new IllegalArgumentException("%" + letter + " in a format");
        }
    }

    private static void digits(StringBuilder found, long number, int width) {
        long scale = 1;
        for (int i = 1; i < width; i++) {
            scale *= 10;
        }
        for (; scale > 0; scale /= 10) {
            found.append((char) ('0' + number / scale % 10));
        }
    }

    /** Reads one text by a format that says the year and the day, each part once. */
    private static final class Reader {
        private final String text;
        private int at;
        private int year = 1;
        private int month = 1;
        private int day = 1;
        private int dayOfYear;
        private long clock;

        Reader(String text) {
            this.text = text;
        }

        long read(String format) {
            for (int i = 0; i < format.length(); i++) {
                char letter = format.charAt(i);
                if (letter != '%') {
                    take(letter);
                } else if (format.charAt(++i) == '%') {
                    take('%');
                } else {
                    field(format.charAt(i));
                }
            }
            if (at < text.length() || year == 0) {
                throw unread(null);
            }
            try {
                LocalDate date =
                        dayOfYear > 0
                                ? LocalDate.ofYearDay(year, dayOfYear)
                                : LocalDate.of(year, month, day);
                return date.toEpochDay() * Moments.DAY + clock;
            } catch (DateTimeException cause) {
                throw unread(cause);
            }
        }

        private void field(char letter) {
            switch (letter) {
                case 'Y':
                    year = number(4, 9999);
                    break;
                case 'm':
                    month = number(2, 12);
                    break;
                case 'd':
                    day = number(2, 31);
                    break;
                case 'j':
                    dayOfYear = number(3, 366);
                    if (dayOfYear == 0) {
                        throw unread(null);
                    }
                    break;
                case 'H':
                    clock += number(2, 23) * 3_600_000_000L;
                    break;
                case 'M':
                    clock += number(2, 59) * 60_000_000L;
                    break;
                case 'S':
                    clock += number(2, 59) * 1_000_000L;
                    break;
                case 'f':
                    clock += number(6, 999_999);
                    break;
                case 'b':
                    month = name(3);
                    break;
                case 'B':
                    month = name(Integer.MAX_VALUE);
                    break;
                default:
                    throw new IllegalArgumentException("%" + letter + " in a format");
            }
        }

        private void take(char wanted) {
            if (at >= text.length() || text.charAt(at) != wanted) {
                throw unread(null);
            }
            at++;
        }

        private int number(int width, int greatest) {
            int found = 0;
            for (int end = at + width; at < end; at++) {
                char digit = at < text.length() ? text.charAt(at) : ' ';
                if (digit < '0' || digit > '9') {
                    throw unread(null);
                }
                found = found * 10 + digit - '0';
            }
            if (found > greatest) {
                throw unread(null);
            }
            return found;
        }

        private int name(int width) {
            for (int i = 0; i < MONTHS.length; i++) {
                String name = MONTHS[i].substring(0, Math.min(width, MONTHS[i].length()));
                if (text.startsWith(name, at)) {
                    at += name.length();
                    return i + 1;
                }
            }
            throw unread(null);
        }

        private IllegalArgumentException unread(Exception cause) {
            return new IllegalArgumentException(
                    "a time that is not written by the format: '" + text + "'", cause);
        }
    }
}
