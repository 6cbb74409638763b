package wayfed.engine;

import java.net.InetAddress;
import org.apache.flink.api.python.shaded.py4j.GatewayServer;

/** The program of our JVM: Python calls it through Py4J, and it ends when Python lets go of it. */
public final class Gateway {
  private Gateway() {}

  /** Prints the port that is listened to, and ends with its standard input. */
  public static void main(String[] arguments) throws Exception {
    GatewayServer server =
        new GatewayServer.GatewayServerBuilder(new Engine.Starter())
            .javaPort(0)
            .javaAddress(InetAddress.getLoopbackAddress())
            .authToken(System.getenv("WAYFED_GATEWAY_TOKEN"))
            .build();
    server.start(true);
    System.out.println(server.getListeningPort());
    System.out.flush();
    System.setOut(System.err);
    while (System.in.read() >= 0) {
      continue;
    }
    Runtime.getRuntime().halt(0);
  }
}
