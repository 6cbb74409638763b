package wayfed.functions;

import java.time.DateTimeException;
import java.time.LocalDate;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;

/** Functions of dates and timestamps, naive and in UTC alike, from year 1 to 9999. */
public final class Times {

    private Times() {}

    /** The start of the unit in which a moment lies. */
    public static class DateTrunc extends OfUnit {
        public TimestampData eval(TimestampData moment, StringData unit) {
            if (moment == null || unit == null) {
                return null;
            }
            Unit of = unit(unit);
            return Moments.moment(of.start(of.index(Moments.micros(moment))));
        }

        public Integer eval(Integer day, StringData unit) {
            if (day == null || unit == null) {
                return null;
            }
            Unit of = unit(unit);
            return (int) Math.floorDiv(of.start(of.index(day * Moments.DAY)), Moments.DAY);
        }
    }

    /** How many boundaries of a unit lie between two moments. */
    public static class DateDiff extends OfUnit {
        public Long eval(TimestampData start, TimestampData end, StringData unit) {
            if (start == null || end == null || unit == null) {
                return null;
            }
            Unit of = unit(unit);
            return of.index(Moments.micros(end)) - of.index(Moments.micros(start));
        }

        public Long eval(Integer start, Integer end, StringData unit) {
            if (start == null || end == null || unit == null) {
                return null;
            }
            Unit of = unit(unit);
            return of.index(end * Moments.DAY) - of.index(start * Moments.DAY);
        }
    }

    /** The time so many days later. */
    public static class AddDays extends InternalFunction {
        public TimestampData eval(TimestampData moment, Long days) {
            if (moment == null || days == null) {
                return null;
            }
            long added = Math.multiplyExact(days, Moments.DAY);
            return Moments.moment(Math.addExact(Moments.micros(moment), added));
        }

        public Integer eval(Integer day, Long days) {
            return day == null || days == null
                    ? null
                    : Integer.valueOf(Moments.checkedDay(Math.addExact(day, days)));
        }
    }

    /** The same day so many months later, or the last of a month that is shorter. */
    public static class AddMonths extends InternalFunction {
        public TimestampData eval(TimestampData moment, Long months) {
            if (moment == null || months == null) {
                return null;
            }
            long micros = Moments.micros(moment);
            long day = Moments.later(Math.floorDiv(micros, Moments.DAY), months);
            return Moments.moment(day * Moments.DAY + Math.floorMod(micros, Moments.DAY));
        }

        public Integer eval(Integer day, Long months) {
            return day == null || months == null
                    ? null
                    : Integer.valueOf(Moments.later(day, months));
        }
    }

    /** The timestamp so many microseconds later. */
    public static class AddMicroseconds extends InternalFunction {
        public TimestampData eval(TimestampData moment, Long micros) {
            if (moment == null || micros == null) {
                return null;
            }
            return Moments.moment(Math.addExact(Moments.micros(moment), micros));
        }
    }

    /** The date with a year, a month and a day. */
    public static class MakeDate extends InternalFunction {
        public Integer eval(Long year, Long month, Long day) {
            if (year == null || month == null || day == null) {
                return null;
            }
            try {
                LocalDate date =
                        LocalDate.of(
                                Math.toIntExact(year),
                                Math.toIntExact(month),
                                Math.toIntExact(day));
                return Moments.checkedDay(date.toEpochDay());
            } catch (ArithmeticException | DateTimeException cause) {
                throw new IllegalArgumentException(
                        "no date from 0001-01-01 to 9999-12-31: "
                                + String.format("%d-%d-%d", year, month, day),
                        cause);
            }
        }
    }

    /** The last day of the month in which a moment lies. */
    public static class LastDay extends InternalFunction {
        public Integer eval(TimestampData moment) {
            return moment == null ? null : last(Moments.date(moment));
        }

        public Integer eval(Integer day) {
            return day == null ? null : last(LocalDate.ofEpochDay(day));
        }

        private static Integer last(LocalDate date) {
            return (int) date.withDayOfMonth(date.lengthOfMonth()).toEpochDay();
        }
    }

    /** A part of a moment, by its name. */
    public static class PartOfTime extends InternalFunction {
        private transient StringData name;
        private transient Part part;

        public Long eval(TimestampData moment, StringData wanted) {
            if (moment == null || wanted == null) {
                return null;
            }
            if (wanted != name && !wanted.equals(name)) {
                part = Part.of(wanted.toString());
                name = wanted;
            }
            return part.of(Moments.micros(moment));
        }
    }

    /** The seconds since 1970. */
    public static class Epoch extends InternalFunction {
        public Double eval(TimestampData moment) {
            return moment == null ? null : Moments.micros(moment) / 1e6;
        }
    }

    /** Keeps the unit of the row before. */
    public abstract static class OfUnit extends InternalFunction {
        private transient StringData name;
        private transient Unit unit;

        /** Returns the unit of a name. */
        Unit unit(StringData wanted) {
            if (wanted != name && !wanted.equals(name)) {
                unit = Unit.of(wanted.toString());
                name = wanted;
            }
            return unit;
        }
    }
}
