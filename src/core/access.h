/// Who may ask for what: roles, and the callers that have them. Pure; src/rpc asks, src/coordinator knows the answers.
#ifndef AVSP_CORE_ACCESS_H
#define AVSP_CORE_ACCESS_H

#include "util/base.h"
#include "util/id.h"

/// A set of bits: a caller has some, a call is open to some. The numbers are stored: never change one.
enum avsp_access {
    AVSP_ACCESS_CLIENT = 1, ///< submits jobs, and sees and moves its own
    AVSP_ACCESS_WORKER = 2, ///< does tasks, whose credentials it is given
    AVSP_ACCESS_ADMIN = 4,  ///< sees and moves all jobs and workers; is given no credentials
};
#define AVSP_ACCESS_ALL (AVSP_ACCESS_CLIENT | AVSP_ACCESS_WORKER | AVSP_ACCESS_ADMIN)

/// Whoever makes a call.
struct avsp_caller {
    unsigned access; ///< a set of enum avsp_access; all of them where nobody is asked who he is
    char name
        [AVSP_ANY_ID_BYTES]; ///< of the person or program, which owns its jobs; "" = nobody in particular
};

/// What a caller shows of himself. Borrowed for the call.
struct avsp_credentials {
    const char *bearer; ///< the token; NULL = none
    size_t bearer_len;
    const char **uris; ///< of a certificate that was found good
    size_t n_uris;
    bool has_certificate;
};

/// A token as it is kept: nothing in it lets anybody in.
struct avsp_access_token {
    const char *id;
    const char *hash; ///< of its secret half
    enum avsp_access role;
    const char *name;
    int64_t created_us; ///< wall clock of the database
    int64_t expires_us; ///< 0 = never
};

#define AVSP_ACCESS_TOKENS_MAX 10000

/// "client", "worker", "admin"; "?" for what is none.
const char *avsp_access_name(enum avsp_access role);

/// @return false: no role's name. @p ret_role is left alone then.
bool avsp_access_parse(const char *name, size_t len, enum avsp_access *ret_role) AVSP_CHECKED;

/// Reads the identity that a certificate gives by a URI of the form "avspl1t:ROLE:NAME".
/// @return false: it is another kind of URI, or no such role or name.
bool avsp_access_of_uri(const char *uri, struct avsp_caller *ret_caller) AVSP_CHECKED;

/// May the caller see everybody's jobs?
bool avsp_access_sees_all(const struct avsp_caller *caller) AVSP_CHECKED;

/// May he see a job of this owner?
bool avsp_access_owns(const struct avsp_caller *caller, const char *owner) AVSP_CHECKED;

#endif
