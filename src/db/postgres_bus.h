/// The bus of the PostgreSQL driver; see struct avsp_db_driver.
#ifndef AVSP_DB_POSTGRES_BUS_H
#define AVSP_DB_POSTGRES_BUS_H

#include "db/driver.h"

enum avsp_code avsp_pg_bus_open(const char *url,
                                void (*told)(void *opaque, const struct avsp_ready *ready),
                                void *opaque, struct avsp_db_bus **ret_bus,
                                struct avsp_err *err) AVSP_CHECKED;
void avsp_pg_bus_tell(struct avsp_db_bus *bus, const struct avsp_ready *ready);
void avsp_pg_bus_close(struct avsp_db_bus *bus);

#endif
