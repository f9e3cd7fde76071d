import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.concurrent.Executors;

/** A server whose handlers are virtual threads that pause sixty times and call twice: {@code Pauses PORT UPSTREAM_PORT}. */
public final class Pauses {
    private static final int PAUSES = 30;
    private static final byte[] OK = "ok\n".getBytes();
    private static URI upstream;

    public static void main(String[] arguments) throws IOException {
        System.setProperty("http.maxConnections", "64");
        upstream = URI.create("http://127.0.0.1:" + arguments[1] + "/return/call");
        InetSocketAddress address = new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0]));
        HttpServer server = HttpServer.create(address, 256);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.createContext("/", Pauses::serve);
        server.start();
    }

    private static void serve(HttpExchange exchange) throws IOException {
        for (int call = 0; call < 2; call++) {
            for (int pause = 0; pause < PAUSES; pause++) Thread.yield();
            HttpURLConnection connection = (HttpURLConnection) upstream.toURL().openConnection();
            try (InputStream input = connection.getInputStream()) {
                input.readAllBytes();
            }
        }
        exchange.sendResponseHeaders(200, OK.length);
        exchange.getResponseBody().write(OK);
        exchange.close();
    }
}
