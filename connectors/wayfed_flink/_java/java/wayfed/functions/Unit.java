package wayfed.functions;

import java.time.LocalDate;
import java.util.Locale;

/** Units of time: which of them a moment lies in, counted from 1970, and where one begins. */
enum Unit {
    MICROSECOND(1),
    MILLISECOND(1_000),
    SECOND(1_000_000),
    MINUTE(60_000_000L),
    HOUR(3_600_000_000L),
    DAY(Moments.DAY),
    WEEK(0),
    MONTH(1),
    QUARTER(3),
    YEAR(12),
    DECADE(120),
    CENTURY(1_200),
    MILLENNIUM(12_000);

    /** Microseconds up to days, months from months on. */
    private final long size;

    Unit(long size) {
        this.size = size;
    }

    static Unit of(String name) {
        return valueOf(name.toUpperCase(Locale.ROOT));
    }

    long index(long micros) {
        if (compareTo(DAY) <= 0) {
            return Math.floorDiv(micros, size);
        }
        long day = Math.floorDiv(micros, Moments.DAY);
        // 1970 began on a Thursday.
        return this == WEEK
                ? Math.floorDiv(day + 3, 7L)
                : Math.floorDiv(Moments.months(LocalDate.ofEpochDay(day)), size);
    }

    long start(long index) {
        if (compareTo(DAY) <= 0) {
            return index * size;
        } else if (this == WEEK) {
            return (index * 7 - 3) * Moments.DAY;
        }
        long month = index * size;
        // What begins in year 0 begins in year 1.
        int year = (int) Math.max(1, Math.floorDiv(month, 12L));
        return LocalDate.of(year, (int) Math.floorMod(month, 12L) + 1, 1).toEpochDay()
                * Moments.DAY;
    }
}
