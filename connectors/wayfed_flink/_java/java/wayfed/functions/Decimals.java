package wayfed.functions;

import java.math.BigDecimal;
import java.math.RoundingMode;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.catalog.DataTypeFactory;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.functions.ScalarFunction;
import org.apache.flink.table.types.inference.TypeInference;

/** Decimals of the precision and scale that the last two arguments say; what needs more fails. */
public final class Decimals {
    private Decimals() {}

    /** A function whose result is a decimal. */
    public abstract static class Exact extends ScalarFunction {
        @Override
        public TypeInference getTypeInference(DataTypeFactory types) {
            return Typing.givingDecimal();
        }
    }

    static DecimalData fitted(BigDecimal value, int precision, int scale) {
        DecimalData found = DecimalData.fromBigDecimal(value, precision, scale);
        if (found == null) {
            throw new ArithmeticException(value + " is beyond decimal(" + precision + "," + scale + ")");
        }
        return found;
    }

    public static class DecimalAdd extends Exact {
        public DecimalData eval(DecimalData a, DecimalData b, Integer precision, Integer scale) {
            return a == null || b == null
                    ? null
                    : fitted(a.toBigDecimal().add(b.toBigDecimal()), precision, scale);
        }
    }

    public static class DecimalSubtract extends Exact {
        public DecimalData eval(DecimalData a, DecimalData b, Integer precision, Integer scale) {
            return a == null || b == null
                    ? null
                    : fitted(a.toBigDecimal().subtract(b.toBigDecimal()), precision, scale);
        }
    }

    public static class DecimalMultiply extends Exact {
        public DecimalData eval(DecimalData a, DecimalData b, Integer precision, Integer scale) {
            return a == null || b == null
                    ? null
                    : fitted(a.toBigDecimal().multiply(b.toBigDecimal()), precision, scale);
        }
    }

    /** x to a scale of so many digits, or fewer than it has. */
    abstract static class Rounded extends Exact {
        private final RoundingMode mode;

        Rounded(RoundingMode mode) {
            this.mode = mode;
        }

        public DecimalData eval(DecimalData x, Integer precision, Integer scale) {
            return eval(x, 0L, precision, scale);
        }

        public DecimalData eval(DecimalData x, Long digits, Integer precision, Integer scale) {
            if (x == null || digits == null) {
                return null;
            }
            int kept = (int) Math.max(-40, Math.min(scale, digits));
            return fitted(x.toBigDecimal().setScale(kept, mode), precision, scale);
        }

        public DecimalData eval(DecimalData x, Integer digits, Integer precision, Integer scale) {
            return eval(x, digits == null ? null : (Long) digits.longValue(), precision, scale);
        }
    }

    public static class DecimalRound extends Rounded {
        public DecimalRound() {
            super(RoundingMode.HALF_UP);
        }
    }

    public static class DecimalFloor extends Rounded {
        public DecimalFloor() {
            super(RoundingMode.FLOOR);
        }
    }

    public static class DecimalCeil extends Rounded {
        public DecimalCeil() {
            super(RoundingMode.CEILING);
        }
    }

    public static class DecimalTrunc extends Rounded {
        public DecimalTrunc() {
            super(RoundingMode.DOWN);
        }
    }

    public static class DecimalSign extends ScalarFunction {
        public Long eval(DecimalData x) {
            return x == null ? null : (long) x.toBigDecimal().signum();
        }

        @Override
        public TypeInference getTypeInference(DataTypeFactory types) {
            return Typing.giving(DataTypes.BIGINT());
        }
    }

    private static final BigDecimal HALF = BigDecimal.TEN.pow(19);

    private static BigDecimal unscaled(DecimalData x) {
        return new BigDecimal(x.toBigDecimal().unscaledValue());
    }

    /** All digits of a decimal but the last nineteen, the point left out. */
    public static class DecimalHigh extends ScalarFunction {
        public DecimalData eval(DecimalData x) {
            return x == null ? null : fitted(unscaled(x).divideToIntegralValue(HALF), 19, 0);
        }

