package wayfed.jdbc;

import java.io.Serializable;
import java.util.List;
import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.factories.DynamicTableSourceFactory;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.table.types.logical.RowType;

/**
 * Tables that are what a database answers to queries: {@code 'connector'='wayfed-query'}.
 *
 * <p>Each query of {@code 'queries'} gives a part of the rows, on a connection of its own that has
 * begun with {@code 'begin'}. Columns are told by position; times are integers, see {@link
 * QueryInput}.
 */
public final class QueryFactory implements DynamicTableSourceFactory {
  private static final ConfigOption<String> URL = text("url");
  private static final ConfigOption<String> DRIVER = text("driver");
  private static final ConfigOption<String> USER = text("user");
  private static final ConfigOption<String> PASSWORD = text("password");
  private static final ConfigOption<String> BEGIN = text("begin");
  private static final ConfigOption<List<String>> QUERIES =
      ConfigOptions.key("queries").stringType().asList().noDefaultValue();

  private static ConfigOption<String> text(String name) {
    return ConfigOptions.key(name).stringType().noDefaultValue();
  }

  @Override
  public String factoryIdentifier() {
    return "wayfed-query";
  }

  @Override
  public Set<ConfigOption<?>> requiredOptions() {
    return Set.of(URL, DRIVER, BEGIN, QUERIES);
  }

  @Override
  public Set<ConfigOption<?>> optionalOptions() {
    return Set.of(USER, PASSWORD);
  }

  @Override
  public DynamicTableSource createDynamicTableSource(Context context) {
    FactoryUtil.TableFactoryHelper helper = FactoryUtil.createTableFactoryHelper(this, context);
    helper.validate();
    ReadableConfig options = helper.getOptions();
    Database database = new Database();
    database.url = options.get(URL);
    database.driver = options.get(DRIVER);
    database.user = options.get(USER);
    database.password = options.get(PASSWORD);
    database.begin = options.get(BEGIN);
    RowType rows = (RowType) context.getPhysicalRowDataType().getLogicalType();
    return new QuerySource(database, options.get(QUERIES), rows);
  }

  /** Where queries are put to, and how a connection begins. */
  static final class Database implements Serializable {
    private static final long serialVersionUID = 1L;

    String url;
    String driver;
    String user;
    String password;
    String begin;
  }
}
