package wayfed.arrow;

import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.util.List;
import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.data.columnar.ColumnarArrayData;
import org.apache.flink.table.data.columnar.ColumnarRowData;
import org.apache.flink.table.data.columnar.vector.ArrayColumnVector;
import org.apache.flink.table.data.columnar.vector.BooleanColumnVector;
import org.apache.flink.table.data.columnar.vector.ByteColumnVector;
import org.apache.flink.table.data.columnar.vector.BytesColumnVector;
import org.apache.flink.table.data.columnar.vector.ColumnVector;
import org.apache.flink.table.data.columnar.vector.DecimalColumnVector;
import org.apache.flink.table.data.columnar.vector.DoubleColumnVector;
import org.apache.flink.table.data.columnar.vector.FloatColumnVector;
import org.apache.flink.table.data.columnar.vector.IntColumnVector;
import org.apache.flink.table.data.columnar.vector.LongColumnVector;
import org.apache.flink.table.data.columnar.vector.RowColumnVector;
import org.apache.flink.table.data.columnar.vector.ShortColumnVector;
import org.apache.flink.table.data.columnar.vector.TimestampColumnVector;
import org.apache.flink.table.data.columnar.vector.VectorizedColumnBatch;
import org.apache.flink.table.types.logical.LogicalType;

/** The columns of a record batch as Flink's vectors, over the buffers as they are. */
final class Vectors {
  static final VarHandle SHORT = view(short[].class);
  static final VarHandle INT = view(int[].class);
  static final VarHandle LONG = view(long[].class);
  private static final VarHandle FLOAT = view(float[].class);
  private static final VarHandle DOUBLE = view(double[].class);
  private static final int LONG_DIGITS = 18;

  private Vectors() {}

  private static VarHandle view(Class<?> array) {
    return MethodHandles.byteArrayViewVarHandle(array, ByteOrder.LITTLE_ENDIAN);
  }

  /** Returns a column of a batch whose columns have the types of {@code rows}. */
  static ColumnVector column(ArrowFile.Batch batch, LogicalType rows, int number)
      throws IOException {
    List<LogicalType> types = rows.getChildren();
    int node = 0;
    int buffer = 0;
    for (LogicalType before : types.subList(0, number)) {
      node += nodes(before);
      buffer += buffers(before);
    }
    return new Reader(batch, node, buffer).vector(types.get(number));
  }

  /** Returns how many nodes a type has in a record batch: one for itself, and its members'. */
  static int nodes(LogicalType type) {
    int count = 1;
    for (LogicalType member : members(type)) {
      count += nodes(member);
    }
    return count;
  }

  /** Returns how many buffers a type has: for validity, for values or offsets, for bytes. */
  static int buffers(LogicalType type) {
    int count;
    switch (type.getTypeRoot()) {
      case ROW:
        count = 1;
        break;
      case CHAR:
      case VARCHAR:
      case BINARY:
      case VARBINARY:
        count = 3;
        break;
      default:
        count = 2;
    }
    for (LogicalType member : members(type)) {
      count += buffers(member);
    }
    return count;
  }

  private static List<LogicalType> members(LogicalType type) {
    switch (type.getTypeRoot()) {
      case ROW:
      case ARRAY:
        return type.getChildren();
      default:
        return List.of();
    }
  }

  /** Takes the nodes and buffers of a column in their order. */
  private static final class Reader {
    private final ArrowFile.Batch batch;
    private int node;
    private int buffer;

    Reader(ArrowFile.Batch batch, int node, int buffer) {
      this.batch = batch;
      this.node = node;
      this.buffer = buffer;
    }

    private byte[] next() throws IOException {
      return batch.buffer(buffer++);
    }

    ColumnVector vector(LogicalType type) throws IOException {
      int own = node++;
      byte[] valid = batch.hasNulls(own) ? next() : null;
      if (valid == null) {
        buffer++;
      }
      switch (type.getTypeRoot()) {
        case BOOLEAN:
          return new Booleans(valid, next());
        case TINYINT:
          return new Bytes(valid, next());
        case SMALLINT:
          return new Shorts(valid, next());
        case INTEGER:
        case DATE:
          return new Ints(valid, next());
        case BIGINT:
          return new Longs(valid, next());
        case FLOAT:
          return new Floats(valid, next());
        case DOUBLE:
          return new Doubles(valid, next());
        case DECIMAL:
          return new Decimals(valid, next());
        case TIMESTAMP_WITHOUT_TIME_ZONE:
        case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
          return new Timestamps(valid, next());
        case CHAR:
        case VARCHAR:
        case BINARY:
        case VARBINARY:
          return new Slices(valid, next(), next());
        case ARRAY:
          return new Arrays(valid, next(), vector(type.getChildren().get(0)));
        case ROW:
          List<LogicalType> types = type.getChildren();
          ColumnVector[] members = new ColumnVector[types.size()];
          for (int i = 0; i < members.length; i++) {
            members[i] = vector(types.get(i));
          }
          return new Rows(valid, members);
        default:
          throw new IOException("Arrow columns of " + type + " are not read");
      }
    }
  }

