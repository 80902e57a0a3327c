/* The table of who is where, by itself: limits, ghosts, and failing allocations. */
#include "gateway/domains.h"
#include "gateway/locations.h"
#include "tests/check.h"
#include "tests/oom.h"

#include <errno.h>

static struct timers timers;
static struct locations *locations;

static int start(size_t max)
{
	timers_init(&timers, 0);
	return locations_new(
		&(struct locations_config){ .timers = &timers, .keepalive_ms = 1000, .max = max },
		&locations);
}

static void stop(void)
{
	locations_free(locations);
	CHECK_EQ(timers_due(&timers), UINT64_MAX);
	timers_free(&timers);
}

static int put(const char *user, const char *contact, uint64_t flow, bool web, struct binding *old)
{
	return locations_put(locations, str_of(user),
			     &(struct location){ .contact = str_of(contact),
						 .transport = web ? STR("WSS") : STR("UDP"),
						 .expires_ms = 100000,
						 .flow = flow,
						 .web = web },
			     old, 0, NULL);
}

static void bindings_are_found_by_user_and_by_flow(void)
{
	CHECK_EQ(start(100), 0);
	CHECK_EQ(put("1000", "sip:a", 1, true, NULL), 0);
	CHECK_EQ(put("1000", "sip:b", 2, false, NULL), 0);
	CHECK_EQ(put("1001", "sip:c", 1, true, NULL), 0);
	CHECK_STR(locations_of(locations, STR("1000"))->at.contact, "sip:b");
	CHECK_EQ(locations_count(locations, STR("1000")), 2);
	CHECK(!locations_of(locations, STR("100")));
	CHECK(!locations_of(locations, STR("")));
	CHECK(locations_on(locations, 1) != NULL);
	CHECK(!locations_on(locations, 4097)); /* the same chain */
	locations_flow_closed(locations, 1);
	CHECK(!locations_on(locations, 1));
	CHECK_EQ(locations_count(locations, STR("1000")), 1);
	CHECK_EQ(locations_count(locations, STR("1001")), 0);
	CHECK(locations_of(locations, STR("1001"))->ghost);
	locations_flow_closed(locations, 2); /* a phone only loses its flow */
	CHECK_EQ(locations_count(locations, STR("1000")), 1);
	stop();
}

static void the_table_is_bounded(void)
{
	CHECK_EQ(start(2), 0);
	CHECK_EQ(put("1000", "sip:a", 1, true, NULL), 0);
	CHECK_EQ(put("1001", "sip:b", 2, true, NULL), 0);
	CHECK_EQ(put("1002", "sip:c", 3, true, NULL), -ENOSPC);
	CHECK(!locations_of(locations, STR("1002")));
	/* replacing is possible all the same */
	CHECK_EQ(put("1000", "sip:d", 4, true, locations_of(locations, STR("1000"))), 0);
	CHECK_EQ(locations_count(locations, STR("1000")), 1);
	timers_run(&timers, 100000);
	CHECK(!locations_of(locations, STR("1000")));
	CHECK_EQ(put("1002", "sip:c", 3, true, NULL), 0);
	stop();
}

static void ghosts_are_bounded_the_oldest_goes(void)
{
	char contact[16];

	CHECK_EQ(start(100), 0);
	for (unsigned i = 0; i < LOCATIONS_GHOSTS + 5; i++) {
		snprintf(contact, sizeof(contact), "sip:%u", i);
		CHECK_EQ(put("1000", contact, i + 1, true, NULL), 0);
		locations_flow_closed(locations, i + 1);
	}
	size_t n = 0;
	for (struct binding *b = locations_of(locations, STR("1000")); b; b = b->next)
		n++;
	CHECK_EQ(n, LOCATIONS_GHOSTS);
	CHECK(!locations_match(locations, STR("1000"), STR("sip:4"), STR(""), 0));
	CHECK(locations_match(locations, STR("1000"), STR("sip:5"), STR(""), 0) != NULL);
	stop();
}

static int scenario(void)
{
	int err = start(100);

	if (err) {
		timers_free(&timers);
		return err;
	}
	for (unsigned i = 0; !err && i < 80; i++) { /* the heap of timers grows */
		char contact[16];

		snprintf(contact, sizeof(contact), "sip:%u", i);
		err = put(i % 2 ? "1000" : "1001", contact, i + 1, i % 3 == 0, NULL);
	}
	if (!err)
		err = put("1000", "sip:new", 200, true, locations_of(locations, STR("1000")));
	for (unsigned i = 0; i < 40; i++)
		locations_flow_closed(locations, i + 1);
	timers_run(&timers, 50000);
	locations_free(locations);
	timers_free(&timers);
	return err;
}

static int domains_scenario(void)
{
	struct domains *domains;
	int err = domains_new(&(struct domains_config){ .realm = STR("r"),
							.names = (const char *[]){ "a", "b" },
							.n_names = 2 },
			      &domains);

	if (!err)
		domains_free(domains);
	return err;
}

static void running_out_of_memory_is_survived(void)
{
	CHECK(oom_sweep("locations", scenario) > 80);
	CHECK(oom_sweep("domains", domains_scenario) > 5);
}

TESTS(bindings_are_found_by_user_and_by_flow, the_table_is_bounded,
      ghosts_are_bounded_the_oldest_goes, running_out_of_memory_is_survived)
