package wayfed.functions;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.types.DataType;
import org.apache.flink.types.Row;

/** Aggregates of values of any type, of which Flink has none, or none that knows an order. */
public final class Aggregates {
    private Aggregates() {}

    /** One value, and what it was chosen by. */
    public static class Chosen {
        public boolean found;
        public Object value;
        public Row keys;
        public long seen;
    }

    abstract static class Choosing extends Fold<Object, Chosen> {
        Choosing() {
            super(Chosen.class);
        }

        @Override
        public Chosen createAccumulator() {
            return new Chosen();
        }

        @Override
        public Object getValue(Chosen chosen) {
            return chosen.value;
        }

        static void take(Chosen chosen, Object value) {
            chosen.found = true;
            chosen.value = value;
        }
    }

    /** The value of the first row, in the order of its keys if there are any. */
    public static class First extends Choosing {
        public void accumulate(Chosen chosen, Object value) {
            if (!chosen.found) {
                take(chosen, value);
            }
        }

        public void accumulate(Chosen chosen, Object value, String ways, Row keys) {
            if (!chosen.found || Ordering.ofKeys(ways).compare(keys, chosen.keys) < 0) {
                take(chosen, value);
                chosen.keys = keys;
            }
        }
    }

    public static class Last extends Choosing {
        public void accumulate(Chosen chosen, Object value) {
            take(chosen, value);
        }
    }

    public static class FirstPresent extends Choosing {
        public void accumulate(Chosen chosen, Object value) {
            if (value != null && !chosen.found) {
                take(chosen, value);
            }
        }
    }

    public static class LastPresent extends Choosing {
        public void accumulate(Chosen chosen, Object value) {
            if (value != null) {
                take(chosen, value);
            }
        }
    }

    public static class Nth extends Choosing {
        public void accumulate(Chosen chosen, Object value, Long n) {
            if (n != null && ++chosen.seen == n) {
                take(chosen, value);
            }
        }
    }

    public static class NthPresent extends Choosing {
        public void accumulate(Chosen chosen, Object value, Long n) {
            if (value != null && n != null && ++chosen.seen == n) {
                take(chosen, value);
            }
        }
    }

    public static class Least extends Choosing {
        public void accumulate(Chosen chosen, Object value) {
            if (value != null
                    && (!chosen.found || Ordering.VALUES.compare(value, chosen.value) < 0)) {
                take(chosen, value);
            }
        }
    }

    public static class Greatest extends Choosing {
        public void accumulate(Chosen chosen, Object value) {
            if (value != null
                    && (!chosen.found || Ordering.VALUES.compare(value, chosen.value) > 0)) {
                take(chosen, value);
            }
        }
    }

    /** How often there is each value. */
    public static class Counts {
        public TreeMap<Object, Long> counts = new TreeMap<>(Ordering.VALUES);
        public long count;
        public double fraction;

        void add(Object value) {
            counts.merge(value, 1L, Long::sum);
            count++;
        }
    }

    abstract static class Counting extends Fold<Object, Counts> {
        Counting() {
            super(Counts.class);
        }

        @Override
        public Counts createAccumulator() {
            return new Counts();
        }
    }

    /** The most frequent value, the least of several. */
    public static class Mode extends Counting {
        public void accumulate(Counts counts, Object value) {
            if (value != null) {
                counts.add(value);
            }
        }

        @Override
        public Object getValue(Counts counts) {
            Object found = null;
            long most = 0;
            for (Map.Entry<Object, Long> each : counts.counts.entrySet()) {
                if (each.getValue() > most) {
                    found = each.getKey();
                    most = each.getValue();
                }
            }
            return found;
        }
    }

    /** The least value that at least a fraction of all do not exceed. */
    public static class QuantileDisc extends Counting {
        public void accumulate(Counts counts, Object value, Double fraction) {
            if (value != null) {
                counts.add(value);
                counts.fraction = fraction;
            }
        }

        @Override
        public Object getValue(Counts counts) {
            // The fraction is the decimal that was written, not the double next to it.
            long wanted =
                    BigDecimal.valueOf(counts.fraction)
                            .multiply(BigDecimal.valueOf(counts.count))
                            .setScale(0, RoundingMode.CEILING)
                            .longValue();
            long passed = 0;
            for (Map.Entry<Object, Long> each : counts.counts.entrySet()) {
                passed += each.getValue();
                if (passed >= wanted) {
                    return each.getKey();
                }
            }
            return null;
        }
    }

    /** Texts with the keys of their rows. */
    public static class Parts {
        public List<Row> keys = new ArrayList<>();
        public List<String> texts = new ArrayList<>();
        public String separator;
        public String ways;
        public boolean distinct;
    }

    /** The texts that are not NULL, joined in an order; each of them once where that is said. */
    public static class StringAgg extends Fold<String, Parts> {
        public StringAgg() {
            super(Parts.class);
        }

        @Override
        public Parts createAccumulator() {
            return new Parts();
        }

        public void accumulate(Parts parts, String text, String separator, Boolean distinct) {
            accumulate(parts, text, separator, distinct, "", null);
        }

        public void accumulate(
                Parts parts, String text, String separator, Boolean distinct, String ways, Row keys) {
            if (text != null && separator != null) {
                parts.texts.add(text);
                parts.keys.add(keys);
                parts.separator = separator;
                parts.distinct = distinct;
                parts.ways = ways;
            }
        }

        @Override
        public String getValue(Parts parts) {
            if (parts.texts.isEmpty()) {
                return null;
            }
            List<Integer> order = new ArrayList<>();
            for (int i = 0; i < parts.texts.size(); i++) {
                order.add(i);
            }
            if (!parts.ways.isEmpty()) {
                var byKeys = Ordering.ofKeys(parts.ways);
                order.sort((a, b) -> byKeys.compare(parts.keys.get(a), parts.keys.get(b)));
            }
            TreeSet<String> seen = new TreeSet<>();
            List<String> joined = new ArrayList<>();
            for (int i : order) {
                if (!parts.distinct || seen.add(parts.texts.get(i))) {
                    joined.add(parts.texts.get(i));
                }
            }
            return String.join(parts.separator, joined);
        }

        @Override
        protected DataType resultType() {
            return DataTypes.STRING();
        }
    }

    /** Bits of whole numbers so far. */
    public static class Bits {
        public boolean found;
        public long bits;
    }

    abstract static class OfBits extends Fold<Long, Bits> {
        OfBits() {
            super(Bits.class);
        }

        @Override
        public Bits createAccumulator() {
            return new Bits();
        }

        public void accumulate(Bits state, Long x) {
            if (x != null) {
                state.bits = state.found ? joined(state.bits, x) : x;
                state.found = true;
            }
        }

        abstract long joined(long a, long b);

        @Override
        public Long getValue(Bits state) {
            return state.found ? state.bits : null;
        }

        @Override
        protected DataType resultType() {
            return DataTypes.BIGINT();
        }
    }

    public static class AllBits extends OfBits {
        @Override
        long joined(long a, long b) {
            return a & b;
        }
    }

    public static class AnyBits extends OfBits {
        @Override
        long joined(long a, long b) {
            return a | b;
        }
    }

    public static class OddBits extends OfBits {
        @Override
        long joined(long a, long b) {
            return a ^ b;
        }
    }
}
