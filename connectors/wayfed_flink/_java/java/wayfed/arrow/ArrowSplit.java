package wayfed.arrow;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.core.io.InputSplit;

/** Some record batches of a file, for one task. */
final class ArrowSplit implements InputSplit {
  private static final long serialVersionUID = 1L;
  /** Few enough to be handed out quickly, many enough that no task waits long for the last one. */
  private static final int ABOUT = 64;

  private final int number;
  final String path;
  final long[] batches;

  private ArrowSplit(int number, String path, long[] batches) {
    this.number = number;
    this.path = path;
    this.batches = batches;
  }

  static ArrowSplit[] of(List<ArrowFile> files) {
    long all = files.stream().mapToLong(file -> file.batches().size()).sum();
    int each = Math.toIntExact((all + ABOUT - 1) / ABOUT);
    List<ArrowSplit> splits = new ArrayList<>();
    for (ArrowFile file : files) {
      List<Long> batches = file.batches();
      for (int from = 0; from < batches.size(); from += each) {
        int to = Math.min(from + each, batches.size());
        long[] part = batches.subList(from, to).stream().mapToLong(Long::longValue).toArray();
        splits.add(new ArrowSplit(splits.size(), file.path(), part));
      }
    }
    return splits.toArray(new ArrowSplit[0]);
  }

  @Override
  public int getSplitNumber() {
    return number;
  }
}
