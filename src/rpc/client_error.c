#include "rpc/client_private.h"
#include "rpc/status.h"

#include <string.h>

/// gRPC's words for why there is no connection (1.51, chttp2 transport and resolvers), and ours.
static const struct {
    const char *needle;
    const char *reason;
} reasons[] = {
    {"onnection refused", "connection refused"},
    {"No such file or directory", "there is no such socket"},
    {"Permission denied", "permission denied"},
    {"No route to host", "no route to the host"},
    {"etwork is unreachable", "the network is unreachable"},
    {"DNS resolution failed", "its name cannot be resolved"},
    {"ame or service not known", "its name cannot be resolved"},
    {"health", "it is shutting down"},
    {"keepalive", "it stopped answering"},
    {"Socket closed", "the connection broke"},
    {"onnection reset", "the connection broke"},
    {"Broken pipe", "the connection broke"},
    {"GOAWAY", "it is shutting down"},
    {"imed out", "no answer in time"},
    {"Timeout occurred", "no answer in time"},
    {"certificate verify failed",
     "its certificate is signed by nobody whom we trust (--tls-ca), or is not valid now"},
    {"not in peer certificate", "its certificate is for another host (--tls-name)"},
    {"wrong version number", "it does not speak TLS"},
    {"alert bad certificate", "it does not accept our certificate (--tls-cert)"},
    {"empty address list", "--tls-cert and --tls-key do not belong together"},
};

void avsp_outcome_init(struct avsp_outcome *outcome)
{
    *outcome = (struct avsp_outcome){.details = grpc_empty_slice()};
    grpc_metadata_array_init(&outcome->trailers);
}

void avsp_outcome_deinit(struct avsp_outcome *outcome)
{
    grpc_slice_unref(outcome->details);
    grpc_metadata_array_destroy(&outcome->trailers);
}

/// Copies a slice as a string, as far as it fits.
static void copy_slice(grpc_slice slice, char *text, size_t size)
{
    size_t n = AVSP_MIN(GRPC_SLICE_LENGTH(slice), size - 1);
    memcpy(text, GRPC_SLICE_START_PTR(slice), n);
    text[n] = '\0';
}

/// The exact code's name, if the coordinator gave one.
static bool find_name(const struct avsp_outcome *outcome, char *name, size_t size)
{
    for (size_t i = 0; i < outcome->trailers.count; i++) {
        const grpc_metadata *md = &outcome->trailers.metadata[i];
        if (grpc_slice_str_cmp(md->key, AVSP_STATUS_KEY) != 0)
            continue;
        copy_slice(md->value, name, size);
        return true;
    }
    return false;
}

static enum avsp_code out_of_reach(const struct avsp_client *cli, const char *details,
                                   struct avsp_err *err)
{
    const char *reason = details;
    for (size_t i = 0; i < AVSP_ARRAY_LEN(reasons); i++) {
        if (strstr(details, reasons[i].needle) != NULL) {
            reason = reasons[i].reason;
            break;
        }
    }
    // What a server that expects TLS does with plain text, and with a certificate that it does not accept.
    const char *hint = "";
    if (strcmp(reason, "the connection broke") == 0 && !atomic_load(&cli->has_answered))
        hint = cli->security.cert != NULL         ? "; does it accept our certificate (--tls-cert)?"
               : avsp_target_is_unix(cli->target) ? ""
               : !cli->security.tls               ? "; does it speak TLS (--tls-ca)?"
                                                  : "";
    return avsp_err_set(err, AVSP_UNAVAILABLE, "coordinator %s cannot be reached: %.200s%s",
                        cli->target, reason, hint);
}

/// Is there a connection now?
static bool is_connected(struct avsp_client *cli)
{
    pthread_mutex_lock(&cli->lock);
    bool is = grpc_channel_check_connectivity_state(cli->link->channel, 0) == GRPC_CHANNEL_READY;
    pthread_mutex_unlock(&cli->lock);
    return is;
}

static bool is_shut_down(struct avsp_client *cli)
{
    pthread_mutex_lock(&cli->lock);
    bool is = cli->is_shut_down;
    pthread_mutex_unlock(&cli->lock);
    return is;
}

/// The status of a call that the other side said nothing of its own about: gRPC made it.
static enum avsp_code transport_error(struct avsp_client *cli, const struct avsp_outcome *outcome,
                                      const char *details, struct avsp_err *err)
{
    switch (outcome->status) {
    case GRPC_STATUS_CANCELLED:
        if (is_shut_down(cli))
            return avsp_err_set(err, AVSP_CANCELED, "stopped");
        // A coordinator that shuts down cancels what comes too late (grpc/grpc#41785).
        return out_of_reach(cli, "GOAWAY", err);
    case GRPC_STATUS_DEADLINE_EXCEEDED:
        if (!is_connected(cli))
            return out_of_reach(cli, "no answer in time", err);
        return avsp_err_set(err, AVSP_TIMEOUT, "coordinator %s did not answer in time",
                            cli->target);
    case GRPC_STATUS_UNAVAILABLE:
        return out_of_reach(cli, details, err);
    case GRPC_STATUS_UNIMPLEMENTED:
        return avsp_err_set(err, AVSP_UNSUPPORTED,
                            "coordinator %s does not know this call: it is of an earlier system",
                            cli->target);
    default:
        return avsp_err_set(err, avsp_status_read(outcome->status, NULL), "%.600s",
                            details[0] != '\0' ? details : "the coordinator gave no reason");
    }
}

enum avsp_code avsp_outcome_error(struct avsp_client *cli, const struct avsp_outcome *outcome,
                                  struct avsp_err *err)
{
    char details[AVSP_ERR_TEXT_BYTES], name[64];
    copy_slice(outcome->details, details, sizeof details);
    if (!find_name(outcome, name, sizeof name))
        (void)!transport_error(cli, outcome, details, err);
    else
        avsp_err_set(err, avsp_status_read(outcome->status, name), "%s", details);
    err->native = (int)outcome->status;
    return err->code;
}
