package wayfed.functions;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.functions.FunctionDefinition;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.inference.ArgumentCount;
import org.apache.flink.table.types.inference.CallContext;
import org.apache.flink.table.types.inference.ConstantArgumentCount;
import org.apache.flink.table.types.inference.InputTypeStrategy;
import org.apache.flink.table.types.inference.Signature;
import org.apache.flink.table.types.inference.TypeInference;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LogicalTypeFamily;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.utils.DataTypeUtils;

/**
 * Types of functions, read off their methods {@code eval}, whose values are Flink's own.
 *
 * <p>Text stays the UTF-8 that it is in a row, where Flink's annotations would ask for each argument
 * what it is to be converted to. A {@code TimestampData} is a timestamp of either kind, and one that
 * is returned is of the kind of the first that is given; a plain object is of any type.
 */
final class EvalTypes {

    private EvalTypes() {}

    /**
     * Returns the types of a function.
     *
     * @param otherwise the type of a result that the method's own does not say
     */
    static TypeInference of(Class<?> function, Function<CallContext, DataType> otherwise) {
        List<Method> methods =
                Arrays.stream(function.getMethods())
                        .filter(method -> method.getName().equals("eval"))
                        .sorted(Comparator.comparing(Method::toString))
                        .collect(Collectors.toList());
        return TypeInference.newBuilder()
                .inputTypeStrategy(new Arguments(methods))
                .outputTypeStrategy(
                        call ->
                                chosen(methods, call)
                                        .map(method -> returned(method, call, otherwise)))
                .build();
    }

    private static DataType returned(
            Method method, CallContext call, Function<CallContext, DataType> otherwise) {
        Class<?> result = method.getReturnType();
        if (result == TimestampData.class) {
            return call.getArgumentDataTypes().stream()
                    .filter(type -> type.getLogicalType().is(LogicalTypeFamily.TIMESTAMP))
                    .findFirst()
                    .map(EvalTypes::timestamp)
                    .orElse(DataTypes.TIMESTAMP(6).bridgedTo(TimestampData.class));
        }
        DataType type = named(result);
        return type != null ? type : otherwise.apply(call);
    }

    private static Optional<Method> chosen(List<Method> methods, CallContext call) {
        List<DataType> given = call.getArgumentDataTypes();
        return methods.stream().filter(method -> takes(method, given)).findFirst();
    }

    private static boolean takes(Method method, List<DataType> given) {
        Class<?>[] wanted = method.getParameterTypes();
        if (wanted.length != given.size()) {
            return false;
        }
        for (int i = 0; i < wanted.length; i++) {
            if (!takes(wanted[i], given.get(i).getLogicalType())) {
                return false;
            }
        }
        return true;
    }

    private static boolean takes(Class<?> wanted, LogicalType given) {
        if (wanted == Object.class || given.is(LogicalTypeRoot.NULL)) {
            return true;
        } else if (wanted == StringData.class) {
            return given.is(LogicalTypeFamily.CHARACTER_STRING);
        } else if (wanted == byte[].class) {
            return given.is(LogicalTypeFamily.BINARY_STRING);
        } else if (wanted == Long.class) {
            return given.is(LogicalTypeFamily.INTEGER_NUMERIC);
        } else if (wanted == Double.class) {
            return given.is(LogicalTypeFamily.NUMERIC);
        } else if (wanted == Boolean.class) {
            return given.is(LogicalTypeRoot.BOOLEAN);
        } else if (wanted == Integer.class) {
            return given.is(LogicalTypeRoot.DATE);
        } else if (wanted == TimestampData.class) {
            return given.is(LogicalTypeFamily.TIMESTAMP);
        }
        return wanted == ArrayData.class && given.is(LogicalTypeRoot.ARRAY);
    }

    private static DataType expected(Class<?> wanted, DataType given) {
        if (wanted == TimestampData.class) {
            return timestamp(given);
        }
        DataType type = named(wanted);
        return type != null ? type : DataTypeUtils.toInternalDataType(given);
    }

    /** Returns the timestamp of a kind with microseconds, which a constant may be without. */
    private static DataType timestamp(DataType given) {
        boolean utc = given.getLogicalType().is(LogicalTypeRoot.TIMESTAMP_WITH_LOCAL_TIME_ZONE);
        return (utc ? DataTypes.TIMESTAMP_LTZ(6) : DataTypes.TIMESTAMP(6))
                .bridgedTo(TimestampData.class);
    }

    private static DataType named(Class<?> held) {
        if (held == StringData.class) {
            return DataTypes.STRING().bridgedTo(StringData.class);
        } else if (held == byte[].class) {
            return DataTypes.BYTES();
        } else if (held == Long.class) {
            return DataTypes.BIGINT();
        } else if (held == Double.class) {
            return DataTypes.DOUBLE();
        } else if (held == Boolean.class) {
            return DataTypes.BOOLEAN();
        } else if (held == Integer.class) {
            return DataTypes.DATE().bridgedTo(Integer.class);
        }
        return null;
    }

    /** What the methods take, told apart by the number and then the types of the arguments. */
    private static final class Arguments implements InputTypeStrategy {
        private final List<Method> methods;

        Arguments(List<Method> methods) {
            this.methods = methods;
        }

        @Override
        public ArgumentCount getArgumentCount() {
            int[] counts = methods.stream().mapToInt(Method::getParameterCount).sorted().toArray();
            return ConstantArgumentCount.between(counts[0], counts[counts.length - 1]);
        }

        @Override
        public Optional<List<DataType>> inferInputTypes(CallContext call, boolean throwing) {
            Optional<Method> method = chosen(methods, call);
            if (!method.isPresent() && throwing) {
                throw new ValidationException("no such call of " + call.getName());
            }
            return method.map(
                    found -> {
                        List<DataType> types = new ArrayList<>();
                        for (int i = 0; i < found.getParameterCount(); i++) {
                            Class<?> wanted = found.getParameterTypes()[i];
                            types.add(expected(wanted, call.getArgumentDataTypes().get(i)));
                        }
                        return types;
                    });
        }

        @Override
        public List<Signature> getExpectedSignatures(FunctionDefinition definition) {
            return Collections.singletonList(
                    Signature.of(Signature.Argument.of(methods.toString())));
        }
    }
}
