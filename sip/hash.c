/* hash.c: see hash.h. SipHash-2-4 after Aumasson and Bernstein. */
#include "sip/hash.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_BUCKETS = 64 };

static uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

static uint64_t siphash(uint64_t k0, uint64_t k1, struct str s)
{
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
			  k1 ^ 0x7465646279746573 };
	uint64_t word = 0;

	for (size_t i = 0; i < s.n; i++) {
		word |= (uint64_t)(uint8_t)s.p[i] << 8 * (i % 8);
		if (i % 8 == 7) {
			absorb(v, word);
			word = 0;
		}
	}
	absorb(v, word | (uint64_t)s.n << 56);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_of(const struct hash *h, const struct str *texts, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = siphash(h->key[0] ^ value, h->key[1], texts[i]);
	return value;
}

int hash_init(struct hash *h, const uint64_t key[2])
{
	struct hash_node **buckets = calloc(FIRST_BUCKETS, sizeof(struct hash_node *));

	if (!buckets)
		return -ENOMEM;
	*h = (struct hash){ buckets, FIRST_BUCKETS, 0, { key[0], key[1] } };
	return 0;
}

void hash_free(struct hash *h)
{
	free(h->buckets);
	*h = (struct hash){ 0 };
}

static struct hash_node **bucket(const struct hash *h, uint64_t value)
{
	return &h->buckets[value & (h->n_buckets - 1)];
}

static void push(struct hash *h, struct hash_node *node)
{
	struct hash_node **head = bucket(h, node->value);

	node->next = *head;
	*head = node;
}

static void grow(struct hash *h)
{
	struct hash old = *h;
	struct hash_node **buckets = calloc(old.n_buckets * 2, sizeof(struct hash_node *));

	if (!buckets)
		return;
	h->buckets = buckets;
	h->n_buckets *= 2;
	for (size_t i = 0; i < old.n_buckets; i++) {
		for (struct hash_node *node = old.buckets[i], *next; node; node = next) {
			next = node->next;
			push(h, node);
		}
	}
	free(old.buckets);
}

void hash_put(struct hash *h, struct hash_node *node, uint64_t value)
{
	if (h->n >= h->n_buckets)
		grow(h);
	node->value = value;
	node->linked = true;
	push(h, node);
	h->n++;
}

void hash_remove(struct hash *h, struct hash_node *node)
{
	if (!node->linked)
		return;

	struct hash_node **at = bucket(h, node->value);
	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	node->linked = false;
	h->n--;
}

static struct hash_node *seek(struct hash_node *node, uint64_t value)
{
	while (node && node->value != value)
		node = node->next;
	return node;
}

struct hash_node *hash_first(const struct hash *h, uint64_t value)
{
	return seek(*bucket(h, value), value);
}

struct hash_node *hash_next(const struct hash_node *node)
{
	return seek(node->next, node->value);
}