  private abstract static class Vector implements ColumnVector {
    private final byte[] valid;

    Vector(byte[] valid) {
      this.valid = valid;
    }

    @Override
    public final boolean isNullAt(int i) {
      return valid != null && (valid[i >> 3] >> (i & 7) & 1) == 0;
    }
  }

  private static final class Booleans extends Vector implements BooleanColumnVector {
    private final byte[] values;

    Booleans(byte[] valid, byte[] values) {
      super(valid);
      this.values = values;
    }

    @Override
    public boolean getBoolean(int i) {
      return (values[i >> 3] >> (i & 7) & 1) == 1;
    }
  }

  private static final class Bytes extends Vector implements ByteColumnVector {
    private final byte[] values;

    Bytes(byte[] valid, byte[] values) {
      super(valid);
      this.values = values;
    }

    @Override
    public byte getByte(int i) {
      return values[i];
    }
  }

  private static final class Shorts extends Vector implements ShortColumnVector {
    private final byte[] values;

    Shorts(byte[] valid, byte[] values) {
      super(valid);
      this.values = values;
    }

    @Override
    public short getShort(int i) {
      return (short) SHORT.get(values, i << 1);
    }
  }

  private static final class Ints extends Vector implements IntColumnVector {
    private final byte[] values;

    Ints(byte[] valid, byte[] values) {
      super(valid);
      this.values = values;
    }

    @Override
    public int getInt(int i) {
      return (int) INT.get(values, i << 2);
    }
  }

  private static final class Longs extends Vector implements LongColumnVector {
    private final byte[] values;

    Longs(byte[] valid, byte[] values) {
      super(valid);
      this.values = values;
    }

    @Override
    public long getLong(int i) {
      return (long) LONG.get(values, i << 3);
    }
  }

  private static final class Floats extends Vector implements FloatColumnVector {
    private final byte[] values;

    Floats(byte[] valid, byte[] values) {
      super(valid);
      this.values = values;
    }

    @Override
    public float getFloat(int i) {
      return (float) FLOAT.get(values, i << 2);
    }
  }

  private static final class Doubles extends Vector implements DoubleColumnVector {
    private final byte[] values;

    Doubles(byte[] valid, byte[] values) {
      super(valid);
      this.values = values;
    }

    @Override
    public double getDouble(int i) {
      return (double) DOUBLE.get(values, i << 3);
    }
  }

  private static final class Decimals extends Vector implements DecimalColumnVector {
    private final byte[] values;

    Decimals(byte[] valid, byte[] values) {
      super(valid);
      this.values = values;
    }

    @Override
    public DecimalData getDecimal(int i, int precision, int scale) {
      int at = i << 4;
      if (precision <= LONG_DIGITS) {
        return DecimalData.fromUnscaledLong((long) LONG.get(values, at), precision, scale);
      }
      byte[] unscaled = new byte[16];
      for (int k = 0; k < unscaled.length; k++) {
        unscaled[k] = values[at + 15 - k];
      }
      BigDecimal value = new BigDecimal(new BigInteger(unscaled), scale);
      return DecimalData.fromBigDecimal(value, precision, scale);
    }
  }

  private static final class Timestamps extends Vector implements TimestampColumnVector {
    private final byte[] values;

    Timestamps(byte[] valid, byte[] values) {
      super(valid);
      this.values = values;
    }

    @Override
    public TimestampData getTimestamp(int i, int precision) {
      long micros = (long) LONG.get(values, i << 3);
      return TimestampData.fromEpochMillis(
          Math.floorDiv(micros, 1000L), (int) Math.floorMod(micros, 1000L) * 1000);
    }
  }

  private static final class Slices extends Vector implements BytesColumnVector {
    private final byte[] offsets;
    private final byte[] bytes;

    Slices(byte[] valid, byte[] offsets, byte[] bytes) {
      super(valid);
      this.offsets = offsets;
      this.bytes = bytes;
    }

    @Override
    public BytesColumnVector.Bytes getBytes(int i) {
      int from = (int) INT.get(offsets, i << 2);
      return new BytesColumnVector.Bytes(bytes, from, (int) INT.get(offsets, (i + 1) << 2) - from);
    }
  }

  private static final class Arrays extends Vector implements ArrayColumnVector {
    private final byte[] offsets;
    private final ColumnVector elements;

    Arrays(byte[] valid, byte[] offsets, ColumnVector elements) {
      super(valid);
      this.offsets = offsets;
      this.elements = elements;
    }

    @Override
    public ArrayData getArray(int i) {
      int from = (int) INT.get(offsets, i << 2);
      return new ColumnarArrayData(elements, from, (int) INT.get(offsets, (i + 1) << 2) - from);
    }
  }

  private static final class Rows extends Vector implements RowColumnVector {
    private final VectorizedColumnBatch members;

    Rows(byte[] valid, ColumnVector[] members) {
      super(valid);
      this.members = new VectorizedColumnBatch(members);
    }

    @Override
    public ColumnarRowData getRow(int i) {
      return new ColumnarRowData(members, i);
    }
  }
}
