package wayfed.functions;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Locale;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.catalog.DataTypeFactory;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.functions.ScalarFunction;
import org.apache.flink.table.types.inference.TypeInference;

/** Casts that fail where the type cannot hold the value; those called try are NULL there. */
public final class Casts {
    private Casts() {}

    private static ArithmeticException beyond(Object value, String type) {
        return new ArithmeticException(value + " is no " + type);
    }

    /** The whole number of so many bits that is left of a number without its fraction. */
    public static class ToWhole extends ScalarFunction {
        public Long eval(Long x, Integer bits) {
            if (x == null) {
                return null;
            }
            long most = Long.MAX_VALUE >> (64 - bits);
            return x > most || x < -most - 1 ? none(x, bits) : x;
        }

        public Long eval(Double x, Integer bits) {
            if (x == null) {
                return null;
            }
            return x >= -0x1p63 && x < 0x1p63 ? eval((Long) (long) (double) x, bits) : none(x, bits);
        }

        public Long eval(DecimalData x, Integer bits) {
            return x == null ? null : whole(x.toBigDecimal(), bits);
        }

        public Long eval(StringData x, Integer bits) {
            if (x == null) {
                return null;
            }
            try {
                return eval((Long) Long.parseLong(x.toString().trim()), bits);
            } catch (NumberFormatException error) {
                return none("'" + x + "'", bits);
            }
        }

        private Long whole(BigDecimal x, int bits) {
            BigDecimal whole = x.setScale(0, RoundingMode.DOWN);
            return whole.unscaledValue().bitLength() < 64
                    ? eval((Long) whole.longValue(), bits)
                    : none(x, bits);
        }

        Long none(Object value, int bits) {
            throw beyond(value, "int" + bits);
        }

        @Override
        public TypeInference getTypeInference(DataTypeFactory types) {
            return Typing.giving(DataTypes.BIGINT());
        }
    }

    public static class TryWhole extends ToWhole {
        @Override
        Long none(Object value, int bits) {
            return null;
        }
    }

    public static class ToDouble extends ScalarFunction {
        public Double eval(StringData x) {
            if (x == null) {
                return null;
            }
            String text = x.toString().trim();
            switch (text.toLowerCase(Locale.ROOT)) {
                case "nan":
                    return Double.NaN;
                case "inf":
                case "infinity":
                case "+inf":
                case "+infinity":
                    return Double.POSITIVE_INFINITY;
                case "-inf":
                case "-infinity":
                    return Double.NEGATIVE_INFINITY;
                default:
                    return read(text);
            }
        }

        private Double read(String text) {
            // Java reads letters behind a number as its type, and numbers to base 16.
            if (!text.isEmpty() && text.chars().allMatch(c -> "+-.0123456789eE".indexOf(c) >= 0)) {
                try {
                    return Double.valueOf(text);
                } catch (NumberFormatException error) {
                    return none(text);
                }
            }
            return none(text);
        }

        Double none(String text) {
            throw beyond("'" + text + "'", "float64");
        }

        @Override
        public TypeInference getTypeInference(DataTypeFactory types) {
            return Typing.giving(DataTypes.DOUBLE());
        }
    }

    public static class TryDouble extends ToDouble {
        @Override
        Double none(String text) {
            return null;
        }
    }

    public static class ToFloat extends ScalarFunction {
        public Float eval(Double x) {
            if (x == null) {
                return null;
            }
            float found = (float) (double) x;
            return Float.isInfinite(found) && !x.isInfinite() ? none(x) : (Float) found;
        }

        Float none(Double x) {
            throw beyond(x, "float32");
        }

        /** Called anew each time: as a constant of the plan a FLOAT keeps seven digits, and no NaN. */
        @Override
        public boolean isDeterministic() {
            return false;
        }
    }

    public static class TryFloat extends ToFloat {
        @Override
        Float none(Double x) {
            return null;
        }
    }

    public static class ToBool extends ScalarFunction {
        public Boolean eval(StringData x) {
            if (x == null) {
                return null;
            }
            switch (x.toString().trim().toLowerCase(Locale.ROOT)) {
                case "true":
                case "t":
                    return true;
                case "false":
                case "f":
                    return false;
                default:
                    return none(x.toString());
            }
        }

        Boolean none(String text) {
            throw beyond("'" + text + "'", "bool");
        }

        @Override
        public TypeInference getTypeInference(DataTypeFactory types) {
            return Typing.giving(DataTypes.BOOLEAN());
        }
    }

    public static class TryBool extends ToBool {
        @Override
        Boolean none(String text) {
            return null;
        }
    }
}
