package wayfed.jdbc;

import java.sql.SQLException;
import java.sql.Statement;

/**
 * Stops a statement in the database once the thread that waits for it is interrupted.
 *
 * <p>That is how Flink ends a task; a thread that waits for a socket does not notice by itself.
 */
final class Interruption {
  private static final long STEP_MILLISECONDS = 100;

  private final Thread waiting;
  private final Statement statement;
  private final Thread watch = new Thread(this::watch, "wayfed-query-watch");

  private Interruption(Thread waiting, Statement statement) {
    this.waiting = waiting;
    this.statement = statement;
  }

  static Interruption of(Thread waiting, Statement statement) {
    Interruption made = new Interruption(waiting, statement);
    made.watch.setDaemon(true);
    made.watch.start();
    return made;
  }

  private void watch() {
    try {
      while (!waiting.isInterrupted()) {
        Thread.sleep(STEP_MILLISECONDS);
      }
      statement.cancel();
    } catch (InterruptedException ended) {
      // nobody waits any longer
    } catch (SQLException gone) {
      // then there is nothing to stop
    }
  }

  void end() {
    watch.interrupt();
  }
}
