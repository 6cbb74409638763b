package wayfed.arrow;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes the message of a record batch.
 *
 * <p>Its metadata is a FlatBuffer of a shape that never changes, so that each thing has its place:
 * the table Message, its RecordBatch, and the two vectors of nodes and buffers.
 */
final class RecordBatch {
  private static final int CONTINUATION = -1;
  private static final short VERSION_5 = 4;
  private static final byte RECORD_BATCH = 3;
  private static final int FIXED = 88;
  private static final int STRUCT = 16;
  private static final int ALIGNMENT = 8;

  private RecordBatch() {}

  static ByteBuffer end() {
    ByteBuffer bytes = little(8);
    bytes.putInt(CONTINUATION).putInt(0);
    return bytes.flip();
  }

  static List<ByteBuffer> message(ColumnWriter[] columns, int rows) {
    List<ColumnWriter> nodes = new ArrayList<>();
    for (ColumnWriter column : columns) {
      column.collect(nodes);
    }
    List<ByteBuffer> buffers = new ArrayList<>();
    for (ColumnWriter node : nodes) {
      node.buffers(buffers);
    }
    List<ByteBuffer> parts = new ArrayList<>();
    ByteBuffer metadata = little(FIXED + STRUCT * (nodes.size() + buffers.size()));
    parts.add(little(8).putInt(CONTINUATION).putInt(metadata.capacity()).flip());
    parts.add(metadata);
    int at = 80;
    metadata.putInt(76, nodes.size());
    for (ColumnWriter node : nodes) {
      metadata.putLong(at, node.rows()).putLong(at + 8, node.nulls());
      at += STRUCT;
    }
    metadata.putInt(at + 4, buffers.size());
    at += 8;
    long body = 0;
    for (ByteBuffer buffer : buffers) {
      metadata.putLong(at, body).putLong(at + 8, buffer.remaining());
      at += STRUCT;
      int padding = -buffer.remaining() & (ALIGNMENT - 1);
      body += buffer.remaining() + padding;
      parts.add(buffer);
      if (padding > 0) {
        parts.add(ByteBuffer.allocate(padding));
      }
    }
    tables(metadata, rows, nodes.size(), body);
    return parts;
  }

  private static void tables(ByteBuffer metadata, int rows, int nodes, long body) {
    metadata.putInt(0, 16);
    // Message: where version, kind, header and length of the body are; then they.
    putAll(metadata, 4, 12, 20, 4, 6, 16, 8);
    metadata.putInt(16, 12).putShort(20, VERSION_5).put(22, RECORD_BATCH);
    metadata.putLong(24, body).putInt(32, 56 - 32);
    // RecordBatch: where its length, nodes and buffers are; then they.
    putAll(metadata, 44, 10, 20, 8, 4, 16);
    metadata.putInt(56, 12).putInt(60, 76 - 60).putLong(64, rows);
    metadata.putInt(72, 84 + STRUCT * nodes - 72);
  }

  private static void putAll(ByteBuffer metadata, int at, int... shorts) {
    for (int i = 0; i < shorts.length; i++) {
      metadata.putShort(at + 2 * i, (short) shorts[i]);
    }
  }

  private static ByteBuffer little(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }
}
