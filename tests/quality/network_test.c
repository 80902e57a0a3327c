/* network_test.c: the bad network is as bad as it was ordered, and the same each time.
 * Prints "ok quality: ..." lines. */
#include "tests/quality/network.h"

#include <stdio.h>

enum { PACKETS = 200000 };

static int failures;

static void check(bool right, const char *what, double value)
{
	printf("%s quality: %s (%.4f)\n", right ? "ok" : "not ok", what, value);
	failures += !right;
}

static double loss_of(const struct network *network, double *run)
{
	struct network_state state = network_start(network);
	double lost = 0, runs = 0;
	bool before = false;

	for (size_t i = 0; i < PACKETS; i++) {
		bool now = network_next(&state).lost;

		lost += now;
		runs += now && !before;
		before = now;
	}
	*run = runs > 0 ? lost / runs : 0;
	return lost / PACKETS;
}

static void loss_is_as_ordered(void)
{
	double run;
	double loss = loss_of(&(struct network){ .loss = 0.05, .seed = 1 }, &run);

	check(fabs(loss - 0.05) < 0.003, "5 % are lost", loss);
	check(fabs(run - 1 / 0.95) < 0.03, "independently", run);
	loss = loss_of(&(struct network){ .loss = 0.05, .burst = 5, .seed = 1 }, &run);
	check(fabs(loss - 0.05) < 0.005, "5 % are lost in bursts, too", loss);
	check(fabs(run - 5) < 0.3, "of 5 packets", run);
	loss = loss_of(&(struct network){ .outage_at = 100, .outage_for = 10, .outage_every = 200 },
		       &run);
	check(fabs(loss - 0.05) < 0.001 && run == 10, "an outage takes its packets each time",
	      loss);
}

static void jitter_is_as_ordered(void)
{
	struct network_state state = network_start(
		&(struct network){ .jitter_ms = 30, .delay_ms = 5, .duplicate = 0.1, .seed = 2 });
	double sum = 0, square = 0, twice = 0;

	for (size_t i = 0; i < PACKETS; i++) {
		struct fate fate = network_next(&state);

		sum += fate.delay_ms;
		square += fate.delay_ms * fate.delay_ms;
		twice += fate.twice;
	}
	sum /= PACKETS;
	double deviation = sqrt(square / PACKETS - sum * sum);
	check(fabs(sum - 95) < 0.5, "the mean delay is its own and 3 deviations", sum);
	check(fabs(deviation - 30) < 0.5, "the deviation is as ordered", deviation);
	check(fabs(twice / PACKETS - 0.1) < 0.005, "a tenth comes twice", twice / PACKETS);
}

static void the_seed_decides(void)
{
	struct network_state one = network_start(&(struct network){ .loss = 0.1, .seed = 7 });
	struct network_state same = network_start(&(struct network){ .loss = 0.1, .seed = 7 });
	struct network_state other = network_start(&(struct network){ .loss = 0.1, .seed = 8 });
	unsigned differ = 0, apart = 0;

	for (size_t i = 0; i < 10000; i++) {
		bool lost = network_next(&one).lost;

		differ += lost != network_next(&same).lost;
		apart += lost != network_next(&other).lost;
	}
	check(differ == 0, "the same seed loses the same packets", differ);
	check(apart > 1000, "another seed loses others", apart);
}

/* More loss loses all that less loss loses, so that points can be compared. */
static void more_loss_contains_less(void)
{
	struct network_state less = network_start(&(struct network){ .loss = 0.02, .seed = 3 });
	struct network_state more = network_start(&(struct network){ .loss = 0.1, .seed = 3 });
	unsigned only_less = 0;

	for (size_t i = 0; i < 10000; i++) {
		bool lost = network_next(&less).lost, also = network_next(&more).lost;

		only_less += lost && !also;
	}
	check(only_less == 0, "10 % lose what 2 % lose, and more", only_less);
}

int main(void)
{
	loss_is_as_ordered();
	jitter_is_as_ordered();
	the_seed_decides();
	more_loss_contains_less();
	return failures ? 1 : 0;
}
