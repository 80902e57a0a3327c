/* network.c: see network.h. Bursts are Gilbert's model: in the bad state everything is lost,
 * in the good one nothing. */
#include "tests/quality/network.h"

struct network_state network_start(const struct network *network)
{
	return (struct network_state){ .network = *network, .random = seeded_new(network->seed) };
}

static bool outage(const struct network *network, size_t n)
{
	if (!network->outage_for || n < network->outage_at)
		return false;
	n -= network->outage_at;
	return (network->outage_every ? n % network->outage_every : n) < network->outage_for;
}

struct fate network_next(struct network_state *state)
{
	const struct network *network = &state->network;
	double luck = seeded_next(&state->random), again = seeded_next(&state->random);
	double late = network->jitter_ms * (3 + seeded_normal(&state->random));
	double length = network->burst > 1 ? network->burst : 1;

	if (length > 1 && network->loss < 1) {
		double enter = network->loss / (length * (1 - network->loss));

		state->bad = state->bad ? luck >= 1 / length : luck < enter;
	} else {
		state->bad = luck < network->loss;
	}
	return (struct fate){
		.lost = state->bad || outage(network, state->n++),
		.twice = again < network->duplicate,
		.delay_ms = network->delay_ms + fmax(0, late),
	};
}