        @Override
        public TypeInference getTypeInference(DataTypeFactory types) {
            return Typing.giving(DataTypes.DECIMAL(19, 0));
        }
    }

    /** The last nineteen digits of a decimal, the point left out. */
    public static class DecimalLow extends ScalarFunction {
        public DecimalData eval(DecimalData x) {
            return x == null ? null : fitted(unscaled(x).remainder(HALF), 19, 0);
        }

        @Override
        public TypeInference getTypeInference(DataTypeFactory types) {
            return Typing.giving(DataTypes.DECIMAL(19, 0));
        }
    }

    /** A sum from those of the high and the low digits. */
    public static class DecimalSumOfHalves extends Exact {
        public DecimalData eval(DecimalData high, DecimalData low, Integer precision, Integer scale) {
            if (high == null || low == null) {
                return null;
            }
            BigDecimal sum = high.toBigDecimal().multiply(HALF).add(low.toBigDecimal());
            return fitted(sum.movePointLeft(scale), precision, scale);
        }
    }

    /** A sum that no part of it can have overflowed; otherwise fails. */
    public static class DecimalSum extends ScalarFunction {
        private static final BigDecimal MOST = BigDecimal.TEN.pow(38);

        public DecimalData eval(DecimalData sum, Long count, DecimalData least, DecimalData most) {
            if (count == null || count == 0) {
                return null;
            }
            BigDecimal farthest = least.toBigDecimal().abs().max(most.toBigDecimal().abs());
            BigDecimal bound = new BigDecimal(farthest.unscaledValue()).multiply(BigDecimal.valueOf(count));
            if (sum == null || bound.compareTo(MOST) >= 0) {
                throw new ArithmeticException("a sum of decimals may be beyond 38 digits");
            }
            return sum;
        }

        @Override
        public TypeInference getTypeInference(DataTypeFactory types) {
            return Typing.likeFirst();
        }
    }

    private static BigDecimal read(StringData text) {
        return new BigDecimal(text.toString().trim());
    }

    private static BigDecimal exact(Double x) {
        // Fails for NaN and infinity; the digits are those that the double is written with.
        return BigDecimal.valueOf(x);
    }

    public static class ToDecimal extends Exact {
        public DecimalData eval(DecimalData x, Integer precision, Integer scale) {
            return x == null ? null : fitted(x.toBigDecimal(), precision, scale);
        }

        public DecimalData eval(Long x, Integer precision, Integer scale) {
            return x == null ? null : fitted(BigDecimal.valueOf(x), precision, scale);
        }

        public DecimalData eval(Double x, Integer precision, Integer scale) {
            return x == null ? null : fitted(exact(x), precision, scale);
        }

        public DecimalData eval(StringData x, Integer precision, Integer scale) {
            return x == null ? null : fitted(read(x), precision, scale);
        }
    }

    /** As ToDecimal, but NULL where that fails. */
    public static class TryDecimal extends ToDecimal {
        @Override
        public DecimalData eval(DecimalData x, Integer precision, Integer scale) {
            return x == null ? null : DecimalData.fromBigDecimal(x.toBigDecimal(), precision, scale);
        }

        @Override
        public DecimalData eval(Long x, Integer precision, Integer scale) {
            return x == null ? null : DecimalData.fromBigDecimal(BigDecimal.valueOf(x), precision, scale);
        }

        @Override
        public DecimalData eval(Double x, Integer precision, Integer scale) {
            return x == null || x.isNaN() || x.isInfinite()
                    ? null
                    : DecimalData.fromBigDecimal(exact(x), precision, scale);
        }

        @Override
        public DecimalData eval(StringData x, Integer precision, Integer scale) {
            try {
                return x == null ? null : DecimalData.fromBigDecimal(read(x), precision, scale);
            } catch (NumberFormatException error) {
                return null;
            }
        }
    }
}
