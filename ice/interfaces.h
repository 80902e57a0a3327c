/* interfaces.h: the machine's network interfaces, read from the kernel once a second at
 * most. Any thread. Internal to ice/. */
#pragma once

#include <stdint.h>

enum { ICE_INTERFACES_MS = 1000 };

/* Reads them if that was not done for ICE_INTERFACES_MS. Failures are left to who asks. */
void ice_interfaces_refresh(void);

/* How often the kernel was asked since the start; for tests. */
uint64_t ice_interfaces_reads(void);
