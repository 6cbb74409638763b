package wayfed.arrow;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.data.binary.BinaryStringData;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LocalZonedTimestampType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.TimestampType;

/** Collects the values of a column in the buffers that a record batch has for it. */
abstract class ColumnWriter {
  private final Buffer valid = new Buffer();
  private int rows;
  private int nulls;

  static ColumnWriter[] of(LogicalType rows) {
    return rows.getChildren().stream().map(ColumnWriter::forType).toArray(ColumnWriter[]::new);
  }

  private static ColumnWriter forType(LogicalType type) {
    switch (type.getTypeRoot()) {
      case BOOLEAN:
        return new Booleans();
      case TINYINT:
        return new Bytes();
      case SMALLINT:
        return new Shorts();
      case INTEGER:
      case DATE:
        return new Ints();
      case BIGINT:
        return new Longs();
      case FLOAT:
        return new Floats();
      case DOUBLE:
        return new Doubles();
      case DECIMAL:
        return new Decimals((DecimalType) type);
      case TIMESTAMP_WITHOUT_TIME_ZONE:
        return new Timestamps(((TimestampType) type).getPrecision());
      case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
        return new Timestamps(((LocalZonedTimestampType) type).getPrecision());
      case CHAR:
      case VARCHAR:
        return new Texts();
      case BINARY:
      case VARBINARY:
        return new Binaries();
      case ARRAY:
        return new Lists(type.getChildren().get(0));
      case ROW:
        return new Structs(type);
      default:
        throw new IllegalArgumentException("Arrow columns of " + type + " are not written");
    }
  }

  final void write(RowData row, int column) throws IOException {
    if (begin(row.isNullAt(column))) {
      take(row, column);
    } else {
      takeNull();
    }
  }

  final void write(ArrayData array, int position) throws IOException {
    if (begin(array.isNullAt(position))) {
      take(array, position);
    } else {
      takeNull();
    }
  }

  final void writeNull() {
    begin(true);
    takeNull();
  }

  private boolean begin(boolean isNull) {
    valid.putBit(rows++, !isNull);
    if (isNull) {
      nulls++;
    }
    return !isNull;
  }

  final int rows() {
    return rows;
  }

  final int nulls() {
    return nulls;
  }

  /** Adds itself and its members, as a record batch lists them. */
  void collect(List<ColumnWriter> nodes) {
    nodes.add(this);
  }

  void buffers(List<ByteBuffer> found) {
    found.add(nulls == 0 ? ByteBuffer.allocate(0) : valid.bytes());
  }

  void reset() {
    valid.clear();
    rows = 0;
    nulls = 0;
  }

  /** Returns about how many bytes the values take. */
  abstract int size();

  abstract void take(RowData row, int column) throws IOException;

  abstract void take(ArrayData array, int position) throws IOException;

  abstract void takeNull();

  /** Bytes that grow. */
  private static final class Buffer {
    private byte[] bytes = new byte[1024];
    private int size;

    int reserve(int more) {
      int at = size;
      size += more;
      if (size > bytes.length) {
        bytes = Arrays.copyOf(bytes, Math.max(size, bytes.length * 2));
      }
      return at;
    }

    void putBit(int number, boolean bit) {
      if (number >> 3 == size) {
        int at = reserve(1);
        bytes[at] = 0;
      }
      if (bit) {
        bytes[number >> 3] |= (byte) (1 << (number & 7));
      }
    }

    ByteBuffer bytes() {
      return ByteBuffer.wrap(bytes, 0, size);
    }

    void clear() {
      size = 0;
    }
  }

  private abstract static class Fixed extends ColumnWriter {
    final Buffer values = new Buffer();

    @Override
    final int size() {
      return values.size;
    }

    @Override
    final void buffers(List<ByteBuffer> found) {
      super.buffers(found);
      found.add(values.bytes());
    }

    @Override
    final void reset() {
      super.reset();
      values.clear();
    }

    final void putInt(int value) {
      Vectors.INT.set(at(4), last, value);
    }

    final void putLong(long value) {
      Vectors.LONG.set(at(8), last, value);
    }

