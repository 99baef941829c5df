/// The machine's own credentials, in the order that Amazon's tools have: the environment, the files of the profile, the
/// container's service, the instance's.
#include "storage/s3_ini.h"
#include "storage/s3_private.h"
#include "storage/s3_text.h"
#include "util/fd.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define FILE_GOOD_MS 60000    ///< files are read again, for they may be renewed
#define SERVICE_GOOD_MS 60000 ///< at least, of what a service gave
#define SERVICE_EARLY_S 300   ///< before its end it is asked again
#define NOTHING_GOOD_MS 30000
#define SERVICE_CONNECT_MS 1000 ///< no such service answers at all on most machines
#define SERVICE_SILENCE_MS 5000
#define CONTAINER_BASE "http://169.254.170.2"
#define INSTANCE_BASE "http://169.254.169.254"
#define TOKEN_SECONDS "21600"
#define FILE_MAX_BYTES ((size_t)64 << 10)

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

static void wipe(char **text)
{
    if (*text != NULL)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void avsp_s3_own_free(struct avsp_s3_own *own)
{
    wipe(&own->access_key_id);
    wipe(&own->secret);
    wipe(&own->token);
    free(own->region);
    free(own->endpoint);
    free(own->why_none);
    *own = (struct avsp_s3_own){0};
}

/// Keeps a set of three. @return OK; NO_MEMORY.
static enum avsp_code keep(struct avsp_s3_own *own, const char *id, const char *secret,
                           const char *token, struct avsp_err *err)
{
    own->access_key_id = strdup(id);
    own->secret = strdup(secret);
    own->token = strdup(token);
    if (own->access_key_id == NULL || own->secret == NULL || own->token == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    return AVSP_OK;
}

static enum avsp_code read_files(struct avsp_s3_own *own, const struct avsp_s3_profile *profile,
                                 struct avsp_err *err)
{
    if (profile->access_key_id[0] == '\0' || profile->secret[0] == '\0')
        return AVSP_OK;
    own->good_until = avsp_mono_in_ms(FILE_GOOD_MS);
    return keep(own, profile->access_key_id, profile->secret, profile->token, err);
}

/// Asks a service of this machine's surroundings.
static enum avsp_code ask(struct avsp_s3 *s3, const char *method, const char *url,
                          const struct avsp_s3_pair *header, struct avsp_s3_reply *reply,
                          struct avsp_err *err)
{
    struct avsp_s3_lane *lane = avsp_s3_lane_new();
    if (lane == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    const struct avsp_s3_rules rules = {
        .is_stopped = &s3->is_stopped,
        .silence_ms = SERVICE_SILENCE_MS,
        .connect_ms = SERVICE_CONNECT_MS,
        .ca_file = s3->ca_file,
        .is_surroundings = true,
    };
    const struct avsp_s3_exchange exchange = {
        .method = method,
        .url = url,
        .headers = header,
        .n_headers = header != NULL ? 1 : 0,
        .body = strcmp(method, "PUT") == 0 ? "" : NULL,
    };
    enum avsp_code rc = avsp_s3_exchange(lane, &rules, &exchange, reply, err);
    avsp_s3_lane_free(lane);
    if (rc == AVSP_OK && reply->status != 200)
        return avsp_err_set(err, AVSP_UNAVAILABLE, "HTTP %ld", reply->status);
    return rc;
}

/// What both services answer with.
static enum avsp_code take_answer(struct avsp_s3_own *own, const struct avsp_s3_reply *reply,
                                  struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_S3_ARENA_BYTES);
    struct avsp_s3_span body = {avsp_buf_text(&reply->body), reply->body.len};
    const char *id = avsp_s3_json_text(&arena, body, "AccessKeyId");
    const char *secret = avsp_s3_json_text(&arena, body, "SecretAccessKey");
    const char *token = avsp_s3_json_text(&arena, body, "Token");
    const char *ends = avsp_s3_json_text(&arena, body, "Expiration");
    if (id == NULL || secret == NULL || token == NULL || ends == NULL)
        return avsp_arena_failed(&arena, err);
    if (id[0] == '\0' || secret[0] == '\0')
        return avsp_err_set(err, AVSP_UNAVAILABLE, "it gives no credentials");
    int64_t left_s = avsp_s3_time(ends) - avsp_wall_now().us / 1000000 - SERVICE_EARLY_S;
    own->good_until = avsp_mono_in_ms(AVSP_MAX(left_s * 1000, (int64_t)SERVICE_GOOD_MS));
    return keep(own, id, secret, token, err);
}

/// The whole of a small file without the line feed at its end, in @p arena; NULL with @p err.
static const char *read_token_file(const char *path, struct avsp_arena *arena, struct avsp_err *err)
{
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = avsp_arena_alloc(arena, FILE_MAX_BYTES + 1);
    size_t n = 0;
    if (fd < 0 || text == NULL ||
        avsp_fd_pread_all(fd, text, FILE_MAX_BYTES, 0, &n, err) != AVSP_OK) {
        avsp_err_set(err, AVSP_UNAVAILABLE, "%s cannot be read", path);
        return NULL;
    }
    text[strcspn(text, "\r\n")] = '\0';
    return text;
}

/// A container's service: where the variables that its platform sets say.
static enum avsp_code ask_container(struct avsp_s3 *s3, struct avsp_s3_own *own,
                                    struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_S3_ARENA_BYTES);
    const char *relative = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *url = relative[0] != '\0' ? avsp_arena_printf(&arena, CONTAINER_BASE "%s", relative)
                                          : env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (url == NULL)
        return avsp_arena_failed(&arena, err);
    if (url[0] == '\0')
        return AVSP_OK;
    const char *token = env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    const char *token_file = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (token_file[0] != '\0' && (token = read_token_file(token_file, &arena, err)) == NULL)
        return err->code;
    struct avsp_s3_pair header = {"authorization", token};
    struct avsp_s3_reply AVSP_CLEANUP(avsp_s3_reply_deinit) reply;
    avsp_s3_reply_init(&reply);
    avsp_buf_init_secret(&reply.body, AVSP_S3_ANSWER_MAX_BYTES);
    enum avsp_code rc = ask(s3, "GET", url, token[0] != '\0' ? &header : NULL, &reply, err);
    if (rc == AVSP_OK)
        rc = take_answer(own, &reply, err);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "the container's credential service");
}

