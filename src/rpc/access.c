#include "rpc/access.h"
#include "rpc/serving.h"

#include <string.h>

#define URIS_MAX 8
#define SERVICE "/com.avspl1t.CoordinatorService/"

enum {
    CLIENT =
        AVSP_ACCESS_CLIENT | AVSP_ACCESS_ADMIN, ///< about jobs: a client's own ones, an admin's all
    WORKER = AVSP_ACCESS_WORKER,
    ADMIN = AVSP_ACCESS_ADMIN,
};

static const struct {
    const char *path;
    unsigned open_to;
} rules[] = {
    {SERVICE "SubmitJob", CLIENT},
    {SERVICE "GetJob", CLIENT},
    {SERVICE "ListJobs", CLIENT},
    {SERVICE "ListAttempts", CLIENT},
    {SERVICE "WatchJob", CLIENT},
    {SERVICE "WatchJobs", CLIENT},
    {SERVICE "CancelJob", CLIENT},
    {SERVICE "RetryJob", CLIENT},
    {SERVICE "PauseJob", CLIENT},
    {SERVICE "ResumeJob", CLIENT},
    {SERVICE "SetJobPriority", CLIENT},
    {SERVICE "DeleteJob", CLIENT},
    // Credentials are in the answer to a claim and nowhere else.
    {SERVICE "GetTask", WORKER},
    {SERVICE "Heartbeat", WORKER},
    {SERVICE "ReportOutputs", WORKER},
    {SERVICE "FinishTask", WORKER},
    {SERVICE "ReleaseTask", WORKER},
    {SERVICE "ListOutputs", WORKER},
    {SERVICE "ListWorkers", ADMIN},
    {SERVICE "DrainWorker", ADMIN},
    // Load balancers know no token, and what these two tell anybody may know.
    {"/grpc.health.v1.Health/Check", AVSP_RPC_PUBLIC},
    {"/grpc.health.v1.Health/Watch", AVSP_RPC_PUBLIC},
    {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", AVSP_RPC_PUBLIC},
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", AVSP_RPC_PUBLIC},
};

unsigned avsp_access_to(const char *path)
{
    if (path == NULL) // whatever there is not
        return AVSP_RPC_PUBLIC;
    size_t i = 0;
    while (i < AVSP_ARRAY_LEN(rules) && strcmp(rules[i].path, path) != 0)
        i++;
    AVSP_ASSERT(i < AVSP_ARRAY_LEN(rules)); // a method without a rule
    return rules[i].open_to;
}

/// The token of the call's metadata. @return false: there is a header, but it is none of ours.
static bool find_bearer(const struct avsp_call *call, struct avsp_credentials *ret)
{
    static const char scheme[] = "bearer ";
    const size_t n_scheme = strlen(scheme);
    unsigned n = 0;
    for (size_t i = 0; i < call->metadata.count; i++) {
        const grpc_metadata *md = &call->metadata.metadata[i];
        if (grpc_slice_str_cmp(md->key, "authorization") != 0)
            continue;
        const char *value = (const char *)GRPC_SLICE_START_PTR(md->value);
        size_t len = GRPC_SLICE_LENGTH(md->value);
        if (n++ > 0 || len <= n_scheme || strncasecmp(value, scheme, n_scheme) != 0)
            return false;
        ret->bearer = value + n_scheme;
        ret->bearer_len = len - n_scheme;
    }
    return true;
}

/// Who a certificate is for. @param context  holds the strings.
static void find_uris(const grpc_auth_context *context, const char **uris,
                      struct avsp_credentials *ret)
{
    ret->has_certificate = grpc_auth_context_peer_is_authenticated(context) != 0;
    ret->uris = uris;
    if (!ret->has_certificate)
        return;
    grpc_auth_property_iterator it =
        grpc_auth_context_find_properties_by_name(context, GRPC_PEER_URI_PROPERTY_NAME);
    for (const grpc_auth_property *property;
         ret->n_uris < URIS_MAX && (property = grpc_auth_property_iterator_next(&it)) != NULL;)
        if (strlen(property->value) == property->value_length)
            uris[ret->n_uris++] = property->value;
}

static enum avsp_code check(const struct avsp_call *call, unsigned open_to, struct avsp_err *err)
{
    if ((call->caller.access & open_to) != 0)
        return AVSP_OK;
    const char *name = strrchr(call->method->path, '/') + 1;
    enum avsp_access has = (enum avsp_access)call->caller.access;
    bool for_clients = (open_to & AVSP_ACCESS_CLIENT) != 0;
    return avsp_err_set(err, AVSP_DENIED,
                        "%s is open to %s: the token or certificate of %s is for the role %s", name,
                        for_clients                  ? "clients and admins"
                        : open_to == (unsigned)ADMIN ? "admins"
                                                     : "workers",
                        call->caller.name, avsp_access_name(has));
}

enum avsp_code avsp_call_admit(struct avsp_call *call, struct avsp_err *err)
{
    struct avsp_server *srv = call->srv;
    const unsigned open_to = avsp_access_to(call->method->path);
    if (open_to == AVSP_RPC_PUBLIC)
        return AVSP_OK;
    const char *uris[URIS_MAX];
    struct avsp_credentials shown = {0};
    if (!find_bearer(call, &shown))
        return avsp_err_set(err, AVSP_UNAUTHENTICATED,
                            "the metadata \"authorization\" is not of the form \"Bearer TOKEN\"");
    grpc_auth_context *context = grpc_call_auth_context(call->grpc);
    find_uris(context, uris, &shown);
    enum avsp_code rc = srv->ops.authenticate(srv->opaque, &shown, &call->caller, err);
    grpc_auth_context_release(context);
    return rc == AVSP_OK ? check(call, open_to, err) : rc;
}
