import com.sun.net.httpserver.HttpServer;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.undertow.Undertow;
import io.undertow.server.handlers.BlockingHandler;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/** SERVER and CLIENT name the libraries. */
public final class Servers {
    private static final byte[] OK = "ok\n".getBytes();
    private static final boolean VIRTUAL = "virtual".equals(System.getenv("THREADS"));

    private Servers() { }

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(System.getenv("PORT"));
        String client = System.getenv("CLIENT");
        switch (System.getenv("SERVER")) {
            case "jdk" -> jdk(port, Clients.byName(client));
            case "tomcat" -> tomcat(port, Clients.byName(client));
            case "jetty" -> jetty(port, Clients.byName(client));
            case "undertow" -> undertow(port, Clients.byName(client));
            case "netty" -> netty(port, Clients.byName(client), null);
            case "netty-async" -> netty(port, null, Clients.asyncByName(client));
            default -> throw new IllegalArgumentException(System.getenv("SERVER"));
        }
    }

    private static void jdk(int port, Shape.Client client) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 256);
        server.setExecutor(VIRTUAL ? Shape.virtualThreads() : Executors.newFixedThreadPool(128));
        server.createContext("/h/", exchange -> {
            Shape shape = new Shape(exchange.getRequestURI().toString());
            try (exchange) {
                if (!shape.callsAfterwards()) shape.serve(client);
                exchange.sendResponseHeaders(200, OK.length);
                exchange.getResponseBody().write(OK);
            } catch (Exception error) {
                error.printStackTrace();
            }
            if (shape.callsAfterwards()) shape.goOn(client);
        });
        server.start();
    }

    private static void tomcat(int port, Shape.Client client) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir("/tmp");
        Connector connector = new Connector();
        connector.setPort(port);
        connector.setProperty("maxKeepAliveRequests", "-1");
        if (VIRTUAL) connector.getProtocolHandler().setExecutor(Shape.virtualThreads());
        tomcat.setConnector(connector);
        var context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "h", new HttpServlet() {
            @Override
            protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
                Shape shape = new Shape(request.getRequestURI() + "?" + request.getQueryString());
                try {
                    if (!shape.callsAfterwards()) shape.serve(client);
                } catch (Exception error) {
                    throw new IOException(error);
                }
                response.setContentLength(OK.length);
                response.getOutputStream().write(OK);
                response.flushBuffer();
                if (shape.callsAfterwards()) shape.goOn(client);
            }
        });
        context.addServletMappingDecoded("/h/*", "h");
        tomcat.start();
        tomcat.getServer().await();
    }

    private static void jetty(int port, Shape.Client client) throws Exception {
        QueuedThreadPool pool = new QueuedThreadPool(200);
        if (VIRTUAL) pool.setVirtualThreadsExecutor(Shape.virtualThreads());
        Server server = new Server(pool);
        var connector = new org.eclipse.jetty.server.ServerConnector(server);
        connector.setPort(port);
        server.addConnector(connector);
        server.setHandler(new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                Shape shape = new Shape(request.getHttpURI().getPathQuery());
                if (!shape.callsAfterwards()) shape.serve(client);
                response.write(true, ByteBuffer.wrap(OK), callback);
                if (shape.callsAfterwards()) shape.goOn(client);
                return true;
            }
        });
        server.start();
    }

    private static void undertow(int port, Shape.Client client) {
        Undertow.builder().addHttpListener(port, "127.0.0.1").setWorkerThreads(128).setHandler(new BlockingHandler(exchange -> {
            Shape shape = new Shape(exchange.getRequestURI() + "?" + exchange.getQueryString());
            if (!shape.callsAfterwards()) shape.serve(client);
            exchange.getOutputStream().write(OK);
            exchange.getOutputStream().close();
            if (shape.callsAfterwards()) shape.goOn(client);
        })).build().start();
    }

    private static void netty(int port, Shape.Client client, Shape.AsyncClient later) throws Exception {
        ExecutorService workers = Executors.newFixedThreadPool(128);
        new ServerBootstrap().group(new MultiThreadIoEventLoopGroup(NioIoHandler.newFactory())).channel(NioServerSocketChannel.class)
            .childHandler(new ChannelInitializer<SocketChannel>() {
                @Override
                protected void initChannel(SocketChannel channel) {
                    channel.pipeline().addLast(new HttpServerCodec(), new HttpObjectAggregator(65536), new SimpleChannelInboundHandler<FullHttpRequest>() {
                        @Override
                        protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
                            Shape shape = new Shape(request.uri());
                            if (later != null) {
                                shape.serveLater(later).whenComplete((done, error) -> answer(context));
                                return;
                            }
                            workers.execute(() -> {
                                try {
                                    if (!shape.callsAfterwards()) shape.serve(client);
                                    answer(context);
                                    if (shape.callsAfterwards()) shape.goOn(client);
                                } catch (Exception error) {
                                    context.close();
                                }
                            });
                        }
                    });
                }
            }).bind("127.0.0.1", port).sync();
    }

    private static void answer(ChannelHandlerContext context) {
        var response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK, Unpooled.copiedBuffer(OK));
        response.headers().set("content-length", OK.length);
        context.writeAndFlush(response);
    }
}
