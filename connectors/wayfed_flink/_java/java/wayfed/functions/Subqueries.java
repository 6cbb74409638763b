package wayfed.functions;

import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.inference.CallContext;
import org.apache.flink.table.types.utils.DataTypeUtils;

/** What subqueries that are used as values are checked by. */
public final class Subqueries {
    private Subqueries() {}

    /** The value of a subquery of so many rows; fails where they are several. */
    public static class SingleValue extends InternalFunction {
        public Object eval(Object value, Long rows) {
            if (rows != null && rows > 1) {
                throw new IllegalStateException("a subquery used as a value has several rows");
            }
            return value;
        }

        @Override
        protected DataType resultType(CallContext call) {
            return DataTypeUtils.toInternalDataType(call.getArgumentDataTypes().get(0)).nullable();
        }
    }
}
