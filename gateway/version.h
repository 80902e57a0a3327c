/* version.h: what this program is made of. */
#pragma once

#include <stdio.h>

/* "hookswitch 0.1.0" and the libraries it runs with, a line each. */
void version_print(FILE *to);
