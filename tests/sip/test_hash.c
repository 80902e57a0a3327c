/* The keyed hash table. */
#include "sip/hash.h"
#include "tests/check.h"
#include "tests/oom.h"

#include <errno.h>
#include <stdio.h>

struct thing {
	struct hash_node node;
	char name[16];
};

enum { THINGS = 1000 };

static struct thing things[THINGS];

static uint64_t value_of(const struct hash *h, const char *name)
{
	return hash_of(h, (struct str[]){ str_of(name), STR("x") }, 2);
}

static struct thing *find(const struct hash *h, const char *name)
{
	for (struct hash_node *n = hash_first(h, value_of(h, name)); n; n = hash_next(n)) {
		struct thing *t = HASH_OWNER(n, struct thing, node);

		if (strcmp(t->name, name) == 0)
			return t;
	}
	return NULL;
}

static int fill_and_empty(void)
{
	struct hash h;
	int err = hash_init(&h, (uint64_t[]){ 1, 2 });

	if (err)
		return err;
	for (int i = 0; i < THINGS; i++) {
		snprintf(things[i].name, sizeof(things[i].name), "%d", i);
		hash_put(&h, &things[i].node, value_of(&h, things[i].name));
	}
	for (int i = 0; i < THINGS; i += 2)
		hash_remove(&h, &things[i].node);
	hash_remove(&h, &things[0].node); /* harmless */
	for (int i = 0; i < THINGS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		if (find(&h, name) != (i % 2 ? &things[i] : NULL))
			err = -EFAULT;
	}
	if (h.n != THINGS / 2)
		err = -EFAULT;
	if (!err && h.n_buckets < THINGS)
		err = -ENOMEM; /* it could not grow, and worked all the same */
	for (int i = 1; i < THINGS; i += 2)
		hash_remove(&h, &things[i].node);
	hash_free(&h);
	return err;
}

static void what_was_put_is_found_until_removed(void)
{
	CHECK_EQ(fill_and_empty(), 0); /* and the table grew */
}

static void a_table_that_cannot_grow_still_works(void)
{
	CHECK(oom_sweep("hash", fill_and_empty) > 3);
}

static void the_key_and_the_borders_of_the_texts_count(void)
{
	struct hash a, b;

	REQUIRE(hash_init(&a, (uint64_t[]){ 1, 2 }) == 0);
	REQUIRE(hash_init(&b, (uint64_t[]){ 1, 3 }) == 0);
	CHECK(value_of(&a, "same") != value_of(&b, "same"));
	CHECK(hash_of(&a, (struct str[]){ STR("ab"), STR("c") }, 2) !=
	      hash_of(&a, (struct str[]){ STR("a"), STR("bc") }, 2));
	hash_free(&a);
	hash_free(&b);
}

/* The vector of the SipHash paper: key 00..0f, text 00..0e. */
static void the_hash_is_siphash_2_4(void)
{
	struct hash h = { .key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };
	char text[15];

	for (int i = 0; i < 15; i++)
		text[i] = (char)i;
	CHECK(hash_of(&h, &(struct str){ text, 15 }, 1) == 0xa129ca6149be45e5);
}

TESTS(what_was_put_is_found_until_removed, a_table_that_cannot_grow_still_works,
      the_key_and_the_borders_of_the_texts_count, the_hash_is_siphash_2_4)