/// An instance's service, with the token that keeps others from asking through us (its version 2).
static enum avsp_code ask_instance(struct avsp_s3 *s3, struct avsp_s3_own *own,
                                   struct avsp_err *err)
{
    struct avsp_arena AVSP_CLEANUP(avsp_arena_deinit) arena;
    avsp_arena_init(&arena, AVSP_S3_ARENA_BYTES);
    const char *base = env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    if (strcasecmp(env("AWS_EC2_METADATA_DISABLED"), "true") == 0)
        return AVSP_OK;
    if (base[0] == '\0')
        base = INSTANCE_BASE;
    size_t n = strlen(base) - (base[strlen(base) - 1] == '/');
    const char *token_url = avsp_arena_printf(&arena, "%.*s/latest/api/token", (int)n, base);
    const char *roles_url =
        avsp_arena_printf(&arena, "%.*s/latest/meta-data/iam/security-credentials/", (int)n, base);
    struct avsp_s3_reply AVSP_CLEANUP(avsp_s3_reply_deinit) reply;
    avsp_s3_reply_init(&reply);
    avsp_buf_init_secret(&reply.body, AVSP_S3_ANSWER_MAX_BYTES);
    if (token_url == NULL || roles_url == NULL)
        return avsp_arena_failed(&arena, err);
    const struct avsp_s3_pair ttl = {"x-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS};
    // No answer: this is no such instance, or it has no role.
    if (ask(s3, "PUT", token_url, &ttl, &reply, err) != AVSP_OK)
        return AVSP_OK;
    const struct avsp_s3_pair token = {"x-aws-ec2-metadata-token",
                                       avsp_arena_strdup(&arena, avsp_buf_text(&reply.body))};
    if (token.value == NULL)
        return avsp_arena_failed(&arena, err);
    if (ask(s3, "GET", roles_url, &token, &reply, err) != AVSP_OK)
        return AVSP_OK;
    const char *role = avsp_buf_text(&reply.body);
    const char *role_url =
        avsp_arena_printf(&arena, "%s%.*s", roles_url, (int)strcspn(role, "\r\n"), role);
    if (role_url == NULL)
        return avsp_arena_failed(&arena, err);
    enum avsp_code rc = ask(s3, "GET", role_url, &token, &reply, err);
    if (rc == AVSP_OK)
        rc = take_answer(own, &reply, err);
    return rc == AVSP_OK ? rc : avsp_err_wrap(err, "the instance's credential service");
}

static const char *first_of(const char *a, const char *b, const char *c)
{
    if (a[0] != '\0')
        return a;
    return b[0] != '\0' ? b : c;
}

static enum avsp_code look_up(struct avsp_s3 *s3, struct avsp_s3_own *own, struct avsp_err *err)
{
    struct avsp_s3_profile AVSP_CLEANUP(avsp_s3_profile_deinit) profile = {0};
    enum avsp_code rc = avsp_s3_profile_read(&profile, err);
    if (rc != AVSP_OK)
        return rc;
    bool ignore = strcasecmp(env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") == 0;
    own->region = strdup(first_of(env("AWS_REGION"), env("AWS_DEFAULT_REGION"), profile.region));
    own->endpoint = strdup(
        ignore ? ""
               : first_of(env("AWS_ENDPOINT_URL_S3"), env("AWS_ENDPOINT_URL"), profile.endpoint));
    own->why_none = strdup(profile.why_none);
    if (own->region == NULL || own->endpoint == NULL || own->why_none == NULL)
        return avsp_err_set(err, AVSP_NO_MEMORY, "memory ran out");
    own->good_until = avsp_mono_in_ms(NOTHING_GOOD_MS);
    if (env("AWS_ACCESS_KEY_ID")[0] != '\0' && env("AWS_SECRET_ACCESS_KEY")[0] != '\0') {
        own->good_until = avsp_mono_in_ms(FILE_GOOD_MS);
        return keep(own, env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"),
                    env("AWS_SESSION_TOKEN"), err);
    }
    rc = read_files(own, &profile, err);
    // Whoever named a profile does not mean to be somebody else.
    if (own->why_none[0] != '\0')
        return rc;
    if (rc == AVSP_OK && own->access_key_id == NULL)
        rc = ask_container(s3, own, err);
    if (rc == AVSP_OK && own->access_key_id == NULL && s3->asks_instance)
        rc = ask_instance(s3, own, err);
    return rc;
}

static const char *copy(struct avsp_arena *arena, const char *text)
{
    return avsp_arena_strdup(arena, text != NULL ? text : "");
}

enum avsp_code avsp_s3_own(struct avsp_s3 *s3, struct avsp_arena *arena,
                           struct avsp_s3_keys *ret_keys, const char **ret_region,
                           const char **ret_endpoint, const char **ret_why_none,
                           struct avsp_err *err)
{
    enum avsp_code rc = AVSP_OK;
    pthread_mutex_lock(&s3->own_lock);
    struct avsp_s3_own *own = &s3->own;
    if (!own->is_looked_up || avsp_mono_passed(own->good_until)) {
        avsp_s3_own_free(own);
        rc = look_up(s3, own, err);
        own->is_looked_up = rc == AVSP_OK;
    }
    *ret_keys = (struct avsp_s3_keys){copy(arena, own->access_key_id), copy(arena, own->secret),
                                      copy(arena, own->token)};
    *ret_region = copy(arena, own->region);
    *ret_endpoint = copy(arena, own->endpoint);
    *ret_why_none = copy(arena, own->why_none);
    pthread_mutex_unlock(&s3->own_lock);
    if (rc != AVSP_OK)
        return avsp_err_wrap(err, "this machine's own S3 credentials");
    bool ok = ret_keys->access_key_id != NULL && ret_keys->secret != NULL &&
              ret_keys->token != NULL && *ret_region != NULL && *ret_endpoint != NULL &&
              *ret_why_none != NULL;
    return ok ? AVSP_OK : avsp_arena_failed(arena, err);
}

enum avsp_code avsp_s3_lend(struct avsp_s3 *s3, struct avsp_location *location, bool with_keys,
                            struct avsp_arena *arena, struct avsp_err *err)
{
    struct avsp_s3_keys keys;
    const char *region, *endpoint, *why_none;
    enum avsp_code rc = avsp_s3_own(s3, arena, &keys, &region, &endpoint, &why_none, err);
    if (rc != AVSP_OK)
        return rc;
    if (location->endpoint[0] == '\0')
        location->endpoint = endpoint;
    if (location->region[0] == '\0')
        location->region = region;
    if (with_keys && location->access_key_id[0] == '\0' && !location->anonymous) {
        if (keys.access_key_id[0] == '\0' && why_none[0] != '\0')
            return avsp_err_set(err, AVSP_UNSUPPORTED, "%s", why_none);
        location->access_key_id = keys.access_key_id;
        location->secret_access_key.text = keys.secret;
        location->session_token.text = keys.token;
    }
    // Said outright: another machine, whose own endpoint is elsewhere, would take these keys there.
    if (location->endpoint[0] == '\0' &&
        (location->access_key_id[0] != '\0' || location->anonymous))
        location->endpoint = AVSP_S3_AMAZON;
    return AVSP_OK;
}

void avsp_s3_own_expired(struct avsp_s3 *s3)
{
    pthread_mutex_lock(&s3->own_lock);
    s3->own.is_looked_up = false;
    pthread_mutex_unlock(&s3->own_lock);
}
