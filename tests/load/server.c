/* server.c: see server.h. */
#include "tests/load/server.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Field `field` (1-based, after the name) and the one behind it of /proc/PID/stat. */
static int stat_fields(int pid, int field, unsigned long long out[2])
{
	char path[64], text[1024];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return -1;
	size_t n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	char *at = strrchr(text, ')');
	for (int i = 2; at && i < field; i++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -1;
	out[0] = strtoull(at, &at, 10);
	out[1] = strtoull(at, &at, 10);
	return 0;
}

void server_add(struct server *server, int pid)
{
	struct dirent *entry;
	DIR *proc;

	if (server->n == SERVER_MOST)
		return;
	server->pids[server->n++] = pid;
	proc = opendir("/proc");
	while (proc && (entry = readdir(proc))) {
		unsigned long long parent[2];
		int child = isdigit((unsigned char)entry->d_name[0])
				    ? (int)strtol(entry->d_name, NULL, 10)
				    : 0;

		if (child && stat_fields(child, 4, parent) == 0 && (int)parent[0] == pid)
			server_add(server, child);
	}
	if (proc)
		closedir(proc);
}

/* Nanoseconds on a CPU of one thread: /proc/PID/stat counts in steps of 10 ms. */
static double thread_ns(int pid, const char *thread)
{
	char path[320], text[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, thread);
	FILE *file = fopen(path, "r");
	double ns = file && fgets(text, sizeof(text), file) ? strtod(text, NULL) : 0;

	if (file)
		fclose(file);
	return ns;
}

double server_cpu_ms(const struct server *server)
{
	double ns = 0;

	for (size_t i = 0; i < server->n; i++) {
		struct dirent *entry;
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/task", server->pids[i]);
		DIR *threads = opendir(path);
		while (threads && (entry = readdir(threads)))
			ns += thread_ns(server->pids[i], entry->d_name);
		if (threads)
			closedir(threads);
	}
	return ns / 1e6;
}

static double read_kib(int pid, const char *name, const char *key)
{
	char path[64], line[256];
	double kib = -1;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	FILE *file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			kib = strtod(line + strlen(key), NULL);
	if (file)
		fclose(file);
	return kib;
}

double server_memory_kib(const struct server *server)
{
	double sum = 0;

	for (size_t i = 0; i < server->n; i++) {
		int pid = server->pids[i];
		double own = read_kib(pid, "smaps_rollup", "Pss_Anon:");
		double shared = read_kib(pid, "smaps_rollup", "Pss_Shmem:");

		if (own < 0)
			own = read_kib(pid, "status", "RssAnon:");
		sum += (own < 0 ? 0 : own) + (shared < 0 ? 0 : shared);
	}
	return sum;
}

size_t server_descriptors(const struct server *server)
{
	size_t count = 0;

	for (size_t i = 0; i < server->n; i++) {
		char path[64];
		DIR *folder;

		snprintf(path, sizeof(path), "/proc/%d/fd", server->pids[i]);
		folder = opendir(path);
		while (folder && readdir(folder))
			count++;
		if (folder)
			closedir(folder);
	}
	return count;
}
