package wayfed.engine;

import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.apache.flink.api.dag.Pipeline;
import org.apache.flink.client.FlinkPipelineTranslationUtil;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.PipelineExecutor;
import org.apache.flink.core.execution.PipelineExecutorFactory;
import org.apache.flink.core.execution.PipelineExecutorServiceLoader;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterJobClient;

/** Runs jobs on a cluster in this JVM, and keeps it; Flink's own way starts one for each job. */
final class KeptCluster
    implements PipelineExecutorServiceLoader, PipelineExecutorFactory, PipelineExecutor {
  static final String NAME = "wayfed";

  private final MiniCluster cluster;

  KeptCluster(MiniCluster cluster) {
    this.cluster = cluster;
  }

  @Override
  public CompletableFuture<JobClient> execute(
      Pipeline pipeline, Configuration settings, ClassLoader classes) {
    int parallelism = settings.get(CoreOptions.DEFAULT_PARALLELISM);
    JobGraph graph =
        FlinkPipelineTranslationUtil.getJobGraph(classes, pipeline, settings, parallelism);
    return cluster
        .submitJob(graph)
        .thenApply(
            submitted ->
                new MiniClusterJobClient(
                    submitted.getJobID(),
                    cluster,
                    classes,
                    MiniClusterJobClient.JobFinalizationBehavior.NOTHING));
  }

  @Override
  public PipelineExecutorFactory getExecutorFactory(Configuration settings) {
    return this;
  }

  @Override
  public Stream<String> getExecutorNames() {
    return Stream.of(NAME);
  }

  @Override
  public String getName() {
    return NAME;
  }

  @Override
  public boolean isCompatibleWith(Configuration settings) {
    return true;
  }

  @Override
  public PipelineExecutor getExecutor(Configuration settings) {
    return this;
  }
}
