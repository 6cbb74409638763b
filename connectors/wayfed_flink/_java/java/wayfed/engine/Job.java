package wayfed.engine;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.core.execution.JobClient;

/** A job that was begun. */
public final class Job {
  private static final long STEP_MILLISECONDS = 10;

  private final JobClient client;

  Job(JobClient client) {
    this.client = client;
  }

  /** Returns the number that Flink knows the job by. */
  public String id() {
    return client.getJobID().toHexString();
  }

  /** Waits for the end, and returns what tasks counted; throws what the job failed of. */
  public Map<String, Object> result() throws Exception {
    // The client of a cluster asks for the result at longer and longer intervals.
    while (!client.getJobStatus().get().isGloballyTerminalState()) {
      Thread.sleep(STEP_MILLISECONDS);
    }
    JobExecutionResult result = client.getJobExecutionResult().get();
    Map<String, Object> counted = new HashMap<>(result.getAllAccumulatorResults());
    counted.putIfAbsent("wayfed.files", List.of());
    counted.put("wayfed.milliseconds", result.getNetRuntime());
    return counted;
  }

  /** Stops the job; returns at once. */
  public void cancel() {
    client.cancel();
  }
}
