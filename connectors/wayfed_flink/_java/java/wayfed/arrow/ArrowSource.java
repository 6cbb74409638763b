package wayfed.arrow;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.connector.source.InputFormatProvider;
import org.apache.flink.table.connector.source.ScanTableSource;
import org.apache.flink.table.connector.source.abilities.SupportsProjectionPushDown;
import org.apache.flink.table.connector.source.abilities.SupportsStatisticReport;
import org.apache.flink.table.plan.stats.TableStats;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;

/** Reads Arrow IPC files; of each batch only the columns that the query needs. */
final class ArrowSource
    implements ScanTableSource, SupportsProjectionPushDown, SupportsStatisticReport {
  private final List<String> files;
  private final RowType rows;
  private int[] columns;
  private List<ArrowFile> scanned;

  ArrowSource(List<String> files, RowType rows) {
    this(files, rows, IntStream.range(0, rows.getFieldCount()).toArray());
  }

  private ArrowSource(List<String> files, RowType rows, int[] columns) {
    this.files = files;
    this.rows = rows;
    this.columns = columns;
  }

  @Override
  public ChangelogMode getChangelogMode() {
    return ChangelogMode.insertOnly();
  }

  @Override
  public ScanRuntimeProvider getScanRuntimeProvider(ScanContext context) {
    return InputFormatProvider.of(new ArrowInput(ArrowSplit.of(scanned()), rows, columns));
  }

  @Override
  public boolean supportsNestedProjection() {
    return false;
  }

  @Override
  public void applyProjection(int[][] projected, DataType producedType) {
    columns = IntStream.range(0, projected.length).map(i -> projected[i][0]).toArray();
  }

  @Override
  public TableStats reportStatistics() {
    return new TableStats(scanned().stream().mapToLong(ArrowFile::rows).sum());
  }

  /** Where the batches are: found once, where the job is planned, so that only tasks read files. */
  private List<ArrowFile> scanned() {
    if (scanned == null) {
      List<ArrowFile> found = new ArrayList<>();
      try {
        for (String file : files) {
          found.add(ArrowFile.scan(file));
        }
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
      scanned = found;
    }
    return scanned;
  }

  @Override
  public DynamicTableSource copy() {
    ArrowSource copied = new ArrowSource(files, rows, columns);
    copied.scanned = scanned;
    return copied;
  }

  @Override
  public String asSummaryString() {
    return "Arrow files";
  }
}
