package wayfed.functions;

import java.util.Arrays;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.types.DataType;

/** Aggregates of doubles, where Flink subtracts large squares from each other. */
public final class Statistics {
    private Statistics() {}

    /** Sums of squares around means, of one or two variables (Welford 1962). */
    public static class Sums {
        public long count;
        public double meanX;
        public double meanY;
        public double xx;
        public double yy;
        public double xy;

        void add(double y, double x) {
            count++;
            double dx = x - meanX;
            double dy = y - meanY;
            meanX += dx / count;
            meanY += dy / count;
            xx += dx * (x - meanX);
            yy += dy * (y - meanY);
            xy += dx * (y - meanY);
        }
    }

    abstract static class Spread extends Fold<Double, Sums> {
        Spread() {
            super(Sums.class);
        }

        @Override
        public Sums createAccumulator() {
            return new Sums();
        }

        @Override
        protected DataType resultType() {
            return DataTypes.DOUBLE();
        }
    }

    abstract static class OfOne extends Spread {
        public void accumulate(Sums sums, Double x) {
            if (x != null) {
                sums.add(x, x);
            }
        }
    }

    abstract static class OfTwo extends Spread {
        public void accumulate(Sums sums, Double y, Double x) {
            if (x != null && y != null) {
                sums.add(y, x);
            }
        }
    }

    public static class VarSamp extends OfOne {
        @Override
        public Double getValue(Sums sums) {
            return sums.count < 2 ? null : sums.xx / (sums.count - 1);
        }
    }

    public static class VarPop extends OfOne {
        @Override
        public Double getValue(Sums sums) {
            return sums.count < 1 ? null : sums.xx / sums.count;
        }
    }

    public static class StddevSamp extends OfOne {
        @Override
        public Double getValue(Sums sums) {
            return sums.count < 2 ? null : Math.sqrt(sums.xx / (sums.count - 1));
        }
    }

    public static class StddevPop extends OfOne {
        @Override
        public Double getValue(Sums sums) {
            return sums.count < 1 ? null : Math.sqrt(sums.xx / sums.count);
        }
    }

    public static class Corr extends OfTwo {
        @Override
        public Double getValue(Sums sums) {
            boolean none = sums.count < 1 || sums.xx == 0 || sums.yy == 0;
            return none ? null : sums.xy / (Math.sqrt(sums.xx) * Math.sqrt(sums.yy));
        }
    }

    public static class CovarSamp extends OfTwo {
        @Override
        public Double getValue(Sums sums) {
            return sums.count < 2 ? null : sums.xy / (sums.count - 1);
        }
    }

    public static class CovarPop extends OfTwo {
        @Override
        public Double getValue(Sums sums) {
            return sums.count < 1 ? null : sums.xy / sums.count;
        }
    }

    public static class RegrAvgx extends OfTwo {
        @Override
        public Double getValue(Sums sums) {
            return sums.count < 1 ? null : sums.meanX;
        }
    }

    public static class RegrAvgy extends OfTwo {
        @Override
        public Double getValue(Sums sums) {
            return sums.count < 1 ? null : sums.meanY;
        }
    }

    public static class RegrSxx extends OfTwo {
        @Override
        public Double getValue(Sums sums) {
            return sums.count < 1 ? null : sums.xx;
        }
    }

    public static class RegrSyy extends OfTwo {
        @Override
        public Double getValue(Sums sums) {
            return sums.count < 1 ? null : sums.yy;
        }
    }

    public static class RegrSxy extends OfTwo {
        @Override
        public Double getValue(Sums sums) {
            return sums.count < 1 ? null : sums.xy;
        }
    }

    public static class RegrSlope extends OfTwo {
        @Override
        public Double getValue(Sums sums) {
            return sums.count < 1 || sums.xx == 0 ? null : sums.xy / sums.xx;
        }
    }

    public static class RegrIntercept extends OfTwo {
        @Override
        public Double getValue(Sums sums) {
            boolean none = sums.count < 1 || sums.xx == 0;
            return none ? null : sums.meanY - sums.xy / sums.xx * sums.meanX;
        }
    }

    public static class RegrR2 extends OfTwo {
        @Override
        public Double getValue(Sums sums) {
            if (sums.count < 1 || sums.xx == 0) {
                return null;
            }
            return sums.yy == 0 ? 1.0 : sums.xy * sums.xy / (sums.xx * sums.yy);
        }
    }

    /** Doubles, all of them. */
    public static class Values {
        public double[] values = new double[16];
        public int count;
        public double fraction;
    }

    /** The value below which a fraction lies, in proportion between the two around it. */
    public static class Quantile extends Fold<Double, Values> {
        public Quantile() {
            super(Values.class);
        }

        @Override
        public Values createAccumulator() {
            return new Values();
        }

        public void accumulate(Values state, Double x, Double fraction) {
            if (x == null) {
                return;
            }
            if (state.count == state.values.length) {
                state.values = Arrays.copyOf(state.values, state.count * 2);
            }
            state.fraction = fraction;
            state.values[state.count++] = x;
        }

        @Override
        public Double getValue(Values state) {
            if (state.count == 0) {
                return null;
            }
            Arrays.sort(state.values, 0, state.count);
            double place = state.fraction * (state.count - 1);
            int below = (int) Math.floor(place);
            double least = state.values[below];
            double most = state.values[(int) Math.ceil(place)];
            double part = place - below;
            return part == 0 || least == most ? least : least + (most - least) * part;
        }

        @Override
        protected DataType resultType() {
            return DataTypes.DOUBLE();
        }
    }
}
