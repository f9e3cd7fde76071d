import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.URI;
import java.util.HashMap;
import java.util.Map;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.http.client.HttpComponentsClientHttpRequestFactory;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestTemplate;

/** A controller of Spring MVC on Spring Boot's Tomcat; CLIENT: template (over HttpClient 5), jdbc. */
@EnableAutoConfiguration
@RestController
public class Spring {
    private static final String NEXT = System.getenv("NEXT");
    private static final int CONNECTIONS = 256;

    private final Shape.Client client;

    public Spring(ObjectProvider<JdbcTemplate> jdbc) {
        client = switch (System.getenv("CLIENT")) {
            case "template" -> template();
            case "jdbc" -> (path, query) -> {
                jdbc.getObject().queryForObject("SELECT 1 AS \"" + path + "\"", Integer.class);
                return 200;
            };
            default -> throw new IllegalArgumentException(System.getenv("CLIENT"));
        };
    }

    private static Shape.Client template() {
        var connections = PoolingHttpClientConnectionManagerBuilder.create().setMaxConnTotal(CONNECTIONS).setMaxConnPerRoute(CONNECTIONS).build();
        var template = new RestTemplate(new HttpComponentsClientHttpRequestFactory(HttpClients.custom().setConnectionManager(connections).build()));
        template.setErrorHandler(response -> false);
        return (path, query) -> template.getForEntity(URI.create(NEXT + path + "?" + query), String.class).getStatusCode().value();
    }

    @GetMapping("/h/{id}")
    public String serve(HttpServletRequest request, HttpServletResponse response) throws Exception {
        Shape shape = new Shape(request.getRequestURI() + "?" + request.getQueryString());
        if (!shape.callsAfterwards()) {
            shape.serve(client);
            return "ok\n";
        }
        answer(response);
        shape.goOn(client);
        return null;
    }

    private static void answer(HttpServletResponse response) throws IOException {
        response.setContentLength(3);
        response.getOutputStream().write("ok\n".getBytes());
        response.flushBuffer();
    }

    public static void main(String[] arguments) {
        Map<String, Object> settings = new HashMap<>(Map.of(
            "server.port", System.getenv("PORT"),
            "server.address", "127.0.0.1",
            "server.tomcat.max-keep-alive-requests", "-1",
            "spring.main.banner-mode", "off",
            "logging.level.root", "ERROR"));
        if (NEXT.startsWith("postgres")) {
            URI url = URI.create(NEXT);
            settings.put("spring.datasource.url", "jdbc:postgresql://" + url.getHost() + ":" + url.getPort() + url.getPath());
            settings.put("spring.datasource.username", url.getUserInfo());
            settings.put("spring.datasource.hikari.maximum-pool-size", "40");
        } else {
            settings.put("spring.autoconfigure.exclude", "org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration");
        }
        SpringApplication application = new SpringApplication(Spring.class);
        application.setDefaultProperties(settings);
        application.run(arguments);
    }
}
