import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;

/** The JDK's HttpServer with a pool (or virtual threads), calling on by HttpURLConnection or HttpClient. */
public final class Truth {
    private static final String NEXT = System.getenv("NEXT");
    private static final String CLIENT = System.getenv().getOrDefault("CLIENT", "url"); // url, sync, async
    private static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    public static void main(String[] arguments) throws Exception {
        System.setProperty("http.maxConnections", "256");
        int port = Integer.parseInt(System.getenv("PORT"));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 256);
        server.setExecutor(executor());
        server.createContext("/h/", Truth::serve);
        server.start();
    }

    private static ExecutorService executor() throws Exception {
        if (!"virtual".equals(System.getenv("THREADS"))) return Executors.newFixedThreadPool(128);
        return (ExecutorService) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
    }

    private static void serve(HttpExchange exchange) {
        try {
            URI uri = exchange.getRequestURI();
            Map<String, String> query = new HashMap<>();
            for (String pair : uri.getRawQuery().split("&")) {
                String[] parts = pair.split("=", 2);
                query.put(parts[0], parts[1]);
            }
            int calls = Integer.parseInt(query.getOrDefault("n", "1"));
            for (int index = 1; index <= calls; index++) {
                work(query.getOrDefault("w", "none"));
                call(uri.getPath() + "." + index + "?" + uri.getRawQuery());
            }
            byte[] body = "ok\n".getBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
        } catch (Exception error) {
            error.printStackTrace();
        } finally {
            exchange.close();
        }
    }

    private static void work(String kind) throws Exception {
        switch (kind) {
            case "cpu" -> { for (long end = System.nanoTime() + 1_000_000; System.nanoTime() < end; ) { } }
            case "sleep" -> Thread.sleep(ThreadLocalRandom.current().nextInt(1, 9));
            case "file" -> Files.readAllBytes(Path.of("/etc/services"));
            default -> { }
        }
    }

    private static void call(String path) throws Exception {
        URI uri = URI.create(NEXT + path);
        if (CLIENT.equals("url")) {
            HttpURLConnection connection = (HttpURLConnection) uri.toURL().openConnection();
            try (InputStream input = connection.getInputStream()) {
                input.readAllBytes();
            }
            return;
        }
        HttpRequest request = HttpRequest.newBuilder(uri).build();
        Callable<?> send = CLIENT.equals("sync")
            ? () -> HTTP.send(request, HttpResponse.BodyHandlers.ofString())
            : () -> HTTP.sendAsync(request, HttpResponse.BodyHandlers.ofString()).get();
        send.call();
    }
}
