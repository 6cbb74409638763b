package wayfed.functions;

import java.math.BigDecimal;
import java.math.RoundingMode;

/** Whole numbers whose overflow is an error, and doubles as docs/semantics.md has them. */
public final class Numbers {
    private Numbers() {}

    public static class AddExact extends InternalFunction {
        public Long eval(Long a, Long b) {
            return a == null || b == null ? null : Math.addExact(a, b);
        }
    }

    public static class SubtractExact extends InternalFunction {
        public Long eval(Long a, Long b) {
            return a == null || b == null ? null : Math.subtractExact(a, b);
        }
    }

    public static class MultiplyExact extends InternalFunction {
        public Long eval(Long a, Long b) {
            return a == null || b == null ? null : Math.multiplyExact(a, b);
        }
    }

    public static class NegateExact extends InternalFunction {
        public Long eval(Long x) {
            return x == null ? null : Math.negateExact(x);
        }
    }

    public static class AbsExact extends InternalFunction {
        public Long eval(Long x) {
            return x == null ? null : x < 0 ? Math.negateExact(x) : x;
        }
    }

    public static class FloorDivide extends InternalFunction {
        public Long eval(Long a, Long b) {
            if (a == null || b == null || b == 0) {
                return null;
            }
            return b == -1 ? Math.negateExact(a) : Math.floorDiv(a, b);
        }
    }

    public static class FloorDivideFloats extends InternalFunction {
        public Double eval(Double a, Double b) {
            return a == null || b == null || b == 0 ? null : Math.floor(a / b);
        }
    }

    public static class Modulo extends InternalFunction {
        public Long eval(Long a, Long b) {
            return a == null || b == null || b == 0 ? null : Math.floorMod(a, b);
        }
    }

    public static class ModuloFloats extends InternalFunction {
        public Double eval(Double a, Double b) {
            if (a == null || b == null || b == 0) {
                return null;
            }
            double rest = a % b;
            return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
        }
    }

    public static class Remainder extends InternalFunction {
        public Long eval(Long a, Long b) {
            return a == null || b == null || b == 0 ? null : a % b;
        }
    }

    public static class RemainderFloats extends InternalFunction {
        public Double eval(Double a, Double b) {
            return a == null || b == null || b == 0 ? null : a % b;
        }
    }

    public static class BitAnd extends InternalFunction {
        public Long eval(Long a, Long b) {
            return a == null || b == null ? null : a & b;
        }
    }

    public static class BitOr extends InternalFunction {
        public Long eval(Long a, Long b) {
            return a == null || b == null ? null : a | b;
        }
    }

    public static class BitXor extends InternalFunction {
        public Long eval(Long a, Long b) {
            return a == null || b == null ? null : a ^ b;
        }
    }

    public static class BitNot extends InternalFunction {
        public Long eval(Long x) {
            return x == null ? null : ~x;
        }
    }

    /** A sum of whole numbers from those of their quotients and rests by 2^32. */
    public static class SumOfHalves extends InternalFunction {
        private static final long HALF = 1L << 32;

        public Long eval(Long quotients, Long rests) {
            if (quotients == null || rests == null) {
                return null;
            }
            long high = Math.addExact(quotients, Math.floorDiv(rests, HALF));
            return Math.addExact(Math.multiplyExact(high, HALF), Math.floorMod(rests, HALF));
        }
    }

    /** A whole number in the order of which doubles are: -0.0 is 0.0, NaN above infinity. */
    public static class Order extends InternalFunction {
        public Long eval(Double x) {
            if (x == null) {
                return null;
            }
            long bits = Double.doubleToLongBits(x + 0.0);
            return bits ^ ((bits >> 63) & Long.MAX_VALUE);
        }
    }

    /** The double that has a place in the order. */
    public static class Ordered extends InternalFunction {
        public Double eval(Long place) {
            return place == null
                    ? null
                    : Double.longBitsToDouble(place ^ ((place >> 63) & Long.MAX_VALUE));
        }
    }

    /** The one form of all doubles that are equal. */
    public static class Canonical extends InternalFunction {
        public Double eval(Double x) {
            return x == null ? null : x.isNaN() ? Double.NaN : x + 0.0;
        }
    }

    public static class IsNan extends InternalFunction {
        public Boolean eval(Double x) {
            return x == null ? null : x.isNaN();
        }
    }

    public static class Sign extends InternalFunction {
        public Long eval(Double x) {
            return x == null ? null : x.isNaN() ? 1L : (long) Math.signum(x);
        }
    }

    public static class Floor extends InternalFunction {
        public Double eval(Double x) {
            return x == null ? null : Math.floor(x);
        }
    }

    public static class Ceil extends InternalFunction {
        public Double eval(Double x) {
            return x == null ? null : Math.ceil(x);
        }
    }

    public static class Trunc extends InternalFunction {
        public Double eval(Double x) {
            return x == null ? null : x < 0 ? Math.ceil(x) : Math.floor(x);
        }
    }

    public static class Round extends InternalFunction {
        public Double eval(Double x) {
            return eval(x, 0L);
        }

        public Double eval(Double x, Long digits) {
            if (x == null || digits == null) {
                return null;
            }
            int scale = scaleOf(digits);
            return x.isNaN() || x.isInfinite() || scale > 400
                    ? x
                    : (Double) BigDecimal.valueOf(x).setScale(scale, RoundingMode.HALF_UP).doubleValue();
        }
    }

    public static class RoundWhole extends InternalFunction {
        public Long eval(Long x, Long digits) {
            if (x == null || digits == null) {
                return null;
            }
            int scale = scaleOf(digits);
            return scale >= 0
                    ? x
                    : (Long) BigDecimal.valueOf(x).setScale(scale, RoundingMode.HALF_UP).longValueExact();
        }
    }

    private static int scaleOf(long digits) {
        return (int) Math.max(-400, Math.min(401, digits));
    }
}
