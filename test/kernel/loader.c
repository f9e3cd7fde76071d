/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and attaches each program of an object by itself and says which this kernel takes:
 *
 *     loader OBJECT [NAME=WANT]... [trace_conf.FIELD=NUMBER]...
 *
 * WANT: yes (must load), no (must be refused), any. What a verifier finds that the configuration never reaches, it does
 * not look at: hence its fields.
 *
 * One line per program: `ok NAME`, `no-target NAME`, `refused NAME` with the verifier's last lines. Ends with 0 if
 * every program did as wanted (default: any). Small enough for an initramfs.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char verifier_log[16 << 20];
static char library_log[65536];

static int keep_log(enum libbpf_print_level level, const char *format, va_list args)
{
	size_t used = strlen(library_log);

	if (level == LIBBPF_WARN && used < sizeof(library_log) - 1)
		vsnprintf(library_log + used, sizeof(library_log) - used, format, args);
	return 0;
}

static const char *tail(char *text, int lines)
{
	char *at = text + strlen(text);

	while (at > text && lines >= 0)
		if (*--at == '\n')
			lines--;
	return at > text ? at + 1 : text;
}

static const char *wanted(int argc, char **argv, const char *name)
{
	size_t length = strlen(name);

	for (int i = 2; i < argc; i++)
		if (!strncmp(argv[i], name, length) && argv[i][length] == '=')
			return argv[i] + length + 1;
	return "any";
}

/* Also programs of perf events, which libbpf can't attach by itself: to the first CPU's clock. */
static struct bpf_link *attach(struct bpf_program *program)
{
	struct perf_event_attr clock = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(clock),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 10000000,
	};
	struct bpf_link *link;
	int fd;

	if (bpf_program__type(program) != BPF_PROG_TYPE_PERF_EVENT)
		return bpf_program__attach(program);
	fd = syscall(SYS_perf_event_open, &clock, -1, 0, -1, 0);
	if (fd < 0)
		return NULL;
	link = bpf_program__attach_perf_event(program, fd);
	if (!link)
		close(fd);
	return link;
}

static const struct btf_type *named_type(const struct btf *btf, const char *name, int kind)
{
	int id = btf__find_by_name_kind(btf, name, kind);

	return id < 0 ? NULL : btf__type_by_id(btf, id);
}

/* Sets a 32-bit field of the read-only variable trace_conf, where the object has it. */
static void set_field(struct bpf_object *object, const char *field, size_t length, __u32 value)
{
	const struct btf *btf = bpf_object__btf(object);
	const struct btf_type *section = named_type(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *conf = named_type(btf, "trace_conf", BTF_KIND_STRUCT);
	struct bpf_map *map;
	size_t size;

	if (!section || !conf)
		return;
	for (int i = 0; i < btf_vlen(section); i++) {
		const struct btf_var_secinfo *variable = &btf_var_secinfos(section)[i];
		const struct btf_type *type = btf__type_by_id(btf, variable->type);

		if (strcmp(btf__name_by_offset(btf, type->name_off), "trace_conf"))
			continue;
		for (int j = 0; j < btf_vlen(conf); j++) {
			const struct btf_member *member = &btf_members(conf)[j];
			const char *name = btf__name_by_offset(btf, member->name_off);

			if (strncmp(name, field, length) || name[length])
				continue;
			bpf_object__for_each_map(map, object)
			{
				char *bytes = (char *)bpf_map__initial_value(map, &size);

				if (bytes && strstr(bpf_map__name(map), ".rodata"))
					memcpy(bytes + variable->offset + member->offset / 8, &value, sizeof(value));
			}
		}
	}
}

static void set_fields(struct bpf_object *object, int argc, char **argv)
{
	static const char prefix[] = "trace_conf.";

	for (int i = 2; i < argc; i++) {
		const char *field = argv[i] + sizeof(prefix) - 1, *value = strchr(argv[i], '=');

		if (!strncmp(argv[i], prefix, sizeof(prefix) - 1) && value)
			set_field(object, field, value - field, strtoul(value + 1, NULL, 10));
	}
}

/* Returns NULL if it was loaded and attached, else a word that says what failed. */
static const char *try_program(int argc, char **argv, const char *name, int log_level)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .kernel_log_buf = NULL);
	struct bpf_object *object = bpf_object__open_file(argv[1], &options);
	struct bpf_program *program;
	const char *failed = NULL;
	struct bpf_link *link;

	library_log[0] = verifier_log[0] = 0;
	if (!object)
		return "open";
	set_fields(object, argc, argv);
	bpf_object__for_each_program(program, object)
	{
		bool chosen = !strcmp(bpf_program__name(program), name);

		bpf_program__set_autoload(program, chosen);
		if (chosen) {
			bpf_program__set_log_buf(program, verifier_log, sizeof(verifier_log));
			bpf_program__set_log_level(program, log_level);
		}
	}
	if (bpf_object__load(object)) {
		failed = "refused";
	} else {
		link = attach(bpf_object__find_program_by_name(object, name));
		if (!link)
			failed = "unattached";
		bpf_link__destroy(link);
	}
	bpf_object__close(object);
	return failed;
}

int main(int argc, char **argv)
{
	struct bpf_object *object;
	struct bpf_program *program;
	int wrong = 0;

	libbpf_set_print(keep_log);
	object = argc > 1 ? bpf_object__open_file(argv[1], NULL) : NULL;
	if (!object) {
		fprintf(stderr, "usage: loader OBJECT [NAME=yes|no|any]... [trace_conf.FIELD=NUMBER]...\n%s", library_log);
		return 2;
	}
	bpf_object__for_each_program(program, object)
	{
		const char *name = bpf_program__name(program), *want = wanted(argc, argv, name);
		const char *failed = try_program(argc, argv, name, 4);

		/* once more, for the verifier's words */
		if (failed && !strcmp(failed, "refused"))
			failed = try_program(argc, argv, name, 1);
		const char *statistics = tail(verifier_log, 3);
		const char *processed = strstr(statistics, "processed ");

		if (!failed)
			printf("ok %s %.*s\n", name, processed ? (int)strcspn(processed, "\n") : 0,
			       processed ? processed : "");
		else if (strstr(library_log, "not found in kernel") || strstr(library_log, "failed to find kernel BTF"))
			printf("no-target %s\n", name);
		else
			printf("%s %s (%s)\n%s%s\n", failed, name, strerror(errno), tail(library_log, 6),
			       tail(verifier_log, 25));
		fflush(stdout);
		if ((!strcmp(want, "yes") && failed) || (!strcmp(want, "no") && !failed)) {
			printf("wrong %s: wanted %s\n", name, want);
			wrong = 1;
		}
	}
	bpf_object__close(object);
	return wrong;
}
