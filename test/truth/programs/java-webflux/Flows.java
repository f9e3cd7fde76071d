import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.data.redis.core.ReactiveStringRedisTemplate;
import org.springframework.http.client.reactive.ReactorClientHttpConnector;
import org.springframework.http.server.reactive.ServerHttpRequest;
import org.springframework.util.MultiValueMap;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.netty.http.client.HttpClient;
import reactor.netty.resources.ConnectionProvider;

/** A controller of Spring WebFlux on Reactor Netty; NEXT says whether it calls by WebClient or over Redis. */
@EnableAutoConfiguration
@RestController
public class Flows {
    private static final String NEXT = System.getenv("NEXT");
    private static final int CONNECTIONS = 256;
    private static final int MAX_WORK_MS = 9;

    private final Caller caller;

    interface Caller {
        Mono<Integer> call(String path, String query);
    }

    public Flows(ObjectProvider<ReactiveStringRedisTemplate> redis) {
        caller = NEXT.startsWith("redis")
            ? (path, query) -> redis.getObject().opsForValue().get(path).map(value -> 200).defaultIfEmpty(200)
            : http();
    }

    private static Caller http() {
        HttpClient http = HttpClient.create(ConnectionProvider.create("pool", CONNECTIONS));
        WebClient client = WebClient.builder().clientConnector(new ReactorClientHttpConnector(http)).build();
        return (path, query) -> client.get().uri(URI.create(NEXT + path + "?" + query))
            .exchangeToMono(response -> response.bodyToMono(String.class).thenReturn(response.statusCode().value()));
    }

    @GetMapping("/h/{id}")
    public Mono<String> serve(ServerHttpRequest request) {
        MultiValueMap<String, String> query = request.getQueryParams();
        String path = request.getURI().getRawPath();
        String text = request.getURI().getRawQuery();
        Flux<Integer> numbers = Flux.range(1, query.containsKey("n") ? Integer.parseInt(query.getFirst("n")) : 1);
        String work = query.getFirst("w");
        String mode = query.getFirst("m");
        Flux<Integer> calls = "par".equals(mode)
            ? numbers.flatMap(number -> work(work).then(caller.call(path + "." + number, text)))
            : numbers.concatMap(number -> work(work).then(caller.call(path + "." + number, text)));
        if ("after".equals(mode)) return Mono.just("ok\n").doOnSuccess(answer -> calls.subscribe());
        long lingerMs = query.containsKey("p") ? Long.parseLong(query.getFirst("p")) : 0;
        Mono<Void> done = lingerMs > 0 ? calls.then(Mono.delay(Duration.ofMillis(lingerMs)).then()) : calls.then();
        return done.thenReturn("ok\n");
    }

    private static Mono<Void> work(String kind) {
        return switch (kind) {
            case "cpu" -> Mono.fromRunnable(() -> {
                for (long end = System.nanoTime() + 1_000_000; System.nanoTime() < end; ) { }
            });
            case "sleep" -> Mono.delay(Duration.ofMillis(ThreadLocalRandom.current().nextInt(1, MAX_WORK_MS))).then();
            case "file" -> Mono.fromCallable(() -> Files.readAllBytes(Path.of("/etc/services"))).subscribeOn(Schedulers.boundedElastic()).then();
            default -> Mono.empty();
        };
    }

    public static void main(String[] arguments) {
        Map<String, Object> settings = new HashMap<>(Map.of(
            "server.port", System.getenv("PORT"),
            "server.address", "127.0.0.1",
            "spring.main.banner-mode", "off",
            "logging.level.root", "ERROR"));
        if (NEXT.startsWith("redis")) settings.put("spring.data.redis.url", NEXT);
        SpringApplication application = new SpringApplication(Flows.class);
        application.setDefaultProperties(settings);
        application.run(arguments);
    }
}
