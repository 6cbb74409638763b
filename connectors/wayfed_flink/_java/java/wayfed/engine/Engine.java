package wayfed.engine;

import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.flink.client.deployment.executors.RemoteExecutor;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.DeploymentOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.core.execution.DefaultExecutorServiceLoader;
import org.apache.flink.core.execution.PipelineExecutorServiceLoader;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.runtime.minicluster.RpcServiceSharing;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/** A Flink to run jobs on: one in this JVM, which is kept for all of them, or a cluster's. */
public final class Engine {
  private static final int PATIENCE_SECONDS = 15;

  private final Configuration settings;
  private final PipelineExecutorServiceLoader executors;
  private final MiniCluster cluster;

  /** Plans all jobs: Flink's planner finds its metadata in the thread that it was made in only. */
  private final ExecutorService planner =
      Executors.newSingleThreadExecutor(
          work -> {
            Thread thread = new Thread(work, "wayfed-planner");
            thread.setDaemon(true);
            return thread;
          });

  private Engine(
      Configuration settings, PipelineExecutorServiceLoader executors, MiniCluster cluster) {
    this.settings = settings;
    this.executors = executors;
    this.cluster = cluster;
  }

  /** What Python finds in a new JVM. */
  public static final class Starter {
    /** Starts a Flink in this JVM. */
    public Engine embedded(Map<String, String> values) throws Exception {
      Configuration settings = Configuration.fromMap(values);
      MiniCluster cluster =
          new MiniCluster(
              new MiniClusterConfiguration.Builder()
                  .setConfiguration(settings)
                  .setNumTaskManagers(1)
                  .setNumSlotsPerTaskManager(settings.get(TaskManagerOptions.NUM_TASK_SLOTS))
                  .setRpcServiceSharing(RpcServiceSharing.SHARED)
                  .build());
      cluster.start();
      settings.set(DeploymentOptions.TARGET, KeptCluster.NAME);
      settings.set(DeploymentOptions.ATTACHED, true);
      return new Engine(settings, new KeptCluster(cluster), cluster);
    }

    /** Submits to the session cluster that the settings name. */
    public Engine remote(Map<String, String> values) {
      Configuration settings = Configuration.fromMap(values);
      settings.set(DeploymentOptions.TARGET, RemoteExecutor.NAME);
      settings.set(DeploymentOptions.ATTACHED, true);
      return new Engine(settings, new DefaultExecutorServiceLoader(), null);
    }
  }

  /** Returns room for tables and functions that nobody else sees. */
  public Session session() throws Exception {
    StreamExecutionEnvironment environment =
        new StreamExecutionEnvironment(
            executors, new Configuration(settings), Engine.class.getClassLoader());
    return new Session(
        this, inPlanner(() -> StreamTableEnvironment.create(environment)), cluster == null);
  }

  /** Does what needs the planner, and fails as that does. */
  <T> T inPlanner(Callable<T> work) throws Exception {
    try {
      return planner.submit(work).get();
    } catch (ExecutionException failure) {
      if (failure.getCause() instanceof Exception) {
        throw (Exception) failure.getCause();
      }
      throw failure;
    }
  }

  /** Ends what runs in this JVM. */
  public void close() throws Exception {
    planner.shutdown();
    if (cluster != null) {
      cluster.closeAsync().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }
  }
}
