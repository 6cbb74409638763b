package wayfed.jdbc;

import java.io.IOException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.api.common.io.DefaultInputSplitAssigner;
import org.apache.flink.api.common.io.RichInputFormat;
import org.apache.flink.api.common.io.statistics.BaseStatistics;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.io.GenericInputSplit;
import org.apache.flink.core.io.InputSplitAssigner;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.logical.RowType;

/**
 * Hands out the rows of queries: one query is one split, asked on a connection of its own.
 *
 * <p>A query that is asked again has the same rows, as all connections see one snapshot.
 */
final class QueryInput extends RichInputFormat<RowData, GenericInputSplit> {
  private static final long serialVersionUID = 1L;
  private static final int ROWS_AT_ONCE = 10_000;

  private final QueryFactory.Database database;
  private final List<String> queries;
  private final RowType rows;

  private transient LongCounter read;
  private transient CellReader[] cells;
  private transient Connection connection;
  private transient Interruption interruption;
  private transient ResultSet found;
  private transient boolean ended;

  QueryInput(QueryFactory.Database database, List<String> queries, RowType rows) {
    this.database = database;
    this.queries = queries;
    this.rows = rows;
  }

  @Override
  public void configure(Configuration parameters) {}

  @Override
  public BaseStatistics getStatistics(BaseStatistics cached) {
    return cached;
  }

  @Override
  public GenericInputSplit[] createInputSplits(int atLeast) {
    GenericInputSplit[] splits = new GenericInputSplit[queries.size()];
    for (int number = 0; number < splits.length; number++) {
      splits[number] = new GenericInputSplit(number, splits.length);
    }
    return splits;
  }

  @Override
  public InputSplitAssigner getInputSplitAssigner(GenericInputSplit[] all) {
    return new DefaultInputSplitAssigner(all);
  }

  @Override
  public void openInputFormat() {
    read = getRuntimeContext().getLongCounter("wayfed.rows_read");
    cells = CellReader.of(rows);
  }

  @Override
  public void open(GenericInputSplit split) throws IOException {
    try {
      connection = Drivers.connect(database);
      connection.setAutoCommit(false); // what begins, begins a transaction
      Statement statement = connection.createStatement();
      interruption = Interruption.of(Thread.currentThread(), statement);
      statement.execute(database.begin);
      statement.setFetchSize(ROWS_AT_ONCE);
      found = statement.executeQuery(queries.get(split.getSplitNumber()));
      advance();
    } catch (SQLException failure) {
      close();
      throw new IOException(failure);
    }
  }

  private void advance() throws SQLException {
    ended = !found.next();
  }

  @Override
  public boolean reachedEnd() {
    return ended;
  }

  @Override
  public RowData nextRecord(RowData reuse) throws IOException {
    try {
      GenericRowData row = new GenericRowData(cells.length);
      for (int i = 0; i < cells.length; i++) {
        row.setField(i, cells[i].read(found, i + 1));
      }
      read.add(1);
      advance();
      return row;
    } catch (SQLException failure) {
      throw new IOException(failure);
    }
  }

  @Override
  public void close() throws IOException {
    if (interruption != null) {
      interruption.end();
      interruption = null;
    }
    found = null;
    if (connection != null) {
      try {
        connection.close();
      } catch (SQLException failure) {
        throw new IOException(failure);
      } finally {
        connection = null;
      }
    }
  }
}
