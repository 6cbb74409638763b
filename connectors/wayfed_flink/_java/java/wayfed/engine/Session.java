package wayfed.engine;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.functions.UserDefinedFunction;

/** Tables and functions of their own, and the jobs over them. */
public final class Session {
  private final Engine engine;
  private final StreamTableEnvironment tables;
  private final Set<String> known = new HashSet<>();

  private final boolean far;

  Session(Engine engine, StreamTableEnvironment tables, boolean far) {
    this.engine = engine;
    this.tables = tables;
    this.far = far;
  }

  /**
   * Begins a job.
   *
   * @param name what people see it called
   * @param functions classes, by their names in SQL
   * @param statements make the tables of the job
   * @param insert the job itself
   * @param temporary names of tables that nobody needs once the job is planned
   */
  public Job submit(
      String name,
      Map<String, String> functions,
      List<String> statements,
      String insert,
      List<String> temporary)
      throws Exception {
    return engine.inPlanner(() -> begin(name, functions, statements, insert, temporary));
  }

  private Job begin(
      String name,
      Map<String, String> functions,
      List<String> statements,
      String insert,
      List<String> temporary)
      throws ClassNotFoundException {
    for (Map.Entry<String, String> function : functions.entrySet()) {
      if (known.add(function.getKey())) {
        Class<? extends UserDefinedFunction> body =
            Class.forName(function.getValue()).asSubclass(UserDefinedFunction.class);
        tables.createTemporarySystemFunction(function.getKey(), body);
      }
    }
    try {
      for (String statement : statements) {
        tables.executeSql(statement);
      }
      tables.getConfig().set(PipelineOptions.NAME, name);
      return new Job(tables.executeSql(insert).getJobClient().orElseThrow(), far);
    } finally {
      for (String table : temporary) {
        tables.dropTemporaryTable("`" + table.replace("`", "``") + "`");
      }
    }
  }
}
