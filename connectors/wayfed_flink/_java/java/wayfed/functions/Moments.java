package wayfed.functions;

import java.time.LocalDate;
import java.time.temporal.ChronoField;
import org.apache.flink.table.data.TimestampData;

/** Timestamps as microseconds since 1970, and the years in which they may lie. */
final class Moments {
    static final long DAY = 86_400_000_000L;

    private static final long FIRST = LocalDate.of(1, 1, 1).toEpochDay();
    private static final long LAST = LocalDate.of(9999, 12, 31).toEpochDay();

    private Moments() {}

    static long micros(TimestampData moment) {
        return moment.getMillisecond() * 1000 + moment.getNanoOfMillisecond() / 1000;
    }

    static TimestampData moment(long micros) {
        checkedDay(Math.floorDiv(micros, DAY));
        return TimestampData.fromEpochMillis(
                Math.floorDiv(micros, 1000), (int) Math.floorMod(micros, 1000L) * 1000);
    }

    static LocalDate date(TimestampData moment) {
        return LocalDate.ofEpochDay(Math.floorDiv(micros(moment), DAY));
    }

    static int checkedDay(long day) {
        if (day < FIRST || day > LAST) {
            throw new ArithmeticException("beyond the years 1 to 9999");
        }
        return (int) day;
    }

    /** Returns the day so many months later, or the last of a month that is shorter. */
    static int later(long day, long months) {
        // So far from any year the sum would not even be a date of Java.
        long bounded = Math.max(-200_000, Math.min(months, 200_000));
        return checkedDay(LocalDate.ofEpochDay(day).plusMonths(bounded).toEpochDay());
    }

    static long months(LocalDate date) {
        return date.getLong(ChronoField.PROLEPTIC_MONTH);
    }
}