    private int last;

    /** Makes room for a value; it begins at {@code last} of the bytes that are returned. */
    final byte[] at(int width) {
      last = values.reserve(width);
      return values.bytes;
    }

    final int last() {
      return last;
    }

    final void putZeros(int width) {
      byte[] bytes = at(width);
      Arrays.fill(bytes, last, last + width, (byte) 0);
    }
  }

  private static final class Booleans extends Fixed {
    private void put(boolean value) {
      values.putBit(rows() - 1, value);
    }

    @Override
    void take(RowData row, int column) {
      put(row.getBoolean(column));
    }

    @Override
    void take(ArrayData array, int position) {
      put(array.getBoolean(position));
    }

    @Override
    void takeNull() {
      put(false);
    }
  }

  private static final class Bytes extends Fixed {
    private void put(byte value) {
      byte[] bytes = at(1);
      bytes[last()] = value;
    }

    @Override
    void take(RowData row, int column) {
      put(row.getByte(column));
    }

    @Override
    void take(ArrayData array, int position) {
      put(array.getByte(position));
    }

    @Override
    void takeNull() {
      putZeros(1);
    }
  }

  private static final class Shorts extends Fixed {
    private void put(short value) {
      byte[] bytes = at(2);
      Vectors.SHORT.set(bytes, last(), value);
    }

    @Override
    void take(RowData row, int column) {
      put(row.getShort(column));
    }

    @Override
    void take(ArrayData array, int position) {
      put(array.getShort(position));
    }

    @Override
    void takeNull() {
      putZeros(2);
    }
  }

  private static final class Ints extends Fixed {
    @Override
    void take(RowData row, int column) {
      putInt(row.getInt(column));
    }

    @Override
    void take(ArrayData array, int position) {
      putInt(array.getInt(position));
    }

    @Override
    void takeNull() {
      putInt(0);
    }
  }

  private static final class Longs extends Fixed {
    @Override
    void take(RowData row, int column) {
      putLong(row.getLong(column));
    }

    @Override
    void take(ArrayData array, int position) {
      putLong(array.getLong(position));
    }

    @Override
    void takeNull() {
      putLong(0);
    }
  }

  private static final class Floats extends Fixed {
    @Override
    void take(RowData row, int column) {
      putInt(Float.floatToRawIntBits(row.getFloat(column)));
    }

    @Override
    void take(ArrayData array, int position) {
      putInt(Float.floatToRawIntBits(array.getFloat(position)));
    }

    @Override
    void takeNull() {
      putInt(0);
    }
  }

  private static final class Doubles extends Fixed {
    @Override
    void take(RowData row, int column) {
      putLong(Double.doubleToRawLongBits(row.getDouble(column)));
    }

    @Override
    void take(ArrayData array, int position) {
      putLong(Double.doubleToRawLongBits(array.getDouble(position)));
    }

    @Override
    void takeNull() {
      putLong(0);
    }
  }

  private static final class Decimals extends Fixed {
    private final int precision;
    private final int scale;

    Decimals(DecimalType type) {
      precision = type.getPrecision();
      scale = type.getScale();
    }

    private void put(DecimalData value) {
      if (value.isCompact()) {
        long unscaled = value.toUnscaledLong();
        putLong(unscaled);
        putLong(unscaled >> 63);
        return;
      }
      BigInteger unscaled = value.toBigDecimal().unscaledValue();
      putLong(unscaled.longValue());
      putLong(unscaled.shiftRight(64).longValue());
    }

    @Override
    void take(RowData row, int column) {
      put(row.getDecimal(column, precision, scale));
    }

    @Override
    void take(ArrayData array, int position) {
      put(array.getDecimal(position, precision, scale));
    }

    @Override
    void takeNull() {
      putZeros(16);
    }
  }

  private static final class Timestamps extends Fixed {
    private final int precision;

    Timestamps(int precision) {
      this.precision = precision;
    }

    private void put(TimestampData value) {
      putLong(value.getMillisecond() * 1000 + value.getNanoOfMillisecond() / 1000);
    }

    @Override
    void take(RowData row, int column) {
      put(row.getTimestamp(column, precision));
    }

