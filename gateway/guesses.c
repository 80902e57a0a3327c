/* guesses.c: see guesses.h. What is owed is kept as the moment at which it is paid. */
#include "gateway/guesses.h"

#include "sip/hash.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>

struct debt {
	struct hash_node node; /* its value alone: a key of 64 secret bits is as good as the text */
	struct debt *older, *newer;
	uint64_t paid_ms;
};

struct guesses {
	struct hash table;
	struct debt *oldest, *newest;
	size_t n;
	struct debt list[GUESSES_MOST];
};

struct price {
	uint64_t cost_ms;
	unsigned in_a_row;
};

static const struct price of_user = { GUESSES_COST_MS, GUESSES_IN_A_ROW };
static const struct price of_address = { GUESSES_COST_FROM_MS, GUESSES_IN_A_ROW_FROM };

int guesses_new(struct guesses **out)
{
	struct guesses *g = calloc(1, sizeof(*g));
	uint64_t key[2];

	if (!g)
		return -ENOMEM;
	if (RAND_bytes((unsigned char *)key, sizeof(key)) != 1 || hash_init(&g->table, key) != 0) {
		free(g);
		return -ENOMEM;
	}
	*out = g;
	return 0;
}

void guesses_free(struct guesses *g)
{
	if (!g)
		return;
	hash_free(&g->table);
	free(g);
}

static struct str prefix_of(const struct sip_addr *from)
{
	if (from->sa.any.sa_family == AF_INET6)
		return (struct str){ (const char *)&from->sa.v6.sin6_addr, 8 };
	return (struct str){ (const char *)&from->sa.v4.sin_addr, 4 };
}

static uint64_t key_of(const struct guesses *g, const struct sip_addr *from, struct str user)
{
	return hash_of(&g->table, (struct str[]){ prefix_of(from), user }, 2);
}

static void unlink_debt(struct guesses *g, struct debt *d)
{
	*(d->older ? &d->older->newer : &g->oldest) = d->newer;
	*(d->newer ? &d->newer->older : &g->newest) = d->older;
}

static void link_newest(struct guesses *g, struct debt *d)
{
	d->older = g->newest;
	d->newer = NULL;
	*(d->older ? &d->older->newer : &g->oldest) = d;
	g->newest = d;
}

static struct debt *find(const struct guesses *g, uint64_t key)
{
	struct hash_node *node = hash_first(&g->table, key);

	return node ? HASH_OWNER(node, struct debt, node) : NULL;
}

static struct debt *find_or_make(struct guesses *g, uint64_t key)
{
	struct debt *d = find(g, key);

	if (d) {
		unlink_debt(g, d);
	} else {
		if (g->n < GUESSES_MOST) {
			d = &g->list[g->n++];
		} else {
			d = g->oldest;
			unlink_debt(g, d);
			hash_remove(&g->table, &d->node);
		}
		d->paid_ms = 0;
		hash_put(&g->table, &d->node, key);
	}
	link_newest(g, d);
	return d;
}

/* How long until one more may be owed. */
static uint64_t wait_ms(const struct debt *d, const struct price *price, uint64_t now_ms)
{
	uint64_t paid = d && d->paid_ms > now_ms ? d->paid_ms : now_ms;
	uint64_t most = now_ms + price->cost_ms * (price->in_a_row - 1);

	return paid > most ? paid - most : 0;
}

static void owe(struct guesses *g, uint64_t key, const struct price *price, uint64_t now_ms)
{
	struct debt *d = find_or_make(g, key);

	d->paid_ms = (d->paid_ms > now_ms ? d->paid_ms : now_ms) + price->cost_ms;
}

uint32_t guesses_take(struct guesses *g, uint64_t now_ms, const struct sip_addr *from,
		      struct str user)
{
	uint64_t mine = key_of(g, from, user), all = key_of(g, from, STR(""));
	uint64_t wait = wait_ms(find(g, mine), &of_user, now_ms);
	uint64_t wait_all = wait_ms(find(g, all), &of_address, now_ms);

	wait = wait > wait_all ? wait : wait_all;
	if (wait > 0)
		return (uint32_t)((wait + 999) / 1000);
	owe(g, mine, &of_user, now_ms);
	owe(g, all, &of_address, now_ms);
	return 0;
}

static void forgive(struct debt *d, const struct price *price)
{
	if (d)
		d->paid_ms -= d->paid_ms < price->cost_ms ? d->paid_ms : price->cost_ms;
}

void guesses_give_back(struct guesses *g, const struct sip_addr *from, struct str user)
{
	forgive(find(g, key_of(g, from, user)), &of_user);
	forgive(find(g, key_of(g, from, STR(""))), &of_address);
}

void guesses_right(struct guesses *g, const struct sip_addr *from, struct str user)
{
	struct debt *d = find(g, key_of(g, from, user));

	guesses_give_back(g, from, user);
	if (d)
		d->paid_ms = 0;
}
