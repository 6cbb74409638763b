package wayfed.functions;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.functions.FunctionDefinition;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.inference.ArgumentCount;
import org.apache.flink.table.types.inference.CallContext;
import org.apache.flink.table.types.inference.ConstantArgumentCount;
import org.apache.flink.table.types.inference.InputTypeStrategy;
import org.apache.flink.table.types.inference.Signature;
import org.apache.flink.table.types.inference.TypeInference;
import org.apache.flink.table.types.inference.TypeStrategy;
import org.apache.flink.table.types.utils.DataTypeUtils;

/** What types functions have that are of any type, or of decimals. */
public final class Typing {
    private Typing() {}

    /** Any arguments, as Flink holds them itself; the result is of the type of the first. */
    public static TypeInference likeFirst() {
        return of(
                true,
                call -> Optional.of(internal(call.getArgumentDataTypes().get(0).nullable())));
    }

    /** Any arguments, as Flink holds them itself, and a result of a type. */
    public static TypeInference giving(DataType result) {
        return of(true, call -> Optional.of(internal(result)));
    }

    /** Any arguments; the last two are constants, the precision and scale of the result. */
    public static TypeInference givingDecimal() {
        return of(
                true,
                call -> {
                    int last = call.getArgumentDataTypes().size() - 1;
                    Optional<Integer> precision = call.getArgumentValue(last - 1, Integer.class);
                    Optional<Integer> scale = call.getArgumentValue(last, Integer.class);
                    return precision.flatMap(
                            p ->
                                    scale.map(
                                            s ->
                                                    DataTypes.DECIMAL(p, s)
                                                            .bridgedTo(DecimalData.class)));
                });
    }

    /** Any arguments, as Java has them; a null result is of the type of the first. */
    static TypeInference folding(DataType result, DataType state) {
        return builder(
                        false,
                        call ->
                                Optional.of(
                                        result == null
                                                ? call.getArgumentDataTypes().get(0).nullable()
                                                : result))
                .accumulatorTypeStrategy(call -> Optional.of(state))
                .build();
    }

    private static TypeInference of(boolean internal, TypeStrategy result) {
        return builder(internal, result).build();
    }

    private static TypeInference.Builder builder(boolean internal, TypeStrategy result) {
        return TypeInference.newBuilder()
                .inputTypeStrategy(new AsTheyAre(internal))
                .outputTypeStrategy(result);
    }

    private static DataType internal(DataType type) {
        return DataTypeUtils.toInternalDataType(type);
    }

    private static final class AsTheyAre implements InputTypeStrategy {
        private final boolean internal;

        AsTheyAre(boolean internal) {
            this.internal = internal;
        }

        @Override
        public ArgumentCount getArgumentCount() {
            return ConstantArgumentCount.any();
        }

        @Override
        public Optional<List<DataType>> inferInputTypes(CallContext call, boolean fails) {
            List<DataType> types = new ArrayList<>();
            for (DataType type : call.getArgumentDataTypes()) {
                types.add(internal ? internal(type) : type);
            }
            return Optional.of(types);
        }

        @Override
        public List<Signature> getExpectedSignatures(FunctionDefinition definition) {
            return List.of(Signature.of(Signature.Argument.ofGroup("any")));
        }
    }
}
