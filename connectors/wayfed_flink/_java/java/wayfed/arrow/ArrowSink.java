package wayfed.arrow;

import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.sink.OutputFormatProvider;
import org.apache.flink.table.types.logical.RowType;

/** Writes Arrow IPC streams, one for each task that has rows. */
final class ArrowSink implements DynamicTableSink {
  private final String directory;
  private final byte[] schema;
  private final RowType rows;

  ArrowSink(String directory, byte[] schema, RowType rows) {
    this.directory = directory;
    this.schema = schema;
    this.rows = rows;
  }

  @Override
  public ChangelogMode getChangelogMode(ChangelogMode requested) {
    return ChangelogMode.insertOnly();
  }

  @Override
  public SinkRuntimeProvider getSinkRuntimeProvider(Context context) {
    return OutputFormatProvider.of(new ArrowOutput(directory, schema, rows));
  }

  @Override
  public DynamicTableSink copy() {
    return new ArrowSink(directory, schema, rows);
  }

  @Override
  public String asSummaryString() {
    return "Arrow files";
  }
}
