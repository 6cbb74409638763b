package wayfed.functions;

import java.time.LocalDate;
import java.time.temporal.ChronoField;
import java.time.temporal.IsoFields;
import java.time.temporal.TemporalField;
import java.util.Locale;

/** Parts of a moment: of its date, or of the clock. */
enum Part {
    YEAR(ChronoField.YEAR),
    QUARTER(IsoFields.QUARTER_OF_YEAR),
    MONTH(ChronoField.MONTH_OF_YEAR),
    DAY(ChronoField.DAY_OF_MONTH),
    WEEK(IsoFields.WEEK_OF_WEEK_BASED_YEAR),
    ISO_YEAR(IsoFields.WEEK_BASED_YEAR),
    DAY_OF_WEEK(ChronoField.DAY_OF_WEEK),
    DAY_OF_YEAR(ChronoField.DAY_OF_YEAR),
    HOUR(3_600_000_000L, 24),
    MINUTE(60_000_000L, 60),
    SECOND(1_000_000, 60),
    MILLISECOND(1_000, 60_000),
    MICROSECOND(1, 60_000_000);

    private final TemporalField field;
    private final long micros;
    private final long count;

    Part(TemporalField field) {
        this.field = field;
        this.micros = 0;
        this.count = 0;
    }

    /** A unit of so many microseconds, and how many of them there are before it begins anew. */
    Part(long micros, long count) {
        this.field = null;
        this.micros = micros;
        this.count = count;
    }

    static Part of(String name) {
        return valueOf(name.toUpperCase(Locale.ROOT));
    }

    long of(long moment) {
        return field == null
                ? Math.floorMod(Math.floorDiv(moment, micros), count)
                : LocalDate.ofEpochDay(Math.floorDiv(moment, Moments.DAY)).getLong(field);
    }
}
