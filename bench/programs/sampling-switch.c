/*
 * Switches the perf events of a process off and on, so that rounds with and without samples can follow each other within seconds
 * of one run: `sampling-switch PID`, then a line `0` or `1` for each switch, answered by how many events there are. Meanwhile the
 * kernel counts how long BPF programs run (BPF_ENABLE_STATS): /proc/PID/fdinfo has it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EVENTS 1024

int main(int count, char **words)
{
	static int events[EVENTS];
	union bpf_attr attributes;
	char path[64], link[400], target[64], line[8];
	struct dirent *entry;
	int process, found = 0;
	DIR *folder;

	if (count != 2)
		return 2;
	snprintf(path, sizeof(path), "/proc/%s/fd", words[1]);
	process = syscall(SYS_pidfd_open, atoi(words[1]), 0);
	folder = opendir(path);
	if (process < 0 || !folder) {
		perror(path);
		return 1;
	}
	while ((entry = readdir(folder)) && found < EVENTS) {
		ssize_t length;

		snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		length = readlink(link, target, sizeof(target) - 1);
		if (length < 0)
			continue;
		target[length] = 0;
		if (strcmp(target, "anon_inode:[perf_event]"))
			continue;
		events[found] = syscall(SYS_pidfd_getfd, process, atoi(entry->d_name), 0);
		if (events[found] >= 0)
			found++;
	}
	memset(&attributes, 0, sizeof(attributes));
	attributes.enable_stats.type = BPF_STATS_RUN_TIME;
	if (syscall(SYS_bpf, BPF_ENABLE_STATS, &attributes, sizeof(attributes)) < 0)
		perror("BPF_ENABLE_STATS");
	while (fgets(line, sizeof(line), stdin)) {
		for (int i = 0; i < found; i++) {
			if (ioctl(events[i], line[0] == '1' ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0)) {
				perror("perf event");
				return 1;
			}
		}
		printf("%d\n", found);
		fflush(stdout);
	}
	return 0;
}
