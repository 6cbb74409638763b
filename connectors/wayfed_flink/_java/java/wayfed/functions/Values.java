package wayfed.functions;

import java.io.Serializable;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;

/** Values of any type, as Flink holds them: which are equal, and which come first. */
final class Values {

    private Values() {}

    /** Two values, either of which may be NULL, that are the same. */
    interface Equality extends Serializable {
        boolean same(Object left, Object right);
    }

    /** An order that can be sent to where it is needed. */
    interface Order extends Comparator<Object>, Serializable {}

    /** Returns the equality of a type: NULL equals NULL within lists and structs. */
    static Equality equality(LogicalType type) {
        Equality known;
        if (type.is(LogicalTypeRoot.ARRAY)) {
            known = ofLists(((ArrayType) type).getElementType());
        } else if (type.is(LogicalTypeRoot.ROW)) {
            known = ofStructs(LogicalTypeChecks.getFieldTypes(type));
        } else {
            Order order = order(type);
            known = (left, right) -> order.compare(left, right) == 0;
        }
        Equality present = known;
        return (left, right) ->
                left == null || right == null ? left == right : present.same(left, right);
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

    @SuppressWarnings("unchecked")
    private static int compare(Object left, Object right) {
        return ((Comparable<Object>) left).compareTo(right);
    }

    private static Equality ofLists(LogicalType element) {
        Equality equality = equality(element);
        ArrayData.ElementGetter getter = ArrayData.createElementGetter(element);
        return (left, right) -> {
            ArrayData a = (ArrayData) left;
            ArrayData b = (ArrayData) right;
            boolean same = a.size() == b.size();
            for (int i = 0; same && i < a.size(); i++) {
                same = equality.same(getter.getElementOrNull(a, i), getter.getElementOrNull(b, i));
            }
            return same;
        };
    }

    private static Equality ofStructs(List<LogicalType> fields) {
        Equality[] equalities = fields.stream().map(Values::equality).toArray(Equality[]::new);
        RowData.FieldGetter[] getters = new RowData.FieldGetter[equalities.length];
        for (int i = 0; i < getters.length; i++) {
            getters[i] = RowData.createFieldGetter(fields.get(i), i);
        }
        return (left, right) -> {
            boolean same = true;
            for (int i = 0; same && i < getters.length; i++) {
                Object a = getters[i].getFieldOrNull((RowData) left);
                same = equalities[i].same(a, getters[i].getFieldOrNull((RowData) right));
            }
            return same;
        };
    }
}
