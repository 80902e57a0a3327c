/* server.h: what the processes of the server under load cost: CPU and memory, from /proc. */
#pragma once

#include <stddef.h>

enum { SERVER_MOST = 64 };

struct server {
	size_t n;
	int pids[SERVER_MOST];
};

/* A process and all its descendants of now. */
void server_add(struct server *server, int pid);
/* CPU milliseconds used so far, user and system, all processes. */
double server_cpu_ms(const struct server *server);
/* Memory in KiB that is no file's: private, and their shares of what they share. */
double server_memory_kib(const struct server *server);
/* Open descriptors. */
size_t server_descriptors(const struct server *server);
