/*
 * A C event loop: one thread, epoll, a proxy that calls on for each request over a pool of upstream connections.
 * After reading a request it sends the call at once, or (w=sleep) when a timer fires.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FDS 4096

enum kind { FREE, LISTENER, CLIENT, UPSTREAM };

struct connection {
	enum kind kind;
	int peer; /* the other connection of the exchange, -1 when idle */
	int length;
	char buffer[2048];
	char call[2048];
	long due_ns; /* when the delayed call is to be sent, 0 none */
};

static struct connection connections[MAX_FDS];
static int epoll_fd, idle[MAX_FDS], idle_count;
static struct sockaddr_in next_address;

static long now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

static void watch(int fd, enum kind kind)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
	int one = 1;

	if (fd >= MAX_FDS)
		exit(3);
	connections[fd] = (struct connection){ .kind = kind, .peer = -1 };
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void send_call(int client)
{
	int fd = idle_count ? idle[--idle_count] : -1;

	if (fd < 0) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&next_address, sizeof(next_address)))
			exit(4);
		watch(fd, UPSTREAM);
	}
	connections[fd].peer = client;
	connections[client].peer = fd;
	if (write(fd, connections[client].call, strlen(connections[client].call)) < 0)
		exit(5);
}

static void on_request(int fd)
{
	struct connection *connection = &connections[fd];
	char path[512], query[512] = "";

	if (sscanf(connection->buffer, "GET %511[^ ?]?%511s", path, query) < 1)
		exit(6);
	snprintf(connection->call, sizeof(connection->call), "GET %s.1?%s HTTP/1.1\r\nHost: next\r\n\r\n", path, query);
	if (strstr(query, "w=sleep"))
		connection->due_ns = now_ns() + 1000000 + rand() % 8000000;
	else
		send_call(fd);
}

static void on_readable(int fd)
{
	struct connection *connection = &connections[fd];
	int room = sizeof(connection->buffer) - 1 - connection->length;
	int got = read(fd, connection->buffer + connection->length, room);

	if (got <= 0) {
		connection->kind = FREE;
		close(fd);
		return;
	}
	connection->length += got;
	connection->buffer[connection->length] = 0;
	if (!strstr(connection->buffer, "\r\n\r\n"))
		return;
	if (connection->kind == CLIENT) {
		connection->length = 0;
		on_request(fd);
		return;
	}
	if (!strstr(connection->buffer, "ok\n"))
		return;
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
	connection->length = 0;
	if (write(connection->peer, answer, sizeof(answer) - 1) < 0)
		perror("answer");
	connection->peer = -1;
	idle[idle_count++] = fd;
}

int main(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	next_address = address;
	address.sin_port = htons(atoi(getenv("PORT")));
	next_address.sin_port = htons(atoi(strrchr(getenv("NEXT"), ':') + 1));
	epoll_fd = epoll_create1(0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 256))
		return 1;
	watch(listener, LISTENER);
	for (;;) {
		struct epoll_event events[64];
		int count = epoll_wait(epoll_fd, events, 64, 1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;
			if (connections[fd].kind == LISTENER)
				watch(accept(fd, NULL, NULL), CLIENT);
			else if (connections[fd].kind != FREE)
				on_readable(fd);
		}
		for (int fd = 0; fd < MAX_FDS; fd++) {
			if (connections[fd].kind == CLIENT && connections[fd].due_ns && connections[fd].due_ns <= now_ns()) {
				connections[fd].due_ns = 0;
				send_call(fd);
			}
		}
	}
}
