import io.vertx.core.AbstractVerticle;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.PoolOptions;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.client.WebClient;
import io.vertx.ext.web.client.WebClientOptions;
import io.vertx.pgclient.PgBuilder;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

/** A verticle of Vert.x: it reads, calls and answers on one event loop. NEXT says whether it calls over HTTP or PostgreSQL. */
public class Loop extends AbstractVerticle {
    private static final String NEXT = System.getenv("NEXT");
    private static final int MAX_WORK_MS = 9;

    private Caller caller;

    interface Caller {
        Future<Integer> call(String path, String query);
    }

    public static void main(String[] arguments) {
        Vertx.vertx().deployVerticle(new Loop());
    }

    @Override
    public void start() {
        caller = NEXT.startsWith("postgres") ? postgres() : http();
        Router router = Router.router(vertx);
        router.get("/h/:id").handler(this::serve);
        vertx.createHttpServer(new HttpServerOptions().setAcceptBacklog(256)).requestHandler(router)
            .listen(Integer.parseInt(System.getenv("PORT")), "127.0.0.1");
    }

    private Caller http() {
        URI next = URI.create(NEXT);
        WebClient client = WebClient.create(vertx, new WebClientOptions(), new PoolOptions().setHttp1MaxSize(256));
        return (path, query) -> client.get(next.getPort(), next.getHost(), path + "?" + query).send().map(response -> response.statusCode());
    }

    private Caller postgres() {
        var pool = PgBuilder.pool().with(new io.vertx.sqlclient.PoolOptions().setMaxSize(40)).connectingTo(NEXT).using(vertx).build();
        return (path, query) -> pool.query("SELECT 1 AS \"" + path + "\"").execute().map(200);
    }

    private void serve(RoutingContext context) {
        MultiMap query = context.queryParams();
        int calls = query.contains("n") ? Integer.parseInt(query.get("n")) : 1;
        String mode = query.contains("m") ? query.get("m") : "seq";
        if (mode.equals("after")) {
            context.response().end("ok\n");
            from(context, 1, calls);
            return;
        }
        Future<?> done = mode.equals("par") ? atOnce(context, calls) : from(context, 1, calls);
        done.compose(all -> sleep(query.contains("p") ? Long.parseLong(query.get("p")) : 0))
            .onComplete(all -> context.response().end("ok\n"));
    }

    private Future<?> atOnce(RoutingContext context, int calls) {
        List<Future<?>> all = new ArrayList<>();
        for (int index = 1; index <= calls; index++) all.add(one(context, index));
        return Future.all(all);
    }

    private Future<?> from(RoutingContext context, int index, int calls) {
        return index > calls ? Future.succeededFuture() : one(context, index).compose(done -> from(context, index + 1, calls));
    }

    private Future<?> one(RoutingContext context, int index) {
        MultiMap query = context.queryParams();
        String path = context.request().path() + "." + index;
        String text = context.request().query();
        return work(query.contains("w") ? query.get("w") : "none").compose(done -> caller.call(path, text))
            .compose(status -> query.contains("r") && status == 503 ? caller.call(path, text) : Future.succeededFuture(status));
    }

    private Future<?> work(String kind) {
        switch (kind) {
            case "cpu":
                for (long end = System.nanoTime() + 1_000_000; System.nanoTime() < end; ) { }
                return Future.succeededFuture();
            case "sleep":
                return sleep(ThreadLocalRandom.current().nextInt(1, MAX_WORK_MS));
            case "file":
                return vertx.fileSystem().readFile("/etc/services");
            default:
                return Future.succeededFuture();
        }
    }

    private Future<Void> sleep(long milliseconds) {
        if (milliseconds == 0) return Future.succeededFuture();
        Promise<Void> done = Promise.promise();
        vertx.setTimer(milliseconds, id -> done.complete());
        return done.future();
    }
}
