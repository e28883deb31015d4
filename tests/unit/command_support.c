/* Unit tests: Command support. */
#include "check.h"
