/* Threads that wait for a semaphore, a pipe and a timer; the first two are ended by a function of another thread. */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static sem_t semaphore;
static int ends[2];
static volatile int turns;

__attribute__((noinline)) void wait_semaphore(void)
{
	sem_wait(&semaphore);
	turns++;
}

__attribute__((noinline)) void wait_pipe(void)
{
	char byte;

	if (read(ends[0], &byte, 1) != 1)
		exit(1);
	turns++;
}

__attribute__((noinline)) void wait_timer(void)
{
	usleep(20000);
	turns++;
}

__attribute__((noinline)) void release_semaphore(void)
{
	sem_post(&semaphore);
	turns++;
}

__attribute__((noinline)) void fill_pipe(void)
{
	if (write(ends[1], "x", 1) != 1)
		exit(1);
	turns++;
}

static void *semaphores(void *unused)
{
	pthread_setname_np(pthread_self(), "of_semaphore");
	for (;;)
		wait_semaphore();
	return unused;
}

static void *pipes(void *unused)
{
	pthread_setname_np(pthread_self(), "of_pipe");
	for (;;)
		wait_pipe();
	return unused;
}

int main(void)
{
	pthread_t thread;

	if (pipe(ends) || sem_init(&semaphore, 0, 0) || pthread_create(&thread, NULL, semaphores, NULL) ||
	    pthread_create(&thread, NULL, pipes, NULL))
		return 1;
	pthread_setname_np(pthread_self(), "boss");
	printf("waiting\n");
	fflush(stdout);
	for (;;) {
		wait_timer();
		release_semaphore();
		wait_timer();
		fill_pipe();
	}
}
