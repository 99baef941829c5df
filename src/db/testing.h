/// What only tests use: time that passes at their command. @p ms may be negative: a clock that was set back.
#ifndef AVSP_DB_TESTING_H
#define AVSP_DB_TESTING_H

#include "db/store.h"

void avsp_store_advance_clock(struct avsp_store *store, int64_t ms);

#endif
