package wayfed.arrow;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.apache.flink.api.common.accumulators.ListAccumulator;
import org.apache.flink.api.common.io.RichOutputFormat;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.RowType;

/**
 * Writes the rows of one attempt of a task to a file of that attempt's own.
 *
 * <p>The file counts only if the attempt does: its name is in the list of {@link #COMMITTED}, and
 * of a job's lists Flink gives those of the attempts that finished, once the job has. What attempts
 * that failed have left is in no list.
 */
final class ArrowOutput extends RichOutputFormat<RowData> {
  /** The accumulator with a line for each file: name, rows and bytes, with spaces between. */
  static final String COMMITTED = "wayfed.files";

  private static final long serialVersionUID = 1L;
  private static final int MOST_ROWS = 32_768;
  private static final int MOST_BYTES = 64 << 20;

  private final String directory;
  private final byte[] schema;
  private final RowType rows;

  private transient ListAccumulator<String> committed;
  private transient String name;
  private transient FileChannel channel;
  private transient ColumnWriter[] columns;
  private transient int pending;
  private transient long written;

  ArrowOutput(String directory, byte[] schema, RowType rows) {
    this.directory = directory;
    this.schema = schema;
    this.rows = rows;
  }

  @Override
  public void configure(Configuration parameters) {}

  @Override
  public void open(InitializationContext context) {
    committed = new ListAccumulator<>();
    getRuntimeContext().addAccumulator(COMMITTED, committed);
    name = String.format("%05d-%d.arrows", context.getTaskNumber(), context.getAttemptNumber());
    columns = ColumnWriter.of(rows);
    pending = 0;
    written = 0;
  }

  @Override
  public void writeRecord(RowData row) throws IOException {
    int size = 0;
    for (int i = 0; i < columns.length; i++) {
      columns[i].write(row, i);
      size += columns[i].size();
    }
    if (++pending == MOST_ROWS || size > MOST_BYTES) {
      flush();
    }
  }

  private void flush() throws IOException {
    if (channel == null) {
      Path path = Path.of(directory, name);
      channel =
          FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
      write(List.of(ByteBuffer.wrap(schema)));
    }
    write(RecordBatch.message(columns, pending));
    written += pending;
    pending = 0;
    for (ColumnWriter column : columns) {
      column.reset();
    }
  }

  private void write(List<ByteBuffer> parts) throws IOException {
    for (ByteBuffer part : parts) {
      while (part.hasRemaining()) {
        channel.write(part);
      }
    }
  }

  /** Ends the file; also called where the attempt has failed, and then the list goes nowhere. */
  @Override
  public void close() throws IOException {
    if (columns == null) {
      return;
    }
    if (pending > 0) {
      flush();
    }
    columns = null;
    if (channel == null) {
      return;
    }
    write(List.of(RecordBatch.end()));
    long bytes = channel.position();
    channel.close();
    channel = null;
    committed.add(name + " " + written + " " + bytes);
  }
}
