/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times calls, for bench/kernel-cost.ts:  socket-calls MODE COUNT  prints the processor's nanoseconds for one: time that
 * other processes of a busy machine took is not in it.
 *   pair    write 200 bytes to a TCP socket and read them at its other end, in one thread
 *   null    write 200 bytes to /dev/null
 *   switch  200 bytes to another thread and back: two such pairs and two context switches
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 200 };
static int client, server;
static long count;
static char buffer[SIZE];

static void check(int failed, const char *what)
{
	if (failed) {
		perror(what);
		exit(1);
	}
}

static void connect_pair(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

	check(bind(listener, (void *)&address, length) || listen(listener, 1), "listen");
	getsockname(listener, (void *)&address, &length);
	client = socket(AF_INET, SOCK_STREAM, 0);
	check(connect(client, (void *)&address, length), "connect");
	server = accept(listener, NULL, NULL);
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void *echo(void *unused)
{
	char own[SIZE];

	for (long i = 0; i < count; i++)
		check(read(server, own, SIZE) != SIZE || write(server, own, SIZE) != SIZE, "echo");
	return unused;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";
	struct timespec start, end;
	pthread_t thread;
	int null = open("/dev/null", O_WRONLY);

	count = argc > 2 ? atol(argv[2]) : 0;
	connect_pair();
	memset(buffer, 'x', SIZE);
	if (!strcmp(mode, "switch"))
		check(pthread_create(&thread, NULL, echo, NULL), "thread");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	for (long i = 0; i < count; i++) {
		if (!strcmp(mode, "null"))
			check(write(null, buffer, SIZE) != SIZE, "null");
		else if (!strcmp(mode, "pair"))
			check(write(client, buffer, SIZE) != SIZE || read(server, buffer, SIZE) != SIZE, "pair");
		else
			check(write(client, buffer, SIZE) != SIZE || read(client, buffer, SIZE) != SIZE, "switch");
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	printf("%.1f\n", ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / count);
	return 0;
}
