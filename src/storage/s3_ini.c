#include "storage/s3_ini.h"

#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define ARENA_BYTES ((size_t)8 << 20)
#define NAME_BYTES 256

/// A part of a line without the blanks at its ends.
struct part {
    const char *text;
    size_t len;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct part trimmed(const char *text, size_t len)
{
    while (len > 0 && is_blank(text[0]))
        text++, len--;
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    return (struct part){text, len};
}

static bool is_text(struct part part, const char *text)
{
    return part.len == strlen(text) && memcmp(part.text, text, part.len) == 0;
}

/// "[profile  x]" is the section "profile x".
static bool is_section(struct part line, const char *section)
{
    char name[NAME_BYTES];
    size_t n = 0;
    if (line.len < 2 || line.text[0] != '[' || line.text[line.len - 1] != ']')
        return false;
    struct part inner = trimmed(line.text + 1, line.len - 2);
    for (size_t i = 0; i < inner.len && n + 1 < sizeof name; i++) {
        bool again = i > 0 && is_blank(inner.text[i]) && is_blank(inner.text[i - 1]);
        if (!again)
            name[n++] = is_blank(inner.text[i]) ? ' ' : inner.text[i];
    }
    name[n] = '\0';
    return strcmp(name, section) == 0;
}

/// Splits at '='. @return false: there is none.
static bool split(struct part line, struct part *ret_key, struct part *ret_value)
{
    const char *equals = line.len > 0 ? memchr(line.text, '=', line.len) : NULL;
    if (equals == NULL)
        return false;
    size_t n = (size_t)(equals - line.text);
    *ret_key = trimmed(line.text, n);
    *ret_value = trimmed(equals + 1, line.len - n - 1);
    return true;
}

/// Is it the key, under the one that it is indented below (which may be none)?
static bool is_key(const char *wanted, struct part outer, struct part key)
{
    if (outer.len == 0)
        return is_text(key, wanted);
    return strncmp(wanted, outer.text, outer.len) == 0 && wanted[outer.len] == '.' &&
           is_text(key, wanted + outer.len + 1);
}

/// Walks over the lines of the section. @return the value of the key; text NULL = there is none.
static struct part find(const char *text, const char *section, const char *wanted,
                        bool *ret_has_section)
{
    struct part outer = {"", 0}, none = {NULL, 0};
    bool inside = false;
    *ret_has_section = false;
    for (const char *line = text; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        struct part whole = trimmed(line, n), key, value;
        bool indented = n > 0 && is_blank(line[0]);
        line += n + (line[n] == '\n');
        if (whole.len == 0 || whole.text[0] == '#' || whole.text[0] == ';')
            continue;
        if (whole.text[0] == '[') {
            inside = is_section(whole, section);
            *ret_has_section = *ret_has_section || inside;
            outer.len = 0;
            continue;
        }
        if (!inside || !split(whole, &key, &value))
            continue;
        if (!indented)
            outer = value.len == 0 ? key : (struct part){"", 0};
        if (is_key(wanted, indented ? outer : (struct part){"", 0}, key) && value.len > 0)
            return value;
    }
    return none;
}

const char *avsp_s3_ini_value(struct avsp_arena *arena, const char *text, const char *section,
                              const char *key)
{
    bool ignored;
    struct part found = find(text, section, key, &ignored);
    return found.text != NULL ? avsp_arena_strndup(arena, found.text, found.len) : "";
}

bool avsp_s3_ini_has(const char *text, const char *section)
{
    bool has = false;
    (void)find(text, section, "", &has);
    return has;
}

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

/// The file that a variable names, or its usual place. One that is not there is empty.
static enum avsp_code read_file(struct avsp_arena *arena, const char *variable, const char *usual,
                                char **ret_text, struct avsp_err *err)
{
    const char *path = env(variable);
    const char *home = env("HOME");
    if (path[0] == '\0')
        path = home[0] != '\0' ? avsp_arena_printf(arena, "%s/.aws/%s", home, usual) : "";
    char *text = avsp_arena_alloc(arena, FILE_MAX_BYTES + 1);
    if (text == NULL || path == NULL)
        return avsp_arena_failed(arena, err);
    *ret_text = text;
    size_t n = 0;
    int AVSP_CLEANUP(avsp_fd_cleanup) fd = path[0] != '\0' ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return path[0] == '\0' || errno == ENOENT || errno == ENOTDIR || errno == EACCES
                   ? AVSP_OK
                   : avsp_err_set_errno(err, errno, "%s", path);
    if (avsp_fd_pread_all(fd, text, FILE_MAX_BYTES, 0, &n, err) != AVSP_OK)
        return avsp_err_wrap(err, "%s", path);
    text[n] = '\0';
    return AVSP_OK;
}

struct files {
    char *credentials;
    char *config;
    const char *name;           ///< of the profile, also its section in `credentials`
    const char *config_section; ///< its section in `config`
};

/// In `credentials` first.
static const char *value_of(struct avsp_arena *arena, const struct files *f, const char *key)
{
    const char *value = avsp_s3_ini_value(arena, f->credentials, f->name, key);
    if (value != NULL && value[0] == '\0')
        value = avsp_s3_ini_value(arena, f->config, f->config_section, key);
    return value;
}

/// Of S3 alone first: in the section of services that the profile names, then in its own.
static const char *endpoint_of(struct avsp_arena *arena, const struct files *f)
{
    const char *services = value_of(arena, f, "services");
    const char *section =
        services != NULL ? avsp_arena_printf(arena, "services %s", services) : NULL;
    if (section == NULL)
        return NULL;
    const char *value = avsp_s3_ini_value(arena, f->config, section, "s3.endpoint_url");
    if (value != NULL && value[0] == '\0')
        value = value_of(arena, f, "s3.endpoint_url");
    if (value != NULL && value[0] == '\0')
        value = value_of(arena, f, "endpoint_url");
    return value;
}

/// Ways to credentials that we do not go. @return "" = the profile names none; NULL = memory ran out.
static const char *find_way(struct avsp_arena *arena, const struct files *f,
                            const struct avsp_s3_profile *profile)
{
    static const char *const ways[] = {"credential_process", "role_arn", "sso_session",
                                       "sso_start_url"};
    for (size_t i = 0; i < AVSP_ARRAY_LEN(ways) && profile->access_key_id[0] == '\0'; i++) {
        const char *value = value_of(arena, f, ways[i]);
        if (value == NULL)
            return NULL;
        if (value[0] != '\0')
            return avsp_arena_printf(arena,
                                     "the profile \"%.100s\" gets its credentials by %s, which is "
                                     "not done here: put them into the environment (aws configure "
                                     "export-credentials --format env prints them)",
                                     f->name, ways[i]);
    }
    return "";
}

enum avsp_code avsp_s3_profile_read(struct avsp_s3_profile *profile, struct avsp_err *err)
{
    struct avsp_arena *arena = &profile->arena;
    avsp_arena_init(arena, ARENA_BYTES);
    const char *asked = env("AWS_PROFILE");
    struct files f = {.name = asked[0] != '\0' ? asked : "default"};
    enum avsp_code rc =
        read_file(arena, "AWS_SHARED_CREDENTIALS_FILE", "credentials", &f.credentials, err);
    if (rc == AVSP_OK)
        rc = read_file(arena, "AWS_CONFIG_FILE", "config", &f.config, err);
    if (rc != AVSP_OK)
        return rc;
    f.config_section = strcmp(f.name, "default") == 0
                           ? avsp_arena_strdup(arena, f.name)
                           : avsp_arena_printf(arena, "profile %s", f.name);
    if (f.config_section == NULL)
        return avsp_arena_failed(arena, err);
    if (asked[0] != '\0' && !avsp_s3_ini_has(f.credentials, f.name) &&
        !avsp_s3_ini_has(f.config, f.config_section))
        return avsp_err_set(err, AVSP_NOT_FOUND,
                            "AWS_PROFILE: there is no profile \"%.100s\" in ~/.aws/credentials or "
                            "~/.aws/config",
                            asked);
    profile->access_key_id = value_of(arena, &f, "aws_access_key_id");
    profile->secret = value_of(arena, &f, "aws_secret_access_key");
    profile->token = value_of(arena, &f, "aws_session_token");
    profile->region = value_of(arena, &f, "region");
    profile->endpoint = endpoint_of(arena, &f);
    if (profile->access_key_id == NULL || profile->secret == NULL || profile->token == NULL ||
        profile->region == NULL || profile->endpoint == NULL)
        return avsp_arena_failed(arena, err);
    profile->why_none = find_way(arena, &f, profile);
    return profile->why_none != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
}

void avsp_s3_profile_deinit(struct avsp_s3_profile *profile)
{
    avsp_arena_deinit(&profile->arena);
}
