package wayfed.functions;

import org.apache.flink.table.catalog.DataTypeFactory;
import org.apache.flink.table.functions.ScalarFunction;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.inference.CallContext;
import org.apache.flink.table.types.inference.TypeInference;

/** A function of values as Flink holds them, of the types that its methods {@code eval} say. */
public abstract class InternalFunction extends ScalarFunction {

    /** Returns the type of a result that the method's own does not say. */
    protected DataType resultType(CallContext call) {
        throw new IllegalStateException(getClass().getName() + " says no type of its result");
    }

    @Override
    public TypeInference getTypeInference(DataTypeFactory factory) {
        return EvalTypes.of(getClass(), this::resultType);
    }
}
