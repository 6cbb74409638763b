package wayfed.functions;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.catalog.DataTypeFactory;
import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.functions.SpecializedFunction;
import org.apache.flink.table.functions.TableFunction;
import org.apache.flink.table.functions.UserDefinedFunction;
import org.apache.flink.table.types.CollectionDataType;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.inference.CallContext;
import org.apache.flink.table.types.inference.TypeInference;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.utils.LogicalTypeChecks;
import org.apache.flink.table.types.utils.DataTypeUtils;

/** Functions of lists of any type. */
public final class Lists {

    private Lists() {}

    /** The element at a position, from 1 on, or from the end with -1; NULL where there is none. */
    public static class Element extends OfList {
        private ArrayData.ElementGetter getter;

        @Override
        protected void prepare(LogicalType element) {
            getter = ArrayData.createElementGetter(element);
        }

        public Object eval(ArrayData list, Long position) {
            if (list == null || position == null || position == 0) {
                return null;
            }
            long index = position < 0 ? position + list.size() : position - 1;
            return index < 0 || index >= list.size()
                    ? null
                    : getter.getElementOrNull(list, (int) index);
        }

        @Override
        protected DataType resultType(CallContext call) {
            return element(call);
        }
    }

    /** Whether an element equals a value. */
    public static class ListContains extends OfList {
        private ArrayData.ElementGetter getter;
        private Values.Identity identity;

        @Override
        protected void prepare(LogicalType element) {
            getter = ArrayData.createElementGetter(element);
            identity = Values.identity(element);
        }

        public Boolean eval(ArrayData list, Object value) {
            if (list == null || value == null) {
                return null;
            }
            byte[] wanted = identity.of(value);
            for (int i = 0; i < list.size(); i++) {
                if (Arrays.equals(wanted, identity.of(getter.getElementOrNull(list, i)))) {
                    return true;
                }
            }
            return false;
        }
    }

    /** The elements in their order, NULLs last. */
    public static class ListSort extends OfList {
        private ArrayData.ElementGetter getter;
        private Values.Order order;

        @Override
        protected void prepare(LogicalType element) {
            getter = ArrayData.createElementGetter(element);
            order = Values.order(element);
        }

        public ArrayData eval(ArrayData list) {
            if (list == null) {
                return null;
            }
            List<Object> elements = elements(list, getter);
            elements.sort(Comparator.nullsLast(order));
            return new GenericArrayData(elements.toArray());
        }

        @Override
        protected DataType resultType(CallContext call) {
            return DataTypeUtils.toInternalDataType(call.getArgumentDataTypes().get(0).nullable());
        }
    }

    /**
     * The first fields of structs, in the order of the other ones.
     *
     * <p>Of each of these the second argument has two letters: {@code a} or {@code d} for the
     * direction, {@code f} or {@code l} for where NULL comes.
     */
    public static class FirstFields extends OfList {
        private ArrayData.ElementGetter getter;
        private RowData.FieldGetter first;
        private RowData.FieldGetter[] keys;
        private Values.Order[] orders;

        @Override
        protected void prepare(LogicalType element) {
            List<LogicalType> fields = LogicalTypeChecks.getFieldTypes(element);
            getter = ArrayData.createElementGetter(element);
            first = RowData.createFieldGetter(fields.get(0), 0);
            int width = fields.size();
            keys = new RowData.FieldGetter[width - 1];
            orders = new Values.Order[width - 1];
            for (int i = 0; i < keys.length; i++) {
                keys[i] = RowData.createFieldGetter(fields.get(i + 1), i + 1);
                orders[i] = Values.order(fields.get(i + 1));
            }
        }

        public ArrayData eval(ArrayData rows, StringData ways) {
            if (rows == null) {
                return null;
            }
            List<Object> elements = elements(rows, getter);
            if (keys.length > 0) {
                elements.sort(order(ways.toString()));
            }
            return new GenericArrayData(
                    elements.stream().map(row -> first.getFieldOrNull((RowData) row)).toArray());
        }

