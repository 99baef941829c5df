#include "core/access.h"

#include <string.h>

static const struct {
    enum avsp_access role;
    const char *name;
} roles[] = {
    {AVSP_ACCESS_CLIENT, "client"},
    {AVSP_ACCESS_WORKER, "worker"},
    {AVSP_ACCESS_ADMIN, "admin"},
};

const char *avsp_access_name(enum avsp_access role)
{
    for (size_t i = 0; i < AVSP_ARRAY_LEN(roles); i++)
        if (roles[i].role == role)
            return roles[i].name;
    return "?";
}

bool avsp_access_parse(const char *name, size_t len, enum avsp_access *ret_role)
{
    for (size_t i = 0; i < AVSP_ARRAY_LEN(roles); i++) {
        if (strlen(roles[i].name) != len || memcmp(roles[i].name, name, len) != 0)
            continue;
        *ret_role = roles[i].role;
        return true;
    }
    return false;
}

bool avsp_access_of_uri(const char *uri, struct avsp_caller *ret_caller)
{
    static const char scheme[] = "avspl1t:";
    if (strncmp(uri, scheme, strlen(scheme)) != 0)
        return false;
    const char *role_name = uri + strlen(scheme);
    size_t len = strcspn(role_name, ":");
    const char *name = role_name + len;
    enum avsp_access role;
    if (*name++ != ':' || !avsp_id_is_valid(name) || !avsp_access_parse(role_name, len, &role))
        return false;
    ret_caller->access = role;
    snprintf(ret_caller->name, sizeof ret_caller->name, "%s", name);
    return true;
}

bool avsp_access_sees_all(const struct avsp_caller *caller)
{
    return (caller->access & AVSP_ACCESS_ADMIN) != 0;
}

bool avsp_access_owns(const struct avsp_caller *caller, const char *owner)
{
    return avsp_access_sees_all(caller) || strcmp(caller->name, owner) == 0;
}
