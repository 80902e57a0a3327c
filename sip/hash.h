/* hash.h: the hash table of this tree: chained, intrusive and keyed.
 *
 * A node lives inside the object it finds. The key of the hash (SipHash-2-4)
 * is random, so nobody outside can pick texts that fall into one chain. Putting
 * never fails: when growing runs out of memory the chains get longer. What the
 * texts are is the owner's business: he hashes them, and compares on finding. */
#pragma once

#include "sdp/str.h"

struct hash_node {
	struct hash_node *next;
	uint64_t value; /* of its texts */
	bool linked;
};

struct hash {
	struct hash_node **buckets;
	size_t n_buckets; /* a power of two */
	size_t n;	  /* nodes */
	uint64_t key[2];
};

/* 0 or -ENOMEM. `key` is random and secret. */
int hash_init(struct hash *h, const uint64_t key[2]);
void hash_free(struct hash *h); /* the nodes are not ours */

/* The hash of texts in this order; {"ab","c"} and {"a","bc"} differ. */
uint64_t hash_of(const struct hash *h, const struct str *texts, size_t n);

void hash_put(struct hash *h, struct hash_node *node, uint64_t value);
void hash_remove(struct hash *h, struct hash_node *node); /* harmless if not linked */

/* The first and each further node with that hash, or NULL. */
struct hash_node *hash_first(const struct hash *h, uint64_t value);
struct hash_node *hash_next(const struct hash_node *node);

/* The object around a node. */
#define HASH_OWNER(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))
