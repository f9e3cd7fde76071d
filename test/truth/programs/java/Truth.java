import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadLocalRandom;

/** The JDK's HttpServer with a pool (or virtual threads), calling on by HttpURLConnection or HttpClient. */
public final class Truth {
    private static final String NEXT = System.getenv("NEXT");
    private static final String CLIENT = System.getenv().getOrDefault("CLIENT", "url"); // url, sync, async
    /** Each call is made by a thread of its own. */
    private static final boolean BY_THREADS = "threads".equals(System.getenv("CALLS_BY"));
    private static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    /** Who makes calls beside the handler, or after it. */
    private static final ExecutorService HELPERS = Executors.newFixedThreadPool(64, task -> {
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        return thread;
    });

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
            String mode = query.getOrDefault("m", "seq");
            List<Future<?>> tasks = new ArrayList<>();
            for (int index = 1; index <= calls; index++) {
                String path = uri.getPath() + "." + index + "?" + uri.getRawQuery();
                Callable<?> one = () -> one(path, query);
                if (mode.equals("seq") && !BY_THREADS) one.call();
                else tasks.add(submit(one));
                if (mode.equals("seq") && BY_THREADS) tasks.get(index - 1).get();
            }
            if (mode.equals("par")) for (Future<?> task : tasks) task.get();
            Thread.sleep(Integer.parseInt(query.getOrDefault("p", "0")));
            byte[] body = "ok\n".getBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
        } catch (Exception error) {
            error.printStackTrace();
        } finally {
            exchange.close();
        }
    }

    private static Future<?> submit(Callable<?> one) {
        if (!BY_THREADS) return HELPERS.submit(one);
        FutureTask<?> task = new FutureTask<>(one);
        new Thread(task).start();
        return task;
    }

    private static void work(String kind) throws Exception {
        switch (kind) {
            case "cpu" -> { for (long end = System.nanoTime() + 1_000_000; System.nanoTime() < end; ) { } }
            case "sleep" -> Thread.sleep(ThreadLocalRandom.current().nextInt(1, 9));
            case "file" -> Files.readAllBytes(Path.of("/etc/services"));
            default -> { }
        }
    }

    private static Void one(String path, Map<String, String> query) throws Exception {
        work(query.getOrDefault("w", "none"));
        int patienceMs = Integer.parseInt(query.getOrDefault("t", "60000"));
        for (int attempt = 0; attempt < (query.containsKey("r") ? 2 : 1); attempt++) {
            if (call(path, patienceMs) != 503) break;
        }
        return null;
    }

    /** The status; 504 when nobody answers in time. */
    private static int call(String path, int patienceMs) throws Exception {
        URI uri = URI.create(NEXT + path);
        try {
            if (CLIENT.equals("url")) {
                HttpURLConnection connection = (HttpURLConnection) uri.toURL().openConnection();
                connection.setReadTimeout(patienceMs);
                int status = connection.getResponseCode();
                try (InputStream input = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
                    input.readAllBytes();
                }
                return status;
            }
            HttpRequest request = HttpRequest.newBuilder(uri).timeout(Duration.ofMillis(patienceMs)).build();
            if (CLIENT.equals("sync")) return HTTP.send(request, HttpResponse.BodyHandlers.ofString()).statusCode();
            return HTTP.sendAsync(request, HttpResponse.BodyHandlers.ofString()).get().statusCode();
        } catch (IOException | ExecutionException error) {
            return 504;
        }
    }
}
