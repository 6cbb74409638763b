package wayfed.jdbc;

import java.math.BigDecimal;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.types.logical.DecimalType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RowType;

/**
 * Reads a column of a database's answer as Flink has its values.
 *
 * <p>Dates come as days and timestamps as microseconds since 1970: a driver would take them through
 * the zone and the calendar of its machine.
 */
@FunctionalInterface
interface CellReader {
  /** Returns the value in a column, counted from 1, of the current row; or null. */
  Object read(ResultSet rows, int column) throws SQLException;

  static CellReader[] of(RowType rows) {
    return rows.getChildren().stream().map(CellReader::forType).toArray(CellReader[]::new);
  }

  private static CellReader forType(LogicalType type) {
    switch (type.getTypeRoot()) {
      case BOOLEAN:
        return orNull(ResultSet::getBoolean);
      case TINYINT:
        return orNull(ResultSet::getByte);
      case SMALLINT:
        return orNull(ResultSet::getShort);
      case INTEGER:
      case DATE:
        return orNull(ResultSet::getInt);
      case BIGINT:
        return orNull(ResultSet::getLong);
      case FLOAT:
        return orNull(ResultSet::getFloat);
      case DOUBLE:
        return orNull(ResultSet::getDouble);
      case DECIMAL:
        return decimal((DecimalType) type);
      case TIMESTAMP_WITHOUT_TIME_ZONE:
      case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
        return orNull((rows, column) -> timestamp(rows.getLong(column)));
      case CHAR:
      case VARCHAR:
        return (rows, column) -> StringData.fromString(rows.getString(column));
      case BINARY:
      case VARBINARY:
        return ResultSet::getBytes;
      default:
        throw new IllegalArgumentException("columns of " + type + " are not read from a database");
    }
  }

  private static CellReader orNull(CellReader reader) {
    return (rows, column) -> {
      Object value = reader.read(rows, column);
      return rows.wasNull() ? null : value;
    };
  }

  private static CellReader decimal(DecimalType type) {
    return (rows, column) -> {
      BigDecimal value = rows.getBigDecimal(column);
      return value == null
          ? null
          : DecimalData.fromBigDecimal(value, type.getPrecision(), type.getScale());
    };
  }

  private static TimestampData timestamp(long microseconds) {
    long milliseconds = Math.floorDiv(microseconds, 1000L);
    int nanoseconds = (int) Math.floorMod(microseconds, 1000L) * 1000;
    return TimestampData.fromEpochMillis(milliseconds, nanoseconds);
  }
}
