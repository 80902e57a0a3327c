/* interfaces.c: libnice 0.1.21 has the kernel list all network interfaces (getifaddrs(): a
 * netlink socket and some dumps) for each candidate's priority and again for each remote
 * one: a quarter of what a call's set-up costs. It is linked so that it finds the two
 * functions below before libc's; they hand out one list, read lately, as often as asked.
 *
 * The one thing here that belongs to the process rather than to a session. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "ice/interfaces.h"

#include <dlfcn.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct list {
	struct list *next;
	struct ifaddrs *whole; /* libc's */
	struct ifaddrs *first; /* ... without link-local addresses; read-only for all */
	unsigned users;
};

/* under the mutex */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct list *lists; /* the first is the present one, the others are still used */
static uint64_t read_ms;
static uint64_t reads;
static int (*libc_get)(struct ifaddrs **);
static void (*libc_free)(struct ifaddrs *);

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* POSIX demands that an object's pointer can be made a function's. */
static bool find(const char *name, void *function, size_t bytes)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(function, &found, bytes);
	return found;
}

static int read_list(struct ifaddrs **out)
{
	if (!libc_get && (!find("freeifaddrs", &libc_free, sizeof(libc_free)) ||
			  !find("getifaddrs", &libc_get, sizeof(libc_get)))) {
		errno = ENOSYS;
		return -1;
	}
	reads++;
	return libc_get(out);
}

static void forget_unused(void)
{
	struct list **at = lists ? &lists->next : &lists;

	while (*at) {
		struct list *list = *at;

		if (list->users > 0) {
			at = &list->next;
			continue;
		}
		*at = list->next;
		libc_free(list->whole);
		free(list);
	}
}

/* fe80::/10: libnice asks the kernel for such an address's interface's name each time it
 * looks at the list, and no call uses one. */
static bool is_link_local(const struct sockaddr *address)
{
	return address && address->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LINKLOCAL(
		       &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

static struct ifaddrs *leave_out(struct ifaddrs *all)
{
	for (struct ifaddrs **at = &all; *at;)
		if (is_link_local((*at)->ifa_addr))
			*at = (*at)->ifa_next;
		else
			at = &(*at)->ifa_next;
	return all;
}

static int refresh(void)
{
	uint64_t now = now_ms();
	struct list *list;

	if (lists && now - read_ms < ICE_INTERFACES_MS)
		return 0;
	list = calloc(1, sizeof(*list));
	if (!list || read_list(&list->whole) != 0) {
		free(list);
		return -1;
	}
	list->first = leave_out(list->whole);
	list->next = lists;
	lists = list;
	read_ms = now;
	forget_unused();
	return 0;
}

void ice_interfaces_refresh(void)
{
	pthread_mutex_lock(&mutex);
	refresh();
	pthread_mutex_unlock(&mutex);
}

uint64_t ice_interfaces_reads(void)
{
	pthread_mutex_lock(&mutex);
	uint64_t n = reads;
	pthread_mutex_unlock(&mutex);
	return n;
}

int getifaddrs(struct ifaddrs **out)
{
	pthread_mutex_lock(&mutex);
	int err = refresh();
	if (!err) {
		lists->users += lists->first != NULL;
		*out = lists->first;
	}
	pthread_mutex_unlock(&mutex);
	return err;
}

void freeifaddrs(struct ifaddrs *first)
{
	pthread_mutex_lock(&mutex);
	for (struct list *list = lists; list && first; list = list->next)
		if (list->first == first && list->users > 0) {
			list->users--;
			break;
		}
	forget_unused();
	pthread_mutex_unlock(&mutex);
}