    @Override
    void take(ArrayData array, int position) {
      put(array.getTimestamp(position, precision));
    }

    @Override
    void takeNull() {
      putLong(0);
    }
  }

  /** Where in something else the values of each row end. */
  private abstract static class Offsets extends ColumnWriter {
    private final Buffer offsets = new Buffer();

    Offsets() {
      end(0);
    }

    final void end(int offset) {
      int at = offsets.reserve(4);
      Vectors.INT.set(offsets.bytes, at, offset);
    }

    @Override
    void buffers(List<ByteBuffer> found) {
      super.buffers(found);
      found.add(offsets.bytes());
    }

    @Override
    void reset() {
      super.reset();
      offsets.clear();
      end(0);
    }
  }

  private abstract static class Slices extends Offsets {
    final Buffer values = new Buffer();

    @Override
    final int size() {
      return values.size;
    }

    @Override
    final void buffers(List<ByteBuffer> found) {
      super.buffers(found);
      found.add(values.bytes());
    }

    @Override
    final void reset() {
      super.reset();
      values.clear();
    }

    final void put(byte[] value) {
      int at = values.reserve(value.length);
      System.arraycopy(value, 0, values.bytes, at, value.length);
      end(values.size);
    }

    @Override
    final void takeNull() {
      end(values.size);
    }
  }

  private static final class Texts extends Slices {
    private void put(StringData text) {
      BinaryStringData value = (BinaryStringData) text;
      value.ensureMaterialized();
      int length = value.getSizeInBytes();
      if (value.getSegments().length > 1) {
        put(value.toBytes());
        return;
      }
      int at = values.reserve(length);
      value.getSegments()[0].get(value.getOffset(), values.bytes, at, length);
      end(values.size);
    }

    @Override
    void take(RowData row, int column) {
      put(row.getString(column));
    }

    @Override
    void take(ArrayData array, int position) {
      put(array.getString(position));
    }
  }

  private static final class Binaries extends Slices {
    @Override
    void take(RowData row, int column) {
      put(row.getBinary(column));
    }

    @Override
    void take(ArrayData array, int position) {
      put(array.getBinary(position));
    }
  }

  private static final class Lists extends Offsets {
    private final ColumnWriter elements;

    Lists(LogicalType element) {
      elements = forType(element);
    }

    private void put(ArrayData array) throws IOException {
      for (int i = 0; i < array.size(); i++) {
        elements.write(array, i);
      }
      end(elements.rows());
    }

    @Override
    int size() {
      return elements.size();
    }

    @Override
    void collect(List<ColumnWriter> nodes) {
      super.collect(nodes);
      elements.collect(nodes);
    }

    @Override
    void reset() {
      super.reset();
      elements.reset();
    }

    @Override
    void take(RowData row, int column) throws IOException {
      put(row.getArray(column));
    }

    @Override
    void take(ArrayData array, int position) throws IOException {
      put(array.getArray(position));
    }

    @Override
    void takeNull() {
      end(elements.rows());
    }
  }

  private static final class Structs extends ColumnWriter {
    private final ColumnWriter[] members;

    Structs(LogicalType type) {
      members = of(type);
    }

    private void put(RowData row) throws IOException {
      for (int i = 0; i < members.length; i++) {
        members[i].write(row, i);
      }
    }

    @Override
    int size() {
      return Arrays.stream(members).mapToInt(ColumnWriter::size).sum();
    }

    @Override
    void collect(List<ColumnWriter> nodes) {
      super.collect(nodes);
      for (ColumnWriter member : members) {
        member.collect(nodes);
      }
    }

    @Override
    void reset() {
      super.reset();
      for (ColumnWriter member : members) {
        member.reset();
      }
    }

    @Override
    void take(RowData row, int column) throws IOException {
      put(row.getRow(column, members.length));
    }

    @Override
    void take(ArrayData array, int position) throws IOException {
      put(array.getRow(position, members.length));
    }

    @Override
    void takeNull() {
      for (ColumnWriter member : members) {
        member.writeNull();
      }
    }
  }
}
