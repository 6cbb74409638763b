package wayfed.functions;

import java.io.Serializable;
import java.util.List;
import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;

/** The one form of lists and structs that are equal: Flink groups them by their bytes. */
final class Forms {

    private Forms() {}

    /** Returns the form of a value, or NULL. */
    interface Form extends Serializable {
        Object of(Object value);
    }

    /** Returns the form of the values of a type; null where each is the only one of its kind. */
    static Form form(LogicalType type) {
        Form present = present(type);
        return present == null ? null : value -> value == null ? null : present.of(value);
    }

    private static Form present(LogicalType type) {
        if (type.is(LogicalTypeRoot.DOUBLE)) {
            return value -> ofBits((Double) value);
        } else if (type.is(LogicalTypeRoot.FLOAT)) {
            return value -> ofBits((Float) value);
        } else if (type.is(LogicalTypeRoot.ARRAY)) {
            return ofLists(((ArrayType) type).getElementType());
        }
        return type.is(LogicalTypeRoot.ROW) ? ofRows(LogicalTypeChecks.getFieldTypes(type)) : null;
    }

    /** NaN has one form where its bits are asked for, and adding 0 leaves no -0. */
    private static Double ofBits(double value) {
        return Double.longBitsToDouble(Double.doubleToLongBits(value + 0.0));
    }

    private static Float ofBits(float value) {
        return Float.intBitsToFloat(Float.floatToIntBits(value + 0.0f));
    }

    private static Form ofLists(LogicalType element) {
        Form form = form(element);
        if (form == null) {
            return null;
        }
        ArrayData.ElementGetter getter = ArrayData.createElementGetter(element);
        return value -> {
            ArrayData list = (ArrayData) value;
            Object[] found = new Object[list.size()];
            for (int i = 0; i < found.length; i++) {
                found[i] = form.of(getter.getElementOrNull(list, i));
            }
            return new GenericArrayData(found);
        };
    }

    private static Form ofRows(List<LogicalType> fields) {
        Form[] forms = fields.stream().map(Forms::form).toArray(Form[]::new);
        RowData.FieldGetter[] getters = new RowData.FieldGetter[forms.length];
        boolean changes = false;
        for (int i = 0; i < forms.length; i++) {
            getters[i] = RowData.createFieldGetter(fields.get(i), i);
            changes |= forms[i] != null;
        }
        if (!changes) {
            return null;
        }
        return value -> {
            GenericRowData found = new GenericRowData(forms.length);
            for (int i = 0; i < forms.length; i++) {
                Object field = getters[i].getFieldOrNull((RowData) value);
                found.setField(i, forms[i] == null ? field : forms[i].of(field));
            }
            return found;
        };
    }
}
