package wayfed.engine;

import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.core.execution.JobClient;

/** A job that was begun. */
public final class Job {
  private static final String FILES = "wayfed.files";
  private static final String ROWS_READ = "wayfed.rows_read";
  private static final long STEP_MILLISECONDS = 10;

  private static final long BEAT_MILLISECONDS = 5_000;
  private static final long ALIVE_MILLISECONDS = 60_000;

  private final JobClient client;
  private final boolean far;

  Job(JobClient client, boolean far) {
    this.client = client;
    this.far = far;
  }

  /** Returns the number that Flink knows the job by. */
  public String id() {
    return client.getJobID().toHexString();
  }

  /**
   * Waits for the end; throws what the job failed of.
   *
   * @return a line with milliseconds and rows read, and a line for each file that was written
   */
  public String result() throws Exception {
    if (far) {
      follow();
    }
    JobExecutionResult result = client.getJobExecutionResult().get();
    Map<String, Object> counted = result.getAllAccumulatorResults();
    StringBuilder told = new StringBuilder();
    told.append(result.getNetRuntime()).append(' ').append(counted.getOrDefault(ROWS_READ, 0L));
    for (Object file : (List<?>) counted.getOrDefault(FILES, List.of())) {
      told.append('\n').append(file);
    }
    return told.toString();
  }

  /** Waits by short steps; the client of a cluster would ask at longer and longer intervals. */
  private void follow() throws Exception {
    long beat = 0;
    while (!client.getJobStatus().get().isGloballyTerminalState()) {
      long now = System.currentTimeMillis();
      if (now > beat) {
        client.reportHeartbeat(now + ALIVE_MILLISECONDS);
        beat = now + BEAT_MILLISECONDS;
      }
      Thread.sleep(STEP_MILLISECONDS);
    }
  }

  /** Stops the job; returns at once. */
  public void cancel() {
    client.cancel();
  }
}
