package wayfed.functions;

/** Functions of doubles that are NULL where they have no value. */
public final class Angles {
    private Angles() {}

    public static class Sqrt extends InternalFunction {
        public Double eval(Double x) {
            return x == null || x < 0 ? null : Math.sqrt(x);
        }
    }

    public static class Ln extends InternalFunction {
        public Double eval(Double x) {
            return x == null || x <= 0 ? null : Math.log(x);
        }
    }

    public static class Log10 extends InternalFunction {
        public Double eval(Double x) {
            return x == null || x <= 0 ? null : Math.log10(x);
        }
    }

    public static class Exp extends InternalFunction {
        public Double eval(Double x) {
            return x == null ? null : Math.exp(x);
        }
    }

    /** Powers as IEEE 754-2008 has them, where Java's of 1 and -1 may be NaN. */
    public static class Power extends InternalFunction {
        public Double eval(Double x, Double y) {
            if (x == null || y == null) {
                return null;
            }
            if (x == 1 || x == -1 && y.isInfinite()) {
                return 1.0;
            }
            boolean none = x == 0 && y < 0 || x < 0 && !y.isNaN() && y != Math.rint(y);
            return none ? null : Math.pow(x, y);
        }
    }

    public static class Sin extends InternalFunction {
        public Double eval(Double x) {
            return x == null || x.isInfinite() ? null : Math.sin(x);
        }
    }

    public static class Cos extends InternalFunction {
        public Double eval(Double x) {
            return x == null || x.isInfinite() ? null : Math.cos(x);
        }
    }

    public static class Tan extends InternalFunction {
        public Double eval(Double x) {
            return x == null || x.isInfinite() ? null : Math.tan(x);
        }
    }

    public static class Cot extends InternalFunction {
        public Double eval(Double x) {
            return x == null || x.isInfinite() || x == 0 ? null : 1 / Math.tan(x);
        }
    }

    public static class Asin extends InternalFunction {
        public Double eval(Double x) {
            return x == null || !(x >= -1 && x <= 1) ? null : Math.asin(x);
        }
    }

    public static class Acos extends InternalFunction {
        public Double eval(Double x) {
            return x == null || !(x >= -1 && x <= 1) ? null : Math.acos(x);
        }
    }

    public static class Atan extends InternalFunction {
        public Double eval(Double x) {
            return x == null ? null : Math.atan(x);
        }
    }

    public static class Atan2 extends InternalFunction {
        public Double eval(Double y, Double x) {
            return x == null || y == null ? null : Math.atan2(y + 0.0, x + 0.0);
        }
    }

    public static class Degrees extends InternalFunction {
        public Double eval(Double x) {
            return x == null ? null : Math.toDegrees(x);
        }
    }

    public static class Radians extends InternalFunction {
        public Double eval(Double x) {
            return x == null ? null : Math.toRadians(x);
        }
    }

    public static class Cbrt extends InternalFunction {
        public Double eval(Double x) {
            return x == null ? null : Math.cbrt(x);
        }
    }
}
