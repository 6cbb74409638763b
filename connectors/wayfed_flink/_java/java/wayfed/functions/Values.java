package wayfed.functions;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;

/** Values of any type, as Flink holds them: which are equal, and which come first. */
final class Values {

    private Values() {}

    /** An order that can be sent to where it is needed. */
    interface Order extends Comparator<Object>, Serializable {}

    /** Writes a value, or NULL, in bytes that are equal where values are. */
    interface Identity extends Serializable {
        void write(Object value, DataOutputStream to) throws IOException;

        default byte[] of(Object value) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try {
                write(value, new DataOutputStream(bytes));
            } catch (IOException cause) {
                throw new UncheckedIOException(cause);
            }
            return bytes.toByteArray();
        }
    }

    /** Returns the order of a type that has one: NaN is the greatest number, -0.0 equals 0.0. */
    static Order order(LogicalType type) {
        switch (type.getTypeRoot()) {
            case DOUBLE:
                return (left, right) -> Double.compare((Double) left + 0.0, (Double) right + 0.0);
            case FLOAT:
                return (left, right) -> Float.compare((Float) left + 0.0f, (Float) right + 0.0f);
            case BINARY:
            case VARBINARY:
                return (left, right) -> Arrays.compareUnsigned((byte[]) left, (byte[]) right);
            default:
                return Values::compare;
        }
    }

    /** Returns what tells the values of a type apart; NULL equals NULL, and NaN itself. */
    static Identity identity(LogicalType type) {
        Identity present = type.is(LogicalTypeRoot.ARRAY) ? ofLists(type) : ofRows(type);
        return (value, to) -> {
            to.writeBoolean(value != null);
            if (value != null) {
                present.write(value, to);
            }
        };
    }

    @SuppressWarnings("unchecked")
    private static int compare(Object left, Object right) {
        return ((Comparable<Object>) left).compareTo(right);
    }

    private static Identity ofLists(LogicalType list) {
        LogicalType element = ((ArrayType) list).getElementType();
        Identity identity = identity(element);
        ArrayData.ElementGetter getter = ArrayData.createElementGetter(element);
        return (value, to) -> {
            ArrayData elements = (ArrayData) value;
            to.writeInt(elements.size());
            for (int i = 0; i < elements.size(); i++) {
                identity.write(getter.getElementOrNull(elements, i), to);
            }
        };
    }

    private static Identity ofRows(LogicalType type) {
        if (!type.is(LogicalTypeRoot.ROW)) {
            return Values::writeScalar;
        }
        List<LogicalType> fields = LogicalTypeChecks.getFieldTypes(type);
        Identity[] identities = fields.stream().map(Values::identity).toArray(Identity[]::new);
        RowData.FieldGetter[] getters = new RowData.FieldGetter[identities.length];
        for (int i = 0; i < getters.length; i++) {
            getters[i] = RowData.createFieldGetter(fields.get(i), i);
        }
        return (value, to) -> {
            for (int i = 0; i < getters.length; i++) {
                identities[i].write(getters[i].getFieldOrNull((RowData) value), to);
            }
        };
    }

    private static void writeScalar(Object value, DataOutputStream to) throws IOException {
        if (value instanceof Double) {
            to.writeLong(Double.doubleToLongBits((Double) value + 0.0));
        } else if (value instanceof Float) {
            to.writeInt(Float.floatToIntBits((Float) value + 0.0f));
        } else if (value instanceof Boolean) {
            to.writeBoolean((Boolean) value);
        } else if (value instanceof TimestampData) {
            to.writeLong(((TimestampData) value).getMillisecond());
            to.writeInt(((TimestampData) value).getNanoOfMillisecond());
        } else if (value instanceof Number) {
            to.writeLong(((Number) value).longValue());
        } else {
            byte[] bytes = bytes(value);
            to.writeInt(bytes.length);
            to.write(bytes);
        }
    }

    private static byte[] bytes(Object value) {
        if (value instanceof StringData) {
            return ((StringData) value).toBytes();
        } else if (value instanceof DecimalData) {
            return ((DecimalData) value).toUnscaledBytes();
        }
        return (byte[]) value;
    }
}
