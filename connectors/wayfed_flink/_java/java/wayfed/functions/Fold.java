package wayfed.functions;

import org.apache.flink.table.catalog.DataTypeFactory;
import org.apache.flink.table.functions.AggregateFunction;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.inference.TypeInference;

/** An aggregate whose state is one Java object, which never leaves the task that made it. */
public abstract class Fold<T, S> extends AggregateFunction<T, S> {
    private final Class<S> state;

    protected Fold(Class<S> state) {
        this.state = state;
    }

    /** Returns the type of the result, or null where it is that of the first argument. */
    protected DataType resultType() {
        return null;
    }

    @Override
    public TypeInference getTypeInference(DataTypeFactory types) {
        return Typing.folding(resultType(), types.createRawDataType(state));
    }
}
