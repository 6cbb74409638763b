package wayfed.jdbc;

import java.util.List;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.connector.source.InputFormatProvider;
import org.apache.flink.table.connector.source.ScanTableSource;
import org.apache.flink.table.types.logical.RowType;

/** Reads what a database answers. Filters and columns are in the queries already. */
final class QuerySource implements ScanTableSource {
  private final QueryFactory.Database database;
  private final List<String> queries;
  private final RowType rows;

  QuerySource(QueryFactory.Database database, List<String> queries, RowType rows) {
    this.database = database;
    this.queries = queries;
    this.rows = rows;
  }

  @Override
  public ChangelogMode getChangelogMode() {
    return ChangelogMode.insertOnly();
  }

  @Override
  public ScanRuntimeProvider getScanRuntimeProvider(ScanContext context) {
    return InputFormatProvider.of(new QueryInput(database, List.copyOf(queries), rows));
  }

  @Override
  public DynamicTableSource copy() {
    return new QuerySource(database, queries, rows);
  }

  @Override
  public String asSummaryString() {
    return "queries to a database";
  }
}
