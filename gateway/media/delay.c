/* delay.c: see delay.h. */
#include "gateway/media/delay.h"

#include <string.h>

void delay_init(struct delay *delay)
{
	delay->n = delay->next = delay->now_n = 0;
	delay->beyond = false;
	memset(delay->bins, 0, sizeof(delay->bins));
}

static unsigned bin_of(int64_t transit_ms)
{
	return (unsigned)((uint64_t)transit_ms % DELAY_BINS);
}

/* Whether the packet is to be counted at all. */
static bool is_jitter(struct delay *delay, int64_t transit_ms, uint64_t now_ms)
{
	if (delay->n == 0 || transit_ms <= delay->base_ms + DELAY_MOST_MS) {
		delay->beyond = false;
		return true;
	}
	if (!delay->beyond)
		delay->beyond_ms = now_ms;
	delay->beyond = true;
	if (now_ms < delay->beyond_ms + DELAY_MOVED_MS)
		return false;
	delay_init(delay);
	return true;
}

static int64_t less_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void move_base(struct delay *delay, int64_t transit_ms)
{
	if (delay->n == 1)
		delay->last_least_ms = transit_ms;
	if (delay->now_n == DELAY_BASE) {
		delay->last_least_ms = delay->now_least_ms;
		delay->now_n = 0;
	}
	delay->now_least_ms = delay->now_n++ ? less_of(delay->now_least_ms, transit_ms)
					     : transit_ms;
	delay->base_ms = less_of(delay->now_least_ms, delay->last_least_ms);
}

void delay_put(struct delay *delay, int64_t transit_ms, uint64_t now_ms)
{
	if (!is_jitter(delay, transit_ms, now_ms))
		return;
	if (delay->n && (transit_ms < delay->least_ms - DELAY_MOST_MS ||
			 delay->most_ms - transit_ms >= DELAY_BINS - 1))
		delay_init(delay);

	if (delay->n == DELAY_WINDOW)
		delay->bins[delay->ring[delay->next]]--;
	else
		delay->n++;
	delay->ring[delay->next] = (uint16_t)bin_of(transit_ms);
	delay->bins[bin_of(transit_ms)]++;
	delay->next = (delay->next + 1) % DELAY_WINDOW;

	if (delay->n == 1 || transit_ms < delay->least_ms)
		delay->least_ms = transit_ms;
	if (delay->n == 1 || transit_ms > delay->most_ms)
		delay->most_ms = transit_ms;
	while (delay->bins[bin_of(delay->least_ms)] == 0)
		delay->least_ms++;
	while (delay->bins[bin_of(delay->most_ms)] == 0)
		delay->most_ms--;
	move_base(delay, transit_ms);
}

static unsigned above_base(const struct delay *delay, int64_t transit_ms)
{
	return transit_ms > delay->base_ms ? (unsigned)(transit_ms - delay->base_ms) : 0;
}

unsigned delay_target_ms(const struct delay *delay)
{
	if (delay->n == 0)
		return 0;

	unsigned may_be_late = delay->n * DELAY_LATE_PERMILLE / 1000, later = 0;
	int64_t transit_ms = delay->most_ms;

	for (; transit_ms > delay->least_ms; transit_ms--) {
		later += delay->bins[bin_of(transit_ms)];
		if (later > may_be_late)
			break;
	}
	return above_base(delay, transit_ms);
}

unsigned delay_usual_ms(const struct delay *delay)
{
	if (delay->n == 0)
		return 0;

	int64_t transit_ms = delay->least_ms;
	unsigned n = delay->bins[bin_of(transit_ms)];

	while (2 * n < delay->n)
		n += delay->bins[bin_of(++transit_ms)];
	return above_base(delay, transit_ms);
}
