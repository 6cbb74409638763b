package wayfed.engine;

import java.util.List;
import java.util.Map;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.functions.UserDefinedFunction;

/** Tables and functions of their own, and the jobs over them. */
public final class Session {
  private final StreamTableEnvironment tables;

  Session(StreamTableEnvironment tables, Map<String, String> functions)
      throws ClassNotFoundException {
    this.tables = tables;
    for (Map.Entry<String, String> function : functions.entrySet()) {
      Class<? extends UserDefinedFunction> body =
          Class.forName(function.getValue()).asSubclass(UserDefinedFunction.class);
      tables.createTemporarySystemFunction(function.getKey(), body);
    }
  }

  /** Runs statements that end at once, and then one that begins a job; returns the job. */
  public synchronized Job submit(String name, List<String> statements, String insert) {
    for (String statement : statements) {
      tables.executeSql(statement);
    }
    tables.getConfig().set(PipelineOptions.NAME, name);
    return new Job(tables.executeSql(insert).getJobClient().orElseThrow());
  }

  /** Returns how Flink would run a statement. */
  public synchronized String explain(List<String> statements, String query) {
    for (String statement : statements) {
      tables.executeSql(statement);
    }
    return tables.explainSql(query);
  }

  /** Forgets tables. */
  public synchronized void drop(List<String> names) {
    for (String name : names) {
      tables.dropTemporaryTable(name);
    }
  }
}