        private Comparator<Object> order(String ways) {
            Comparator<Object> found = null;
            for (int i = 0; i < keys.length; i++) {
                RowData.FieldGetter key = keys[i];
                boolean descending = ways.charAt(2 * i) == 'd';
                Comparator<Object> order = descending ? orders[i].reversed() : orders[i];
                boolean nullsFirst = ways.charAt(2 * i + 1) == 'f';
                Comparator<Object> whole =
                        nullsFirst ? Comparator.nullsFirst(order) : Comparator.nullsLast(order);
                Comparator<Object> next =
                        (left, right) ->
                                whole.compare(
                                        key.getFieldOrNull((RowData) left),
                                        key.getFieldOrNull((RowData) right));
                found = found == null ? next : found.thenComparing(next);
            }
            return found;
        }

        @Override
        protected DataType resultType(CallContext call) {
            DataType value = element(call).getChildren().get(0).nullable();
            return DataTypeUtils.toInternalDataType(DataTypes.ARRAY(value));
        }
    }

    /** Bytes that are equal where lists or structs are; NULL equals NULL within them. */
    public static class Identity extends InternalFunction implements SpecializedFunction {
        private Values.Identity identity;

        @Override
        public UserDefinedFunction specialize(SpecializedContext context) {
            DataType value = context.getCallContext().getArgumentDataTypes().get(0);
            identity = Values.identity(value.getLogicalType());
            return this;
        }

        public byte[] eval(Object value) {
            return value == null ? null : identity.of(value);
        }
    }

    /** A list or struct in the one form that all have that equal it. */
    public static class OneForm extends InternalFunction implements SpecializedFunction {
        private Forms.Form form;

        @Override
        public UserDefinedFunction specialize(SpecializedContext context) {
            DataType value = context.getCallContext().getArgumentDataTypes().get(0);
            form = Forms.form(value.getLogicalType());
            return this;
        }

        public Object eval(Object value) {
            return form == null ? value : form.of(value);
        }

        @Override
        protected DataType resultType(CallContext call) {
            return DataTypeUtils.toInternalDataType(call.getArgumentDataTypes().get(0));
        }
    }

    /** A row of each element, whole where it is a struct, which UNNEST would take apart. */
    public static class Explode extends TableFunction<RowData> implements SpecializedFunction {
        private ArrayData.ElementGetter getter;

        @Override
        public UserDefinedFunction specialize(SpecializedContext context) {
            DataType list = context.getCallContext().getArgumentDataTypes().get(0);
            getter =
                    ArrayData.createElementGetter(
                            ((ArrayType) list.getLogicalType()).getElementType());
            return this;
        }

        public void eval(ArrayData list) {
            for (int i = 0; list != null && i < list.size(); i++) {
                collect(GenericRowData.of(getter.getElementOrNull(list, i)));
            }
        }

        @Override
        public TypeInference getTypeInference(DataTypeFactory factory) {
            return EvalTypes.of(
                    getClass(),
                    call ->
                            DataTypeUtils.toInternalDataType(
                                    DataTypes.ROW(
                                            DataTypes.FIELD("element", OfList.element(call)))));
        }
    }

    /** A function that learns of what type the elements of its first argument are. */
    public abstract static class OfList extends InternalFunction implements SpecializedFunction {

        /** Takes the type of the elements. */
        protected abstract void prepare(LogicalType element);

        @Override
        public UserDefinedFunction specialize(SpecializedContext context) {
            DataType list = context.getCallContext().getArgumentDataTypes().get(0);
            prepare(((ArrayType) list.getLogicalType()).getElementType());
            return this;
        }

        static DataType element(CallContext call) {
            DataType list = call.getArgumentDataTypes().get(0);
            DataType element = ((CollectionDataType) list).getElementDataType();
            return DataTypeUtils.toInternalDataType(element.nullable());
        }

        static List<Object> elements(ArrayData list, ArrayData.ElementGetter getter) {
            List<Object> found = new ArrayList<>(list.size());
            for (int i = 0; i < list.size(); i++) {
                found.add(getter.getElementOrNull(list, i));
            }
            return found;
        }
    }
}
