/*
 * A thread for each connection. /heavy?id=N burns three times as long as /light?id=N. Writes `thread start end id` of
 * each burning, in monotonic nanoseconds, into the file that is named second; the port is named first.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TURNS 1000000
static volatile double sink;
static FILE *truth;

static long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

__attribute__((noinline)) static double turn(long n)
{
	double x = 1;

	for (long i = 0; i < n; i++)
		x = x * 1.0000001 + 0.5;
	return x;
}

__attribute__((noinline)) void heavy(long n)
{
	sink += turn(3 * n);
	sink += 1;
}

__attribute__((noinline)) void light(long n)
{
	sink += turn(n);
	sink += 1;
}

static void *serve(void *argument)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	int fd = (long)argument;
	char request[4096], path[256];

	for (;;) {
		ssize_t got = recv(fd, request, sizeof(request) - 1, 0);
		long start, end;
		char *id;

		if (got <= 0)
			break;
		request[got] = 0;
		if (sscanf(request, "GET %255s", path) != 1)
			break;
		start = now();
		if (path[1] == 'h')
			heavy(TURNS);
		else
			light(TURNS);
		end = now();
		id = strstr(path, "id=");
		fprintf(truth, "%ld %ld %ld %s\n", (long)syscall(SYS_gettid), start, end, id ? id + 3 : "?");
		if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0)
			break;
	}
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (argc < 3)
		return 2;
	address.sin_port = htons(atoi(argv[1]));
	truth = fopen(argv[2], "w");
	setvbuf(truth, NULL, _IOLBF, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 128))
		return 1;
	for (;;) {
		long fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (fd >= 0 && !pthread_create(&thread, NULL, serve, (void *)fd))
			pthread_detach(thread);
	}
}
