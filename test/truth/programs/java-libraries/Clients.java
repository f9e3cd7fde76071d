import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.sql.Connection;
import java.sql.Statement;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import okhttp3.Call;
import okhttp3.Callback;
import okhttp3.ConnectionPool;
import okhttp3.Dispatcher;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import org.apache.hc.client5.http.classic.methods.HttpGet;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.core5.http.io.entity.EntityUtils;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.JedisPoolConfig;

/** Client libraries, by name. */
final class Clients {
    private static final String NEXT = System.getenv("NEXT");

    private Clients() { }

    static Shape.Client byName(String name) throws Exception {
        switch (name) {
            case "url": {
                System.setProperty("http.maxConnections", "256");
                return (path, query) -> {
                    HttpURLConnection connection = (HttpURLConnection) URI.create(NEXT + path + "?" + query).toURL().openConnection();
                    int status = connection.getResponseCode();
                    try (var input = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
                        input.readAllBytes();
                    }
                    return status;
                };
            }
            case "jdk": {
                HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
                return (path, query) -> client.send(HttpRequest.newBuilder(URI.create(NEXT + path + "?" + query)).build(), HttpResponse.BodyHandlers.ofString()).statusCode();
            }
            case "apache": {
                CloseableHttpClient client = HttpClients.custom().setConnectionManager(
                    PoolingHttpClientConnectionManagerBuilder.create().setMaxConnTotal(256).setMaxConnPerRoute(256).build()).build();
                return (path, query) -> client.execute(new HttpGet(NEXT + path + "?" + query), response -> {
                    EntityUtils.consume(response.getEntity());
                    return response.getCode();
                });
            }
            case "okhttp": {
                OkHttpClient client = okHttp();
                return (path, query) -> {
                    try (Response response = client.newCall(new Request.Builder().url(NEXT + path + "?" + query).build()).execute()) {
                        response.body().string();
                        return response.code();
                    }
                };
            }
            case "okhttp-async": {
                OkHttpClient client = okHttp();
                return (path, query) -> later(client, path, query).get();
            }
            case "hikari": {
                URI url = URI.create(NEXT);
                HikariConfig config = new HikariConfig();
                config.setJdbcUrl("jdbc:postgresql://" + url.getHost() + ":" + url.getPort() + (url.getPath().isEmpty() ? "/postgres" : url.getPath()));
                if (url.getUserInfo() != null) config.setUsername(url.getUserInfo().split(":")[0]);
                config.setMaximumPoolSize(Integer.parseInt(System.getenv().getOrDefault("CONNECTIONS", "40")));
                HikariDataSource source = new HikariDataSource(config);
                return (path, query) -> {
                    try (Connection connection = source.getConnection(); Statement statement = connection.createStatement()) {
                        statement.executeQuery("SELECT 1 AS \"" + path + "\"").next();
                        return 200;
                    }
                };
            }
            case "jedis": {
                URI url = URI.create(NEXT);
                JedisPoolConfig config = new JedisPoolConfig();
                config.setMaxTotal(Integer.parseInt(System.getenv().getOrDefault("CONNECTIONS", "40")));
                config.setMaxIdle(40);
                JedisPool pool = new JedisPool(config, url.getHost(), url.getPort());
                return (path, query) -> {
                    try (Jedis jedis = pool.getResource()) {
                        jedis.get(path);
                        return 200;
                    }
                };
            }
            case "lettuce": {
                StatefulRedisConnection<String, String> connection = RedisClient.create(NEXT).connect();
                return (path, query) -> {
                    connection.sync().get(path);
                    return 200;
                };
            }
            default:
                throw new IllegalArgumentException(name);
        }
    }

    static Shape.AsyncClient asyncByName(String name) {
        switch (name) {
            case "okhttp": {
                OkHttpClient client = okHttp();
                return (path, query) -> later(client, path, query);
            }
            case "jdk": {
                HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
                return (path, query) -> client.sendAsync(HttpRequest.newBuilder(URI.create(NEXT + path + "?" + query)).build(), HttpResponse.BodyHandlers.ofString());
            }
            case "lettuce": {
                StatefulRedisConnection<String, String> connection = RedisClient.create(NEXT).connect();
                return (path, query) -> connection.async().get(path).toCompletableFuture();
            }
            default:
                throw new IllegalArgumentException(name);
        }
    }

    private static OkHttpClient okHttp() {
        Dispatcher dispatcher = new Dispatcher();
        dispatcher.setMaxRequests(256);
        dispatcher.setMaxRequestsPerHost(256);
        return new OkHttpClient.Builder().dispatcher(dispatcher).connectionPool(new ConnectionPool(256, 5, TimeUnit.MINUTES)).build();
    }

    private static CompletableFuture<Integer> later(OkHttpClient client, String path, String query) {
        CompletableFuture<Integer> done = new CompletableFuture<>();
        client.newCall(new Request.Builder().url(NEXT + path + "?" + query).build()).enqueue(new Callback() {
            @Override
            public void onFailure(Call call, java.io.IOException error) {
                done.completeExceptionally(error);
            }

            @Override
            public void onResponse(Call call, Response response) {
                try (response) {
                    response.body().string();
                    done.complete(response.code());
                } catch (java.io.IOException error) {
                    done.completeExceptionally(error);
                }
            }
        });
        return done;
    }
}
