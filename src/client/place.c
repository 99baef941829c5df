#include "client/place.h"

#include "client/tree.h"

#include <fcntl.h>

#define WORK_PREFIX "avspl1t-"
#define BEFORE_MAX_BYTES ((size_t)256 << 20)

/// Where the pieces of an encode are. With --work in a folder of its own there: the other content is not ours.
static const char *work_of(const struct avsp_private *priv, struct avsp_arena *arena)
{
    const struct avsp_identity *identity = &priv->identity;
    return identity->work[0] == '\0'
               ? avsp_arena_printf(arena, "%s/pieces", priv->path)
               : avsp_arena_printf(arena, "%s/" WORK_PREFIX "%s", identity->work, identity->key);
}

static enum avsp_code recall(struct avsp_place *place, struct avsp_err *err)
{
    const struct avsp_identity *kept = &place->priv.identity;
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) before;
    avsp_buf_init(&before, BEFORE_MAX_BYTES);
    enum avsp_code rc = avsp_private_before(&place->priv, &before, err);
    return rc == AVSP_OK ? avsp_output_recall(&place->output, avsp_buf_text(&before),
                                              kept->manifest, kept->made_len, err)
                         : rc;
}

static enum avsp_code resume(struct avsp_place *place, struct avsp_err *err)
{
    enum avsp_code rc = recall(place, err);
    if (rc == AVSP_OK && avsp_private_resume(&place->priv, err) != AVSP_OK)
        return avsp_err_wrap(err,
                             "%s holds an interrupted encode that cannot be gone on with (say "
                             "--restart to begin anew)",
                             place->output.path);
    place->is_resumed = rc == AVSP_OK;
    return rc;
}

/// Removes what an interrupted encode has made.
static enum avsp_code discard(struct avsp_place *place, struct avsp_arena *arena,
                              struct avsp_err *err)
{
    struct avsp_private *priv = &place->priv;
    if (priv->is_damaged) {
        // Nobody knows what was there before: without a presentation it can only be remains.
        if (place->output.found_hash[0] == '\0')
            avsp_output_undo(&place->output);
        return AVSP_OK;
    }
    const char *work = work_of(priv, arena);
    if (work == NULL)
        return avsp_arena_failed(arena, err);
    enum avsp_code rc = recall(place, err);
    if (rc != AVSP_OK)
        return rc;
    avsp_identity_remove(priv->fd); // first of all: nobody goes on with what is half removed
    avsp_output_undo(&place->output);
    avsp_tree_remove(AT_FDCWD, work);
    return AVSP_OK;
}

static enum avsp_code begin(struct avsp_place *place, const struct avsp_identity *asked,
                            struct avsp_arena *arena, struct avsp_err *err)
{
    struct avsp_buf AVSP_CLEANUP(avsp_buf_deinit) before;
    struct avsp_identity identity = *asked;
    avsp_buf_init(&before, BEFORE_MAX_BYTES);
    enum avsp_code rc = avsp_output_look(&place->output, asked->overwrite, err);
    if (rc != AVSP_OK)
        return rc;
    avsp_output_put_before(&place->output, &before);
    rc = avsp_buf_check(&before, err);
    identity.manifest = place->output.before_hash;
    identity.made_len = place->output.made_len;
    return rc == AVSP_OK ? avsp_private_begin(&place->priv, &identity, &before, arena, err) : rc;
}

/// Shall what is kept go? @return PRECONDITION it is another encode, and the caller did not say that it may go.
static enum avsp_code judge(const struct avsp_place *place, const struct avsp_identity *asked,
                            bool restart, struct avsp_arena *arena, bool *ret_anew,
                            struct avsp_err *err)
{
    const char *difference = avsp_identity_difference(&place->priv.identity, asked, arena);
    if (difference[0] != '\0' && !restart && !asked->overwrite)
        return avsp_err_set(err, AVSP_PRECONDITION,
                            "%.300s holds an interrupted encode that %s: ask for the same again to "
                            "go on with it, or say --restart to begin anew",
                            place->output.path, difference);
    *ret_anew = restart || difference[0] != '\0';
    return AVSP_OK;
}

static enum avsp_code settle(struct avsp_place *place, const struct avsp_identity *asked,
                             bool restart, struct avsp_arena *arena, bool *ret_anew,
                             struct avsp_err *err)
{
    bool anew = true;
    enum avsp_code rc = AVSP_OK;
    if (place->priv.is_kept)
        rc = judge(place, asked, restart, arena, &anew, err);
    if (rc != AVSP_OK)
        return rc;
    if (!anew)
        return resume(place, err);
    if (place->output.found_hash[0] != '\0' && !asked->overwrite)
        return avsp_output_taken(place->output.path, err);
    *ret_anew = true;
    if (place->priv.is_kept || place->priv.is_damaged)
        rc = discard(place, arena, err);
    return rc == AVSP_OK ? begin(place, asked, arena, err) : rc;
}

enum avsp_code avsp_place_open(struct avsp_place *place, const char *path,
                               const struct avsp_identity *asked, bool restart,
                               struct avsp_arena *arena, struct avsp_err *err)
{
    *place = (struct avsp_place){.output.fd = -1};
    bool anew = false;
    enum avsp_code rc = avsp_output_open(&place->output, path, asked->overwrite, err);
    if (rc != AVSP_OK)
        return rc;
    rc = avsp_private_open(&place->priv, path, arena, err);
    if (rc == AVSP_OK)
        rc = settle(place, asked, restart, arena, &anew, err);
    if (rc == AVSP_OK) {
        place->work = work_of(&place->priv, arena);
        rc = place->work != NULL ? AVSP_OK : avsp_arena_failed(arena, err);
    }
    if (rc == AVSP_OK)
        return AVSP_OK;
    if (anew)
        avsp_private_remove(&place->priv);
    avsp_place_keep(place);
    return rc;
}

void avsp_place_keep(struct avsp_place *place)
{
    avsp_private_close(&place->priv);
    avsp_output_close(&place->output);
}

void avsp_place_close(struct avsp_place *place, bool is_finished)
{
    if (!is_finished)
        avsp_output_undo(&place->output);
    if (place->priv.is_kept && place->priv.identity.work[0] != '\0')
        avsp_tree_remove(AT_FDCWD, place->work);
    avsp_private_remove(&place->priv);
    avsp_output_close(&place->output);
}
