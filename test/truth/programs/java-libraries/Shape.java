import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;

/** What a handler is asked to do by its query, and how it does it. */
final class Shape {
    private static final String HELP = System.getenv().getOrDefault("HELPERS", "pool"); // pool, common, virtual

    /** Who makes calls beside the handler, or after it. */
    private static final ExecutorService HELPERS = HELP.equals("virtual") ? virtualThreads() : Executors.newFixedThreadPool(64, Shape::daemon);

    final String path;
    final String rawQuery;
    private final Map<String, String> query = new HashMap<>();
    final int calls;
    final String mode;

    Shape(String uri) {
        URI parsed = URI.create(uri);
        path = parsed.getRawPath();
        rawQuery = parsed.getRawQuery();
        for (String pair : rawQuery.split("&")) {
            String[] parts = pair.split("=", 2);
            query.put(parts[0], parts[1]);
        }
        calls = Integer.parseInt(query.getOrDefault("n", "1"));
        mode = query.getOrDefault("m", "seq");
    }

    static Thread daemon(Runnable task) {
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        return thread;
    }

    static ExecutorService virtualThreads() {
        try {
            return (ExecutorService) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }

    boolean callsAfterwards() {
        return mode.equals("after");
    }

    /** In the thread of the handler. */
    void serve(Client client) throws Exception {
        List<Future<?>> tasks = new ArrayList<>();
        for (int index = 1; index <= calls; index++) {
            int number = index;
            Callable<?> one = () -> one(client, number);
            if (mode.equals("par")) tasks.add(submit(one));
            else one.call();
        }
        for (Future<?> task : tasks) task.get();
        Thread.sleep(Integer.parseInt(query.getOrDefault("p", "0")));
    }

    /** Nobody waits for it. */
    void goOn(Client client) {
        for (int index = 1; index <= calls; index++) {
            int number = index;
            submit(() -> one(client, number));
        }
    }

    /** On an event loop. */
    CompletableFuture<?> serveLater(AsyncClient client) {
        if (!mode.equals("par")) return laterFrom(client, 1);
        List<CompletableFuture<?>> all = new ArrayList<>();
        for (int index = 1; index <= calls; index++) all.add(client.call(path + "." + index, rawQuery));
        return CompletableFuture.allOf(all.toArray(CompletableFuture[]::new));
    }

    private CompletableFuture<?> laterFrom(AsyncClient client, int index) {
        if (index > calls) return CompletableFuture.completedFuture(null);
        return client.call(path + "." + index, rawQuery).thenCompose(done -> laterFrom(client, index + 1));
    }

    private static Future<?> submit(Callable<?> one) {
        if (!HELP.equals("common")) return HELPERS.submit(one);
        return CompletableFuture.supplyAsync(() -> {
            try {
                return one.call();
            } catch (Exception error) {
                throw new IllegalStateException(error);
            }
        });
    }

    private Void one(Client client, int index) throws Exception {
        work(query.getOrDefault("w", "none"));
        for (int attempt = 0; attempt < (query.containsKey("r") ? 2 : 1); attempt++) {
            try {
                if (client.call(path + "." + index, rawQuery) != 503) break;
            } catch (IOException timeout) {
                continue;
            }
        }
        return null;
    }

    private static void work(String kind) throws Exception {
        switch (kind) {
            case "cpu" -> { for (long end = System.nanoTime() + 1_000_000; System.nanoTime() < end; ) { } }
            case "sleep" -> Thread.sleep(ThreadLocalRandom.current().nextInt(1, 9));
            case "file" -> Files.readAllBytes(Path.of("/etc/services"));
            default -> { }
        }
    }

    interface Client {
        int call(String path, String query) throws Exception;
    }

    interface AsyncClient {
        CompletableFuture<?> call(String path, String query);
    }
}
