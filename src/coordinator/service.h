/// The coordinator between its two layers: what a call asks for, the store does; what changed, the server is told.
///
///     struct avsp_service service = {0};
///     avsp_service_open(&service, &config, err);
///     srv = avsp_server_start(&options, &avsp_service_ops, &service, err);
///     avsp_service_attach(&service, srv);
///     … avsp_service_sweep(&service) about once a second …
///     avsp_service_detach(&service);
///     avsp_server_stop(srv, …);
///     avsp_service_close(&service);
///
/// It keeps nothing that matters: the database has it all. Also the place where what happens to jobs and tasks is logged.
#ifndef AVSP_COORDINATOR_SERVICE_H
#define AVSP_COORDINATOR_SERVICE_H

#include "coordinator/certs.h"
#include "coordinator/config.h"
#include "coordinator/door.h"
#include "coordinator/fleet.h"
#include "coordinator/keys.h"
#include "coordinator/metrics.h"
#include "db/store.h"
#include "rpc/server.h"

#include <pthread.h>
#include <stdatomic.h>

struct avsp_service {
    bool is_inited;
    bool has_keys;
    struct avsp_store *store;
    pthread_rwlock_t server_lock; ///< held while the server is told something
    struct avsp_server *server;   ///< borrowed; NULL until attached, and once detached
    struct avsp_metrics metrics;
    struct avsp_fleet fleet;
    struct avsp_door door;
    struct avsp_keys keys;
    struct avsp_certs certs;
    pthread_mutex_t lock;  ///< of the next two
    struct avsp_err sweep; ///< why the last one failed; code OK: it did not
    bool is_unfit;         ///< it failed for a schema that is too new for us, or a key that we lack
    pthread_mutex_t scrape_lock; ///< held while the database is asked for metrics
    atomic_bool is_stopping;
};

extern const struct avsp_service_ops avsp_coordinator_ops;

/// Opens the database. @return OK, or as avsp_store_open says; after UNAVAILABLE it may be called again, and goes on.
enum avsp_code avsp_service_open(struct avsp_service *service, const struct avsp_config *config,
                                 struct avsp_err *err) AVSP_CHECKED;

/// The server is to be woken from now on. Changes before this are made good at once.
void avsp_service_attach(struct avsp_service *service, struct avsp_server *server);

/// The server is told nothing more: other coordinators' changes come until the database is closed, which is later than the server.
void avsp_service_detach(struct avsp_service *service);

/// Tends leases and back-offs. A failure is logged when it begins and when it ends; a schema that has become too new for this
/// program takes it out of service until that is mended. One thread.
void avsp_service_sweep(struct avsp_service *service);

/// From now on it says that it stops.
void avsp_service_stopping(struct avsp_service *service);

/// Call after the server has stopped, whatever avsp_service_open said.
void avsp_service_close(struct avsp_service *service);

#endif
