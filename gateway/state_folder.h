/* state_folder.h: the folder of what must outlive a restart. */
#pragma once

#include "gateway/config.h"

/* Makes [gateway] state, for its owner only, when it is not there but its parent is.
 * 0 or -E...; `why` gets one line. */
int state_folder_make(const struct config *config, char *why, size_t why_bytes);
