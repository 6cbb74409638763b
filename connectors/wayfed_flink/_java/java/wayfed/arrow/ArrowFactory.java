package wayfed.arrow;

import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.factories.DynamicTableSinkFactory;
import org.apache.flink.table.factories.DynamicTableSourceFactory;
import org.apache.flink.table.factories.FactoryUtil;
import org.apache.flink.table.types.logical.RowType;

/**
 * Tables over Arrow IPC files: {@code 'connector'='wayfed-arrow'}.
 *
 * <p>A table to read names its files in {@code 'files'}; one to write names a directory in {@code
 * 'directory'} and, in {@code 'schema'}, the Arrow schema message in base 64 with which each of its
 * files begins. Columns are told by position.
 */
public final class ArrowFactory implements DynamicTableSourceFactory, DynamicTableSinkFactory {
  private static final ConfigOption<List<String>> FILES =
      ConfigOptions.key("files").stringType().asList().noDefaultValue();
  private static final ConfigOption<String> DIRECTORY =
      ConfigOptions.key("directory").stringType().noDefaultValue();
  private static final ConfigOption<String> SCHEMA =
      ConfigOptions.key("schema").stringType().noDefaultValue();

  @Override
  public String factoryIdentifier() {
    return "wayfed-arrow";
  }

  @Override
  public Set<ConfigOption<?>> requiredOptions() {
    return Collections.emptySet();
  }

  @Override
  public Set<ConfigOption<?>> optionalOptions() {
    return Set.of(FILES, DIRECTORY, SCHEMA);
  }

  @Override
  public DynamicTableSource createDynamicTableSource(Context context) {
    RowType rows = (RowType) context.getPhysicalRowDataType().getLogicalType();
    return new ArrowSource(options(context).get(FILES), rows);
  }

  @Override
  public DynamicTableSink createDynamicTableSink(Context context) {
    ReadableConfig options = options(context);
    RowType rows = (RowType) context.getPhysicalRowDataType().getLogicalType();
    byte[] schema = Base64.getDecoder().decode(options.get(SCHEMA));
    return new ArrowSink(options.get(DIRECTORY), schema, rows);
  }

  private ReadableConfig options(Context context) {
    FactoryUtil.TableFactoryHelper helper = FactoryUtil.createTableFactoryHelper(this, context);
    helper.validate();
    return helper.getOptions();
  }
}
