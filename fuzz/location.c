/// Paths and addresses: as people type them (client/location.h), as a peer sends them to a worker that may touch one folder
/// only (storage/storage.h), and a coordinator's (rpc/client_private.h). Input: one path a line.
#include "client/location.h"
#include "coordinator/config.h"
#include "fuzz.h"
#include "rpc/client_private.h"
#include "storage/storage.h"

#include <netdb.h>
#include <stdio.h>

/// Linked in the place of libc's (-Wl,--wrap): no name is asked for on the network.
int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret_list);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret_list);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret_list)
{
    struct addrinfo numeric = *hints;
    numeric.ai_flags |= AI_NUMERICHOST;
    return __real_getaddrinfo(host, service, &numeric, ret_list);
}

static struct avsp_storage *store;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    static char root[] = "/tmp/avspl1t-fuzz-XXXXXX";
    const char *roots[] = {mkdtemp(root)};
    struct avsp_err err = {0};
    store = avsp_storage_new(
        &(struct avsp_storage_options){.allow_roots = roots, .n_allow_roots = 1}, &err);
    AVSP_ASSERT(store != NULL);
    remove(root); // it stays the only place that is allowed, and nothing is there
    return 0;
}

/// The worker's folder is empty: nothing can be found.
static void check_storage(struct avsp_arena *arena, const char *text)
{
    const struct avsp_location file = avsp_location_fs(text);
    const struct avsp_location folder = avsp_location_fs("/folder");
    struct avsp_location joined;
    struct avsp_stat st;
    struct avsp_err err = {0};
    AVSP_ASSERT(avsp_storage_stat(store, &file, &st, &err) != AVSP_OK);
    struct avsp_reader *reader = avsp_storage_open(store, &file, &err);
    AVSP_ASSERT(reader == NULL);
    if (avsp_location_join(arena, &folder, text, &joined, &err) == AVSP_OK)
        AVSP_ASSERT(strncmp(joined.path, "/folder/", 8) == 0 &&
                    strstr(joined.path, "/../") == NULL);
    (void)avsp_location_show(arena, &file);
}

static void check_typed(struct avsp_arena *arena, const char *text)
{
    struct avsp_location loc;
    struct avsp_err err = {0};
    if (avsp_cmd_location(arena, text, &loc, &err) != AVSP_OK) {
        AVSP_ASSERT(err.text[0] != '\0');
        return;
    }
    if (loc.kind == AVSP_LOCATION_FS)
        AVSP_ASSERT(loc.path[0] == '/' && strstr(loc.path, "//") == NULL);
    else
        AVSP_ASSERT(loc.kind == AVSP_LOCATION_S3 && loc.bucket[0] != '\0');
    struct avsp_job_spec spec = {
        .input = loc, .output = loc, .work = avsp_location_none(), .idempotency_key = ""};
    (void)!avsp_job_spec_check(&spec, arena, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, 16 << 20);
    for (unsigned i = 0; i < 16; i++) {
        char *AVSP_CLEANUP(avsp_free_ptr) line = fuzz_line(&data, &size);
        if (line == NULL)
            break;
        check_typed(&arena, line);
        check_storage(&arena, line);
        (void)avsp_config_is_loopback(line);
        char *AVSP_CLEANUP(avsp_free_ptr) target = NULL;
        char *AVSP_CLEANUP(avsp_free_ptr) authority = NULL;
        struct avsp_err err = {0};
        if (avsp_target_parse(line, &target, &authority, &err) == AVSP_OK)
            AVSP_ASSERT(target != NULL && authority != NULL);
        (void)avsp_target_is_local(line);
    }
    return 0;
}
