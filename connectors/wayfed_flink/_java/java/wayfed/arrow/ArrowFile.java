package wayfed.arrow;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** An Arrow IPC file or stream: where its record batches begin, and how many rows it has. */
final class ArrowFile {
  private static final byte[] MAGIC = "ARROW1\0\0".getBytes(StandardCharsets.US_ASCII);
  private static final int CONTINUATION = -1;
  private static final int PREFIX = 8;
  private static final int RECORD_BATCH = 3;

  private final String path;
  private final List<Long> batches;
  private final long rows;

  private ArrowFile(String path, List<Long> batches, long rows) {
    this.path = path;
    this.batches = batches;
    this.rows = rows;
  }

  String path() {
    return path;
  }

  List<Long> batches() {
    return batches;
  }

  long rows() {
    return rows;
  }

  static FileChannel open(String path) throws IOException {
    return FileChannel.open(Path.of(path), StandardOpenOption.READ);
  }

  /** Walks over the messages of a file and reads none of their bodies. */
  static ArrowFile scan(String path) throws IOException {
    List<Long> batches = new ArrayList<>();
    long rows = 0;
    try (FileChannel channel = open(path)) {
      long size = channel.size();
      long position = size >= PREFIX && isMagic(read(channel, 0, PREFIX)) ? PREFIX : 0;
      while (position + PREFIX <= size) {
        Message message = message(channel, position);
        if (message == null) {
          break;
        }
        if (message.kind() == RECORD_BATCH) {
          batches.add(position);
          rows += message.batch().rows();
        }
        position = message.bodyStart + message.bodyLength();
      }
    }
    return new ArrowFile(path, batches, rows);
  }

  /** Returns the record batch whose message is at a position that {@link #scan} found. */
  static Batch batch(FileChannel channel, long position) throws IOException {
    return message(channel, position).batch();
  }

  private static boolean isMagic(ByteBuffer bytes) {
    return Arrays.equals(bytes.array(), MAGIC);
  }

  private static Message message(FileChannel channel, long position) throws IOException {
    ByteBuffer prefix = read(channel, position, PREFIX);
    if (prefix.getInt(0) != CONTINUATION) {
      throw new IOException("no Arrow message at byte " + position);
    }
    int length = prefix.getInt(4);
    if (length == 0) {
      return null;
    }
    return new Message(
        channel, read(channel, position + PREFIX, length), position + PREFIX + length);
  }

  private static ByteBuffer read(FileChannel channel, long position, int length)
      throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining()) {
      if (channel.read(bytes, position + bytes.position()) < 0) {
        throw new EOFException("the file ends within a message, at byte " + position);
      }
    }
    return bytes;
  }

  /** The metadata of a message: a FlatBuffer, of which a table's fields are found by number. */
  private static final class Message {
    private final FileChannel channel;
    private final ByteBuffer bytes;
    private final long bodyStart;
    private final int root;

    Message(FileChannel channel, ByteBuffer bytes, long bodyStart) {
      this.channel = channel;
      this.bytes = bytes;
      this.bodyStart = bodyStart;
      this.root = bytes.getInt(0);
    }

    int kind() {
      int at = field(root, 1);
      return at == 0 ? 0 : bytes.get(at);
    }

    long bodyLength() {
      int at = field(root, 3);
      return at == 0 ? 0 : bytes.getLong(at);
    }

    Batch batch() throws IOException {
      int header = pointed(field(root, 2));
      if (field(header, 3) != 0) {
        throw new IOException("compressed record batches are not read");
      }
      int length = field(header, 0);
      return new Batch(this, length == 0 ? 0 : bytes.getLong(length), header);
    }

    /** Returns where a field of a table is; 0 where it has its default value. */
    int field(int table, int number) {
      int virtual = table - bytes.getInt(table);
      int entry = 4 + 2 * number;
      int offset = entry < bytes.getShort(virtual) ? bytes.getShort(virtual + entry) : 0;
      return offset == 0 ? 0 : table + offset;
    }

    int pointed(int at) {
      return at + bytes.getInt(at);
    }
  }

  /** A record batch: the lengths of its columns, and its buffers, each read when it is asked for. */
  static final class Batch {
    private static final int STRUCT = 16;

    private final Message message;
    private final long rows;
    private final int nodes;
    private final int buffers;

    private Batch(Message message, long rows, int header) {
      this.message = message;
      this.rows = rows;
      this.nodes = vector(message, header, 1);
      this.buffers = vector(message, header, 2);
    }

    private static int vector(Message message, int table, int number) {
      int at = message.field(table, number);
      return at == 0 ? 0 : message.pointed(at) + 4;
    }

    int rows() {
      return Math.toIntExact(rows);
    }

    int length(int node) {
      return Math.toIntExact(message.bytes.getLong(nodes + STRUCT * node));
    }

    boolean hasNulls(int node) {
      return message.bytes.getLong(nodes + STRUCT * node + 8) != 0;
    }

    int size(int buffer) {
      return Math.toIntExact(message.bytes.getLong(buffers + STRUCT * buffer + 8));
    }

    byte[] buffer(int number) throws IOException {
      long offset = message.bytes.getLong(buffers + STRUCT * number);
      return read(message.channel, message.bodyStart + offset, size(number)).array();
    }
  }
}
