/*
 * Burns CPU on two threads, each for a span of its own, and publishes that as OTEP 4719 and 4947 say: thread N works for trace
 * 0x11 * N, span 0x22 * N and route /N; its main thread has a context without a span.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#ifdef DLOPEN
#include <dlfcn.h>
static void (*attach_context)(void *record);
#else
void attach_context(void *record);
#endif

struct record {
	uint8_t trace_id[16];
	uint8_t span_id[8];
	uint8_t valid;
	uint8_t flags;
	uint16_t attributes_size;
	uint8_t attributes[16];
} __attribute__((packed));

struct header {
	char signature[8];
	uint32_t version;
	uint32_t payload_size;
	uint64_t published_at_ns;
	const void *payload;
};

static volatile uint64_t sink;

__attribute__((noinline)) static void burn(void)
{
	for (uint64_t i = 0; i < 1000000; i++)
		sink += i * i;
}

static void *work(void *argument)
{
	long number = (long)argument;
	struct record record = { .valid = 1, .flags = 1, .attributes_size = 4, .attributes = { 0, 2, '/', '0' } };

	if (number) {
		memset(record.trace_id, 0x11 * number, sizeof(record.trace_id));
		memset(record.span_id, 0x22 * number, sizeof(record.span_id));
	}
	record.attributes[3] = '0' + number;
	attach_context(&record);
	/* Never in step with a sampler: a round of 51.5 ms, five periods of 97 Hz, would be seen always or not at all. */
	for (unsigned int seed = number;;) {
		burn();
		usleep(20000 + rand_r(&seed) % 50000);
	}
	return NULL;
}

/* ProcessContext { resource { service.name: "checkout", process.pid: 1, shard: "seven" }, threadlocal.attribute_key_map: [http.route] } */
static const char payload[] =
	"\x0a\x41"
	"\x0a\x1a\x0a\x0cservice.name\x12\x0a\x0a\x08" "checkout"
	"\x0a\x11\x0a\x0bprocess.pid\x12\x02\x18\x01"
	"\x0a\x10\x0a\x05shard\x12\x07\x0a\x05" "seven"
	"\x12\x31\x0a\x1dthreadlocal.attribute_key_map\x12\x10\x2a\x0e\x0a\x0c\x0a\x0ahttp.route";

static void publish(void)
{
	int fd = memfd_create("OTEL_CTX", MFD_CLOEXEC);
	struct header *header;

	ftruncate(fd, sizeof(*header));
	header = mmap(NULL, sizeof(*header), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	close(fd);
	header->version = 2;
	header->payload_size = sizeof(payload) - 1;
	header->payload = payload;
	header->published_at_ns = (uint64_t)time(NULL) * 1000000000;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	memcpy(header->signature, "OTEL_CTX", 8);
}

int main(int argc, char **argv)
{
	pthread_t thread;

#ifdef DLOPEN
	attach_context = (void (*)(void *))dlsym(dlopen(argv[1], RTLD_NOW), "attach_context");
#endif
	publish();
	for (long number = 1; number <= 2; number++)
		pthread_create(&thread, NULL, work, (void *)number);
	work((void *)0);
	return 0;
}
