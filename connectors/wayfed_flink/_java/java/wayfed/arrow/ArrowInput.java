package wayfed.arrow;

import java.io.IOException;
import java.nio.channels.FileChannel;
import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.api.common.io.DefaultInputSplitAssigner;
import org.apache.flink.api.common.io.RichInputFormat;
import org.apache.flink.api.common.io.statistics.BaseStatistics;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.io.InputSplitAssigner;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.columnar.ColumnarRowData;
import org.apache.flink.table.data.columnar.vector.ColumnVector;
import org.apache.flink.table.data.columnar.vector.VectorizedColumnBatch;
import org.apache.flink.table.types.logical.RowType;

/** Hands out the rows of record batches, which stay columns: a row is a place in them. */
final class ArrowInput extends RichInputFormat<RowData, ArrowSplit> {
  private static final long serialVersionUID = 1L;

  private final ArrowSplit[] splits;
  private final RowType rows;
  private final int[] columns;

  private transient LongCounter read;
  private transient FileChannel channel;
  private transient long[] batches;
  private transient int nextBatch;
  private transient VectorizedColumnBatch current;
  private transient int nextRow;

  ArrowInput(ArrowSplit[] splits, RowType rows, int[] columns) {
    this.splits = splits;
    this.rows = rows;
    this.columns = columns;
  }

  @Override
  public void configure(Configuration parameters) {}

  @Override
  public BaseStatistics getStatistics(BaseStatistics cached) {
    return cached;
  }

  @Override
  public ArrowSplit[] createInputSplits(int atLeast) {
    return splits;
  }

  @Override
  public InputSplitAssigner getInputSplitAssigner(ArrowSplit[] all) {
    return new DefaultInputSplitAssigner(all);
  }

  @Override
  public void openInputFormat() {
    read = getRuntimeContext().getLongCounter("wayfed.rows_read");
  }

  @Override
  public void open(ArrowSplit split) throws IOException {
    channel = ArrowFile.open(split.path);
    batches = split.batches;
    nextBatch = 0;
    current = null;
  }

  @Override
  public boolean reachedEnd() throws IOException {
    while (current == null || nextRow == current.getNumRows()) {
      if (nextBatch == batches.length) {
        return true;
      }
      load(ArrowFile.batch(channel, batches[nextBatch++]));
    }
    return false;
  }

  private void load(ArrowFile.Batch batch) throws IOException {
    ColumnVector[] vectors = new ColumnVector[columns.length];
    for (int i = 0; i < columns.length; i++) {
      vectors[i] = Vectors.column(batch, rows, columns[i]);
    }
    current = new VectorizedColumnBatch(vectors);
    current.setNumRows(batch.rows());
    nextRow = 0;
    read.add(batch.rows());
  }

  @Override
  public RowData nextRecord(RowData reuse) {
    return new ColumnarRowData(current, nextRow++);
  }

  @Override
  public void close() throws IOException {
    current = null;
    if (channel != null) {
      channel.close();
      channel = null;
    }
  }
}
