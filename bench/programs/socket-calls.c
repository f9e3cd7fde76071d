/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times calls, for bench/kernel-cost.ts:  socket-calls MODE COUNT  prints "ready", waits for a line, and prints the
 * processor's nanoseconds for one: time that other processes of a busy machine took is not in it.
 *   pair    write 200 bytes to a TCP socket and read them at its other end, in one thread
 *   named   the same over an AF_UNIX stream that was connected by a name
 *   unnamed the same over a socket pair
 *   null    write 200 bytes to /dev/null
 *   switch  200 bytes to another thread and back: two such pairs and two context switches
 *   wake    another thread is woken by a futex, and wakes this one: two wake-ups and two context switches, no socket
 *   probe   a call of the function `probed`, as tokio's waker has it
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
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

/* An abstract name, that of this process alone. */
static void connect_named(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int name = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "socket-calls-%d", getpid());
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + name;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	check(bind(listener, (void *)&address, length) || listen(listener, 1), "listen by name");
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	check(connect(client, (void *)&address, length), "connect by name");
	server = accept(listener, NULL, NULL);
}

static void connect_unnamed(void)
{
	int ends[2];

	check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
	client = ends[0];
	server = ends[1];
}

static int turn;

static void hand_over(int to)
{
	__atomic_store_n(&turn, to, __ATOMIC_RELEASE);
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) == to)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, to, NULL, NULL, 0);
}

static void *wake_back(void *unused)
{
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != 1)
		;
	for (long i = 0; i < count; i++)
		hand_over(0);
	return unused;
}

/* What tokio has: a task's header names its table, which says where its id is. */
static unsigned long table[10] = { [9] = 24 };
static unsigned long header[4] = { [2] = (unsigned long)table, [3] = 9 };

__attribute__((noinline)) void probed(void *task)
{
	__asm__ volatile("" : : "r"(task) : "memory");
}

/* The first word of the thread's control block is its own address: any chain of loads from there is one. */
static void wait_for_start(void)
{
	puts("ready");
	fflush(stdout);
	check(getchar() == EOF, "start");
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
	if (!strcmp(mode, "named"))
		connect_named();
	else if (!strcmp(mode, "unnamed"))
		connect_unnamed();
	else
		connect_pair();
	memset(buffer, 'x', SIZE);
	if (!strcmp(mode, "switch"))
		check(pthread_create(&thread, NULL, echo, NULL), "thread");
	if (!strcmp(mode, "wake"))
		check(pthread_create(&thread, NULL, wake_back, NULL), "thread");
	wait_for_start();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	for (long i = 0; i < count; i++) {
		if (!strcmp(mode, "null"))
			check(write(null, buffer, SIZE) != SIZE, "null");
		else if (!strcmp(mode, "wake"))
			hand_over(1);
		else if (!strcmp(mode, "probe"))
			probed(header);
		else if (!strcmp(mode, "pair") || !strcmp(mode, "named") || !strcmp(mode, "unnamed"))
			check(write(client, buffer, SIZE) != SIZE || read(server, buffer, SIZE) != SIZE, "pair");
		else
			check(write(client, buffer, SIZE) != SIZE || read(client, buffer, SIZE) != SIZE, "switch");
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	printf("%.1f\n", ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / count);
	return 0;
}
