package wayfed.jdbc;

import java.sql.Connection;
import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Collections;
import java.util.Properties;

/** Connects by a driver that came with the job. */
final class Drivers {
  private Drivers() {}

  static Connection connect(QueryFactory.Database database) throws SQLException {
    Driver driver = load(database.driver);
    Properties properties = new Properties();
    if (database.user != null) {
      properties.setProperty("user", database.user);
    }
    if (database.password != null) {
      properties.setProperty("password", database.password);
    }
    Connection connection = driver.connect(database.url, properties);
    if (connection == null) {
      throw new SQLException(database.driver + " does not know " + database.url);
    }
    return connection;
  }

  private static Driver load(String name) throws SQLException {
    try {
      ClassLoader loader = Drivers.class.getClassLoader();
      Driver driver =
          Class.forName(name, true, loader)
              .asSubclass(Driver.class)
              .getDeclaredConstructor()
              .newInstance();
      forget(driver.getClass());
      return driver;
    } catch (ReflectiveOperationException failure) {
      throw new SQLException("the driver " + name + " is not there", failure);
    }
  }

  /** Takes a driver off the JVM's list, which would keep the classes of a job that has ended. */
  private static void forget(Class<?> driver) throws SQLException {
    for (Driver listed : Collections.list(DriverManager.getDrivers())) {
      if (listed.getClass() == driver) {
        DriverManager.deregisterDriver(listed);
      }
    }
  }
}
