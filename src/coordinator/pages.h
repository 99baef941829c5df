/// What a coordinator's side port serves: /healthz (503 once it stops), /readyz (503 with the reason while the database does not
/// answer too, or has become too new), /metrics. For avsp_http_start, with the struct avsp_service.
#ifndef AVSP_COORDINATOR_PAGES_H
#define AVSP_COORDINATOR_PAGES_H

#include "coordinator/http.h"

extern const struct avsp_http_page avsp_coordinator_pages[];
extern const size_t avsp_coordinator_n_pages;

#endif
